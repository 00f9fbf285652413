#include "engine/audit_note.h"

#include "base/check.h"
#include "engine/audit_line.h"
#include "engine/text.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Among the facts of targets, under a name that is no target's identity; of any age. */
#define PLACE "audit log"
#define FACT "head"
#define FIRST_PREV "0000000000000000000000000000000000000000000000000000000000000000"
#define REMOVED "removed"
#define AT_MS 1
#define VALUE_BYTES 128

void
aks_audit_note_recall(struct aks_engine *engine, struct aks_audit_mark *ret)
{
    char value[VALUE_BYTES];
    char *end;

    memset(ret, 0, sizeof(*ret));
    if (aks_state_fact_get(engine->state, PLACE, FACT, AT_MS, AT_MS + 1, value, sizeof(value),
            NULL) != AKS_OK)
        return;
    ret->seq = strtoll(value, &end, 10);
    if (ret->seq <= 0 || *end != ' ' || !aks_audit_line_is_digest(end + 1)) {
        ret->seq = 0;
        return;
    }
    memcpy(ret->digest, end + 1, sizeof(ret->digest));
}

/* Only a witness is lost where this fails, and only until the next record. */
static void
remember(struct aks_engine *engine, const struct aks_audit_mark *mark)
{
    char value[VALUE_BYTES];

    (void)snprintf(value, sizeof(value), "%" PRId64 " %s", mark->seq, mark->digest);
    (void)aks_state_fact_put(engine->state, PLACE, FACT, value, AT_MS, NULL);
}

void
aks_audit_note_removal(struct aks_engine *engine, struct aks_audit_removal *ret)
{
    char value[VALUE_BYTES];
    char *end;

    memset(ret, 0, sizeof(*ret));
    if (aks_state_fact_get(engine->state, PLACE, REMOVED, AT_MS, AT_MS + 1, value, sizeof(value),
            NULL) != AKS_OK)
        return;
    ret->seq = strtoll(value, &end, 10);
    if (*end != ' ' || strlen(end + 1) <= sizeof(ret->digest))
        return;
    memcpy(ret->digest, end + 1, sizeof(ret->digest) - 1);
    end += sizeof(ret->digest);
    if (*end != ' ')
        return;
    ret->since_seq = strtoll(end + 1, &end, 10);
    ret->known = *end == '\0' && ret->seq >= 0 && ret->since_seq >= 0 &&
        aks_audit_line_is_digest(ret->digest);
}

/* Removed up to ${removed}, of which seq may be 0. A state that knew nothing of the log before, as
 * a new one, believes what the log says of its past until now: removed->found_seq. */
static enum aks_status
remember_removed(void *ctx, const struct aks_audit_mark *removed)
{
    struct aks_engine *engine = ctx;
    struct aks_audit_removal old;
    char value[VALUE_BYTES];

    aks_audit_note_removal(engine, &old);
    (void)snprintf(value, sizeof(value), "%" PRId64 " %s %" PRId64, removed->seq, removed->digest,
        old.known ? old.since_seq : removed->found_seq);
    return aks_state_fact_keep(engine->state, PLACE, REMOVED, value, AT_MS, NULL);
}

static void
begin_remembering(struct aks_engine *engine, const struct aks_audit_mark *mark)
{
    struct aks_audit_mark none = { .digest = FIRST_PREV, .found_seq = mark->found_seq };
    struct aks_audit_removal removal;

    aks_audit_note_removal(engine, &removal);
    if (!removal.known)
        (void)remember_removed(engine, &none);
}

/* The log ended before the record that is remembered. */
static enum aks_status
note_cut(struct aks_engine *engine, struct aks_audit *audit, const struct aks_audit_mark *known,
    struct aks_audit_mark *mark, struct aks_error *err)
{
    struct aks_audit_event event = { "log_cut", NULL };
    json_t *fields = json_pack("{s:I, s:s, s:I}", "known_seq", (json_int_t)known->seq,
        "known_head", known->digest, "found_seq", (json_int_t)mark->found_seq);
    enum aks_status status;

