/* An http target and a server of tus that answers as the script has it: mostly badly. */
#include "engine/target_http_internal.h"
#include "support/scripted_port.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define KEY "systems/laptop-7/up/x.bin"
#define HOME "/up/"
#define OWN HOME KEY
#define BYTES 25
#define PIECE 10
#define TURNS_MAX 2000
#define OFFERS "Tus-Version: 1.0.0\nTus-Extension: creation,termination\n"

struct place {
    struct scripted_port scripted;
    struct aks_loop loop;
    struct aks_settings settings;
    struct aks_policy policy;
    struct aks_ask ask;
    struct aks_log log;
    struct aks_target_settings target_settings;
    struct aks_target_options options;
    struct aks_target *target;
    struct aks_target_object *object;
    struct aks_object_journal journal;
    const struct aks_object_resume *resume;
    char token[512];                    /* the last that was told */
    enum aks_status tells;              /* what telling it comes to, */
    bool fails_later;                   /* but for the first */
    unsigned told;
    unsigned calls;
    struct aks_outcome outcome;
};

static enum aks_status
read_bytes(void *ctx, int64_t offset, void *data, size_t len, size_t *ret_len,
    struct aks_error *err)
{
    assert_true(offset >= 0 && offset < BYTES);
    *ret_len = len < (size_t)(BYTES - offset) ? len : (size_t)(BYTES - offset);
    for (size_t i = 0; i < *ret_len; i++)
        ((char *)data)[i] = (char)('a' + offset + (int64_t)i);
    return AKS_OK;
}

static enum aks_status
begun(void *ctx, const char *token, struct aks_error *err)
{
    struct place *place = ctx;

    if (place->tells != AKS_OK && (!place->fails_later || place->told++ > 0))
        return aks_error_set(err, place->tells, "the disk is full");
    (void)snprintf(place->token, sizeof(place->token), "%s", token);
    return AKS_OK;
}

static void
stored(void *ctx, uint32_t number, const char *tag)
{
}

static void
begin(struct place *place)
{
    static char name[] = "up";
    static char url[] = "https://files.example/up";

    memset(place, 0, sizeof(*place));
    scripted_port_init(&place->scripted, aks_alloc_system());
    aks_settings_init(&place->settings, aks_alloc_system());
    place->settings.retry.jitter = AKS_JITTER_NONE;
    place->policy.settings = &place->settings;
    aks_loop_init(&place->loop, &place->scripted.port);
    assert_int_equal(aks_ask_init(&place->ask, &place->loop, &place->policy, &place->log, 1, NULL),
        AKS_OK);
    place->target_settings = (struct aks_target_settings) { .name = name,
        .kind = AKS_TARGET_HTTP, .url = url, .tus = -1 };
    place->options = (struct aks_target_options) { .port = &place->scripted.port,
        .loop = &place->loop, .ask = &place->ask, .log = &place->log,
        .settings = &place->target_settings, .system_id = "laptop-7", .upload_id = "up",
        .probe_ms = 1000 };
    place->journal = (struct aks_object_journal) { begun, stored, place };
    assert_int_equal(aks_target_http.create(&place->options, &place->target, NULL), AKS_OK);
}

static void
end(struct place *place)
{
    aks_target_http.object_free(place->object);
    aks_target_http.free(place->target);
    aks_ask_fini(&place->ask);
    aks_loop_fini(&place->loop);
    scripted_port_done(&place->scripted);
    scripted_port_fini(&place->scripted);
}

static void
done(void *ctx, const struct aks_outcome *outcome)
{
    struct place *place = ctx;

    place->calls++;
    place->outcome = *outcome;
}

static enum aks_status
wait_for(struct place *place)
{
    for (int i = 0; i < TURNS_MAX && place->calls == 0; i++)
        assert_int_equal(aks_loop_turn(&place->loop, NULL), AKS_OK);
    assert_int_equal(place->calls, 1);
    place->calls = 0;
    return place->outcome.status;
}

static enum aks_status
store(struct place *place)
{
    struct aks_object_spec spec = { .key = KEY, .content_type = "application/octet-stream",
        .bytes = BYTES, .part_bytes = PIECE, .journal = &place->journal,
        .resume = place->resume };
    struct aks_object_digest digest = { .bytes = BYTES, .sha256 = { 1, 2, 3 },
        .whole = { BYTES, read_bytes, NULL } };

    assert_int_equal(aks_target_http.open(place->target, &spec, &place->object, NULL), AKS_OK);
    aks_target_http.finish(place->object, &digest, done, place);
    assert_int_equal(place->calls, 0);
    return wait_for(place);
}

