/* A log of many records, and each way to change it: the line that is named is the one that was
 * touched. AKS_AUDIT_SWEEP='any_record*', a pattern of names of tests, runs those alone and touches
 * every record instead of a sample. */
#include "engine/audit_chain.h"

#include "base/buf.h"
#include "base/encode.h"
#include "base/rng.h"
#include "support/failing_alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define RECORDS 10000
#define SWEEP "AKS_AUDIT_SWEEP"
#define STEP 487
#define LINE_BYTES 512
#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"

/* The log: lines without their ends, each of which is the NUL. */
static char (*lines)[LINE_BYTES];
static char digests[RECORDS + 1][AKS_AUDIT_DIGEST_BYTES];   /* [0]: before the first */
/* The chain before each STATE_STEP-th line, so that not all is read again for each case. */
#define STATE_STEP 16
static struct aks_audit_chain *states;
static struct aks_audit_mark witness;
static struct aks_rng rng;

static void
digest_of(const char *text, size_t len, char ret_hex[AKS_AUDIT_DIGEST_BYTES])
{
    uint8_t digest[AKS_SHA256_BYTES];

    aks_sha256(text, len, digest);
    aks_hex_encode(digest, sizeof(digest), ret_hex);
}

static void
write_record(char *line, int64_t seq, const char *prev, const char *more)
{
    (void)snprintf(line, LINE_BYTES, "{\"seq\":%lld,\"prev\":\"%s\",\"at\":\"2026-11-26T08:00:00."
        "000Z\",\"event\":\"upload_sent\",%s\"bytes\":%lld}", (long long)seq, prev, more,
        (long long)(seq * 7919 % 100003));
}

static void
feed(struct aks_audit_chain *chain, int64_t number, const char *text, bool ended)
{
    aks_audit_chain_line(chain, "audit.jsonl", number, text, strlen(text), ended, NULL, NULL);
}

static int
setup(void **state)
{
    struct aks_audit_chain chain;

    lines = calloc(RECORDS, LINE_BYTES);
    states = calloc(RECORDS / STATE_STEP + 1, sizeof(*states));
    if (lines == NULL || states == NULL)
        return -1;
    aks_rng_init(&rng, 4711);
    memcpy(digests[0], ZEROS, sizeof(ZEROS));
    for (int i = 0; i < RECORDS; i++) {
        write_record(lines[i], i + 1, digests[i], "");
        digest_of(lines[i], strlen(lines[i]), digests[i + 1]);
    }
    witness.seq = RECORDS;
    memcpy(witness.digest, digests[RECORDS], sizeof(witness.digest));
    if (aks_audit_chain_init(&chain, aks_alloc_system(), &witness, "state.db", NULL) != AKS_OK)
        return -1;
    for (int i = 0; i < RECORDS; i++) {
        if (i % STATE_STEP == 0)
            states[i / STATE_STEP] = chain;
        feed(&chain, i + 1, lines[i], true);
    }
    aks_audit_chain_end(&chain);
    return chain.fault.kind == AKS_AUDIT_FITS && chain.records == RECORDS ? 0 : -1;
}

static int
teardown(void **state)
{
    aks_audit_chain_fini(&states[0]);
    free(states);
    free(lines);
    return 0;
}

/* One case: the lines from ${at} on (counted from 0) are fed as ${list} says, ending with NULL,
 * and then those from ${then} on. */
struct edit {
    int at;
    const char *list[6];
    bool open;                          /* the last of them has no line end */
    int then;
};

static struct aks_audit_fault
verdict(const struct edit *edit)
{
    struct aks_audit_chain chain = states[edit->at / STATE_STEP];
    int64_t number = edit->at / STATE_STEP * STATE_STEP;

    for (int i = (int)number; i < edit->at; i++)
        feed(&chain, ++number, lines[i], true);
    for (int i = 0; edit->list[i] != NULL; i++)
        feed(&chain, ++number, edit->list[i], !edit->open || edit->list[i + 1] != NULL);
    for (int i = edit->then; i < RECORDS && chain.phase != AKS_AUDIT_CHAIN_DONE; i++)
        feed(&chain, ++number, lines[i], true);
    aks_audit_chain_end(&chain);
    return chain.fault;
}

/* ${line}: from 0. */
static void
assert_named(const struct edit *edit, enum aks_audit_fault_kind kind, int line)
{
    struct aks_audit_fault fault = verdict(edit);

    if (fault.kind != kind || fault.place.line != line + 1)
        fail_msg("line %d: %s at line %lld (%s), and not %s at line %d", edit->at + 1,
            aks_audit_fault_name(fault.kind), (long long)fault.place.line, fault.why,
            aks_audit_fault_name(kind), line + 1);
}

