/* The profile files of AWS tools (docs.aws.amazon.com/sdkref/latest/guide/file-format.html). */
#ifndef AKS_WIRE_INI_H
#define AKS_WIRE_INI_H

#include "base/error.h"

#include <stddef.h>

#define AKS_INI_BYTES_MAX (1024 * 1024)
#define AKS_INI_VALUE_BYTES 4096

/** Calls ${each} for every key of section ${section} (as between the brackets, blanks at the ends
 * removed and those between words folded to one), in order; a section that comes twice counts as
 * one. Keys come in lower case; sub-properties ("s3 =" then indented lines) come as
 * "s3.endpoint_url" after "s3" itself, whose value is "". Values are trimmed, in-line comments
 * (white space then # or ;) cut. Stops with ${each}'s status if it is not AKS_OK. *ret_found
 * tells whether the section was there. AKS_SETTINGS with the line number, but never its text, for
 * a line that is no INI, in any section. Borrowed strings are NUL-terminated and wiped when this
 * returns. */
enum aks_status aks_ini_section(const char *text, size_t len, const char *section,
    enum aks_status (*each)(void *ctx, const char *key, const char *value, struct aks_error *err),
    void *ctx, int *ret_found, struct aks_error *err);

#endif
