/* What the two files of SQLite's snapshots share, and what a restored database is opened with. */
#ifndef AKS_ENGINE_SNAPSHOT_SQLITE_H
#define AKS_ENGINE_SNAPSHOT_SQLITE_H

#include "engine/snapshot_internal.h"

#include <sqlite3.h>

struct aks_snapshot_sqlite {
    struct aks_snapshot_take *take;
    struct aks_snapshot_open main;
    char *wal_path;
    struct aks_file *wal;               /* open, if it is there */
    struct aks_file_info wal_info;
    bool wal_there;
    bool wal_mode;
    bool at_rest;                       /* nobody can have it open */
    bool writer;
};

/** Nothing that stands in the file is trusted, nor run, and the last one to close leaves the log
 * alone. SQLITE_OK or the failure. */
int aks_snapshot_sqlite_distrust(sqlite3 *db);
/** Opens the source for reading alone and begins a read transaction, waiting for locks as long as
 * the snapshot may. SQLITE_OK or the failure; ${ret_db} is to be given to end either way. */
int aks_snapshot_sqlite_begin(struct aks_snapshot_sqlite *sqlite, sqlite3 **ret_db);
/** NULL is fine. */
void aks_snapshot_sqlite_end(sqlite3 *db);
/** Of a database that a crash left in the middle of a transaction: copies main file and journal,
 * and lets SQLite roll the copy back. */
enum aks_status aks_snapshot_sqlite_recover(struct aks_snapshot_sqlite *sqlite,
    struct aks_error *err);

#endif
