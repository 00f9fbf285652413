/* Real files on which the n-th call fails, or from which on nothing works any more, as when the
 * power goes. */
#ifndef AKS_TESTS_FAULTY_FILES_H
#define AKS_TESTS_FAULTY_FILES_H

#include "port/files.h"

#include <stdbool.h>
#include <stdint.h>

struct faulty_files {
    struct aks_files files;         /* hand this to the code under test */
    const struct aks_files *real;
    int64_t fail_at;                /* the call that fails, from 0; negative: none */
    int64_t seen;                   /* calls so far */
    bool dead_after;                /* all calls after it fail as well */
    enum aks_status status;         /* what it says */
};

/** Every call but close and locked_by_writer counts. A write that fails has written its first
 * half. */
void faulty_files_init(struct faulty_files *faulty, const struct aks_files *real,
    enum aks_status status);
/** Counts anew; call ${fail_at} fails. */
void faulty_files_arm(struct faulty_files *faulty, int64_t fail_at, bool dead_after);

#endif
