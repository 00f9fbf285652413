#include "engine/policy_text.h"
#include "engine/secret_store.h"

#include <string.h>
#include <strings.h>

static bool
contains(const char *name, size_t len, const char *word)
{
    size_t word_len = strlen(word);

    for (size_t i = 0; i + word_len <= len; i++) {
        if (strncasecmp(name + i, word, word_len) == 0)
            return true;
    }
    return false;
}

bool
aks_policy_environment_secret(const char *name, size_t len)
{
    static const char *const words[] = { "SECRET", "TOKEN", "PASS", "KEY", "CREDENTIAL" };

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (contains(name, len, words[i]))
            return true;
    }
    return false;
}

static bool
same_name(const char *name, size_t len, const char *other)
{
    return strlen(other) == len && memcmp(name, other, len) == 0;
}

bool
aks_policy_environment_open(const char *name, size_t len)
{
    static const char *const prefixes[] = { "AKOSHA_", "SESSION_BUDDY_AKOSHA_", "XDG_" };
    static const char *const names[] = { "HOME", "USER", "HOSTNAME", "TZ", "LANG" };

    if (aks_policy_environment_secret(name, len))
        return false;
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
        if (strlen(prefixes[i]) <= len && memcmp(name, prefixes[i], strlen(prefixes[i])) == 0)
            return true;
    }
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (same_name(name, len, names[i]))
            return true;
    }
    return false;
}

static bool
allowed(const char *name, size_t len, const char *const *allow, size_t allow_count)
{
    if (aks_policy_environment_secret(name, len))
        return false;
    for (size_t i = 0; i < allow_count; i++) {
        if (same_name(name, len, allow[i]))
            return true;
    }
    return aks_policy_environment_open(name, len);
}

static enum aks_status
check_allow(const char *const *allow, size_t allow_count, struct aks_error *err)
{
    for (size_t i = 0; i < allow_count; i++) {
        if (allow[i][0] == '\0' || strchr(allow[i], '=') != NULL) {
            (void)aks_error_set(err, AKS_SETTINGS, "cannot allow \"%s\" to the policy: it is no"
                " name of a variable", allow[i]);
            aks_error_hint(err, "--allow-env takes a name alone, such as --allow-env PROJECT");
            return AKS_SETTINGS;
        }
        if (aks_policy_environment_secret(allow[i], strlen(allow[i]))) {
            (void)aks_error_set(err, AKS_SETTINGS, "cannot allow %s to the policy: it is named like"
                " a secret", allow[i]);
            aks_error_hint(err, "akosha-sync secret add NAME --env %s --host HOST makes it usable"
                " without showing it", allow[i]);
            return AKS_SETTINGS;
        }
    }
    return AKS_OK;
}

/* A variable that a secret is kept in is none that a policy could be let read, whatever it is
 * called. */
static enum aks_status
check_secrets(const struct aks_port *port, const char *const *allow, size_t allow_count,
    struct aks_error *err)
{
    struct aks_secret_list list;
    enum aks_status status = AKS_OK;

    if (allow_count == 0)
        return AKS_OK;
    aks_secret_list_init(&list, port->alloc);
    status = aks_secret_store_load(port, &list, err);
    for (size_t i = 0; status == AKS_OK && i < list.count * allow_count; i++) {
        const struct aks_secret_entry *entry = &list.entries[i / allow_count];

        if (entry->from == AKS_SECRET_ENV && strcmp(entry->where, allow[i % allow_count]) == 0)
            status = aks_error_set(err, AKS_SETTINGS, "cannot allow %s to the policy: the secret %s"
                " is kept in it", entry->where, entry->name);
    }
    aks_secret_list_fini(&list);
    return status;
}

/* By name; what follows '=' does not count. */
static int
compare(const char *a, size_t a_len, const char *b)
{
    size_t b_len = strcspn(b, "=");
    int order = memcmp(a, b, a_len < b_len ? a_len : b_len);

    return order != 0 ? order : (a_len > b_len) - (a_len < b_len);
}

