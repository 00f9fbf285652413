#include "base/check.h"
#include "base/encode.h"
#include "engine/classify.h"
#include "engine/target_s3_internal.h"

#include <stdio.h>
#include <string.h>

/* Two keys, a token and their neighbours. */
#define VALUES_BYTES_MAX (64 * 1024)
#define URL_BYTES_MAX (16 * 1024)

/* A request's headers while it is built: names are constants or borrowed, values lie in
 * step->values. */
struct builder {
    struct aks_s3_step *step;
    const char *names[AKS_S3_HEADERS_MAX];
    size_t offsets[AKS_S3_HEADERS_MAX];
    size_t count;
};

void
aks_s3_step_init(struct aks_s3_step *step, struct aks_s3 *s3)
{
    memset(step, 0, sizeof(*step));
    step->s3 = s3;
    aks_buf_init(&step->values, &s3->wipe.alloc, VALUES_BYTES_MAX);
    aks_buf_init(&step->authorization, &s3->wipe.alloc, VALUES_BYTES_MAX);
    aks_buf_init(&step->url, s3->options.port->alloc, URL_BYTES_MAX);
}

static void
throttled(void *ctx)
{
    struct aks_s3 *s3 = ctx;
    int64_t now_ms = aks_loop_now_ms(s3->options.loop);

    s3->parts_row = 0;
    /* All parts under way are told to slow down at once: that is one event, not eight. */
    if (s3->slowed && now_ms - s3->slowed_ms < AKS_MS_PER_S)
        return;
    s3->slowed = true;
    s3->slowed_ms = now_ms;
    s3->parts_in_flight /= 2;
    if (s3->parts_in_flight < AKS_S3_PARTS_MIN)
        s3->parts_in_flight = AKS_S3_PARTS_MIN;
}

/* An attempt has one ctx for start and throttled; a step's is what its owner gave. */
static void
step_throttled(void *ctx)
{
    const struct aks_s3_step *step = ctx;

    throttled(step->s3);
}

static void
step_ready(void *ctx, const struct aks_error *err)
{
    struct aks_s3_step *step = ctx;
    struct aks_error own = *err;

    if (err->status == AKS_OK) {
        step->start(step->start_ctx);
        return;
    }
    (void)aks_error_wrap(&own, "%s", step->s3->base.settings->name);
    aks_s3_step_failed(step, &own);
}

/* One try. */
static void
step_start(void *ctx)
{
    struct aks_s3_step *step = ctx;

    if (aks_credentials_chain_ready(step->s3->credentials))
        step->start(step->start_ctx);
    else
        aks_credentials_chain_wait(step->s3->credentials, &step->wait, step_ready, step);
}

void
aks_s3_step_begin(struct aks_s3_step *step, const char *operation, const char *source,
    void (*start)(void *ctx), void *ctx, aks_done *done, void *done_ctx)
{
    struct aks_attempt_options options = { 0 };

    step->mended = 0;
    step->start = start;
    step->start_ctx = ctx;
    options.loop = step->s3->options.loop;
    options.ask = step->s3->options.ask;
    options.target = step->s3->base.settings->name;
    options.source = source;
    options.operation = operation;
    options.start = step_start;
    options.throttled = step_throttled;
    options.ctx = step;
    options.hold = &step->s3->base.hold;
    aks_attempt_begin(&step->attempt, &options, done, done_ctx);
}

static void
add(struct builder *builder, const char *name, const char *value)
{
    struct aks_buf *values = &builder->step->values;

    AKS_CHECK(builder->count < AKS_S3_HEADERS_MAX);
    builder->names[builder->count] = name;
    builder->offsets[builder->count++] = values->len;
    aks_buf_append(values, value, strlen(value) + 1);
}

