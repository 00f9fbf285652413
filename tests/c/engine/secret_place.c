#include "engine/secret_place.h"

#include "engine/secret_find.h"
#include "engine/secret_store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

static const char *
get(void *ctx, const char *name)
{
    const struct secret_place *place = ctx;
    size_t len = strlen(name);

    for (size_t i = 0; i < place->variable_count; i++) {
        if (strncmp(place->variables[i], name, len) == 0 && place->variables[i][len] == '=')
            return place->variables[i] + len + 1;
    }
    return NULL;
}

static const char *
at(void *ctx, unsigned i)
{
    const struct secret_place *place = ctx;

    return i < place->variable_count ? place->variables[i] : NULL;
}

static const char *
host_name(void *ctx)
{
    return "laptop-7";
}

static const char *
folder_of(void *ctx)
{
    const struct secret_place *place = ctx;

    return temp_folder_path(place->folder);
}

void
secret_place_init(struct secret_place *place, const struct aks_alloc *alloc)
{
    struct aks_environment *environment = &place->port.environment;

    memset(place, 0, sizeof(*place));
    assert_int_equal(aks_os_open(aks_alloc_system(), &place->os, NULL), AKS_OK);
    place->port = *aks_os_port(place->os);
    place->port.alloc = alloc;
    environment->get = get;
    environment->at = at;
    environment->host_name = host_name;
    environment->home = folder_of;
    environment->working_folder = folder_of;
    environment->ctx = place;
    place->folder = temp_folder_new();
    secret_place_set(place, "XDG_CONFIG_HOME", temp_folder_path(place->folder));
    secret_place_set(place, "PATH", "/usr/bin:/bin");
    (void)snprintf(place->path, sizeof(place->path), "%s/akosha-sync/secrets.json",
        temp_folder_path(place->folder));
}

void
secret_place_fini(struct secret_place *place)
{
    for (size_t i = 0; i < place->variable_count; i++)
        free(place->variables[i]);
    temp_folder_free(place->folder);
    aks_os_close(place->os);
}

void
secret_place_set(struct secret_place *place, const char *name, const char *value)
{
    size_t bytes = strlen(name) + strlen(value) + 2;
    size_t len = strlen(name);
    size_t i = 0;

    while (i < place->variable_count && !(strncmp(place->variables[i], name, len) == 0 &&
            place->variables[i][len] == '='))
        i++;
    assert_true(i < SECRET_PLACE_VARIABLES_MAX);
    if (i < place->variable_count)
        free(place->variables[i]);
    else
        place->variable_count++;
    place->variables[i] = malloc(bytes);
    assert_non_null(place->variables[i]);
    (void)snprintf(place->variables[i], bytes, "%s=%s", name, value);
}

static void
write_file(const char *path, const char *text, unsigned mode)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, mode), 0);
}

void
secret_place_file(struct secret_place *place, const char *name, const char *text, unsigned mode,
    char ret_path[SECRET_PLACE_PATH_BYTES])
{
    (void)snprintf(ret_path, SECRET_PLACE_PATH_BYTES, "%s/%s", temp_folder_path(place->folder),
        name);
    write_file(ret_path, text, mode);
}

void
secret_place_json(struct secret_place *place, const char *text, unsigned mode)
{
    char folder[SECRET_PLACE_PATH_BYTES];

    (void)snprintf(folder, sizeof(folder), "%s/akosha-sync", temp_folder_path(place->folder));
    (void)mkdir(folder, 0700);
    write_file(place->path, text, mode);
}

struct adding {
    const struct aks_secret_entry *entry;
    bool replace;
};

static enum aks_status
add(void *ctx, struct aks_secret_list *list, struct aks_error *err)
{
    const struct adding *adding = ctx;

    return aks_secret_list_add(list, adding->entry, adding->replace, err);
}

enum aks_status
secret_place_try(struct secret_place *place, const struct aks_secret_entry *entry, bool replace,
    struct aks_error *err)
{
    struct adding adding = { entry, replace };

    return aks_secret_store_change(&place->port, add, &adding, err);
}

void
secret_place_add(struct secret_place *place, const char *name, enum aks_secret_from from,
    const char *where, const char *host)
{
    const char *hosts[AKS_SECRET_HOSTS_MAX];
    struct aks_secret_entry entry = { name, from, where, hosts, 0 };
    char *texts = strdup(host);
    struct aks_error err;

    for (char *at_host = strtok(texts, " "); at_host != NULL; at_host = strtok(NULL, " "))
        hosts[entry.host_count++] = at_host;
    if (secret_place_try(place, &entry, true, &err) != AKS_OK)
        fail_msg("%s", err.message);
    free(texts);
}

/* --- what its tests share --------------------------------------------------------------------- */

int
secret_set_up(void **state)
{
    struct secret_place *place = calloc(1, sizeof(*place));

    assert_non_null(place);
    secret_place_init(place, aks_alloc_system());
    *state = place;
    return 0;
}

int
secret_tear_down(void **state)
{
    secret_place_fini(*state);
    free(*state);
    return 0;
}

void
secret_says(const struct aks_error *err, enum aks_status status, const char *message,
    const char *hint)
{
    if (err->status != status || strstr(err->message, message) == NULL ||
        (hint != NULL && strstr(err->hint, hint) == NULL))
        fail_msg("%s: %s (%s)", aks_status_name(err->status), err->message, err->hint);
    assert_null(strstr(err->message, SECRET_PLACE_PLANTED));
    assert_null(strstr(err->hint, SECRET_PLACE_PLANTED));
}

void
secret_found(struct secret_place *place, const char *name, const char *value)
{
    struct aks_secret *secret = NULL;
    struct aks_error err;

    if (aks_secret_find(&place->port, name, SECRET_PLACE_URL, "", NULL, NULL, &secret, &err) !=
        AKS_OK)
        fail_msg("%s", err.message);
    assert_string_equal(aks_secret_reveal(secret), value);
    aks_secret_free(secret);
}

struct aks_error
secret_refused(struct secret_place *place, const char *name)
{
    struct aks_secret *secret = NULL;
    struct aks_error err = { 0 };
    enum aks_status status = aks_secret_find(&place->port, name, SECRET_PLACE_URL, "", NULL, NULL,
        &secret, &err);

    assert_int_not_equal(status, AKS_OK);
    assert_int_equal(status, err.status);
    assert_null(secret);
    return err;
}
