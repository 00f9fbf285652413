#include "cli/keys.h"

#include "base/secret.h"
#include "cli/session.h"
#include "os/terminal_posix.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

int
aks_keys_open(const struct aks_args *args, struct akosha_keys *ret_keys)
{
    struct akosha_error error = { 0 };
    struct aks_secret *passphrase = NULL;
    struct aks_error err;

    memset(ret_keys, 0, sizeof(*ret_keys));
    if (args->passphrase && args->passphrase_secret != NULL)
        return aks_args_wrong(args, "--passphrase and --passphrase-secret exclude each other", "");
    ret_keys->identities = args->identities;
    ret_keys->identity_count = args->identity_count;
    ret_keys->passphrase_secret = args->passphrase_secret;
    if (!args->passphrase)
        return 0;
    if (aks_terminal_posix_ask(aks_alloc_system(), "Passphrase: ", &passphrase, &err) == AKS_OK) {
        ret_keys->passphrase = passphrase;
        return 0;
    }
    error.code = err.status == AKS_CANCELLED ? 130 : AKOSHA_REFUSED;
    error.failure = aks_status_name(err.status);
    (void)snprintf(error.message, sizeof(error.message), "--passphrase: %.900s", err.message);
    if (err.status == AKS_AUTH_MISSING)
        (void)snprintf(error.hint, sizeof(error.hint), "without a terminal: --passphrase-secret "
            "NAME, of a secret that akosha-sync secret add has named");
    return aks_session_fail(args, &error);
}

void
aks_keys_close(struct akosha_keys *keys)
{
    aks_secret_free((struct aks_secret *)(uintptr_t)keys->passphrase);
    memset(keys, 0, sizeof(*keys));
}
