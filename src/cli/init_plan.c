#include "cli/init_plan.h"

#include "os/beside.h"

#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define PROGRAM "akosha-sync"
#define COMMAND_BYTES_MAX (4 * PATH_MAX)

static const char *const units[AKS_INIT_PLAN_UNITS] = { "akosha-sync-worker.service",
    "akosha-sync-worker.path", "akosha-sync-worker.timer" };

/* --- where things are ------------------------------------------------------------------------- */

/* ${XDG_CONFIG_HOME or ~/.config}/${name}, owned. */
static char *
config_path(const struct aks_port *port, const char *name)
{
    const struct aks_environment *env = &port->environment;
    const char *base = env->get(env->ctx, "XDG_CONFIG_HOME");

    if (base != NULL && base[0] == '/')
        return aks_mem_printf(port->alloc, "%s/%s", base, name);
    return aks_mem_printf(port->alloc, "%s/.config/%s", env->home(env->ctx), name);
}

static char *
absolute(const struct aks_port *port, const char *path)
{
    const struct aks_environment *env = &port->environment;

    if (path[0] == '/')
        return aks_mem_strdup(port->alloc, path);
    return aks_mem_printf(port->alloc, "%s/%s", env->working_folder(env->ctx), path);
}

/* What people start, seen from the full program, without a link on the way. */
static enum aks_status
front_program(const struct aks_port *port, char **ret_path, struct aks_error *err)
{
    static const char *const places[] = { AKS_INSTALL_BIN "/", "../" };
    char path[PATH_MAX];
    enum aks_status status = aks_beside_find(port->alloc, AKS_BESIDE_PROGRAM, "call", PROGRAM,
        places, 2, path, err);

    if (status == AKS_OK)
        status = port->files.resolve(port->files.ctx, path, port->alloc, ret_path, err);
    return status;
}

void
aks_init_plan_quote(const char *word, struct aks_buf *out)
{
    if (word[0] != '\0' && word[strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
        "0123456789_-./+,:@%")] == '\0') {
        aks_buf_puts(out, word);
        return;
    }
    aks_buf_putc(out, '\'');
    for (const char *c = word; *c != '\0'; c++) {
        if (*c == '\'')
            aks_buf_puts(out, "'\\''");
        else
            aks_buf_putc(out, *c);
    }
    aks_buf_putc(out, '\'');
}

/* --- begin and end ---------------------------------------------------------------------------- */

/* Undo finds nothing below what is no folder; where something is to be written, it is in the
 * way. */
static enum aks_status
look(struct aks_init_plan *plan, const char *what, const char *path,
    struct aks_init_change **ret_change, struct aks_error *err)
{
    enum aks_status status = aks_init_change_open(&plan->changes, what, path, ret_change, err);

    if (status == AKS_OK || !plan->args->undo || *ret_change == NULL ||
        !(*ret_change)->seen.nowhere)
        return status;
    aks_error_clear(err);
    (*ret_change)->seen.text = aks_mem_strdup(plan->port->alloc, "");
    return (*ret_change)->seen.text != NULL ? AKS_OK
        : aks_error_memory(err, "looking at what is there");
}

static enum aks_status
read_record(struct aks_init_plan *plan, struct aks_error *err)
{
    char *path = aks_mem_printf(plan->port->alloc, "%s/init.json", plan->folder);
    struct aks_init_change *change = NULL;
    enum aks_status status = path != NULL
        ? look(plan, "record", path, &change, err)
        : aks_error_memory(err, "looking at what init has added");

    aks_mem_free(plan->port->alloc, path);
    if (status != AKS_OK)
        return status;
    change->hidden = true;
    status = aks_init_record_read(&plan->record, change->seen.text, change->seen.len, err);
    plan->record_foreign = change->seen.exists && !plan->record.ours;
    /* What another version knew is not lost where this one writes its own. */
    change->backup = plan->record_foreign;
    return status;
}

