/* Who may ask the S3 model. */
#include "testkit/model_ask.h"

#include "base/units.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VECTOR_MS INT64_C(1369353600000)    /* 20130524T000000Z */
#define EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static int
set_up(void **state)
{
    struct model_ask *ask = malloc(sizeof(*ask));

    assert_non_null(ask);
    model_ask_init(ask, AKS_S3_STRICT);
    *state = ask;
    return 0;
}

static int
tear_down(void **state)
{
    model_ask_fini(*state);
    free(*state);
    return 0;
}

/* A request of AWS's documentation, with the signature that is printed there. */
struct vector {
    const char *method;
    const char *path;
    const char *query;
    struct aks_http_header headers[8];
    const char *names;
    const char *signature;
    const char *body;
    int status;
    const char *code;
};

static const struct vector vectors[] = {
    { "GET", "/test.txt", "", {
        { "Range", "bytes=0-9" }, { "x-amz-content-sha256", EMPTY },
        { "x-amz-date", "20130524T000000Z" } },
        "host;range;x-amz-content-sha256;x-amz-date",
        "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41", NULL, 404,
        "NoSuchKey" },
    { "PUT", "/test%24file.text", "", {
        { "Date", "Fri, 24 May 2013 00:00:00 GMT" }, { "x-amz-date", "20130524T000000Z" },
        { "x-amz-storage-class", "REDUCED_REDUNDANCY" }, { "Content-Length", "21" },
        { "x-amz-content-sha256",
            "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072" } },
        "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
        "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
        "Welcome to Amazon S3.", 200, "" },
    { "GET", "/", "lifecycle", {
        { "x-amz-content-sha256", EMPTY }, { "x-amz-date", "20130524T000000Z" } },
        "host;x-amz-content-sha256;x-amz-date",
        "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543", NULL, 501,
        "NotImplemented" },
    { "GET", "/", "max-keys=2&prefix=J", {
        { "x-amz-content-sha256", EMPTY }, { "x-amz-date", "20130524T000000Z" } },
        "host;x-amz-content-sha256;x-amz-date",
        "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7", NULL, 501,
        "NotImplemented" },
};

static void
ask_vector(struct model_ask *ask, const struct vector *vector, const char *signature)
{
    struct aks_sim_request request = { 0 };
    struct aks_http_header headers[9];
    char authorization[512];
    size_t count = 0;

    while (vector->headers[count].name != NULL) {
        headers[count] = vector->headers[count];
        count++;
    }
    (void)snprintf(authorization, sizeof(authorization), "AWS4-HMAC-SHA256 Credential="
        "AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,SignedHeaders=%s,Signature=%s",
        vector->names, signature);
    headers[count++] = (struct aks_http_header) { "authorization", authorization };
    request.method = vector->method;
    request.tls = true;
    request.host = "examplebucket.s3.amazonaws.com";
    request.path = vector->path;
    request.query = vector->query;
    request.headers = headers;
    request.header_count = count;
    request.body = (const uint8_t *)vector->body;
    request.body_len = vector->body != NULL ? strlen(vector->body) : 0;
    aks_buf_fini(&ask->reply.body);
    memset(&ask->reply, 0, sizeof(ask->reply));
    aks_buf_init(&ask->reply.body, aks_alloc_system(), 65536);
    aks_s3_model_serve(ask->model, VECTOR_MS, &request, &ask->reply);
}

static void
signatures_of_aws_are_right_and_others_are_not(void **state)
{
    struct model_ask *ask = *state;

    ask->options.region = "us-east-1";
    ask->options.bucket = "examplebucket";
    ask->options.access_key = "AKIAIOSFODNN7EXAMPLE";
    ask->options.secret_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    model_ask_begin(ask);
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        ask_vector(ask, &vectors[i], vectors[i].signature);
        model_ask_is(ask, vectors[i].status, vectors[i].code);
        ask_vector(ask, &vectors[i], vectors[(i + 1) % 4].signature);
        model_ask_is(ask, 403, "SignatureDoesNotMatch");
    }
    assert_non_null(aks_s3_model_object(ask->model, "test$file.text"));
}

