/* What is read for the memories of an upload: from which sources, from where on, and what became of
 * it. */
#include "base/check.h"
#include "engine/run_memories_internal.h"
#include "engine/text.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

static const char doing[] = "making memories of rows";

static void
source_fini(const struct aks_alloc *alloc, struct memories_source *source)
{
    aks_mem_free(alloc, source->path);
    aks_mem_free(alloc, source->source_name);
    aks_mem_free(alloc, source->name);
    for (int role = 0; role < AKS_SNAPSHOT_ROLES; role++)
        aks_mem_free(alloc, source->snapshot.files[role].path);
    aks_mem_free(alloc, source->after);
    aks_memories_result_fini(&source->result);
}

void
aks_run_memories_free(struct memories *memories)
{
    const struct aks_alloc *alloc = memories->port->alloc;
    const struct aks_files *files = &memories->port->files;

    if (memories->path != NULL)
        (void)files->unlink(files->ctx, memories->path, NULL);
    aks_mem_free(alloc, memories->path);
    aks_memories_marks_free(alloc, memories->begun, memories->begun_count);
    aks_memories_marks_free(alloc, memories->marks, memories->mark_count);
    for (size_t i = 0; i < memories->source_count; i++)
        source_fini(alloc, &memories->sources[i]);
    aks_mem_free(alloc, memories->sources);
    aks_buf_fini(&memories->text);
    aks_manifest_memories_fini(alloc, &memories->manifest);
    aks_mem_free(alloc, memories);
}

/* --- the plan --------------------------------------------------------------------------------- */

/* Are rows of ${source} still owed of a time when all were to go? More than a file may hold go in
 * turn, and none again before the last has gone; but nobody waits for a table that is gone longer
 * than until all are due again. */
static bool
is_under_way(const struct memories *memories, const struct memories_source *source)
{
    for (size_t i = 0; i < memories->mark_count; i++) {
        if (strcmp(memories->marks[i].source, source->path) == 0 &&
            memories->marks[i].all_at_ms < 0 &&
            !aks_memories_all_due(&memories->marks[i], memories->wall_ms))
            return true;
    }
    return false;
}

/* The marks of one source behind which rows are new; those of tables that are due as a whole are
 * left out. */
static bool
choose_marks(const struct memories *memories, struct memories_source *source)
{
    const struct aks_memories_settings *settings = &memories->run->settings->memories;
    bool new = settings->mode == AKS_MEMORIES_NEW || is_under_way(memories, source);

    source->after = aks_mem_array(memories->port->alloc, memories->mark_count + 1,
        sizeof(*source->after));
    if (source->after == NULL)
        return false;
    for (size_t i = 0; i < memories->mark_count && new; i++) {
        const struct aks_memories_mark *mark = &memories->marks[i];

        if (strcmp(mark->source, source->path) == 0 &&
            !aks_memories_all_due(mark, memories->wall_ms))
            source->after[source->after_count++] = *mark;
    }
    return true;
}

static bool
copy_snapshot(const struct aks_alloc *alloc, const struct aks_snapshot *from,
    struct aks_snapshot *to)
{
    to->alloc = alloc;
    to->kind = from->kind;
    to->in_place = from->in_place;
    for (int role = 0; role < AKS_SNAPSHOT_ROLES; role++) {
        to->files[role].there = from->files[role].there;
        to->files[role].bytes = from->files[role].bytes;
        to->files[role].path = aks_mem_strdup(alloc, from->files[role].path);
        if (from->files[role].path != NULL && to->files[role].path == NULL)
            return false;
        to->sources[role] = from->sources[role];
    }
    return true;
}

static bool
fill_source(const struct memories *memories, const struct aks_copy *copy,
    struct memories_source *source)
{
    const struct aks_alloc *alloc = memories->port->alloc;

    source->path = aks_mem_strdup(alloc, copy->row.source);
    source->source_name = aks_text_path(alloc, copy->row.source);
    source->name = aks_mem_strdup(alloc, copy->row.name);
    return source->path != NULL && source->source_name != NULL && source->name != NULL &&
        copy_snapshot(alloc, copy->item->snapshot, &source->snapshot) &&
        choose_marks(memories, source);
}

enum aks_status
aks_run_memories_plan(struct memories *memories, struct aks_error *err)
{
    const struct upload *upload = memories->upload;
    struct aks_run *run = memories->run;
    enum aks_status status = aks_state_memories_all(run->engine->state,
        run->targets[upload->index].identity, &memories->marks, &memories->mark_count, err);

    if (status != AKS_OK)
        return status;
    memories->sources = aks_mem_array(memories->port->alloc, upload->count + 1,
        sizeof(*memories->sources));
    if (memories->sources == NULL)
        return aks_error_memory(err, doing);
    for (size_t i = 0; i < upload->count; i++) {
        const struct aks_copy *copy = upload->copies[i];

        if (copy->state != AKS_COPY_STORED || copy->item == NULL || copy->item->snapshot == NULL ||
            copy->item->snapshot->kind == AKS_SOURCE_FILE)
            continue;
        if (!fill_source(memories, copy, &memories->sources[memories->source_count++]))
            return aks_error_memory(err, doing);
    }
    return AKS_OK;
}

/* --- on a worker ------------------------------------------------------------------------------ */

static bool
stopped(void *ctx)
{
    struct memories *memories = ctx;

    return atomic_load(&memories->stop) ||
        atomic_load(&memories->run->engine->interrupted) != 0;
}

