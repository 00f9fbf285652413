#include "script/embed.h"

#include <string.h>

const struct aks_embedded *
aks_embedded_find(const char *name)
{
    for (const struct aks_embedded *file = aks_embedded_files; file->name != NULL; file++) {
        if (strcmp(file->name, name) == 0)
            return file;
    }
    return NULL;
}
