#include "engine/source.h"

#include <string.h>

enum aks_status
aks_source_absolute(const struct aks_port *port, const char *written, const char *folder,
    char **ret_path, struct aks_error *err)
{
    const struct aks_environment *env = &port->environment;
    const char *home = env->home(env->ctx);
    char *path;

    if (written[0] == '\0')
        return aks_error_set(err, AKS_SETTINGS, "a source has an empty path");
    if (written[0] == '/') {
        path = aks_mem_strdup(port->alloc, written);
    } else if (strncmp(written, "~/", 2) == 0) {
        if (home[0] == '\0')
            return aks_error_set(err, AKS_SETTINGS, "cannot expand %s: no home folder is known",
                written);
        path = aks_mem_printf(port->alloc, "%s/%s", home, written + 2);
    } else if (folder[0] != '/') {
        (void)aks_error_set(err, AKS_SETTINGS, "cannot tell where %s lies: the working folder is "
            "not known any more", written);
        aks_error_hint(err, "change to a folder that exists, or name the source from / on");
        return AKS_SETTINGS;
    } else {
        path = aks_mem_printf(port->alloc, "%s/%s", folder, written);
    }
    if (path == NULL)
        return aks_error_memory(err, "naming a source");
    if (strlen(path) >= AKS_PATH_BYTES) {
        aks_mem_free(port->alloc, path);
        return aks_error_set(err, AKS_SETTINGS, "the path of a source is over %d bytes: %.60s...",
            AKS_PATH_BYTES - 1, written);
    }
    *ret_path = path;
    return AKS_OK;
}
