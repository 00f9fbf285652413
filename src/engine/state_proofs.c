#include "engine/state_proofs.h"

#include "base/check.h"
#include "engine/state_internal.h"

#include <stdio.h>
#include <string.h>

static const char *const hows[AKS_PROOF_HOWS] = {
    [AKS_PROOF_LOOKED] = "looked", [AKS_PROOF_READ] = "read",
    [AKS_PROOF_READ_BACK] = "read_back", [AKS_PROOF_RESTORED] = "restored",
    [AKS_PROOF_DRILL] = "drill",
};

const char *
aks_state_proof_how_name(enum aks_proof_how how)
{
    AKS_CHECK(how >= 0 && how < AKS_PROOF_HOWS);
    return hows[how];
}

enum aks_status
aks_state_proof_put(struct aks_state *state, const struct aks_proof *proof, struct aks_error *err)
{
    static const char doing[] = "keep what was proven";
    struct aks_state_query query;
    enum aks_status status = aks_state_begin(state, true, doing, err);

    if (status != AKS_OK)
        return status;
    aks_state_query_begin(&query, state, "INSERT INTO proofs (target, upload_id, how, at_ms,"
        " outcome, objects, bytes) VALUES (?, ?, ?, ?, ?, ?, ?)");
    aks_state_query_text(&query, proof->target);
    aks_state_query_text(&query, proof->upload_id);
    aks_state_query_text(&query, aks_state_proof_how_name(proof->how));
    aks_state_query_int(&query, proof->at_ms);
    aks_state_query_text(&query, aks_status_name(proof->outcome));
    aks_state_query_int(&query, proof->objects);
    aks_state_query_int(&query, proof->bytes);
    (void)aks_state_query_row(&query);
    status = aks_state_query_end(&query, doing, err);
    if (status == AKS_OK) {
        aks_state_query_begin(&query, state,
            "DELETE FROM proofs WHERE id <= (SELECT max(id) FROM proofs) - ?");
        aks_state_query_int(&query, AKS_STATE_PROOFS_MAX);
        (void)aks_state_query_row(&query);
        status = aks_state_query_end(&query, doing, err);
    }
    return aks_state_finish(state, status, doing, err);
}

/* The row that the query stands on. */
static void
read_proof(struct aks_state_query *query, struct aks_proof *ret_proof)
{
    const char *upload_id = (const char *)sqlite3_column_text(query->stmt, 0);
    const char *how = (const char *)sqlite3_column_text(query->stmt, 1);
    const char *outcome = (const char *)sqlite3_column_text(query->stmt, 3);

    memset(ret_proof, 0, sizeof(*ret_proof));
    (void)snprintf(ret_proof->upload_id, sizeof(ret_proof->upload_id), "%s",
        upload_id != NULL ? upload_id : "");
    for (int i = 0; i < AKS_PROOF_HOWS; i++) {
        if (how != NULL && strcmp(how, hows[i]) == 0)
            ret_proof->how = (enum aks_proof_how)i;
    }
    ret_proof->at_ms = sqlite3_column_int64(query->stmt, 2);
    if (outcome == NULL || !aks_status_from_name(outcome, &ret_proof->outcome))
        ret_proof->outcome = AKS_INTERNAL;
    ret_proof->objects = sqlite3_column_int64(query->stmt, 4);
    ret_proof->bytes = sqlite3_column_int64(query->stmt, 5);
}

static enum aks_status
one_proof(struct aks_state_query *query, struct aks_proof *ret_proof, struct aks_error *err)
{
    bool found = aks_state_query_row(query);
    enum aks_status status;

    if (found)
        read_proof(query, ret_proof);
    status = aks_state_query_end(query, "read what was proven", err);
    if (status == AKS_OK && !found)
        return aks_error_set(err, AKS_NOT_FOUND, "nothing of that kind was proven yet");
    return status;
}

/* By number, not by time: a clock that was set back changes nothing about what came last. */
enum aks_status
aks_state_proof_last(struct aks_state *state, const char *target_identity, const char *upload_id,
    enum aks_proof_how least, struct aks_proof *ret_proof, struct aks_error *err)
{
    struct aks_state_query query;

    aks_state_query_begin(&query, state,
        "SELECT upload_id, how, at_ms, outcome, objects, bytes FROM proofs"
        " WHERE outcome = 'ok' AND (?1 IS NULL OR target = ?1) AND (?2 IS NULL OR upload_id = ?2)"
        " AND (how IN ('restored', 'drill') OR (?3 <= 2 AND how = 'read')"
        "  OR (?3 <= 1 AND how = 'read_back') OR ?3 = 0)"
        " ORDER BY id DESC LIMIT 1");
    _Static_assert(AKS_PROOF_READ_BACK == 1 && AKS_PROOF_READ == 2, "the numbers of the query");
    aks_state_query_text(&query, target_identity);
    aks_state_query_text(&query, upload_id);
    aks_state_query_int(&query, (int64_t)least);
    return one_proof(&query, ret_proof, err);
}

enum aks_status
aks_state_proof_newest(struct aks_state *state, enum aks_proof_how how,
    struct aks_proof *ret_proof, struct aks_error *err)
{
    struct aks_state_query query;

    aks_state_query_begin(&query, state, "SELECT upload_id, how, at_ms, outcome, objects, bytes"
        " FROM proofs WHERE how = ? ORDER BY id DESC LIMIT 1");
    aks_state_query_text(&query, aks_state_proof_how_name(how));
    return one_proof(&query, ret_proof, err);
}

enum aks_status
aks_state_prune_begin(struct aks_state *state, const char *target_identity, const char *upload_id,
    int64_t wall_ms, struct aks_error *err)
{
    static const char doing[] = "keep what is about to be removed";
    struct aks_state_query query;
    enum aks_status status = aks_state_set_durable(state, true, doing, err);

    if (status != AKS_OK)
        return status;
    aks_state_query_begin(&query, state,
        "INSERT OR REPLACE INTO prunes (target, upload_id, at_ms) VALUES (?, ?, ?)");
    aks_state_query_text(&query, target_identity);
    aks_state_query_text(&query, upload_id);
    aks_state_query_int(&query, wall_ms);
    (void)aks_state_query_row(&query);
    return aks_state_query_end(&query, doing, err);
}

enum aks_status
aks_state_prune_end(struct aks_state *state, const char *target_identity, const char *upload_id,
    struct aks_error *err)
{
    static const char doing[] = "keep what was removed";
    struct aks_state_query query;
    enum aks_status status = aks_state_set_durable(state, true, doing, err);

    if (status != AKS_OK)
        return status;
    aks_state_query_begin(&query, state, "DELETE FROM prunes WHERE target = ? AND upload_id = ?");
    aks_state_query_text(&query, target_identity);
    aks_state_query_text(&query, upload_id);
    (void)aks_state_query_row(&query);
    return aks_state_query_end(&query, doing, err);
}

enum aks_status
aks_state_prune_begun(struct aks_state *state, const char *target_identity, const char *upload_id,
    bool *ret_begun, struct aks_error *err)
{
    struct aks_state_query query;

    aks_state_query_begin(&query, state, "SELECT 1 FROM prunes WHERE target = ? AND upload_id = ?");
    aks_state_query_text(&query, target_identity);
    aks_state_query_text(&query, upload_id);
    *ret_begun = aks_state_query_row(&query);
    return aks_state_query_end(&query, "read what is being removed", err);
}
