#include "engine/state_internal.h"

#include "base/check.h"
#include "base/redact.h"

#include <errno.h>
#include <string.h>

/* Did the last failure of that file mean that there was no room? A VFS need not know. */
static bool
file_without_room(sqlite3_file *file)
{
    int why = 0;

    if (file == NULL || file->pMethods == NULL ||
        file->pMethods->xFileControl(file, SQLITE_FCNTL_LAST_ERRNO, &why) != SQLITE_OK)
        return false;
    return why == ENOSPC || why == EDQUOT || why == EFBIG;
}

/* SQLite knows a full disk by ENOSPC only: over a quota or a size limit it says I/O error, and
 * just the file that was written, the database or its log, knows more. Of its shared memory it
 * says no more than that it could not be made as large as it has to be. */
static bool
out_of_space(struct aks_state *state, int rc)
{
    static const int files[] = { SQLITE_FCNTL_JOURNAL_POINTER, SQLITE_FCNTL_FILE_POINTER };

    if ((rc & 0xff) == SQLITE_FULL || rc == SQLITE_IOERR_SHMSIZE)
        return true;
    if ((rc & 0xff) != SQLITE_IOERR)
        return false;
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        sqlite3_file *file = NULL;

        if (sqlite3_file_control(state->db, "main", files[i], (void *)&file) == SQLITE_OK &&
            file_without_room(file))
            return true;
    }
    return false;
}

void
aks_state_hint_damaged(struct aks_error *err)
{
    aks_error_hint(err, "the next run sets it aside and makes a new one: it holds only what is "
        "believed of the targets, and nothing queued is lost");
}

static void
hint_for(struct aks_state *state, int rc, struct aks_error *err)
{
    switch (rc & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        aks_state_hint_damaged(err);
        break;
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_AUTH:
        aks_error_hint(err, "this user must be able to write it and the folder that it lies in;"
            " --state DIR names another");
        break;
    default:
        break;
    }
}

enum aks_status
aks_state_failure(struct aks_state *state, int rc, const char *doing, struct aks_error *err)
{
    enum aks_status status;

    AKS_CHECK(rc != SQLITE_OK);
    if ((rc & 0xff) == SQLITE_CORRUPT || (rc & 0xff) == SQLITE_NOTADB) {
        state->damaged = true;
        state->senseless |= (sqlite3_errcode(state->db) & 0xff) != (rc & 0xff);
    }
    if (out_of_space(state, rc)) {
        status = aks_error_set(err, AKS_NO_SPACE, "cannot %s in %s: no space left", doing,
            state->path);
        aks_error_hint(err, "free some space on its file system; --state DIR names another place");
        return status;
    }
    switch (rc & 0xff) {
    case SQLITE_NOMEM:
        return aks_error_set(err, AKS_LIMIT, "cannot %s in %s: out of memory", doing, state->path);
    case SQLITE_TOOBIG:
        return aks_error_set(err, AKS_LIMIT, "cannot %s in %s: it is too long", doing, state->path);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return aks_error_set(err, AKS_STATE,
            "cannot %s in %s: another process has kept it locked for too long", doing, state->path);
    default:
        break;
    }
    status = aks_error_set(err, AKS_STATE, "cannot %s in %s: %s", doing, state->path,
        sqlite3_extended_errcode(state->db) == rc ? sqlite3_errmsg(state->db) : sqlite3_errstr(rc));
    hint_for(state, rc, err);
    return status;
}

enum aks_status
aks_state_exec(struct aks_state *state, const char *sql, const char *doing, struct aks_error *err)
{
    int rc = sqlite3_exec(state->db, sql, NULL, NULL, NULL);

    if (rc != SQLITE_OK)
        return aks_state_failure(state, rc, doing, err);
    return AKS_OK;
}

void
aks_state_query_begin(struct aks_state_query *query, struct aks_state *state, const char *sql)
{
    query->state = state;
    query->stmt = NULL;
    query->bound = 0;
    query->rc = sqlite3_prepare_v2(state->db, sql, -1, &query->stmt, NULL);
}

