/* Who asks: the signature is made again and compared
 * (docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html). */
#include "testkit/s3_model_internal.h"

#include "base/encode.h"
#include "base/units.h"
#include "data/digest.h"
#include "testkit/model_text.h"
#include "wire/dates.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define ALGORITHM "AWS4-HMAC-SHA256"
#define SKEW_MS (15 * 60 * AKS_MS_PER_S)
#define DATE_LEN 16
#define DAY_LEN 8
#define SCOPE_PARTS 5
#define SCOPE_BYTES 512
#define NAMES_BYTES 2048

/* The Authorization header, in pieces. */
struct claim {
    char scope[SCOPE_BYTES];            /* all of the credential, cut at its slashes */
    const char *access_key;
    const char *day;
    const char *region;
    const char *service;
    const char *end;
    char names[NAMES_BYTES];            /* of signed headers, as they were given */
    char signature[AKS_SIGV4_HEX_BYTES];
    const char *date;
    int64_t date_ms;
};

/* The value of "name=" in the header, up to the next ',' or blank; false if it is not there or has
 * no room. */
static bool
piece(const char *header, const char *name, char *ret_text, size_t bytes)
{
    const char *at = strstr(header, name);
    size_t len;

    if (at == NULL)
        return false;
    at += strlen(name);
    len = strcspn(at, ", ");
    if (len == 0 || len >= bytes)
        return false;
    memcpy(ret_text, at, len);
    ret_text[len] = '\0';
    return true;
}

static bool
all_digits(const char *text, size_t len)
{
    return strlen(text) == len && strspn(text, "0123456789") == len;
}

/* Cuts the credential into its five parts. */
static bool
cut_scope(struct claim *claim)
{
    char *parts[SCOPE_PARTS] = { claim->scope };

    for (size_t i = 1; i < SCOPE_PARTS; i++) {
        char *slash = strchr(parts[i - 1], '/');

        if (slash == NULL)
            return false;
        *slash = '\0';
        parts[i] = slash + 1;
    }
    claim->access_key = parts[0];
    claim->day = parts[1];
    claim->region = parts[2];
    claim->service = parts[3];
    claim->end = parts[4];
    return strcmp(claim->end, "aws4_request") == 0 && all_digits(claim->day, DAY_LEN);
}

static bool
refuse(struct aks_s3_call *call, const char *code)
{
    aks_s3_model_reply_error(call, code);
    return false;
}

/* "20130524T000000Z" */
static bool
parse_date(const char *text, int64_t *ret_ms)
{
    char iso[AKS_DATE_BYTES];

    if (strlen(text) != DATE_LEN)
        return false;
    (void)snprintf(iso, sizeof(iso), "%.4s-%.2s-%.5s:%.2s:%s", text, text + 4, text + 6, text + 11,
        text + 13);
    return aks_date_parse_iso(iso, strlen(iso), ret_ms);
}

static bool
read_claim(struct aks_s3_call *call, struct claim *ret_claim)
{
    const char *header = aks_s3_model_request_header(call, "authorization");

    memset(ret_claim, 0, sizeof(*ret_claim));
    if (header == NULL || strncmp(header, ALGORITHM, strlen(ALGORITHM)) != 0)
        return refuse(call, "AccessDenied");
    if (!piece(header, "Credential=", ret_claim->scope, sizeof(ret_claim->scope)) ||
        !piece(header, "SignedHeaders=", ret_claim->names, sizeof(ret_claim->names)) ||
        !piece(header, "Signature=", ret_claim->signature, sizeof(ret_claim->signature)))
        return refuse(call, "AuthorizationHeaderMalformed");
    ret_claim->date = aks_s3_model_request_header(call, "x-amz-date");
    if (ret_claim->date == NULL || !parse_date(ret_claim->date, &ret_claim->date_ms))
        return refuse(call, "AccessDenied");
    if (!cut_scope(ret_claim))
        return refuse(call, call->traits->malformed_scope);
    return true;
}

