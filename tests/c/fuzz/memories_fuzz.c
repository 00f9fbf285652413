/* Lines that are to be pushed, and single values of rows: whatever bytes they are, nothing is read
 * beyond them, and what is taken is what was there. */
#include "base/check.h"
#include "engine/memories_internal.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
check_value(const struct aks_rows_value *value)
{
    char stamp[AKS_MEMORIES_STAMP_BYTES];
    int64_t ms = 0;

    (void)aks_memories_value_embedding(value);
    if (aks_memories_value_stamp(value, stamp, &ms)) {
        struct aks_rows_value again = { stamp, strlen(stamp) };
        char text[AKS_MEMORIES_STAMP_BYTES + 2];
        int64_t same = 0;

        AKS_CHECK(stamp[10] == 'T' && again.len >= 19);
        text[0] = '"';
        memcpy(text + 1, stamp, again.len);
        text[again.len + 1] = '"';
        again.data = text;
        again.len += 2;
        AKS_CHECK(aks_memories_value_stamp(&again, stamp, &same) && same == ms);
    } else {
        AKS_CHECK(stamp[0] == '\0');
    }
}

static void
check_id(const struct aks_rows_value *value)
{
    static const struct aks_memories_options options = { .system_id = "s", .source_name = "n" };
    struct aks_buf out;

    aks_buf_init(&out, aks_alloc_system(), value->len + 64);
    aks_memories_row_id(&options, "t", value, &out);
    AKS_CHECK(out.failed == AKS_OK && out.len >= value->len);
    aks_buf_fini(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    const struct aks_rows_value value = { (const char *)data, len };
    struct aks_memories_push push;

    if (aks_memories_push_read(aks_alloc_system(), value.data, len, &push, NULL) == AKS_OK) {
        AKS_CHECK(push.table != NULL && push.memory_id != NULL);
        AKS_CHECK(push.cursor.id != NULL || push.cursor.at == NULL);
        AKS_CHECK(push.memory > value.data);
        AKS_CHECK(push.memory + push.memory_bytes <= value.data + len);
        aks_memories_push_fini(aks_alloc_system(), &push);
    }
    if (len > 0) {
        check_value(&value);
        check_id(&value);
    }
    return 0;
}
