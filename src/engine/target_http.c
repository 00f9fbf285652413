/* An HTTP server that takes PUT as a target. */
#include "base/check.h"
#include "base/units.h"
#include "engine/decide_default.h"
#include "engine/secret_find.h"
#include "engine/target_http_internal.h"
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
http_free(struct aks_target *base)
{
    struct http_target *target = (struct http_target *)base;
    const struct aks_alloc *alloc;

    if (target == NULL)
        return;
    alloc = target->port->alloc;
    for (size_t i = 0; i < AKS_TARGET_HTTP_CALLS_MAX && target->calls != NULL; i++)
        aks_target_http_call_cancel(&target->calls[i]);
    aks_mem_free(alloc, target->calls);
    aks_target_http_whole_forget(target);
    aks_target_http_token_drop(alloc, target->token);
    aks_mem_free(alloc, target);
}

static enum aks_status
http_create(const struct aks_target_options *options, struct aks_target **ret_target,
    struct aks_error *err)
{
    const struct aks_alloc *alloc = options->port->alloc;
    struct http_target *target;
    struct aks_url url;
    enum aks_status status;

    status = aks_url_parse(options->settings->url, &url, err);
    if (status == AKS_OK && options->settings->token != NULL)
        status = aks_secret_check(options->port, options->settings->token, options->settings->url,
            err);
    if (status != AKS_OK) {
        (void)aks_error_wrap(err, "cannot use target %s", options->settings->name);
        return status;
    }
    target = aks_mem_new(alloc, sizeof(*target));
    if (target == NULL)
        return aks_error_memory(err, "opening a target");
    target->base.class = &aks_target_http;
    target->base.settings = options->settings;
    target->options = *options;
    target->port = options->port;
    target->ca_file = ca_file_of(options);
    aks_target_identity(options->settings,
        options->port->environment.home(options->port->environment.ctx), options->system_id,
        target->identity);
    target->calls = aks_mem_array(alloc, AKS_TARGET_HTTP_CALLS_MAX, sizeof(*target->calls));
    if (target->calls == NULL) {
        http_free(&target->base);
        return aks_error_memory(err, "opening a target");
    }
    *ret_target = &target->base;
    return AKS_OK;
}

/* available */

/* Whatever a server says to a HEAD of a folder, it is there and speaks; only PUT shows whether
 * it takes ours. */
static void
probed(struct http_call *call, const struct aks_http_reply *reply)
{
    struct aks_outcome outcome;

    aks_target_http_judge(call, reply, &outcome);
    if (outcome.status != AKS_OK && reply->transport == AKS_OK && reply->status < 500 &&
        reply->status != 401)
        aks_outcome_ok(&outcome);
    aks_target_http_call_tried(call, &outcome);
}

static void
probe_too_late(void *ctx)
{
    struct http_call *call = ctx;
    const struct aks_target_options *options = &call->target->options;
    char text[AKS_UNITS_TEXT_BYTES];
    struct aks_error err;

    options->port->http.cancel(options->port->http.ctx, call->request);
    call->request = NULL;
    (void)aks_error_set(&err, AKS_TIMEOUT, "HEAD of the address to %s: no answer within %s",
        options->settings->name, aks_units_duration(options->probe_ms, text));
    aks_target_http_call_ended(call, &err);
}

static void
start_probe(struct http_call *call)
{
    const struct aks_target_options *options = &call->target->options;
    struct aks_error err;

    if (aks_loop_set(options->loop, &call->deadline, options->probe_ms, probe_too_late, call,
            &err) != AKS_OK) {
        aks_target_http_call_ended(call, &err);
        return;
    }
    aks_target_http_plain(call);
    /* A tenth less than there is, so that the port, which knows what hangs, speaks first. */
    call->spec.connect_timeout_ms = options->probe_ms - options->probe_ms / 10;
    call->spec.answer_timeout_ms = call->spec.connect_timeout_ms;
    call->spec.stall_timeout_ms = 0;
    aks_target_http_request(call, "HEAD", probed);
}

static void
http_available(struct aks_target *base, aks_done *done, void *ctx)
{
    struct http_call *call = aks_target_http_call_new((struct http_target *)base);

    aks_target_http_call_begin(call, start_probe, AKS_OPERATION_PROBE, NULL, done, ctx);
}

