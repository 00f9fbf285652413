#include "akosha/akosha.h"
#include "cli/args.h"
#include "cli/print.h"

#include <signal.h>
#include <sys/stat.h>

int
main(int argc, char **argv)
{
    bool output = aks_print_guard();
    struct aks_args args;
    int code;

    /* Whatever the caller's umask: what we write is private. */
    (void)umask(077);
    /* Whatever the caller ignores: how a program ended that a secret comes from has to be known. */
    (void)signal(SIGCHLD, SIG_DFL);
    aks_args_parse(argc, argv, &args, &code);
    if (code >= 0)
        return code;
    if (!output) {
        aks_print_error("redirect it to /dev/null if nobody wants it",
            "usage: standard output is closed");
        return AKOSHA_USAGE;
    }
    return args.command->run(&args);
}
