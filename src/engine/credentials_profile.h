/* The shared files of AWS tools: ~/.aws/credentials and ~/.aws/config
 * (docs.aws.amazon.com/sdkref/latest/guide/file-format.html). */
#ifndef AKS_ENGINE_CREDENTIALS_PROFILE_H
#define AKS_ENGINE_CREDENTIALS_PROFILE_H

#include "base/error.h"
#include "base/secret.h"
#include "port/port.h"

#include <stdbool.h>
#include <stddef.h>

#define AKS_PROFILE_NAME_BYTES 256

enum aks_profile_key {
    AKS_PROFILE_ACCESS_KEY, AKS_PROFILE_SECRET_KEY, AKS_PROFILE_SESSION_TOKEN, AKS_PROFILE_REGION,
    AKS_PROFILE_ROLE_ARN, AKS_PROFILE_SOURCE_PROFILE, AKS_PROFILE_CREDENTIAL_SOURCE,
    AKS_PROFILE_EXTERNAL_ID, AKS_PROFILE_SESSION_NAME, AKS_PROFILE_DURATION, AKS_PROFILE_MFA_SERIAL,
    AKS_PROFILE_TOKEN_FILE, AKS_PROFILE_PROCESS, AKS_PROFILE_ENDPOINT, AKS_PROFILE_SERVICES,
    AKS_PROFILE_SSO,                    /* the name of the key that asks for a log-in */
    AKS_PROFILE_KEYS
};

/* What one file says of a profile. */
struct aks_profile_part {
    char *values[AKS_PROFILE_KEYS];     /* NULL: nothing, or an empty text */
    bool found;
    char path[AKS_PATH_BYTES];
};

struct aks_profile {
    struct aks_secret_wipe wipe;        /* of the values' memory */
    const char *name;                   /* borrowed */
    struct aks_profile_part shared;     /* ~/.aws/credentials */
    struct aks_profile_part config;     /* ~/.aws/config */
};

/** The profile that ${how} ("auto", "profile:NAME", ...) means: AWS_PROFILE, AWS_DEFAULT_PROFILE,
 * "default". */
const char *aks_profile_name(const struct aks_port *port, const char *how);
/** Reads both files' words on ${name}; a file that is not there says nothing. AKS_SETTINGS,
 * AKS_FORBIDDEN. ${ret_profile} must stay where it is, and is finished with aks_profile_fini, also
 * after a failure. */
enum aks_status aks_profile_read(const struct aks_port *port, const char *name,
    struct aks_profile *ret_profile, struct aks_error *err);
void aks_profile_fini(struct aks_profile *profile);
/** A value, borrowed: that of the file of credentials goes first. NULL if there is none. */
const char *aks_profile_get(const struct aks_profile *profile, enum aks_profile_key key);
/** The key as it is called in the files. */
const char *aks_profile_key_name(enum aks_profile_key key);
/** Path of the file that has a value for ${key}, for messages. */
const char *aks_profile_path(const struct aks_profile *profile, enum aks_profile_key key);
/** The path that ${value} means: "~/" is the home folder, what is relative the working folder's. */
enum aks_status aks_profile_locate(const struct aks_port *port, const char *value, const char *what,
    char ret_path[AKS_PATH_BYTES], struct aks_error *err);

/** `region` of a profile into ${ret_region} (cut), "" if there is none. Fails as the files do. */
enum aks_status aks_profile_region(const struct aks_port *port, const char *name, char *ret_region,
    size_t region_bytes, struct aks_error *err);
/** Where the profile says that ${service} ("sts", "s3") is: its `services` section, else its
 * `endpoint_url`. "" if it does not. Fails as the files do. */
enum aks_status aks_profile_endpoint(const struct aks_port *port, const struct aks_profile *profile,
    const char *service, char *ret_url, size_t url_bytes, struct aks_error *err);

#endif
