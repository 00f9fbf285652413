#include "engine/credentials_chain.h"

#include "base/check.h"
#include "engine/state.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Among the facts of endpoints: that nobody answers at the metadata's address. */
#define NOBODY_IDENTITY "instance-metadata"
#define NOBODY_FACT "reached"

struct aks_credentials_chain {
    struct aks_credentials_options options;
    struct aks_credentials_fetch_options fetch_options;
    struct aks_credentials *now;        /* or NULL */
    bool fetched;                       /* they have to be: they are not the environment's or a
                                         * file's own */
    bool perhaps;                       /* of the fetch under way: instance metadata, of auto */
    bool stale;                         /* refused: not to be used any more */
    int64_t expires_ns;                 /* on the loop's clock; INT64_MAX: never */
    int64_t advisory_ns;                /* before that */
    int64_t mandatory_ns;
    int64_t again_ns;                   /* no fetch ahead before */
    int64_t refused_ns;                 /* when a fetch began because they were; INT64_MIN: never */
    struct aks_credentials_fetch *fetch;        /* NULL: none is under way */
    struct aks_credentials_wait *waits;
    char source[AKS_CREDENTIALS_SOURCE_BYTES];
    char searched[AKS_CREDENTIALS_SEARCHED_BYTES];
};

static int64_t
wall_ms(const struct aks_credentials_chain *chain)
{
    const struct aks_clock *clock = &chain->options.port->clock;

    return clock->wall_ms(clock->ctx);
}

/* Not the loop's: that is of its turn, and a chain may be asked before the first. */
static int64_t
now_ns(const struct aks_credentials_chain *chain)
{
    const struct aks_clock *clock = &chain->options.port->clock;

    return clock->now_ns(clock->ctx);
}

static void
say(const struct aks_credentials_chain *chain, enum aks_log_level level, const char *what,
    const char *why)
{
    if (chain->options.log != NULL)
        aks_log_write(chain->options.log, level, "target %s: %s%s%s", chain->options.target, what,
            why[0] != '\0' ? ": " : "", why);
}

/* --- what is there ---------------------------------------------------------------------------- */

static int64_t
smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Takes them over from the caller. */
static void
take(struct aks_credentials_chain *chain, struct aks_credentials *credentials)
{
    int64_t expires_ms = aks_credentials_expires_ms(credentials);
    int64_t life_ms = expires_ms - wall_ms(chain);

    aks_credentials_drop(chain->now);
    chain->now = credentials;
    chain->stale = false;
    chain->again_ns = 0;
    chain->expires_ns = INT64_MAX;
    (void)snprintf(chain->source, sizeof(chain->source), "%s", aks_credentials_source(credentials));
    if (expires_ms < 0)
        return;
    if (life_ms > INT64_MAX / 2 / AKS_NS_PER_MS)
        return;
    /* On a clock that nobody sets. */
    chain->expires_ns = now_ns(chain) + life_ms * AKS_NS_PER_MS;
    chain->advisory_ns = smaller(AKS_CREDENTIALS_ADVISORY_MS,
        life_ms / AKS_CREDENTIALS_ADVISORY_PART) * AKS_NS_PER_MS;
    chain->mandatory_ns = smaller(AKS_CREDENTIALS_MANDATORY_MS,
        life_ms / AKS_CREDENTIALS_MANDATORY_PART) * AKS_NS_PER_MS;
}

struct aks_credentials *
aks_credentials_chain_now(const struct aks_credentials_chain *chain)
{
    return chain->now;
}

const char *
aks_credentials_chain_source(const struct aks_credentials_chain *chain)
{
    return chain->source;
}

/* --- nobody there ----------------------------------------------------------------------------- */

static bool
nobody_known(const struct aks_credentials_chain *chain)
{
    char value[8];

    return chain->options.state != NULL &&
        aks_state_fact_get(chain->options.state, NOBODY_IDENTITY, NOBODY_FACT, wall_ms(chain),
            AKS_CREDENTIALS_NOBODY_MS, value, sizeof(value), NULL) == AKS_OK &&
        strcmp(value, "no") == 0;
}

static void
remember_nobody(const struct aks_credentials_chain *chain, bool nobody)
{
    /* That it is not remembered costs a second the next time, no more. */
    if (chain->options.state != NULL)
        (void)aks_state_fact_put(chain->options.state, NOBODY_IDENTITY, NOBODY_FACT,
            nobody ? "no" : "yes", wall_ms(chain), NULL);
}

