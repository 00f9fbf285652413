#include "data/bech32.h"

#include "base/check.h"

#include <ctype.h>
#include <string.h>

#define CHECKSUM_CHARACTERS 6
#define BITS 5                          /* of one character */

static const char alphabet[] = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";

static uint32_t
step(uint32_t sum, uint32_t value)
{
    static const uint32_t generators[] = { 0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd,
        0x2a1462b3 };
    uint32_t top = sum >> 25;

    sum = (sum & 0x1ffffff) << BITS ^ value;
    for (size_t i = 0; i < sizeof(generators) / sizeof(generators[0]); i++) {
        if ((top >> i & 1) != 0)
            sum ^= generators[i];
    }
    return sum;
}

/* The checksum is over the prefix in lower case: its high bits, a zero, its low bits. */
static uint32_t
begin(const char *prefix)
{
    uint32_t sum = 1;

    for (const char *c = prefix; *c != '\0'; c++)
        sum = step(sum, (uint32_t)tolower((unsigned char)*c) >> BITS);
    sum = step(sum, 0);
    for (const char *c = prefix; *c != '\0'; c++)
        sum = step(sum, (uint32_t)tolower((unsigned char)*c) & 31);
    return sum;
}

static bool
is_upper(const char *prefix)
{
    while (*prefix != '\0' && !isalpha((unsigned char)*prefix))
        prefix++;
    return isupper((unsigned char)*prefix) != 0;
}

/* The value of a character, or -1. */
static int
value_of(char c, bool upper)
{
    const char *at;

    if (c == '\0' || (isalpha((unsigned char)c) && (isupper((unsigned char)c) != 0) != upper))
        return -1;
    at = strchr(alphabet, tolower((unsigned char)c));
    return at != NULL ? (int)(at - alphabet) : -1;
}

bool
aks_bech32_is(const char *prefix, const char *text, size_t len)
{
    size_t prefix_len = strlen(prefix);

    return len > prefix_len && memcmp(text, prefix, prefix_len) == 0 && text[prefix_len] == '1';
}

bool
aks_bech32_decode(const char *prefix, const char *text, size_t len, uint8_t *ret_data,
    size_t data_len)
{
    size_t prefix_len = strlen(prefix);
    size_t wanted = (data_len * 8 + BITS - 1) / BITS;
    bool upper = is_upper(prefix);
    uint32_t sum = begin(prefix);
    uint32_t held = 0;
    unsigned bits = 0;
    size_t written = 0;
    bool fine = aks_bech32_is(prefix, text, len) &&
        len == prefix_len + 1 + wanted + CHECKSUM_CHARACTERS;

    for (size_t i = 0; fine && i < wanted + CHECKSUM_CHARACTERS; i++) {
        int value = value_of(text[prefix_len + 1 + i], upper);

        fine = value >= 0;
        if (!fine)
            break;
        sum = step(sum, (uint32_t)value);
        if (i >= wanted)
            continue;
        held = (held << BITS | (uint32_t)value) & 0xfff;
        bits += BITS;
        if (bits >= 8) {
            bits -= 8;
            ret_data[written++] = (uint8_t)(held >> bits);
        }
    }
    fine = fine && sum == 1 && (held & ((1u << bits) - 1)) == 0;
    if (!fine)
        explicit_bzero(ret_data, data_len);
    explicit_bzero(&held, sizeof(held));
    return fine;
}

void
aks_bech32_encode(const char *prefix, const uint8_t *data, size_t len, char *ret_text)
{
    bool upper = is_upper(prefix);
    uint32_t sum = begin(prefix);
    uint32_t held = 0;
    unsigned bits = 0;
    char *at = ret_text + strlen(prefix);

    memcpy(ret_text, prefix, strlen(prefix));
    *at++ = '1';
    for (size_t i = 0; i < len || bits > 0;) {
        uint32_t value;

        if (bits < BITS && i < len) {
            held = held << 8 | data[i++];
            bits += 8;
        } else if (bits < BITS) {
            held <<= BITS - bits;
            bits = BITS;
        }
        bits -= BITS;
        value = held >> bits & 31;
        held &= (1u << bits) - 1;
        sum = step(sum, value);
        *at++ = alphabet[value];
    }
    for (int i = 0; i < CHECKSUM_CHARACTERS; i++)
        sum = step(sum, 0);
    sum ^= 1;
    for (int i = CHECKSUM_CHARACTERS - 1; i >= 0; i--)
        *at++ = alphabet[sum >> (BITS * i) & 31];
    *at = '\0';
    for (char *c = ret_text + strlen(prefix); upper && *c != '\0'; c++)
        *c = (char)toupper((unsigned char)*c);
}
