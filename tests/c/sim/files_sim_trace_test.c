/* One seeded trace of calls goes to the simulated files and to the real ones; they may not differ
 * in a status, a word, a byte or a name. */
#include "base/rng.h"
#include "os/os.h"
#include "sim/disk.h"
#include "support/temp_folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define SEEDS 50
#define STEPS 2000
#define SLOTS 6
#define BYTES_MAX 9000
#define NAMES_BYTES 4096

struct trace {
    struct disk disk;
    const struct aks_files *sim;
    const struct aks_files *real;
    struct temp_folder *folder;
    struct aks_rng rng;
    uint64_t seed;
    unsigned step;
    const char *doing;
    struct {
        struct aks_file *sim;
        struct aks_file *real;
    } slots[SLOTS];
    struct aks_error sim_err;
    struct aks_error real_err;
};

static const char *const names[] = { "a", "b", "c", "d", "e", "d/a", "d/b", "d/f", "d/f/a", "e/a",
    "e/c", "link", "link/a", "dangling", "loop", "loop/a", "a/b", "d/../a", "d/./a", "absolute",
    "missing/a", "e/../x/y", "up/a", "d//a" };

static uint64_t
draw(struct trace *trace, uint64_t below)
{
    return aks_rng_next(&trace->rng) % below;
}

static const char *
draw_path(struct trace *trace)
{
    return temp_folder_join(trace->folder, names[draw(trace, sizeof(names) / sizeof(names[0]))]);
}

static void
differ(struct trace *trace, const char *what)
{
    fail_msg("seed %llu step %u, %s: %s differs: simulated \"%s\", real \"%s\"",
        (unsigned long long)trace->seed, trace->step, trace->doing, what, trace->sim_err.message,
        trace->real_err.message);
}

/* Both statuses and both messages; true if both went well. */
static bool
same(struct trace *trace, enum aks_status sim, enum aks_status real)
{
    if (sim != real)
        differ(trace, "the status");
    if (sim == AKS_OK)
        return true;
    if (strcmp(trace->sim_err.message, trace->real_err.message) != 0)
        differ(trace, "the message");
    if (strcmp(trace->sim_err.hint, trace->real_err.hint) != 0)
        differ(trace, "the hint");
    return false;
}

static void
same_info(struct trace *trace, const struct aks_file_info *sim, const struct aks_file_info *real)
{
    if (sim->type != real->type)
        differ(trace, "the type");
    if (sim->mode != real->mode)
        differ(trace, "the mode");
    if (sim->type != AKS_FILE_FOLDER && sim->bytes != real->bytes)
        differ(trace, "the size");
}

static void
do_open(struct trace *trace)
{
    size_t slot = draw(trace, SLOTS);
    enum aks_file_open how = (enum aks_file_open)draw(trace, 5);
    const char *path = draw_path(trace);

    trace->sim->close(trace->slots[slot].sim);
    trace->real->close(trace->slots[slot].real);
    trace->slots[slot].sim = NULL;
    trace->slots[slot].real = NULL;
    (void)same(trace,
        trace->sim->open(trace->sim->ctx, path, how, &trace->slots[slot].sim, &trace->sim_err),
        trace->real->open(trace->real->ctx, path, how, &trace->slots[slot].real, &trace->real_err));
}

static void
do_read(struct trace *trace, struct aks_file *sim, struct aks_file *real)
{
    static char bytes[2][BYTES_MAX];
    int64_t offset = (int64_t)draw(trace, 2 * BYTES_MAX) - 5;
    size_t len = draw(trace, BYTES_MAX);
    size_t got[2] = { 0, 0 };

    if (!same(trace, trace->sim->read(sim, offset, bytes[0], len, &got[0], &trace->sim_err),
            trace->real->read(real, offset, bytes[1], len, &got[1], &trace->real_err)))
        return;
    if (got[0] != got[1] || memcmp(bytes[0], bytes[1], got[0]) != 0)
        differ(trace, "what was read");
}

