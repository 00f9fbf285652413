#include "support/json_look.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ROUNDS_MAX 20000

static int64_t fail_at = -1;
static int64_t seen;

const json_t *
json_look(const json_t *document, const char *path)
{
    char name[128];

    while (document != NULL && *path != '\0') {
        size_t len = strcspn(path, ".");

        assert_true(len < sizeof(name));
        (void)snprintf(name, sizeof(name), "%.*s", (int)len, path);
        document = json_is_array(document) ? json_array_get(document, strtoul(name, NULL, 10))
            : json_object_get(document, name);
        path += len + (path[len] == '.');
    }
    return document;
}

const char *
json_look_text(const json_t *document, const char *path)
{
    const json_t *value = json_look(document, path);

    if (!json_is_string(value))
        fail_msg("no text stands at %s", path);
    return json_string_value(value);
}

int64_t
json_look_number(const json_t *document, const char *path)
{
    const json_t *value = json_look(document, path);

    if (!json_is_integer(value))
        fail_msg("no integer stands at %s", path);
    return json_integer_value(value);
}

double
json_look_real(const json_t *document, const char *path)
{
    const json_t *value = json_look(document, path);

    if (!json_is_number(value))
        fail_msg("no number stands at %s", path);
    return json_number_value(value);
}

static void *
allocate(size_t bytes)
{
    return fail_at >= 0 && seen++ == fail_at ? NULL : malloc(bytes);
}

void
json_look_fail_each(int (*body)(void *ctx, const struct aks_alloc *alloc), void *ctx)
{
    json_set_alloc_funcs(allocate, free);
    for (int64_t n = 0; n < ROUNDS_MAX; n++) {
        fail_at = n;
        seen = 0;
        if (body(ctx, aks_alloc_system()) != 0)
            fail_msg("allocation %lld of jansson's was missed", (long long)n);
        if (seen <= n) {
            json_set_alloc_funcs(malloc, free);
            return;
        }
    }
    fail_msg("it never gets through");
}

void
json_look_fail_no_more(void)
{
    fail_at = -1;
}