static int
step(void)
{
    return getenv(SWEEP) != NULL ? 1 : STEP;
}

/* Every record of the sample, the first ones and the last ones always. */
static void
each(void (*test)(int i))
{
    for (int i = 0; i < RECORDS; i += i < 3 || i >= RECORDS - 4 ? 1 : step()) {
        test(i);
        if (i + step() >= RECORDS - 4 && i < RECORDS - 4 && step() > 1)
            i = RECORDS - 5;
    }
}

static int
any(int below)
{
    return (int)(aks_rng_next(&rng) % (uint64_t)below);
}

static void
flip(int i)
{
    static char changed[LINE_BYTES];
    size_t len = strlen(lines[i]);
    struct edit edit = { .at = i, .list = { changed }, .then = i + 1 };

    for (int turn = 0; turn < 4; turn++) {
        size_t at = (size_t)any((int)len);
        char bit = (char)(1 << any(8));

        memcpy(changed, lines[i], len + 1);
        changed[at] = (char)(changed[at] ^ bit);
        if (changed[at] == '\0' || changed[at] == '\n')
            continue;
        assert_named(&edit, AKS_AUDIT_CHANGED, i);
    }
}

static void
any_byte_that_is_changed_is_named(void **state)
{
    each(flip);
}

/* The line end of a record, and one within it. */
static void
flip_line_end(int i)
{
    static char changed[2 * LINE_BYTES];
    static char half[LINE_BYTES];
    struct edit joined = { .at = i, .list = { changed }, .then = i + 2 };
    struct edit cut = { .at = i, .list = { half, lines[i] + 100 }, .then = i + 1 };

    (void)snprintf(half, sizeof(half), "%.99s", lines[i]);
    assert_named(&cut, AKS_AUDIT_CHANGED, i);
    if (i == RECORDS - 1)
        return;
    (void)snprintf(changed, sizeof(changed), "%s+%s", lines[i], lines[i + 1]);
    assert_named(&joined, AKS_AUDIT_CHANGED, i);
}

static void
line_end_that_is_changed_is_named(void **state)
{
    each(flip_line_end);
}

static void
drop(int i)
{
    struct edit one = { .at = i, .then = i + 1 };
    struct edit three = { .at = i, .then = i + 3 };

    if (i == RECORDS - 1)
        assert_named(&one, AKS_AUDIT_TRUNCATED, i - 1);
    else
        assert_named(&one, AKS_AUDIT_DROPPED, i);
    if (i > 0 && i + 3 < RECORDS)
        assert_named(&three, AKS_AUDIT_DROPPED, i);
}

static void
any_record_that_is_dropped_is_named(void **state)
{
    each(drop);
}

static void
insert(int i)
{
    static char forged[LINE_BYTES];
    int other = any(RECORDS);
    struct edit copy = { .at = i, .list = { lines[other] }, .then = i };
    struct edit fitting = { .at = i, .list = { forged }, .then = i };
    struct edit noise = { .at = i, .list = { "no record at all" }, .then = i };
    struct edit json = { .at = i, .list = { "{\"event\":\"upload_success\"}" }, .then = i };

    /* A copy in front of itself is the same as one behind it. */
    assert_named(&copy, AKS_AUDIT_INSERTED, other == i ? i + 1 : i);
    write_record(forged, i + 1, digests[i], "\"more\":1,");
    assert_named(&fitting, AKS_AUDIT_INSERTED, i);
    assert_named(&noise, AKS_AUDIT_INSERTED, i);
    assert_named(&json, AKS_AUDIT_INSERTED, i);
}

static void
any_record_that_is_inserted_is_named(void **state)
{
    each(insert);
}

static void
replace(int i)
{
    static char forged[LINE_BYTES];
    struct edit fitting = { .at = i, .list = { forged }, .then = i + 1 };

    write_record(forged, i + 1, digests[i], "\"more\":1,");
    assert_named(&fitting, AKS_AUDIT_CHANGED, i);
}

static void
record_in_another_ones_place_is_named(void **state)
{
    each(replace);
}

static void
reorder(int i)
{
    struct edit next = { .at = i, .list = { lines[i + 1], lines[i] }, .then = i + 2 };
    struct edit far = { .at = i, .list = { lines[i + 3], lines[i + 1], lines[i + 2], lines[i] },
        .then = i + 4 };
    struct edit later = { .at = i, .list = { lines[i + 1], lines[i + 2], lines[i + 3], lines[i] },
        .then = i + 4 };
    struct edit sooner = { .at = i, .list = { lines[i + 3], lines[i], lines[i + 1], lines[i + 2] },
        .then = i + 4 };

    if (i + 1 < RECORDS)
        assert_named(&next, AKS_AUDIT_REORDERED, i);
    if (i + 4 > RECORDS)
        return;
    assert_named(&far, AKS_AUDIT_REORDERED, i);
    assert_named(&later, AKS_AUDIT_REORDERED, i);
    assert_named(&sooner, AKS_AUDIT_REORDERED, i);
}