static void
add_all(struct builder *builder, const struct aks_s3_request *request, const char *payload_hash,
    const char *date)
{
    const struct aks_s3 *s3 = builder->step->s3;
    const struct aks_secret *token = aks_credentials_session_token(builder->step->used);

    add(builder, "host", s3->place.url.authority);
    add(builder, "x-amz-content-sha256", payload_hash);
    add(builder, "x-amz-date", date);
    if (token != NULL)
        add(builder, "x-amz-security-token", aks_secret_reveal(token));
    for (size_t i = 0; i < request->header_count; i++)
        add(builder, request->headers[i].name, request->headers[i].value);
}

/* Fills step->authorization. ${path} is raw. */
static enum aks_status
sign(struct builder *builder, const struct aks_s3_request *request, const char *path,
    const char *payload_hash, const char *date, struct aks_error *err)
{
    struct aks_s3_step *step = builder->step;
    struct aks_sigv4_pair pairs[AKS_S3_HEADERS_MAX];
    struct aks_sigv4_request signed_request = { 0 };
    struct aks_sigv4_key key = { 0 };

    for (size_t i = 0; i < builder->count; i++) {
        pairs[i].name = builder->names[i];
        pairs[i].value = step->values.data + builder->offsets[i];
    }
    signed_request.method = request->method;
    signed_request.path = path;
    signed_request.query = request->query;
    signed_request.query_count = request->query_count;
    signed_request.headers = pairs;
    signed_request.header_count = builder->count;
    signed_request.payload_hash = payload_hash;
    key.access_key = aks_credentials_access_key(step->used);
    key.secret_key = aks_secret_reveal(aks_credentials_secret_key(step->used));
    key.region = step->s3->place.region;
    key.service = "s3";
    return aks_sigv4_authorization(&signed_request, &key, date, &step->authorization, err);
}

static enum aks_status
write_url(struct aks_s3_step *step, const struct aks_s3_request *request,
    const struct aks_buf *path, struct aks_error *err)
{
    const struct aks_url *url = &step->s3->place.url;
    enum aks_status status;

    aks_buf_printf(&step->url, "%s://%s", url->tls ? "https" : "http", url->authority);
    aks_percent_encode(path->data, path->len, true, &step->url);
    if (request->query_count > 0) {
        aks_buf_putc(&step->url, '?');
        status = aks_sigv4_query(request->query, request->query_count, &step->url, err);
        if (status != AKS_OK)
            return status;
    }
    return aks_buf_status(&step->url, "an address", err);
}

/* The headers as they go out: all but Host, which is the port's, and the signature. */
static void
list_headers(struct builder *builder)
{
    struct aks_s3_step *step = builder->step;
    size_t count = 0;

    for (size_t i = 1; i < builder->count; i++) {
        step->headers[count].name = builder->names[i];
        step->headers[count++].value = step->values.data + builder->offsets[i];
    }
    step->headers[count].name = "Authorization";
    step->headers[count++].value = step->authorization.data;
    step->request.headers = step->headers;
    step->request.header_count = count;
}

static int64_t
or_usual(int64_t given, int64_t usual)
{
    return given > 0 ? given : usual;
}

static void
fill_request(struct aks_s3_step *step, const struct aks_s3_request *request)
{
    struct aks_http_request *http = &step->request;

    memset(http, 0, sizeof(*http));
    http->method = request->method;
    http->url = step->url.data;
    http->body = request->body;
    http->ca_file = step->s3->place.ca_file;
    http->pins = step->s3->place.settings->pins;
    http->connect_timeout_ms = or_usual(request->connect_ms, AKS_S3_CONNECT_MS);
    http->answer_timeout_ms = or_usual(request->answer_ms, AKS_S3_ANSWER_MS);
    /* Nothing moves while a server thinks; only where bytes are to be sent is silence a stall. */
    http->stall_timeout_ms = request->body != NULL && request->answer_ms == 0 ? AKS_S3_STALL_MS
        : http->answer_timeout_ms;
    http->reply_bytes_max = request->reply_bytes_max > 0 ? request->reply_bytes_max
        : AKS_S3_REPLY_BYTES;
    http->fresh_connection = request->fresh_connection;
}

