/* A scratch file of memories, in batches, and what becomes of each. What a server refuses as a
 * whole for something in it is halved until the one memory is found that it is about. */
#include "base/check.h"
#include "engine/run_push_internal.h"

#include <stdio.h>
#include <string.h>

/* Read at once. */
#define READ_BYTES ((size_t)1024 * 1024)

_Static_assert(AKS_PUSH_BATCH_BYTES_MIN > AKS_ROWS_ENVELOPE_BYTES, "more than what is around it");

static struct aks_run_pushed *
told(const struct push *push)
{
    return &push->upload->run->targets[push->upload->index].pushed;
}

enum aks_status
aks_run_push_batch_init(struct push *push, struct aks_error *err)
{
    const struct aks_alloc *alloc = push->upload->run->engine->port->alloc;

    push->batch_bytes = AKS_ROWS_BATCH_BYTES_MAX;
    aks_buf_init(&push->lines, alloc, AKS_MEMORIES_PUSH_BYTES_MAX + READ_BYTES);
    aks_buf_init(&push->items, alloc, AKS_ROWS_BATCH_BYTES_MAX);
    aks_buf_init(&push->retried, alloc, AKS_ROWS_BATCH_BYTES_MAX);
    push->rows = aks_mem_array(alloc, AKS_ROWS_BATCH_MAX, sizeof(*push->rows));
    push->memories = aks_mem_array(alloc, AKS_ROWS_BATCH_MAX, sizeof(*push->memories));
    push->spans = aks_mem_array(alloc, AKS_ROWS_BATCH_MAX, sizeof(*push->spans));
    if (push->rows == NULL || push->memories == NULL || push->spans == NULL)
        return aks_error_memory(err, "bringing memories");
    return AKS_OK;
}

static void
forget_batch(struct push *push)
{
    const struct aks_alloc *alloc = push->upload->run->engine->port->alloc;

    for (size_t i = 0; i < push->count; i++)
        aks_memories_push_fini(alloc, &push->rows[i]);
    push->count = 0;
    push->known = 0;
    push->retrying = false;
    aks_buf_reset(&push->items);
}

void
aks_run_push_batch_fini(struct push *push)
{
    const struct aks_alloc *alloc = push->upload->run->engine->port->alloc;

    forget_batch(push);
    aks_buf_fini(&push->lines);
    aks_buf_fini(&push->items);
    aks_buf_fini(&push->retried);
    aks_mem_free(alloc, push->rows);
    aks_mem_free(alloc, push->memories);
    aks_mem_free(alloc, push->spans);
}

/* --- reading ---------------------------------------------------------------------------------- */

/* More of the file behind what is there; *ret_more false at its end. */
static enum aks_status
read_more(struct push *push, bool *ret_more, struct aks_error *err)
{
    const struct aks_files *files = &push->upload->run->engine->port->files;
    struct aks_buf *lines = &push->lines;
    char block[16 * 1024];
    size_t len = 0;
    enum aks_status status;

    if (push->line_at > 0) {
        memmove(lines->data, lines->data + push->line_at, lines->len - push->line_at);
        lines->len -= push->line_at;
        push->line_at = 0;
    }
    *ret_more = false;
    for (size_t have = 0; have < READ_BYTES && push->offset < push->bytes; have += len) {
        status = files->read(push->file, push->offset, block, sizeof(block), &len, err);
        if (status == AKS_OK && len == 0)
            status = aks_error_set(err, AKS_STATE, "a scratch file has become shorter");
        if (status != AKS_OK)
            return status;
        push->offset += (int64_t)len;
        aks_buf_append(lines, block, len);
        *ret_more = true;
    }
    return aks_buf_status(lines, "a memory", err);
}

/* The next line, which stays where it is until more is read; *ret_line NULL at the end. */
static enum aks_status
next_line(struct push *push, const char **ret_line, size_t *ret_len, struct aks_error *err)
{
    bool more = true;

    *ret_line = NULL;
    while (more) {
        const char *start = push->lines.data + push->line_at;
        size_t there = push->lines.len - push->line_at;
        const char *end = there > 0 ? memchr(start, '\n', there) : NULL;
        enum aks_status status;

        if (end != NULL) {
            *ret_line = start;
            *ret_len = (size_t)(end - start);
            return AKS_OK;
        }
        status = read_more(push, &more, err);
        if (status != AKS_OK)
            return status;
    }
    return AKS_OK;
}

