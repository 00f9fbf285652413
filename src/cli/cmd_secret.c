/* akosha-sync secret: which secrets there are, where their values are and where those may go. */
#include "base/alloc.h"
#include "base/error.h"
#include "cli/commands.h"
#include "cli/print.h"
#include "os/os.h"

#include <stdio.h>
#include <string.h>

static const char *const from_names[] = { "env", "file", "command" };

/* --- add -------------------------------------------------------------------------------------- */

/* The one of --env, --file and --command that was given; -1, or the exit code. */
static int
take_source(const struct aks_args *args, struct akosha_secret *secret)
{
    const char *const given[] = { args->env, args->file, args->program };
    int count = 0;

    for (int i = 0; i < 3; i++) {
        if (given[i] == NULL)
            continue;
        secret->from = (enum akosha_secret_from)i;
        secret->where = given[i];
        count++;
    }
    if (count != 1)
        return aks_args_wrong(args, "say where the value is: one of --env VARIABLE, --file FILE "
            "and --command COMMAND", "");
    if (args->host_count == 0)
        return aks_args_wrong(args, "say where it may be sent: --host HOST or HOST:PORT", "");
    secret->hosts = args->hosts;
    secret->host_count = args->host_count;
    return -1;
}

static void
told_added(const struct aks_args *args, const struct akosha_secret *secret,
    const struct akosha_error *missing)
{
    bool found = missing->code == AKOSHA_OK;

    if (!found && !args->quiet) {
        aks_print_note("warning: %s", missing->message);
        if (missing->hint[0] != '\0')
            aks_print_note("hint: %s", missing->hint);
    }
    if (!args->json && !args->quiet)
        aks_print_out("added secret %s: akosha.secret \"%s\" in a policy\n", secret->name,
            secret->name);
    if (!args->json)
        return;
    aks_print_out("{\"schema\": 1, \"success\": true, \"name\": \"%s\", \"found\": %s}\n",
        secret->name, secret->from == AKOSHA_SECRET_COMMAND ? "null" : found ? "true" : "false");
}

static int
add(const struct aks_args *args, const struct aks_port *port)
{
    struct akosha_secret secret = { 0 };
    struct akosha_error missing = { 0 };
    struct akosha_error error = { 0 };
    int code;

    if (args->operand_count != 2)
        return aks_args_wrong(args, "an argument is missing: akosha-sync secret add NAME", "");
    secret.name = args->operands[1];
    code = take_source(args, &secret);
    if (code >= 0)
        return code;
    code = akosha_secret_add(port, args->state, &secret, args->force, &missing, &error);
    if (code != AKOSHA_OK)
        aks_print_failure(args->json, &error);
    else
        told_added(args, &secret, &missing);
    return code;
}

/* --- remove ----------------------------------------------------------------------------------- */

static int
remove_secret(const struct aks_args *args, const struct aks_port *port)
{
    struct akosha_error error = { 0 };
    int code;

    if (args->operand_count != 2)
        return aks_args_wrong(args, "an argument is missing: akosha-sync secret remove NAME", "");
    code = akosha_secret_remove(port, args->state, args->operands[1], &error);
    if (code != AKOSHA_OK)
        aks_print_failure(args->json, &error);
    else if (args->json)
        aks_print_out("{\"schema\": 1, \"success\": true, \"name\": \"%s\"}\n", args->operands[1]);
    else if (!args->quiet)
        aks_print_out("removed secret %s; its value is where it was\n", args->operands[1]);
    return code;
}

/* --- list ------------------------------------------------------------------------------------- */

struct listing {
    const struct aks_args *args;
    size_t count;
};

