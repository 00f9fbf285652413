#include "engine/credentials_chain.h"
#include "engine/credentials_profile.h"
#include "support/failing_alloc.h"
#include "support/scripted_port.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SHARED "/home/test/.aws/credentials"
#define CONFIG "/home/test/.aws/config"
#define KEYS "aws_access_key_id = AKIDFILE\naws_secret_access_key = file/secret\n"

/* What is there without asking anybody. */
static enum aks_status
look(struct scripted_port *scripted, const char *how, struct aks_credentials **ret_credentials,
    struct aks_error *err)
{
    struct aks_credentials_options options = { .port = &scripted->port, .target = "t", .how = how,
        .region = "auto" };
    struct aks_credentials_chain *chain;
    struct aks_loop loop;
    enum aks_status status;

    aks_loop_init(&loop, &scripted->port);
    options.loop = &loop;
    *ret_credentials = NULL;
    status = aks_credentials_chain_new(&options, &chain, err);
    if (status == AKS_OK)
        *ret_credentials = aks_credentials_use(aks_credentials_chain_now(chain));
    aks_credentials_chain_free(chain);
    aks_loop_fini(&loop);
    return status;
}

static struct aks_credentials *
find(struct scripted_port *scripted, const char *how)
{
    struct aks_credentials *credentials = NULL;
    struct aks_error err;

    if (look(scripted, how, &credentials, &err) != AKS_OK)
        fail_msg("%s", err.message);
    assert_non_null(credentials);
    return credentials;
}

static struct aks_error
refused(struct scripted_port *scripted, const char *how, enum aks_status status)
{
    struct aks_credentials *credentials = NULL;
    struct aks_error err = { 0 };

    assert_int_equal(look(scripted, how, &credentials, &err), status);
    assert_int_equal(err.status, status);
    assert_null(credentials);
    assert_null(strstr(err.message, "secret/"));
    assert_null(strstr(err.message, "file/secret"));
    return err;
}

static void
assert_keys(struct aks_credentials *credentials, const char *access, const char *secret,
    const char *token, const char *source)
{
    assert_string_equal(aks_credentials_access_key(credentials), access);
    assert_string_equal(aks_secret_reveal(aks_credentials_secret_key(credentials)), secret);
    if (token == NULL)
        assert_null(aks_credentials_session_token(credentials));
    else
        assert_string_equal(aks_secret_reveal(aks_credentials_session_token(credentials)), token);
    assert_string_equal(aks_credentials_source(credentials), source);
    aks_credentials_drop(credentials);
}

static void
the_environment_comes_first(void **state)
{
    struct scripted_port scripted;

    scripted_port_init(&scripted, aks_alloc_system());
    scripted_file(&scripted, SHARED, "[default]\n" KEYS, 0600);
    scripted_set(&scripted, "AWS_ACCESS_KEY_ID=AKIDENV");
    scripted_set(&scripted, "AWS_SECRET_ACCESS_KEY=secret/env");
    scripted_set(&scripted, "AWS_SESSION_TOKEN=");
    assert_keys(find(&scripted, "auto"), "AKIDENV", "secret/env", NULL, "environment");
    scripted_set(&scripted, "AWS_SECURITY_TOKEN=old");
    assert_keys(find(&scripted, "auto"), "AKIDENV", "secret/env", "old", "environment");
    scripted_set(&scripted, "AWS_SESSION_TOKEN=new");
    assert_keys(find(&scripted, "environment"), "AKIDENV", "secret/env", "new", "environment");
    assert_keys(find(&scripted, "profile:default"), "AKIDFILE", "file/secret", NULL,
        "profile default");
}

