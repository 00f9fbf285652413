/* age: the worked vector of its authors step by step, every edge of a chunk, and what is refused.
 * */
#include "base/encode.h"
#include "data/age_internal.h"
#include "data/age_read.h"
#include "data/age_write.h"
#include "support/failing_alloc.h"
#include "support/sample_bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define IDENTITY "AGE-SECRET-KEY-1EGTZVFFV20835NWYV6270LXYVK2VKNX2MMDKWYKLMGR48UAWX40Q2P2LM0"
#define SHARE "TEiF0ypqr+bpvcqXNyCVJpL7OuwPdVwPL7KQEbFDOCc"
#define BODY "hjabGXwSLQ9c3S6Lw2i+S2Tu2fiwQHHslbBN6B41FLE"
#define MAC "WyJp9F/9FOZh7gJdheq2WIJcwHgYc8NIVh3ddwhrcNg"
#define MACED AKS_AGE_VERSION_LINE "-> X25519 " SHARE "\n" BODY "\n---"
#define HEADER MACED " " MAC "\n"
#define FILE_KEY "YELLOW SUBMARINE"
#define NONCE "eecf62c7ce91b433274e68d4f2f9134c"
#define SEALED "b74c5bfef7beaa52c8f0bc0e992c1e8331fb66"
#define CHUNK ((size_t)AKS_AGE_CHUNK_BYTES)
#define WORK 4          /* of scrypt: quick, and worth nothing */

static void
from_hex(const char *hex, uint8_t *ret, size_t len)
{
    assert_true(aks_hex_decode(hex, ret, len));
}

static void
assert_hex(const uint8_t *data, size_t len, const char *expected)
{
    char hex[2 * 64 + 1];

    assert_true(len <= 64);
    aks_hex_encode(data, len, hex);
    assert_string_equal(hex, expected);
}

struct text {
    uint8_t *data;
    size_t len;
    size_t room;
};

static enum aks_status
collect(void *ctx, const void *data, size_t len, struct aks_error *err)
{
    struct text *text = ctx;

    assert_true(len > 0 && len <= CHUNK && len <= text->room - text->len);
    memcpy(text->data + text->len, data, len);
    text->len += len;
    return AKS_OK;
}

/* What nobody can guess, guessed: a byte after the other. */
static enum aks_status
count_up(void *ctx, void *data, size_t len, struct aks_error *err)
{
    uint8_t *next = ctx;

    for (size_t i = 0; i < len; i++)
        ((uint8_t *)data)[i] = (*next)++;
    return AKS_OK;
}

static void
identity(struct aks_age_identities *ret)
{
    aks_age_identities_init(ret, aks_alloc_system());
    assert_int_equal(aks_age_identities_add(ret, IDENTITY, strlen(IDENTITY), NULL), AKS_OK);
}

static enum aks_age_failure
read_all(const void *data, size_t len, size_t piece, const struct aks_age_keys *keys,
    struct text *plain)
{
    struct aks_age_reader *reader = NULL;
    enum aks_age_failure failure;
    enum aks_status status;
    struct aks_error err;

    plain->len = 0;
    assert_int_equal(aks_age_reader_new(aks_alloc_system(), keys, false, &reader, &err), AKS_OK);
    status = AKS_OK;
    for (size_t at = 0; at < len && status == AKS_OK; at += piece)
        status = aks_age_reader_feed(reader, (const uint8_t *)data + at,
            len - at < piece ? len - at : piece, collect, plain, &err);
    if (status == AKS_OK)
        status = aks_age_reader_end(reader, collect, plain, &err);
    failure = aks_age_reader_failure(reader);
    assert_int_equal(status == AKS_OK, failure == AKS_AGE_FINE);
    if (status != AKS_OK)
        assert_int_equal(err.status, status);
    aks_age_reader_free(reader);
    return failure;
}

