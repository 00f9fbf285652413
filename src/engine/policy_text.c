#include "engine/policy_text.h"

#include "base/check.h"
#include "engine/whole_file.h"

#include <stdio.h>
#include <string.h>

void
aks_policy_text_fini(const struct aks_alloc *alloc, struct aks_policy_text *text)
{
    for (size_t i = 0; i < text->module_count; i++) {
        aks_mem_free(alloc, text->modules[i].name);
        aks_mem_free(alloc, text->modules[i].text);
    }
    aks_mem_free(alloc, text->modules);
    aks_mem_free(alloc, text->path);
    aks_mem_free(alloc, text->text);
    memset(text, 0, sizeof(*text));
}

/* NULL stays NULL; false if there is no memory. */
static bool
copy_bytes(const struct aks_alloc *alloc, const char *bytes, size_t len, char **ret)
{
    *ret = NULL;
    if (bytes == NULL)
        return true;
    *ret = aks_mem_new(alloc, len + 1);
    if (*ret == NULL)
        return false;
    if (len > 0)
        memcpy(*ret, bytes, len);
    return true;
}

static bool
copy_modules(const struct aks_alloc *alloc, const struct aks_policy_text *text,
    struct aks_policy_text *ret)
{
    if (text->module_count == 0)
        return true;
    ret->modules = aks_mem_array(alloc, text->module_count, sizeof(*ret->modules));
    if (ret->modules == NULL)
        return false;
    ret->module_count = text->module_count;
    for (size_t i = 0; i < text->module_count; i++) {
        const struct aks_policy_module *from = &text->modules[i];

        ret->modules[i].text_len = from->text_len;
        if (!copy_bytes(alloc, from->name, strlen(from->name), &ret->modules[i].name) ||
            !copy_bytes(alloc, from->text, from->text_len, &ret->modules[i].text))
            return false;
    }
    return true;
}

enum aks_status
aks_policy_text_copy(const struct aks_alloc *alloc, const struct aks_policy_text *text,
    struct aks_policy_text *ret, struct aks_error *err)
{
    memset(ret, 0, sizeof(*ret));
    ret->text_len = text->text_len;
    ret->limits = text->limits;
    if (!copy_bytes(alloc, text->path, text->path != NULL ? strlen(text->path) : 0, &ret->path) ||
        !copy_bytes(alloc, text->text, text->text_len, &ret->text) ||
        !copy_modules(alloc, text, ret)) {
        aks_policy_text_fini(alloc, ret);
        return aks_error_memory(err, "copying a policy");
    }
    return AKS_OK;
}

static enum aks_status
absolute_path(const struct aks_port *port, const char *path, char **ret, struct aks_error *err)
{
    const struct aks_environment *env = &port->environment;
    const char *folder = env->working_folder(env->ctx);

    if (path[0] == '\0')
        return aks_error_set(err, AKS_POLICY, "cannot read the policy: its path is empty");
    if (path[0] != '/' && folder[0] == '\0')
        return aks_error_set(err, AKS_POLICY,
            "cannot read the policy %s: the folder that this program was started in is gone", path);
    *ret = path[0] == '/' ? aks_mem_strdup(port->alloc, path)
        : aks_mem_printf(port->alloc, "%s/%s", strcmp(folder, "/") == 0 ? "" : folder, path);
    return *ret != NULL ? AKS_OK : aks_error_memory(err, "naming a policy");
}

/* What a failure to read means for the policy itself. */
static enum aks_status
policy_failure(enum aks_status status, const char *path, const struct aks_error *why,
    struct aks_error *err)
{
    if (status == AKS_NOT_FOUND) {
        (void)aks_error_set(err, AKS_POLICY, "cannot read the policy %s: no such file", path);
        aks_error_hint(err, "docs/cookbook.md has some to begin with; without --policy the default"
            " is used");
        return AKS_POLICY;
    }
    if (status == AKS_TOO_LARGE)
        return aks_error_set(err, AKS_POLICY, "cannot read the policy %s: it is over %d bytes",
            path, AKS_POLICY_BYTES_MAX);
    return aks_error_set(err, AKS_POLICY, "cannot read the policy: %s", why->message);
}

