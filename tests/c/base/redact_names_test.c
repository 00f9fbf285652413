#include "base/redact_names.h"

#include "support/failing_alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define TEXT_BYTES 4096

static void
fill(struct aks_redact_names *names, const struct aks_alloc *alloc)
{
    aks_redact_names_init(names, alloc);
    aks_redact_names_add(names, "/srv/people/ann", 15, "~");
    aks_redact_names_add(names, "ann", 3, "[user]");
    aks_redact_names_add(names, "memory-bucket", 13, "[bucket]");
    aks_redact_names_add(names, "memory", 6, "[prefix]");
    aks_redact_names_add_host(names, "https://me:x@Store.Internal:9000/a", "[host]");
    aks_redact_names_add(names, "ab", 2, "[short]");
    aks_redact_names_add(names, "localhost", 9, "[host]");
}

static void
assert_text(const char *text, const char *expected)
{
    struct aks_redact_names names;
    struct aks_buf out;

    fill(&names, aks_alloc_system());
    aks_buf_init(&out, aks_alloc_system(), TEXT_BYTES);
    aks_redact_names_text(&names, text, &out);
    assert_string_equal(out.data, expected);
    aks_buf_fini(&out);
    aks_redact_names_fini(&names);
}

static void
names_that_were_added_go_where_they_are_words(void **state)
{
    assert_text("", "");
    assert_text("/srv/people/ann/x.db", "~/x.db");
    assert_text("for ann: Ann, annual, jo_ann, ann", "for [user]: [user], annual, jo_ann, [user]");
    assert_text("memory-bucket/memory/a", "[bucket]/[prefix]/a");
    assert_text("memory-bucket.store.internal", "[bucket].[host]");
    assert_text("cannot reach store.internal:9000", "cannot reach [host]:9000");
    assert_text("ab localhost", "ab localhost");
}

static void
hosts_and_homes_go_though_nobody_added_them(void **state)
{
    assert_text("https://other.example:8443/a?b", "https://[host]:8443/a?b");
    assert_text("\"https://other.example\"", "\"https://[host]\"");
    assert_text("http://127.0.0.1:9000/ http://localhost/ http://[::1]:1/",
        "http://127.0.0.1:9000/ http://localhost/ http://[::1]:1/");
    assert_text("https://[2001:db8::1]:1/", "https://[host]:1/");
    assert_text("10.1.2.3 refused, v1.2.3, 1.2.3.4.5, 127.0.0.1",
        "[host] refused, v1.2.3, 1.2.3.4.5, 127.0.0.1");
    assert_text("/home/bob/.claude and /Users/bob", "/home/[user]/.claude and /Users/[user]");
    assert_text("https://[host]:1 /home/[user]/x", "https://[host]:1 /home/[user]/x");
}

static int
fill_and_empty(void *ctx, const struct aks_alloc *alloc)
{
    struct aks_redact_names names;
    bool whole;

    fill(&names, alloc);
    whole = names.count == 5;
    aks_redact_names_fini(&names);
    return whole ? 0 : -1;
}

static void
every_allocation_may_fail(void **state)
{
    struct failing_alloc failing;

    for (int64_t fail_at = 0; fail_at < 5; fail_at++) {
        failing_alloc_init(&failing);
        failing.fail_at = fail_at;
        /* A name less, and no more than that. */
        assert_int_equal(fill_and_empty(NULL, &failing.alloc), -1);
        assert_int_equal(failing.outstanding, 0);
    }
    failing_alloc_init(&failing);
    assert_int_equal(fill_and_empty(NULL, &failing.alloc), 0);
    assert_int_equal(failing.outstanding, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_that_were_added_go_where_they_are_words),
        cmocka_unit_test(hosts_and_homes_go_though_nobody_added_them),
        cmocka_unit_test(every_allocation_may_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