static void
files_follow_with_the_profile_that_is_named(void **state)
{
    struct scripted_port scripted;

    scripted_port_init(&scripted, aks_alloc_system());
    scripted_file(&scripted, SHARED, "[default]\n" KEYS "[work]\naws_access_key_id=AKIDWORK\n"
        "aws_secret_access_key=w\naws_session_token=t\n", 0600);
    scripted_file(&scripted, CONFIG, "[profile config-only]\naws_access_key_id=AKIDCONF\n"
        "aws_secret_access_key=c\nregion = eu-north-1\n[profile work]\naws_access_key_id=LOSES\n"
        "aws_secret_access_key=l\nregion=eu-west-3 # mine\n", 0600);
    assert_keys(find(&scripted, "auto"), "AKIDFILE", "file/secret", NULL, "profile default");
    assert_keys(find(&scripted, "profile:work"), "AKIDWORK", "w", "t", "profile work");
    assert_keys(find(&scripted, "profile:config-only"), "AKIDCONF", "c", NULL,
        "profile config-only");
    scripted_set(&scripted, "AWS_DEFAULT_PROFILE=config-only");
    assert_keys(find(&scripted, "auto"), "AKIDCONF", "c", NULL, "profile config-only");
    scripted_set(&scripted, "AWS_PROFILE=work");
    assert_keys(find(&scripted, "auto"), "AKIDWORK", "w", "t", "profile work");
}

static void
files_may_be_elsewhere(void **state)
{
    struct scripted_port scripted;

    scripted_port_init(&scripted, aks_alloc_system());
    scripted_file(&scripted, "/home/test/keys", "[default]\n" KEYS, 0600);
    scripted_file(&scripted, "/current/keys", "[default]\n" KEYS, 0600);
    scripted_file(&scripted, "/etc/keys", "[default]\n" KEYS, 0600);
    scripted_set(&scripted, "AWS_SHARED_CREDENTIALS_FILE=~/keys");
    aks_credentials_drop(find(&scripted, "auto"));
    scripted_set(&scripted, "AWS_SHARED_CREDENTIALS_FILE=keys");
    aks_credentials_drop(find(&scripted, "auto"));
    scripted_set(&scripted, "AWS_SHARED_CREDENTIALS_FILE=/etc/keys");
    aks_credentials_drop(find(&scripted, "auto"));
    scripted_set(&scripted, "AWS_EC2_METADATA_DISABLED=true");
    scripted_set(&scripted, "AWS_SHARED_CREDENTIALS_FILE=/etc/other");
    (void)refused(&scripted, "auto", AKS_AUTH_MISSING);
    scripted_set(&scripted, "AWS_CONFIG_FILE=/etc/keys");
    aks_credentials_drop(find(&scripted, "auto"));
}

static void
none_at_all_says_where_was_looked(void **state)
{
    struct scripted_port scripted;
    struct aks_error err;

    scripted_port_init(&scripted, aks_alloc_system());
    scripted_set(&scripted, "AWS_EC2_METADATA_DISABLED=true");
    err = refused(&scripted, "auto", AKS_AUTH_MISSING);
    assert_non_null(strstr(err.message, "none in the environment"));
    assert_non_null(strstr(err.message, SHARED));
    assert_non_null(strstr(err.hint, "AWS_ACCESS_KEY_ID"));
    err = refused(&scripted, "environment", AKS_AUTH_MISSING);
    assert_null(strstr(err.message, SHARED));
    scripted_file(&scripted, SHARED, "[other]\n" KEYS, 0600);
    err = refused(&scripted, "profile:mine", AKS_AUTH_MISSING);
    assert_non_null(strstr(err.message, "there is no profile mine"));
    scripted_file(&scripted, SHARED, "[mine]\nregion = x\n", 0600);
    err = refused(&scripted, "profile:mine", AKS_AUTH_MISSING);
    assert_non_null(strstr(err.message, "has no keys"));
}

