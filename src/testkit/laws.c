#include "testkit/laws.h"

#include "base/encode.h"
#include "data/digest.h"
#include "engine/queue.h"
#include "engine/upload_id.h"
#include "testkit/laws_internal.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SMALL_OBJECT_BYTES (64 * 1024)

const struct aks_alloc *
aks_laws_alloc(void)
{
    return aks_alloc_system();
}

enum aks_status
aks_laws_broken(struct aks_error *err, const char *law, const char *format, ...)
{
    char text[AKS_ERROR_MESSAGE_BYTES];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    return aks_error_set(err, AKS_INTERNAL, "%s: %.900s", law, text);
}

static const char *
text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text != NULL ? text : "";
}

static bool
is_one_of(const char *text, const char *const *all)
{
    for (; *all != NULL; all++) {
        if (strcmp(text, *all) == 0)
            return true;
    }
    return false;
}

/* What was committed when the process began; 0: nobody writes it. */
static uint64_t
since_of(const struct aks_world *world, const char *source)
{
    for (size_t i = 0; i < world->writer_count; i++) {
        if (aks_world_told_as(aks_writer_path(world->writers[i].writer), source))
            return world->writers[i].since;
    }
    return 0;
}

/* What a run stores of a database is no older than the run. */
static enum aks_status
check_age(struct aks_world *world, const struct aks_world_target *target, const json_t *file,
    struct aks_error *err)
{
    const char *source = text_of(file, "source");
    uint64_t since = since_of(world, source);
    uint64_t count = aks_laws_writer_held(world, target, source, text_of(file, "key"));

    return count >= since ? AKS_OK : aks_laws_broken(err, "one committed state", "%s is called %s "
        "in %s as of transaction %llu, and there were %llu when the run began", source,
        text_of(file, "outcome"), target->name, (unsigned long long)count,
        (unsigned long long)since);
}

/* What a report calls stored is where it says, with the bytes of some version of the source. */
static enum aks_status
check_held(struct aks_world *world, const json_t *file, struct aks_error *err)
{
    const char *key = text_of(file, "key");
    const char *sha256 = text_of(file, "sha256");
    const char *source = text_of(file, "source");
    const json_t *names = json_object_get(file, "targets");
    const json_t *name;
    enum aks_status status = AKS_OK;
    size_t i;

    if (json_array_size(names) == 0)
        return aks_laws_broken(err, "nothing lost", "%s is called %s and no target has it", source,
            text_of(file, "outcome"));
    if (aks_world_writer_of(world, source) == NULL && !aks_world_had(world, source, sha256))
        return aks_laws_broken(err, "nothing lost", "%s never had the digest %.16s... that the "
            "report says", source, sha256);
    json_array_foreach(names, i, name) {
        const struct aks_world_target *target = aks_world_target(world, json_string_value(name));

        if (target == NULL)
            return aks_laws_broken(err, "nothing lost", "%s is stored in %s, which is no target",
                source, json_string_value(name));
        if (target->mcp != NULL)
            continue;           /* rows: check_rows */
        if (i == 0 && strcmp(text_of(file, "outcome"), "stored") == 0 &&
            !aks_laws_manifest_names(world, target, key, sha256))
            return aks_laws_broken(err, "nothing lost", "%s is called %s in %s, where no manifest "
                "names %s with these bytes", source, text_of(file, "outcome"), target->name, key);
        if (i == 0)
            status = check_age(world, target, file, err);
        if (status != AKS_OK)
            return status;
    }
    return AKS_OK;
}

/* Does a job of the queue have the source? */
static enum aks_status
job_has(struct aks_world *world, const char *job_id, const char *source, bool *ret_has)
{
    struct aks_job job;
    struct aks_error why;
    enum aks_status status;

    *ret_has = false;
    aks_job_init(&job, aks_laws_alloc());
    world->learning = true;
    status = aks_queue_get(aks_sim_port(world->sim), AKS_WORLD_STATE "/queue", job_id, &job, &why);
    world->learning = false;
    for (size_t i = 0; status == AKS_OK && i < job.source_count; i++)
        *ret_has = *ret_has || aks_world_told_as(job.sources[i], source);
    aks_job_fini(&job);
    return status;
}

/* Another job that the same process tried at its end may have taken it over: two of one moment know
 * no order but that of their ids. What it has brought is looked at when things are restored. */
