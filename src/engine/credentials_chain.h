/* The credentials of one target while it is used: found, kept fresh, found again when they are
 * refused. One fetch is under way at a time and everybody waits for that one. What stands in the
 * environment and the files is there at once and needs no wait. */
#ifndef AKS_ENGINE_CREDENTIALS_CHAIN_H
#define AKS_ENGINE_CREDENTIALS_CHAIN_H

#include "engine/credentials.h"
#include "engine/credentials_fetch.h"

struct aks_state;

/* Credentials are fetched anew so long before they expire, while the old ones still sign; and so
 * long before, whoever wants to sign waits for new ones. Of short lives a quarter and a twelfth. */
#define AKS_CREDENTIALS_ADVISORY_MS (900 * AKS_MS_PER_S)
#define AKS_CREDENTIALS_MANDATORY_MS (300 * AKS_MS_PER_S)
#define AKS_CREDENTIALS_ADVISORY_PART 4
#define AKS_CREDENTIALS_MANDATORY_PART 12
/* After a fetch that failed while the old ones are still good. */
#define AKS_CREDENTIALS_AGAIN_MS (60 * AKS_MS_PER_S)
/* Credentials that came from a refusal and are refused as well, within this time, are wrong and not
 * old. */
#define AKS_CREDENTIALS_REFUSED_MS (30 * AKS_MS_PER_S)
/* So long it is remembered that there was no instance metadata when auto looked for it last:
 * whoever has no credentials waits a second for that, once a day. */
#define AKS_CREDENTIALS_NOBODY_MS AKS_MS_PER_DAY

struct aks_credentials_chain;

/* Borrowed for the chain's life. */
struct aks_credentials_options {
    const struct aks_port *port;
    struct aks_loop *loop;
    const struct aks_log *log;          /* or NULL */
    struct aks_state *state;            /* what is remembered; or NULL: nothing */
    const char *target;                 /* its name, for the log */
    const char *how;                    /* as aks_credentials_plan_make takes it */
    const char *region;                 /* of the target at AWS, where STS is asked; "" elsewhere */
    const char *ca_file;                /* or NULL */
    unsigned *lingering;                /* or NULL */
};

/** Nothing is contacted. Fails as aks_credentials_plan_make does. */
enum aks_status aks_credentials_chain_new(const struct aks_credentials_options *options,
    struct aks_credentials_chain **ret_chain, struct aks_error *err);
/** Whoever waits is not told. NULL is fine. */
void aks_credentials_chain_free(struct aks_credentials_chain *chain);

/** What to sign with now; NULL before the first fetch. Borrowed until the loop goes on. */
struct aks_credentials *aks_credentials_chain_now(const struct aks_credentials_chain *chain);
/** Where they come from, or will: one line for people, without a secret. */
const char *aks_credentials_chain_source(const struct aks_credentials_chain *chain);

/** May a request be signed now? Begins a fetch that nobody has to wait for where it will soon be
 * due. */
bool aks_credentials_chain_ready(struct aks_credentials_chain *chain);

/* Somebody who waits until they are ready. Zeroed before. */
struct aks_credentials_wait {
    struct aks_credentials_wait *next;
    struct aks_credentials_wait **link; /* NULL: does not wait */
    /* Once; from the loop, or from inside wait if no fetch can even begin. err->status is AKS_OK
     * when they are ready, else what aks_credentials_fetched says. The chain must not be freed from
     * inside. */
    void (*done)(void *ctx, const struct aks_error *err);
    void *ctx;
};

void aks_credentials_chain_wait(struct aks_credentials_chain *chain,
    struct aks_credentials_wait *wait, void (*done)(void *ctx, const struct aks_error *err),
    void *ctx);
/** Not told any more. Fine for one that does not wait. */
void aks_credentials_chain_leave(struct aks_credentials_wait *wait);

/* How a server refused them. */
enum aks_credentials_refusal {
    AKS_CREDENTIALS_EXPIRED,            /* it says that they have expired, or that the
                                         * session's token is not valid */
    AKS_CREDENTIALS_UNKNOWN,            /* it does not know the access key */
    AKS_CREDENTIALS_WRONG               /* the signature does not fit, or it only says no */
};

/** ${used}, with which something was signed, were refused. Will the next request be signed with
 * others? Then it is worth to try again, once the chain is ready. Keys of the environment and the
 * files are read again at once; what is fetched is fetched again, unless it was just for such a
 * reason. A key that is wrong, and not old, is never fetched again. */
bool aks_credentials_chain_refused(struct aks_credentials_chain *chain,
    const struct aks_credentials *used, enum aks_credentials_refusal refusal);

#endif
