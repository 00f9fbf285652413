#include "engine/credentials_internal.h"

#include <stdio.h>

enum aks_status
aks_credentials_environment(const struct aks_port *port, struct aks_credentials *credentials,
    struct aks_error *err)
{
    static const char *const names[3] = {
        "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"
    };
    const struct aks_environment *environment = &port->environment;
    const char *values[3];

    for (size_t i = 0; i < 3; i++)
        values[i] = environment->get(environment->ctx, names[i]);
    /* The name that the token had before 2014; some tools still set it. */
    if (values[2] == NULL || values[2][0] == '\0')
        values[2] = environment->get(environment->ctx, "AWS_SECURITY_TOKEN");
    (void)snprintf(credentials->source, sizeof(credentials->source), "environment");
    return aks_credentials_take(credentials, names, values, "the environment", err);
}
