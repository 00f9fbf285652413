#include "base/alloc.h"
#include "base/error.h"
#include "cli/commands.h"
#include "cli/print.h"
#include "cli/session.h"
#include "os/os.h"

/* The document is JSON either way, and for people to read before they put it anywhere. */
static int
print_document(struct akosha_report *report)
{
    const char *text = akosha_report_json(report, true);

    if (text == NULL) {
        aks_print_error(NULL, "out of memory while writing the document");
        return AKOSHA_NOT_KEPT;
    }
    aks_print_out("%s\n", text);
    return aks_session_end(0);
}

int
aks_cmd_bucket_policy(const struct aks_args *args)
{
    struct akosha_bucket_policy_options options = { args->bucket, args->prefix, args->system_id,
        args->principal, args->document, args->use };
    struct akosha_report *report = NULL;
    struct akosha_error error;
    struct aks_os *os = NULL;
    struct aks_error err;
    int code;

    if (aks_os_open(aks_alloc_system(), &os, &err) != AKS_OK) {
        aks_print_error(err.hint, "%s", err.message);
        return AKOSHA_NOT_KEPT;
    }
    code = akosha_bucket_policy(aks_os_port(os), &options, &report, &error);
    code = code == AKOSHA_OK ? print_document(report) : aks_session_fail(args, &error);
    akosha_report_free(report);
    aks_os_close(os);
    return code;
}
