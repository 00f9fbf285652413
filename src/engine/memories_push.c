/* A line of the form PUSH: a small array, a tab, and the memory, which is not looked into. */
#include "engine/memories_internal.h"

#include <jansson.h>
#include <string.h>

/* ["table","at","id","memory_id"] */
#define WORDS 4
#define HEAD_BYTES_MAX ((size_t)64 * 1024)

enum aks_status
aks_memories_push_text(const struct aks_alloc *alloc, const struct aks_rows_value *value,
    char **ret_text, struct aks_error *err)
{
    struct aks_rows_value inner;
    json_t *string;

    *ret_text = NULL;
    if (aks_memories_value_is_null(value))
        return AKS_OK;
    if (!aks_memories_value_inner(value, &inner))
        return aks_error_set(err, AKS_CORRUPT, "a row's place is neither text nor number");
    if (value->data[0] != '"') {
        *ret_text = aks_mem_strndup(alloc, inner.data, inner.len);
        return *ret_text != NULL ? AKS_OK : aks_error_memory(err, "reading rows");
    }
    string = json_loadb(value->data, value->len, JSON_DECODE_ANY, NULL);
    if (string == NULL)
        return aks_error_set(err, AKS_CORRUPT, "a row's place is no text");
    *ret_text = aks_mem_strdup(alloc, json_string_value(string));
    json_decref(string);
    return *ret_text != NULL ? AKS_OK : aks_error_memory(err, "reading rows");
}

void
aks_memories_push_fini(const struct aks_alloc *alloc, struct aks_memories_push *push)
{
    aks_mem_free(alloc, push->table);
    aks_mem_free(alloc, push->memory_id);
    aks_memories_cursor_fini(alloc, &push->cursor);
    memset(push, 0, sizeof(*push));
}

/* Texts all, of which the time stamp may be null, or the whole place. */
static bool
is_head(const json_t *head)
{
    if (!json_is_array(head) || json_array_size(head) != WORDS)
        return false;
    for (size_t i = 0; i < WORDS; i++) {
        const json_t *word = json_array_get(head, i);

        if (!json_is_string(word) && ((i != 1 && i != 2) || !json_is_null(word)))
            return false;
    }
    return json_is_string(json_array_get(head, 2)) || json_is_null(json_array_get(head, 1));
}

static enum aks_status
take_head(const struct aks_alloc *alloc, const json_t *head, struct aks_memories_push *push,
    struct aks_error *err)
{
    const char *at = json_string_value(json_array_get(head, 1));
    const char *id = json_string_value(json_array_get(head, 2));

    push->table = aks_mem_strdup(alloc, json_string_value(json_array_get(head, 0)));
    push->cursor.at = aks_mem_strdup(alloc, at);
    push->cursor.id = aks_mem_strdup(alloc, id);
    push->memory_id = aks_mem_strdup(alloc, json_string_value(json_array_get(head, 3)));
    if (push->table != NULL && push->memory_id != NULL &&
        (push->cursor.id != NULL || id == NULL) && (push->cursor.at != NULL || at == NULL))
        return AKS_OK;
    aks_memories_push_fini(alloc, push);
    return aks_error_memory(err, "reading rows that are to be pushed");
}

enum aks_status
aks_memories_push_read(const struct aks_alloc *alloc, const char *line, size_t len,
    struct aks_memories_push *ret_push, struct aks_error *err)
{
    const char *tab = len > 0 ? memchr(line, '\t', len) : NULL;
    size_t head_len = tab != NULL ? (size_t)(tab - line) : 0;
    enum aks_status status = AKS_CORRUPT;
    json_t *head;

    memset(ret_push, 0, sizeof(*ret_push));
    if (len > 0 && line[len - 1] == '\n')
        len--;
    if (tab == NULL || head_len > HEAD_BYTES_MAX || len < head_len + 3 || tab[1] != '{' ||
        line[len - 1] != '}')
        return aks_error_set(err, AKS_CORRUPT, "a row that is to be pushed is no such line");
    head = json_loadb(line, head_len, 0, NULL);
    if (is_head(head))
        status = take_head(alloc, head, ret_push, err);
    else
        (void)aks_error_set(err, AKS_CORRUPT, "a row that is to be pushed has no place");
    json_decref(head);
    if (status == AKS_OK) {
        ret_push->memory = tab + 1;
        ret_push->memory_bytes = len - head_len - 1;
    }
    return status;
}
