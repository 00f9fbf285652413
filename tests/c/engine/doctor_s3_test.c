/* What doctor says of a bucket and its key, for what stores answer: what is refused is no finding,
 * what is open is one, and what nobody answers is unknown. */
#include "engine/doctor_internal.h"

#include "engine/s3_answers.h"
#include "support/failing_alloc.h"
#include "support/json_look.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* A doctor that has opened the target of a script. */
struct place {
    struct s3_script script;
    struct aks_engine engine;
    struct aks_doctor_options options;
    struct doctor doctor;
    json_t *row;
    json_t *capabilities;
    struct s3_answer answers[AKS_S3_QUESTIONS];
};

static void
begin_in(struct place *place, const struct aks_alloc *alloc,
    const struct s3_answer answers[AKS_S3_QUESTIONS])
{
    struct s3_script *script = &place->script;
    struct doctor *doctor = &place->doctor;

    memset(place, 0, sizeof(*place));
    s3_answers_begin(script, alloc);
    aks_loop_init(&place->engine.loop, &script->scripted.port);
    script->options.loop = &place->engine.loop;
    doctor->engine = &place->engine;
    doctor->port = &script->scripted.port;
    doctor->options = &place->options;
    doctor->findings = json_array();
    doctor->reader.engine = &place->engine;
    doctor->reader.class = &aks_target_s3;
    place->row = json_object();
    place->capabilities = json_object();
    memcpy(place->answers, answers, sizeof(place->answers));
}

static void
begin(struct place *place, const struct s3_answer answers[AKS_S3_QUESTIONS])
{
    begin_in(place, aks_alloc_system(), answers);
}

static void
end(struct place *place)
{
    struct aks_reader *reader = &place->doctor.reader;

    aks_reader_close(reader);
    json_decref(place->doctor.findings);
    json_decref(place->row);
    json_decref(place->capabilities);
    s3_script_end(&place->script);
    aks_loop_fini(&place->engine.loop);
}

static enum aks_status
examine(struct place *place)
{
    struct aks_reader *reader = &place->doctor.reader;

    reader->own = place->script.target_settings;
    if (aks_target_s3.create(&place->script.options, &reader->target, NULL) != AKS_OK)
        return AKS_LIMIT;
    return aks_doctor_s3(&place->doctor, place->row, place->capabilities);
}

static void
look(struct place *place)
{
    s3_answers_expect(&place->script, place->answers);
    assert_int_equal(examine(place), AKS_OK);
}

/* Asserts that ${check} was told once, as ${outcome}, with ${words} in it. */
static void
found(const struct place *place, const char *check, const char *outcome, const char *words)
{
    const json_t *one;
    unsigned times = 0;
    size_t i;

    json_array_foreach(place->doctor.findings, i, one) {
        if (strcmp(json_look_text(one, "check"), check) != 0)
            continue;
        times++;
        assert_string_equal(json_look_text(one, "target"), "cloud");
        if (strcmp(json_look_text(one, "outcome"), outcome) != 0 ||
            strstr(json_look_text(one, "message"), words) == NULL)
            fail_msg("%s is %s: %s", check, json_look_text(one, "outcome"),
                json_look_text(one, "message"));
    }
    assert_int_equal(times, 1);
}

static void
answer(struct place *place, enum aks_s3_question question, int status, const char *body)
{
    place->answers[question].status = status;
    place->answers[question].body = body;
}

