#include "os/guard_posix.h"

#include "base/redact.h"

#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

void
aks_guard_posix_close(void)
{
    const struct rlimit none = { 0, 0 };

    (void)setrlimit(RLIMIT_CORE, &none);
    /* A core that is piped to a program is not bound by the limit. */
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

/* Where a secret is: no secret, and a text that much else has in it. */
static bool
is_path(const char *value)
{
    const char *slash = strchr(value, '/');

    return slash != NULL && strchr("/.~", value[0]) != NULL && strchr(slash + 1, '/') != NULL;
}

void
aks_guard_posix_environment(struct aks_guard_posix *ret_guard, const struct aks_alloc *alloc)
{
    ret_guard->count = 0;
    for (char **at = environ; at != NULL && *at != NULL; at++) {
        size_t name = strcspn(*at, "=");
        const char *value = *at + name + ((*at)[name] == '=');
        struct aks_secret *secret;

        if (ret_guard->count == AKS_GUARD_POSIX_MAX || strlen(value) < AKS_GUARD_POSIX_BYTES_MIN ||
            is_path(value) || !aks_redact_assigned_secret(*at, name))
            continue;
        secret = aks_secret_new(alloc, "", value, strlen(value));
        if (secret != NULL)
            ret_guard->secrets[ret_guard->count++] = secret;
    }
}

void
aks_guard_posix_forget(struct aks_guard_posix *guard)
{
    while (guard->count > 0)
        aks_secret_free(guard->secrets[--guard->count]);
}
