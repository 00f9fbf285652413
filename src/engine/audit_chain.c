/* What follows what, and, where it does not, which line is to blame. One line more than the one
 * that does not fit tells a line that was changed from one that is missing; where that is not
 * enough, the rest of the log is searched for the record that would tell. */
#include "engine/audit_chain.h"

#include "base/check.h"
#include "base/encode.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define FIRST_PREV "0000000000000000000000000000000000000000000000000000000000000000"

const char *
aks_audit_fault_name(enum aks_audit_fault_kind kind)
{
    static const char *const names[AKS_AUDIT_FAULTS] = { "fits", "changed", "dropped", "inserted",
        "reordered", "truncated", "rewritten" };

    AKS_CHECK((unsigned)kind < AKS_AUDIT_FAULTS);
    return names[kind];
}

enum aks_status
aks_audit_chain_init(struct aks_audit_chain *chain, const struct aks_alloc *alloc,
    const struct aks_audit_mark *witness, const char *witness_name, struct aks_error *err)
{
    memset(chain, 0, sizeof(*chain));
    chain->alloc = alloc;
    if (witness != NULL)
        chain->witness = *witness;
    chain->witness_name = witness_name;
    memcpy(chain->last.digest, FIRST_PREV, sizeof(FIRST_PREV));
    chain->torn.sha = aks_sha256_new(alloc);
    return chain->torn.sha != NULL ? AKS_OK : aks_error_memory(err, "checking the audit log");
}

void
aks_audit_chain_fini(struct aks_audit_chain *chain)
{
    aks_sha256_free(chain->torn.sha);
    chain->torn.sha = NULL;
}

bool
aks_audit_chain_holds(const struct aks_audit_chain *chain)
{
    return chain->phase == AKS_AUDIT_CHAIN_FOLLOWS;
}

static void fill(struct aks_audit_fault *fault, enum aks_audit_fault_kind kind,
    const struct aks_audit_place *place, const char *format, va_list args)
    __attribute__((format(printf, 4, 0)));

static void
fill(struct aks_audit_fault *fault, enum aks_audit_fault_kind kind,
    const struct aks_audit_place *place, const char *format, va_list args)
{
    fault->kind = kind;
    fault->place = *place;
    (void)vsnprintf(fault->why, sizeof(fault->why), format, args);
}

