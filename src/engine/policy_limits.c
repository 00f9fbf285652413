#include "engine/policy_limits.h"

#include "base/units.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KNOWN_BYTES 200

static const struct aks_policy_limit table[] = {
    { "memory", AKS_POLICY_BYTES, 64 * AKS_KIB, AKS_GIB, true,
        offsetof(struct aks_policy_limits, memory_bytes) },
    { "instructions", AKS_POLICY_NUMBER, 1000, INT64_C(1000000000), true,
        offsetof(struct aks_policy_limits, decision_instructions) },
    { "time", AKS_POLICY_MS, 1, 60 * AKS_MS_PER_S, true,
        offsetof(struct aks_policy_limits, decision_ms) },
    { "coroutines", AKS_POLICY_NUMBER, 1, 100000, true,
        offsetof(struct aks_policy_limits, coroutines) },
    { "log", AKS_POLICY_NUMBER, 1, 100000, true, offsetof(struct aks_policy_limits, log_lines) },
    { "task.time", AKS_POLICY_MS, 1, 7 * AKS_MS_PER_DAY, false,
        offsetof(struct aks_policy_limits, task_ms) },
    { "task.turns", AKS_POLICY_NUMBER, 1, INT64_C(1000000000), false,
        offsetof(struct aks_policy_limits, task_turns) },
    { "load.instructions", AKS_POLICY_NUMBER, 1000, INT64_C(10000000000), false,
        offsetof(struct aks_policy_limits, load_instructions) },
    { "load.time", AKS_POLICY_MS, 1, 60 * AKS_MS_PER_S, false,
        offsetof(struct aks_policy_limits, load_ms) },
};

#define LIMIT_COUNT (sizeof(table) / sizeof(table[0]))

static const struct unit {
    const char *name;
    enum aks_policy_unit unit;
    double times;
} units[] = {
    { "", AKS_POLICY_NUMBER, 1 }, { "", AKS_POLICY_BYTES, 1 }, { "B", AKS_POLICY_BYTES, 1 },
    { "KiB", AKS_POLICY_BYTES, AKS_KIB }, { "MiB", AKS_POLICY_BYTES, AKS_MIB },
    { "GiB", AKS_POLICY_BYTES, AKS_GIB }, { "kB", AKS_POLICY_BYTES, 1e3 },
    { "MB", AKS_POLICY_BYTES, 1e6 }, { "", AKS_POLICY_MS, 1e3 }, { "s", AKS_POLICY_MS, 1e3 },
    { "ms", AKS_POLICY_MS, 1 }, { "min", AKS_POLICY_MS, 60e3 },
    { "h", AKS_POLICY_MS, 3600e3 },
};

/* How a value is written. */
static const char *const written[] = {
    [AKS_POLICY_NUMBER] = "a number in digits, ",
    [AKS_POLICY_BYTES] = "a number with B, KiB, MiB, GiB, kB, MB or nothing behind it, ",
    [AKS_POLICY_MS] = "a number with ms, s, min, h or nothing behind it, ",
};

const struct aks_policy_limit *
aks_policy_limit_at(size_t place)
{
    return place < LIMIT_COUNT ? &table[place] : NULL;
}

const struct aks_policy_limit *
aks_policy_limit_named(const char *name, size_t len)
{
    for (size_t i = 0; i < LIMIT_COUNT; i++) {
        if (strlen(table[i].name) == len && memcmp(table[i].name, name, len) == 0)
            return &table[i];
    }
    return NULL;
}

int64_t *
aks_policy_limit_of(struct aks_policy_limits *limits, const struct aks_policy_limit *limit)
{
    return (int64_t *)(void *)((char *)limits + limit->offset);
}

const char *
aks_policy_limit_text(const struct aks_policy_limit *limit, int64_t value,
    char ret_text[AKS_POLICY_LIMIT_TEXT_BYTES])
{
    bool mib = limit->unit == AKS_POLICY_BYTES && value % AKS_MIB == 0;
    bool kib = limit->unit == AKS_POLICY_BYTES && !mib && value % AKS_KIB == 0;

    if (limit->unit == AKS_POLICY_MS)
        (void)snprintf(ret_text, AKS_POLICY_LIMIT_TEXT_BYTES, "%.6gs",
            (double)value / (double)AKS_MS_PER_S);
    else
        (void)snprintf(ret_text, AKS_POLICY_LIMIT_TEXT_BYTES, "%" PRId64 "%s",
            mib ? value / AKS_MIB : kib ? value / AKS_KIB : value, mib ? "MiB" : kib ? "KiB" : "");
    return ret_text;
}

static enum aks_status
unknown(const char *text, struct aks_error *err)
{
    char known[KNOWN_BYTES];
    size_t len = 0;

    for (size_t i = 0; i < LIMIT_COUNT && len < sizeof(known); i++)
        len += (size_t)snprintf(known + len, sizeof(known) - len, "%s%s", i > 0 ? ", " : "",
            table[i].name);
    return aks_error_set(err, AKS_SETTINGS, "limit %.60s: expected NAME=VALUE with one of %s", text,
        known);
}

/* A number of digits, with a point at most, and a unit of the limit's kind; negative if it is none.
 */
static double
number(const char *text, const struct aks_policy_limit *limit)
{
    size_t digits = strspn(text, "0123456789");
    size_t len = digits;

    if (text[len] == '.')
        len += 1 + strspn(text + len + 1, "0123456789");
    for (size_t i = 0; digits > 0 && len < 20 && i < sizeof(units) / sizeof(units[0]); i++) {
        if (units[i].unit == limit->unit && strcmp(units[i].name, text + len) == 0)
            return strtod(text, NULL) * units[i].times;
    }
    return -1;
}

enum aks_status
aks_policy_limit_parse(const char *text, struct aks_policy_limits *limits, struct aks_error *err)
{
    size_t len = strcspn(text, "=");
    const struct aks_policy_limit *limit = aks_policy_limit_named(text, len);
    char least[AKS_POLICY_LIMIT_TEXT_BYTES];
    char most[AKS_POLICY_LIMIT_TEXT_BYTES];
    double value;

    if (limit == NULL || text[len] == '\0')
        return unknown(text, err);
    value = number(text + len + 1, limit);
    if (!(value >= (double)limit->least && value <= (double)limit->most))
        return aks_error_set(err, AKS_SETTINGS, "limit %.60s: %s is %sfrom %s to %s", text,
            limit->name, value < 0 ? written[limit->unit] : "",
            aks_policy_limit_text(limit, limit->least, least),
            aks_policy_limit_text(limit, limit->most, most));
    *aks_policy_limit_of(limits, limit) = (int64_t)value;
    return AKS_OK;
}
