/* This machine: where state is kept, room, what waits, what was proven, the record. */
#include "engine/doctor_internal.h"

#include "base/units.h"
#include "engine/audit_verify.h"
#include "engine/drill.h"
#include "engine/notify.h"
#include "engine/source.h"
#include "engine/status.h"
#include "engine/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Below it nothing works; below the other there is hardly room for a copy. */
#define ROOM_LEAST (16 * AKS_MIB)
#define ROOM_LITTLE (256 * AKS_MIB)
#define DISKS_MAX 16
/* A restore that went well longer ago proves little. */
#define PROVEN_MS (90 * AKS_MS_PER_DAY)

/* --- state ------------------------------------------------------------------------------------ */

static void
tell_folder(struct doctor *doctor)
{
    const struct aks_files *files = &doctor->port->files;
    const char *folder = doctor->engine->state_folder;
    struct aks_file_info info;
    struct aks_error err;
    char hint[AKS_ERROR_HINT_BYTES];

    if (files->stat(files->ctx, folder, true, &info, &err) != AKS_OK) {
        aks_doctor_problem(doctor, NULL, "state_folder", &err);
    } else if ((info.mode & 077) != 0) {
        (void)snprintf(hint, sizeof(hint), "chmod 700 '%s'", folder);
        aks_doctor_tell(doctor, NULL, "state_folder", AKS_DOCTOR_WARNING, hint,
            "others may look into %s (mode %04o)", folder, (unsigned)info.mode & 07777U);
    } else {
        aks_doctor_tell(doctor, NULL, "state_folder", AKS_DOCTOR_OK, NULL, "%s", folder);
    }
}

static void
tell_database(struct doctor *doctor)
{
    const char *aside = aks_state_aside(doctor->engine->state);
    struct aks_error err;

    if (aside != NULL)
        aks_doctor_tell(doctor, NULL, "state_database", AKS_DOCTOR_WARNING, NULL,
            "it was damaged and a new one is made: the old one lies at %s", aside);
    else if (aks_state_check(doctor->engine->state, &err) != AKS_OK)
        aks_doctor_problem(doctor, NULL, "state_database", &err);
    else
        aks_doctor_tell(doctor, NULL, "state_database", AKS_DOCTOR_OK, NULL, "it is whole");
}

/* --- room ------------------------------------------------------------------------------------- */

/* Where copies are made: each file system once. */
struct disks {
    uint64_t devices[DISKS_MAX];
    size_t count;
};

static bool
is_new(struct disks *disks, uint64_t device)
{
    for (size_t i = 0; i < disks->count; i++) {
        if (disks->devices[i] == device)
            return false;
    }
    if (disks->count == DISKS_MAX)
        return false;
    disks->devices[disks->count++] = device;
    return true;
}

/* ${need}: of the largest copy that would be made there. */
static void
tell_room(struct doctor *doctor, struct disks *disks, const char *folder, int64_t need)
{
    const struct aks_files *files = &doctor->port->files;
    struct aks_file_info info;
    struct aks_error err;
    int64_t room = 0;
    char text[AKS_UNITS_TEXT_BYTES];

    if (files->stat(files->ctx, folder, true, &info, NULL) != AKS_OK ||
        !is_new(disks, info.device))
        return;
    if (files->free_bytes(files->ctx, folder, &room, &err) != AKS_OK) {
        aks_doctor_tell(doctor, NULL, "disk", AKS_DOCTOR_UNKNOWN, NULL, "%s", err.message);
        return;
    }
    (void)json_array_append_new(doctor->disk, json_pack("{s:o, s:I}", "path",
        aks_text_json(folder), "free_bytes", (json_int_t)room));
    (void)aks_units_bytes(room, text);
    if (room < ROOM_LEAST) {
        (void)aks_error_set(&err, AKS_NO_SPACE, "%s has %s left", folder, text);
        aks_error_hint(&err, "free some space there: work that cannot be kept is lost");
        aks_doctor_problem(doctor, NULL, "disk", &err);
    } else if (room < ROOM_LITTLE || room < need) {
        aks_doctor_tell(doctor, NULL, "disk", AKS_DOCTOR_WARNING, "a copy of each database is "
            "made before it is sent, as large as the database", "%s has %s left", folder, text);
    } else {
        aks_doctor_tell(doctor, NULL, "disk", AKS_DOCTOR_OK, NULL, "%s has %s left", folder, text);
    }
}

