/* What the kinds of target share where they read. */
#include "engine/target.h"

#include <stdio.h>
#include <string.h>

int64_t
aks_target_length(const char *text)
{
    int64_t bytes = 0;

    if (text == NULL || text[0] == '\0')
        return -1;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9' || bytes > (INT64_MAX - 9) / 10)
            return -1;
        bytes = bytes * 10 + (*text - '0');
    }
    return bytes;
}

/* RFC 9110, 14.4: "bytes 0-99/1234", or a star instead of the whole. */
bool
aks_target_range_is(const char *text, int64_t offset, size_t len)
{
    char wanted[64];
    int written = snprintf(wanted, sizeof(wanted), "bytes %lld-%lld/", (long long)offset,
        (long long)offset + (long long)len - 1);

    return text != NULL && strncmp(text, wanted, (size_t)written) == 0;
}

/* A weak one (RFC 9110, 8.8.3) stands for what is alike, not for the same bytes. */
void
aks_target_etag(const char *text, char ret_etag[AKS_TARGET_ETAG_BYTES])
{
    size_t len = text != NULL ? strlen(text) : 0;

    ret_etag[0] = '\0';
    if (len < 3 || len >= AKS_TARGET_ETAG_BYTES || text[0] != '"' || text[len - 1] != '"')
        return;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < 0x21 || text[i] > 0x7e)
            return;
    }
    memcpy(ret_etag, text, len + 1);
}
