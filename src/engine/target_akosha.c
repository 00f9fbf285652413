/* Akosha itself as a target, by its endpoint for the Model Context Protocol (streamable HTTP,
 * revision 2025-06-18): it takes memories and no files. */
#include "base/check.h"
#include "engine/decide_default.h"
#include "engine/secret_find.h"
#include "engine/target_akosha_internal.h"
#include "wire/url.h"

#include <stdio.h>
#include <string.h>

static const char *
ca_file_of(const struct aks_target_options *options)
{
    static const char *const names[] = { "SSL_CERT_FILE", "CURL_CA_BUNDLE" };
    const struct aks_environment *environment = &options->port->environment;

    if (options->settings->ca_file != NULL)
        return options->settings->ca_file;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const char *value = environment->get(environment->ctx, names[i]);

        if (value != NULL && value[0] != '\0')
            return value;
    }
    return NULL;
}

static void
akosha_free(struct aks_target *base)
{
    struct akosha_target *target = (struct akosha_target *)base;
    const struct aks_alloc *alloc;

    if (target == NULL)
        return;
    alloc = target->port->alloc;
    aks_akosha_call_cancel(&target->call);
    aks_secret_free(target->token);
    aks_mem_free(alloc, target->health);
    aks_mem_free(alloc, target);
}

/* Beside the endpoint: http://host:8682/mcp has http://host:8682/health. */
static char *
make_health(const struct aks_alloc *alloc, const struct aks_url *url)
{
    const char *slash = strrchr(url->path, '/');
    int len = slash != NULL ? (int)(slash - url->path) : 0;

    return aks_mem_printf(alloc, "%s://%s%.*s/health", url->tls ? "https" : "http",
        url->authority, len, url->path);
}

static enum aks_status
akosha_create(const struct aks_target_options *options, struct aks_target **ret_target,
    struct aks_error *err)
{
    const struct aks_target_settings *settings = options->settings;
    const struct aks_alloc *alloc = options->port->alloc;
    struct akosha_target *target;
    struct aks_url url;
    enum aks_status status;

    status = aks_url_parse(settings->url, &url, err);
    if (status == AKS_OK && settings->token != NULL)
        status = aks_secret_check(options->port, settings->token, settings->url, err);
    if (status != AKS_OK) {
        (void)aks_error_wrap(err, "cannot use target %s", settings->name);
        return status;
    }
    target = aks_mem_new(alloc, sizeof(*target));
    if (target == NULL)
        return aks_error_memory(err, "opening a target");
    target->base.class = &aks_target_akosha;
    target->base.settings = settings;
    target->options = *options;
    target->port = options->port;
    target->ca_file = ca_file_of(options);
    target->health = make_health(alloc, &url);
    if (target->health == NULL) {
        akosha_free(&target->base);
        return aks_error_memory(err, "opening a target");
    }
    *ret_target = &target->base;
    return AKS_OK;
}

/* --- the probe -------------------------------------------------------------------------------- */

/* A proxy may let the endpoint through and nothing else: then the endpoint has to show what is
 * there. */
static void
probed(struct akosha_call *call, const struct aks_http_reply *reply, struct aks_outcome *outcome)
{
    if (outcome->status != AKS_OK && reply->transport == AKS_OK &&
        (reply->status == 404 || reply->status == 405))
        aks_outcome_ok(outcome);
    aks_akosha_call_tried(call, outcome);
}

static void
probe_too_late(void *ctx)
{
    struct akosha_call *call = ctx;
    const struct aks_target_options *options = &call->target->options;
    char text[AKS_UNITS_TEXT_BYTES];
    struct aks_error err;

    options->port->http.cancel(options->port->http.ctx, call->request);
    call->request = NULL;
    (void)aks_error_set(&err, AKS_TIMEOUT, "probe of %s: no answer within %s",
        options->settings->name, aks_units_duration(options->probe_ms, text));
    aks_akosha_call_ended(call, &err);
}

