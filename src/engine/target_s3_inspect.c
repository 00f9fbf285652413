#include "engine/target_s3_inspect.h"

#include "engine/target_s3_internal.h"
#include "wire/dates.h"

#include <stdio.h>
#include <string.h>

/* No object has it. */
#define NO_ETAG "\"00000000000000000000000000000000\""

struct inspect {
    struct aks_s3_op op;                /* first */
    struct aks_s3_inspected *ret;
    enum aks_s3_question question;
    int64_t deadline_ms;
    char key[AKS_S3_KEY_BYTES];
    char nonce[AKS_S3_NONCE_BYTES];
};

static void ask(struct inspect *inspect);

static void
inspect_free(struct aks_s3_op *op)
{
}

static void
end(struct inspect *inspect)
{
    struct aks_outcome outcome;

    aks_outcome_ok(&outcome);
    aks_s3_step_tried(&inspect->op.step, &outcome);
}

/* Some are only asked where the one before has left something open, and where the policy wants no
 * markers none is put. */
static bool
is_needed(const struct inspect *inspect, enum aks_s3_question question)
{
    int put = inspect->ret->http[AKS_S3_ASK_PUT];

    if (question == AKS_S3_ASK_PUT || question == AKS_S3_ASK_STRANGER_READ)
        return !inspect->op.step.s3->base.settings->no_markers;
    if (question == AKS_S3_ASK_PUT_AGAIN)
        return put >= 200 && put < 300;
    return question != AKS_S3_ASK_DELETE_AGAIN || inspect->ret->http[AKS_S3_ASK_DELETE] == 403;
}

static void
next(struct inspect *inspect)
{
    do {
        inspect->question++;
    } while (inspect->question < AKS_S3_QUESTIONS && !is_needed(inspect, inspect->question));
    if (inspect->question == AKS_S3_QUESTIONS)
        end(inspect);
    else
        ask(inspect);
}

static void
read_clock(struct inspect *inspect, const struct aks_http_reply *reply)
{
    const char *date = aks_http_reply_header(reply, "date");
    int64_t server_ms;

    if (inspect->ret->clock_known || date == NULL || !aks_date_parse_http(date, &server_ms))
        return;
    inspect->ret->clock_known = true;
    inspect->ret->clock_ahead_ms = server_ms - aks_s3_wall_ms(inspect->op.step.s3);
}

/* What all keys of this system begin with, the target's prefix too. */
static void
own_folder(const struct aks_s3 *s3, char ret_folder[AKS_S3_KEY_BYTES])
{
    char folder[AKS_TARGET_KEY_FOLDER_BYTES];

    (void)aks_target_key_system(s3->options.system_id, folder);
    (void)snprintf(ret_folder, AKS_S3_KEY_BYTES, "%s%s", s3->base.settings->prefix, folder);
}

static void
read_bucket(struct inspect *inspect, const struct aks_http_reply *reply)
{
    const struct aks_s3 *s3 = inspect->op.step.s3;
    char folder[AKS_S3_KEY_BYTES];

    own_folder(s3, folder);
    /* Not what S3 says is as if it had not been asked. */
    if (aks_s3_xml_bucket(reply->body.data, reply->body.len, folder, &inspect->ret->bucket,
        NULL) != AKS_OK)
        inspect->ret->http[inspect->question] = 0;
}

/* Without an answer to one there is none to the next: what is left stays unknown. */
static void
took(struct inspect *inspect, const struct aks_http_reply *reply, const char *code)
{
    enum aks_s3_question question = inspect->question;

    if (reply == NULL || reply->transport != AKS_OK || reply->status == 0) {
        end(inspect);
        return;
    }
    inspect->ret->http[question] = reply->status;
    (void)snprintf(inspect->ret->code[question], sizeof(inspect->ret->code[question]), "%s", code);
    read_clock(inspect, reply);
    if (question >= AKS_S3_ASK_POLICY_STATUS && reply->status == 200)
        read_bucket(inspect, reply);
    next(inspect);
}

static void
answered(void *ctx, const struct aks_s3_answer *answer)
{
    took(ctx, answer->reply, answer->s3.code);
}

/* --- as a stranger ---------------------------------------------------------------------------- */