/* put */

static enum aks_status
read_content(void *ctx, int64_t offset, void *data, size_t len, size_t *ret_len,
    struct aks_error *err)
{
    const struct http_call *call = ctx;
    int64_t left = call->body.bytes - offset;

    AKS_CHECK(offset >= 0 && left > 0);
    if ((int64_t)len > left)
        len = (size_t)left;
    memcpy(data, call->content + offset, len);
    *ret_len = len;
    return AKS_OK;
}

static void
http_put(struct aks_target *base, const char *key, const char *content_type, const void *data,
    size_t len, bool create_only, aks_done *done, void *ctx)
{
    struct http_call *call = aks_target_http_call_new((struct http_target *)base);

    aks_sha256(data, len, call->sha256);
    call->key = key;
    call->content_type = content_type;
    call->content = data;
    call->create_only = create_only;
    call->body = (struct aks_body) { (int64_t)len, read_content, call };
    aks_target_http_call_begin(call, aks_target_http_store, "put", NULL, done, ctx);
}

/* get */

static void
got(struct http_call *call, const struct aks_http_reply *reply)
{
    struct aks_outcome outcome;
    struct aks_error err;

    aks_target_http_judge(call, reply, &outcome);
    if (outcome.status == AKS_OK) {
        aks_buf_reset(call->ret_data);
        aks_buf_append(call->ret_data, reply->body.data, reply->body.len);
        if (aks_buf_status(call->ret_data, call->key, &err) != AKS_OK)
            aks_outcome_failed(&outcome, &err);
    }
    aks_target_http_call_tried(call, &outcome);
}

static void
start_get(struct http_call *call)
{
    aks_target_http_plain(call);
    call->spec.reply_bytes_max = call->ret_data->bytes_max;
    aks_target_http_request(call, "GET", got);
}

static void
http_get(struct aks_target *base, const char *key, struct aks_buf *ret_data, aks_done *done,
    void *ctx)
{
    struct http_call *call = aks_target_http_call_new((struct http_target *)base);

    call->key = key;
    call->ret_data = ret_data;
    aks_target_http_call_begin(call, start_get, "get", NULL, done, ctx);
}

/* list */

static void
start_list(struct http_call *call)
{
    struct aks_error err;

    (void)aks_error_set(&err, AKS_SETTINGS,
        "cannot list target %s: HTTP has no way to ask what is there",
        call->target->base.settings->name);
    aks_target_http_call_ended(call, &err);
}

static void
http_list(struct aks_target *base, const char *folder, aks_target_entry *each, void *each_ctx,
    aks_done *done, void *ctx)
{
    struct http_call *call = aks_target_http_call_new((struct http_target *)base);

    aks_target_http_call_begin(call, start_list, "list", NULL, done, ctx);
}

static enum aks_part_check
http_part_check(const struct aks_target *target)
{
    return AKS_PART_UNCHECKED;
}

static unsigned
http_parts_in_flight(const struct aks_target *target)
{
    return AKS_TARGET_HTTP_PARTS_MAX;
}

static void
http_credentials(const struct aks_target *target, char ret_source[AKS_TARGET_CREDENTIALS_BYTES])
{
    const char *token = target->settings->token;

    (void)snprintf(ret_source, AKS_TARGET_CREDENTIALS_BYTES, "%s%s", token != NULL ? "secret " : "",
        token != NULL ? token : "");
}

const struct aks_target_class aks_target_http = {
    .create = http_create,
    .free = http_free,
    .available = http_available,
    .part_check = http_part_check,
    .parts_in_flight = http_parts_in_flight,
    .open = aks_target_http_open,
    .send = aks_target_http_send,
    .finish = aks_target_http_finish,
    .abort = aks_target_http_abort,
    .object_free = aks_target_http_object_free,
    .put = http_put,
    .get = http_get,
    .list = http_list,
    .stat = aks_target_http_stat,
    .get_range = aks_target_http_get_range,
    .remove = aks_target_http_remove,
    .credentials = http_credentials,
    .resumes = true,
    .markers = false,
    .can_list = false,
    .reads_in_finish = true,
};