enum aks_status
aks_init_plan_begin(const struct aks_args *args, const struct aks_port *port,
    struct aks_init_plan *ret_plan, struct aks_error *err)
{
    memset(ret_plan, 0, sizeof(*ret_plan));
    ret_plan->args = args;
    ret_plan->port = port;
    (void)snprintf(ret_plan->stamp, sizeof(ret_plan->stamp), PROGRAM "-%" PRId64,
        port->clock.wall_ms(port->clock.ctx));
    aks_init_change_init(&ret_plan->changes, port->alloc);
    aks_buf_init(&ret_plan->command, port->alloc, COMMAND_BYTES_MAX);
    ret_plan->folder = config_path(port, PROGRAM);
    if (ret_plan->folder != NULL)
        ret_plan->policy = args->policy != NULL ? absolute(port, args->policy)
            : aks_mem_printf(port->alloc, "%s/policy.lua", ret_plan->folder);
    if (ret_plan->policy == NULL)
        return aks_error_memory(err, "looking at what is there");
    return read_record(ret_plan, err);
}

void
aks_init_plan_end(struct aks_init_plan *plan)
{
    aks_init_change_fini(&plan->changes);
    aks_init_record_fini(&plan->record);
    aks_buf_fini(&plan->command);
    aks_mem_free(plan->port->alloc, plan->folder);
    aks_mem_free(plan->port->alloc, plan->policy);
}

/* Written before all else: what is added is known, whatever happens then. */
static enum aks_status
write_record(struct aks_init_plan *plan, struct aks_error *err)
{
    struct aks_buf text;
    enum aks_status status;

    aks_buf_init(&text, plan->port->alloc, AKS_INIT_CHANGE_BYTES_MAX);
    status = aks_init_record_write(&plan->record, &text, err);
    if (status == AKS_OK)
        status = aks_init_change_write(&plan->changes, &plan->changes.list[0], text.data, text.len,
            err);
    aks_buf_fini(&text);
    return status;
}

/* --- what is to be there ---------------------------------------------------------------------- */

/* Is it as we wrote it? */
static bool
as_written(const struct aks_init_plan *plan, const struct aks_init_change *change)
{
    const char *written = aks_init_record_file(&plan->record, change->path);

    return written != NULL && strlen(written) == change->seen.len &&
        memcmp(written, change->seen.text, change->seen.len) == 0;
}

/* A policy that is there stays, and a unit that a person has changed, but with --force: then it is
 * kept beside it. */
static enum aks_status
plan_file(struct aks_init_plan *plan, const char *what, const char *path, const char *text,
    size_t len, struct aks_error *err)
{
    struct aks_init_change *change = NULL;
    enum aks_status status = aks_init_change_open(&plan->changes, what, path, &change, err);
    char *kept = NULL;
    bool ours;

    if (status != AKS_OK)
        return status;
    ours = as_written(plan, change);
    if (change->seen.exists && !plan->args->force && !(ours && strcmp(what, "unit") == 0) &&
        (len != change->seen.len || memcmp(text, change->seen.text, len) != 0)) {
        change->action = AKS_INIT_KEPT;
        return AKS_OK;
    }
    change->backup = !ours;
    status = aks_init_change_write(&plan->changes, change, text, len, err);
    if (status != AKS_OK || change->action != AKS_INIT_WRITTEN)
        return status;
    if (change->backup && change->seen.exists) {
        kept = aks_init_change_kept(plan->port->alloc, path, plan->stamp);
        if (kept == NULL)
            return aks_error_memory(err, "keeping what was there");
    }
    aks_init_record_set_file(&plan->record, path, text, kept);
    aks_mem_free(plan->port->alloc, kept);
    return AKS_OK;
}

static enum aks_status
plan_policy(struct aks_init_plan *plan, const struct aks_init_draft *draft, struct aks_error *err)
{
    struct aks_buf text;
    enum aks_status status;

    aks_buf_init(&text, plan->port->alloc, AKS_INIT_DRAFT_BYTES_MAX);
    aks_init_draft_write(draft, &text);
    status = aks_buf_status(&text, "the policy", err);
    if (status == AKS_OK)
        status = plan_file(plan, "policy", plan->policy, text.data, text.len, err);
    aks_buf_fini(&text);
    if (status == AKS_OK)
        plan->policy_kept = plan->changes.list[plan->changes.count - 1].action == AKS_INIT_KEPT;
    return status;
}

