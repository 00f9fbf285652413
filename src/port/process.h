/* Another program, run to its end: for secrets that a person keeps in a program, and for reading a
 * database whose engine is not ours. No policy can start one. */
#ifndef AKS_PORT_PROCESS_H
#define AKS_PORT_PROCESS_H

#include "base/buf.h"
#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

/* Borrowed for the call. */
struct aks_process_spec {
    const char *const *argv;            /* ends with NULL; the first is looked for along PATH */
    const char *const *env;             /* "NAME=value", ends with NULL: all that it gets */
    int64_t timeout_ms;                 /* more than 0 */
    struct aks_buf *errors;             /* what it writes to standard error, up to the ceiling; the
                                         * rest is read and dropped. NULL: that is ours */
    /* Asked about ten times a second: true ends the program. NULL: never. */
    bool (*stopped)(void *ctx);
    void *stopped_ctx;
    /* Where its output goes instead, as it comes, for a program that writes much: called from the
     * thread that runs it. Another status than AKS_OK ends the program and is what run returns.
     * NULL: output is collected. */
    enum aks_status (*output)(void *ctx, const char *data, size_t len, struct aks_error *err);
    void *output_ctx;
    int64_t memory_max;                 /* bytes that each of its processes may have for itself
                                         * (RLIMIT_DATA); 0: as we may */
    int64_t cpu_s_max;                  /* seconds that each may compute (RLIMIT_CPU: SIGXCPU, and
                                         * SIGKILL a second later); 0: as we may */
};

struct aks_process {
    /* Blocks, and may be called from work. Standard input is empty, standard error is as the spec
     * says, standard output goes to ${ret_output} up to its ceiling, which is NULL where the spec
     * has output. A limit that the spec sets leaves no core dump behind. AKS_OK: it has ended, with
     * the exit code *ret_exit, or 128 and its signal. Else it is ended (with what it started
     * itself, as far as that stayed in its process group), and: AKS_NOT_FOUND, AKS_FORBIDDEN (no
     * such program, or none that may be run), AKS_TIMEOUT, AKS_TOO_LARGE (too much output),
     * AKS_CANCELLED (stopped), AKS_LIMIT (no memory, no more processes). Arguments and output are
     * in no message. */
    enum aks_status (*run)(void *ctx, const struct aks_process_spec *spec,
        struct aks_buf *ret_output, int *ret_exit, struct aks_error *err);
    /* Where the program of ours lies that is called ${name}: owned by the caller, who may give it
     * to run. AKS_SETTINGS: it is not there, or is not to be trusted. NULL: there are none. */
    enum aks_status (*own)(void *ctx, const char *name, const struct aks_alloc *alloc,
        char **ret_path, struct aks_error *err);
    void *ctx;
};

#endif
