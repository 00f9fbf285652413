/* Variables, host name, home: what a process is told by whoever started it. */
#ifndef AKS_PORT_ENVIRONMENT_H
#define AKS_PORT_ENVIRONMENT_H

struct aks_environment {
    /* Value, or NULL; valid until the port is closed. */
    const char *(*get)(void *ctx, const char *name);
    /* The i-th "NAME=value", or NULL past the last one. */
    const char *(*at)(void *ctx, unsigned i);
    /* As gethostname says, or "" if it does not. */
    const char *(*host_name)(void *ctx);
    /* $HOME, else the password file's; "" if neither. */
    const char *(*home)(void *ctx);
    /* Absolute; "" if it cannot be told. */
    const char *(*working_folder)(void *ctx);
    void *ctx;
};

#endif
