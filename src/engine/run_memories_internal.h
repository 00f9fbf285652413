/* Shared by run_memories.c (step by step) and run_memories_make.c (what is read, on a worker). */
#ifndef AKS_ENGINE_RUN_MEMORIES_INTERNAL_H
#define AKS_ENGINE_RUN_MEMORIES_INTERNAL_H

#include "engine/run_memories.h"
#include "engine/run_upload_internal.h"

#include <stdatomic.h>

/* One source of the upload. */
struct memories_source {
    char *path;                         /* owned, as the next two */
    char *source_name;                  /* as a manifest has it */
    char *name;
    struct aks_snapshot snapshot;       /* a copy of what is needed: the item's may go */
    struct aks_memories_mark *after;    /* borrows from the marks; owned array */
    size_t after_count;
    struct aks_memories_result result;
    struct aks_error error;             /* status AKS_OK: there is a result */
};

struct memories {
    struct upload *upload;              /* NULL: nobody waits any more */
    struct aks_run *run;
    const struct aks_port *port;
    aks_done *done;
    /* Uploads of which it is not known whether they are there. */
    struct aks_memories_mark *begun;
    size_t begun_count;
    size_t begun_at;
    char key[PATH_BYTES + 16];
    struct aks_buf text;
    /* What is read. */
    struct aks_memories_mark *marks;
    size_t mark_count;
    struct memories_source *sources;
    size_t source_count;
    char system_id[AKS_SYSTEM_ID_BYTES];
    int64_t wall_ms;
    char *path;                         /* of the scratch file */
    int64_t bytes;
    int64_t rows;
    struct aks_error error;             /* of the file itself */
    atomic_bool stop;
    bool working;
    /* What is sent. */
    struct aks_source source;
    struct aks_snapshot snapshot;
    struct aks_transfer *transfer;
    struct aks_journal journal;         /* where the target resumes: what gives back a file that
                                         * was half sent when somebody was killed */
    struct aks_manifest_memories manifest;
};

/** Which sources there are, and from where each table is read. */
enum aks_status aks_run_memories_plan(struct memories *memories, struct aks_error *err);
/** On a worker: the file, and what became of each source. */
void aks_run_memories_make(void *arg);
/** Fills manifest, without its object, and what is told. */
enum aks_status aks_run_memories_list(struct memories *memories, struct aks_error *err);
void aks_run_memories_free(struct memories *memories);

#endif
