/* Secrets of a world's person: where the policy's targets find their tokens. */
#include "engine/secret_json.h"
#include "engine/secret_store.h"
#include "testkit/world_internal.h"

#include <stdio.h>
#include <string.h>

void
aks_world_secrets_fini(struct aks_world *world)
{
    aks_secret_list_fini(&world->known);
    world->secret_count = 0;
}

/* The note of ${name}, a new one if there is none; NULL if there are too many. */
static struct world_secret *
note_of(struct aks_world *world, const char *name)
{
    struct world_secret *secret = world->secrets;

    while (secret < world->secrets + world->secret_count && strcmp(secret->name, name) != 0)
        secret++;
    if (secret < world->secrets + world->secret_count)
        return secret;
    if (world->secret_count == AKS_WORLD_SECRETS_MAX)
        return NULL;
    world->secret_count++;
    memset(secret, 0, sizeof(*secret));
    (void)snprintf(secret->name, sizeof(secret->name), "%s", name);
    return secret;
}

enum aks_status
aks_world_secret(struct aks_world *world, const char *name, const struct aks_secret_entry *entry,
    struct aks_error *err)
{
    struct world_secret *secret;
    enum aks_status status = AKS_OK;

    if (!aks_secret_name_valid(name))
        return aks_error_set(err, AKS_SETTINGS, "that cannot be a secret's name");
    secret = note_of(world, name);
    if (secret == NULL)
        return aks_error_set(err, AKS_LIMIT, "a world holds %d secrets", AKS_WORLD_SECRETS_MAX);
    if (entry != NULL)
        status = aks_secret_list_add(&world->known, entry, true, err);
    else
        (void)aks_secret_list_remove(&world->known, name, NULL);
    if (status == AKS_OK)
        secret->told = true;
    world->learnt = false;
    return status;
}

enum aks_status
aks_world_secrets_learn(struct aks_world *world, const struct aks_target_settings *settings,
    struct aks_error *err)
{
    const struct aks_secret_entry *before = aks_secret_list_find(&world->known, settings->token);
    const char *hosts[AKS_SECRET_HOSTS_MAX];
    struct aks_secret_entry entry = { settings->token, AKS_SECRET_ENV, AKS_WORLD_TOKEN_VARIABLE,
        hosts, 0 };
    const struct world_secret *secret = note_of(world, settings->token);
    struct aks_url url;
    enum aks_status status;

    if (secret == NULL)
        return aks_error_set(err, AKS_LIMIT, "a world holds %d secrets", AKS_WORLD_SECRETS_MAX);
    if (secret->told)
        return AKS_OK;
    status = aks_url_parse(settings->url, &url, err);
    if (status != AKS_OK)
        return status;
    for (; before != NULL && entry.host_count + 1 < AKS_SECRET_HOSTS_MAX &&
        entry.host_count < before->host_count; entry.host_count++)
        hosts[entry.host_count] = before->hosts[entry.host_count];
    hosts[entry.host_count++] = url.authority;
    return aks_secret_list_add(&world->known, &entry, true, err);
}

enum aks_status
aks_world_secrets_write(struct aks_world *world, struct aks_error *err)
{
    struct aks_files_sim *files = aks_sim_files(world->sim);
    char *path = aks_secret_store_path(aks_sim_port(world->sim));
    struct aks_buf text;
    size_t len;
    enum aks_status status = AKS_OK;

    aks_buf_init(&text, world->alloc, AKS_SECRET_JSON_BYTES_MAX);
    if (path == NULL)
        status = aks_error_memory(err, "writing a world's secrets");
    else if (world->known.count > 0 || aks_files_sim_look(files, path, &len) != NULL)
        status = aks_secret_json_write(&world->known, &text, err);
    if (status == AKS_OK && text.len > 0)
        status = aks_files_sim_put(files, path, text.data, text.len, 0, err);
    aks_buf_fini(&text);
    aks_mem_free(world->alloc, path);
    return status;
}
