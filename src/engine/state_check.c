#include "engine/state_internal.h"

#include <string.h>

enum aks_status
aks_state_check(struct aks_state *state, struct aks_error *err)
{
    static const char doing[] = "look through what is kept";
    struct aks_state_query query;
    bool fine = false;
    enum aks_status status;

    aks_state_query_begin(&query, state, "PRAGMA integrity_check(1)");
    if (aks_state_query_row(&query)) {
        const char *text = (const char *)sqlite3_column_text(query.stmt, 0);

        fine = text != NULL && strcmp(text, "ok") == 0;
    }
    status = aks_state_query_end(&query, doing, err);
    if (status != AKS_OK || fine)
        return status;
    state->damaged = true;
    (void)aks_error_set(err, AKS_STATE, "%s is damaged", state->path);
    aks_state_hint_damaged(err);
    return AKS_STATE;
}