static void
note_refused(struct push *push, const char *id, const char *words)
{
    struct aks_run_pushed *note = told(push);

    note->refused++;
    if (note->refused_words[0] == '\0')
        (void)snprintf(note->refused_words, sizeof(note->refused_words), "%s: %s", id, words);
    aks_log_write(push->upload->run->engine->log, AKS_LOG_WARNING,
        "%s: memory %s of %s is not taken, and not sent again: %s", push->upload->settings->name,
        id, push->copy->item->source.name, words);
}

/* Does ${row} still go into the batch that is being made? */
static bool
has_room(const struct push *push, const struct aks_memories_push *row)
{
    return push->count < AKS_ROWS_BATCH_MAX && (push->count == 0 ||
        (strcmp(row->table, push->rows[0].table) == 0 &&
            push->items.len + 1 + row->memory_bytes + AKS_ROWS_ENVELOPE_BYTES <=
            push->batch_bytes));
}

static void
add_row(struct push *push, const struct aks_memories_push *row)
{
    if (push->count > 0)
        aks_buf_putc(&push->items, ',');
    push->spans[push->count] = (struct item_span) { push->items.len, row->memory_bytes };
    aks_buf_append(&push->items, row->memory, row->memory_bytes);
    push->rows[push->count] = *row;
    push->rows[push->count].memory = NULL;
    push->memories[push->count] = (struct aks_store_memory) { .id = row->memory_id };
    push->count++;
}

enum aks_status
aks_run_push_batch_next(struct push *push, struct aks_error *err)
{
    const struct aks_alloc *alloc = push->upload->run->engine->port->alloc;

    forget_batch(push);
    for (;;) {
        struct aks_memories_push row;
        const char *line;
        size_t len;
        enum aks_status status = next_line(push, &line, &len, err);

        if (status != AKS_OK || line == NULL)
            return status != AKS_OK ? status : aks_buf_status(&push->items, "a batch", err);
        status = aks_memories_push_read(alloc, line, len, &row, err);
        if (status != AKS_OK)
            return status;
        if (row.memory_bytes + AKS_ROWS_ENVELOPE_BYTES > AKS_ROWS_BATCH_BYTES_MAX) {
            note_refused(push, row.memory_id, "it is longer than a request may be");
            aks_memories_push_fini(alloc, &row);
        } else if (has_room(push, &row)) {
            add_row(push, &row);
        } else {
            aks_memories_push_fini(alloc, &row);
            return aks_buf_status(&push->items, "a batch", err);
        }
        push->line_at += len + 1;
    }
}

/* --- sending ---------------------------------------------------------------------------------- */

static enum aks_status
send_once(struct push *push, const struct aks_rows_batch *batch, struct aks_rows_result *result)
{
    struct upload *upload = push->upload;
    struct call call = { 0 };

    upload->class->rows->push(upload->target, batch, result, aks_run_upload_called, &call);
    return aks_run_upload_wait(upload, &call);
}

/* A smaller body may be taken: so are those of the batches that follow. */
static void
learn_size(struct push *push, size_t len)
{
    if (push->batch_bytes > len / 2)
        push->batch_bytes = len / 2;
    if (push->batch_bytes < AKS_PUSH_BATCH_BYTES_MIN)
        push->batch_bytes = AKS_PUSH_BATCH_BYTES_MIN;
}

static void
count_fates(struct push *push, size_t from, size_t count)
{
    struct aks_run_pushed *note = told(push);

    for (size_t i = from; i < from + count; i++) {
        const struct aks_store_memory *memory = &push->memories[i];

        note->stored += memory->fate == AKS_STORE_STORED;
        note->there += memory->fate == AKS_STORE_THERE;
        if (memory->fate == AKS_STORE_REFUSED)
            note_refused(push, memory->id, memory->words);
    }
}

/* A part of a batch has come to its end: what is known in front is noted, as that of a whole batch
 * is. */
static enum aks_status
note_part(struct push *push, size_t from, size_t count)
{
    size_t before = push->known;
    struct aks_error err;

    for (size_t i = from; i < from + count && push->known == i && !push->retrying; i++)
        push->known += push->memories[i].fate != AKS_STORE_FAILED;
    if (push->known == before || count == push->count ||
        aks_run_push_put(push, push->known, &err) == AKS_OK)
        return AKS_OK;
    return aks_run_upload_failed(push->upload, &err, AKS_NEXT_TARGET);
}

/* One memory is too much for the server. If it is no larger than any may be it is the limit that is
 * wrong, which passes: nothing may be left behind for it. */