static void
every_step_is_that_of_the_worked_vector(void **state)
{
    struct aks_age_identities identities;
    uint8_t share[32];
    uint8_t body[32];
    uint8_t file_key[16];
    uint8_t key[32];
    enum aks_age_unwrapped how;
    char text[AKS_AGE_RECIPIENT_TEXT_BYTES];
    size_t len;

    identity(&identities);
    assert_hex((const uint8_t *)aks_secret_reveal(identities.each[0].secret), 32,
        "ca1626252c53cf1a4dc46695e7fcc46594cb4ccadedb6712dfda0753f3ae355e");
    assert_hex(identities.each[0].point, 32,
        "36dcec3f5f24739a0c8b36cbb4ffa25729a94a51d41fb205a37419fe7f5adb2a");
    aks_age_recipient_text(identities.each[0].point, text);
    assert_memory_equal(text, "age1", 4);
    assert_true(aks_age_header_raw64(SHARE, 43, share, 32, &len) && len == 32);
    assert_hex(share, 32, "4c4885d32a6aafe6e9bdca973720952692fb3aec0f755c0f2fb29011b1433827");
    assert_true(aks_age_header_raw64(BODY, 43, body, 32, &len) && len == 32);
    assert_hex(body, 32, "86369b197c122d0f5cdd2e8bc368be4b64eed9f8b04071ec95b04de81e3514b1");
    assert_int_equal(aks_age_unwrap_x25519(identities.each[0].secret, identities.each[0].point,
        share, body, file_key, &how, NULL), AKS_OK);
    assert_int_equal(how, AKS_AGE_OPENED);
    assert_memory_equal(file_key, FILE_KEY, 16);
    aks_age_wrap_hkdf(FILE_KEY, 16, NULL, 0, "header", key);
    assert_hex(key, 32, "a4bf3b9f4e908993e678eb71e558faedac5829d1d632c50225217c066fec77d2");
    aks_age_header_mac(file_key, MACED, strlen(MACED), key);
    assert_hex(key, 32, "5b2269f45ffd14e661ee025d85eab658825cc0781873c348561ddd77086b70d8");
    from_hex(NONCE, share, 16);
    aks_age_wrap_hkdf(FILE_KEY, 16, share, 16, "payload", key);
    assert_hex(key, 32, "6b6c189a7af0e7b1dba932c87080d8926b2de53fbf9eac516394701223669022");
    aks_age_identities_fini(&identities);
}

/* The vector as a file. */
static size_t
vector(uint8_t *ret_file)
{
    size_t len = strlen(HEADER);

    memcpy(ret_file, HEADER, len);
    from_hex(NONCE, ret_file + len, 16);
    from_hex(SEALED, ret_file + len + 16, 19);
    return len + 16 + 19;
}

