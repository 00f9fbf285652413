#include "data/age_read.h"

#include "base/buf.h"
#include "base/check.h"
#include "data/age_internal.h"

#include <openssl/crypto.h>
#include <string.h>

#define SEALED_BYTES (AKS_AGE_CHUNK_BYTES + AKS_AGE_TAG_BYTES)
#define SALT_DIGITS 22
#define POINT_DIGITS 43

enum reader_state { READER_HEADER, READER_NONCE, READER_PAYLOAD, READER_ENDED };

struct aks_age_reader {
    const struct aks_alloc *alloc;
    struct aks_age_keys keys;
    bool armored;
    struct aks_age_armor armor;
    enum reader_state state;
    enum aks_age_failure failure;
    struct aks_buf head;                /* the header, then its nonce */
    size_t header_len;
    size_t tries;                       /* identities on stanzas */
    size_t line_at;                     /* of the header's last line so far */
    struct aks_age_stream stream;
    size_t held_len;
    uint8_t held[SEALED_BYTES];         /* whether it is the last chunk is not known yet */
    uint8_t plain[AKS_AGE_CHUNK_BYTES];
    /* For the armor, while it is fed. */
    aks_decoded *each;
    void *ctx;
};

enum aks_status
aks_age_reader_new(const struct aks_alloc *alloc, const struct aks_age_keys *keys, bool armored,
    struct aks_age_reader **ret_reader, struct aks_error *err)
{
    struct aks_age_reader *reader = aks_mem_new(alloc, sizeof(*reader));

    if (reader == NULL)
        return aks_error_memory(err, "starting to decrypt");
    reader->alloc = alloc;
    reader->keys = *keys;
    reader->armored = armored;
    aks_buf_init(&reader->head, alloc, AKS_AGE_HEADER_BYTES_MAX + AKS_AGE_NONCE_BYTES);
    *ret_reader = reader;
    return AKS_OK;
}

void
aks_age_reader_free(struct aks_age_reader *reader)
{
    if (reader == NULL)
        return;
    aks_age_stream_fini(&reader->stream);
    aks_buf_fini(&reader->head);
    OPENSSL_cleanse(reader->plain, sizeof(reader->plain));
    aks_mem_free(reader->alloc, reader);
}

enum aks_age_failure
aks_age_reader_failure(const struct aks_age_reader *reader)
{
    return reader->failure;
}

static enum aks_status
corrupt(struct aks_age_reader *reader, enum aks_age_failure failure, const char *why,
    struct aks_error *err)
{
    reader->failure = failure;
    return aks_error_set(err, AKS_CORRUPT, "it cannot be decrypted: %s", why);
}

static enum aks_status
bad_header(struct aks_age_reader *reader, const char *why, struct aks_error *err)
{
    return corrupt(reader, AKS_AGE_BAD_HEADER, why, err);
}

/* --- who may have the file key ---------------------------------------------------------------- */

/* What a stanza says, which must be in its one form before anything is decrypted: a body of another
 * length could tell an attacker which keys it was tried with. */
static bool
is_x25519(const struct aks_age_stanza *stanza, uint8_t ret_share[AKS_AGE_POINT_BYTES])
{
    size_t len = 0;

    return stanza->argument_count == 2 && stanza->arguments[1].len == POINT_DIGITS &&
        aks_age_header_raw64(stanza->arguments[1].text, POINT_DIGITS, ret_share,
            AKS_AGE_POINT_BYTES, &len) && len == AKS_AGE_POINT_BYTES &&
        stanza->body_len == AKS_AGE_WRAPPED_BYTES;
}

/* A decimal number without a leading zero; 0 if it is none, and more than the most where it is more
 * than that. */
static unsigned
work_of(const char *text, size_t len)
{
    unsigned work = 0;

    if (len == 0 || text[0] == '0')
        return 0;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9')
            return 0;
        if (work <= AKS_AGE_SCRYPT_WORK_MAX)
            work = 10 * work + (unsigned)(text[i] - '0');
    }
    return work;
}

