/* An object of an earlier process: what the server has is compared before anything is sent, and
 * only what is missing is sent. */
#include "engine/s3_script.h"
#include "support/failing_alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define NONCE "0123456789abcdef0123456789abcdef"
#define TOKEN NONCE " id/1"
#define CREATE "POST " S3_SCRIPT_PATH "?uploads="
#define CREATED "<InitiateMultipartUploadResult><UploadId>id/2</UploadId>" \
    "</InitiateMultipartUploadResult>"
#define PART(n, id) "PUT " S3_SCRIPT_PATH "?partNumber=" #n "&uploadId=id%2F" #id
#define LIST "GET " S3_SCRIPT_PATH "?max-parts=1000&uploadId=id%2F1"
#define COMPLETE(id) "POST " S3_SCRIPT_PATH "?uploadId=id%2F" #id
#define COMPLETED "<CompleteMultipartUploadResult><ETag>\"whole-2\"</ETag>" \
    "</CompleteMultipartUploadResult>"
#define HEAD "HEAD " S3_SCRIPT_PATH
#define ABORT(id) "DELETE " S3_SCRIPT_PATH "?uploadId=" id
#define DELETE "DELETE " S3_SCRIPT_PATH
#define UPLOADS "GET /bucket?prefix=pre%2Fsystems%2Flaptop-7%2Fup%2Fx.duckdb&uploads="
#define CODE(code) "<Error><Code>" code "</Code><Message>why</Message></Error>"
#define LISTED(n, bytes, etag) "<Part><PartNumber>" #n "</PartNumber><ETag>&quot;" etag \
    "&quot;</ETag><Size>" #bytes "</Size></Part>"
#define PARTS(parts) "<ListPartsResult><IsTruncated>false</IsTruncated>" parts "</ListPartsResult>"
/* MD5 of ten p. */
#define MD5_TEN "995bf3394c81c556054aad920e0f2513"

/* What the object tells. */
struct told {
    char token[256];
    unsigned begun;
    unsigned stored;                    /* bit n: part n */
    enum aks_status answer;
};

static enum aks_status
begun(void *ctx, const char *token, struct aks_error *err)
{
    struct told *told = ctx;

    told->begun++;
    if (told->answer != AKS_OK)
        return aks_error_set(err, told->answer, "the journal is full");
    (void)snprintf(told->token, sizeof(told->token), "%s", token);
    return AKS_OK;
}

static void
stored(void *ctx, uint32_t number, const char *tag)
{
    struct told *told = ctx;

    assert_non_null(tag);
    told->stored |= 1u << number;
}

static char tags[2][40];

struct place {
    struct s3_script script;
    struct told told;
    struct aks_object_journal journal;
    struct aks_journal_part parts[2];
    struct aks_object_resume resume;
};

/* Two parts of ten and three bytes; of those with a tag the answer was heard. */
static void
begin(struct place *place, const char *token, const char *first, const char *second)
{
    const char *given[2] = { first, second };

    memset(place, 0, sizeof(*place));
    s3_script_begin(&place->script, aks_alloc_system());
    s3_script_create(&place->script);
    place->script.settings.retry.tries = 1;
    for (size_t i = 0; i < 2; i++) {
        place->parts[i].number = (uint32_t)i + 1;
        place->parts[i].bytes = i == 0 ? 10 : 3;
        (void)snprintf(tags[i], sizeof(tags[i]), "%s", given[i] != NULL ? given[i] : "");
        place->parts[i].tag = given[i] != NULL ? tags[i] : NULL;
    }
    place->resume = (struct aks_object_resume){ token, place->parts, 2, false };
    place->journal = (struct aks_object_journal){ begun, stored, &place->told };
    place->script.resume = token != NULL ? &place->resume : NULL;
    place->script.journal = &place->journal;
    s3_script_open(&place->script);
}

static void
send_both(struct place *place)
{
    s3_script_send(&place->script, 1, 10, false);
    s3_script_send(&place->script, 2, 3, true);
    assert_int_equal(s3_script_sent(&place->script, 1), AKS_OK);
    assert_int_equal(s3_script_sent(&place->script, 2), AKS_OK);
}

static void
complete(struct place *place, const char *line)
{
    scripted_expect(&place->script.scripted, line, 200, NULL, COMPLETED);
    scripted_expect(&place->script.scripted, HEAD, 200, "Content-Length: 13\n", NULL);
    assert_int_equal(s3_script_finish(&place->script, 13), AKS_OK);
}

