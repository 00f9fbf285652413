#include "support/sample_bytes.h"

#include <string.h>

/* Bytes of each in MIXED. */
#define TURN_BYTES 5000

static void
fill_noise(struct aks_rng *rng, uint8_t *p, size_t len)
{
    while (len > 0) {
        uint64_t word = aks_rng_next(rng);
        size_t now = len < sizeof(word) ? len : sizeof(word);

        memcpy(p, &word, now);
        p += now;
        len -= now;
    }
}

static void
fill_rows(struct aks_rng *rng, uint8_t *p, size_t len)
{
    static const char *const fields[] = { "reflection", "2026-11-23T08:45:12", "session-buddy ",
        "{\"kind\": \"memory\", \"tags\": [", "knowledge_graph", "entity", "\0\0\0\0\0\0\0" };

    while (len > 0) {
        uint64_t word = aks_rng_next(rng);
        const char *field = fields[word % (sizeof(fields) / sizeof(fields[0]))];
        size_t field_len = strlen(field) > 0 ? strlen(field) : 7;
        size_t now = len < field_len ? len : field_len;

        memcpy(p, field, now);
        p += now;
        len -= now;
        now = len < (word >> 60) ? len : (size_t)(word >> 60);
        fill_noise(rng, p, now);
        p += now;
        len -= now;
    }
}

void
sample_fill(enum sample_kind kind, struct aks_rng *rng, uint8_t *p, size_t len)
{
    switch (kind) {
    case SAMPLE_NOISE:
        fill_noise(rng, p, len);
        break;
    case SAMPLE_ROWS:
        fill_rows(rng, p, len);
        break;
    case SAMPLE_ZEROS:
        if (len > 0)
            memset(p, 0, len);
        break;
    case SAMPLE_MIXED:
        for (size_t done = 0; done < len; done += TURN_BYTES) {
            size_t now = len - done < TURN_BYTES ? len - done : TURN_BYTES;

            if (done / TURN_BYTES % 2 == 0)
                fill_noise(rng, p + done, now);
            else
                fill_rows(rng, p + done, now);
        }
        break;
    case SAMPLE_KINDS:
        break;
    }
}

size_t
sample_below(struct aks_rng *rng, size_t max)
{
    return (size_t)(aks_rng_next(rng) % (max + 1));
}
