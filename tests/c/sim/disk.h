/* A simulated disk for tests, with a clock that is moved by hand and one fault at a time. */
#ifndef AKS_TESTS_DISK_H
#define AKS_TESTS_DISK_H

#include "sim/files_sim.h"

#include <stdbool.h>
#include <stdint.h>

#define DISK_WALL_MS INT64_C(1795000000000)

struct disk {
    struct aks_files_sim *sim;
    struct aks_files *files;        /* the port */
    struct aks_clock clock;
    struct aks_sim_hook hook;
    struct aks_error err;
    int64_t now_ns;
    int64_t steps;                  /* asked of the hook so far */
    int64_t changes;                /* of them those that change something */
    struct aks_sim_step last;       /* its subject may be gone */
    const char *verb;               /* only such steps have a fault; NULL: all */
    int64_t fault_in;               /* so many of them go well before; negative: no fault */
    struct aks_sim_fault fault;
};

/** A new disk; what cannot be done fails the running test. */
void disk_init(struct disk *disk, const struct aks_alloc *alloc, uint64_t seed);
/** As init, but tells of a failure. */
enum aks_status disk_try(struct disk *disk, const struct aks_alloc *alloc, uint64_t seed);
void disk_fini(struct disk *disk);
/** The next step but ${fault_in} of that verb (NULL: any) has the fault, once. */
void disk_arm(struct disk *disk, const char *verb, int64_t fault_in, struct aks_sim_fault fault);
/** The process dies at the step after ${steps} more, after ${bytes} of it. */
void disk_die(struct disk *disk, int64_t steps, int64_t bytes);

struct aks_file *disk_open(struct disk *disk, const char *path, enum aks_file_open how);
void disk_write(struct disk *disk, struct aks_file *file, int64_t offset, const void *data,
    size_t len);
/** Is that what the file holds? False too if it is missing. */
bool disk_holds(struct disk *disk, const char *path, const void *data, size_t len);
bool disk_has(struct disk *disk, const char *path);

#endif
