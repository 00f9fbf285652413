#include "engine/seal.h"

#include "engine/private_file.h"
#include "engine/secret_find.h"

#include <string.h>

/* ${path} is absolute, or below the person's home. */
static char *
path_of(const struct aks_port *port, const char *path)
{
    if (strncmp(path, "~/", 2) != 0)
        return aks_mem_strdup(port->alloc, path);
    return aks_mem_printf(port->alloc, "%s/%s", port->environment.home(port->environment.ctx),
        path + 2);
}

static enum aks_status
read_file(struct aks_seal *seal, const char *path, struct aks_error *err)
{
    struct aks_file_info info = { 0 };
    struct aks_buf text;
    enum aks_status status;

    aks_buf_init(&text, seal->port->alloc, AKS_SEAL_FILE_BYTES_MAX);
    status = aks_private_file_read(seal->port, path, &text, &info, err);
    if (status == AKS_NOT_FOUND)
        status = aks_error_set(err, AKS_SETTINGS, "%.600s is not there", path);
    if (status == AKS_OK)
        status = aks_private_file_check(seal->port, path, &info, false, err);
    if (status == AKS_OK) {
        status = aks_age_recipients_read(&seal->recipients, text.data, text.len, err);
        if (status != AKS_OK)
            (void)aks_error_wrap(err, "%.600s", path);
    }
    aks_buf_fini(&text);
    return status;
}

enum aks_status
aks_seal_init(struct aks_seal *seal, const struct aks_port *port,
    const struct aks_encrypt_settings *settings, struct aks_error *err)
{
    enum aks_status status = AKS_OK;
    char *path;

    memset(seal, 0, sizeof(*seal));
    if (!settings->set)
        return AKS_OK;
    seal->port = port;
    seal->settings = settings;
    seal->recipients = settings->recipients;
    if (settings->passphrase != NULL)
        status = aks_secret_check(port, settings->passphrase, AKS_SECRET_PASSPHRASE_URL, err);
    if (settings->recipients_file != NULL) {
        path = path_of(port, settings->recipients_file);
        status = path != NULL ? read_file(seal, path, err)
            : aks_error_memory(err, "reading recipients");
        aks_mem_free(port->alloc, path);
    }
    if (status != AKS_OK)
        (void)aks_error_wrap(err, "cannot encrypt");
    return status;
}

const struct aks_seal *
aks_seal_of(const struct aks_seal *seal)
{
    return seal->settings != NULL ? seal : NULL;
}

enum aks_status
aks_seal_begin(const struct aks_seal *seal, struct aks_age_writer **ret_writer,
    struct aks_error *err)
{
    const struct aks_port *port = seal->port;
    struct aks_age_writer_options options = { .alloc = port->alloc,
        .recipients = &seal->recipients, .work = AKS_AGE_SCRYPT_WORK, .fill = port->entropy.fill,
        .ctx = port->entropy.ctx };
    struct aks_secret *passphrase = NULL;
    enum aks_status status = AKS_OK;

    if (seal->settings->passphrase != NULL)
        status = aks_secret_find_passphrase(port, seal->settings->passphrase, &passphrase, err);
    options.passphrase = passphrase;
    if (status == AKS_OK)
        status = aks_age_writer_new(&options, ret_writer, err);
    if (status != AKS_OK)
        (void)aks_error_wrap(err, "cannot encrypt");
    aks_secret_free(passphrase);
    return status;
}
