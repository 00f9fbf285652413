/* akosha-sync init: a policy, the agent's hook, units; and all of it taken away again. */
#include "base/alloc.h"
#include "base/error.h"
#include "cli/commands.h"
#include "cli/init_find.h"
#include "cli/init_plan.h"
#include "cli/print.h"
#include "cli/session.h"
#include "os/os.h"
#include "os/terminal_posix.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ANSWERS 4
#define SYSTEMCTL_MS 30000
#define SYSTEMCTL_BYTES_MAX 4096
#define ALL_DIFFS_BYTES_MAX ((size_t)8 << 20)

struct making {
    const struct aks_args *args;
    const struct aks_port *port;
    struct aks_init_found found;
    struct aks_init_draft draft;
    struct aks_init_plan plan;
    char answers[ANSWERS][AKS_TERMINAL_BYTES_MAX];
    char *folder;                       /* the one that is the target where nothing else is */
    bool applied;
};

/* --- what the policy is about ----------------------------------------------------------------- */

static const char *
either(const char *option, const struct aks_port *port, const char *setting)
{
    return option != NULL ? option : aks_init_find_setting(port, setting);
}

static bool
asks(const struct aks_args *args)
{
    return !args->yes && !args->json && !args->dry_run && isatty(STDIN_FILENO) == 1;
}

/* ${now} is what holds if nothing is typed. */
static enum aks_status
ask(struct making *making, int i, const char *question, const char **now, struct aks_error *err)
{
    char prompt[1024];
    enum aks_status status;

    (void)snprintf(prompt, sizeof(prompt), "%.700s [%.200s]: ", question,
        *now != NULL ? *now : "none");
    status = aks_terminal_posix_line(prompt, making->answers[i], err);
    if (status == AKS_OK && making->answers[i][0] != '\0')
        *now = making->answers[i];
    return status;
}

static enum aks_status
ask_all(struct making *making, struct aks_error *err)
{
    struct aks_init_draft *draft = &making->draft;
    char question[700];
    enum aks_status status = ask(making, 0, "Bucket (without one: a folder)", &draft->bucket, err);

    if (status != AKS_OK || draft->bucket == NULL)
        return status;
    status = ask(making, 1, "Address of the store (none: AWS)", &draft->endpoint, err);
    (void)snprintf(question, sizeof(question), "Keys: \"profile:NAME\" of %.400s, or \"auto\"",
        making->found.profiles.len > 0 ? making->found.profiles.data : "~/.aws, which has none");
    return status == AKS_OK ? ask(making, 2, question, &draft->credentials, err) : status;
}

static enum aks_status
settle_target(struct making *making, struct aks_error *err)
{
    struct aks_init_draft *draft = &making->draft;
    const struct aks_environment *env = &making->port->environment;
    const char *data = env->get(env->ctx, "XDG_DATA_HOME");

    if (draft->bucket == NULL && draft->http == NULL && draft->mcp == NULL && draft->dir == NULL) {
        making->folder = data != NULL && data[0] == '/'
            ? aks_mem_printf(making->port->alloc, "%s/akosha-sync", data)
            : aks_mem_strdup(making->port->alloc, "~/.local/share/akosha-sync");
        draft->dir = making->folder;
    } else if (draft->dir != NULL && draft->dir[0] != '/' && draft->dir[0] != '~') {
        making->folder = aks_mem_printf(making->port->alloc, "%s/%s",
            env->working_folder(env->ctx), draft->dir);
        draft->dir = making->folder;
    } else {
        return AKS_OK;
    }
    return making->folder != NULL ? AKS_OK : aks_error_memory(err, "making a policy");
}

