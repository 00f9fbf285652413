/* Small objects and lists of an S3 target. */
#include "engine/s3_script.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define MANIFEST "/bucket/pre/" S3_SCRIPT_FOLDER "manifest.json"
#define PUT "PUT " MANIFEST
#define GET "GET " MANIFEST
#define LIST "GET /bucket?"
#define PAGE "delimiter=%2F&list-type=2&max-keys=1000&prefix=pre%2Fsystems%2F"
#define CODE(code) "<Error><Code>" code "</Code><Message>why</Message></Error>"

static void
begin(struct s3_script *script)
{
    s3_script_begin(script, aks_alloc_system());
    s3_script_create(script);
}

static void
a_put_asks_to_create_only_if_it_should(void **state)
{
    struct s3_script script;

    begin(&script);
    scripted_expect(&script.scripted, PUT, 200, NULL, NULL);
    scripted_expect(&script.scripted, PUT, 200, NULL, NULL);
    assert_int_equal(s3_script_put(&script, "{}", true), AKS_OK);
    assert_int_equal(s3_script_put(&script, "{}", false), AKS_OK);
    assert_string_equal(scripted_header(&script.scripted, 0, "if-none-match"), "*");
    assert_null(scripted_header(&script.scripted, 1, "if-none-match"));
    assert_string_equal(script.scripted.requests[1].body, "{}");
    s3_script_end(&script);
}

static void
what_exists_is_a_conflict_even_with_the_same_bytes(void **state)
{
    struct s3_script script;

    begin(&script);
    scripted_expect(&script.scripted, PUT, 412, NULL, CODE("PreconditionFailed"));
    scripted_expect(&script.scripted, GET, 200, NULL, "{}");
    assert_int_equal(s3_script_put(&script, "{}", true), AKS_CONFLICT);
    scripted_expect(&script.scripted, PUT, 412, NULL, NULL);
    scripted_expect(&script.scripted, GET, 403, NULL, CODE("AccessDenied"));
    assert_int_equal(s3_script_put(&script, "{}", true), AKS_CONFLICT);
    s3_script_end(&script);
}

static void
an_own_try_that_got_through_is_a_success(void **state)
{
    struct s3_script script;

    /* Known by its bytes after a try without an answer. */
    begin(&script);
    scripted_fails(&script.scripted, PUT, AKS_TIMEOUT, AKS_HTTP_ANSWER);
    scripted_expect(&script.scripted, PUT, 412, NULL, CODE("PreconditionFailed"));
    scripted_expect(&script.scripted, GET, 200, NULL, "{}");
    assert_int_equal(s3_script_put(&script, "{}", true), AKS_OK);
    /* Other bytes are somebody else's all the same. */
    scripted_fails(&script.scripted, PUT, AKS_TIMEOUT, AKS_HTTP_ANSWER);
    scripted_expect(&script.scripted, PUT, 412, NULL, CODE("PreconditionFailed"));
    scripted_expect(&script.scripted, GET, 200, NULL, "{1}");
    assert_int_equal(s3_script_put(&script, "{}", true), AKS_CONFLICT);
    s3_script_end(&script);
}

static void
a_nonce_says_whose_an_object_is(void **state)
{
    char headers[100] = S3_SCRIPT_NONCE ": ";
    struct scripted_exchange *put;
    struct s3_script script;

    /* A repetition behind our back: no try of ours was without an answer. */
    begin(&script);
    put = scripted_expect(&script.scripted, PUT, 412, NULL, CODE("PreconditionFailed"));
    put->silent = true;
    aks_target_s3.put(script.target, S3_SCRIPT_FOLDER "manifest.json", "a/b", "{}", 2, true,
        s3_script_done, &script.done);
    while (script.scripted.request_count < 1)
        assert_int_equal(aks_loop_turn(&script.loop, NULL), AKS_OK);
    strcat(strcat(headers, scripted_header(&script.scripted, 0, S3_SCRIPT_NONCE)), "\n");
    scripted_expect(&script.scripted, GET, 200, headers, "{}");
    put->silent = false;
    assert_int_equal(s3_script_wait(&script, &script.done), AKS_OK);
    /* The bytes are the same, but another put's. */
    scripted_fails(&script.scripted, PUT, AKS_TIMEOUT, AKS_HTTP_ANSWER);
    scripted_expect(&script.scripted, PUT, 412, NULL, CODE("PreconditionFailed"));
    scripted_expect(&script.scripted, GET, 200, headers, "{}");
    assert_int_equal(s3_script_put(&script, "{}", true), AKS_CONFLICT);
    s3_script_end(&script);
}

