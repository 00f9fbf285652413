/* The endpoint at which ECS and EKS tell a container its credentials
 * (docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html). */
#include "engine/credentials_fetch_internal.h"
#include "engine/credentials_plan_internal.h"
#include "wire/url.h"

#include <stdio.h>
#include <string.h>

#define ECS_HOST "http://169.254.170.2"
#define PAUSE_MS 1000
#define WHAT "the container's endpoint"

static void send(struct aks_credentials_fetch *fetch);

/* --- where it is ------------------------------------------------------------------------------ */

/* The host with its brackets, without the port; false if what stands there is no host. */
static bool
read_host(const char *uri, char ret_host[AKS_URL_HOST_BYTES])
{
    const char *host = uri + strlen("http://");
    const char *end = host[0] == '[' ? strchr(host, ']') : NULL;
    size_t len = end != NULL ? (size_t)(end + 1 - host) : strcspn(host, ":/?#");

    if (len == 0 || len >= AKS_URL_HOST_BYTES || memchr(host, '@', strcspn(host, "/?#")) != NULL ||
        (host[len] != '\0' && strchr(":/?", host[len]) == NULL))
        return false;
    memcpy(ret_host, host, len);
    ret_host[len] = '\0';
    return true;
}

/* It brings keys: in the open it may only come from this machine, or from its own link. */
static enum aks_status
check_full(const char *uri, struct aks_error *err)
{
    static const char name[] = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
    char host[AKS_URL_HOST_BYTES];
    enum aks_status status;

    if (strncmp(uri, "https://", 8) == 0)
        return AKS_OK;
    if (strncmp(uri, "http://", 7) != 0 || !read_host(uri, host))
        return aks_error_set(err, AKS_SETTINGS, "%s is no address that begins with https:// or "
            "http://", name);
    if (aks_http_loopback(host) || aks_http_metadata(host))
        return AKS_OK;
    status = aks_error_set(err, AKS_SETTINGS, "%s: plain http is for this machine and its "
        "container's host only, not for %s", name, host);
    aks_error_hint(err, "use https://, 127.0.0.1, localhost, 169.254.170.2, 169.254.170.23 or "
        "[fd00:ec2::23]");
    return status;
}

static enum aks_status
write_url(struct aks_credentials_fetch *fetch, struct aks_error *err)
{
    const struct aks_port *port = fetch->options.port;
    const char *relative = aks_credentials_variable(port, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    const char *full = aks_credentials_variable(port, "AWS_CONTAINER_CREDENTIALS_FULL_URI");
    enum aks_status status = AKS_OK;

    if (relative != NULL && relative[0] != '/')
        return aks_error_set(err, AKS_SETTINGS,
            "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI does not begin with /");
    if (relative == NULL)
        status = check_full(full != NULL ? full : "", err);
    if (status != AKS_OK)
        return status;
    aks_buf_puts(&fetch->url, relative != NULL ? ECS_HOST : "");
    aks_buf_puts(&fetch->url, relative != NULL ? relative : full);
    return AKS_OK;
}

/* --- who asks --------------------------------------------------------------------------------- */

/* The file goes first, and is read each time: it is renewed under our feet. */
static enum aks_status
find_token(struct aks_credentials_fetch *fetch, struct aks_error *err)
{
    static const char file_name[] = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE";
    static const char name[] = "AWS_CONTAINER_AUTHORIZATION_TOKEN";
    const struct aks_port *port = fetch->options.port;
    const char *file = aks_credentials_variable(port, file_name);
    const char *text = aks_credentials_variable(port, name);
    char path[AKS_PATH_BYTES];
    enum aks_status status;

    if (file != NULL) {
        status = aks_profile_locate(port, file, file_name, path, err);
        return status == AKS_OK ? aks_credentials_fetch_token_file(fetch, path, err) : status;
    }
    if (text == NULL)
        return AKS_OK;
    return aks_credentials_fetch_token_text(fetch, text, strlen(text), name, err);
}

/* --- asking ----------------------------------------------------------------------------------- */

static void
replied(struct aks_credentials_fetch *fetch, const struct aks_http_reply *reply)
{
    struct aks_credentials *credentials = NULL;
    struct aks_credentials_answer answer;
    struct aks_error err;
    enum aks_status status;

    if (reply->transport == AKS_OK && reply->status == 200) {
        aks_credentials_answer_init(&answer, fetch->options.port->alloc);
        status = aks_credentials_answer_json(&answer, reply->body.data, reply->body.len, &err);
        if (status == AKS_OK)
            status = aks_credentials_fetch_make(fetch, &answer, "the answer", reply, &credentials,
                &err);
        aks_credentials_answer_fini(&answer);
        if (status == AKS_OK) {
            aks_credentials_fetch_got(fetch, credentials);
            return;
        }
        (void)aks_error_wrap(&err, WHAT);
    } else {
        aks_credentials_fetch_refusal(fetch, reply, WHAT, &err);
        aks_credentials_fetch_withhold(fetch, WHAT, &err);
        /* What takes its time has had it: whoever waits has somewhere else to go. */
        if ((err.status == AKS_SERVER || err.status == AKS_THROTTLED ||
                err.status == AKS_REFUSED) &&
            aks_credentials_fetch_again(fetch, AKS_CREDENTIALS_TRIES_MAX, PAUSE_MS, send))
            return;
        if (reply->status == 401 || reply->status == 403)
            aks_error_hint(&err, "check AWS_CONTAINER_AUTHORIZATION_TOKEN and its file");
    }
    aks_credentials_fetch_fail(fetch, &err);
}

static void
send(struct aks_credentials_fetch *fetch)
{
    struct aks_error err;
    enum aks_status status;

    aks_credentials_fetch_clear(fetch);
    status = write_url(fetch, &err);
    if (status == AKS_OK)
        status = find_token(fetch, &err);
    if (status != AKS_OK) {
        aks_credentials_fetch_fail(fetch, &err);
        return;
    }
    aks_credentials_fetch_header(fetch, "Accept", "application/json");
    if (fetch->token != NULL)
        aks_credentials_fetch_header(fetch, "Authorization", aks_secret_reveal(fetch->token));
    aks_credentials_fetch_ask(fetch, "GET", AKS_CREDENTIALS_CONTAINER_MS,
        AKS_CREDENTIALS_CONTAINER_MS, replied);
}

void
aks_credentials_container_begin(struct aks_credentials_fetch *fetch)
{
    send(fetch);
}
