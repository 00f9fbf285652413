/* akosha-sync migrate: session-buddy's settings, as a policy. */
#include "base/alloc.h"
#include "base/error.h"
#include "cli/commands.h"
#include "cli/init_change.h"
#include "cli/migrate_settings.h"
#include "cli/print.h"
#include "cli/session.h"
#include "os/os.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where the original looks, from the folder that it is started in. */
static const char *const usual[] = { "settings/session-buddy.yaml", "settings/local.yaml" };

struct moving {
    const struct aks_args *args;
    const struct aks_port *port;
    struct aks_migrate_settings settings;
    struct aks_init_draft draft;
    struct aks_buf policy;              /* its text */
    struct aks_init_changes changes;
    json_t *read;                       /* files that were */
    char *path;                         /* where it is written to, or would be */
    bool written;
};

/* --- reading ---------------------------------------------------------------------------------- */

static char *
absolute(const struct aks_port *port, const char *path)
{
    const struct aks_environment *env = &port->environment;

    if (path[0] == '/')
        return aks_mem_strdup(port->alloc, path);
    return aks_mem_printf(port->alloc, "%s/%s", env->working_folder(env->ctx), path);
}

static enum aks_status
read_text(const struct aks_port *port, const char *path, char **ret_text, size_t *ret_len,
    struct aks_error *err)
{
    const struct aks_files *files = &port->files;
    struct aks_file *file = NULL;
    struct aks_file_info info;
    size_t bytes = AKS_MIGRATE_YAML_BYTES_MAX + 1;
    size_t got = 1;
    enum aks_status status = files->open(files->ctx, path, AKS_FILE_READ, &file, err);

    *ret_len = 0;
    *ret_text = status == AKS_OK ? aks_mem_new(port->alloc, bytes) : NULL;
    if (status == AKS_OK)
        status = files->info(file, &info, err);
    if (status == AKS_OK && info.type != AKS_FILE_REGULAR)
        status = aks_error_set(err, AKS_SETTINGS, "%s: is no file", path);
    if (status == AKS_OK && *ret_text == NULL)
        status = aks_error_memory(err, "reading settings");
    while (status == AKS_OK && got > 0 && *ret_len < bytes) {
        status = files->read(file, (int64_t)*ret_len, *ret_text + *ret_len, bytes - *ret_len, &got,
            err);
        *ret_len += status == AKS_OK ? got : 0;
    }
    files->close(file);
    return status;
}

static enum aks_status
read_file(struct moving *moving, const char *name, bool must, struct aks_error *err)
{
    char *path = absolute(moving->port, name);
    char *text = NULL;
    size_t len = 0;
    enum aks_status status = path != NULL ? read_text(moving->port, path, &text, &len, err)
        : aks_error_memory(err, "reading settings");

    if (status == AKS_OK) {
        status = aks_migrate_settings_file(&moving->settings, name, text, len, err);
        (void)json_array_append_new(moving->read, json_string(name));
    } else if (status == AKS_NOT_FOUND && !must) {
        status = AKS_OK;
    } else if (status == AKS_NOT_FOUND || status == AKS_FORBIDDEN) {
        struct aks_error why = *err;

        status = aks_error_set(err, AKS_SETTINGS, "%s", why.message);
    }
    aks_mem_free(moving->port->alloc, text);
    aks_mem_free(moving->port->alloc, path);
    return status;
}

static enum aks_status
read_all(struct moving *moving, struct aks_error *err)
{
    const struct aks_environment *env = &moving->port->environment;
    const char *pair;
    enum aks_status status = aks_migrate_settings_init(&moving->settings, moving->port->alloc,
        err);

    for (size_t i = 0; i < moving->args->operand_count && status == AKS_OK; i++)
        status = read_file(moving, moving->args->operands[i], true, err);
    for (size_t i = 0; i < 2 && moving->args->operand_count == 0 && status == AKS_OK; i++)
        status = read_file(moving, usual[i], false, err);
    for (unsigned i = 0; status == AKS_OK && (pair = env->at(env->ctx, i)) != NULL; i++)
        status = aks_migrate_settings_variable(&moving->settings, pair, err);
    return status;
}

