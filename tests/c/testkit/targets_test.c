/* The contract of targets, held by our own S3 and HTTP against the models: by S3 in whole against
 * the strictest profile and the sloppy one, and for what goes up and comes down against each. */
#include "engine/target_world.h"
#include "testkit/http_model.h"
#include "testkit/model_http.h"
#include "testkit/s3_model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PREFIX "some/where/"
#define BUCKET "bkt"

struct place {
    struct target_world *world;
    struct model_http server;
    struct aks_s3_model *s3;
    struct aks_http_model *http;
};

static const char *
variable(void *ctx, const char *name)
{
    if (strcmp(name, "AWS_ACCESS_KEY_ID") == 0 || strcmp(name, "AWS_SECRET_ACCESS_KEY") == 0)
        return "example";
    return NULL;
}

static enum aks_status
read_object(void *ctx, const char *key, struct aks_buf *ret_data, struct aks_error *err)
{
    const struct place *place = ctx;
    const void *data = NULL;
    size_t len = 0;
    char full[600];

    (void)snprintf(full, sizeof(full), PREFIX "%s", key);
    if (place->s3 != NULL) {
        const struct aks_s3_object *object = aks_s3_model_object(place->s3, full);

        data = object != NULL ? object->data : NULL;
        len = object != NULL ? object->len : 0;
    } else {
        data = aks_http_model_object(place->http, key, &len);
    }
    if (data == NULL)
        return aks_error_set(err, AKS_NOT_FOUND, "there is no %s", key);
    aks_buf_append(ret_data, data, len);
    return aks_buf_status(ret_data, key, err);
}

static struct place *
place_new(enum aks_target_kind kind)
{
    struct place *place = calloc(1, sizeof(*place));

    assert_non_null(place);
    place->world = target_world_new(kind);
    place->world->at.read = read_object;
    place->world->at.ctx = place;
    return place;
}

static void
serve_by(struct place *place, aks_sim_serve *serve, void *model)
{
    struct target_world *world = place->world;

    model_http_init(&place->server, serve, model, &world->port.clock);
    world->port.http = place->server.http;
    world->deliver = model_http_deliver;
    world->deliver_ctx = &place->server;
}

static int
set_up_s3(void **state, enum aks_s3_profile profile)
{
    static char bucket[] = BUCKET;
    static char region[] = "us-east-1";
    static char endpoint[] = "https://s3.example";
    static char prefix[] = PREFIX;
    static char credentials[] = "environment";
    struct place *place = place_new(AKS_TARGET_S3);
    struct aks_target_settings *target = &place->world->target;
    struct aks_s3_model_options options = { .profile = profile, .region = region,
        .bucket = bucket, .access_key = "example", .secret_key = "example",
        .part_bytes_min = place->world->at.part_bytes, .seed = 1 };

    assert_int_equal(aks_s3_model_new(aks_alloc_system(), &options, &place->s3, NULL), AKS_OK);
    serve_by(place, aks_s3_model_serve, place->s3);
    place->world->port.environment.get = variable;
    place->world->at.create_only_holds = true;
    target->bucket = bucket;
    target->region = region;
    target->endpoint = endpoint;
    target->prefix = prefix;
    target->credentials = credentials;
    target->path_style = -1;
    *state = &place->world->at;
    return 0;
}

static int
set_up_strict(void **state)
{
    return set_up_s3(state, AKS_S3_STRICT);
}

static int
set_up_aws(void **state)
{
    return set_up_s3(state, AKS_S3_AWS);
}

static int
set_up_r2(void **state)
{
    return set_up_s3(state, AKS_S3_R2);
}

static int
set_up_minio(void **state)
{
    return set_up_s3(state, AKS_S3_MINIO);
}

static int
set_up_versitygw(void **state)
{
    return set_up_s3(state, AKS_S3_VERSITYGW);
}

static int
set_up_sloppy(void **state)
{
    (void)set_up_s3(state, AKS_S3_SLOPPY);
    ((struct target_case *)*state)->create_only_holds = false;
    return 0;
}

static int
set_up_receiver(void **state, enum aks_http_model_tus tus, int uses)
{
    static char url[] = "https://receiver.example/upload";
    struct place *place = place_new(AKS_TARGET_HTTP);
    struct aks_http_model_options options = { .path = "/upload", .checks_digest = true,
        .conditional = true, .reads_back = true, .tus = tus, .checks_pieces = uses < 0 };

    assert_int_equal(aks_http_model_new(aks_alloc_system(), &options, &place->http, NULL), AKS_OK);
    serve_by(place, aks_http_model_serve, place->http);
    place->world->target.url = url;
    place->world->target.tus = uses;
    *state = &place->world->at;
    return 0;
}

