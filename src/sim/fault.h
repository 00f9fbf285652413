/* What may go wrong in the simulated world. Every step of a simulated port that touches the disk or
 * the network asks one hook first; the hook counts, records and decides. Simulated ports obey and
 * decide nothing themselves, so that every fault has one origin: a plan, or a seed. */
#ifndef AKS_SIM_FAULT_H
#define AKS_SIM_FAULT_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

struct aks_http_request;

enum aks_sim_place { AKS_SIM_DISK, AKS_SIM_NETWORK };

/* Borrowed for the call. */
struct aks_sim_step {
    enum aks_sim_place place;
    /* Disk: the slot of struct aks_files: "open" "read" "write" "truncate" "sync" "info" "lock"
     * "stat" "resolve" "rename" "unlink" "make_folder" "remove_folder" "sync_folder" "list"
     * "free_bytes" "clone".
     * Network: "name" "connect" "tls" "send" "serve" "reply", in this order. */
    const char *verb;
    const char *subject;        /* disk: the path; network: "host:port" */
    int64_t bytes;              /* that are to be written, read, sent or answered; else 0 */
    bool changes;               /* something that outlives the process: a write, a rename ... */
    const struct aks_http_request *request;     /* network; else NULL */
};

struct aks_sim_fault {
    /* Passes first. Negative: for ever, which only network steps can take (nothing is heard again,
     * the request's own time-outs end it). */
    int64_t delay_ns;
    /* AKS_OK: the step goes well. Else it fails with this, after ${bytes} of it took place. */
    enum aks_status status;
    int64_t bytes;
    /* The process dies here, after ${bytes} of the step took place. From then on every step fails
     * without effect, and hooks answer so by themselves. Beats ${status}. */
    bool dies;
    /* Network, "serve": the server answers this instead of serving (0: no). With ${served} it has
     * served all the same. */
    int http_status;
    const char *http_code;      /* S3's error code in the body, or NULL: an empty body */
    int64_t retry_after_s;      /* -1: no such header */
    bool served;
};

struct aks_sim_hook {
    /* Fills ${ret_fault}, which is handed in zeroed but for retry_after_s -1: nothing wrong. */
    void (*step)(void *ctx, const struct aks_sim_step *step, struct aks_sim_fault *ret_fault);
    void *ctx;
};

#endif