static void
a_key_that_may_what_it_needs_is_fine(void **state)
{
    struct place place;

    begin(&place, s3_answers_tight);
    place.answers[AKS_S3_ASK_PUT].headers = "Date: Thu, 01 Jan 1970 00:00:01 GMT\n";
    place.script.scripted.wall_ms = 0;
    look(&place);
    assert_int_equal(place.doctor.counts[AKS_DOCTOR_WARNING], 0);
    assert_int_equal(place.doctor.counts[AKS_DOCTOR_PROBLEM], 0);
    assert_int_equal(place.doctor.counts[AKS_DOCTOR_UNKNOWN], 0);
    found(&place, "credentials", "ok", "from: environment");
    found(&place, "transport", "ok", "TLS to s3.example:9000");
    found(&place, "clock", "ok", "agrees");
    found(&place, "put", "ok", "If-None-Match is honoured");
    found(&place, "list", "ok", "may list what is this machine's");
    found(&place, "least_list", "ok", "may not list the whole bucket");
    found(&place, "least_read", "ok", "refused what other machines store");
    found(&place, "least_delete", "ok", "may not delete");
    found(&place, "public", "ok", "nothing is to be had without a key");
    found(&place, "public_policy", "ok", "has no policy");
    found(&place, "public_access", "ok", "all public access is blocked");
    found(&place, "encryption", "ok", "aws:kms");
    found(&place, "versioning", "ok", "versions are kept");
    found(&place, "lifecycle", "ok", "are dropped");
    assert_true(json_is_true(json_look(place.capabilities, "conditional_put")));
    assert_string_equal(json_look_text(place.row, "region"), "us-east-1");
    assert_true(json_is_null(json_look(place.row, "credentials.expires_at")));
    end(&place);
}

static void
a_key_that_may_everything_is_warned_of_and_a_public_bucket_is_a_problem(void **state)
{
    struct place place;

    begin(&place, s3_answers_open);
    look(&place);
    found(&place, "clock", "warning", "ahead of the store's");
    found(&place, "least_list", "warning", "sees which machines there are");
    found(&place, "least_read", "warning", "what other machines store");
    found(&place, "least_delete", "warning", "can take everything away");
    found(&place, "public", "problem", "can list what is stored, without any key");
    found(&place, "public_policy", "problem", "makes it public");
    found(&place, "public_access", "warning", "0 of the 4 blocks");
    found(&place, "encryption", "ok", "AES256");
    found(&place, "versioning", "unknown", "no answer that can be read");
    found(&place, "lifecycle", "unknown", "this key may not ask, as it should be");
    assert_int_equal(place.doctor.counts[AKS_DOCTOR_PROBLEM], 2);
    assert_int_equal(place.doctor.worst.status, AKS_CONFLICT);
    assert_non_null(strstr(place.doctor.worst.message, "public"));
    assert_non_null(strstr(place.doctor.worst.hint, "public-access"));
    end(&place);
}

/* Reading what is stored is worse than a list of it, and is what is told. */
static void
what_strangers_can_read_is_told(void **state)
{
    struct place place;

    begin(&place, s3_answers_tight);
    answer(&place, AKS_S3_ASK_STRANGER_LIST, 200, NULL);
    answer(&place, AKS_S3_ASK_STRANGER_READ, 200, NULL);
    look(&place);
    found(&place, "public", "problem", "can read what is stored, without any key");
    end(&place);
    begin(&place, s3_answers_tight);
    answer(&place, AKS_S3_ASK_STRANGER_READ, 503, NULL);
    look(&place);
    found(&place, "public", "unknown", "can have: the store does not tell (HTTP 503");
    end(&place);
}

static void
a_key_that_may_not_put_delivers_nothing(void **state)
{
    struct place place;

    begin(&place, s3_answers_tight);
    answer(&place, AKS_S3_ASK_PUT, 403, S3_ANSWERS_CODE("AccessDenied"));
    answer(&place, AKS_S3_ASK_LIST_OWN, 403, S3_ANSWERS_CODE("AccessDenied"));
    look(&place);
    found(&place, "put", "problem", "nothing can be delivered");
    found(&place, "list", "warning", "list, restore and prune cannot find uploads");
    assert_int_equal(place.doctor.worst.status, AKS_FORBIDDEN);
    assert_non_null(strstr(place.doctor.worst.hint, "bucket-policy"));
    end(&place);
}

