/* AWS STS: a role for a web identity's token, unsigned, and a role for other credentials, signed
 * (docs.aws.amazon.com/STS/latest/APIReference/, version 2011-06-15). MinIO, Ceph and others answer
 * the same requests. */
#include "base/encode.h"
#include "data/digest.h"
#include "engine/classify.h"
#include "engine/classify_internal.h"
#include "engine/credentials_fetch_internal.h"
#include "wire/dates.h"
#include "wire/sigv4.h"
#include "wire/sts_xml.h"
#include "wire/url.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define API_VERSION "2011-06-15"
#define FORM_TYPE "application/x-www-form-urlencoded; charset=utf-8"
#define REGION_FIRST "us-east-1"
/* STS takes requests that are up to 15 minutes off; less than this is not what it refuses. */
#define CLOCK_STEP_MIN_MS (60 * AKS_MS_PER_S)
#define SESSION_NAME_BYTES 65

static void send_web(struct aks_credentials_fetch *fetch);
static void send_role(struct aks_credentials_fetch *fetch);

/* --- the form --------------------------------------------------------------------------------- */

static void
put(struct aks_credentials_fetch *fetch, const char *name, const char *value)
{
    if (value == NULL)
        return;
    if (fetch->form.len > 0)
        aks_buf_putc(&fetch->form, '&');
    aks_buf_puts(&fetch->form, name);
    aks_buf_putc(&fetch->form, '=');
    aks_percent_encode(value, strlen(value), false, &fetch->form);
}

/* One that says who it was, and is told from others of the same role. */
static void
session_name(const struct aks_credentials_fetch *fetch, const struct aks_credentials_role *role,
    char ret_name[SESSION_NAME_BYTES])
{
    const struct aks_clock *clock = &fetch->options.port->clock;

    if (role->session_name != NULL)
        (void)snprintf(ret_name, SESSION_NAME_BYTES, "%s", role->session_name);
    else
        (void)snprintf(ret_name, SESSION_NAME_BYTES, "akosha-sync-%" PRId64,
            clock->wall_ms(clock->ctx) / AKS_MS_PER_S);
}

static void
put_role(struct aks_credentials_fetch *fetch, const char *action,
    const struct aks_credentials_role *role)
{
    char name[SESSION_NAME_BYTES];
    char duration[16];

    session_name(fetch, role, name);
    (void)snprintf(duration, sizeof(duration), "%d", role->duration_s);
    put(fetch, "Action", action);
    put(fetch, "Version", API_VERSION);
    put(fetch, "RoleArn", role->arn);
    put(fetch, "RoleSessionName", name);
    put(fetch, "DurationSeconds", role->duration_s > 0 ? duration : NULL);
    put(fetch, "ExternalId", role->external_id);
}

/* --- where it goes ---------------------------------------------------------------------------- */

static enum aks_status
find_url(const struct aks_credentials_fetch *fetch, struct aks_url *ret_url, struct aks_error *err)
{
    const char *region = fetch->plan.region;
    char text[AKS_CREDENTIALS_REGION_BYTES + 64];
    enum aks_status status;

    if (fetch->plan.sts_url == NULL) {
        (void)snprintf(text, sizeof(text), "https://sts%s%s.amazonaws.com%s",
            region[0] != '\0' ? "." : "", region, strncmp(region, "cn-", 3) == 0 ? ".cn" : "");
        return aks_url_parse(text, ret_url, err);
    }
    status = aks_url_parse(fetch->plan.sts_url, ret_url, err);
    if (status != AKS_OK)
        (void)aks_error_wrap(err, "the address of STS (AWS_ENDPOINT_URL_STS, endpoint_url)");
    return status;
}

static void
send(struct aks_credentials_fetch *fetch, const struct aks_url *url,
    aks_credentials_replied *replied)
{
    aks_buf_printf(&fetch->url, "%s://%s%s", url->tls ? "https" : "http", url->authority,
        url->path[0] != '\0' ? url->path : "/");
    aks_credentials_fetch_ask(fetch, "POST", AKS_CREDENTIALS_STS_CONNECT_MS,
        AKS_CREDENTIALS_STS_ANSWER_MS, replied);
}

/* --- what it answers -------------------------------------------------------------------------- */

/* Codes that are STS's alone. */
static const struct aks_s3_meaning meanings[] = {
    { "InvalidIdentityToken", AKS_AUTH_INVALID,
        "check that the role trusts whoever issued the token (audience, issuer)" },
    { "IDPRejectedClaim", AKS_AUTH_INVALID,
        "whoever issued the token does not stand by it: it may have been taken back" },
    { "RegionDisabledException", AKS_SETTINGS,
        "STS is not switched on in this region: set `region`, or AWS_REGION" },
    { "MalformedPolicyDocument", AKS_SETTINGS, NULL },
    { "PackedPolicyTooLarge", AKS_SETTINGS, NULL },
    { "ValidationError", AKS_SETTINGS, "check role_arn, role_session_name and duration_seconds" },
    { "InvalidParameterValue", AKS_SETTINGS,
        "check role_arn, role_session_name and duration_seconds" },
    { "AccessDenied", AKS_FORBIDDEN,
        "the role's trust policy must name these credentials, and they need sts:AssumeRole" },
};