static void
half_a_pair_and_odd_values_are_refused(void **state)
{
    static const char *const odd[] = {
        "AWS_SECRET_ACCESS_KEY=secret/ with blank", "AWS_SECRET_ACCESS_KEY=secret/\r",
        "AWS_SECRET_ACCESS_KEY=secret/\n", "AWS_SECRET_ACCESS_KEY=secret/\xc3\xa4"
    };
    struct scripted_port scripted;
    struct aks_error err;
    char longest[AKS_CREDENTIAL_BYTES + 32] = "AWS_SESSION_TOKEN=";

    scripted_port_init(&scripted, aks_alloc_system());
    scripted_set(&scripted, "AWS_ACCESS_KEY_ID=AKIDENV");
    err = refused(&scripted, "auto", AKS_SETTINGS);
    assert_non_null(strstr(err.message,
        "AWS_ACCESS_KEY_ID is there, but AWS_SECRET_ACCESS_KEY is not"));
    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
        scripted_set(&scripted, odd[i]);
        err = refused(&scripted, "auto", AKS_SETTINGS);
        assert_non_null(strstr(err.message, "AWS_SECRET_ACCESS_KEY has a blank"));
    }
    scripted_set(&scripted, "AWS_SECRET_ACCESS_KEY=secret/env");
    memset(longest + strlen(longest), 'x', AKS_CREDENTIAL_BYTES);
    scripted_set(&scripted, longest);
    (void)refused(&scripted, "auto", AKS_SETTINGS);
    scripted_file(&scripted, SHARED, "[default]\naws_secret_access_key = file/secret\n", 0600);
    (void)refused(&scripted, "profile:default", AKS_SETTINGS);
    (void)refused(&scripted, "keychain", AKS_SETTINGS);
    (void)refused(&scripted, "profile:", AKS_SETTINGS);
}

static void
files_that_others_can_touch_are_refused(void **state)
{
    struct scripted_port scripted;
    struct aks_error err;

    scripted_port_init(&scripted, aks_alloc_system());
    scripted_file(&scripted, SHARED, "[default]\n" KEYS, 0620);
    err = refused(&scripted, "auto", AKS_FORBIDDEN);
    assert_string_equal(err.hint, "chmod 600 '" SHARED "'");
    scripted_file(&scripted, SHARED, "[default]\n" KEYS, 0604);
    err = refused(&scripted, "auto", AKS_FORBIDDEN);
    assert_string_equal(err.hint, "chmod 600 '" SHARED "'");
    scripted_file(&scripted, SHARED, "[default]\n" KEYS, 0640);
    (void)refused(&scripted, "auto", AKS_FORBIDDEN);
    /* Without secrets in it a file may be read, but not written. */
    scripted_file(&scripted, SHARED, "[default]\n" KEYS, 0600);
    scripted_file(&scripted, CONFIG, "[default]\nregion = x\n", 0644);
    aks_credentials_drop(find(&scripted, "auto"));
    scripted_file(&scripted, CONFIG, "[default]\nregion = x\n", 0664);
    (void)refused(&scripted, "auto", AKS_FORBIDDEN);
    scripted_file(&scripted, CONFIG, "[default]\nregion = x\n", 0);
    (void)refused(&scripted, "auto", AKS_FORBIDDEN);
}

static void
files_of_another_user_are_refused(void **state)
{
    struct scripted_port scripted;
    struct aks_error err;

    scripted_port_init(&scripted, aks_alloc_system());
    scripted.port.files.uid = 1000;
    scripted_file(&scripted, SHARED, "[default]\n" KEYS, 0600);
    scripted.files[0].uid = 1000;
    aks_credentials_drop(find(&scripted, "auto"));
    scripted.files[0].uid = 0;
    aks_credentials_drop(find(&scripted, "auto"));
    scripted.files[0].uid = 1001;
    err = refused(&scripted, "auto", AKS_FORBIDDEN);
    assert_non_null(strstr(err.message, "belongs to somebody else (user 1001)"));
    assert_string_equal(err.hint, "chown 1000 '" SHARED "', if you know what is in it");
}