/* The folder and size of a source; false where it is not there, or a pattern. */
static bool
look_at_source(struct doctor *doctor, const struct aks_source_settings *source,
    char *ret_folder, size_t bytes, int64_t *ret_bytes)
{
    const struct aks_port *port = doctor->port;
    struct aks_file_info info;
    char *path = NULL;
    char *slash;
    bool found = false;

    if (source->glob || aks_source_absolute(port, source->path, doctor->options->folder, &path,
            NULL) != AKS_OK)
        return false;
    slash = strrchr(path, '/');
    if (port->files.stat(port->files.ctx, path, true, &info, NULL) == AKS_OK &&
        (size_t)(slash - path) < bytes) {
        (void)snprintf(ret_folder, bytes, "%.*s", slash == path ? 1 : (int)(slash - path), path);
        *ret_bytes = info.bytes;
        found = true;
    }
    aks_mem_free(port->alloc, path);
    return found;
}

/* A pattern stands for what there will be. */
static void
tell_sources(struct doctor *doctor)
{
    char folder[AKS_PATH_BYTES];
    size_t found = 0;
    size_t patterns = 0;
    int64_t bytes;

    for (size_t i = 0; i < doctor->settings.source_count; i++) {
        const struct aks_source_settings *source = &doctor->settings.sources[i];

        patterns += source->glob;
        found += look_at_source(doctor, source, folder, sizeof(folder), &bytes);
    }
    if (doctor->settings.source_count > 0 && found + patterns == 0)
        aks_doctor_tell(doctor, NULL, "sources", AKS_DOCTOR_WARNING,
            "`sources` of the policy, or SOURCE on the command line, names what is to be synced",
            "none of the policy's sources is there");
    else
        aks_doctor_tell(doctor, NULL, "sources", AKS_DOCTOR_OK, NULL,
            "there: %zu of %zu, patterns: %zu", found, doctor->settings.source_count, patterns);
}

/* That nothing is encrypted is a choice, and one that should be known. */
static void
tell_private(struct doctor *doctor)
{
    if (doctor->settings.encrypt.set)
        aks_doctor_tell(doctor, NULL, "encrypt", AKS_DOCTOR_OK, NULL,
            "everything is encrypted before it leaves");
    else
        aks_doctor_tell(doctor, NULL, "encrypt", AKS_DOCTOR_OK, NULL, "nothing is encrypted before "
            "it leaves: whoever runs a target can read it (docs/encryption.md)");
}

static void
tell_disks(struct doctor *doctor)
{
    struct disks disks = { .count = 0 };
    char folder[AKS_PATH_BYTES];
    int64_t largest = 0;
    int64_t bytes = 0;

    for (size_t i = 0; i < doctor->settings.source_count; i++) {
        if (look_at_source(doctor, &doctor->settings.sources[i], folder, sizeof(folder), &bytes) &&
            bytes > largest)
            largest = bytes;
    }
    tell_room(doctor, &disks, doctor->engine->state_folder, largest);
    for (size_t i = 0; i < doctor->settings.source_count; i++) {
        if (look_at_source(doctor, &doctor->settings.sources[i], folder, sizeof(folder), &bytes))
            tell_room(doctor, &disks, folder, largest);
    }
}

/* --- what waits ------------------------------------------------------------------------------- */

static void
tell_waiting(struct doctor *doctor, const json_t *queue, bool worker)
{
    const json_t *first = json_array_get(queue, 0);
    const char *reason = json_string_value(json_object_get(first, "reason"));
    const char *hint = json_string_value(json_object_get(first, "hint"));
    size_t count = json_array_size(queue);

    if (count == 0)
        aks_doctor_tell(doctor, NULL, "queue", AKS_DOCTOR_OK, NULL, "nothing waits");
    else if (reason != NULL || !worker)
        aks_doctor_tell(doctor, NULL, "queue", AKS_DOCTOR_WARNING, hint != NULL ? hint
            : "akosha-sync status tells more; akosha-sync worker --once tries each job now",
            "jobs that wait: %zu%s%s%s", count, reason != NULL ? ", the first for: " : "",
            reason != NULL ? reason : "", worker ? "" : "; no worker runs");
    else
        aks_doctor_tell(doctor, NULL, "queue", AKS_DOCTOR_OK, NULL, "jobs on their way: %zu",
            count);
}

