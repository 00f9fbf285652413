/* EC2's instance metadata, version 2 alone
 * (docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html): a token is asked
 * for with PUT, so that nobody who can only make us follow an address gets at it. */
#include "engine/credentials_fetch_internal.h"
#include "engine/credentials_plan_internal.h"
#include "wire/url.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define HOST_V4 "http://169.254.169.254"
#define HOST_V6 "http://[fd00:ec2::254]"
#define TOKEN_PATH "/latest/api/token"
#define ROLE_PATH "/latest/meta-data/iam/security-credentials/"
#define TOKEN_LIFE_S "21600"            /* as long as there is one: six hours */
#define TOKEN_BYTES_MAX 1024
#define WHAT "instance metadata"

static void ask_token(struct aks_credentials_fetch *fetch);
static void ask_role(struct aks_credentials_fetch *fetch);
static void ask_keys(struct aks_credentials_fetch *fetch);

/* --- where it is ------------------------------------------------------------------------------ */

/* A number of a variable, within bounds. */
static unsigned
number(const struct aks_port *port, const char *name, unsigned usual, unsigned max)
{
    const char *text = aks_credentials_variable(port, name);
    char *end;
    unsigned long value;

    if (text == NULL || text[0] < '0' || text[0] > '9')
        return usual;
    value = strtoul(text, &end, 10);
    if (*end != '\0' || value == 0)
        return usual;
    return value > max ? max : (unsigned)value;
}

static int64_t
timeout_ms(const struct aks_credentials_fetch *fetch)
{
    return (int64_t)number(fetch->options.port, "AWS_METADATA_SERVICE_TIMEOUT",
        AKS_CREDENTIALS_INSTANCE_MS / AKS_MS_PER_S, AKS_CREDENTIALS_INSTANCE_S_MAX) * AKS_MS_PER_S;
}

static unsigned
tries_max(const struct aks_credentials_fetch *fetch)
{
    return number(fetch->options.port, "AWS_METADATA_SERVICE_NUM_ATTEMPTS", 1,
        AKS_CREDENTIALS_INSTANCE_TRIES_MAX);
}

/* A stand-in's address: this machine's, or one of the two. */
static enum aks_status
write_endpoint(struct aks_credentials_fetch *fetch, const char *text, struct aks_error *err)
{
    static const char name[] = "AWS_EC2_METADATA_SERVICE_ENDPOINT";
    const char *const hosts[] = { HOST_V4, HOST_V6 };
    size_t len = strlen(text);
    struct aks_url url;
    enum aks_status status;

    while (len > 0 && text[len - 1] == '/')
        len--;
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        if (len == strlen(hosts[i]) && strncasecmp(text, hosts[i], len) == 0) {
            aks_buf_puts(&fetch->url, hosts[i]);
            return AKS_OK;
        }
    }
    status = aks_url_parse(text, &url, err);
    if (status != AKS_OK) {
        (void)aks_error_wrap(err, "%s", name);
        return status;
    }
    aks_buf_printf(&fetch->url, "%s://%s%s", url.tls ? "https" : "http", url.authority, url.path);
    return AKS_OK;
}

static enum aks_status
write_url(struct aks_credentials_fetch *fetch, const char *path, struct aks_error *err)
{
    const struct aks_port *port = fetch->options.port;
    const char *endpoint = aks_credentials_variable(port, "AWS_EC2_METADATA_SERVICE_ENDPOINT");
    const char *mode = aks_credentials_variable(port, "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE");
    enum aks_status status = AKS_OK;

    aks_credentials_fetch_clear(fetch);
    if (endpoint != NULL)
        status = write_endpoint(fetch, endpoint, err);
    else
        aks_buf_puts(&fetch->url, mode != NULL && strcasecmp(mode, "ipv6") == 0 ? HOST_V6
            : HOST_V4);
    aks_buf_puts(&fetch->url, path);
    return status;
}

/* --- refusals --------------------------------------------------------------------------------- */

/* Is there nobody at all? Then there are no credentials, which is what whoever looks everywhere
 * wants to know. */
static bool
nobody(const struct aks_http_reply *reply)
{
    return reply->status == 0;
}

static void
fail_by_reply(struct aks_credentials_fetch *fetch, const struct aks_http_reply *reply,
    const char *doing)
{
    bool token = fetch->token == NULL;
    struct aks_error err;

    aks_credentials_fetch_refusal(fetch, reply, doing, &err);
    aks_credentials_fetch_withhold(fetch, doing, &err);
    if (nobody(reply)) {
        err.status = AKS_NOT_FOUND;
        aks_error_hint(&err, "nobody answers there: this is no EC2 instance, or it is a container "
            "and the hop limit (HttpPutResponseHopLimit) is 1; AWS_EC2_METADATA_DISABLED=true if "
            "there is none");
    } else if (token && (reply->status == 403 || reply->status == 404 || reply->status == 405)) {
        (void)aks_error_set(&err, AKS_AUTH_MISSING, "%s: it gives no token (HTTP %d), and without "
            "one (version 1) it is not asked", WHAT, reply->status);
        aks_error_hint(&err, "switch version 2 on: aws ec2 modify-instance-metadata-options "
            "--http-endpoint enabled --http-tokens required");
    } else if (reply->status == 404) {
        (void)aks_error_set(&err, AKS_AUTH_MISSING, "%s: no role is attached to this instance",
            WHAT);
        aks_error_hint(&err, "attach an instance profile with a role");
    }
    aks_credentials_fetch_fail(fetch, &err);
}

static bool
arrived(const struct aks_http_reply *reply)
{
    return reply->transport == AKS_OK && reply->status == 200;
}