enum aks_status
aks_s3_key_check(const struct aks_s3 *s3, const char *key, struct aks_error *err)
{
    const char *name = s3->base.settings->name;
    char object[AKS_S3_KEY_BYTES];
    size_t len = strlen(key);

    if (strlen(s3->base.settings->prefix) + len >= AKS_S3_KEY_BYTES)
        return aks_error_set(err, AKS_LIMIT, "cannot use target %s: a key is longer than %d bytes",
            name, AKS_S3_KEY_BYTES - 1);
    (void)snprintf(object, sizeof(object), "%s", key);
    /* A marker's key ends in the one '/' that others must not have. */
    if (len > 1 && object[len - 1] == '/')
        object[len - 1] = '\0';
    if (!aks_target_key_valid(object))
        return aks_error_set(err, AKS_SETTINGS, "cannot use target %s: \"%s\" is not a valid key",
            name, key);
    return AKS_OK;
}

static enum aks_status
build(struct aks_s3_step *step, const struct aks_s3_request *request, struct aks_error *err)
{
    const char *payload_hash = request->payload_hash != NULL ? request->payload_hash
        : AKS_SHA256_EMPTY_HEX;
    struct builder builder = { 0 };
    struct aks_buf path;
    char date[17];
    enum aks_status status = AKS_OK;

    if (request->key != NULL)
        status = aks_s3_key_check(step->s3, request->key, err);
    if (status == AKS_OK && step->used == NULL)
        status = aks_error_set(err, AKS_AUTH_MISSING, "there are no credentials yet");
    if (status != AKS_OK)
        return status;
    builder.step = step;
    aks_buf_init(&path, step->s3->options.port->alloc, URL_BYTES_MAX);
    aks_s3_place_path(&step->s3->place, request->key, &path);
    aks_sigv4_date(aks_s3_wall_ms(step->s3) + step->s3->clock_offset_ms, date);
    add_all(&builder, request, payload_hash, date);
    status = aks_buf_status(&path, "a key", err);
    if (status == AKS_OK)
        status = aks_buf_status(&step->values, "the headers of a request", err);
    if (status == AKS_OK)
        status = sign(&builder, request, path.data, payload_hash, date, err);
    if (status == AKS_OK)
        status = aks_buf_status(&step->authorization, "the signature of a request", err);
    if (status == AKS_OK)
        status = write_url(step, request, &path, err);
    aks_buf_fini(&path);
    if (status != AKS_OK)
        return status;
    fill_request(step, request);
    list_headers(&builder);
    return AKS_OK;
}

static void
clear(struct aks_s3_step *step)
{
    step->call = NULL;
    aks_credentials_drop(step->used);
    step->used = NULL;
    aks_buf_fini(&step->values);
    aks_buf_fini(&step->authorization);
    aks_buf_fini(&step->url);
}

/* A server that repeats a secret in its error does not get it into a log or a report. */
static void
withhold_secrets(const struct aks_s3_step *step, struct aks_outcome *outcome)
{
    const struct aks_secret *secrets[2] = {
        aks_credentials_secret_key(step->used), aks_credentials_session_token(step->used)
    };

    for (size_t i = 0; outcome->status != AKS_OK && i < 2; i++) {
        if (secrets[i] != NULL && aks_secret_shows(secrets[i], outcome->error.message))
            (void)aks_error_set(&outcome->error, outcome->status,
                "%s: the server's answer (HTTP %d) is not shown: it repeats a secret", step->what,
                outcome->http_status);
    }
}

static void
on_reply(void *ctx, const struct aks_http_reply *reply)
{
    struct aks_s3_step *step = ctx;
    bool data = step->reply_is_data && reply->status >= 200 && reply->status < 300;
    struct aks_s3_answer answer;

    answer.reply = reply;
    aks_classify(data ? AKS_DIALECT_HTTP : AKS_DIALECT_S3, reply, step->what,
        aks_s3_wall_ms(step->s3) + step->s3->clock_offset_ms, &answer.outcome, &answer.s3);
    withhold_secrets(step, &answer.outcome);
    aks_s3_mend(step, &answer);
    clear(step);
    step->answered(step->ctx, &answer);
}