/* Told before opening: opening a pipe or a device can have effects. */
static enum aks_status
check_type(const struct aks_port *port, const char *path, struct aks_error *err)
{
    struct aks_file_info info;
    struct aks_error why;
    enum aks_status status = port->files.stat(port->files.ctx, path, true, &info, &why);

    if (status != AKS_OK)
        return policy_failure(status, path, &why, err);
    if (info.type == AKS_FILE_FOLDER) {
        (void)aks_error_set(err, AKS_POLICY, "cannot read the policy %s: it is a folder", path);
        aks_error_hint(err, "name a file in it, such as %s%spolicy.lua", path,
            path[strlen(path) - 1] == '/' ? "" : "/");
        return AKS_POLICY;
    }
    if (info.type != AKS_FILE_REGULAR)
        return aks_error_set(err, AKS_POLICY, "cannot read the policy %s: it is no regular file",
            path);
    return AKS_OK;
}

/* A folder's modules while they are listed. */
struct listing {
    const struct aks_port *port;
    struct aks_policy_text *text;
    const char *own_name;           /* of the policy, which is no module of itself */
    bool over;                      /* ours, not the folder's, was the failure */
};

/* Length of the module's name, or 0 if a file of that name is none. */
static size_t
module_name_len(const char *name)
{
    static const char ending[] = ".lua";
    size_t len = strlen(name);

    if (name[0] == '.' || len < sizeof(ending) || len - 4 >= AKS_POLICY_MODULE_NAME_BYTES)
        return 0;
    return strcmp(name + len - 4, ending) == 0 ? len - 4 : 0;
}

static enum aks_status
add_name(void *ctx, const char *name, struct aks_error *err)
{
    struct listing *listing = ctx;
    struct aks_policy_text *text = listing->text;
    size_t len = module_name_len(name);

    if (len == 0 || strcmp(name, listing->own_name) == 0)
        return AKS_OK;
    if (text->module_count == AKS_POLICY_FILES_MAX) {
        listing->over = true;
        (void)aks_error_set(err, AKS_LIMIT,
            "cannot read the policy %s: %s and others make more than %d *.lua files beside it",
            text->path, name, AKS_POLICY_FILES_MAX);
        aks_error_hint(err, "give the policy a folder of its own, with the modules that it needs");
        return AKS_LIMIT;
    }
    text->modules[text->module_count].name = aks_mem_strndup(listing->port->alloc, name, len);
    if (text->modules[text->module_count].name == NULL) {
        listing->over = true;
        return aks_error_memory(err, "reading a policy");
    }
    text->module_count++;
    return AKS_OK;
}

static enum aks_status
modules_too_large(const char *path, bool together, struct aks_error *err)
{
    if (together)
        (void)aks_error_set(err, AKS_LIMIT,
            "cannot read %s: the *.lua files beside the policy are over %d bytes together", path,
            AKS_POLICY_FILES_BYTES_MAX);
    else
        (void)aks_error_set(err, AKS_LIMIT, "cannot read %s: it is over %d bytes", path,
            AKS_POLICY_BYTES_MAX);
    aks_error_hint(err, "give the policy a folder of its own, with the modules that it needs");
    return AKS_LIMIT;
}

/* Reads one module; one that cannot be read stays without a text. */
static enum aks_status
read_module(const struct aks_port *port, const struct aks_policy_text *text, size_t folder_len,
    struct aks_policy_module *module, size_t *left, struct aks_error *err)
{
    char *path = aks_mem_printf(port->alloc, "%.*s/%s.lua", (int)folder_len, text->path,
        module->name);
    enum aks_status status = AKS_OK;
    struct aks_file_info info;
    struct aks_error why;
    size_t bytes_max = *left < AKS_POLICY_BYTES_MAX ? *left : AKS_POLICY_BYTES_MAX;

