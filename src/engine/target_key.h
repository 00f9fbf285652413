/* Keys below a target's prefix, url or path: where this system's things lie, in the layout that the
 * target's settings name. The one place that knows it:
 *
 *   akosha      systems/<system>/<upload>/<name>
 *   original    systems/<system>/uploads/<upload>/<name>     as session-buddy's own uploader
 *
 * Whatever the layout, all of a system's keys begin with "systems/<system>/": a manifest's keys are
 * checked for it, and rights are given for it. */
#ifndef AKS_ENGINE_TARGET_KEY_H
#define AKS_ENGINE_TARGET_KEY_H

#include "engine/settings.h"

#include <stdbool.h>
#include <stddef.h>

/* The level of the original layout. No upload is called so. */
#define AKS_TARGET_KEY_LEVEL "uploads"
#define AKS_TARGET_KEY_FOLDER_BYTES \
    (sizeof("systems//") + AKS_SYSTEM_ID_BYTES + sizeof(AKS_TARGET_KEY_LEVEL "/"))

/** "systems/<system>/". Returns its length. */
size_t aks_target_key_system(const char *system_id, char ret_folder[AKS_TARGET_KEY_FOLDER_BYTES]);
/** The folder of the system's uploads' folders, with its final '/'. Returns its length. */
size_t aks_target_key_uploads(const struct aks_target_settings *settings, const char *system_id,
    char ret_folder[AKS_TARGET_KEY_FOLDER_BYTES]);
/** The key of ${name} in the folder of an upload, "" for the folder itself, into ${ret_key} of
 * ${bytes}. Returns its length, or 0 where it does not fit; what has fitted stands there then. */
size_t aks_target_key_upload(const struct aks_target_settings *settings, const char *system_id,
    const char *upload_id, const char *name, char *ret_key, size_t bytes);

#endif