static void
do_write(struct trace *trace, struct aks_file *sim, struct aks_file *real)
{
    static char bytes[BYTES_MAX];
    int64_t offset = (int64_t)draw(trace, 2 * BYTES_MAX) - 5;
    size_t len = draw(trace, BYTES_MAX);

    memset(bytes, 'a' + (int)draw(trace, 26), len);
    (void)same(trace, trace->sim->write(sim, offset, bytes, len, &trace->sim_err),
        trace->real->write(real, offset, bytes, len, &trace->real_err));
}

static void
do_with_file(struct trace *trace, uint64_t what)
{
    size_t slot = draw(trace, SLOTS);
    struct aks_file *sim = trace->slots[slot].sim;
    struct aks_file *real = trace->slots[slot].real;
    struct aks_file_info info[2];
    int64_t bytes = (int64_t)draw(trace, 2 * BYTES_MAX) - 5;

    if (sim == NULL)
        return;
    if (what < 30) {
        do_read(trace, sim, real);
    } else if (what < 70) {
        do_write(trace, sim, real);
    } else if (what < 80) {
        (void)same(trace, trace->sim->truncate(sim, bytes, &trace->sim_err),
            trace->real->truncate(real, bytes, &trace->real_err));
    } else if (what < 82) {
        (void)same(trace, trace->sim->sync(sim, &trace->sim_err),
            trace->real->sync(real, &trace->real_err));
    } else if (what < 90) {
        if (same(trace, trace->sim->info(sim, &info[0], &trace->sim_err),
                trace->real->info(real, &info[1], &trace->real_err)))
            same_info(trace, &info[0], &info[1]);
    } else if (what < 95) {
        (void)same(trace, trace->sim->lock(sim, &trace->sim_err),
            trace->real->lock(real, &trace->real_err));
    } else if (what < 97) {
        (void)same(trace, trace->sim->lock_wait(sim, 0, &trace->sim_err),
            trace->real->lock_wait(real, 0, &trace->real_err));
    } else if (trace->sim->locked_by_writer(sim, 0, 0) !=
        trace->real->locked_by_writer(real, 0, 0)) {
        differ(trace, "a lock");
    }
}

static enum aks_status
add_name(void *ctx, const char *name, struct aks_error *err)
{
    char *all = ctx;
    size_t len = strlen(all);

    (void)snprintf(all + len, NAMES_BYTES - len, "%s\n", name);
    return strcmp(name, "c") == 0 ? aks_error_set(err, AKS_CANCELLED, "enough") : AKS_OK;
}

static void
do_list(struct trace *trace, const char *path)
{
    char found[2][NAMES_BYTES] = { "", "" };

    (void)same(trace,
        trace->sim->list(trace->sim->ctx, path, add_name, found[0], &trace->sim_err),
        trace->real->list(trace->real->ctx, path, add_name, found[1], &trace->real_err));
    if (strcmp(found[0], found[1]) != 0)
        differ(trace, "a listing");
}

static void
do_stat(struct trace *trace, const char *path)
{
    bool follow = draw(trace, 2) == 0;
    struct aks_file_info info[2];

    if (same(trace,
            trace->sim->stat(trace->sim->ctx, path, follow, &info[0], &trace->sim_err),
            trace->real->stat(trace->real->ctx, path, follow, &info[1], &trace->real_err)))
        same_info(trace, &info[0], &info[1]);
}

static void
do_resolve(struct trace *trace, const char *path)
{
    const struct aks_alloc *alloc = aks_alloc_system();
    char *resolved[2] = { NULL, NULL };

    if (same(trace,
            trace->sim->resolve(trace->sim->ctx, path, alloc, &resolved[0], &trace->sim_err),
            trace->real->resolve(trace->real->ctx, path, alloc, &resolved[1], &trace->real_err)) &&
        strcmp(resolved[0], resolved[1]) != 0)
        differ(trace, "where a path leads");
    aks_mem_free(alloc, resolved[0]);
    aks_mem_free(alloc, resolved[1]);
}

