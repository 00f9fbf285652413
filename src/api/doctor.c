/* akosha_doctor: how this machine is set up. */
#include "api/api_internal.h"

#include "engine/doctor.h"

#include <string.h>

int
akosha_doctor(struct akosha *engine, struct akosha_policy *policy,
    const struct akosha_doctor_options *options, struct akosha_report **ret_report,
    struct akosha_error *ret_error)
{
    struct aks_doctor_options doctor = { 0 };
    struct aks_error policy_error = { 0 };
    struct aks_error err = { 0 };
    json_t *json = NULL;

    *ret_report = NULL;
    if (policy != NULL) {
        doctor.policy = policy->policy;
        doctor.folder = policy->folder;
    } else {
        (void)aks_error_set(&policy_error, AKS_SETTINGS, "%s", options->policy_error->message);
        aks_error_hint(&policy_error, "%s", options->policy_error->hint);
        doctor.policy_error = &policy_error;
    }
    doctor.target = options->target;
    if (aks_doctor(engine->engine, &doctor, &json, &err) != AKS_OK)
        return akosha_api_error(&err, ret_error);
    return akosha_api_report(json, ret_report, ret_error);
}
