/* How much a JSON text would cost a parser, found out before one sees it. */
#ifndef AKS_WIRE_JSON_SHAPE_H
#define AKS_WIRE_JSON_SHAPE_H

#include <stddef.h>

/* An empty container is 3 bytes of text and some 250 of memory, so 16 MiB could ask for more than
 * one GiB; and jansson calls itself for each level. */
struct aks_json_shape {
    int depth;
    int containers;
    int values;             /* commas between them */
};

/** NULL, or why ${json} is over one of ${limits} ("is nested too deeply"). Text inside of quotes is
 * skipped as JSON has it; whether the rest is JSON at all is the parser's to say. */
const char *aks_json_shape(const char *json, size_t len, const struct aks_json_shape *limits);

#endif
