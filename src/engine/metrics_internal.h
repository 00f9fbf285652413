/* What the files of metrics share. */
#ifndef AKS_ENGINE_METRICS_INTERNAL_H
#define AKS_ENGINE_METRICS_INTERNAL_H

#include "base/buf.h"

#include <jansson.h>

/** Appends families ([{"name", "type", "help", "samples"}]) in the text format. */
void aks_metrics_text(const json_t *families, struct aks_buf *out);

#endif