static enum aks_status
make_policy(struct moving *moving, struct aks_error *err)
{
    const struct aks_environment *env = &moving->port->environment;
    const char *mcp = moving->args->mcp != NULL ? moving->args->mcp
        : env->get(env->ctx, "AKOSHA_MCP_URL");
    enum aks_status status = aks_migrate_settings_draft(&moving->settings,
        mcp != NULL && mcp[0] != '\0' ? mcp : NULL, &moving->draft, err);

    if (status != AKS_OK)
        return status;
    aks_init_draft_write(&moving->draft, &moving->policy);
    return aks_buf_status(&moving->policy, "the policy", err);
}

/* --- writing ---------------------------------------------------------------------------------- */

static char *
policy_path(const struct moving *moving)
{
    const struct aks_environment *env = &moving->port->environment;
    const char *base = env->get(env->ctx, "XDG_CONFIG_HOME");

    if (moving->args->to != NULL)
        return absolute(moving->port, moving->args->to);
    if (base != NULL && base[0] == '/')
        return aks_mem_printf(moving->port->alloc, "%s/akosha-sync/policy.lua", base);
    return aks_mem_printf(moving->port->alloc, "%s/.config/akosha-sync/policy.lua",
        env->home(env->ctx));
}

static enum aks_status
write_policy(struct moving *moving, struct aks_error *err)
{
    struct aks_init_change *change = NULL;
    char stamp[64];
    enum aks_status status = aks_init_change_open(&moving->changes, "policy", moving->path, &change,
        err);

    if (status != AKS_OK)
        return status;
    if (change->seen.exists && !moving->args->force) {
        (void)aks_error_set(err, AKS_SETTINGS, "%s is there already, and stays as it is",
            moving->path);
        aks_error_hint(err, "--force replaces it, --to FILE writes elsewhere");
        return AKS_SETTINGS;
    }
    change->backup = true;
    status = aks_init_change_write(&moving->changes, change, moving->policy.data,
        moving->policy.len, err);
    if (status == AKS_OK)
        status = aks_init_change_folders(&moving->port->files, moving->path, err);
    if (status == AKS_OK)
        status = aks_init_change_check(moving->port, moving->path, moving->policy.data,
            moving->policy.len, err);
    (void)snprintf(stamp, sizeof(stamp), "akosha-sync-%" PRId64,
        moving->port->clock.wall_ms(moving->port->clock.ctx));
    if (status == AKS_OK)
        status = aks_init_change_apply(&moving->changes, &moving->port->files, stamp, err);
    moving->written = status == AKS_OK;
    return status;
}

static enum aks_status
move(struct moving *moving, struct aks_error *err)
{
    enum aks_status status = AKS_OK;

    moving->path = policy_path(moving);
    if (moving->path == NULL || moving->read == NULL)
        return aks_error_memory(err, "reading settings");
    status = read_all(moving, err);
    if (status == AKS_OK)
        status = make_policy(moving, err);
    if (status == AKS_OK && (moving->args->write || moving->args->to != NULL))
        status = write_policy(moving, err);
    return status;
}

/* --- telling ---------------------------------------------------------------------------------- */

static void
print_setting(const struct aks_migrate_setting *setting)
{
    aks_print_out("%s = %s", setting->name, setting->value[0] != '\0' ? setting->value : "\"\"");
    if (setting->line > 0)
        aks_print_out("  (%s, line %zu)", setting->from, setting->line);
    else
        aks_print_out("  (%s)", setting->from != NULL ? setting->from : "default");
    aks_print_out("\n    now: %s\n", setting->becomes);
    if (setting->before != NULL)
        aks_print_out("    before: %s\n", setting->before);
}

static int
tell(const struct moving *moving)
{
    const struct aks_migrate_settings *settings = &moving->settings;
    const char *file;
    size_t i;
    json_t *name;

    if (moving->args->quiet)
        return aks_session_end(AKOSHA_OK);
    json_array_foreach(moving->read, i, name) {
        file = json_string_value(name);
        aks_print_out("%s is read\n", file);
    }
    if (json_array_size(moving->read) == 0)
        aks_print_out("no file is read: name session-buddy's, akosha-sync migrate FILE\n");
    for (i = 0; i < AKS_MIGRATE_KEYS; i++)
        print_setting(&settings->list[i]);
    for (i = 0; i < settings->unknown_count; i++)
        aks_print_out("%s (%s): unknown, left out%s%s\n", settings->unknown[i].name,
            settings->unknown[i].from, settings->unknown[i].why != NULL ? ": " : "",
            settings->unknown[i].why != NULL ? settings->unknown[i].why : "");
    if (settings->others > 0)
        aks_print_out("%zu setting%s of session-buddy's other parts %s none of this\n",
            settings->others, settings->others == 1 ? "" : "s",
            settings->others == 1 ? "is" : "are");
    if (moving->written)
        aks_print_out("%s is written, and passes check\n", moving->path);
    else
        aks_print_out("\n%s\n%s would be written with --write; nothing is\n", moving->policy.data,
            moving->path);
    return aks_session_end(AKOSHA_OK);
}

