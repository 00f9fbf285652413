/* A file key for those who may have it (age.md, "X25519 recipient stanza", "scrypt recipient
 * stanza"). */
#include "data/age_internal.h"

#include "base/check.h"
#include "data/digest.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <string.h>

#define X25519_INFO "age-encryption.org/v1/X25519"
#define SCRYPT_LABEL "age-encryption.org/v1/scrypt"
#define SCRYPT_R 8
#define SCRYPT_P 1
#define NONCE_BYTES 12
#define INFO_BYTES_MAX 64

_Static_assert(AKS_AGE_KEY_BYTES == AKS_SHA256_BYTES, "one round of HKDF");

void
aks_age_wrap_hkdf(const void *key, size_t key_len, const void *salt, size_t salt_len,
    const char *info, uint8_t ret_key[AKS_AGE_KEY_BYTES])
{
    char expand[INFO_BYTES_MAX];
    size_t info_len = strlen(info);
    uint8_t extracted[AKS_SHA256_BYTES];

    AKS_CHECK(info_len < sizeof(expand));
    memcpy(expand, info, info_len);
    expand[info_len] = 1;
    /* HMAC pads its key with zeros: no salt is the same as the zeros that the RFC wants then. */
    aks_hmac_sha256(salt, salt_len, key, key_len, extracted);
    aks_hmac_sha256(extracted, sizeof(extracted), expand, info_len + 1, ret_key);
    OPENSSL_cleanse(extracted, sizeof(extracted));
}

/* --- X25519 ----------------------------------------------------------------------------------- */

enum aks_status
aks_age_wrap_point(const uint8_t secret[AKS_AGE_POINT_BYTES],
    uint8_t ret_point[AKS_AGE_POINT_BYTES], struct aks_error *err)
{
    EVP_PKEY *own = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, secret,
        AKS_AGE_POINT_BYTES);
    size_t len = AKS_AGE_POINT_BYTES;
    bool fine = own != NULL && EVP_PKEY_get_raw_public_key(own, ret_point, &len) == 1;

    EVP_PKEY_free(own);
    ERR_clear_error();
    return fine ? AKS_OK : aks_error_memory(err, "using a key of age");
}

/* *ret_low: the point is of low order, and the result is zero for everybody. */
static enum aks_status
derive(const uint8_t secret[AKS_AGE_POINT_BYTES], const uint8_t point[AKS_AGE_POINT_BYTES],
    uint8_t ret_shared[AKS_AGE_POINT_BYTES], bool *ret_low, struct aks_error *err)
{
    static const uint8_t zeros[AKS_AGE_POINT_BYTES];
    EVP_PKEY *own = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, secret,
        AKS_AGE_POINT_BYTES);
    EVP_PKEY *peer = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, point,
        AKS_AGE_POINT_BYTES);
    EVP_PKEY_CTX *ctx = own != NULL ? EVP_PKEY_CTX_new(own, NULL) : NULL;
    size_t len = AKS_AGE_POINT_BYTES;
    bool ready = peer != NULL && ctx != NULL && EVP_PKEY_derive_init(ctx) == 1 &&
        EVP_PKEY_derive_set_peer(ctx, peer) == 1;

    *ret_low = ready && (EVP_PKEY_derive(ctx, ret_shared, &len) != 1 ||
        len != AKS_AGE_POINT_BYTES || CRYPTO_memcmp(ret_shared, zeros, sizeof(zeros)) == 0);
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(peer);
    EVP_PKEY_free(own);
    ERR_clear_error();
    return ready ? AKS_OK : aks_error_memory(err, "using a key of age");
}

static void
wrap_key(const uint8_t shared[AKS_AGE_POINT_BYTES], const uint8_t share[AKS_AGE_POINT_BYTES],
    const uint8_t point[AKS_AGE_POINT_BYTES], uint8_t ret_key[AKS_AGE_KEY_BYTES])
{
    uint8_t salt[2 * AKS_AGE_POINT_BYTES];

    memcpy(salt, share, AKS_AGE_POINT_BYTES);
    memcpy(salt + AKS_AGE_POINT_BYTES, point, AKS_AGE_POINT_BYTES);
    aks_age_wrap_hkdf(shared, AKS_AGE_POINT_BYTES, salt, sizeof(salt), X25519_INFO, ret_key);
}

