/* Servers that answer whatever they like, to a whole machine in a simulated world: a run into a
 * bucket or a web server, and then a look at what is there, or its restore.
 *
 * The first line says what is done: "s" or "h" (bucket, web server), then "v" or "b" (verify, bring
 * back) or nothing. What follows are replies, each begun by the byte 0x1e: how many requests are
 * answered as they should be before it, as one byte (of which the low four bits count), then as the
 * text of a reply: "403", headers, an empty line, the body. In it 0x01 stands for the secret key,
 * as of a server that repeats what it should not know. Requests after the last are answered well.
 *
 * It ends, in bounded virtual time and within a bounded number of requests; every failure is one
 * that people are told of; nothing goes to a host that nobody named; no secret is in a log or a
 * report. */
#include "base/check.h"
#include "testkit/world.h"

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INPUT_BYTES_MAX 16384
#define REPLIES_MAX 64
#define REQUESTS_MAX 4000
#define SOURCE_BYTES 12000          /* three parts of a small world */
#define BODY_BYTES_MAX (64 * 1024)
#define REPLY_MARK '\x1e'
#define SECRET_MARK '\x01'

#define BUCKET_HOST ".amazonaws.com"
#define WEB_HOST "files.example"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct planned {
    unsigned before;                /* so many requests are answered well first */
    char *text;
};

struct day {
    struct aks_world *world;
    char input[INPUT_BYTES_MAX + 1];
    struct planned replies[REPLIES_MAX];
    size_t count;
    size_t next;
    unsigned requests;
    bool web;
};

static const char policy[] =
    "local akosha = require 'akosha'\n"
    "return akosha.policy { api = 1, sources = { 'a.bin' }, compress = 'none', targets = {\n"
    "  %s }, retry = akosha.retry.exponential { first = 1, cap = 5, tries = 3 } }\n";
static const char bucket[] = "cloud = akosha.s3 { bucket = 'memories' }";
static const char web[] = "web = akosha.http { url = 'https://" WEB_HOST "/up' }";

/* Cuts the input up into replies. */
static void
plan(struct day *day, const uint8_t *data, size_t len)
{
    size_t at = 0;

    memcpy(day->input, data, len);
    day->input[len] = '\0';
    while (at < len && day->input[at] != REPLY_MARK)
        at++;
    while (at < len && day->count < REPLIES_MAX) {
        struct planned *reply = &day->replies[day->count++];

        day->input[at++] = '\0';
        reply->before = at < len ? (unsigned char)day->input[at] % 16 : 0;
        at += at < len;
        reply->text = day->input + at;
        while (at < len && day->input[at] != REPLY_MARK)
            at++;
    }
}

/* The secret stands in for its mark. */
static void
add_text(struct aks_buf *out, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (text[i] == SECRET_MARK)
            aks_buf_puts(out, AKS_WORLD_SECRET_KEY);
        else
            aks_buf_putc(out, text[i]);
    }
}

/* One line "Name: value", which the transport lets through as it stands. */
static void
add_header(struct aks_sim_reply *reply, const char *line, size_t len)
{
    const char *colon = memchr(line, ':', len);
    struct aks_buf value;
    char name[64];

    if (colon == NULL || colon == line || (size_t)(colon - line) >= sizeof(name) ||
        reply->header_count == AKS_SIM_REPLY_HEADERS_MAX)
        return;
    (void)snprintf(name, sizeof(name), "%.*s", (int)(colon - line), line);
    len -= (size_t)(colon + 1 - line);
    line = colon + 1;
    if (len > 0 && *line == ' ') {
        line++;
        len--;
    }
    aks_buf_init(&value, aks_alloc_system(), BODY_BYTES_MAX);
    add_text(&value, line, len);
    if (value.len < AKS_SIM_REPLY_HEADER_BYTES)
        aks_sim_reply_header(reply, name, "%s", value.len > 0 ? value.data : "");
    aks_buf_fini(&value);
}

static void
answer(const char *text, struct aks_sim_reply *reply)
{
    const char *line = strchr(text, '\n');

    reply->status = (int)(strtoul(text, NULL, 10) % 1000);
    if (reply->status < 200)
        reply->status = 200;
    while (line != NULL && *++line != '\n' && *line != '\0') {
        size_t len = strcspn(line, "\n");

        add_header(reply, line, len > 0 && line[len - 1] == '\r' ? len - 1 : len);
        line = line[len] == '\n' ? line + len : NULL;
    }
    if (line != NULL && *line == '\n')
        add_text(&reply->body, line + 1, strlen(line + 1));
}

