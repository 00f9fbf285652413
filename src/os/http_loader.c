#include "os/http_loader.h"

#include "base/buf.h"
#include "base/check.h"
#include "os/http_module.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct aks_http_loader {
    const struct aks_alloc *alloc;
    const struct aks_clock *clock;
    const struct aks_http_module *module;   /* NULL until loaded */
    struct aks_http_engine *engine;
};

/* Beside the program, above it (the tests of a build), and where it is installed. */
static const char *const places[] = { "", "../", "../" AKS_INSTALL_LIBDIR "/akosha-sync/" };

#define PLACES (sizeof(places) / sizeof(places[0]))

enum aks_status
aks_http_loader_new(const struct aks_alloc *alloc, const struct aks_clock *clock,
    struct aks_http_loader **ret_loader, struct aks_error *err)
{
    struct aks_http_loader *loader = aks_mem_new(alloc, sizeof(*loader));

    if (loader == NULL)
        return aks_error_memory(err, "preparing for requests");
    loader->alloc = alloc;
    loader->clock = clock;
    *ret_loader = loader;
    return AKS_OK;
}

/* The folder of the running program, ending in a slash. */
static enum aks_status
program_folder(char ret_folder[PATH_MAX], uid_t *ret_owner, struct aks_error *err)
{
    struct stat info;
    ssize_t len = readlink("/proc/self/exe", ret_folder, PATH_MAX - 1);
    char *slash;

    if (len < 0 || stat("/proc/self/exe", &info) != 0)
        return aks_error_set(err, AKS_SETTINGS, "cannot load %s: cannot read /proc/self/exe: %s",
            AKS_HTTP_MODULE_FILE, strerror(errno));
    ret_folder[len] = '\0';
    slash = strrchr(ret_folder, '/');
    if (slash == NULL)
        return aks_error_set(err, AKS_SETTINGS, "cannot load %s: /proc/self/exe is \"%s\"",
            AKS_HTTP_MODULE_FILE, ret_folder);
    slash[1] = '\0';
    *ret_owner = info.st_uid;
    return AKS_OK;
}

/* "../" leads into folders that may be anybody's when the program stands in a shared place, so a
 * module counts only if it belongs to whom we trust already, and to them alone. */
static enum aks_status
check_owner(const char *path, const struct stat *info, uid_t program_owner, struct aks_error *err)
{
    if (!S_ISREG(info->st_mode))
        return aks_error_set(err, AKS_SETTINGS, "cannot load %s: it is not a file", path);
    if (info->st_uid != 0 && info->st_uid != program_owner && info->st_uid != geteuid())
        return aks_error_set(err, AKS_SETTINGS, "cannot load %s: it belongs to somebody else "
            "(user %u)", path, (unsigned)info->st_uid);
    if ((info->st_mode & S_IWOTH) != 0)
        return aks_error_set(err, AKS_SETTINGS, "cannot load %s: anybody may write to it", path);
    return AKS_OK;
}

/* Never unloaded: a resolver's thread that hangs may still run in libcurl when we are done with
 * it. */
static enum aks_status
load(const char *path, const struct aks_http_module **ret_module, struct aks_error *err)
{
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    const struct aks_http_module *module;

    if (handle == NULL)
        return aks_error_set(err, AKS_SETTINGS, "cannot load %s: %s", path, dlerror());
    module = dlsym(handle, AKS_HTTP_MODULE_SYMBOL);
    if (module == NULL)
        return aks_error_set(err, AKS_SETTINGS, "cannot load %s: it is no module of akosha-sync",
            path);
    if (module->abi != AKS_HTTP_MODULE_ABI)
        return aks_error_set(err, AKS_SETTINGS, "cannot load %s: it speaks version %u of the "
            "interface, this program speaks %u", path, (unsigned)module->abi, AKS_HTTP_MODULE_ABI);
    if (strcmp(module->version, AKS_VERSION) != 0)
        return aks_error_set(err, AKS_SETTINGS, "cannot load %s: it belongs to akosha-sync %s, "
            "this is %s", path, module->version, AKS_VERSION);
    *ret_module = module;
    return AKS_OK;
}

static enum aks_status
find_and_load(struct aks_http_loader *loader, struct aks_error *err)
{
    char folder[PATH_MAX];
    char path[PATH_MAX];
    struct aks_buf looked;
    uid_t owner = 0;
    enum aks_status status = program_folder(folder, &owner, err);

    if (status != AKS_OK)
        return status;
    aks_buf_init(&looked, loader->alloc, PLACES * PATH_MAX);
    for (size_t i = 0; i < PLACES; i++) {
        struct stat info;
        int len = snprintf(path, sizeof(path), "%s%s%s", folder, places[i], AKS_HTTP_MODULE_FILE);

        if (len < 0 || (size_t)len >= sizeof(path))
            continue;
        if (stat(path, &info) != 0) {
            aks_buf_printf(&looked, "%s%s", looked.len > 0 ? ", " : "", path);
            continue;
        }
        status = check_owner(path, &info, owner, err);
        if (status == AKS_OK)
            status = load(path, &loader->module, err);
        goto out;
    }
    status = aks_error_set(err, AKS_SETTINGS, "cannot load %s: it is not there (looked for %s)",
        AKS_HTTP_MODULE_FILE, looked.data);
out:
    if (status != AKS_OK)
        aks_error_hint(err, "install %s beside the program, from the same build",
            AKS_HTTP_MODULE_FILE);
    aks_buf_fini(&looked);
    return status;
}

static enum aks_status
loader_submit(void *ctx, const struct aks_http_request *request, aks_http_done *done,
    void *done_ctx, struct aks_http_call **ret_call, struct aks_error *err)
{
    struct aks_http_loader *loader = ctx;
    enum aks_status status;

    if (loader->module == NULL) {
        status = find_and_load(loader, err);
        if (status != AKS_OK)
            return status;
    }
    if (loader->engine == NULL) {
        status = loader->module->open(loader->alloc, loader->clock, &loader->engine, err);
        if (status != AKS_OK)
            return status;
    }
    return loader->module->submit(loader->engine, request, done, done_ctx, ret_call, err);
}

static void
loader_cancel(void *ctx, struct aks_http_call *call)
{
    struct aks_http_loader *loader = ctx;

    AKS_CHECK(loader->engine != NULL);
    loader->module->cancel(loader->engine, call);
}

bool
aks_http_loader_loaded(const struct aks_http_loader *loader)
{
    return loader->engine != NULL;
}

enum aks_status
aks_http_loader_turn(struct aks_http_loader *loader, int wake_fd, int64_t timeout_ns,
    struct aks_error *err)
{
    AKS_CHECK(loader->engine != NULL);
    return loader->module->turn(loader->engine, wake_fd, timeout_ns, err);
}

void
aks_http_loader_free(struct aks_http_loader *loader)
{
    if (loader == NULL)
        return;
    if (loader->engine != NULL)
        loader->module->close(loader->engine);
    aks_mem_free(loader->alloc, loader);
}

void
aks_http_loader_init(struct aks_http_loader *loader, struct aks_http *ret_port)
{
    ret_port->submit = loader_submit;
    ret_port->cancel = loader_cancel;
    ret_port->ctx = loader;
}