/* Tries again what may pass; a token that has become old is asked for again, once in a fetch. */
static bool
again(struct aks_credentials_fetch *fetch, const struct aks_http_reply *reply,
    void (*step)(struct aks_credentials_fetch *fetch))
{
    if (reply->status == 401 && fetch->token != NULL && !fetch->read_again) {
        fetch->read_again = true;
        fetch->tries = 0;
        return aks_credentials_fetch_again(fetch, 1, 0, ask_token);
    }
    if (reply->status >= 400 && reply->status < 500)
        return false;
    return aks_credentials_fetch_again(fetch, tries_max(fetch), AKS_CREDENTIALS_PAUSE_MS, step);
}

/* --- the three questions ---------------------------------------------------------------------- */

static void
ask(struct aks_credentials_fetch *fetch, const char *path, aks_credentials_replied *replied)
{
    struct aks_error err;

    if (write_url(fetch, path, &err) != AKS_OK) {
        aks_credentials_fetch_fail(fetch, &err);
        return;
    }
    aks_credentials_fetch_header(fetch, "x-aws-ec2-metadata-token",
        aks_secret_reveal(fetch->token));
    aks_credentials_fetch_ask(fetch, "GET", timeout_ms(fetch), timeout_ms(fetch), replied);
}

static void
keys_replied(struct aks_credentials_fetch *fetch, const struct aks_http_reply *reply)
{
    struct aks_credentials *credentials = NULL;
    struct aks_credentials_answer answer;
    struct aks_error err;
    enum aks_status status;
    const char *code;

    if (!arrived(reply)) {
        if (!again(fetch, reply, ask_keys))
            fail_by_reply(fetch, reply, WHAT);
        return;
    }
    aks_credentials_answer_init(&answer, fetch->options.port->alloc);
    status = aks_credentials_answer_json(&answer, reply->body.data, reply->body.len, &err);
    code = answer.texts[AKS_CREDENTIALS_TEXT_CODE];
    if (status == AKS_OK && code != NULL && strcmp(code, "Success") != 0)
        status = aks_error_set(&err, AKS_AUTH_MISSING, "the role's credentials cannot be had "
            "(%.40s)", code);
    if (status == AKS_OK)
        status = aks_credentials_fetch_make(fetch, &answer, "the answer", reply, &credentials,
            &err);
    aks_credentials_answer_fini(&answer);
    if (status == AKS_OK) {
        aks_credentials_fetch_got(fetch, credentials);
        return;
    }
    (void)aks_error_wrap(&err, WHAT);
    aks_credentials_fetch_fail(fetch, &err);
}

static void
ask_keys(struct aks_credentials_fetch *fetch)
{
    char path[sizeof(ROLE_PATH) + AKS_CREDENTIALS_ROLE_NAME_BYTES];

    (void)snprintf(path, sizeof(path), "%s%s", ROLE_PATH, fetch->role_name);
    ask(fetch, path, keys_replied);
}

/* The first line of a reply into ${out}; false if it is empty, too long, or has other characters
 * than a name in an address. */
static bool
read_name(const struct aks_http_reply *reply, char *out, size_t bytes)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
        "_+=,.@-";
    size_t len = strcspn(reply->body.data, "\r\n");

    if (len == 0 || len >= bytes || strspn(reply->body.data, letters) < len)
        return false;
    memcpy(out, reply->body.data, len);
    out[len] = '\0';
    return true;
}

static void
role_replied(struct aks_credentials_fetch *fetch, const struct aks_http_reply *reply)
{
    struct aks_error err;

    if (!arrived(reply)) {
        if (!again(fetch, reply, ask_role))
            fail_by_reply(fetch, reply, WHAT);
    } else if (read_name(reply, fetch->role_name, sizeof(fetch->role_name))) {
        fetch->tries = 0;
        ask_keys(fetch);
    } else {
        (void)aks_error_set(&err, AKS_BAD_REPLY, "%s: it names no role", WHAT);
        aks_credentials_fetch_fail(fetch, &err);
    }
}

static void
ask_role(struct aks_credentials_fetch *fetch)
{
    ask(fetch, ROLE_PATH, role_replied);
}

static void
token_replied(struct aks_credentials_fetch *fetch, const struct aks_http_reply *reply)
{
    struct aks_error err;
    enum aks_status status;

    if (!arrived(reply)) {
        if (!again(fetch, reply, ask_token))
            fail_by_reply(fetch, reply, WHAT);
        return;
    }
    if (reply->body.len > TOKEN_BYTES_MAX)
        status = aks_error_set(&err, AKS_BAD_REPLY, "%s: its token is too long", WHAT);
    else
        status = aks_credentials_fetch_token_text(fetch, reply->body.data, reply->body.len, WHAT,
            &err);
    if (status != AKS_OK) {
        aks_credentials_fetch_fail(fetch, &err);
        return;
    }
    fetch->tries = 0;
    ask_role(fetch);
}

static void
ask_token(struct aks_credentials_fetch *fetch)
{
    struct aks_error err;

    aks_credentials_fetch_token(fetch, NULL);
    if (write_url(fetch, TOKEN_PATH, &err) != AKS_OK) {
        aks_credentials_fetch_fail(fetch, &err);
        return;
    }
    aks_credentials_fetch_header(fetch, "x-aws-ec2-metadata-token-ttl-seconds", TOKEN_LIFE_S);
    aks_credentials_fetch_ask(fetch, "PUT", timeout_ms(fetch), timeout_ms(fetch), token_replied);
}

void
aks_credentials_instance_begin(struct aks_credentials_fetch *fetch)
{
    ask_token(fetch);
}
