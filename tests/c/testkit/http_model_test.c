/* The model of an HTTP server that takes PUT. */
#include "testkit/http_model.h"

#include "support/failing_alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

#define WALL_MS INT64_C(1795646867000)  /* 2026-11-25T22:47:47Z */

struct place {
    struct aks_http_model_options options;
    struct aks_http_model *model;
    struct aks_sim_reply reply;
};

static int
set_up(void **state)
{
    struct place *place = calloc(1, sizeof(*place));

    assert_non_null(place);
    place->options.path = "/upload";
    place->options.reads_back = true;
    *state = place;
    return 0;
}

static int
tear_down(void **state)
{
    struct place *place = *state;

    aks_http_model_free(place->model);
    aks_buf_fini(&place->reply.body);
    free(place);
    return 0;
}

/* Returns the status. ${name} and ${value}: a header, or NULL. */
static int
ask(struct place *place, const char *method, const char *path, const char *name, const char *value,
    const char *body)
{
    struct aks_http_header header = { name, value };
    struct aks_sim_request request = { .method = method, .host = "h", .path = path, .query = "",
        .headers = &header, .header_count = name != NULL ? 1 : 0, .body = (const uint8_t *)body,
        .body_len = body != NULL ? strlen(body) : 0 };

    if (place->model == NULL)
        assert_int_equal(aks_http_model_new(aks_alloc_system(), &place->options, &place->model,
            NULL), AKS_OK);
    aks_buf_fini(&place->reply.body);
    memset(&place->reply, 0, sizeof(place->reply));
    aks_buf_init(&place->reply.body, aks_alloc_system(), 65536);
    aks_http_model_serve(place->model, WALL_MS, &request, &place->reply);
    return place->reply.status;
}

static const char *
header(const struct place *place, const char *name)
{
    for (size_t i = 0; i < place->reply.header_count; i++) {
        if (strcasecmp(place->reply.headers[i].name, name) == 0)
            return place->reply.headers[i].value;
    }
    return "";
}

static void
files_are_put_read_and_taken_away(void **state)
{
    struct place *place = *state;

    assert_int_equal(ask(place, "PUT", "/upload/a/b%20c", "Content-Type", "x/y", "hello"), 201);
    assert_int_equal(ask(place, "PUT", "/upload/a/b%20c", "If-None-Match", "*", "other"), 204);
    assert_int_equal(ask(place, "HEAD", "/upload/a/b%20c", NULL, NULL, NULL), 200);
    assert_string_equal(header(place, "Content-Length"), "5");
    assert_string_equal(header(place, "Content-Type"), "application/octet-stream");
    assert_string_equal(header(place, "Last-Modified"), "Wed, 25 Nov 2026 22:47:47 GMT");
    assert_string_equal(header(place, "Date"), "Wed, 25 Nov 2026 22:47:47 GMT");
    assert_int_equal(place->reply.body.len, 0);
    assert_int_equal(ask(place, "GET", "/upload/a/b%20c", NULL, NULL, NULL), 200);
    assert_string_equal(place->reply.body.data, "other");
    assert_int_equal(ask(place, "GET", "/upload/a/b%20c", "Range", "bytes=1-2", NULL), 206);
    assert_string_equal(place->reply.body.data, "th");
    assert_string_equal(header(place, "Content-Range"), "bytes 1-2/5");
    assert_int_equal(ask(place, "GET", "/upload/a/b%20c", "Range", "bytes=5-", NULL), 416);
    assert_string_equal(header(place, "Content-Range"), "bytes */5");
    assert_int_equal(ask(place, "DELETE", "/upload/a/b%20c", NULL, NULL, NULL), 204);
    assert_int_equal(ask(place, "DELETE", "/upload/a/b%20c", NULL, NULL, NULL), 404);
    assert_int_equal(ask(place, "GET", "/upload/a/b%20c", NULL, NULL, NULL), 404);
    assert_int_equal(ask(place, "HEAD", "/upload/a/b%20c", NULL, NULL, NULL), 404);
    assert_int_equal(place->reply.body.len, 0);
}

