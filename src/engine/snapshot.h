/* A snapshot: an immutable view of a source, taken before anything is read for upload.
 *
 * Today there is one method, "identity": the source itself is read, and what stat tells before and
 * after must be the same. A database that has a WAL, a journal or a writer cannot be read so and is
 * AKS_SOURCE_BUSY. Methods that copy come in behind the same four functions. */
#ifndef AKS_ENGINE_SNAPSHOT_H
#define AKS_ENGINE_SNAPSHOT_H

#include "engine/source.h"
#include "port/body.h"
#include "port/port.h"

/* A stamp this fresh may hide a second write of the same size: file systems tick as slowly as 2 s.
 */
#define AKS_SNAPSHOT_RACY_MS 2000

/* The clock that stamps files ticks this fast, or faster (100 Hz kernels: 10 ms). A write within
 * the tick of the one before leaves the stamps as they were. */
#define AKS_SNAPSHOT_TICK_MS 20

struct aks_snapshot {
    const struct aks_port *port;
    char *path;                         /* its own: a worker may name it when the run is gone */
    struct aks_file *file;
    struct aks_file_info info;
    const char *method;                 /* "identity" */
    bool writer;                        /* somebody was writing meanwhile */
    int64_t taken_at_ms;                /* wall clock */
};

/** AKS_SOURCE_BUSY, AKS_SOURCE_MISSING, AKS_SOURCE_UNREADABLE, AKS_NO_MEMORY. Keeps nothing of
 * ${source}; to be closed. */
enum aks_status aks_snapshot_take(const struct aks_port *port, const struct aks_source *source,
    struct aks_snapshot *ret_snapshot, struct aks_error *err);
/** Is it still what was taken? AKS_SOURCE_CHANGED if not. */
enum aks_status aks_snapshot_check(const struct aks_snapshot *snapshot, struct aks_error *err);
/** Were its stamps too fresh to prove anything later? */
bool aks_snapshot_racy(const struct aks_snapshot *snapshot);
/** How long until a write would change the stamps for certain, as far as this machine's clock can
 * tell: 0 to AKS_SNAPSHOT_TICK_MS. Before that nothing that is read can be trusted. */
int64_t aks_snapshot_settle_ms(const struct aks_snapshot *snapshot);
/** Fine on a zeroed struct. */
void aks_snapshot_close(struct aks_snapshot *snapshot);
/** Reads exactly ${len} bytes; AKS_SOURCE_CHANGED if the file has become shorter. Thread-safe. */
enum aks_status aks_snapshot_read(const struct aks_snapshot *snapshot, int64_t offset, void *data,
    size_t len, struct aks_error *err);

#endif
