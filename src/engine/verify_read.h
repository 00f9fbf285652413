/* The DuckDB databases of an upload that is verified, opened by a DuckDB of this machine. Their
 * plain bytes, which are read anyway, are written to a folder of their own beside snapshots while
 * they come, and are gone when the upload has been verified; those of what was encrypted are not.
 * Nothing of it can make a verification fail but a DuckDB that finds a database damaged. */
#ifndef AKS_ENGINE_VERIFY_READ_H
#define AKS_ENGINE_VERIFY_READ_H

#include "engine/engine.h"
#include "engine/rows.h"
#include "engine/rows_readers.h"
#include "wire/manifest.h"

#include <stdbool.h>

struct aks_verify_read {
    const struct aks_engine *engine;
    struct aks_rows_readers readers;    /* none: nothing is written */
    char *folder;                       /* NULL: there is none, and nothing is written */
    struct aks_file *file;              /* of the object that comes; NULL: it is not written */
    bool failed;                        /* it could not be, whole */
};

struct aks_verify_read_verdict {
    char read_by[AKS_ROWS_READER_TEXT_BYTES];   /* or "" */
    char unread[AKS_ERROR_MESSAGE_BYTES];       /* why not, or "" */
};

/** Looks for readers, and makes the folder. To be given to end. */
void aks_verify_read_begin(const struct aks_engine *engine, struct aks_verify_read *ret_read);
/** Removes all of it. Fine on a zeroed struct. */
void aks_verify_read_end(struct aks_verify_read *read);

/** Object ${index} of ${manifest} comes, from its beginning. */
void aks_verify_read_object(struct aks_verify_read *read, const struct aks_manifest *manifest,
    size_t index);
/** Takes some of it, on a worker. Never fails. */
void aks_verify_read_bytes(struct aks_verify_read *read, int64_t offset, const void *data,
    size_t len);
/** It has come, ${whole} or not. */
void aks_verify_read_close(struct aks_verify_read *read, const struct aks_manifest *manifest,
    size_t index, bool whole);
/** Is object ${index} the main file of a database that is opened here? After all have come. */
bool aks_verify_read_wanted(const struct aks_manifest *manifest, size_t index);
/** Opens it. AKS_OK, AKS_CORRUPT, AKS_CANCELLED. */
enum aks_status aks_verify_read_database(struct aks_verify_read *read,
    const struct aks_manifest *manifest, size_t index,
    struct aks_verify_read_verdict *ret_verdict, struct aks_error *err);

#endif