static void
do_with_path(struct trace *trace, uint64_t what)
{
    const char *path = draw_path(trace);
    const char *to = draw_path(trace);

    if (what < 20) {
        do_stat(trace, path);
    } else if (what < 30) {
        do_resolve(trace, path);
    } else if (what < 55) {
        (void)same(trace, trace->sim->rename(trace->sim->ctx, path, to, &trace->sim_err),
            trace->real->rename(trace->real->ctx, path, to, &trace->real_err));
    } else if (what < 65) {
        (void)same(trace, trace->sim->unlink(trace->sim->ctx, path, &trace->sim_err),
            trace->real->unlink(trace->real->ctx, path, &trace->real_err));
    } else if (what < 80) {
        (void)same(trace, trace->sim->make_folder(trace->sim->ctx, path, &trace->sim_err),
            trace->real->make_folder(trace->real->ctx, path, &trace->real_err));
    } else if (what < 86) {
        (void)same(trace, trace->sim->remove_folder(trace->sim->ctx, path, &trace->sim_err),
            trace->real->remove_folder(trace->real->ctx, path, &trace->real_err));
    } else if (what < 88) {
        (void)same(trace, trace->sim->sync_folder(trace->sim->ctx, path, &trace->sim_err),
            trace->real->sync_folder(trace->real->ctx, path, &trace->real_err));
    } else {
        do_list(trace, path);
    }
}

static void
both_link(struct trace *trace, const char *name, const char *target)
{
    const char *path = temp_folder_join(trace->folder, name);

    assert_int_equal(symlink(target, path), 0);
    assert_int_equal(aks_files_sim_link(trace->disk.sim, path, target, &trace->sim_err), AKS_OK);
}

static void
run(struct trace *trace, const struct aks_port *port, uint64_t seed)
{
    memset(trace, 0, sizeof(*trace));
    disk_init(&trace->disk, aks_alloc_system(), seed);
    aks_rng_init(&trace->rng, seed);
    trace->seed = seed;
    trace->sim = trace->disk.files;
    trace->real = &port->files;
    trace->folder = temp_folder_new();
    assert_int_equal(aks_files_sim_make_folders(trace->disk.sim, temp_folder_path(trace->folder),
        &trace->sim_err), AKS_OK);
    both_link(trace, "link", "d/f");
    both_link(trace, "dangling", "e/c");
    both_link(trace, "loop", "./loop");
    both_link(trace, "up", "d/..");
    both_link(trace, "absolute", temp_folder_join(trace->folder, "link"));
    for (trace->step = 0; trace->step < STEPS; trace->step++) {
        uint64_t what = draw(trace, 100);

        trace->doing = what < 15 ? "open" : what < 65 ? "an open file" : "a path";
        if (what < 15)
            do_open(trace);
        else if (what < 65)
            do_with_file(trace, draw(trace, 100));
        else
            do_with_path(trace, draw(trace, 100));
    }
    for (size_t i = 0; i < SLOTS; i++) {
        trace->sim->close(trace->slots[i].sim);
        trace->real->close(trace->slots[i].real);
    }
}

/* What each name holds in the end. */
static void
compare_ends(struct trace *trace)
{
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const char *path = temp_folder_join(trace->folder, names[i]);
        struct aks_file *sim = NULL;
        struct aks_file *real = NULL;

        trace->doing = path;
        do_list(trace, path);
        if (same(trace,
                trace->sim->open(trace->sim->ctx, path, AKS_FILE_READ, &sim, &trace->sim_err),
                trace->real->open(trace->real->ctx, path, AKS_FILE_READ, &real,
                    &trace->real_err))) {
            do_read(trace, sim, real);
            do_read(trace, sim, real);
        }
        trace->sim->close(sim);
        trace->real->close(real);
    }
    assert_int_equal(aks_files_sim_open_count(trace->disk.sim), 0);
}

static void
simulated_and_real_files_answer_alike_whatever_is_done_to_them(void **state)
{
    static struct trace trace;
    struct aks_os *os = NULL;

    assert_int_equal(aks_os_open(aks_alloc_system(), &os, NULL), AKS_OK);
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        run(&trace, aks_os_port(os), seed);
        compare_ends(&trace);
        disk_fini(&trace.disk);
        temp_folder_free(trace.folder);
    }
    aks_os_close(os);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(simulated_and_real_files_answer_alike_whatever_is_done_to_them),
    };

    return cmocka_run_group_tests_name("files trace", tests, NULL, NULL);
}
