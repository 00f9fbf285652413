/* What opens encrypted objects on their way back: identities out of files, a passphrase. */
#ifndef AKS_ENGINE_UNSEAL_H
#define AKS_ENGINE_UNSEAL_H

#include "data/age_read.h"
#include "engine/settings.h"
#include "port/port.h"

#include <stdbool.h>

/* Of an identity file: some hundred keys with their comments. */
#define AKS_UNSEAL_FILE_BYTES_MAX (64 * 1024)

/* What a person gives. All borrowed for the call. Zeroed: nothing. */
struct aks_unseal_options {
    const char *const *identity_files;  /* paths, absolute */
    size_t identity_count;
    const char *passphrase_secret;      /* name of a secret, or NULL */
    const struct aks_secret *passphrase;    /* itself, or NULL; has to outlive the unseal */
    bool asked;                         /* a person waits for it, as in struct aks_age_keys */
};

struct aks_unseal {
    struct aks_age_identities identities;
    struct aks_secret *found;           /* a passphrase that was looked up */
    struct aks_age_keys keys;           /* of both */
};

/** Where nobody gives a passphrase, that of the policy (${encrypt}) is taken, if it can be found.
 * Blocks as long as a program takes that is asked for a passphrase. AKS_FORBIDDEN if others can
 * read an identity file, with the chmod; AKS_AUTH_MISSING if there is no such file or secret;
 * AKS_SETTINGS if it holds something else. To be given to fini, also after a failure. */
enum aks_status aks_unseal_init(struct aks_unseal *unseal, const struct aks_port *port,
    const struct aks_unseal_options *options, const struct aks_encrypt_settings *encrypt,
    struct aks_error *err);
/** Wipes. Fine on a zeroed struct. */
void aks_unseal_fini(struct aks_unseal *unseal);
/** Is there anything that could open an object? */
bool aks_unseal_any(const struct aks_unseal *unseal);

#endif
