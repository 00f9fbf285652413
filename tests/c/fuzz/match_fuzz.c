/* The matcher of patterns: a pattern, a line end, a text. What it finds lies within the text, is
 * the same each time, and it stops when it is told to. */
#include "base/check.h"
#include "script/match.h"

#include <stdint.h>
#include <string.h>

/* More would only be slow. */
#define STEPS_MAX 200000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct counter {
    size_t steps;
    size_t at_once_max;
    bool stopped;
};

static bool
count(void *ctx, size_t steps)
{
    struct counter *counter = ctx;

    AKS_CHECK(!counter->stopped);
    AKS_CHECK(steps > 0 && steps <= counter->at_once_max);
    counter->steps += steps;
    counter->stopped = counter->steps > STEPS_MAX;
    return !counter->stopped;
}

static void
check_captures(const struct aks_match *match, size_t text_len)
{
    AKS_CHECK(match->capture_count <= AKS_MATCH_CAPTURES_MAX);
    for (size_t i = 0; i < match->capture_count; i++) {
        const struct aks_match_capture *capture = &match->captures[i];

        AKS_CHECK(capture->begin <= text_len);
        if (capture->kind == AKS_MATCH_CLOSED)
            AKS_CHECK(capture->len <= text_len - capture->begin);
    }
}

/* All matches, one after the other, as gmatch walks them; how many. */
static size_t
walk(struct aks_match *match, const struct counter *counter, size_t text_len)
{
    size_t from = 0;
    size_t last_end = SIZE_MAX;
    size_t count = 0;

    for (;;) {
        size_t begin = 0;
        size_t end = 0;
        enum aks_match_result result = aks_match_next(match, from, last_end, &begin, &end);

        AKS_CHECK((result == AKS_MATCH_STOPPED) == counter->stopped);
        if (result != AKS_MATCH_YES)
            return count;
        AKS_CHECK(begin >= from && end >= begin && end <= text_len && end != last_end);
        check_captures(match, text_len);
        from = last_end = end;
        count++;
        AKS_CHECK(count <= text_len + 1);
    }
}

static size_t
walk_anew(const char *pattern, size_t pattern_len, const char *text, size_t text_len)
{
    struct counter counter = {
        .at_once_max = AKS_MATCH_BATCH_STEPS + 2 * (2 + pattern_len + text_len),
    };
    struct aks_match match;
    size_t found;

    aks_match_init(&match, text, text_len, pattern, pattern_len, count, &counter);
    found = walk(&match, &counter, text_len);
    if (!counter.stopped)
        (void)aks_match_settle(&match);
    AKS_CHECK(counter.steps > 0);
    return found;
}

static void
check_plain(const char *pattern, size_t pattern_len, const char *text, size_t text_len)
{
    struct counter counter = {
        .at_once_max = AKS_MATCH_BATCH_STEPS + 2 * (2 + pattern_len + text_len),
    };
    const char *expected = memmem(text, text_len, pattern, pattern_len);
    struct aks_match match;
    enum aks_match_result result;
    size_t begin;

    aks_match_init(&match, text, text_len, pattern, pattern_len, count, &counter);
    result = aks_match_plain(&match, 0, &begin);
    if (result == AKS_MATCH_YES)
        AKS_CHECK(expected != NULL && begin == (size_t)(expected - text));
    else
        AKS_CHECK(result == AKS_MATCH_STOPPED || expected == NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    const uint8_t *line_end = len > 0 ? memchr(data, '\n', len) : NULL;
    const char *pattern = (const char *)data;
    const char *text;
    size_t pattern_len;
    size_t text_len;

    if (line_end == NULL)
        return 0;
    pattern_len = (size_t)(line_end - data);
    text = pattern + pattern_len + 1;
    text_len = len - pattern_len - 1;
    AKS_CHECK(walk_anew(pattern, pattern_len, text, text_len) ==
        walk_anew(pattern, pattern_len, text, text_len));
    check_plain(pattern, pattern_len, text, text_len);
    return 0;
}
