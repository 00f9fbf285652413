#include "testkit/shrink.h"

#include "base/check.h"
#include "base/units.h"

#include <string.h>

#define ROUNDS_MAX 8                    /* over everything; the last changes nothing */

struct shrink {
    const struct aks_shrink_options *options;
    struct aks_shrink_case *best;
    struct aks_shrink_case candidate;
    unsigned tries;
    unsigned tries_max;
    bool changed;                       /* in this round */
};

static bool
over(const struct shrink *shrink)
{
    const struct aks_shrink_options *options = shrink->options;

    return shrink->tries >= shrink->tries_max ||
        (options->stop != NULL && options->stop(options->ctx));
}

/* The candidate is the best from now on, if it fails. */
static bool
try(struct shrink *shrink)
{
    if (over(shrink))
        return false;
    shrink->tries++;
    if (!shrink->options->fails(shrink->options->ctx, &shrink->candidate))
        return false;
    *shrink->best = shrink->candidate;
    shrink->changed = true;
    return true;
}

static struct aks_shrink_case *
begin(struct shrink *shrink)
{
    shrink->candidate = *shrink->best;
    return &shrink->candidate;
}

static int64_t
whole_ms(int64_t ns)
{
    return ns / AKS_NS_PER_MS * AKS_NS_PER_MS;
}

/* --- no chance -------------------------------------------------------------------------------- */

/* The rule once for each time that it struck, by number. False where that is not known. */
static bool
by_number(const struct aks_fault_rule *rule, struct aks_shrink_case *to)
{
    if (rule->struck > AKS_FAULT_STRIKES_MAX ||
        to->rule_count + rule->struck > AKS_FAULT_RULES_MAX)
        return false;
    for (uint32_t i = 0; i < rule->struck; i++) {
        struct aks_fault_rule *own = &to->rules[to->rule_count++];

        *own = *rule;
        own->rate = 1;
        own->times = 0;
        own->nth = rule->strikes[i];
    }
    return true;
}

/* What struck by chance, strikes by number: else no rule can be taken away without the luck of all
 * the others changing. */
static void
without_chance(struct shrink *shrink)
{
    const struct aks_shrink_case *best = shrink->best;
    struct aks_shrink_case *candidate = begin(shrink);
    bool chance = false;

    candidate->rule_count = 0;
    for (size_t i = 0; i < best->rule_count; i++) {
        if (best->rules[i].rate < 1) {
            chance = true;
            if (!by_number(&best->rules[i], candidate))
                return;
        } else if (candidate->rule_count == AKS_FAULT_RULES_MAX) {
            return;
        } else {
            candidate->rules[candidate->rule_count++] = best->rules[i];
        }
    }
    if (chance)
        (void)try(shrink);
}

/* --- fewer ------------------------------------------------------------------------------------ */

static void
without(struct aks_shrink_case *from, size_t first, size_t count)
{
    memmove(&from->rules[first], &from->rules[first + count],
        (from->rule_count - first - count) * sizeof(from->rules[0]));
    from->rule_count -= count;
}

/* Half of the rules at a time, then a quarter, down to single ones. */
static void
fewer_rules(struct shrink *shrink)
{
    size_t chunk = shrink->best->rule_count;

    for (; chunk > 0; chunk /= 2) {
        size_t first = 0;

        while (first < shrink->best->rule_count) {
            struct aks_shrink_case *candidate = begin(shrink);
            size_t left = candidate->rule_count - first;

            without(candidate, first, chunk < left ? chunk : left);
            if (!try(shrink))
                first += chunk;
        }
    }
}

static void
shorter(struct shrink *shrink)
{
    while (shrink->best->runs > 1) {
        begin(shrink)->runs--;
        if (!try(shrink))
            break;
    }
    if (shrink->best->pause_ns > 0) {
        begin(shrink)->pause_ns = 0;
        (void)try(shrink);
    }
    if (shrink->best->power) {
        begin(shrink)->power = false;
        (void)try(shrink);
    }
}

static void
smaller_file(struct shrink *shrink, size_t i)
{
    static const int64_t least[] = { 0, 1 };

    for (size_t j = 0; j < sizeof(least) / sizeof(least[0]); j++) {
        if (shrink->best->file_bytes[i] <= least[j])
            return;
        begin(shrink)->file_bytes[i] = least[j];
        if (try(shrink))
            return;
    }
    for (int64_t cut = shrink->best->file_bytes[i] / 2; cut > 0; cut /= 2) {
        while (shrink->best->file_bytes[i] > cut) {
            begin(shrink)->file_bytes[i] -= cut;
            if (!try(shrink))
                break;
        }
    }
}

