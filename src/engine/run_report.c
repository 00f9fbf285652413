/* The report of a run, as docs/schema/report.json describes it. */
#include "base/check.h"
#include "base/units.h"
#include "engine/run.h"
#include "engine/text.h"
#include "wire/dates.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

enum exit_code {
    EXIT_STORED = 0, EXIT_QUEUED = 1, EXIT_SETTINGS = 3, EXIT_SOURCE = 4, EXIT_INTEGRITY = 5,
    EXIT_REFUSED = 6, EXIT_LOST = 7, EXIT_INTERRUPTED = 128
};

/* First the most serious: the order in which exit codes apply. */
static const int code_order[] = { EXIT_SETTINGS, EXIT_LOST, EXIT_INTEGRITY, EXIT_SOURCE,
    EXIT_REFUSED, EXIT_QUEUED };

static int
code_of(enum aks_status status)
{
    if (status == AKS_OK)
        return EXIT_STORED;
    if (status == AKS_POLICY || status == AKS_SETTINGS)
        return EXIT_SETTINGS;
    if (status == AKS_CORRUPT)
        return EXIT_INTEGRITY;
    if (status == AKS_SOURCE_MISSING || status == AKS_SOURCE_UNREADABLE)
        return EXIT_SOURCE;
    if (status == AKS_AUTH_MISSING || status == AKS_AUTH_EXPIRED || status == AKS_AUTH_INVALID ||
        status == AKS_FORBIDDEN)
        return EXIT_REFUSED;
    return EXIT_QUEUED;
}

/* The item's own failure, or that of a copy which a mirror still needs, where it means ${code}. */
static const struct aks_error *
item_error(const struct aks_item *item, int code)
{
    if (item->state != AKS_ITEM_FAILED)
        return NULL;
    if (code_of(item->error.status) == code)
        return &item->error;
    for (size_t i = 0; item->mirror && i < item->copy_count; i++) {
        const struct aks_copy *copy = &item->copies[i];

        if (aks_item_copy_owed(copy) && code_of(copy->error.status) == code)
            return &copy->error;
    }
    return NULL;
}

/* The error that decides the exit code, and that code. */
static const struct aks_error *
worst_error(const struct aks_run *run, const struct aks_error *run_error, int *ret_code)
{
    *ret_code = EXIT_STORED;
    if (run_error->status == AKS_CANCELLED) {
        *ret_code = EXIT_INTERRUPTED + atomic_load(&run->engine->interrupted);
        return run_error;
    }
    /* Also where it is called by another name: over a limit, out of memory. */
    if (run->ask.policy_error.status != AKS_OK) {
        *ret_code = EXIT_SETTINGS;
        return &run->ask.policy_error;
    }
    for (size_t order = 0; order < sizeof(code_order) / sizeof(code_order[0]); order++) {
        int code = code_order[order];

        if (code == EXIT_LOST && run->keep_error.status != AKS_OK) {
            *ret_code = EXIT_LOST;
            return &run->keep_error;
        }
        /* Whatever it failed with: a policy over a limit as one that raised an error. */
        if (code_of(run_error->status) == code || (code == EXIT_SETTINGS &&
                run->ask.policy_error.status != AKS_OK)) {
            *ret_code = code;
            return run_error;
        }
        for (size_t i = 0; i < run->item_count; i++) {
            const struct aks_error *error = item_error(&run->items[i], code);

            if (error != NULL) {
                *ret_code = code;
                return error;
            }
        }
    }
    return NULL;
}

static const char *
item_outcome(const struct aks_run *run, const struct aks_item *item)
{
    switch (item->state) {
    case AKS_ITEM_STORED:
        return "stored";
    case AKS_ITEM_UNCHANGED:
        return "unchanged";
    case AKS_ITEM_SKIPPED:
        return "skipped";
    case AKS_ITEM_PENDING:
    case AKS_ITEM_FAILED:
        break;
    }
    if (!run->job_written || item->pattern)
        return "failed";
    return aks_item_held_count(item) > 0 ? "partial" : "queued";
}

static const char *
run_outcome(const struct aks_run *run, const struct aks_error *run_error)
{
    size_t stored = 0;
    size_t failed = 0;

    for (size_t i = 0; i < run->item_count; i++) {
        const struct aks_item *item = &run->items[i];

        failed += item->state == AKS_ITEM_FAILED;
        stored += item->state == AKS_ITEM_STORED ||
            (item->state == AKS_ITEM_FAILED && aks_item_held_count(item) > 0);
    }
    if (failed == 0 && run_error->status == AKS_OK)
        return stored > 0 ? "stored" : "unchanged";
    if (stored > 0)
        return "partial";
    return run->job_written ? "queued" : "failed";
}