/* What whoever looked everywhere is told. */
static void
fail_everywhere(const char *searched, const char *last, struct aks_error *err)
{
    (void)aks_error_set(err, AKS_AUTH_MISSING, "no credentials: %s; %s", searched, last);
    aks_error_hint(err, "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or put them into "
        "~/.aws/credentials (mode 0600)");
}

/* --- fetching --------------------------------------------------------------------------------- */

/* The list may grow again from inside, by what begins in a later turn. */
static void
tell_all(struct aks_credentials_chain *chain, const struct aks_error *err)
{
    while (chain->waits != NULL) {
        struct aks_credentials_wait *wait = chain->waits;

        aks_credentials_chain_leave(wait);
        wait->done(wait->ctx, err);
    }
}

/* Are those that are there still good for anything? */
static bool
usable(const struct aks_credentials_chain *chain)
{
    return chain->now != NULL && !chain->stale && now_ns(chain) < chain->expires_ns;
}

static void
failed(struct aks_credentials_chain *chain, const struct aks_error *given)
{
    struct aks_error err = *given;

    if (usable(chain)) {
        /* Nobody has to fail as long as the old ones are taken. */
        chain->again_ns = now_ns(chain) + AKS_CREDENTIALS_AGAIN_MS * AKS_NS_PER_MS;
        say(chain, AKS_LOG_WARNING, "its credentials will expire and cannot be renewed yet",
            err.message);
        aks_error_clear(&err);
    } else {
        say(chain, AKS_LOG_DEBUG, "no credentials were fetched", err.message);
    }
    tell_all(chain, &err);
}

static void
fetched(void *ctx, struct aks_credentials *credentials, const struct aks_error *err)
{
    struct aks_credentials_chain *chain = ctx;
    struct aks_error own = *err;

    chain->fetch = NULL;
    if (credentials == NULL) {
        if (chain->perhaps && err->status == AKS_NOT_FOUND)
            remember_nobody(chain, true);
        if (chain->perhaps && (err->status == AKS_NOT_FOUND || err->status == AKS_AUTH_MISSING))
            fail_everywhere(chain->searched, err->message, &own);
        if (own.status == AKS_NOT_FOUND)
            own.status = AKS_AUTH_MISSING;
        failed(chain, &own);
        return;
    }
    if (chain->perhaps)
        remember_nobody(chain, false);
    say(chain, chain->now != NULL ? AKS_LOG_INFO : AKS_LOG_DEBUG,
        chain->now != NULL ? "its credentials were renewed" : "its credentials were fetched",
        aks_credentials_source(credentials));
    take(chain, credentials);
    tell_all(chain, &own);
}

/* Looks again at environment and files: they may name somebody else by now. */
static enum aks_status
begin(struct aks_credentials_chain *chain, struct aks_error *err)
{
    struct aks_credentials_plan plan;
    enum aks_status status = aks_credentials_plan_make(chain->options.port, chain->options.how,
        chain->options.region, &plan, err);

    AKS_CHECK(chain->fetch == NULL);
    if (status == AKS_OK && plan.perhaps && nobody_known(chain)) {
        fail_everywhere(plan.searched, "nobody answered for instance metadata a while ago", err);
        status = AKS_AUTH_MISSING;
    }
    if (status != AKS_OK) {
        aks_credentials_plan_fini(&plan);
        return status;
    }
    chain->perhaps = plan.perhaps;
    (void)snprintf(chain->searched, sizeof(chain->searched), "%s", plan.searched);
    return aks_credentials_fetch_begin(&chain->fetch_options, &plan, fetched, chain, &chain->fetch,
        err);
}

bool
aks_credentials_chain_ready(struct aks_credentials_chain *chain)
{
    int64_t now = now_ns(chain);
    struct aks_error err;

    /* The server knows best whether keys that nobody can renew are still good. */
    if (!chain->fetched)
        return true;
    if (!usable(chain))
        return false;
    if (chain->expires_ns == INT64_MAX || now < chain->again_ns)
        return true;
    if (now >= chain->expires_ns - chain->mandatory_ns)
        return false;
    if (now >= chain->expires_ns - chain->advisory_ns && chain->fetch == NULL &&
        begin(chain, &err) != AKS_OK)
        failed(chain, &err);
    return true;
}

void
aks_credentials_chain_wait(struct aks_credentials_chain *chain, struct aks_credentials_wait *wait,
    void (*done)(void *ctx, const struct aks_error *err), void *ctx)
{
    struct aks_credentials_wait **last = &chain->waits;
    struct aks_error err;

    AKS_CHECK(wait->link == NULL);
    while (*last != NULL)
        last = &(*last)->next;
    wait->done = done;
    wait->ctx = ctx;
    wait->next = NULL;
    wait->link = last;
    *last = wait;
    if (chain->fetch == NULL && begin(chain, &err) != AKS_OK)
        failed(chain, &err);
}

