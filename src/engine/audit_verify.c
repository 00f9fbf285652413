#include "engine/audit_verify.h"

#include "engine/audit_chain.h"
#include "engine/audit_heads.h"
#include "engine/audit_note.h"
#include "engine/audit_read.h"
#include "engine/reader.h"
#include "engine/text.h"
#include "wire/dates.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define WITNESS "state.db"
/* Files may go away while the log is read: it is begun again so often. */
#define TRIES_MAX 3

struct verifier {
    struct aks_engine *engine;
    const struct aks_audit_verify_options *options;
    struct aks_reader reader;
    struct aks_audit_heads heads;
    struct aks_audit_chain chain;
    struct aks_audit_mark witness;
    struct aks_audit_read read;
    int64_t first_at_ms;
    json_t *targets;
    struct aks_audit_fault fault;       /* of the chain, else of a head */
    bool nameless;                      /* the policy has no target of the name that is wanted */
    bool whole;                         /* the log was read to its end: there is a verdict */
};

/* --- the heads in targets --------------------------------------------------------------------- */

static enum aks_status
note_upload(struct verifier *verifier, size_t target, const char *upload_id, struct aks_error *err)
{
    struct aks_manifest manifest;
    enum aks_status status;

    aks_manifest_init(&manifest, verifier->engine->port->alloc);
    status = aks_reader_manifest(&verifier->reader, upload_id, &manifest, err);
    if (status == AKS_OK)
        status = aks_audit_heads_add(&verifier->heads, target, upload_id, manifest.uploaded_at_ms,
            manifest.audit_head, err);
    else if (status == AKS_NOT_FOUND || status == AKS_CORRUPT)
        status = AKS_OK;                /* never finished, or for `verify` to tell */
    aks_manifest_fini(&manifest);
    return status;
}

static enum aks_status
note_target(struct verifier *verifier, size_t target, struct aks_error *err)
{
    struct aks_reader_names ids;
    enum aks_status status = aks_reader_open(&verifier->reader, target, err);

    if (status != AKS_OK)
        return status;
    aks_reader_names_init(&ids, verifier->engine->port->alloc);
    status = aks_reader_uploads(&verifier->reader, &ids, err);
    for (size_t i = 0; i < ids.count && status == AKS_OK; i++)
        status = note_upload(verifier, target, ids.names[i], err);
    aks_reader_names_fini(&ids);
    aks_reader_close(&verifier->reader);
    return status;
}

/* What cannot be asked is told, and the others are asked all the same. */
static enum aks_status
note_targets(struct verifier *verifier, struct aks_error *err)
{
    const char *wanted = verifier->options->target;
    const struct aks_settings *settings = verifier->reader.settings;
    enum aks_status first = AKS_OK;
    size_t index = 0;

    if (wanted != NULL && aks_reader_find(&verifier->reader, wanted, &index, err) != AKS_OK) {
        verifier->nameless = true;
        return err->status;
    }
    for (size_t i = 0; i < settings->target_count && first != AKS_CANCELLED; i++) {
        struct aks_error own = { 0 };
        enum aks_status status;

        if (wanted != NULL ? i != index : aks_target_delivers_rows(settings->targets[i].kind))
            continue;
        status = note_target(verifier, i, &own);
        (void)json_array_append_new(verifier->targets, json_pack("{s:I, s:s, s:s, s:o}", "index",
            (json_int_t)i, "name", settings->targets[i].name, "kind",
            aks_target_kind_name(settings->targets[i].kind), "error", status == AKS_OK
            ? json_null() : aks_reader_error_json(&own)));
        if (status != AKS_OK && (first == AKS_OK || status == AKS_CANCELLED)) {
            first = status;
            *err = own;
        }
    }
    return first;
}

/* --- the log ---------------------------------------------------------------------------------- */

static enum aks_status
check_line(void *ctx, const char *file, int64_t number, const char *text, size_t len, bool ended,
    struct aks_error *err)
{
    struct verifier *verifier = ctx;
    struct aks_audit_place place = { .line = number };
    struct aks_audit_line line;
    json_t *record = NULL;

    aks_audit_chain_line(&verifier->chain, file, number, text, len, ended, &line, &record);
    if (record != NULL) {
        (void)snprintf(place.file, sizeof(place.file), "%s", file);
        place.seq = line.seq;
        if (verifier->first_at_ms == INT64_MAX)
            verifier->first_at_ms = line.at_ms;
        aks_audit_heads_record(&verifier->heads, &place, &line, record);
    }
    json_decref(record);
    return AKS_OK;
}

