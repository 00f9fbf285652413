/* How any command ends, also one that has no session. */
#include "cli/print.h"
#include "cli/session.h"

int
aks_session_fail(const struct aks_args *args, const struct akosha_error *error)
{
    aks_print_failure(args->json, error);
    return aks_session_end(error->code);
}

int
aks_session_end(int code)
{
    int output = aks_print_flush();

    /* Delivered but not told is no success; what else went wrong is worth more. */
    return code != 0 ? code : output;
}
