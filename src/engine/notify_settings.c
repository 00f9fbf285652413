/* settings.json of the configuration folder. */
#include "engine/notify.h"

#include "engine/private_file.h"
#include "engine/secret_command.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

static enum aks_status
wrong(struct aks_error *err, const char *field, const char *why)
{
    return aks_error_set(err, AKS_SETTINGS, "notify: %.40s %s", field, why);
}

static enum aks_status
read_number(const char *name, const json_t *value, int64_t least, int64_t most, int64_t *ret,
    struct aks_error *err)
{
    if (!json_is_integer(value) || json_integer_value(value) < least ||
        json_integer_value(value) > most)
        return aks_error_set(err, AKS_SETTINGS, "notify: %s is no whole number from %lld to %lld",
            name, (long long)least, (long long)most);
    *ret = json_integer_value(value);
    return AKS_OK;
}

static enum aks_status
read_command(const json_t *value, struct aks_notify_settings *ret, struct aks_error *err)
{
    const char *text = json_string_value(value);

    if (text == NULL || strlen(text) != json_string_length(value) ||
        json_string_length(value) > AKS_NOTIFY_COMMAND_BYTES_MAX)
        return wrong(err, "command", "is no text, or too long a one");
    if (aks_secret_command_check(text, err) != AKS_OK)
        return aks_error_wrap(err, "notify");
    (void)snprintf(ret->command, sizeof(ret->command), "%s", text);
    return AKS_OK;
}

static enum aks_status
read_field(const char *name, const json_t *value, struct aks_notify_settings *ret,
    struct aks_error *err)
{
    if (strcmp(name, "command") == 0)
        return read_command(value, ret, err);
    if (strcmp(name, "after_hours") == 0)
        return read_number(name, value, 1, AKS_NOTIFY_HOURS_MAX, &ret->after_hours, err);
    if (strcmp(name, "after_tries") == 0)
        return read_number(name, value, 1, AKS_NOTIFY_TRIES_MAX, &ret->after_tries, err);
    if (strcmp(name, "every_hours") == 0)
        return read_number(name, value, 1, AKS_NOTIFY_HOURS_MAX, &ret->every_hours, err);
    if (strcmp(name, "names") != 0)
        return wrong(err, name, "is none of command, after_hours, after_tries, every_hours and "
            "names");
    if (!json_is_boolean(value))
        return wrong(err, name, "is neither true nor false");
    ret->names = json_is_true(value);
    return AKS_OK;
}

static enum aks_status
read_root(json_t *root, struct aks_notify_settings *ret, struct aks_error *err)
{
    json_t *notify = json_object_get(root, "notify");
    enum aks_status status = AKS_OK;
    const char *name;
    json_t *value;

    if (json_integer_value(json_object_get(root, "schema")) != 1)
        return aks_error_set(err, AKS_SETTINGS, "its \"schema\" is not the number 1");
    if (json_object_size(root) != 1 + (notify != NULL))
        return aks_error_set(err, AKS_SETTINGS, "it has a field that is none of schema and notify");
    if (notify == NULL)
        return AKS_OK;
    if (!json_is_object(notify))
        return wrong(err, "it", "is no object");
    json_object_foreach(notify, name, value) {
        status = read_field(name, value, ret, err);
        if (status != AKS_OK)
            return status;
    }
    return ret->command[0] != '\0' ? AKS_OK : wrong(err, "command", "is missing");
}

enum aks_status
aks_notify_parse(const char *text, size_t len, struct aks_notify_settings *ret,
    struct aks_error *err)
{
    json_error_t error;
    json_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
    enum aks_status status;

    memset(ret, 0, sizeof(*ret));
    ret->after_hours = 24;
    ret->every_hours = 24;
    if (root == NULL)
        return aks_error_set(err, AKS_SETTINGS, "it is no JSON, from line %d, column %d on",
            error.line, error.column);
    status = read_root(root, ret, err);
    json_decref(root);
    return status;
}

static enum aks_status
load(const struct aks_port *port, const char *path, struct aks_notify_settings *ret,
    struct aks_error *err)
{
    struct aks_buf text;
    enum aks_status status;

    aks_buf_init(&text, port->alloc, AKS_NOTIFY_SETTINGS_BYTES_MAX);
    status = aks_private_file_read_settings(port, path, &text, err);
    if (status == AKS_NOT_FOUND) {
        aks_buf_fini(&text);
        return AKS_OK;
    }
    if (status == AKS_OK) {
        status = aks_notify_parse(text.data, text.len, ret, err);
        if (status != AKS_OK)
            (void)aks_error_wrap(err, "cannot read %s", path);
    }
    aks_buf_fini(&text);
    return status;
}

enum aks_status
aks_notify_load(const struct aks_port *port, struct aks_notify_settings *ret,
    struct aks_error *err)
{
    char *folder = aks_engine_xdg_folder(port, "XDG_CONFIG_HOME", ".config");
    char *path = folder != NULL ? aks_mem_printf(port->alloc, "%s/settings.json", folder) : NULL;
    enum aks_status status;

    memset(ret, 0, sizeof(*ret));
    status = path != NULL ? load(port, path, ret, err) : aks_error_memory(err, "reading settings");
    aks_mem_free(port->alloc, path);
    aks_mem_free(port->alloc, folder);
    return status;
}
