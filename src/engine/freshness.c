#include "engine/freshness.h"

#include "base/units.h"
#include "engine/reader.h"
#include "engine/text.h"
#include "wire/dates.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define SPAN_MAX_MS (3660 * AKS_MS_PER_DAY)
#define SPAN_DIGITS_MAX 7

struct fleet {
    struct aks_reader reader;
    const struct aks_freshness_options *options;
    int64_t now_ms;
    json_int_t systems;
    json_int_t stale;
};

enum aks_status
aks_freshness_parse(const char *text, int64_t *ret_ms, struct aks_error *err)
{
    static const struct {
        char unit;
        int64_t ms;
    } units[] = { { 'm', 60 * AKS_MS_PER_S }, { 'h', 3600 * AKS_MS_PER_S },
        { 'd', AKS_MS_PER_DAY } };
    size_t digits = strspn(text, "0123456789");
    int64_t number = 0;

    for (size_t i = 0; i < digits && i < SPAN_DIGITS_MAX; i++)
        number = number * 10 + (text[i] - '0');
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (digits == 0 || digits > SPAN_DIGITS_MAX || text[digits] != units[i].unit ||
            text[digits + 1] != '\0' || number == 0 || number > SPAN_MAX_MS / units[i].ms)
            continue;
        *ret_ms = number * units[i].ms;
        return AKS_OK;
    }
    return aks_error_set(err, AKS_SETTINGS, "--stale is a number of minutes, hours or days, such "
        "as 90m, 36h or 2d, up to ten years: not \"%.40s\"", text);
}

/* --- one system ------------------------------------------------------------------------------- */

static json_t *
fresh_json(struct fleet *fleet, const char *system_id, const struct aks_manifest *manifest,
    const char *upload_id, size_t uploads)
{
    int64_t age_ms = fleet->now_ms - manifest->uploaded_at_ms;
    bool stale = age_ms > fleet->options->stale_ms;
    json_int_t bytes = 0;
    json_int_t stored = 0;
    json_int_t files = 0;
    char date[AKS_DATE_BYTES];

    for (size_t i = 0; i < manifest->object_count; i++) {
        bytes += manifest->objects[i].bytes;
        stored += manifest->objects[i].stored_bytes;
        files += strcmp(manifest->objects[i].role, "main") == 0;
    }
    fleet->stale += stale;
    return json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:b, s:n}", "system_id", system_id,
        "upload_id", upload_id, "uploaded_at", aks_date_iso(manifest->uploaded_at_ms, date),
        "age_s", (json_int_t)(age_ms > 0 ? age_ms / AKS_MS_PER_S : 0), "bytes", bytes,
        "stored_bytes", stored, "files", files, "uploads", (json_int_t)uploads, "stale", stale,
        "reason");
}

/* One that has nothing complete, as far as it was looked, is stale, whatever is on its way. */
static json_t *
bare_json(struct fleet *fleet, const char *system_id, size_t uploads)
{
    fleet->stale++;
    return json_pack("{s:s, s:n, s:n, s:n, s:n, s:n, s:n, s:I, s:b, s:s}", "system_id", system_id,
        "upload_id", "uploaded_at", "age_s", "bytes", "stored_bytes", "files", "uploads",
        (json_int_t)uploads, "stale", 1, "reason",
        uploads == 0 ? "it has no upload" : "none of its newest uploads is complete");
}

static enum aks_status
look_at(struct fleet *fleet, const char *system_id, json_t *systems, struct aks_error *err)
{
    struct aks_reader *reader = &fleet->reader;
    const struct aks_alloc *alloc = reader->engine->port->alloc;
    struct aks_reader_names ids;
    json_t *row = NULL;
    enum aks_status status;

    (void)snprintf(reader->system_id, sizeof(reader->system_id), "%s", system_id);
    aks_reader_names_init(&ids, alloc);
    status = aks_reader_uploads(reader, &ids, err);
    for (size_t i = 0; i < ids.count && i < AKS_FRESHNESS_LOOKS_MAX && row == NULL &&
        status == AKS_OK; i++) {
        const char *upload_id = ids.names[ids.count - 1 - i];
        struct aks_manifest manifest;

        aks_manifest_init(&manifest, alloc);
        status = aks_reader_manifest(reader, upload_id, &manifest, err);
        if (status == AKS_OK)
            row = fresh_json(fleet, system_id, &manifest, upload_id, ids.count);
        else if (status == AKS_CORRUPT || status == AKS_NOT_FOUND)
            status = AKS_OK;
        aks_manifest_fini(&manifest);
    }
    if (status == AKS_OK && row == NULL)
        row = bare_json(fleet, system_id, ids.count);
    aks_reader_names_fini(&ids);
    if (status != AKS_OK)
        return status;
    fleet->systems++;
    return json_array_append_new(systems, row) == 0 ? AKS_OK
        : aks_error_memory(err, "looking at a fleet");
}

