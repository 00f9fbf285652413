/* What the reports of worlds say about a policy. */
#include "base/units.h"
#include "base/utf8.h"
#include "script/embed.h"
#include "script/locate.h"
#include "testkit/explain_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define BUILT_IN "policies/default"

static const char *
text_at(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

json_t *
aks_explain_tell_policy(const struct aks_explain *explain)
{
    const struct aks_settings *settings = explain->policy->settings;

    return json_pack("{s:s, s:s}", "path", settings->policy_path, "sha256",
        settings->policy_sha256);
}

/* --- lines ------------------------------------------------------------------------------------ */

/* The line on which the policy has a field, where it can be found. */
static json_t *
field_line(const struct aks_explain *explain, const char *field)
{
    const struct aks_embedded *built_in = aks_embedded_find(BUILT_IN);
    bool own = explain->text.text == NULL;
    const char *text = own ? built_in->data : explain->text.text;
    size_t len = own ? built_in->len : explain->text.text_len;
    struct aks_locate_step step = { field, 0 };
    int lines = 1;

    for (size_t i = 0; i < len; i++)
        lines += text[i] == '\n';
    /* A policy is called once, and mostly at its end. */
    for (int line = lines; line > 0 && lines - line < 2000; line--) {
        int found = aks_locate_field(text, len, line, "akosha.policy", &step, 1);

        if (found > 0)
            return json_integer(found);
    }
    return json_null();
}

/* --- the plan --------------------------------------------------------------------------------- */

/* The first of the list on ${question} about the source of that name, or NULL. */
static const json_t *
find_question(const json_t *list, const char *question, const char *source)
{
    const json_t *entry;
    size_t i;

    json_array_foreach(list, i, entry) {
        const char *about = text_at(json_object_get(entry, "facts"), "source");

        if (strcmp(text_at(entry, "question"), question) == 0 && about != NULL &&
            source != NULL && strcmp(about, source) == 0)
            return entry;
    }
    return NULL;
}

/* What was decided, or what the settings say where nobody decided. */
static const json_t *
decided(const json_t *report, const char *question, const char *source)
{
    const json_t *decision = find_question(json_object_get(report, "decisions"), question, source);

    return decision != NULL ? decision
        : find_question(json_object_get(report, "asked"), question, source);
}

static const json_t *
file_of(const json_t *report, const char *path)
{
    const json_t *file;
    size_t i;

    json_array_foreach(json_object_get(report, "files"), i, file) {
        const char *source = text_at(file, "source");

        if (source != NULL && strcmp(source, path) == 0)
            return file;
    }
    return NULL;
}

/* "cloud, http", "all of cloud, other": what the policy answered, or what its table says. */
static json_t *
route_of(const struct aks_explain *explain, const json_t *route)
{
    const struct aks_settings *settings = explain->policy->settings;
    char text[AKS_ROUTE_TEXT_BYTES];

    if (route != NULL)
        return json_string(text_at(route, "answer"));
    return json_string(aks_settings_route_text(settings, &settings->route, text));
}

/* What becomes of a source that the target holds already. */
static const char *
dedup_of(const json_t *again, const char *world, const char *name)
{
    const json_t *dedup = decided(again, "dedup", name);
    const char *outcome = text_at(file_of(again, world), "outcome");

    if (dedup != NULL)
        return text_at(dedup, "answer");
    /* A task looks for itself. */
    return outcome != NULL && strcmp(outcome, "unchanged") == 0 ? "reuse" : "upload";
}

static const char *
by(const json_t *decision)
{
    return decision != NULL ? text_at(decision, "by") : "default";
}

static json_t *
tell_source(const struct aks_explain *explain, const struct aks_explain_source *source,
    const json_t *first, const json_t *again)
{
    const json_t *file = file_of(first, source->told);
    const char *name = text_at(file, "name");
    const json_t *route = decided(first, "route", name);
    const char *route_by = explain->policy->task != NULL ? "task" : by(route);
    int64_t part_bytes = explain->policy->settings->part_bytes;
    int64_t bytes = source->bytes > 0 ? source->bytes : 0;
    const char *codec = text_at(file, "codec");
    json_t *targets = json_object_get(file, "targets");

    return json_pack("{s:s, s:I, s:I, s:b, s:b, s:o, s:s, s:s?, s:s, s:s, s:s, s:I, s:O?, s:O?, "
        "s:s?, s:s?}", "source", source->shown, "bytes", (json_int_t)bytes, "simulated_bytes",
        (json_int_t)(source->simulated > 0 ? source->simulated : 0), "assumed", explain->assumed,
        "missing", source->bytes < 0, "route", route_of(explain, route), "route_by", route_by,
        "codec", codec, "codec_by", by(decided(first, "compress", name)),
        "unchanged", dedup_of(again, source->told, name), "unchanged_by",
        by(decided(again, "dedup", name)),
        "parts_max", (json_int_t)(bytes > 0 ? (bytes + part_bytes - 1) / part_bytes : 1),
        "target", json_array_get(targets, 0), "targets", targets, "outcome",
        text_at(file, "outcome"), "reason", text_at(file, "reason"));
}

/* Where the report has a source: in the order in which they are sent. Behind all others, if not. */
static size_t
place_in(const json_t *report, const char *path)
{
    const json_t *files = json_object_get(report, "files");
    const json_t *file;
    size_t i;

    json_array_foreach(files, i, file) {
        const char *source = text_at(file, "source");

        if (source != NULL && strcmp(source, path) == 0)
            return i;
    }
    return json_array_size(files);
}

json_t *
aks_explain_tell_plan(const struct aks_explain *explain, const json_t *first, const json_t *again)
{
    size_t last = json_array_size(json_object_get(first, "files"));
    size_t places[AKS_EXPLAIN_SOURCES_MAX];
    json_t *plan = json_array();

    for (size_t i = 0; i < explain->source_count; i++)
        places[i] = place_in(first, explain->sources[i].told);
    for (size_t place = 0; place <= last; place++) {
        for (size_t i = 0; i < explain->source_count; i++) {
            const struct aks_explain_source *source = &explain->sources[i];

            if (places[i] == place &&
                json_array_append_new(plan, tell_source(explain, source, first, again)) != 0) {
                json_decref(plan);
                return NULL;
            }
        }
    }
    return plan;
}

/* "204800 bytes/s": what the first upload was held up to; NULL where nothing is. */
json_t *
aks_explain_tell_throttle(const struct aks_explain *explain, const json_t *report)
{
    int64_t rate = explain->policy->settings->throttle_bytes_per_s;
    const json_t *decision;
    char text[64];
    size_t i;

    json_array_foreach(json_object_get(report, "decisions"), i, decision) {
        if (strcmp(text_at(decision, "question"), "throttle") == 0)
            return json_pack("{s:s, s:s, s:o}", "answer", text_at(decision, "answer"), "by",
                by(decision), "line", aks_explain_tell_line(explain, decision));
    }
    if (rate == 0)
        return json_null();
    (void)snprintf(text, sizeof(text), "%" PRId64 " bytes/s", rate);
    return json_pack("{s:s, s:s, s:o}", "answer", text, "by", "default", "line",
        field_line(explain, "throttle"));
}

/* --- decisions -------------------------------------------------------------------------------- */

/* Has the policy a function for ${question}? What it had no answer to is nobody's line. */
static bool
asks_function(const struct aks_explain *explain, const char *question)
{
    const struct aks_decide *decide = &explain->policy->decide;

    return (strcmp(question, "retry") == 0 && decide->retry != NULL) ||
        (strcmp(question, "route") == 0 && decide->route != NULL) ||
        (strcmp(question, "throttle") == 0 && decide->throttle != NULL) ||
        (strcmp(question, "dedup") == 0 && decide->dedup != NULL) ||
        (strcmp(question, "compress") == 0 && decide->compress != NULL) ||
        (strcmp(question, "snapshot") == 0 && decide->snapshot != NULL);
}

json_t *
aks_explain_tell_line(const struct aks_explain *explain, const json_t *decision)
{
    const char *question = text_at(decision, "question");
    json_t *line = json_object_get(decision, "line");

    if (line != NULL)
        return json_incref(line);
    if (strcmp(by(decision), "policy") != 0 && asks_function(explain, question))
        return json_null();
    return field_line(explain, question);
}

json_t *
aks_explain_tell_decisions(const struct aks_explain *explain, const json_t *report)
{
    json_t *told = json_array();
    json_t *decision;
    size_t i;

    json_array_foreach(json_object_get(report, "decisions"), i, decision) {
        json_t *own = json_copy(decision);

        if (json_object_set_new(own, "line", aks_explain_tell_line(explain, decision)) != 0 ||
            json_array_append_new(told, own) != 0) {
            json_decref(told);
            return NULL;
        }
    }
    return told;
}

/* What lies at ${path} in the world, as a person knows it; *ret_len: of its name there. Of a module
 * its own name is left. */
static const char *
name_of(const struct aks_explain *explain, const char *path, size_t *ret_len)
{
    const char *name = "";

    *ret_len = sizeof(AKS_WORLD_HOME "/") - 1;
    if (strncmp(path, AKS_WORLD_POLICY, sizeof(AKS_WORLD_POLICY) - 1) == 0) {
        *ret_len = sizeof(AKS_WORLD_POLICY) - 1;
        return explain->policy->settings->policy_path;
    }
    for (size_t i = 0; i < explain->source_count; i++) {
        const struct aks_explain_source *source = &explain->sources[i];
        size_t len = strlen(source->told);

        if (len > *ret_len && strncmp(path, source->told, len) == 0) {
            *ret_len = len;
            name = source->shown;
        }
    }
    return name;
}

/* The world's names are nobody else's. */
static void
name_message(const struct aks_explain *explain, const char *message,
    char ret_text[AKS_ERROR_MESSAGE_BYTES])
{
    size_t len = 0;

    while (*message != '\0' && len < AKS_ERROR_MESSAGE_BYTES - 1) {
        const char *path = strstr(message, AKS_WORLD_HOME "/");
        int before = path != NULL ? (int)(path - message) : (int)strlen(message);
        size_t there = 0;
        int written = snprintf(ret_text + len, AKS_ERROR_MESSAGE_BYTES - len, "%.*s%s", before,
            message, path != NULL ? name_of(explain, path, &there) : "");

        len += written > 0 ? (size_t)written : 0;
        message += (size_t)before + there;
    }
}

json_t *
aks_explain_tell_end(const struct aks_explain *explain, const json_t *report,
    const struct aks_error *err)
{
    char text[AKS_ERROR_MESSAGE_BYTES] = "";
    const char *message = err->message[0] != '\0' ? text : NULL;

    name_message(explain, err->message, text);
    aks_utf8_mend(text);
    return json_pack("{s:s?, s:s?, s:O?, s:O?, s:s?}", "outcome", text_at(report, "outcome"),
        "target", text_at(report, "target"), "exit_code", json_object_get(report, "exit_code"),
        "duration_s", json_object_get(report, "duration_s"), "message", message);
}
