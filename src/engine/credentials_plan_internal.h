/* The pieces of a plan: what environment and files may say. */
#ifndef AKS_ENGINE_CREDENTIALS_PLAN_INTERNAL_H
#define AKS_ENGINE_CREDENTIALS_PLAN_INTERNAL_H

#include "engine/credentials_plan.h"
#include "engine/credentials_profile.h"

#define AKS_CREDENTIALS_HINT_NONE \
    "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or put them into ~/.aws/credentials " \
    "(mode 0600)"

/** A variable that is set and not empty, or NULL. */
const char *aks_credentials_variable(const struct aks_port *port, const char *name);
/** Keys of the environment. AKS_NOT_FOUND if it has none. */
enum aks_status aks_credentials_plan_environment(const struct aks_port *port,
    struct aks_credentials_plan *plan, struct aks_error *err);
/** A token's file and a role of the environment. AKS_NOT_FOUND if there is no such file named. */
enum aks_status aks_credentials_plan_web(const struct aks_port *port,
    struct aks_credentials_plan *plan, struct aks_error *err);
/** AKS_NOT_FOUND if the environment names no container's endpoint. */
enum aks_status aks_credentials_plan_container(const struct aks_port *port,
    struct aks_credentials_plan *plan, struct aks_error *err);
/** AKS_NOT_FOUND if AWS_EC2_METADATA_DISABLED says that it must not be asked. */
enum aks_status aks_credentials_plan_instance(const struct aks_port *port,
    struct aks_credentials_plan *plan, struct aks_error *err);
/** What the profile ${name} says. AKS_NOT_FOUND if it says nothing of credentials; *ret_there tells
 * whether there is one of that name. */
enum aks_status aks_credentials_plan_profile(const struct aks_port *port, const char *name,
    struct aks_credentials_plan *plan, bool *ret_there, struct aks_error *err);
/** Copies a role. AKS_SETTINGS for an ARN, a session's name or a duration that cannot be. NULL: not
 * given. ${where} is for messages. */
enum aks_status aks_credentials_plan_role(const struct aks_alloc *alloc, const char *where,
    const char *arn, const char *external_id, const char *session_name, const char *duration_s,
    struct aks_credentials_role *ret_role, struct aks_error *err);

#endif
