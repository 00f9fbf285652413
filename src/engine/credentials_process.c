/* credential_process: a program that writes keys to its standard output
 * (docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html). On a worker, as it
 * may take as long as it likes to ask its person. */
#include "engine/credentials_fetch_internal.h"
#include "engine/secret_command.h"

#include <string.h>

/* What AWS's own tools and those that stand in for them look at, but for secrets: a program gets
 * those by itself. */
static const char *const variables[] = { "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_CA_BUNDLE",
    "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_STS", "AWS_EC2_METADATA_DISABLED", "SSL_CERT_FILE",
    "SSL_CERT_DIR", "http_proxy", "https_proxy", "HTTPS_PROXY", "no_proxy", "NO_PROXY", NULL };

struct process_job {
    struct aks_target_work work;        /* first */
    struct aks_secret_wipe wipe;
    struct aks_buf output;              /* wiped */
    char *command;
};

static bool
owner_left(void *ctx)
{
    return aks_target_work_left(ctx);
}

static enum aks_status
run_job(struct aks_target_work *work, struct aks_error *err)
{
    struct process_job *job = (struct process_job *)work;
    struct aks_secret_command command = { job->command, variables, true, owner_left, work };

    return aks_secret_command_run(work->port, &command, &job->output, err);
}

static void
release_job(struct aks_target_work *work)
{
    struct process_job *job = (struct process_job *)work;

    aks_buf_fini(&job->output);
    aks_mem_free(work->port->alloc, job->command);
}

/* Its answer is shown in no message. */
static enum aks_status
read_output(struct aks_credentials_fetch *fetch, const struct aks_buf *output,
    struct aks_credentials **ret_credentials, struct aks_error *err)
{
    struct aks_credentials_answer answer;
    const char *version;
    enum aks_status status;

    aks_credentials_answer_init(&answer, fetch->options.port->alloc);
    status = aks_credentials_answer_json(&answer, output->data, output->len, err);
    version = answer.texts[AKS_CREDENTIALS_TEXT_VERSION];
    if (status == AKS_OK && (version == NULL || strcmp(version, "1") != 0))
        status = aks_error_set(err, AKS_BAD_REPLY, "the answer's Version is not the number 1");
    if (status == AKS_OK)
        status = aks_credentials_fetch_make(fetch, &answer, "the answer", NULL, ret_credentials,
            err);
    aks_credentials_answer_fini(&answer);
    /* The same program will say the same again. */
    if (status == AKS_BAD_REPLY) {
        status = AKS_AUTH_MISSING;
        err->status = status;
    }
    return status;
}

static void
ended(void *ctx, struct aks_target_work *work)
{
    struct aks_credentials_fetch *fetch = ctx;
    struct process_job *job = (struct process_job *)work;
    struct aks_credentials *credentials = NULL;
    struct aks_error err = work->error;

    fetch->work = NULL;
    if (err.status == AKS_OK &&
        read_output(fetch, &job->output, &credentials, &err) == AKS_OK)
        aks_credentials_fetch_got(fetch, credentials);
    else
        aks_credentials_fetch_fail(fetch, &err);
}

void
aks_credentials_process_begin(struct aks_credentials_fetch *fetch)
{
    const struct aks_port *port = fetch->options.port;
    struct process_job *job = aks_mem_new(port->alloc, sizeof(*job));
    struct aks_error err;

    if (job != NULL)
        job->command = aks_mem_strdup(port->alloc, fetch->plan.command);
    if (job == NULL || job->command == NULL) {
        aks_mem_free(port->alloc, job);
        (void)aks_error_memory(&err, "asking a program");
        aks_credentials_fetch_fail(fetch, &err);
        return;
    }
    job->work.port = port;
    job->work.run = run_job;
    job->work.release = release_job;
    aks_secret_wipe_init(&job->wipe, port->alloc);
    aks_buf_init(&job->output, &job->wipe.alloc, AKS_CREDENTIALS_REPLY_BYTES);
    fetch->work = &job->work;
    if (aks_target_work_begin(&job->work, ended, fetch, &err) != AKS_OK) {
        fetch->work = NULL;
        aks_credentials_fetch_fail(fetch, &err);
    }
}
