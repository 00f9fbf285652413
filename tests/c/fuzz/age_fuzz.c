/* Files that claim to be of age. The first byte chooses: binary, armored, or a payload behind a
 * good header. What comes out, and what is said of it, does not depend on the pieces that go in.
 * Then the same bytes as files of recipients and of identities. */
#include "base/check.h"
#include "data/age_read.h"
#include "data/age_write.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Of nobody: its secret is 01 and zeros. */
static const char identity[] =
    "AGE-SECRET-KEY-1QYQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQP3LE5W";

struct sum {
    int64_t bytes;
    uint64_t hash;
};

static enum aks_status
add(void *ctx, const void *data, size_t len, struct aks_error *err)
{
    const uint8_t *at = data;
    struct sum *sum = ctx;

    AKS_CHECK(len > 0 && len <= AKS_AGE_CHUNK_BYTES);
    for (size_t i = 0; i < len; i++)
        sum->hash = (sum->hash ^ at[i]) * UINT64_C(1099511628211);
    sum->bytes += (int64_t)len;
    return AKS_OK;
}

static enum aks_status
fill(void *ctx, void *data, size_t len, struct aks_error *err)
{
    memset(data, 5, len);
    return AKS_OK;
}

/* The header that is put before a payload. */
static size_t
good_header(const struct aks_age_identities *identities, uint8_t *out, size_t room)
{
    static struct aks_age_recipients recipients;
    struct aks_age_writer_options options = { .alloc = aks_alloc_system(),
        .recipients = &recipients, .fill = fill };
    struct aks_age_writer *writer = NULL;
    size_t len = 0;

    recipients.count = 1;
    memcpy(recipients.points[0], identities->each[0].point, AKS_AGE_POINT_BYTES);
    AKS_CHECK(aks_age_writer_new(&options, &writer, NULL) == AKS_OK);
    AKS_CHECK(aks_age_writer_bound(writer, 0) <= room);
    aks_age_writer_write(writer, NULL, 0, false, out, &len);
    aks_age_writer_free(writer);
    return len;
}

static enum aks_age_failure
open_it(const struct aks_age_identities *identities, unsigned how, const uint8_t *data, size_t len,
    size_t piece, struct sum *ret_sum)
{
    struct aks_age_keys keys = { .identities = identities };
    struct aks_age_reader *reader = NULL;
    uint8_t header[1024];
    enum aks_age_failure failure;
    enum aks_status status;

    memset(ret_sum, 0, sizeof(*ret_sum));
    AKS_CHECK(aks_age_reader_new(aks_alloc_system(), &keys, how == 1, &reader, NULL) == AKS_OK);
    status = how == 2 ? aks_age_reader_feed(reader, header, good_header(identities, header,
        sizeof(header)), add, ret_sum, NULL) : AKS_OK;
    for (size_t at = 0; at < len && status == AKS_OK; at += piece)
        status = aks_age_reader_feed(reader, data + at, len - at < piece ? len - at : piece, add,
            ret_sum, NULL);
    if (status == AKS_OK)
        status = aks_age_reader_end(reader, add, ret_sum, NULL);
    failure = aks_age_reader_failure(reader);
    AKS_CHECK((failure == AKS_AGE_FINE) == (status == AKS_OK));
    AKS_CHECK(ret_sum->bytes <= (int64_t)len);
    aks_age_reader_free(reader);
    return failure;
}

static void
read_keys(const char *text, size_t len)
{
    static struct aks_age_recipients recipients;
    struct aks_age_identities identities;
    char back[AKS_AGE_RECIPIENT_TEXT_BYTES];

    recipients.count = 0;
    (void)aks_age_recipients_read(&recipients, text, len, NULL);
    for (size_t i = 0; i < recipients.count; i++) {
        aks_age_recipient_text(recipients.points[i], back);
        AKS_CHECK(memmem(text, len, back, strlen(back)) != NULL);
    }
    aks_age_identities_init(&identities, aks_alloc_system());
    (void)aks_age_identities_read(&identities, text, len, NULL);
    aks_age_identities_fini(&identities);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct aks_age_identities identities;
    struct sum whole;
    struct sum pieces;

    if (len == 0)
        return 0;
    aks_age_identities_init(&identities, aks_alloc_system());
    AKS_CHECK(aks_age_identities_add(&identities, identity, strlen(identity), NULL) == AKS_OK);
    AKS_CHECK(open_it(&identities, data[0] % 3, data + 1, len - 1, len, &whole) ==
        open_it(&identities, data[0] % 3, data + 1, len - 1, 7, &pieces));
    AKS_CHECK(whole.bytes == pieces.bytes && whole.hash == pieces.hash);
    aks_age_identities_fini(&identities);
    read_keys((const char *)data + 1, len - 1);
    return 0;
}