static bool
is_scrypt(const struct aks_age_stanza *stanza, uint8_t ret_salt[AKS_AGE_SALT_BYTES],
    unsigned *ret_work)
{
    size_t len = 0;

    if (stanza->argument_count != 3 || stanza->arguments[1].len != SALT_DIGITS ||
        !aks_age_header_raw64(stanza->arguments[1].text, SALT_DIGITS, ret_salt,
            AKS_AGE_SALT_BYTES, &len) || len != AKS_AGE_SALT_BYTES ||
        stanza->body_len != AKS_AGE_WRAPPED_BYTES)
        return false;
    *ret_work = work_of(stanza->arguments[2].text, stanza->arguments[2].len);
    return *ret_work > 0;
}

static enum aks_status
too_many_tries(struct aks_age_reader *reader, struct aks_error *err)
{
    reader->failure = AKS_AGE_TOO_MUCH_WORK;
    (void)aks_error_set(err, AKS_LIMIT, "it is encrypted for more recipients than are tried with "
        "%zu identities", reader->keys.identities->count);
    aks_error_hint(err, "give the one identity that it is encrypted for");
    return AKS_LIMIT;
}

static enum aks_status
try_identity(struct aks_age_reader *reader, const struct aks_age_header *header, size_t index,
    uint8_t file_key[AKS_AGE_FILE_KEY_BYTES], bool *ret_opened, struct aks_error *err)
{
    const struct aks_age_identities *identities = reader->keys.identities;
    struct aks_age_stanza stanza;
    size_t at = 0;

    while (!*ret_opened && aks_age_header_next(header, &at, &stanza)) {
        uint8_t share[AKS_AGE_POINT_BYTES];
        enum aks_age_unwrapped how = AKS_AGE_MALFORMED;
        enum aks_status status = AKS_OK;

        if (!aks_age_header_is_type(&stanza, "X25519"))
            continue;
        if (reader->tries++ == AKS_AGE_TRIES_MAX)
            return too_many_tries(reader, err);
        if (is_x25519(&stanza, share))
            status = aks_age_unwrap_x25519(identities->each[index].secret,
                identities->each[index].point, share, stanza.body, file_key, &how, err);
        if (status != AKS_OK)
            return status;
        if (how == AKS_AGE_MALFORMED)
            return bad_header(reader, "a stanza of X25519 is malformed", err);
        *ret_opened = how == AKS_AGE_OPENED;
    }
    return AKS_OK;
}

/* It says nothing of the file: a person may well open it. */
static enum aks_status
too_much_unasked(struct aks_age_reader *reader, struct aks_error *err)
{
    reader->failure = AKS_AGE_TOO_MUCH_WORK;
    (void)aks_error_set(err, AKS_LIMIT, "its passphrase takes more work than is done where nobody "
        "waits for it (scrypt beyond 2^%d)", AKS_AGE_SCRYPT_WORK_UNASKED);
    aks_error_hint(err, "if you know who stored it: akosha-sync verify --passphrase opens what "
        "takes up to 2^%d", AKS_AGE_SCRYPT_WORK_MAX);
    return AKS_LIMIT;
}

static enum aks_status
try_passphrase(struct aks_age_reader *reader, const struct aks_age_stanza *stanza,
    uint8_t file_key[AKS_AGE_FILE_KEY_BYTES], bool *ret_opened, struct aks_error *err)
{
    uint8_t salt[AKS_AGE_SALT_BYTES];
    enum aks_age_unwrapped how = AKS_AGE_NOT_MINE;
    unsigned work = 0;
    enum aks_status status;

    if (!is_scrypt(stanza, salt, &work))
        return bad_header(reader, "its stanza of scrypt is malformed", err);
    if (work > AKS_AGE_SCRYPT_WORK_MAX)
        return bad_header(reader, "its passphrase takes more work than anybody should do "
            "(scrypt beyond 2^22)", err);
    if (work > AKS_AGE_SCRYPT_WORK_UNASKED && !reader->keys.asked)
        return too_much_unasked(reader, err);
    status = aks_age_unwrap_scrypt(reader->keys.passphrase, salt, work, stanza->body, file_key,
        &how, err);
    *ret_opened = status == AKS_OK && how == AKS_AGE_OPENED;
    return status;
}

