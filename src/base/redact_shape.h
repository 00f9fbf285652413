/* What looks like a secret: a part of base/redact.c. */
#ifndef AKS_BASE_REDACT_SHAPE_H
#define AKS_BASE_REDACT_SHAPE_H

#include <stdbool.h>
#include <stddef.h>

/* So far is looked back for a name, and so far ahead for the end of user information. */
#define AKS_REDACT_SHAPE_NAME_BYTES 64
#define AKS_REDACT_SHAPE_USER_BYTES 512

/* The first ${keep} bytes stay, the ${bytes} behind them are taken out. */
struct aks_redact_shape {
    size_t keep;
    size_t bytes;               /* 0: nothing */
};

/** Does something that looks like a secret begin with the ${left} > 0 bytes at ${at}? The ${done}
 * bytes at ${text} are what came before, as it is told. ${cut}: the end of the text is no end.
 * ${inside}: this is within double quotes. */
struct aks_redact_shape aks_redact_shape(const char *text, size_t done, const char *at, size_t left,
    bool cut, bool inside);
bool aks_redact_shape_is_base64(char c);

/** What is assigned: ${at} is the '=', ':' or '>' behind a name. */
struct aks_redact_shape aks_redact_assigned(const char *text, size_t done, const char *at,
    size_t left, bool cut, bool inside);

/* --- what both files of shapes share ---------------------------------------------------------- */

/** A letter or a digit of ASCII. */
bool aks_redact_shape_is_word(char c);
/** How many bytes at ${at} are a value without quotes: up to a blank, a control character, or one
 * of the signs that values end at. */
size_t aks_redact_shape_value(const char *at, size_t left);
/** Of ${len} bytes: digits and letters both, so that it is hardly a word. */
bool aks_redact_shape_is_random(const char *at, size_t len);

#endif
