#include "cli/begin.h"

#include "akosha/akosha.h"
#include "base/alloc.h"
#include "cli/args.h"
#include "cli/commands.h"
#include "cli/print.h"
#include "os/guard_posix.h"
#include "os/program.h"

#include <signal.h>
#include <sys/stat.h>

int
aks_begin_refuse(void)
{
    /* First of all: no memory of ours leaves as a core, and no other process looks into it. */
    aks_guard_posix_close();
    if (!aks_program_has_more_rights())
        return -1;
    (void)aks_print_guard();
    aks_print_error("take its setuid and setgid bits and its capabilities away, and run it as the "
        "user whose databases these are", "cannot run with more rights than its caller has");
    return AKOSHA_NOT_KEPT;
}

/* An agent takes a 2 of its hook for a veto. */
static int
end(const struct aks_args *args, bool hook, int code)
{
    if (hook && code == AKOSHA_USAGE)
        aks_cmd_hook_wrong(args);
    return hook ? AKOSHA_OK : code;
}

int
aks_begin(int argc, char **argv)
{
    bool hook = aks_cmd_hook_is(argc, argv);
    bool output = aks_print_guard();
    struct aks_guard_posix guard;
    struct aks_args args;
    int code;

    if (hook)
        aks_cmd_hook_begin(argc, argv);
    code = aks_begin_refuse();
    if (code >= 0)
        return hook ? AKOSHA_OK : code;
    /* What the caller put into our environment is not told back. */
    aks_guard_posix_environment(&guard, aks_alloc_system());
    /* Whatever the caller's umask: what we write is private. */
    (void)umask(077);
    /* Whatever the caller ignores: how a program ended that a secret comes from has to be known. */
    (void)signal(SIGCHLD, SIG_DFL);
    aks_args_parse(argc, argv, &args, &code);
    if (code < 0 && !output && !hook) {
        aks_print_error("redirect it to /dev/null if nobody wants it",
            "usage: standard output is closed");
        code = AKOSHA_USAGE;
    }
    if (code < 0)
        code = args.command->run(&args);
    code = end(&args, hook, code);
    aks_guard_posix_forget(&guard);
    return code;
}
