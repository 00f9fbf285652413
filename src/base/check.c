#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>

void
aks_check_failed(const char *file, int line, const char *what)
{
    (void)fprintf(stderr, "akosha-sync: internal error at %s:%d: %s\n", file, line, what);
    abort();
}