static enum aks_status
write_command(struct aks_init_plan *plan, struct aks_error *err)
{
    const struct aks_args *args = plan->args;
    char *front = NULL;
    char *state = args->state != NULL ? absolute(plan->port, args->state) : NULL;
    enum aks_status status = front_program(plan->port, &front, err);

    if (status == AKS_OK) {
        aks_init_plan_quote(front, &plan->command);
        aks_buf_puts(&plan->command, " hook session-end");
        if (args->policy != NULL) {
            aks_buf_puts(&plan->command, " --policy ");
            aks_init_plan_quote(plan->policy, &plan->command);
        }
        if (state != NULL) {
            aks_buf_puts(&plan->command, " --state ");
            aks_init_plan_quote(state, &plan->command);
        }
        if (args->systemd)
            aks_buf_puts(&plan->command, " --no-worker");
        status = aks_buf_status(&plan->command, "the hook's command", err);
    }
    aks_mem_free(plan->port->alloc, front);
    aks_mem_free(plan->port->alloc, state);
    return status;
}

static char *
settings_path(const struct aks_init_plan *plan)
{
    const struct aks_environment *env = &plan->port->environment;

    if (plan->args->settings != NULL)
        return absolute(plan->port, plan->args->settings);
    return aks_mem_printf(plan->port->alloc, "%s/.claude/settings.json", env->home(env->ctx));
}

static enum aks_status
add_hook(struct aks_init_plan *plan, struct aks_init_change *change, struct aks_error *err)
{
    struct aks_init_hook_added added;
    struct aks_buf text;
    enum aks_status status;

    aks_buf_init(&text, plan->port->alloc, AKS_INIT_CHANGE_BYTES_MAX);
    status = aks_init_hook_add(change->seen.text, change->seen.len, plan->command.data, &text,
        &added, err);
    if (status == AKS_OK)
        status = aks_init_change_write(&plan->changes, change, text.data, text.len, err);
    else if (status == AKS_SETTINGS)
        (void)aks_error_wrap(err, "%s", change->path);
    if (status == AKS_OK)
        aks_init_record_set_hook(&plan->record, change->path, &added);
    change->backup = true;
    aks_buf_fini(&text);
    return status;
}

static enum aks_status
plan_hook(struct aks_init_plan *plan, struct aks_error *err)
{
    char *path = settings_path(plan);
    struct aks_init_change *change = NULL;
    enum aks_status status = path != NULL ? write_command(plan, err)
        : aks_error_memory(err, "looking at the agent's settings");

    if (status == AKS_OK)
        status = aks_init_change_open(&plan->changes, "hook", path, &change, err);
    if (status == AKS_OK)
        status = add_hook(plan, change, err);
    aks_mem_free(plan->port->alloc, path);
    return status;
}

/* --- systemd ---------------------------------------------------------------------------------- */

/* The unit that ships, with the program where it is. */
static enum aks_status
unit_text(struct aks_init_plan *plan, const char *name, const char *front, struct aks_buf *out,
    struct aks_error *err)
{
    static const char *const places[] = { AKS_INSTALL_DATA "/akosha-sync/systemd/",
        "../../../packaging/systemd/" };
    static const char start[] = "ExecStart=akosha-sync ";
    const struct aks_alloc *alloc = plan->port->alloc;
    struct aks_replace_posix unit = { 0 };
    char path[PATH_MAX];
    const char *at;
    enum aks_status status = aks_beside_find(alloc, AKS_BESIDE_PROGRAM, "read", name, places, 2,
        path, err);

