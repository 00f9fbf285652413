/* The front program: what people and hooks start. Loading what a sync needs takes longer than
 * making a job durable does, so this one is linked to libc and jansson alone, enqueues by itself,
 * and lets the full program (main.c) take its place for everything else. */
#include "akosha/akosha.h"
#include "base/error.h"
#include "cli/begin.h"
#include "cli/commands.h"
#include "cli/print.h"
#include "os/program.h"

#include <stdbool.h>
#include <string.h>

const bool aks_begin_front = true;

const struct aks_command aks_commands[] = {
    AKS_COMMAND_ENQUEUE,
    AKS_COMMAND_HOOK,
    { 0 },
};

/* A command is the first word, or none is. */
static bool
own(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--version") == 0)
        return true;
    for (const struct aks_command *command = aks_commands; argc > 1 && command->name != NULL;
        command++) {
        if (strcmp(argv[1], command->name) == 0)
            return true;
    }
    return false;
}

/* With everything as the caller left it, standard streams included: it looks at them itself. */
static int
become_full(char **argv)
{
    struct aks_error err;

    (void)aks_program_become_full(argv, &err);
    (void)aks_print_guard();
    aks_print_error(err.hint, "%s", err.message);
    return AKOSHA_NOT_KEPT;
}

int
main(int argc, char **argv)
{
    int code = -1;

    if (own(argc, argv))
        return aks_begin(argc, argv);
    code = aks_begin_refuse();
    return code >= 0 ? code : become_full(argv);
}
