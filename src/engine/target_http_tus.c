/* An object of an http target by tus 1.0.0, where the server offers it: made by POST, sent by PATCH
 * in pieces, and after anything that failed HEAD tells where to go on.
 *
 * Where a finished upload can be read is the server's business, and readers look for objects under
 * their keys. So tus is used only where the upload's address is that of the object, or where the
 * policy says that the server keeps it there; and it counts as stored only when it is found there.
 * Wherever tus leads nowhere, the object goes by PUT, from its beginning. */
#include "base/check.h"
#include "base/encode.h"
#include "engine/state.h"
#include "engine/target_http_internal.h"
#include "engine/target_http_tus.h"

#include <stdio.h>
#include <string.h>

#define FACT "tus"
#define FACT_NONE "no"
#define TOKEN "tus "

static void go_on(struct http_object *object);

/* --- what the server can ---------------------------------------------------------------------- */

/* What is remembered saves a request; that it cannot be costs one the next time, no more. */
static void
remember(struct http_target *target, const char *text)
{
    const struct aks_target_options *options = &target->options;
    const struct aks_clock *clock = &options->port->clock;
    struct aks_error err;

    if (options->state != NULL && aks_state_fact_put(options->state, target->identity, FACT, text,
            clock->wall_ms(clock->ctx), &err) != AKS_OK)
        aks_log_write(options->log, AKS_LOG_DEBUG, "target %s: %s is not remembered: %s",
            options->settings->name, FACT, err.message);
}

static void
recall(struct http_target *target)
{
    const struct aks_target_options *options = &target->options;
    const struct aks_clock *clock = &options->port->clock;
    char text[AKS_TUS_SERVER_BYTES];

    if (target->tus.known || options->state == NULL ||
        aks_state_fact_get(options->state, target->identity, FACT, clock->wall_ms(clock->ctx),
            AKS_TARGET_HTTP_FACT_MS, text, sizeof(text), NULL) != AKS_OK)
        return;
    target->tus.offered = aks_tus_server_parse(text, &target->tus.says);
    target->tus.known = target->tus.offered || strcmp(text, FACT_NONE) == 0;
}

void
aks_http_tus_give_up(struct http_object *object, const char *why, bool lasting)
{
    struct http_target *target = object->target;

    target->tus.known = true;
    target->tus.offered = false;
    object->tus.doomed = true;
    if (lasting)
        remember(target, FACT_NONE);
    aks_log_write(target->options.log, AKS_LOG_INFO, "target %s: %s goes by PUT, not by tus: %s",
        target->base.settings->name, object->key, why);
}

bool
aks_target_http_tus_wanted(const struct http_object *object)
{
    const struct http_target *target = object->target;

    recall(object->target);
    if (target->base.settings->tus == 0 || object->content.bytes <= object->piece_bytes)
        return false;
    if (!target->tus.known)
        return true;
    return target->tus.offered && (target->tus.says.bytes_max < 0 ||
        object->content.bytes <= target->tus.says.bytes_max);
}

/* --- steps ------------------------------------------------------------------------------------ */

static void
end(struct http_object *object, const struct aks_outcome *outcome)
{
    object->tus.done(object->tus.ctx, outcome);
}

static void
step(struct http_object *object, void (*start)(struct http_call *call), const char *operation,
    aks_done *done)
{
    aks_target_http_closing(object);
    aks_target_http_call_begin(&object->closing, start, operation, object->source, done, object);
}

void
aks_http_tus_stepped(struct http_call *call)
{
    struct aks_error err = { 0 };

    aks_target_http_call_ended(call, &err);
}

bool
aks_http_tus_address(struct http_call *call, const char *url)
{
    const struct aks_alloc *alloc = call->target->port->alloc;
    struct aks_error err;

    aks_mem_free(alloc, call->url);
    call->url = aks_mem_strdup(alloc, url);
    if (call->url != NULL)
        return true;
    (void)aks_error_memory(&err, "addressing an upload");
    aks_target_http_call_ended(call, &err);
    return false;
}

static void
address_home(const struct http_target *target, char ret_url[AKS_TUS_URL_BYTES])
{
    (void)snprintf(ret_url, AKS_TUS_URL_BYTES, "%s/", target->base.settings->url);
}

bool
aks_http_tus_may_pass(int status)
{
    return status == 401 || status == 407 || status == 408 || status == 423 || status == 425 ||
        status == 429 || status == 503;
}

