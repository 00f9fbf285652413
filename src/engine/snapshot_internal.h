/* What the files of the snapshots share.
 *
 * snapshot.c         planning, the choice of a method, what is done with a snapshot afterwards
 * snapshot_place.c   the folders: where a copy lies, and how it is removed
 * snapshot_copy.c    bytes: reflink or copy, room, digests; waiting for a writer
 * snapshot_file.c    a file that is no database
 * snapshot_duckdb.c  main and WAL of a DuckDB database, by the seqlock of its header
 * snapshot_sqlite.c  main and WAL of a SQLite database, in a read transaction
 * snapshot_sweep.c   what crashes left */
#ifndef AKS_ENGINE_SNAPSHOT_INTERNAL_H
#define AKS_ENGINE_SNAPSHOT_INTERNAL_H

#include "engine/snapshot.h"

#define AKS_SNAPSHOT_BUFFER_BYTES ((size_t)1024 * 1024)
/* Pauses between two tries begin so short, double, and grow no longer than that: whoever is stopped
 * hears of it soon. */
#define AKS_SNAPSHOT_PAUSE_FIRST_MS 20
#define AKS_SNAPSHOT_PAUSE_MAX_MS 250
/* However fast they fail. */
#define AKS_SNAPSHOT_TRIES_MAX 1000

/* One call of take. */
struct aks_snapshot_take {
    const struct aks_snapshot_options *options;
    const struct aks_files *files;
    struct aks_snapshot *snapshot;
    uint8_t *buffer;
    int64_t started_ns;
    int64_t waited_ns;                  /* until the last try, or the last look for a lock */
    unsigned tries;
    const char *folder;                 /* that was made; NULL: none yet */
    bool cloned;                        /* the last copy shares its source's bytes */
};

/* A file of the source while it is copied. */
struct aks_snapshot_open {
    struct aks_file *file;
    struct aks_file_info info;
};

/* snapshot_copy.c */

/** Opens the source and makes sure that its path leads to what was opened, through no link.
 * AKS_SOURCE_MISSING, AKS_SOURCE_UNREADABLE, AKS_SOURCE_CHANGED. */
enum aks_status aks_snapshot_source(struct aks_snapshot_take *take,
    struct aks_snapshot_open *ret_open, struct aks_error *err);
/** Is what was opened still what its path leads to, with the same stamps? */
bool aks_snapshot_source_same(const struct aks_snapshot_take *take,
    const struct aks_snapshot_open *opened);
/** The stamps of the file at ${path}; false if there is none, or it is empty. AKS_SOURCE_UNREADABLE
 * if it is no regular file, links included. */
enum aks_status aks_snapshot_companion(const struct aks_files *files, const char *path,
    bool *ret_there, struct aks_file_info *ret_info, struct aks_error *err);
/** The source's WAL by its kind, owned; NULL without memory. Not of AKS_SOURCE_FILE. */
char *aks_snapshot_wal_path(const struct aks_alloc *alloc, enum aks_source_kind kind,
    const char *source);
/** Copies up to ${bytes} of ${from} into the snapshot's file of that role, in place of what an
 * earlier try left there. A clone takes all that there is. AKS_NO_SPACE, AKS_SOURCE_UNREADABLE,
 * AKS_CANCELLED. */
enum aks_status aks_snapshot_copy(struct aks_snapshot_take *take, struct aks_file *from,
    enum aks_snapshot_role role, int64_t bytes, struct aks_error *err);
/** An earlier try had a file of that role, and this one has none. */
void aks_snapshot_drop(struct aks_snapshot_take *take, enum aks_snapshot_role role);
/** Fills sha256 of each file that was copied. */
enum aks_status aks_snapshot_digest(struct aks_snapshot_take *take, struct aks_error *err);
/** The digest of ${bytes} bytes of an open file in hex; AKS_CORRUPT if it is shorter. */
enum aks_status aks_snapshot_digest_of(const struct aks_port *port, struct aks_file *file,
    int64_t bytes, uint8_t *buffer, char ret_hex[AKS_SHA256_HEX_BYTES], struct aks_error *err);
/** After a try that failed with ${status}: is there to be another one? Pauses before it. False:
 * ${status} is final, or AKS_CANCELLED with ${err} filled. */
bool aks_snapshot_again(struct aks_snapshot_take *take, enum aks_status *status,
    struct aks_error *err);
bool aks_snapshot_stopped(const struct aks_snapshot_take *take);
/** "it is kept in the queue", with AKS_SOURCE_BUSY. */
enum aks_status aks_snapshot_busy(const struct aks_snapshot_take *take, struct aks_error *err,
    const char *why);
/** Is the stamp of a file old enough, by this machine's clock, that another write would change it?
 */
bool aks_snapshot_settled(const struct aks_snapshot_take *take, const struct aks_file_info *info);
/** The source's own files, not copied. */
enum aks_status aks_snapshot_in_place(struct aks_snapshot_take *take,
    const struct aks_snapshot_open *main, bool wal_there, const struct aks_file_info *wal,
    struct aks_error *err);
/** The stamps that count for the source, its moment, and whether they are too fresh. */
void aks_snapshot_note(struct aks_snapshot_take *take, const struct aks_file_info *main,
    bool wal_there, const struct aks_file_info *wal);

/* snapshot_place.c */

/** Makes the private folder, if there is none yet; beside the source only if ${main} can be cloned
 * there. */
enum aks_status aks_snapshot_place(struct aks_snapshot_take *take, struct aks_file *main,
    struct aks_error *err);
/** Removes ${folder} and the files in it. None is fine. */
enum aks_status aks_snapshot_place_remove(const struct aks_files *files,
    const struct aks_alloc *alloc, const char *folder, struct aks_error *err);
/** Makes ${folder} (0700) if it is not there; AKS_STATE if it is something else. */
enum aks_status aks_snapshot_place_folder(const struct aks_files *files, const char *folder,
    struct aks_error *err);

/* The methods; each fills the snapshot but for its digests. */
enum aks_status aks_snapshot_file(struct aks_snapshot_take *take, struct aks_error *err);
enum aks_status aks_snapshot_duckdb(struct aks_snapshot_take *take, struct aks_error *err);
enum aks_status aks_snapshot_sqlite(struct aks_snapshot_take *take, struct aks_error *err);

#endif
