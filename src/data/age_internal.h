/* age from inside: what its files share.
 *
 * age_key.c      keys as text
 * age_wrap.c     one file key, wrapped for a recipient or a passphrase, and unwrapped
 * age_header.c   the text in front: its grammar, its MAC
 * age_stream.c   chunks of the payload
 * age_armor.c    the same as text, read only
 * age_write.c    all of it, out of plain bytes
 * age_read.c     and back */
#ifndef AKS_DATA_AGE_INTERNAL_H
#define AKS_DATA_AGE_INTERNAL_H

#include "base/buf.h"
#include "base/error.h"
#include "base/secret.h"
#include "data/age.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AKS_AGE_KEY_BYTES 32            /* of a cipher, of a MAC */
#define AKS_AGE_WRAPPED_BYTES (AKS_AGE_FILE_KEY_BYTES + AKS_AGE_TAG_BYTES)

/* age_wrap.c */

enum aks_age_unwrapped { AKS_AGE_OPENED, AKS_AGE_NOT_MINE, AKS_AGE_MALFORMED };

/** HKDF-SHA-256 (RFC 5869), 32 bytes of it. */
void aks_age_wrap_hkdf(const void *key, size_t key_len, const void *salt, size_t salt_len,
    const char *info, uint8_t ret_key[AKS_AGE_KEY_BYTES]);
/** The recipient of an X25519 secret. Fails without memory only, as do the others. */
enum aks_status aks_age_wrap_point(const uint8_t secret[AKS_AGE_POINT_BYTES],
    uint8_t ret_point[AKS_AGE_POINT_BYTES], struct aks_error *err);
/** AKS_SETTINGS for a point of low order, which would encrypt for everybody. */
enum aks_status aks_age_wrap_x25519(const uint8_t ephemeral[AKS_AGE_POINT_BYTES],
    const uint8_t point[AKS_AGE_POINT_BYTES], const uint8_t file_key[AKS_AGE_FILE_KEY_BYTES],
    uint8_t ret_share[AKS_AGE_POINT_BYTES], uint8_t ret_body[AKS_AGE_WRAPPED_BYTES],
    struct aks_error *err);
enum aks_status aks_age_unwrap_x25519(const struct aks_secret *identity,
    const uint8_t point[AKS_AGE_POINT_BYTES], const uint8_t share[AKS_AGE_POINT_BYTES],
    const uint8_t body[AKS_AGE_WRAPPED_BYTES], uint8_t ret_file_key[AKS_AGE_FILE_KEY_BYTES],
    enum aks_age_unwrapped *ret_how, struct aks_error *err);
/** Takes 2^${work} * 1 KiB of memory and a while. */
enum aks_status aks_age_wrap_scrypt(const struct aks_secret *passphrase,
    const uint8_t salt[AKS_AGE_SALT_BYTES], unsigned work,
    const uint8_t file_key[AKS_AGE_FILE_KEY_BYTES], uint8_t ret_body[AKS_AGE_WRAPPED_BYTES],
    struct aks_error *err);
enum aks_status aks_age_unwrap_scrypt(const struct aks_secret *passphrase,
    const uint8_t salt[AKS_AGE_SALT_BYTES], unsigned work,
    const uint8_t body[AKS_AGE_WRAPPED_BYTES], uint8_t ret_file_key[AKS_AGE_FILE_KEY_BYTES],
    enum aks_age_unwrapped *ret_how, struct aks_error *err);

/* age_header.c */

#define AKS_AGE_ARGUMENTS_MAX 3         /* of a stanza that are looked at, its type included */

struct aks_age_stanza {
    size_t argument_count;              /* all of them; at least the type */
    struct {
        const char *text;
        size_t len;
    } arguments[AKS_AGE_ARGUMENTS_MAX];
    size_t body_len;                    /* all of it */
    uint8_t body[AKS_AGE_WRAPPED_BYTES];        /* its first bytes */
};

struct aks_age_header {
    const char *text;                   /* borrowed */
    size_t mac_at;                      /* what the MAC is over: up to and with "---" */
    uint8_t mac[AKS_AGE_KEY_BYTES];
    size_t stanza_count;
};

/** Base64 without padding, in its one form; the first ${data_max} bytes are kept. */
bool aks_age_header_raw64(const char *text, size_t len, uint8_t *ret_data, size_t data_max,
    size_t *ret_len);
/** Is all of ${text} a header, with the line end of its last line? *ret_why is static. */
bool aks_age_header_read(const char *text, size_t len, struct aks_age_header *ret_header,
    const char **ret_why);
/** The stanza at *${at}, which begins as 0; false past the last one. */
bool aks_age_header_next(const struct aks_age_header *header, size_t *at,
    struct aks_age_stanza *ret_stanza);
bool aks_age_header_is_type(const struct aks_age_stanza *stanza, const char *type);
/** The MAC over ${len} bytes of ${text}. */
void aks_age_header_mac(const uint8_t file_key[AKS_AGE_FILE_KEY_BYTES], const char *text,
    size_t len, uint8_t ret_mac[AKS_AGE_KEY_BYTES]);
/** Appends base64 without padding. */
void aks_age_header_put_raw64(struct aks_buf *out, const void *data, size_t len);

/* age_stream.c */

struct evp_cipher_ctx_st;

struct aks_age_stream {
    struct evp_cipher_ctx_st *cipher;   /* holds the payload key, and wipes it */
    uint64_t chunk;                     /* number of the next one */
};

/** Fails without memory only. */
enum aks_status aks_age_stream_init(struct aks_age_stream *stream, bool seal,
    const uint8_t file_key[AKS_AGE_FILE_KEY_BYTES], const uint8_t nonce[AKS_AGE_NONCE_BYTES],
    struct aks_error *err);
/** Fine on a zeroed struct. */
void aks_age_stream_fini(struct aks_age_stream *stream);
/** ${len} bytes (up to AKS_AGE_CHUNK_BYTES) to ${len} + AKS_AGE_TAG_BYTES at ${out}. */
void aks_age_stream_seal(struct aks_age_stream *stream, const uint8_t *data, size_t len, bool last,
    uint8_t *out);
/** ${len} bytes, tag included, to ${len} - AKS_AGE_TAG_BYTES at ${out}; false, with ${out} wiped
 * and the chunk still to come, if they are not what was sealed. */
bool aks_age_stream_open(struct aks_age_stream *stream, const uint8_t *data, size_t len, bool last,
    uint8_t *out);

/* age_armor.c */

#define AKS_AGE_ARMOR_COLUMNS 64

enum aks_age_armor_state {
    AKS_AGE_ARMOR_BEFORE, AKS_AGE_ARMOR_INSIDE, AKS_AGE_ARMOR_SHORT, AKS_AGE_ARMOR_AFTER
};

struct aks_age_armor {
    enum aks_age_armor_state state;
    char line[AKS_AGE_ARMOR_COLUMNS + 2];       /* and a CR, and one too many */
    size_t line_len;
    size_t blanks;                      /* before the first line, or after the last one */
};

typedef enum aks_status aks_age_armor_out(void *ctx, const void *data, size_t len,
    struct aks_error *err);

/** The next characters. AKS_CORRUPT if they are no such text, with *ret_malformed; or what ${out}
 * said. */
enum aks_status aks_age_armor_feed(struct aks_age_armor *armor, const char *text, size_t len,
    aks_age_armor_out *out, void *ctx, bool *ret_malformed, struct aks_error *err);
enum aks_status aks_age_armor_end(struct aks_age_armor *armor, bool *ret_malformed,
    struct aks_error *err);

#endif