static const struct aks_s3_meaning *
find_meaning(const char *code)
{
    for (size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++) {
        if (strcmp(meanings[i].code, code) == 0)
            return &meanings[i];
    }
    return aks_classify_s3_code(code);
}

/* Fills ${err} with what a reply means that brought nothing; ${ret_code} with STS's word for it. */
static void
read_refusal(const struct aks_credentials_fetch *fetch, const struct aks_http_reply *reply,
    const char *what, char ret_code[64], struct aks_error *err)
{
    const struct aks_s3_meaning *meaning;
    struct aks_s3_error sts;

    ret_code[0] = '\0';
    aks_credentials_fetch_refusal(fetch, reply, what, err);
    if (reply->transport != AKS_OK || reply->status < 300 || reply->body.len == 0 ||
        aks_sts_xml_error(reply->body.data, reply->body.len, &sts, NULL) != AKS_OK)
        return;
    (void)snprintf(ret_code, 64, "%s", sts.code);
    meaning = find_meaning(sts.code);
    (void)aks_error_set(err, meaning != NULL ? meaning->status : err->status,
        "%s: %s%s%s (HTTP %d)", what, sts.code[0] != '\0' ? sts.code : "an error without a code",
        sts.message[0] != '\0' ? ": " : "", sts.message, reply->status);
    if (meaning != NULL && meaning->hint != NULL)
        aks_error_hint(err, "%s", meaning->hint);
    aks_credentials_fetch_withhold(fetch, what, err);
}

static bool
passes(const struct aks_error *err, const struct aks_http_reply *reply)
{
    return reply->status != 0 && (err->status == AKS_SERVER || err->status == AKS_THROTTLED);
}

static int64_t
pause_ms(const struct aks_credentials_fetch *fetch)
{
    return (int64_t)AKS_CREDENTIALS_PAUSE_MS << (fetch->tries - 1);
}

/* True if that was all, either way. */
static bool
take(struct aks_credentials_fetch *fetch, const struct aks_http_reply *reply, const char *what)
{
    struct aks_credentials *credentials = NULL;
    struct aks_credentials_answer answer;
    struct aks_error err;
    enum aks_status status;

    if (reply->transport != AKS_OK || reply->status != 200)
        return false;
    aks_credentials_answer_init(&answer, fetch->options.port->alloc);
    status = aks_credentials_answer_xml(&answer, reply->body.data, reply->body.len, &err);
    if (status == AKS_OK)
        status = aks_credentials_fetch_make(fetch, &answer, "the answer", reply, &credentials,
            &err);
    aks_credentials_answer_fini(&answer);
    if (status == AKS_OK) {
        fetch->role += fetch->have != NULL;
        aks_credentials_fetch_got(fetch, credentials);
        return true;
    }
    (void)aks_error_wrap(&err, "%s", what);
    aks_credentials_fetch_fail(fetch, &err);
    return true;
}

/* --- a role for a token ----------------------------------------------------------------------- */

static void
web_replied(struct aks_credentials_fetch *fetch, const struct aks_http_reply *reply)
{
    static const char what[] = "AssumeRoleWithWebIdentity";
    struct aks_error err;
    char code[64];

    if (take(fetch, reply, what))
        return;
    read_refusal(fetch, reply, what, code, &err);
    /* The token may have been renewed since it was read. */
    if ((strcmp(code, "InvalidIdentityToken") == 0 || strncmp(code, "ExpiredToken", 12) == 0) &&
        !fetch->read_again) {
        fetch->read_again = true;
        if (aks_credentials_fetch_again(fetch, fetch->tries + 1, 0, send_web))
            return;
    }
    if (passes(&err, reply) && aks_credentials_fetch_again(fetch, AKS_CREDENTIALS_TRIES_MAX,
            pause_ms(fetch), send_web))
        return;
    aks_credentials_fetch_fail(fetch, &err);
}

/* The file is read each time: it is renewed under our feet. */
static void
send_web(struct aks_credentials_fetch *fetch)
{
    struct aks_url url;
    struct aks_error err;
    enum aks_status status = find_url(fetch, &url, &err);

    if (status == AKS_OK)
        status = aks_credentials_fetch_token_file(fetch, fetch->plan.token_file, &err);
    if (status != AKS_OK) {
        aks_credentials_fetch_fail(fetch, &err);
        return;
    }
    aks_credentials_fetch_clear(fetch);
    put_role(fetch, "AssumeRoleWithWebIdentity", &fetch->plan.web);
    put(fetch, "WebIdentityToken", aks_secret_reveal(fetch->token));
    aks_credentials_fetch_header(fetch, "Content-Type", FORM_TYPE);
    aks_credentials_fetch_header(fetch, "Accept", "application/xml");
    send(fetch, &url, web_replied);
}

