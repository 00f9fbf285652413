#include "engine/metrics.h"

#include "base/units.h"
#include "engine/metrics_internal.h"
#include "engine/state_figures.h"
#include "engine/status.h"
#include "engine/text.h"
#include "wire/dates.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define PREFIX "akosha_sync_"
#define NAME_BYTES 96

struct metrics {
    const struct aks_port *port;
    json_t *status;                     /* engine/status.h */
    json_t *sums;                       /* of all time, by name */
    json_t *families;
    json_t *family;                     /* to which samples go; borrowed */
    char name[NAME_BYTES];              /* its name */
    struct aks_run_figures last;        /* the last run, */
    struct aks_run_figures success;     /* and the last that left nothing undelivered; at_ms 0:
                                         * none */
    bool lost;                          /* something is missing, for want of memory */
};

/* --- families and samples --------------------------------------------------------------------- */

static void
family(struct metrics *metrics, const char *name, const char *type, const char *help)
{
    (void)snprintf(metrics->name, sizeof(metrics->name), PREFIX "%s", name);
    metrics->family = json_pack("{s:s, s:s, s:s, s:[]}", "name", metrics->name, "type", type,
        "help", help, "samples");
    if (json_array_append_new(metrics->families, metrics->family) != 0) {
        metrics->family = NULL;
        metrics->lost = true;
    }
}

/* ${suffix} of the family's name; ${label} may be NULL. Takes ${value}. */
static void
sample(struct metrics *metrics, const char *suffix, const char *label, const char *text,
    json_t *value)
{
    char name[NAME_BYTES + 16];
    json_t *labels = json_object();

    (void)snprintf(name, sizeof(name), "%s%s", metrics->name, suffix);
    if (label != NULL && json_object_set_new(labels, label, aks_text_json(text)) != 0)
        metrics->lost = true;
    if (json_array_append_new(json_object_get(metrics->family, "samples"),
            json_pack("{s:s, s:o, s:o}", "name", name, "labels", labels, "value", value)) != 0)
        metrics->lost = true;
}

static void
number(struct metrics *metrics, int64_t value)
{
    sample(metrics, "", NULL, NULL, json_integer(value));
}

static json_t *
seconds_json(int64_t ms)
{
    return json_real((double)ms / (double)AKS_MS_PER_S);
}

static int64_t
sum(const struct metrics *metrics, const char *name)
{
    return json_integer_value(json_object_get(metrics->sums, name));
}

static int64_t
sum_of(const struct metrics *metrics, const char *kind, const char *name)
{
    char text[AKS_STATE_SUM_NAME_BYTES];

    (void)snprintf(text, sizeof(text), "%s%s", kind, name);
    return sum(metrics, text);
}

/* --- what there is ---------------------------------------------------------------------------- */

/* Also those that have not happened yet: a rate needs the 0 before the first. */
static void
add_counts(struct metrics *metrics)
{
    static const char *const outcomes[] = { "stored", "unchanged", "queued", "partial", "failed" };
    static const char *const methods[] = { "cloud", "http", "local", "none" };

    family(metrics, "runs_total", "counter", "Runs that ended, by outcome.");
    for (size_t i = 0; i < sizeof(outcomes) / sizeof(outcomes[0]); i++)
        sample(metrics, "", "outcome", outcomes[i],
            json_integer(sum_of(metrics, AKS_STATE_SUM_OUTCOME, outcomes[i])));
    family(metrics, "run_methods_total", "counter",
        "Runs that ended, by the kind of target that holds everything they were about.");
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
        sample(metrics, "", "method", methods[i],
            json_integer(sum_of(metrics, AKS_STATE_SUM_METHOD, methods[i])));
    family(metrics, "run_failures_total", "counter",
        "Runs that left something undelivered, by the failure that their report ends with.");
    for (int i = AKS_OK + 1; i < AKS_STATUS_COUNT; i++) {
        const char *name = aks_status_name((enum aks_status)i);

        sample(metrics, "", "failure", name,
            json_integer(sum_of(metrics, AKS_STATE_SUM_FAILURE, name)));
    }
    family(metrics, "fallbacks_total", "counter",
        "Runs that left a source at another target than the first of its route.");
    number(metrics, sum(metrics, AKS_STATE_SUM_FALLBACKS));
    family(metrics, "notifications_total", "counter",
        "Times that the notification command was run, by what it was told.");
    sample(metrics, "", "event", "failing",
        json_integer(sum_of(metrics, AKS_STATE_SUM_NOTIFIED, "failing")));
    sample(metrics, "", "event", "well",
        json_integer(sum_of(metrics, AKS_STATE_SUM_NOTIFIED, "well")));
}