static void
start_probe(struct akosha_call *call)
{
    const struct aks_target_options *options = &call->target->options;
    struct aks_error err;

    if (aks_loop_set(options->loop, &call->deadline, options->probe_ms, probe_too_late, call,
            &err) != AKS_OK) {
        aks_akosha_call_ended(call, &err);
        return;
    }
    aks_akosha_plain(call);
    call->spec.url = call->target->health;
    call->spec.reply_bytes_max = AKS_AKOSHA_HEALTH_BYTES_MAX;
    /* A tenth less than there is, so that the port, which knows what hangs, speaks first. */
    call->spec.connect_timeout_ms = options->probe_ms - options->probe_ms / 10;
    call->spec.answer_timeout_ms = call->spec.connect_timeout_ms;
    call->spec.stall_timeout_ms = 0;
    aks_akosha_header(call, "Accept", "application/json");
    aks_akosha_request(call, "GET", "probe", probed);
}

static void
akosha_available(struct aks_target *base, aks_done *done, void *ctx)
{
    struct akosha_call *call = aks_akosha_call_new(base);

    aks_akosha_call_begin(call, start_probe, AKS_OPERATION_PROBE, NULL, done, ctx);
}

/* --- what files would want -------------------------------------------------------------------- */

static enum aks_status
no_files(const struct aks_target *target, struct aks_error *err)
{
    (void)aks_error_set(err, AKS_SETTINGS, "target %s takes memories, row by row, and holds no "
        "files", target->settings->name);
    aks_error_hint(err, "name a target that holds files");
    return AKS_SETTINGS;
}

static void
say_no_files(struct akosha_call *call)
{
    struct aks_error err;

    (void)no_files(&call->target->base, &err);
    aks_akosha_call_ended(call, &err);
}

static void
refuse(struct aks_target *base, aks_done *done, void *ctx)
{
    aks_akosha_call_once(aks_akosha_call_new(base), say_no_files, done, ctx);
}

static enum aks_status
akosha_open(struct aks_target *target, const struct aks_object_spec *spec,
    struct aks_target_object **ret_object, struct aks_error *err)
{
    return no_files(target, err);
}

static void
akosha_put(struct aks_target *base, const char *key, const char *content_type, const void *data,
    size_t len, bool create_only, aks_done *done, void *ctx)
{
    refuse(base, done, ctx);
}

static void
akosha_get(struct aks_target *base, const char *key, struct aks_buf *ret_data, aks_done *done,
    void *ctx)
{
    refuse(base, done, ctx);
}

static void
akosha_list(struct aks_target *base, const char *folder, aks_target_entry *each, void *each_ctx,
    aks_done *done, void *ctx)
{
    refuse(base, done, ctx);
}

static void
akosha_stat(struct aks_target *base, const char *key, struct aks_target_stat *ret_stat,
    aks_done *done, void *ctx)
{
    refuse(base, done, ctx);
}

static void
akosha_get_range(struct aks_target *base, const char *key, const char *etag, int64_t offset,
    void *data, size_t len, aks_done *done, void *ctx)
{
    refuse(base, done, ctx);
}

static void
akosha_remove(struct aks_target *base, const char *key, aks_done *done, void *ctx)
{
    refuse(base, done, ctx);
}

static enum aks_part_check
akosha_part_check(const struct aks_target *target)
{
    return AKS_PART_UNCHECKED;
}

static unsigned
akosha_parts_in_flight(const struct aks_target *target)
{
    return 1;
}

static void
akosha_credentials(const struct aks_target *target, char ret_source[AKS_TARGET_CREDENTIALS_BYTES])
{
    const char *token = target->settings->token;

    (void)snprintf(ret_source, AKS_TARGET_CREDENTIALS_BYTES, "%s%s", token != NULL ? "secret " : "",
        token != NULL ? token : "");
}

static const struct aks_target_rows rows = { aks_akosha_push, aks_akosha_leave };

const struct aks_target_class aks_target_akosha = {
    .create = akosha_create,
    .free = akosha_free,
    .available = akosha_available,
    .part_check = akosha_part_check,
    .parts_in_flight = akosha_parts_in_flight,
    .open = akosha_open,
    .put = akosha_put,
    .get = akosha_get,
    .list = akosha_list,
    .stat = akosha_stat,
    .get_range = akosha_get_range,
    .remove = akosha_remove,
    .credentials = akosha_credentials,
    .rows = &rows,
};
