#include "engine/state_internal.h"

#include "base/check.h"
#include "engine/lock_file.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define AKS_STATE_APPLICATION_ID 0x414b5359     /* "AKSY" */
#define AKS_STATE_BUSY_MS 5000
/* Frames of the log before it goes into the database. Who opens the state first after all others
 * have closed it reads the whole log, and who makes it this long pays for some syncs, one run in
 * sixty. */
#define AKS_STATE_WAL_FRAMES 128
/* While one is opened another may be put in its place: then once more. */
#define AKS_STATE_OPENS_MAX 3
/* No text in here is longer by right; keeps a damaged database from asking for more. */
#define AKS_STATE_VALUE_BYTES_MAX (16 * 1024 * 1024)

#define TEXT_OF_NUMBER(number) #number
#define TEXT_OF(macro) TEXT_OF_NUMBER(macro)

struct identity {
    int64_t application_id;
    int64_t version;
};

/* What a failure of the folder or a file in it means for the state. */
static enum aks_status
folder_failure(enum aks_status status, const struct aks_error *why, struct aks_error *err)
{
    if (status != AKS_NO_SPACE && status != AKS_LIMIT)
        status = AKS_STATE;
    (void)aks_error_set(err, status, "cannot use the state folder: %s", why->message);
    aks_error_hint(err, "this user must be able to write in it; --state DIR names another");
    return status;
}

static enum aks_status
check_folder(const struct aks_files *files, const char *folder, struct aks_error *err)
{
    struct aks_file_info info;
    struct aks_error why;
    enum aks_status status = files->stat(files->ctx, folder, true, &info, &why);

    if (status != AKS_OK)
        return folder_failure(status, &why, err);
    if (info.type != AKS_FILE_FOLDER)
        return aks_error_set(err, AKS_STATE, "cannot use the state folder %s: it is no folder",
            folder);
    return AKS_OK;
}

/* SQLite would make the file with the umask's mode; its log and shared memory take the file's. */
static enum aks_status
create_file(const struct aks_files *files, const char *folder, const char *path,
    struct aks_error *err)
{
    struct aks_file *file = NULL;
    struct aks_error why;
    enum aks_status status = files->open(files->ctx, path, AKS_FILE_CREATE, &file, &why);

    if (status == AKS_CONFLICT)
        return AKS_OK;      /* another process was faster, or SQLite is who cannot open it */
    if (status == AKS_OK) {
        files->close(file);
        status = files->sync_folder(files->ctx, folder, &why);
    }
    return status == AKS_OK ? AKS_OK : folder_failure(status, &why, err);
}

static int
open_database(struct aks_state *state, const struct aks_files *files)
{
    (void)sqlite3_close(state->db);
    state->db = NULL;
    return sqlite3_open_v2(state->path, &state->db,
        SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, files->sqlite_vfs);
}

/* After each commit. SQLite's own way is not enough for processes that come one by one: each
 * begins with a log of which nothing is known to be in the database yet, so none would ever begin
 * it anew; it must be cut off. Where a reader is in the way the next commit tries again, and to
 * wait for it would be worse. */
static int
committed(void *ctx, sqlite3 *db, const char *schema, int frames)
{
    if (frames >= AKS_STATE_WAL_FRAMES) {
        (void)sqlite3_busy_timeout(db, 0);
        (void)sqlite3_wal_checkpoint_v2(db, schema, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
        (void)sqlite3_busy_timeout(db, AKS_STATE_BUSY_MS);
    }
    return SQLITE_OK;       /* the commit stands, whatever became of the log */
}

/* Nothing that stands in the file is trusted to be ours, and a short reader leaves the log to
 * writers. */
static int
configure(sqlite3 *db)
{
    static const struct {
        int option;
        int value;
    } options[] = {
        { SQLITE_DBCONFIG_DEFENSIVE, 1 },
        { SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0 },
        { SQLITE_DBCONFIG_ENABLE_TRIGGER, 0 },
        { SQLITE_DBCONFIG_ENABLE_VIEW, 0 },
        { SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1 },
    };
    int rc = sqlite3_busy_timeout(db, AKS_STATE_BUSY_MS);

    if (rc == SQLITE_OK)
        rc = aks_state_sum_register(db);
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]) && rc == SQLITE_OK; i++)
        rc = sqlite3_db_config(db, options[i].option, options[i].value, (int *)NULL);
    (void)sqlite3_limit(db, SQLITE_LIMIT_LENGTH, AKS_STATE_VALUE_BYTES_MAX);
    (void)sqlite3_wal_hook(db, committed, NULL);
    return rc;
}