static void blame(struct aks_audit_chain *chain, enum aks_audit_fault_kind kind,
    const struct aks_audit_place *place, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* The verdict. */
static void
blame(struct aks_audit_chain *chain, enum aks_audit_fault_kind kind,
    const struct aks_audit_place *place, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fill(&chain->fault, kind, place, format, args);
    va_end(args);
    chain->phase = AKS_AUDIT_CHAIN_DONE;
}

static void suspect(struct aks_audit_fault *fault, enum aks_audit_fault_kind kind,
    const struct aks_audit_place *place, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* What the verdict will be if the search ends so. */
static void
suspect(struct aks_audit_fault *fault, enum aks_audit_fault_kind kind,
    const struct aks_audit_place *place, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fill(fault, kind, place, format, args);
    va_end(args);
}

static void
search(struct aks_audit_chain *chain, int64_t seq, const char *digest)
{
    chain->wanted_seq = seq;
    (void)snprintf(chain->wanted_digest, sizeof(chain->wanted_digest), "%s", digest);
    chain->phase = AKS_AUDIT_CHAIN_SEARCHES;
}

static void
look(struct aks_audit_chain *chain, const struct aks_audit_seen *seen)
{
    if (chain->phase != AKS_AUDIT_CHAIN_SEARCHES || seen->kind != AKS_AUDIT_LINE_RECORD)
        return;
    if (chain->wanted_digest[0] != '\0' ? strcmp(seen->digest, chain->wanted_digest) != 0
            : seen->seq != chain->wanted_seq)
        return;
    chain->fault = chain->found;
    chain->phase = AKS_AUDIT_CHAIN_DONE;
}

static bool
same(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

static bool
is_record(const struct aks_audit_seen *seen)
{
    return seen->kind == AKS_AUDIT_LINE_RECORD;
}

static bool
follows(const struct aks_audit_seen *before, const struct aks_audit_seen *after)
{
    return is_record(after) && after->seq == before->seq + 1 && same(after->prev, before->digest);
}

/* --- lines that no record told of ------------------------------------------------------------- */

/* ${odd} comes behind spoilt lines and does not tell what they were. */
static void
judge_torn(struct aks_audit_chain *chain, const struct aks_audit_seen *next)
{
    const struct aks_audit_torn *torn = &chain->torn;
    const struct aks_audit_seen *odd = &chain->odd;
    bool intact = next != NULL && is_record(next) && same(next->prev, odd->digest);

    if (follows(&chain->last, odd))
        blame(chain, AKS_AUDIT_INSERTED, &torn->first.place, "the record on line %" PRId64
            " follows the one before this line, which is no record", odd->place.line);
    else if (!torn->last.ended && !same(torn->last.place.file, odd->place.file))
        blame(chain, AKS_AUDIT_TRUNCATED, &torn->last.place,
            "the file ends within this line, and an older file ends with a whole record");
    else if (!chain->odd_line.healed)
        blame(chain, AKS_AUDIT_CHANGED, &torn->first.place,
            "it is no record, and the one behind it does not tell of a crash");
    else if (!intact && odd->seq != chain->last.seq + 1)
        blame(chain, AKS_AUDIT_CHANGED, &odd->place, "it has another number than %" PRId64,
            chain->last.seq + 1);
    else if (intact && torn->lines < chain->odd_line.torn_lines)
        blame(chain, AKS_AUDIT_DROPPED, &torn->first.place, "of %" PRId64 " lines that a crash has"
            " left here, %" PRId64 " are missing", chain->odd_line.torn_lines,
            chain->odd_line.torn_lines - torn->lines);
    else if (intact && !same(chain->odd_line.before, chain->last.digest))
        blame(chain, AKS_AUDIT_CHANGED, &chain->last.place,
            "the record on line %" PRId64 " knows it with another digest", odd->place.line);
    else if (intact)
        blame(chain, AKS_AUDIT_CHANGED, &torn->first.place,
            "the record on line %" PRId64 ", which tells of a crash, knows other bytes here",
            odd->place.line);
    else
        blame(chain, AKS_AUDIT_CHANGED, &odd->place,
            "it tells of other lines than those before it");
}

/* --- a record that does not fit --------------------------------------------------------------- */

/* The number fits and the digest does not: of this record and the one before it, which? */
static void
judge_digest(struct aks_audit_chain *chain, const struct aks_audit_seen *next)
{
    const struct aks_audit_seen *odd = &chain->odd;
    bool intact;

    if (next != NULL)
        intact = is_record(next) && same(next->prev, odd->digest);
    else
        intact = chain->witness.seq != odd->seq || same(chain->witness.digest, odd->digest);
    if (intact && chain->last.seq > 0)
        blame(chain, AKS_AUDIT_CHANGED, &chain->last.place,
            "the record on line %" PRId64 " of %s knows it with another digest", odd->place.line,
            odd->place.file);
    else
        blame(chain, AKS_AUDIT_CHANGED, &odd->place,
            "it does not have the digest of the line before it");
}

/* The same number twice: which of the two was there? */
static void
judge_twin(struct aks_audit_chain *chain, const struct aks_audit_seen *next)
{
    const struct aks_audit_seen *odd = &chain->odd;
    bool last_stays = next != NULL ? !is_record(next) || !same(next->prev, odd->digest)
        : chain->witness.seq != odd->seq || !same(chain->witness.digest, odd->digest);

    blame(chain, AKS_AUDIT_INSERTED, last_stays ? &odd->place : &chain->last.place,
        "record %" PRId64 " stands there twice", odd->seq);
}

/* What stands at the very beginning does not lead to what follows. */
static void
judge_beginning(struct aks_audit_chain *chain)
{
    const struct aks_audit_seen *first = &chain->first;
    const struct aks_audit_seen *odd = &chain->odd;

    if (odd->seq < first->seq) {
        suspect(&chain->found, AKS_AUDIT_INSERTED, &first->place,
            "record %" PRId64 " stands there twice", first->seq);
        suspect(&chain->missing, AKS_AUDIT_REORDERED, &first->place,
            "record %" PRId64 " stands before record %" PRId64, first->seq, odd->seq);
        search(chain, first->seq, "");
        return;
    }
    suspect(&chain->found, AKS_AUDIT_REORDERED, &first->place,
        "record %" PRId64 " stands before those that it follows", first->seq);
    suspect(&chain->missing, AKS_AUDIT_DROPPED, &odd->place,
        "records between %" PRId64 " and %" PRId64 " are missing", first->seq, odd->seq);
    search(chain, 0, odd->prev);
}

/* ${odd} stands between two that belong together. */
static void
judge_intruder(struct aks_audit_chain *chain)
{
    const struct aks_audit_seen *odd = &chain->odd;

    if (odd->seq <= chain->last.seq) {
        blame(chain, AKS_AUDIT_INSERTED, &odd->place, "record %" PRId64
            " stands there a second time, or was never written", odd->seq);
        return;
    }
    suspect(&chain->found, AKS_AUDIT_INSERTED, &odd->place,
        "record %" PRId64 " stands here and where it belongs", odd->seq);
    suspect(&chain->missing, AKS_AUDIT_REORDERED, &odd->place,
        "record %" PRId64 " stands where record %" PRId64 " should", odd->seq,
        chain->last.seq + 1);
    search(chain, odd->seq, "");
}

static void
judge_gap(struct aks_audit_chain *chain)
{
    const struct aks_audit_seen *odd = &chain->odd;
    int64_t wanted = chain->last.seq + 1;

    suspect(&chain->found, AKS_AUDIT_REORDERED, &odd->place,
        "record %" PRId64 " stands where record %" PRId64 " should, which comes later", odd->seq,
        wanted);
    suspect(&chain->missing, AKS_AUDIT_DROPPED, &odd->place,
        "%" PRId64 " records before it are missing, from %" PRId64 " on", odd->seq - wanted,
        wanted);
    search(chain, wanted, "");
}

static void
judge_record(struct aks_audit_chain *chain, const struct aks_audit_seen *next)
{
    const struct aks_audit_seen *odd = &chain->odd;
    bool prev_fits = same(odd->prev, chain->last.digest);
    bool next_fits_odd = next != NULL && is_record(next) && same(next->prev, odd->digest);
    bool at_beginning = chain->begins_later && chain->records == 1;

    if (chain->odd_line.healed && odd->seq == chain->last.seq + 1 &&
        same(chain->odd_line.before, chain->last.digest))
        blame(chain, AKS_AUDIT_DROPPED, &odd->place,
            "it tells of lines that a crash has left before it, and they are missing");
    else if (prev_fits)
        blame(chain, AKS_AUDIT_CHANGED, &odd->place,
            "it follows the line before it and has another number than %" PRId64,
            chain->last.seq + 1);
    else if (chain->begins_later && odd->seq == 1 && same(odd->prev, FIRST_PREV))
        judge_beginning(chain);
    else if (next != NULL && follows(&chain->last, next))
        judge_intruder(chain);
    else if (odd->seq == chain->last.seq + 1)
        judge_digest(chain, next);
    else if (odd->seq == chain->last.seq &&
        (same(odd->prev, chain->last.prev) || same(odd->digest, chain->last.digest)))
        judge_twin(chain, next);
    else if (at_beginning && next_fits_odd)
        judge_beginning(chain);
    else if (odd->seq > chain->last.seq)
        judge_gap(chain);
    else
        blame(chain, AKS_AUDIT_INSERTED, &odd->place, "record %" PRId64
            " stands there a second time, or was never written", odd->seq);
}

/* ${next}: the line behind the one that does not fit; NULL: there is none. */
static void
judge(struct aks_audit_chain *chain, const struct aks_audit_seen *next)
{
    const struct aks_audit_seen *odd = &chain->odd;

    if (is_record(odd) && chain->torn.lines > 0) {
        judge_torn(chain, next);
    } else if (is_record(odd)) {
        judge_record(chain, next);
    } else if (next != NULL && chain->torn.lines == 0 && follows(&chain->last, next)) {
        blame(chain, AKS_AUDIT_INSERTED, &odd->place,
            "it is no record, and the one behind it follows the one before it");
    } else if (chain->torn.lines > AKS_AUDIT_SPOILT_LINES_MAX) {
        blame(chain, AKS_AUDIT_CHANGED, &chain->torn.first.place,
            "more lines in a row are no records than crashes can have left");
    } else {
        blame(chain, AKS_AUDIT_CHANGED, &odd->place, "it is no record, and no crash can have left "
            "it");
    }
    if (next != NULL)
        look(chain, next);
}

static void
note_odd(struct aks_audit_chain *chain, const struct aks_audit_seen *seen,
    const struct aks_audit_line *line)
{
    chain->odd = *seen;
    chain->odd_line = *line;
    chain->phase = AKS_AUDIT_CHAIN_ODD;
}

/* --- what fits -------------------------------------------------------------------------------- */

/* A log begins with record 1, or where a later record says that older ones were removed. */
static bool
begins(struct aks_audit_chain *chain, const struct aks_audit_seen *seen,
    const struct aks_audit_line *line)
{
    const char *before = line->healed ? line->before : line->prev;

    if ((seen->seq == 1) != same(before, FIRST_PREV))
        return false;
    chain->first = *seen;
    memcpy(chain->first_before, before, sizeof(chain->first_before));
    chain->begins_later = seen->seq > 1;
    if (chain->begins_later) {
        chain->last.seq = seen->seq - 1;
        memcpy(chain->last.digest, before, sizeof(chain->last.digest));
    }
    return true;
}

static bool
heals(struct aks_audit_chain *chain, const struct aks_audit_seen *seen,
    const struct aks_audit_line *line)
{
    uint8_t digest[AKS_SHA256_BYTES];
    char hex[AKS_AUDIT_DIGEST_BYTES];

    if (!line->healed || seen->seq != chain->last.seq + 1 ||
        !same(seen->prev, chain->torn.last.digest) || !same(line->before, chain->last.digest) ||
        line->torn_lines != chain->torn.lines)
        return false;
    aks_sha256_final(chain->torn.sha, digest);
    aks_hex_encode(digest, sizeof(digest), hex);
    return same(line->torn_sha256, hex);
}

/* The witness knows one record; the chain up to it is proven by it. */
static void
ask_witness(struct aks_audit_chain *chain)
{
    if (chain->witness.seq != chain->last.seq || chain->witness.seq == 0 ||
        same(chain->witness.digest, chain->last.digest))
        return;
    suspect(&chain->missing, AKS_AUDIT_REWRITTEN, &chain->last.place,
        "%s knows record %" PRId64 " with another digest", chain->witness_name, chain->last.seq);
}

static void
take(struct aks_audit_chain *chain, const struct aks_audit_seen *seen,
    const struct aks_audit_line *line)
{
    chain->last = *seen;
    chain->records++;
    chain->healed += line->healed;
    if (line->healed)
        chain->torn_lines += chain->torn.lines;
    chain->torn.lines = 0;
    /* Of several files that were to go, some may still be there. */
    if (chain->begins_later && (line->removed_seq >= chain->first.seq ||
            (line->removed_seq == chain->first.seq - 1 &&
                same(line->removed_head, chain->first_before))) && chain->told_seq == 0)
        chain->told_seq = seen->seq;
    if (line->known_seq > 0 && chain->cut.seq == 0) {
        chain->cut = seen->place;
        chain->cut_known = line->known_seq;
    }
    ask_witness(chain);
}

static void
note_torn(struct aks_audit_chain *chain, const struct aks_audit_seen *seen, const char *text,
    size_t len)
{
    struct aks_audit_torn *torn = &chain->torn;

    if (torn->lines++ == 0) {
        torn->first = *seen;
        aks_sha256_reset(torn->sha);
    } else {
        aks_sha256_update(torn->sha, "\n", 1);
    }
    torn->last = *seen;
    aks_sha256_update(torn->sha, text, len);
}

static void
follow(struct aks_audit_chain *chain, const struct aks_audit_seen *seen,
    const struct aks_audit_line *line, const char *text, size_t len)
{
    bool fits;

    if (line->kind == AKS_AUDIT_LINE_SPOILT) {
        note_torn(chain, seen, text, len);
        if (chain->torn.lines > AKS_AUDIT_SPOILT_LINES_MAX)
            note_odd(chain, seen, line);
        return;
    }
    if (line->kind != AKS_AUDIT_LINE_RECORD) {
        note_odd(chain, seen, line);
        return;
    }
    if (chain->first.seq == 0 && ((chain->torn.lines > 0 && !line->healed) ||
            !begins(chain, seen, line))) {
        note_odd(chain, seen, line);
        return;
    }
    fits = chain->torn.lines > 0 ? heals(chain, seen, line)
        : !line->healed && follows(&chain->last, seen);
    if (fits)
        take(chain, seen, line);
    else
        note_odd(chain, seen, line);
}

void
aks_audit_chain_line(struct aks_audit_chain *chain, const char *file, int64_t line_number,
    const char *text, size_t len, bool ended, struct aks_audit_line *ret_line,
    struct json_t **ret_record)
{
    struct aks_audit_seen seen = { 0 };
    struct aks_audit_line line = { .kind = AKS_AUDIT_LINE_FOREIGN };

    if (ret_record != NULL)
        *ret_record = NULL;
    if (text != NULL)
        aks_audit_line_read(text, len, &line, ret_record);
    chain->lines++;
    (void)snprintf(seen.place.file, sizeof(seen.place.file), "%s", file);
    seen.place.line = line_number;
    seen.place.seq = line.seq;
    seen.kind = line.kind;
    seen.seq = line.seq;
    memcpy(seen.prev, line.prev, sizeof(seen.prev));
    memcpy(seen.digest, line.digest, sizeof(seen.digest));
    seen.ended = ended;
    seen.cut = line.cut;
    switch (chain->phase) {
    case AKS_AUDIT_CHAIN_FOLLOWS:
        follow(chain, &seen, &line, text, len);
        break;
    case AKS_AUDIT_CHAIN_ODD:
        judge(chain, &seen);
        break;
    case AKS_AUDIT_CHAIN_SEARCHES:
        look(chain, &seen);
        break;
    case AKS_AUDIT_CHAIN_DONE:
        break;
    }
    if (ret_line != NULL)
        *ret_line = line;
}

/* --- the end ---------------------------------------------------------------------------------- */

/* A record that tells of a removal is easily written by who dropped what it tells of: it is
 * believed where the state remembers this removal, or one of as many records, or cannot know it. */
static enum aks_audit_told
who_told(const struct aks_audit_chain *chain)
{
    const struct aks_audit_removal *removal = &chain->removal;
    int64_t before = chain->first.seq - 1;

    if (chain->told_seq == 0)
        return AKS_AUDIT_TOLD_BY_NOBODY;
    if (removal->known && (removal->seq > before ||
            (removal->seq == before && same(removal->digest, chain->first_before))))
        return AKS_AUDIT_TOLD_BY_STATE;
    return !removal->known || chain->told_seq <= removal->since_seq ? AKS_AUDIT_TOLD_BY_LOG
        : AKS_AUDIT_TOLD_BY_NOBODY;
}

static void
judge_removal(struct aks_audit_chain *chain)
{
    chain->told = who_told(chain);
    if (chain->told != AKS_AUDIT_TOLD_BY_NOBODY)
        return;
    if (chain->told_seq == 0)
        blame(chain, AKS_AUDIT_DROPPED, &chain->first.place, "the log begins with record %" PRId64
            ", and nothing in it says that older ones were removed", chain->first.seq);
    else if (chain->removal.seq == chain->first.seq - 1)
        blame(chain, AKS_AUDIT_REWRITTEN, &chain->first.place, "it follows another record %" PRId64
            " than the last one that was removed", chain->removal.seq);
    else
        blame(chain, AKS_AUDIT_DROPPED, &chain->first.place, "the log begins with record %" PRId64
            "; record %" PRId64 " says that older ones were removed, and %s knows of none behind"
            " record %" PRId64, chain->first.seq, chain->told_seq, chain->witness_name,
            chain->removal.seq);
}

/* Of what a crash leaves the end is missing: a last line has no line end, or has only got it when
 * the next record began to be written; or, where the power went, any sector of it is. */
static bool
left_by_a_crash(const struct aks_audit_torn *torn)
{
    return torn->lines == 0 || !torn->last.ended || torn->last.cut;
}

static void
judge_end(struct aks_audit_chain *chain)
{
    const struct aks_audit_torn *torn = &chain->torn;
    struct aks_audit_place end = chain->last.place;

    chain->torn_end = torn->lines > 0 && left_by_a_crash(torn);
    if (chain->missing.kind == AKS_AUDIT_REWRITTEN) {
        chain->fault = chain->missing;
        if (chain->witness.seq == chain->last.seq)
            chain->fault.kind = AKS_AUDIT_CHANGED;
    } else if (chain->witness.seq > chain->last.seq && torn->lines > 0 && torn->last.ended) {
        blame(chain, AKS_AUDIT_CHANGED, &torn->first.place, "it is no record, and %s knows"
            " record %" PRId64, chain->witness_name, chain->witness.seq);
    } else if (chain->witness.seq > chain->last.seq) {
        if (torn->lines > 0)
            end = torn->first.place;
        blame(chain, AKS_AUDIT_TRUNCATED, &end, "the log ends with record %" PRId64 ", and %s"
            " knows record %" PRId64, chain->last.seq, chain->witness_name, chain->witness.seq);
    } else if (!left_by_a_crash(torn)) {
        blame(chain, AKS_AUDIT_CHANGED, &torn->last.place, "it is no record, and as it has its line"
            " end no crash can have left it");
    } else if (chain->begins_later) {
        judge_removal(chain);
    }
    if (chain->fault.kind == AKS_AUDIT_FITS && chain->cut.seq > 0) {
        blame(chain, AKS_AUDIT_TRUNCATED, &chain->cut, "the log had record %" PRId64 ", and did not"
            " have it any more when this record was written", chain->cut_known);
    }
}

void
aks_audit_chain_removal(struct aks_audit_chain *chain, const struct aks_audit_removal *removal)
{
    chain->removal = *removal;
}

void
aks_audit_chain_end(struct aks_audit_chain *chain)
{
    if (chain->phase == AKS_AUDIT_CHAIN_ODD)
        judge(chain, NULL);
    if (chain->phase == AKS_AUDIT_CHAIN_SEARCHES)
        chain->fault = chain->missing;
    if (chain->phase == AKS_AUDIT_CHAIN_FOLLOWS)
        judge_end(chain);
    if (chain->fault.kind != AKS_AUDIT_FITS)
        chain->phase = AKS_AUDIT_CHAIN_DONE;
}