static void
tell_queue(struct doctor *doctor)
{
    json_t *status = NULL;
    const json_t *damaged;
    struct aks_error err;
    bool worker;

    if (aks_status_report(doctor->port, doctor->engine->state_folder, &status, &err) != AKS_OK) {
        aks_doctor_problem(doctor, NULL, "queue", &err);
        return;
    }
    worker = json_is_true(json_object_get(json_object_get(status, "worker"), "running"));
    tell_waiting(doctor, json_object_get(status, "queue"), worker);
    damaged = json_object_get(status, "damaged");
    if (json_array_size(damaged) > 0)
        aks_doctor_tell(doctor, NULL, "queue_damaged", AKS_DOCTOR_PROBLEM,
            "look at them, and take them out of the queue folder", "files of the queue that cannot "
            "be read as jobs: %zu", json_array_size(damaged));
    aks_doctor_tell(doctor, NULL, "worker", AKS_DOCTOR_OK, NULL, worker ? "a worker runs"
        : "no worker runs: one is started when there is work");
    json_decref(status);
}

/* --- what was proven -------------------------------------------------------------------------- */

static void
tell_restore(struct doctor *doctor)
{
    static const char hint[] = "akosha-sync restore --to DIR brings everything back and proves it; "
        "`drill` in a policy has it done by itself";
    const struct aks_clock *clock = &doctor->port->clock;
    struct aks_drill_state drill;
    struct aks_error err;
    int64_t age_ms;
    char text[AKS_UNITS_TEXT_BYTES];

    if (aks_drill_look(doctor->engine, &doctor->settings, &drill, &err) != AKS_OK) {
        aks_doctor_problem(doctor, NULL, "restore", &err);
        return;
    }
    age_ms = clock->wall_ms(clock->ctx) - drill.proven_at_ms;
    if (drill.proven_at_ms < 0)
        aks_doctor_tell(doctor, NULL, "restore", AKS_DOCTOR_WARNING, hint,
            "nothing was ever restored from here: that it can be is not proven");
    else if (drill.late || age_ms > PROVEN_MS)
        aks_doctor_tell(doctor, NULL, "restore", AKS_DOCTOR_WARNING, hint,
            "the last restore that was proven is %s ago", aks_units_duration(age_ms, text));
    else
        aks_doctor_tell(doctor, NULL, "restore", AKS_DOCTOR_OK, NULL,
            "the last restore that was proven is %s ago",
            aks_units_duration(age_ms > 0 ? age_ms : 0, text));
}

/* The chain alone: the heads that targets hold are for audit verify, which takes its time. */
static void
tell_audit(struct doctor *doctor)
{
    struct aks_audit_verify_options options = { NULL, NULL };
    const json_t *error;
    const char *message;
    json_t *report = NULL;
    struct aks_error err;
    enum aks_status status = aks_audit_verify(doctor->engine, &options, &report, &err);

    if (status != AKS_OK) {
        aks_doctor_problem(doctor, NULL, "audit", &err);
        return;
    }
    error = json_object_get(report, "error");
    message = json_string_value(json_object_get(error, "message"));
    if (message == NULL) {
        aks_doctor_tell(doctor, NULL, "audit", AKS_DOCTOR_OK, NULL, "the record's chain is whole; "
            "akosha-sync audit verify also compares it with what the targets hold");
    } else {
        (void)aks_status_from_name(json_string_value(json_object_get(error, "failure")), &status);
        (void)aks_error_set(&err, status != AKS_OK ? status : AKS_CORRUPT, "%s", message);
        aks_error_hint(&err, "docs/audit.md says what that can mean");
        aks_doctor_problem(doctor, NULL, "audit", &err);
    }
    json_decref(report);
}

/* Only a worker reads it, and what that one warns of nobody sees. */
static void
tell_notify(struct doctor *doctor)
{
    struct aks_notify_settings settings;
    struct aks_error err = { 0 };

    if (aks_notify_load(doctor->port, &settings, &err) != AKS_OK)
        aks_doctor_tell(doctor, NULL, "notify", AKS_DOCTOR_WARNING,
            err.hint[0] != '\0' ? err.hint : "docs/monitoring.md says what can stand in it",
            "nobody is told of failures that last: %s", err.message);
}

void
aks_doctor_machine(struct doctor *doctor)
{
    tell_folder(doctor);
    tell_database(doctor);
    if (doctor->options->policy != NULL) {
        tell_sources(doctor);
        tell_private(doctor);
    }
    tell_disks(doctor);
    tell_queue(doctor);
    tell_restore(doctor);
    tell_audit(doctor);
    tell_notify(doctor);
}
