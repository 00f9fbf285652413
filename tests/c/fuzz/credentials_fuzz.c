/* What those answer that are asked for credentials. The first byte says how it is read: 'x' as
 * STS's XML, 'e' as an error of STS's, anything else as JSON. What is taken has its limits, and
 * the same bytes are taken the same way twice. */
#include "base/check.h"
#include "engine/credentials.h"
#include "engine/credentials_answer.h"
#include "wire/json_texts.h"
#include "wire/sts_xml.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static enum aks_status
read_answer(struct aks_credentials_answer *answer, char how, const char *text, size_t len,
    struct aks_error *err)
{
    aks_credentials_answer_init(answer, aks_alloc_system());
    return how == 'x' ? aks_credentials_answer_xml(answer, text, len, err)
        : aks_credentials_answer_json(answer, text, len, err);
}

/* Whatever it says: keys, or one clear refusal. */
static void
make(const struct aks_credentials_answer *answer)
{
    static const char *const names[3] = { "a", "b", "c" };
    struct aks_credentials_spec spec = { .kind = AKS_CREDENTIALS_PROCESS, .source = "s",
        .access_key = answer->texts[AKS_CREDENTIALS_TEXT_ACCESS_KEY],
        .secret_key = answer->texts[AKS_CREDENTIALS_TEXT_SECRET_KEY],
        .session_token = answer->texts[AKS_CREDENTIALS_TEXT_SESSION_TOKEN],
        .expires_ms = answer->expires_ms, .where = "w", .names = names };
    struct aks_credentials *credentials;
    struct aks_error err;
    enum aks_status status = aks_credentials_new(aks_alloc_system(), &spec, &credentials, &err);

    AKS_CHECK(status == AKS_OK || status == AKS_NOT_FOUND || status == AKS_SETTINGS);
    for (const char *c = status == AKS_OK ? aks_credentials_access_key(credentials) : "";
        *c != '\0'; c++)
        AKS_CHECK((unsigned char)*c > 0x20 && (unsigned char)*c < 0x7f);
    aks_credentials_drop(credentials);
}

static void
read_error(const char *text, size_t len)
{
    struct aks_s3_error sts;
    enum aks_status status = aks_sts_xml_error(text, len, &sts, NULL);

    AKS_CHECK(status == AKS_OK || status == AKS_BAD_REPLY || status == AKS_NOT_FOUND);
    for (const char *c = sts.message; *c != '\0'; c++)
        AKS_CHECK((unsigned char)*c >= 0x20 && (unsigned char)*c < 0x7f);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    const char *text = (const char *)data + 1;
    struct aks_credentials_answer answer;
    struct aks_credentials_answer again;
    struct aks_error err;
    enum aks_status status;

    if (len == 0)
        return 0;
    if (data[0] == 'e') {
        read_error(text, len - 1);
        return 0;
    }
    status = read_answer(&answer, (char)data[0], text, len - 1, &err);
    AKS_CHECK(status == AKS_OK || (status == AKS_BAD_REPLY && err.message[0] != '\0'));
    AKS_CHECK(read_answer(&again, (char)data[0], text, len - 1, &err) == status);
    for (size_t i = 0; i < AKS_CREDENTIALS_TEXTS; i++) {
        AKS_CHECK((answer.texts[i] == NULL) == (again.texts[i] == NULL));
        if (answer.texts[i] == NULL)
            continue;
        AKS_CHECK(strcmp(answer.texts[i], again.texts[i]) == 0);
        AKS_CHECK(answer.texts[i][0] != '\0');
        AKS_CHECK(strlen(answer.texts[i]) < AKS_JSON_TEXTS_VALUE_BYTES);
    }
    if (status == AKS_OK)
        make(&answer);
    aks_credentials_answer_fini(&answer);
    aks_credentials_answer_fini(&again);
    return 0;
}
