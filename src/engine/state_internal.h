/* What the files of state share: the handle, queries with a sticky failure, transactions. */
#ifndef AKS_ENGINE_STATE_INTERNAL_H
#define AKS_ENGINE_STATE_INTERNAL_H

#include "data/digest.h"
#include "engine/state.h"

#include <sqlite3.h>

struct aks_state {
    const struct aks_alloc *alloc;
    sqlite3 *db;
    char *path;
    int synchronous;        /* as set on this connection; -1: not yet */
    bool damaged;           /* SQLite has said that it is no database, or a broken one */
    char *aside;            /* where a damaged one was put when this one was made, or NULL */
};

/* A statement under way. A failure sticks: what follows is a no-op, and aks_state_query_end tells
 * it. */
struct aks_state_query {
    struct aks_state *state;
    sqlite3_stmt *stmt;
    int bound;              /* parameters bound so far, from the left */
    int rc;                 /* SQLITE_OK, or the first failure */
};

/** Fills ${err} with what ${rc} of SQLite means while ${doing}; ${rc} is a failure. */
enum aks_status aks_state_failure(struct aks_state *state, int rc, const char *doing,
    struct aks_error *err);
/** Statements without parameters and results. */
enum aks_status aks_state_exec(struct aks_state *state, const char *sql, const char *doing,
    struct aks_error *err);

/** Must be ended with aks_state_query_end. */
void aks_state_query_begin(struct aks_state_query *query, struct aks_state *state, const char *sql);
/** The next parameter. Borrowed until the end; NULL binds NULL. */
void aks_state_query_text(struct aks_state_query *query, const char *text);
/** Bytes of a path, which need not be UTF-8. */
void aks_state_query_path(struct aks_state_query *query, const char *path);
/** The digest in a column: 64 lower-case hex digits, or "" for none. Anything else there is damage
 * that SQLite does not see: SQLITE_CORRUPT, and "". */
int aks_state_query_digest(const struct aks_state_query *query, int column,
    char ret_hex[AKS_SHA256_HEX_BYTES]);
void aks_state_query_bytes(struct aks_state_query *query, const void *bytes, size_t len);
void aks_state_query_int(struct aks_state_query *query, int64_t value);
/** The next row: false at the end of the rows, and after a failure. */
bool aks_state_query_row(struct aks_state_query *query);
/** Ready for the parameters of the next execution. */
void aks_state_query_again(struct aks_state_query *query);
/** Finalises; AKS_OK or what went wrong while ${doing}. */
enum aks_status aks_state_query_end(struct aks_state_query *query, const char *doing,
    struct aks_error *err);

/** How much the next writes outside of a transaction last: durable ones are on the medium when they
 * return, others may be lost by a power cut, though never by a crash of the process. */
enum aks_status aks_state_set_durable(struct aks_state *state, bool durable, const char *doing,
    struct aks_error *err);
/** A transaction that holds the write lock from its start, so that it cannot fail half way for want
 * of it. */
enum aks_status aks_state_begin(struct aks_state *state, bool durable, const char *doing,
    struct aks_error *err);
/** Commits if ${status} is AKS_OK, else rolls back and returns ${status}. */
enum aks_status aks_state_finish(struct aks_state *state, enum aks_status status, const char *doing,
    struct aks_error *err);

/** Brings the tables from ${version} to AKS_STATE_VERSION inside of the caller's transaction. */
enum aks_status aks_state_migrate(struct aks_state *state, int64_t version, struct aks_error *err);

/** Moves ${path} in ${folder}, and its log, to a name of its own (*ret_aside, owned). Under the
 * lock of who makes the tables. */
enum aks_status aks_state_set_aside(const struct aks_alloc *alloc, const struct aks_files *files,
    const char *folder, const char *path, char **ret_aside, struct aks_error *err);

#endif