void
aks_s3_step_ask(struct aks_s3_step *step, const struct aks_s3_request *request,
    aks_s3_answered *answered, void *ctx)
{
    const struct aks_http *http = &step->s3->options.port->http;
    struct aks_s3_answer answer = { 0 };
    struct aks_error err;

    AKS_CHECK(step->call == NULL);
    step->answered = answered;
    step->ctx = ctx;
    step->used = aks_credentials_use(aks_credentials_chain_now(step->s3->credentials));
    step->generation = step->s3->generation;
    step->clock_offset_ms = step->s3->clock_offset_ms;
    step->reply_is_data = request->reply_is_data;
    (void)snprintf(step->what, sizeof(step->what), "%s: %s", step->s3->base.settings->name,
        request->what);
    if (build(step, request, &err) == AKS_OK &&
        http->submit(http->ctx, &step->request, on_reply, step, &step->call, &err) == AKS_OK)
        return;
    clear(step);
    (void)aks_error_wrap(&err, "%s", step->what);
    aks_outcome_failed(&answer.outcome, &err);
    step->answered(step->ctx, &answer);
}

void
aks_s3_step_hang_up(struct aks_s3_step *step)
{
    const struct aks_http *http;

    if (step->call == NULL)
        return;
    http = &step->s3->options.port->http;
    http->cancel(http->ctx, step->call);
    clear(step);
}

void
aks_s3_step_cancel(struct aks_s3_step *step)
{
    aks_s3_step_hang_up(step);
    aks_credentials_chain_leave(&step->wait);
    aks_attempt_cancel(&step->attempt);
}

void
aks_s3_step_tried(struct aks_s3_step *step, const struct aks_outcome *outcome)
{
    aks_attempt_tried(&step->attempt, outcome);
}

void
aks_s3_step_failed(struct aks_s3_step *step, const struct aks_error *err)
{
    struct aks_outcome outcome;

    aks_outcome_failed(&outcome, err);
    aks_attempt_tried(&step->attempt, &outcome);
}

static enum aks_status
read_bytes(void *ctx, int64_t offset, void *data, size_t len, size_t *ret_len,
    struct aks_error *err)
{
    const struct aks_s3_bytes *bytes = ctx;
    size_t left = (size_t)(bytes->body.bytes - offset);

    *ret_len = len < left ? len : left;
    memcpy(data, bytes->data + offset, *ret_len);
    return AKS_OK;
}

void
aks_s3_bytes_init(struct aks_s3_bytes *bytes, const void *data, size_t len)
{
    uint8_t digest[AKS_SHA256_BYTES];

    bytes->data = data;
    bytes->body.bytes = (int64_t)len;
    bytes->body.read = read_bytes;
    bytes->body.ctx = bytes;
    aks_sha256(data, len, digest);
    aks_hex_encode(digest, sizeof(digest), bytes->sha256);
}

enum aks_status
aks_s3_crc_text(const struct aks_s3 *s3, uint64_t crc, char ret_text[AKS_S3_CRC_TEXT_BYTES],
    struct aks_error *err)
{
    uint8_t bytes[8];
    struct aks_buf text;
    enum aks_status status;

    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(crc >> (56 - 8 * i));
    aks_buf_init(&text, s3->options.port->alloc, AKS_S3_CRC_TEXT_BYTES);
    aks_base64_encode(bytes, sizeof(bytes), &text);
    status = aks_buf_status(&text, "a checksum", err);
    (void)snprintf(ret_text, AKS_S3_CRC_TEXT_BYTES, "%s", text.data);
    aks_buf_fini(&text);
    return status;
}
