#include "engine/target.h"

static bool
key_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
        c == '.' || c == '_' || c == '-' || c == '/';
}

bool
aks_target_key_valid(const char *key)
{
    const char *name = key;

    for (const char *at = key;; at++) {
        if (*at != '/' && *at != '\0') {
            if (!key_byte(*at))
                return false;
            continue;
        }
        if (at == name || (at == name + 1 && name[0] == '.') ||
            (at == name + 2 && name[0] == '.' && name[1] == '.'))
            return false;
        if (*at == '\0')
            return true;
        name = at + 1;
    }
}