/* The kinds of stanzas: is there one of scrypt, and one of X25519? */
static enum aks_status
look(struct aks_age_reader *reader, const struct aks_age_header *header, bool *ret_scrypt,
    bool *ret_x25519, struct aks_age_stanza *ret_stanza, struct aks_error *err)
{
    struct aks_age_stanza stanza;
    size_t at = 0;

    *ret_scrypt = false;
    *ret_x25519 = false;
    while (aks_age_header_next(header, &at, &stanza)) {
        *ret_x25519 = *ret_x25519 || aks_age_header_is_type(&stanza, "X25519");
        if (!aks_age_header_is_type(&stanza, "scrypt"))
            continue;
        *ret_scrypt = true;
        *ret_stanza = stanza;
    }
    /* Else whoever knows the passphrase could not know that nobody else reads it. */
    if (*ret_scrypt && header->stanza_count > 1)
        return bad_header(reader, "it has a passphrase and other recipients beside", err);
    return AKS_OK;
}

static enum aks_status
not_opened(struct aks_age_reader *reader, bool scrypt, bool x25519, struct aks_error *err)
{
    bool identities = reader->keys.identities != NULL && reader->keys.identities->count > 0;

    reader->failure = AKS_AGE_NO_MATCH;
    if (scrypt)
        return reader->keys.passphrase == NULL
            ? aks_error_set(err, AKS_AUTH_MISSING, "it is encrypted with a passphrase, and none "
                "was given")
            : aks_error_set(err, AKS_AUTH_INVALID, "it is encrypted with another passphrase");
    if (!x25519)
        return aks_error_set(err, AKS_AUTH_INVALID, "it is encrypted for keys of a kind that is "
            "not known here");
    return identities ? aks_error_set(err, AKS_AUTH_INVALID, "it is encrypted for others: no "
            "identity that was given opens it")
        : aks_error_set(err, AKS_AUTH_MISSING, "it is encrypted, and no identity was given");
}

static enum aks_status
unwrap(struct aks_age_reader *reader, const struct aks_age_header *header,
    uint8_t file_key[AKS_AGE_FILE_KEY_BYTES], struct aks_error *err)
{
    const struct aks_age_identities *identities = reader->keys.identities;
    struct aks_age_stanza stanza;
    bool opened = false;
    bool scrypt;
    bool x25519;
    enum aks_status status = look(reader, header, &scrypt, &x25519, &stanza, err);

    if (status == AKS_OK && scrypt && reader->keys.passphrase != NULL)
        status = try_passphrase(reader, &stanza, file_key, &opened, err);
    for (size_t i = 0; identities != NULL && i < identities->count && status == AKS_OK &&
        !opened; i++)
        status = try_identity(reader, header, i, file_key, &opened, err);
    if (status == AKS_OK && !opened)
        status = not_opened(reader, scrypt, x25519, err);
    return status;
}

/* --- header ----------------------------------------------------------------------------------- */

/* ${nonce} may be NULL: then the file ends behind its header, which is wrong whatever it says. */
static enum aks_status
open_header(struct aks_age_reader *reader, const uint8_t *nonce, struct aks_error *err)
{
    uint8_t file_key[AKS_AGE_FILE_KEY_BYTES];
    uint8_t mac[AKS_AGE_KEY_BYTES];
    struct aks_age_header header;
    const char *why = NULL;
    enum aks_status status;

    if (!aks_age_header_read(reader->head.data, reader->header_len, &header, &why))
        return bad_header(reader, why, err);
    status = unwrap(reader, &header, file_key, err);
    if (status == AKS_OK) {
        aks_age_header_mac(file_key, header.text, header.mac_at, mac);
        if (CRYPTO_memcmp(mac, header.mac, sizeof(mac)) != 0)
            status = corrupt(reader, AKS_AGE_BAD_MAC, "its header was changed", err);
    }
    if (status == AKS_OK && nonce == NULL)
        status = bad_header(reader, "it ends before its payload begins", err);
    if (status == AKS_OK)
        status = aks_age_stream_init(&reader->stream, false, file_key, nonce, err);
    OPENSSL_cleanse(file_key, sizeof(file_key));
    if (status == AKS_LIMIT && reader->failure == AKS_AGE_FINE)
        reader->failure = AKS_AGE_NO_MEMORY;
    reader->state = READER_PAYLOAD;
    return status;
}