static void
expect_offer(struct place *place)
{
    (void)scripted_expect(&place->scripted, "OPTIONS " HOME, 204, OFFERS, NULL);
}

static void
expect_upload(struct place *place, const char *location)
{
    expect_offer(place);
    (void)scripted_expect(&place->scripted, "POST " HOME, 201, location, NULL);
}

static void
expect_put(struct place *place)
{
    (void)scripted_expect(&place->scripted, "PUT " OWN, 201, NULL, NULL);
    (void)scripted_expect(&place->scripted, "HEAD " OWN, 200, "Content-Length: 25\n", NULL);
}

static void
expect_pieces(struct place *place)
{
    (void)scripted_expect(&place->scripted, "PATCH " OWN, 204, "Upload-Offset: 10\n", NULL);
    (void)scripted_expect(&place->scripted, "PATCH " OWN, 204, "Upload-Offset: 20\n", NULL);
    (void)scripted_expect(&place->scripted, "PATCH " OWN, 204, "Upload-Offset: 25\n", NULL);
    (void)scripted_expect(&place->scripted, "HEAD " OWN, 200, "Content-Length: 25\n", NULL);
}

/* What was sent by request number ${index}. */
static void
assert_piece(const struct place *place, size_t index, const char *offset, const char *body)
{
    const struct scripted_request *request = &place->scripted.requests[index];

    assert_string_equal(request->line, "PATCH " OWN);
    assert_string_equal(scripted_header(&place->scripted, index, "Tus-Resumable"), "1.0.0");
    assert_string_equal(scripted_header(&place->scripted, index, "Content-Type"),
        "application/offset+octet-stream");
    assert_string_equal(scripted_header(&place->scripted, index, "Upload-Offset"), offset);
    assert_int_equal(request->body_len, strlen(body));
    assert_memory_equal(request->body, body, strlen(body));
}

static void
an_object_is_made_and_sent_in_pieces(void **state)
{
    struct place place;

    begin(&place);
    expect_upload(&place, "Location: " OWN "\n");
    expect_pieces(&place);
    assert_int_equal(store(&place), AKS_OK);
    assert_null(scripted_header(&place.scripted, 0, "Tus-Resumable"));
    assert_string_equal(scripted_header(&place.scripted, 1, "Upload-Length"), "25");
    assert_string_equal(scripted_header(&place.scripted, 1, "Upload-Metadata"),
        "filename c3lzdGVtcy9sYXB0b3AtNy91cC94LmJpbg==,filetype YXBwbGljYXRpb24vb2N0ZXQtc3RyZWFt"
        ",sha256 MDEwMjAzMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAw"
        "MDAwMA==");
    assert_piece(&place, 2, "0", "abcdefghij");
    assert_piece(&place, 3, "10", "klmnopqrst");
    assert_piece(&place, 4, "20", "uvwxy");
    assert_string_equal(place.token, "tus 01020300000000000000000000000000000000000000000000000000"
        "00000000 25 https://files.example/up/" KEY);
    end(&place);
}

static void
pieces_are_vouched_for_where_the_server_looks(void **state)
{
    struct place place;

    begin(&place);
    (void)scripted_expect(&place.scripted, "OPTIONS " HOME, 200, "Tus-Version: 1.0.0\n"
        "Tus-Extension: creation,checksum\nTus-Checksum-Algorithm: sha1,sha256\n", NULL);
    (void)scripted_expect(&place.scripted, "POST " HOME, 201, "Location: " OWN "\n", NULL);
    expect_pieces(&place);
    assert_int_equal(store(&place), AKS_OK);
    assert_string_equal(scripted_header(&place.scripted, 4, "Upload-Checksum"),
        "sha256 nNMHyC6H0azQiae/kJWX9gBdrdL5GG/R+r7Fw11W2r4=");
    end(&place);
}

/* Nothing goes where the server was not asked to be, whatever it says; and a PUT to the address
 * that the policy has is safe. */
static void
nothing_is_sent_to_another_place(void **state)
{
    static const char *const locations[] = { "Location: https://evil.example/up/x\n",
        "Location: http://files.example/up/x\n", "Location: //evil.example/up/x\n",
        "Location: https://files.example:8443/up/x\n", "Location: https://a:b@files.example/x\n",
        "Location: /up/../../x\n", "Location: \n", NULL };

    for (size_t i = 0; i < sizeof(locations) / sizeof(locations[0]); i++) {
        struct place place;

        begin(&place);
        place.target_settings.tus = 1;
        expect_upload(&place, locations[i]);
        expect_put(&place);
        assert_int_equal(store(&place), AKS_OK);
        for (size_t j = 0; j < place.scripted.request_count; j++)
            assert_int_equal(strncmp(place.scripted.requests[j].url, "https://files.example/up/",
                strlen("https://files.example/up/")), 0);
        end(&place);
    }
}