static void
any_bit_of_the_vector_that_is_another_is_noticed(void **state)
{
    struct aks_age_identities identities;
    struct aks_age_keys keys = { .identities = &identities };
    uint8_t file[512];
    uint8_t room[16];
    struct text plain = { room, 0, sizeof(room) };
    size_t len = vector(file);

    identity(&identities);
    for (size_t piece = 1; piece <= len; piece++) {
        assert_int_equal(read_all(file, len, piece, &keys, &plain), AKS_AGE_FINE);
        assert_int_equal(plain.len, 3);
        assert_memory_equal(plain.data, "age", 3);
    }
    for (size_t bit = 0; bit < 8 * len; bit++) {
        file[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_not_equal(read_all(file, len, len, &keys, &plain), AKS_AGE_FINE);
        assert_int_equal(plain.len, 0);
        file[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t cut = 0; cut < len; cut++) {
        assert_int_not_equal(read_all(file, cut, len, &keys, &plain), AKS_AGE_FINE);
        assert_int_equal(plain.len, 0);
    }
    file[len] = 0;
    assert_int_equal(read_all(file, len + 1, len, &keys, &plain), AKS_AGE_BAD_PAYLOAD);
    aks_age_identities_fini(&identities);
}

/* --- round trips ------------------------------------------------------------------------------ */

static struct aks_age_recipients
recipients_of(const struct aks_age_identities *identities)
{
    struct aks_age_recipients recipients = { .count = 0 };
    char text[AKS_AGE_RECIPIENT_TEXT_BYTES];

    /* Others first: the one that fits is found behind them. */
    for (uint8_t i = 1; i <= 3; i++) {
        uint8_t secret[32] = { 0, i };
        uint8_t point[32];

        assert_int_equal(aks_age_wrap_point(secret, point, NULL), AKS_OK);
        aks_age_recipient_text(point, text);
        assert_int_equal(aks_age_recipients_add(&recipients, text, strlen(text), NULL), AKS_OK);
    }
    aks_age_recipient_text(identities->each[0].point, text);
    assert_int_equal(aks_age_recipients_add(&recipients, text, strlen(text), NULL), AKS_OK);
    assert_int_equal(aks_age_recipients_add(&recipients, text, strlen(text), NULL), AKS_OK);
    assert_int_equal(recipients.count, 4);
    return recipients;
}

/* Writes ${len} bytes in pieces of up to ${piece}, each with just its bound as room. */
static size_t
write_all(const struct aks_age_writer_options *options, const uint8_t *data, size_t len,
    size_t piece, uint8_t *out)
{
    struct aks_age_writer *writer = NULL;
    size_t made = 0;
    size_t at = 0;

    assert_int_equal(aks_age_writer_new(options, &writer, NULL), AKS_OK);
    do {
        size_t take = len - at < piece ? len - at : piece;
        size_t bound = aks_age_writer_bound(writer, take);
        uint8_t *exact = malloc(bound);
        size_t wrote = 0;

        assert_non_null(exact);
        aks_age_writer_write(writer, data + at, take, at + take == len, exact, &wrote);
        assert_true(wrote <= bound);
        memcpy(out + made, exact, wrote);
        free(exact);
        made += wrote;
        at += take;
    } while (at < len);
    aks_age_writer_free(writer);
    return made;
}

static void
what_is_written_is_read_at_every_edge_of_a_chunk(void **state)
{
    static const size_t sizes[] = { 0, 1, 2, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK - 1, 2 * CHUNK,
        2 * CHUNK + 1, 3 * CHUNK + 17 };
    static const size_t pieces[] = { 1000, CHUNK - 1, CHUNK, CHUNK + 1, 4 * CHUNK };
    struct aks_age_identities identities;
    struct aks_age_keys keys = { .identities = &identities };
    struct aks_age_recipients recipients;
    uint8_t next = 0;
    struct aks_age_writer_options options = { .alloc = aks_alloc_system(),
        .recipients = &recipients, .fill = count_up, .ctx = &next };
    size_t room = 4 * CHUNK + 4096;
    uint8_t *data = malloc(room);
    uint8_t *file = malloc(room);
    uint8_t *again = malloc(room);
    struct text plain = { malloc(room), 0, room };
    struct aks_rng rng;

    identity(&identities);
    recipients = recipients_of(&identities);
    aks_rng_init(&rng, 1);
    sample_fill(SAMPLE_MIXED, &rng, data, room);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        size_t len = 0;

        for (size_t k = 0; k < sizeof(pieces) / sizeof(pieces[0]); k++) {
            size_t made;

            next = 0;
            made = write_all(&options, data, sizes[i], pieces[k], k == 0 ? file : again);
            if (k > 0) {
                /* Which pieces it came in is not to be seen. */
                assert_int_equal(made, len);
                assert_memory_equal(file, again, len);
            }
            len = made;
            assert_int_equal(read_all(file, len, pieces[k], &keys, &plain), AKS_AGE_FINE);
            assert_int_equal(plain.len, sizes[i]);
            assert_memory_equal(plain.data, data, sizes[i]);
        }
        assert_int_equal(len, aks_age_writer_size((int64_t)strlen(HEADER) + 3 * 98,
            (int64_t)sizes[i]));
        /* Cut anywhere near an edge, or with anything behind: never fine. */
        for (size_t cut = 1; cut <= 40 && cut < len; cut++)
            assert_int_not_equal(read_all(file, len - cut, room, &keys, &plain), AKS_AGE_FINE);
        file[len] = 7;
        assert_int_equal(read_all(file, len + 1, room, &keys, &plain), AKS_AGE_BAD_PAYLOAD);
    }
    aks_age_identities_fini(&identities);
    free(plain.data);
    free(again);
    free(file);
    free(data);
}

static void
chunks_that_change_places_are_noticed(void **state)
{
    struct aks_age_identities identities;
    struct aks_age_keys keys = { .identities = &identities };
    struct aks_age_recipients recipients;
    uint8_t next = 0;
    struct aks_age_writer_options options = { .alloc = aks_alloc_system(),
        .recipients = &recipients, .fill = count_up, .ctx = &next };
    size_t room = 4 * CHUNK;
    size_t sealed = CHUNK + AKS_AGE_TAG_BYTES;
    uint8_t *data = calloc(1, room);
    uint8_t *file = malloc(room);
    uint8_t *chunk = malloc(sealed);
    struct text plain = { malloc(room), 0, room };
    size_t len;
    size_t begins;

    identity(&identities);
    recipients = recipients_of(&identities);
    len = write_all(&options, data, 3 * CHUNK, room, file);
    begins = len - 3 * sealed;
    /* The same plain bytes, and yet no two chunks are the same. */
    assert_memory_not_equal(file + begins, file + begins + sealed, sealed);
    memcpy(chunk, file + begins, sealed);
    memmove(file + begins, file + begins + sealed, sealed);
    memcpy(file + begins + sealed, chunk, sealed);
    assert_int_equal(read_all(file, len, room, &keys, &plain), AKS_AGE_BAD_PAYLOAD);
    assert_int_equal(plain.len, 0);
    aks_age_identities_fini(&identities);
    free(plain.data);
    free(chunk);
    free(file);
    free(data);
}

/* Out of the header of ${file}, whose last stanza is that of the identity. */
static void
file_key(const uint8_t *file, const struct aks_age_identities *identities,
    uint8_t ret_key[AKS_AGE_FILE_KEY_BYTES])
{
    const char *text = (const char *)file;
    size_t len = (size_t)(strchr(strstr(text, "\n---") + 1, '\n') - text) + 1;
    struct aks_age_header header;
    struct aks_age_stanza stanza;
    enum aks_age_unwrapped how;
    uint8_t share[32];
    const char *why;
    size_t at = 0;
    size_t got;

    assert_true(aks_age_header_read(text, len, &header, &why));
    while (aks_age_header_next(&header, &at, &stanza))
        continue;
    assert_true(aks_age_header_raw64(stanza.arguments[1].text, 43, share, 32, &got));
    assert_int_equal(aks_age_unwrap_x25519(identities->each[0].secret, identities->each[0].point,
        share, stanza.body, ret_key, &how, NULL), AKS_OK);
    assert_int_equal(how, AKS_AGE_OPENED);
}

static void
no_two_files_have_a_key_in_common(void **state)
{
    struct aks_age_identities identities;
    struct aks_age_recipients recipients;
    uint8_t next = 0;
    struct aks_age_writer_options options = { .alloc = aks_alloc_system(),
        .recipients = &recipients, .fill = count_up, .ctx = &next };
    uint8_t keys[2][AKS_AGE_FILE_KEY_BYTES];
    uint8_t one[1024];
    uint8_t two[1024];
    size_t len;

    identity(&identities);
    recipients = recipients_of(&identities);
    len = write_all(&options, (const uint8_t *)"x", 1, 1, one);
    assert_int_equal(write_all(&options, (const uint8_t *)"x", 1, 1, two), len);
    assert_memory_not_equal(one, two, 100);
    assert_memory_not_equal(one + len - 17, two + len - 17, 17);
    file_key(one, &identities, keys[0]);
    file_key(two, &identities, keys[1]);
    assert_memory_not_equal(keys[0], keys[1], sizeof(keys[0]));
    aks_age_identities_fini(&identities);
}

static void
a_passphrase_stands_alone(void **state)
{
    struct aks_secret *right = aks_secret_new(aks_alloc_system(), "", "correct horse", 13);
    struct aks_secret *wrong = aks_secret_new(aks_alloc_system(), "", "battery staple", 14);
    uint8_t next = 0;
    struct aks_age_writer_options options = { .alloc = aks_alloc_system(), .passphrase = right,
        .work = WORK, .fill = count_up, .ctx = &next };
    struct aks_age_keys keys = { .passphrase = right };
    uint8_t file[512];
    uint8_t room[16];
    struct text plain = { room, 0, sizeof(room) };
    size_t len = write_all(&options, (const uint8_t *)"secret", 6, 6, file);

    assert_int_equal(read_all(file, len, len, &keys, &plain), AKS_AGE_FINE);
    assert_int_equal(plain.len, 6);
    assert_memory_equal(plain.data, "secret", 6);
    keys.passphrase = wrong;
    assert_int_equal(read_all(file, len, len, &keys, &plain), AKS_AGE_NO_MATCH);
    keys.passphrase = NULL;
    assert_int_equal(read_all(file, len, len, &keys, &plain), AKS_AGE_NO_MATCH);
    assert_int_equal(plain.len, 0);
    aks_secret_free(wrong);
    aks_secret_free(right);
}

static void
what_takes_too_much_work_is_not_begun(void **state)
{
    static const char *const texts[] = { "23", "64", "4294967300", "99999999999999999999", "0",
        "04", "+4", "4x", "" };
    struct aks_secret *passphrase = aks_secret_new(aks_alloc_system(), "", "x", 1);
    struct aks_age_keys keys = { .passphrase = passphrase };
    uint8_t room[16];
    struct text plain = { room, 0, sizeof(room) };
    char file[512];

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        int len = snprintf(file, sizeof(file), AKS_AGE_VERSION_LINE "-> scrypt "
            "AAAAAAAAAAAAAAAAAAAAAA %s\n" BODY "\n--- " MAC "\n0123456789abcdef", texts[i]);

        assert_int_equal(read_all(file, (size_t)len, (size_t)len, &keys, &plain),
            AKS_AGE_BAD_HEADER);
    }
    aks_secret_free(passphrase);
}

