/* The way back: restore, verify, prune. */
#include "api/api_internal.h"

#include "engine/audit_show.h"
#include "engine/audit_verify.h"
#include "engine/prune.h"
#include "engine/restore.h"
#include "engine/source.h"
#include "engine/verify.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Frees what fill_keys has made. */
static void
drop_keys(const struct aks_port *port, struct aks_unseal_options *unseal)
{
    for (size_t i = 0; i < unseal->identity_count; i++)
        aks_mem_free(port->alloc, (char *)(uintptr_t)unseal->identity_files[i]);
    aks_mem_free(port->alloc, (void *)(uintptr_t)unseal->identity_files);
    memset(unseal, 0, sizeof(*unseal));
}

/* Paths of a command line are the working folder's. */
static enum aks_status
fill_keys(const struct aks_port *port, const struct akosha_keys *keys,
    struct aks_unseal_options *ret_unseal, struct aks_error *err)
{
    const struct aks_environment *env = &port->environment;
    const char **files = aks_mem_array(port->alloc, keys->identity_count + 1, sizeof(*files));
    enum aks_status status = AKS_OK;

    memset(ret_unseal, 0, sizeof(*ret_unseal));
    if (files == NULL)
        return aks_error_memory(err, "reading identities");
    ret_unseal->identity_files = files;
    ret_unseal->passphrase_secret = keys->passphrase_secret;
    ret_unseal->passphrase = keys->passphrase;
    ret_unseal->asked = true;
    for (size_t i = 0; i < keys->identity_count && status == AKS_OK; i++) {
        char *path = NULL;

        status = aks_source_absolute(port, keys->identities[i], env->working_folder(env->ctx),
            &path, err);
        if (status == AKS_OK)
            files[ret_unseal->identity_count++] = path;
    }
    if (status != AKS_OK)
        drop_keys(port, ret_unseal);
    return status;
}

int
akosha_restore(struct akosha *engine, struct akosha_policy *policy,
    const struct akosha_restore_options *options, struct akosha_report **ret_report,
    struct akosha_error *ret_error)
{
    const struct aks_port *port = engine->options.port;
    const struct aks_environment *env = &port->environment;
    struct aks_restore_options restore = { 0 };
    struct aks_error err = { 0 };
    json_t *json = NULL;
    char *to = NULL;
    enum aks_status status;

    *ret_report = NULL;
    status = aks_source_absolute(port, options->to, env->working_folder(env->ctx), &to, &err);
    if (status != AKS_OK)
        return akosha_api_error(&err, ret_error);
    restore.policy = policy->policy;
    restore.to = to;
    restore.upload_id = options->upload_id;
    restore.target = options->target;
    restore.force = options->force;
    restore.names = options->names;
    restore.name_count = options->name_count;
    status = fill_keys(port, &options->keys, &restore.unseal, &err);
    if (status == AKS_OK)
        status = aks_restore(engine->engine, &restore, &json, &err);
    drop_keys(port, &restore.unseal);
    aks_mem_free(port->alloc, to);
    if (status != AKS_OK)
        return akosha_api_error(&err, ret_error);
    return akosha_api_report(json, ret_report, ret_error);
}

int
akosha_verify(struct akosha *engine, struct akosha_policy *policy,
    const struct akosha_verify_options *options, struct akosha_report **ret_report,
    struct akosha_error *ret_error)
{
    const struct aks_port *port = engine->options.port;
    struct aks_verify_options verify = { .policy = policy->policy,
        .upload_id = options->upload_id, .target = options->target, .quick = options->quick };
    struct aks_error err = { 0 };
    json_t *json = NULL;
    enum aks_status status = fill_keys(port, &options->keys, &verify.unseal, &err);

    *ret_report = NULL;
    if (status == AKS_OK)
        status = aks_verify(engine->engine, &verify, &json, &err);
    drop_keys(port, &verify.unseal);
    if (status != AKS_OK)
        return akosha_api_error(&err, ret_error);
    return akosha_api_report(json, ret_report, ret_error);
}

/* Those of the command line, else those of the policy. */
static enum aks_status
prune_rules(const struct aks_settings *settings, const char *text,
    struct aks_prune_rules *ret_rules, struct aks_error *err)
{
    const struct aks_keep_settings *keep = &settings->keep;

    if (text != NULL)
        return aks_prune_rules(text, ret_rules, err);
    if (!keep->set)
        return aks_error_set(err, AKS_SETTINGS, "prune needs --keep RULES, such as "
            "last=7,daily=30, or a policy that has `keep`");
    ret_rules->last = (unsigned)keep->last;
    ret_rules->daily = (unsigned)keep->daily;
    ret_rules->weekly = (unsigned)keep->weekly;
    return AKS_OK;
}

int
akosha_prune(struct akosha *engine, struct akosha_policy *policy,
    const struct akosha_prune_options *options, struct akosha_report **ret_report,
    struct akosha_error *ret_error)
{
    struct aks_prune_options prune = { 0 };
    struct aks_error err = { 0 };
    json_t *json = NULL;

    *ret_report = NULL;
    if (prune_rules(policy->policy->settings, options->keep, &prune.rules, &err) != AKS_OK) {
        (void)akosha_api_error(&err, ret_error);
        ret_error->code = AKOSHA_USAGE;
        return AKOSHA_USAGE;
    }
    prune.policy = policy->policy;
    prune.target = options->target;
    prune.credentials = options->credentials;
    prune.apply = options->apply;
    if (aks_prune(engine->engine, &prune, &json, &err) != AKS_OK)
        return akosha_api_error(&err, ret_error);
    return akosha_api_report(json, ret_report, ret_error);
}

int
akosha_audit_verify(struct akosha *engine, struct akosha_policy *policy, const char *target,
    struct akosha_report **ret_report, struct akosha_error *ret_error)
{
    struct aks_audit_verify_options verify = { policy != NULL ? policy->policy : NULL, target };
    struct aks_error err = { 0 };
    json_t *json = NULL;

    *ret_report = NULL;
    if (aks_audit_verify(engine->engine, &verify, &json, &err) != AKS_OK)
        return akosha_api_error(&err, ret_error);
    return akosha_api_report(json, ret_report, ret_error);
}

int
akosha_audit_show(struct akosha *engine, const struct akosha_audit_show_options *options,
    struct akosha_report **ret_report, struct akosha_error *ret_error)
{
    struct aks_audit_show_options show = { options->since, options->event, options->job_id,
        options->upload_id, options->records_max };
    struct aks_error err = { 0 };
    json_t *json = NULL;

    *ret_report = NULL;
    if (aks_audit_show(engine->engine, &show, &json, &err) == AKS_OK)
        return akosha_api_report(json, ret_report, ret_error);
    (void)akosha_api_error(&err, ret_error);
    if (err.status == AKS_SETTINGS)
        ret_error->code = AKOSHA_USAGE;
    return ret_error->code;
}
