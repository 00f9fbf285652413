/* One operation against a target, tried until it succeeds or the policy wants no more tries.
 *
 * The owner embeds a struct aks_attempt and gives it two functions: start begins one try and must
 * lead to exactly one aks_attempt_tried (from a completion, or from inside start if it cannot even
 * begin); done is called once, from the loop, when it is over. Between them the attempt asks the
 * policy and waits. */
#ifndef AKS_ENGINE_ATTEMPT_H
#define AKS_ENGINE_ATTEMPT_H

#include "engine/ask.h"
#include "engine/loop.h"

#define AKS_OPERATION_BYTES 32

/* What came of one try, or of the whole operation. */
struct aks_outcome {
    enum aks_status status;
    enum aks_verdict verdict;       /* of a failed operation: NEXT_TARGET, RESTART or GIVE_UP */
    int http_status;                /* 0: no reply */
    int64_t retry_after_ms;         /* -1: none */
    bool corrected;
    struct aks_error error;
};

/** ${outcome} as success. */
void aks_outcome_ok(struct aks_outcome *outcome);
/** ${outcome} as ${err} has it; no reply. */
void aks_outcome_failed(struct aks_outcome *outcome, const struct aks_error *err);

/* How long a server wants to be left alone, as an attempt has heard it that waits: what would be
 * asked meanwhile, for the first time or again, waits as well. Zeroed: it is not known to want
 * that. */
struct aks_hold {
    int64_t until_ns;
    int64_t asked_ns;                           /* until when it asked who went without waiting:
                                                 * for those that come later */
    int64_t give_back_ns;                       /* the same of what was given back */
};

/** Notes in *${until_ns} what a server asked for that may not be waited for; -1: it did not. */
void aks_attempt_asked(int64_t *until_ns, int64_t now_ns, int64_t retry_after_ms);

typedef void aks_done(void *ctx, const struct aks_outcome *outcome);

struct aks_attempt {
    struct aks_loop *loop;
    struct aks_ask *ask;
    const char *target;
    const char *source;                         /* or NULL */
    char operation[AKS_OPERATION_BYTES];
    void (*start)(void *ctx);                   /* one try; ctx is the attempt's */
    void (*throttled)(void *ctx);               /* or NULL: told of each try that was throttled,
                                                 * stalled or timed out, before the wait */
    aks_done *done;
    void *ctx;                                  /* of start and throttled */
    void *done_ctx;
    struct aks_hold *hold;                      /* or NULL */
    bool at_once;                               /* does not wait for others */
    unsigned tries;
    int64_t started_ns;                         /* the first try */
    struct aks_timer timer;
    struct aks_outcome outcome;                 /* of the last try */
    bool busy;
};

struct aks_attempt_options {
    struct aks_loop *loop;
    struct aks_ask *ask;
    const char *target;                         /* borrowed */
    const char *source;                         /* borrowed, or NULL */
    const char *operation;                      /* copied */
    void (*start)(void *ctx);
    void (*throttled)(void *ctx);
    void *ctx;
    struct aks_hold *hold;                      /* borrowed, of all attempts at one server, or
                                                 * NULL */
    bool at_once;                               /* it does not wait for others */
};

/** Sets up and begins: the first try starts in a later turn of the loop, once the hold is over.
 * Never calls ${done} itself. */
void aks_attempt_begin(struct aks_attempt *attempt, const struct aks_attempt_options *options,
    aks_done *done, void *done_ctx);
/** The try that was started has ended. */
void aks_attempt_tried(struct aks_attempt *attempt, const struct aks_outcome *outcome);
/** Ends it without done. The owner cancels a try under way itself. Fine if nothing is under way. */
void aks_attempt_cancel(struct aks_attempt *attempt);

#endif