static void
stranger_answered(void *ctx, const struct aks_http_reply *reply)
{
    struct inspect *inspect = ctx;
    struct aks_s3_step *step = &inspect->op.step;

    step->call = NULL;
    aks_buf_fini(&step->url);
    took(inspect, reply, "");
}

/* The same address, and nothing that says who asks. */
static void
ask_as_stranger(struct inspect *inspect, const char *key)
{
    struct aks_s3_step *step = &inspect->op.step;
    const struct aks_s3_place *place = &step->s3->place;
    const struct aks_http *http = &step->s3->options.port->http;
    struct aks_buf path;

    aks_buf_init(&path, step->s3->options.port->alloc, AKS_URL_BYTES_MAX + AKS_S3_KEY_BYTES);
    aks_s3_place_path(place, key, &path);
    aks_buf_printf(&step->url, "%s://%s", place->url.tls ? "https" : "http", place->url.authority);
    aks_percent_encode(path.data, path.len, true, &step->url);
    if (key == NULL)
        aks_buf_puts(&step->url, "?list-type=2&max-keys=1");
    memset(&step->request, 0, sizeof(step->request));
    step->request.method = "GET";
    step->request.url = step->url.data;
    step->request.ca_file = place->ca_file;
    step->request.connect_timeout_ms = AKS_S3_INSPECT_ANSWER_MS;
    step->request.answer_timeout_ms = AKS_S3_INSPECT_ANSWER_MS;
    step->request.stall_timeout_ms = AKS_S3_INSPECT_ANSWER_MS;
    step->request.reply_bytes_max = AKS_S3_REPLY_BYTES;
    if (aks_buf_status(&path, "an address", NULL) != AKS_OK ||
        aks_buf_status(&step->url, "an address", NULL) != AKS_OK ||
        http->submit(http->ctx, &step->request, stranger_answered, inspect, &step->call, NULL) !=
            AKS_OK) {
        step->call = NULL;
        aks_buf_fini(&step->url);
        end(inspect);
    }
    aks_buf_fini(&path);
}

/* --- with the key ----------------------------------------------------------------------------- */

/* Question by question. What is there of a query: its names and values. */
static const struct {
    const char *method;
    const char *what;
    struct aks_sigv4_pair query[2];
    struct aks_sigv4_pair header;
} questions[AKS_S3_QUESTIONS] = {
    [AKS_S3_ASK_PUT] = { "PUT", "PUT of the marker", { { NULL, NULL } }, { "if-none-match", "*" } },
    [AKS_S3_ASK_PUT_AGAIN] = { "PUT", "PUT of the marker", { { NULL, NULL } },
        { "if-none-match", "*" } },
    [AKS_S3_ASK_LIST_OWN] = { "GET", "list of own names",
        { { "list-type", "2" }, { "max-keys", "1" } }, { NULL, NULL } },
    [AKS_S3_ASK_LIST_ALL] = { "GET", "list of the bucket",
        { { "list-type", "2" }, { "max-keys", "1" } }, { NULL, NULL } },
    [AKS_S3_ASK_READ_OWN] = { "GET", "GET of what is not there", { { NULL, NULL } },
        { NULL, NULL } },
    [AKS_S3_ASK_READ_OTHER] = { "GET", "GET of another system's", { { NULL, NULL } },
        { NULL, NULL } },
    [AKS_S3_ASK_DELETE] = { "DELETE", "DELETE of what is not there", { { NULL, NULL } },
        { "if-match", NO_ETAG } },
    [AKS_S3_ASK_DELETE_AGAIN] = { "DELETE", "DELETE of what is not there", { { NULL, NULL } },
        { NULL, NULL } },
    [AKS_S3_ASK_POLICY_STATUS] = { "GET", "policy status", { { "policyStatus", "" } },
        { NULL, NULL } },
    [AKS_S3_ASK_PUBLIC_ACCESS] = { "GET", "public access", { { "publicAccessBlock", "" } },
        { NULL, NULL } },
    [AKS_S3_ASK_ENCRYPTION] = { "GET", "encryption", { { "encryption", "" } }, { NULL, NULL } },
    [AKS_S3_ASK_VERSIONING] = { "GET", "versioning", { { "versioning", "" } }, { NULL, NULL } },
    [AKS_S3_ASK_LIFECYCLE] = { "GET", "lifecycle", { { "lifecycle", "" } }, { NULL, NULL } },
};

