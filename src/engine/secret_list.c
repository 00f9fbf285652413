#include "engine/secret_list.h"

#include "base/check.h"
#include "engine/policy_text.h"
#include "engine/secret_command.h"

#include <ctype.h>
#include <string.h>

#define VARIABLE_BYTES_MAX 128

void
aks_secret_list_init(struct aks_secret_list *list, const struct aks_alloc *alloc)
{
    memset(list, 0, sizeof(*list));
    list->alloc = alloc;
}

static void
free_text(const struct aks_alloc *alloc, const char *text)
{
    aks_mem_free(alloc, (void *)(uintptr_t)text);
}

static void
entry_fini(const struct aks_alloc *alloc, struct aks_secret_entry *entry)
{
    free_text(alloc, entry->name);
    free_text(alloc, entry->where);
    for (size_t i = 0; i < entry->host_count; i++)
        free_text(alloc, entry->hosts[i]);
    aks_mem_free(alloc, entry->hosts);
}

void
aks_secret_list_fini(struct aks_secret_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        entry_fini(list->alloc, &list->entries[i]);
    aks_mem_free(list->alloc, list->entries);
    aks_secret_list_init(list, list->alloc);
}

/* Where ${name} stands, or would. */
static size_t
place_of(const struct aks_secret_list *list, const char *name, bool *ret_there)
{
    size_t i = 0;

    while (i < list->count && strcmp(list->entries[i].name, name) < 0)
        i++;
    *ret_there = i < list->count && strcmp(list->entries[i].name, name) == 0;
    return i;
}

const struct aks_secret_entry *
aks_secret_list_find(const struct aks_secret_list *list, const char *name)
{
    bool there;
    size_t i = place_of(list, name, &there);

    return there ? &list->entries[i] : NULL;
}

bool
aks_secret_name_valid(const char *name)
{
    size_t len = strlen(name);

    if (len == 0 || len >= AKS_SECRET_NAME_BYTES)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (!isalnum((unsigned char)name[i]) && name[i] != '_' && name[i] != '-')
            return false;
    }
    return true;
}

const char *
aks_secret_from_name(enum aks_secret_from from)
{
    static const char *const names[] = { "env", "file", "command" };

    AKS_CHECK((unsigned)from < AKS_SECRET_FROMS);
    return names[from];
}

/* --- what can be an entry --------------------------------------------------------------------- */

/* A policy could read the variable, and so see the value. */
static enum aks_status
check_variable(const char *name, struct aks_error *err)
{
    size_t len = strlen(name);
    bool fine = len > 0 && len <= VARIABLE_BYTES_MAX && !isdigit((unsigned char)name[0]);

    for (size_t i = 0; i < len; i++)
        fine = fine && (isalnum((unsigned char)name[i]) || name[i] == '_');
    if (!fine)
        return aks_error_set(err, AKS_SETTINGS, "that is no name of a variable (a letter or '_', "
            "then letters, digits and '_', up to %d)", VARIABLE_BYTES_MAX);
    if (aks_policy_environment_open(name, len)) {
        (void)aks_error_set(err, AKS_SETTINGS, "every policy may read the variable %s, so what it "
            "holds is no secret", name);
        aks_error_hint(err, "call the variable something with TOKEN or SECRET in it: those no "
            "policy can read");
        return AKS_SETTINGS;
    }
    return AKS_OK;
}

static enum aks_status
check_where(const struct aks_secret_entry *entry, struct aks_error *err)
{
    size_t len = strlen(entry->where);

    if (len == 0 || len > AKS_SECRET_WHERE_BYTES_MAX)
        return aks_error_set(err, AKS_SETTINGS, "%s has 1 to %d bytes",
            aks_secret_from_name(entry->from), AKS_SECRET_WHERE_BYTES_MAX);
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)entry->where[i] < 0x20 || entry->where[i] == 0x7f)
            return aks_error_set(err, AKS_SETTINGS, "%s has a control character in it",
                aks_secret_from_name(entry->from));
    }
    if (entry->from == AKS_SECRET_ENV)
        return check_variable(entry->where, err);
    if (entry->from == AKS_SECRET_COMMAND)
        return aks_secret_command_check(entry->where, err);
    if (entry->where[0] != '/')
        return aks_error_set(err, AKS_SETTINGS, "the path of its file is not absolute");
    return AKS_OK;
}

