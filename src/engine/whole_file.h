/* Small files that are wanted as a whole: jobs, policies. */
#ifndef AKS_ENGINE_WHOLE_FILE_H
#define AKS_ENGINE_WHOLE_FILE_H

#include "base/error.h"
#include "port/port.h"

#include <stddef.h>

/** All bytes of the regular file at ${path}, owned by the caller, with a NUL behind them that is
 * not counted. AKS_TOO_LARGE if there are more than ${bytes_max}, also when it grows while it is
 * read; AKS_STATE if it is a folder or some other thing that is no file; else what port/files.h
 * says. */
enum aks_status aks_whole_file_read(const struct aks_port *port, const char *path, size_t bytes_max,
    char **ret_data, size_t *ret_len, struct aks_error *err);

/** As read, of a file that only we make: a link is not followed, which is AKS_LIMIT. */
enum aks_status aks_whole_file_read_own(const struct aks_port *port, const char *path,
    size_t bytes_max, char **ret_data, size_t *ret_len, struct aks_error *err);

#endif
