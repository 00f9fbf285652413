/* akosha_policy_check: the policy layer without an engine. */
#include "api/api_internal.h"

#include "base/encode.h"
#include "base/utf8.h"
#include "data/digest.h"
#include "engine/policy_text.h"
#include "engine/secret_find.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A problem as it was told, with texts of its own; ${told}: the how many-th. */
struct found {
    struct akosha_problem problem;
    size_t told;
    char *file;
    char *field;
    char *message;
};

struct checking {
    const struct akosha_check_options *options;
    const struct aks_alloc *alloc;
    struct found found[AKS_PROBLEM_TOLD_MAX];
    size_t count;
    bool no_memory;
};

/* The settings and the load know what is wrong; it is in order only when all of it is known. */
static void
keep(void *ctx, const struct aks_script_problem *problem)
{
    struct checking *checking = ctx;
    struct found *found = &checking->found[checking->count];

    if (checking->count == AKS_PROBLEM_TOLD_MAX)
        return;
    found->file = aks_mem_strdup(checking->alloc, problem->file);
    found->field = aks_mem_strdup(checking->alloc, problem->field);
    found->message = aks_mem_strdup(checking->alloc, problem->message);
    found->told = checking->count++;
    if (found->file == NULL || found->field == NULL || found->message == NULL) {
        checking->no_memory = true;
        return;
    }
    aks_utf8_mend(found->file);
    aks_utf8_mend(found->field);
    aks_utf8_mend(found->message);
    found->problem = (struct akosha_problem) { problem->warning, found->file, problem->line,
        found->field, found->message };
}

static int
by_place(const void *a, const void *b)
{
    const struct found *left = a;
    const struct found *right = b;
    int files = strcmp(left->file, right->file);

    if (files != 0)
        return files;
    if (left->problem.line != right->problem.line)
        return left->problem.line < right->problem.line ? -1 : 1;
    return left->told < right->told ? -1 : 1;
}

static void
tell_all(struct checking *checking, struct akosha_checked *ret)
{
    if (checking->no_memory)
        return;
    qsort(checking->found, checking->count, sizeof(checking->found[0]), by_place);
    for (size_t i = 0; i < checking->count; i++) {
        const struct akosha_problem *problem = &checking->found[i].problem;

        if (problem->warning)
            ret->warnings++;
        else
            ret->errors++;
        checking->options->problem(checking->options->ctx, problem);
    }
}

static void
digest(const struct aks_policy_text *text, struct akosha_checked *ret)
{
    uint8_t bytes[AKS_SHA256_BYTES];

    if (text->text == NULL)
        return;
    aks_sha256(text->text, text->text_len, bytes);
    aks_hex_encode(bytes, sizeof(bytes), ret->sha256);
}

/* What is said of secrets on this machine is no part of the policy: it may be meant for another. */
static void
check_secrets(struct checking *checking, const struct aks_settings *settings)
{
    for (size_t i = 0; i < settings->target_count; i++) {
        const struct aks_target_settings *target = &settings->targets[i];
        struct aks_script_problem problem = { .warning = true, .file = settings->policy_path };
        char field[AKS_TARGET_NAME_BYTES + sizeof("targets.")];
        char message[AKS_ERROR_MESSAGE_BYTES + AKS_ERROR_HINT_BYTES + 4];
        struct aks_error err;

        if (target->token == NULL || aks_secret_check(checking->options->port, target->token,
                target->url, &err) == AKS_OK)
            continue;
        (void)snprintf(field, sizeof(field), "targets.%s", target->name);
        problem.field = field;
        (void)snprintf(message, sizeof(message), "%s (%s)", err.message, err.hint);
        problem.message = message;
        keep(checking, &problem);
    }
}

static enum aks_status
check(struct checking *checking, struct akosha_checked *ret, struct aks_error *err)
{
    const struct akosha_check_options *options = checking->options;
    const struct aks_script_problems problems = { keep, checking };
    struct aks_script_options script = { 0 };
    struct aks_policy_environment environment = { 0 };
    struct aks_policy_text text = { 0 };
    struct aks_policy_loader loader;
    struct aks_policy *policy = NULL;
    char *file = NULL;
    enum aks_status status = akosha_api_policy_path(options->port, options->path, &file, err);

    (void)snprintf(ret->path, sizeof(ret->path), "%s", file != NULL ? file : "built-in default");
    if (status == AKS_OK && file != NULL)
        status = aks_policy_text_read(options->port, file, &text, err);
    digest(&text, ret);
    if (status == AKS_OK)
        status = akosha_api_limits(options->limits, options->limit_count, &text.limits, err);
    if (status == AKS_OK)
        status = aks_policy_environment_collect(options->port, options->allow, options->allow_count,
            &environment, err);
    script.alloc = checking->alloc;
    script.clock = &options->port->clock;
    script.problems = &problems;
    script.allowed_names = options->allow;
    script.allowed_count = options->allow_count;
    aks_script_loader_init(&loader, &script);
    if (status == AKS_OK)
        status = loader.load(loader.ctx, &text, &environment, &policy, err);
    if (policy != NULL) {
        (void)snprintf(ret->sha256, sizeof(ret->sha256), "%s", policy->settings->policy_sha256);
        check_secrets(checking, policy->settings);
        policy->free(policy);
    }
    aks_policy_text_fini(checking->alloc, &text);
    aks_policy_environment_fini(checking->alloc, &environment);
    aks_mem_free(checking->alloc, file);
    return status;
}

int
akosha_policy_check(const struct akosha_check_options *options, struct akosha_checked *ret_checked,
    struct akosha_error *ret_error)
{
    const struct aks_alloc *alloc = options->port->alloc;
    struct checking *checking = aks_mem_new(alloc, sizeof(*checking));
    struct aks_error err = { 0 };
    enum aks_status status;

    memset(ret_checked, 0, sizeof(*ret_checked));
    if (checking == NULL) {
        (void)aks_error_memory(&err, "checking the policy");
        return akosha_api_error(&err, ret_error);
    }
    checking->options = options;
    checking->alloc = alloc;
    status = check(checking, ret_checked, &err);
    if (checking->no_memory)
        status = aks_error_memory(&err, "checking the policy");
    tell_all(checking, ret_checked);
    for (size_t i = 0; i < checking->count; i++) {
        aks_mem_free(alloc, checking->found[i].file);
        aks_mem_free(alloc, checking->found[i].field);
        aks_mem_free(alloc, checking->found[i].message);
    }
    aks_mem_free(alloc, checking);
    if (status == AKS_OK)
        return AKOSHA_OK;
    (void)akosha_api_error(&err, ret_error);
    ret_error->code = AKOSHA_SETTINGS;
    return ret_error->code;
}
