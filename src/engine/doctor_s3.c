/* What a bucket and the key to it are like. What S3 refuses to say is no finding of what it is: it
 * is told as unknown, as it should be with a key that may no more than it needs. */
#include "engine/doctor_internal.h"

#include "base/units.h"
#include "engine/text.h"
#include "wire/dates.h"

#include <stdlib.h>
#include <string.h>

/* Less is the way of the bytes, and of a date that has no fractions. */
#define CLOCK_OK_MS (30 * AKS_MS_PER_S)

#define HINT_KEY "akosha-sync bucket-policy --document identity prints what a key needs"
#define HINT_DOCUMENT "see docs/security.md: akosha-sync bucket-policy --document "

struct exam {
    struct doctor *doctor;
    const char *name;                   /* of the target */
    struct aks_s3_inspected told;
    struct aks_s3_known known;
};

static bool
is_success(int http)
{
    return http >= 200 && http < 300;
}

static bool
is_refused(int http)
{
    return http == 401 || http == 403;
}

static void
tell(struct exam *exam, const char *check, enum aks_doctor_outcome outcome, const char *hint,
    const char *message)
{
    aks_doctor_tell(exam->doctor, exam->name, check, outcome, hint, "%s", message);
}

/* Why something stays unknown. */
static void
tell_unknown(struct exam *exam, const char *check, enum aks_s3_question question, const char *what)
{
    int http = exam->told.http[question];
    const char *code = exam->told.code[question];

    if (is_refused(http))
        aks_doctor_tell(exam->doctor, exam->name, check, AKS_DOCTOR_UNKNOWN, NULL,
            "%s: this key may not ask, as it should be", what);
    else if (http == 0)
        aks_doctor_tell(exam->doctor, exam->name, check, AKS_DOCTOR_UNKNOWN, NULL,
            "%s: no answer that can be read", what);
    else
        aks_doctor_tell(exam->doctor, exam->name, check, AKS_DOCTOR_UNKNOWN, NULL,
            "%s: the store does not tell (HTTP %d%s%s)", what, http, code[0] != '\0' ? ", " : "",
            code);
}

/* --- what is known without asking ------------------------------------------------------------- */

static void
tell_known(struct exam *exam, json_t *row)
{
    char date[AKS_DATE_BYTES] = "";

    if (exam->known.expires_ms >= 0)
        (void)aks_date_iso(exam->known.expires_ms, date);
    (void)json_object_set_new(row, "credentials", json_pack("{s:o, s:o}", "source",
        aks_text_json(exam->known.credentials), "expires_at",
        date[0] != '\0' ? json_string(date) : json_null()));
    (void)json_object_set_new(row, "region", aks_text_json(exam->known.region));
    aks_doctor_tell(exam->doctor, exam->name, "credentials", AKS_DOCTOR_OK, NULL, "from: %s%s%s",
        exam->known.credentials, date[0] != '\0' ? ", until " : "", date);
    if (exam->known.tls)
        aks_doctor_tell(exam->doctor, exam->name, "transport", AKS_DOCTOR_OK, NULL,
            "TLS to %s", exam->known.server);
    else
        aks_doctor_tell(exam->doctor, exam->name, "transport", AKS_DOCTOR_WARNING,
            "have the store serve https, and name it so in `endpoint`",
            "a plain connection to %s, which is this machine: others on it may listen",
            exam->known.server);
}

static void
tell_clock(struct exam *exam, json_t *row)
{
    int64_t ahead_ms = exam->told.clock_ahead_ms;
    char text[AKS_UNITS_TEXT_BYTES];

    if (!exam->told.clock_known) {
        tell(exam, "clock", AKS_DOCTOR_UNKNOWN, NULL, "the store tells no date");
        return;
    }
    (void)json_object_set_new(row, "clock_skew_s", json_real((double)ahead_ms / AKS_MS_PER_S));
    if (llabs((long long)ahead_ms) <= CLOCK_OK_MS)
        tell(exam, "clock", AKS_DOCTOR_OK, NULL, "it agrees with the store's");
    else
        aks_doctor_tell(exam->doctor, exam->name, "clock", AKS_DOCTOR_WARNING,
            "set it, and keep it with NTP (timedatectl set-ntp true); S3 refuses more than 15 "
            "minutes, which akosha-sync makes up for", "this machine's clock is %s %s the store's",
            aks_units_duration(llabs((long long)ahead_ms), text),
            ahead_ms > 0 ? "behind" : "ahead of");
}

/* --- what the key can do ---------------------------------------------------------------------- */