static void
wrong_keys_are_refused(void **state)
{
    struct model_ask *ask = *state;

    assert_int_equal(model_ask(ask, "PUT", "/bkt/a", "", "", "x"), 200);
    ask->secret_key = "another secret";
    model_ask(ask, "GET", "/bkt/a", "", "", NULL);
    model_ask_is(ask, 403, "SignatureDoesNotMatch");
    assert_int_equal(model_ask(ask, "HEAD", "/bkt/a", "", "", NULL), 403);
    assert_int_equal(ask->reply.body.len, 0);
    ask->secret_key = "the secret";
    ask->access_key = "AKIDOTHER";
    model_ask(ask, "GET", "/bkt/a", "", "", NULL);
    model_ask_is(ask, 403, "InvalidAccessKeyId");
}

static void
nothing_secret_is_repeated(void **state)
{
    struct model_ask *ask = *state;

    ask->options.session_token = "the session's token";
    ask->session_token = "the session's tokem";
    model_ask(ask, "GET", "/bkt/a", "", "", NULL);
    assert_null(strstr(ask->reply.body.data, "the session's"));
    ask->session_token = "the session's token";
    ask->secret_key = "another secret";
    model_ask(ask, "GET", "/bkt/a", "", "", NULL);
    model_ask_is(ask, 403, "SignatureDoesNotMatch");
    assert_null(strstr(ask->reply.body.data, "the session's"));
    assert_null(strstr(ask->reply.body.data, "secret"));
}

static void
clock_may_be_off_by_fifteen_minutes(void **state)
{
    struct model_ask *ask = *state;

    ask->skew_ms = 15 * 60 * AKS_MS_PER_S;
    assert_int_equal(model_ask(ask, "PUT", "/bkt/a", "", "", "x"), 200);
    ask->skew_ms = -ask->skew_ms;
    /* The date has no milliseconds, so the server's should not either. */
    assert_int_equal(ask->wall_ms % AKS_MS_PER_S, 0);
    assert_int_equal(model_ask(ask, "PUT", "/bkt/a", "", "", "x"), 200);
    ask->skew_ms -= AKS_MS_PER_S;
    model_ask(ask, "PUT", "/bkt/a", "", "", "x");
    model_ask_is(ask, 403, "RequestTimeTooSkewed");
    assert_string_equal(model_ask_text(ask, "ServerTime"), "2026-11-25T22:47:47.000Z");
    assert_string_equal(model_ask_text(ask, "MaxAllowedSkewMilliseconds"), "900000");
    assert_string_equal(model_ask_header(ask, "Date"), "Wed, 25 Nov 2026 22:47:47 GMT");
    ask->skew_ms = 901 * AKS_MS_PER_S;
    assert_int_equal(model_ask(ask, "HEAD", "/bkt/a", "", "", NULL), 403);
    assert_string_equal(model_ask_header(ask, "Date"), "Wed, 25 Nov 2026 22:47:47 GMT");
}

static void
allowed_skew_can_be_set(void **state)
{
    struct model_ask *ask = *state;

    ask->options.skew_ms_max = 2000;
    ask->skew_ms = 2000;
    assert_int_equal(model_ask(ask, "PUT", "/bkt/a", "", "", "x"), 200);
    ask->skew_ms = 3000;
    assert_int_equal(model_ask(ask, "PUT", "/bkt/a", "", "", "x"), 403);
}

static void
day_changes_and_the_key_with_it(void **state)
{
    struct model_ask *ask = *state;

    for (int day = 0; day < 3; day++) {
        assert_int_equal(model_ask(ask, "PUT", "/bkt/a", "", "", "x"), 200);
        ask->wall_ms += AKS_MS_PER_DAY;
    }
    ask->wall_ms -= 2 * AKS_MS_PER_DAY;
    assert_int_equal(model_ask(ask, "PUT", "/bkt/a", "", "", "x"), 200);
}