static enum aks_status
check_log(struct verifier *verifier, struct aks_error *err)
{
    struct aks_audit_removal removal;
    enum aks_status status = AKS_CONFLICT;

    for (int i = 0; i < TRIES_MAX && status == AKS_CONFLICT; i++) {
        aks_audit_chain_fini(&verifier->chain);
        status = aks_audit_chain_init(&verifier->chain, verifier->engine->port->alloc,
            &verifier->witness, WITNESS, err);
        if (status != AKS_OK)
            return status;
        memset(&verifier->read, 0, sizeof(verifier->read));
        verifier->read.port = verifier->engine->port;
        verifier->read.folder = verifier->engine->state_folder;
        verifier->read.line = check_line;
        verifier->read.ctx = verifier;
        verifier->read.interrupted = &verifier->engine->interrupted;
        verifier->first_at_ms = INT64_MAX;
        status = aks_audit_read(&verifier->read, err);
    }
    if (status == AKS_OK) {
        aks_audit_note_removal(verifier->engine, &removal);
        aks_audit_chain_removal(&verifier->chain, &removal);
        aks_audit_chain_end(&verifier->chain);
    }
    return status;
}

static bool
is_stored(void *ctx, const struct aks_audit_head *head)
{
    const struct verifier *verifier = ctx;

    return aks_state_stored_here(verifier->engine->state, head->upload_id, head->uploaded_at_ms);
}

static void
judge(struct verifier *verifier)
{
    struct aks_audit_chain *chain = &verifier->chain;
    const struct aks_audit_head *head;
    struct aks_audit_heads_facts facts = { .first_at_ms = verifier->first_at_ms,
        .removed = chain->told != AKS_AUDIT_TOLD_BY_NOBODY,
        .proven_to_the_end = verifier->witness.seq > 0 && chain->fault.kind == AKS_AUDIT_FITS,
        .stored = is_stored, .ctx = verifier };

    aks_audit_heads_judge(&verifier->heads, &facts);
    verifier->fault = chain->fault;
    head = aks_audit_heads_fault(&verifier->heads);
    if (verifier->fault.kind != AKS_AUDIT_FITS || head == NULL)
        return;
    verifier->fault.kind = head->outcome == AKS_AUDIT_HEAD_REWRITTEN ? AKS_AUDIT_REWRITTEN
        : AKS_AUDIT_TRUNCATED;
    verifier->fault.place = head->place.seq > 0 ? head->place : chain->last.place;
    (void)snprintf(verifier->fault.why, sizeof(verifier->fault.why), head->place.seq > 0
        ? "%s holds another head of upload %s than this record's digest"
        : head->outcome == AKS_AUDIT_HEAD_REWRITTEN
        ? "%s holds upload %s, which was made from here, and the log knows nothing of it"
        : "%s holds upload %s, of which the log knows nothing: its end was cut off, or another "
        "machine uses this system id", verifier->reader.settings->targets[head->target].name,
        head->upload_id);
}

/* --- the report ------------------------------------------------------------------------------- */

/* Of a log that was not read to its end nothing is said. */
static json_t *
log_json(const struct verifier *verifier)
{
    static const char *const proof[] = { [AKS_AUDIT_TOLD_BY_NOBODY] = NULL,
        [AKS_AUDIT_TOLD_BY_LOG] = "log", [AKS_AUDIT_TOLD_BY_STATE] = WITNESS };
    const struct aks_audit_chain *chain = &verifier->chain;

    if (!verifier->whole)
        return json_null();
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:s?, s:I, s:I, s:b, s:b, s:s?}", "files",
        (json_int_t)verifier->read.files, "bytes", (json_int_t)verifier->read.bytes, "lines",
        (json_int_t)chain->lines, "records", (json_int_t)chain->records, "first_seq",
        (json_int_t)chain->first.seq, "last_seq", (json_int_t)(chain->records > 0
        ? chain->last.seq : 0), "head", chain->records > 0 ? chain->last.digest : NULL, "healed",
        (json_int_t)chain->healed, "torn_lines", (json_int_t)chain->torn_lines, "torn_end",
        chain->torn_end, "removed", chain->told != AKS_AUDIT_TOLD_BY_NOBODY, "removed_proof",
        proof[chain->told]);
}

static json_t *
fault_json(const struct aks_audit_fault *fault)
{
    if (fault->kind == AKS_AUDIT_FITS)
        return json_null();
    return json_pack("{s:s, s:s, s:I, s:I, s:s}", "kind", aks_audit_fault_name(fault->kind), "file",
        fault->place.file[0] != '\0' ? fault->place.file : "audit.jsonl", "line",
        (json_int_t)fault->place.line, "seq", (json_int_t)fault->place.seq, "why", fault->why);
}

static json_t *
head_json(const struct aks_audit_head *head)
{
    char date[AKS_DATE_BYTES];

    return json_pack("{s:o, s:s, s:s, s:s?, s:I}", "upload_id", aks_text_json(head->upload_id),
        "uploaded_at", aks_date_iso(head->uploaded_at_ms, date), "outcome",
        aks_audit_head_outcome_name(head->outcome), "head",
        head->digest[0] != '\0' ? head->digest : NULL, "seq", (json_int_t)head->place.seq);
}