/* Rows alone satisfy nobody where a file is wanted too. */
static bool
satisfies(const struct aks_copy *held)
{
    return held != NULL && (!held->rows || held->item->deliver == AKS_DELIVER_ANY);
}

/* The first target of the settings that holds everything that was to be brought, or -1. */
static int
satisfied_by(const struct aks_run *run)
{
    for (size_t i = 0; i < run->settings->target_count; i++) {
        bool any = false;
        bool all = true;

        for (size_t j = 0; j < run->item_count; j++) {
            if (run->items[j].state == AKS_ITEM_SKIPPED)
                continue;
            any = true;
            all = all && satisfies(aks_item_held(&run->items[j], i));
        }
        if (any && all)
            return (int)i;
    }
    return -1;
}

static json_t *
error_json(const struct aks_error *err, const char *target)
{
    if (err == NULL || err->status == AKS_OK)
        return json_null();
    return json_pack("{s:s, s:o, s:s?, s:o}", "failure", aks_status_name(err->status), "message",
        aks_text_json(err->message), "target", target, "hint",
        err->hint[0] != '\0' ? aks_text_json(err->hint) : json_null());
}

/* The target whose failure ${err} is, or NULL. */
static const char *
target_of(const struct aks_run *run, const struct aks_error *err)
{
    for (size_t i = 0; err != NULL && i < run->settings->target_count; i++) {
        if (run->targets[i].error.status == err->status &&
            strcmp(run->targets[i].error.message, err->message) == 0)
            return run->settings->targets[i].name;
    }
    /* One that a mirror did not ask has no failure of its own. */
    for (size_t i = 0; err != NULL && i < run->item_count; i++) {
        const struct aks_copy *copy = run->items[i].mirror
            ? aks_run_walk_blamed(&run->items[i]) : NULL;

        if (copy != NULL && strcmp(copy->error.message, err->message) == 0)
            return run->settings->targets[copy->target].name;
    }
    return NULL;
}

/* Why a mirror has nothing in target ${index}, which has not been asked. NULL if it is none's. */
static const struct aks_error *
left_out(const struct aks_run *run, size_t index)
{
    for (size_t i = 0; i < run->item_count; i++) {
        const struct aks_item *item = &run->items[i];
        const struct aks_copy *copy = item->mirror ? aks_item_copy(item, index) : NULL;

        if (copy != NULL && aks_item_copy_owed(copy) && copy->error.status != AKS_OK)
            return &copy->error;
    }
    return NULL;
}

/* What of its rows this run has brought to a target. */
static json_t *
memories_json(const struct aks_run_pushed *memories)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:o, s:s?}", "stored", (json_int_t)memories->stored,
        "there", (json_int_t)memories->there, "refused", (json_int_t)memories->refused,
        "left_out", (json_int_t)memories->left_out, "error", memories->refused_words[0] != '\0'
            ? aks_text_json(memories->refused_words) : json_null(), "reader",
        memories->reader[0] != '\0' ? memories->reader : NULL);
}

/* How a target that takes rows has fared; ${error}, where nothing is said yet, is filled with why a
 * source's were not taken. */
static const char *
rows_outcome(const struct aks_run *run, size_t index, const struct aks_error **error)
{
    const struct aks_run_pushed *memories = &run->targets[index].pushed;
    bool some = memories->stored + memories->there > 0;
    bool all = (*error)->status == AKS_OK;
    bool stored = false;

    for (size_t i = 0; i < run->item_count; i++) {
        const struct aks_copy *copy = aks_item_copy(&run->items[i], index);

        if (copy == NULL || copy->state == AKS_COPY_SKIPPED)
            continue;
        stored = stored || copy->state == AKS_COPY_STORED;
        all = all && copy->error.status == AKS_OK;
        if ((*error)->status == AKS_OK && copy->error.status != AKS_OK)
            *error = &copy->error;
    }
    if (all)
        return stored && some ? "stored" : "unchanged";
    return stored || some ? "partial" : "failed";
}

