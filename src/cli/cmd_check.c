/* akosha-sync check: all that is wrong with a policy, in the order in which it is read. */
#include "base/alloc.h"
#include "base/error.h"
#include "cli/commands.h"
#include "cli/editor.h"
#include "cli/print.h"
#include "os/os.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* What akosha_checked calls the policy that is no file. */
#define BUILT_IN "built-in default"

struct checking {
    const struct aks_args *args;
    size_t told;
};

/* An error is a line like every other error; a warning is one that a quiet person does not want. */
static void
show(const struct aks_args *args, const struct akosha_problem *problem)
{
    char line[16] = "";

    if (problem->line > 0)
        (void)snprintf(line, sizeof(line), ":%d", problem->line);
    if (!problem->warning)
        aks_print_error(NULL, "%s%s: %s", problem->file, line, problem->message);
    else if (!args->quiet)
        aks_print_note("warning: %s%s: %s", problem->file, line, problem->message);
}

static void
show_json(struct checking *checking, const struct akosha_problem *problem)
{
    aks_print_out("%s{\"file\": ", checking->told > 0 ? ", " : "");
    aks_print_json_string(problem->file);
    if (problem->line > 0)
        aks_print_out(", \"line\": %d, \"field\": ", problem->line);
    else
        aks_print_out(", \"line\": null, \"field\": ");
    if (problem->field[0] != '\0')
        aks_print_json_string(problem->field);
    else
        aks_print_out("null");
    aks_print_out(", \"message\": ");
    aks_print_json_string(problem->message);
    aks_print_out(", \"severity\": \"%s\"}", problem->warning ? "warning" : "error");
}

static void
on_problem(void *ctx, const struct akosha_problem *problem)
{
    struct checking *checking = ctx;

    show(checking->args, problem);
    if (checking->args->json)
        show_json(checking, problem);
    checking->told++;
}

/* Returns 0, or AKOSHA_SETTINGS with *ret_error, which is told. */
static int
write_for_editor(const struct checking *checking, const struct aks_port *port,
    const char *policy, struct aks_editor *ret_editor, struct akosha_error *ret_error)
{
    const struct aks_environment *env = &port->environment;
    char path[2 * AKS_PATH_BYTES];
    struct aks_error err = { 0 };
    enum aks_status status;

    if (strcmp(policy, BUILT_IN) == 0) {
        status = aks_error_set(&err, AKS_SETTINGS, "--luarc: the %s has no file for "
            AKS_EDITOR_FILE " to lie beside", policy);
        aks_error_hint(&err, "name a policy with --policy");
    } else {
        (void)snprintf(path, sizeof(path), "%s%s%s", policy[0] != '/'
            ? env->working_folder(env->ctx) : "", policy[0] != '/' ? "/" : "", policy);
        status = aks_editor_write(&port->files, path, ret_editor, &err);
    }
    if (status != AKS_OK) {
        ret_error->failure = aks_status_name(err.status);
        (void)snprintf(ret_error->message, sizeof(ret_error->message), "%s", err.message);
        (void)snprintf(ret_error->hint, sizeof(ret_error->hint), "%s", err.hint);
        aks_print_error(err.hint, "%s", err.message);
        return AKOSHA_SETTINGS;
    }
    if (ret_editor->kept || !checking->args->quiet)
        aks_print_note("%s: %s; the annotations are %s", ret_editor->file, ret_editor->kept
            ? "is there already, and stays as it is" : "written", ret_editor->annotations);
    return 0;
}

static void
show_json_editor(const struct aks_editor *editor)
{
    aks_print_out(", \"editor\": {\"file\": ");
    aks_print_json_string(editor->file);
    aks_print_out(", \"annotations\": ");
    aks_print_json_string(editor->annotations);
    aks_print_out(", \"kept\": %s}", editor->kept ? "true" : "false");
}

static void
finish_json(const struct akosha_checked *checked, int code, const struct akosha_error *error,
    const struct aks_editor *editor)
{
    aks_print_out("], \"policy\": {\"path\": ");
    aks_print_json_string(checked->path);
    if (checked->sha256[0] != '\0')
        aks_print_out(", \"sha256\": \"%s\"}", checked->sha256);
    else
        aks_print_out(", \"sha256\": null}");
    if (editor != NULL)
        show_json_editor(editor);
    if (code != 0) {
        aks_print_out(", \"error\": {\"failure\": \"%s\", \"message\": ", error->failure);
        aks_print_json_string(error->message);
        aks_print_out(", \"hint\": ");
        if (error->hint[0] != '\0')
            aks_print_json_string(error->hint);
        else
            aks_print_out("null");
        aks_print_out("}");
    }
    aks_print_out(", \"success\": %s, \"exit_code\": %d}\n", code == 0 ? "true" : "false", code);
}

static void
finish_text(const struct akosha_checked *checked)
{
    char warnings[48] = "";

    if (checked->warnings > 0)
        (void)snprintf(warnings, sizeof(warnings), ", %zu warning%s", checked->warnings,
            checked->warnings == 1 ? "" : "s");
    aks_print_out("%s: fine%s\n", checked->path, warnings);
}

int
aks_cmd_check(const struct aks_args *args)
{
    struct checking checking = { args, 0 };
    struct akosha_check_options options = { 0 };
    struct akosha_checked checked;
    struct akosha_error error = { 0 };
    struct aks_editor editor = { 0 };
    struct aks_os *os = NULL;
    struct aks_error err = { 0 };
    int output;
    int code;

    if (aks_os_open(aks_alloc_system(), &os, &err) != AKS_OK) {
        aks_print_error(err.hint, "%s", err.message);
        return AKOSHA_NOT_KEPT;
    }
    options.port = aks_os_port(os);
    options.path = args->policy;
    options.allow = args->allow;
    options.allow_count = args->allow_count;
    options.limits = args->limits;
    options.limit_count = args->limit_count;
    options.problem = on_problem;
    options.ctx = &checking;
    if (args->json)
        aks_print_out("{\"schema\": 1, \"problems\": [");
    code = akosha_policy_check(&options, &checked, &error);
    /* What could not even be read has no problems of its own. */
    if (code != 0 && checking.told == 0)
        aks_print_error(error.hint, "%s", error.message);
    else if (code != 0 && error.hint[0] != '\0')
        aks_print_note("hint: %s", error.hint);
    if (args->luarc && write_for_editor(&checking, options.port, checked.path, &editor,
            &error) != 0)
        code = AKOSHA_SETTINGS;
    if (args->json)
        finish_json(&checked, code, &error, editor.annotations[0] != '\0' ? &editor : NULL);
    else if (code == 0 && !args->quiet)
        finish_text(&checked);
    output = aks_print_flush();
    aks_os_close(os);
    return code != 0 ? code : output;
}
