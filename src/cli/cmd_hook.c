/* akosha-sync hook: what an agent calls when its session ends. Nothing that happens here is the
 * agent's business: it is over in milliseconds, says nothing, and ends with 0. */
#include "base/alloc.h"
#include "base/error.h"
#include "cli/commands.h"
#include "cli/hook_event.h"
#include "cli/print.h"
#include "os/input_posix.h"
#include "os/os.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

/* How long an agent has to begin with what it says; most have written it before we run. */
#define WAIT_MS 50
/* Looked at and not kept. */
#define BYTES_MAX ((size_t)16 << 20)

/* --- what was said ---------------------------------------------------------------------------- */

static bool
take(void *ctx, const char *data, size_t len)
{
    return aks_hook_event_feed(ctx, data, len);
}

/* The original's switch; ours goes before it. */
static bool
switched_off(const struct aks_port *port)
{
    static const char *const names[] = { "AKOSHA_UPLOAD_ON_SESSION_END",
        "SESSION_BUDDY_AKOSHA_UPLOAD_ON_SESSION_END" };
    static const char *const off[] = { "false", "0", "no", "off" };
    const struct aks_environment *env = &port->environment;
    const char *value = NULL;

    for (size_t i = 0; i < 2 && (value == NULL || value[0] == '\0'); i++)
        value = env->get(env->ctx, names[i]);
    for (size_t i = 0; value != NULL && i < sizeof(off) / sizeof(off[0]); i++) {
        if (strcasecmp(value, off[i]) == 0)
            return true;
    }
    return false;
}

/* Why nothing is to be done now, or NULL. */
static const char *
why_not(const struct aks_args *args, const struct aks_port *port)
{
    struct aks_hook_event event = { 0 };

    aks_input_posix_read(STDIN_FILENO, WAIT_MS, BYTES_MAX, take, &event);
    if (args->verbose)
        aks_print_note("the agent says: %s", event.name[0] != '\0' ? event.name : "nothing");
    if (switched_off(port))
        return "AKOSHA_UPLOAD_ON_SESSION_END says so";
    if (aks_hook_event_is_turn(&event) && !args->on_stop)
        return "a turn ended and not a session (--on-stop takes both)";
    return NULL;
}

/* --- what is done ----------------------------------------------------------------------------- */

static int
enqueue(const struct aks_args *args, const struct aks_port *port)
{
    struct aks_args job = *args;
    struct akosha_enqueued enqueued;
    struct akosha_error error = { 0 };
    int code;

    /* Whatever else an agent hands over is no source. */
    job.operand_count = 0;
    code = aks_cmd_enqueue_job(&job, port, &enqueued, &error);
    if (code != AKOSHA_OK) {
        aks_print_failure(false, &error);
        (void)akosha_hook_note(port, args->state, &error, &error);
        return code;
    }
    aks_print_note("job %s", enqueued.job_id);
    if (enqueued.worker || args->no_worker) {
        (void)akosha_hook_note(port, args->state, NULL, &error);
        return AKOSHA_OK;
    }
    aks_print_failure(false, &enqueued.worker_error);
    (void)akosha_hook_note(port, args->state, &enqueued.worker_error, &error);
    return AKOSHA_OK;
}

int
aks_cmd_hook(const struct aks_args *args)
{
    struct aks_error err;
    struct aks_os *os = NULL;
    const char *why;
    int code = AKOSHA_OK;

    if (strcmp(args->operands[0], "session-end") != 0)
        return aks_args_wrong(args, "there is hook session-end, and no hook ", args->operands[0]);
    if (aks_os_open(aks_alloc_system(), &os, &err) != AKS_OK) {
        aks_print_error(err.hint, "%s", err.message);
        return AKOSHA_NOT_KEPT;
    }
    if (aks_begin_front)
        aks_os_start_full(os);
    why = why_not(args, aks_os_port(os));
    if (why != NULL)
        aks_print_note("nothing is done: %s", why);
    else
        code = enqueue(args, aks_os_port(os));
    aks_os_close(os);
    return code;
}

/* --- the wrong command line ------------------------------------------------------------------- */

bool
aks_cmd_hook_is(int argc, char **argv)
{
    return argc > 1 && strcmp(argv[1], "hook") == 0;
}

void
aks_cmd_hook_begin(int argc, char **argv)
{
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "--verbose") == 0 || strcmp(argv[i], "--help") == 0)
            return;
    }
    aks_print_mute();
}

void
aks_cmd_hook_wrong(const struct aks_args *args)
{
    struct akosha_error error = { AKOSHA_USAGE, "settings", "", "" };
    struct aks_os *os = NULL;

    (void)snprintf(error.message, sizeof(error.message), "%s", aks_print_muted());
    (void)snprintf(error.hint, sizeof(error.hint), "akosha-sync hook --help shows what there is; "
        "the agent's settings say how it is called");
    if (error.message[0] != '\0' && aks_os_open(aks_alloc_system(), &os, NULL) == AKS_OK)
        (void)akosha_hook_note(aks_os_port(os), args->state, &error, &error);
    aks_os_close(os);
    /* A person who tries it out reads it. */
    if (isatty(STDERR_FILENO) == 1)
        aks_print_unmute();
}
