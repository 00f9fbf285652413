/* What stands behind codec.h: one set of functions for each codec. */
#ifndef AKS_DATA_CODEC_INTERNAL_H
#define AKS_DATA_CODEC_INTERNAL_H

#include "data/codec.h"

struct aks_codec_ops {
    /* Is there such a level? */
    bool (*has_level)(int level);
    /* For an error's hint: "1 to 9". */
    const char *levels;
    int level_default;
    /** As aks_encoder_bound. */
    size_t (*bound)(size_t len);
    /** As aks_codec_version; ${level} exists. */
    const char *(*version)(int level);
    /** Makes what encode() needs; ${level} exists. */
    enum aks_status (*open)(const struct aks_alloc *alloc, int level, void **ret_state,
        struct aks_error *err);
    /** As aks_encoder_block, with exactly bound(${len}) bytes at ${out}, and ${data} never NULL. */
    enum aks_status (*encode)(void *state, const void *data, size_t len, void *out,
        size_t *ret_len, struct aks_error *err);
    /** NULL is fine. */
    void (*close)(void *state);
};

extern const struct aks_codec_ops aks_codec_gzip;
extern const struct aks_codec_ops aks_codec_zstd;

#endif
