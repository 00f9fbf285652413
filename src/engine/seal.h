/* A policy's `encrypt`, made good: whom what leaves is encrypted for. */
#ifndef AKS_ENGINE_SEAL_H
#define AKS_ENGINE_SEAL_H

#include "data/age_write.h"
#include "engine/settings.h"
#include "port/port.h"

/* A file of recipients that a policy names. */
#define AKS_SEAL_FILE_BYTES_MAX (64 * 1024)

/* Of one run. Zeroed: nothing is encrypted. */
struct aks_seal {
    const struct aks_port *port;
    const struct aks_encrypt_settings *settings;
    struct aks_age_recipients recipients;   /* of the policy, and of its file */
};

/** Reads the file of recipients, and sees that there is a passphrase of that name: so that nothing
 * is sent by a policy that cannot be kept. ${settings} is borrowed. AKS_SETTINGS, AKS_FORBIDDEN
 * (others may write the file), AKS_AUTH_MISSING. */
enum aks_status aks_seal_init(struct aks_seal *seal, const struct aks_port *port,
    const struct aks_encrypt_settings *settings, struct aks_error *err);
/** What is to be encrypted with, or NULL: nothing. */
const struct aks_seal *aks_seal_of(const struct aks_seal *seal);
/** A writer with keys of its own. For workers: asks for the passphrase, which may be a program's to
 * tell, and makes a key of it, which takes a second. */
enum aks_status aks_seal_begin(const struct aks_seal *seal, struct aks_age_writer **ret_writer,
    struct aks_error *err);

#endif