/* What a person may ask for takes gigabytes: it is not tried here. */
static void
unasked_less_work_is_begun(void **state)
{
    struct aks_secret *passphrase = aks_secret_new(aks_alloc_system(), "", "x", 1);
    struct aks_age_keys keys = { .passphrase = passphrase };
    uint8_t room[16];
    struct text plain = { room, 0, sizeof(room) };
    char file[512];

    for (int work = AKS_AGE_SCRYPT_WORK_UNASKED + 1; work <= AKS_AGE_SCRYPT_WORK_MAX; work++) {
        int len = snprintf(file, sizeof(file), AKS_AGE_VERSION_LINE "-> scrypt "
            "AAAAAAAAAAAAAAAAAAAAAA %d\n" BODY "\n--- " MAC "\n0123456789abcdef", work);

        assert_int_equal(read_all(file, (size_t)len, (size_t)len, &keys, &plain),
            AKS_AGE_TOO_MUCH_WORK);
    }
    aks_secret_free(passphrase);
}

/* --- keys as text ----------------------------------------------------------------------------- */

static void
refuses(bool recipient, const char *text, const char *words)
{
    struct aks_age_identities identities;
    struct aks_age_recipients recipients = { .count = 0 };
    struct aks_error err;

    aks_age_identities_init(&identities, aks_alloc_system());
    assert_int_equal(recipient ? aks_age_recipients_read(&recipients, text, strlen(text), &err)
        : aks_age_identities_read(&identities, text, strlen(text), &err), AKS_SETTINGS);
    if (strstr(err.message, words) == NULL)
        fail_msg("%s: not \"%s\"", err.message, words);
    /* It may be a secret that was put in the wrong place. */
    if (strlen(text) > 30)
        assert_null(strstr(err.message, text + strlen(text) - 20));
    assert_int_equal(recipients.count + identities.count, 0);
    aks_age_identities_fini(&identities);
}

