/* A sum over what stands in a row. SQLite notices pages that are no pages, not a key or a number in
 * one that has become another; what a row says goes into manifests, so it has to be what was
 * written. */
#include "base/check.h"
#include "engine/state_internal.h"

/* aks_sum(value, ...): over the type, the length and the bytes of each. CRC-64/NVME, which finds
 * what media do; nobody is kept from writing a sum that fits. */
static void
sum(sqlite3_context *context, int count, sqlite3_value **values)
{
    uint64_t crc = 0;

    for (int i = 0; i < count; i++) {
        int64_t head[2] = { sqlite3_value_type(values[i]), 0 };
        /* A number as its text: so it is the same on every machine. */
        const void *bytes = sqlite3_value_blob(values[i]);

        head[1] = sqlite3_value_bytes(values[i]);
        if (bytes == NULL && head[1] > 0) {
            sqlite3_result_error_nomem(context);
            return;
        }
        crc = aks_crc64nvme(crc, head, sizeof(head));
        if (head[1] > 0)
            crc = aks_crc64nvme(crc, bytes, (size_t)head[1]);
    }
    sqlite3_result_int64(context, (sqlite3_int64)crc);
}

int
aks_state_sum_register(sqlite3 *db)
{
    return sqlite3_create_function(db, "aks_sum", -1,
        SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_DIRECTONLY, NULL, sum, NULL, NULL);
}
