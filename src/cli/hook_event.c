#include "cli/hook_event.h"

#include <string.h>

#define KEY "hook_event_name"

/* A name is letters and digits: what is told of it goes to people. */
static bool
is_name(const char *text, size_t len)
{
    return len > 0 && len == strspn(text,
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");
}

static void
string_end(struct aks_hook_event *event)
{
    event->string = false;
    event->text[event->len] = '\0';
    if (event->depth != 1 || !event->named)
        return;
    if (!event->longer && is_name(event->text, event->len))
        memcpy(event->name, event->text, event->len + 1);
    event->named = false;
}

static void
in_string(struct aks_hook_event *event, char c)
{
    if (event->escaped) {
        event->escaped = false;
        return;
    }
    if (c == '"') {
        string_end(event);
    } else if (c == '\\') {
        /* Neither the key nor a name we know has one. */
        event->escaped = true;
        event->longer = true;
    } else if (event->len + 1 < sizeof(event->text)) {
        event->text[event->len++] = c;
    } else {
        event->longer = true;
    }
}

static void
outside(struct aks_hook_event *event, char c)
{
    if (!event->begun && c != '{') {
        event->whole = strchr(" \t\r\n", c) == NULL || c == '\0';
        return;
    }
    event->begun = true;
    if (c == '"') {
        event->string = true;
        event->longer = false;
        event->len = 0;
    } else if (c == '{' || c == '[') {
        event->depth++;
        event->named = false;
    } else if (c == '}' || c == ']') {
        event->depth--;
        event->whole = event->depth == 0;
    } else if (c == ':' && event->depth == 1) {
        event->named = !event->longer && strcmp(event->text, KEY) == 0;
    } else if (c == ',') {
        event->named = false;
    }
}

bool
aks_hook_event_feed(struct aks_hook_event *event, const char *data, size_t len)
{
    for (size_t i = 0; i < len && !event->whole; i++) {
        if (event->string)
            in_string(event, data[i]);
        else
            outside(event, data[i]);
    }
    return event->whole;
}

bool
aks_hook_event_is_turn(const struct aks_hook_event *event)
{
    return strcmp(event->name, "Stop") == 0 || strcmp(event->name, "SubagentStop") == 0;
}