static void
keys_of_another_kind_are_refused_by_name(void **state)
{
    refuses(true, "age1pq1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq",
        "line 1: it is a hybrid (post-quantum) key");
    refuses(true, "age1yubikey1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq", "a plugin's key");
    refuses(true, "age1tag1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq", "a hardware token");
    refuses(true, "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAA", "an SSH key");
    refuses(true, "# mine\n\nage1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq",
        "line 3: it is a recipient that was mistyped or cut");
    refuses(true, IDENTITY, "it is an identity, which is secret");
    refuses(true, "no key at all, and long enough to be one", "it is no key of age (age1...)");
    refuses(true, "# nothing\n\n", "there is no key in it");
    refuses(false, "AGE-PLUGIN-YUBIKEY-1QQQQQQQQQQQQQQQQQQQQQQQQQQQQQ", "a plugin's key");
    refuses(false, "AGE-SECRET-KEY-PQ-1QQQQQQQQQQQQQQQQQQQQQQQQQQQQQQ", "a hybrid");
    refuses(false, "age1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq",
        "it is a recipient, which opens nothing");
    refuses(false, "AGE-SECRET-KEY-1QQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQ",
        "it is an identity that was mistyped or cut");
    refuses(false, "-----BEGIN AGE ENCRYPTED FILE-----\n", "an encrypted identity file");
    refuses(false, AKS_AGE_VERSION_LINE, "an encrypted identity file");
    refuses(false, "-----BEGIN OPENSSH PRIVATE KEY-----\n", "an SSH key");
}