/* What it is about, in inspect->key; NULL: the bucket. Names of chance are nobody's. */
static const char *
key_of(struct inspect *inspect)
{
    const char *id = inspect->op.step.s3->options.system_id;
    enum aks_s3_question question = inspect->question;
    char folder[AKS_TARGET_KEY_FOLDER_BYTES];
    int len = (int)aks_target_key_system(id, folder);

    if (question == AKS_S3_ASK_READ_OTHER)
        (void)snprintf(inspect->key, sizeof(inspect->key), "%.*s-%s/x", len - 1, folder,
            inspect->nonce);
    else if (question == AKS_S3_ASK_READ_OWN || question == AKS_S3_ASK_DELETE ||
        question == AKS_S3_ASK_DELETE_AGAIN)
        (void)snprintf(inspect->key, sizeof(inspect->key), "%s.doctor-%s", folder,
            inspect->nonce);
    else if (question == AKS_S3_ASK_PUT || question == AKS_S3_ASK_PUT_AGAIN ||
        question == AKS_S3_ASK_STRANGER_READ)
        (void)snprintf(inspect->key, sizeof(inspect->key), "%s", folder);
    else
        return NULL;
    return inspect->key;
}

static void
ask_signed(struct inspect *inspect, const char *key)
{
    const struct aks_s3 *s3 = inspect->op.step.s3;
    enum aks_s3_question question = inspect->question;
    struct aks_s3_request request = { 0 };
    struct aks_sigv4_pair query[3];
    char folder[AKS_S3_KEY_BYTES];

    for (size_t i = 0; i < 2 && questions[question].query[i].name != NULL; i++)
        query[request.query_count++] = questions[question].query[i];
    if (question == AKS_S3_ASK_LIST_OWN) {
        own_folder(s3, folder);
        query[request.query_count].name = "prefix";
        query[request.query_count++].value = folder;
    }
    request.method = questions[question].method;
    request.what = questions[question].what;
    request.key = key;
    request.query = query;
    request.headers = &questions[question].header;
    request.header_count = questions[question].header.name != NULL;
    request.connect_ms = AKS_S3_INSPECT_ANSWER_MS;
    request.answer_ms = AKS_S3_INSPECT_ANSWER_MS;
    aks_s3_step_ask(&inspect->op.step, &request, answered, inspect);
}

static void
ask(struct inspect *inspect)
{
    const char *key = key_of(inspect);

    if (aks_loop_now_ms(inspect->op.step.s3->options.loop) >= inspect->deadline_ms)
        end(inspect);
    else if (questions[inspect->question].method == NULL)
        ask_as_stranger(inspect, key);
    else
        ask_signed(inspect, key);
}

static void
begin(void *ctx)
{
    struct inspect *inspect = ctx;

    inspect->question = AKS_S3_ASK_PUT;
    inspect->deadline_ms = aks_loop_now_ms(inspect->op.step.s3->options.loop) + AKS_S3_INSPECT_MS;
    if (is_needed(inspect, inspect->question))
        ask(inspect);
    else
        next(inspect);
}

void
aks_s3_inspect(struct aks_target *target, struct aks_s3_inspected *ret_inspected, aks_done *done,
    void *ctx)
{
    struct aks_s3 *s3 = (struct aks_s3 *)target;
    struct inspect *inspect = aks_s3_op_new(s3, sizeof(*inspect), inspect_free, done, ctx);

    memset(ret_inspected, 0, sizeof(*ret_inspected));
    if (inspect == NULL)
        return;
    inspect->ret = ret_inspected;
    aks_s3_nonce(s3, inspect->nonce);
    aks_s3_step_begin(&inspect->op.step, "inspect", NULL, begin, inspect, aks_s3_op_done, inspect);
}

void
aks_s3_known(const struct aks_target *target, struct aks_s3_known *ret_known)
{
    const struct aks_s3 *s3 = (const struct aks_s3 *)target;
    const struct aks_credentials *now = aks_credentials_chain_now(s3->credentials);

    ret_known->credentials = aks_credentials_chain_source(s3->credentials);
    ret_known->expires_ms = now != NULL ? aks_credentials_expires_ms(now) : -1;
    ret_known->server = s3->place.url.authority;
    ret_known->region = s3->place.region;
    ret_known->tls = s3->place.url.tls;
    ret_known->own_server = s3->place.endpoint != NULL;
}
