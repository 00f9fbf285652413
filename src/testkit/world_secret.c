/* Secrets of a world's person: where the policy's targets find their tokens. */
#include "engine/secret_find.h"
#include "engine/secret_json.h"
#include "engine/secret_store.h"
#include "testkit/world_internal.h"

#include <stdio.h>
#include <string.h>

/* Of nobody, where a policy names a file of recipients that its test has not put there. */
#define RECIPIENT "age19ljhmg68e43yx9fgm2k9lwefquc0la5y4lzvlshdjzv47kxt8d6qr9vf4p\n"

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

/* There is a secret of that name, which may go to ${address}, too. */
static enum aks_status
learn(struct aks_world *world, const char *name, const char *address, struct aks_error *err)
{
    const struct aks_secret_entry *before = aks_secret_list_find(&world->known, name);
    const char *hosts[AKS_SECRET_HOSTS_MAX];
    struct aks_secret_entry entry = { name, AKS_SECRET_ENV, AKS_WORLD_TOKEN_VARIABLE, hosts, 0 };
    const struct world_secret *secret = note_of(world, name);
    struct aks_url url;
    enum aks_status status;

    if (secret == NULL)
        return aks_error_set(err, AKS_LIMIT, "a world holds %d secrets", AKS_WORLD_SECRETS_MAX);
    if (secret->told)
        return AKS_OK;
    status = aks_url_parse(address, &url, err);
    if (status != AKS_OK)
        return status;
    for (; before != NULL && entry.host_count + 1 < AKS_SECRET_HOSTS_MAX &&
        entry.host_count < before->host_count; entry.host_count++)
        hosts[entry.host_count] = before->hosts[entry.host_count];
    hosts[entry.host_count++] = url.authority;
    return aks_secret_list_add(&world->known, &entry, true, err);
}

enum aks_status
aks_world_secrets_learn(struct aks_world *world, const struct aks_target_settings *settings,
    struct aks_error *err)
{
    return learn(world, settings->token, settings->url, err);
}

enum aks_status
aks_world_secrets_learn_keys(struct aks_world *world, const struct aks_encrypt_settings *encrypt,
    struct aks_error *err)
{
    struct aks_files_sim *files = aks_sim_files(world->sim);
    const char *path = encrypt->recipients_file;
    enum aks_status status = AKS_OK;
    bool home = path != NULL && path[0] == '~';
    size_t len;
    char *whole;

    if (encrypt->passphrase != NULL)
        status = learn(world, encrypt->passphrase, AKS_SECRET_PASSPHRASE_URL, err);
    if (status != AKS_OK || path == NULL)
        return status;
    whole = aks_mem_printf(world->alloc, "%s%s", home ? AKS_WORLD_HOME : "",
        home ? path + 1 : path);
    if (whole == NULL)
        return aks_error_memory(err, "putting recipients");
    if (aks_files_sim_look(files, whole, &len) == NULL)
        status = aks_files_sim_put(files, whole, RECIPIENT, sizeof(RECIPIENT) - 1, 0, err);
    aks_mem_free(world->alloc, whole);
    return status;
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