    if (path == NULL)
        return aks_error_memory(err, "reading a policy");
    /* Even a look at a pipe or a device is avoided: opening one can have effects. */
    if (port->files.stat(port->files.ctx, path, true, &info, &why) == AKS_OK &&
        info.type == AKS_FILE_REGULAR)
        status = aks_whole_file_read(port, path, bytes_max, &module->text, &module->text_len, &why);
    if (status == AKS_TOO_LARGE) {
        status = modules_too_large(path, bytes_max < AKS_POLICY_BYTES_MAX, err);
    } else if (status == AKS_LIMIT) {
        (void)aks_error_set(err, AKS_LIMIT, "%s", why.message);
    } else {
        *left -= module->text_len;
        status = AKS_OK;
    }
    aks_mem_free(port->alloc, path);
    return status;
}

/* Modules that could not be read leave the list. */
static void
drop_unread(const struct aks_alloc *alloc, struct aks_policy_text *text)
{
    size_t kept = 0;

    for (size_t i = 0; i < text->module_count; i++) {
        if (text->modules[i].text != NULL)
            text->modules[kept++] = text->modules[i];
        else
            aks_mem_free(alloc, text->modules[i].name);
    }
    text->module_count = kept;
}

static enum aks_status
read_modules(const struct aks_port *port, struct aks_policy_text *text, struct aks_error *err)
{
    size_t folder_len = (size_t)(strrchr(text->path, '/') - text->path);
    struct listing listing = { port, text, text->path + folder_len + 1, false };
    char *folder = folder_len > 0 ? aks_mem_strndup(port->alloc, text->path, folder_len)
        : aks_mem_strdup(port->alloc, "/");
    size_t left = AKS_POLICY_FILES_BYTES_MAX;
    struct aks_error why;
    enum aks_status status;

    text->modules = aks_mem_array(port->alloc, AKS_POLICY_FILES_MAX, sizeof(*text->modules));
    if (folder == NULL || text->modules == NULL) {
        aks_mem_free(port->alloc, folder);
        return aks_error_memory(err, "reading a policy");
    }
    status = port->files.list(port->files.ctx, folder, add_name, &listing, &why);
    aks_mem_free(port->alloc, folder);
    if (status != AKS_OK && listing.over) {
        if (err != NULL)
            *err = why;
        return status;
    }
    /* A folder that may be passed through but not listed has no modules, but a policy all the
     * same. */
    if (status != AKS_OK && status != AKS_FORBIDDEN)
        return policy_failure(AKS_STATE, text->path, &why, err);
    status = AKS_OK;
    for (size_t i = 0; i < text->module_count && status == AKS_OK; i++)
        status = read_module(port, text, folder_len, &text->modules[i], &left, err);
    if (status == AKS_OK)
        drop_unread(port->alloc, text);
    return status;
}

enum aks_status
aks_policy_text_read(const struct aks_port *port, const char *path, struct aks_policy_text *ret,
    struct aks_error *err)
{
    struct aks_error why;
    enum aks_status status;

    memset(ret, 0, sizeof(*ret));
    status = absolute_path(port, path, &ret->path, err);
    if (status == AKS_OK)
        status = check_type(port, ret->path, err);
    if (status == AKS_OK) {
        status = aks_whole_file_read(port, ret->path, AKS_POLICY_BYTES_MAX, &ret->text,
            &ret->text_len, &why);
        if (status != AKS_OK)
            status = policy_failure(status, ret->path, &why, err);
    }
    if (status == AKS_OK)
        status = read_modules(port, ret, err);
    if (status != AKS_OK)
        aks_policy_text_fini(port->alloc, ret);
    return status;
}
