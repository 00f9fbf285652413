/* One chain: the audit log, with the verifier that people have, and against the heads in
 * targets. */
#include "engine/audit_chain.h"
#include "engine/audit_heads.h"
#include "testkit/laws_internal.h"

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define LOG_PREFIX AKS_WORLD_STATE "/audit-"
#define LOG_NEWEST AKS_WORLD_STATE "/audit.jsonl"

struct check {
    struct aks_world *world;
    struct aks_audit_chain chain;
    struct aks_audit_heads heads;
    int64_t first_at_ms;
    enum aks_status status;
    struct aks_error *err;
};

static void
check_line(struct check *check, const char *name, int64_t number, const char *text, size_t len,
    bool ended)
{
    bool holds = aks_audit_chain_holds(&check->chain);
    struct aks_audit_place place = { .line = number };
    struct aks_audit_line line;
    json_t *record = NULL;

    aks_audit_chain_line(&check->chain, name, number, len < AKS_AUDIT_RECORD_BYTES_MAX ? text
        : NULL, len, ended, &line, &record);
    if (record != NULL && holds) {
        (void)snprintf(place.file, sizeof(place.file), "%s", name);
        place.seq = line.seq;
        if (check->first_at_ms == INT64_MAX)
            check->first_at_ms = line.at_ms;
        aks_audit_heads_record(&check->heads, &place, &line, record);
    }
    json_decref(record);
}

static void
check_file(struct check *check, const char *path)
{
    size_t len = 0;
    const char *text = aks_files_sim_look(aks_sim_files(check->world->sim), path, &len);
    int64_t number = 0;

    while (text != NULL && len > 0) {
        const char *end = memchr(text, '\n', len);
        size_t line = end != NULL ? (size_t)(end - text) : len;

        check_line(check, strrchr(path, '/') + 1, ++number, text, line, end != NULL);
        len -= line + (end != NULL);
        text += line + (end != NULL);
    }
}

/* In byte order, which is theirs. */
static void
check_older(void *ctx, const char *path, int64_t bytes)
{
    if (strncmp(path, LOG_PREFIX, sizeof(LOG_PREFIX) - 1) == 0)
        check_file(ctx, path);
}

static void
note_head(void *ctx, const char *key, const void *data, size_t len)
{
    struct check *check = ctx;
    struct aks_manifest manifest;

    if (check->status != AKS_OK || !aks_laws_is_manifest(key))
        return;
    aks_manifest_init(&manifest, aks_laws_alloc());
    if (aks_manifest_read(data, len, &manifest, NULL) == AKS_OK)
        check->status = aks_audit_heads_add(&check->heads, 0, manifest.upload_id,
            manifest.uploaded_at_ms, manifest.audit_head, check->err);
    aks_manifest_fini(&manifest);
}

/* Uploads that the log does not know may be another machine's, or from before somebody took it
 * away: only one that it tells otherwise of breaks the law. */
static enum aks_status
check_heads(struct check *check)
{
    struct aks_audit_heads_facts facts = { .first_at_ms = check->first_at_ms,
        .proven_to_the_end = true };
    const struct aks_audit_head *head;

    aks_audit_heads_judge(&check->heads, &facts);
    head = aks_audit_heads_fault(&check->heads);
    if (head == NULL)
        return AKS_OK;
    return aks_laws_broken(check->err, "one chain", "the manifest of %s holds another head than "
        "record %lld of the audit log", head->upload_id, (long long)head->place.seq);
}

enum aks_status
aks_laws_audit(struct aks_world *world, struct aks_error *err)
{
    struct check check = { .world = world, .first_at_ms = INT64_MAX, .err = err };
    enum aks_status status = aks_audit_chain_init(&check.chain, aks_laws_alloc(), NULL, "", err);

    if (status != AKS_OK)
        return status;
    aks_audit_heads_init(&check.heads, aks_laws_alloc());
    for (size_t i = 0; i < world->target_count; i++)
        aks_world_objects(world, &world->targets[i], note_head, &check);
    aks_audit_heads_sort(&check.heads);
    aks_files_sim_each(aks_sim_files(world->sim), check_older, &check);
    check_file(&check, LOG_NEWEST);
    aks_audit_chain_end(&check.chain);
    status = check.status;
    if (status == AKS_OK && check.chain.fault.kind != AKS_AUDIT_FITS)
        status = aks_laws_broken(err, "one chain", "%s line %lld of the audit log was %s: %s",
            check.chain.fault.place.file, (long long)check.chain.fault.place.line,
            aks_audit_fault_name(check.chain.fault.kind), check.chain.fault.why);
    if (status == AKS_OK)
        status = check_heads(&check);
    aks_audit_heads_fini(&check.heads);
    aks_audit_chain_fini(&check.chain);
    return status;
}
