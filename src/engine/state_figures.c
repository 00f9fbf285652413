#include "engine/state_figures.h"

#include "base/units.h"
#include "engine/state_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define MS_PER_DAY (INT64_C(24) * 3600 * AKS_MS_PER_S)
/* Old rows go in batches, as those of runs do. */
#define BATCH 50

const int64_t aks_state_durations_ms[AKS_STATE_DURATIONS] = { 10, 100, 500, 1000, 2500, 5000,
    10000, 30000, 60000, 300000, 1800000, 10800000 };

int64_t
aks_state_day(int64_t wall_ms)
{
    int64_t day = wall_ms / MS_PER_DAY;

    return day > AKS_STATE_DAY_BEFORE ? day : AKS_STATE_DAY_BEFORE + 1;
}

/* --- sums ------------------------------------------------------------------------------------- */

/* Maxima are no sums, but live and are folded beside them. */
#define TOGETHER(a, b) "iif(name GLOB '" AKS_STATE_SUM_MAX "*', max(" a ", " b "), " a " + " b ")"

static void
begin_add(struct aks_state_query *query, struct aks_state *state)
{
    aks_state_query_begin(query, state, "INSERT INTO sums (day, name, value) VALUES (?, ?, ?)"
        " ON CONFLICT (day, name) DO UPDATE SET value = " TOGETHER("value", "excluded.value"));
}

static void
add(struct aks_state_query *query, int64_t day, const char *name, int64_t value)
{
    if (value <= 0)
        return;
    aks_state_query_again(query);
    aks_state_query_int(query, day);
    aks_state_query_text(query, name);
    aks_state_query_int(query, value);
    (void)aks_state_query_row(query);
}

/* One more of what is called ${kind} and ${name}, as "failure.offline". */
static void
count(struct aks_state_query *query, int64_t day, const char *kind, const char *name)
{
    char text[AKS_STATE_SUM_NAME_BYTES];

    if (name[0] == '\0')
        return;
    (void)snprintf(text, sizeof(text), "%s%s", kind, name);
    add(query, day, text, 1);
}

static void
count_duration(struct aks_state_query *query, int64_t day, int64_t ms)
{
    char text[24];

    for (size_t i = 0; i < AKS_STATE_DURATIONS; i++) {
        if (ms > aks_state_durations_ms[i])
            continue;
        (void)snprintf(text, sizeof(text), "%" PRId64, aks_state_durations_ms[i]);
        count(query, day, AKS_STATE_SUM_DURATION, text);
        return;
    }
}

static enum aks_status
add_run(struct aks_state *state, const struct aks_run_figures *figures, const char *doing,
    struct aks_error *err)
{
    int64_t day = aks_state_day(figures->at_ms);
    struct aks_state_query query;

    begin_add(&query, state);
    add(&query, day, AKS_STATE_SUM_RUNS, 1);
    count(&query, day, AKS_STATE_SUM_OUTCOME, figures->outcome);
    count(&query, day, AKS_STATE_SUM_METHOD, figures->method);
    count(&query, day, AKS_STATE_SUM_FAILURE, figures->failure);
    count_duration(&query, day, figures->duration_ms);
    add(&query, day, AKS_STATE_SUM_DURATION_MS, figures->duration_ms);
    add(&query, day, AKS_STATE_SUM_SOURCE_BYTES, figures->source_bytes);
    add(&query, day, AKS_STATE_SUM_PLAIN_BYTES, figures->plain_bytes);
    add(&query, day, AKS_STATE_SUM_STORED_BYTES, figures->stored_bytes);
    add(&query, day, AKS_STATE_SUM_SENT_BYTES, figures->sent_bytes);
    add(&query, day, AKS_STATE_SUM_MEMORIES, figures->memories);
    add(&query, day, AKS_STATE_SUM_MEMORY_BYTES, figures->memory_bytes);
    add(&query, day, AKS_STATE_SUM_FALLBACKS, figures->fallback);
    return aks_state_query_end(&query, doing, err);
}

enum aks_status
aks_state_sum_add(struct aks_state *state, int64_t wall_ms, const char *name, int64_t value,
    struct aks_error *err)
{
    static const char doing[] = "keep a figure";
    struct aks_state_query query;
    enum aks_status status = aks_state_set_durable(state, false, doing, err);