void
aks_http_tus_header(struct http_call *call, const char *name, const char *value)
{
    /* One place is the token's. */
    AKS_CHECK(call->spec.header_count < AKS_TARGET_HTTP_HEADERS_MAX - 1);
    call->headers[call->spec.header_count++] = (struct aks_http_header) { name, value };
}

/* Nothing is to be hoped for from this upload. */
static void
forget_upload(struct http_object *object)
{
    aks_mem_free(object->target->port->alloc, object->tus.location);
    object->tus.location = NULL;
    object->tus.offset = 0;
    object->tus.reached = 0;
    object->tus.sure = false;
    object->tus.doomed = false;
}

void
aks_http_tus_set_back(struct http_object *object, const char *why)
{
    object->tus.sure = false;
    object->tus.setbacks++;
    aks_log_write(object->target->options.log, AKS_LOG_INFO, "target %s: upload of %s by tus: %s",
        object->target->base.settings->name, object->key, why);
    if (object->tus.setbacks > AKS_TARGET_HTTP_TUS_SETBACKS_MAX) {
        aks_http_tus_give_up(object, "the server lost its way too often", false);
    }
}

void
aks_http_tus_lose(struct http_object *object, const char *why)
{
    aks_http_tus_set_back(object, why);
    forget_upload(object);
}

/* --- OPTIONS ---------------------------------------------------------------------------------- */

static void
learned(struct http_call *call, const struct aks_http_reply *reply)
{
    struct http_target *target = call->target;
    char text[AKS_TUS_SERVER_BYTES];
    struct aks_outcome outcome;

    aks_target_http_judge(call, reply, &outcome);
    if (outcome.status == AKS_OK && aks_tus_read_server(aks_http_reply_header(reply, "Tus-Version"),
            aks_http_reply_header(reply, "Tus-Extension"),
            aks_http_reply_header(reply, "Tus-Checksum-Algorithm"),
            aks_http_reply_header(reply, "Tus-Max-Size"), &target->tus.says)) {
        target->tus.known = true;
        target->tus.offered = true;
        remember(target, aks_tus_server_text(&target->tus.says, text));
    } else if (reply->transport == AKS_OK && !aks_http_tus_may_pass(reply->status)) {
        aks_http_tus_give_up(call->object, "the server does not offer it", reply->status < 500);
    } else if (reply->transport == AKS_TIMEOUT || reply->transport == AKS_STALLED ||
        reply->transport == AKS_BAD_REPLY) {
        aks_http_tus_give_up(call->object, "the server has no answer to OPTIONS", false);
    } else {
        aks_target_http_call_tried(call, &outcome);
        return;
    }
    aks_http_tus_stepped(call);
}

static void
start_learn(struct http_call *call)
{
    char url[AKS_TUS_URL_BYTES];

    address_home(call->target, url);
    if (!aks_http_tus_address(call, url))
        return;
    aks_target_http_plain(call);
    call->spec.answer_timeout_ms = AKS_TARGET_HTTP_CONNECT_MS;
    aks_target_http_request(call, "OPTIONS", learned);
}

/* --- POST ------------------------------------------------------------------------------------- */

/* So that a later process finds it. */
static enum aks_status
tell_token(const struct http_object *object, struct aks_error *err)
{
    char hex[AKS_SHA256_HEX_BYTES];
    enum aks_status status;
    char *token;

    if (object->journal == NULL)
        return AKS_OK;
    aks_hex_encode(object->sha256, sizeof(object->sha256), hex);
    token = aks_mem_printf(object->target->port->alloc, TOKEN "%s %lld %s", hex,
        (long long)object->content.bytes, object->tus.location);
    if (token == NULL)
        return aks_error_memory(err, "keeping an upload's address");
    status = object->journal->begun(object->journal->ctx, token, err);
    aks_mem_free(object->target->port->alloc, token);
    return status;
}

void
aks_target_http_tus_reopen(struct http_object *object, const char *token)
{
    const size_t hex_len = 2 * AKS_SHA256_BYTES;
    const char *text = token + strlen(TOKEN);
    char home[AKS_TUS_URL_BYTES];
    char url[AKS_TUS_URL_BYTES];
    char hex[2 * AKS_SHA256_BYTES + 1];
    char bytes[24];

    if (strncmp(token, TOKEN, strlen(TOKEN)) != 0)
        return;
    (void)snprintf(hex, sizeof(hex), "%.*s", (int)hex_len, text);
    text += strlen(hex);
    text += *text == ' ';
    (void)snprintf(bytes, sizeof(bytes), "%.*s", (int)strcspn(text, " "), text);
    text += strlen(bytes);
    text += *text == ' ';
    object->tus.bytes = aks_target_length(bytes);
    address_home(object->target, home);
    if (!aks_hex_decode(hex, object->tus.sha256, AKS_SHA256_BYTES) || object->tus.bytes < 0 ||
        aks_tus_location(home, text, url, NULL) != AKS_OK)
        return;
    object->tus.location = aks_mem_strdup(object->target->port->alloc, url);
    object->tus.reopened = object->tus.location != NULL;
}

