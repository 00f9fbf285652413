/* An upload to a target that takes rows: source by source, batch by batch. What was acknowledged is
 * noted before anything more is sent, so whoever is killed goes on behind it. */
#include "engine/run_push_internal.h"

#include "engine/audit_note.h"
#include "engine/text.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

/* How long the end of a session may take, and where somebody waits for the run to end. */
#define LEAVE_MS (2 * AKS_MS_PER_S)
#define LEAVE_INTERRUPTED_MS 300

static struct aks_run_pushed *
told(const struct upload *upload)
{
    return &upload->run->targets[upload->index].pushed;
}

/* --- how far it is there ---------------------------------------------------------------------- */

/* Of this source only; the others go. */
static enum aks_status
load_marks(struct push *push, struct aks_error *err)
{
    struct aks_run *run = push->upload->run;
    const struct aks_alloc *alloc = run->engine->port->alloc;
    struct aks_memories_mark *marks = NULL;
    size_t count = 0;
    size_t left = 0;
    enum aks_status status;

    aks_memories_marks_free(alloc, push->marks, push->mark_count);
    push->marks = NULL;
    push->mark_count = 0;
    status = aks_state_memories_all(run->engine->state, run->targets[push->upload->index].identity,
        &marks, &count, err);
    if (status != AKS_OK)
        return status;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(marks[i].source, push->copy->item->source.path) == 0)
            marks[left++] = marks[i];
        else
            aks_memories_mark_fini(alloc, &marks[i]);
    }
    push->marks = marks;
    push->mark_count = left;
    return AKS_OK;
}

/* ${table} is there up to ${cursor}, which both are borrowed. */
static enum aks_status
put_mark(struct push *push, char *table, const struct aks_memories_cursor *cursor,
    int64_t all_at_ms, struct aks_error *err)
{
    struct aks_run *run = push->upload->run;
    struct aks_memories_mark mark = { 0 };

    mark.source = push->copy->item->source.path;
    mark.table = table;
    mark.cursor = *cursor;
    mark.all_at_ms = all_at_ms;
    return aks_state_memories_put(run->engine->state, run->targets[push->upload->index].identity,
        &mark, 1, err);
}

static const struct aks_memories_mark *
mark_of(const struct push *push, const char *table)
{
    for (size_t i = 0; i < push->mark_count; i++) {
        if (strcmp(push->marks[i].table, table) == 0)
            return &push->marks[i];
    }
    return NULL;
}

/* Once in a month all rows go again: so those come which have appeared in front of the cursor, as
 * their time stamps are older. The cursor itself is set back, and goes on from there whoever dies;
 * what is there already counts as stored. */
static enum aks_status
begin_again(struct push *push, struct aks_error *err)
{
    const struct aks_alloc *alloc = push->upload->run->engine->port->alloc;
    enum aks_status status = AKS_OK;

    for (size_t i = 0; i < push->mark_count && status == AKS_OK; i++) {
        struct aks_memories_mark *mark = &push->marks[i];

        if (mark->cursor.id == NULL || !aks_memories_all_due(mark, push->wall_ms))
            continue;
        aks_memories_cursor_fini(alloc, &mark->cursor);
        mark->all_at_ms = -push->wall_ms;
        status = put_mark(push, mark->table, &mark->cursor, mark->all_at_ms, err);
    }
    return status;
}

enum aks_status
aks_run_push_put(struct push *push, size_t count, struct aks_error *err)
{
    const struct aks_memories_mark *mark;
    const struct aks_memories_push *last;

    /* Rows behind which the cursor does not move may be the last. */
    while (count > 0 && push->rows[count - 1].cursor.id == NULL)
        count--;
    if (count == 0)
        return AKS_OK;
    last = &push->rows[count - 1];
    mark = mark_of(push, last->table);
    return put_mark(push, last->table, &last->cursor, aks_memories_all_at(mark,
        mark == NULL || mark->cursor.id == NULL, true, push->wall_ms), err);
}

/* Behind the last row that was sent may come some that were left out. */
static enum aks_status
put_ends(struct push *push, struct aks_error *err)
{
    enum aks_status status = AKS_OK;

    for (size_t i = 0; i < push->taken.count && status == AKS_OK; i++) {
        const struct aks_memories_taken *taken = &push->taken.tables[i];

        status = put_mark(push, taken->table, &taken->to,
            aks_memories_all_at(mark_of(push, taken->table), taken->after.id == NULL,
                aks_memories_more(taken), push->wall_ms), err);
    }
    return status;
}

static bool
more_to_come(const struct push *push)
{
    for (size_t i = 0; i < push->taken.count; i++) {
        if (aks_memories_more(&push->taken.tables[i]))
            return true;
    }
    return false;
}

/* Behind a part of this copy each next one goes on. One that cannot would be the same part, and the
 * copy would never end. */
