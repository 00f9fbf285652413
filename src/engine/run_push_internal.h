/* Shared by run_push.c (an upload to a target that takes rows), run_push_export.c (what is new of a
 * source, into a scratch file) and run_push_batch.c (that file, in batches). */
#ifndef AKS_ENGINE_RUN_PUSH_INTERNAL_H
#define AKS_ENGINE_RUN_PUSH_INTERNAL_H

#include "engine/memories.h"
#include "engine/run_upload_internal.h"

/* Memories of one scratch file: at some 11 KB each that is 220 MB of disk; what is over that
 * follows in another one. */
#define AKS_PUSH_ROWS_MAX INT64_C(20000)
/* A server that limits requests to less than we would send is not asked to take more than that; a
 * memory that is longer goes alone. */
#define AKS_PUSH_BATCH_BYTES_MIN ((size_t)64 * 1024)

struct push {
    struct upload *upload;
    struct aks_copy *copy;
    struct aks_memories_mark *marks;    /* how far each table is there; owned */
    size_t mark_count;
    int64_t wall_ms;                    /* when the copy was begun */
    size_t batch_bytes;                 /* of a body, as far as the server takes them */
    /* Of one scratch file. */
    struct aks_memories_result taken;
    struct aks_file *file;              /* has no name any more */
    int64_t bytes;
    int64_t offset;                     /* up to here it was read into lines */
    struct aks_buf lines;               /* what was read; */
    size_t line_at;                     /* up to here it was taken into batches */
    /* A batch: of rows of one table, one after the other. */
    struct aks_buf items;
    struct aks_buf retried;             /* the items of what is sent once more */
    struct aks_memories_push *rows;     /* AKS_ROWS_BATCH_MAX; their texts are owned */
    struct aks_store_memory *memories;  /* as many */
    struct item_span {
        size_t at;
        size_t len;
    } *spans;                           /* of each in items */
    size_t count;
    size_t known;                       /* of so many in front it is known what becomes of them */
    bool retrying;                      /* those that failed are sent once more, by themselves */
};

/* run_push.c: the first ${count} of the batch are there, or will never be. Durable. */
enum aks_status aks_run_push_put(struct push *push, size_t count, struct aks_error *err);

/* run_push_export.c: what of push->copy is new for the target, as push->file and push->taken.
 * Waited for. An error is the copy's, unless the run ends. */
enum aks_status aks_run_push_export(struct push *push, struct aks_error *err);
/* Closes it. Fine without export. */
void aks_run_push_export_end(struct push *push);

/* run_push_batch.c */

/* Memory for batches. */
enum aks_status aks_run_push_batch_init(struct push *push, struct aks_error *err);
void aks_run_push_batch_fini(struct push *push);
/* The next batch of push->file; push->count 0: there is none any more. Rows that are too long for
 * any are passed over, and told. */
enum aks_status aks_run_push_batch_next(struct push *push, struct aks_error *err);
/* Brings it. With AKS_OK each of its memories is stored, or refused for good, which is counted; a
 * failure is in upload->outcome. */
enum aks_status aks_run_push_batch_send(struct push *push);

#endif
