/* What the tests of snapshots share: the real ports, a folder with a source, one for snapshots, and
 * the state. */
#ifndef AKS_TESTS_SNAPSHOT_FIXTURE_H
#define AKS_TESTS_SNAPSHOT_FIXTURE_H

#include "engine/snapshot.h"
#include "engine/state_snapshots.h"
#include "os/os.h"
#include "support/temp_folder.h"

#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define SOURCE_BYTES 3000000

static struct aks_os *os;
static struct aks_port port;                    /* a copy: tests put other files into it */
static struct temp_folder *folder;
static struct aks_source source;
static struct aks_snapshot_options options;
static struct aks_snapshot snapshot;
static struct aks_error err;

static int
setup(void **state)
{
    if (aks_os_open(aks_alloc_system(), &os, &err) != AKS_OK)
        return -1;
    port = *aks_os_port(os);
    folder = temp_folder_new();
    memset(&options, 0, sizeof(options));
    memset(&source, 0, sizeof(source));
    memset(&snapshot, 0, sizeof(snapshot));
    options.port = &port;
    options.source = &source;
    options.folder = temp_folder_join(folder, "snapshots");
    options.id = "job-1";
    options.wait_ms = 2000;
    return 0;
}

static int
teardown(void **state)
{
    aks_snapshot_fini(&snapshot);
    aks_source_fini(port.alloc, &source);
    temp_folder_free(folder);
    aks_os_close(os);
    return 0;
}

/* Stamps of a minute ago, which nobody has to wait for. */
static inline void
age(const char *path)
{
    struct timespec times[2];

    assert_int_equal(clock_gettime(CLOCK_REALTIME, &times[0]), 0);
    times[0].tv_sec -= 60;
    times[1] = times[0];
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
    (void)usleep(25000);            /* ctime cannot be set */
}

static inline void
inspect(const char *path)
{
    aks_source_fini(port.alloc, &source);
    if (aks_source_inspect(&port, path, &source, &err) != AKS_OK)
        fail_msg("%s", err.message);
}

static inline const char *
put_source(const char *name, const void *data, size_t len)
{
    const char *path = temp_folder_write(folder, name, data, len);

    age(path);
    inspect(path);
    return path;
}

static inline const char *
put_bytes(const char *name)
{
    static uint8_t bytes[SOURCE_BYTES];

    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(i * 2654435761u >> 13);
    return put_source(name, bytes, sizeof(bytes));
}

static inline enum aks_status
take(void)
{
    enum aks_status status;

    aks_snapshot_fini(&snapshot);
    status = aks_snapshot_plan(&options, &snapshot, &err);
    return status == AKS_OK ? aks_snapshot_take(&options, &snapshot, &err) : status;
}

static inline void
must_take(void)
{
    if (take() != AKS_OK)
        fail_msg("%s", err.message);
}

static inline bool
there(const char *path)
{
    return path != NULL && access(path, F_OK) == 0;
}

#endif
