/* Tables for table-driven CRCs, made by the preprocessor out of the eight entries whose index has
 * one bit set: a CRC is linear, so every other entry is the exclusive or of those. The tables are
 * thus constant data: nothing to set up at start, nothing to race for. */
#ifndef AKS_DATA_CRC_TABLE_H
#define AKS_DATA_CRC_TABLE_H

/* Slicing by eight: table n advances a byte over n bytes that follow it. */
#define AKS_CRC_SLICES 8

#define AKS_CRC_BIT(i, bit, entry) ((((i) >> (bit)) & 1) != 0 ? (entry) : 0)
#define AKS_CRC_ENTRY(i, e1, e2, e4, e8, e16, e32, e64, e128) \
    AKS_CRC_BIT(i, 0, e1) ^ AKS_CRC_BIT(i, 1, e2) ^ AKS_CRC_BIT(i, 2, e4) ^ \
    AKS_CRC_BIT(i, 3, e8) ^ AKS_CRC_BIT(i, 4, e16) ^ AKS_CRC_BIT(i, 5, e32) ^ \
    AKS_CRC_BIT(i, 6, e64) ^ AKS_CRC_BIT(i, 7, e128)
#define AKS_CRC_4(i, ...) \
    AKS_CRC_ENTRY((i), __VA_ARGS__), AKS_CRC_ENTRY((i) + 1, __VA_ARGS__), \
    AKS_CRC_ENTRY((i) + 2, __VA_ARGS__), AKS_CRC_ENTRY((i) + 3, __VA_ARGS__)
#define AKS_CRC_16(i, ...) \
    AKS_CRC_4((i), __VA_ARGS__), AKS_CRC_4((i) + 4, __VA_ARGS__), \
    AKS_CRC_4((i) + 8, __VA_ARGS__), AKS_CRC_4((i) + 12, __VA_ARGS__)
#define AKS_CRC_64(i, ...) \
    AKS_CRC_16((i), __VA_ARGS__), AKS_CRC_16((i) + 16, __VA_ARGS__), \
    AKS_CRC_16((i) + 32, __VA_ARGS__), AKS_CRC_16((i) + 48, __VA_ARGS__)

/* { 256 entries }, from entries 1, 2, 4, 8, 16, 32, 64 and 128. */
#define AKS_CRC_TABLE(...) \
    { AKS_CRC_64(0, __VA_ARGS__), AKS_CRC_64(64, __VA_ARGS__), \
      AKS_CRC_64(128, __VA_ARGS__), AKS_CRC_64(192, __VA_ARGS__) }

#endif
