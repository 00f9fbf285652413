/* A sum over what stands in a row. SQLite notices pages that are no pages, not a key or a number in
 * one that has become another; what rows say goes into manifests, so it has to be what was
 * written. */
#include "engine/state_internal.h"

#include <inttypes.h>

/* The type and the length of a value: little-endian, so that a state can move. */
#define HEAD_BYTES 9

/* aks_sum(value, ...): over the type, the length and the bytes of each, of a number those of its
 * text. CRC-64/NVME, which finds what media do; nobody is kept from writing a sum that fits. */
static void
sum(sqlite3_context *context, int count, sqlite3_value **values)
{
    uint64_t crc = 0;

    for (int i = 0; i < count; i++) {
        unsigned char head[HEAD_BYTES] = { (unsigned char)sqlite3_value_type(values[i]) };
        const void *bytes = sqlite3_value_blob(values[i]);
        uint64_t len = (uint64_t)sqlite3_value_bytes(values[i]);

        if (bytes == NULL && (len > 0 || head[0] == SQLITE_INTEGER)) {
            sqlite3_result_error_nomem(context);
            return;
        }
        for (int j = 1; j < HEAD_BYTES; j++)
            head[j] = (unsigned char)(len >> (8 * (j - 1)));
        crc = aks_crc64nvme(crc, head, sizeof(head));
        if (len > 0)
            crc = aks_crc64nvme(crc, bytes, (size_t)len);
    }
    sqlite3_result_int64(context, (sqlite3_int64)crc);
}

int
aks_state_sum_register(sqlite3 *db)
{
    return sqlite3_create_function(db, "aks_sum", -1,
        SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_DIRECTONLY, NULL, sum, NULL, NULL);
}

enum aks_status
aks_state_sum_check(struct aks_state *state, struct aks_error *err)
{
    struct aks_state_query query;
    int64_t bad = 0;
    enum aks_status status;

    aks_state_query_begin(&query, state,
        "SELECT (SELECT count(*) FROM stored WHERE NOT "
        AKS_STATE_SUM_HOLDS(AKS_STATE_STORED_SUMMED) ") + (SELECT count(*) FROM uploads WHERE NOT "
        AKS_STATE_SUM_HOLDS(AKS_STATE_UPLOAD_SUMMED) ") + (SELECT count(*) FROM objects WHERE NOT "
        AKS_STATE_SUM_HOLDS(AKS_STATE_OBJECT_SUMMED) ")");
    if (aks_state_query_row(&query))
        bad = sqlite3_column_int64(query.stmt, 0);
    status = aks_state_query_end(&query, "look through what is kept", err);
    if (status != AKS_OK || bad == 0)
        return status;
    state->damaged = true;
    (void)aks_error_set(err, AKS_STATE, "%s is damaged: %" PRId64 " of its rows are not what was "
        "written", state->path, bad);
    aks_state_hint_damaged(err);
    return AKS_STATE;
}
