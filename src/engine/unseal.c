#include "engine/unseal.h"

#include "engine/private_file.h"
#include "engine/secret_find.h"

#include <string.h>

static enum aks_status
read_identities(struct aks_unseal *unseal, const struct aks_port *port, const char *path,
    struct aks_error *err)
{
    struct aks_file_info info = { 0 };
    struct aks_secret_wipe wipe;
    struct aks_buf text;
    enum aks_status status;

    aks_secret_wipe_init(&wipe, port->alloc);
    aks_buf_init(&text, &wipe.alloc, AKS_UNSEAL_FILE_BYTES_MAX);
    status = aks_private_file_read(port, path, &text, &info, err);
    if (status == AKS_NOT_FOUND)
        status = aks_error_set(err, AKS_AUTH_MISSING, "the file %.600s is not there", path);
    if (status == AKS_OK)
        status = aks_private_file_check(port, path, &info, true, err);
    if (status == AKS_OK) {
        status = aks_age_identities_read(&unseal->identities, text.data, text.len, err);
        if (status != AKS_OK)
            (void)aks_error_wrap(err, "%.600s", path);
    }
    aks_buf_fini(&text);
    if (status != AKS_OK)
        (void)aks_error_wrap(err, "cannot use an identity");
    return status;
}

static enum aks_status
find_passphrase(struct aks_unseal *unseal, const struct aks_port *port, const char *name,
    struct aks_error *err)
{
    enum aks_status status = aks_secret_find_passphrase(port, name, &unseal->found, err);

    if (status != AKS_OK)
        (void)aks_error_wrap(err, "cannot use a passphrase");
    unseal->keys.passphrase = unseal->found;
    return status;
}

enum aks_status
aks_unseal_init(struct aks_unseal *unseal, const struct aks_port *port,
    const struct aks_unseal_options *options, const struct aks_encrypt_settings *encrypt,
    struct aks_error *err)
{
    enum aks_status status = AKS_OK;
    struct aks_error ignored;

    memset(unseal, 0, sizeof(*unseal));
    aks_age_identities_init(&unseal->identities, port->alloc);
    unseal->keys.identities = &unseal->identities;
    unseal->keys.asked = options->asked;
    for (size_t i = 0; i < options->identity_count && status == AKS_OK; i++)
        status = read_identities(unseal, port, options->identity_files[i], err);
    if (status != AKS_OK)
        return status;
    unseal->keys.passphrase = options->passphrase;
    if (options->passphrase_secret != NULL)
        return find_passphrase(unseal, port, options->passphrase_secret, err);
    /* What is brought back may be older than the passphrase: whether it is needed is seen then. */
    if (options->passphrase == NULL && encrypt->passphrase != NULL)
        (void)find_passphrase(unseal, port, encrypt->passphrase, &ignored);
    return AKS_OK;
}

void
aks_unseal_fini(struct aks_unseal *unseal)
{
    aks_age_identities_fini(&unseal->identities);
    aks_secret_free(unseal->found);
    memset(unseal, 0, sizeof(*unseal));
}

bool
aks_unseal_any(const struct aks_unseal *unseal)
{
    return unseal->identities.count > 0 || unseal->keys.passphrase != NULL;
}
