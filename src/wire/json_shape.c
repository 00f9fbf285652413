#include "wire/json_shape.h"

#include <stdbool.h>

const char *
aks_json_shape(const char *json, size_t len, const struct aks_json_shape *limits)
{
    bool quoted = false;
    int depth = 0;
    int containers = 0;
    int values = 0;

    for (size_t i = 0; i < len; i++) {
        char c = json[i];

        if (quoted && c == '\\') {
            i++;
        } else if (c == '"') {
            quoted = !quoted;
        } else if (!quoted && (c == '{' || c == '[')) {
            if (++depth > limits->depth)
                return "is nested too deeply";
            if (++containers > limits->containers)
                return "has too many objects and lists";
        } else if (!quoted && (c == '}' || c == ']')) {
            depth--;
        } else if (!quoted && c == ',' && ++values > limits->values) {
            return "has too many values";
        }
    }
    return NULL;
}