static void
add_bytes(struct metrics *metrics)
{
    static const struct {
        const char *name;
        const char *sum;
        const char *help;
    } rows[] = {
        { "source_bytes_total", AKS_STATE_SUM_SOURCE_BYTES,
            "Bytes of the sources that runs were about, changed or not." },
        { "plain_bytes_total", AKS_STATE_SUM_PLAIN_BYTES,
            "Bytes of what was stored, before compression and encryption." },
        { "stored_bytes_total", AKS_STATE_SUM_STORED_BYTES,
            "Bytes of what was stored, as it is stored." },
        { "sent_bytes_total", AKS_STATE_SUM_SENT_BYTES,
            "Bytes that were sent, with all that was sent in vain." },
        { "memories_delivered_total", AKS_STATE_SUM_MEMORIES, "Memories that were delivered." },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        family(metrics, rows[i].name, "counter", rows[i].help);
        number(metrics, sum(metrics, rows[i].sum));
    }
}

static void
add_durations(struct metrics *metrics)
{
    int64_t runs = sum(metrics, AKS_STATE_SUM_RUNS);
    int64_t within = 0;
    char text[24];

    family(metrics, "run_duration_seconds", "histogram", "How long runs took.");
    for (size_t i = 0; i < AKS_STATE_DURATIONS; i++) {
        (void)snprintf(text, sizeof(text), "%" PRId64, aks_state_durations_ms[i]);
        within += sum_of(metrics, AKS_STATE_SUM_DURATION, text);
        (void)snprintf(text, sizeof(text), "%.15g",
            (double)aks_state_durations_ms[i] / (double)AKS_MS_PER_S);
        sample(metrics, "_bucket", "le", text, json_integer(within));
    }
    sample(metrics, "_bucket", "le", "+Inf", json_integer(runs));
    sample(metrics, "_sum", NULL, NULL, seconds_json(sum(metrics, AKS_STATE_SUM_DURATION_MS)));
    sample(metrics, "_count", NULL, NULL, json_integer(runs));
}

static int64_t
ended_ms(const struct aks_run_figures *run)
{
    return run->at_ms > 0 ? run->at_ms + run->duration_ms : 0;
}

/* A time of the status report; 0 where it has none. */
static int64_t
time_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    int64_t ms = 0;

    return text != NULL && aks_date_parse_iso(text, strlen(text), &ms) ? ms : 0;
}

static void
add_times(struct metrics *metrics)
{
    const struct {
        const char *name;
        int64_t ms;
        const char *help;
    } rows[] = {
        { "last_run_timestamp_seconds", ended_ms(&metrics->last),
            "When the last run ended; 0: there was none." },
        { "last_success_timestamp_seconds", ended_ms(&metrics->success),
            "When the last run ended after which nothing was owed; 0: there was none." },
        { "last_stored_timestamp_seconds", time_of(metrics->status, "last_stored_at"),
            "When something was stored last; 0: never." },
        { "last_proven_restore_timestamp_seconds",
            time_of(metrics->status, "last_proven_restore_at"),
            "When an upload was last restored, for a person or as a drill; 0: never." },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        family(metrics, rows[i].name, "gauge", rows[i].help);
        sample(metrics, "", NULL, NULL, seconds_json(rows[i].ms));
    }
    family(metrics, "run_memory_peak_bytes", "gauge",
        "The most memory that the process of the last run has had; 0: not known.");
    number(metrics, metrics->last.memory_bytes);
}

/* --- what waits ------------------------------------------------------------------------------- */

static void
add_queue(struct metrics *metrics)
{
    const json_t *queue = json_object_get(metrics->status, "queue");
    int64_t now_ms = metrics->port->clock.wall_ms(metrics->port->clock.ctx);
    int64_t oldest_ms = time_of(metrics->status, "oldest_waiting_at");
    int64_t tries = 0;
    const json_t *job;
    size_t i;

    json_array_foreach(queue, i, job) {
        int64_t own = json_integer_value(json_object_get(job, "tries"));

        tries = own > tries ? own : tries;
    }
    family(metrics, "queue_jobs", "gauge", "Jobs that are not delivered yet.");
    number(metrics, (int64_t)json_array_size(queue));
    family(metrics, "queue_damaged_jobs", "gauge", "Files of the queue that are no jobs.");
    number(metrics, (int64_t)json_array_size(json_object_get(metrics->status, "damaged")));
    family(metrics, "queue_oldest_timestamp_seconds", "gauge",
        "Since when the oldest job of the queue is there; 0: there is none.");
    sample(metrics, "", NULL, NULL, seconds_json(oldest_ms));
    family(metrics, "queue_oldest_age_seconds", "gauge",
        "For how long the oldest job of the queue had been there when this was written.");
    sample(metrics, "", NULL, NULL,
        seconds_json(oldest_ms > 0 && oldest_ms < now_ms ? now_ms - oldest_ms : 0));
    family(metrics, "queue_tries", "gauge",
        "How often that job of the queue was tried which was tried most often.");
    number(metrics, tries);
}

