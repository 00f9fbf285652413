#include "data/age_write.h"

#include "base/check.h"
#include "data/age_internal.h"

#include <inttypes.h>
#include <string.h>

#define STANZA_BYTES_MAX 160

struct aks_age_writer {
    const struct aks_alloc *alloc;
    struct aks_age_stream stream;
    struct aks_buf head;                /* until it is written: header and nonce */
    size_t held_len;
    bool ended;
    uint8_t held[AKS_AGE_CHUNK_BYTES];  /* whether it is the last chunk is not known yet */
};

static enum aks_status
put_x25519(struct aks_buf *head, const struct aks_age_writer_options *options,
    const uint8_t file_key[AKS_AGE_FILE_KEY_BYTES], const uint8_t point[AKS_AGE_POINT_BYTES],
    struct aks_error *err)
{
    uint8_t ephemeral[AKS_AGE_POINT_BYTES];
    uint8_t share[AKS_AGE_POINT_BYTES];
    uint8_t body[AKS_AGE_WRAPPED_BYTES];
    enum aks_status status = options->fill(options->ctx, ephemeral, sizeof(ephemeral), err);

    if (status == AKS_OK)
        status = aks_age_wrap_x25519(ephemeral, point, file_key, share, body, err);
    explicit_bzero(ephemeral, sizeof(ephemeral));
    if (status != AKS_OK)
        return status;
    aks_buf_puts(head, "-> X25519 ");
    aks_age_header_put_raw64(head, share, sizeof(share));
    aks_buf_putc(head, '\n');
    aks_age_header_put_raw64(head, body, sizeof(body));
    aks_buf_putc(head, '\n');
    return AKS_OK;
}

static enum aks_status
put_scrypt(struct aks_buf *head, const struct aks_age_writer_options *options,
    const uint8_t file_key[AKS_AGE_FILE_KEY_BYTES], struct aks_error *err)
{
    uint8_t salt[AKS_AGE_SALT_BYTES];
    uint8_t body[AKS_AGE_WRAPPED_BYTES];
    enum aks_status status = options->fill(options->ctx, salt, sizeof(salt), err);

    if (status == AKS_OK)
        status = aks_age_wrap_scrypt(options->passphrase, salt, options->work, file_key, body,
            err);
    if (status != AKS_OK)
        return status;
    aks_buf_puts(head, "-> scrypt ");
    aks_age_header_put_raw64(head, salt, sizeof(salt));
    aks_buf_printf(head, " %u\n", options->work);
    aks_age_header_put_raw64(head, body, sizeof(body));
    aks_buf_putc(head, '\n');
    return AKS_OK;
}

static enum aks_status
put_header(struct aks_buf *head, const struct aks_age_writer_options *options,
    const uint8_t file_key[AKS_AGE_FILE_KEY_BYTES], struct aks_error *err)
{
    uint8_t mac[AKS_AGE_KEY_BYTES];
    enum aks_status status = AKS_OK;

    aks_buf_puts(head, AKS_AGE_VERSION_LINE);
    if (options->passphrase != NULL)
        status = put_scrypt(head, options, file_key, err);
    for (size_t i = 0; options->passphrase == NULL && i < options->recipients->count &&
        status == AKS_OK; i++)
        status = put_x25519(head, options, file_key, options->recipients->points[i], err);
    aks_buf_puts(head, "---");
    if (status == AKS_OK)
        status = aks_buf_status(head, "a header of age", err);
    if (status != AKS_OK)
        return status;
    aks_age_header_mac(file_key, head->data, head->len, mac);
    aks_buf_putc(head, ' ');
    aks_age_header_put_raw64(head, mac, sizeof(mac));
    aks_buf_putc(head, '\n');
    return AKS_OK;
}

static enum aks_status
begin(struct aks_age_writer *writer, const struct aks_age_writer_options *options,
    struct aks_error *err)
{
    uint8_t file_key[AKS_AGE_FILE_KEY_BYTES];
    uint8_t nonce[AKS_AGE_NONCE_BYTES];
    enum aks_status status = options->fill(options->ctx, file_key, sizeof(file_key), err);