static enum aks_status
read_number(struct aks_state *state, const char *sql, int64_t *ret_number, struct aks_error *err)
{
    struct aks_state_query query;

    *ret_number = 0;
    aks_state_query_begin(&query, state, sql);
    if (aks_state_query_row(&query))
        *ret_number = sqlite3_column_int64(query.stmt, 0);
    return aks_state_query_end(&query, "read the version", err);
}

static enum aks_status
read_identity(struct aks_state *state, struct identity *ret_identity, struct aks_error *err)
{
    enum aks_status status = read_number(state, "PRAGMA application_id",
        &ret_identity->application_id, err);

    if (status != AKS_OK)
        return status;
    return read_number(state, "PRAGMA user_version", &ret_identity->version, err);
}

static bool
current(const struct identity *identity)
{
    return identity->application_id == AKS_STATE_APPLICATION_ID &&
        identity->version == AKS_STATE_VERSION;
}

static enum aks_status
refuse_foreign(const struct aks_state *state, struct aks_error *err)
{
    (void)aks_error_set(err, AKS_STATE, "cannot use %s: it is the database of another program",
        state->path);
    aks_error_hint(err, "move it away, or name another state folder with --state DIR");
    return AKS_STATE;
}

/* May this database be brought to our version? */
static enum aks_status
judge(struct aks_state *state, const struct identity *identity, struct aks_error *err)
{
    int64_t tables;
    enum aks_status status;

    if (identity->application_id == AKS_STATE_APPLICATION_ID) {
        if (identity->version <= AKS_STATE_VERSION && identity->version > 0)
            return AKS_OK;
        (void)aks_error_set(err, AKS_STATE,
            "cannot use %s: it is of version %" PRId64 ", this program knows up to %d", state->path,
            identity->version, AKS_STATE_VERSION);
        aks_error_hint(err, "a newer akosha-sync wrote it: use that one, or another --state DIR");
        return AKS_STATE;
    }
    if (identity->application_id != 0 || identity->version != 0)
        return refuse_foreign(state, err);
    status = read_number(state, "SELECT count(*) FROM sqlite_schema", &tables, err);
    if (status == AKS_OK && tables > 0)
        return refuse_foreign(state, err);
    return status;
}

/* Who it belongs to, and its version; and is it a database at all? */
static enum aks_status
look_at(struct aks_state *state, struct identity *ret_identity, struct aks_error *err)
{
    int64_t tables;
    enum aks_status status = read_identity(state, ret_identity, err);

    if (status == AKS_OK)
        status = read_number(state, "SELECT count(*) FROM sqlite_schema", &tables, err);
    return status == AKS_OK && current(ret_identity) ? aks_state_sum_check(state, err) : status;
}

static enum aks_status
bring_up_to_date(struct aks_state *state, struct aks_error *err)
{
    static const char doing[] = "make the tables";
    struct identity identity;
    enum aks_status status = look_at(state, &identity, err);

    if (status != AKS_OK || current(&identity))
        return status;
    status = judge(state, &identity, err);
    /* Where the VFS cannot do it the journal stays as it is: slower, as safe. */
    if (status == AKS_OK && identity.version == 0)
        status = aks_state_exec(state, "PRAGMA journal_mode = WAL", doing, err);
    if (status == AKS_OK)
        status = aks_state_begin(state, true, doing, err);
    if (status != AKS_OK)
        return status;
    status = aks_state_migrate(state, identity.version, err);
    if (status == AKS_OK)
        status = aks_state_exec(state, "PRAGMA application_id = " TEXT_OF(AKS_STATE_APPLICATION_ID)
            "; PRAGMA user_version = " TEXT_OF(AKS_STATE_VERSION), doing, err);
    return aks_state_finish(state, status, doing, err);
}