/* Puts ${pair} in its place. Of two of one name the first counts, as for getenv. */
static enum aks_status
insert(const struct aks_alloc *alloc, struct aks_policy_environment *environment, const char *pair,
    size_t name_len, struct aks_error *err)
{
    size_t place = 0;
    char *copy;

    while (place < environment->count &&
        compare(pair, name_len, environment->pairs[place]) > 0)
        place++;
    if (place < environment->count && compare(pair, name_len, environment->pairs[place]) == 0)
        return AKS_OK;
    if (strlen(pair) > AKS_POLICY_VARIABLE_BYTES_MAX)
        return aks_error_set(err, AKS_LIMIT,
            "cannot hand the variable %.*s to the policy: it is over %d bytes", (int)name_len, pair,
            AKS_POLICY_VARIABLE_BYTES_MAX);
    if (environment->count == AKS_POLICY_VARIABLES_MAX)
        return aks_error_set(err, AKS_LIMIT,
            "cannot hand the variable %.*s to the policy: there are more than %d", (int)name_len,
            pair, AKS_POLICY_VARIABLES_MAX);
    copy = aks_mem_strdup(alloc, pair);
    if (copy == NULL)
        return aks_error_memory(err, "reading the environment");
    memmove(environment->pairs + place + 1, environment->pairs + place,
        (environment->count - place) * sizeof(*environment->pairs));
    environment->pairs[place] = copy;
    environment->count++;
    return AKS_OK;
}

enum aks_status
aks_policy_environment_collect(const struct aks_port *port, const char *const *allow,
    size_t allow_count, struct aks_policy_environment *ret, struct aks_error *err)
{
    const struct aks_environment *env = &port->environment;
    enum aks_status status = check_allow(allow, allow_count, err);
    const char *pair;

    memset(ret, 0, sizeof(*ret));
    if (status == AKS_OK)
        status = check_secrets(port, allow, allow_count, err);
    if (status != AKS_OK)
        return status;
    ret->pairs = aks_mem_array(port->alloc, AKS_POLICY_VARIABLES_MAX, sizeof(*ret->pairs));
    if (ret->pairs == NULL)
        return aks_error_memory(err, "reading the environment");
    for (unsigned i = 0; status == AKS_OK && (pair = env->at(env->ctx, i)) != NULL; i++) {
        size_t name_len = strcspn(pair, "=");

        if (pair[name_len] == '=' && allowed(pair, name_len, allow, allow_count))
            status = insert(port->alloc, ret, pair, name_len, err);
    }
    if (status != AKS_OK)
        aks_policy_environment_fini(port->alloc, ret);
    return status;
}

enum aks_status
aks_policy_environment_copy(const struct aks_alloc *alloc,
    const struct aks_policy_environment *environment, struct aks_policy_environment *ret,
    struct aks_error *err)
{
    memset(ret, 0, sizeof(*ret));
    if (environment->count == 0)
        return AKS_OK;
    ret->pairs = aks_mem_array(alloc, environment->count, sizeof(*ret->pairs));
    if (ret->pairs == NULL)
        return aks_error_memory(err, "copying the environment");
    while (ret->count < environment->count) {
        char *copy = aks_mem_strdup(alloc, environment->pairs[ret->count]);

        if (copy == NULL) {
            aks_policy_environment_fini(alloc, ret);
            return aks_error_memory(err, "copying the environment");
        }
        ret->pairs[ret->count++] = copy;
    }
    return AKS_OK;
}

void
aks_policy_environment_fini(const struct aks_alloc *alloc,
    struct aks_policy_environment *environment)
{
    for (size_t i = 0; i < environment->count; i++)
        aks_mem_free(alloc, environment->pairs[i]);
    aks_mem_free(alloc, environment->pairs);
    memset(environment, 0, sizeof(*environment));
}

const char *
aks_policy_environment_get(const struct aks_policy_environment *environment, const char *name)
{
    for (size_t i = 0; i < environment->count; i++) {
        if (same_name(environment->pairs[i], strcspn(environment->pairs[i], "="), name))
            return strchr(environment->pairs[i], '=') + 1;
    }
    return NULL;
}
