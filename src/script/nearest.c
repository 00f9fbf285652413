#include "script/nearest.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

static unsigned
least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

static bool
same(char a, char b)
{
    return tolower((unsigned char)a) == tolower((unsigned char)b);
}

unsigned
aks_nearest_distance(const char *a, const char *b)
{
    unsigned rows[3][AKS_NEAREST_NAME_BYTES + 1];
    size_t a_len = strlen(a);
    size_t b_len = strlen(b);

    if (a_len > AKS_NEAREST_NAME_BYTES || b_len > AKS_NEAREST_NAME_BYTES)
        return AKS_NEAREST_NAME_BYTES;
    for (size_t j = 0; j <= b_len; j++)
        rows[0][j] = (unsigned)j;
    for (size_t i = 1; i <= a_len; i++) {
        unsigned *row = rows[i % 3];
        const unsigned *above = rows[(i - 1) % 3];

        row[0] = (unsigned)i;
        for (size_t j = 1; j <= b_len; j++) {
            row[j] = least(least(above[j], row[j - 1]) + 1,
                above[j - 1] + (same(a[i - 1], b[j - 1]) ? 0 : 1));
            if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1]))
                row[j] = least(row[j], rows[(i - 2) % 3][j - 2] + 1);
        }
    }
    return rows[a_len % 3][b_len];
}

void
aks_nearest_offer(struct aks_nearest *best, const char *name, const char *candidate)
{
    unsigned distance = aks_nearest_distance(name, candidate);
    size_t len = strlen(candidate);
    /* A third of the name may be wrong, and one letter of a short one. */
    unsigned distance_max = (unsigned)(len < 4 ? 1 : (len + 2) / 3);

    if (distance > distance_max || (best->name != NULL && distance > best->distance))
        return;
    if (best->name != NULL && distance == best->distance && strcmp(candidate, best->name) >= 0)
        return;
    best->name = candidate;
    best->distance = distance;
}
