/* UTF-8 (RFC 3629): told from other bytes, and mended where somebody wrote other bytes. */
#ifndef AKS_BASE_UTF8_H
#define AKS_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/** The length of the character that stands at ${at}, or 0 if none does. NUL is one of length 1. */
size_t aks_utf8_length(const char *at);
/** Is all of ${text} UTF-8? */
bool aks_utf8_valid(const char *text);
/** In place: every byte that is no part of a character becomes '?'. */
void aks_utf8_mend(char *text);
/** In place, ${len} bytes: those of characters that a terminal obeys, or that turn what stands
 * around them about, become '?': the C1 controls, and marks, embeddings, overrides and isolates of
 * direction (Unicode Standard Annex #9). The controls of ASCII stay. */
void aks_utf8_tame(char *text, size_t len);

#endif
