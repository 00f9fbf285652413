/* Server-sent events. In whatever pieces a stream comes, its events are the same: the first byte of
 * the input is the length of a piece. */
#include "base/check.h"
#include "wire/sse.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* All events, each behind its length, in ${ret}. */
static enum aks_status
read_in_pieces(const char *text, size_t len, size_t piece, struct aks_buf *ret)
{
    struct aks_sse sse;
    enum aks_sse_found found = AKS_SSE_MORE;
    enum aks_status status = AKS_OK;
    size_t have = 0;

    aks_sse_init(&sse, aks_alloc_system());
    do {
        have = len - have > piece ? have + piece : len;
        do {
            status = aks_sse_next(&sse, text, have, &found, NULL);
            if (status == AKS_OK && found == AKS_SSE_EVENT) {
                AKS_CHECK(strlen(sse.data.data) <= sse.data.len);
                aks_buf_printf(ret, "%zu:", sse.data.len);
                aks_buf_append(ret, sse.data.data, sse.data.len);
            }
        } while (status == AKS_OK && found == AKS_SSE_EVENT);
    } while (have < len && status == AKS_OK);
    AKS_CHECK(sse.offset <= len && sse.events <= AKS_SSE_EVENTS_MAX + 1);
    aks_sse_fini(&sse);
    return status;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct aks_buf whole;
    struct aks_buf pieces;
    enum aks_status status;

    if (len == 0)
        return 0;
    aks_buf_init(&whole, aks_alloc_system(), 64 * 1024 * 1024);
    aks_buf_init(&pieces, aks_alloc_system(), 64 * 1024 * 1024);
    status = read_in_pieces((const char *)data + 1, len - 1, len, &whole);
    AKS_CHECK(status == AKS_OK || status == AKS_BAD_REPLY);
    AKS_CHECK(read_in_pieces((const char *)data + 1, len - 1, (size_t)data[0] + 1, &pieces) ==
        status);
    AKS_CHECK(whole.len == pieces.len && memcmp(whole.data, pieces.data, whole.len) == 0);
    aks_buf_fini(&pieces);
    aks_buf_fini(&whole);
    return 0;
}
