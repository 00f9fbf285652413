#include "cli/commands.h"
#include "cli/print.h"
#include "cli/session.h"

int
aks_cmd_cancel(const struct aks_args *args)
{
    struct aks_session session;
    struct akosha_error error;
    int code = aks_session_open(args, false, &session);

    if (code == 0) {
        code = akosha_cancel(session.engine, args->operands[0], &error);
        if (code != 0) {
            code = aks_session_fail(args, &error);
        } else {
            if (args->json)
                aks_print_out("{\"schema\": 1, \"success\": true, \"job_id\": \"%s\"}\n",
                    args->operands[0]);
            else if (!args->quiet)
                aks_print_out("cancelled job %s\n", args->operands[0]);
            code = aks_session_end(code);
        }
    }
    aks_session_close(&session);
    return code;
}
