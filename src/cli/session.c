#include "cli/session.h"

#include "base/alloc.h"
#include "base/error.h"
#include "cli/print.h"
#include "cli/progress.h"
#include "os/os.h"

#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

/* The engine that a signal interrupts. */
static struct akosha *volatile interruptible;

static void
on_signal(int number)
{
    struct akosha *engine = interruptible;

    if (engine != NULL)
        akosha_interrupt(engine, number);
    /* Who asks a second time does not want to wait. */
    (void)signal(number, SIG_DFL);
}

/* What the caller lets us ignore (nohup, a shell's background job) stays ignored. */
static void
catch_signal(int number, const struct sigaction *action)
{
    struct sigaction old;

    if (sigaction(number, NULL, &old) == 0 && old.sa_handler == SIG_IGN)
        return;
    (void)sigaction(number, action, NULL);
}

static void
catch_signals(void)
{
    struct sigaction action;

    memset(&action, 0, sizeof(action));
    action.sa_handler = on_signal;
    (void)sigemptyset(&action.sa_mask);
    catch_signal(SIGINT, &action);
    catch_signal(SIGTERM, &action);
    catch_signal(SIGHUP, &action);
    action.sa_handler = SIG_IGN;
    (void)sigaction(SIGPIPE, &action, NULL);
}

static void
show_log(void *ctx, enum akosha_log_level level, const char *text)
{
    if (level == AKOSHA_LOG_ERROR)
        aks_print_error(NULL, "%s", text);
    else if (level == AKOSHA_LOG_WARNING)
        aks_print_note("warning: %s", text);
    else
        aks_print_note("%s", text);
}

int
aks_session_open(const struct aks_args *args, bool with_policy, struct aks_session *ret_session)
{
    struct akosha_options options = { 0 };
    struct akosha_error error;
    struct aks_error err;
    int code;

    memset(ret_session, 0, sizeof(*ret_session));
    ret_session->args = args;
    if (aks_os_open(aks_alloc_system(), &ret_session->os, &err) != AKS_OK) {
        aks_print_error(err.hint, "%s", err.message);
        return AKOSHA_NOT_KEPT;
    }
    options.port = aks_os_port(ret_session->os);
    options.state_folder = args->state;
    options.limits = args->limits;
    options.limit_count = args->limit_count;
    options.log = show_log;
    options.log_level = args->quiet ? AKOSHA_LOG_ERROR
        : args->verbose ? AKOSHA_LOG_DEBUG : AKOSHA_LOG_WARNING;
    aks_progress_start(!args->quiet);
    options.progress = aks_progress_show;
    code = akosha_open(&options, &ret_session->engine, &error);
    if (code == AKOSHA_OK && with_policy)
        code = akosha_policy_load(ret_session->engine, args->policy, args->allow, args->allow_count,
            &ret_session->policy, &error);
    if (code != AKOSHA_OK)
        return aks_session_fail(args, &error);
    aks_session_interruptible(ret_session->engine);
    return 0;
}

void
aks_session_interruptible(struct akosha *engine)
{
    interruptible = engine;
    if (engine != NULL)
        catch_signals();
}

void
aks_session_close(struct aks_session *session)
{
    aks_session_interruptible(NULL);
    aks_progress_clear();
    akosha_policy_free(session->policy);
    akosha_close(session->engine);
    aks_os_close(session->os);
    memset(session, 0, sizeof(*session));
}

int
aks_session_print_json(struct akosha_report *report, int code)
{
    const char *text = akosha_report_json(report, isatty(STDOUT_FILENO) == 1);

    if (text == NULL) {
        aks_print_error(NULL, "out of memory while writing the report");
        return AKOSHA_NOT_KEPT;
    }
    aks_print_out("%s\n", text);
    return aks_session_end(code);
}

int
aks_session_report(const struct aks_args *args, struct akosha_report *report,
    const struct akosha_error *error, int code, void (*print)(const struct akosha_report *report))
{
    aks_progress_clear();
    if (report == NULL)
        return aks_session_fail(args, error);
    if (code != 0)
        aks_print_error(error->hint, "%s", error->message);
    if (args->json)
        return aks_session_print_json(report, code);
    if (!args->quiet)
        print(report);
    return aks_session_end(code);
}