static enum aks_status
goes_on(const struct push *push, struct aks_error *err)
{
    for (size_t i = 0; i < push->taken.count; i++) {
        const char *table = push->taken.tables[i].table;

        if (!aks_memories_went_back(mark_of(push, table), &push->taken.tables[i]))
            continue;
        (void)aks_error_set(err, AKS_SOURCE_UNREADABLE, "source %s: table %s has more than %d rows "
            "to send, and cannot be read on from the last that was sent: its id or time stamp "
            "makes no value of its column", push->copy->item->source.path, table,
            (int)AKS_PUSH_ROWS_MAX);
        aks_error_hint(err, "name other columns as `id` and `at` in the policy's `memories`");
        return AKS_SOURCE_UNREADABLE;
    }
    return AKS_OK;
}

static void
note_taken(struct push *push)
{
    struct aks_run_pushed *note = told(push->upload);

    for (size_t i = 0; i < AKS_MEMORIES_ROW_SKIPS; i++)
        note->left_out += push->taken.skipped[i];
    (void)snprintf(note->reader, sizeof(note->reader), "%s", push->taken.reader);
}

/* --- one source ------------------------------------------------------------------------------- */

/* A failure of the state or of the disk: not the target's, and not the source's. */
static enum aks_status
fail_upload(struct push *push, const struct aks_error *err)
{
    return aks_run_upload_failed(push->upload, err, AKS_NEXT_TARGET);
}

/* The batches of one scratch file. A failure is in upload->outcome. */
static enum aks_status
send_file(struct push *push)
{
    struct upload *upload = push->upload;
    struct aks_error err;
    enum aks_status status;

    for (;;) {
        if (aks_run_push_batch_next(push, &err) != AKS_OK)
            return fail_upload(push, &err);
        if (push->count == 0)
            break;
        if (upload->run->targets[upload->index].link.meter != NULL &&
            aks_run_budget_ends(upload->run, upload->index, &err))
            return fail_upload(push, &err);
        status = aks_run_push_batch_send(push);
        if (status != AKS_OK)
            return status;
        if (aks_run_push_put(push, push->count, &err) != AKS_OK)
            return fail_upload(push, &err);
    }
    return put_ends(push, &err) == AKS_OK ? AKS_OK : fail_upload(push, &err);
}

/* What is noted of a source whose rows are all there: as of which bytes. */
static enum aks_status
record_row(struct push *push, struct aks_error *err)
{
    static char nothing[1];
    static char none[] = "none";
    struct aks_run *run = push->upload->run;
    struct aks_item *item = push->copy->item;
    const struct aks_alloc *alloc = run->engine->port->alloc;
    const struct aks_snapshot *snapshot = item->snapshot;
    const struct aks_clock *clock = &run->engine->port->clock;
    const char *identity = run->targets[push->upload->index].identity;
    struct aks_stored row = { 0 };
    enum aks_status status;

    row.source = item->source.path;
    row.name = item->source.name;
    row.kind = (char *)(uintptr_t)aks_source_kind_name(item->source.kind);
    row.key = nothing;
    row.upload_id = push->upload->upload_id;
    row.bytes = snapshot->files[AKS_SNAPSHOT_MAIN].bytes;
    row.codec = none;
    row.taken_at_ms = snapshot->taken_at_ms;
    row.stored_at_ms = clock->wall_ms(clock->ctx);
    row.checked_at_ms = row.stored_at_ms;
    row.method = (char *)(uintptr_t)snapshot->method;
    row.writer = snapshot->writer;
    (void)snprintf(row.sha256, sizeof(row.sha256), "%s", item->sha256);
    (void)snprintf(row.stored_sha256, sizeof(row.stored_sha256), "%s", item->sha256);
    if (item->wal_sha256[0] != '\0') {
        row.wal.key = nothing;
        row.wal.bytes = snapshot->files[AKS_SNAPSHOT_WAL].bytes;
        row.wal.codec = none;
        (void)snprintf(row.wal.sha256, sizeof(row.wal.sha256), "%s", item->wal_sha256);
        (void)snprintf(row.wal.stored_sha256, sizeof(row.wal.stored_sha256), "%s",
            item->wal_sha256);
    }
    aks_item_stamp(item, &row);
    status = aks_state_stored_put(run->engine->state, identity, &row, 1, err);
    if (status != AKS_OK)
        return status;
    aks_stored_fini(alloc, &push->copy->row);
    return aks_state_stored_get(run->engine->state, identity, row.source, &push->copy->row, err);
}

/* All of it is there. */
static enum aks_status
settle(struct push *push)
{
    struct aks_run *run = push->upload->run;
    struct aks_item *item = push->copy->item;
    struct aks_error err;

    if (item->snapshot->in_place && !aks_snapshot_still(run->engine->port, item->snapshot)) {
        (void)aks_error_set(&push->copy->error, AKS_SOURCE_CHANGED,
            "source %s: changed while its rows were read", item->source.path);
        aks_run_snapshot_outrun(run, item);
        return AKS_OK;
    }
    if (record_row(push, &err) != AKS_OK)
        return fail_upload(push, &err);
    push->copy->state = AKS_COPY_STORED;
    run->progress.files_done++;
    return AKS_OK;
}

