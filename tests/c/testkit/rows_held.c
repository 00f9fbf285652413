#include "testkit/rows_held.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct looking {
    struct aks_world *world;
    const struct aks_world_target *target;
    struct rows_held *held;
};

static void
hold(struct rows_held *held, const char *text, size_t len)
{
    char *copy = strndup(text, len);

    assert_non_null(copy);
    assert_int_equal(json_object_set_new(held->texts, copy, json_integer(1 +
        json_integer_value(json_object_get(held->texts, copy)))), 0);
    held->count++;
    free(copy);
}

static void
hold_memory(void *ctx, const char *id, const void *data, size_t len)
{
    const struct looking *looking = ctx;

    hold(looking->held, data, len);
}

static void
hold_document(void *ctx, const char *key, const void *data, size_t len)
{
    static const char name[] = "/memories.json";
    const struct looking *looking = ctx;
    size_t key_len = strlen(key);
    char manifest[512];
    size_t ignored;
    const json_t *memory;
    json_t *root;
    size_t i;

    if (key_len < sizeof(name) || strcmp(key + key_len - sizeof(name) + 1, name) != 0)
        return;
    (void)snprintf(manifest, sizeof(manifest), "%.*s/manifest.json",
        (int)(key_len - sizeof(name) + 1), key);
    if (aks_world_object(looking->world, looking->target, manifest, &ignored) == NULL)
        return;
    root = json_loadb(data, len, 0, NULL);
    assert_non_null(root);
    json_array_foreach(json_object_get(root, "conversations"), i, memory) {
        const char *text = json_string_value(json_object_get(memory, "content"));

        assert_non_null(text);
        hold(looking->held, text, strlen(text));
    }
    json_decref(root);
}

struct rows_held
rows_held_at(struct aks_world *world, const char *target)
{
    struct rows_held held = { target, json_object(), 0 };
    struct looking looking = { world, aks_world_target(world, target), &held };

    assert_non_null(looking.target);
    if (looking.target->mcp != NULL)
        aks_mcp_model_each(looking.target->mcp, hold_memory, &looking);
    else
        aks_world_objects(world, looking.target, hold_document, &looking);
    return held;
}

void
rows_held_fini(struct rows_held *held)
{
    json_decref(held->texts);
}