static int
set_up_http(void **state)
{
    return set_up_receiver(state, AKS_HTTP_MODEL_TUS_NONE, -1);
}

static int
set_up_tus(void **state)
{
    return set_up_receiver(state, AKS_HTTP_MODEL_TUS_KEY, -1);
}

static int
set_up_tus_elsewhere(void **state)
{
    return set_up_receiver(state, AKS_HTTP_MODEL_TUS_ELSEWHERE, 1);
}

static int
tear_down(void **state)
{
    const struct target_case *at = *state;
    struct place *place = at->ctx;

    target_world_free(place->world);
    model_http_fini(&place->server);
    aks_s3_model_free(place->s3);
    aks_http_model_free(place->http);
    free(place);
    return 0;
}

static void
no_upload_is_left_open_after_an_abort(void **state)
{
    struct target_case *at = *state;
    const struct place *place = at->ctx;

    target_leaves_nothing_visible_after_an_abort(state);
    assert_int_equal(aks_s3_model_uploads_open(place->s3), 0);
}

#define TRANSFERS(setup) \
    TARGET_CONFORMANCE_TEST(target_takes_objects_of_every_size, setup, tear_down), \
    TARGET_CONFORMANCE_TEST(target_takes_parts_in_any_order_and_several_at_once, setup, \
        tear_down), \
    TARGET_CONFORMANCE_TEST(target_puts_and_gets_small_objects, setup, tear_down), \
    TARGET_CONFORMANCE_TEST(target_does_not_replace_what_is_only_to_be_created, setup, \
        tear_down), \
    TARGET_CONFORMANCE_TEST(target_says_not_found_of_what_is_absent, setup, tear_down), \
    TARGET_CONFORMANCE_TEST(target_takes_every_byte_that_keys_may_have, setup, tear_down), \
    TARGET_CONFORMANCE_TEST(target_lists_one_level_or_says_that_it_cannot, setup, tear_down), \
    cmocka_unit_test_setup_teardown(no_upload_is_left_open_after_an_abort, setup, tear_down)
#define PROFILE(set_up) \
    TARGET_CONFORMANCE_TESTS(set_up, tear_down), \
    cmocka_unit_test_setup_teardown(no_upload_is_left_open_after_an_abort, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest strict[] = { PROFILE(set_up_strict) };
    const struct CMUnitTest aws[] = { TRANSFERS(set_up_aws) };
    const struct CMUnitTest r2[] = { TRANSFERS(set_up_r2) };
    const struct CMUnitTest minio[] = { TRANSFERS(set_up_minio) };
    const struct CMUnitTest versitygw[] = { TRANSFERS(set_up_versitygw) };
    const struct CMUnitTest sloppy[] = { PROFILE(set_up_sloppy) };
    const struct CMUnitTest http[] = { TARGET_CONFORMANCE_TESTS(set_up_http, tear_down) };
    const struct CMUnitTest tus[] = { TARGET_CONFORMANCE_TESTS(set_up_tus, tear_down) };
    const struct CMUnitTest elsewhere[] = { TARGET_CONFORMANCE_TESTS(set_up_tus_elsewhere,
        tear_down) };
    int failed = 0;

    failed += cmocka_run_group_tests_name("targets_s3_strict", strict, NULL, NULL);
    failed += cmocka_run_group_tests_name("targets_s3_aws", aws, NULL, NULL);
    failed += cmocka_run_group_tests_name("targets_s3_r2", r2, NULL, NULL);
    failed += cmocka_run_group_tests_name("targets_s3_minio", minio, NULL, NULL);
    failed += cmocka_run_group_tests_name("targets_s3_versitygw", versitygw, NULL, NULL);
    failed += cmocka_run_group_tests_name("targets_s3_sloppy", sloppy, NULL, NULL);
    failed += cmocka_run_group_tests_name("targets_http", http, NULL, NULL);
    failed += cmocka_run_group_tests_name("targets_tus", tus, NULL, NULL);
    failed += cmocka_run_group_tests_name("targets_tus_elsewhere", elsewhere, NULL, NULL);
    return failed;
}
