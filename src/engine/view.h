/* A view: one open file that is read for upload, and whether it is still what it was when it was
 * opened, as far as stat can tell.
 *
 * It shows the source itself, in place, or a file of a snapshot (engine/snapshot.h), a private copy
 * that nobody writes to: there the stamps that count are those of the source, as they were when the
 * snapshot was taken. */
#ifndef AKS_ENGINE_VIEW_H
#define AKS_ENGINE_VIEW_H

#include "engine/source.h"
#include "port/body.h"
#include "port/port.h"

/* A stamp this fresh may hide a second write of the same size: file systems tick as slowly as 2 s.
 */
#define AKS_VIEW_RACY_MS 2000

/* The clock that stamps files ticks this fast, or faster (100 Hz kernels: 10 ms). A write within
 * the tick of the one before leaves the stamps as they were. */
#define AKS_VIEW_TICK_MS 20

struct aks_view {
    const struct aks_port *port;
    char *path;                         /* its own: a worker may name it when the run is gone */
    struct aks_file *file;
    struct aks_file_info info;          /* of the file that is read */
    struct aks_file_info source_info;   /* of the source: the same in place */
    const char *method;                 /* "identity", or the snapshot's */
    bool copied;                        /* a snapshot's own file */
    bool source_racy;                   /* of a copy: were the source's stamps too fresh then? */
    bool writer;                        /* somebody was writing meanwhile */
    int64_t taken_at_ms;                /* wall clock */
};

/** Opens ${source} itself. A database that has a WAL, a journal or a writer cannot be read so and
 * is AKS_SOURCE_BUSY. AKS_SOURCE_MISSING, AKS_SOURCE_UNREADABLE, AKS_NO_MEMORY. Keeps nothing of
 * ${source}; to be closed. */
enum aks_status aks_view_take(const struct aks_port *port, const struct aks_source *source,
    struct aks_view *ret_view, struct aks_error *err);
/** Opens the file at ${path}, whatever is in it and whoever writes to it. Failures as above. */
enum aks_status aks_view_open(const struct aks_port *port, const char *path,
    struct aks_view *ret_view, struct aks_error *err);
/** Is it still what was opened? AKS_SOURCE_CHANGED if not. */
enum aks_status aks_view_check(const struct aks_view *view, struct aks_error *err);
/** Were the source's stamps too fresh to prove anything later? */
bool aks_view_racy(const struct aks_view *view);
/** How long until a write would change the stamps for certain, as far as this machine's clock can
 * tell: 0 to AKS_VIEW_TICK_MS. Before that nothing that is read can be trusted. A copy is never
 * written to: 0. */
int64_t aks_view_settle_ms(const struct aks_view *view);
/** Fine on a zeroed struct. */
void aks_view_close(struct aks_view *view);
/** Reads exactly ${len} bytes; AKS_SOURCE_CHANGED if the file has become shorter. Thread-safe. */
enum aks_status aks_view_read(const struct aks_view *view, int64_t offset, void *data, size_t len,
    struct aks_error *err);

#endif
