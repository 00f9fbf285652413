/* akosha-sync explain: what a policy would decide, as tables. */
#include "base/alloc.h"
#include "base/error.h"
#include "cli/commands.h"
#include "cli/explain_text.h"
#include "cli/print.h"
#include "os/os.h"
#include "testkit/explain.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int
fail(const struct aks_args *args, const struct aks_error *err, int code)
{
    struct akosha_error error = { code, aks_status_name(err->status), "", "" };

    (void)snprintf(error.message, sizeof(error.message), "%s", err->message);
    (void)snprintf(error.hint, sizeof(error.hint), "%s", err->hint);
    aks_print_failure(args->json, &error);
    (void)aks_print_flush();
    return code;
}

static enum aks_status
print_json(json_t *explanation, struct aks_error *err)
{
    size_t flags = JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(6);
    char *text;

    if (json_object_set_new(explanation, "schema", json_integer(1)) != 0 ||
        json_object_set_new(explanation, "success", json_true()) != 0 ||
        json_object_set_new(explanation, "exit_code", json_integer(0)) != 0)
        return aks_error_memory(err, "explaining");
    text = json_dumps(explanation, flags | (isatty(STDOUT_FILENO) == 1 ? JSON_INDENT(2) : 0));
    if (text == NULL)
        return aks_error_memory(err, "explaining");
    aks_print_out("%s\n", text);
    free(text);
    return AKS_OK;
}

static enum aks_status
explain(const struct aks_args *args, struct aks_error *err)
{
    struct aks_explain_options options = { 0 };
    json_t *explanation = NULL;
    struct aks_os *os = NULL;
    enum aks_status status = aks_os_open(aks_alloc_system(), &os, err);

    if (status != AKS_OK)
        return status;
    options.real = aks_os_port(os);
    options.policy = args->policy;
    options.sources = args->operand_count > 0 ? args->operands : NULL;
    options.source_count = args->operand_count;
    options.limits = args->limits;
    options.limit_count = args->limit_count;
    options.events = args->events;
    options.event_count = args->event_count;
    options.at = args->at;
    options.run = args->replay;
    options.state = args->state;
    status = aks_explain(&options, &explanation, err);
    if (status == AKS_OK && args->json)
        status = print_json(explanation, err);
    else if (status == AKS_OK && args->replay != NULL)
        aks_explain_text_replay(explanation, args->verbose);
    else if (status == AKS_OK)
        aks_explain_text(explanation, args->at);
    json_decref(explanation);
    aks_os_close(os);
    return status;
}

int
aks_cmd_explain(const struct aks_args *args)
{
    struct aks_error err = { 0 };
    enum aks_status status;

    _Static_assert(AKS_ARGS_EVENT_MAX <= AKS_EXPLAIN_EVENTS_MAX, "each is explained");
    if (args->replay != NULL && args->event_count > 0)
        return aks_args_wrong(args, "--replay and --event exclude each other", "");
    if (args->replay != NULL && args->operand_count > 0)
        return aks_args_wrong(args, "--replay takes the sources of its run: ", args->operands[0]);
    if (args->replay != NULL && args->at != NULL)
        return aks_args_wrong(args, "--replay and --at exclude each other", "");
    status = explain(args, &err);
    if (status == AKS_OK)
        return aks_print_flush();
    return fail(args, &err, status == AKS_NOT_FOUND ? AKOSHA_USAGE
        : status == AKS_SOURCE_UNREADABLE ? AKOSHA_SOURCE : AKOSHA_SETTINGS);
}