static enum aks_status
open_file(struct aks_state *state, const struct aks_files *files, struct aks_error *err)
{
    int rc = open_database(state, files);

    if (rc == SQLITE_OK && sqlite3_db_readonly(state->db, "main") != 0) {
        /* SQLite falls back on reading if it cannot write, and another process may have made the
         * file between these two tries of its. */
        rc = open_database(state, files);
    }
    if (rc == SQLITE_OK)
        rc = configure(state->db);
    if (rc != SQLITE_OK)
        return aks_state_failure(state, rc, "open the state", err);
    /* SQLite opens for reading what it may not write, and would say so at the first write only. */
    if (sqlite3_db_readonly(state->db, "main") != 0)
        return aks_state_failure(state, SQLITE_READONLY, "write the state", err);
    return AKS_OK;
}

/* Of the file that lies there now; false, and zeros: not known. */
static bool
note_file(struct aks_state *state, const struct aks_files *files)
{
    struct aks_file_info info;
    bool known = files->stat(files->ctx, state->path, true, &info, NULL) == AKS_OK;

    state->device = known ? info.device : 0;
    state->inode = known ? info.inode : 0;
    return known;
}

static bool
same_file(const struct aks_state *a, const struct aks_state *b)
{
    return a->device == b->device && a->inode == b->inode;
}

/* Opens what lies there, and looks at it. Which file that is is known only if it was the same
 * before and after: a log is found by its name, and may be that of another one. Where it cannot be
 * known *ret_settled is false: whoever has the lock sees what it is. */
static enum aks_status
open_and_look(struct aks_state *state, const struct aks_files *files, struct identity *ret_identity,
    bool *ret_settled, struct aks_error *err)
{
    struct aks_state before = { 0 };
    enum aks_status status;

    *ret_settled = false;
    for (unsigned i = 0; i < AKS_STATE_OPENS_MAX; i++) {
        bool known = note_file(state, files);

        before.device = state->device;
        before.inode = state->inode;
        state->damaged = false;
        status = open_file(state, files, err);
        if (status == AKS_OK)
            status = look_at(state, ret_identity, err);
        *ret_settled = note_file(state, files) && known && same_file(state, &before);
        if (*ret_settled || !known)
            return status;
    }
    state->device = 0;
    state->inode = 0;
    state->damaged = false;     /* which one was? */
    return aks_error_set(err, AKS_STATE, "cannot open %s: another one is put in its place again "
        "and again", state->path);
}

/* Was the state that was open before found damaged, and is it this one? Then what was seen of it
 * counts, or is looked for in all of it. */
static enum aks_status
look_again(struct aks_state *state, const struct aks_state *before, struct aks_error *err)
{
    bool known = state->device != 0 || state->inode != 0;

    if (before == NULL || !before->damaged || !known || !same_file(state, before))
        return AKS_OK;
    if (!before->senseless)
        return aks_state_check(state, err);
    state->damaged = true;
    (void)aks_error_set(err, AKS_STATE, "%s is damaged: what a row says makes no sense",
        state->path);
    aks_state_hint_damaged(err);
    return AKS_STATE;
}

/* Is there none, or nothing in it? It is being made then, or all is lost. */
static bool
nothing_there(const struct aks_state *state, const struct aks_files *files, bool *ret_empty)
{
    struct aks_file_info info;
    enum aks_status status = files->stat(files->ctx, state->path, true, &info, NULL);

    *ret_empty = status == AKS_OK && info.type == AKS_FILE_REGULAR && info.bytes == 0;
    return *ret_empty || status == AKS_NOT_FOUND;
}

/* Where there is none. A log that lies there is of one that was being set aside, or that was taken
 * away or emptied: SQLite would remove it. */
static enum aks_status
create_missing(struct aks_state *state, const struct aks_files *files, const char *folder,
    struct aks_error *err)
{
    struct aks_error why;
    bool empty;
    enum aks_status status;

    if (!nothing_there(state, files, &empty))
        return AKS_OK;
    status = aks_state_set_rest_aside(state->alloc, files, folder, state->path, empty,
        &state->aside, &why);
    if (status != AKS_OK)
        return folder_failure(status, &why, err);
    return create_file(files, folder, state->path, err);
}