static void
a_server_without_conditions_is_looked_at_first(void **state)
{
    struct s3_script script;

    begin(&script);
    scripted_expect(&script.scripted, PUT, 501, NULL, CODE("NotImplemented"));
    scripted_expect(&script.scripted, GET, 404, NULL, CODE("NoSuchKey"));
    scripted_expect(&script.scripted, PUT, 200, NULL, NULL);
    assert_int_equal(s3_script_put(&script, "{}", true), AKS_OK);
    assert_null(scripted_header(&script.scripted, 2, "if-none-match"));
    scripted_expect(&script.scripted, GET, 200, NULL, "{}");
    assert_int_equal(s3_script_put(&script, "{}", true), AKS_CONFLICT);
    s3_script_end(&script);
}

static void
a_race_for_the_same_key_is_tried_again(void **state)
{
    struct s3_script script;

    begin(&script);
    scripted_expect(&script.scripted, PUT, 409, NULL, CODE("ConditionalRequestConflict"));
    scripted_expect(&script.scripted, PUT, 200, NULL, NULL);
    assert_int_equal(s3_script_put(&script, "{}", true), AKS_OK);
    s3_script_end(&script);
}

static enum aks_status
get(struct s3_script *script, struct aks_buf *data)
{
    memset(&script->done, 0, sizeof(script->done));
    aks_target_s3.get(script->target, S3_SCRIPT_FOLDER "manifest.json", data, s3_script_done,
        &script->done);
    assert_int_equal(script->done.calls, 0);
    return s3_script_wait(script, &script->done);
}

static void
get_brings_bytes_as_they_are_within_the_ceiling(void **state)
{
    struct s3_script script;
    struct aks_buf data;

    begin(&script);
    aks_buf_init(&data, aks_alloc_system(), 40);
    aks_buf_puts(&data, "old");
    /* An object may look like an error and is none. */
    scripted_expect(&script.scripted, GET, 200, NULL, "<Error><Code>x</Code></Error>");
    assert_int_equal(get(&script, &data), AKS_OK);
    assert_string_equal(data.data, "<Error><Code>x</Code></Error>");
    scripted_expect(&script.scripted, GET, 200, NULL, "0123456789012345678901234567890123456789+");
    assert_int_equal(get(&script, &data), AKS_TOO_LARGE);
    scripted_expect(&script.scripted, GET, 404, NULL, CODE("NoSuchKey"));
    assert_int_equal(get(&script, &data), AKS_NOT_FOUND);
    scripted_expect(&script.scripted, GET, 500, NULL, NULL);
    scripted_expect(&script.scripted, GET, 200, NULL, "");
    assert_int_equal(get(&script, &data), AKS_OK);
    assert_int_equal(data.len, 0);
    aks_buf_fini(&data);
    s3_script_end(&script);
}

static enum aks_status
list_entry(void *ctx, const char *name, bool is_folder, int64_t bytes, struct aks_error *err)
{
    char *text = ctx;

    if (strcmp(name, "stop") == 0)
        return aks_error_set(err, AKS_CORRUPT, "stopped");
    (void)sprintf(text + strlen(text), "%s%s%lld ", name, is_folder ? "/" : "=", (long long)bytes);
    return AKS_OK;
}

static enum aks_status
list(struct s3_script *script, char *text)
{
    memset(&script->done, 0, sizeof(script->done));
    text[0] = '\0';
    aks_target_s3.list(script->target, "systems/", list_entry, text, s3_script_done, &script->done);
    assert_int_equal(script->done.calls, 0);
    return s3_script_wait(script, &script->done);
}

#define LISTED(inside) "<ListBucketResult>" inside "</ListBucketResult>"
#define ENTRY(key, size) "<Contents><Key>pre/systems/" key "</Key><Size>" size "</Size></Contents>"
#define FOLDER(key) "<CommonPrefixes><Prefix>pre/systems/" key "/</Prefix></CommonPrefixes>"

static void
a_list_gathers_its_pages_in_byte_order(void **state)
{
    struct s3_script script;
    char text[200];

    begin(&script);
    /* "a-b" stands before "a/" in S3. The folder's own marker has no name. */
    scripted_expect(&script.scripted, LIST PAGE, 200, NULL, LISTED("<IsTruncated>true</IsTruncated>"
        "<NextContinuationToken>t/1=</NextContinuationToken>" ENTRY("", "0") ENTRY("a-b", "7")));
    scripted_expect(&script.scripted, LIST "continuation-token=t%2F1%3D&" PAGE, 503, NULL,
        CODE("SlowDown"));
    scripted_expect(&script.scripted, LIST "continuation-token=t%2F1%3D&" PAGE, 200, NULL,
        LISTED("<IsTruncated>false</IsTruncated>" ENTRY("z", "9") FOLDER("a")));
    assert_int_equal(list(&script, text), AKS_OK);
    assert_string_equal(text, "a/0 a-b=7 z=9 ");
    s3_script_end(&script);
}