/* It was looked for, and there is no row, nor was there one. Without a table that memories could
 * come from, or where somebody else takes its file, that is all that can be brought of it. */
static bool
has_no_rows(const struct push *push)
{
    const struct aks_item *item = push->copy->item;
    bool files = false;

    for (size_t i = 0; i < item->copy_count; i++)
        files = files || !item->copies[i].rows;
    return push->mark_count == 0 && push->taken.count == 0 && (push->taken.found == 0 || files);
}

static void
refuse_copy(struct push *push)
{
    struct aks_copy *copy = push->copy;

    (void)aks_error_set(&copy->error, AKS_NOT_FOUND, "%s: %s has no %s",
        push->upload->settings->name, copy->item->source.name, push->taken.found > 0
        ? "rows yet that memories come from" : "table that memories come from");
    if (push->taken.found == 0)
        aks_error_hint(&copy->error, "name its columns in the policy's `memories`, or give the "
            "route a target that takes files");
}

/* Does ${status} end the run, or this upload, and not only this copy? */
static bool
ends_upload(const struct aks_run *run, enum aks_status status)
{
    return status == AKS_CANCELLED || status == AKS_POLICY ||
        run->ask.policy_error.status != AKS_OK;
}

/* Everything new of push->copy. What concerns the source alone goes into its error. */
static enum aks_status
push_copy(struct push *push)
{
    struct upload *upload = push->upload;
    struct aks_copy *copy = push->copy;
    const struct aks_clock *clock = &upload->run->engine->port->clock;
    struct aks_error err;
    enum aks_status status = aks_run_compare_digest(upload->run, copy, &err);
    bool first = true;

    push->wall_ms = clock->wall_ms(clock->ctx);
    while (status == AKS_OK && (first || more_to_come(push))) {
        aks_run_push_export_end(push);
        status = load_marks(push, &err);
        if (status == AKS_OK && first)
            status = begin_again(push, &err);
        if (status == AKS_OK)
            status = aks_run_push_export(push, &err);
        if (status == AKS_OK && !first)
            status = goes_on(push, &err);
        if (status != AKS_OK)
            break;
        note_taken(push);
        if (first && has_no_rows(push)) {
            refuse_copy(push);
            return AKS_OK;
        }
        first = false;
        if (send_file(push) != AKS_OK)
            return upload->outcome.status;
    }
    if (status == AKS_OK)
        return settle(push);
    if (ends_upload(upload->run, status))
        return aks_run_upload_failed(upload, &err, AKS_GIVE_UP);
    if (aks_run_walk_of_source(status))
        aks_run_walk_refused(copy, &err);
    copy->error = err;
    return AKS_OK;
}

/* --- all of them ------------------------------------------------------------------------------ */

/* Servers keep sessions for ever by default, so the end of each is told, whatever it ends with. */
static void
leave(struct upload *upload)
{
    struct aks_run *run = upload->run;
    struct call call = { 0 };
    bool hurried = atomic_load(&run->engine->interrupted) != 0;

    upload->class->rows->leave(upload->target, hurried ? LEAVE_INTERRUPTED_MS : LEAVE_MS,
        aks_run_upload_called, &call);
    while (!call.done) {
        if (aks_loop_turn(&run->engine->loop, NULL) != AKS_OK)
            break;
    }
}

static void
audit(struct upload *upload)
{
    const struct aks_run *run = upload->run;
    const struct aks_run_pushed *note = told(upload);

    if (note->stored + note->there + note->refused == 0)
        return;
    aks_audit_note_or_warn(run->engine, "memories_sent",
        json_pack("{s:s, s:s, s:s, s:I, s:I, s:I}", "run_id", run->run_id, "system_id",
            run->system_id, "target", upload->settings->name, "stored", (json_int_t)note->stored,
            "there", (json_int_t)note->there, "refused", (json_int_t)note->refused));
}

enum aks_status
aks_run_push(struct upload *upload)
{
    struct push push = { .upload = upload };
    const struct aks_alloc *alloc = upload->run->engine->port->alloc;
    struct aks_outcome outcome;
    struct aks_error err;
    enum aks_status status = AKS_OK;

    aks_outcome_ok(&upload->outcome);
    if (aks_run_push_batch_init(&push, &err) != AKS_OK)
        status = fail_upload(&push, &err);
    for (size_t i = 0; i < upload->count && status == AKS_OK; i++) {
        push.copy = upload->copies[i];
        if (push.copy->state != AKS_COPY_OPEN)
            continue;
        upload->run->progress.source = push.copy->item->source.name;
        status = push_copy(&push);
        aks_run_push_export_end(&push);
    }
    upload->run->progress.source = NULL;
    outcome = upload->outcome;
    leave(upload);                      /* first: what is under way has been lent the batch */
    upload->outcome = outcome;
    aks_run_push_batch_fini(&push);
    aks_memories_marks_free(alloc, push.marks, push.mark_count);
    audit(upload);
    return status;
}
