#include "engine/text.h"

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
