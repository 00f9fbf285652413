#include "sim/disk.h"

#include "base/units.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static int64_t
now_ns(void *ctx)
{
    return ((struct disk *)ctx)->now_ns;
}

static int64_t
wall_ms(void *ctx)
{
    return DISK_WALL_MS + ((struct disk *)ctx)->now_ns / AKS_NS_PER_MS;
}

static void
advance(void *ctx, int64_t ns)
{
    ((struct disk *)ctx)->now_ns += ns;
}

static void
step(void *ctx, const struct aks_sim_step *what, struct aks_sim_fault *ret_fault)
{
    struct disk *disk = ctx;

    assert_int_equal(what->place, AKS_SIM_DISK);
    assert_null(what->request);
    disk->steps++;
    disk->changes += what->changes;
    disk->last = *what;
    if (disk->fault_in < 0 || (disk->verb != NULL && strcmp(disk->verb, what->verb) != 0))
        return;
    if (disk->fault_in-- == 0)
        *ret_fault = disk->fault;
}

enum aks_status
disk_try(struct disk *disk, const struct aks_alloc *alloc, uint64_t seed)
{
    enum aks_status status;

    memset(disk, 0, sizeof(*disk));
    disk->fault_in = -1;
    disk->clock = (struct aks_clock) { .now_ns = now_ns, .wall_ms = wall_ms, .ctx = disk };
    disk->hook = (struct aks_sim_hook){ step, disk };
    status = aks_files_sim_new(alloc, &disk->clock, &disk->hook, advance, disk, seed, &disk->sim,
        &disk->err);
    if (status == AKS_OK)
        disk->files = aks_files_sim_port(disk->sim);
    return status;
}

void
disk_init(struct disk *disk, const struct aks_alloc *alloc, uint64_t seed)
{
    assert_int_equal(disk_try(disk, alloc, seed), AKS_OK);
}

void
disk_fini(struct disk *disk)
{
    aks_files_sim_free(disk->sim);
}

void
disk_arm(struct disk *disk, const char *verb, int64_t fault_in, struct aks_sim_fault fault)
{
    disk->verb = verb;
    disk->fault_in = fault_in;
    disk->fault = fault;
    disk->fault.retry_after_s = -1;
}

void
disk_die(struct disk *disk, int64_t steps, int64_t bytes)
{
    disk_arm(disk, NULL, steps, (struct aks_sim_fault){ .dies = true, .bytes = bytes });
}

struct aks_file *
disk_open(struct disk *disk, const char *path, enum aks_file_open how)
{
    struct aks_file *file = NULL;

    if (disk->files->open(disk->files->ctx, path, how, &file, &disk->err) != AKS_OK)
        fail_msg("%s", disk->err.message);
    return file;
}

void
disk_write(struct disk *disk, struct aks_file *file, int64_t offset, const void *data, size_t len)
{
    if (disk->files->write(file, offset, data, len, &disk->err) != AKS_OK)
        fail_msg("%s", disk->err.message);
}

bool
disk_holds(struct disk *disk, const char *path, const void *data, size_t len)
{
    size_t found;
    const void *bytes = aks_files_sim_look(disk->sim, path, &found);

    return bytes != NULL && found == len && memcmp(bytes, data, len) == 0;
}

static void
look_for(void *ctx, const char *path, int64_t bytes)
{
    const char **wanted = ctx;
    size_t len = strlen(path);

    if (*wanted != NULL && strncmp(path, *wanted, len - (path[len - 1] == '/')) == 0
        && strlen(*wanted) == len - (path[len - 1] == '/'))
        *wanted = NULL;
}

bool
disk_has(struct disk *disk, const char *path)
{
    const char *wanted = path;

    aks_files_sim_each(disk->sim, look_for, &wanted);
    return wanted == NULL;
}
