#include "engine/notify.h"

#include "base/redact.h"
#include "base/units.h"
#include "engine/audit_note.h"
#include "engine/queue.h"
#include "engine/secret_command.h"
#include "engine/state_figures.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define MS_PER_HOUR (3600 * AKS_MS_PER_S)
/* Under which is remembered that failures were told: "yes", and "no" once it is well again. */
#define FACT_PLACE "notify"
#define FACT "failing"
#define OUTPUT_BYTES_MAX ((size_t)64 * 1024)    /* which nobody reads */

/* What the queue looks like to a person. */
struct trouble {
    size_t failed;              /* jobs that were tried in vain */
    size_t lasting;             /* of them those that were so for too long */
    int64_t oldest_ms;          /* when the oldest of those was enqueued */
    int64_t tries;              /* how often that one was tried */
    char reason[32];            /* its last failure */
    char words[512];            /* and its message */
};

/* One telling, on a worker thread. */
struct telling {
    struct aks_port port;                       /* ours, but for its environment */
    const struct aks_environment *outer;
    struct aks_engine *engine;
    char command[AKS_NOTIFY_COMMAND_BYTES_MAX + 1];
    const char *event;
    char text[AKS_NOTIFY_TEXT_BYTES];
    struct aks_error err;
    bool done;
    bool left;                                  /* nobody waits for it: it frees itself */
};

static int64_t
wall_ms(const struct aks_engine *engine)
{
    return engine->process->clock.wall_ms(engine->process->clock.ctx);
}

/* --- is there trouble? ------------------------------------------------------------------------ */

static void
add_job(struct trouble *trouble, const struct aks_job *job,
    const struct aks_notify_settings *settings, int64_t now_ms)
{
    bool old = now_ms - job->enqueued_at_ms >= settings->after_hours * MS_PER_HOUR;
    bool often = settings->after_tries > 0 && job->tries >= settings->after_tries;

    if (job->reason == NULL || job->tries == 0)
        return;
    trouble->failed++;
    if (!old && !often)
        return;
    if (trouble->lasting++ > 0 && job->enqueued_at_ms >= trouble->oldest_ms)
        return;
    trouble->oldest_ms = job->enqueued_at_ms;
    trouble->tries = job->tries;
    (void)snprintf(trouble->reason, sizeof(trouble->reason), "%s", job->reason);
    (void)snprintf(trouble->words, sizeof(trouble->words), "%s",
        job->message != NULL ? job->message : "");
}

static enum aks_status
look(struct aks_engine *engine, const struct aks_notify_settings *settings,
    struct trouble *ret_trouble, struct aks_error *err)
{
    const struct aks_port *port = engine->process;
    char **ids = NULL;
    size_t count = 0;
    enum aks_status status = aks_queue_list(port, engine->queue_folder, &ids, &count, err);

    memset(ret_trouble, 0, sizeof(*ret_trouble));
    for (size_t i = 0; i < count; i++) {
        struct aks_job job;

        aks_job_init(&job, port->alloc);
        if (aks_queue_get(port, engine->queue_folder, ids[i], &job, NULL) == AKS_OK)
            add_job(ret_trouble, &job, settings, wall_ms(engine));
        aks_job_fini(&job);
        aks_mem_free(port->alloc, ids[i]);
    }
    aks_mem_free(port->alloc, ids);
    return status;
}

/* --- what is told ----------------------------------------------------------------------------- */

static void
write_text(struct telling *telling, const struct trouble *trouble, bool names)
{
    int64_t age_ms = wall_ms(telling->engine) - trouble->oldest_ms;
    char age[AKS_UNITS_TEXT_BYTES];

    if (trouble->lasting == 0) {
        (void)snprintf(telling->text, sizeof(telling->text),
            "akosha-sync delivers again: nothing that failed waits any more");
        return;
    }
    (void)snprintf(telling->text, sizeof(telling->text), "akosha-sync cannot deliver: %zu job%s "
        "wait%s, the oldest for %s, tried %" PRId64 " time%s (%s)%s%s", trouble->lasting,
        trouble->lasting == 1 ? "" : "s", trouble->lasting == 1 ? "s" : "",
        aks_units_duration(age_ms > 0 ? age_ms : 0, age), trouble->tries,
        trouble->tries == 1 ? "" : "s", trouble->reason, names ? ": " : "",
        names ? trouble->words : "");
    (void)aks_redact_text(telling->text, AKS_REDACT_CUT);
    /* It goes the way of variables, which are one line each, and none with a user in an address. */
    for (char *c = telling->text; *c != '\0'; c++) {
        if ((unsigned char)*c < ' ' || *c == 0x7f || *c == '@')
            *c = ' ';
    }
}