static void
redirects_are_not_followed(void **state)
{
    static const int codes[] = { 301, 302, 307, 308 };

    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        struct place place;

        begin(&place);
        place.settings.retry.tries = 1;
        expect_upload(&place, "Location: " OWN "\n");
        (void)scripted_expect(&place.scripted, "PATCH " OWN, codes[i],
            "Location: https://evil.example/\n", NULL);
        assert_int_equal(store(&place), AKS_BAD_REPLY);
        end(&place);
    }
}

/* HEAD tells the truth after that. */
static void
offsets_that_cannot_be_are_not_believed(void **state)
{
    static const char *const lies[] = { NULL, "Upload-Offset: 0\n", "Upload-Offset: 11\n",
        "Upload-Offset: 25\n", "Upload-Offset: -1\n", "Upload-Offset: ten\n",
        "Upload-Offset: 99999999999999999999\n" };

    for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        struct place place;

        begin(&place);
        expect_upload(&place, "Location: " OWN "\n");
        (void)scripted_expect(&place.scripted, "PATCH " OWN, 204, lies[i], NULL);
        (void)scripted_expect(&place.scripted, "HEAD " OWN, 200,
            "Upload-Offset: 0\nUpload-Length: 25\n", NULL);
        expect_pieces(&place);
        assert_int_equal(store(&place), AKS_OK);
        assert_piece(&place, 4, "0", "abcdefghij");
        end(&place);
    }
}

/* It has what was never sent, or is another upload: a new one is made. */
static void
an_upload_that_is_another_is_left_alone(void **state)
{
    static const char *const lies[] = { "Upload-Offset: 20\n", "Upload-Offset: 25\n",
        "Upload-Offset: 10\nUpload-Length: 26\n", "Upload-Length: 25\n", NULL };

    for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        struct place place;

        begin(&place);
        expect_upload(&place, "Location: " OWN "\n");
        (void)scripted_fails(&place.scripted, "PATCH " OWN, AKS_BAD_REPLY, AKS_HTTP_SEND);
        (void)scripted_expect(&place.scripted, "HEAD " OWN, 200, lies[i], NULL);
        (void)scripted_expect(&place.scripted, "POST " HOME, 201, "Location: " OWN "\n", NULL);
        expect_pieces(&place);
        assert_int_equal(store(&place), AKS_OK);
        end(&place);
    }
}

/* It always says that it took a little less: that ends. */
static void
a_server_that_never_comes_forward_gets_a_put(void **state)
{
    static const char *const offsets[AKS_TARGET_HTTP_TUS_SETBACKS_MAX + 1] = {
        "Upload-Offset: 1\n", "Upload-Offset: 2\n", "Upload-Offset: 3\n", "Upload-Offset: 4\n",
        "Upload-Offset: 5\n", "Upload-Offset: 6\n" };
    struct place place;

    begin(&place);
    expect_upload(&place, "Location: " OWN "\n");
    for (size_t i = 0; i <= AKS_TARGET_HTTP_TUS_SETBACKS_MAX; i++)
        (void)scripted_expect(&place.scripted, "PATCH " OWN, 204, offsets[i], NULL);
    (void)scripted_expect(&place.scripted, "DELETE " OWN, 204, NULL, NULL);
    expect_put(&place);
    assert_int_equal(store(&place), AKS_OK);
    end(&place);
}

static void
what_a_process_before_has_sent_is_not_sent_again(void **state)
{
    struct aks_object_resume resume = { "tus 01020300000000000000000000000000000000000000000000"
        "00000000000000 25 https://files.example/up/" KEY, NULL, 0, false };
    struct place place;

    begin(&place);
    place.resume = &resume;
    expect_offer(&place);
    (void)scripted_expect(&place.scripted, "HEAD " OWN, 200,
        "Upload-Offset: 13\nUpload-Length: 25\n", NULL);
    (void)scripted_expect(&place.scripted, "PATCH " OWN, 204, "Upload-Offset: 23\n", NULL);
    (void)scripted_expect(&place.scripted, "PATCH " OWN, 204, "Upload-Offset: 25\n", NULL);
    (void)scripted_expect(&place.scripted, "HEAD " OWN, 200, "Content-Length: 25\n", NULL);
    assert_int_equal(store(&place), AKS_OK);
    assert_piece(&place, 2, "13", "nopqrstuvw");
    assert_int_equal(place.object->kept_bytes, 13);
    end(&place);
}