/* ${err} says what is wrong with it, and stays if it cannot be mended. */
static enum aks_status
replace_damaged(struct aks_state *state, const struct aks_files *files, const char *folder,
    struct aks_error *err)
{
    struct identity identity;
    struct aks_error why;
    bool settled;
    enum aks_status status;

    (void)sqlite3_close(state->db);
    state->db = NULL;
    aks_mem_free(state->alloc, state->aside);
    state->aside = NULL;
    if (aks_state_set_aside(state->alloc, files, folder, state->path, &state->aside, &why)
        != AKS_OK)
        return err->status;
    status = create_file(files, folder, state->path, err);
    return status == AKS_OK ? open_and_look(state, files, &identity, &settled, err) : status;
}

/* Looked at again under the lock: another process may have put a new one there. */
static enum aks_status
make_locked(struct aks_state *state, const struct aks_files *files, const char *folder,
    const struct aks_state *before, struct aks_error *err)
{
    struct identity identity;
    bool settled;
    enum aks_status status = create_missing(state, files, folder, err);

    state->damaged = false;
    if (status == AKS_OK)
        status = open_and_look(state, files, &identity, &settled, err);
    if (status == AKS_OK)
        status = look_again(state, before, err);
    if (status == AKS_OK)
        status = bring_up_to_date(state, err);
    if (state->damaged) {
        status = replace_damaged(state, files, folder, err);
        if (status == AKS_OK)
            status = bring_up_to_date(state, err);
    }
    if (status != AKS_OK && state->aside != NULL)
        (void)aks_error_wrap(err, "the damaged state database lies at %s now, and there is no new "
            "one yet", state->aside);
    return status;
}

/* Where the folder is replaced while somebody waits, its lock is another one. */
static enum aks_status
take_lock(struct aks_state *state, const struct aks_files *files, const char *path,
    struct aks_file **ret_file, struct aks_error *err)
{
    struct aks_error why;
    enum aks_status status = AKS_CONFLICT;

    for (unsigned i = 0; i < AKS_LOCK_FILE_TRIES_MAX; i++) {
        status = files->open(files->ctx, path, AKS_FILE_LOCK, ret_file, &why);
        if (status == AKS_OK)
            status = files->lock_wait(*ret_file, AKS_STATE_BUSY_MS, &why);
        if (status == AKS_OK && !aks_lock_file_replaced(files, *ret_file, path))
            return AKS_OK;
        files->close(*ret_file);
        *ret_file = NULL;
        if (status != AKS_OK)
            break;
    }
    if (status != AKS_OK && status != AKS_CONFLICT)
        return folder_failure(status, &why, err);
    return aks_error_set(err, AKS_STATE, "cannot open %s: another process has kept %s locked for "
        "too long", state->path, path);
}

/* Processes that find no current database take turns, under a lock of our own: SQLite does not
 * wait in each corner of a change of the journal mode. */
static enum aks_status
make(struct aks_state *state, const struct aks_files *files, const char *folder,
    const struct aks_state *before, struct aks_error *err)
{
    char *path = aks_mem_printf(state->alloc, "%s/state.lock", folder);
    struct aks_file *file = NULL;
    enum aks_status status;

    if (path == NULL)
        return aks_error_memory(err, "opening the state");
    status = take_lock(state, files, path, &file, err);
    if (status == AKS_OK)
        status = make_locked(state, files, folder, before, err);
    files->close(file);
    aks_mem_free(state->alloc, path);
    return status;
}

/* Can it be used as it is? Else what has to be done about it needs the lock. */
static enum aks_status
open_or_make(struct aks_state *state, const struct aks_files *files, const char *folder,
    const struct aks_state *before, struct aks_error *err)
{
    struct identity identity = { 0 };
    bool settled = false;
    bool empty;
    enum aks_status status = AKS_OK;

    if (!nothing_there(state, files, &empty))
        status = open_and_look(state, files, &identity, &settled, err);
    if (settled && status == AKS_OK)
        status = look_again(state, before, err);
    if (settled && status == AKS_OK && current(&identity))
        return AKS_OK;
    if (!settled || status == AKS_OK || state->damaged)
        status = make(state, files, folder, before, err);
    return status;
}