static void
tell_put(struct exam *exam, json_t *capabilities)
{
    int first = exam->told.http[AKS_S3_ASK_PUT];
    enum aks_s3_question last = is_success(first) ? AKS_S3_ASK_PUT_AGAIN : AKS_S3_ASK_PUT;
    int http = exam->told.http[last];
    struct aks_error err;

    if (http == 412 || is_success(http))
        (void)json_object_set_new(capabilities, "conditional_put", json_boolean(http == 412));
    if (is_refused(http)) {
        (void)aks_error_set(&err, AKS_FORBIDDEN, "the key may not put: nothing can be delivered");
        aks_error_hint(&err, "%s", HINT_KEY);
        aks_doctor_problem(exam->doctor, exam->name, "put", &err);
    } else if (http == 412) {
        tell(exam, "put", AKS_DOCTOR_OK, NULL, "the key may put, and If-None-Match is honoured");
    } else if (is_success(http)) {
        tell(exam, "put", AKS_DOCTOR_WARNING, "no two machines should have the same system_id",
            "the key may put; the store does not honour If-None-Match, so that nothing keeps two "
            "writers of one name apart");
    } else if (http == 501 || http == 400) {
        (void)json_object_set_new(capabilities, "conditional_put", json_false());
        tell(exam, "put", AKS_DOCTOR_OK, NULL, "the store refuses If-None-Match: it is looked "
            "first whether a manifest is there");
    } else if (exam->doctor->reader.own.no_markers) {
        tell(exam, "put", AKS_DOCTOR_UNKNOWN, NULL, "it is tried with the marker, and the policy "
            "wants none: a run shows it");
    } else {
        tell_unknown(exam, "put", last, "whether the key may put");
    }
}

static void
tell_own_names(struct exam *exam)
{
    int http = exam->told.http[AKS_S3_ASK_LIST_OWN];

    if (is_success(http))
        tell(exam, "list", AKS_DOCTOR_OK, NULL, "the key may list what is this machine's");
    else if (is_refused(http))
        tell(exam, "list", AKS_DOCTOR_WARNING, HINT_KEY, "the key may not list what is this "
            "machine's: list, restore and prune cannot find uploads, and what is not there looks "
            "as if it were refused");
    else
        tell_unknown(exam, "list", AKS_S3_ASK_LIST_OWN, "whether the key may list");
}

/* What a key has beyond its needs. ${more}: HTTP statuses beside 2xx that only who may gets. */
static void
tell_more(struct exam *exam, const char *check, enum aks_s3_question question, const int more[2],
    const char *too_much, const char *fine)
{
    int http = exam->told.http[question];

    if (is_success(http) || (http != 0 && (http == more[0] || http == more[1])))
        tell(exam, check, AKS_DOCTOR_WARNING, HINT_KEY, too_much);
    else if (is_refused(http))
        tell(exam, check, AKS_DOCTOR_OK, NULL, fine);
    else
        tell_unknown(exam, check, question, "whether the key can do more than it needs");
}

/* S3 may say 403 of what is not there, too. Where it says 404 of an own object, it does not. */
static void
tell_read(struct exam *exam)
{
    if (exam->told.http[AKS_S3_ASK_READ_OTHER] == 403 &&
        exam->told.http[AKS_S3_ASK_READ_OWN] != 404)
        tell(exam, "least_read", AKS_DOCTOR_UNKNOWN, NULL, "whether the key may read what other "
            "machines store: it is refused, which the store also says of what is not there");
    else
        tell_more(exam, "least_read", AKS_S3_ASK_READ_OTHER, (const int[2]){ 404, 404 },
            "the key may read what other machines store",
            "the key is refused what other machines store");
}

static void
tell_privileges(struct exam *exam)
{
    int again = exam->told.http[AKS_S3_ASK_DELETE_AGAIN];

    tell_more(exam, "least_list", AKS_S3_ASK_LIST_ALL, (const int[2]){ 0, 0 },
        "the key may list the whole bucket: it sees which machines there are, and what they store",
        "the key may not list the whole bucket");
    tell_read(exam);
    tell_more(exam, "least_delete", again != 0 ? AKS_S3_ASK_DELETE_AGAIN : AKS_S3_ASK_DELETE,
        (const int[2]){ 404, 412 },
        "the key may delete: who has it can take everything away; only prune needs that, with a "
        "key of its own (--credentials)", "the key may not delete");
}

/* --- what the bucket is like ------------------------------------------------------------------ */

static bool
is_closed(int http)
{
    return http >= 400 && http < 500;
}

static void
tell_strangers(struct exam *exam)
{
    int list = exam->told.http[AKS_S3_ASK_STRANGER_LIST];
    int read = exam->told.http[AKS_S3_ASK_STRANGER_READ];
    struct aks_error err;

    if (is_success(list) || is_success(read)) {
        (void)aks_error_set(&err, AKS_CONFLICT, "the bucket is public: whoever knows its address "
            "can %s, without any key", is_success(read) ? "read what is stored"
            : "list what is stored");
        aks_error_hint(&err, "close it now: %spublic-access", HINT_DOCUMENT);
        aks_doctor_problem(exam->doctor, exam->name, "public", &err);
    } else if (is_closed(list) && is_closed(read)) {
        tell(exam, "public", AKS_DOCTOR_OK, NULL, "nothing is to be had without a key");
    } else if (is_closed(list) && exam->doctor->reader.own.no_markers) {
        tell(exam, "public", AKS_DOCTOR_UNKNOWN, NULL, "what strangers can have: the list is "
            "refused; reading is tried with the marker, and the policy wants none");
    } else {
        tell_unknown(exam, "public", is_closed(list) ? AKS_S3_ASK_STRANGER_READ
            : AKS_S3_ASK_STRANGER_LIST, "what strangers can have");
    }
}