static json_t *
settings_json(const struct aks_migrate_settings *settings)
{
    json_t *list = json_array();

    for (size_t i = 0; i < AKS_MIGRATE_KEYS; i++) {
        const struct aks_migrate_setting *setting = &settings->list[i];

        (void)json_array_append_new(list, json_pack("{s:s, s:s, s:s?, s:o, s:s, s:s?}", "name",
            setting->name, "value", setting->value, "from", setting->from, "line",
            setting->line > 0 ? json_integer((json_int_t)setting->line) : json_null(), "becomes",
            setting->becomes, "before", setting->before));
    }
    return list;
}

static json_t *
unknown_json(const struct aks_migrate_settings *settings)
{
    json_t *list = json_array();

    for (size_t i = 0; i < settings->unknown_count; i++)
        (void)json_array_append_new(list, json_pack("{s:s, s:s, s:s?}", "name",
            settings->unknown[i].name, "from", settings->unknown[i].from, "why",
            settings->unknown[i].why));
    return list;
}

static int
tell_json(const struct moving *moving)
{
    json_t *json = json_pack("{s:i, s:b, s:i, s:n, s:O, s:o, s:o, s:I, s:{s:s, s:b, s:s}}",
        "schema", 1, "success", 1, "exit_code", 0, "error", "read", moving->read, "settings",
        settings_json(&moving->settings), "unknown", unknown_json(&moving->settings), "others",
        (json_int_t)moving->settings.others, "policy", "path", moving->path, "written",
        moving->written, "text", moving->policy.data);
    char *text = json != NULL ? json_dumps(json, 0) : NULL;

    if (text != NULL)
        aks_print_out("%s\n", text);
    else
        aks_print_error("its values have to be UTF-8", "cannot tell the settings as JSON");
    free(text);
    json_decref(json);
    return aks_session_end(text != NULL ? AKOSHA_OK : AKOSHA_SETTINGS);
}

static int
fail_with(const struct aks_args *args, const struct aks_error *err)
{
    struct akosha_error error = { AKOSHA_NOT_KEPT, aks_status_name(err->status), "", "" };

    if (err->status == AKS_SETTINGS)
        error.code = AKOSHA_SETTINGS;
    (void)snprintf(error.message, sizeof(error.message), "%s", err->message);
    (void)snprintf(error.hint, sizeof(error.hint), "%s", err->hint);
    return aks_session_fail(args, &error);
}

int
aks_cmd_migrate(const struct aks_args *args)
{
    struct moving moving = { .args = args };
    struct aks_error err = { 0 };
    struct aks_os *os = NULL;
    enum aks_status status;
    int code;

    if (args->write && args->to != NULL)
        return aks_args_wrong(args, "--write and --to exclude each other", "");
    if (aks_os_open(aks_alloc_system(), &os, &err) != AKS_OK) {
        aks_print_error(err.hint, "%s", err.message);
        return AKOSHA_NOT_KEPT;
    }
    moving.port = aks_os_port(os);
    moving.read = json_array();
    aks_buf_init(&moving.policy, moving.port->alloc, AKS_INIT_DRAFT_BYTES_MAX);
    aks_init_change_init(&moving.changes, moving.port->alloc);
    status = move(&moving, &err);
    if (status != AKS_OK)
        code = fail_with(args, &err);
    else
        code = args->json ? tell_json(&moving) : tell(&moving);
    if (moving.settings.alloc != NULL)
        aks_migrate_settings_fini(&moving.settings);
    aks_init_change_fini(&moving.changes);
    aks_buf_fini(&moving.policy);
    aks_mem_free(moving.port->alloc, moving.path);
    json_decref(moving.read);
    aks_os_close(os);
    return code;
}