void
aks_credentials_chain_leave(struct aks_credentials_wait *wait)
{
    if (wait->link == NULL)
        return;
    *wait->link = wait->next;
    if (wait->next != NULL)
        wait->next->link = wait->link;
    wait->link = NULL;
    wait->next = NULL;
}

/* --- refusals --------------------------------------------------------------------------------- */

/* Keys of the environment or a file: somebody may have changed them since they were read. */
static bool
read_again(struct aks_credentials_chain *chain)
{
    struct aks_credentials_plan plan;
    bool others = aks_credentials_plan_make(chain->options.port, chain->options.how,
            chain->options.region, &plan, NULL) == AKS_OK &&
        plan.base == AKS_CREDENTIALS_BASE_KEYS && plan.role_count == 0 &&
        !aks_credentials_equal(plan.keys, chain->now);

    if (others) {
        take(chain, aks_credentials_use(plan.keys));
        say(chain, AKS_LOG_INFO, "its credentials were read again", chain->source);
    }
    aks_credentials_plan_fini(&plan);
    return others;
}

bool
aks_credentials_chain_refused(struct aks_credentials_chain *chain,
    const struct aks_credentials *used, enum aks_credentials_refusal refusal)
{
    int64_t now = now_ns(chain);
    struct aks_error err;

    if (used != chain->now)
        return true;
    if (!chain->fetched)
        return read_again(chain);
    /* Somebody was quicker: what is under way, or begins, is waited for. */
    if (chain->stale)
        return true;
    /* A service forgets session keys that have expired; one's own are never unknown for a while. */
    if (refusal == AKS_CREDENTIALS_WRONG || (refusal == AKS_CREDENTIALS_UNKNOWN &&
            aks_credentials_session_token(used) == NULL))
        return false;
    if (chain->refused_ns != INT64_MIN &&
        now - chain->refused_ns < AKS_CREDENTIALS_REFUSED_MS * AKS_NS_PER_MS)
        return false;
    chain->refused_ns = now;
    chain->stale = true;
    say(chain, AKS_LOG_INFO, "its credentials were refused and are fetched again", chain->source);
    /* Where this fails, whoever tries again is told. */
    if (chain->fetch == NULL)
        (void)begin(chain, &err);
    return true;
}

/* --- the chain -------------------------------------------------------------------------------- */

static void
fill_options(struct aks_credentials_chain *chain)
{
    chain->fetch_options.port = chain->options.port;
    chain->fetch_options.loop = chain->options.loop;
    chain->fetch_options.log = chain->options.log;
    chain->fetch_options.target = chain->options.target;
    chain->fetch_options.ca_file = chain->options.ca_file;
    chain->fetch_options.lingering = chain->options.lingering;
}

enum aks_status
aks_credentials_chain_new(const struct aks_credentials_options *options,
    struct aks_credentials_chain **ret_chain, struct aks_error *err)
{
    struct aks_credentials_chain *chain;
    struct aks_credentials_plan plan;
    enum aks_status status = aks_credentials_plan_make(options->port, options->how,
        options->region, &plan, err);

    *ret_chain = NULL;
    chain = status == AKS_OK ? aks_mem_new(options->port->alloc, sizeof(*chain)) : NULL;
    if (chain == NULL) {
        aks_credentials_plan_fini(&plan);
        return status != AKS_OK ? status : aks_error_memory(err, "reading credentials");
    }
    chain->options = *options;
    fill_options(chain);
    chain->expires_ns = INT64_MAX;
    chain->refused_ns = INT64_MIN;
    chain->fetched = plan.base != AKS_CREDENTIALS_BASE_KEYS || plan.role_count > 0;
    (void)snprintf(chain->source, sizeof(chain->source), "%s", plan.source);
    if (!chain->fetched)
        take(chain, aks_credentials_use(plan.keys));
    aks_credentials_plan_fini(&plan);
    *ret_chain = chain;
    return AKS_OK;
}

void
aks_credentials_chain_free(struct aks_credentials_chain *chain)
{
    if (chain == NULL)
        return;
    while (chain->waits != NULL)
        aks_credentials_chain_leave(chain->waits);
    aks_credentials_fetch_cancel(chain->fetch);
    aks_credentials_drop(chain->now);
    aks_mem_free(chain->options.port->alloc, chain);
}