static void
lists_that_make_no_sense_are_bad_replies(void **state)
{
    static const char *const bodies[] = {
        LISTED("<IsTruncated>true</IsTruncated>"), "<html/>", "", "<ListBucketResult>",
        LISTED("<Contents><Key>elsewhere</Key><Size>1</Size></Contents>"),
    };
    struct s3_script script;
    char text[200];

    begin(&script);
    script.settings.retry.tries = 1;
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        scripted_expect(&script.scripted, LIST PAGE, 200, NULL, bodies[i]);
        assert_int_equal(list(&script, text), AKS_BAD_REPLY);
    }
    scripted_expect(&script.scripted, LIST PAGE, 200, NULL, LISTED(ENTRY("stop", "1")));
    assert_int_equal(list(&script, text), AKS_CORRUPT);
    s3_script_end(&script);
}

static void
freeing_the_target_ends_what_is_under_way(void **state)
{
    struct s3_script script;
    struct aks_buf data;

    begin(&script);
    aks_buf_init(&data, aks_alloc_system(), 10);
    scripted_expect(&script.scripted, PUT, 200, NULL, NULL)->silent = true;
    scripted_expect(&script.scripted, GET, 200, NULL, NULL)->silent = true;
    aks_target_s3.put(script.target, S3_SCRIPT_FOLDER "manifest.json", "a/b", "", 0, true,
        s3_script_done, &script.done);
    aks_target_s3.get(script.target, S3_SCRIPT_FOLDER "manifest.json", &data, s3_script_done,
        &script.done);
    while (script.scripted.request_count < 2)
        assert_int_equal(aks_loop_turn(&script.loop, NULL), AKS_OK);
    aks_target_s3.free(script.target);
    script.target = NULL;
    assert_int_equal(script.scripted.cancelled, 2);
    assert_int_equal(script.done.calls, 0);
    aks_buf_fini(&data);
    s3_script_end(&script);
}

/* AWS says so of what is not there, to whoever may not list the whole bucket. */
static void
what_is_refused_may_only_not_be_there(void **state)
{
#define NAMES "GET /bucket?list-type=2&max-keys=1&" \
    "prefix=pre%2Fsystems%2Flaptop-7%2Fup%2Fmanifest.json"
#define NAMED(keys) "<ListBucketResult>" keys "<IsTruncated>false</IsTruncated></ListBucketResult>"
#define NAME(key) "<Contents><Key>" key "</Key><Size>1</Size></Contents>"
    static const struct {
        int status;
        const char *body;
        enum aks_status then;
    } names[] = {
        { 200, NAMED(""), AKS_NOT_FOUND },
        { 200, NAMED(NAME("pre/" S3_SCRIPT_FOLDER "manifest.json.zst")), AKS_NOT_FOUND },
        { 200, NAMED(NAME("pre/" S3_SCRIPT_FOLDER "manifest.json")), AKS_FORBIDDEN },
        { 403, CODE("AccessDenied"), AKS_FORBIDDEN },
        { 200, "nonsense", AKS_FORBIDDEN },
    };
    struct aks_target_stat stat = { 0 };
    struct s3_script script;
    struct aks_buf data;

    begin(&script);
    aks_buf_init(&data, aks_alloc_system(), 10);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        scripted_expect(&script.scripted, GET, 403, NULL, CODE("AccessDenied"));
        scripted_expect(&script.scripted, NAMES, names[i].status, NULL, names[i].body);
        assert_int_equal(get(&script, &data), names[i].then);
        memset(&script.done, 0, sizeof(script.done));
        scripted_expect(&script.scripted, "HEAD " MANIFEST, 403, NULL, NULL);
        scripted_expect(&script.scripted, NAMES, names[i].status, NULL, names[i].body);
        aks_target_s3.stat(script.target, S3_SCRIPT_FOLDER "manifest.json", &stat, s3_script_done,
            &script.done);
        assert_int_equal(s3_script_wait(&script, &script.done), names[i].then);
    }
    /* Asked again where the list is only not to be had now. */
    scripted_expect(&script.scripted, GET, 403, NULL, CODE("AccessDenied"));
    scripted_expect(&script.scripted, NAMES, 503, NULL, CODE("SlowDown"));
    scripted_expect(&script.scripted, GET, 200, NULL, "{}");
    assert_int_equal(get(&script, &data), AKS_OK);
    aks_buf_fini(&data);
    s3_script_end(&script);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_put_asks_to_create_only_if_it_should),
        cmocka_unit_test(what_exists_is_a_conflict_even_with_the_same_bytes),
        cmocka_unit_test(an_own_try_that_got_through_is_a_success),
        cmocka_unit_test(a_nonce_says_whose_an_object_is),
        cmocka_unit_test(a_server_without_conditions_is_looked_at_first),
        cmocka_unit_test(a_race_for_the_same_key_is_tried_again),
        cmocka_unit_test(get_brings_bytes_as_they_are_within_the_ceiling),
        cmocka_unit_test(what_is_refused_may_only_not_be_there),
        cmocka_unit_test(a_list_gathers_its_pages_in_byte_order),
        cmocka_unit_test(lists_that_make_no_sense_are_bad_replies),
        cmocka_unit_test(freeing_the_target_ends_what_is_under_way),
    };

    return cmocka_run_group_tests_name("target_s3_small", tests, NULL, NULL);
}