/* A server of another region sends on; one that serves them all says what it expected. */
static bool
check_region(struct aks_s3_call *call, const struct claim *claim)
{
    const char *region = call->model->options.region;
    char label[SCOPE_BYTES];

    if (call->traits->any_region || strcmp(claim->region, region) == 0 ||
        (call->traits->region_aliases &&
            (strcmp(claim->region, "auto") == 0 || strcmp(claim->region, "us-east-1") == 0)))
        return true;
    if (call->traits->tells_wrong_region)
        aks_sim_reply_header(call->reply, "x-amz-bucket-region", "%s", region);
    (void)snprintf(label, sizeof(label), ".%s.", claim->region);
    if (strstr(call->request->host, label) != NULL)
        aks_s3_model_reply_error_with(call, "PermanentRedirect",
            "<Bucket>%s</Bucket><Endpoint>s3.%s.amazonaws.com</Endpoint>",
            call->model->options.bucket, region);
    else
        aks_s3_model_reply_error_with(call, "AuthorizationHeaderMalformed", "<Region>%s</Region>",
            region);
    return false;
}

static bool
check_scope(struct aks_s3_call *call, const struct claim *claim)
{
    if (strcmp(claim->service, "s3") != 0)
        return refuse(call, call->traits->wrong_service);
    if (!call->traits->any_scope_day && strncmp(claim->day, claim->date, DAY_LEN) != 0)
        return refuse(call, "AuthorizationHeaderMalformed");
    return check_region(call, claim);
}

static bool
check_time(struct aks_s3_call *call, const struct claim *claim)
{
    int64_t max_ms = call->model->options.skew_ms_max > 0 ? call->model->options.skew_ms_max
        : SKEW_MS;
    int64_t skew_ms = claim->date_ms - call->wall_ms;
    char now[AKS_DATE_BYTES];

    if (skew_ms >= -max_ms && skew_ms <= max_ms)
        return true;
    if (!call->traits->tells_server_time)
        return refuse(call, "RequestTimeTooSkewed");
    aks_s3_model_reply_error_with(call, "RequestTimeTooSkewed", "<RequestTime>%s</RequestTime>"
        "<ServerTime>%s</ServerTime>"
        "<MaxAllowedSkewMilliseconds>%" PRId64 "</MaxAllowedSkewMilliseconds>", claim->date,
        aks_date_iso(call->wall_ms, now), max_ms);
    return false;
}

static bool
check_token(struct aks_s3_call *call)
{
    const struct aks_s3_model_options *options = &call->model->options;
    const char *token = aks_s3_model_request_header(call, "x-amz-security-token");

    /* A key of a session says nothing without its token. */
    if (token == NULL && options->session_token != NULL)
        return refuse(call, call->traits->unknown_access_key);
    if (token != NULL && (options->session_token == NULL ||
            strcmp(token, options->session_token) != 0))
        return refuse(call, call->traits->wrong_token);
    if (options->expires_at_ms > 0 && call->wall_ms >= options->expires_at_ms)
        return refuse(call, "ExpiredToken");
    return true;
}

/* Takes the next of the names with ';' between into ${ret_name}; false at the end. */
static bool
next_name(const char **names, char *ret_name, size_t bytes)
{
    size_t len = strcspn(*names, ";");

    if (len == 0 || len >= bytes)
        return false;
    memcpy(ret_name, *names, len);
    ret_name[len] = '\0';
    *names += len;
    *names += **names == ';';
    return true;
}

/* Fills the headers that were signed, and says whether all were that must be. */
static bool
gather_headers(struct aks_s3_call *call, const struct claim *claim,
    char names[AKS_SIGV4_HEADERS_MAX][64], struct aks_sigv4_pair *pairs, size_t *ret_count)
{
    const char *at = claim->names;
    bool host = false;
    size_t count = 0;

    while (count < AKS_SIGV4_HEADERS_MAX && next_name(&at, names[count], sizeof(names[count]))) {
        pairs[count].name = names[count];
        pairs[count].value = aks_s3_model_request_header(call, names[count]);
        if (strcmp(names[count], "host") == 0) {
            pairs[count].value = call->request->host;
            host = true;
        }
        if (pairs[count].value == NULL)
            return refuse(call, "SignatureDoesNotMatch");
        count++;
    }
    if (*at != '\0' || !host)
        return refuse(call, "AccessDenied");
    *ret_count = count;
    return true;
}

