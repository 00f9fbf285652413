#include "testkit/event.h"

#include "script/nearest.h"
#include "testkit/operation.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORD_BYTES AKS_FAULT_TEXT_BYTES

/* What can come from the other side, or from the way there. Without an HTTP status: the request
 * fails on its way. */
static const struct {
    enum aks_status failure;
    int http_status;
    const char *http_code;      /* as S3 says it */
} kinds[] = {
    { AKS_OFFLINE, 0, "" },
    { AKS_DNS, 0, "" },
    { AKS_REFUSED, 0, "" },
    { AKS_CONNECT_TIMEOUT, 0, "" },
    { AKS_TLS, 0, "" },
    { AKS_TIMEOUT, 0, "" },
    { AKS_STALLED, 0, "" },
    { AKS_BAD_REPLY, 0, "" },
    { AKS_THROTTLED, 429, "SlowDown" },
    { AKS_SERVER, 500, "InternalError" },
    { AKS_AUTH_EXPIRED, 400, "ExpiredToken" },
    { AKS_AUTH_INVALID, 403, "InvalidAccessKeyId" },
    { AKS_FORBIDDEN, 403, "AccessDenied" },
    { AKS_NOT_FOUND, 404, "NoSuchBucket" },
    { AKS_TOO_LARGE, 413, "EntityTooLarge" },
};

#define KIND_COUNT (sizeof(kinds) / sizeof(kinds[0]))

/* --- words ------------------------------------------------------------------------------------ */

/* ${len} bytes of ${text} without the blanks around them; false if they are too many. */
static bool
take_word(const char *text, size_t len, char ret_word[WORD_BYTES])
{
    while (len > 0 && isspace((unsigned char)*text)) {
        text++;
        len--;
    }
    while (len > 0 && isspace((unsigned char)text[len - 1]))
        len--;
    if (len >= WORD_BYTES)
        return false;
    memcpy(ret_word, text, len);
    ret_word[len] = '\0';
    return true;
}

static enum aks_status
wrong(struct aks_error *err, const char *text, const char *what, const char *word,
    const struct aks_nearest *best)
{
    enum aks_status status;

    if (best != NULL && best->name != NULL)
        status = aks_error_set(err, AKS_SETTINGS, "event \"%.200s\": %s \"%s\"; did you mean "
            "\"%s\"?", text, what, word, best->name);
    else
        status = aks_error_set(err, AKS_SETTINGS, "event \"%.200s\": %s \"%s\"", text, what, word);
    aks_error_hint(err, "an event is [target:] failure [xN][, retry_after=S][, operation=NAME], as "
        "\"cloud: throttled x3, retry_after=40\"");
    return status;
}

static bool
take_number(const char *word, uint32_t min, uint32_t max, uint32_t *ret)
{
    char *end;
    unsigned long value;

    if (!isdigit((unsigned char)word[0]))
        return false;
    value = strtoul(word, &end, 10);
    if (*end != '\0' || value < min || value > max)
        return false;
    *ret = (uint32_t)value;
    return true;
}

/* --- parts ------------------------------------------------------------------------------------ */

/* "throttled", "throttled x3" */
static enum aks_status
take_failure(const char *text, char *word, struct aks_event *event, struct aks_error *err)
{
    struct aks_nearest best = { NULL, 0 };
    char *times = strpbrk(word, " \t");

    if (times != NULL) {
        *times++ = '\0';
        times += strspn(times, " \t");
        if (times[0] != 'x' || !take_number(times + 1, 1, AKS_EVENT_TIMES_MAX, &event->times))
            return wrong(err, text, "expected how often, x1 to x1000, got", times, NULL);
    }
    for (size_t i = 0; i < KIND_COUNT; i++) {
        const char *name = aks_status_name(kinds[i].failure);

        if (strcmp(name, word) == 0) {
            event->failure = kinds[i].failure;
            return AKS_OK;
        }
        aks_nearest_offer(&best, word, name);
    }
    return wrong(err, text, "there is no failure of a target", word, &best);
}

