#include "engine/secret_find.h"

#include "base/buf.h"
#include "engine/private_file.h"
#include "engine/secret_command.h"
#include "engine/secret_store.h"

#include <stdio.h>
#include <string.h>

/* A value and the line ends behind it. */
#define READ_BYTES_MAX (AKS_SECRET_VALUE_BYTES_MAX + 16)
#define BOUND_BYTES 300

/* --- what is known of it ---------------------------------------------------------------------- */

static enum aks_status
refuse_unknown(const char *name, const struct aks_url *url, struct aks_error *err)
{
    (void)aks_error_set(err, AKS_AUTH_MISSING, "there is no secret %s on this machine", name);
    aks_error_hint(err, "akosha-sync secret add %s --env VARIABLE --host %.200s (or --file FILE, "
        "or --command COMMAND)", name, url->authority);
    return AKS_AUTH_MISSING;
}

static enum aks_status
refuse_host(const struct aks_secret_entry *entry, const struct aks_url *url, struct aks_error *err)
{
    char bound[BOUND_BYTES] = "";
    size_t len = 0;

    for (size_t i = 0; i < entry->host_count && len < sizeof(bound); i++)
        len += (size_t)snprintf(bound + len, sizeof(bound) - len, "%s%s", i > 0 ? ", " : "",
            entry->hosts[i]);
    (void)aks_error_set(err, AKS_FORBIDDEN, "secret %s may not be sent to %s: it is bound to %s",
        entry->name, url->authority, bound);
    aks_error_hint(err, "if it is meant to go there: akosha-sync secret add %s --%s ... --host "
        "%.200s --force", entry->name, aks_secret_from_name(entry->from), url->authority);
    return AKS_FORBIDDEN;
}

/* Fills ${list}, which the entry is in. */
static enum aks_status
look_up(const struct aks_port *port, const char *name, const char *address,
    struct aks_secret_list *list, const struct aks_secret_entry **ret_entry, struct aks_error *err)
{
    struct aks_url url;
    enum aks_status status = aks_url_parse(address, &url, err);

    if (status == AKS_OK)
        status = aks_secret_store_load(port, list, err);
    if (status != AKS_OK)
        return status;
    *ret_entry = aks_secret_list_find(list, name);
    if (*ret_entry == NULL)
        return refuse_unknown(name, &url, err);
    return aks_secret_host_allows(*ret_entry, &url) ? AKS_OK : refuse_host(*ret_entry, &url, err);
}

bool
aks_secret_unbound(const struct aks_port *port, const char *name, const char *url)
{
    const struct aks_secret_entry *entry = NULL;
    struct aks_secret_list list;
    bool refused;

    aks_secret_list_init(&list, port->alloc);
    refused = look_up(port, name, url, &list, &entry, NULL) == AKS_FORBIDDEN && entry != NULL;
    aks_secret_list_fini(&list);
    return refused;
}

enum aks_status
aks_secret_check(const struct aks_port *port, const char *name, const char *url,
    struct aks_error *err)
{
    const struct aks_secret_entry *entry;
    struct aks_secret_list list;
    enum aks_status status;

    aks_secret_list_init(&list, port->alloc);
    status = look_up(port, name, url, &list, &entry, err);
    aks_secret_list_fini(&list);
    return status;
}

/* --- its value -------------------------------------------------------------------------------- */

static enum aks_status
read_variable(const struct aks_port *port, const struct aks_secret_entry *entry,
    struct aks_buf *out, struct aks_error *err)
{
    const struct aks_environment *environment = &port->environment;
    const char *value = environment->get(environment->ctx, entry->where);

    if (value == NULL || value[0] == '\0')
        return aks_error_set(err, AKS_AUTH_MISSING, "its variable %s is not set", entry->where);
    if (strlen(value) > out->bytes_max)
        return aks_error_set(err, AKS_SETTINGS, "its value is longer than %d bytes",
            AKS_SECRET_VALUE_BYTES_MAX);
    aks_buf_puts(out, value);
    return aks_buf_status(out, "a secret", err);
}

static enum aks_status
read_file(const struct aks_port *port, const struct aks_secret_entry *entry, struct aks_buf *out,
    struct aks_error *err)
{
    struct aks_file_info info = { 0 };
    enum aks_status status = aks_private_file_read(port, entry->where, out, &info, err);