    if (status == AKS_OK)
        status = aks_replace_posix_read(alloc, path, AKS_INIT_CHANGE_BYTES_MAX, &unit, err);
    if (status != AKS_OK)
        return status;
    at = strstr(unit.text, start);
    if (at != NULL) {
        aks_buf_append(out, unit.text, (size_t)(at - unit.text));
        aks_buf_puts(out, "ExecStart=\"");
        /* Its own specifiers and escapes. */
        for (const char *c = front; *c != '\0'; c++)
            aks_buf_printf(out, "%s%c", *c == '%' ? "%" : *c == '"' || *c == '\\' ? "\\" : "", *c);
        aks_buf_puts(out, "\" ");
        aks_buf_puts(out, at + strlen(start));
    } else {
        aks_buf_append(out, unit.text, unit.len);
    }
    aks_replace_posix_free(alloc, &unit);
    return aks_buf_status(out, name, err);
}

static enum aks_status
plan_unit(struct aks_init_plan *plan, const char *name, const char *front, struct aks_error *err)
{
    char below[128];
    char *path;
    struct aks_buf text;
    enum aks_status status;

    (void)snprintf(below, sizeof(below), "systemd/user/%s", name);
    path = config_path(plan->port, below);
    if (path == NULL)
        return aks_error_memory(err, "looking at the units");
    aks_buf_init(&text, plan->port->alloc, AKS_INIT_CHANGE_BYTES_MAX);
    status = unit_text(plan, name, front, &text, err);
    if (status == AKS_OK)
        status = plan_file(plan, "unit", path, text.data, text.len, err);
    aks_buf_fini(&text);
    aks_mem_free(plan->port->alloc, path);
    return status;
}

static enum aks_status
plan_units(struct aks_init_plan *plan, struct aks_error *err)
{
    char *front = NULL;
    enum aks_status status = front_program(plan->port, &front, err);

    for (size_t i = 0; i < AKS_INIT_PLAN_UNITS && status == AKS_OK; i++) {
        status = plan_unit(plan, units[i], front, err);
        plan->units = plan->units || plan->changes.list[plan->changes.count - 1].action ==
            AKS_INIT_WRITTEN;
    }
    aks_mem_free(plan->port->alloc, front);
    return status;
}

enum aks_status
aks_init_plan_make(struct aks_init_plan *plan, const struct aks_init_draft *draft,
    struct aks_error *err)
{
    enum aks_status status = plan_policy(plan, draft, err);

    if (status == AKS_OK && !plan->args->no_hook)
        status = plan_hook(plan, err);
    if (status == AKS_OK && plan->args->systemd)
        status = plan_units(plan, err);
    return status == AKS_OK ? write_record(plan, err) : status;
}

/* --- the way back ----------------------------------------------------------------------------- */

/* What cannot be looked at is left alone, and the rest goes without it. */
static enum aks_status
leave(struct aks_init_plan *plan, struct aks_init_change *change, enum aks_status status,
    struct aks_error *err)
{
    if (status == AKS_OK || status == AKS_LIMIT)
        return status;
    change->action = AKS_INIT_KEPT;
    change->left = true;
    if (plan->left.status == AKS_OK)
        plan->left = *err;
    aks_error_clear(err);
    return AKS_OK;
}

/* What was there before comes back, if it was kept and still is. */
static enum aks_status
bring_back(struct aks_init_plan *plan, struct aks_init_change *change, struct aks_error *err)
{
    const char *kept = aks_init_record_kept(&plan->record, change->path);
    struct aks_replace_posix before = { 0 };
    enum aks_status status = AKS_OK;

    if (kept != NULL)
        status = aks_replace_posix_read(plan->port->alloc, kept, AKS_INIT_CHANGE_BYTES_MAX,
            &before, err);
    if (status == AKS_OK && before.exists)
        status = aks_init_change_write(&plan->changes, change, before.text, before.len, err);
    else if (status == AKS_OK)
        change->action = AKS_INIT_REMOVED;
    aks_replace_posix_free(plan->port->alloc, &before);
    return status;
}

/* What a person has changed since is the person's. */
static enum aks_status
undo_file(struct aks_init_plan *plan, const char *path, struct aks_error *err)
{
    bool unit = strstr(path, "/systemd/user/") != NULL;
    struct aks_init_change *change = NULL;
    enum aks_status status = look(plan, unit ? "unit" : "policy", path, &change, err);

    if (status == AKS_OK && change->seen.exists && as_written(plan, change)) {
        status = bring_back(plan, change, err);
        plan->units = plan->units || unit;
    }
    return leave(plan, change, status, err);
}

