#include "cli/init_hook.h"

#include "cli/init_json.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define HOOKS "hooks"
#define EVENT "SessionEnd"
#define PROGRAM "akosha-sync"
#define CALL " hook session-end"
#define INDENT_BYTES_MAX 16
#define REMOVED_MAX 64

/* How the text is laid out, as far as it can be seen. */
struct style {
    bool compact;                       /* all on one line */
    char indent[INDENT_BYTES_MAX + 1];
    const char *end;                    /* of a line */
};

/* Settings, read and walked over. */
struct settings {
    struct aks_init_json json;
    size_t top;
    json_t *root;
};

bool
aks_init_hook_is_ours(const char *command)
{
    for (const char *at = command; (at = strstr(at, PROGRAM)) != NULL; at++) {
        const char *rest = at + strlen(PROGRAM);

        rest += *rest == '\'' || *rest == '"';
        if (strncmp(rest, CALL, strlen(CALL)) == 0)
            return true;
    }
    return false;
}

/* Does it call nothing else? What a person has put around it is the person's. */
static bool
calls_alone(const char *command)
{
    char quote = '\0';

    for (const char *at = command; *at != '\0'; at++) {
        if (quote != '\0')
            quote = *at == quote ? '\0' : quote;
        else if (strchr(";&|`(\n", *at) != NULL)
            return false;
        else if (*at == '\\' && at[1] != '\0')
            at++;
        else if (*at == '\'' || *at == '"')
            quote = *at;
    }
    return true;
}

/* --- reading ---------------------------------------------------------------------------------- */

static enum aks_status
refuse(struct aks_error *err, const char *why)
{
    (void)aks_error_set(err, AKS_SETTINGS, "the agent's settings are left alone: %s", why);
    aks_error_hint(err, "add the hook by hand: docs/session.md shows how");
    return AKS_SETTINGS;
}

static enum aks_status
no_json(const struct aks_init_json *json, const json_error_t *why, struct aks_error *err)
{
    if (json->len >= 3 && memcmp(json->text, "\xef\xbb\xbf", 3) == 0)
        return refuse(err, "they begin with a byte order mark");
    if (aks_init_json_commented(json))
        return refuse(err, "there are comments in them, which JSON has not");
    if (json_error_code(why) == json_error_duplicate_key)
        return refuse(err, "a name comes twice in one object");
    (void)aks_error_set(err, AKS_SETTINGS, "the agent's settings are left alone: they are no JSON, "
        "at line %d, column %d", why->line, why->column);
    aks_error_hint(err, "mend them first");
    return AKS_SETTINGS;
}

static bool
blank(const struct aks_init_json *json)
{
    for (size_t i = 0; i < json->len; i++) {
        if (json->text[i] == '\0' || strchr(" \t\r\n", json->text[i]) == NULL)
            return false;
    }
    return true;
}

/* A member that a parser finds and a walk does not has its name written with escapes. */
static bool
walks(const struct aks_init_json *json, size_t container, json_t *object, const char *name)
{
    struct aks_init_json_item item;

    return (json_object_get(object, name) != NULL) ==
        aks_init_json_member(json, container, name, &item);
}

static enum aks_status
check_shape(const struct settings *settings, struct aks_error *err)
{
    json_t *hooks = json_object_get(settings->root, HOOKS);
    json_t *event = json_object_get(hooks, EVENT);
    struct aks_init_json_item item;

    if (!json_is_object(settings->root))
        return refuse(err, "they are no JSON object");
    if (hooks != NULL && !json_is_object(hooks))
        return refuse(err, "\"hooks\" in them is no object");
    if (event != NULL && !json_is_array(event))
        return refuse(err, "\"SessionEnd\" in their \"hooks\" is no array");
    if (!walks(&settings->json, settings->top, settings->root, HOOKS) ||
        (aks_init_json_member(&settings->json, settings->top, HOOKS, &item) &&
        !walks(&settings->json, item.value, hooks, EVENT)))
        return refuse(err, "names in them are written with escapes");
    return AKS_OK;
}

