/* Apart from all that needs an engine, as enqueue.c. */
#include "api/api_internal.h"

#include "engine/hook_note.h"

#include <string.h>

int
akosha_hook_note(const struct aks_port *port, const char *state_folder,
    const struct akosha_error *failed, struct akosha_error *ret_error)
{
    struct aks_error err = { 0 };
    struct aks_error failure;
    char *folder = NULL;
    enum aks_status status = akosha_api_state_folder(port, state_folder, &folder, &err);

    if (status == AKS_OK && failed == NULL)
        aks_hook_note_clear(port, folder);
    if (status == AKS_OK && failed != NULL) {
        enum aks_status which = AKS_INTERNAL;

        if (failed->failure != NULL)
            (void)aks_status_from_name(failed->failure, &which);
        /* That it failed is what its caller says, whatever it calls the failure. */
        if (which == AKS_OK)
            which = AKS_INTERNAL;
        (void)aks_error_set(&failure, which, "%s", failed->message);
        aks_error_hint(&failure, "%s", failed->hint);
        status = aks_hook_note_write(port, folder, &failure, &err);
    }
    aks_mem_free(port->alloc, folder);
    return status == AKS_OK ? AKOSHA_OK : akosha_api_error(&err, ret_error);
}
