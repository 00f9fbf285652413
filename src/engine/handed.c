#include "engine/handed.h"

#include "engine/job_json.h"

#include <stdio.h>
#include <string.h>

void
aks_handed_init(struct aks_handed *handed, const struct aks_alloc *alloc)
{
    memset(handed, 0, sizeof(*handed));
    handed->alloc = alloc;
}

static void
drop_at(struct aks_handed *handed, size_t i)
{
    aks_secret_free(handed->jobs[i].pairs);
    handed->count--;
    memmove(&handed->jobs[i], &handed->jobs[i + 1],
        (handed->count - i) * sizeof(handed->jobs[0]));
}

void
aks_handed_fini(struct aks_handed *handed)
{
    while (handed->count > 0)
        drop_at(handed, handed->count - 1);
}

void
aks_handed_drop(struct aks_handed *handed, const char *job_id)
{
    for (size_t i = handed->count; i > 0; i--) {
        if (strcmp(handed->jobs[i - 1].id, job_id) == 0)
            drop_at(handed, i - 1);
    }
}

/* The whole message is kept, as it names its job and has its NULs. */
void
aks_handed_keep(struct aks_handed *handed, const void *message, size_t len)
{
    const char *text = message;
    const char *id_end = len > 0 ? memchr(text, '\0', len) : NULL;
    struct aks_handed_job *job;
    struct aks_secret *pairs;

    if (id_end == NULL || id_end == text + len - 1 || text[len - 1] != '\0' ||
        !aks_job_json_id_valid(text))
        return;
    pairs = aks_secret_new(handed->alloc, "", message, len);
    if (pairs == NULL)
        return;
    aks_handed_drop(handed, text);
    if (handed->count == AKS_HANDED_JOBS_MAX)
        drop_at(handed, 0);
    job = &handed->jobs[handed->count++];
    (void)snprintf(job->id, sizeof(job->id), "%s", text);
    job->pairs = pairs;
}

bool
aks_handed_has(const struct aks_handed *handed, const char *job_id)
{
    for (size_t i = 0; i < handed->count; i++) {
        if (strcmp(handed->jobs[i].id, job_id) == 0)
            return true;
    }
    return false;
}

const char *
aks_handed_get(const struct aks_handed *handed, const char *job_id, const char *name)
{
    size_t name_len = strlen(name);

    for (size_t i = 0; i < handed->count; i++) {
        const char *at = aks_secret_reveal(handed->jobs[i].pairs);
        const char *end = at + aks_secret_len(handed->jobs[i].pairs);

        if (strcmp(handed->jobs[i].id, job_id) != 0)
            continue;
        for (at += strlen(at) + 1; at < end; at += strlen(at) + 1) {
            if (strncmp(at, name, name_len) == 0 && at[name_len] == '=')
                return at + name_len + 1;
        }
    }
    return NULL;
}

void
aks_handed_each(const struct aks_handed *handed,
    void (*each)(void *ctx, const void *message, size_t len), void *ctx)
{
    for (size_t i = 0; i < handed->count; i++)
        each(ctx, aks_secret_reveal(handed->jobs[i].pairs),
            aks_secret_len(handed->jobs[i].pairs));
}
