/* A job's JSON text. What is taken for a job can be written, and is then read as the same job. */
#include "base/check.h"
#include "engine/job_json.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Writes ${job}; false if it is longer than a job may be, as escapes can make it. */
static bool
write_job(const struct aks_job *job, struct aks_buf *out)
{
    struct aks_error err;
    enum aks_status status;

    aks_buf_init(out, aks_alloc_system(), AKS_JOB_BYTES_MAX);
    status = aks_job_json_write(job, out, &err);
    AKS_CHECK(status == AKS_OK || status == AKS_LIMIT);
    return status == AKS_OK;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct aks_job job;
    struct aks_job again;
    struct aks_buf first;
    struct aks_buf second;
    struct aks_error err;

    aks_job_init(&job, aks_alloc_system());
    aks_job_init(&again, aks_alloc_system());
    if (aks_job_json_read((const char *)data, len, &job, &err) != AKS_OK) {
        AKS_CHECK(err.status == AKS_STATE && err.message[0] != '\0');
        AKS_CHECK(job.sources == NULL && job.policy.text == NULL && job.message == NULL);
        return 0;
    }
    if (write_job(&job, &first)) {
        AKS_CHECK(aks_job_json_read(first.data, first.len, &again, &err) == AKS_OK);
        AKS_CHECK(write_job(&again, &second));
        AKS_CHECK(first.len == second.len && memcmp(first.data, second.data, first.len) == 0);
        aks_buf_fini(&second);
    }
    aks_buf_fini(&first);
    aks_job_fini(&job);
    aks_job_fini(&again);
    return 0;
}
