/* A place for one target: the real ports with what a test puts before them, a loop, a policy
 * without opinions that retries at once, and a folder. */
#ifndef AKS_TESTS_TARGET_WORLD_H
#define AKS_TESTS_TARGET_WORLD_H

#include "engine/target_conformance.h"
#include "os/os.h"
#include "support/temp_folder.h"

#define TARGET_WORLD_SYSTEM "laptop-7"
#define TARGET_WORLD_UPLOAD "20261123T084512Z-3f9a2c"
#define TARGET_WORLD_FOLDER "systems/" TARGET_WORLD_SYSTEM "/" TARGET_WORLD_UPLOAD "/"
#define TARGET_WORLD_TRIES 3

/* Work that runs in the turn after it was submitted, on the loop's thread: always in one order. */
struct calm_work {
    struct aks_work work;
    struct calm_job *first;
    struct calm_job *last;
    bool stuck;                     /* nothing runs: a disk that does not answer */
};

struct target_world {
    struct aks_os *os;
    struct aks_port port;           /* of the test: parts of it may be replaced before it is used */
    struct calm_work calm;
    /* Called by each wait; true: something was delivered, so there is no need to wait. */
    bool (*deliver)(void *ctx);
    void *deliver_ctx;
    struct temp_folder *folder;
    struct aks_loop loop;
    struct aks_settings settings;
    struct aks_policy policy;
    struct aks_ask ask;
    struct aks_target_settings target;
    struct aks_target_options options;
    unsigned lingering;
    struct target_case at;
};

/** Settings of the target are filled but for where it is. */
struct target_world *target_world_new(enum aks_target_kind kind);
/** Work on the loop's thread from now on. */
void target_world_calm(struct target_world *world);
/** Asserts that nothing lingers. */
void target_world_free(struct target_world *world);

#endif
