/* Worlds that keep to the laws, and hands that break them. */
#ifndef AKS_TESTS_LAWFUL_H
#define AKS_TESTS_LAWFUL_H

#include "testkit/scenario.h"

#define LAWFUL_AUDIT AKS_WORLD_STATE "/audit.jsonl"
#define LAWFUL_BYTES (20 * (size_t)1024)
#define LAWFUL_NONE "'none'"
#define LAWFUL_GZIP "{ codec = 'gzip', always = true }"
#define LAWFUL_ZSTD "{ codec = 'zstd', always = true }"

/* A world of one target and one codec, that has stored its source. */
struct lawful {
    struct aks_world *world;
    struct aks_world_target *target;
    json_t *report;
    char key[512];              /* found by find */
    const char *end;            /* that it has */
    char *data;
    size_t len;
};

/** A world with "cloud" (s3, with a prefix), "http" and "folder", that has not run. */
struct aks_world *lawful_make(const char *target, const char *codec);
/** One that has stored its source. */
void lawful_init(struct lawful *place, const char *target, const char *codec);
void lawful_fini(struct lawful *place);
/** ${test} with such a world of each target and codec. */
void lawful_each(void (*test)(struct lawful *place));
/** Runs again: unchanged, and then another content. */
void lawful_run_again(struct lawful *place);

/** No law is broken. */
void lawful_check(const struct lawful *place, const json_t *report);
/** ${law} is broken, and the message has ${words}. */
void lawful_broken(const struct lawful *place, const char *law, const char *words);
void lawful_broken_in(struct aks_world *world, const json_t *report, const char *law,
    const char *words);

/** How the key of its object ends. */
const char *lawful_object_end(const struct lawful *place);
/** Finds the first object whose key ends so: its key, and a copy of it in data. */
void lawful_find(struct lawful *place, const char *end);
/** Writes data there, as somebody else's hand. */
void lawful_put(const struct lawful *place);
void lawful_remove(const struct lawful *place);
/** In data, a manifest: what stands behind ${name} is replaced, byte for byte. */
void lawful_replace(struct lawful *place, const char *name, const char *text);

#endif