static void
an_identity_file_has_comments_and_several_keys(void **state)
{
    static const char text[] = "# created: long ago\r\n# public key: age1...\r\n" IDENTITY "\r\n"
        "\n  \n" IDENTITY;
    struct aks_age_identities identities;

    aks_age_identities_init(&identities, aks_alloc_system());
    assert_int_equal(aks_age_identities_read(&identities, text, strlen(text), NULL), AKS_OK);
    assert_int_equal(identities.count, 2);
    aks_age_identities_fini(&identities);
}

static void
there_may_not_be_too_many(void **state)
{
    struct aks_age_recipients recipients = { .count = 0 };
    struct aks_error err;

    for (size_t i = 0; i <= AKS_AGE_RECIPIENTS_MAX; i++) {
        uint8_t secret[32] = { 0, (uint8_t)(i + 1) };
        uint8_t point[32];
        char text[AKS_AGE_RECIPIENT_TEXT_BYTES];

        assert_int_equal(aks_age_wrap_point(secret, point, NULL), AKS_OK);
        aks_age_recipient_text(point, text);
        assert_int_equal(aks_age_recipients_add(&recipients, text, strlen(text), &err),
            i < AKS_AGE_RECIPIENTS_MAX ? AKS_OK : AKS_LIMIT);
    }
}

/* --- no memory -------------------------------------------------------------------------------- */

static int
there_and_back(void *ctx, const struct aks_alloc *alloc)
{
    struct aks_age_identities identities;
    struct aks_age_recipients recipients = { .count = 1 };
    struct aks_age_keys keys = { .identities = &identities };
    uint8_t next = 0;
    struct aks_age_writer_options options = { .alloc = alloc, .recipients = &recipients,
        .fill = count_up, .ctx = &next };
    struct aks_age_writer *writer = NULL;
    struct aks_age_reader *reader = NULL;
    uint8_t file[512];
    uint8_t room[16];
    struct text plain = { room, 0, sizeof(room) };
    size_t len = 0;
    enum aks_status status;

    aks_age_identities_init(&identities, alloc);
    status = aks_age_identities_add(&identities, IDENTITY, strlen(IDENTITY), NULL);
    if (status == AKS_OK) {
        memcpy(recipients.points[0], identities.each[0].point, 32);
        status = aks_age_writer_new(&options, &writer, NULL);
    }
    if (status == AKS_OK) {
        aks_age_writer_write(writer, "plain", 5, true, file, &len);
        status = aks_age_reader_new(alloc, &keys, false, &reader, NULL);
    }
    if (status == AKS_OK)
        status = aks_age_reader_feed(reader, file, len, collect, &plain, NULL);
    if (status == AKS_OK)
        status = aks_age_reader_end(reader, collect, &plain, NULL);
    assert_true(status == AKS_LIMIT || (status == AKS_OK && plain.len == 5));
    aks_age_reader_free(reader);
    aks_age_writer_free(writer);
    aks_age_identities_fini(&identities);
    return 0;
}

static void
without_memory_it_fails_and_leaves_nothing(void **state)
{
    failing_alloc_loop(there_and_back, NULL, 100);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_step_is_that_of_the_worked_vector),
        cmocka_unit_test(any_bit_of_the_vector_that_is_another_is_noticed),
        cmocka_unit_test(what_is_written_is_read_at_every_edge_of_a_chunk),
        cmocka_unit_test(chunks_that_change_places_are_noticed),
        cmocka_unit_test(no_two_files_have_a_key_in_common),
        cmocka_unit_test(a_passphrase_stands_alone),
        cmocka_unit_test(what_takes_too_much_work_is_not_begun),
        cmocka_unit_test(unasked_less_work_is_begun),
        cmocka_unit_test(keys_of_another_kind_are_refused_by_name),
        cmocka_unit_test(an_identity_file_has_comments_and_several_keys),
        cmocka_unit_test(there_may_not_be_too_many),
        cmocka_unit_test(without_memory_it_fails_and_leaves_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
