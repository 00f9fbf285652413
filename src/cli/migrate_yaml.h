/* A flat YAML file of settings, by libyaml's events: one mapping whose values are single words.
 * Foreign bytes. What a settings file needs is understood and nothing more: no aliases, no second
 * document, nothing deep. */
#ifndef AKS_CLI_MIGRATE_YAML_H
#define AKS_CLI_MIGRATE_YAML_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

#define AKS_MIGRATE_YAML_BYTES_MAX ((size_t)256 * 1024)
#define AKS_MIGRATE_YAML_DEPTH_MAX 16
#define AKS_MIGRATE_YAML_EVENTS_MAX 20000

struct aks_migrate_yaml_pair {
    const char *key;                    /* UTF-8, no NUL in it */
    const char *value;                  /* "" where it is none, NULL: a list or a mapping */
    bool quoted;
    size_t line;                        /* from 1 */
};

/** Calls ${each} for every pair of the top mapping, in order; stops with its status if that is not
 * AKS_OK. AKS_SETTINGS, with the line, for what is no YAML or no such file. An empty file has no
 * pairs. */
enum aks_status aks_migrate_yaml_read(const char *text, size_t len,
    enum aks_status (*each)(void *ctx, const struct aks_migrate_yaml_pair *pair,
        struct aks_error *err),
    void *ctx, struct aks_error *err);

#endif
