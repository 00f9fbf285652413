/* Restoring from inside: what its files share.
 *
 * restore.c         the whole, and its report
 * restore_plan.c    which copy of which source, out of which upload of which target
 * restore_name.c    what things are called in the folder, and what else may not be there
 * restore_part.c    one object into a temporary file beside its place, and going on with one
 * restore_place.c   names for what was checked: main and log together
 * restore_open.c    does it open?
 * restore_read.c    does a DuckDB open it, where there is one? */
#ifndef AKS_ENGINE_RESTORE_INTERNAL_H
#define AKS_ENGINE_RESTORE_INTERNAL_H

#include "engine/reader.h"
#include "engine/restore.h"
#include "engine/rows.h"

#include <stdbool.h>
#include <stdint.h>

/* After so many plain bytes what was written is synced and recorded. */
#define AKS_RESTORE_RECORD_BYTES ((int64_t)32 * 1024 * 1024)
/* Left alone on the file system beside what is restored. */
#define AKS_RESTORE_SPARE_BYTES ((int64_t)1024 * 1024)

enum { RESTORE_MAIN, RESTORE_WAL, RESTORE_ROLES };

struct restore_object {
    struct aks_manifest_object of;      /* owned strings */
    char *path;                         /* in the folder */
    char *part;                         /* until then */
    struct aks_file *file;              /* the part, opened; or NULL */
    int64_t resumed;                    /* plain bytes that were there already */
};

struct restore_item {
    size_t target;                      /* index in the policy */
    char upload_id[101];
    size_t upload_objects;              /* that its upload has in all */
    char *name;                         /* in the folder; owned */
    bool twin;                          /* another has its file's own name too */
    bool there[RESTORE_ROLES];          /* MAIN always */
    struct restore_object objects[RESTORE_ROLES];
    const char *outcome;                /* NULL until it is known; "restored", "present",
                                         * "proven", "failed" */
    const char *opened;                 /* how it was opened, or NULL */
    char read_by[AKS_ROWS_READER_TEXT_BYTES];   /* the DuckDB that opened it; "": none did */
    char unread[AKS_ERROR_MESSAGE_BYTES];       /* why none did, or "" */
    struct aks_error error;
};

struct restore {
    struct aks_reader reader;
    struct aks_unseal unseal;
    const struct aks_restore_options *options;
    const struct aks_port *port;
    char *folder;                       /* absolute, links resolved */
    struct aks_file *lock;              /* keeps other restores out of the folder */
    struct restore_item *items;
    size_t item_count;
    size_t item_capacity;
    struct json_t *notes;               /* what a person should know beside */
    struct aks_progress progress;
    size_t opened;                      /* the target that the reader has open, +1; 0: none */
};

/** A line for the report and the log. */
void aks_restore_note(struct restore *restore, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/** The reader with target ${index} open. */
enum aks_status aks_restore_use(struct restore *restore, size_t index, struct aks_error *err);

/** restore_plan.c: fills restore->items. AKS_NOT_FOUND if there is nothing that is wanted. */
enum aks_status aks_restore_plan(struct restore *restore, struct aks_error *err);
void aks_restore_item_fini(const struct aks_alloc *alloc, struct restore_item *item);

/** restore_name.c: gives items their names, paths and temporary paths. AKS_CONFLICT if two would
 * have one. */
enum aks_status aks_restore_names(struct restore *restore, struct aks_error *err);
/** May what is to come get its names: is nothing there, or is it wanted over what is? An item that
 * is there already, byte for byte, is "present". */
enum aks_status aks_restore_names_free(struct restore *restore, struct restore_item *item,
    struct aks_error *err);
/** Is there room for all of it? */
enum aks_status aks_restore_room(const struct restore *restore, struct aks_error *err);
/** Digest of the first ${bytes} bytes of ${file} into ${sha}; AKS_CANCELLED when interrupted. */
enum aks_status aks_restore_digest(struct restore *restore, struct aks_file *file, int64_t bytes,
    struct aks_sha256 *sha, struct aks_error *err);

/** restore_part.c: the object's bytes into its part, digests checked, synced; goes on with what a
 * record says is there. */
enum aks_status aks_restore_part(struct restore *restore, struct restore_item *item, int role,
    struct aks_error *err);
/** The same of an object that nothing here opens: its digest as stored, and no more. */
enum aks_status aks_restore_part_prove(struct restore *restore, struct restore_item *item, int role,
    struct aks_error *err);
/** Closes it; with ${remove} removes part and record. */
void aks_restore_part_close(struct restore *restore, struct restore_object *object, bool remove);

/** restore_place.c: the parts, all of them checked, get their names. */
enum aks_status aks_restore_place(struct restore *restore, struct restore_item *item,
    struct aks_error *err);
/** The path of a log or helper file of ${item} that a database engine would take for its own:
 * number ${i}; false past the last one. */
bool aks_restore_companion(const struct restore_item *item, size_t i, char *ret_path,
    size_t path_bytes);

/** restore_open.c: opens what lies in the parts, writing nothing; *ret_how is static, or NULL where
 * there is nothing to open. AKS_CORRUPT: it does not open. */
enum aks_status aks_restore_open(struct restore *restore, const struct restore_item *item,
    const char **ret_how, struct aks_error *err);

/** restore_read.c: the same of a DuckDB database, by a DuckDB of this machine. That none is there,
 * or is new enough, or well, is no failure, and told by ${item}. AKS_CORRUPT, AKS_CANCELLED. */
enum aks_status aks_restore_read(struct restore *restore, struct restore_item *item,
    struct aks_error *err);

#endif
