/* Settings of session-buddy: whatever is taken comes to a policy that is one line for each text. */
#include "base/check.h"
#include "cli/migrate_settings.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct aks_migrate_settings settings;
    struct aks_init_draft draft;
    struct aks_buf policy;
    struct aks_error err;
    enum aks_status status = aks_migrate_settings_init(&settings, aks_alloc_system(), &err);

    AKS_CHECK(status == AKS_OK);
    aks_buf_init(&policy, aks_alloc_system(), 4 * AKS_INIT_DRAFT_BYTES_MAX);
    status = aks_migrate_settings_file(&settings, "f.yaml", (const char *)data, len, &err);
    if (status == AKS_OK)
        status = aks_migrate_settings_draft(&settings, NULL, &draft, &err);
    AKS_CHECK(status == AKS_OK || status == AKS_SETTINGS);
    if (status == AKS_OK) {
        aks_init_draft_write(&draft, &policy);
        AKS_CHECK(policy.failed == AKS_OK);
        for (size_t i = 0; i < policy.len; i++)
            AKS_CHECK(policy.data[i] == '\n' || (policy.data[i] >= ' ' && policy.data[i] < 0x7f));
    }
    aks_buf_fini(&policy);
    aks_migrate_settings_fini(&settings);
    return 0;
}
