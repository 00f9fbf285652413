#include "engine/job_compare.h"

#include <string.h>

/* Variables that differ with each session of a person and say nothing of what is to be done. */
static bool
of_session(const char *pair)
{
    static const char *const names[] = { "XDG_SESSION_", "XDG_VTNR=", "XDG_SEAT" };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strncmp(pair, names[i], strlen(names[i])) == 0)
            return true;
    }
    return false;
}

/* Does ${b} have every variable of ${a}, but those of a session? */
static bool
has_all(const struct aks_policy_environment *a, const struct aks_policy_environment *b)
{
    for (size_t i = 0; i < a->count; i++) {
        bool there = of_session(a->pairs[i]);

        for (size_t j = 0; j < b->count && !there; j++)
            there = strcmp(a->pairs[i], b->pairs[j]) == 0;
        if (!there)
            return false;
    }
    return true;
}

static bool
same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool
same_policy(const struct aks_policy_text *a, const struct aks_policy_text *b)
{
    if (a->text_len != b->text_len || a->module_count != b->module_count ||
        !same_text(a->path, b->path) || (a->text == NULL) != (b->text == NULL) ||
        (a->text != NULL && memcmp(a->text, b->text, a->text_len) != 0))
        return false;
    for (size_t i = 0; i < a->module_count; i++) {
        if (strcmp(a->modules[i].name, b->modules[i].name) != 0 ||
            a->modules[i].text_len != b->modules[i].text_len ||
            memcmp(a->modules[i].text, b->modules[i].text, a->modules[i].text_len) != 0)
            return false;
    }
    return true;
}

bool
aks_job_same_terms(const struct aks_job *job, const struct aks_job_terms *terms, bool folder)
{
    return (!folder || same_text(job->folder, terms->folder)) &&
        same_text(job->target, terms->target) && job->no_fallback == terms->no_fallback &&
        same_policy(&job->policy, terms->policy) &&
        has_all(&job->environment, terms->environment) &&
        has_all(terms->environment, &job->environment);
}

static bool
has_source(const struct aks_job *job, const char *source)
{
    for (size_t i = 0; i < job->source_count; i++) {
        if (strcmp(job->sources[i], source) == 0)
            return true;
    }
    return false;
}

bool
aks_job_covers(const struct aks_job *newer, const struct aks_job *older)
{
    const struct aks_job_terms terms = { &newer->policy, &newer->environment, newer->folder,
        newer->target, newer->no_fallback };

    /* Of two that mean their policy's sources these are the same ones; one that names files might
     * not have all of them. */
    if ((newer->source_count == 0) != (older->source_count == 0))
        return false;
    for (size_t i = 0; i < older->source_count; i++) {
        if (!has_source(newer, older->sources[i]))
            return false;
    }
    return aks_job_same_terms(older, &terms, older->source_count == 0);
}
