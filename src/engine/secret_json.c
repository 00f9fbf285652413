#include "engine/secret_json.h"

#include <jansson.h>
#include <string.h>

static enum aks_status
wrong(struct aks_error *err, const char *name, const char *why)
{
    return name != NULL ? aks_error_set(err, AKS_SETTINGS, "secret %.64s: %s", name, why)
        : aks_error_set(err, AKS_SETTINGS, "%s", why);
}

/* A text without NUL; NULL if the value is none. */
static const char *
text_of(const json_t *value)
{
    const char *text = json_string_value(value);

    return text != NULL && strlen(text) == json_string_length(value) ? text : NULL;
}

static enum aks_status
read_hosts(const char *name, const json_t *hosts, struct aks_secret_entry *entry,
    const char *texts[AKS_SECRET_HOSTS_MAX], struct aks_error *err)
{
    const json_t *host;
    size_t i;

    if (!json_is_array(hosts) || json_array_size(hosts) > AKS_SECRET_HOSTS_MAX)
        return wrong(err, name, "hosts is no list, or too long a one");
    json_array_foreach(hosts, i, host) {
        texts[i] = text_of(host);
        if (texts[i] == NULL)
            return wrong(err, name, "a host is no text");
    }
    entry->hosts = texts;
    entry->host_count = json_array_size(hosts);
    return AKS_OK;
}

/* One of env, file and command, and hosts. */
static enum aks_status
read_entry(const char *name, json_t *object, struct aks_secret_list *list, struct aks_error *err)
{
    const char *texts[AKS_SECRET_HOSTS_MAX];
    struct aks_secret_entry entry = { .name = name };
    enum aks_status status = AKS_OK;
    const char *key;
    json_t *value;

    if (!json_is_object(object))
        return wrong(err, name, "is no object");
    json_object_foreach(object, key, value) {
        int from = AKS_SECRET_FROMS;

        if (strcmp(key, "hosts") == 0) {
            status = read_hosts(name, value, &entry, texts, err);
            if (status != AKS_OK)
                return status;
            continue;
        }
        for (from = 0; from < AKS_SECRET_FROMS; from++) {
            if (strcmp(key, aks_secret_from_name((enum aks_secret_from)from)) == 0)
                break;
        }
        if (from == AKS_SECRET_FROMS)
            return wrong(err, name, "has a field that is none of env, file, command and hosts");
        if (entry.where != NULL)
            return wrong(err, name, "has more than one of env, file and command");
        entry.from = (enum aks_secret_from)from;
        entry.where = text_of(value);
        if (entry.where == NULL)
            return wrong(err, name, "its env, file or command is no text");
    }
    if (entry.where == NULL)
        return wrong(err, name, "has none of env, file and command");
    return aks_secret_list_add(list, &entry, false, err);
}

static enum aks_status
read_root(json_t *root, struct aks_secret_list *list, struct aks_error *err)
{
    json_t *secrets = json_object_get(root, "secrets");
    const json_t *schema = json_object_get(root, "schema");
    enum aks_status status = AKS_OK;
    const char *name;
    json_t *object;

    if (!json_is_integer(schema))
        return wrong(err, NULL, "it has no \"schema\", a number");
    if (json_integer_value(schema) != AKS_SECRET_JSON_SCHEMA)
        return wrong(err, NULL, "it was written by another version of akosha-sync");
    if (!json_is_object(secrets))
        return wrong(err, NULL, "it has no \"secrets\", an object");
    if (json_object_size(secrets) > AKS_SECRETS_MAX)
        return wrong(err, NULL, "it has more secrets than there can be");
    if (json_object_size(root) != 2)
        return wrong(err, NULL, "it has a field that is none of schema and secrets");
    json_object_foreach(secrets, name, object) {
        if (!aks_secret_name_valid(name))
            return wrong(err, NULL, "it has a secret with a name that none can have");
        status = read_entry(name, object, list, err);
        if (status != AKS_OK)
            return status;
    }
    return AKS_OK;
}

enum aks_status
aks_secret_json_read(const char *text, size_t len, struct aks_secret_list *list,
    struct aks_error *err)
{
    json_error_t error;
    json_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
    enum aks_status status;

    if (root == NULL)
        return aks_error_set(err, AKS_SETTINGS, "it is no JSON, from line %d, column %d on",
            error.line, error.column);
    status = read_root(root, list, err);
    json_decref(root);
    if (status != AKS_OK)
        aks_secret_list_fini(list);
    return status;
}

static json_t *
entry_json(const struct aks_secret_entry *entry)
{
    json_t *hosts = json_array();
    json_t *object = json_pack("{s:s}", aks_secret_from_name(entry->from), entry->where);

    for (size_t i = 0; i < entry->host_count; i++) {
        if (json_array_append_new(hosts, json_string(entry->hosts[i])) != 0)
            break;
    }
    if (json_array_size(hosts) == entry->host_count &&
        json_object_set(object, "hosts", hosts) == 0) {
        json_decref(hosts);
        return object;
    }
    json_decref(hosts);
    json_decref(object);
    return NULL;
}

static int
append(const char *data, size_t len, void *ctx)
{
    aks_buf_append(ctx, data, len);
    return 0;
}

enum aks_status
aks_secret_json_write(const struct aks_secret_list *list, struct aks_buf *out,
    struct aks_error *err)
{
    json_t *secrets = json_object();
    json_t *root = json_pack("{s:i, s:o}", "schema", AKS_SECRET_JSON_SCHEMA, "secrets", secrets);
    enum aks_status status = AKS_OK;

    for (size_t i = 0; i < list->count && status == AKS_OK; i++) {
        if (json_object_set_new(secrets, list->entries[i].name, entry_json(&list->entries[i])) != 0)
            status = aks_error_set(err, AKS_LIMIT, "the secrets' places cannot be written: no "
                "memory, or a path that is no UTF-8");
    }
    if (status == AKS_OK && (root == NULL ||
            json_dump_callback(root, append, out, JSON_INDENT(2) | JSON_SORT_KEYS) != 0))
        status = aks_error_memory(err, "writing the secrets' places");
    json_decref(root);
    aks_buf_putc(out, '\n');
    return status == AKS_OK ? aks_buf_status(out, "secrets.json", err) : status;
}