static enum aks_status
take_operation(const char *text, const char *word, struct aks_event *event, struct aks_error *err)
{
    struct aks_nearest best = { NULL, 0 };

    for (const char *const *name = aks_operation_names(); *name != NULL; name++)
        aks_nearest_offer(&best, word, *name);
    if (word[0] == '\0' || !aks_operation_known(word))
        return wrong(err, text, "there is no operation", word, &best);
    (void)snprintf(event->operation, sizeof(event->operation), "%s", word);
    return AKS_OK;
}

/* "retry_after=40" */
static enum aks_status
take_option(const char *text, char *word, struct aks_event *event, struct aks_error *err)
{
    static const char *const names[] = { "retry_after", "operation" };
    struct aks_nearest best = { NULL, 0 };
    char *equals = strchr(word, '=');
    char value[WORD_BYTES];
    uint32_t number;

    if (equals == NULL)
        return wrong(err, text, "expected name=value, got", word, NULL);
    (void)take_word(equals + 1, strlen(equals + 1), value);
    *equals = '\0';
    while (equals > word && isspace((unsigned char)equals[-1]))
        *--equals = '\0';
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        aks_nearest_offer(&best, word, names[i]);
    if (strcmp(word, "operation") == 0)
        return take_operation(text, value, event, err);
    if (strcmp(word, "retry_after") != 0)
        return wrong(err, text, "unknown option", word, &best);
    if (!take_number(value, 0, AKS_EVENT_RETRY_AFTER_S_MAX, &number))
        return wrong(err, text, "retry_after: expected whole seconds, got", value, NULL);
    event->retry_after_s = number;
    return AKS_OK;
}

static bool
is_reply(enum aks_status failure)
{
    for (size_t i = 0; i < KIND_COUNT; i++) {
        if (kinds[i].failure == failure)
            return kinds[i].http_status != 0;
    }
    return false;
}

enum aks_status
aks_event_parse(const char *text, struct aks_event *ret_event, struct aks_error *err)
{
    const char *colon = strchr(text, ':');
    const char *at = colon != NULL ? colon + 1 : text;
    char word[WORD_BYTES];
    enum aks_status status = AKS_OK;
    bool first = true;

    memset(ret_event, 0, sizeof(*ret_event));
    ret_event->retry_after_s = -1;
    if (colon != NULL && (!take_word(text, (size_t)(colon - text), ret_event->target) ||
            ret_event->target[0] == '\0'))
        return wrong(err, text, "expected the name of a target before", ":", NULL);
    for (bool more = true; more && status == AKS_OK; first = false) {
        size_t len = strcspn(at, ",");

        if (!take_word(at, len, word))
            return wrong(err, text, "a word is too long:", "", NULL);
        status = first ? take_failure(text, word, ret_event, err)
            : take_option(text, word, ret_event, err);
        more = at[len] == ',';
        at += len + 1;
    }
    if (status == AKS_OK && ret_event->retry_after_s >= 0 && !is_reply(ret_event->failure))
        return wrong(err, text, "nobody answers, so nobody can say retry_after:",
            aks_status_name(ret_event->failure), NULL);
    return status;
}

/* --- the rule --------------------------------------------------------------------------------- */

/* A target that answers probes so is not used at all: what a person means is the transfer. */
static bool
is_no_probe(void *ctx, const struct aks_fault_step *step)
{
    return strcmp(step->operation, "probe") != 0;
}

void
aks_event_rule(const struct aks_event *event, struct aks_fault_rule *ret_rule)
{
    bool reply = is_reply(event->failure);

    aks_fault_rule_init(ret_rule, reply ? AKS_FAULT_REPLY : AKS_FAULT_FAIL);
    if (!reply)
        aks_fault_rule_status(ret_rule, event->failure);
    for (size_t i = 0; reply && i < KIND_COUNT; i++) {
        if (kinds[i].failure != event->failure)
            continue;
        ret_rule->http_status = kinds[i].http_status;
        (void)snprintf(ret_rule->http_code, sizeof(ret_rule->http_code), "%s", kinds[i].http_code);
    }
    if (reply && event->operation[0] == '\0')
        ret_rule->when = is_no_probe;
    (void)snprintf(ret_rule->target, sizeof(ret_rule->target), "%s", event->target);
    (void)snprintf(ret_rule->operation, sizeof(ret_rule->operation), "%s", event->operation);
    ret_rule->times = event->times;
    ret_rule->retry_after_s = event->retry_after_s;
}
