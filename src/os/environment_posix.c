#include "os/environment_posix.h"

#include <pwd.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Room for one line of the password file; a longer one counts as not there. */
#define PASSWORD_LINE_BYTES 4096

static const char *
environment_get(void *ctx, const char *name)
{
    return getenv(name);
}

static const char *
environment_at(void *ctx, unsigned i)
{
    for (unsigned at = 0; environ != NULL && environ[at] != NULL; at++) {
        if (at == i)
            return environ[at];
    }
    return NULL;
}

static const char *
environment_host_name(void *ctx)
{
    struct aks_environment_posix *environment = ctx;

    if (gethostname(environment->host_name, sizeof(environment->host_name)) != 0)
        return "";
    environment->host_name[sizeof(environment->host_name) - 1] = '\0';
    return environment->host_name;
}

static const char *
environment_home(void *ctx)
{
    struct aks_environment_posix *environment = ctx;
    const char *home = getenv("HOME");
    char line[PASSWORD_LINE_BYTES];
    struct passwd entry;
    struct passwd *found = NULL;
    int len;

    /* A relative one would be another folder for each process. */
    if (home != NULL && home[0] == '/')
        return home;
    if (getpwuid_r(geteuid(), &entry, line, sizeof(line), &found) != 0 || found == NULL
        || found->pw_dir == NULL)
        return "";
    len = snprintf(environment->home, sizeof(environment->home), "%s", found->pw_dir);
    return len > 0 && (size_t)len < sizeof(environment->home) ? environment->home : "";
}

static const char *
environment_working_folder(void *ctx)
{
    struct aks_environment_posix *environment = ctx;
    const char *folder = getcwd(environment->working_folder, sizeof(environment->working_folder));

    /* Linux says "(unreachable)/..." for a folder outside the root. */
    return folder != NULL && folder[0] == '/' ? folder : "";
}

void
aks_environment_posix_init(struct aks_environment_posix *environment,
    struct aks_environment *ret_port)
{
    memset(environment, 0, sizeof(*environment));
    ret_port->get = environment_get;
    ret_port->at = environment_at;
    ret_port->host_name = environment_host_name;
    ret_port->home = environment_home;
    ret_port->working_folder = environment_working_folder;
    ret_port->ctx = environment;
}