static enum aks_status
open_settings(const char *text, size_t len, struct settings *ret, struct aks_error *err)
{
    json_error_t why;
    enum aks_status status;

    memset(ret, 0, sizeof(*ret));
    ret->json.text = text;
    ret->json.len = len;
    if (len > AKS_INIT_HOOK_BYTES_MAX)
        return refuse(err, "they are over 1 MiB");
    ret->root = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL |
        JSON_DECODE_INT_AS_REAL, &why);
    if (ret->root == NULL)
        return no_json(&ret->json, &why, err);
    ret->top = aks_init_json_top(&ret->json);
    status = check_shape(ret, err);
    if (status != AKS_OK)
        json_decref(ret->root);
    return status;
}

/* --- finding ---------------------------------------------------------------------------------- */

/* A handler of ours, and where it is. */
struct place {
    struct aks_init_json_item hooks;    /* member of the top */
    struct aks_init_json_item event;    /* member of that */
    struct aks_init_json_item group;    /* element of that */
    struct aks_init_json_item handlers; /* member of that */
    struct aks_init_json_item handler;  /* element of that */
    struct aks_init_json_item command;  /* member of that */
};

/* The text of the value at ${item}, if it is a string that names our hook, and nothing else where
 * ${lone}. Owned (free). */
static char *
our_command(const struct aks_init_json *json, const struct aks_init_json_item *item, bool lone)
{
    json_t *value = json_loadb(json->text + item->value, item->end - item->value,
        JSON_DECODE_ANY, NULL);
    const char *text = json_string_value(value);
    bool ours = text != NULL && aks_init_hook_is_ours(text) && (!lone || calls_alone(text));
    char *command = ours ? strdup(text) : NULL;

    json_decref(value);
    return command;
}

static bool
find_in_group(const struct aks_init_json *json, bool lone, struct place *place, char **ret_command)
{
    bool there = aks_init_json_member(json, place->group.value, HOOKS, &place->handlers) &&
        aks_init_json_first(json, place->handlers.value, &place->handler);

    for (; there; there = aks_init_json_next(json, &place->handler)) {
        if (!aks_init_json_member(json, place->handler.value, "command", &place->command))
            continue;
        *ret_command = our_command(json, &place->command, lone);
        if (*ret_command != NULL)
            return true;
    }
    return false;
}

static bool
find(const struct settings *settings, bool lone, struct place *place, char **ret_command)
{
    const struct aks_init_json *json = &settings->json;
    bool there = aks_init_json_member(json, settings->top, HOOKS, &place->hooks) &&
        aks_init_json_member(json, place->hooks.value, EVENT, &place->event) &&
        aks_init_json_first(json, place->event.value, &place->group);

    for (; there; there = aks_init_json_next(json, &place->group)) {
        if (find_in_group(json, lone, place, ret_command))
            return true;
    }
    return false;
}

/* --- writing ---------------------------------------------------------------------------------- */

static struct style
style_of(const struct settings *settings)
{
    struct style style = { .indent = "  ", .end = "\n" };
    const struct aks_init_json *json = &settings->json;
    struct aks_init_json_item item;
    const char *line = memchr(json->text, '\n', json->len);
    size_t begin = settings->top;

    if (line != NULL && line > json->text && line[-1] == '\r')
        style.end = "\r\n";
    if (!aks_init_json_first(json, settings->top, &item))
        return style;
    for (size_t i = settings->top; i < item.begin; i++)
        begin = json->text[i] == '\n' ? i + 1 : begin;
    if (begin == settings->top)
        style.compact = true;
    else if (item.begin > begin && item.begin - begin <= INDENT_BYTES_MAX) {
        memcpy(style.indent, json->text + begin, item.begin - begin);
        style.indent[item.begin - begin] = '\0';
    }
    return style;
}

static void
new_line(const struct style *style, int depth, struct aks_buf *out)
{
    if (style->compact)
        return;
    aks_buf_puts(out, style->end);
    for (int i = 0; i < depth; i++)
        aks_buf_puts(out, style->indent);
}

static void
put_string(const char *text, struct aks_buf *out)
{
    json_t *value = json_string(text);
    char *shown = value != NULL ? json_dumps(value, JSON_ENCODE_ANY) : NULL;

    json_decref(value);
    if (shown == NULL)
        out->failed = AKS_LIMIT;
    else
        aks_buf_puts(out, shown);
    free(shown);
}

