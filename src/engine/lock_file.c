#include "engine/lock_file.h"

bool
aks_lock_file_replaced(const struct aks_files *files, struct aks_file *file, const char *path)
{
    struct aks_file_info own;
    struct aks_file_info there;
    enum aks_status status;

    if (files->info(file, &own, NULL) != AKS_OK)
        return false;
    status = files->stat(files->ctx, path, true, &there, NULL);
    return status == AKS_NOT_FOUND || (status == AKS_OK &&
        (own.device != there.device || own.inode != there.inode));
}