static void
a_token_is_told_before_anything_is_sent_and_again_with_the_id(void **state)
{
    struct place place;

    begin(&place, NULL, NULL, NULL);
    assert_int_equal(place.told.begun, 1);
    assert_int_equal(strlen(place.told.token), 32);
    scripted_expect(&place.script.scripted, CREATE, 200, NULL, CREATED);
    scripted_expect(&place.script.scripted, PART(1, 2), 200, "ETag: \"one\"\n", NULL);
    scripted_expect(&place.script.scripted, PART(2, 2), 200, "ETag: \"two\"\n", NULL);
    send_both(&place);
    assert_int_equal(place.told.begun, 2);
    assert_string_equal(place.told.token + 32, " id/2");
    assert_string_equal(scripted_header(&place.script.scripted, 0, S3_SCRIPT_NONCE),
        strtok(place.told.token, " "));
    assert_int_equal(place.told.stored, 1u << 1 | 1u << 2);
    complete(&place, COMPLETE(2));
    assert_int_equal(place.script.object->kept_bytes, 0);
    s3_script_end(&place.script);
}

static void
an_id_that_cannot_be_written_down_sends_no_part_and_is_given_back(void **state)
{
    struct place place;

    begin(&place, NULL, NULL, NULL);
    place.told.answer = AKS_NO_SPACE;
    scripted_expect(&place.script.scripted, CREATE, 200, NULL, CREATED);
    s3_script_send(&place.script, 1, 10, false);
    assert_int_equal(s3_script_sent(&place.script, 1), AKS_NO_SPACE);
    scripted_expect(&place.script.scripted, ABORT("id%2F2"), 204, NULL, NULL);
    assert_int_equal(s3_script_abort(&place.script), AKS_OK);
    s3_script_end(&place.script);
}

static void
parts_that_were_acknowledged_and_are_listed_are_not_sent_again(void **state)
{
    struct place place;

    begin(&place, TOKEN, "one", NULL);
    scripted_expect(&place.script.scripted, LIST, 200, NULL, PARTS(LISTED(1, 10, "one")));
    scripted_expect(&place.script.scripted, PART(2, 1), 200, "ETag: \"two\"\n", NULL);
    send_both(&place);
    assert_int_equal(place.script.object->kept_bytes, 10);
    assert_int_equal(place.told.begun, 0);
    assert_int_equal(place.told.stored, 1u << 2);
    complete(&place, COMPLETE(1));
    assert_non_null(strstr(place.script.scripted.requests[2].body, "one"));
    s3_script_end(&place.script);
}

/* The answer was not heard, or not written down before the power went. */
static void
parts_that_are_only_listed_are_believed_by_their_digest(void **state)
{
    struct place place;

    begin(&place, TOKEN, NULL, NULL);
    scripted_expect(&place.script.scripted, LIST, 200, NULL,
        PARTS(LISTED(1, 10, MD5_TEN) LISTED(2, 3, "no-md5")));
    scripted_expect(&place.script.scripted, PART(2, 1), 200, "ETag: \"two\"\n", NULL);
    send_both(&place);
    assert_int_equal(place.script.object->kept_bytes, 10);
    assert_int_equal(place.told.stored, 1u << 1 | 1u << 2);
    complete(&place, COMPLETE(1));
    s3_script_end(&place.script);
}

static void
parts_that_differ_or_are_not_listed_are_sent_again(void **state)
{
    static const char *const lists[] = {
        PARTS(""),                                          /* it does not have it */
        PARTS(LISTED(1, 9, "one") LISTED(2, 3, "two")),     /* another size */
        PARTS(LISTED(1, 10, "other") LISTED(2, 3, "two")),  /* other bytes */
    };

    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        struct place place;

        begin(&place, TOKEN, "one", i == 0 ? NULL : "two");
        scripted_expect(&place.script.scripted, LIST, 200, NULL, lists[i]);
        scripted_expect(&place.script.scripted, PART(1, 1), 200, "ETag: \"new\"\n", NULL);
        if (i == 0)
            scripted_expect(&place.script.scripted, PART(2, 1), 200, "ETag: \"two\"\n", NULL);
        send_both(&place);
        assert_int_equal(place.script.object->kept_bytes, i == 0 ? 0 : 3);
        complete(&place, COMPLETE(1));
        s3_script_end(&place.script);
    }
}

