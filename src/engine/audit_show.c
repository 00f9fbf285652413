#include "engine/audit_show.h"

#include "base/units.h"
#include "engine/audit_chain.h"
#include "engine/audit_note.h"
#include "engine/audit_read.h"
#include "wire/dates.h"

#include <jansson.h>
#include <string.h>

#define DAYS_MAX 36500

struct shower {
    const struct aks_audit_show_options *options;
    struct aks_audit_chain chain;
    int64_t since_ms;
    size_t records_max;
    json_t *records;
    size_t *bytes;                      /* of the line of each, as a ring */
    size_t first;                       /* of the ring */
    int64_t total;
    bool more;
};

/* "90m" and the like: so long ago. */
static bool
parse_ago(const char *text, int64_t now_ms, int64_t *ret_ms)
{
    static const struct {
        char letter;
        int64_t ms;
    } units[] = { { 's', 1000 }, { 'm', 60 * 1000 }, { 'h', 60 * 60 * 1000 },
        { 'd', AKS_MS_PER_DAY } };
    size_t digits = strspn(text, "0123456789");
    int64_t count = 0;

    if (digits == 0 || digits > 9 || strlen(text) != digits + 1)
        return false;
    for (size_t i = 0; i < digits; i++)
        count = 10 * count + (text[i] - '0');
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (text[digits] == units[i].letter && count <= DAYS_MAX * AKS_MS_PER_DAY / units[i].ms) {
            *ret_ms = now_ms - count * units[i].ms;
            return true;
        }
    }
    return false;
}

static enum aks_status
parse_since(const char *text, int64_t now_ms, int64_t *ret_ms, struct aks_error *err)
{
    char whole[AKS_DATE_BYTES];
    size_t len = strlen(text);

    if (parse_ago(text, now_ms, ret_ms))
        return AKS_OK;
    if (len == sizeof("2026-11-26") - 1) {
        memcpy(whole, text, len);
        memcpy(whole + len, "T00:00:00Z", sizeof("T00:00:00Z"));
        if (aks_date_parse_iso(whole, strlen(whole), ret_ms))
            return AKS_OK;
    }
    if (aks_date_parse_iso(text, len, ret_ms))
        return AKS_OK;
    return aks_error_set(err, AKS_SETTINGS, "--since is a date (2026-11-26), a time "
        "(2026-11-26T08:00:00Z), or how long ago (90m, 36h, 7d), in UTC");
}

static bool
names(const json_t *record, const char *field, const char *wanted)
{
    const char *text = json_string_value(json_object_get(record, field));

    return wanted == NULL || (text != NULL && strcmp(text, wanted) == 0);
}

/* A run's own job has the id of the run. */
static bool
is_wanted(const struct shower *shower, const struct aks_audit_line *line, const json_t *record)
{
    const struct aks_audit_show_options *options = shower->options;

    return line->at_ms >= shower->since_ms && names(record, "event", options->event) &&
        names(record, "upload_id", options->upload_id) &&
        (names(record, "job_id", options->job_id) || names(record, "run_id", options->job_id));
}

static void
forget_oldest(struct shower *shower)
{
    shower->total -= (int64_t)shower->bytes[shower->first];
    shower->first = (shower->first + 1) % shower->records_max;
    (void)json_array_remove(shower->records, 0);
    shower->more = true;
}

static enum aks_status
show_line(void *ctx, const char *file, int64_t number, const char *text, size_t len, bool ended,
    struct aks_error *err)
{
    struct shower *shower = ctx;
    struct aks_audit_line line;
    json_t *record = NULL;
    size_t count;

    aks_audit_chain_line(&shower->chain, file, number, text, len, ended, &line, &record);
    if (record == NULL || !is_wanted(shower, &line, record)) {
        json_decref(record);
        return AKS_OK;
    }
    while (json_array_size(shower->records) == shower->records_max ||
        (json_array_size(shower->records) > 0 &&
            shower->total + (int64_t)len > AKS_AUDIT_SHOW_BYTES_MAX))
        forget_oldest(shower);
    count = json_array_size(shower->records);
    shower->bytes[(shower->first + count) % shower->records_max] = len;
    shower->total += (int64_t)len;
    return json_array_append_new(shower->records, record) == 0 ? AKS_OK
        : aks_error_memory(err, "reading the audit log");
}

static enum aks_status
read_log(struct shower *shower, struct aks_engine *engine, struct aks_error *err)
{
    struct aks_audit_read read = { .port = engine->port, .folder = engine->state_folder,
        .line = show_line, .ctx = shower, .interrupted = &engine->interrupted };
    enum aks_status status = aks_audit_read(&read, err);

    struct aks_audit_removal removal;

    if (status != AKS_OK)
        return status;
    aks_audit_note_removal(engine, &removal);
    aks_audit_chain_removal(&shower->chain, &removal);
    aks_audit_chain_end(&shower->chain);
    return status;
}

static enum aks_status
check_options(struct shower *shower, int64_t now_ms, struct aks_error *err)
{
    const struct aks_audit_show_options *options = shower->options;

    shower->since_ms = INT64_MIN;
    shower->records_max = options->records_max != 0 ? (size_t)options->records_max
        : AKS_AUDIT_SHOW_RECORDS;
    if (options->records_max < 0 || options->records_max > AKS_AUDIT_SHOW_RECORDS_MAX)
        return aks_error_set(err, AKS_SETTINGS, "-n is a number of records, 1 to %d",
            AKS_AUDIT_SHOW_RECORDS_MAX);
    return options->since != NULL ? parse_since(options->since, now_ms, &shower->since_ms, err)
        : AKS_OK;
}

enum aks_status
aks_audit_show(struct aks_engine *engine, const struct aks_audit_show_options *options,
    json_t **ret_report, struct aks_error *err)
{
    const struct aks_clock *clock = &engine->port->clock;
    const struct aks_alloc *alloc = engine->port->alloc;
    struct shower shower = { .options = options };
    struct aks_audit_mark witness;
    enum aks_status status = check_options(&shower, clock->wall_ms(clock->ctx), err);

    *ret_report = NULL;
    if (status != AKS_OK)
        return status;
    aks_audit_note_recall(engine, &witness);
    status = aks_audit_chain_init(&shower.chain, alloc, &witness, "state.db", err);
    if (status != AKS_OK)
        return status;
    shower.records = json_array();
    shower.bytes = aks_mem_array(alloc, shower.records_max, sizeof(*shower.bytes));
    status = shower.records != NULL && shower.bytes != NULL ? read_log(&shower, engine, err)
        : aks_error_memory(err, "reading the audit log");
    if (status == AKS_OK) {
        *ret_report = json_pack("{s:i, s:O, s:b, s:s, s:n, s:i}", "schema", 1, "records",
            shower.records, "more", shower.more, "chain",
            aks_audit_fault_name(shower.chain.fault.kind), "error", "exit_code", 0);
        if (*ret_report == NULL)
            status = aks_error_memory(err, "reading the audit log");
    }
    json_decref(shower.records);
    aks_mem_free(alloc, shower.bytes);
    aks_audit_chain_fini(&shower.chain);
    return status;
}
