#include "wire/store_answer.h"

#include <stdbool.h>
#include <string.h>

#include <jansson.h>

static bool
says(const char *words, const char *const *list)
{
    for (; *list != NULL; list++) {
        if (strcasestr(words, *list) != NULL)
            return true;
    }
    return false;
}

/* The words are DuckDB's, pydantic's, or the tool's own: there are no codes. */
enum aks_store_fate
aks_store_fate_of(const char *words)
{
    /* Of one argument, which is quoted there, whatever else stands in it. */
    static const char *const argument[] = { "validation error", NULL };
    /* Of the server, or of who asks: nothing is said of the memory. DuckDB quotes what it fell ill
     * of, so that a duplicate key may stand there too. */
    static const char *const server[] = { "fatal error", "has been invalidated",
        "must be restarted", "authentication required", "unauthorized", "not authorized",
        "invalid token", "invalid api key", "invalid credentials", NULL };
    static const char *const there[] = { "duplicate key", "primary key constraint",
        "unique constraint", NULL };
    static const char *const refused[] = { "conversion error", "cast", "dimension",
        "constraint error", "constraint failed", "invalid input", "mismatch", "binder error",
        "parser error", "out of range", "validation", "must be", "must not be", "cannot be empty",
        "non-empty", "required", "invalid", "not a valid", "array size", "not supported", NULL };

    if (says(words, argument))
        return AKS_STORE_REFUSED;
    if (says(words, server))
        return AKS_STORE_FAILED;
    if (says(words, there))
        return AKS_STORE_THERE;
    return says(words, refused) ? AKS_STORE_REFUSED : AKS_STORE_FAILED;
}

static enum aks_status
untrue(struct aks_error *err, const char *why)
{
    return aks_error_set(err, AKS_BAD_REPLY, "the answer to a batch cannot be true: %s", why);
}

/* The number of that name; absent ones are as they should be. */
static bool
number_is(const json_t *value, const char *name, size_t wanted)
{
    const json_t *number = json_object_get(value, name);

    return number == NULL ||
        (json_is_integer(number) && json_integer_value(number) == (json_int_t)wanted);
}

static enum aks_status
read_error(const json_t *error, struct aks_store_memory *memories, size_t count,
    struct aks_error *err)
{
    bool twice = false;
    const char *id = json_string_value(json_object_get(error, "memory_id"));
    const char *words = json_string_value(json_object_get(error, "error"));

    for (size_t i = 0; id != NULL && i < count; i++) {
        struct aks_store_memory *memory = &memories[i];

        if (strcmp(memory->id, id) != 0)
            continue;
        /* A table may hold an id twice. */
        twice = memory->fate != AKS_STORE_STORED;
        if (twice)
            continue;
        if (words == NULL)
            words = "an error without words";
        memory->fate = aks_store_fate_of(words);
        aks_jsonrpc_words(words, memory->words);
        return AKS_OK;
    }
    return untrue(err, twice ? "a memory failed twice" : "a memory failed that was not in it");
}

static void
count_fates(const struct aks_store_memory *memories, size_t count, struct aks_store_answer *answer)
{
    memset(answer, 0, sizeof(*answer));
    for (size_t i = 0; i < count; i++) {
        answer->there += memories[i].fate == AKS_STORE_THERE;
        answer->refused += memories[i].fate == AKS_STORE_REFUSED;
        answer->failed += memories[i].fate == AKS_STORE_FAILED;
    }
    answer->stored = count - answer->refused - answer->failed;
}

enum aks_status
aks_store_answer_read(const json_t *value, struct aks_store_memory *memories, size_t count,
    struct aks_store_answer *ret_answer, struct aks_error *err)
{
    const char *status = json_string_value(json_object_get(value, "status"));
    const char *error = json_string_value(json_object_get(value, "error"));
    const json_t *errors = json_object_get(value, "errors");
    char words[AKS_JSONRPC_WORDS_BYTES];
    size_t named = json_array_size(errors);

    for (size_t i = 0; i < count; i++) {
        memories[i].fate = AKS_STORE_STORED;
        memories[i].words[0] = '\0';
    }
    if (status == NULL)
        return untrue(err, "it has no status");
    if (strcmp(status, "failed") == 0 && named == 0) {
        aks_jsonrpc_words(error != NULL ? error : "no reason is given", words);
        return aks_error_set(err, AKS_SERVER, "the tool failed: %s", words);
    }
    if (strcmp(status, "completed") != 0 && strcmp(status, "partial") != 0 &&
        strcmp(status, "failed") != 0)
        return untrue(err, "its status is none that is known");
    if (named > count || !number_is(value, "total", count) || !number_is(value, "failed", named) ||
        !number_is(value, "stored", count - named))
        return untrue(err, "its numbers do not add up");
    for (size_t i = 0; i < named; i++) {
        enum aks_status read = read_error(json_array_get(errors, i), memories, count, err);

        if (read != AKS_OK)
            return read;
    }
    count_fates(memories, count, ret_answer);
    return AKS_OK;
}