static json_t *
targets_json(const struct aks_run *run)
{
    json_t *targets = json_array();

    for (size_t i = 0; i < run->settings->target_count; i++) {
        const struct aks_target_settings *settings = &run->settings->targets[i];
        const struct aks_run_target *target = &run->targets[i];
        const struct aks_error *error = &target->error;
        const char *outcome = "stored";
        bool rows = aks_target_delivers_rows(settings->kind);
        bool held = false;
        json_t *memories;
        json_t *row;

        for (size_t j = 0; j < run->item_count; j++)
            held = held || aks_item_held(&run->items[j], i) != NULL;
        if (!target->used && !held) {
            error = left_out(run, i);
            if (error == NULL)
                continue;
            outcome = "failed";
        } else if (!target->used) {
            outcome = "unchanged";
        } else if (rows) {
            outcome = rows_outcome(run, i, &error);
        } else if (target->upload_id[0] == '\0') {
            outcome = "failed";
        }
        row = json_pack("{s:s, s:s, s:s, s:s, s:s}", "name", settings->name, "kind",
            aks_target_kind_name(settings->kind), "method", aks_target_kind_method(settings->kind),
            "delivers", rows ? "rows" : "files", "outcome", outcome);
        if (rows && target->used)
            (void)json_object_set_new(row, "memories", memories_json(&target->pushed));
        if (target->upload_id[0] != '\0')
            (void)json_object_set_new(row, "upload_id", json_string(target->upload_id));
        if (error->status != AKS_OK)
            (void)json_object_set_new(row, "error", error_json(error, settings->name));
        memories = aks_run_memories_json(&target->memories);
        if (memories != NULL)
            (void)json_object_set_new(row, "memories_file", memories);
        (void)json_array_append_new(targets, row);
    }
    return targets;
}

static json_t *
names_json(const struct aks_run *run, const struct aks_item *item)
{
    json_t *names = json_array();

    for (size_t i = 0; i < run->settings->target_count; i++) {
        if (aks_item_held(item, i) != NULL)
            (void)json_array_append_new(names, json_string(run->settings->targets[i].name));
    }
    return names;
}

/* Of a list the first would do, as would any other: of each kind that is still owed. */
static bool
would_do(const struct aks_item *item, size_t place)
{
    const struct aks_copy *copy = &item->copies[place];
    bool each = item->deliver == AKS_DELIVER_BOTH;

    if (!aks_item_counts(copy) || !aks_item_copy_owed(copy))
        return false;
    for (size_t i = 0; i < item->copy_count; i++) {
        const struct aks_copy *other = &item->copies[i];

        if (each && other->rows != copy->rows)
            continue;
        if (aks_item_copy_holds(other) && aks_item_counts(other))
            return false;
        if (i < place && aks_item_counts(other) && aks_item_copy_owed(other))
            return false;
    }
    return true;
}

static json_t *
pending_json(const struct aks_run *run, const struct aks_item *item)
{
    json_t *names = json_array();

    if (item->state != AKS_ITEM_FAILED)
        return names;
    for (size_t i = 0; i < item->copy_count; i++) {
        if (item->mirror ? aks_item_copy_owed(&item->copies[i]) : would_do(item, i))
            (void)json_array_append_new(names,
                json_string(run->settings->targets[item->copies[i].target].name));
    }
    return names;
}

/* The copy that the report describes: that of the first of its targets that has it as a file. NULL
 * if there is none. */
static const struct aks_copy *
first_held(const struct aks_run *run, const struct aks_item *item)
{
    for (size_t i = 0; i < run->settings->target_count; i++) {
        const struct aks_copy *copy = aks_item_held(item, i);

        if (copy != NULL && !copy->rows)
            return copy;
    }
    return NULL;
}

/* What became of each copy of a mirror. */
static json_t *
mirror_json(const struct aks_run *run, const struct aks_item *item)
{
    json_t *copies = json_array();

    for (size_t i = 0; i < item->copy_count; i++) {
        const struct aks_copy *copy = &item->copies[i];
        const char *outcome = "failed";
        json_t *row;

        if (aks_item_copy_holds(copy))
            outcome = copy->state == AKS_COPY_STORED ? "stored" : "unchanged";
        else if (copy->state == AKS_COPY_SKIPPED || copy->state == AKS_COPY_WANTED)
            outcome = "skipped";
        row = json_pack("{s:s, s:s}", "target", run->settings->targets[copy->target].name,
            "outcome", outcome);
        if (aks_item_copy_holds(copy) && !copy->rows)
            (void)json_object_set_new(row, "key", json_string(copy->row.key));
        else if (copy->error.status != AKS_OK)
            (void)json_object_set_new(row, "error", error_json(&copy->error,
                run->settings->targets[copy->target].name));
        (void)json_array_append_new(copies, row);
    }
    return json_pack("{s:I, s:o}", "needed", (json_int_t)item->needed, "copies", copies);
}

