#include "testkit/model_ask.h"

#include "base/encode.h"
#include "data/digest.h"
#include "wire/sigv4.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define HEADERS_MAX 32
#define QUERY_MAX 16
#define TEXT_BYTES (64 * 1024)
#define REPLY_BYTES (32 * 1024 * 1024)

/* A request while it is built: every text in one buffer. */
struct request {
    char text[TEXT_BYTES];
    size_t len;
    struct aks_sigv4_pair query[QUERY_MAX];
    size_t query_count;
    struct aks_sigv4_pair headers[HEADERS_MAX];
    size_t header_count;
};

void
model_ask_init(struct model_ask *ask, enum aks_s3_profile profile)
{
    memset(ask, 0, sizeof(*ask));
    ask->options.profile = profile;
    ask->options.region = MODEL_ASK_REGION;
    ask->options.bucket = MODEL_ASK_BUCKET;
    ask->options.access_key = "AKIDEXAMPLE";
    ask->options.secret_key = "the secret";
    ask->options.part_bytes_min = MODEL_ASK_PART;
    ask->options.seed = 7;
    ask->wall_ms = MODEL_ASK_MS;
    ask->host = "s3.example";
    ask->access_key = "AKIDEXAMPLE";
    ask->secret_key = "the secret";
    ask->region = MODEL_ASK_REGION;
}

void
model_ask_begin(struct model_ask *ask)
{
    if (ask->model == NULL)
        assert_int_equal(aks_s3_model_new(aks_alloc_system(), &ask->options, &ask->model, NULL),
            AKS_OK);
}

void
model_ask_fini(struct model_ask *ask)
{
    aks_s3_model_free(ask->model);
    aks_buf_fini(&ask->reply.body);
}

static const char *
keep(struct request *request, const char *text, size_t len)
{
    char *at = request->text + request->len;

    assert_true(request->len + len < TEXT_BYTES);
    memcpy(at, text, len);
    at[len] = '\0';
    request->len += len + 1;
    return at;
}

static void
add_header(struct request *request, const char *name, const char *value)
{
    struct aks_sigv4_pair *pair = &request->headers[request->header_count++];

    assert_true(request->header_count <= HEADERS_MAX);
    pair->name = keep(request, name, strlen(name));
    pair->value = keep(request, value, strlen(value));
}

/* Cuts "name=value" out of ${text} with ${between} inside and ${behind} after each. */
static size_t
cut(struct request *request, const char *text, const char *between, const char *behind,
    struct aks_sigv4_pair *pairs, size_t max)
{
    size_t count = 0;

    while (*text != '\0') {
        size_t len = strcspn(text, behind);
        const char *sign = strstr(text, between);
        size_t name = sign != NULL && (size_t)(sign - text) < len ? (size_t)(sign - text) : len;

        assert_true(count < max);
        pairs[count].name = keep(request, text, name);
        pairs[count].value = name < len ? keep(request, text + name + strlen(between),
            len - name - strlen(between)) : keep(request, "", 0);
        count++;
        text += len;
        text += *text != '\0';
    }
    return count;
}

static void
add_standard(const struct model_ask *ask, struct request *request, const void *body, size_t len,
    char date[17])
{
    uint8_t digest[AKS_SHA256_BYTES];
    char hex[AKS_SHA256_HEX_BYTES];

    aks_sha256(body, len, digest);
    aks_hex_encode(digest, sizeof(digest), hex);
    aks_sigv4_date(ask->wall_ms + ask->skew_ms, date);
    add_header(request, "host", ask->host);
    add_header(request, "x-amz-date", date);
    if (ask->payload_hash == NULL)
        add_header(request, "x-amz-content-sha256", hex);
    else if (ask->payload_hash[0] != '\0')
        add_header(request, "x-amz-content-sha256", ask->payload_hash);
    if (ask->session_token != NULL)
        add_header(request, "x-amz-security-token", ask->session_token);
}

static const char *
find(const struct request *request, const char *name)
{
    for (size_t i = 0; i < request->header_count; i++) {
        if (strcasecmp(request->headers[i].name, name) == 0)
            return request->headers[i].value;
    }
    return NULL;
}

