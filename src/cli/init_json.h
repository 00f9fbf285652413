/* Where things stand in a JSON text. The text is known to be JSON (a parser has read it): here it
 * is only walked over. Positions are bytes from its begin. */
#ifndef AKS_CLI_INIT_JSON_H
#define AKS_CLI_INIT_JSON_H

#include <stdbool.h>
#include <stddef.h>

struct aks_init_json {
    const char *text;
    size_t len;
};

/* A member of an object, or an element of an array. */
struct aks_init_json_item {
    bool object;                        /* a member */
    size_t begin;                       /* of its name, or of its value */
    size_t value;
    size_t end;                         /* behind its value */
    size_t previous_end;                /* of the one before it; 0: it is the first */
    size_t next_begin;                  /* of the one behind it; 0: it is the last */
};

/** The position of the first byte of the top value. */
size_t aks_init_json_top(const struct aks_init_json *json);
/** The first item of the object or array that begins at ${container}; false if it has none, or is
 * neither. */
bool aks_init_json_first(const struct aks_init_json *json, size_t container,
    struct aks_init_json_item *ret);
/** The one behind it; false if it is the last. */
bool aks_init_json_next(const struct aks_init_json *json, struct aks_init_json_item *item);
/** The member of that name, which is compared as it is written. */
bool aks_init_json_member(const struct aks_init_json *json, size_t container, const char *name,
    struct aks_init_json_item *ret);
/** Behind the value that begins at ${value}. */
size_t aks_init_json_end(const struct aks_init_json *json, size_t value);
/** Is there a comment, as some editors allow it? Of a text that need not be JSON. */
bool aks_init_json_commented(const struct aks_init_json *json);

#endif