/* What is added from ${level} on, at ${depth}. */
static void
put_added(const struct style *style, enum aks_init_hook_level level, int depth,
    const char *command, struct aks_buf *out)
{
    static const struct {
        const char *open;
        const char *close;
    } around[] = {
        [AKS_INIT_HOOK_HOOKS] = { "\"" HOOKS "\": {", "}" },
        [AKS_INIT_HOOK_EVENT] = { "\"" EVENT "\": [", "]" },
        [AKS_INIT_HOOK_GROUP] = { "{", "}" },
    };

    if (level <= AKS_INIT_HOOK_GROUP) {
        aks_buf_puts(out, around[level].open);
        new_line(style, depth + 1, out);
        put_added(style, level + 1, depth + 1, command, out);
        new_line(style, depth, out);
        aks_buf_puts(out, around[level].close);
        return;
    }
    aks_buf_puts(out, "\"" HOOKS "\": [");
    new_line(style, depth + 1, out);
    aks_buf_puts(out, "{");
    new_line(style, depth + 2, out);
    aks_buf_puts(out, "\"type\": \"command\",");
    aks_buf_puts(out, style->compact ? " " : "");
    new_line(style, depth + 2, out);
    aks_buf_puts(out, "\"command\": ");
    put_string(command, out);
    new_line(style, depth + 1, out);
    aks_buf_puts(out, "}");
    new_line(style, depth, out);
    aks_buf_puts(out, "]");
}

/* As the last item of the container that begins at ${container}, which is ${depth} deep. */
static void
insert(const struct settings *settings, size_t container, int depth, const char *command,
    struct aks_buf *out, struct aks_init_hook_added *added)
{
    const struct aks_init_json *json = &settings->json;
    struct style style = style_of(settings);
    struct aks_init_json_item last;
    size_t close = aks_init_json_end(json, container) - 1;
    size_t from = container + 1;
    bool filled = aks_init_json_first(json, container, &last);

    while (filled && aks_init_json_next(json, &last))
        continue;
    if (filled) {
        from = last.end;
    } else if (close - from < sizeof(added->blank)) {
        memcpy(added->blank, json->text + from, close - from);
        added->blank[close - from] = '\0';
    }
    aks_buf_append(out, json->text, from);
    aks_buf_puts(out, filled ? "," : "");
    aks_buf_puts(out, filled && style.compact ? " " : "");
    new_line(&style, depth + 1, out);
    put_added(&style, added->level, depth + 1, command, out);
    if (!filled)
        new_line(&style, depth, out);
    from = filled ? from : close;
    aks_buf_append(out, json->text + from, json->len - from);
}

static enum aks_status
add(const struct settings *settings, const char *command, struct aks_buf *out,
    struct aks_init_hook_added *added)
{
    const struct aks_init_json *json = &settings->json;
    struct place place;
    char *found = NULL;

    if (find(settings, true, &place, &found)) {
        bool same = strcmp(found, command) == 0;

        free(found);
        added->level = same ? AKS_INIT_HOOK_NONE : AKS_INIT_HOOK_MOVED;
        aks_buf_append(out, json->text, place.command.value);
        if (same)
            aks_buf_append(out, json->text + place.command.value,
                place.command.end - place.command.value);
        else
            put_string(command, out);
        aks_buf_append(out, json->text + place.command.end, json->len - place.command.end);
        return AKS_OK;
    }
    if (find(settings, false, &place, &found)) {
        free(found);
        added->level = AKS_INIT_HOOK_NONE;
        aks_buf_append(out, json->text, json->len);
    } else if (!aks_init_json_member(json, settings->top, HOOKS, &place.hooks)) {
        added->level = AKS_INIT_HOOK_HOOKS;
        insert(settings, settings->top, 0, command, out, added);
    } else if (!aks_init_json_member(json, place.hooks.value, EVENT, &place.event)) {
        added->level = AKS_INIT_HOOK_EVENT;
        insert(settings, place.hooks.value, 1, command, out, added);
    } else {
        added->level = AKS_INIT_HOOK_GROUP;
        insert(settings, place.event.value, 2, command, out, added);
    }
    return AKS_OK;
}