static void
an_empty_file_is_a_file(void **state)
{
    struct place *place = *state;

    assert_int_equal(ask(place, "PUT", "/upload/empty", NULL, NULL, NULL), 201);
    assert_int_equal(ask(place, "HEAD", "/upload/empty", NULL, NULL, NULL), 200);
    assert_string_equal(header(place, "Content-Length"), "0");
}

static void
folders_are_no_files(void **state)
{
    struct place *place = *state;

    assert_int_equal(ask(place, "PUT", "/upload/a/b", NULL, NULL, "x"), 201);
    assert_int_equal(ask(place, "PUT", "/upload/a", NULL, NULL, "x"), 409);
    assert_int_equal(ask(place, "PUT", "/upload/a/", NULL, NULL, ""), 409);
    assert_int_equal(ask(place, "PUT", "/upload/", NULL, NULL, ""), 409);
    assert_int_equal(ask(place, "PUT", "/upload/a/b/c", NULL, NULL, "x"), 500);
    assert_int_equal(ask(place, "GET", "/upload/a/", NULL, NULL, NULL), 403);
    assert_int_equal(ask(place, "HEAD", "/upload", NULL, NULL, NULL), 403);
    assert_int_equal(ask(place, "GET", "/upload/aa/", NULL, NULL, NULL), 404);
}

static void
what_is_not_below_the_path_is_not_there(void **state)
{
    struct place *place = *state;

    assert_int_equal(ask(place, "PUT", "/other/a", NULL, NULL, "x"), 404);
    assert_int_equal(ask(place, "PUT", "/uploads/a", NULL, NULL, "x"), 404);
    assert_int_equal(ask(place, "PUT", "/upload/%zz", NULL, NULL, "x"), 400);
    assert_int_equal(ask(place, "PUT", "/upload/%00", NULL, NULL, "x"), 400);
}

static void
methods_have_their_limits(void **state)
{
    struct place *place = *state;

    assert_int_equal(ask(place, "POST", "/upload/a", NULL, NULL, "x"), 405);
    assert_int_equal(ask(place, "OPTIONS", "/upload/", NULL, NULL, NULL), 204);
    assert_string_equal(header(place, "Allow"), "GET, HEAD, PUT, DELETE, OPTIONS");
    aks_http_model_free(place->model);
    place->model = NULL;
    place->options.reads_back = false;
    assert_int_equal(ask(place, "PUT", "/upload/a", NULL, NULL, "x"), 201);
    assert_int_equal(ask(place, "GET", "/upload/a", NULL, NULL, NULL), 405);
    assert_int_equal(ask(place, "HEAD", "/upload/a", NULL, NULL, NULL), 405);
    assert_int_equal(place->reply.body.len, 0);
}

static void
a_token_is_asked_for(void **state)
{
    struct place *place = *state;

    place->options.token = "let me in";
    assert_int_equal(ask(place, "PUT", "/upload/a", NULL, NULL, "x"), 401);
    assert_string_equal(header(place, "WWW-Authenticate"), "Bearer");
    assert_int_equal(ask(place, "PUT", "/upload/a", "Authorization", "Bearer let me", "x"), 401);
    assert_int_equal(ask(place, "PUT", "/upload/a", "Authorization", "let me in", "x"), 401);
    assert_null(strstr(place->reply.body.data, "let me in"));
    assert_int_equal(ask(place, "PUT", "/upload/a", "authorization", "Bearer let me in", "x"),
        201);
}

static void
conditions_hold_where_they_are_known(void **state)
{
    struct place *place = *state;

    place->options.conditional = true;
    assert_int_equal(ask(place, "PUT", "/upload/a", "If-None-Match", "*", "one"), 201);
    assert_int_equal(ask(place, "PUT", "/upload/a", "If-None-Match", "*", "two"), 412);
    assert_int_equal(ask(place, "GET", "/upload/a", NULL, NULL, NULL), 200);
    assert_string_equal(place->reply.body.data, "one");
}