    if (status == AKS_NOT_FOUND)
        return aks_error_set(err, AKS_AUTH_MISSING, "its file %.600s is not there", entry->where);
    return status == AKS_OK ? aks_private_file_check(port, entry->where, &info, true, err) : status;
}

/* A passphrase goes into no header. */
static bool
is_passphrase(const struct aks_secret_entry *entry)
{
    for (size_t i = 0; i < entry->host_count; i++) {
        if (strcmp(entry->hosts[i], AKS_SECRET_PASSPHRASE_HOST) != 0)
            return false;
    }
    return true;
}

/* Cuts line ends off, and takes what is left if it can stand where it will go. */
static enum aks_status
take(const struct aks_alloc *alloc, const struct aks_secret_entry *entry, struct aks_buf *value,
    const char *prefix, struct aks_secret **ret_secret, struct aks_error *err)
{
    size_t len = value->len;

    while (len > 0 && (value->data[len - 1] == '\n' || value->data[len - 1] == '\r'))
        len--;
    if (len == 0)
        return aks_error_set(err, AKS_AUTH_MISSING, "its value is empty");
    if (len > AKS_SECRET_VALUE_BYTES_MAX)
        return aks_error_set(err, AKS_SETTINGS, "its value is longer than %d bytes",
            AKS_SECRET_VALUE_BYTES_MAX);
    for (size_t i = 0; i < len && !is_passphrase(entry); i++) {
        if ((unsigned char)value->data[i] <= 0x20 || (unsigned char)value->data[i] >= 0x7f)
            return aks_error_set(err, AKS_SETTINGS,
                "its value has a blank or a character in it that no token has");
    }
    *ret_secret = aks_secret_new(alloc, prefix, value->data, len);
    return *ret_secret != NULL ? AKS_OK : aks_error_memory(err, "reading a secret");
}

enum aks_status
aks_secret_find_value(const struct aks_port *port, const struct aks_secret_entry *entry,
    const char *prefix, bool (*stopped)(void *ctx), void *ctx, struct aks_secret **ret_secret,
    struct aks_error *err)
{
    struct aks_secret_command command = { .text = entry->where, .stopped = stopped, .ctx = ctx };
    struct aks_secret_wipe wipe;
    struct aks_buf value;
    enum aks_status status = AKS_OK;

    *ret_secret = NULL;
    aks_secret_wipe_init(&wipe, port->alloc);
    aks_buf_init(&value, &wipe.alloc, READ_BYTES_MAX);
    switch (entry->from) {
    case AKS_SECRET_ENV:
        status = read_variable(port, entry, &value, err);
        break;
    case AKS_SECRET_FILE:
        status = read_file(port, entry, &value, err);
        break;
    case AKS_SECRET_COMMAND:
    case AKS_SECRET_FROMS:
        status = aks_secret_command_run(port, &command, &value, err);
        break;
    }
    if (status == AKS_OK)
        status = take(port->alloc, entry, &value, prefix, ret_secret, err);
    aks_buf_fini(&value);
    if (status != AKS_OK)
        (void)aks_error_wrap(err, "secret %s", entry->name);
    return status;
}

enum aks_status
aks_secret_find(const struct aks_port *port, const char *name, const char *url,
    const char *prefix, bool (*stopped)(void *ctx), void *ctx, struct aks_secret **ret_secret,
    struct aks_error *err)
{
    const struct aks_secret_entry *entry;
    struct aks_secret_list list;
    enum aks_status status;

    *ret_secret = NULL;
    aks_secret_list_init(&list, port->alloc);
    status = look_up(port, name, url, &list, &entry, err);
    if (status == AKS_OK)
        status = aks_secret_find_value(port, entry, prefix, stopped, ctx, ret_secret, err);
    aks_secret_list_fini(&list);
    return status;
}

enum aks_status
aks_secret_find_passphrase(const struct aks_port *port, const char *name,
    struct aks_secret **ret_secret, struct aks_error *err)
{
    return aks_secret_find(port, name, AKS_SECRET_PASSPHRASE_URL, "", NULL, NULL, ret_secret,
        err);
}
