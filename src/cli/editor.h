/* Lets an editor know what policies see: a .luarc.json for lua-language-server beside a policy,
 * with our annotations in it. The one file: beside it lies the akosha that a policy's require means
 * when it is run, and an editor that finds both takes that one, which has no annotations. */
#ifndef AKS_CLI_EDITOR_H
#define AKS_CLI_EDITOR_H

#include "base/error.h"
#include "port/files.h"

#include <stdbool.h>

#define AKS_EDITOR_FILE ".luarc.json"

struct aks_editor {
    char annotations[AKS_PATH_BYTES];   /* types.lua, absolute */
    char file[AKS_PATH_BYTES];          /* the .luarc.json */
    bool kept;                          /* it was there before, and stays as it is */
};

/** Finds the annotations where this program is installed, or in the tree that it was built in, and
 * writes the file beside ${policy}, an absolute path. AKS_SETTINGS where the annotations are not
 * found; what files failed with. */
enum aks_status aks_editor_write(const struct aks_files *files, const char *policy,
    struct aks_editor *ret_editor, struct aks_error *err);

#endif