static void
files_that_are_none_are_refused(void **state)
{
    struct scripted_port scripted;
    struct aks_error err;

    scripted_port_init(&scripted, aks_alloc_system());
    scripted_file(&scripted, SHARED, "[default]\n" KEYS "nonsense with file/secret\n", 0600);
    err = refused(&scripted, "auto", AKS_SETTINGS);
    assert_non_null(strstr(err.message, SHARED));
    scripted_file(&scripted, SHARED, "", 0600);
    scripted.files[0].type = AKS_FILE_OTHER;
    (void)refused(&scripted, "auto", AKS_SETTINGS);
}

static void
what_needs_a_person_is_refused_with_a_way_out(void **state)
{
    static const char *const ways[] = { "sso_session", "sso_start_url", "login_session" };
    struct scripted_port scripted;
    struct aks_error err;

    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        char text[128] = "[profile p]\n";

        strcat(strcat(text, ways[i]), " = something\n");
        scripted_port_init(&scripted, aks_alloc_system());
        scripted_file(&scripted, CONFIG, text, 0600);
        err = refused(&scripted, "profile:p", AKS_AUTH_MISSING);
        assert_non_null(strstr(err.message, ways[i]));
        assert_non_null(strstr(err.hint, "credential_process = aws configure export-credentials"));
        scripted_file(&scripted, SHARED, "[p]\n" KEYS, 0600);
        (void)refused(&scripted, "profile:p", AKS_AUTH_MISSING);
    }
    scripted_port_init(&scripted, aks_alloc_system());
    scripted_file(&scripted, CONFIG, "[profile p]\nrole_arn = arn:aws:iam::1:role/r\n"
        "source_profile = default\nmfa_serial = arn:aws:iam::1:mfa/me\n[default]\n" KEYS, 0600);
    err = refused(&scripted, "profile:p", AKS_AUTH_MISSING);
    assert_non_null(strstr(err.message, "mfa_serial"));
    assert_non_null(strstr(err.hint, "export-credentials"));
}

/* A role that another one stands on, and so on; each case has what its message says. */
static void
profiles_that_make_no_sense_are_refused(void **state)
{
    static const struct {
        const char *text;
        enum aks_status status;
        const char *says;
    } cases[] = {
        { "[profile p]\nrole_arn=arn:r\n", AKS_SETTINGS, "stands neither source_profile nor" },
        { "[profile p]\nrole_arn=arn:r\nsource_profile=q\ncredential_source=Environment\n",
            AKS_SETTINGS, "stands both source_profile and" },
        { "[profile p]\nrole_arn=arn:r\ncredential_source=Elsewhere\n", AKS_SETTINGS,
            "credential_source is none of" },
        { "[profile p]\nrole_arn=arn:r\ncredential_source=Environment\n", AKS_AUTH_MISSING,
            "credential_source Environment: the environment has no keys" },
        { "[profile p]\nrole_arn=arn:r\ncredential_source=EcsContainer\n", AKS_AUTH_MISSING,
            "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI" },
        { "[profile p]\nrole_arn=arn:r\nsource_profile=q\n", AKS_AUTH_MISSING,
            "profile p: there is no profile q" },
        { "[profile p]\nrole_arn=arn:r\nsource_profile=q\n[profile q]\nregion=x\n",
            AKS_AUTH_MISSING, "profile q has no keys" },
        { "[profile p]\nrole_arn=arn:r\nsource_profile=q\n[profile q]\nrole_arn=arn:r\n"
            "source_profile=p\n", AKS_SETTINGS,
            "profile q: source_profile leads back to profile p" },
        { "[profile p]\nrole_arn=arn:r\nsource_profile=a\n[profile a]\nrole_arn=arn:r\n"
            "source_profile=b\n[profile b]\nrole_arn=arn:r\nsource_profile=c\n[profile c]\n"
            "role_arn=arn:r\nsource_profile=d\n[profile d]\nrole_arn=arn:r\nsource_profile=e\n"
            "[profile e]\nrole_arn=arn:r\nsource_profile=f\n", AKS_SETTINGS,
            "more than 5 roles are to be taken on" },
        { "[profile p]\nweb_identity_token_file=/t\n", AKS_SETTINGS,
            "web_identity_token_file is there, but role_arn is not" },
        { "[profile p]\nrole_arn=arn:r\nsource_profile=p\n", AKS_AUTH_MISSING, "has no keys" },
        { "[profile p]\nrole_arn=arn:r\nsource_profile=p\n" KEYS "duration_seconds=60\n",
            AKS_SETTINGS, "duration_seconds is no number from 900 to 43200" },
        { "[profile p]\nrole_arn=arn:r\nsource_profile=p\n" KEYS "duration_seconds=1h\n",
            AKS_SETTINGS, "duration_seconds" },
        { "[profile p]\nrole_arn=arn:r\nsource_profile=p\n" KEYS "role_session_name=a b\n",
            AKS_SETTINGS, "a role session's name" },
        { "[profile p]\nrole_arn=arn:r x\nsource_profile=p\n" KEYS, AKS_SETTINGS,
            "ARN has a blank" },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct scripted_port scripted;
        struct aks_error err;

        scripted_port_init(&scripted, aks_alloc_system());
        scripted_file(&scripted, CONFIG, cases[i].text, 0600);
        err = refused(&scripted, "profile:p", cases[i].status);
        if (strstr(err.message, cases[i].says) == NULL)
            fail_msg("%s: not %s", err.message, cases[i].says);
    }
}

