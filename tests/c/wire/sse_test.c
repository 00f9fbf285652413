/* Server-sent events, as servers of the Model Context Protocol send them. */
#include "wire/sse.h"

#include "support/failing_alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The events of ${text}, in pieces of ${piece} bytes, with '|' behind each. */
static void
assert_events(const char *text, size_t len, const char *wanted)
{
    for (size_t piece = 1; piece <= len; piece++) {
        struct aks_sse sse;
        struct aks_buf got;
        enum aks_sse_found found;

        aks_sse_init(&sse, aks_alloc_system());
        aks_buf_init(&got, aks_alloc_system(), 4096);
        for (size_t have = piece;; have += piece) {
            size_t there = have < len ? have : len;

            do {
                assert_int_equal(aks_sse_next(&sse, text, there, &found, NULL), AKS_OK);
                if (found == AKS_SSE_EVENT)
                    aks_buf_printf(&got, "%s|", sse.data.data);
            } while (found == AKS_SSE_EVENT);
            if (there == len)
                break;
        }
        assert_string_equal(got.data, wanted);
        aks_buf_fini(&got);
        aks_sse_fini(&sse);
    }
}

static void
events_are_the_same_in_whatever_pieces_they_come(void **state)
{
    static const char *const cases[][2] = {
        { "data: x\n\n", "x|" },
        { "event: message\r\ndata: {\"id\":1}\r\n\r\n", "{\"id\":1}|" },
        { "data: a\rdata: b\r\r", "a\nb|" },
        { "data: a\r\n\r\ndata: b\n\r\ndata: c\r\r\n", "a|b|c|" },
        { ": ping - 2026-01-01 00:00:00+00:00\r\n\r\n: ping\n\ndata: x\n\n", "x|" },
        { "id: 1\nretry: 3000\ndata:\n\nid: 2\ndata: x\n\n", "|x|" },
        { "data\n\ndata:  two\n\ndatax: no\n data: no\n\n", "| two|" },
        { "\xef\xbb\xbf" "data: x\n\ndata: never ended", "x|" },
        { "\n\r\n\revent: nothing\n\n", "" },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_events(cases[i][0], strlen(cases[i][0]), cases[i][1]);
}

static void
text_may_lie_elsewhere_each_time(void **state)
{
    static const char text[] = "data: first\n\ndata: second\n\n";
    enum aks_sse_found found = AKS_SSE_MORE;
    struct aks_sse sse;
    unsigned events = 0;

    aks_sse_init(&sse, aks_alloc_system());
    for (size_t have = 0; have < sizeof(text); have++) {
        char *copy = malloc(have + 1);

        memcpy(copy, text, have);
        assert_int_equal(aks_sse_next(&sse, copy, have, &found, NULL), AKS_OK);
        events += found == AKS_SSE_EVENT;
        free(copy);
    }
    assert_int_equal(events, 2);
    aks_sse_fini(&sse);
}

static void
event_is_no_longer_than_the_limit(void **state)
{
    for (int over = 0; over < 2; over++) {
        size_t len = AKS_SSE_EVENT_BYTES_MAX + (size_t)over;
        char *text = malloc(len + 16);
        enum aks_sse_found found;
        struct aks_error err;
        struct aks_sse sse;

        memcpy(text, "data: ", 6);
        memset(text + 6, 'x', len);
        memcpy(text + 6 + len, "\n\n", 2);
        aks_sse_init(&sse, aks_alloc_system());
        assert_int_equal(aks_sse_next(&sse, text, len + 8, &found, &err),
            over ? AKS_BAD_REPLY : AKS_OK);
        if (!over)
            assert_int_equal(sse.data.len, len);
        aks_sse_fini(&sse);
        free(text);
    }
}

static void
lines_of_one_event_are_limited_together(void **state)
{
    size_t line = AKS_SSE_EVENT_BYTES_MAX / 4;
    char *text = malloc(5 * (line + 7));
    enum aks_sse_found found;
    struct aks_error err;
    struct aks_sse sse;
    size_t len = 0;

    for (int i = 0; i < 5; i++) {
        memcpy(text + len, "data: ", 6);
        memset(text + len + 6, 'x', line);
        text[len + 6 + line] = '\n';
        len += line + 7;
    }
    aks_sse_init(&sse, aks_alloc_system());
    assert_int_equal(aks_sse_next(&sse, text, len, &found, &err), AKS_BAD_REPLY);
    assert_non_null(strstr(err.message, "an event of more than"));
    aks_sse_fini(&sse);
    free(text);
}

static void
stream_has_no_more_events_than_the_limit(void **state)
{
    size_t count = AKS_SSE_EVENTS_MAX + 1;
    char *text = malloc(count * 9);
    enum aks_sse_found found;
    struct aks_sse sse;

    for (size_t i = 0; i < count; i++)
        memcpy(text + 9 * i, "data: x\n\n", 9);
    aks_sse_init(&sse, aks_alloc_system());
    for (size_t i = 0; i < AKS_SSE_EVENTS_MAX; i++)
        assert_int_equal(aks_sse_next(&sse, text, 9 * count, &found, NULL), AKS_OK);
    assert_int_equal(aks_sse_next(&sse, text, 9 * count, &found, NULL), AKS_BAD_REPLY);
    aks_sse_fini(&sse);
    free(text);
}

static int
read_all(void *ctx, const struct aks_alloc *alloc)
{
    static const char text[] = "data: some text\ndata: and more of it\n\ndata: x\n\n";
    enum aks_sse_found found = AKS_SSE_MORE;
    enum aks_status status;
    struct aks_error err;
    struct aks_sse sse;

    aks_sse_init(&sse, alloc);
    do
        status = aks_sse_next(&sse, text, sizeof(text) - 1, &found, &err);
    while (status == AKS_OK && found == AKS_SSE_EVENT);
    assert_true(status == AKS_OK || status == AKS_LIMIT);
    aks_sse_fini(&sse);
    return 0;
}

static void
every_allocation_may_fail(void **state)
{
    failing_alloc_loop(read_all, NULL, 20);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_are_the_same_in_whatever_pieces_they_come),
        cmocka_unit_test(text_may_lie_elsewhere_each_time),
        cmocka_unit_test(event_is_no_longer_than_the_limit),
        cmocka_unit_test(lines_of_one_event_are_limited_together),
        cmocka_unit_test(stream_has_no_more_events_than_the_limit),
        cmocka_unit_test(every_allocation_may_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
