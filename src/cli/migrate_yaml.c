#include "cli/migrate_yaml.h"

#include <string.h>
#include <yaml.h>

struct reading {
    yaml_parser_t parser;
    enum aks_status (*each)(void *ctx, const struct aks_migrate_yaml_pair *pair,
        struct aks_error *err);
    void *ctx;
    size_t events;
    size_t depth;                       /* of mappings and lists that are open */
    size_t documents;
    yaml_event_t key;                   /* with a type: the value is next */
    size_t line;                        /* of the key */
};

static enum aks_status
wrong(struct aks_error *err, size_t line, const char *what)
{
    return aks_error_set(err, AKS_SETTINGS, "line %zu: %s", line, what);
}

static enum aks_status
no_yaml(const yaml_parser_t *parser, struct aks_error *err)
{
    if (parser->error == YAML_MEMORY_ERROR)
        return aks_error_memory(err, "reading YAML");
    return aks_error_set(err, AKS_SETTINGS, "line %zu: no YAML: %s", parser->problem_mark.line + 1,
        parser->problem != NULL ? parser->problem : "bytes that are no text");
}

/* As YAML 1.1 has it, which Python reads. */
static bool
is_null(const yaml_event_t *event)
{
    static const char *const words[] = { "", "~", "null", "Null", "NULL" };
    const char *text = (const char *)event->data.scalar.value;

    if (!event->data.scalar.plain_implicit)
        return false;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp(text, words[i]) == 0)
            return true;
    }
    return false;
}

static enum aks_status
pair(struct reading *reading, const char *value, bool quoted, struct aks_error *err)
{
    struct aks_migrate_yaml_pair found = { .value = value, .quoted = quoted,
        .line = reading->line };
    enum aks_status status;

    found.key = (const char *)reading->key.data.scalar.value;
    status = reading->each(reading->ctx, &found, err);
    yaml_event_delete(&reading->key);
    return status;
}

/* What a terminal would obey, which is told of a setting. */
static bool
obeyed(const yaml_event_t *event)
{
    for (size_t i = 0; i < event->data.scalar.length; i++) {
        unsigned char c = event->data.scalar.value[i];

        if ((c < ' ' && c != '\t' && c != '\n' && c != '\r') || c == 0x7f)
            return true;
    }
    return false;
}

/* Whether the event may be given back. */
static enum aks_status
scalar(struct reading *reading, yaml_event_t *event, bool *ret_kept, struct aks_error *err)
{
    size_t line = event->start_mark.line + 1;
    bool quoted = event->data.scalar.style == YAML_SINGLE_QUOTED_SCALAR_STYLE ||
        event->data.scalar.style == YAML_DOUBLE_QUOTED_SCALAR_STYLE;

    if (obeyed(event))
        return wrong(err, line, "a control character in a text");
    if (reading->depth == 0)
        return wrong(err, line, "a settings file is a mapping of names to values");
    if (reading->depth > 1)
        return AKS_OK;
    if (reading->key.type == YAML_NO_EVENT) {
        reading->key = *event;
        reading->line = line;
        *ret_kept = true;
        return AKS_OK;
    }
    return pair(reading, is_null(event) ? "" : (const char *)event->data.scalar.value, quoted,
        err);
}

static enum aks_status
open_container(struct reading *reading, const yaml_event_t *event, struct aks_error *err)
{
    size_t line = event->start_mark.line + 1;

    if (reading->depth == 0 && event->type != YAML_MAPPING_START_EVENT)
        return wrong(err, line, "a settings file is a mapping of names to values");
    if (reading->depth == AKS_MIGRATE_YAML_DEPTH_MAX)
        return wrong(err, line, "deeper than a settings file is");
    if (reading->depth == 1 && reading->key.type == YAML_NO_EVENT)
        return wrong(err, line, "a name that is no single word");
    reading->depth++;
    return AKS_OK;
}

static enum aks_status
take(struct reading *reading, yaml_event_t *event, bool *ret_kept, struct aks_error *err)
{
    size_t line = event->start_mark.line + 1;

    if (++reading->events > AKS_MIGRATE_YAML_EVENTS_MAX)
        return wrong(err, line, "more than a settings file has");
    switch ((int)event->type) {
    case YAML_DOCUMENT_START_EVENT:
        return ++reading->documents > 1 ? wrong(err, line, "a second document") : AKS_OK;
    case YAML_ALIAS_EVENT:
        return wrong(err, line, "an alias (*name), which is not followed here: write it out");
    case YAML_SCALAR_EVENT:
        return scalar(reading, event, ret_kept, err);
    case YAML_MAPPING_START_EVENT:
    case YAML_SEQUENCE_START_EVENT:
        return open_container(reading, event, err);
    case YAML_MAPPING_END_EVENT:
    case YAML_SEQUENCE_END_EVENT:
        reading->depth--;
        return reading->depth == 1 ? pair(reading, NULL, false, err) : AKS_OK;
    default:
        return AKS_OK;
    }
}

/* A file that has nothing but a null in it, or nothing, is empty. */
static enum aks_status
read_all(struct reading *reading, struct aks_error *err)
{
    for (;;) {
        yaml_event_t event;
        bool kept = false;
        bool last;
        enum aks_status status;

        if (yaml_parser_parse(&reading->parser, &event) == 0)
            return no_yaml(&reading->parser, err);
        last = event.type == YAML_STREAM_END_EVENT;
        status = take(reading, &event, &kept, err);
        if (!kept)
            yaml_event_delete(&event);
        if (status != AKS_OK || last)
            return status;
    }
}

enum aks_status
aks_migrate_yaml_read(const char *text, size_t len,
    enum aks_status (*each)(void *ctx, const struct aks_migrate_yaml_pair *pair,
        struct aks_error *err),
    void *ctx, struct aks_error *err)
{
    struct reading reading;
    enum aks_status status;

    memset(&reading, 0, sizeof(reading));
    reading.each = each;
    reading.ctx = ctx;
    if (len > AKS_MIGRATE_YAML_BYTES_MAX)
        return aks_error_set(err, AKS_SETTINGS, "longer than a settings file is");
    if (yaml_parser_initialize(&reading.parser) == 0)
        return aks_error_memory(err, "reading YAML");
    yaml_parser_set_input_string(&reading.parser, (const unsigned char *)text, len);
    status = read_all(&reading, err);
    if (reading.key.type != YAML_NO_EVENT)
        yaml_event_delete(&reading.key);
    yaml_parser_delete(&reading.parser);
    return status;
}