static void
tokens_of_sessions_are_checked_and_end(void **state)
{
    struct model_ask *ask = *state;

    ask->options.session_token = "token";
    ask->options.expires_at_ms = MODEL_ASK_MS + 1000;
    model_ask(ask, "PUT", "/bkt/a", "", "", "x");
    model_ask_is(ask, 403, "InvalidAccessKeyId");
    ask->session_token = "another";
    model_ask(ask, "PUT", "/bkt/a", "", "", "x");
    model_ask_is(ask, 400, "InvalidToken");
    ask->session_token = "token";
    assert_int_equal(model_ask(ask, "PUT", "/bkt/a", "", "", "x"), 200);
    ask->wall_ms += 1000;
    model_ask(ask, "PUT", "/bkt/a", "", "", "x");
    model_ask_is(ask, 400, "ExpiredToken");
    aks_s3_model_set_expiry(ask->model, MODEL_ASK_MS + 5000);
    assert_int_equal(model_ask(ask, "PUT", "/bkt/a", "", "", "x"), 200);
    aks_s3_model_set_expiry(ask->model, 0);
    ask->wall_ms += AKS_MS_PER_DAY;
    assert_int_equal(model_ask(ask, "PUT", "/bkt/a", "", "", "x"), 200);
}

static void
token_that_nobody_asked_for_is_refused(void **state)
{
    struct model_ask *ask = *state;

    ask->session_token = "token";
    model_ask(ask, "PUT", "/bkt/a", "", "", "x");
    model_ask_is(ask, 400, "InvalidToken");
}

static void
another_region_is_told(void **state)
{
    struct model_ask *ask = *state;

    ask->region = "us-west-2";
    model_ask(ask, "GET", "/bkt/a", "", "", NULL);
    model_ask_is(ask, 400, "AuthorizationHeaderMalformed");
    assert_string_equal(model_ask_text(ask, "Region"), MODEL_ASK_REGION);
    assert_string_equal(model_ask_header(ask, "x-amz-bucket-region"), MODEL_ASK_REGION);
    assert_int_equal(model_ask(ask, "HEAD", "/bkt", "", "", NULL), 400);
    assert_string_equal(model_ask_header(ask, "x-amz-bucket-region"), MODEL_ASK_REGION);
    /* The server of that region sends on. */
    ask->host = "s3.us-west-2.amazonaws.com";
    model_ask(ask, "GET", "/bkt/a", "", "", NULL);
    model_ask_is(ask, 301, "PermanentRedirect");
    assert_string_equal(model_ask_text(ask, "Endpoint"), "s3." MODEL_ASK_REGION ".amazonaws.com");
    assert_string_equal(model_ask_header(ask, "x-amz-bucket-region"), MODEL_ASK_REGION);
}

static void
what_begins_with_x_amz_is_signed(void **state)
{
    struct model_ask *ask = *state;

    ask->unsigned_name = "X-Amz-Meta-Late";
    model_ask(ask, "PUT", "/bkt/a", "", "", "x");
    model_ask_is(ask, 403, "AccessDenied");
    assert_string_equal(model_ask_text(ask, "HeadersNotSigned"), "x-amz-meta-late");
    ask->unsigned_name = "X-Other";
    assert_int_equal(model_ask(ask, "PUT", "/bkt/a", "", "", "x"), 200);
}

