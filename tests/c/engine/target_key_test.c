/* Where a system's things lie in a target, in both layouts. */
#include "engine/target_key.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define ID "20261123T084512Z-3f9a2c"

static const struct aks_target_settings akosha = { .layout = AKS_LAYOUT_AKOSHA };
static const struct aks_target_settings original = { .layout = AKS_LAYOUT_ORIGINAL };

static void
expect_key(const struct aks_target_settings *settings, const char *name, const char *expected)
{
    char key[100];

    assert_int_equal(aks_target_key_upload(settings, "laptop", ID, name, key, sizeof(key)),
        strlen(expected));
    assert_string_equal(key, expected);
}

static void
folders_are_those_of_the_layout(void **state)
{
    char folder[AKS_TARGET_KEY_FOLDER_BYTES];

    assert_int_equal(aks_target_key_system("laptop", folder), 15);
    assert_string_equal(folder, "systems/laptop/");
    assert_int_equal(aks_target_key_uploads(&akosha, "laptop", folder), 15);
    assert_string_equal(folder, "systems/laptop/");
    assert_int_equal(aks_target_key_uploads(&original, "laptop", folder), 23);
    assert_string_equal(folder, "systems/laptop/uploads/");
}

static void
keys_are_those_of_the_layout(void **state)
{
    expect_key(&akosha, "a.db.zst", "systems/laptop/" ID "/a.db.zst");
    expect_key(&akosha, "", "systems/laptop/" ID "/");
    expect_key(&original, "a.db.zst", "systems/laptop/uploads/" ID "/a.db.zst");
    expect_key(&original, "", "systems/laptop/uploads/" ID "/");
}

static void
the_longest_system_id_fits(void **state)
{
    char folder[AKS_TARGET_KEY_FOLDER_BYTES];
    char id[AKS_SYSTEM_ID_BYTES];
    size_t len;

    memset(id, 'x', sizeof(id) - 1);
    id[sizeof(id) - 1] = '\0';
    len = aks_target_key_uploads(&original, id, folder);
    assert_int_equal(len, strlen(folder));
    assert_int_equal(len, strlen("systems//uploads/") + sizeof(id) - 1);
    assert_string_equal(folder + len - strlen("x/uploads/"), "x/uploads/");
}

static void
a_key_that_does_not_fit_is_none(void **state)
{
    static const char whole[] = "systems/box/uploads/" ID "/a";
    char key[sizeof(whole)];

    assert_int_equal(aks_target_key_upload(&original, "box", ID, "a", key, sizeof(key)),
        sizeof(key) - 1);
    assert_string_equal(key, whole);
    assert_int_equal(aks_target_key_upload(&original, "box", ID, "a", key, sizeof(key) - 1), 0);
    assert_int_equal(strlen(key), sizeof(key) - 2);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(folders_are_those_of_the_layout),
        cmocka_unit_test(keys_are_those_of_the_layout),
        cmocka_unit_test(the_longest_system_id_fits),
        cmocka_unit_test(a_key_that_does_not_fit_is_none),
    };

    return cmocka_run_group_tests_name("target_key", tests, NULL, NULL);
}
