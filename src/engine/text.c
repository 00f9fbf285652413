#include "engine/text.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What follows a character's first byte, by RFC 3629. */
struct form {
    unsigned char first;            /* from here on, up to the next form's */
    unsigned char length;
    unsigned char low;              /* of the second byte: neither overlong, nor a surrogate, nor */
    unsigned char high;             /* beyond U+10FFFF */
};

static const struct form forms[] = {
    { 0xf5, 0, 0, 0 }, { 0xf4, 4, 0x80, 0x8f }, { 0xf1, 4, 0x80, 0xbf }, { 0xf0, 4, 0x90, 0xbf },
    { 0xee, 3, 0x80, 0xbf }, { 0xed, 3, 0x80, 0x9f }, { 0xe1, 3, 0x80, 0xbf },
    { 0xe0, 3, 0xa0, 0xbf }, { 0xc2, 2, 0x80, 0xbf }, { 0x80, 0, 0, 0 }, { 0x00, 1, 0, 0 },
};

/* The length of the character that stands at ${at}, or 0. */
static size_t
character(const char *at)
{
    const unsigned char *bytes = (const unsigned char *)at;
    const struct form *form = forms;

    while (bytes[0] < form->first)
        form++;
    if (form->length < 2)
        return form->length;
    if (bytes[1] < form->low || bytes[1] > form->high)
        return 0;
    for (size_t i = 2; i < form->length; i++) {
        if (bytes[i] < 0x80 || bytes[i] > 0xbf)
            return 0;
    }
    return form->length;
}

static bool
is_utf8(const char *text)
{
    while (*text != '\0') {
        size_t len = character(text);

        if (len == 0)
            return false;
        text += len;
    }
    return true;
}

void
aks_text_mend(char *text)
{
    while (*text != '\0') {
        size_t len = character(text);

        if (len == 0) {
            *text = '?';
            len = 1;
        }
        text += len;
    }
}

json_t *
aks_text_json(const char *text)
{
    json_t *value;
    char *copy;

    if (is_utf8(text))
        return json_string(text);
    copy = strdup(text);
    if (copy == NULL)
        return NULL;
    aks_text_mend(copy);
    value = json_string(copy);
    free(copy);
    return value;
}

char *
aks_text_path(const struct aks_alloc *alloc, const char *path)
{
    char *encoded;
    size_t len = 0;

    if (is_utf8(path))
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