static void
make_source(struct memories *memories, struct memories_source *source,
    struct aks_memories_file *file)
{
    struct aks_memories_options options = { 0 };

    options.port = memories->port;
    options.scratch = memories->run->engine->snapshot_folder;
    options.snapshot = &source->snapshot;
    options.source_name = source->name;
    options.system_id = memories->system_id;
    options.settings = &memories->run->settings->memories;
    options.after = source->after;
    options.after_count = source->after_count;
    options.wall_ms = memories->wall_ms;
    options.rows_max = AKS_MEMORIES_ROWS_MAX - memories->rows;
    options.stopped = stopped;
    options.ctx = memories;
    /* What has no room waits: its cursor stays. */
    if (options.rows_max > 0 &&
        aks_memories_export(&options, file, &source->result, &source->error) == AKS_OK)
        aks_error_clear(&source->error);
    memories->rows += source->result.rows;
}

void
aks_run_memories_make(void *arg)
{
    struct memories *memories = arg;
    const struct aks_files *files = &memories->port->files;
    struct aks_memories_file *file = NULL;
    enum aks_status status;

    /* Of an earlier process that was killed. */
    (void)files->unlink(files->ctx, memories->path, NULL);
    status = aks_memories_file_new(memories->port, memories->path, AKS_MEMORIES_DOCUMENT, &file,
        &memories->error);
    for (size_t i = 0; i < memories->source_count && status == AKS_OK; i++)
        make_source(memories, &memories->sources[i], file);
    if (status == AKS_OK)
        status = aks_memories_file_end(file, &memories->bytes, &memories->error);
    if (status == AKS_OK)
        aks_error_clear(&memories->error);
    aks_memories_file_free(file);
}

/* --- what came of it -------------------------------------------------------------------------- */

static enum aks_status
list_tables(struct memories *memories, const struct memories_source *source,
    struct aks_error *err)
{
    enum aks_status status = AKS_OK;

    for (size_t i = 0; i < source->result.count && status == AKS_OK; i++) {
        const struct aks_memories_taken *taken = &source->result.tables[i];
        struct aks_manifest_table table = { source->source_name, taken->table, taken->after.at,
            taken->after.id, taken->to.at, taken->to.id, taken->rows, !taken->more };

        status = aks_manifest_memories_add(memories->port->alloc, &memories->manifest, &table,
            err);
    }
    return status;
}

static void
tell(const struct memories *memories, const struct memories_source *source)
{
    struct aks_run_memories_told *told = &memories->run->targets[memories->upload->index].memories;

    told->tried = true;
    told->rows += source->result.rows;
    for (int skip = 0; skip < AKS_MEMORIES_SKIPS; skip++)
        told->skipped[skip] += source->result.skipped[skip];
    if (source->result.reader[0] != '\0')
        (void)snprintf(told->reader, sizeof(told->reader), "%s", source->result.reader);
    if (source->error.status == AKS_OK)
        return;
    aks_log_write(memories->run->engine->log, AKS_LOG_INFO, "%s: its rows are not sent: %s",
        source->name, source->error.message);
    if (told->error.status == AKS_OK) {
        told->error = source->error;
        (void)snprintf(told->source, sizeof(told->source), "%s", source->name);
    }
}

enum aks_status
aks_run_memories_list(struct memories *memories, struct aks_error *err)
{
    struct aks_run_memories_told *told = &memories->run->targets[memories->upload->index].memories;
    enum aks_status status = AKS_OK;

    memset(told, 0, sizeof(*told));
    for (size_t i = 0; i < memories->source_count && status == AKS_OK; i++) {
        /* A file that could not be written is as good as none. */
        if (memories->error.status != AKS_OK) {
            aks_memories_result_fini(&memories->sources[i].result);
            memories->sources[i].error = memories->error;
        }
        tell(memories, &memories->sources[i]);
        status = list_tables(memories, &memories->sources[i], err);
    }
    if (memories->error.status != AKS_OK)
        memories->rows = 0;
    told->all = memories->rows > 0 && aks_manifest_memories_all(&memories->manifest);
    told->bytes = memories->rows > 0 ? memories->bytes : 0;
    return status;
}

json_t *
aks_run_memories_json(const struct aks_run_memories_told *told)
{
    json_t *skipped;
    json_t *error = json_null();

    if (!told->tried)
        return NULL;
    skipped = json_object();
    for (int skip = 0; skip < AKS_MEMORIES_SKIPS; skip++) {
        if (told->skipped[skip] > 0)
            (void)json_object_set_new(skipped,
                aks_memories_skip_name((enum aks_memories_skip)skip),
                json_integer(told->skipped[skip]));
    }
    if (told->error.status != AKS_OK)
        error = json_pack("{s:s, s:s, s:o, s:o}", "source", told->source, "failure",
            aks_status_name(told->error.status), "message", aks_text_json(told->error.message),
            "hint", told->error.hint[0] != '\0' ? aks_text_json(told->error.hint) : json_null());
    return json_pack("{s:s?, s:I, s:I, s:o, s:s?, s:o}", "mode",
        told->rows == 0 ? NULL : told->all ? "all" : "new", "rows", (json_int_t)told->rows,
        "bytes", (json_int_t)told->bytes, "skipped", skipped, "reader",
        told->reader[0] != '\0' ? told->reader : NULL, "error", error);
}