enum aks_status
aks_init_hook_add(const char *text, size_t len, const char *command, struct aks_buf *out,
    struct aks_init_hook_added *ret_added, struct aks_error *err)
{
    struct aks_init_json json = { text, len };
    struct settings settings;
    enum aks_status status;
    bool empty = blank(&json);

    memset(ret_added, 0, sizeof(*ret_added));
    status = open_settings(empty ? "{}" : text, empty ? 2 : len, &settings, err);
    if (status != AKS_OK)
        return status;
    status = add(&settings, command, out, ret_added);
    json_decref(settings.root);
    if (empty) {
        ret_added->level = AKS_INIT_HOOK_FILE;
        aks_buf_puts(out, "\n");
    }
    return status == AKS_OK ? aks_buf_status(out, "the agent's settings", err) : status;
}

/* --- taking away ------------------------------------------------------------------------------ */

/* An item goes; the brackets that it leaves empty get ${blank}. */
static void
cut(const struct aks_init_json *json, size_t container, const struct aks_init_json_item *item,
    const char *blank_text, struct aks_buf *out)
{
    size_t from = container + 1;
    size_t to = aks_init_json_end(json, container) - 1;
    const char *instead = blank_text;

    if (item->previous_end > 0 || item->next_begin > 0) {
        from = item->previous_end > 0 ? item->previous_end : item->begin;
        to = item->previous_end > 0 ? item->end : item->next_begin;
        instead = "";
    }
    aks_buf_append(out, json->text, from);
    aks_buf_puts(out, instead);
    aks_buf_append(out, json->text + to, json->len - to);
}

static bool
alone(const struct aks_init_json_item *item)
{
    return item->previous_end == 0 && item->next_begin == 0;
}

/* The outermost that was made for it and holds nothing else. */
static void
cut_place(const struct settings *settings, const struct place *place,
    const struct aks_init_hook_added *added, struct aks_buf *out)
{
    const struct aks_init_json *json = &settings->json;
    enum aks_init_hook_level level = added != NULL ? added->level : AKS_INIT_HOOK_GROUP;
    const char *blank_text = added != NULL ? added->blank : "";

    if (!alone(&place->handler)) {
        cut(json, place->handlers.value, &place->handler, "", out);
    } else if (!alone(&place->group) || level >= AKS_INIT_HOOK_GROUP) {
        cut(json, place->event.value, &place->group,
            level == AKS_INIT_HOOK_GROUP ? blank_text : "", out);
    } else if (!alone(&place->event) || level == AKS_INIT_HOOK_EVENT) {
        cut(json, place->hooks.value, &place->event,
            level == AKS_INIT_HOOK_EVENT ? blank_text : "", out);
    } else if (!alone(&place->hooks) || level != AKS_INIT_HOOK_FILE) {
        cut(json, settings->top, &place->hooks, blank_text, out);
    }
}

enum aks_status
aks_init_hook_remove(const char *text, size_t len, const struct aks_init_hook_added *added,
    struct aks_buf *out, size_t *ret_removed, struct aks_error *err)
{
    struct aks_init_json json = { text, len };
    struct aks_buf before;
    enum aks_status status = AKS_OK;

    *ret_removed = 0;
    aks_buf_append(out, text, len);
    if (blank(&json))
        return aks_buf_status(out, "the agent's settings", err);
    aks_buf_init(&before, out->alloc, out->bytes_max);
    while (status == AKS_OK && out->failed == AKS_OK && *ret_removed < REMOVED_MAX) {
        struct settings settings;
        struct place place;
        char *command = NULL;
        bool found;

        aks_buf_reset(&before);
        aks_buf_append(&before, out->data, out->len);
        status = aks_buf_status(&before, "the agent's settings", err);
        if (status == AKS_OK && before.len == 0)
            break;
        if (status == AKS_OK)
            status = open_settings(before.data, before.len, &settings, err);
        if (status != AKS_OK)
            break;
        found = find(&settings, true, &place, &command);
        free(command);
        if (found) {
            aks_buf_reset(out);
            cut_place(&settings, &place, added, out);
            (*ret_removed)++;
        }
        json_decref(settings.root);
        if (!found)
            break;
    }
    aks_buf_fini(&before);
    return status == AKS_OK ? aks_buf_status(out, "the agent's settings", err) : status;
}