static enum aks_status
fill_draft(struct making *making, struct aks_error *err)
{
    const struct aks_args *args = making->args;
    const struct aks_port *port = making->port;
    struct aks_init_draft *draft = &making->draft;
    enum aks_status status = AKS_OK;

    draft->title = "What is brought, and where to: written by akosha-sync init, and yours to "
        "change.\nakosha-sync check tells what is wrong with it; docs/policy.md what can stand "
        "here.";
    draft->bucket = either(args->bucket, port, "CLOUD_BUCKET");
    draft->endpoint = either(args->endpoint, port, "CLOUD_ENDPOINT");
    draft->region = either(args->region, port, "CLOUD_REGION");
    draft->prefix = either(args->prefix, port, "CLOUD_PREFIX");
    draft->credentials = args->credentials;
    draft->http = either(args->http, port, "HTTP_URL");
    draft->mcp = either(args->mcp, port, "MCP_URL");
    draft->dir = either(args->dir, port, "DIR");
    draft->system_id = either(args->system_id, port, "SYSTEM_ID");
    draft->source_count = making->found.source_count;
    for (size_t i = 0; i < draft->source_count; i++)
        draft->sources[i] = making->found.sources[i];
    if (asks(args) && args->bucket == NULL && args->http == NULL && args->mcp == NULL &&
        args->dir == NULL)
        status = ask_all(making, err);
    if (draft->bucket == NULL) {
        draft->endpoint = NULL;
        draft->credentials = NULL;
    }
    return status == AKS_OK ? settle_target(making, err) : status;
}

/* --- showing and asking ----------------------------------------------------------------------- */

static const char *
why_not(const struct making *making, const struct aks_init_change *change)
{
    if (change->action == AKS_INIT_ABSENT)
        return "nothing of ours is in it";
    if (change->action != AKS_INIT_KEPT)
        return "as it is";
    return change->left ? "it is left alone"
        : making->args->undo ? "it was changed since, and stays"
        : "there is one already, which stays";
}

static void
show(const struct making *making)
{
    const struct aks_init_changes *changes = &making->plan.changes;

    for (size_t i = 0; i < changes->count; i++) {
        const struct aks_init_change *change = &changes->list[i];
        struct aks_buf diff;

        if (change->hidden)
            continue;
        aks_buf_init(&diff, changes->alloc, ALL_DIFFS_BYTES_MAX);
        aks_init_change_diff(change, &diff);
        if (diff.len > 0)
            aks_print_out("%s\n", diff.data);
        else
            aks_print_out("%s %s: %s\n", change->what, change->path, why_not(making, change));
        aks_buf_fini(&diff);
    }
    aks_print_now();
}

/* AKS_OK: it may be done. */
static enum aks_status
consent(const struct making *making, struct aks_error *err)
{
    char answer[AKS_TERMINAL_BYTES_MAX];
    enum aks_status status;

    if (making->args->yes)
        return AKS_OK;
    if (!asks(making->args)) {
        (void)aks_error_set(err, AKS_SETTINGS, "usage: nothing is changed, as nobody can be asked "
            "here");
        aks_error_hint(err, "--yes does it without asking, --dry-run only shows it");
        return AKS_SETTINGS;
    }
    status = aks_terminal_posix_line("Write this? [y/N]: ", answer, err);
    if (status == AKS_OK && strcmp(answer, "y") != 0 && strcmp(answer, "yes") != 0)
        return aks_error_set(err, AKS_CANCELLED, "nothing is changed");
    return status;
}

/* --- doing it --------------------------------------------------------------------------------- */

static bool
systemctl(const struct aks_port *port, const char *const *argv)
{
    static const char *const names[] = { "PATH", "HOME", "USER", "XDG_RUNTIME_DIR",
        "XDG_CONFIG_HOME", "DBUS_SESSION_BUS_ADDRESS" };
    const struct aks_environment *env = &port->environment;
    struct aks_process_spec spec = { .argv = argv, .timeout_ms = SYSTEMCTL_MS };
    char *variables[sizeof(names) / sizeof(names[0]) + 1] = { NULL };
    const char *const *given = (const char *const *)variables;
    struct aks_buf output;
    size_t count = 0;
    int code = 1;
    bool done;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const char *value = env->get(env->ctx, names[i]);

        if (value != NULL)
            variables[count] = aks_mem_printf(port->alloc, "%s=%s", names[i], value);
        count += variables[count] != NULL;
    }
    spec.env = given;
    aks_buf_init(&output, port->alloc, SYSTEMCTL_BYTES_MAX);
    spec.errors = &output;
    done = port->process.run(port->process.ctx, &spec, &output, &code, NULL) == AKS_OK && code == 0;
    aks_buf_fini(&output);
    for (size_t i = 0; i < count; i++)
        aks_mem_free(port->alloc, variables[i]);
    return done;
}

