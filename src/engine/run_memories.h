/* memories.json of an upload: between its objects and its manifest. The rows that the target does
 * not have yet are made into one scratch file on a worker, and that is sent as an object of the
 * upload. Where no row is new there is no object: Akosha's worker takes an upload without one for
 * one without conversations.
 *
 * A reader that fails costs the bytes nothing: the upload goes on without those rows, the reason
 * is told, and the cursor stays, so that the next upload has them. What fails at the target fails
 * the upload. Cursors move once the manifest is there; who died in between asks for it the next
 * time. */
#ifndef AKS_ENGINE_RUN_MEMORIES_H
#define AKS_ENGINE_RUN_MEMORIES_H

#include "engine/attempt.h"
#include "engine/memories.h"
#include "wire/manifest.h"

#include <stdbool.h>

struct upload;
struct json_t;

/* What became of the memories of a run's last upload to one target, for its report. */
struct aks_run_memories_told {
    bool tried;                         /* there was something to be read */
    bool all;                           /* all rows of every table went */
    int64_t rows;
    int64_t bytes;
    int64_t skipped[AKS_MEMORIES_SKIPS];
    char reader[AKS_MEMORIES_READER_BYTES];
    char source[256];                   /* the first that could not be read */
    struct aks_error error;             /* and why; status AKS_OK: none */
};

/** Makes and sends it; ${done} is called with the upload, perhaps from inside. */
void aks_run_memories_begin(struct upload *upload, aks_done *done);
/** In front of the manifest: durably, what its upload takes. Fine where nothing was made. */
enum aks_status aks_run_memories_note(struct upload *upload, struct aks_error *err);
/** Fills what ${manifest} tells of it. */
enum aks_status aks_run_memories_manifest(const struct upload *upload,
    struct aks_manifest *manifest, struct aks_error *err);
/** Readers have the manifest: cursors move. */
enum aks_status aks_run_memories_moved(struct upload *upload, struct aks_error *err);
/** Its object, for whoever reads back what was sent; false if there is none. */
bool aks_run_memories_object(const struct upload *upload, const char **ret_key, int64_t *ret_bytes,
    const char **ret_sha256);
/** After the target has been freed. Fine without begin. What a worker still reads runs out. */
void aks_run_memories_end(struct upload *upload);
/** For the report; NULL where nothing was tried. */
struct json_t *aks_run_memories_json(const struct aks_run_memories_told *told);

#endif
