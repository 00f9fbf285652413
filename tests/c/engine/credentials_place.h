/* A chain of credentials on a scripted port: what is asked, what is answered, and what the chain
 * makes of it. */
#ifndef AKS_TESTS_CREDENTIALS_PLACE_H
#define AKS_TESTS_CREDENTIALS_PLACE_H

#include "engine/credentials_chain.h"
#include "support/scripted_port.h"

#define SHARED "/home/test/.aws/credentials"
#define CONFIG "/home/test/.aws/config"
#define KEYS "aws_access_key_id = AKIDFILE\naws_secret_access_key = planted/secret\n"
#define ROLE "arn:aws:iam::123456789012:role/backup"
#define TOKEN_TEXT "planted.web.identity.token.of.a.pod"
/* The scripted wall clock begins at 2026-11-23T06:45:00Z. */
#define DATE "Date: Mon, 23 Nov 2026 06:45:00 GMT\n"
#define AN_HOUR_ON "2026-11-23T07:45:00Z"
#define STS_ANSWER(result, key, expires) \
    "<" result "Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><" result "Result>" \
    "<Credentials><AccessKeyId>" key "</AccessKeyId><SecretAccessKey>planted/sts" \
    "</SecretAccessKey>" \
    "<SessionToken>planted+token==</SessionToken><Expiration>" expires "</Expiration>" \
    "</Credentials></" result "Result></" result "Response>"
#define STS_ERROR(code) \
    "<ErrorResponse><Error><Type>Sender</Type><Code>" code "</Code><Message>no</Message></Error>" \
    "<RequestId>r-1</RequestId></ErrorResponse>"
#define MACHINE_ANSWER(key, expires) \
    "{\"Code\": \"Success\", \"AccessKeyId\": \"" key "\", \"SecretAccessKey\": " \
    "\"planted\\/json\", \"Token\": \"planted-token\", \"Expiration\": \"" expires "\"}"
#define TOKEN_PUT "PUT /latest/api/token"
#define ROLE_GET "GET /latest/meta-data/iam/security-credentials/"

struct credentials_place {
    struct scripted_port scripted;
    struct aks_loop loop;
    struct aks_credentials_options options;
    struct aks_credentials_chain *chain;
    unsigned told;
    struct aks_error err;
};

void credentials_place_begin(struct credentials_place *place, const struct aks_alloc *alloc,
    const char *how);
void credentials_place_end(struct credentials_place *place);
void credentials_place_open(struct credentials_place *place);
void credentials_place_told(void *ctx, const struct aks_error *err);
enum aks_status credentials_place_get(struct credentials_place *place);
void credentials_place_fetch(struct credentials_place *place);
void credentials_place_pass(struct credentials_place *place, int64_t ms);
void credentials_place_now(const struct credentials_place *place, const char *access_key,
    enum aks_credentials_kind kind, const char *source);
void credentials_place_fails(struct credentials_place *place, enum aks_status status,
    const char *says);
void credentials_place_process(struct credentials_place *place, const char *command);
void credentials_place_instance(struct credentials_place *place, const char *answer);

#endif
