/* How far the rows of each table of each source have been brought to each place, as cursors: what
 * is in order behind one is new there. A cursor moves when its rows are delivered, never before.
 * Until that is certain, what it would be stands beside it under the upload that takes the rows:
 * who is killed between writing a manifest and noting it finds out later. Failures as in
 * engine/state.h. */
#ifndef AKS_ENGINE_STATE_MEMORIES_H
#define AKS_ENGINE_STATE_MEMORIES_H

#include "engine/state.h"

/* Of one place: more than a machine has sources and tables. */
#define AKS_STATE_MARKS_MAX 10000

/* A row's place in the order of its table: by time stamp, those that have none first, then by id.
 * Both texts as a reader gives them (engine/rows.h). */
struct aks_memories_cursor {
    char *at;                           /* NULL: that row has no time stamp, or there is no row */
    char *id;                           /* NULL: in front of all rows */
};

/* One table of one source in one place. */
struct aks_memories_mark {
    char *source;                       /* absolute path */
    char *table;
    char *upload_id;                    /* that is to take it so far; "": it is there */
    struct aks_memories_cursor cursor;
    int64_t all_at_ms;                  /* when the last bringing of all rows began, wall clock;
                                         * below 0: minus that, and it has come to the cursor; 0:
                                         * there was none */
};

void aks_memories_cursor_fini(const struct aks_alloc *alloc, struct aks_memories_cursor *cursor);
/** AKS_LIMIT without memory: then ${ret_cursor} is empty. */
enum aks_status aks_memories_cursor_copy(const struct aks_alloc *alloc,
    const struct aks_memories_cursor *cursor, struct aks_memories_cursor *ret_cursor,
    struct aks_error *err);
bool aks_memories_cursor_equal(const struct aks_memories_cursor *a,
    const struct aks_memories_cursor *b);
void aks_memories_mark_fini(const struct aks_alloc *alloc, struct aks_memories_mark *mark);
/** Each, and then the array. */
void aks_memories_marks_free(const struct aks_alloc *alloc, struct aks_memories_mark *marks,
    size_t count);

/** How far one table is there. AKS_NOT_FOUND if nothing of it is known to be. Owned. */
enum aks_status aks_state_memories_get(struct aks_state *state, const char *target_identity,
    const char *source, const char *table, struct aks_memories_mark *ret_mark,
    struct aks_error *err);
/** How far each is there, in durable form: after AKS_OK it is on the medium. Their upload_id is not
 * looked at. An all_at_ms of 0 leaves what is known. */
enum aks_status aks_state_memories_put(struct aks_state *state, const char *target_identity,
    const struct aks_memories_mark *marks, size_t count, struct aks_error *err);

/** ${upload_id} is about to take so much; in the place of what was told of it before. Durable. */
enum aks_status aks_state_memories_begin(struct aks_state *state, const char *target_identity,
    const char *upload_id, const struct aks_memories_mark *marks, size_t count,
    struct aks_error *err);
/** It is there (then the cursors move, those of tables that it takes), or will never be. None is
 * fine. Durable. */
enum aks_status aks_state_memories_end(struct aks_state *state, const char *target_identity,
    const char *upload_id, bool there, struct aks_error *err);
/** Of which nobody knows yet whether they are there; in order of upload, at most
 * AKS_STATE_MARKS_MAX. Owned by the caller (aks_memories_marks_free). */
enum aks_status aks_state_memories_begun(struct aks_state *state, const char *target_identity,
    struct aks_memories_mark **ret_marks, size_t *ret_count, struct aks_error *err);
/** All that is known to be there, in order of source and table. */
enum aks_status aks_state_memories_all(struct aks_state *state, const char *target_identity,
    struct aks_memories_mark **ret_marks, size_t *ret_count, struct aks_error *err);

#endif
