#include "engine/text.h"

#include "base/redact.h"
#include "base/utf8.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

json_t *
aks_text_json(const char *text)
{
    json_t *value;
    char *copy;

    if (aks_utf8_valid(text))
        return json_string(text);
    copy = strdup(text);
    if (copy == NULL)
        return NULL;
    aks_utf8_mend(copy);
    value = json_string(copy);
    free(copy);
    return value;
}

static bool
redact_string(json_t *value, unsigned flags)
{
    size_t len = json_string_length(value);
    char *copy = malloc(len + 1);
    size_t left;
    bool whole = copy != NULL;

    if (!whole)
        return false;
    memcpy(copy, json_string_value(value), len + 1);
    left = aks_redact(copy, len, flags);
    if (left != len || memcmp(copy, json_string_value(value), len) != 0)
        whole = json_string_setn(value, copy, left) == 0;
    explicit_bzero(copy, len + 1);
    free(copy);
    return whole;
}

bool
aks_text_redact(json_t *value, unsigned flags)
{
    const char *name;
    json_t *member;
    size_t i;
    bool whole = true;

    if (json_is_string(value))
        return redact_string(value, flags);
    json_array_foreach(value, i, member)
        whole = aks_text_redact(member, flags) && whole;
    json_object_foreach(value, name, member)
        whole = aks_text_redact(member, flags) && whole;
    return whole;
}

char *
aks_text_path(const struct aks_alloc *alloc, const char *path)
{
    char *encoded;
    size_t len = 0;

    if (aks_utf8_valid(path))
        return aks_mem_strdup(alloc, path);
    encoded = aks_mem_array(alloc, 3 * strlen(path) + 1, 1);
    for (; encoded != NULL && *path != '\0'; path++) {
        unsigned char byte = (unsigned char)*path;

        if (byte < 0x80 && byte != '%')
            encoded[len++] = *path;
        else
            len += (size_t)snprintf(encoded + len, 4, "%%%02X", byte);
    }
    return encoded;
}