/* An upload is there: where, and is it of use? */
static void
place_upload(struct http_object *object, const struct aks_http_reply *reply)
{
    const struct http_target *target = object->target;
    char home[AKS_TUS_URL_BYTES];
    char own[AKS_TUS_URL_BYTES];
    char url[AKS_TUS_URL_BYTES];
    struct aks_error err;

    address_home(target, home);
    (void)snprintf(own, sizeof(own), "%s/%s", target->base.settings->url, object->key);
    if (aks_tus_location(home, aks_http_reply_header(reply, "Location"), url, &err) != AKS_OK) {
        aks_http_tus_give_up(object, err.message, true);
        return;
    }
    object->tus.location = aks_mem_strdup(target->port->alloc, url);
    if (object->tus.location == NULL) {
        aks_http_tus_give_up(object, "out of memory", false);
    } else if (target->base.settings->tus < 0 && !aks_tus_same_path(url, own)) {
        aks_http_tus_give_up(object, "its address is not that of the object (tus = true says that "
            "the server keeps it there all the same)", true);
    }
    object->tus.sure = true;
}

static void
tell_upload(struct http_call *call)
{
    const struct http_object *object = call->object;
    struct aks_error err = { 0 };

    if (object->tus.location != NULL && !object->tus.doomed)
        (void)tell_token(object, &err);
    aks_target_http_call_ended(call, &err);
}

static void
created(struct http_call *call, const struct aks_http_reply *reply)
{
    struct http_object *object = call->object;
    struct aks_outcome outcome;

    aks_target_http_judge(call, reply, &outcome);
    if (outcome.status == AKS_OK) {
        place_upload(object, reply);
        tell_upload(call);
    } else if (reply->transport == AKS_OK && reply->status >= 300 && reply->status < 500 &&
        reply->status != 413 && !aks_http_tus_may_pass(reply->status)) {
        aks_http_tus_give_up(object, outcome.error.message, reply->status == 404 ||
            reply->status == 405 || reply->status == 412);
        aks_http_tus_stepped(call);
    } else {
        aks_target_http_call_tried(call, &outcome);
    }
}

static void
start_create(struct http_call *call)
{
    struct http_object *object = call->object;
    char url[AKS_TUS_URL_BYTES];

    /* It was made in a try before, and could not be written down. */
    if (object->tus.location != NULL) {
        tell_upload(call);
        return;
    }
    address_home(call->target, url);
    if (!aks_http_tus_address(call, url))
        return;
    aks_target_http_plain(call);
    (void)snprintf(call->range, sizeof(call->range), "%lld", (long long)object->content.bytes);
    aks_http_tus_header(call, "Tus-Resumable", AKS_TUS_VERSION);
    aks_http_tus_header(call, "Upload-Length", call->range);
    aks_http_tus_header(call, "Upload-Metadata", object->tus.metadata);
    aks_target_http_request(call, "POST", created);
}

/* --- DELETE ----------------------------------------------------------------------------------- */

static void
given_back(struct http_call *call, const struct aks_http_reply *reply)
{
    call->object->left = reply->transport != AKS_OK || (reply->status >= 300 &&
        reply->status != 404 && reply->status != 410);
    aks_http_tus_stepped(call);
}

/* Nobody waits for long to be rid of something, and no policy is asked. */
static void
start_give_back(struct http_call *call)
{
    struct http_object *object = call->object;

    object->left = true;
    if (!aks_http_tus_address(call, object->tus.location))
        return;
    aks_target_http_plain(call);
    call->spec.answer_timeout_ms = AKS_TARGET_HTTP_CONNECT_MS;
    aks_http_tus_header(call, "Tus-Resumable", AKS_TUS_VERSION);
    if (aks_target_http_submit(call, "DELETE", given_back, NULL) != AKS_OK)
        aks_http_tus_stepped(call);
}

static void
aborted(void *ctx, const struct aks_outcome *outcome)
{
    struct http_object *object = ctx;
    struct aks_outcome told = *outcome;
    struct aks_error err;

    if (outcome->status == AKS_OK && object->left) {
        (void)aks_error_set(&err, AKS_BAD_REPLY, "the upload of %s to %s is not given back: it "
            "ends when the server sees fit", object->key, object->target->base.settings->name);
        aks_outcome_failed(&told, &err);
    }
    if (told.status != AKS_OK)
        told.verdict = AKS_GIVE_UP;
    forget_upload(object);
    end(object, &told);
}

