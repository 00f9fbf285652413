#include "engine/state_internal.h"

#include <inttypes.h>
#include <string.h>

static const char doing[] = "look through what is kept";

static enum aks_status
count(struct aks_state *state, const char *sql, int64_t *count, struct aks_error *err)
{
    struct aks_state_query query;

    aks_state_query_begin(&query, state, sql);
    if (aks_state_query_row(&query))
        *count += sqlite3_column_int64(query.stmt, 0);
    return aks_state_query_end(&query, doing, err);
}

static enum aks_status
check_rows(struct aks_state *state, struct aks_error *err)
{
    int64_t bad = 0;
    enum aks_status status = count(state, "SELECT count(*) FROM stored WHERE NOT "
        AKS_STATE_SUM_HOLDS(AKS_STATE_STORED_SUMMED), &bad, err);

    if (status == AKS_OK)
        status = count(state, "SELECT count(*) FROM objects WHERE NOT "
            AKS_STATE_SUM_HOLDS(AKS_STATE_OBJECT_SUMMED), &bad, err);
    if (status != AKS_OK || bad == 0)
        return status;
    (void)aks_error_set(err, AKS_STATE, "%s: %" PRId64 " of its rows are not what was written, and "
        "are not believed", state->path, bad);
    aks_error_hint(err, "nothing is lost: what they told is looked for at the target, or sent "
        "again; look whether the disk is failing");
    return AKS_STATE;
}

enum aks_status
aks_state_check(struct aks_state *state, struct aks_error *err)
{
    struct aks_state_query query;
    bool fine = false;
    enum aks_status status;

    aks_state_query_begin(&query, state, "PRAGMA quick_check(1)");
    if (aks_state_query_row(&query)) {
        const char *text = (const char *)sqlite3_column_text(query.stmt, 0);

        fine = text != NULL && strcmp(text, "ok") == 0;
    }
    status = aks_state_query_end(&query, doing, err);
    if (status != AKS_OK)
        return status;
    if (!fine)
        return aks_error_set(err, AKS_STATE, "%s is damaged", state->path);
    return check_rows(state, err);
}
