#include "base/alloc.h"
#include "base/error.h"
#include "cli/commands.h"
#include "cli/print.h"
#include "cli/session.h"
#include "os/os.h"
#include "os/publish_posix.h"

#include <stdio.h>
#include <string.h>

/* For the textfile collector of node_exporter, which is another user. */
static int
write_textfile(const struct aks_args *args, const char *text)
{
    struct akosha_error error = { AKOSHA_NOT_KEPT, "", "", "" };
    struct aks_error err;
    enum aks_status status = aks_publish_posix(args->textfile, text, strlen(text), &err);

    if (status == AKS_OK)
        return AKOSHA_OK;
    error.failure = aks_status_name(status);
    (void)snprintf(error.message, sizeof(error.message), "%s", err.message);
    return aks_session_fail(args, &error);
}

static int
tell(const struct aks_args *args, struct akosha_report *report)
{
    const char *text = akosha_report_text(report, "text");
    int code = AKOSHA_OK;

    if (args->textfile != NULL)
        code = write_textfile(args, text);
    if (code != AKOSHA_OK)
        return code;
    if (args->json)
        return aks_session_print_json(report, code);
    if (args->textfile == NULL)
        aks_print_out("%s", text);
    return aks_session_end(code);
}

int
aks_cmd_metrics(const struct aks_args *args)
{
    struct akosha_report *report = NULL;
    struct akosha_error error;
    struct aks_error err;
    struct aks_os *os = NULL;
    int code;

    if (aks_os_open(aks_alloc_system(), &os, &err) != AKS_OK) {
        aks_print_error(err.hint, "%s", err.message);
        return AKOSHA_NOT_KEPT;
    }
    code = akosha_metrics(aks_os_port(os), args->state, &report, &error);
    code = code == AKOSHA_OK ? tell(args, report) : aks_session_fail(args, &error);
    akosha_report_free(report);
    aks_os_close(os);
    return code;
}