static void
headers_that_make_no_sense_are_refused(void **state)
{
    static const struct {
        const char *authorization;
        const char *date;
        const char *code;
    } cases[] = {
        { NULL, "20261125T224747Z", "AccessDenied" },
        { "nonsense", "20261125T224747Z", "AccessDenied" },
        { "AWS4-HMAC-SHA256", "20261125T224747Z", "AuthorizationHeaderMalformed" },
        { "AWS4-HMAC-SHA256 Credential=a/b,SignedHeaders=host,Signature=x", "20261125T224747Z",
            "AuthorizationHeaderMalformed" },
        { "AWS4-HMAC-SHA256 Credential=a/2026112x/r/s3/aws4_request,SignedHeaders=host,Signature=x",
            "20261125T224747Z", "AuthorizationHeaderMalformed" },
        { "AWS4-HMAC-SHA256 Credential=a/20261125/eu-north-1/ec2/aws4_request,SignedHeaders=host,"
            "Signature=x", "20261125T224747Z", "AuthorizationHeaderMalformed" },
        { "AWS4-HMAC-SHA256 Credential=a/20261124/eu-north-1/s3/aws4_request,SignedHeaders=host,"
            "Signature=x", "20261125T224747Z", "AuthorizationHeaderMalformed" },
        { "AWS4-HMAC-SHA256 Credential=a/20261125/eu-north-1/s3/aws4_request,SignedHeaders=host,"
            "Signature=x", NULL, "AccessDenied" },
        { "AWS4-HMAC-SHA256 Credential=a/20261125/eu-north-1/s3/aws4_request,SignedHeaders=host,"
            "Signature=x", "yesterday", "AccessDenied" },
        { "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261125/eu-north-1/s3/aws4_request,"
            "SignedHeaders=x-amz-date;x-amz-content-sha256,Signature=x", "20261125T224747Z",
            "AccessDenied" },
        { "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261125/eu-north-1/s3/aws4_request,"
            "SignedHeaders=host;x-amz-missing,Signature=x", "20261125T224747Z",
            "SignatureDoesNotMatch" },
    };
    struct model_ask *ask = *state;

    model_ask_begin(ask);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct aks_http_header headers[3] = { { "x-amz-content-sha256", EMPTY } };
        struct aks_sim_request request = { .method = "GET", .tls = true, .host = "h",
            .path = "/bkt/a", .query = "", .headers = headers, .header_count = 1 };

        if (cases[i].authorization != NULL)
            headers[request.header_count++] = (struct aks_http_header) { "Authorization",
                cases[i].authorization };
        if (cases[i].date != NULL)
            headers[request.header_count++] = (struct aks_http_header) { "X-Amz-Date",
                cases[i].date };
        aks_buf_fini(&ask->reply.body);
        memset(&ask->reply, 0, sizeof(ask->reply));
        aks_buf_init(&ask->reply.body, aks_alloc_system(), 65536);
        aks_s3_model_serve(ask->model, MODEL_ASK_MS, &request, &ask->reply);
        assert_string_equal(model_ask_text(ask, "Code"), cases[i].code);
    }
}

static void
r2_and_minio_are_not_so_particular(void **state)
{
    struct model_ask *ask = *state;

    ask->options.profile = AKS_S3_R2;
    ask->region = "auto";
    assert_int_equal(model_ask(ask, "PUT", "/bkt/a", "", "", "x"), 200);
    ask->access_key = "AKIDOTHER";
    model_ask(ask, "PUT", "/bkt/a", "", "", "x");
    model_ask_is(ask, 401, "Unauthorized");
    model_ask_fini(ask);
    model_ask_init(ask, AKS_S3_MINIO);
    ask->region = "anywhere";
    assert_int_equal(model_ask(ask, "PUT", "/bkt/a", "", "", "x"), 200);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(signatures_of_aws_are_right_and_others_are_not),
        TEST(wrong_keys_are_refused),
        TEST(nothing_secret_is_repeated),
        TEST(clock_may_be_off_by_fifteen_minutes),
        TEST(allowed_skew_can_be_set),
        TEST(day_changes_and_the_key_with_it),
        TEST(tokens_of_sessions_are_checked_and_end),
        TEST(token_that_nobody_asked_for_is_refused),
        TEST(another_region_is_told),
        TEST(what_begins_with_x_amz_is_signed),
        TEST(headers_that_make_no_sense_are_refused),
        TEST(r2_and_minio_are_not_so_particular),
    };

    return cmocka_run_group_tests_name("s3_model_auth", tests, NULL, NULL);
}