static void
tell_systemd(const struct making *making)
{
    static const char *const reload[] = { "systemctl", "--user", "daemon-reload", NULL };
    static const char *const enable[] = { "systemctl", "--user", "enable", "--now",
        "akosha-sync-worker.path", "akosha-sync-worker.timer", NULL };

    if (!making->plan.units || making->args->undo)
        return;
    if (!systemctl(making->port, reload) || !systemctl(making->port, enable))
        aks_print_note("warning: systemctl --user did not take the units; where it runs: "
            "systemctl --user enable --now akosha-sync-worker.path akosha-sync-worker.timer");
}

/* Before their files go. */
static void
stop_units(const struct making *making)
{
    static const char *const disable[] = { "systemctl", "--user", "disable", "--now",
        "akosha-sync-worker.path", "akosha-sync-worker.timer", NULL };

    if (making->args->undo && making->plan.units)
        (void)systemctl(making->port, disable);
}

/* No policy is left behind that cannot be loaded: the hook would keep its jobs for ever. */
static enum aks_status
check_policy(const struct making *making, struct aks_error *err)
{
    const struct aks_port *port = making->port;
    enum aks_status status = AKS_OK;

    for (size_t i = 0; i < making->plan.changes.count && status == AKS_OK; i++) {
        const struct aks_init_change *change = &making->plan.changes.list[i];

        if (change->action != AKS_INIT_WRITTEN || strcmp(change->what, "policy") != 0)
            continue;
        status = aks_init_change_folders(&port->files, change->path, err);
        if (status == AKS_OK)
            status = aks_init_change_check(port, change->path, change->after, change->after_len,
                err);
    }
    return status;
}

static enum aks_status
apply(struct making *making, struct aks_error *err)
{
    bool any = aks_init_change_any(&making->plan.changes);
    enum aks_status status;

    /* A record of what is gone already goes too, and that is nobody's but ours. */
    if (making->args->dry_run || (!any && !making->args->undo))
        return AKS_OK;
    status = any ? consent(making, err) : AKS_OK;
    if (status != AKS_OK)
        return status;
    /* One that undo brings back is theirs, whatever it holds. */
    status = making->args->undo ? AKS_OK : check_policy(making, err);
    if (status != AKS_OK)
        return status;
    stop_units(making);
    status = aks_init_change_apply(&making->plan.changes, &making->port->files,
        making->plan.stamp, err);
    if (status == AKS_OK)
        tell_systemd(making);
    making->applied = status == AKS_OK && any;
    return status;
}

static enum aks_status
make(struct making *making, struct aks_error *err)
{
    enum aks_status status = aks_init_plan_begin(making->args, making->port, &making->plan, err);

    if (status == AKS_OK && making->args->undo) {
        status = aks_init_plan_undo(&making->plan, err);
    } else if (status == AKS_OK) {
        status = aks_init_find(making->port, &making->found, err);
        if (status == AKS_OK)
            status = fill_draft(making, err);
        if (status == AKS_OK)
            status = aks_init_plan_make(&making->plan, &making->draft, err);
    }
    if (status == AKS_OK && !making->args->json && !making->args->quiet)
        show(making);
    return status == AKS_OK ? apply(making, err) : status;
}

/* --- the end ---------------------------------------------------------------------------------- */

static int
code_of(const struct aks_error *err)
{
    switch ((int)err->status) {
    case AKS_OK:
        return AKOSHA_OK;
    case AKS_SETTINGS:
        return strncmp(err->message, "usage: ", 7) == 0 ? AKOSHA_USAGE : AKOSHA_SETTINGS;
    case AKS_CANCELLED:
    case AKS_NOT_FOUND:
        return AKOSHA_USAGE;
    default:
        return AKOSHA_NOT_KEPT;
    }
}

/* Whatever keeps undo from looking at a file, a person has to mend it. */
static int
code_of_undo(const struct making *making)
{
    return making->plan.left.status == AKS_OK ? AKOSHA_OK : AKOSHA_SETTINGS;
}

static int
fail_with(const struct aks_args *args, const struct aks_error *err)
{
    struct akosha_error error = { code_of(err), aks_status_name(err->status), "", "" };

    (void)snprintf(error.message, sizeof(error.message), "%s", err->message);
    (void)snprintf(error.hint, sizeof(error.hint), "%s", err->hint);
    return aks_session_fail(args, &error);
}