/* By what a store makes of If-None-Match: the condition of manifests, and so of two writers. */
static void
conditions_are_honoured_refused_or_ignored(void **state)
{
    static const struct {
        int first;
        int again;
        const char *outcome;
        const char *words;
        int conditional;                /* -1: not known */
    } cases[] = {
        { 412, 0, "ok", "is honoured", 1 },
        { 200, 412, "ok", "is honoured", 1 },
        { 200, 200, "warning", "does not honour If-None-Match", 0 },
        { 501, 0, "ok", "refuses If-None-Match", 0 },
        { 400, 0, "ok", "refuses If-None-Match", 0 },
        { 503, 0, "unknown", "whether the key may put: the store does not tell (HTTP 503)", -1 },
        { 200, 503, "unknown", "whether the key may put: the store does not tell (HTTP 503)", -1 },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct place place;
        const json_t *told;

        begin(&place, s3_answers_tight);
        answer(&place, AKS_S3_ASK_PUT, cases[i].first, NULL);
        answer(&place, AKS_S3_ASK_PUT_AGAIN, cases[i].again, NULL);
        look(&place);
        found(&place, "put", cases[i].outcome, cases[i].words);
        told = json_look(place.capabilities, "conditional_put");
        if (cases[i].conditional < 0)
            assert_null(told);
        else
            assert_int_equal(json_is_true(told), cases[i].conditional);
        end(&place);
    }
}

static void
without_markers_it_is_not_tried(void **state)
{
    struct place place;

    begin(&place, s3_answers_tight);
    place.script.target_settings.no_markers = true;
    answer(&place, AKS_S3_ASK_PUT, 0, NULL);
    answer(&place, AKS_S3_ASK_STRANGER_READ, 0, NULL);
    look(&place);
    found(&place, "put", "unknown", "the policy wants none");
    found(&place, "public", "unknown", "the list is refused; reading is tried with the marker, and "
        "the policy wants none");
    end(&place);
}

/* 403 of what is not there says nothing, unless the store tells absence elsewhere. */
static void
a_store_that_hides_what_is_not_there_is_not_taken_for_a_tight_one(void **state)
{
    struct place place;

    begin(&place, s3_answers_tight);
    answer(&place, AKS_S3_ASK_READ_OWN, 403, S3_ANSWERS_CODE("AccessDenied"));
    look(&place);
    found(&place, "least_read", "unknown", "which the store also says of what is not there");
    end(&place);
}

static void
a_bucket_that_could_be_safer_is_warned_of(void **state)
{
    struct place place;

    begin(&place, s3_answers_tight);
    answer(&place, AKS_S3_ASK_POLICY_STATUS, 200, "<PolicyStatus/>");
    answer(&place, AKS_S3_ASK_PUBLIC_ACCESS, 200, "<PublicAccessBlockConfiguration>"
        "<BlockPublicAcls>true</BlockPublicAcls></PublicAccessBlockConfiguration>");
    answer(&place, AKS_S3_ASK_ENCRYPTION, 404, S3_ANSWERS_CODE("NotFound"));
    answer(&place, AKS_S3_ASK_VERSIONING, 200, "<VersioningConfiguration/>");
    answer(&place, AKS_S3_ASK_LIFECYCLE, 404, S3_ANSWERS_CODE("NoSuchLifecycleConfiguration"));
    look(&place);
    found(&place, "public_policy", "ok", "does not make it public");
    found(&place, "public_access", "warning", "1 of the 4 blocks");
    found(&place, "encryption", "warning", "no encryption at rest");
    found(&place, "versioning", "ok", "no versions are kept");
    found(&place, "lifecycle", "warning", "no rule drops");
    end(&place);
}

static void
a_store_that_does_not_know_a_question_is_told_with_its_word(void **state)
{
    struct place place;

    begin(&place, s3_answers_tight);
    for (int i = AKS_S3_ASK_POLICY_STATUS; i < AKS_S3_QUESTIONS; i++)
        answer(&place, (enum aks_s3_question)i, 501, S3_ANSWERS_CODE("NotImplemented"));
    look(&place);
    found(&place, "public_policy", "unknown", "(HTTP 501, NotImplemented)");
    found(&place, "public_access", "unknown", "(HTTP 501, NotImplemented)");
    found(&place, "encryption", "unknown", "(HTTP 501, NotImplemented)");
    found(&place, "versioning", "unknown", "(HTTP 501, NotImplemented)");
    found(&place, "lifecycle", "unknown", "(HTTP 501, NotImplemented)");
    end(&place);
}

