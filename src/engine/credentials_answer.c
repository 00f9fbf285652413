#include "engine/credentials_answer.h"

#include "wire/dates.h"
#include "wire/json_texts.h"
#include "wire/sts_xml.h"

#include <string.h>

static const struct {
    const char *name;
    enum aks_credentials_text text;
} known[] = {
    { "AccessKeyId", AKS_CREDENTIALS_TEXT_ACCESS_KEY },
    { "SecretAccessKey", AKS_CREDENTIALS_TEXT_SECRET_KEY },
    { "SessionToken", AKS_CREDENTIALS_TEXT_SESSION_TOKEN },
    /* As containers and instances call it. */
    { "Token", AKS_CREDENTIALS_TEXT_SESSION_TOKEN },
    { "Expiration", AKS_CREDENTIALS_TEXT_EXPIRATION },
    { "Version", AKS_CREDENTIALS_TEXT_VERSION },
    { "Code", AKS_CREDENTIALS_TEXT_CODE },
    { "Message", AKS_CREDENTIALS_TEXT_MESSAGE },
};

void
aks_credentials_answer_init(struct aks_credentials_answer *answer, const struct aks_alloc *alloc)
{
    memset(answer, 0, sizeof(*answer));
    aks_secret_wipe_init(&answer->wipe, alloc);
    answer->expires_ms = -1;
}

void
aks_credentials_answer_fini(struct aks_credentials_answer *answer)
{
    for (size_t i = 0; i < AKS_CREDENTIALS_TEXTS; i++) {
        aks_mem_free(&answer->wipe.alloc, answer->texts[i]);
        answer->texts[i] = NULL;
    }
}

static enum aks_status
keep(struct aks_credentials_answer *answer, const char *name, const char *text,
    struct aks_error *err)
{
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        char **slot = &answer->texts[known[i].text];

        if (strcmp(known[i].name, name) != 0)
            continue;
        /* Two readers could take different ones. */
        if (*slot != NULL)
            return aks_error_set(err, AKS_BAD_REPLY, "the answer has %s twice", name);
        if (text[0] == '\0')
            return AKS_OK;
        *slot = aks_mem_strdup(&answer->wipe.alloc, text);
        return *slot != NULL ? AKS_OK : aks_error_memory(err, "reading credentials");
    }
    return AKS_OK;
}

static enum aks_status
keep_json(void *ctx, const char *name, const char *text, bool quoted, struct aks_error *err)
{
    if (quoted == (strcmp(name, "Version") == 0))
        return AKS_OK;
    return keep(ctx, name, text, err);
}

static enum aks_status
keep_xml(void *ctx, const char *name, const char *text, struct aks_error *err)
{
    return keep(ctx, name, text, err);
}

static enum aks_status
read_expiration(struct aks_credentials_answer *answer, struct aks_error *err)
{
    const char *text = answer->texts[AKS_CREDENTIALS_TEXT_EXPIRATION];

    if (text == NULL)
        return AKS_OK;
    if (!aks_date_parse_iso(text, strlen(text), &answer->expires_ms) || answer->expires_ms < 0)
        return aks_error_set(err, AKS_BAD_REPLY, "the answer's Expiration is no time");
    return AKS_OK;
}

enum aks_status
aks_credentials_answer_json(struct aks_credentials_answer *answer, const char *json, size_t len,
    struct aks_error *err)
{
    enum aks_status status = aks_json_texts(json, len, keep_json, answer, err);

    return status == AKS_OK ? read_expiration(answer, err) : status;
}

enum aks_status
aks_credentials_answer_xml(struct aks_credentials_answer *answer, const char *xml, size_t len,
    struct aks_error *err)
{
    enum aks_status status = aks_sts_xml_credentials(xml, len, keep_xml, answer, err);

    return status == AKS_OK ? read_expiration(answer, err) : status;
}
