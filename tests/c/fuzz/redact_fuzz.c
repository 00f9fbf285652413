/* The redactor: a secret, a line end, and a text that it may be in. What is left is no longer than
 * the text, has not the secret in it, and is UTF-8 and JSON where the text was. */
#include "base/redact.h"

#include "base/check.h"
#include "base/secret.h"
#include "base/secret_live.h"
#include "base/utf8.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_BYTES_MAX 65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool
is_json(const char *text, size_t len)
{
    json_t *value = json_loadb(text, len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);

    json_decref(value);
    return value != NULL;
}

/* Of a secret that looks like what stands in its place nobody could tell whether it is gone. */
static bool
is_plain(const char *secret, size_t len)
{
    return len >= AKS_SECRET_LIVE_BYTES_MIN && memchr(secret, '*', len) == NULL &&
        memmem(secret, len, "redacted", 8) == NULL;
}

static void
try_text(const char *secret, size_t secret_len, const char *text, size_t len, unsigned flags)
{
    char *copy = malloc(len + 1);
    bool utf8;
    bool json;
    size_t left;

    AKS_CHECK(copy != NULL);
    memcpy(copy, text, len);
    copy[len] = '\0';
    utf8 = aks_utf8_valid(copy);
    json = utf8 && is_json(copy, len);
    left = aks_redact(copy, len, flags);
    AKS_CHECK(left <= len && copy[left] == '\0');
    AKS_CHECK(!utf8 || aks_utf8_valid(copy));
    AKS_CHECK(!json || is_json(copy, left));
    AKS_CHECK(!is_plain(secret, secret_len) || memmem(copy, left, secret, secret_len) == NULL);
    free(copy);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *secret = (const char *)data;
    const char *end = size > 0 ? memchr(data, '\n', size) : NULL;
    size_t len = end != NULL ? (size_t)(end - secret) : 0;
    struct aks_secret *kept;

    if (end == NULL || size > TEXT_BYTES_MAX || memchr(data, 0, size) != NULL)
        return 0;
    kept = aks_secret_new(aks_alloc_system(), "", secret, len);
    for (unsigned flags = 0; flags <= (AKS_REDACT_CUT | AKS_REDACT_VALUES); flags++)
        try_text(secret, len, end + 1, size - len - 1, flags);
    aks_secret_free(kept);
    return 0;
}