static void
lists_come_in_pages_and_those_that_never_end_are_refused(void **state)
{
    struct place place;

    begin(&place, TOKEN, "one", "two");
    scripted_expect(&place.script.scripted, LIST, 200, NULL, "<ListPartsResult><IsTruncated>true"
        "</IsTruncated><NextPartNumberMarker>1</NextPartNumberMarker>" LISTED(1, 10, "one")
        "</ListPartsResult>");
    scripted_expect(&place.script.scripted, "GET " S3_SCRIPT_PATH
        "?max-parts=1000&part-number-marker=1&uploadId=id%2F1", 200, NULL,
        PARTS(LISTED(2, 3, "two")));
    send_both(&place);
    assert_int_equal(place.script.object->kept_bytes, 13);
    complete(&place, COMPLETE(1));
    s3_script_end(&place.script);

    begin(&place, TOKEN, "one", "two");
    scripted_expect(&place.script.scripted, LIST, 200, NULL, "<ListPartsResult><IsTruncated>true"
        "</IsTruncated></ListPartsResult>");
    s3_script_send(&place.script, 1, 10, false);
    assert_int_equal(s3_script_sent(&place.script, 1), AKS_BAD_REPLY);
    s3_script_end(&place.script);
}

static void
who_does_not_tell_what_it_has_is_believed_as_it_acknowledged(void **state)
{
    struct place place;

    begin(&place, TOKEN, "one", NULL);
    scripted_expect(&place.script.scripted, LIST, 403, NULL, CODE("AccessDenied"));
    scripted_expect(&place.script.scripted, PART(2, 1), 200, "ETag: \"two\"\n", NULL);
    send_both(&place);
    assert_int_equal(place.script.object->kept_bytes, 10);
    complete(&place, COMPLETE(1));
    s3_script_end(&place.script);
}

static void
an_upload_that_is_gone_begins_anew_with_another_token(void **state)
{
    struct place place;

    begin(&place, TOKEN, "one", "two");
    scripted_expect(&place.script.scripted, LIST, 404, NULL, CODE("NoSuchUpload"));
    scripted_expect(&place.script.scripted, HEAD, 404, NULL, NULL);
    scripted_expect(&place.script.scripted, CREATE, 200, NULL, CREATED);
    scripted_expect(&place.script.scripted, PART(1, 2), 200, "ETag: \"one\"\n", NULL);
    scripted_expect(&place.script.scripted, PART(2, 2), 200, "ETag: \"two\"\n", NULL);
    send_both(&place);
    assert_string_equal(place.told.token, NONCE " id/2");
    assert_int_equal(place.script.object->kept_bytes, 0);
    complete(&place, COMPLETE(2));
    s3_script_end(&place.script);
}

/* The process died between Complete and its answer. */
static void
an_object_that_was_put_together_is_there(void **state)
{
    struct place place;

    begin(&place, TOKEN, "one", "two");
    scripted_expect(&place.script.scripted, LIST, 404, NULL, CODE("NoSuchUpload"));
    scripted_expect(&place.script.scripted, HEAD, 200,
        "Content-Length: 13\n" S3_SCRIPT_NONCE ": " NONCE "\n", NULL);
    send_both(&place);
    assert_int_equal(place.script.object->kept_bytes, 13);
    assert_int_equal(s3_script_finish(&place.script, 13), AKS_OK);
    s3_script_end(&place.script);

    begin(&place, TOKEN, "one", "two");
    scripted_expect(&place.script.scripted, LIST, 404, NULL, CODE("NoSuchUpload"));
    scripted_expect(&place.script.scripted, HEAD, 200,
        "Content-Length: 14\n" S3_SCRIPT_NONCE ": " NONCE "\n", NULL);
    send_both(&place);
    assert_int_equal(s3_script_finish(&place.script, 13), AKS_CORRUPT);
    s3_script_end(&place.script);
}

static void
an_object_of_somebody_else_is_no_success(void **state)
{
    struct place place;

    begin(&place, TOKEN, "one", "two");
    scripted_expect(&place.script.scripted, LIST, 404, NULL, CODE("NoSuchUpload"));
    scripted_expect(&place.script.scripted, HEAD, 200, "Content-Length: 13\n", NULL);
    s3_script_send(&place.script, 1, 10, false);
    assert_int_equal(s3_script_sent(&place.script, 1), AKS_CONFLICT);
    s3_script_end(&place.script);
}