static void
tell_policy_status(struct exam *exam)
{
    int http = exam->told.http[AKS_S3_ASK_POLICY_STATUS];

    if (http == 200 && exam->told.bucket.is_public)
        tell(exam, "public_policy", AKS_DOCTOR_PROBLEM, HINT_DOCUMENT "public-access",
            "the bucket's policy makes it public");
    else if (http == 200 || http == 404)
        tell(exam, "public_policy", AKS_DOCTOR_OK, NULL, http == 200
            ? "the bucket's policy does not make it public" : "the bucket has no policy");
    else
        tell_unknown(exam, "public_policy", AKS_S3_ASK_POLICY_STATUS,
            "whether the bucket's policy makes it public");
}

static void
tell_public_access(struct exam *exam)
{
    int http = exam->told.http[AKS_S3_ASK_PUBLIC_ACCESS];
    unsigned blocks = http == 200 ? exam->told.bucket.blocks : 0;

    if (http == 200 && blocks == 4)
        tell(exam, "public_access", AKS_DOCTOR_OK, NULL, "all public access is blocked");
    else if (http == 200 || http == 404)
        aks_doctor_tell(exam->doctor, exam->name, "public_access", AKS_DOCTOR_WARNING,
            HINT_DOCUMENT "public-access", "%u of the 4 blocks of public access are on", blocks);
    else
        tell_unknown(exam, "public_access", AKS_S3_ASK_PUBLIC_ACCESS,
            "whether public access is blocked");
}

static void
tell_encryption(struct exam *exam)
{
    int http = exam->told.http[AKS_S3_ASK_ENCRYPTION];

    if (http == 200 && exam->told.bucket.encryption[0] != '\0')
        aks_doctor_tell(exam->doctor, exam->name, "encryption", AKS_DOCTOR_OK, NULL,
            "everything is encrypted at rest: %s", exam->told.bucket.encryption);
    else if (http == 200 || http == 404)
        tell(exam, "encryption", AKS_DOCTOR_WARNING, HINT_DOCUMENT "encryption",
            "the bucket has no encryption at rest of its own");
    else
        tell_unknown(exam, "encryption", AKS_S3_ASK_ENCRYPTION,
            "whether everything is encrypted at rest");
}

static void
tell_versioning(struct exam *exam)
{
    if (exam->told.http[AKS_S3_ASK_VERSIONING] != 200)
        tell_unknown(exam, "versioning", AKS_S3_ASK_VERSIONING, "whether versions are kept");
    else if (strcmp(exam->told.bucket.versioning, "Enabled") == 0)
        tell(exam, "versioning", AKS_DOCTOR_OK, NULL,
            "versions are kept: what is put over can be had back");
    else
        tell(exam, "versioning", AKS_DOCTOR_OK, NULL, "no versions are kept: a key that cannot "
            "delete can still put over what is there");
}

static void
tell_lifecycle(struct exam *exam)
{
    int http = exam->told.http[AKS_S3_ASK_LIFECYCLE];

    if (http == 200 && exam->told.bucket.drops_abandoned)
        tell(exam, "lifecycle", AKS_DOCTOR_OK, NULL, "uploads that nobody finished are dropped");
    else if (http == 200 || http == 404)
        tell(exam, "lifecycle", AKS_DOCTOR_WARNING, HINT_DOCUMENT "lifecycle", "no rule drops "
            "uploads that nobody finished: they cost, and no list of objects shows them");
    else
        tell_unknown(exam, "lifecycle", AKS_S3_ASK_LIFECYCLE,
            "whether uploads that nobody finished are dropped");
}

/* What the target found out by itself in earlier runs. */
static void
tell_checksums(struct exam *exam, json_t *capabilities)
{
    const struct doctor *doctor = exam->doctor;
    const struct aks_target *target = doctor->reader.target;

    if (doctor->reader.own.payload == AKS_PAYLOAD_CRC64)
        (void)json_object_set_new(capabilities, "crc64nvme",
            json_boolean(target->class->part_check(target) == AKS_PART_CRC64NVME));
}

enum aks_status
aks_doctor_s3(struct doctor *doctor, json_t *row, json_t *capabilities)
{
    struct exam exam = { .doctor = doctor, .name = doctor->reader.own.name };
    enum aks_status status;

    aks_s3_known(doctor->reader.target, &exam.known);
    tell_known(&exam, row);
    tell_checksums(&exam, capabilities);
    aks_s3_inspect(doctor->reader.target, &exam.told, aks_reader_done, &doctor->reader);
    status = aks_reader_wait(&doctor->reader, NULL);
    if (status == AKS_CANCELLED)
        return status;
    tell_clock(&exam, row);
    tell_put(&exam, capabilities);
    tell_own_names(&exam);
    tell_privileges(&exam);
    tell_strangers(&exam);
    tell_policy_status(&exam);
    tell_public_access(&exam);
    tell_encryption(&exam);
    tell_versioning(&exam);
    tell_lifecycle(&exam);
    return AKS_OK;
}