/* --- one file key under one key, which is used for nothing else: so the nonce may be zero ----- */

static enum aks_status
seal_file_key(const uint8_t key[AKS_AGE_KEY_BYTES], const uint8_t file_key[AKS_AGE_FILE_KEY_BYTES],
    uint8_t ret_body[AKS_AGE_WRAPPED_BYTES], struct aks_error *err)
{
    static const uint8_t nonce[NONCE_BYTES];
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int len = 0;
    bool fine = ctx != NULL &&
        EVP_EncryptInit_ex(ctx, EVP_chacha20_poly1305(), NULL, key, nonce) == 1 &&
        EVP_EncryptUpdate(ctx, ret_body, &len, file_key, AKS_AGE_FILE_KEY_BYTES) == 1 &&
        EVP_EncryptFinal_ex(ctx, ret_body + len, &len) == 1 &&
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, AKS_AGE_TAG_BYTES,
            ret_body + AKS_AGE_FILE_KEY_BYTES) == 1;

    EVP_CIPHER_CTX_free(ctx);
    ERR_clear_error();
    return fine ? AKS_OK : aks_error_memory(err, "wrapping a file key");
}

static enum aks_status
open_file_key(const uint8_t key[AKS_AGE_KEY_BYTES], const uint8_t body[AKS_AGE_WRAPPED_BYTES],
    uint8_t ret_file_key[AKS_AGE_FILE_KEY_BYTES], enum aks_age_unwrapped *ret_how,
    struct aks_error *err)
{
    static const uint8_t nonce[NONCE_BYTES];
    uint8_t tag[AKS_AGE_TAG_BYTES];
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int len = 0;
    bool ready;

    memcpy(tag, body + AKS_AGE_FILE_KEY_BYTES, sizeof(tag));
    ready = ctx != NULL &&
        EVP_DecryptInit_ex(ctx, EVP_chacha20_poly1305(), NULL, key, nonce) == 1 &&
        EVP_DecryptUpdate(ctx, ret_file_key, &len, body, AKS_AGE_FILE_KEY_BYTES) == 1 &&
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, sizeof(tag), tag) == 1;
    *ret_how = ready && EVP_DecryptFinal_ex(ctx, ret_file_key + len, &len) == 1 ? AKS_AGE_OPENED
        : AKS_AGE_NOT_MINE;
    EVP_CIPHER_CTX_free(ctx);
    ERR_clear_error();
    if (*ret_how != AKS_AGE_OPENED)
        OPENSSL_cleanse(ret_file_key, AKS_AGE_FILE_KEY_BYTES);
    return ready ? AKS_OK : aks_error_memory(err, "unwrapping a file key");
}

enum aks_status
aks_age_wrap_x25519(const uint8_t ephemeral[AKS_AGE_POINT_BYTES],
    const uint8_t point[AKS_AGE_POINT_BYTES], const uint8_t file_key[AKS_AGE_FILE_KEY_BYTES],
    uint8_t ret_share[AKS_AGE_POINT_BYTES], uint8_t ret_body[AKS_AGE_WRAPPED_BYTES],
    struct aks_error *err)
{
    uint8_t shared[AKS_AGE_POINT_BYTES];
    uint8_t key[AKS_AGE_KEY_BYTES];
    bool low = false;
    enum aks_status status = aks_age_wrap_point(ephemeral, ret_share, err);

    if (status == AKS_OK)
        status = derive(ephemeral, point, shared, &low, err);
    if (status == AKS_OK && low)
        status = aks_error_set(err, AKS_SETTINGS, "a recipient is no key: what is encrypted for it "
            "could be read by everybody");
    if (status == AKS_OK) {
        wrap_key(shared, ret_share, point, key);
        status = seal_file_key(key, file_key, ret_body, err);
        OPENSSL_cleanse(key, sizeof(key));
    }
    OPENSSL_cleanse(shared, sizeof(shared));
    return status;
}