/* The bytes are others now: what was begun is given back. */
static void
what_cannot_be_gone_on_with_is_given_back(void **state)
{
    struct aks_object_resume resume = { "tus ff020300000000000000000000000000000000000000000000"
        "00000000000000 25 https://files.example/up/old", NULL, 0, false };
    struct place place;

    begin(&place);
    place.resume = &resume;
    (void)scripted_expect(&place.scripted, "DELETE " HOME "old", 204, NULL, NULL);
    expect_upload(&place, "Location: " OWN "\n");
    expect_pieces(&place);
    assert_int_equal(store(&place), AKS_OK);
    assert_int_equal(place.object->kept_bytes, 0);
    assert_non_null(strstr(place.token, "/up/" KEY));
    end(&place);
}

static void
what_is_gone_begins_anew(void **state)
{
    struct aks_object_resume resume = { "tus 01020300000000000000000000000000000000000000000000"
        "00000000000000 25 https://files.example/up/old", NULL, 0, false };
    struct place place;

    begin(&place);
    place.resume = &resume;
    expect_offer(&place);
    (void)scripted_expect(&place.scripted, "HEAD " HOME "old", 410, NULL, NULL);
    (void)scripted_expect(&place.scripted, "POST " HOME, 201, "Location: " OWN "\n", NULL);
    expect_pieces(&place);
    assert_int_equal(store(&place), AKS_OK);
    end(&place);
}

static void
tokens_that_are_none_lead_nowhere(void **state)
{
    static const char *const tokens[] = { "", "put", "tus", "tus ", "tus 00 25 /up/x",
        "tus 0102030000000000000000000000000000000000000000000000000000000000 25",
        "tus 0102030000000000000000000000000000000000000000000000000000000000 25 ",
        "tus 0102030000000000000000000000000000000000000000000000000000000000 -1 /up/x",
        "tus 0102030000000000000000000000000000000000000000000000000000000000 25 "
        "https://evil.example/up/x" };

    for (size_t i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++) {
        struct aks_object_resume resume = { tokens[i], NULL, 0, false };
        struct place place;

        begin(&place);
        place.resume = &resume;
        expect_upload(&place, "Location: " OWN "\n");
        expect_pieces(&place);
        assert_int_equal(store(&place), AKS_OK);
        end(&place);
    }
}

/* An upload that nobody could find again is not gone on with, and not left behind. */
static void
an_address_that_cannot_be_written_down_ends_it(void **state)
{
    struct place place;

    begin(&place);
    expect_upload(&place, "Location: " OWN "\n");
    place.tells = AKS_STATE;
    place.fails_later = true;
    assert_int_equal(store(&place), AKS_STATE);
    (void)scripted_expect(&place.scripted, "DELETE " OWN, 204, NULL, NULL);
    aks_target_http.abort(place.object, done, &place);
    assert_int_equal(wait_for(&place), AKS_OK);
    end(&place);
}

static void
abort_says_whether_the_server_is_rid_of_it(void **state)
{
    static const int codes[] = { 204, 404, 410, 405, 500 };

    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        struct place place;

        begin(&place);
        place.settings.retry.tries = 1;
        expect_upload(&place, "Location: " OWN "\n");
        (void)scripted_expect(&place.scripted, "PATCH " OWN, 507, NULL, NULL);
        assert_int_equal(store(&place), AKS_NO_SPACE);
        (void)scripted_expect(&place.scripted, "DELETE " OWN, codes[i], NULL, NULL);
        aks_target_http.abort(place.object, done, &place);
        assert_int_equal(wait_for(&place), i < 3 ? AKS_OK : AKS_BAD_REPLY);
        end(&place);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_object_is_made_and_sent_in_pieces),
        cmocka_unit_test(pieces_are_vouched_for_where_the_server_looks),
        cmocka_unit_test(nothing_is_sent_to_another_place),
        cmocka_unit_test(redirects_are_not_followed),
        cmocka_unit_test(offsets_that_cannot_be_are_not_believed),
        cmocka_unit_test(an_upload_that_is_another_is_left_alone),
        cmocka_unit_test(a_server_that_never_comes_forward_gets_a_put),
        cmocka_unit_test(what_a_process_before_has_sent_is_not_sent_again),
        cmocka_unit_test(what_cannot_be_gone_on_with_is_given_back),
        cmocka_unit_test(what_is_gone_begins_anew),
        cmocka_unit_test(tokens_that_are_none_lead_nowhere),
        cmocka_unit_test(an_address_that_cannot_be_written_down_ends_it),
        cmocka_unit_test(abort_says_whether_the_server_is_rid_of_it),
    };

    return cmocka_run_group_tests_name("target_tus", tests, NULL, NULL);
}