/* Takes bytes until the line that begins with "---" ends. */
static enum aks_status
take_header(struct aks_age_reader *reader, const uint8_t **data, size_t *len,
    struct aks_error *err)
{
    static const char version[] = AKS_AGE_VERSION_LINE;
    struct aks_buf *head = &reader->head;

    while (*len > 0 && reader->state == READER_HEADER) {
        const uint8_t *stop = memchr(*data, '\n', *len);
        size_t take = stop != NULL ? (size_t)(stop - *data) + 1 : *len;
        size_t known;

        if (take > AKS_AGE_HEADER_BYTES_MAX - head->len)
            return bad_header(reader, "its header is too long", err);
        aks_buf_append(head, *data, take);
        if (head->failed != AKS_OK) {
            reader->failure = AKS_AGE_NO_MEMORY;
            return aks_error_memory(err, "reading a header of age");
        }
        *data += take;
        *len -= take;
        known = head->len < sizeof(version) - 1 ? head->len : sizeof(version) - 1;
        if (memcmp(head->data, version, known) != 0)
            return bad_header(reader, "it is no file of age, or of another version", err);
        if (stop == NULL)
            continue;
        if (head->len - reader->line_at >= 3 &&
            memcmp(head->data + reader->line_at, "---", 3) == 0) {
            reader->state = READER_NONCE;
            reader->header_len = head->len;
        }
        reader->line_at = head->len;
    }
    return AKS_OK;
}

static enum aks_status
take_nonce(struct aks_age_reader *reader, const uint8_t **data, size_t *len, struct aks_error *err)
{
    struct aks_buf *head = &reader->head;
    size_t take = reader->header_len + AKS_AGE_NONCE_BYTES - head->len;

    take = take < *len ? take : *len;
    aks_buf_append(head, *data, take);
    if (head->failed != AKS_OK) {
        reader->failure = AKS_AGE_NO_MEMORY;
        return aks_error_memory(err, "reading a header of age");
    }
    *data += take;
    *len -= take;
    if (head->len < reader->header_len + AKS_AGE_NONCE_BYTES)
        return AKS_OK;
    return open_header(reader, (const uint8_t *)head->data + reader->header_len, err);
}

/* --- payload ---------------------------------------------------------------------------------- */

static enum aks_status
give(struct aks_age_reader *reader, size_t len, struct aks_error *err)
{
    return len > 0 ? reader->each(reader->ctx, reader->plain, len, err) : AKS_OK;
}

/* A full chunk behind which there is more, so it is not the last one. Where it says that it is,
 * what follows is too much. */
static enum aks_status
open_full(struct aks_age_reader *reader, const uint8_t *sealed, struct aks_error *err)
{
    enum aks_status status;

    if (aks_age_stream_open(&reader->stream, sealed, SEALED_BYTES, false, reader->plain))
        return give(reader, AKS_AGE_CHUNK_BYTES, err);
    if (!aks_age_stream_open(&reader->stream, sealed, SEALED_BYTES, true, reader->plain))
        return corrupt(reader, AKS_AGE_BAD_PAYLOAD, "its bytes were changed", err);
    status = give(reader, AKS_AGE_CHUNK_BYTES, err);
    return status != AKS_OK ? status
        : corrupt(reader, AKS_AGE_BAD_PAYLOAD, "something follows its last bytes", err);
}

