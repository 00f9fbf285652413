#include "base/secret.h"

#include "base/check.h"
#include "base/redact.h"
#include "base/secret_live.h"

#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct aks_secret {
    const struct aks_alloc *alloc;
    size_t len;
    size_t prefix_len;
    size_t room;                        /* whole pages that start at bytes */
    void *block;                        /* what was allocated; the pages lie in it */
    char *bytes;
    size_t value_count;
    struct aks_secret_live values[];    /* what the redactor looks for */
};

/* --- those that live -------------------------------------------------------------------------- */

static struct {
    pthread_mutex_t lock;
    struct aks_secret_live *first;
    unsigned char starts[256];          /* can a value begin with this byte, in some form? */
} live = { .lock = PTHREAD_MUTEX_INITIALIZER };

const struct aks_secret_live *
aks_secret_live_begin(void)
{
    (void)pthread_mutex_lock(&live.lock);
    return live.first;
}

void
aks_secret_live_end(void)
{
    (void)pthread_mutex_unlock(&live.lock);
}

bool
aks_secret_live_starts(unsigned char c)
{
    return live.starts[c] != 0;
}

/* Six bits from bit ${bit} of two bytes, in both alphabets of base64. */
static void
mark_base64(const unsigned char *bytes, unsigned bit)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    unsigned sextet = ((unsigned)bytes[0] << 8 | bytes[1]) >> (10 - bit) & 63;

    live.starts[(unsigned char)digits[sextet]] = 1;
    if (sextet == 62)
        live.starts['-'] = 1;
    if (sextet == 63)
        live.starts['_'] = 1;
}

static void
mark_starts(const unsigned char *bytes, size_t len)
{
    static const char lower[] = "0123456789abcdef";
    static const char upper[] = "0123456789ABCDEF";

    live.starts[bytes[0]] = 1;
    if (len >= 2 * AKS_REDACT_PREFIX_BYTES)
        live.starts[bytes[len - AKS_REDACT_PREFIX_BYTES]] = 1;
    live.starts['%'] = live.starts['\\'] = live.starts['&'] = live.starts['+'] = 1;
    live.starts[(unsigned char)lower[bytes[0] >> 4]] = 1;
    live.starts[(unsigned char)upper[bytes[0] >> 4]] = 1;
    for (unsigned bit = 0; bit <= 4; bit += 2)
        mark_base64(bytes, bit);
}

static void
enter(struct aks_secret *secret)
{
    (void)pthread_mutex_lock(&live.lock);
    for (size_t i = 0; i < secret->value_count; i++) {
        struct aks_secret_live *value = &secret->values[i];

        value->next = live.first;
        if (live.first != NULL)
            live.first->prev = value;
        live.first = value;
        mark_starts(value->bytes, value->len);
    }
    (void)pthread_mutex_unlock(&live.lock);
}

static void
leave(struct aks_secret *secret)
{
    (void)pthread_mutex_lock(&live.lock);
    for (size_t i = 0; i < secret->value_count; i++) {
        struct aks_secret_live *value = &secret->values[i];

        if (value->prev != NULL)
            value->prev->next = value->next;
        else
            live.first = value->next;
        if (value->next != NULL)
            value->next->prev = value->prev;
    }
    memset(live.starts, 0, sizeof(live.starts));
    for (const struct aks_secret_live *value = live.first; value != NULL; value = value->next)
        mark_starts(value->bytes, value->len);
    (void)pthread_mutex_unlock(&live.lock);
}

/* What is to be looked for in ${data}: all of it, or, where it is a row of texts that end in NULs,
 * the values of those that are NAME=VALUE. Fills ${ret} unless it is NULL; how many there are. */
static size_t
find_values(const char *data, size_t len, struct aks_secret_live *ret)
{
    size_t count = 0;

    if (memchr(data, '\0', len) == NULL) {
        if (ret != NULL && len >= AKS_SECRET_LIVE_BYTES_MIN)
            ret[0] = (struct aks_secret_live) { (const unsigned char *)data, len, NULL, NULL };
        return len >= AKS_SECRET_LIVE_BYTES_MIN;
    }
    for (const char *at = data, *end = data + len; at < end;) {
        size_t text = strnlen(at, (size_t)(end - at));
        const char *equals = memchr(at, '=', text);
        size_t value = equals != NULL ? text - (size_t)(equals - at) - 1 : 0;

        if (value >= AKS_SECRET_LIVE_BYTES_MIN) {
            if (ret != NULL)
                ret[count] = (struct aks_secret_live) { (const unsigned char *)equals + 1, value,
                    NULL, NULL };
            count++;
        }
        at += text + 1;
    }
    return count;
}

/* --- one of them ------------------------------------------------------------------------------ */

/* Whole pages, as two secrets in one page would share its lock: giving back the one would put the
 * other within reach of swap. */
