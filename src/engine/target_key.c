#include "engine/target_key.h"

#include "engine/target.h"

#include <stdio.h>

static bool
key_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
        c == '.' || c == '_' || c == '-' || c == '/';
}

bool
aks_target_key_valid(const char *key)
{
    const char *name = key;

    for (const char *at = key;; at++) {
        if (*at != '/' && *at != '\0') {
            if (!key_byte(*at))
                return false;
            continue;
        }
        if (at == name || (at == name + 1 && name[0] == '.') ||
            (at == name + 2 && name[0] == '.' && name[1] == '.'))
            return false;
        if (*at == '\0')
            return true;
        name = at + 1;
    }
}

size_t
aks_target_key_system(const char *system_id, char ret_folder[AKS_TARGET_KEY_FOLDER_BYTES])
{
    return (size_t)snprintf(ret_folder, AKS_TARGET_KEY_FOLDER_BYTES, "systems/%.*s/",
        AKS_SYSTEM_ID_BYTES - 1, system_id);
}

size_t
aks_target_key_uploads(const struct aks_target_settings *settings, const char *system_id,
    char ret_folder[AKS_TARGET_KEY_FOLDER_BYTES])
{
    size_t len = aks_target_key_system(system_id, ret_folder);

    if (settings->layout == AKS_LAYOUT_ORIGINAL)
        len += (size_t)snprintf(ret_folder + len, AKS_TARGET_KEY_FOLDER_BYTES - len, "%s/",
            AKS_TARGET_KEY_LEVEL);
    return len;
}

size_t
aks_target_key_upload(const struct aks_target_settings *settings, const char *system_id,
    const char *upload_id, const char *name, char *ret_key, size_t bytes)
{
    char folder[AKS_TARGET_KEY_FOLDER_BYTES];
    int len;

    (void)aks_target_key_uploads(settings, system_id, folder);
    len = snprintf(ret_key, bytes, "%s%s/%s", folder, upload_id, name);
    return len < 0 || (size_t)len >= bytes ? 0 : (size_t)len;
}