    if (status != AKS_OK)
        return status;
    begin_add(&query, state);
    add(&query, aks_state_day(wall_ms), name, value);
    return aks_state_query_end(&query, doing, err);
}

/* --- one run ---------------------------------------------------------------------------------- */

static enum aks_status
insert(struct aks_state *state, const struct aks_run_figures *figures, int64_t *ret_id,
    const char *doing, struct aks_error *err)
{
    struct aks_state_query query;
    enum aks_status status;

    aks_state_query_begin(&query, state, "INSERT INTO figures (at_ms, duration_ms, outcome, method,"
        " failure, source_bytes, plain_bytes, stored_bytes, sent_bytes, memories, memory_bytes,"
        " fallback) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    aks_state_query_int(&query, figures->at_ms);
    aks_state_query_int(&query, figures->duration_ms);
    aks_state_query_text(&query, figures->outcome);
    aks_state_query_text(&query, figures->method);
    aks_state_query_text(&query, figures->failure);
    aks_state_query_int(&query, figures->source_bytes);
    aks_state_query_int(&query, figures->plain_bytes);
    aks_state_query_int(&query, figures->stored_bytes);
    aks_state_query_int(&query, figures->sent_bytes);
    aks_state_query_int(&query, figures->memories);
    aks_state_query_int(&query, figures->memory_bytes);
    aks_state_query_int(&query, figures->fallback);
    (void)aks_state_query_row(&query);
    status = aks_state_query_end(&query, doing, err);
    *ret_id = sqlite3_last_insert_rowid(state->db);
    return status;
}

static enum aks_status
execute(struct aks_state *state, const char *sql, int64_t number, const char *doing,
    struct aks_error *err)
{
    struct aks_state_query query;

    aks_state_query_begin(&query, state, sql);
    aks_state_query_int(&query, number);
    (void)aks_state_query_row(&query);
    return aks_state_query_end(&query, doing, err);
}

/* What goes is in the sums already, and old sums are added up, so that no figure of all time ever
 * gets smaller. */
static enum aks_status
trim(struct aks_state *state, int64_t newest, int64_t day, const char *doing,
    struct aks_error *err)
{
    int64_t first = day - AKS_STATE_DAYS_MAX;
    enum aks_status status = execute(state, "DELETE FROM figures WHERE id <= ?",
        newest - (AKS_STATE_FIGURES_MAX - BATCH), doing, err);

    if (status == AKS_OK)
        status = execute(state, "INSERT INTO sums (day, name, value)"
            " SELECT 0, name, iif(name GLOB '" AKS_STATE_SUM_MAX "*', max(value), sum(value))"
            " FROM sums WHERE day > 0 AND day < ? GROUP BY name"
            " ON CONFLICT (day, name) DO UPDATE SET value = " TOGETHER("value", "excluded.value"),
            first, doing, err);
    _Static_assert(AKS_STATE_DAY_BEFORE == 0, "the day of the query");
    if (status == AKS_OK)
        status = execute(state, "DELETE FROM sums WHERE day > 0 AND day < ?", first, doing, err);
    return status;
}

enum aks_status
aks_state_figures_put(struct aks_state *state, const struct aks_run_figures *figures,
    struct aks_error *err)
{
    static const char doing[] = "keep the figures of a run";
    int64_t newest = 0;
    enum aks_status status = aks_state_begin(state, false, doing, err);

    if (status != AKS_OK)
        return status;
    status = insert(state, figures, &newest, doing, err);
    if (status == AKS_OK)
        status = add_run(state, figures, doing, err);
    if (status == AKS_OK && newest % BATCH == 0)
        status = trim(state, newest, aks_state_day(figures->at_ms), doing, err);
    return aks_state_finish(state, status, doing, err);
}

/* --- reading ---------------------------------------------------------------------------------- */

/* Whoever only looks migrates nothing. */
static enum aks_status
are_there(struct aks_state *state, bool *ret_there, const char *doing, struct aks_error *err)
{
    struct aks_state_query query;

    aks_state_query_begin(&query, state, "SELECT 1 FROM sqlite_schema WHERE name = 'figures'");
    *ret_there = aks_state_query_row(&query);
    return aks_state_query_end(&query, doing, err);
}

static void
copy_text(const struct aks_state_query *query, int column, char *ret, size_t bytes)
{
    const char *text = (const char *)sqlite3_column_text(query->stmt, column);

    (void)snprintf(ret, bytes, "%s", text != NULL ? text : "");
}

static void
read_figures(const struct aks_state_query *query, struct aks_run_figures *ret)
{
    ret->at_ms = sqlite3_column_int64(query->stmt, 0);
    ret->duration_ms = sqlite3_column_int64(query->stmt, 1);
    copy_text(query, 2, ret->outcome, sizeof(ret->outcome));
    copy_text(query, 3, ret->method, sizeof(ret->method));
    copy_text(query, 4, ret->failure, sizeof(ret->failure));
    ret->source_bytes = sqlite3_column_int64(query->stmt, 5);
    ret->plain_bytes = sqlite3_column_int64(query->stmt, 6);
    ret->stored_bytes = sqlite3_column_int64(query->stmt, 7);
    ret->sent_bytes = sqlite3_column_int64(query->stmt, 8);
    ret->memories = sqlite3_column_int64(query->stmt, 9);
    ret->memory_bytes = sqlite3_column_int64(query->stmt, 10);
    ret->fallback = sqlite3_column_int64(query->stmt, 11) != 0;
}

#define COLUMNS "at_ms, duration_ms, outcome, method, failure, source_bytes, plain_bytes," \
    " stored_bytes, sent_bytes, memories, memory_bytes, fallback"

enum aks_status
aks_state_figures_last(struct aks_state *state, bool success,
    struct aks_run_figures *ret_figures, struct aks_error *err)
{
    static const char doing[] = "read the figures of the last run";
    struct aks_state_query query;
    bool there = false;
    enum aks_status status = are_there(state, &there, doing, err);

    memset(ret_figures, 0, sizeof(*ret_figures));
    if (status != AKS_OK || !there)
        return status;
    aks_state_query_begin(&query, state, "SELECT " COLUMNS " FROM figures"
        " WHERE NOT ? OR failure = '' ORDER BY id DESC LIMIT 1");
    aks_state_query_int(&query, success);
    if (aks_state_query_row(&query))
        read_figures(&query, ret_figures);
    return aks_state_query_end(&query, doing, err);
}

enum aks_status
aks_state_figures_each(struct aks_state *state, int64_t from_ms,
    void (*each)(void *ctx, const struct aks_run_figures *figures), void *ctx,
    struct aks_error *err)
{
    static const char doing[] = "read the figures of runs";
    struct aks_run_figures figures;
    struct aks_state_query query;
    bool there = false;
    enum aks_status status = are_there(state, &there, doing, err);

    if (status != AKS_OK || !there)
        return status;
    aks_state_query_begin(&query, state, "SELECT " COLUMNS
        " FROM figures WHERE at_ms >= ? ORDER BY id DESC LIMIT ?");
    aks_state_query_int(&query, from_ms);
    aks_state_query_int(&query, AKS_STATE_FIGURES_MAX);
    while (aks_state_query_row(&query)) {
        read_figures(&query, &figures);
        each(ctx, &figures);
    }
    return aks_state_query_end(&query, doing, err);
}

enum aks_status
aks_state_sums_each(struct aks_state *state, int64_t from_day,
    void (*each)(void *ctx, int64_t day, const char *name, int64_t value), void *ctx,
    struct aks_error *err)
{
    static const char doing[] = "read the figures of days";
    struct aks_state_query query;
    bool there = false;
    enum aks_status status = are_there(state, &there, doing, err);

    if (status != AKS_OK || !there)
        return status;
    aks_state_query_begin(&query, state,
        "SELECT day, name, value FROM sums WHERE day >= ? ORDER BY day, name");
    aks_state_query_int(&query, from_day);
    while (aks_state_query_row(&query)) {
        const char *name = (const char *)sqlite3_column_text(query.stmt, 1);

        if (name != NULL)
            each(ctx, sqlite3_column_int64(query.stmt, 0), name,
                sqlite3_column_int64(query.stmt, 2));
    }
    return aks_state_query_end(&query, doing, err);
}