/* --- simpler ---------------------------------------------------------------------------------- */

/* Once, the first time that it can: what a reader would write. */
static void
once(struct shrink *shrink, size_t i)
{
    const struct aks_fault_rule *best = &shrink->best->rules[i];
    struct aks_fault_rule *rule;

    if (best->nth == 0 && best->times == 1 && best->rate >= 1 && best->from_ns == 0 &&
        best->until_ns == INT64_MAX)
        return;
    rule = &begin(shrink)->rules[i];
    rule->nth = 0;
    rule->times = 1;
    rule->rate = 1;
    rule->from_ns = 0;
    rule->until_ns = INT64_MAX;
    (void)try(shrink);
}

static void
simpler_frequency(struct shrink *shrink, size_t i)
{
    if (shrink->best->rules[i].rate < 1) {
        begin(shrink)->rules[i].rate = 1;
        (void)try(shrink);
    }
    if (shrink->best->rules[i].from_ns > 0) {
        begin(shrink)->rules[i].from_ns = 0;
        (void)try(shrink);
    }
    if (shrink->best->rules[i].until_ns != INT64_MAX) {
        begin(shrink)->rules[i].until_ns = INT64_MAX;
        (void)try(shrink);
    }
    if (shrink->best->rules[i].nth != 0 && shrink->best->rules[i].times != 0) {
        begin(shrink)->rules[i].times = 0;
        (void)try(shrink);
    }
    if (shrink->best->rules[i].nth == 0 && shrink->best->rules[i].times == 0) {
        begin(shrink)->rules[i].times = 2;
        (void)try(shrink);
    }
    while (shrink->best->rules[i].times > 1) {
        begin(shrink)->rules[i].times--;
        if (!try(shrink))
            break;
    }
    while (shrink->best->rules[i].nth > 2) {
        begin(shrink)->rules[i].nth /= 2;
        if (!try(shrink))
            break;
    }
    while (shrink->best->rules[i].nth > 1) {
        begin(shrink)->rules[i].nth--;
        if (!try(shrink))
            break;
    }
}

static void
simpler_effect(struct shrink *shrink, size_t i)
{
    if (shrink->best->rules[i].served && shrink->best->rules[i].kind != AKS_FAULT_LOST) {
        begin(shrink)->rules[i].served = false;
        (void)try(shrink);
    }
    if (shrink->best->rules[i].retry_after_s >= 0) {
        begin(shrink)->rules[i].retry_after_s = -1;
        (void)try(shrink);
    }
    while (shrink->best->rules[i].retry_after_s > 1) {
        begin(shrink)->rules[i].retry_after_s /= 2;
        if (!try(shrink))
            break;
    }
    if (shrink->best->rules[i].bytes > 0) {
        begin(shrink)->rules[i].bytes = -1;
        (void)try(shrink);
    }
    while (shrink->best->rules[i].delay_ns > AKS_NS_PER_MS) {
        struct aks_shrink_case *candidate = begin(shrink);

        candidate->rules[i].delay_ns = whole_ms(candidate->rules[i].delay_ns / 2);
        if (!try(shrink))
            break;
    }
}

unsigned
aks_shrink(const struct aks_shrink_options *options, struct aks_shrink_case *shrunk)
{
    struct shrink shrink = { .options = options, .best = shrunk };

    AKS_CHECK(options->fails != NULL);
    AKS_CHECK(shrunk->rule_count <= AKS_FAULT_RULES_MAX);
    shrink.tries_max = options->tries_max > 0 ? options->tries_max : AKS_SHRINK_TRIES_MAX;
    without_chance(&shrink);
    for (int round = 0; round < ROUNDS_MAX; round++) {
        shrink.changed = false;
        fewer_rules(&shrink);
        shorter(&shrink);
        for (size_t i = 0; i < shrunk->rule_count; i++) {
            once(&shrink, i);
            simpler_frequency(&shrink, i);
            simpler_effect(&shrink, i);
        }
        for (size_t i = 0; i < shrunk->file_count; i++)
            smaller_file(&shrink, i);
        if (!shrink.changed || over(&shrink))
            break;
    }
    return shrink.tries;
}
