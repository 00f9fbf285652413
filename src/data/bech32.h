/* Bech32 (BIP 173, constant 1) as age writes its keys: without that paper's limit of 90 characters,
 * and with one prefix in one case, which the whole text has. */
#ifndef AKS_DATA_BECH32_H
#define AKS_DATA_BECH32_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Room that the text of ${len} bytes behind a prefix of ${prefix_len} takes, with its NUL. */
#define AKS_BECH32_BYTES(prefix_len, len) ((prefix_len) + 1 + ((len) * 8 + 4) / 5 + 6 + 1)

/** Exactly ${data_len} bytes out of the ${len} characters of ${text}; false if they are anything
 * else: another ${prefix}, a letter of the other case, a wrong checksum, spare bits that are not
 * zero. ${prefix} is what stands before the '1', in its case. What was read is wiped from the
 * stack. */
bool aks_bech32_decode(const char *prefix, const char *text, size_t len, uint8_t *ret_data,
    size_t data_len);
/** Does the text begin as one of ${prefix} does? */
bool aks_bech32_is(const char *prefix, const char *text, size_t len);
/** The text of ${len} bytes into ${ret_text}, which has AKS_BECH32_BYTES of room. */
void aks_bech32_encode(const char *prefix, const uint8_t *data, size_t len, char *ret_text);

#endif
