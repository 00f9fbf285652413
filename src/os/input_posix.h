/* Standard input of a program that must not wait for it. */
#ifndef AKS_OS_INPUT_POSIX_H
#define AKS_OS_INPUT_POSIX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Hands on what can be read from ${fd}, piece by piece, until ${take} says that it has enough,
 * the end, an error, ${bytes_max} bytes, or ${timeout_ms} from now: whichever is first. A terminal
 * is not read, and a descriptor that is closed has nothing. */
void aks_input_posix_read(int fd, int64_t timeout_ms, size_t bytes_max,
    bool (*take)(void *ctx, const char *data, size_t len), void *ctx);

#endif
