/* The one redactor: every text that leaves passes it. It takes out
 *
 * - the values of the secrets that live in this process (base/secret.h), also in base64 (either
 *   alphabet, at any offset), hex, percent-encoded or escaped as in JSON (both also several times
 *   over), or escaped as in XML; the first or the last
 *   AKS_REDACT_PREFIX_BYTES of a value are enough, as texts are cut;
 * - what looks like a secret, whoever made it: AWS access key ids, age identities, PEM private
 *   keys, JSON web tokens, what follows Bearer, Basic, Authorization and the like, the values of
 *   signatures and tokens in a query, user information in an address, and what is assigned to a
 *   name that is a secret's ("password=...", "SecretAccessKey": "...").
 *
 * Digests, ETags, upload ids and ordinary words stay. Time is linear in the text; nothing is
 * allocated, so a text is never left as it was for want of memory. The result is never longer, is
 * UTF-8 where the text was, and is JSON where the text was. Any thread. */
#ifndef AKS_BASE_REDACT_H
#define AKS_BASE_REDACT_H

#include <stdbool.h>
#include <stddef.h>

/* What stands in place of what was taken out; where that was shorter, so many asterisks. */
#define AKS_REDACT_MARK "[redacted]"
#define AKS_REDACT_PREFIX_BYTES 16

enum aks_redact_flags {
    AKS_REDACT_CUT = 1,         /* the text was cut at its end: a secret may begin there */
    AKS_REDACT_VALUES = 2       /* only the values of live secrets, no shapes */
};

/** In place, ${len} bytes. Returns how many are left; if that is less, a NUL follows them. */
size_t aks_redact(char *text, size_t len, unsigned flags);
/** The same with a text that ends in a NUL; returns ${text}. */
char *aks_redact_text(char *text, unsigned flags);
/** Is the value of a live secret in ${text}? */
bool aks_redact_finds(const char *text);
/** Is ${name} (of a variable, a setting, a header) one that a secret is assigned to? Upper and
 * lower case are the same. */
bool aks_redact_assigned_secret(const char *name, size_t len);

#endif
