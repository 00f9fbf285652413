#include "os/os.h"

#include "os/background_posix.h"
#include "os/clock_posix.h"
#include "os/entropy_posix.h"
#include "os/environment_posix.h"
#include "os/events_posix.h"
#include "os/files_posix.h"
#include "os/http_loader.h"
#include "os/process_posix.h"
#include "os/program.h"
#include "os/usage_posix.h"
#include "os/work_threads.h"

#include <malloc.h>
#include <signal.h>

/* The main thread's heap and one for all others: workers take their memory in few large blocks, so
 * they hardly meet at its lock. */
#define HEAPS_MAX 2

struct aks_os {
    const struct aks_alloc *alloc;
    struct aks_environment_posix environment;
    struct aks_work_threads *work;
    struct aks_http_loader *http;
    struct aks_events_posix *events;
    struct aks_background_posix background;
    struct aks_port port;
};

/* A handler that somebody has set stays. */
static void
ignore_if_default(int signal_number)
{
    struct sigaction action;

    if (sigaction(signal_number, NULL, &action) != 0 || (action.sa_flags & SA_SIGINFO) != 0
        || action.sa_handler != SIG_DFL)
        return;
    action.sa_handler = SIG_IGN;
    (void)sigaction(signal_number, &action, NULL);
}

static void
prepare_process(void)
{
    ignore_if_default(SIGPIPE);
    ignore_if_default(SIGXFSZ);
#ifdef M_ARENA_MAX
    (void)mallopt(M_ARENA_MAX, HEAPS_MAX);
#endif
}

enum aks_status
aks_os_open(const struct aks_alloc *alloc, struct aks_os **ret_os, struct aks_error *err)
{
    struct aks_os *os = aks_mem_new(alloc, sizeof(*os));
    enum aks_status status;

    if (os == NULL)
        return aks_error_memory(err, "opening the system's ports");
    prepare_process();
    os->alloc = alloc;
    os->port.alloc = alloc;
    aks_clock_posix_init(&os->port.clock);
    aks_files_posix_init(&os->port.files, alloc);
    aks_entropy_posix_init(&os->port.entropy);
    aks_environment_posix_init(&os->environment, &os->port.environment);
    aks_process_posix_init(alloc, &os->port.process);
    aks_usage_posix_init(&os->port.usage);
    status = aks_events_posix_new(alloc, &os->events, err);
    if (status != AKS_OK)
        goto out;
    status = aks_work_threads_new(alloc, aks_events_posix_fd(os->events), &os->work, err);
    if (status != AKS_OK)
        goto out;
    status = aks_http_loader_new(alloc, &os->port.clock, &os->http, err);
    if (status != AKS_OK)
        goto out;
    aks_events_posix_init(os->events, os->work, os->http, &os->port.events);
    aks_background_posix_init(&os->background, alloc, os->events, &os->port.background);
    aks_work_threads_init(os->work, &os->port.work);
    aks_http_loader_init(os->http, &os->port.http);
    *ret_os = os;
    os = NULL;
out:
    aks_os_close(os);
    return status;
}

const struct aks_port *
aks_os_port(struct aks_os *os)
{
    return &os->port;
}

void
aks_os_start_full(struct aks_os *os)
{
    os->background.program = aks_program_full;
}

void
aks_os_of_library(struct aks_os *os)
{
    os->background.program = aks_program_of_library;
    aks_http_loader_of_library(os->http);
    aks_process_posix_of_library(&os->port.process);
}

void
aks_os_close(struct aks_os *os)
{
    if (os == NULL)
        return;
    aks_http_loader_free(os->http);
    aks_work_threads_free(os->work);
    aks_events_posix_free(os->events);
    aks_mem_free(os->alloc, os);
}