/* The process died between Create and its answer. */
static void
an_upload_whose_id_was_never_heard_is_found_by_its_key_and_given_back(void **state)
{
    struct place place;

    begin(&place, NONCE, NULL, NULL);
    scripted_expect(&place.script.scripted, UPLOADS, 200, NULL, "<ListMultipartUploadsResult>"
        "<Upload><Key>pre/systems/laptop-7/up/x.duckdb2</Key><UploadId>not</UploadId></Upload>"
        "<Upload><Key>pre/systems/laptop-7/up/x.duckdb</Key><UploadId>lost</UploadId></Upload>"
        "</ListMultipartUploadsResult>");
    scripted_expect(&place.script.scripted, ABORT("lost"), 204, NULL, NULL);
    scripted_expect(&place.script.scripted, UPLOADS, 200, NULL, "<ListMultipartUploadsResult/>");
    scripted_expect(&place.script.scripted, CREATE, 200, NULL, CREATED);
    scripted_expect(&place.script.scripted, PART(1, 2), 200, "ETag: \"one\"\n", NULL);
    scripted_expect(&place.script.scripted, PART(2, 2), 200, "ETag: \"two\"\n", NULL);
    send_both(&place);
    assert_string_equal(place.told.token, NONCE " id/2");
    s3_script_end(&place.script);

    begin(&place, NONCE, NULL, NULL);       /* who may not list uploads goes on without */
    scripted_expect(&place.script.scripted, UPLOADS, 403, NULL, CODE("AccessDenied"));
    scripted_expect(&place.script.scripted, CREATE, 200, NULL, CREATED);
    scripted_expect(&place.script.scripted, PART(1, 2), 200, "ETag: \"one\"\n", NULL);
    scripted_expect(&place.script.scripted, PART(2, 2), 200, "ETag: \"two\"\n", NULL);
    send_both(&place);
    s3_script_end(&place.script);
}

/* Gives back, and lets go of the object at once when it is told how that went: as transfers do. */
static void
let_go(void *ctx, const struct aks_outcome *outcome)
{
    struct place *place = ctx;

    aks_target_s3.object_free(place->script.object);
    place->script.object = NULL;
    s3_script_done(&place->script.done, outcome);
}

static void
a_search_that_cannot_be_begun_lets_the_object_go(void **state)
{
    struct place place;

    begin(&place, NONCE, NULL, NULL);
    aks_target_s3.object_free(place.script.object);
    place.resume.keep_whole = true;         /* so that nothing else is asked */
    s3_script_open(&place.script);
    place.script.scripted.refuse_submit = true;
    aks_target_s3.abort(place.script.object, let_go, &place);
    (void)s3_script_wait(&place.script, &place.script.done);
    assert_null(place.script.object);
    s3_script_end(&place.script);
}

/* The same within one process: the answer to Create was cut. */
static void
an_upload_whose_id_was_cut_off_is_given_back_before_the_next_is_begun(void **state)
{
    struct place place;

    begin(&place, NULL, NULL, NULL);
    place.script.settings.retry.tries = 2;
    scripted_expect(&place.script.scripted, CREATE, 200, NULL, "<InitiateMultipartUpl");
    scripted_expect(&place.script.scripted, UPLOADS, 200, NULL, "<ListMultipartUploadsResult>"
        "<Upload><Key>pre/systems/laptop-7/up/x.duckdb</Key><UploadId>lost</UploadId></Upload>"
        "</ListMultipartUploadsResult>");
    scripted_expect(&place.script.scripted, ABORT("lost"), 204, NULL, NULL);
    scripted_expect(&place.script.scripted, UPLOADS, 200, NULL, "<ListMultipartUploadsResult/>");
    scripted_expect(&place.script.scripted, CREATE, 200, NULL, CREATED);
    scripted_expect(&place.script.scripted, PART(1, 2), 200, "ETag: \"one\"\n", NULL);
    scripted_expect(&place.script.scripted, PART(2, 2), 200, "ETag: \"two\"\n", NULL);
    send_both(&place);
    complete(&place, COMPLETE(2));
    s3_script_end(&place.script);
}

static void
a_single_put_that_got_through_is_not_sent_again(void **state)
{
    struct place place;

    begin(&place, NONCE, NULL, NULL);
    place.parts[0].bytes = 4;
    place.resume.count = 1;
    scripted_expect(&place.script.scripted, HEAD, 200,
        "Content-Length: 4\n" S3_SCRIPT_NONCE ": " NONCE "\n", NULL);
    s3_script_send(&place.script, 1, 4, true);
    assert_int_equal(s3_script_sent(&place.script, 1), AKS_OK);
    assert_int_equal(place.script.object->kept_bytes, 4);
    assert_int_equal(s3_script_finish(&place.script, 4), AKS_OK);
    s3_script_end(&place.script);

    begin(&place, NONCE, NULL, NULL);
    place.resume.count = 1;
    scripted_expect(&place.script.scripted, HEAD, 404, NULL, NULL);
    scripted_expect(&place.script.scripted, "PUT " S3_SCRIPT_PATH, 200, "ETag: \"one\"\n", NULL);
    s3_script_send(&place.script, 1, 4, true);
    assert_int_equal(s3_script_sent(&place.script, 1), AKS_OK);
    assert_string_equal(scripted_header(&place.script.scripted, 1, S3_SCRIPT_NONCE), NONCE);
    assert_int_equal(s3_script_finish(&place.script, 4), AKS_OK);
    s3_script_end(&place.script);
}

