/* A look at a few places of a source, to know whether it is worth compressing. */
#ifndef AKS_ENGINE_SAMPLE_H
#define AKS_ENGINE_SAMPLE_H

#include "base/alloc.h"
#include "base/error.h"
#include "engine/view.h"

#include <stddef.h>
#include <stdint.h>

/* So many slices of so many bytes, spread evenly: zstd 1 takes a millisecond for them. */
#define AKS_SAMPLE_SLICES 4
#define AKS_SAMPLE_SLICE_BYTES ((size_t)64 * 1024)

struct aks_sample {
    uint8_t data[AKS_SAMPLE_SLICES * AKS_SAMPLE_SLICE_BYTES];
    size_t len;
    size_t compressed;
    struct aks_error error;             /* status AKS_OK: it was taken */
};

/** Reads and compresses; pure byte work, for a worker. ${sample} is zeroed. */
void aks_sample_take(struct aks_sample *sample, const struct aks_view *view,
    const struct aks_alloc *alloc);
/** Plain bytes for one compressed byte; at least 1: it does not shrink. */
double aks_sample_ratio(const struct aks_sample *sample);

#endif
