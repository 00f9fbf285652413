/* akosha_secret_*: what a person says about secrets. No engine is needed. */
#include "api/api_internal.h"

#include "base/check.h"
#include "engine/audit_note.h"
#include "engine/private_file.h"
#include "engine/secret_find.h"
#include "engine/secret_store.h"
#include "engine/text.h"

#include <stdio.h>
#include <string.h>

struct change {
    const struct aks_secret_entry *entry;
    const char *name;                   /* of what is removed */
    bool replace;
};

static enum aks_status
add_one(void *ctx, struct aks_secret_list *list, struct aks_error *err)
{
    const struct change *change = ctx;

    return aks_secret_list_add(list, change->entry, change->replace, err);
}

static enum aks_status
remove_one(void *ctx, struct aks_secret_list *list, struct aks_error *err)
{
    const struct change *change = ctx;

    return aks_secret_list_remove(list, change->name, err);
}

static int
usage(const struct aks_error *err, struct akosha_error *ret_error)
{
    (void)akosha_api_error(err, ret_error);
    ret_error->code = AKOSHA_USAGE;
    return AKOSHA_USAGE;
}

/* What is wrong with the entry itself is an argument's fault. */
static enum aks_status
check_alone(const struct aks_port *port, const struct aks_secret_entry *entry,
    struct aks_error *err)
{
    struct aks_secret_list list;
    enum aks_status status;

    aks_secret_list_init(&list, port->alloc);
    status = aks_secret_list_add(&list, entry, false, err);
    aks_secret_list_fini(&list);
    return status;
}

/* A file that others can read is no secret; one that is not there may come. */
static enum aks_status
check_file(const struct aks_port *port, const struct aks_secret_entry *entry, struct aks_error *err)
{
    struct aks_file_info info;

    if (entry->from != AKS_SECRET_FILE ||
        port->files.stat(port->files.ctx, entry->where, true, &info, NULL) != AKS_OK)
        return AKS_OK;
    return aks_private_file_check(port, entry->where, &info, true, err);
}

/* Owned; NULL without memory. */
static char *
absolute(const struct aks_port *port, const struct akosha_secret *secret)
{
    const struct aks_environment *environment = &port->environment;
    const char *where = secret->where;

    if (secret->from != AKOSHA_SECRET_FILE || where[0] == '/' || where[0] == '\0')
        return aks_mem_strdup(port->alloc, where);
    if (strncmp(where, "~/", 2) == 0)
        return aks_mem_printf(port->alloc, "%s%s", environment->home(environment->ctx), where + 1);
    return aks_mem_printf(port->alloc, "%s/%s", environment->working_folder(environment->ctx),
        where);
}

static void
look_for_it(const struct aks_port *port, const struct aks_secret_entry *entry,
    struct akosha_error *ret_missing)
{
    struct aks_secret *secret = NULL;
    struct aks_error err = { 0 };

    memset(ret_missing, 0, sizeof(*ret_missing));
    if (entry->from != AKS_SECRET_COMMAND &&
        aks_secret_find_value(port, entry, "", NULL, NULL, &secret, &err) != AKS_OK)
        (void)akosha_api_error(&err, ret_missing);
    aks_secret_free(secret);
}

/* Where the value is, never what it is. */
static json_t *
added_json(const struct aks_secret_entry *entry)
{
    json_t *hosts = json_array();

    for (size_t i = 0; i < entry->host_count; i++)
        (void)json_array_append_new(hosts, aks_text_json(entry->hosts[i]));
    return json_pack("{s:s, s:s, s:o}", "name", entry->name, "from",
        aks_secret_from_name(entry->from), "hosts", hosts);
}

/* What was changed is there by now: that it cannot be told is a failure of its own. Takes
 * ${fields}. */
static enum aks_status
note(const struct aks_port *port, const char *state_folder, const char *event, json_t *fields,
    struct aks_error *err)
{
    char *folder = NULL;
    enum aks_status status = akosha_api_state_folder(port, state_folder, &folder, err);