static void
a_source_that_is_half_configured_stops_the_search(void **state)
{
    struct scripted_port scripted;
    struct aks_error err;

    scripted_port_init(&scripted, aks_alloc_system());
    scripted_set(&scripted, "AWS_WEB_IDENTITY_TOKEN_FILE=/token");
    scripted_set(&scripted, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=/x");
    err = refused(&scripted, "auto", AKS_SETTINGS);
    assert_non_null(strstr(err.message, "AWS_ROLE_ARN is not"));
    scripted_port_init(&scripted, aks_alloc_system());
    scripted_set(&scripted, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=/x");
    scripted_set(&scripted, "AWS_PROFILE=gone");
    err = refused(&scripted, "auto", AKS_AUTH_MISSING);
    assert_non_null(strstr(err.message, "there is no profile gone"));
    scripted_port_init(&scripted, aks_alloc_system());
    (void)refused(&scripted, "web_identity", AKS_AUTH_MISSING);
    (void)refused(&scripted, "container", AKS_AUTH_MISSING);
    (void)refused(&scripted, "role", AKS_AUTH_MISSING);
    scripted_set(&scripted, "AWS_EC2_METADATA_DISABLED=TRUE");
    (void)refused(&scripted, "instance", AKS_AUTH_MISSING);
}

static void
the_environment_may_say_when_its_keys_expire(void **state)
{
    struct aks_credentials *credentials;
    struct scripted_port scripted;

    scripted_port_init(&scripted, aks_alloc_system());
    scripted_set(&scripted, "AWS_ACCESS_KEY_ID=AKIDENV");
    scripted_set(&scripted, "AWS_SECRET_ACCESS_KEY=secret/env");
    credentials = find(&scripted, "auto");
    assert_int_equal(aks_credentials_expires_ms(credentials), -1);
    aks_credentials_drop(credentials);
    scripted_set(&scripted, "AWS_CREDENTIAL_EXPIRATION=2026-11-23T07:00:00+00:00");
    credentials = find(&scripted, "auto");
    assert_true(aks_credentials_expires_ms(credentials) == INT64_C(1795417200000));
    assert_int_equal(aks_credentials_kind(credentials), AKS_CREDENTIALS_ENVIRONMENT);
    aks_credentials_drop(credentials);
    scripted_set(&scripted, "AWS_CREDENTIAL_EXPIRATION=soon");
    (void)refused(&scripted, "auto", AKS_SETTINGS);
}

static void
a_profile_knows_its_region(void **state)
{
    struct scripted_port scripted;
    char region[64];

    scripted_port_init(&scripted, aks_alloc_system());
    scripted_file(&scripted, CONFIG,
        "[default]\nregion=weak\n[profile default]\nregion = eu-west-3\n", 0600);
    assert_string_equal(aks_profile_name(&scripted.port, "auto"), "default");
    assert_int_equal(aks_profile_region(&scripted.port, "default", region, sizeof(region), NULL),
        AKS_OK);
    assert_string_equal(region, "eu-west-3");
    assert_int_equal(aks_profile_region(&scripted.port, "other", region, sizeof(region), NULL),
        AKS_OK);
    assert_string_equal(region, "");
}

static int
find_in(void *ctx, const struct aks_alloc *alloc)
{
    struct aks_credentials *credentials = NULL;
    struct scripted_port scripted;
    enum aks_status status;

    scripted_port_init(&scripted, alloc);
    scripted_file(&scripted, SHARED, "[default]\n" KEYS "aws_session_token = t\n", 0600);
    status = look(&scripted, "auto", &credentials, NULL);
    aks_credentials_drop(credentials);
    return status == AKS_OK || status == AKS_LIMIT ? 0 : 1;
}

static void
finding_survives_any_allocation_that_fails(void **state)
{
    failing_alloc_loop(find_in, NULL, 100);
}

/* Looks at each block that is given back. */
struct watching {
    struct aks_alloc alloc;
    unsigned dirty;
};

static void *
watching_resize(void *ctx, void *p, size_t bytes)
{
    struct watching *watching = ctx;
    size_t *block = p != NULL ? (size_t *)p - 2 : NULL;

    if (block != NULL && memmem(p, *block, "file/secret", 11) != NULL)
        watching->dirty++;
    if (bytes == 0) {
        free(block);
        return NULL;
    }
    block = realloc(block, bytes + 2 * sizeof(*block));
    if (block == NULL)
        return NULL;
    *block = bytes;
    return block + 2;
}

static void
no_secret_is_left_in_memory_that_is_given_back(void **state)
{
    struct watching watching = { { watching_resize, &watching }, 0 };
    struct aks_credentials *credentials = NULL;
    struct scripted_port scripted;

    scripted_port_init(&scripted, &watching.alloc);
    scripted_file(&scripted, SHARED, "[default]\n" KEYS, 0600);
    assert_int_equal(look(&scripted, "auto", &credentials, NULL), AKS_OK);
    aks_credentials_drop(credentials);
    assert_int_equal(watching.dirty, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_environment_comes_first),
        cmocka_unit_test(files_follow_with_the_profile_that_is_named),
        cmocka_unit_test(files_may_be_elsewhere),
        cmocka_unit_test(none_at_all_says_where_was_looked),
        cmocka_unit_test(half_a_pair_and_odd_values_are_refused),
        cmocka_unit_test(files_that_others_can_touch_are_refused),
        cmocka_unit_test(files_of_another_user_are_refused),
        cmocka_unit_test(files_that_are_none_are_refused),
        cmocka_unit_test(what_needs_a_person_is_refused_with_a_way_out),
        cmocka_unit_test(profiles_that_make_no_sense_are_refused),
        cmocka_unit_test(a_source_that_is_half_configured_stops_the_search),
        cmocka_unit_test(the_environment_may_say_when_its_keys_expire),
        cmocka_unit_test(a_profile_knows_its_region),
        cmocka_unit_test(finding_survives_any_allocation_that_fails),
        cmocka_unit_test(no_secret_is_left_in_memory_that_is_given_back),
    };

    return cmocka_run_group_tests_name("credentials", tests, NULL, NULL);
}
