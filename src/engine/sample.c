#include "engine/sample.h"

#include "data/codec.h"

void
aks_sample_take(struct aks_sample *sample, const struct aks_view *view,
    const struct aks_alloc *alloc)
{
    int64_t bytes = view->info.bytes;
    size_t slice = AKS_SAMPLE_SLICE_BYTES;
    int64_t step;

    if (bytes <= (int64_t)sizeof(sample->data))
        slice = ((size_t)bytes + AKS_SAMPLE_SLICES - 1) / AKS_SAMPLE_SLICES;
    step = (bytes - (int64_t)slice) / (AKS_SAMPLE_SLICES - 1);
    if (step < (int64_t)slice)
        step = (int64_t)slice;
    for (int i = 0; i < AKS_SAMPLE_SLICES; i++) {
        int64_t offset = i * step;
        size_t len = slice;

        if (offset >= bytes)
            break;
        if ((int64_t)len > bytes - offset)
            len = (size_t)(bytes - offset);
        if (aks_view_read(view, offset, sample->data + sample->len, len,
                &sample->error) != AKS_OK)
            return;
        sample->len += len;
    }
    (void)aks_codec_sample(alloc, sample->data, sample->len, &sample->compressed, &sample->error);
}

double
aks_sample_ratio(const struct aks_sample *sample)
{
    double ratio = sample->compressed > 0 ? (double)sample->len / (double)sample->compressed : 1;

    return ratio > 1 ? ratio : 1;
}
