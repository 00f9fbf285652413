/* Carries a plan out: asks a program, STS, a container's endpoint or the machine's metadata, and
 * takes roles on, one after the other. Everything waits on the loop or on a worker; nothing here
 * decides when, nor tries again for longer than a moment: credentials_chain.h does. */
#ifndef AKS_ENGINE_CREDENTIALS_FETCH_H
#define AKS_ENGINE_CREDENTIALS_FETCH_H

#include "base/log.h"
#include "base/units.h"
#include "engine/credentials_plan.h"
#include "engine/loop.h"

/* Whoever waits for a target wants to know within two seconds that it cannot be used. */
#define AKS_CREDENTIALS_STS_CONNECT_MS 2000
#define AKS_CREDENTIALS_STS_ANSWER_MS 10000
#define AKS_CREDENTIALS_CONTAINER_MS 2000
#define AKS_CREDENTIALS_INSTANCE_MS 1000
/* Requests of one kind to a service that says that it has trouble, and the first pause between
 * them, which doubles. */
#define AKS_CREDENTIALS_TRIES_MAX 3
#define AKS_CREDENTIALS_PAUSE_MS 500
/* AWS_METADATA_SERVICE_NUM_ATTEMPTS and _TIMEOUT (s) may ask for as much. */
#define AKS_CREDENTIALS_INSTANCE_TRIES_MAX 5
#define AKS_CREDENTIALS_INSTANCE_S_MAX 10
#define AKS_CREDENTIALS_REPLY_BYTES ((size_t)64 * 1024)
/* A web identity's or a container's token, in a file or a variable. */
#define AKS_CREDENTIALS_TOKEN_BYTES_MAX ((size_t)20 * 1024)
/* Metadata that is late with new credentials gives the old ones, which services take a while
 * longer: so long they count, before it is asked again. */
#define AKS_CREDENTIALS_LATE_MS (600 * AKS_MS_PER_S)

struct aks_credentials_fetch;

/* Borrowed for the life of a fetch. */
struct aks_credentials_fetch_options {
    const struct aks_port *port;
    struct aks_loop *loop;
    const struct aks_log *log;          /* or NULL */
    const char *target;                 /* whose they are, for the log */
    const char *ca_file;                /* for STS and endpoints with TLS; or NULL: the system's */
    unsigned *lingering;                /* counts a program that is left behind; or NULL */
};

/* Once, from the loop, never from inside begin. ${credentials} is the receiver's to drop; NULL if
 * it failed, and then ${err} says how: AKS_NOT_FOUND (nobody answers for instance metadata),
 * AKS_AUTH_MISSING (what is needed is not there, or a program fails), AKS_AUTH_EXPIRED,
 * AKS_AUTH_INVALID and AKS_FORBIDDEN (refused), AKS_SETTINGS, AKS_BAD_REPLY, or how the transport
 * failed. The fetch is gone when it returns. */
typedef void aks_credentials_fetched(void *ctx, struct aks_credentials *credentials,
    const struct aks_error *err);

/** Takes ${plan}, which is empty afterwards, also on failure. */
enum aks_status aks_credentials_fetch_begin(const struct aks_credentials_fetch_options *options,
    struct aks_credentials_plan *plan, aks_credentials_fetched *done, void *ctx,
    struct aks_credentials_fetch **ret_fetch, struct aks_error *err);
/** Ends it without done. NULL is fine. */
void aks_credentials_fetch_cancel(struct aks_credentials_fetch *fetch);

#endif
