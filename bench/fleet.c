/* `fleet [machines [seed]]`: the tables of docs/fleet.md. */
#include "testkit/fleet.h"

#include <stdio.h>
#include <stdlib.h>

#define TEXT_BYTES_MAX ((size_t)64 * 1024)

/* A whole number of 1 to ${max}, or 0. */
static unsigned long
number(const char *text, unsigned long max)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);

    return text[0] >= '0' && text[0] <= '9' && *end == '\0' && value <= max ? value : 0;
}

int
main(int argc, char **argv)
{
    unsigned long machines = argc > 1 ? number(argv[1], AKS_FLEET_MACHINES_MAX) : 10000;
    unsigned long seed = argc > 2 ? number(argv[2], 1000000) : 1;
    struct aks_error err;
    struct aks_buf text;
    int code = 0;

    if (argc > 3 || machines == 0 || seed == 0) {
        (void)fprintf(stderr, "usage: fleet [machines, up to %d [seed, up to 1000000]]\n",
            AKS_FLEET_MACHINES_MAX);
        return 2;
    }
    aks_buf_init(&text, aks_alloc_system(), TEXT_BYTES_MAX);
    if (aks_fleet_table(aks_alloc_system(), (unsigned)machines, seed, &text, &err) == AKS_OK) {
        (void)fputs(text.data, stdout);
    } else {
        (void)fprintf(stderr, "fleet: %s\n", err.message);
        code = 1;
    }
    aks_buf_fini(&text);
    return code;
}