enum aks_status
aks_age_unwrap_x25519(const struct aks_secret *identity,
    const uint8_t point[AKS_AGE_POINT_BYTES], const uint8_t share[AKS_AGE_POINT_BYTES],
    const uint8_t body[AKS_AGE_WRAPPED_BYTES], uint8_t ret_file_key[AKS_AGE_FILE_KEY_BYTES],
    enum aks_age_unwrapped *ret_how, struct aks_error *err)
{
    const uint8_t *secret = (const uint8_t *)aks_secret_reveal(identity);
    uint8_t shared[AKS_AGE_POINT_BYTES];
    uint8_t key[AKS_AGE_KEY_BYTES];
    bool low = false;
    enum aks_status status = derive(secret, share, shared, &low, err);

    *ret_how = AKS_AGE_MALFORMED;
    if (status == AKS_OK && !low) {
        wrap_key(shared, share, point, key);
        status = open_file_key(key, body, ret_file_key, ret_how, err);
        OPENSSL_cleanse(key, sizeof(key));
    }
    OPENSSL_cleanse(shared, sizeof(shared));
    return status;
}

/* --- scrypt ----------------------------------------------------------------------------------- */

static enum aks_status
scrypt_key(const struct aks_secret *passphrase, const uint8_t salt[AKS_AGE_SALT_BYTES],
    unsigned work, uint8_t ret_key[AKS_AGE_KEY_BYTES], struct aks_error *err)
{
    static const char label[] = SCRYPT_LABEL;
    uint8_t labelled[sizeof(label) - 1 + AKS_AGE_SALT_BYTES];
    uint64_t n = UINT64_C(1) << work;
    /* As much as it takes, and what OpenSSL counts beside. */
    uint64_t memory_max = 128 * SCRYPT_R * (n + SCRYPT_P + 2) + (1 << 20);
    int fine;

    AKS_CHECK(work > 0 && work <= AKS_AGE_SCRYPT_WORK_MAX);
    memcpy(labelled, label, sizeof(label) - 1);
    memcpy(labelled + sizeof(label) - 1, salt, AKS_AGE_SALT_BYTES);
    fine = EVP_PBE_scrypt(aks_secret_reveal(passphrase), aks_secret_len(passphrase), labelled,
        sizeof(labelled), n, SCRYPT_R, SCRYPT_P, memory_max, ret_key, AKS_AGE_KEY_BYTES);
    ERR_clear_error();
    return fine == 1 ? AKS_OK : aks_error_memory(err, "making a key of a passphrase");
}

enum aks_status
aks_age_wrap_scrypt(const struct aks_secret *passphrase, const uint8_t salt[AKS_AGE_SALT_BYTES],
    unsigned work, const uint8_t file_key[AKS_AGE_FILE_KEY_BYTES],
    uint8_t ret_body[AKS_AGE_WRAPPED_BYTES], struct aks_error *err)
{
    uint8_t key[AKS_AGE_KEY_BYTES];
    enum aks_status status = scrypt_key(passphrase, salt, work, key, err);

    if (status == AKS_OK)
        status = seal_file_key(key, file_key, ret_body, err);
    OPENSSL_cleanse(key, sizeof(key));
    return status;
}

enum aks_status
aks_age_unwrap_scrypt(const struct aks_secret *passphrase, const uint8_t salt[AKS_AGE_SALT_BYTES],
    unsigned work, const uint8_t body[AKS_AGE_WRAPPED_BYTES],
    uint8_t ret_file_key[AKS_AGE_FILE_KEY_BYTES], enum aks_age_unwrapped *ret_how,
    struct aks_error *err)
{
    uint8_t key[AKS_AGE_KEY_BYTES];
    enum aks_status status = scrypt_key(passphrase, salt, work, key, err);

    *ret_how = AKS_AGE_NOT_MINE;
    if (status == AKS_OK)
        status = open_file_key(key, body, ret_file_key, ret_how, err);
    OPENSSL_cleanse(key, sizeof(key));
    return status;
}
