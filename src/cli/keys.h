/* --identity, --passphrase and --passphrase-secret: what opens encrypted objects. */
#ifndef AKS_CLI_KEYS_H
#define AKS_CLI_KEYS_H

#include "akosha/akosha.h"
#include "cli/args.h"

/** Fills ${ret_keys}, asking at the terminal where that is wanted; to be given to aks_keys_close.
 * 0, or the exit code after telling why. */
int aks_keys_open(const struct aks_args *args, struct akosha_keys *ret_keys);
/** Wipes. Fine on a zeroed struct. */
void aks_keys_close(struct akosha_keys *keys);

#endif
