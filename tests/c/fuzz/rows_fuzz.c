/* What a reader of a database writes: lines, and its last words. What is taken for a row must be
 * JSON to others as well, and its values must lie in it. */
#include "engine/rows_internal.h"

#include "base/check.h"

#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS 2
#define OUT_BYTES ((size_t)1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
check_json(const char *line, size_t len, const char *const *names)
{
    json_error_t error;
    json_t *row = json_loadb(line, len, JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, &error);
    /* jansson refuses what is too large for a double, and nests less deep. */
    bool known = json_error_code(&error) == json_error_numeric_overflow ||
        json_error_code(&error) == json_error_stack_overflow;

    if (row == NULL) {
        AKS_CHECK(known);
        return;
    }
    AKS_CHECK(json_object_size(row) == COLUMNS);
    for (size_t i = 0; i < COLUMNS; i++)
        AKS_CHECK(json_object_get(row, names[i]) != NULL);
    json_decref(row);
}

static void
check_text(const struct aks_rows_value *value)
{
    struct aks_buf text;

    aks_buf_init(&text, aks_alloc_system(), OUT_BYTES);
    if (aks_rows_line_text(value, &text)) {
        AKS_CHECK(value->data[0] == '"' && value->data[value->len - 1] == '"');
        AKS_CHECK(text.len <= value->len);
    }
    aks_buf_fini(&text);
}

static void
check_line(const char *line, size_t len)
{
    static const char *const names[COLUMNS] = { "id", "a\"b" };
    struct aks_rows_value values[COLUMNS];
    struct aks_buf mended;
    bool plain;

    if (!aks_rows_line_split(line, len, names, COLUMNS, values, &plain))
        return;
    for (size_t i = 0; i < COLUMNS; i++) {
        AKS_CHECK(values[i].data > line && values[i].len > 0 &&
            values[i].data + values[i].len < line + len);
        check_text(&values[i]);
    }
    if (plain) {
        check_json(line, len, names);
        return;
    }
    aks_buf_init(&mended, aks_alloc_system(), OUT_BYTES);
    aks_rows_line_mend(line, len, &mended);
    AKS_CHECK(mended.failed == AKS_OK);
    AKS_CHECK(aks_rows_line_split(mended.data, mended.len, names, COLUMNS, values, &plain));
    AKS_CHECK(plain);
    check_json(mended.data, mended.len, names);
    aks_buf_fini(&mended);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    char why[64];
    char *text;

    if (len > OUT_BYTES / 4)
        return 0;
    text = malloc(len + 1);
    AKS_CHECK(text != NULL);
    if (len > 0)
        memcpy(text, data, len);
    text[len] = '\0';
    check_line(text, len);
    (void)aks_rows_child_words(text, why, sizeof(why));
    AKS_CHECK(memchr(why, '\0', sizeof(why)) != NULL && strchr(why, '\n') == NULL);
    free(text);
    return 0;
}
