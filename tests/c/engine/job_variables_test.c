/* What a job takes along of AWS's variables: settings are written down, secrets only by name. */
#include "engine/job_variables.h"
#include "support/scripted_port.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static bool
written(const struct aks_job *job, const char *pair)
{
    for (size_t i = 0; i < job->variables.count; i++) {
        if (strcmp(job->variables.pairs[i], pair) == 0)
            return true;
    }
    return false;
}

static bool
handed(const struct aks_job *job, const char *name)
{
    for (size_t i = 0; i < job->handed_count; i++) {
        if (strcmp(job->handed[i], name) == 0)
            return true;
    }
    return false;
}

static void
settings_are_written_down_and_secrets_named(void **state)
{
    static const char *const plain[] = {
        "AWS_ROLE_ARN=arn:aws:iam::1:role/r", "AWS_ROLE_SESSION_NAME=me",
        "AWS_ENDPOINT_URL_STS=https://sts.example", "AWS_EC2_METADATA_DISABLED=true",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI=http://169.254.170.23/v1/credentials",
    };
    static const char *const secret[] = {
        "AWS_ACCESS_KEY_ID=planted", "AWS_SECRET_ACCESS_KEY=planted", "AWS_SESSION_TOKEN=planted",
        "AWS_CREDENTIAL_EXPIRATION=planted", "AWS_CONTAINER_AUTHORIZATION_TOKEN=planted",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=/planted",
    };
    struct scripted_port scripted;
    struct aks_job job;

    scripted_port_init(&scripted, aks_alloc_system());
    aks_job_init(&job, aks_alloc_system());
    for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
        scripted_set(&scripted, plain[i]);
    for (size_t i = 0; i < sizeof(secret) / sizeof(secret[0]); i++)
        scripted_set(&scripted, secret[i]);
    scripted_set(&scripted, "AWS_WEB_IDENTITY_TOKEN_FILE=token");
    scripted_set(&scripted, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=/pod/token");
    assert_int_equal(aks_job_variables_collect(&scripted.port, &job, NULL), AKS_OK);
    for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
        assert_true(written(&job, plain[i]));
    /* A worker has a working folder of its own. */
    assert_true(written(&job, "AWS_WEB_IDENTITY_TOKEN_FILE=/current/token"));
    assert_true(written(&job, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=/pod/token"));
    for (size_t i = 0; i < sizeof(secret) / sizeof(secret[0]); i++) {
        char name[64] = "";

        strncat(name, secret[i], strcspn(secret[i], "="));
        assert_true(handed(&job, name));
    }
    for (size_t i = 0; i < job.variables.count; i++)
        assert_null(strstr(job.variables.pairs[i], "planted"));
    aks_job_fini(&job);
    scripted_port_fini(&scripted);
}

/* Whoever knows the query, or the user, may get the keys. */
static void
an_address_with_a_query_or_a_user_is_handed_over(void **state)
{
    static const char *const addresses[] = {
        "AWS_CONTAINER_CREDENTIALS_FULL_URI=http://127.0.0.1:51679/v2?token=planted",
        "AWS_ENDPOINT_URL_STS=https://me:planted@sts.example",
    };

    for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
        struct scripted_port scripted;
        struct aks_job job;
        char name[64] = "";

        scripted_port_init(&scripted, aks_alloc_system());
        aks_job_init(&job, aks_alloc_system());
        scripted_set(&scripted, addresses[i]);
        assert_int_equal(aks_job_variables_collect(&scripted.port, &job, NULL), AKS_OK);
        strncat(name, addresses[i], strcspn(addresses[i], "="));
        assert_true(handed(&job, name));
        assert_int_equal(job.handed_count, 1);
        assert_int_equal(job.variables.count, 0);
        aks_job_fini(&job);
        scripted_port_fini(&scripted);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settings_are_written_down_and_secrets_named),
        cmocka_unit_test(an_address_with_a_query_or_a_user_is_handed_over),
    };

    return cmocka_run_group_tests_name("variables of a job", tests, NULL, NULL);
}
