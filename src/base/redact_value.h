/* Live secrets found in a text: a part of base/redact.c. */
#ifndef AKS_BASE_REDACT_VALUE_H
#define AKS_BASE_REDACT_VALUE_H

#include "base/secret_live.h"

#include <stdbool.h>
#include <stddef.h>

/** How many of the ${left} bytes at ${text} are the value of one of ${live}, in whatever form; 0 if
 * none begins there. *ret_back: one byte before them belongs to it as well. ${cut}: a value that
 * the end of the text cuts off counts, too. */
size_t aks_redact_value(const struct aks_secret_live *live, const char *text, size_t left, bool cut,
    bool *ret_back);

#endif