static bool
taken_over(struct aks_world *world, const json_t *report, const char *source)
{
    const char *own = text_of(report, "job_id");
    const json_t *job;
    bool has = false;
    size_t i;

    json_array_foreach(json_object_get(report, "jobs"), i, job) {
        const char *id = text_of(job, "job_id");

        if (strncmp(id, own, AKS_UPLOAD_ID_STAMP_LEN) != 0)
            continue;
        if (strcmp(text_of(job, "outcome"), "stored") == 0)
            return true;
        (void)job_has(world, id, source, &has);
        if (has)
            return true;
    }
    return false;
}

static enum aks_status
check_queued(struct aks_world *world, const json_t *report, const json_t *file,
    struct aks_error *err)
{
    const char *job_id = text_of(report, "job_id");
    const char *source = text_of(file, "source");
    bool has;
    enum aks_status status = job_has(world, job_id, source, &has);

    if (!has && !(status == AKS_NOT_FOUND && taken_over(world, report, source)))
        return aks_laws_broken(err, "nothing lost", "%s is called queued and no job %s has it",
            source, job_id);
    return AKS_OK;
}

static void
find_job(void *ctx, const char *path, int64_t bytes)
{
    static const char queue[] = AKS_WORLD_STATE "/queue/";
    bool *found = ctx;
    size_t len = strlen(path);

    if (strncmp(path, queue, sizeof(queue) - 1) == 0 && len > 5 &&
        strcmp(path + len - 5, ".json") == 0)
        *found = true;
}

/* A process that died: what it had begun to send is owed, and a job says so, unless it is there. On
 * a disk that fails a job may not be kept; then sending is all that can be done. */
static enum aks_status
check_death(struct aks_world *world, struct aks_error *err)
{
    bool found = !world->sent || world->committed || world->disk_trouble;

    if (!found)
        aks_files_sim_each(aks_sim_files(world->sim), find_job, &found);
    world->sent = false;
    return found ? AKS_OK : aks_laws_broken(err, "nothing lost",
        "a process died after it had begun to send, and no job is left of it");
}

static enum aks_status
check_report(struct aks_world *world, const json_t *report, struct aks_error *err)
{
    static const char *const fine[] = { "stored", "unchanged", "skipped", NULL };
    static const char *const held[] = { "stored", "unchanged", "partial", NULL };
    static const char *const owed[] = { "queued", "partial", NULL };
    json_int_t code = json_integer_value(json_object_get(report, "exit_code"));
    const json_t *files = json_object_get(report, "files");
    const json_t *file;
    enum aks_status status = AKS_OK;
    size_t i;

    json_array_foreach(files, i, file) {
        const char *outcome = text_of(file, "outcome");

        if (is_one_of(outcome, held))
            status = check_held(world, file, err);
        if (status == AKS_OK && is_one_of(outcome, owed))
            status = check_queued(world, report, file, err);
        if (status == AKS_OK)
            status = aks_laws_mirror(world, file, err);
        if (status != AKS_OK)
            return status;
        if (code == 0 && !is_one_of(outcome, fine))
            return aks_laws_broken(err, "nothing lost", "the exit code is 0 and %s is %s",
                text_of(file, "source"), outcome);
    }
    return AKS_OK;
}

/* A worker that says that it is done leaves no job, whatever the disk did; what restores and
 * verifies owes nothing. */
static enum aks_status
check_end(struct aks_world *world, const json_t *report, struct aks_error *err)
{
    bool found = false;

    if (report == NULL)
        return check_death(world, err);
    if (json_object_get(report, "run_id") != NULL)
        return check_report(world, report, err);
    if (json_object_get(report, "jobs") == NULL ||
        strcmp(text_of(report, "outcome"), "done") != 0)
        return AKS_OK;
    aks_files_sim_each(aks_sim_files(world->sim), find_job, &found);
    return found ? aks_laws_broken(err, "nothing lost", "a worker says that it is done, and a job "
        "is left") : AKS_OK;
}

struct leak {
    struct aks_world *world;
    char where[256];
};

static bool
holds_secret(const void *data, size_t len)
{
    return data != NULL &&
        (memmem(data, len, AKS_WORLD_SECRET_KEY, sizeof(AKS_WORLD_SECRET_KEY) - 1) != NULL ||
            memmem(data, len, AKS_WORLD_TOKEN, sizeof(AKS_WORLD_TOKEN) - 1) != NULL);
}

static void
look_in_file(void *ctx, const char *path, int64_t bytes)
{
    struct leak *leak = ctx;
    size_t len = 0;
    const void *data = aks_files_sim_look(aks_sim_files(leak->world->sim), path, &len);

    if (leak->where[0] == '\0' && holds_secret(data, len))
        (void)snprintf(leak->where, sizeof(leak->where), "%s", path);
}

