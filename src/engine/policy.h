/* A loaded policy as the engine sees it, and how one is loaded: script/ provides the loader. */
#ifndef AKS_ENGINE_POLICY_H
#define AKS_ENGINE_POLICY_H

#include "base/error.h"
#include "engine/decide.h"
#include "engine/settings.h"

#include <stddef.h>
#include <stdint.h>

#define AKS_POLICY_BYTES_MAX (256 * 1024)       /* one file */
#define AKS_POLICY_FILES_MAX 64                 /* the *.lua files beside it */
#define AKS_POLICY_FILES_BYTES_MAX (1024 * 1024)    /* of them together */
#define AKS_POLICY_MODULE_NAME_BYTES 64

/* What a policy may take; 0: as much as it usually may (script/load.h). */
struct aks_policy_limits {
    int64_t memory_bytes;
    int64_t load_instructions;
    int64_t load_ms;
    int64_t decision_instructions;
    int64_t decision_ms;
    int64_t task_ms;            /* of a whole task, waiting included */
    int64_t task_turns;         /* each of which has a decision's limits of work */
    int64_t coroutines;         /* at once; those that have ended count until they are collected */
    int64_t log_lines;          /* for the load, and for each decision */
};

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
    struct aks_policy_limits limits;    /* as whoever runs it has set them */
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