/* What doctor says of the policy that is there now, as JSON. */
static json_t *
doctor_json(const struct aks_args *args, int *ret_code)
{
    struct akosha_doctor_options options = { 0 };
    struct akosha_report *report = NULL;
    struct akosha_error policy_error;
    struct akosha_error error;
    struct aks_session session;
    json_t *json = NULL;

    *ret_code = aks_session_open(args, false, &session);
    if (*ret_code == 0) {
        if (akosha_policy_load(session.engine, args->policy, NULL, 0, &session.policy,
            &policy_error) != AKOSHA_OK)
            options.policy_error = &policy_error;
        *ret_code = akosha_doctor(session.engine, session.policy, &options, &report, &error);
    }
    if (report != NULL)
        json = json_loads(akosha_report_json(report, false), 0, NULL);
    akosha_report_free(report);
    aks_session_close(&session);
    return json != NULL ? json : json_null();
}

static json_t *
changes_json(const struct aks_init_changes *changes)
{
    json_t *list = json_array();

    for (size_t i = 0; i < changes->count; i++) {
        const struct aks_init_change *change = &changes->list[i];
        struct aks_buf diff;

        if (change->hidden)
            continue;
        aks_buf_init(&diff, changes->alloc, ALL_DIFFS_BYTES_MAX);
        aks_init_change_diff(change, &diff);
        (void)json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s}", "what", change->what,
            "path", change->path, "action", aks_init_change_name(change->action), "diff",
            diff.data));
        aks_buf_fini(&diff);
    }
    return list;
}

/* What undo has left. */
static json_t *
left_json(const struct aks_error *left)
{
    if (left->status == AKS_OK)
        return json_null();
    return json_pack("{s:s, s:s, s:n, s:s?}", "failure", aks_status_name(left->status), "message",
        left->message, "target", "hint", left->hint[0] != '\0' ? left->hint : NULL);
}

/* One document: what was changed and, where something was made, what doctor says. */
static int
tell_json(const struct making *making, bool look)
{
    struct aks_args doctor = *making->args;
    json_t *found = json_null();
    json_t *json;
    char *text;
    int code = code_of_undo(making);

    doctor.policy = making->plan.policy;
    if (look)
        found = doctor_json(&doctor, &code);
    json = json_pack("{s:i, s:b, s:i, s:b, s:s?, s:o, s:o, s:o}", "schema", 1, "success",
        code == AKOSHA_OK, "exit_code", code, "changed", making->applied, "command",
        making->plan.command.len > 0 ? making->plan.command.data : NULL, "changes",
        changes_json(&making->plan.changes), "doctor", found, "error",
        left_json(&making->plan.left));
    text = json != NULL ? json_dumps(json, 0) : NULL;
    if (text != NULL)
        aks_print_out("%s\n", text);
    free(text);
    json_decref(json);
    return aks_session_end(text != NULL ? code : AKOSHA_NOT_KEPT);
}

static int
end(const struct making *making)
{
    const struct aks_args *args = making->args;
    struct aks_args doctor = *args;
    bool look = !args->undo && !args->dry_run;

    if (making->plan.policy_kept && !args->quiet && (args->bucket != NULL || args->http != NULL ||
            args->mcp != NULL || args->dir != NULL))
        aks_print_note("warning: %s stays as it is; --force replaces it", making->plan.policy);
    if (making->plan.left.status != AKS_OK)
        aks_print_error(making->plan.left.hint, "%s", making->plan.left.message);
    if (args->json)
        return tell_json(making, look);
    if (!look)
        return aks_session_end(code_of_undo(making));
    doctor.policy = making->plan.policy;
    return aks_cmd_doctor(&doctor);
}

int
aks_cmd_init(const struct aks_args *args)
{
    struct making *making = calloc(1, sizeof(*making));
    struct aks_error err = { 0 };
    struct aks_os *os = NULL;
    enum aks_status status;
    int code;

    if (making == NULL || aks_os_open(aks_alloc_system(), &os, &err) != AKS_OK) {
        aks_print_error(err.hint, "cannot begin: %s", making == NULL ? "no memory" : err.message);
        free(making);
        return AKOSHA_NOT_KEPT;
    }
    making->args = args;
    making->port = aks_os_port(os);
    status = make(making, &err);
    code = status == AKS_OK ? end(making) : fail_with(args, &err);
    aks_init_plan_end(&making->plan);
    aks_init_find_fini(&making->found);
    aks_mem_free(making->port->alloc, making->folder);
    aks_os_close(os);
    free(making);
    return code;
}
