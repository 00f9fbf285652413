/* What a program that embeds us needs beside the engine: the ports of a real machine. Apart from
 * api/, which knows no machine, so that simulated worlds link to nothing of this. */
#include "akosha/akosha.h"
#include "base/alloc.h"
#include "os/os.h"

#include <stdio.h>

static struct aks_os *
os_of(struct akosha_system *system)
{
    return (struct aks_os *)system;
}

int
akosha_system_open(struct akosha_system **ret_system, struct akosha_error *ret_error)
{
    struct aks_os *os = NULL;
    struct aks_error err;

    *ret_system = NULL;
    if (aks_os_open(aks_alloc_system(), &os, &err) != AKS_OK) {
        ret_error->code = AKOSHA_NOT_KEPT;
        ret_error->failure = aks_status_name(err.status);
        (void)snprintf(ret_error->message, sizeof(ret_error->message), "%s", err.message);
        (void)snprintf(ret_error->hint, sizeof(ret_error->hint), "%s", err.hint);
        return AKOSHA_NOT_KEPT;
    }
    aks_os_of_library(os);
    *ret_system = (struct akosha_system *)os;
    return AKOSHA_OK;
}

const struct aks_port *
akosha_system_port(struct akosha_system *system)
{
    return aks_os_port(os_of(system));
}

void
akosha_system_close(struct akosha_system *system)
{
    aks_os_close(os_of(system));
}