enum aks_status
aks_state_reopen(const struct aks_alloc *alloc, const struct aks_files *files, const char *folder,
    const struct aks_state *before, struct aks_state **ret_state, struct aks_error *err)
{
    struct aks_state *state = NULL;
    enum aks_status status = check_folder(files, folder, err);

    *ret_state = NULL;
    if (status != AKS_OK)
        return status;
    state = aks_mem_new(alloc, sizeof(*state));
    if (state == NULL)
        return aks_error_memory(err, "opening the state");
    state->alloc = alloc;
    state->synchronous = -1;
    state->path = aks_mem_printf(alloc, "%s/state.db", folder);
    if (state->path == NULL) {
        status = aks_error_memory(err, "opening the state");
        goto out;
    }
    status = open_or_make(state, files, folder, before, err);
    if (status == AKS_OK) {
        *ret_state = state;
        state = NULL;
    }
out:
    aks_state_close(state);
    return status;
}

enum aks_status
aks_state_open(const struct aks_alloc *alloc, const struct aks_files *files, const char *folder,
    struct aks_state **ret_state, struct aks_error *err)
{
    return aks_state_reopen(alloc, files, folder, NULL, ret_state, err);
}

bool
aks_state_damaged(const struct aks_state *state)
{
    return state->damaged;
}

bool
aks_state_current(const struct aks_state *state, const struct aks_files *files)
{
    struct aks_file_info info;
    enum aks_status status;

    if (state->damaged)
        return false;
    status = files->stat(files->ctx, state->path, true, &info, NULL);
    if (status == AKS_NOT_FOUND)
        return false;
    return status != AKS_OK || (state->device == 0 && state->inode == 0) ||
        (info.device == state->device && info.inode == state->inode);
}

/* Nobody who only looks waits for long. */
#define AKS_STATE_LOOK_MS 500

static enum aks_status
open_reading(struct aks_state *state, const struct aks_files *files, struct aks_error *err)
{
    struct identity identity;
    enum aks_status status;
    int rc = sqlite3_open_v2(state->path, &state->db,
        SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, files->sqlite_vfs);

    if (rc == SQLITE_OK)
        rc = configure(state->db);
    if (rc == SQLITE_OK)
        rc = sqlite3_busy_timeout(state->db, AKS_STATE_LOOK_MS);
    if (rc != SQLITE_OK)
        return aks_state_failure(state, rc, "open the state", err);
    status = read_identity(state, &identity, err);
    if (status == AKS_OK && identity.application_id == 0 && identity.version == 0)
        return aks_error_set(err, AKS_NOT_FOUND, "%s is empty", state->path);
    return status == AKS_OK ? judge(state, &identity, err) : status;
}

enum aks_status
aks_state_open_reading(const struct aks_alloc *alloc, const struct aks_files *files,
    const char *folder, struct aks_state **ret_state, struct aks_error *err)
{
    struct aks_state *state = aks_mem_new(alloc, sizeof(*state));
    struct aks_file_info info;
    enum aks_status status;

    *ret_state = NULL;
    if (state == NULL)
        return aks_error_memory(err, "opening the state");
    state->alloc = alloc;
    state->synchronous = -1;
    state->path = aks_mem_printf(alloc, "%s/state.db", folder);
    status = state->path != NULL ? files->stat(files->ctx, state->path, true, &info, err)
        : aks_error_memory(err, "opening the state");
    /* SQLite would remove the log beside it, even for who only reads. */
    if (status == AKS_OK && info.type == AKS_FILE_REGULAR && info.bytes == 0)
        status = aks_error_set(err, AKS_NOT_FOUND, "%s is empty", state->path);
    if (status == AKS_OK)
        status = open_reading(state, files, err);
    if (status != AKS_OK) {
        aks_state_close(state);
        return status;
    }
    *ret_state = state;
    return AKS_OK;
}

void
aks_state_close(struct aks_state *state)
{
    if (state == NULL)
        return;
    AKS_CHECK(sqlite3_close(state->db) == SQLITE_OK);   /* a statement was left open otherwise */
    aks_mem_free(state->alloc, state->aside);
    aks_mem_free(state->alloc, state->path);
    aks_mem_free(state->alloc, state);
}

const struct aks_alloc *
aks_state_alloc(const struct aks_state *state)
{
    return state->alloc;
}

const char *
aks_state_aside(const struct aks_state *state)
{
    return state->aside;
}