/* Two places may have the same name in two policies: then the worse one is told. */
static void
add_targets(struct metrics *metrics)
{
    static const struct {
        const char *name;
        const char *help;
    } families[] = {
        { "target_healthy", "1: the target may be asked; 0: it failed and is left alone." },
        { "target_failures", "How often in a row the target did not answer." },
        { "target_last_success_timestamp_seconds", "When the target last answered; 0: never." },
    };
    const json_t *targets = json_object_get(metrics->status, "targets");

    for (size_t which = 0; which < sizeof(families) / sizeof(families[0]); which++) {
        const json_t *target;
        json_t *worst = json_object();
        const char *name;
        json_t *value;
        size_t i;

        json_array_foreach(targets, i, target) {
            const char *own = json_string_value(json_object_get(target, "name"));
            int64_t healthy = json_is_true(json_object_get(target, "healthy"));
            int64_t failures = json_integer_value(json_object_get(target, "failures"));
            int64_t at_ms = time_of(target, "last_success_at");
            int64_t now = which == 0 ? healthy : which == 1 ? failures : at_ms;
            json_t *before = own != NULL ? json_object_get(worst, own) : NULL;

            if (own == NULL || (before != NULL && (which == 1
                    ? json_integer_value(before) >= now : json_integer_value(before) <= now)))
                continue;
            if (json_object_set_new(worst, own, json_integer(now)) != 0)
                metrics->lost = true;
        }
        family(metrics, families[which].name, "gauge", families[which].help);
        json_object_foreach(worst, name, value)
            sample(metrics, "", "target", name, which < 2 ? json_incref(value)
                : seconds_json(json_integer_value(value)));
        json_decref(worst);
    }
}

/* --- all of it -------------------------------------------------------------------------------- */

static void
add_machine(struct metrics *metrics, const char *version, bool readable)
{
    const json_t *worker = json_object_get(metrics->status, "worker");

    family(metrics, "build_info", "gauge", "1, with the version of akosha-sync.");
    sample(metrics, "", "version", version, json_integer(1));
    family(metrics, "state_readable", "gauge",
        "1: the state database can be read, or there is none yet; 0: figures out of it are "
        "missing.");
    number(metrics, readable);
    family(metrics, "worker_running", "gauge", "1: a worker waits or works.");
    number(metrics, json_is_true(json_object_get(worker, "running")));
}

static void
each_sum(void *ctx, int64_t day, const char *name, int64_t value)
{
    struct metrics *metrics = ctx;
    int64_t now = sum(metrics, name);
    bool greatest = strncmp(name, AKS_STATE_SUM_MAX, strlen(AKS_STATE_SUM_MAX)) == 0;

    (void)day;
    if (greatest)
        now = value > now ? value : now;
    else
        now += value;
    if (json_object_set_new(metrics->sums, name, json_integer(now)) != 0)
        metrics->lost = true;
}

/* False where there is a state database that cannot be read. */
static bool
read_state(struct metrics *metrics, const char *folder)
{
    const struct aks_port *port = metrics->port;
    struct aks_state *state = NULL;
    enum aks_status status = aks_state_open_reading(port->alloc, &port->files, folder, &state,
        NULL);

    if (status == AKS_OK)
        status = aks_state_sums_each(state, AKS_STATE_DAY_BEFORE, each_sum, metrics, NULL);
    if (status == AKS_OK)
        status = aks_state_figures_last(state, false, &metrics->last, NULL);
    if (status == AKS_OK)
        status = aks_state_figures_last(state, true, &metrics->success, NULL);
    aks_state_close(state);
    return status == AKS_OK || status == AKS_NOT_FOUND;
}

static enum aks_status
finish(struct metrics *metrics, json_t **ret_report, struct aks_error *err)
{
    struct aks_buf text;
    enum aks_status status;

    /* A figure that is missing would be a 0. A name that a person gave a target may be
     * anything. */
    if (metrics->lost || !aks_text_redact(metrics->families, 0))
        return aks_error_memory(err, "writing metrics");
    aks_buf_init(&text, metrics->port->alloc, AKS_METRICS_BYTES_MAX);
    aks_metrics_text(metrics->families, &text);
    status = aks_buf_status(&text, "metrics", err);
    if (status == AKS_OK) {
        *ret_report = json_pack("{s:i, s:b, s:i, s:O, s:s%}", "schema", 1, "success", 1,
            "exit_code", 0, "metrics", metrics->families, "text", text.data, text.len);
        if (*ret_report == NULL)
            status = aks_error_memory(err, "writing metrics");
    }
    aks_buf_fini(&text);
    return status;
}

enum aks_status
aks_metrics_report(const struct aks_port *port, const char *state_folder, const char *version,
    json_t **ret_report, struct aks_error *err)
{
    struct metrics metrics = { .port = port, .sums = json_object(), .families = json_array() };
    enum aks_status status = aks_status_report(port, state_folder, &metrics.status, err);
    bool readable;

    *ret_report = NULL;
    if (status == AKS_OK) {
        readable = read_state(&metrics, state_folder) &&
            !json_is_object(json_object_get(metrics.status, "error"));
        add_machine(&metrics, version, readable);
        add_queue(&metrics);
        if (readable) {
            add_counts(&metrics);
            add_bytes(&metrics);
            add_durations(&metrics);
            add_times(&metrics);
            add_targets(&metrics);
        }
        status = finish(&metrics, ret_report, err);
    }
    json_decref(metrics.status);
    json_decref(metrics.sums);
    json_decref(metrics.families);
    return status;
}