static const char *
get(void *ctx, const char *name)
{
    const struct telling *telling = ctx;

    if (strcmp(name, "AKOSHA_EVENT") == 0)
        return telling->event;
    if (strcmp(name, "AKOSHA_TEXT") == 0)
        return telling->text;
    return telling->outer->get(telling->outer->ctx, name);
}

static const char *
at(void *ctx, unsigned i)
{
    const struct telling *telling = ctx;

    return telling->outer->at(telling->outer->ctx, i);
}

static bool
stopped(void *ctx)
{
    const struct telling *telling = ctx;

    return atomic_load(&telling->engine->interrupted) != 0;
}

static void
run_command(void *arg)
{
    static const char *const variables[] = { "AKOSHA_EVENT", "AKOSHA_TEXT", NULL };
    struct telling *telling = arg;
    struct aks_secret_command command = { telling->command, variables, true, stopped, telling };
    struct aks_buf output;

    aks_buf_init(&output, telling->port.alloc, OUTPUT_BYTES_MAX);
    (void)aks_secret_command_run(&telling->port, &command, &output, &telling->err);
    aks_buf_fini(&output);
}

static void
command_ended(void *arg)
{
    struct telling *telling = arg;

    telling->done = true;
    if (telling->left)
        aks_mem_free(telling->port.alloc, telling);
}

/* The loop turns meanwhile: who enqueues is heard. Takes ${telling}. */
static bool
run_telling(struct telling *telling, struct aks_error *err)
{
    struct aks_engine *engine = telling->engine;
    const struct aks_work *work = &engine->process->work;
    enum aks_status status;

    telling->port = *engine->process;
    telling->outer = &engine->process->environment;
    telling->port.environment.get = get;
    telling->port.environment.at = at;
    telling->port.environment.ctx = telling;
    status = work->submit(work->ctx, run_command, command_ended, telling, err);
    while (status == AKS_OK && !telling->done) {
        status = aks_loop_turn(&engine->loop, err);
        if (status != AKS_OK && !telling->done) {
            telling->left = true;
            return false;
        }
    }
    if (status == AKS_OK && telling->err.status != AKS_OK) {
        *err = telling->err;
        status = err->status;
    }
    aks_mem_free(engine->process->alloc, telling);
    return status == AKS_OK;
}

/* --- all of it -------------------------------------------------------------------------------- */

static void
tell(struct aks_engine *engine, const struct aks_notify_settings *settings,
    const struct trouble *trouble)
{
    const char *event = trouble->lasting > 0 ? "failing" : "well";
    struct telling *telling = aks_mem_new(engine->process->alloc, sizeof(*telling));
    struct aks_error err = { 0 };
    struct aks_error ignored;
    bool fine;

    if (telling == NULL)
        return;
    telling->engine = engine;
    (void)snprintf(telling->command, sizeof(telling->command), "%s", settings->command);
    telling->event = event;
    write_text(telling, trouble, settings->names);
    /* Before it is run: whatever it does to us, it is not run again at once. */
    if (aks_state_fact_put(engine->state, FACT_PLACE, FACT, trouble->lasting > 0 ? "yes" : "no",
            wall_ms(engine), &ignored) != AKS_OK) {
        aks_mem_free(engine->process->alloc, telling);
        return;
    }
    fine = run_telling(telling, &err);
    (void)aks_state_sum_add(engine->state, wall_ms(engine), trouble->lasting > 0
        ? AKS_STATE_SUM_NOTIFIED "failing" : AKS_STATE_SUM_NOTIFIED "well", 1, &ignored);
    aks_audit_note_or_warn(engine, "notified", json_pack("{s:s, s:b}", "about", event, "told",
        fine));
    if (!fine)
        aks_log_write(engine->log, AKS_LOG_WARNING, "nobody could be told: %s", err.message);
}

void
aks_notify_when_due(struct aks_engine *engine)
{
    struct aks_notify_settings settings;
    struct trouble trouble;
    struct aks_error err = { 0 };
    char told[8] = "";
    bool lately;
    bool ever;

    if (aks_notify_load(engine->process, &settings, &err) != AKS_OK) {
        aks_log_write(engine->log, AKS_LOG_WARNING, "nobody can be told: %s", err.message);
        return;
    }
    if (settings.command[0] == '\0' || look(engine, &settings, &trouble, &err) != AKS_OK)
        return;
    lately = aks_state_fact_get(engine->state, FACT_PLACE, FACT, wall_ms(engine),
        settings.every_hours * MS_PER_HOUR, told, sizeof(told), NULL) == AKS_OK &&
        strcmp(told, "yes") == 0;
    ever = aks_state_fact_get(engine->state, FACT_PLACE, FACT, wall_ms(engine), INT64_MAX, told,
        sizeof(told), NULL) == AKS_OK && strcmp(told, "yes") == 0;
    if (trouble.lasting > 0 ? !lately : ever && trouble.failed == 0)
        tell(engine, &settings, &trouble);
}