static bool
take_pages(struct aks_secret *secret)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    uintptr_t start;

    AKS_CHECK(page > 0 && (page & (page - 1)) == 0);
    if (secret->len > SIZE_MAX - 2 * page)
        return false;
    secret->room = (secret->len + 1 + page - 1) / page * page;
    if (secret->room > SIZE_MAX - page)
        return false;
    secret->block = aks_mem_new(secret->alloc, secret->room + page - 1);
    if (secret->block == NULL)
        return false;
    start = ((uintptr_t)secret->block + page - 1) & ~(uintptr_t)(page - 1);
    secret->bytes = (char *)secret->block + (start - (uintptr_t)secret->block);
    /* Limits and old kernels may forbid any of them: then it is wiped all the same. A process that
     * is forked off finds zeros there. */
    (void)mlock(secret->bytes, secret->room);
    (void)madvise(secret->bytes, secret->room, MADV_DONTDUMP);
    (void)madvise(secret->bytes, secret->room, MADV_WIPEONFORK);
    return true;
}

struct aks_secret *
aks_secret_new(const struct aks_alloc *alloc, const char *prefix, const void *data, size_t len)
{
    size_t prefix_len = strlen(prefix);
    size_t value_count = len > 0 ? find_values(data, len, NULL) : 0;
    struct aks_secret *secret;

    if (len > SIZE_MAX - prefix_len)
        return NULL;
    secret = aks_mem_new(alloc, sizeof(*secret) + value_count * sizeof(secret->values[0]));
    if (secret == NULL)
        return NULL;
    secret->alloc = alloc;
    secret->len = prefix_len + len;
    secret->prefix_len = prefix_len;
    if (!take_pages(secret)) {
        aks_mem_free(alloc, secret);
        return NULL;
    }
    memcpy(secret->bytes, prefix, prefix_len);
    if (len > 0)
        memcpy(secret->bytes + prefix_len, data, len);
    secret->value_count = value_count;
    if (value_count > 0) {
        (void)find_values(secret->bytes + prefix_len, len, secret->values);
        enter(secret);
    }
    return secret;
}

void
aks_secret_free(struct aks_secret *secret)
{
    if (secret == NULL)
        return;
    if (secret->value_count > 0)
        leave(secret);
    explicit_bzero(secret->bytes, secret->room);
    (void)madvise(secret->bytes, secret->room, MADV_KEEPONFORK);
    (void)madvise(secret->bytes, secret->room, MADV_DODUMP);
    (void)munlock(secret->bytes, secret->room);
    aks_mem_free(secret->alloc, secret->block);
    aks_mem_free(secret->alloc, secret);
}

const char *
aks_secret_reveal(const struct aks_secret *secret)
{
    return secret->bytes;
}

size_t
aks_secret_len(const struct aks_secret *secret)
{
    return secret->len;
}

bool
aks_secret_equal(const struct aks_secret *a, const struct aks_secret *b)
{
    volatile unsigned char differs = 0;

    if (a == NULL || b == NULL)
        return a == b;
    if (a->len != b->len)
        return false;
    for (size_t i = 0; i < a->len; i++)
        differs = (unsigned char)(differs | (a->bytes[i] ^ b->bytes[i]));
    return differs == 0;
}

bool
aks_secret_shows(const struct aks_secret *secret, const char *text)
{
    const char *value = secret->bytes + secret->prefix_len;
    size_t len = secret->len - secret->prefix_len;

    if (len > AKS_SECRET_SHOWN_BYTES)
        len = AKS_SECRET_SHOWN_BYTES;
    for (; len > 0 && *text != '\0'; text++) {
        if (strncmp(text, value, len) == 0)
            return true;
    }
    return false;
}

/* --- the allocator ---------------------------------------------------------------------------- */

/* In front of every block: how much there is to overwrite. Keeps the block aligned for anything. */
union prefix {
    size_t bytes;
    max_align_t align;
};

static void
give_back(const struct aks_secret_wipe *wipe, union prefix *block)
{
    explicit_bzero(block, sizeof(*block) + block->bytes);
    aks_mem_free(wipe->inner, block);
}

/* A block never grows in place: the inner allocator would leave the old bytes behind when it
 * moves. */
static void *
wiping_resize(void *ctx, void *p, size_t bytes)
{
    const struct aks_secret_wipe *wipe = ctx;
    union prefix *old = p != NULL ? (union prefix *)p - 1 : NULL;
    union prefix *block = NULL;

    if (bytes > 0) {
        if (bytes > SIZE_MAX - sizeof(*block))
            return NULL;
        block = aks_mem_new(wipe->inner, sizeof(*block) + bytes);
        if (block == NULL)
            return NULL;
        block->bytes = bytes;
        if (old != NULL)
            memcpy(block + 1, old + 1, old->bytes < bytes ? old->bytes : bytes);
    }
    if (old != NULL)
        give_back(wipe, old);
    return block != NULL ? block + 1 : NULL;
}

void
aks_secret_wipe_init(struct aks_secret_wipe *wipe, const struct aks_alloc *inner)
{
    wipe->inner = inner;
    wipe->alloc.resize = wiping_resize;
    wipe->alloc.ctx = wipe;
}
