/* What a report says of a source whose route is a mirror: so many copies as it says are there. */
#include "testkit/laws_internal.h"

#include <jansson.h>
#include <string.h>

static const char law[] = "nothing lost";

struct mirror {
    struct aks_world *world;
    const json_t *file;
    const char *source;
    size_t held;
    size_t wanted;
};

static const char *
text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text != NULL ? text : "";
}

static bool
lists(const json_t *names, const char *name)
{
    const json_t *entry;
    size_t i;

    json_array_foreach(names, i, entry) {
        if (strcmp(json_string_value(entry), name) == 0)
            return true;
    }
    return false;
}

static enum aks_status
check_copy(struct mirror *mirror, const json_t *copy, struct aks_error *err)
{
    const char *name = text_of(copy, "target");
    const char *outcome = text_of(copy, "outcome");
    bool held = strcmp(outcome, "stored") == 0 || strcmp(outcome, "unchanged") == 0;
    bool skipped = strcmp(outcome, "skipped") == 0;
    const struct aks_world_target *target = aks_world_target(mirror->world, name);
    const char *said = text_of(mirror->file, "outcome");
    bool delivered = strcmp(said, "stored") == 0 || strcmp(said, "unchanged") == 0;
    bool owed = !delivered && strcmp(said, "skipped") != 0 && !held && !skipped;

    mirror->held += held;
    mirror->wanted += !skipped;
    if (target == NULL)
        return aks_laws_broken(err, law, "%s has a copy in %s, which is no target", mirror->source,
            name);
    if (held != lists(json_object_get(mirror->file, "targets"), name))
        return aks_laws_broken(err, law, "%s is %s in %s, and its targets say otherwise",
            mirror->source, outcome, name);
    if (owed != lists(json_object_get(mirror->file, "pending"), name))
        return aks_laws_broken(err, law, "%s is %s in %s and %s in all, and what is pending says "
            "otherwise", mirror->source, outcome, name, said);
    if (held && target->mcp == NULL &&
        !aks_laws_manifest_names(mirror->world, target, text_of(copy, "key"),
            text_of(mirror->file, "sha256")))
        return aks_laws_broken(err, law, "%s is called %s in %s, where no manifest names %s with "
            "these bytes", mirror->source, outcome, name, text_of(copy, "key"));
    return AKS_OK;
}

enum aks_status
aks_laws_mirror(struct aks_world *world, const json_t *file, struct aks_error *err)
{
    const json_t *told = json_object_get(file, "mirror");
    size_t needed = (size_t)json_integer_value(json_object_get(told, "needed"));
    const char *outcome = text_of(file, "outcome");
    struct mirror mirror = { world, file, text_of(file, "source"), 0, 0 };
    const json_t *copy;
    enum aks_status status = AKS_OK;
    size_t i;

    if (told == NULL)
        return AKS_OK;
    json_array_foreach(json_object_get(told, "copies"), i, copy) {
        status = check_copy(&mirror, copy, err);
        if (status != AKS_OK)
            return status;
    }
    if (needed > mirror.wanted)
        needed = mirror.wanted;
    if ((strcmp(outcome, "stored") == 0 || strcmp(outcome, "unchanged") == 0) &&
        (mirror.held == 0 || mirror.held < needed))
        return aks_laws_broken(err, law, "%s is called %s, and %zu of %zu that are needed have it",
            mirror.source, outcome, mirror.held, needed);
    if (strcmp(outcome, "partial") == 0 && mirror.held == 0)
        return aks_laws_broken(err, law, "%s is called partial, and nobody has it", mirror.source);
    return AKS_OK;
}
