#include "engine/state_memories.h"

#include "base/check.h"
#include "engine/state_internal.h"

#include <string.h>

static const char doing[] = "note which rows are where";

void
aks_memories_cursor_fini(const struct aks_alloc *alloc, struct aks_memories_cursor *cursor)
{
    aks_mem_free(alloc, cursor->at);
    aks_mem_free(alloc, cursor->id);
    memset(cursor, 0, sizeof(*cursor));
}

enum aks_status
aks_memories_cursor_copy(const struct aks_alloc *alloc, const struct aks_memories_cursor *cursor,
    struct aks_memories_cursor *ret_cursor, struct aks_error *err)
{
    struct aks_memories_cursor copy = { aks_mem_strdup(alloc, cursor->at),
        aks_mem_strdup(alloc, cursor->id) };

    memset(ret_cursor, 0, sizeof(*ret_cursor));
    if ((cursor->at != NULL && copy.at == NULL) || (cursor->id != NULL && copy.id == NULL)) {
        aks_memories_cursor_fini(alloc, &copy);
        return aks_error_memory(err, "noting how far rows have come");
    }
    *ret_cursor = copy;
    return AKS_OK;
}

static bool
same(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

bool
aks_memories_cursor_equal(const struct aks_memories_cursor *a, const struct aks_memories_cursor *b)
{
    return same(a->at, b->at) && same(a->id, b->id);
}

void
aks_memories_mark_fini(const struct aks_alloc *alloc, struct aks_memories_mark *mark)
{
    aks_mem_free(alloc, mark->source);
    aks_mem_free(alloc, mark->table);
    aks_mem_free(alloc, mark->upload_id);
    aks_memories_cursor_fini(alloc, &mark->cursor);
    memset(mark, 0, sizeof(*mark));
}

void
aks_memories_marks_free(const struct aks_alloc *alloc, struct aks_memories_mark *marks,
    size_t count)
{
    for (size_t i = 0; i < count; i++)
        aks_memories_mark_fini(alloc, &marks[i]);
    aks_mem_free(alloc, marks);
}

/* --- reading ---------------------------------------------------------------------------------- */

#define COLUMNS "source, name, upload_id, at, id, all_at_ms"

static char *
copy_text(const struct aks_alloc *alloc, sqlite3_stmt *stmt, int column)
{
    return aks_mem_strdup(alloc, (const char *)sqlite3_column_text(stmt, column));
}

/* The row that ${query} stands on; false without memory. */
static bool
read_mark(struct aks_state_query *query, struct aks_memories_mark *ret_mark)
{
    const struct aks_alloc *alloc = query->state->alloc;
    sqlite3_stmt *stmt = query->stmt;
    const char *source = sqlite3_column_blob(stmt, 0);
    size_t len = (size_t)sqlite3_column_bytes(stmt, 0);

    memset(ret_mark, 0, sizeof(*ret_mark));
    ret_mark->source = aks_mem_strndup(alloc, source != NULL ? source : "", len);
    ret_mark->table = copy_text(alloc, stmt, 1);
    ret_mark->upload_id = copy_text(alloc, stmt, 2);
    ret_mark->cursor.at = copy_text(alloc, stmt, 3);
    ret_mark->cursor.id = copy_text(alloc, stmt, 4);
    ret_mark->all_at_ms = sqlite3_column_int64(stmt, 5);
    if (ret_mark->source != NULL && ret_mark->table != NULL && ret_mark->upload_id != NULL &&
        (ret_mark->cursor.at != NULL || sqlite3_column_type(stmt, 3) == SQLITE_NULL) &&
        (ret_mark->cursor.id != NULL || sqlite3_column_type(stmt, 4) == SQLITE_NULL))
        return true;
    aks_memories_mark_fini(alloc, ret_mark);
    return false;
}

enum aks_status
aks_state_memories_get(struct aks_state *state, const char *target_identity, const char *source,
    const char *table, struct aks_memories_mark *ret_mark, struct aks_error *err)
{
    struct aks_state_query query;
    bool found;
    bool whole = true;
    enum aks_status status;

    memset(ret_mark, 0, sizeof(*ret_mark));
    aks_state_query_begin(&query, state, "SELECT " COLUMNS " FROM memories WHERE target = ?"
        " AND source = ? AND name = ? AND upload_id = ''");
    aks_state_query_text(&query, target_identity);
    aks_state_query_path(&query, source);
    aks_state_query_text(&query, table);
    found = aks_state_query_row(&query);
    if (found)
        whole = read_mark(&query, ret_mark);
    status = aks_state_query_end(&query, doing, err);
    if (status == AKS_OK && !whole)
        status = aks_error_memory(err, doing);
    if (status == AKS_OK && !found)
        status = aks_error_set(err, AKS_NOT_FOUND, "no rows of it are known to be there");
    if (status != AKS_OK)
        aks_memories_mark_fini(state->alloc, ret_mark);
    return status;
}

static enum aks_status
read_marks(struct aks_state *state, const char *sql, const char *target_identity,
    struct aks_memories_mark **ret_marks, size_t *ret_count, struct aks_error *err)
{
    struct aks_memories_mark *marks = NULL;
    struct aks_state_query query;
    size_t count = 0;
    bool whole = true;
    enum aks_status status;

    *ret_marks = NULL;
    *ret_count = 0;
    aks_state_query_begin(&query, state, sql);
    aks_state_query_text(&query, target_identity);
    aks_state_query_int(&query, AKS_STATE_MARKS_MAX);
    while (whole && aks_state_query_row(&query)) {
        struct aks_memories_mark *more = aks_mem_resize(state->alloc, marks,
            (count + 1) * sizeof(*marks));

        whole = more != NULL;
        if (whole) {
            marks = more;
            whole = read_mark(&query, &marks[count]);
        }
        if (whole)
            count++;
    }
    status = aks_state_query_end(&query, doing, err);
    if (status == AKS_OK && !whole)
        status = aks_error_memory(err, doing);
    if (status != AKS_OK) {
        aks_memories_marks_free(state->alloc, marks, count);
        return status;
    }
    *ret_marks = marks;
    *ret_count = count;
    return AKS_OK;
}

enum aks_status
aks_state_memories_begun(struct aks_state *state, const char *target_identity,
    struct aks_memories_mark **ret_marks, size_t *ret_count, struct aks_error *err)
{
    return read_marks(state, "SELECT " COLUMNS " FROM memories WHERE target = ? AND"
        " upload_id <> '' ORDER BY upload_id, source, name LIMIT ?", target_identity, ret_marks,
        ret_count, err);
}

enum aks_status
aks_state_memories_all(struct aks_state *state, const char *target_identity,
    struct aks_memories_mark **ret_marks, size_t *ret_count, struct aks_error *err)
{
    return read_marks(state, "SELECT " COLUMNS " FROM memories WHERE target = ? AND"
        " upload_id = '' ORDER BY source, name LIMIT ?", target_identity, ret_marks, ret_count,
        err);
}

/* --- writing ---------------------------------------------------------------------------------- */

#define ALL_AT "all_at_ms = CASE excluded.all_at_ms WHEN 0 THEN all_at_ms" \
    " ELSE excluded.all_at_ms END"

/* Under ${upload_id}; "": it is there. */
static enum aks_status
insert(struct aks_state *state, const char *target_identity, const char *upload_id,
    const struct aks_memories_mark *marks, size_t count, struct aks_error *err)
{
    struct aks_state_query query;

    aks_state_query_begin(&query, state, "INSERT INTO memories (target, upload_id, source, name,"
        " at, id, all_at_ms) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
        " at = excluded.at, id = excluded.id, " ALL_AT);
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            aks_state_query_again(&query);
        aks_state_query_text(&query, target_identity);
        aks_state_query_text(&query, upload_id);
        aks_state_query_path(&query, marks[i].source);
        aks_state_query_text(&query, marks[i].table);
        aks_state_query_text(&query, marks[i].cursor.at);
        aks_state_query_text(&query, marks[i].cursor.id);
        aks_state_query_int(&query, marks[i].all_at_ms);
        (void)aks_state_query_row(&query);
    }
    return aks_state_query_end(&query, doing, err);
}