    if (fields == NULL)
        return aks_error_memory(err, "writing an audit record");
    event.fields = fields;
    aks_log_write(engine->log, AKS_LOG_WARNING, "the audit log has lost its end: it had record"
        " %" PRId64 ", and ended with %" PRId64 "; audit verify tells more", known->seq,
        mark->found_seq);
    status = aks_audit_append_all(audit, &event, 1, mark, err);
    json_decref(fields);
    return status;
}

enum aks_status
aks_audit_note_all(struct aks_engine *engine, const struct aks_audit_event *events, size_t count,
    struct aks_audit_mark *ret_last, struct aks_error *err)
{
    struct aks_audit_mark known;
    struct aks_audit_mark mark;
    struct aks_audit *audit;
    enum aks_status status = aks_engine_audit(engine, &audit, err);

    if (status != AKS_OK)
        return status;
    aks_audit_note_recall(engine, &known);
    aks_audit_memory(audit, remember_removed, engine);
    status = aks_audit_append_all(audit, events, count, &mark, err);
    if (status != AKS_OK)
        return status;
    if (ret_last != NULL)
        *ret_last = mark;
    begin_remembering(engine, &mark);
    if (mark.found_seq < known.seq)
        status = note_cut(engine, audit, &known, &mark, err);
    if (status == AKS_OK)
        remember(engine, &mark);
    return status;
}

enum aks_status
aks_audit_note(struct aks_engine *engine, const char *event, json_t *fields, struct aks_error *err)
{
    struct aks_audit_event one = { event, fields };
    enum aks_status status;

    if (fields == NULL)
        return aks_error_memory(err, "writing an audit record");
    status = aks_audit_note_all(engine, &one, 1, NULL, err);
    json_decref(fields);
    return status;
}

void
aks_audit_note_or_warn(struct aks_engine *engine, const char *event, json_t *fields)
{
    struct aks_error err;

    if (aks_audit_note(engine, event, fields, &err) != AKS_OK)
        aks_log_write(engine->log, AKS_LOG_WARNING, "%s could not be noted: %s", event,
            err.message);
}

enum aks_status
aks_audit_note_alone(const struct aks_port *port, const char *folder, const char *event,
    json_t *fields, struct aks_error *err)
{
    struct aks_audit *audit = NULL;
    enum aks_status status = fields != NULL ? aks_engine_make_state_folder(port, folder, false, err)
        : aks_error_memory(err, "writing an audit record");

    if (status == AKS_OK)
        status = aks_audit_open(port, folder, &audit, err);
    if (status == AKS_OK)
        status = aks_audit_append(audit, event, fields, err);
    aks_audit_close(audit);
    json_decref(fields);
    return status;
}

bool
aks_audit_note_is_auth(enum aks_status status)
{
    return status == AKS_AUTH_MISSING || status == AKS_AUTH_EXPIRED ||
        status == AKS_AUTH_INVALID || status == AKS_FORBIDDEN;
}

json_t *
aks_audit_note_auth(const char *system_id, const struct aks_target_settings *settings,
    const char *source, const struct aks_error *failure)
{
    json_t *fields = json_pack("{s:s, s:s, s:s, s:s?}", "system_id", system_id, "target",
        settings->name, "method", aks_target_kind_method(settings->kind), "credentials",
        source[0] != '\0' ? source : NULL);

    if (fields == NULL || failure == NULL)
        return fields;
    (void)json_object_set_new(fields, "failure", json_string(aks_status_name(failure->status)));
    (void)json_object_set_new(fields, "message", aks_text_json(failure->message));
    return fields;
}

void
aks_audit_note_refused(struct aks_engine *engine, bool violation, const char *path,
    const char *sha256, const struct aks_error *failure)
{
    json_t *fields = json_pack("{s:o, s:s?, s:s, s:o}", "policy", path != NULL
        ? aks_text_json(path) : json_null(), "policy_sha256", sha256, "failure",
        aks_status_name(failure->status), "message", aks_text_json(failure->message));

    aks_audit_note_or_warn(engine, violation ? "policy_violation" : "refused", fields);
}