static const char *
item_reason(const struct aks_item *item, const struct aks_copy *copy)
{
    if (item->state == AKS_ITEM_FAILED)
        return item->error.status != AKS_OK ? aks_status_name(item->error.status) : NULL;
    if (item->state == AKS_ITEM_STORED)
        return copy != NULL ? copy->codec_reason : NULL;
    return item->reason;
}

static json_t *
path_json(const struct aks_run *run, const char *path)
{
    const struct aks_alloc *alloc = run->engine->port->alloc;
    char *shown = aks_text_path(alloc, path);
    /* Better a path that is mended than none: the report says what became of whom. */
    json_t *text = shown != NULL ? json_string(shown) : aks_text_json(path);

    aks_mem_free(alloc, shown);
    return text;
}

/* The log that was stored with a database, and how both were had. */
static void
add_log(json_t *file, const struct aks_stored *row)
{
    const struct aks_stored_wal *wal = &row->wal;

    if (row->method != NULL)
        (void)json_object_set_new(file, "snapshot",
            json_pack("{s:s, s:b}", "method", row->method, "writer", row->writer));
    if (wal->key != NULL)
        (void)json_object_set_new(file, "wal",
            json_pack("{s:s, s:I, s:s, s:s, s:s?, s:I, s:s}", "key", wal->key, "bytes",
                (json_int_t)wal->bytes, "sha256", wal->sha256, "codec", wal->codec, "encryption",
                wal->encryption != AKS_ENCRYPTION_NONE ? AKS_ENCRYPTION_AGE_NAME : NULL,
                "stored_bytes",
                (json_int_t)wal->stored_bytes, "stored_sha256", wal->stored_sha256));
}

static json_t *
file_json(const struct aks_run *run, const struct aks_item *item)
{
    const struct aks_copy *copy = first_held(run, item);
    json_t *file = json_pack("{s:o, s:s, s:s, s:s, s:o, s:o, s:s?, s:I, s:s?, s:s?}", "source",
        path_json(run, item->source.path), "name", item->source.name, "kind",
        aks_source_kind_name(item->source.kind), "outcome", item_outcome(run, item), "targets",
        names_json(run, item), "pending", pending_json(run, item), "reason",
        item_reason(item, copy), "bytes",
        (json_int_t)(copy != NULL ? copy->row.bytes : item->source.info.bytes), "sha256",
        item->sha256[0] != '\0' ? item->sha256 : NULL, "codec",
        copy != NULL ? copy->row.codec : NULL);

    if (copy != NULL) {
        (void)json_object_set_new(file, "stored_bytes", json_integer(copy->row.stored_bytes));
        (void)json_object_set_new(file, "stored_sha256", json_string(copy->row.stored_sha256));
        (void)json_object_set_new(file, "key", json_string(copy->row.key));
        (void)json_object_set_new(file, "encryption",
            copy->row.encryption != AKS_ENCRYPTION_NONE ? json_string(AKS_ENCRYPTION_AGE_NAME)
            : json_null());
        add_log(file, &copy->row);
    }
    if (item->state == AKS_ITEM_FAILED && item->error.status != AKS_OK)
        (void)json_object_set_new(file, "message", aks_text_json(item->error.message));
    if (item->mirror)
        (void)json_object_set_new(file, "mirror", mirror_json(run, item));
    return file;
}

/* The first file that this run has left somewhere, be they enough or not. NULL if there is none. */
static const struct aks_copy *
first_sent(const struct aks_item *item)
{
    for (size_t i = 0; i < item->copy_count; i++) {
        const struct aks_copy *copy = &item->copies[i];

        if (copy->state == AKS_COPY_STORED && !copy->rows && aks_item_copy_holds(copy))
            return copy;
    }
    return NULL;
}

static void
add_name(json_t *uploaded, const char *key)
{
    (void)json_array_append_new(uploaded, json_string(strrchr(key, '/') + 1));
}

