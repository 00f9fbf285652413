#include "cli/init_json.h"

#include <string.h>

static size_t
skip_blank(const struct aks_init_json *json, size_t at)
{
    while (at < json->len && strchr(" \t\r\n", json->text[at]) != NULL && json->text[at] != '\0')
        at++;
    return at;
}

static size_t
skip_string(const struct aks_init_json *json, size_t at)
{
    for (at++; at < json->len && json->text[at] != '"'; at++)
        at += json->text[at] == '\\';
    return at < json->len ? at + 1 : json->len;
}

size_t
aks_init_json_end(const struct aks_init_json *json, size_t value)
{
    size_t depth = 0;
    size_t at = value;

    do {
        if (at >= json->len)
            return json->len;
        if (json->text[at] == '"') {
            at = skip_string(json, at);
            continue;
        }
        if (json->text[at] == '{' || json->text[at] == '[') {
            depth++;
        } else if (json->text[at] == '}' || json->text[at] == ']') {
            depth--;
        } else if (depth == 0) {
            /* A number, or a word. */
            while (at < json->len && strchr(" \t\r\n,]}", json->text[at]) == NULL)
                at++;
            return at;
        }
        at++;
    } while (depth > 0);
    return at;
}

size_t
aks_init_json_top(const struct aks_init_json *json)
{
    return skip_blank(json, 0);
}

/* The item that begins at ${at}. */
static void
read_item(const struct aks_init_json *json, size_t at, struct aks_init_json_item *ret)
{
    ret->previous_end = ret->end;
    ret->begin = at;
    ret->value = at;
    if (ret->object)
        ret->value = skip_blank(json, skip_blank(json, skip_string(json, at)) + 1);
    ret->end = aks_init_json_end(json, ret->value);
    at = skip_blank(json, ret->end);
    if (at < json->len && json->text[at] == ',')
        at = skip_blank(json, at + 1);
    ret->next_begin = at < json->len && json->text[at] != '}' && json->text[at] != ']' ? at : 0;
}

bool
aks_init_json_first(const struct aks_init_json *json, size_t container,
    struct aks_init_json_item *ret)
{
    size_t at;

    memset(ret, 0, sizeof(*ret));
    ret->object = container < json->len && json->text[container] == '{';
    if (!ret->object && (container >= json->len || json->text[container] != '['))
        return false;
    at = skip_blank(json, container + 1);
    if (at >= json->len || json->text[at] == '}' || json->text[at] == ']')
        return false;
    read_item(json, at, ret);
    return true;
}

bool
aks_init_json_next(const struct aks_init_json *json, struct aks_init_json_item *item)
{
    if (item->next_begin == 0)
        return false;
    read_item(json, item->next_begin, item);
    return true;
}

bool
aks_init_json_member(const struct aks_init_json *json, size_t container, const char *name,
    struct aks_init_json_item *ret)
{
    size_t len = strlen(name);
    bool there = aks_init_json_first(json, container, ret) && ret->object;

    for (; there; there = aks_init_json_next(json, ret)) {
        if (json->text[ret->begin] == '"' && json->len - ret->begin > len + 1 &&
            memcmp(json->text + ret->begin + 1, name, len) == 0 &&
            json->text[ret->begin + 1 + len] == '"')
            return true;
    }
    return false;
}

bool
aks_init_json_commented(const struct aks_init_json *json)
{
    for (size_t at = 0; at + 1 < json->len; at++) {
        if (json->text[at] == '"')
            at = skip_string(json, at) - 1;
        else if (json->text[at] == '/' &&
            (json->text[at + 1] == '/' || json->text[at + 1] == '*'))
            return true;
    }
    return false;
}