static enum aks_status
refuse_large(struct push *push, size_t from, size_t len)
{
    struct aks_error err;

    if (len > AKS_PUSH_BATCH_BYTES_MIN)
        return AKS_OK;
    (void)aks_error_set(&err, AKS_TOO_LARGE, "%s: memory %s of %s is %zu bytes long, and %s",
        push->upload->settings->name, push->memories[from].id, push->copy->item->source.name, len,
        push->memories[from].words);
    aks_error_hint(&err, "let the server, and a proxy in front of it (nginx: "
        "client_max_body_size), take requests of 4 MiB");
    return aks_run_upload_failed(push->upload, &err, AKS_NEXT_TARGET);
}

/* Brings memories ${from} to ${from} + ${count}, and counts those of which it is known then what
 * becomes of them: all but the failed. */
static enum aks_status
send_range(struct push *push, size_t from, size_t count)
{
    const struct item_span *last = &push->spans[from + count - 1];
    struct aks_rows_batch batch = { 0 };
    struct aks_rows_result result;
    enum aks_status status;

    batch.items = push->items.data + push->spans[from].at;
    batch.len = last->at + last->len - push->spans[from].at;
    batch.memories = push->memories + from;
    batch.count = count;
    batch.source = push->copy->item->source.name;
    status = send_once(push, &batch, &result);
    if (status != AKS_OK)
        return status;
    if (!result.refused) {
        count_fates(push, from, count);
        return note_part(push, from, count);
    }
    if (result.too_large)
        learn_size(push, batch.len);
    if (count > 1) {
        status = send_range(push, from, count / 2);
        return status != AKS_OK ? status
            : send_range(push, from + count / 2, count - count / 2);
    }
    push->memories[from].fate = AKS_STORE_REFUSED;
    (void)snprintf(push->memories[from].words, sizeof(push->memories[from].words), "%s",
        result.words);
    if (result.too_large)
        status = refuse_large(push, from, batch.len);
    if (status != AKS_OK)
        return status;
    count_fates(push, from, 1);
    return note_part(push, from, 1);
}

/* Those that failed, together in front; how many. */
static size_t
gather_failed(struct push *push)
{
    size_t count = 0;

    aks_buf_reset(&push->retried);
    for (size_t i = 0; i < push->count; i++) {
        struct item_span span = push->spans[i];
        struct aks_store_memory memory = push->memories[i];

        if (memory.fate != AKS_STORE_FAILED)
            continue;
        if (count > 0)
            aks_buf_putc(&push->retried, ',');
        push->spans[count] = (struct item_span) { push->retried.len, span.len };
        aks_buf_append(&push->retried, push->items.data + span.at, span.len);
        push->memories[count++] = memory;
    }
    return count;
}

/* A server that took others of the batch and fails again with the same words does not want these,
 * whatever its words are: they would be in the way for ever. */
static bool
same_again(const struct push *push, size_t count, const char *words)
{
    for (size_t i = 0; i < count; i++) {
        if (push->memories[i].fate != AKS_STORE_FAILED ||
            strcmp(push->memories[i].words, words) != 0)
            return false;
    }
    return true;
}

/* Some failed for reasons that may be the server's: once more, by themselves. */
static enum aks_status
send_failed(struct push *push, size_t count)
{
    char words[AKS_JSONRPC_WORDS_BYTES];
    struct aks_buf items = push->items;
    enum aks_status status;

    push->retrying = true;
    /* The rows' texts stay where they are: ids are borrowed from them. */
    push->items = push->retried;
    push->retried = items;
    (void)snprintf(words, sizeof(words), "%s", push->memories[0].words);
    status = send_range(push, 0, count);
    if (status != AKS_SERVER || !same_again(push, count, words))
        return status;
    for (size_t i = 0; i < count; i++)
        push->memories[i].fate = AKS_STORE_REFUSED;
    count_fates(push, 0, count);
    aks_outcome_ok(&push->upload->outcome);
    return AKS_OK;
}

enum aks_status
aks_run_push_batch_send(struct push *push)
{
    size_t before = push->count;
    enum aks_status status = send_range(push, 0, push->count);
    size_t failed;

    while (status == AKS_OK && (failed = gather_failed(push)) > 0) {
        AKS_CHECK(failed < before);     /* else the target itself has failed */
        before = failed;
        if (push->retried.failed != AKS_OK) {
            struct aks_error err;

            (void)aks_buf_status(&push->retried, "a batch", &err);
            return aks_run_upload_failed(push->upload, &err, AKS_NEXT_TARGET);
        }
        status = send_failed(push, failed);
        if (status == AKS_OK) {
            /* What is left of them, in the order in which they were gathered. */
            for (size_t i = failed; i < push->count; i++)
                push->memories[i].fate = AKS_STORE_STORED;
        }
    }
    return status;
}
