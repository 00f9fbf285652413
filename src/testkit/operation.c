#include "testkit/operation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[] = { "probe", "create", "part", "complete", "abort", "parts", "put",
    "manifest", "marker", "get", "list", "look", "options", "push", "other", NULL };

static bool
ends_with(const char *text, size_t len, const char *end)
{
    size_t end_len = strlen(end);

    return len >= end_len && strncmp(text + len - end_len, end, end_len) == 0;
}

/* The value of a query parameter, or NULL. */
static const char *
parameter(const char *query, const char *name)
{
    size_t len = strlen(name);

    while (query != NULL && *query != '\0') {
        if (strncmp(query, name, len) == 0 && (query[len] == '=' || query[len] == '&' ||
                query[len] == '\0'))
            return query[len] == '=' ? query + len + 1 : query + len;
        query = strchr(query, '&');
        if (query != NULL)
            query++;
    }
    return NULL;
}

/* Of a multipart upload, or NULL. */
static const char *
of_upload(const char *method, const char *query, char ret_name[AKS_OPERATION_NAME_BYTES])
{
    const char *number = parameter(query, "partNumber");

    if (parameter(query, "uploads") != NULL)
        return strcmp(method, "POST") == 0 ? "create" : "other";
    if (parameter(query, "uploadId") == NULL)
        return NULL;
    if (number != NULL) {
        (void)snprintf(ret_name, AKS_OPERATION_NAME_BYTES, "part %lu", strtoul(number, NULL, 10));
        return ret_name;
    }
    if (strcmp(method, "POST") == 0)
        return "complete";
    return strcmp(method, "DELETE") == 0 ? "abort" : "parts";
}

const char *
aks_operation_name(const char *method, const char *url, char ret_name[AKS_OPERATION_NAME_BYTES])
{
    const char *query = strchr(url, '?');
    size_t len = query != NULL ? (size_t)(query - url) : strlen(url);
    bool marker = ends_with(url, len, "/");
    const char *upload;

    query = query != NULL ? query + 1 : "";
    upload = of_upload(method, query, ret_name);
    if (upload != NULL)
        return upload;
    if (parameter(query, "list-type") != NULL)
        return "list";
    if (strcmp(method, "OPTIONS") == 0)
        return "options";
    if (strcmp(method, "POST") == 0)
        return marker ? "create" : "push";
    if (strcmp(method, "PATCH") == 0)
        return "part";
    if (strcmp(method, "HEAD") == 0 || strcmp(method, "GET") == 0) {
        if (marker || strstr(url, "/systems/") == NULL)
            return "probe";
        return strcmp(method, "GET") == 0 ? "get" : "look";
    }
    if (strcmp(method, "PUT") != 0)
        return "other";
    if (marker)
        return "marker";
    return ends_with(url, len, "/manifest.json") ? "manifest" : "put";
}

bool
aks_operation_matches(const char *pattern, const char *name)
{
    size_t len = strlen(pattern);

    if (len == 0 || strcmp(pattern, name) == 0)
        return true;
    return strcmp(pattern, "part") == 0 && strncmp(name, "part ", 5) == 0;
}

bool
aks_operation_known(const char *pattern)
{
    if (strncmp(pattern, "part ", 5) == 0)
        return pattern[5] != '\0' && strspn(pattern + 5, "0123456789") == strlen(pattern + 5);
    for (size_t i = 0; names[i] != NULL; i++) {
        if (strcmp(pattern, names[i]) == 0)
            return true;
    }
    return false;
}

const char *const *
aks_operation_names(void)
{
    return names;
}
