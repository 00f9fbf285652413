#include "sim/environment_sim.h"

#include "sim/sim.h"

#include <string.h>

/* Where ${name} stands, or would. */
static size_t
find(const struct aks_environment_sim *environment, const char *name, bool *ret_there)
{
    size_t len = strlen(name);
    size_t i = 0;

    *ret_there = false;
    for (; i < environment->count; i++) {
        const char *pair = environment->pairs[i];
        int order = strncmp(pair, name, len);

        if (order == 0 && pair[len] == '=') {
            *ret_there = true;
            break;
        }
        if (order > 0 || (order == 0 && pair[len] > '='))
            break;
    }
    return i;
}

static const char *
get(void *ctx, const char *name)
{
    const struct aks_environment_sim *environment = ctx;
    bool there;
    size_t i = find(environment, name, &there);

    return there ? environment->pairs[i] + strlen(name) + 1 : NULL;
}

static const char *
at(void *ctx, unsigned i)
{
    const struct aks_environment_sim *environment = ctx;

    return i < environment->count ? environment->pairs[i] : NULL;
}

static const char *
host_name(void *ctx)
{
    const struct aks_environment_sim *environment = ctx;

    return environment->host_name;
}

static const char *
home(void *ctx)
{
    const struct aks_environment_sim *environment = ctx;

    return environment->home;
}

static const char *
working_folder(void *ctx)
{
    const struct aks_environment_sim *environment = ctx;

    return environment->working_folder;
}

enum aks_status
aks_environment_sim_init(struct aks_environment_sim *environment, const struct aks_alloc *alloc,
    const struct aks_sim_options *options, struct aks_error *err)
{
    memset(environment, 0, sizeof(*environment));
    environment->alloc = alloc;
    environment->host_name = aks_mem_strdup(alloc, options->host_name);
    environment->home = aks_mem_strdup(alloc, options->home);
    environment->working_folder = aks_mem_strdup(alloc, options->working_folder);
    environment->pairs = aks_mem_array(alloc, AKS_SIM_VARIABLES_MAX, sizeof(char *));
    if (environment->host_name == NULL || environment->home == NULL ||
        environment->working_folder == NULL || environment->pairs == NULL)
        return aks_error_memory(err, "making a simulated environment");
    return aks_environment_sim_set(environment, "HOME", options->home, err);
}

void
aks_environment_sim_fini(struct aks_environment_sim *environment)
{
    if (environment->alloc == NULL)
        return;
    for (size_t i = 0; i < environment->count; i++)
        aks_mem_free(environment->alloc, environment->pairs[i]);
    aks_mem_free(environment->alloc, environment->pairs);
    aks_mem_free(environment->alloc, environment->host_name);
    aks_mem_free(environment->alloc, environment->home);
    aks_mem_free(environment->alloc, environment->working_folder);
    memset(environment, 0, sizeof(*environment));
}

struct aks_environment
aks_environment_sim_port(struct aks_environment_sim *environment)
{
    return (struct aks_environment) { get, at, host_name, home, working_folder, environment };
}

enum aks_status
aks_environment_sim_set(struct aks_environment_sim *environment, const char *name,
    const char *value, struct aks_error *err)
{
    bool there;
    size_t i = find(environment, name, &there);
    char *pair = NULL;

    if (name[0] == '\0' || strchr(name, '=') != NULL)
        return aks_error_set(err, AKS_SETTINGS, "\"%.64s\" cannot be a variable's name", name);
    if (value != NULL) {
        pair = aks_mem_printf(environment->alloc, "%s=%s", name, value);
        if (pair == NULL)
            return aks_error_memory(err, "setting a variable");
        if (!there && environment->count == AKS_SIM_VARIABLES_MAX) {
            aks_mem_free(environment->alloc, pair);
            return aks_error_set(err, AKS_LIMIT, "a simulated environment holds %d variables",
                AKS_SIM_VARIABLES_MAX);
        }
    }
    if (there) {
        aks_mem_free(environment->alloc, environment->pairs[i]);
        environment->count--;
        memmove(environment->pairs + i, environment->pairs + i + 1,
            (environment->count - i) * sizeof(char *));
    }
    if (pair != NULL) {
        memmove(environment->pairs + i + 1, environment->pairs + i,
            (environment->count - i) * sizeof(char *));
        environment->pairs[i] = pair;
        environment->count++;
    }
    return AKS_OK;
}