/* Nothing is said to be fine that nobody has said. */
static void
without_answers_all_is_unknown(void **state)
{
    struct place place;

    begin(&place, s3_answers_tight);
    scripted_fails(&place.script.scripted, s3_answers_lines[AKS_S3_ASK_PUT], AKS_TIMEOUT,
        AKS_HTTP_ANSWER);
    assert_int_equal(examine(&place), AKS_OK);
    assert_int_equal(place.doctor.counts[AKS_DOCTOR_OK], 2);
    found(&place, "credentials", "ok", "environment");
    found(&place, "transport", "ok", "TLS");
    found(&place, "clock", "unknown", "tells no date");
    found(&place, "put", "unknown", "no answer that can be read");
    found(&place, "least_delete", "unknown", "no answer that can be read");
    assert_int_equal(place.doctor.counts[AKS_DOCTOR_PROBLEM], 0);
    end(&place);
}

static void
a_clock_that_is_wrong_is_told_by_how_much(void **state)
{
    struct place place;

    begin(&place, s3_answers_tight);
    place.answers[AKS_S3_ASK_PUT].headers = "Date: Thu, 01 Jan 1970 02:00:00 GMT\n";
    place.script.scripted.wall_ms = 0;
    look(&place);
    found(&place, "clock", "warning", "this machine's clock is 2 h 0 min behind the store's");
    assert_float_equal(json_look_real(place.row, "clock_skew_s"), 7200, 1);
    end(&place);
}

static void
a_plain_connection_is_warned_of(void **state)
{
    static char endpoint[] = "http://127.0.0.1:9000";
    struct place place;

    begin(&place, s3_answers_tight);
    place.script.target_settings.endpoint = endpoint;
    look(&place);
    found(&place, "transport", "warning", "a plain connection to 127.0.0.1:9000");
    end(&place);
}

static void
who_interrupts_does_not_wait(void **state)
{
    struct place place;

    begin(&place, s3_answers_tight);
    scripted_expect(&place.script.scripted, s3_answers_lines[AKS_S3_ASK_PUT], 412, NULL,
        NULL)->silent = true;
    atomic_store(&place.engine.interrupted, 2);
    assert_int_equal(examine(&place), AKS_CANCELLED);
    assert_null(place.doctor.reader.target);
    for (size_t i = 0; i < place.script.scripted.exchange_count; i++)
        place.script.scripted.exchanges[i].used = true;
    end(&place);
}

/* Whatever is missing, nothing is called fine that was not answered so. */
static int
look_in(void *ctx, const struct aks_alloc *alloc)
{
    struct place place;
    int rc;

    begin_in(&place, alloc, s3_answers_open);
    s3_answers_expect(&place.script, place.answers);
    rc = examine(&place) == AKS_OK && place.doctor.counts[AKS_DOCTOR_OK] > 5;
    for (size_t i = 0; i < place.script.scripted.exchange_count; i++)
        place.script.scripted.exchanges[i].used = true;
    end(&place);
    return rc;
}

static void
a_look_survives_any_allocation_that_fails(void **state)
{
    failing_alloc_loop(look_in, NULL, 2000);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_that_may_what_it_needs_is_fine),
        cmocka_unit_test(a_key_that_may_everything_is_warned_of_and_a_public_bucket_is_a_problem),
        cmocka_unit_test(what_strangers_can_read_is_told),
        cmocka_unit_test(a_key_that_may_not_put_delivers_nothing),
        cmocka_unit_test(conditions_are_honoured_refused_or_ignored),
        cmocka_unit_test(without_markers_it_is_not_tried),
        cmocka_unit_test(a_store_that_hides_what_is_not_there_is_not_taken_for_a_tight_one),
        cmocka_unit_test(a_bucket_that_could_be_safer_is_warned_of),
        cmocka_unit_test(a_store_that_does_not_know_a_question_is_told_with_its_word),
        cmocka_unit_test(without_answers_all_is_unknown),
        cmocka_unit_test(a_clock_that_is_wrong_is_told_by_how_much),
        cmocka_unit_test(a_plain_connection_is_warned_of),
        cmocka_unit_test(who_interrupts_does_not_wait),
        cmocka_unit_test(a_look_survives_any_allocation_that_fails),
    };

    return cmocka_run_group_tests_name("doctor_s3", tests, NULL, NULL);
}
