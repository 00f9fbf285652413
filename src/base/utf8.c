#include "base/utf8.h"

#include <stdbool.h>
#include <stddef.h>
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

size_t
aks_utf8_length(const char *at)
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

bool
aks_utf8_valid(const char *text)
{
    while (*text != '\0') {
        size_t len = aks_utf8_length(text);

        if (len == 0)
            return false;
        text += len;
    }
    return true;
}

void
aks_utf8_mend(char *text)
{
    while (*text != '\0') {
        size_t len = aks_utf8_length(text);

        if (len == 0) {
            *text = '?';
            len = 1;
        }
        text += len;
    }
}

/* How many bytes at ${at} are one of those characters; 0: it is none. */
static size_t
wild(const unsigned char *at, size_t left)
{
    if (left >= 2 && at[0] == 0xc2 && at[1] >= 0x80 && at[1] < 0xa0)
        return 2;
    if (left >= 2 && at[0] == 0xd8 && at[1] == 0x9c)
        return 2;
    if (left < 3 || at[0] != 0xe2)
        return 0;
    if (at[1] == 0x80 && (at[2] == 0x8e || at[2] == 0x8f || (at[2] >= 0xaa && at[2] <= 0xae)))
        return 3;
    return at[1] == 0x81 && at[2] >= 0xa6 && at[2] <= 0xa9 ? 3 : 0;
}

void
aks_utf8_tame(char *text, size_t len)
{
    for (size_t at = 0; at < len;) {
        size_t bytes = wild((const unsigned char *)text + at, len - at);

        if (bytes > 0)
            memset(text + at, '?', bytes);
        at += bytes > 0 ? bytes : 1;
    }
}
