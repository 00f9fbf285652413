#include "engine/settings.h"

#include "base/check.h"

#include <stdio.h>
#include <string.h>

void
aks_settings_init(struct aks_settings *settings, const struct aks_alloc *alloc)
{
    memset(settings, 0, sizeof(*settings));
    settings->alloc = alloc;
    settings->retry.first_ms = AKS_RETRY_FIRST_MS_DEFAULT;
    settings->retry.factor = 2;
    settings->retry.cap_ms = AKS_RETRY_CAP_MS_DEFAULT;
    settings->retry.jitter = AKS_JITTER_FULL;
    settings->retry.tries = AKS_RETRY_TRIES_DEFAULT;
    settings->compress.codec = AKS_CODEC_ZSTD;
    settings->compress.level = AKS_CODEC_LEVEL_DEFAULT;
    settings->dedup = AKS_DEDUP_UNCHANGED;
    settings->snapshot.busy = AKS_BUSY_QUEUE;
    settings->snapshot.wait_ms = AKS_SNAPSHOT_WAIT_MS_DEFAULT;
    settings->part_bytes = AKS_PART_BYTES_DEFAULT;
    settings->probe_ms = AKS_PROBE_MS_DEFAULT;
}

void
aks_settings_fini(struct aks_settings *settings)
{
    const struct aks_alloc *alloc = settings->alloc;

    for (size_t i = 0; i < settings->source_count; i++) {
        aks_mem_free(alloc, settings->sources[i].path);
        aks_mem_free(alloc, settings->sources[i].name);
    }
    aks_mem_free(alloc, settings->sources);
    for (size_t i = 0; i < settings->target_count; i++) {
        struct aks_target_settings *target = &settings->targets[i];

        aks_mem_free(alloc, target->name);
        aks_mem_free(alloc, target->ca_file);
        aks_mem_free(alloc, target->pins);
        aks_mem_free(alloc, target->bucket);
        aks_mem_free(alloc, target->region);
        aks_mem_free(alloc, target->endpoint);
        aks_mem_free(alloc, target->prefix);
        aks_mem_free(alloc, target->credentials);
        aks_mem_free(alloc, target->url);
        aks_mem_free(alloc, target->token);
        aks_mem_free(alloc, target->path);
    }
    aks_mem_free(alloc, settings->targets);
    aks_mem_free(alloc, settings->encrypt.recipients_file);
    aks_mem_free(alloc, settings->encrypt.passphrase);
    aks_settings_memories_fini(alloc, &settings->memories);
    aks_mem_free(alloc, settings->system_id);
    aks_mem_free(alloc, settings->policy_path);
    memset(settings, 0, sizeof(*settings));
    settings->alloc = alloc;
}

const char *
aks_settings_route_text(const struct aks_settings *settings, const struct aks_route *route,
    char ret_text[AKS_ROUTE_TEXT_BYTES])
{
    size_t len = 0;

    ret_text[0] = '\0';
    if (route->mirror && route->needed == route->count)
        len = (size_t)snprintf(ret_text, AKS_ROUTE_TEXT_BYTES, "all of ");
    else if (route->mirror)
        len = (size_t)snprintf(ret_text, AKS_ROUTE_TEXT_BYTES, "%zu of ", route->needed);
    for (size_t i = 0; i < route->count; i++) {
        len += (size_t)snprintf(ret_text + len, AKS_ROUTE_TEXT_BYTES - len, "%s%s",
            i > 0 ? ", " : "", settings->targets[route->targets[i]].name);
        AKS_CHECK(len < AKS_ROUTE_TEXT_BYTES);
    }
    return ret_text;
}

const char *
aks_target_kind_name(enum aks_target_kind kind)
{
    static const char *const names[] = { "s3", "http", "dir", "akosha" };

    AKS_CHECK((unsigned)kind < sizeof(names) / sizeof(names[0]));
    return names[kind];
}

const char *
aks_target_kind_method(enum aks_target_kind kind)
{
    static const char *const methods[] = { "cloud", "http", "local", "http" };

    AKS_CHECK((unsigned)kind < sizeof(methods) / sizeof(methods[0]));
    return methods[kind];
}

const struct aks_snapshot_settings *
aks_settings_snapshot(const struct aks_settings *settings, const struct aks_source_settings *source)
{
    return source != NULL && source->snapshot_given ? &source->snapshot : &settings->snapshot;
}

const char *
aks_settings_busy_name(enum aks_busy busy)
{
    static const char *const names[] = { "queue", "skip", "older" };

    AKS_CHECK((unsigned)busy < sizeof(names) / sizeof(names[0]));
    return names[busy];
}

const char *
aks_settings_period_name(enum aks_budget_period period)
{
    static const char *const names[] = { "hour", "day", "month" };

    return names[period];
}