static enum aks_status
run(struct aks_state *state, const char *sql, const char *target_identity, const char *upload_id,
    struct aks_error *err)
{
    struct aks_state_query query;

    aks_state_query_begin(&query, state, sql);
    aks_state_query_text(&query, target_identity);
    aks_state_query_text(&query, upload_id);
    (void)aks_state_query_row(&query);
    return aks_state_query_end(&query, doing, err);
}

static enum aks_status
forget(struct aks_state *state, const char *target_identity, const char *upload_id,
    struct aks_error *err)
{
    return run(state, "DELETE FROM memories WHERE target = ? AND upload_id = ?", target_identity,
        upload_id, err);
}

enum aks_status
aks_state_memories_put(struct aks_state *state, const char *target_identity,
    const struct aks_memories_mark *marks, size_t count, struct aks_error *err)
{
    enum aks_status status = aks_state_begin(state, true, doing, err);

    if (status != AKS_OK)
        return status;
    return aks_state_finish(state, insert(state, target_identity, "", marks, count, err), doing,
        err);
}

enum aks_status
aks_state_memories_begin(struct aks_state *state, const char *target_identity,
    const char *upload_id, const struct aks_memories_mark *marks, size_t count,
    struct aks_error *err)
{
    enum aks_status status;

    AKS_CHECK(upload_id[0] != '\0');
    status = aks_state_begin(state, true, doing, err);
    if (status != AKS_OK)
        return status;
    status = forget(state, target_identity, upload_id, err);
    if (status == AKS_OK)
        status = insert(state, target_identity, upload_id, marks, count, err);
    return aks_state_finish(state, status, doing, err);
}

enum aks_status
aks_state_memories_end(struct aks_state *state, const char *target_identity,
    const char *upload_id, bool there, struct aks_error *err)
{
    enum aks_status status;

    AKS_CHECK(upload_id[0] != '\0');
    status = aks_state_begin(state, true, doing, err);
    if (status != AKS_OK)
        return status;
    if (there)
        status = run(state, "INSERT INTO memories (target, upload_id, source, name, at, id,"
            " all_at_ms) SELECT target, '', source, name, at, id, all_at_ms FROM memories"
            " WHERE target = ? AND upload_id = ? ON CONFLICT DO UPDATE SET at = excluded.at,"
            " id = excluded.id, " ALL_AT, target_identity, upload_id, err);
    if (status == AKS_OK)
        status = forget(state, target_identity, upload_id, err);
    return aks_state_finish(state, status, doing, err);
}