void
aks_target_http_tus_abort(struct http_object *object, aks_done *done, void *ctx)
{
    object->tus.done = done;
    object->tus.ctx = ctx;
    step(object, start_give_back, "abort", aborted);
}

/* --- the way ---------------------------------------------------------------------------------- */

static void
step_done(void *ctx, const struct aks_outcome *outcome)
{
    if (outcome->status == AKS_OK)
        go_on(ctx);
    else
        end(ctx, outcome);
}

static void
discarded(void *ctx, const struct aks_outcome *outcome)
{
    forget_upload(ctx);
    go_on(ctx);
}

/* The server had all of it, and where it belongs it is not: PUT will show. */
static void
looked(void *ctx, const struct aks_outcome *outcome)
{
    struct http_object *object = ctx;

    if (outcome->status == AKS_BAD_REPLY && outcome->verdict != AKS_GIVE_UP) {
        aks_http_tus_give_up(object, "it was taken, and is not where the object is looked for",
            true);
        go_on(object);
        return;
    }
    end(object, outcome);
}

static void
put_done(void *ctx, const struct aks_outcome *outcome)
{
    end(ctx, outcome);
}

static void
go_on(struct http_object *object)
{
    bool wanted = aks_target_http_tus_wanted(object);
    bool known = object->target->tus.known;
    char operation[AKS_OPERATION_BYTES];

    if (object->tus.location != NULL && (object->tus.doomed || (known && !wanted))) {
        step(object, start_give_back, "abort", discarded);
    } else if (wanted && !known) {
        step(object, start_learn, "options", step_done);
    } else if (!wanted) {
        step(object, aks_target_http_store, "put", put_done);
    } else if (object->tus.location == NULL) {
        step(object, start_create, "create", step_done);
    } else if (object->tus.offset < object->content.bytes || !object->tus.sure) {
        (void)snprintf(operation, sizeof(operation), "part %lld",
            (long long)(object->tus.offset / object->piece_bytes + 1));
        step(object, aks_http_tus_start_piece, operation, step_done);
    } else {
        step(object, aks_target_http_look, "complete", looked);
    }
}

/* What the server, or a hook of it, may want to know: the key, as the name of a file. */
static enum aks_status
make_metadata(struct http_object *object, struct aks_error *err)
{
    char hex[AKS_SHA256_HEX_BYTES];
    struct aks_buf text;
    enum aks_status status;

    aks_hex_encode(object->sha256, sizeof(object->sha256), hex);
    aks_buf_init(&text, object->target->port->alloc, (size_t)16 * 1024);
    aks_tus_metadata(&text, "filename", object->key);
    if (object->content_type != NULL)
        aks_tus_metadata(&text, "filetype", object->content_type);
    aks_tus_metadata(&text, "sha256", hex);
    status = aks_buf_status(&text, "naming an upload", err);
    if (status == AKS_OK) {
        aks_mem_free(object->target->port->alloc, object->tus.metadata);
        object->tus.metadata = aks_mem_strdup(object->target->port->alloc, text.data);
        if (object->tus.metadata == NULL)
            status = aks_error_memory(err, "naming an upload");
    }
    aks_buf_fini(&text);
    return status;
}

/* Only to fail from the loop. */
static void
start_failing(struct http_call *call)
{
    struct aks_error err;

    (void)aks_error_memory(&err, "naming an upload");
    aks_target_http_call_ended(call, &err);
}

void
aks_target_http_tus_begin(struct http_object *object, aks_done *done, void *ctx)
{
    object->tus.done = done;
    object->tus.ctx = ctx;
    object->tus.setbacks = 0;
    object->tus.sure = false;
    if (object->tus.reopened) {
        /* How far the process before came, nobody wrote down. */
        object->tus.reached = object->content.bytes;
        object->tus.doomed = object->tus.bytes != object->content.bytes ||
            memcmp(object->tus.sha256, object->sha256, sizeof(object->sha256)) != 0;
    }
    if (make_metadata(object, NULL) != AKS_OK)
        step(object, start_failing, "create", put_done);
    else
        go_on(object);
}

void
aks_target_http_tus_fini(struct http_object *object)
{
    aks_mem_free(object->target->port->alloc, object->tus.location);
    aks_mem_free(object->target->port->alloc, object->tus.metadata);
}
