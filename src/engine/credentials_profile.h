/* The shared files of AWS tools: ~/.aws/credentials and ~/.aws/config. */
#ifndef AKS_ENGINE_CREDENTIALS_PROFILE_H
#define AKS_ENGINE_CREDENTIALS_PROFILE_H

#include "base/error.h"
#include "port/port.h"

#include <stddef.h>

/** The profile that ${how} ("auto", "environment", "profile:NAME") means: AWS_PROFILE,
 * AWS_DEFAULT_PROFILE, "default". */
const char *aks_profile_name(const struct aks_port *port, const char *how);
/** `region` of a profile into ${ret_region} (cut), "" if there is none. Fails as the files do. */
enum aks_status aks_profile_region(const struct aks_port *port, const char *name, char *ret_region,
    size_t region_bytes, struct aks_error *err);

#endif
