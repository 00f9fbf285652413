#include "os/entropy_posix.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

static enum aks_status
entropy_fill(void *ctx, void *data, size_t len, struct aks_error *err)
{
    unsigned char *at = data;

    while (len > 0) {
        ssize_t n = getrandom(at, len, 0);

        if (n > 0) {
            at += n;
            len -= (size_t)n;
        } else if (n == 0 || errno != EINTR) {
            return aks_error_set(err, AKS_INTERNAL, "cannot get random bytes from the system: %s",
                n == 0 ? "none came" : strerror(errno));
        }
    }
    return AKS_OK;
}

void
aks_entropy_posix_init(struct aks_entropy *ret_entropy)
{
    ret_entropy->fill = entropy_fill;
    ret_entropy->ctx = NULL;
}