/* What S3 acts upon must be under the signature. */
static bool
check_signed(struct aks_s3_call *call, const struct aks_sigv4_pair *pairs, size_t count)
{
    const struct aks_sim_request *request = call->request;

    for (size_t i = 0; i < request->header_count; i++) {
        char name[64];
        size_t len = strlen(request->headers[i].name);
        size_t at = 0;

        if (len >= sizeof(name))
            return refuse(call, "AccessDenied");
        for (size_t j = 0; j <= len; j++) {
            char c = request->headers[i].name[j];

            name[j] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
        }
        if (strncmp(name, "x-amz-", 6) != 0)
            continue;
        while (at < count && strcmp(pairs[at].name, name) != 0)
            at++;
        if (at == count) {
            aks_s3_model_reply_error_with(call, "AccessDenied",
                "<HeadersNotSigned>%s</HeadersNotSigned>", name);
            return false;
        }
    }
    return true;
}

/* The key that signs on the scope's day, made once a day. */
static bool
find_key(struct aks_s3_call *call, const struct claim *claim)
{
    struct aks_s3_model *model = call->model;
    struct aks_sigv4_key key = { model->options.access_key, model->options.secret_key,
        claim->region, "s3" };
    char scope[sizeof(model->signing_scope)];
    char date[DATE_LEN + 1];

    (void)snprintf(scope, sizeof(scope), "%s/%s", claim->day, claim->region);
    if (strcmp(scope, model->signing_scope) == 0)
        return true;
    (void)snprintf(date, sizeof(date), "%.8sT000000Z", claim->day);
    if (aks_sigv4_signing_key(&key, date, model->signing_key, NULL) != AKS_OK)
        return refuse(call, "AuthorizationHeaderMalformed");
    memcpy(model->signing_scope, scope, sizeof(scope));
    return true;
}

static bool
check_signature(struct aks_s3_call *call, const struct claim *claim,
    const struct aks_sigv4_pair *pairs, size_t count)
{
    struct aks_s3_model *model = call->model;
    const char *payload_hash = aks_s3_model_request_header(call, "x-amz-content-sha256");
    struct aks_sigv4_request request = { call->request->method, call->path, call->query,
        call->query_count, pairs, count, payload_hash };
    uint8_t digest[AKS_SHA256_BYTES];
    char hex[AKS_SHA256_HEX_BYTES];
    char room[2 * SCOPE_BYTES];
    int len;

    /* Without the header MinIO signs as if it had been the digest of nothing. */
    if (payload_hash == NULL)
        request.payload_hash = AKS_SHA256_EMPTY_HEX;
    aks_buf_reset(&model->canonical);
    if (aks_sigv4_canonical(&request, &model->canonical, NULL) != AKS_OK) {
        aks_s3_model_reply_full(call);
        return false;
    }
    aks_sha256(model->canonical.data, model->canonical.len, digest);
    aks_hex_encode(digest, sizeof(digest), hex);
    len = snprintf(room, sizeof(room), ALGORITHM "\n%s\n%s/%s/s3/aws4_request\n%s", claim->date,
        claim->day, claim->region, hex);
    aks_hmac_sha256(model->signing_key, sizeof(model->signing_key), room, (size_t)len, digest);
    aks_hex_encode(digest, sizeof(digest), hex);
    return strcmp(hex, claim->signature) == 0 || refuse(call, "SignatureDoesNotMatch");
}

bool
aks_s3_model_auth(struct aks_s3_call *call)
{
    char names[AKS_SIGV4_HEADERS_MAX][64];
    struct aks_sigv4_pair pairs[AKS_SIGV4_HEADERS_MAX];
    struct claim claim;
    size_t count;

    if (!read_claim(call, &claim) || !check_scope(call, &claim) || !check_time(call, &claim))
        return false;
    if (strcmp(claim.access_key, call->model->options.access_key) != 0)
        return refuse(call, call->traits->unknown_access_key);
    if (aks_s3_model_request_header(call, "x-amz-content-sha256") == NULL &&
        call->traits->needs_content_sha256)
        return refuse(call, "InvalidRequest");
    if (!check_token(call) || !gather_headers(call, &claim, names, pairs, &count))
        return false;
    if (!call->traits->any_unsigned_header && !check_signed(call, pairs, count))
        return false;
    return find_key(call, &claim) && check_signature(call, &claim, pairs, count);
}