void
aks_credentials_sts_web(struct aks_credentials_fetch *fetch)
{
    send_web(fetch);
}

/* --- a role for other credentials ------------------------------------------------------------- */

/* A signature of a wrong time is refused as one of a wrong key; the answer tells the right time. */
static bool
mend_clock(struct aks_credentials_fetch *fetch, const struct aks_http_reply *reply)
{
    const struct aks_clock *clock = &fetch->options.port->clock;
    const char *date = aks_http_reply_header(reply, "date");
    int64_t there_ms;
    int64_t offset_ms;

    if (reply->status != 400 && reply->status != 403)
        return false;
    if (fetch->clock_offset_ms != 0 || date == NULL || !aks_date_parse_http(date, &there_ms))
        return false;
    offset_ms = there_ms - clock->wall_ms(clock->ctx);
    if (llabs((long long)offset_ms) < CLOCK_STEP_MIN_MS)
        return false;
    fetch->clock_offset_ms = offset_ms;
    return true;
}

static void
role_replied(struct aks_credentials_fetch *fetch, const struct aks_http_reply *reply)
{
    char what[AKS_CREDENTIALS_SOURCE_BYTES];
    struct aks_error err;
    char code[64];

    (void)snprintf(what, sizeof(what), "AssumeRole %s", fetch->plan.roles[fetch->role].arn);
    if (take(fetch, reply, what))
        return;
    read_refusal(fetch, reply, what, code, &err);
    if (mend_clock(fetch, reply) &&
        aks_credentials_fetch_again(fetch, fetch->tries + 1, 0, send_role))
        return;
    if (passes(&err, reply) && aks_credentials_fetch_again(fetch, AKS_CREDENTIALS_TRIES_MAX,
            pause_ms(fetch), send_role))
        return;
    aks_credentials_fetch_fail(fetch, &err);
}

static enum aks_status
sign(struct aks_credentials_fetch *fetch, const struct aks_url *url, struct aks_error *err)
{
    const struct aks_secret *token = aks_credentials_session_token(fetch->have);
    struct aks_sigv4_pair pairs[5] = {
        { "host", url->authority },
        { "content-type", FORM_TYPE },
        { "x-amz-content-sha256", fetch->hash },
        { "x-amz-date", fetch->date },
        { "x-amz-security-token", token != NULL ? aks_secret_reveal(token) : NULL },
    };
    struct aks_sigv4_request request = { 0 };
    struct aks_sigv4_key key = { 0 };
    enum aks_status status;

    request.method = "POST";
    request.path = url->path[0] != '\0' ? url->path : "/";
    request.headers = pairs;
    request.header_count = token != NULL ? 5 : 4;
    request.payload_hash = fetch->hash;
    key.access_key = aks_credentials_access_key(fetch->have);
    key.secret_key = aks_secret_reveal(aks_credentials_secret_key(fetch->have));
    key.region = fetch->plan.region[0] != '\0' ? fetch->plan.region : REGION_FIRST;
    key.service = "sts";
    status = aks_sigv4_authorization(&request, &key, fetch->date, &fetch->authorization, err);
    if (status == AKS_OK)
        status = aks_buf_status(&fetch->authorization, "the signature of a request", err);
    if (status != AKS_OK)
        return status;
    /* Host is the port's. */
    for (size_t i = 1; i < request.header_count; i++)
        aks_credentials_fetch_header(fetch, pairs[i].name, pairs[i].value);
    aks_credentials_fetch_header(fetch, "Authorization", fetch->authorization.data);
    return AKS_OK;
}

static void
send_role(struct aks_credentials_fetch *fetch)
{
    const struct aks_clock *clock = &fetch->options.port->clock;
    uint8_t digest[AKS_SHA256_BYTES];
    struct aks_url url;
    struct aks_error err;
    enum aks_status status = find_url(fetch, &url, &err);

    aks_credentials_fetch_clear(fetch);
    put_role(fetch, "AssumeRole", &fetch->plan.roles[fetch->role]);
    aks_sha256(fetch->form.data, fetch->form.len, digest);
    aks_hex_encode(digest, sizeof(digest), fetch->hash);
    aks_sigv4_date(clock->wall_ms(clock->ctx) + fetch->clock_offset_ms, fetch->date);
    if (status == AKS_OK)
        status = sign(fetch, &url, &err);
    if (status != AKS_OK) {
        aks_credentials_fetch_fail(fetch, &err);
        return;
    }
    send(fetch, &url, role_replied);
}

void
aks_credentials_sts_role(struct aks_credentials_fetch *fetch)
{
    fetch->tries = 0;
    send_role(fetch);
}