void
aks_state_query_text(struct aks_state_query *query, const char *text)
{
    const struct aks_alloc *alloc = query->state->alloc;
    char *copy;

    if (query->rc != SQLITE_OK)
        return;
    query->bound++;
    if (text == NULL || !aks_redact_finds(text)) {
        query->rc = sqlite3_bind_text(query->stmt, query->bound, text, -1, SQLITE_STATIC);
        return;
    }
    /* Whoever brought it here: no secret that lives is written down. */
    copy = aks_mem_strdup(alloc, text);
    query->rc = copy == NULL ? SQLITE_NOMEM : sqlite3_bind_text(query->stmt, query->bound,
        aks_redact_text(copy, AKS_REDACT_VALUES), -1, SQLITE_TRANSIENT);
    aks_mem_free(alloc, copy);
}

void
aks_state_query_path(struct aks_state_query *query, const char *path)
{
    if (query->rc == SQLITE_OK)
        query->rc = sqlite3_bind_blob64(query->stmt, ++query->bound, path, strlen(path),
            SQLITE_STATIC);
}

int
aks_state_query_digest(const struct aks_state_query *query, int column,
    char ret_hex[AKS_SHA256_HEX_BYTES])
{
    const char *text = sqlite3_column_blob(query->stmt, column);
    size_t len = (size_t)sqlite3_column_bytes(query->stmt, column);

    ret_hex[0] = '\0';
    if (text == NULL || len == 0)
        return SQLITE_OK;
    if (len != AKS_SHA256_HEX_BYTES - 1)
        return SQLITE_CORRUPT;
    for (size_t i = 0; i < len; i++) {
        if (!((text[i] >= '0' && text[i] <= '9') || (text[i] >= 'a' && text[i] <= 'f')))
            return SQLITE_CORRUPT;
    }
    memcpy(ret_hex, text, len);
    ret_hex[len] = '\0';
    return SQLITE_OK;
}

void
aks_state_query_bytes(struct aks_state_query *query, const void *bytes, size_t len)
{
    if (query->rc == SQLITE_OK)
        query->rc = sqlite3_bind_blob64(query->stmt, ++query->bound, bytes, len, SQLITE_STATIC);
}

void
aks_state_query_int(struct aks_state_query *query, int64_t value)
{
    if (query->rc == SQLITE_OK)
        query->rc = sqlite3_bind_int64(query->stmt, ++query->bound, value);
}

bool
aks_state_query_row(struct aks_state_query *query)
{
    int rc;

    if (query->rc != SQLITE_OK)
        return false;
    rc = sqlite3_step(query->stmt);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        query->rc = rc;
    return rc == SQLITE_ROW;
}

void
aks_state_query_again(struct aks_state_query *query)
{
    if (query->rc == SQLITE_OK)
        query->rc = sqlite3_reset(query->stmt);
    query->bound = 0;
}

enum aks_status
aks_state_query_end(struct aks_state_query *query, const char *doing, struct aks_error *err)
{
    enum aks_status status = AKS_OK;

    /* The words first: finalising may replace them. */
    if (query->rc != SQLITE_OK)
        status = aks_state_failure(query->state, query->rc, doing, err);
    (void)sqlite3_finalize(query->stmt);
    query->stmt = NULL;
    return status;
}

enum aks_status
aks_state_set_durable(struct aks_state *state, bool durable, const char *doing,
    struct aks_error *err)
{
    enum aks_status status;

    if (state->synchronous == (int)durable)
        return AKS_OK;
    status = aks_state_exec(state, durable ? "PRAGMA synchronous = FULL"
        : "PRAGMA synchronous = NORMAL", doing, err);
    if (status == AKS_OK)
        state->synchronous = durable;
    return status;
}

enum aks_status
aks_state_begin(struct aks_state *state, bool durable, const char *doing, struct aks_error *err)
{
    enum aks_status status = aks_state_set_durable(state, durable, doing, err);

    if (status != AKS_OK)
        return status;
    return aks_state_exec(state, "BEGIN IMMEDIATE", doing, err);
}

enum aks_status
aks_state_finish(struct aks_state *state, enum aks_status status, const char *doing,
    struct aks_error *err)
{
    if (status == AKS_OK)
        status = aks_state_exec(state, "COMMIT", doing, err);
    /* Some failures end the transaction by themselves; a commit that failed may leave it open. */
    if (status != AKS_OK && sqlite3_get_autocommit(state->db) == 0)
        (void)sqlite3_exec(state->db, "ROLLBACK", NULL, NULL, NULL);
    return status;
}