static void
show_json(const struct listing *listing, const struct akosha_secret *secret)
{
    aks_print_out("%s{\"name\": \"%s\", \"source\": \"%s\", \"where\": ",
        listing->count > 0 ? ", " : "", secret->name, from_names[secret->from]);
    aks_print_json_string(secret->where);
    aks_print_out(", \"hosts\": [");
    for (size_t i = 0; i < secret->host_count; i++) {
        aks_print_out("%s", i > 0 ? ", " : "");
        aks_print_json_string(secret->hosts[i]);
    }
    aks_print_out("], \"found\": %s, \"reason\": ", secret->found ? "true" : "false");
    if (secret->found)
        aks_print_out("null");
    else
        aks_print_json_string(secret->missing);
    aks_print_out("}");
}

static void
show(const struct akosha_secret *secret)
{
    aks_print_out("%s\n  %-8s %s\n  hosts   ", secret->name, from_names[secret->from],
        secret->where);
    for (size_t i = 0; i < secret->host_count; i++)
        aks_print_out(" %s", secret->hosts[i]);
    aks_print_out("\n  value    %s%s\n", secret->found ? "found" : "not found: ",
        secret->found ? "" : secret->missing);
    if (!secret->found && secret->hint[0] != '\0')
        aks_print_out("           %s\n", secret->hint);
}

static void
on_secret(void *ctx, const struct akosha_secret *secret)
{
    struct listing *listing = ctx;

    if (listing->args->json)
        show_json(listing, secret);
    else
        show(secret);
    listing->count++;
}

static int
list(const struct aks_args *args, const struct aks_port *port)
{
    struct listing listing = { args, 0 };
    struct akosha_error error = { 0 };
    int code;

    if (args->operand_count != 1)
        return aks_args_wrong(args, "one argument too many: ", args->operands[1]);
    if (args->json)
        aks_print_out("{\"schema\": 1, \"secrets\": [");
    code = akosha_secret_each(port, on_secret, &listing, &error);
    if (args->json) {
        aks_print_out("], \"success\": %s, \"exit_code\": %d", code == AKOSHA_OK ? "true" : "false",
            code);
        if (code != AKOSHA_OK) {
            aks_print_out(", \"error\": {\"failure\": \"%s\", \"message\": ", error.failure);
            aks_print_json_string(error.message);
            aks_print_out("}");
        }
        aks_print_out("}\n");
    }
    if (code != AKOSHA_OK)
        aks_print_error(error.hint, "%s", error.message);
    else if (listing.count == 0 && !args->json && !args->quiet)
        aks_print_note("there are no secrets: akosha-sync secret add --help");
    return code;
}

/* --- the command ------------------------------------------------------------------------------ */

/* Options that say something about a secret are for add. */
static int
check_options(const struct aks_args *args)
{
    if (strcmp(args->operands[0], "add") == 0)
        return -1;
    if (args->env != NULL || args->file != NULL || args->program != NULL || args->host_count > 0 ||
        args->force)
        return aks_args_wrong(args, "--env, --file, --command, --host and --force are for secret "
            "add, not for secret ", args->operands[0]);
    return -1;
}

int
aks_cmd_secret(const struct aks_args *args)
{
    static const struct {
        const char *name;
        int (*run)(const struct aks_args *args, const struct aks_port *port);
    } actions[] = { { "add", add }, { "list", list }, { "remove", remove_secret } };
    struct aks_os *os = NULL;
    struct aks_error err = { 0 };
    int output;
    int code = check_options(args);

    if (code >= 0)
        return code;
    code = aks_os_open(aks_alloc_system(), &os, &err) == AKS_OK ? AKOSHA_USAGE : AKOSHA_NOT_KEPT;
    if (code == AKOSHA_NOT_KEPT) {
        aks_print_error(err.hint, "%s", err.message);
        return code;
    }
    for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
        if (strcmp(actions[i].name, args->operands[0]) != 0)
            continue;
        code = actions[i].run(args, aks_os_port(os));
        output = aks_print_flush();
        aks_os_close(os);
        return code != 0 ? code : output;
    }
    aks_os_close(os);
    return aks_args_wrong(args, "secret add, secret list or secret remove, not secret ",
        args->operands[0]);
}
