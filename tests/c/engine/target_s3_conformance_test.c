/* The contract of targets, held by S3 against a server in memory. */
#include "engine/s3_server.h"
#include "engine/target_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PREFIX "some/where/"

struct place {
    struct target_world *world;
    struct s3_server server;
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
    const struct s3_stored *stored;
    char full[600] = PREFIX;

    stored = s3_server_object(&place->server, strcat(full, key));
    if (stored == NULL)
        return aks_error_set(err, AKS_NOT_FOUND, "there is no %s", full);
    aks_buf_append(ret_data, stored->data, stored->len);
    return aks_buf_status(ret_data, key, err);
}

static int
set_up(void **state)
{
    static char bucket[] = S3_SERVER_BUCKET;
    static char region[] = "auto";
    static char endpoint[] = "https://s3.example";
    static char prefix[] = PREFIX;
    static char credentials[] = "environment";
    struct place *place = calloc(1, sizeof(*place));
    struct target_world *world = target_world_new(AKS_TARGET_S3);

    assert_non_null(place);
    place->world = world;
    s3_server_init(&place->server);
    world->port.http = place->server.http;
    world->port.environment.get = variable;
    world->deliver = s3_server_deliver;
    world->deliver_ctx = &place->server;
    world->target.bucket = bucket;
    world->target.region = region;
    world->target.endpoint = endpoint;
    world->target.prefix = prefix;
    world->target.credentials = credentials;
    world->target.path_style = -1;
    world->at.read = read_object;
    world->at.ctx = place;
    *state = &world->at;
    return 0;
}

static int
tear_down(void **state)
{
    const struct target_case *at = *state;
    struct place *place = at->ctx;

    target_world_free(place->world);
    s3_server_fini(&place->server);
    free(place);
    return 0;
}

static void
no_upload_is_left_open_after_an_abort(void **state)
{
    struct target_case *at = *state;
    const struct place *place = at->ctx;

    target_leaves_nothing_visible_after_an_abort(state);
    assert_true(place->server.uploads > 0);
    assert_int_equal(place->server.uploads_open, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TARGET_CONFORMANCE_TESTS(set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_upload_is_left_open_after_an_abort, set_up, tear_down),
    };

    return cmocka_run_group_tests_name("target_s3_conformance", tests, NULL, NULL);
}