static enum aks_status
check_entry(const struct aks_secret_entry *entry, struct aks_error *err)
{
    enum aks_status status;

    if (!aks_secret_name_valid(entry->name))
        return aks_error_set(err, AKS_SETTINGS, "a secret's name has 1 to %d letters, digits, '_' "
            "and '-'", AKS_SECRET_NAME_BYTES - 1);
    status = check_where(entry, err);
    if (status == AKS_OK && (entry->host_count == 0 || entry->host_count > AKS_SECRET_HOSTS_MAX))
        status = aks_error_set(err, AKS_SETTINGS, "it may go to 1 to %d hosts",
            AKS_SECRET_HOSTS_MAX);
    if (status != AKS_OK)
        (void)aks_error_wrap(err, "secret %s", entry->name);
    return status;
}

/* --- copies ----------------------------------------------------------------------------------- */

static enum aks_status
copy_host(const struct aks_alloc *alloc, const char *host, struct aks_secret_entry *own,
    struct aks_error *err)
{
    char normal[AKS_SECRET_HOST_BYTES];
    enum aks_status status = aks_secret_host_normal(host, normal, err);

    if (status != AKS_OK) {
        (void)aks_error_wrap(err, "secret %s", own->name);
        return status;
    }
    for (size_t i = 0; i < own->host_count; i++) {
        if (strcmp(own->hosts[i], normal) == 0)
            return AKS_OK;
    }
    own->hosts[own->host_count] = aks_mem_strdup(alloc, normal);
    if (own->hosts[own->host_count] == NULL)
        return aks_error_memory(err, "keeping a secret's hosts");
    own->host_count++;
    return AKS_OK;
}

static enum aks_status
copy_entry(const struct aks_alloc *alloc, const struct aks_secret_entry *entry,
    struct aks_secret_entry *ret, struct aks_error *err)
{
    enum aks_status status = AKS_OK;

    memset(ret, 0, sizeof(*ret));
    ret->from = entry->from;
    ret->name = aks_mem_strdup(alloc, entry->name);
    ret->where = aks_mem_strdup(alloc, entry->where);
    ret->hosts = aks_mem_array(alloc, entry->host_count, sizeof(*ret->hosts));
    if (ret->name == NULL || ret->where == NULL || ret->hosts == NULL)
        status = aks_error_memory(err, "keeping a secret's place");
    for (size_t i = 0; status == AKS_OK && i < entry->host_count; i++)
        status = copy_host(alloc, entry->hosts[i], ret, err);
    if (status != AKS_OK)
        entry_fini(alloc, ret);
    return status;
}

/* Room for one more, if there is none of that name. */
static enum aks_status
reserve(struct aks_secret_list *list, bool there, struct aks_error *err)
{
    if (list->entries == NULL)
        list->entries = aks_mem_array(list->alloc, AKS_SECRETS_MAX, sizeof(*list->entries));
    if (list->entries == NULL)
        return aks_error_memory(err, "keeping secrets' places");
    if (!there && list->count == AKS_SECRETS_MAX)
        return aks_error_set(err, AKS_LIMIT, "there are %d secrets already, and no more can be",
            AKS_SECRETS_MAX);
    return AKS_OK;
}

enum aks_status
aks_secret_list_add(struct aks_secret_list *list, const struct aks_secret_entry *entry,
    bool replace, struct aks_error *err)
{
    struct aks_secret_entry own;
    enum aks_status status = check_entry(entry, err);
    bool there = false;
    size_t i = 0;

    if (status == AKS_OK)
        i = place_of(list, entry->name, &there);
    if (status == AKS_OK && there && !replace) {
        status = aks_error_set(err, AKS_CONFLICT, "there is a secret %s already", entry->name);
        aks_error_hint(err, "--force replaces what is known of it");
    }
    if (status == AKS_OK)
        status = reserve(list, there, err);
    if (status == AKS_OK)
        status = copy_entry(list->alloc, entry, &own, err);
    if (status != AKS_OK)
        return status;
    if (there) {
        entry_fini(list->alloc, &list->entries[i]);
    } else {
        memmove(list->entries + i + 1, list->entries + i,
            (list->count - i) * sizeof(*list->entries));
        list->count++;
    }
    list->entries[i] = own;
    return AKS_OK;
}

enum aks_status
aks_secret_list_remove(struct aks_secret_list *list, const char *name, struct aks_error *err)
{
    bool there;
    size_t i = place_of(list, name, &there);

    if (!there) {
        (void)aks_error_set(err, AKS_NOT_FOUND, "there is no secret %.80s", name);
        aks_error_hint(err, "akosha-sync secret list shows those that there are");
        return AKS_NOT_FOUND;
    }
    entry_fini(list->alloc, &list->entries[i]);
    list->count--;
    memmove(list->entries + i, list->entries + i + 1, (list->count - i) * sizeof(*list->entries));
    return AKS_OK;
}
