#include "os/http_loader.h"

#include "base/check.h"
#include "os/beside.h"
#include "os/http_module.h"

#include <dlfcn.h>
#include <string.h>

struct aks_http_loader {
    const struct aks_alloc *alloc;
    const struct aks_clock *clock;
    enum aks_beside beside;             /* what the module lies near */
    const struct aks_http_module *module;   /* NULL until loaded */
    struct aks_http_engine *engine;
};

/* Beside the full program, where it is installed; above it, in a build; and for a program in the
 * folder of the front one. */
static const char *const places[] = { "", "../", "../" AKS_INSTALL_LIBDIR "/akosha-sync/" };

/* The same of a library: in a build, and where it is installed. */
static const char *const library_places[] = { "", "akosha-sync/" };

#define PLACES(array) array, sizeof(array) / sizeof((array)[0])

enum aks_status
aks_http_loader_new(const struct aks_alloc *alloc, const struct aks_clock *clock,
    struct aks_http_loader **ret_loader, struct aks_error *err)
{
    struct aks_http_loader *loader = aks_mem_new(alloc, sizeof(*loader));

    if (loader == NULL)
        return aks_error_memory(err, "preparing for requests");
    loader->alloc = alloc;
    loader->clock = clock;
    loader->beside = AKS_BESIDE_PROGRAM;
    *ret_loader = loader;
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
    char path[PATH_MAX];
    enum aks_status status = loader->beside == AKS_BESIDE_PROGRAM
        ? aks_beside_find(loader->alloc, AKS_BESIDE_PROGRAM, "load", AKS_HTTP_MODULE_FILE,
            PLACES(places), path, err)
        : aks_beside_find(loader->alloc, AKS_BESIDE_LIBRARY, "load", AKS_HTTP_MODULE_FILE,
            PLACES(library_places), path, err);

    if (status == AKS_OK)
        status = load(path, &loader->module, err);
    if (status != AKS_OK)
        aks_error_hint(err, "install %s beside the program, from the same build",
            AKS_HTTP_MODULE_FILE);
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

void
aks_http_loader_of_library(struct aks_http_loader *loader)
{
    loader->beside = AKS_BESIDE_LIBRARY;
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
