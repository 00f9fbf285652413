#include "os/program.h"

#include "os/beside.h"

#include <errno.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#define FILE_NAME "akosha-sync"

/* In a build, and where it is installed. */
static const char *const places[] = { "libexec/", "../" AKS_INSTALL_LIBDIR "/akosha-sync/" };

static const char *const library_places[] = { "libexec/", "akosha-sync/" };

#define PLACES(array) array, sizeof(array) / sizeof((array)[0])

static enum aks_status
find(enum aks_beside beside, const char *const *where, size_t count, char ret_path[PATH_MAX],
    struct aks_error *err)
{
    enum aks_status status = aks_beside_find(aks_alloc_system(), beside, "start", FILE_NAME, where,
        count, ret_path, err);

    if (status != AKS_OK)
        aks_error_hint(err, "install all of akosha-sync, from one build: cmake --install does");
    return status;
}

enum aks_status
aks_program_full(char ret_path[PATH_MAX], struct aks_error *err)
{
    return find(AKS_BESIDE_PROGRAM, PLACES(places), ret_path, err);
}

enum aks_status
aks_program_of_library(char ret_path[PATH_MAX], struct aks_error *err)
{
    return find(AKS_BESIDE_LIBRARY, PLACES(library_places), ret_path, err);
}

enum aks_status
aks_program_become_full(char *const *argv, struct aks_error *err)
{
    char path[PATH_MAX];
    enum aks_status status = aks_program_full(path, err);

    if (status != AKS_OK)
        return status;
    (void)execv(path, argv);
    return aks_error_set(err, AKS_SETTINGS, "cannot start %s: %s", path, strerror(errno));
}

bool
aks_program_has_more_rights(void)
{
    return getauxval(AT_SECURE) != 0;
}