    if (status != AKS_OK) {
        json_decref(fields);
        return status;
    }
    status = aks_audit_note_alone(port, folder, event, fields, err);
    aks_mem_free(port->alloc, folder);
    if (status != AKS_OK) {
        (void)aks_error_wrap(err, "it is done, and could not be noted");
        err->status = AKS_STATE;
    }
    return status != AKS_OK ? AKS_STATE : AKS_OK;
}

int
akosha_secret_add(const struct aks_port *port, const char *state_folder,
    const struct akosha_secret *secret, bool replace, struct akosha_error *ret_missing,
    struct akosha_error *ret_error)
{
    char *where = absolute(port, secret);
    struct aks_secret_entry entry = { secret->name, (enum aks_secret_from)secret->from, where,
        (const char **)(uintptr_t)secret->hosts, secret->host_count };
    struct change change = { .entry = &entry, .replace = replace };
    struct aks_error err = { 0 };
    enum aks_status status;
    int code;

    AKS_CHECK((unsigned)secret->from < AKS_SECRET_FROMS);
    if (where == NULL) {
        (void)aks_error_memory(&err, "adding a secret");
        return akosha_api_error(&err, ret_error);
    }
    status = check_alone(port, &entry, &err);
    if (status == AKS_SETTINGS) {
        code = usage(&err, ret_error);
    } else {
        if (status == AKS_OK)
            status = check_file(port, &entry, &err);
        if (status == AKS_OK)
            status = aks_secret_store_change(port, add_one, &change, &err);
        if (status == AKS_OK)
            status = note(port, state_folder, "secret_added", added_json(&entry), &err);
        code = status == AKS_OK ? AKOSHA_OK : status == AKS_CONFLICT ? usage(&err, ret_error)
            : akosha_api_error(&err, ret_error);
    }
    if (code == AKOSHA_OK)
        look_for_it(port, &entry, ret_missing);
    aks_mem_free(port->alloc, where);
    return code;
}

int
akosha_secret_remove(const struct aks_port *port, const char *state_folder, const char *name,
    struct akosha_error *ret_error)
{
    struct change change = { .name = name };
    struct aks_error err = { 0 };
    enum aks_status status = aks_secret_store_change(port, remove_one, &change, &err);

    if (status == AKS_OK)
        status = note(port, state_folder, "secret_removed", json_pack("{s:s}", "name", name),
            &err);
    if (status == AKS_OK)
        return AKOSHA_OK;
    return status == AKS_NOT_FOUND ? usage(&err, ret_error) : akosha_api_error(&err, ret_error);
}

static void
tell(const struct aks_port *port, const struct aks_secret_entry *entry,
    void (*each)(void *ctx, const struct akosha_secret *secret), void *ctx)
{
    struct akosha_secret told = { .name = entry->name, .from = (enum akosha_secret_from)entry->from,
        .where = entry->where, .hosts = entry->hosts, .host_count = entry->host_count };
    struct aks_secret *secret = NULL;
    struct akosha_error error = { 0 };
    struct aks_error err = { 0 };

    told.found = aks_secret_find_value(port, entry, "", NULL, NULL, &secret, &err) == AKS_OK;
    if (!told.found)
        (void)akosha_api_error(&err, &error);
    aks_secret_free(secret);
    told.missing = error.message;
    told.hint = error.hint;
    each(ctx, &told);
}

int
akosha_secret_each(const struct aks_port *port,
    void (*each)(void *ctx, const struct akosha_secret *secret), void *ctx,
    struct akosha_error *ret_error)
{
    struct aks_secret_list list;
    struct aks_error err = { 0 };
    enum aks_status status;

    aks_secret_list_init(&list, port->alloc);
    status = aks_secret_store_load(port, &list, &err);
    for (size_t i = 0; status == AKS_OK && i < list.count; i++)
        tell(port, &list.entries[i], each, ctx);
    aks_secret_list_fini(&list);
    return status == AKS_OK ? AKOSHA_OK : akosha_api_error(&err, ret_error);
}