/* --- one target ------------------------------------------------------------------------------- */

/* What is no system's id may be anybody's folder. */
static bool
is_system(const char *name)
{
    size_t len = strspn(name,
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");

    return len > 0 && len < AKS_SYSTEM_ID_BYTES && name[len] == '\0';
}

static enum aks_status
note_system(void *ctx, const char *name, bool is_folder, int64_t bytes, struct aks_error *err)
{
    struct aks_reader_names *names = ctx;

    (void)bytes;
    if (!is_folder || !is_system(name))
        return AKS_OK;
    if (names->count == AKS_FRESHNESS_SYSTEMS_MAX)
        return aks_error_set(err, AKS_LIMIT, "there are more than %d systems",
            AKS_FRESHNESS_SYSTEMS_MAX);
    return aks_reader_names_add(names, name, err);
}

static enum aks_status
look_at_systems(struct fleet *fleet, json_t *systems, struct aks_error *err)
{
    struct aks_reader *reader = &fleet->reader;
    struct aks_reader_names names;
    enum aks_status status;

    aks_reader_names_init(&names, reader->engine->port->alloc);
    reader->class->list(reader->target, "systems/", note_system, &names, aks_reader_done, reader);
    status = aks_reader_wait(reader, err);
    if (status == AKS_NOT_FOUND)
        status = AKS_OK;
    for (size_t i = 0; i < names.count && status == AKS_OK; i++)
        status = look_at(fleet, names.names[i], systems, err);
    aks_reader_names_fini(&names);
    return status;
}

/* What was found before a failure is told. */
static enum aks_status
look_at_target(void *ctx, size_t index, json_t *row, struct aks_error *err)
{
    struct fleet *fleet = ctx;
    json_t *systems = json_array();
    enum aks_status status = json_object_set(row, "systems", systems) == 0
        ? aks_reader_open(&fleet->reader, index, err)
        : aks_error_memory(err, "looking at a fleet");

    if (status == AKS_OK)
        status = look_at_systems(fleet, systems, err);
    json_decref(systems);
    return status;
}

static int
exit_code(const struct fleet *fleet, enum aks_status status)
{
    int code = aks_reader_exit_code(fleet->reader.engine, status);

    if (code == 0 && fleet->stale > 0)
        return 1;
    /* A state folder that cannot be written is of no matter here: nothing is kept. */
    return code == 5 || code == 7 ? 1 : code;
}

enum aks_status
aks_freshness(struct aks_engine *engine, const struct aks_freshness_options *options,
    json_t **ret_report, struct aks_error *err)
{
    struct fleet fleet = { .options = options };
    const struct aks_reader_each each = { options->target, "fleet", look_at_target, &fleet };
    struct aks_error own = { 0 };
    json_t *targets = json_array();
    enum aks_status status = aks_reader_init(&fleet.reader, engine, options->policy, err);

    *ret_report = NULL;
    if (status != AKS_OK) {
        json_decref(targets);
        return status;
    }
    fleet.now_ms = engine->port->clock.wall_ms(engine->port->clock.ctx);
    status = aks_reader_each(&fleet.reader, &each, targets, &own);
    if (status == AKS_OK && fleet.stale > 0)
        (void)aks_error_set(&own, AKS_UNDELIVERED, "%" JSON_INTEGER_FORMAT " of %"
            JSON_INTEGER_FORMAT " system%s %s stale", fleet.stale, fleet.systems,
            fleet.systems == 1 ? "" : "s", fleet.stale == 1 ? "is" : "are");
    *ret_report = json_pack("{s:i, s:I, s:o, s:I, s:I, s:o, s:i}", "schema", 1, "stale_after_s",
        (json_int_t)(options->stale_ms / AKS_MS_PER_S), "targets", targets, "systems",
        fleet.systems, "stale", fleet.stale, "error",
        own.status == AKS_OK ? json_null() : aks_reader_error_json(&own), "exit_code",
        exit_code(&fleet, status));
    aks_reader_fini(&fleet.reader);
    return *ret_report != NULL ? AKS_OK : aks_error_memory(err, "looking at a fleet");
}
