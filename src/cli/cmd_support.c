#include "base/alloc.h"
#include "base/error.h"
#include "cli/commands.h"
#include "cli/print.h"
#include "cli/session.h"
#include "os/os.h"

#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

/* Kernel and machine; not the name that its owner gave it. */
static const char *
system_text(char *text, size_t bytes)
{
    struct utsname names;

    if (uname(&names) != 0)
        return NULL;
    (void)snprintf(text, bytes, "%s %s %s", names.sysname, names.release, names.machine);
    return text;
}

static const char *
build_text(void)
{
#if defined(__SANITIZE_ADDRESS__)
    return "sanitized, " __VERSION__;
#elif defined(NDEBUG)
    return "release, " __VERSION__;
#else
    return __VERSION__;
#endif
}

/* For its owner alone, and never over what is there. */
static int
write_file(const struct aks_args *args, const struct aks_port *port, const char *text,
    struct akosha_error *ret_error)
{
    const struct aks_files *files = &port->files;
    struct aks_file_info info;
    struct aks_file *file = NULL;
    struct aks_error err = { 0 };
    enum aks_status status;

    if (files->stat(files->ctx, args->output, false, &info, NULL) == AKS_OK)
        return aks_args_wrong(args, "there is something already at ", args->output);
    status = files->open(files->ctx, args->output, AKS_FILE_CREATE, &file, &err);
    if (status == AKS_OK)
        status = files->write(file, 0, text, strlen(text), &err);
    if (status == AKS_OK)
        status = files->write(file, (int64_t)strlen(text), "\n", 1, &err);
    if (status == AKS_OK)
        status = files->sync(file, &err);
    files->close(file);
    if (status == AKS_OK)
        return AKOSHA_OK;
    ret_error->code = AKOSHA_NOT_KEPT;
    ret_error->failure = aks_status_name(status);
    (void)snprintf(ret_error->message, sizeof(ret_error->message), "%s", err.message);
    (void)snprintf(ret_error->hint, sizeof(ret_error->hint), "%s", err.hint);
    return aks_session_fail(args, ret_error);
}

static int
tell(const struct aks_args *args, const struct aks_port *port, struct akosha_report *report)
{
    const char *text = akosha_report_json(report, true);
    struct akosha_error error = { 0 };
    int code;

    if (text == NULL) {
        aks_print_error(NULL, "out of memory while writing the bundle");
        return AKOSHA_NOT_KEPT;
    }
    if (args->output == NULL) {
        aks_print_out("%s\n", text);
        return aks_session_end(AKOSHA_OK);
    }
    code = write_file(args, port, text, &error);
    if (code != AKOSHA_OK)
        return code;
    if (args->json) {
        aks_print_out("{\"schema\": 1, \"success\": true, \"exit_code\": 0, \"file\": ");
        aks_print_json_string(args->output);
        aks_print_out(", \"bytes\": %zu}\n", strlen(text) + 1);
    } else if (!args->quiet) {
        aks_print_out("%s\n", args->output);
        aks_print_note("read it before you send it: it holds no secrets%s, but the text of the "
            "policy and what its runs said",
            args->keep_names ? "" : " and no names of buckets, hosts and people");
    }
    return aks_session_end(AKOSHA_OK);
}

int
aks_cmd_support(const struct aks_args *args)
{
    struct akosha_support_options options = { 0 };
    struct akosha_report *report = NULL;
    struct akosha_error error;
    struct aks_error err;
    struct aks_os *os = NULL;
    char text[256];
    int code;

    if (aks_os_open(aks_alloc_system(), &os, &err) != AKS_OK) {
        aks_print_error(err.hint, "%s", err.message);
        return AKOSHA_NOT_KEPT;
    }
    options.port = aks_os_port(os);
    options.state_folder = args->state;
    options.policy = args->policy;
    options.keep_names = args->keep_names;
    options.build = build_text();
    options.system = system_text(text, sizeof(text));
    code = akosha_support(&options, &report, &error);
    code = code == AKOSHA_OK ? tell(args, options.port, report) : aks_session_fail(args, &error);
    akosha_report_free(report);
    aks_os_close(os);
    return code;
}