/* Adds to ${row} what was found of its heads: by a log that was not read to its end, nothing. */
static void
count_heads(const struct verifier *verifier, json_t *row)
{
    json_int_t index = json_integer_value(json_object_get(row, "index"));
    json_int_t counts[AKS_AUDIT_HEAD_OUTCOMES] = { 0 };
    json_t *uploads = json_array();
    json_int_t all = 0;

    for (size_t i = 0; i < verifier->heads.count; i++) {
        const struct aks_audit_head *head = &verifier->heads.heads[i];

        if ((json_int_t)head->target != index)
            continue;
        all++;
        if (!verifier->whole)
            continue;
        counts[head->outcome]++;
        if (head->outcome != AKS_AUDIT_HEAD_FITS &&
            json_array_size(uploads) < AKS_AUDIT_VERIFY_HEADS_MAX)
            (void)json_array_append_new(uploads, head_json(head));
    }
    (void)json_object_del(row, "index");
    (void)json_object_set_new(row, "uploads", json_integer(all));
    for (int i = 0; i < AKS_AUDIT_HEAD_OUTCOMES; i++)
        (void)json_object_set_new(row, aks_audit_head_outcome_name(
            (enum aks_audit_head_outcome)i), verifier->whole ? json_integer(counts[i])
            : json_null());
    (void)json_object_set_new(row, "others", uploads);
}

/* What cannot be read or asked is one failure; what does not fit is another, and comes first. */
static json_t *
report_json(struct verifier *verifier, enum aks_status status, struct aks_error *err)
{
    const struct aks_audit_fault *fault = &verifier->fault;
    const struct aks_audit_mark *witness = &verifier->witness;
    json_t *row;
    size_t i;

    if (fault->kind != AKS_AUDIT_FITS && status != AKS_CANCELLED) {
        status = aks_error_set(err, AKS_CORRUPT, "the audit log does not fit: %s, line %" PRId64
            ", record %" PRId64 ": %s: %s", fault->place.file[0] != '\0' ? fault->place.file
            : "audit.jsonl", fault->place.line, fault->place.seq,
            aks_audit_fault_name(fault->kind), fault->why);
        aks_error_hint(err, "keep the files as they are: docs/audit.md tells what each of these "
            "words means and what to look at");
    }
    json_array_foreach(verifier->targets, i, row)
        count_heads(verifier, row);
    return json_pack("{s:i, s:b, s:o, s:o, s:o, s:O, s:o, s:i}", "schema", 1, "success",
        status == AKS_OK, "log", log_json(verifier), "witness", witness->seq > 0
        ? json_pack("{s:s, s:I, s:s}", "name", WITNESS, "seq", (json_int_t)witness->seq, "head",
        witness->digest) : json_null(), "fault", fault_json(fault), "targets", verifier->targets,
        "error", status == AKS_OK ? json_null() : aks_reader_error_json(err), "exit_code",
        aks_reader_exit_code(verifier->engine, status));
}

enum aks_status
aks_audit_verify(struct aks_engine *engine, const struct aks_audit_verify_options *options,
    json_t **ret_report, struct aks_error *err)
{
    struct verifier verifier = { .engine = engine, .options = options };
    struct aks_error own = { 0 };
    struct aks_error why = { 0 };
    enum aks_status status = AKS_OK;
    enum aks_status asked = AKS_OK;

    *ret_report = NULL;
    aks_audit_heads_init(&verifier.heads, engine->port->alloc);
    verifier.targets = json_array();
    if (options->policy != NULL)
        status = aks_reader_init(&verifier.reader, engine, options->policy, err);
    if (status != AKS_OK)
        goto out;
    /* Before the log is read: it only grows. */
    aks_audit_note_recall(engine, &verifier.witness);
    if (options->policy != NULL)
        asked = note_targets(&verifier, &own);
    aks_audit_heads_sort(&verifier.heads);
    if (!verifier.nameless && asked != AKS_CANCELLED) {
        status = check_log(&verifier, &why);
        verifier.whole = status == AKS_OK;
    }
    if (verifier.whole)
        judge(&verifier);
    if (status != AKS_OK) {
        asked = status;
        own = why;
    }
    *ret_report = report_json(&verifier, asked, &own);
    status = *ret_report != NULL ? AKS_OK : aks_error_memory(err, "writing the report");
out:
    aks_reader_fini(&verifier.reader);
    aks_audit_chain_fini(&verifier.chain);
    aks_audit_heads_fini(&verifier.heads);
    json_decref(verifier.targets);
    return status;
}