/* Manifests and markers: what is larger is the sources' own. */
static void
look_in_object(void *ctx, const char *key, const void *data, size_t len)
{
    struct leak *leak = ctx;

    if (leak->where[0] == '\0' && len <= SMALL_OBJECT_BYTES && holds_secret(data, len))
        (void)snprintf(leak->where, sizeof(leak->where), "%s", key);
}

static enum aks_status
check_secrets(struct aks_world *world, const json_t *report, struct aks_error *err)
{
    const struct aks_buf *const texts[] = { &world->events, &world->requests, &world->decisions,
        &world->log };
    struct leak leak = { world, "" };
    char *text = report != NULL ? json_dumps(report, JSON_COMPACT) : NULL;

    if (text != NULL && holds_secret(text, strlen(text)))
        (void)snprintf(leak.where, sizeof(leak.where), "the report");
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (holds_secret(texts[i]->data, texts[i]->len))
            (void)snprintf(leak.where, sizeof(leak.where), "the log or a story");
    }
    free(text);
    aks_files_sim_each(aks_sim_files(world->sim), look_in_file, &leak);
    for (size_t i = 0; i < world->target_count; i++)
        aks_world_objects(world, &world->targets[i], look_in_object, &leak);
    if (leak.where[0] != '\0')
        return aks_laws_broken(err, "nothing leaked", "a secret stands in %s", leak.where);
    return AKS_OK;
}

static enum aks_status
check_left_over(struct aks_world *world, struct aks_error *err)
{
    unsigned files = aks_files_sim_open_count(aks_sim_files(world->sim)) -
        aks_world_writers_open(world);
    unsigned requests = aks_network_sim_under_way(aks_sim_network(world->sim));
    unsigned work = aks_sim_work_under_way(world->sim);

    if (files > 0)
        return aks_laws_broken(err, "nothing kept", "%u files are still open", files);
    if (requests > 0)
        return aks_laws_broken(err, "nothing kept", "%u requests are still under way", requests);
    if (work > 0)
        return aks_laws_broken(err, "nothing kept", "%u pieces of work are still under way", work);
    return AKS_OK;
}

/* A policy may know better than a server; nobody else does. */
static bool
policy_decided(const json_t *report, const char *target)
{
    const json_t *decisions = json_object_get(report, "decisions");
    const json_t *decision;
    size_t i;

    json_array_foreach(decisions, i, decision) {
        if (strcmp(text_of(decision, "question"), "retry") == 0 &&
            strcmp(text_of(decision, "by"), "policy") == 0 &&
            (strcmp(text_of(decision, "target"), target) == 0 ||
                strcmp(text_of(json_object_get(decision, "facts"), "operation"), "route") == 0))
            return true;
    }
    return false;
}

static enum aks_status
check_waits(struct aks_world *world, const json_t *report, struct aks_error *err)
{
    enum aks_status status = AKS_OK;

    /* After a death nobody can tell who decided; and a worker does not tell. */
    if (world->hasty[0] != '\0' && json_object_get(report, "decisions") != NULL &&
        !policy_decided(report, world->hasty_target))
        status = aks_laws_broken(err, "waits as asked", "%s", world->hasty);
    world->hasty[0] = '\0';
    return status;
}

/* A batch whose answer nobody heard may come once more, and nothing else. */
static enum aks_status
check_rows(struct aks_world *world, struct aks_error *err)
{
    for (size_t i = 0; i < world->target_count; i++) {
        const struct aks_world_target *target = &world->targets[i];

        if (target->mcp != NULL && aks_mcp_model_repeated(target->mcp) > 0)
            return aks_laws_broken(err, "nothing twice", "%zu memories were pushed to %s again, "
                "and not in the batch before", aks_mcp_model_repeated(target->mcp), target->name);
    }
    return AKS_OK;
}

enum aks_status
aks_laws_check(struct aks_world *world, const json_t *report, struct aks_error *err)
{
    enum aks_status status = AKS_OK;

    if (world->broken[0] != '\0')
        return aks_error_set(err, AKS_INTERNAL, "%s", world->broken);
    status = check_waits(world, report, err);
    if (status == AKS_OK)
        status = check_left_over(world, err);
    if (status == AKS_OK)
        status = aks_laws_manifests(world, err);
    if (status == AKS_OK)
        status = check_end(world, report, err);
    if (status == AKS_OK)
        status = check_rows(world, err);
    if (status == AKS_OK)
        status = aks_laws_audit(world, err);
    if (status == AKS_OK)
        status = check_secrets(world, report, err);
    return status;
}