/* What this run has sent of ${copy}, by its names; gives the bytes that its target holds of it. */
static json_int_t
add_uploaded(json_t *uploaded, const struct aks_copy *copy)
{
    if (copy->sent[AKS_SNAPSHOT_MAIN])
        add_name(uploaded, copy->row.key);
    if (copy->sent[AKS_SNAPSHOT_WAL])
        add_name(uploaded, copy->row.wal.key);
    return copy->row.stored_bytes + copy->row.wal.stored_bytes;
}

/* Of a source with its log, as far as that is known. */
static json_int_t
source_bytes(const struct aks_run *run, const struct aks_item *item)
{
    const struct aks_copy *copy = first_held(run, item);

    return copy != NULL ? copy->row.bytes + copy->row.wal.bytes : item->source.info.bytes;
}

static void
add_files(const struct aks_run *run, json_t *report)
{
    json_t *files = json_array();
    json_t *uploaded = json_array();
    json_int_t source = 0;
    json_int_t stored = 0;

    for (size_t i = 0; i < run->item_count; i++) {
        const struct aks_item *item = &run->items[i];
        const struct aks_copy *copy = first_sent(item);

        if (item->source.path == NULL || item->source.name == NULL)
            continue;
        source += source_bytes(run, item);
        if (copy != NULL)
            stored += add_uploaded(uploaded, copy);
        (void)json_array_append_new(files, file_json(run, item));
    }
    (void)json_object_set_new(report, "files_uploaded", uploaded);
    (void)json_object_set_new(report, "bytes",
        json_pack("{s:I, s:I, s:I}", "source", source, "stored", stored, "sent",
            (json_int_t)run->sent_bytes));
    (void)json_object_set_new(report, "files", files);
}

static void
add_frame(const struct aks_run *run, json_t *report)
{
    const struct aks_clock *clock = &run->engine->port->clock;
    int64_t ms = (clock->now_ns(clock->ctx) - run->started_ns) / AKS_NS_PER_MS;
    char date[AKS_DATE_BYTES];

    (void)json_object_set_new(report, "policy",
        json_pack("{s:o, s:s}", "path", aks_text_json(run->settings->policy_path), "sha256",
            run->settings->policy_sha256));
    (void)json_object_set_new(report, "started_at",
        json_string(aks_date_iso(run->started_at_ms, date)));
    (void)json_object_set_new(report, "duration_s", json_real((double)ms / 1000));
}

json_t *
aks_run_report(const struct aks_run *run, const struct aks_error *run_error)
{
    int code;
    const struct aks_error *worst = worst_error(run, run_error, &code);
    int by = satisfied_by(run);
    const struct aks_target_settings *target = by >= 0 ? &run->settings->targets[by] : NULL;
    const char *upload_id = run->upload_id;
    json_t *budgets;
    json_t *report;

    if (by >= 0 && run->targets[by].upload_id[0] != '\0')
        upload_id = run->targets[by].upload_id;
    report = json_pack("{s:i, s:s, s:s, s:s, s:b, s:s, s:s, s:s?, s:i}", "schema", 1, "run_id",
        run->run_id, "upload_id", upload_id, "system_id", run->system_id, "success", code == 0,
        "outcome", run_outcome(run, run_error), "method",
        target != NULL ? aks_target_kind_method(target->kind) : "none", "target",
        target != NULL ? target->name : NULL, "exit_code", code);
    if (report == NULL)
        return NULL;
    (void)json_object_set_new(report, "job_id",
        run->job_written ? json_string(run->job_id) : json_null());
    (void)json_object_set_new(report, "targets", targets_json(run));
    add_files(run, report);
    (void)json_object_set_new(report, "error", error_json(worst, target_of(run, worst)));
    add_frame(run, report);
    if (run->options->dry_run)
        (void)json_object_set_new(report, "dry_run", json_true());
    (void)json_object_set(report, "decisions", run->ask.decisions);
    budgets = aks_run_budget_json(run);
    if (budgets != NULL)
        (void)json_object_set_new(report, "budgets", budgets);
    if (run->ask.now.known)
        (void)json_object_set_new(report, "history", aks_now_history_json(&run->ask.now));
    if (run->ask.dropped > 0)
        (void)json_object_set_new(report, "decisions_dropped", json_integer(run->ask.dropped));
    (void)json_object_set(report, "asked", run->ask.asked);
    if (run->ask.asked_dropped > 0)
        (void)json_object_set_new(report, "asked_dropped", json_integer(run->ask.asked_dropped));
    return report;
}
