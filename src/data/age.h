/* age-encryption.org/v1 (C2SP, age.md): what its files are made of, and our words for it.
 *
 *     age-encryption.org/v1
 *     -> X25519 <share>        one stanza for each recipient, with the file key wrapped for it
 *     <file key, wrapped>
 *     --- <MAC over all of the above>
 *     <16 bytes of nonce><chunks of 64 KiB, each with its tag>
 *
 * A file key is drawn for each file and never used for another one. */
#ifndef AKS_DATA_AGE_H
#define AKS_DATA_AGE_H

#include <stdbool.h>
#include <stdint.h>

#define AKS_AGE_VERSION_LINE "age-encryption.org/v1\n"
#define AKS_AGE_FILE_KEY_BYTES 16
#define AKS_AGE_POINT_BYTES 32          /* of X25519: secret, recipient, share */
#define AKS_AGE_NONCE_BYTES 16          /* of the payload */
#define AKS_AGE_SALT_BYTES 16           /* of scrypt */
#define AKS_AGE_TAG_BYTES 16
#define AKS_AGE_CHUNK_BYTES 65536       /* of plain bytes; only the last one is shorter */

#define AKS_AGE_RECIPIENTS_MAX 64
#define AKS_AGE_IDENTITIES_MAX 64
/* Of a header that is read. A stanza of ours has 98 bytes, one of a hybrid key some 1600. */
/* Identities times stanzas, each of which takes some 0.1 ms: of a header that is nothing but
 * stanzas no more are tried. As many of each as are written at most, and that again. */
#define AKS_AGE_TRIES_MAX (2 * AKS_AGE_RECIPIENTS_MAX * AKS_AGE_IDENTITIES_MAX)
#define AKS_AGE_HEADER_BYTES_MAX (256 * 1024)
/* scrypt's N is 2 to this. What is written takes 256 MiB and about a second, as age's own files do;
 * what is read may ask for sixteen times that, as age allows, and for no more: 4 GiB. Whoever can
 * write to a target chooses it, so what nobody asked for in person goes up to 1 GiB only. */
#define AKS_AGE_SCRYPT_WORK 18
#define AKS_AGE_SCRYPT_WORK_UNASKED 20
#define AKS_AGE_SCRYPT_WORK_MAX 22

/* How an object is encrypted. Numbers stand in the state database. */
enum aks_encryption { AKS_ENCRYPTION_NONE, AKS_ENCRYPTION_AGE };

#define AKS_ENCRYPTION_AGE_NAME "age"
#define AKS_ENCRYPTION_AGE_SUFFIX ".age"

#endif