static enum aks_status
take_payload(struct aks_age_reader *reader, const uint8_t *data, size_t len,
    struct aks_error *err)
{
    enum aks_status status = AKS_OK;

    while (len > 0 && status == AKS_OK) {
        size_t take = SEALED_BYTES - reader->held_len;

        if (take == 0) {
            reader->held_len = 0;
            status = open_full(reader, reader->held, err);
        } else if (reader->held_len == 0 && len > SEALED_BYTES) {
            status = open_full(reader, data, err);
            data += SEALED_BYTES;
            len -= SEALED_BYTES;
        } else {
            take = take < len ? take : len;
            memcpy(reader->held + reader->held_len, data, take);
            reader->held_len += take;
            data += take;
            len -= take;
        }
    }
    return status;
}

static enum aks_status
take(void *ctx, const void *bytes, size_t len, struct aks_error *err)
{
    struct aks_age_reader *reader = ctx;
    const uint8_t *data = bytes;
    enum aks_status status = AKS_OK;

    if (reader->state == READER_HEADER)
        status = take_header(reader, &data, &len, err);
    if (status == AKS_OK && reader->state == READER_NONCE)
        status = take_nonce(reader, &data, &len, err);
    if (status == AKS_OK && reader->state == READER_PAYLOAD)
        status = take_payload(reader, data, len, err);
    return status;
}

enum aks_status
aks_age_reader_feed(struct aks_age_reader *reader, const void *data, size_t len,
    aks_decoded *each, void *ctx, struct aks_error *err)
{
    bool malformed = false;
    enum aks_status status;

    AKS_CHECK(reader->failure == AKS_AGE_FINE && reader->state != READER_ENDED);
    reader->each = each;
    reader->ctx = ctx;
    if (!reader->armored)
        return take(reader, data, len, err);
    status = aks_age_armor_feed(&reader->armor, data, len, take, reader, &malformed, err);
    if (malformed)
        reader->failure = AKS_AGE_BAD_ARMOR;
    return status;
}

static enum aks_status
end_payload(struct aks_age_reader *reader, struct aks_error *err)
{
    size_t len = reader->held_len;
    bool first = reader->stream.chunk == 0;

    if (len < AKS_AGE_TAG_BYTES)
        return corrupt(reader, AKS_AGE_BAD_PAYLOAD, "it was cut", err);
    if (len == AKS_AGE_TAG_BYTES && !first)
        return corrupt(reader, AKS_AGE_BAD_PAYLOAD, "its last chunk is empty", err);
    if (aks_age_stream_open(&reader->stream, reader->held, len, true, reader->plain))
        return give(reader, len - AKS_AGE_TAG_BYTES, err);
    /* What was cut off between two chunks is right as far as it goes. */
    if (len == SEALED_BYTES &&
        aks_age_stream_open(&reader->stream, reader->held, len, false, reader->plain)) {
        enum aks_status status = give(reader, AKS_AGE_CHUNK_BYTES, err);

        if (status != AKS_OK)
            return status;
    }
    return corrupt(reader, AKS_AGE_BAD_PAYLOAD, "it was cut, or its bytes were changed", err);
}

enum aks_status
aks_age_reader_end(struct aks_age_reader *reader, aks_decoded *each, void *ctx,
    struct aks_error *err)
{
    bool malformed = false;
    enum aks_status status = AKS_OK;

    AKS_CHECK(reader->failure == AKS_AGE_FINE && reader->state != READER_ENDED);
    reader->each = each;
    reader->ctx = ctx;
    if (reader->armored)
        status = aks_age_armor_end(&reader->armor, &malformed, err);
    if (malformed)
        reader->failure = AKS_AGE_BAD_ARMOR;
    if (status != AKS_OK)
        return status;
    if (reader->state == READER_HEADER)
        return bad_header(reader, "its header does not end", err);
    status = reader->state == READER_NONCE ? open_header(reader, NULL, err)
        : end_payload(reader, err);
    if (status == AKS_OK)
        reader->state = READER_ENDED;
    return status;
}