static void
what_a_token_names_is_given_back_without_sending(void **state)
{
    struct place place;

    begin(&place, TOKEN, "one", NULL);
    scripted_expect(&place.script.scripted, ABORT("id%2F1"), 204, NULL, NULL);
    assert_int_equal(s3_script_abort(&place.script), AKS_OK);
    s3_script_end(&place.script);

    begin(&place, TOKEN, "one", NULL);      /* put together by then */
    scripted_expect(&place.script.scripted, ABORT("id%2F1"), 404, NULL, CODE("NoSuchUpload"));
    scripted_expect(&place.script.scripted, HEAD, 200,
        "Content-Length: 13\n" S3_SCRIPT_NONCE ": " NONCE "\n", NULL);
    scripted_expect(&place.script.scripted, DELETE, 204, NULL, NULL);
    assert_int_equal(s3_script_abort(&place.script), AKS_OK);
    s3_script_end(&place.script);

    begin(&place, NONCE, NULL, NULL);       /* somebody else's object stays */
    scripted_expect(&place.script.scripted, UPLOADS, 200, NULL, "<ListMultipartUploadsResult>"
        "<Upload><Key>pre/systems/laptop-7/up/x.duckdb</Key><UploadId>lost</UploadId></Upload>"
        "</ListMultipartUploadsResult>");
    scripted_expect(&place.script.scripted, ABORT("lost"), 204, NULL, NULL);
    scripted_expect(&place.script.scripted, UPLOADS, 200, NULL, "<ListMultipartUploadsResult/>");
    scripted_expect(&place.script.scripted, HEAD, 200, "Content-Length: 13\n", NULL);
    assert_int_equal(s3_script_abort(&place.script), AKS_OK);
    s3_script_end(&place.script);

    begin(&place, TOKEN, NULL, NULL);
    scripted_expect(&place.script.scripted, ABORT("id%2F1"), 403, NULL, CODE("AccessDenied"));
    assert_int_equal(s3_script_abort(&place.script), AKS_FORBIDDEN);
    s3_script_end(&place.script);
}

static void
a_token_that_is_none_of_ours_is_passed_over(void **state)
{
    static const char *const tokens[] = { "", "0123", NONCE "x", NONCE " ", NONCE " a b",
        NONCE " \x01", "https://elsewhere/upload/1" };

    for (size_t i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++) {
        struct place place;

        begin(&place, tokens[i], "one", "two");
        assert_int_equal(place.told.begun, 1);
        scripted_expect(&place.script.scripted, CREATE, 200, NULL, CREATED);
        scripted_expect(&place.script.scripted, PART(1, 2), 200, "ETag: \"one\"\n", NULL);
        scripted_expect(&place.script.scripted, PART(2, 2), 200, "ETag: \"two\"\n", NULL);
        send_both(&place);
        s3_script_end(&place.script);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_is_told_before_anything_is_sent_and_again_with_the_id),
        cmocka_unit_test(an_id_that_cannot_be_written_down_sends_no_part_and_is_given_back),
        cmocka_unit_test(parts_that_were_acknowledged_and_are_listed_are_not_sent_again),
        cmocka_unit_test(parts_that_are_only_listed_are_believed_by_their_digest),
        cmocka_unit_test(parts_that_differ_or_are_not_listed_are_sent_again),
        cmocka_unit_test(lists_come_in_pages_and_those_that_never_end_are_refused),
        cmocka_unit_test(who_does_not_tell_what_it_has_is_believed_as_it_acknowledged),
        cmocka_unit_test(an_upload_that_is_gone_begins_anew_with_another_token),
        cmocka_unit_test(an_object_that_was_put_together_is_there),
        cmocka_unit_test(an_object_of_somebody_else_is_no_success),
        cmocka_unit_test(an_upload_whose_id_was_never_heard_is_found_by_its_key_and_given_back),
        cmocka_unit_test(a_search_that_cannot_be_begun_lets_the_object_go),
        cmocka_unit_test(an_upload_whose_id_was_cut_off_is_given_back_before_the_next_is_begun),
        cmocka_unit_test(a_single_put_that_got_through_is_not_sent_again),
        cmocka_unit_test(what_a_token_names_is_given_back_without_sending),
        cmocka_unit_test(a_token_that_is_none_of_ours_is_passed_over),
    };

    return cmocka_run_group_tests_name("target_s3_resume", tests, NULL, NULL);
}