static enum aks_status
remove_hook(struct aks_init_plan *plan, struct aks_init_change *change,
    const struct aks_init_hook_added *added, struct aks_error *err)
{
    struct aks_buf text;
    size_t removed = 0;
    enum aks_status status;

    aks_buf_init(&text, plan->port->alloc, AKS_INIT_CHANGE_BYTES_MAX);
    status = aks_init_hook_remove(change->seen.text, change->seen.len, added, &text, &removed, err);
    if (status == AKS_SETTINGS)
        (void)aks_error_wrap(err, "%s", change->path);
    else if (status == AKS_OK && removed == 0)
        change->action = AKS_INIT_ABSENT;
    else if (status == AKS_OK && text.len == 0)
        change->action = AKS_INIT_REMOVED;
    else if (status == AKS_OK)
        status = aks_init_change_write(&plan->changes, change, text.data, text.len, err);
    change->backup = true;
    aks_buf_fini(&text);
    return status;
}

static enum aks_status
undo_hook(struct aks_init_plan *plan, const char *path, struct aks_error *err)
{
    struct aks_init_hook_added added;
    bool known = aks_init_record_hook(&plan->record, path, &added);
    struct aks_init_change *change = NULL;
    enum aks_status status = look(plan, "hook", path, &change, err);

    if (status == AKS_OK)
        status = remove_hook(plan, change, known ? &added : NULL, err);
    return leave(plan, change, status, err);
}

/* Wherever it was added, and where the command line says. */
static enum aks_status
undo_hooks(struct aks_init_plan *plan, struct aks_error *err)
{
    char *more = plan->args->settings != NULL || aks_init_record_settings(&plan->record, 0) == NULL
        ? settings_path(plan) : NULL;
    struct aks_init_hook_added added;
    enum aks_status status = AKS_OK;
    const char *path;

    for (size_t i = 0; status == AKS_OK &&
        (path = aks_init_record_settings(&plan->record, i)) != NULL; i++)
        status = undo_hook(plan, path, err);
    if (status == AKS_OK && more != NULL && !aks_init_record_hook(&plan->record, more, &added))
        status = undo_hook(plan, more, err);
    aks_mem_free(plan->port->alloc, more);
    return status;
}

/* Of another version, or damaged: what else it tells of is not known. */
static enum aks_status
leave_record(struct aks_init_plan *plan, struct aks_init_change *record, struct aks_error *err)
{
    (void)aks_error_set(err, AKS_SETTINGS, "%s is left alone: it is not what this version writes",
        record->path);
    aks_error_hint(err, "what it tells of is not undone; remove it once that is done");
    return leave(plan, record, AKS_SETTINGS, err);
}

/* It goes last: whatever fails before, it is known what is still there. */
static enum aks_status
undo_record(struct aks_init_plan *plan, struct aks_error *err)
{
    struct aks_init_change *record = &plan->changes.list[0];

    if (plan->record_foreign)
        return leave_record(plan, record, err);
    for (size_t i = 1; i < plan->changes.count; i++) {
        if (!plan->changes.list[i].left)
            aks_init_record_forget(&plan->record, plan->changes.list[i].path);
    }
    record->last = true;
    if (!record->seen.exists)
        return AKS_OK;
    if (!aks_init_record_is_empty(&plan->record))
        return write_record(plan, err);
    record->action = AKS_INIT_REMOVED;
    return AKS_OK;
}

enum aks_status
aks_init_plan_undo(struct aks_init_plan *plan, struct aks_error *err)
{
    enum aks_status status = undo_hooks(plan, err);
    const char *path;

    for (size_t i = 0; status == AKS_OK &&
        (path = aks_init_record_path(&plan->record, i)) != NULL; i++)
        status = undo_file(plan, path, err);
    return status == AKS_OK ? undo_record(plan, err) : status;
}
