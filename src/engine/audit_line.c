#include "engine/audit_line.h"

#include "base/encode.h"
#include "data/digest.h"
#include "wire/dates.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

_Static_assert(AKS_AUDIT_DIGEST_BYTES == AKS_SHA256_HEX_BYTES, "both are a digest in hex");

bool
aks_audit_line_is_digest(const char *text)
{
    return text != NULL && strlen(text) == AKS_AUDIT_DIGEST_BYTES - 1 &&
        strspn(text, "0123456789abcdef") == AKS_AUDIT_DIGEST_BYTES - 1;
}

static bool
read_digest(const json_t *record, const char *name, char ret_hex[AKS_AUDIT_DIGEST_BYTES])
{
    const char *text = json_string_value(json_object_get(record, name));

    if (!aks_audit_line_is_digest(text))
        return false;
    memcpy(ret_hex, text, AKS_AUDIT_DIGEST_BYTES);
    return true;
}

static bool
read_count(const json_t *record, const char *name, int64_t *ret)
{
    *ret = json_integer_value(json_object_get(record, name));
    return *ret > 0 && *ret < INT64_MAX / 2;
}

/* What only records of the log itself have. */
static bool
read_own(const json_t *record, struct aks_audit_line *line)
{
    line->healed = strcmp(line->event, "healed") == 0;
    if (line->healed)
        return read_digest(record, "before", line->before) &&
            read_digest(record, "torn_sha256", line->torn_sha256) &&
            read_count(record, "torn_lines", &line->torn_lines);
    if (strcmp(line->event, "rotated") == 0 && json_object_get(record, "removed_seq") != NULL)
        return read_count(record, "removed_seq", &line->removed_seq) &&
            read_digest(record, "removed_head", line->removed_head);
    if (strcmp(line->event, "log_cut") == 0)
        return read_count(record, "known_seq", &line->known_seq);
    return true;
}

static bool
read_record(const json_t *record, struct aks_audit_line *line)
{
    const char *at = json_string_value(json_object_get(record, "at"));
    const char *event = json_string_value(json_object_get(record, "event"));

    if (!read_count(record, "seq", &line->seq) || !read_digest(record, "prev", line->prev) ||
        at == NULL || !aks_date_parse_iso(at, strlen(at), &line->at_ms) || event == NULL ||
        event[0] == '\0' || strlen(event) >= sizeof(line->event))
        return false;
    (void)snprintf(line->event, sizeof(line->event), "%s", event);
    return read_own(record, line);
}

void
aks_audit_line_read(const char *text, size_t len, struct aks_audit_line *ret, json_t **ret_record)
{
    uint8_t digest[AKS_SHA256_BYTES];
    json_t *record = NULL;
    json_error_t why;

    memset(ret, 0, sizeof(*ret));
    if (ret_record != NULL)
        *ret_record = NULL;
    aks_sha256(text, len, digest);
    aks_hex_encode(digest, sizeof(digest), ret->digest);
    ret->kind = AKS_AUDIT_LINE_FOREIGN;
    if (len >= AKS_AUDIT_RECORD_BYTES_MAX)
        return;
    record = json_loadb(text, len, JSON_REJECT_DUPLICATES, &why);
    if (record == NULL) {
        ret->kind = AKS_AUDIT_LINE_SPOILT;
        /* A line is written at once, but where the power goes its sectors reach the medium in any
         * order: zeros are those that did not, and a line end may be in one that did. */
        ret->cut = len > 0 && (memchr(text, '\0', len) != NULL || (text[0] == '{' &&
            json_error_code(&why) == json_error_premature_end_of_input));
    } else if (read_record(record, ret)) {
        ret->kind = AKS_AUDIT_LINE_RECORD;
    }
    if (ret->kind == AKS_AUDIT_LINE_RECORD && ret_record != NULL)
        *ret_record = record;
    else
        json_decref(record);
}