static void
sign(const struct model_ask *ask, struct request *request, const char *method, const char *path,
    const char *date)
{
    const struct aks_sigv4_key key = { ask->access_key, ask->secret_key, ask->region, "s3" };
    const char *payload = find(request, "x-amz-content-sha256");
    const struct aks_sigv4_request signed_request = { method, path, request->query,
        request->query_count, request->headers, request->header_count,
        payload != NULL ? payload : AKS_SHA256_EMPTY_HEX };
    struct aks_buf out;

    aks_buf_init(&out, aks_alloc_system(), TEXT_BYTES);
    assert_int_equal(aks_sigv4_authorization(&signed_request, &key, date, &out, NULL), AKS_OK);
    add_header(request, "Authorization", out.data);
    aks_buf_fini(&out);
}

static void
serve(struct model_ask *ask, struct request *request, const char *method, const char *path,
    const void *body, size_t len)
{
    struct aks_http_header headers[HEADERS_MAX];
    struct aks_sim_request sim = { 0 };
    struct aks_buf encoded;
    struct aks_buf query;

    aks_buf_init(&encoded, aks_alloc_system(), TEXT_BYTES);
    aks_buf_init(&query, aks_alloc_system(), TEXT_BYTES);
    aks_percent_encode(path, strlen(path), true, &encoded);
    assert_int_equal(aks_sigv4_query(request->query, request->query_count, &query, NULL), AKS_OK);
    /* Host is the request's own. */
    for (size_t i = 0; i + 1 < request->header_count; i++)
        headers[i] = (struct aks_http_header) { request->headers[i + 1].name,
            request->headers[i + 1].value };
    sim.method = method;
    sim.tls = !ask->http;
    sim.host = ask->host;
    sim.path = encoded.data;
    sim.query = query.data;
    sim.headers = headers;
    sim.header_count = request->header_count - 1;
    sim.body = body;
    sim.body_len = len;
    aks_buf_fini(&ask->reply.body);
    memset(&ask->reply, 0, sizeof(ask->reply));
    aks_buf_init(&ask->reply.body, aks_alloc_system(), REPLY_BYTES);
    aks_s3_model_serve(ask->model, ask->wall_ms, &sim, &ask->reply);
    aks_buf_fini(&encoded);
    aks_buf_fini(&query);
}

int
model_ask_bytes(struct model_ask *ask, const char *method, const char *path, const char *query,
    const char *headers, const void *body, size_t len)
{
    struct request *request = calloc(1, sizeof(*request));
    char length[24];
    char date[17];

    assert_non_null(request);
    model_ask_begin(ask);
    request->query_count = cut(request, query, "=", "&", request->query, QUERY_MAX);
    add_standard(ask, request, body, len, date);
    request->header_count += cut(request, headers, ": ", "\n",
        request->headers + request->header_count, HEADERS_MAX - request->header_count);
    sign(ask, request, method, path, date);
    if (body != NULL && find(request, "content-length") == NULL) {
        (void)snprintf(length, sizeof(length), "%zu", len);
        add_header(request, "Content-Length", length);
    }
    if (ask->unsigned_name != NULL)
        add_header(request, ask->unsigned_name, "1");
    serve(ask, request, method, path, body, len);
    free(request);
    return ask->reply.status;
}

int
model_ask(struct model_ask *ask, const char *method, const char *path, const char *query,
    const char *headers, const char *body)
{
    return model_ask_bytes(ask, method, path, query, headers, body,
        body != NULL ? strlen(body) : 0);
}

const char *
model_ask_text(struct model_ask *ask, const char *element)
{
    char tag[64];
    const char *at;

    (void)snprintf(tag, sizeof(tag), "<%s>", element);
    at = strstr(ask->reply.body.data, tag);
    ask->text[0] = '\0';
    if (at != NULL) {
        at += strlen(tag);
        (void)snprintf(ask->text, sizeof(ask->text), "%.*s", (int)strcspn(at, "<"), at);
    }
    return ask->text;
}

unsigned
model_ask_count(const struct model_ask *ask, const char *element)
{
    const char *at = ask->reply.body.data;
    unsigned count = 0;
    char tag[64];

    (void)snprintf(tag, sizeof(tag), "<%s>", element);
    for (; (at = strstr(at, tag)) != NULL; at++)
        count++;
    return count;
}

const char *
model_ask_header(const struct model_ask *ask, const char *name)
{
    for (size_t i = 0; i < ask->reply.header_count; i++) {
        if (strcasecmp(ask->reply.headers[i].name, name) == 0)
            return ask->reply.headers[i].value;
    }
    return "";
}
