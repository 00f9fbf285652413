/* Files that nobody else should read or write: keys, tokens, and where those are. */
#ifndef AKS_ENGINE_PRIVATE_FILE_H
#define AKS_ENGINE_PRIVATE_FILE_H

#include "base/buf.h"
#include "base/error.h"
#include "port/port.h"

#include <stdbool.h>
#include <stdint.h>

/** Appends all of the file at ${path} to ${out}, whose allocator wipes where that is needed; what
 * it went through on the way is overwritten. AKS_SETTINGS if it is no regular file, or longer than
 * ${out} may be; else what port/files.h says. */
enum aks_status aks_private_file_read(const struct aks_port *port, const char *path,
    struct aks_buf *out, struct aks_file_info *ret_info, struct aks_error *err);
/** AKS_FORBIDDEN, with what to run, if the file, of which ${info} is known, is neither this user's
 * nor root's, or others may write it: whoever may, chooses where data goes. If it holds ${secrets},
 * also if they may read it. */
enum aks_status aks_private_file_check(const struct aks_port *port, const char *path,
    const struct aks_file_info *info, bool secrets, struct aks_error *err);
/** Reads a file that only this user writes and reads, in a settings folder that is checked too
 * (engine/private_folder.h): what stands in it may start programs. Else as the two above. */
enum aks_status aks_private_file_read_settings(const struct aks_port *port, const char *path,
    struct aks_buf *out, struct aks_error *err);

#endif
