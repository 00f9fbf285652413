/* The payload (age.md, "Payload"; STREAM of Hoang, Reyhanitabar, Rogaway and Vizar): chunks under
 * one key, each with a nonce of its own, which is its number and whether it is the last. */
#include "data/age_internal.h"

#include "base/check.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <string.h>

#define NONCE_BYTES 12
#define LAST_AT 11                      /* after eleven bytes of a number, the first ones zero */

enum aks_status
aks_age_stream_init(struct aks_age_stream *stream, bool seal,
    const uint8_t file_key[AKS_AGE_FILE_KEY_BYTES], const uint8_t nonce[AKS_AGE_NONCE_BYTES],
    struct aks_error *err)
{
    uint8_t key[AKS_AGE_KEY_BYTES];
    bool fine;

    stream->chunk = 0;
    stream->cipher = EVP_CIPHER_CTX_new();
    aks_age_wrap_hkdf(file_key, AKS_AGE_FILE_KEY_BYTES, nonce, AKS_AGE_NONCE_BYTES, "payload",
        key);
    fine = stream->cipher != NULL && EVP_CipherInit_ex(stream->cipher, EVP_chacha20_poly1305(),
        NULL, key, NULL, seal ? 1 : 0) == 1;
    OPENSSL_cleanse(key, sizeof(key));
    ERR_clear_error();
    if (fine)
        return AKS_OK;
    aks_age_stream_fini(stream);
    return aks_error_memory(err, "starting to encrypt or decrypt");
}

void
aks_age_stream_fini(struct aks_age_stream *stream)
{
    EVP_CIPHER_CTX_free(stream->cipher);
    stream->cipher = NULL;
}

/* Nothing in here allocates: what fails is a mistake of ours. */
static void
set_nonce(struct aks_age_stream *stream, bool last)
{
    uint8_t nonce[NONCE_BYTES] = { 0 };

    for (int i = 0; i < 8; i++)
        nonce[LAST_AT - 1 - i] = (uint8_t)(stream->chunk >> (8 * i));
    nonce[LAST_AT] = last ? 1 : 0;
    AKS_CHECK(EVP_CipherInit_ex(stream->cipher, NULL, NULL, NULL, nonce, -1) == 1);
}

void
aks_age_stream_seal(struct aks_age_stream *stream, const uint8_t *data, size_t len, bool last,
    uint8_t *out)
{
    int written = 0;
    int more = 0;

    AKS_CHECK(len <= AKS_AGE_CHUNK_BYTES && (last || len == AKS_AGE_CHUNK_BYTES));
    set_nonce(stream, last);
    if (len > 0)
        AKS_CHECK(EVP_EncryptUpdate(stream->cipher, out, &written, data, (int)len) == 1);
    AKS_CHECK(EVP_EncryptFinal_ex(stream->cipher, out + written, &more) == 1);
    AKS_CHECK((size_t)written == len && more == 0);
    AKS_CHECK(EVP_CIPHER_CTX_ctrl(stream->cipher, EVP_CTRL_AEAD_GET_TAG, AKS_AGE_TAG_BYTES,
        out + len) == 1);
    stream->chunk++;
}

bool
aks_age_stream_open(struct aks_age_stream *stream, const uint8_t *data, size_t len, bool last,
    uint8_t *out)
{
    uint8_t tag[AKS_AGE_TAG_BYTES];
    int written = 0;
    int more = 0;

    AKS_CHECK(len >= AKS_AGE_TAG_BYTES && len <= AKS_AGE_CHUNK_BYTES + AKS_AGE_TAG_BYTES);
    len -= AKS_AGE_TAG_BYTES;
    memcpy(tag, data + len, sizeof(tag));
    set_nonce(stream, last);
    if (len > 0)
        AKS_CHECK(EVP_DecryptUpdate(stream->cipher, out, &written, data, (int)len) == 1);
    AKS_CHECK(EVP_CIPHER_CTX_ctrl(stream->cipher, EVP_CTRL_AEAD_SET_TAG, sizeof(tag), tag) == 1);
    if (EVP_DecryptFinal_ex(stream->cipher, out + written, &more) == 1) {
        stream->chunk++;
        return true;
    }
    OPENSSL_cleanse(out, len);
    ERR_clear_error();
    return false;
}