/* Of RFC 9530. */
static void
digests_that_lie_are_refused(void **state)
{
    static const struct {
        const char *digest;
        int status;
    } cases[] = {
        { "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:", 204 },
        { "sha-512=:AAAA:, sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:", 204 },
        { "sha-512=:AAAA:", 204 },
        { "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:", 400 },
        { "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=", 400 },
        { "sha-256=:X48E:", 400 },
        { "nonsense", 400 },
    };
    struct place *place = *state;

    place->options.checks_digest = true;
    assert_int_equal(ask(place, "PUT", "/upload/a", NULL, NULL, "{\"hello\": \"world\"}"), 201);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(ask(place, "PUT", "/upload/a", "Content-Digest", cases[i].digest,
            "{\"hello\": \"world\"}"), cases[i].status);
    aks_http_model_free(place->model);
    place->model = NULL;
    place->options.checks_digest = false;
    assert_int_equal(ask(place, "PUT", "/upload/a", "Content-Digest", "nonsense", "x"), 201);
}

static void
see(void *ctx, const char *key, const void *data, size_t len)
{
    char *seen = ctx;

    (void)snprintf(seen + strlen(seen), 64, "%s=%.*s ", key, (int)len, (const char *)data);
}

static void
a_test_sees_and_changes_what_is_there(void **state)
{
    struct place *place = *state;
    char seen[256] = "";
    size_t len;

    assert_int_equal(ask(place, "PUT", "/upload/b", NULL, NULL, "two"), 201);
    assert_int_equal(aks_http_model_put(place->model, "a/x", "one", 3, NULL), AKS_OK);
    aks_http_model_each(place->model, see, seen);
    assert_string_equal(seen, "a/x=one b=two ");
    assert_memory_equal(aks_http_model_object(place->model, "b", &len), "two", 3);
    assert_int_equal(len, 3);
    assert_int_equal(ask(place, "GET", "/upload/a/x", NULL, NULL, NULL), 200);
    assert_int_equal(aks_http_model_remove(place->model, "b", NULL), AKS_OK);
    assert_int_equal(aks_http_model_remove(place->model, "b", NULL), AKS_NOT_FOUND);
    assert_null(aks_http_model_object(place->model, "b", &len));
}

static int
converse(void *ctx, const struct aks_alloc *alloc)
{
    struct place *place = calloc(1, sizeof(*place));
    size_t len;

    assert_non_null(place);
    place->options.path = "/up";
    place->options.token = "token";
    if (aks_http_model_new(alloc, &place->options, &place->model, NULL) == AKS_OK) {
        int status = ask(place, "PUT", "/up/a", "Authorization", "Bearer token", "hello");

        assert_true(status == 201 || status == 500);
        assert_int_equal(status == 201, aks_http_model_object(place->model, "a", &len) != NULL);
        (void)aks_http_model_put(place->model, "a", "x", 1, NULL);
    }
    aks_http_model_free(place->model);
    aks_buf_fini(&place->reply.body);
    free(place);
    return 0;
}

static void
model_survives_any_allocation_that_fails(void **state)
{
    failing_alloc_loop(converse, NULL, 50);
    aks_http_model_free(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(files_are_put_read_and_taken_away),
        TEST(an_empty_file_is_a_file),
        TEST(folders_are_no_files),
        TEST(what_is_not_below_the_path_is_not_there),
        TEST(methods_have_their_limits),
        TEST(a_token_is_asked_for),
        TEST(conditions_hold_where_they_are_known),
        TEST(digests_that_lie_are_refused),
        TEST(a_test_sees_and_changes_what_is_there),
        cmocka_unit_test(model_survives_any_allocation_that_fails),
    };

    return cmocka_run_group_tests_name("http_model", tests, NULL, NULL);
}
