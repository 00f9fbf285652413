#include "testkit/lawful.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define WHOLE_BYTES ((size_t)2 * AKS_PATH_BYTES)

static const char *const targets[] = { "cloud", "http", "folder" };
static const char *const codecs[] = { LAWFUL_NONE, LAWFUL_GZIP, LAWFUL_ZSTD };

struct aks_world *
lawful_make(const char *target, const char *codec)
{
    char policy[1024];

    (void)snprintf(policy, sizeof(policy),
        "local akosha = require 'akosha'\n"
        "return akosha.policy { api = 1, sources = { 'a.bin' },\n"
        "  targets = { cloud = akosha.s3 { bucket = 'memories', prefix = 'a/b',\n"
        "                                  endpoint = 'https://s3.example.org' },\n"
        "              http = akosha.http { url = 'https://put.example.org/upload' },\n"
        "              folder = akosha.dir { path = '/mnt/backup' } },\n"
        "  route = { '%s' }, compress = %s }\n", target, codec);
    return scenario_new(1, policy, LAWFUL_BYTES);
}

void
lawful_init(struct lawful *place, const char *target, const char *codec)
{
    memset(place, 0, sizeof(*place));
    place->world = lawful_make(target, codec);
    assert_int_equal(aks_files_sim_make_folders(aks_sim_files(aks_world_sim(place->world)),
        "/mnt/backup", NULL), AKS_OK);
    place->report = scenario_run(place->world);
    assert_string_equal(json_string_value(json_object_get(place->report, "outcome")), "stored");
    place->target = aks_world_target(place->world, target);
}

void
lawful_fini(struct lawful *place)
{
    free(place->data);
    json_decref(place->report);
    aks_world_free(place->world);
}

void
lawful_check(const struct lawful *place, const json_t *report)
{
    struct aks_error err;

    if (aks_laws_check(place->world, report, &err) != AKS_OK)
        fail_msg("%s", err.message);
}

/* ${law} is broken, and the message has ${words}. */
void
lawful_broken_in(struct aks_world *world, const json_t *report, const char *law, const char *words)
{
    struct aks_error err = { 0 };

    assert_int_equal(aks_laws_check(world, report, &err), AKS_INTERNAL);
    if (strncmp(err.message, law, strlen(law)) != 0 || err.message[strlen(law)] != ':' ||
        strstr(err.message, words) == NULL)
        fail_msg("not \"%s: ... %s\": %s", law, words, err.message);
}

void
lawful_broken(const struct lawful *place, const char *law, const char *words)
{
    lawful_broken_in(place->world, place->report, law, words);
}

static void
match(void *ctx, const char *key, const void *data, size_t len)
{
    struct lawful *place = ctx;
    size_t end = strlen(place->end);

    if (place->data != NULL || strlen(key) < end ||
        strcmp(key + strlen(key) - end, place->end) != 0)
        return;
    (void)snprintf(place->key, sizeof(place->key), "%s", key);
    place->data = malloc(len + 1);
    assert_non_null(place->data);
    memcpy(place->data, data, len);
    place->data[len] = '\0';
    place->len = len;
}

/* The key and a copy of the first object whose key ends so. */
void
lawful_find(struct lawful *place, const char *end)
{
    free(place->data);
    place->data = NULL;
    place->end = end;
    aks_world_objects(place->world, place->target, match, place);
    assert_non_null(place->data);
}

static void
whole_key(const struct lawful *place, char whole[WHOLE_BYTES])
{
    (void)snprintf(whole, WHOLE_BYTES, "%s%s%s", place->target->s3 != NULL ? place->target->prefix
        : place->target->folder, place->target->folder[0] != '\0' ? "/" : "", place->key);
}

/* Somebody else's hand. */
void
lawful_put(const struct lawful *place)
{
    char whole[WHOLE_BYTES];

    whole_key(place, whole);
    if (place->target->s3 != NULL)
        assert_int_equal(aks_s3_model_put(place->target->s3, whole, place->data, place->len,
            AKS_WORLD_WALL_MS, NULL), AKS_OK);
    else if (place->target->http != NULL)
        assert_int_equal(aks_http_model_put(place->target->http, whole, place->data, place->len,
            NULL), AKS_OK);
    else
        assert_int_equal(aks_files_sim_put(aks_sim_files(aks_world_sim(place->world)), whole,
            place->data, place->len, 0, NULL), AKS_OK);
}

void
lawful_remove(const struct lawful *place)
{
    char whole[WHOLE_BYTES];

    whole_key(place, whole);
    if (place->target->s3 != NULL)
        assert_int_equal(aks_s3_model_remove(place->target->s3, whole, NULL), AKS_OK);
    else if (place->target->http != NULL)
        assert_int_equal(aks_http_model_remove(place->target->http, whole, NULL), AKS_OK);
    else
        assert_int_equal(aks_files_sim_remove(aks_sim_files(aks_world_sim(place->world)), whole,
            NULL), AKS_OK);
}

/* What stands behind ${name} in the manifest is replaced, byte for byte. */
void
lawful_replace(struct lawful *place, const char *name, const char *text)
{
    char *at = strstr(place->data, name);

    assert_non_null(at);
    at = strchr(at + strlen(name) + 1, '"');
    assert_non_null(at);
    memcpy(at + 1, text, strlen(text));
}

void
lawful_each(void (*test)(struct lawful *place))
{
    for (unsigned i = 0; i < 9; i++) {
        struct lawful place;

        lawful_init(&place, targets[i / 3], codecs[i % 3]);
        lawful_check(&place, place.report);
        lawful_check(&place, NULL);
        test(&place);
        lawful_fini(&place);
    }
}

const char *
lawful_object_end(const struct lawful *place)
{
    const json_t *file = json_array_get(json_object_get(place->report, "files"), 0);

    return strrchr(json_string_value(json_object_get(file, "key")), '/');
}

void
lawful_run_again(struct lawful *place)
{
    json_decref(place->report);
    place->report = scenario_run(place->world);
    assert_string_equal(json_string_value(json_object_get(place->report, "outcome")), "unchanged");
    scenario_put(place->world, "a.bin", 2, 7000);
    json_decref(place->report);
    place->report = scenario_run(place->world);
    assert_string_equal(json_string_value(json_object_get(place->report, "outcome")), "stored");
    lawful_check(place, place->report);
}

