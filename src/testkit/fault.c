#include "testkit/fault.h"

#include "base/check.h"
#include "testkit/operation.h"

#include <stdio.h>
#include <string.h>

/* Where on its way a request is when it ends so. */
static const struct {
    enum aks_status status;
    const char *verb;
} strikes[] = {
    { AKS_DNS, "name" }, { AKS_OFFLINE, "connect" }, { AKS_REFUSED, "connect" },
    { AKS_CONNECT_TIMEOUT, "connect" }, { AKS_TLS, "tls" }, { AKS_BAD_REPLY, "send" },
    { AKS_STALLED, "send" }, { AKS_TIMEOUT, "serve" },
};

void
aks_fault_plan_init(struct aks_fault_plan *plan, uint64_t seed)
{
    memset(plan, 0, sizeof(*plan));
    aks_rng_init(&plan->rng, seed);
}

void
aks_fault_rule_init(struct aks_fault_rule *rule, enum aks_fault_kind kind)
{
    memset(rule, 0, sizeof(*rule));
    rule->kind = kind;
    rule->rate = 1;
    rule->until_ns = INT64_MAX;
    rule->retry_after_s = -1;
    rule->bytes = -1;
    (void)snprintf(rule->verb, sizeof(rule->verb), "serve");
    if (kind == AKS_FAULT_SILENT)
        (void)snprintf(rule->verb, sizeof(rule->verb), "connect");
    if (kind == AKS_FAULT_LOST) {
        rule->status = AKS_BAD_REPLY;
        rule->served = true;
    }
}

void
aks_fault_rule_status(struct aks_fault_rule *rule, enum aks_status status)
{
    rule->status = status;
    for (size_t i = 0; i < sizeof(strikes) / sizeof(strikes[0]); i++) {
        if (strikes[i].status == status)
            (void)snprintf(rule->verb, sizeof(rule->verb), "%s", strikes[i].verb);
    }
}

struct aks_fault_rule *
aks_fault_plan_add(struct aks_fault_plan *plan, const struct aks_fault_rule *rule)
{
    struct aks_fault_rule *own;

    if (plan->count == AKS_FAULT_RULES_MAX)
        return NULL;
    own = &plan->rules[plan->count++];
    *own = *rule;
    own->matched = 0;
    own->struck = 0;
    return own;
}

static bool
ends_with(const char *text, const char *end)
{
    size_t len = strlen(text);
    size_t end_len = strlen(end);

    return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

static bool
matches(const struct aks_fault_rule *rule, const struct aks_fault_step *step)
{
    bool disk = step->step->place == AKS_SIM_DISK;

    if (rule->disk != disk || step->now_ns < rule->from_ns || step->now_ns >= rule->until_ns)
        return false;
    if (disk) {
        if (rule->operation[0] != '\0' && strcmp(rule->operation, step->operation) != 0)
            return false;
        if (!ends_with(step->step->subject, rule->target))
            return false;
    } else {
        if (strcmp(rule->verb, step->step->verb) != 0)
            return false;
        if (rule->target[0] != '\0' && strcmp(rule->target, step->target) != 0)
            return false;
        if (!aks_operation_matches(rule->operation, step->operation))
            return false;
    }
    return rule->when == NULL || rule->when(rule->when_ctx, step);
}

static void
strike(const struct aks_fault_rule *rule, struct aks_sim_fault *fault)
{
    fault->retry_after_s = -1;
    fault->bytes = rule->bytes >= 0 ? rule->bytes : 0;
    switch (rule->kind) {
    case AKS_FAULT_REPLY:
        fault->http_status = rule->http_status;
        fault->http_code = rule->http_code[0] != '\0' ? rule->http_code : NULL;
        fault->retry_after_s = rule->retry_after_s;
        fault->served = rule->served;
        break;
    case AKS_FAULT_FAIL:
    case AKS_FAULT_LOST:
        fault->status = rule->status;
        fault->served = rule->served;
        break;
    case AKS_FAULT_SILENT:
        fault->delay_ns = -1;
        break;
    case AKS_FAULT_SLOW:
        fault->delay_ns = rule->delay_ns;
        break;
    case AKS_FAULT_DIES:
        fault->dies = true;
        fault->served = rule->served;
        break;
    }
}

const struct aks_fault_rule *
aks_fault_plan_ask(struct aks_fault_plan *plan, const struct aks_fault_step *step,
    struct aks_sim_fault *ret_fault)
{
    const struct aks_fault_rule *found = NULL;

    for (size_t i = 0; i < plan->count; i++) {
        struct aks_fault_rule *rule = &plan->rules[i];

        if (!matches(rule, step))
            continue;
        rule->matched++;
        if (rule->nth != 0 && rule->matched != rule->nth)
            continue;
        if (rule->times != 0 && rule->struck >= rule->times)
            continue;
        if (rule->rate < 1 && aks_rng_unit(&plan->rng) >= rule->rate)
            continue;
        if (found != NULL)
            continue;
        found = rule;
        if (rule->struck < AKS_FAULT_STRIKES_MAX)
            rule->strikes[rule->struck] = rule->matched;
        rule->struck++;
        strike(rule, ret_fault);
    }
    return found;
}

const struct aks_fault_rule *
aks_fault_plan_idle(const struct aks_fault_plan *plan)
{
    for (size_t i = 0; i < plan->count; i++) {
        if (plan->rules[i].struck == 0)
            return &plan->rules[i];
    }
    return NULL;
}

void
aks_fault_plan_rewind(struct aks_fault_plan *plan, uint64_t seed)
{
    aks_rng_init(&plan->rng, seed);
    for (size_t i = 0; i < plan->count; i++) {
        plan->rules[i].matched = 0;
        plan->rules[i].struck = 0;
    }
}
