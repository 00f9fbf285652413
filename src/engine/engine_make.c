/* What there has to be before there is an engine; an enqueue needs no more. */
#include "engine/engine.h"

#include "base/encode.h"
#include "engine/private_folder.h"
#include "wire/dates.h"

#include <stdio.h>
#include <string.h>

/* The message of a folder that cannot be used says what it was for. A hint of its own is a better
 * one. */
enum aks_status
aks_engine_state_failure(enum aks_status status, const char *folder,
    struct aks_error *err)
{
    struct aks_error why = *err;

    status = status == AKS_NO_SPACE ? AKS_NO_SPACE : AKS_STATE;
    (void)aks_error_set(err, status, "cannot use the state folder %s: %s", folder, why.message);
    aks_error_hint(err, "%s", why.hint[0] != '\0' ? why.hint
        : "nothing was kept: make room or make it writable, or name another folder with --state, "
        "and run again");
    return status;
}

enum aks_status
aks_engine_make_folders(const struct aks_port *port, const char *path, struct aks_error *err)
{
    const struct aks_files *files = &port->files;
    struct aks_file_info info;
    char prefix[AKS_PATH_BYTES];
    size_t len = strlen(path);
    enum aks_status status;

    if (files->stat(files->ctx, path, true, &info, NULL) == AKS_OK && info.type == AKS_FILE_FOLDER)
        return AKS_OK;
    if (len >= sizeof(prefix))
        return aks_error_set(err, AKS_LIMIT, "the path %.60s... is too long", path);
    memcpy(prefix, path, len + 1);
    for (size_t i = 1; i <= len; i++) {
        if (prefix[i] != '/' && prefix[i] != '\0')
            continue;
        prefix[i] = '\0';
        status = files->make_folder(files->ctx, prefix, err);
        if (status != AKS_OK && status != AKS_CONFLICT &&
            files->stat(files->ctx, prefix, true, &info, NULL) != AKS_OK)
            return status;
        prefix[i] = path[i];
    }
    status = files->stat(files->ctx, path, true, &info, err);
    if (status != AKS_OK)
        return status;
    if (info.type != AKS_FILE_FOLDER)
        return aks_error_set(err, AKS_CONFLICT, "%s is no folder", path);
    return AKS_OK;
}

/* Makes every folder on the way to ${path} last. One that may not be looked into was there before
 * us. */
static enum aks_status
sync_way(const struct aks_port *port, const char *path, struct aks_error *err)
{
    const struct aks_files *files = &port->files;
    char prefix[AKS_PATH_BYTES];
    size_t len = strlen(path);

    memcpy(prefix, path, len + 1);
    for (size_t i = len; i > 0; i--) {
        enum aks_status status;

        if (path[i] != '/' && path[i] != '\0')
            continue;
        prefix[i] = '\0';
        status = files->sync_folder(files->ctx, prefix, err);
        if (status != AKS_OK && status != AKS_FORBIDDEN)
            return status;
    }
    (void)files->sync_folder(files->ctx, "/", NULL);
    return AKS_OK;
}

enum aks_status
aks_engine_make_state_folder(const struct aks_port *port, const char *path, bool last,
    struct aks_error *err)
{
    enum aks_status status = aks_engine_make_folders(port, path, err);

    if (status == AKS_OK)
        status = aks_private_folder_check(port, path, err);
    if (status == AKS_OK && last)
        status = sync_way(port, path, err);
    return status == AKS_OK ? AKS_OK : aks_engine_state_failure(status, path, err);
}

char *
aks_engine_xdg_folder(const struct aks_port *port, const char *variable, const char *fallback)
{
    const struct aks_environment *env = &port->environment;
    const char *base = env->get(env->ctx, variable);

    if (base != NULL && base[0] == '/')
        return aks_mem_printf(port->alloc, "%s/akosha-sync", base);
    return aks_mem_printf(port->alloc, "%s/%s/akosha-sync", env->home(env->ctx), fallback);
}

enum aks_status
aks_engine_make_id(const struct aks_port *port, char ret_id[32], struct aks_error *err)
{
    char date[AKS_DATE_BYTES];
    uint8_t random[3];
    char hex[7];
    enum aks_status status = port->entropy.fill(port->entropy.ctx, random, sizeof(random), err);

    if (status != AKS_OK)
        return status;
    aks_hex_encode(random, sizeof(random), hex);
    (void)snprintf(ret_id, 32, "%.20s-%s",
        aks_date_compact(port->clock.wall_ms(port->clock.ctx), date), hex);
    return AKS_OK;
}