    if (status == AKS_OK)
        status = options->fill(options->ctx, nonce, sizeof(nonce), err);
    if (status == AKS_OK)
        status = put_header(&writer->head, options, file_key, err);
    if (status == AKS_OK) {
        aks_buf_append(&writer->head, nonce, sizeof(nonce));
        status = aks_buf_status(&writer->head, "a header of age", err);
    }
    if (status == AKS_OK)
        status = aks_age_stream_init(&writer->stream, true, file_key, nonce, err);
    explicit_bzero(file_key, sizeof(file_key));
    return status;
}

enum aks_status
aks_age_writer_new(const struct aks_age_writer_options *options,
    struct aks_age_writer **ret_writer, struct aks_error *err)
{
    struct aks_age_writer *writer = aks_mem_new(options->alloc, sizeof(*writer));
    enum aks_status status;

    AKS_CHECK(options->passphrase != NULL ||
        (options->recipients != NULL && options->recipients->count > 0));
    if (writer == NULL)
        return aks_error_memory(err, "starting to encrypt");
    writer->alloc = options->alloc;
    aks_buf_init(&writer->head, options->alloc,
        (AKS_AGE_RECIPIENTS_MAX + 1) * STANZA_BYTES_MAX);
    status = begin(writer, options, err);
    if (status != AKS_OK) {
        aks_age_writer_free(writer);
        return status;
    }
    *ret_writer = writer;
    return AKS_OK;
}

void
aks_age_writer_free(struct aks_age_writer *writer)
{
    if (writer == NULL)
        return;
    aks_age_stream_fini(&writer->stream);
    aks_buf_fini(&writer->head);
    explicit_bzero(writer->held, writer->held_len);
    aks_mem_free(writer->alloc, writer);
}

size_t
aks_age_writer_bound(const struct aks_age_writer *writer, size_t len)
{
    size_t bytes = writer->held_len + len;

    return writer->head.len + bytes + (bytes / AKS_AGE_CHUNK_BYTES + 1) * AKS_AGE_TAG_BYTES;
}

void
aks_age_writer_write(struct aks_age_writer *writer, const void *data, size_t len, bool last,
    uint8_t *out, size_t *ret_len)
{
    const uint8_t *at = data;
    uint8_t *to = out;

    AKS_CHECK(!writer->ended);
    if (writer->head.len > 0) {
        memcpy(to, writer->head.data, writer->head.len);
        to += writer->head.len;
        aks_buf_fini(&writer->head);
    }
    while (len > 0) {
        size_t take = sizeof(writer->held) - writer->held_len;

        if (take == 0) {
            aks_age_stream_seal(&writer->stream, writer->held, sizeof(writer->held), false, to);
            to += sizeof(writer->held) + AKS_AGE_TAG_BYTES;
            writer->held_len = 0;
        } else if (writer->held_len == 0 && len > AKS_AGE_CHUNK_BYTES) {
            aks_age_stream_seal(&writer->stream, at, AKS_AGE_CHUNK_BYTES, false, to);
            to += AKS_AGE_CHUNK_BYTES + AKS_AGE_TAG_BYTES;
            at += AKS_AGE_CHUNK_BYTES;
            len -= AKS_AGE_CHUNK_BYTES;
        } else {
            take = take < len ? take : len;
            memcpy(writer->held + writer->held_len, at, take);
            writer->held_len += take;
            at += take;
            len -= take;
        }
    }
    if (last) {
        aks_age_stream_seal(&writer->stream, writer->held, writer->held_len, true, to);
        to += writer->held_len + AKS_AGE_TAG_BYTES;
        writer->ended = true;
    }
    *ret_len = (size_t)(to - out);
}

int64_t
aks_age_writer_size(int64_t header_bytes, int64_t bytes)
{
    int64_t chunks = (bytes + AKS_AGE_CHUNK_BYTES - 1) / AKS_AGE_CHUNK_BYTES;

    return header_bytes + AKS_AGE_NONCE_BYTES + bytes +
        AKS_AGE_TAG_BYTES * (chunks > 0 ? chunks : 1);
}
