/* A loaded policy as the engine sees it, and how one is loaded: script/ provides the loader. */
#ifndef AKS_ENGINE_POLICY_H
#define AKS_ENGINE_POLICY_H

#include "base/error.h"
#include "engine/decide.h"
#include "engine/settings.h"

#include <stddef.h>

#define AKS_POLICY_BYTES_MAX (256 * 1024)       /* one file */
#define AKS_POLICY_FILES_MAX 64                 /* the *.lua files beside it */
#define AKS_POLICY_FILES_BYTES_MAX (1024 * 1024)    /* of them together */
#define AKS_POLICY_MODULE_NAME_BYTES 64

/* A policy's text with the modules that it may require, by name without ".lua". Owned by whoever
 * made it. */
struct aks_policy_text {
    char *path;                 /* absolute, or NULL for the built-in default */
    char *text;
    size_t text_len;
    struct aks_policy_module {
        char *name;
        char *text;
        size_t text_len;
    } *modules;
    size_t module_count;
};

/* Variables that a policy may read, already filtered by the allow list: "NAME=value". */
struct aks_policy_environment {
    char **pairs;
    size_t count;
};

/* Where in a policy an answer was made: the line that ran last, where somebody is told of lines
 * (script/lines.h), else the one on which the function begins. */
struct aks_policy_place {
    const char *file;           /* as shown; until the policy is asked again */
    int line;                   /* 0: not known */
};

struct aks_policy_task;

struct aks_policy {
    const struct aks_settings *settings;
    struct aks_decide decide;
    const struct aks_policy_task *task;         /* NULL, or it steers the run (engine/task.h) */
    void (*free)(struct aks_policy *policy);    /* NULL policy is never passed */
    const struct aks_policy_place *answered;    /* of the last answer with an opinion, or NULL */
};

struct aks_policy_loader {
    /* Evaluates ${text}. Failures: AKS_POLICY, AKS_SETTINGS, AKS_LIMIT, with file and line. */
    enum aks_status (*load)(void *ctx, const struct aks_policy_text *text,
        const struct aks_policy_environment *environment, struct aks_policy **ret_policy,
        struct aks_error *err);
    void *ctx;
};

#endif
