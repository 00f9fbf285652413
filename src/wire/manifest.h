/* manifest.json: the commit of an upload. Written and read here alone; the format is
 * "akosha-sync/1" of docs/schema/manifest.json, which also satisfies Akosha's validation. */
#ifndef AKS_WIRE_MANIFEST_H
#define AKS_WIRE_MANIFEST_H

#include "base/alloc.h"
#include "base/buf.h"
#include "base/error.h"
#include "data/age.h"
#include "wire/manifest_memories.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AKS_MANIFEST_FORMAT "akosha-sync/1"
#define AKS_MANIFEST_NAME "manifest.json"
#define AKS_MANIFEST_BYTES_MAX (16 * 1024 * 1024)
#define AKS_MANIFEST_OBJECTS_MAX 10000

/* One object that the upload holds. Strings are owned by the manifest that holds them. */
struct aks_manifest_object {
    char *name;                 /* as under Objects: "reflection.duckdb" */
    char *key;                  /* full key below the target's prefix */
    char *source_name;          /* absolute path; bytes that are no UTF-8 percent-encoded */
    char *kind;                 /* duckdb sqlite file */
    char *role;                 /* main wal: the log that belongs to the main of the same source */
    int64_t bytes;
    char sha256[65];
    char *codec;                /* none gzip zstd */
    enum aks_encryption encryption;     /* of what the codec made */
    int64_t stored_bytes;
    char stored_sha256[65];
    int64_t part_bytes;
    int64_t parts;
    char *snapshot_method;      /* identity seqlock transaction backup */
    bool snapshot_writer;
    int64_t taken_at_ms;
};

struct aks_manifest {
    const struct aks_alloc *alloc;
    char *system_id;
    char *upload_id;
    char *uploader_version;
    int64_t uploaded_at_ms;
    char policy_sha256[65];     /* "" if there is none: null in the file */
    char audit_head[65];        /* the same */
    struct aks_manifest_object *objects;
    size_t object_count;
    struct aks_manifest_memories memories;
};

/** What comes behind the name of a database of ${kind} in the name of its log: ".wal" "-wal"; NULL
 * where it has none. */
const char *aks_manifest_wal_suffix(const char *kind);

void aks_manifest_init(struct aks_manifest *manifest, const struct aks_alloc *alloc);
void aks_manifest_fini(struct aks_manifest *manifest);
/** Copies ${object} and its strings to the end. AKS_LIMIT over AKS_MANIFEST_OBJECTS_MAX;
 * AKS_INTERNAL for an object that aks_manifest_read would refuse. */
enum aks_status aks_manifest_add(struct aks_manifest *manifest,
    const struct aks_manifest_object *object, struct aks_error *err);
/** Appends JSON text with two spaces of indentation and a final line end. Fields for Akosha
 * (uploaded_at, conversation_count, total_size_bytes, version "1.0", compressed,
 * compression_format, files, metadata) are derived. AKS_INTERNAL for what aks_manifest_read would
 * refuse, AKS_LIMIT over AKS_MANIFEST_BYTES_MAX. */
enum aks_status aks_manifest_write(const struct aks_manifest *manifest, struct aks_buf *out,
    struct aks_error *err);
/** Reads what aks_manifest_write wrote, or anything: hostile input. A failure is AKS_CORRUPT,
 * telling the field, or AKS_LIMIT without memory. Fills ${ret_manifest} (init'ed by the caller,
 * and finished by the caller after a failure too) with copies; unknown fields are ignored.
 * Refused are: another format; an encryption or codec that is not known; names with other
 * characters than Akosha takes or over 255 bytes; keys with "..", a leading '/' or empty
 * segments; negative sizes; digests that are no 64 hex digits (they come out in lower case);
 * duplicate names; a wal that is not called as its main and aks_manifest_wal_suffix, or whose main
 * is missing or another source's; over AKS_MANIFEST_OBJECTS_MAX objects. */
enum aks_status aks_manifest_read(const char *json, size_t len, struct aks_manifest *ret_manifest,
    struct aks_error *err);

#endif
