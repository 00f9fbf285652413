#include "engine/state_support.h"

#include "engine/state_internal.h"
#include "engine/text.h"

#include <jansson.h>

static const char *
column(const struct aks_state_query *query, int i)
{
    const char *text = (const char *)sqlite3_column_text(query->stmt, i);

    return text != NULL ? text : "";
}

enum aks_status
aks_state_support_runs(struct aks_state *state, size_t max, size_t bytes_max, json_t *ret_runs,
    struct aks_error *err)
{
    struct aks_state_query query;

    aks_state_query_begin(&query, state, "SELECT report FROM runs WHERE report_bytes <= ?"
        " ORDER BY id DESC LIMIT ?");
    aks_state_query_int(&query, (int64_t)bytes_max);
    aks_state_query_int(&query, (int64_t)max);
    while (aks_state_query_row(&query)) {
        json_t *run = json_loads(column(&query, 0), 0, NULL);

        (void)json_array_append_new(ret_runs, run != NULL ? run : json_null());
    }
    return aks_state_query_end(&query, "read the last reports", err);
}

enum aks_status
aks_state_support_facts(struct aks_state *state, size_t max, json_t *ret_facts,
    struct aks_error *err)
{
    struct aks_state_query query;

    aks_state_query_begin(&query, state,
        "SELECT target, fact, value FROM facts ORDER BY target, fact LIMIT ?");
    aks_state_query_int(&query, (int64_t)max);
    while (aks_state_query_row(&query))
        (void)json_array_append_new(ret_facts, json_pack("{s:o, s:o, s:o}", "target",
            aks_text_json(column(&query, 0)), "fact", aks_text_json(column(&query, 1)), "value",
            aks_text_json(column(&query, 2))));
    return aks_state_query_end(&query, "read what is known of targets", err);
}