static void
serve(void *ctx, int64_t wall_ms, const struct aks_sim_request *request,
    struct aks_sim_reply *reply)
{
    struct day *day = ctx;
    struct planned *planned = day->next < day->count ? &day->replies[day->next] : NULL;
    const struct aks_world_target *target = aks_world_target_at(day->world, 0);

    AKS_CHECK(++day->requests <= REQUESTS_MAX);
    AKS_CHECK(request->tls);
    if (planned != NULL && planned->before == 0) {
        day->next++;
        answer(planned->text, reply);
        return;
    }
    if (planned != NULL)
        planned->before--;
    if (day->web)
        aks_http_model_serve(target->http, wall_ms, request, reply);
    else
        aks_s3_model_serve(target->s3, wall_ms, request, reply);
}

static void
begin(struct day *day)
{
    struct aks_world_options options = { 0 };
    struct aks_sim_host host = { 0 };
    char *text = malloc(sizeof(policy) + sizeof(bucket) + sizeof(web));
    char *source = malloc(SOURCE_BYTES);

    AKS_CHECK(text != NULL && source != NULL);
    options.alloc = aks_alloc_system();
    options.seed = 1;
    options.small = true;
    options.tus = AKS_HTTP_MODEL_TUS_KEY;
    AKS_CHECK(aks_world_new(&options, &day->world, NULL) == AKS_OK);
    (void)snprintf(text, sizeof(policy) + sizeof(bucket) + sizeof(web), policy, day->web ? web
        : bucket);
    for (int i = 0; i < SOURCE_BYTES; i++)
        source[i] = (char)(i * 7 + i / 251);
    AKS_CHECK(aks_world_put(day->world, AKS_WORLD_POLICY, text, strlen(text), NULL) == AKS_OK);
    AKS_CHECK(aks_world_put(day->world, "a.bin", source, SOURCE_BYTES, NULL) == AKS_OK);
    AKS_CHECK(aks_world_learn(day->world, NULL) == AKS_OK);
    (void)snprintf(host.name, sizeof(host.name), "%s:443", day->web ? WEB_HOST : BUCKET_HOST);
    host.serve = serve;
    host.ctx = day;
    aks_network_sim_host(aks_sim_network(aks_world_sim(day->world)), &host);
    free(text);
    free(source);
}

static void
check_silence(const char *text)
{
    AKS_CHECK(text == NULL || strstr(text, AKS_WORLD_SECRET_KEY) == NULL);
}

/* A failure is one of the other side's: no bug of ours, and no name that had to be looked up, as
 * both hosts are known. */
static void
check_failure(const char *failure)
{
    AKS_CHECK(strcmp(failure, "internal") != 0 && strcmp(failure, "dns") != 0);
}

static void
check(struct day *day, json_t *report, const struct aks_error *err)
{
    const json_t *error = json_object_get(report, "error");
    char *text = json_dumps(report, JSON_ENCODE_ANY);

    AKS_CHECK(report != NULL || err->status != AKS_OK);
    if (report == NULL)
        check_failure(aks_status_name(err->status));
    if (json_is_object(error))
        check_failure(json_string_value(json_object_get(error, "failure")));
    check_silence(text);
    check_silence(err->message);
    check_silence(err->hint);
    check_silence(aks_world_log(day->world));
    free(text);
    json_decref(report);
}

static void
look(struct day *day, char what)
{
    struct aks_world_restore_options options = { .to = AKS_WORLD_HOME "/back" };
    struct aks_error err = { 0 };
    json_t *report = NULL;

    if (what == 'v')
        (void)aks_world_verify(day->world, &options, &report, &err);
    else
        (void)aks_world_restore(day->world, &options, &report, &err);
    check(day, report, &err);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct aks_world_run_options options = { 0 };
    struct aks_error err = { 0 };
    json_t *report = NULL;
    struct day *day;
    char what;

    if (len < 2 || len > INPUT_BYTES_MAX)
        return 0;
    day = calloc(1, sizeof(*day));
    AKS_CHECK(day != NULL);
    day->web = data[0] == 'h';
    what = (char)data[1];
    plan(day, data, len);
    begin(day);
    (void)aks_world_run(day->world, &options, &report, &err);
    check(day, report, &err);
    if (what == 'v' || what == 'b')
        look(day, what);
    aks_world_free(day->world);
    free(day);
    return 0;
}