static void
any_record_in_the_wrong_place_is_named(void **state)
{
    each(reorder);
}

/* Between records, and within one. */
static void
truncate_at(int i)
{
    static char half[LINE_BYTES];
    struct edit between = { .at = i, .then = RECORDS };
    struct edit within = { .at = i, .list = { half }, .open = true, .then = RECORDS };

    if (i > 0)
        assert_named(&between, AKS_AUDIT_TRUNCATED, i - 1);
    (void)snprintf(half, sizeof(half), "%.*s", 1 + any((int)strlen(lines[i]) - 1), lines[i]);
    assert_named(&within, AKS_AUDIT_TRUNCATED, i);
}

static void
end_that_is_missing_is_told_by_a_witness(void **state)
{
    each(truncate_at);
}

/* Nobody knows how the log ended. Half a record may have been left by a crash, with a line end too
 * where the process that came after it died as soon; and zeros where the power went before each
 * sector of it was written. Of anything else that is the last line none can. */
static void
last_line_that_is_no_record_is_named_unless_a_crash_can_have_left_it(void **state)
{
    static const struct {
        const char *text;               /* each ~ is a zero */
        bool ended;
        bool fits;
    } cases[] = {
        { "~~~~event\":\"healed\"}", true, true }, { "{\"seq\":10001,~~~~}", true, true },
        { "{\"seq\":10001,\"pr", false, true }, { "{\"seq\":10001,\"pr", true, true },
        { "no record at all", false, true }, { "no record at all", true, false },
        { "{\"seq\":10001,\"pr} and more", true, true }, { "{\"seq\":10001,x", true, false },
        { "", true, false }, { "}", true, false },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct aks_audit_chain chain = states[RECORDS / STATE_STEP - 1];
        int at = (RECORDS / STATE_STEP - 1) * STATE_STEP;
        size_t len = strlen(cases[i].text);
        char text[64];

        for (size_t j = 0; j <= len; j++)
            text[j] = cases[i].text[j] == '~' ? '\0' : cases[i].text[j];
        memset(&chain.witness, 0, sizeof(chain.witness));
        for (; at < RECORDS; at++)
            feed(&chain, at + 1, lines[at], true);
        aks_audit_chain_line(&chain, "audit.jsonl", RECORDS + 1, text, len, cases[i].ended, NULL,
            NULL);
        aks_audit_chain_end(&chain);
        assert_int_equal(chain.torn_end, cases[i].fits);
        assert_int_equal(chain.fault.kind, cases[i].fits ? AKS_AUDIT_FITS : AKS_AUDIT_CHANGED);
        assert_int_equal(chain.fault.place.line, cases[i].fits ? 0 : RECORDS + 1);
    }
}

/* From some record on all is written anew, and is one chain. */
static void
chain_that_was_written_anew_disagrees_with_a_witness(void **state)
{
    char prev[AKS_AUDIT_DIGEST_BYTES];
    char line[LINE_BYTES];

    for (int extra = 0; extra < 2; extra++) {
        struct aks_audit_chain chain;

        assert_int_equal(aks_audit_chain_init(&chain, aks_alloc_system(), &witness, "state.db",
            NULL), AKS_OK);
        memcpy(prev, ZEROS, sizeof(prev));
        for (int i = 0; i < RECORDS + extra; i++) {
            write_record(line, i + 1, prev, i == 700 ? "\"other\":1," : "");
            digest_of(line, strlen(line), prev);
            feed(&chain, i + 1, line, true);
        }
        aks_audit_chain_end(&chain);
        assert_int_equal(chain.fault.kind, extra ? AKS_AUDIT_REWRITTEN : AKS_AUDIT_CHANGED);
        assert_int_equal(chain.fault.place.seq, RECORDS);
        assert_non_null(strstr(chain.fault.why, "state.db knows record 10000 with another"));
        aks_audit_chain_fini(&chain);
    }
}

/* The oldest are dropped, and a record that says that they were removed is appended. */
static struct aks_audit_chain
forged_removal(const struct aks_audit_removal *removal)
{
    struct aks_audit_chain chain;
    char line[LINE_BYTES];

    assert_int_equal(aks_audit_chain_init(&chain, aks_alloc_system(), &witness, "state.db", NULL),
        AKS_OK);
    for (int i = 100; i < RECORDS; i++)
        feed(&chain, i - 99, lines[i], true);
    (void)snprintf(line, sizeof(line), "{\"seq\":%d,\"prev\":\"%s\",\"at\":\"2026-11-26T08:00:00."
        "000Z\",\"event\":\"rotated\",\"removed_seq\":100,\"removed_head\":\"%s\"}", RECORDS + 1,
        digests[RECORDS], digests[100]);
    feed(&chain, RECORDS - 99, line, true);
    aks_audit_chain_removal(&chain, removal);
    aks_audit_chain_end(&chain);
    aks_audit_chain_fini(&chain);
    return chain;
}

