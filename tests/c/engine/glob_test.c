#include "engine/glob.h"

#include "base/rng.h"

#include <fnmatch.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct {
    const char *pattern;
    const char *name;
    bool matches;
} cases[] = {
    { "*.db", "a.db", true },
    { "*.db", "a.dbx", false },
    { "*.db", ".db", false },
    { ".*.db", ".a.db", true },
    { "*", ".hidden", false },
    { "?a", ".a", false },
    { "[.]a", ".a", false },
    { ".*", ".a", true },
    { "", "", true },
    { "*", "", true },
    { "a*b*c", "a-b-b-c", true },
    { "a*b*c", "a-b-b-c-", false },
    { "?", "\xc3\xa4", true },                      /* one character of two bytes */
    { "??", "\xc3\xa4", false },
    { "?", "\xff", true },                          /* a byte that is none */
    { "??", "\xe2\x82", true },
    { "[\xc3\xa4-\xc3\xbc]", "\xc3\xb6", true },
    { "[\xc3\xa4-\xc3\xbc]", "z", false },
    { "[!a]", "\xf0\x9f\x98\x80", true },
    { "*\xc3\xa4", "x\xc3\xa4", true },
    { "[]]", "]", true },
    { "[!]]", "]", false },
    { "[!]]", "a", true },
    { "[a-]", "-", true },
    { "[-a]", "-", true },
    { "[*]", "*", true },
    { "[*]", "a", false },
    { "a[0-9][0-9].db", "a07.db", true },
    { "a[^0-9].db", "a7.db", false },
    { "x\\*", "x\\y", true },                       /* nothing is escaped */
};

static void
matches_as_it_says(void **state)
{
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (aks_glob_match(cases[i].pattern, strlen(cases[i].pattern), cases[i].name) !=
            cases[i].matches)
            fail_msg("%s on %s", cases[i].pattern, cases[i].name);
    }
}

/* A text out of few characters, so that much of it matches. */
static void
draw(struct aks_rng *rng, const char *letters, size_t max, char *ret_text)
{
    size_t len = (size_t)(aks_rng_next(rng) % (max + 1));

    for (size_t i = 0; i < len; i++)
        ret_text[i] = letters[aks_rng_next(rng) % strlen(letters)];
    ret_text[len] = '\0';
}

static void
matches_as_the_system_does(void **state)
{
    struct aks_rng rng;
    unsigned matched = 0;

    aks_rng_init(&rng, 1);
    for (unsigned i = 0; i < 200000; i++) {
        char pattern[12];
        char name[12];
        bool ours;

        draw(&rng, "ab.*?[]!-", 8, pattern);
        draw(&rng, "ab.]-", 6, name);
        /* "[[.a.]]" is a letter's name to the system. */
        if (!aks_glob_wild(pattern, strlen(pattern)) || strstr(pattern, "[.") != NULL ||
            aks_glob_check(pattern, NULL) != AKS_OK)
            continue;
        ours = aks_glob_match(pattern, strlen(pattern), name);
        if (ours != (fnmatch(pattern, name, FNM_NOESCAPE | FNM_PERIOD) == 0))
            fail_msg("%s on %s: we say %s", pattern, name, ours ? "yes" : "no");
        matched += ours;
    }
    assert_true(matched > 1000);
}

static void
much_going_back_ends_soon(void **state)
{
    char pattern[400] = "";
    char name[256];

    for (size_t i = 0; i < 100; i++)
        strcat(pattern, "*a?");
    memset(name, 'a', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    strcat(pattern, "b");
    assert_false(aks_glob_match(pattern, strlen(pattern), name));
}

static void
paths_match_name_by_name(void **state)
{
    assert_true(aks_glob_match_path("/home/*/x.db", "/home/me/x.db"));
    assert_false(aks_glob_match_path("/home/*/x.db", "/home/me/too/x.db"));
    assert_false(aks_glob_match_path("/home/*", "/home"));
    assert_false(aks_glob_match_path("/home/*", "/home/.me"));
    assert_true(aks_glob_match_path("/home/me/.c*/[ab].db", "/home/me/.claude/b.db"));
}

static void
what_is_no_glob_is_told(void **state)
{
    static const struct {
        const char *pattern;
        const char *why;
    } wrong[] = {
        { "/a/**", "\"**\" is not known" },
        { "/a/b**c/d", "\"**\" is not known" },
        { "/a/[b", "'[' without its ']'" },
        { "/a/[b/c]", "'[' without its ']'" },
        { "/a/[]", "'[' without its ']'" },
        { "/a/[b-a]", "backwards" },
        { "/a/*/", "its '/' at the end" },
        { "/a/b", "there is no '*'" },
        { "*/*/*/*/*/*/*/*/*", "at most 8" },
    };
    char longest[AKS_GLOB_COMPONENT_BYTES_MAX + 2];
    struct aks_error err;

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(aks_glob_check(wrong[i].pattern, &err), AKS_SETTINGS);
        if (strstr(err.message, wrong[i].why) == NULL)
            fail_msg("%s: %s", wrong[i].pattern, err.message);
    }
    assert_int_equal(aks_glob_check("*/*/*/*/*/*/*/x/*", NULL), AKS_OK);
    assert_int_equal(aks_glob_check("~/[]a]/b?", NULL), AKS_OK);
    memset(longest, '?', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    assert_int_equal(aks_glob_check(longest, &err), AKS_SETTINGS);
    assert_non_null(strstr(err.message, "longer than 255 bytes"));
    assert_int_equal(aks_glob_check(longest + 1, NULL), AKS_OK);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matches_as_it_says),
        cmocka_unit_test(matches_as_the_system_does),
        cmocka_unit_test(much_going_back_ends_soon),
        cmocka_unit_test(paths_match_name_by_name),
        cmocka_unit_test(what_is_no_glob_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