static void
removal_is_believed_where_the_state_knows_it(void **state)
{
    struct aks_audit_removal removal = { .known = true };
    struct aks_audit_chain chain;

    memcpy(removal.digest, ZEROS, sizeof(removal.digest));
    for (int64_t seq = 0; seq <= 99; seq += 33) {
        removal.seq = seq;
        chain = forged_removal(&removal);
        assert_int_equal(chain.fault.kind, AKS_AUDIT_DROPPED);
        assert_int_equal(chain.fault.place.seq, 101);
        assert_int_equal(chain.fault.place.line, 1);
        assert_non_null(strstr(chain.fault.why, "record 10001 says that older ones were removed"));
    }
    /* Another record than the one that was removed. */
    removal.seq = 100;
    assert_int_equal(forged_removal(&removal).fault.kind, AKS_AUDIT_REWRITTEN);
    memcpy(removal.digest, digests[100], sizeof(removal.digest));
    chain = forged_removal(&removal);
    assert_int_equal(chain.fault.kind, AKS_AUDIT_FITS);
    assert_int_equal(chain.told, AKS_AUDIT_TOLD_BY_STATE);
    /* More is about to go, or was to. */
    removal.seq = 150;
    assert_int_equal(forged_removal(&removal).told, AKS_AUDIT_TOLD_BY_STATE);
    /* The state is younger than the record that tells, or knows nothing. */
    removal.seq = 0;
    removal.since_seq = RECORDS;
    assert_int_equal(forged_removal(&removal).fault.kind, AKS_AUDIT_DROPPED);
    removal.since_seq = RECORDS + 1;
    assert_int_equal(forged_removal(&removal).told, AKS_AUDIT_TOLD_BY_LOG);
    removal.known = false;
    removal.since_seq = 0;
    chain = forged_removal(&removal);
    assert_int_equal(chain.fault.kind, AKS_AUDIT_FITS);
    assert_int_equal(chain.told, AKS_AUDIT_TOLD_BY_LOG);
}

static void
nothing_is_a_chain_too(void **state)
{
    struct aks_audit_mark known = { 1, ZEROS, 0 };
    struct aks_audit_chain chain;

    assert_int_equal(aks_audit_chain_init(&chain, aks_alloc_system(), NULL, "", NULL), AKS_OK);
    aks_audit_chain_end(&chain);
    assert_int_equal(chain.fault.kind, AKS_AUDIT_FITS);
    assert_int_equal(chain.records, 0);
    aks_audit_chain_fini(&chain);
    assert_int_equal(aks_audit_chain_init(&chain, aks_alloc_system(), &known, "x", NULL), AKS_OK);
    aks_audit_chain_end(&chain);
    assert_int_equal(chain.fault.kind, AKS_AUDIT_TRUNCATED);
    aks_audit_chain_fini(&chain);
}

static int
make_chain(void *ctx, const struct aks_alloc *alloc)
{
    struct aks_audit_chain chain;
    struct aks_error err;

    if (aks_audit_chain_init(&chain, alloc, NULL, "", &err) != AKS_OK)
        return err.status == AKS_LIMIT ? 0 : 1;
    aks_audit_chain_fini(&chain);
    return 0;
}

static void
chain_survives_any_allocation_that_fails(void **state)
{
    failing_alloc_loop(make_chain, NULL, 20);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_byte_that_is_changed_is_named),
        cmocka_unit_test(line_end_that_is_changed_is_named),
        cmocka_unit_test(any_record_that_is_dropped_is_named),
        cmocka_unit_test(any_record_that_is_inserted_is_named),
        cmocka_unit_test(record_in_another_ones_place_is_named),
        cmocka_unit_test(any_record_in_the_wrong_place_is_named),
        cmocka_unit_test(end_that_is_missing_is_told_by_a_witness),
        cmocka_unit_test(last_line_that_is_no_record_is_named_unless_a_crash_can_have_left_it),
        cmocka_unit_test(chain_that_was_written_anew_disagrees_with_a_witness),
        cmocka_unit_test(removal_is_believed_where_the_state_knows_it),
        cmocka_unit_test(nothing_is_a_chain_too),
        cmocka_unit_test(chain_survives_any_allocation_that_fails),
    };

    if (getenv(SWEEP) != NULL)
        cmocka_set_test_filter(getenv(SWEEP));
    return cmocka_run_group_tests(tests, setup, teardown);
}
