/* One run of a reader. What it writes is somebody else's: a line that is no row ends it, and so
 * does an end that does not tell as many rows as came. */
#include "engine/rows_internal.h"

#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>

#define WORDS_BYTES 4096
#define WHY_BYTES 200

struct reading {
    const struct aks_rows_child *child;
    struct aks_buf held;                /* a line whose end has not come yet */
    struct aks_buf mended;
    struct aks_rows_value values[AKS_ROWS_WANTED_MAX];
    int64_t rows;
    bool ended;                         /* its last line has come */
    bool garbage;
    enum aks_status given;              /* what each said, if that was not AKS_OK */
};

/* --- lines ------------------------------------------------------------------------------------ */

static enum aks_status
garbage(struct reading *reading, const char *what, struct aks_error *err)
{
    reading->garbage = true;
    return aks_error_set(err, AKS_BAD_REPLY, "it wrote %s after %lld rows", what,
        (long long)reading->rows);
}

static enum aks_status
take_end(struct reading *reading, const struct aks_rows_value *value, struct aks_error *err)
{
    char text[24];
    char *end;
    long long rows;

    if (value->len == 0 || value->len >= sizeof(text))
        return garbage(reading, "no number of rows", err);
    memcpy(text, value->data, value->len);
    text[value->len] = '\0';
    rows = strtoll(text, &end, 10);
    if (*end != '\0' || rows != reading->rows)
        return garbage(reading, "another number of rows than it says", err);
    reading->ended = true;
    return AKS_OK;
}

/* One byte may be read behind it. */
static enum aks_status
take_line(struct reading *reading, const char *line, size_t len, struct aks_error *err)
{
    static const char *const end_name[] = { AKS_ROWS_END };
    const struct aks_rows_child *child = reading->child;
    bool plain;

    if (reading->ended)
        return garbage(reading, "more", err);
    if (len > sizeof("{\"" AKS_ROWS_END) && memcmp(line + 2, AKS_ROWS_END,
        sizeof(AKS_ROWS_END) - 1) == 0 &&
        aks_rows_line_split(line, len, end_name, 1, reading->values, &plain))
        return take_end(reading, &reading->values[0], err);
    if (!aks_rows_line_split(line, len, child->names, child->count, reading->values, &plain))
        return garbage(reading, "something else than rows", err);
    if (!plain) {
        aks_buf_reset(&reading->mended);
        aks_rows_line_mend(line, len, &reading->mended);
        line = reading->mended.data;
        len = reading->mended.len;
        if (reading->mended.failed != AKS_OK)
            return aks_error_memory(err, "reading rows");
        if (!aks_rows_line_split(line, len, child->names, child->count, reading->values, &plain))
            return garbage(reading, "something else than rows", err);
    }
    reading->given = child->each(child->ctx, line, len, reading->values, err);
    reading->rows += reading->given == AKS_OK;
    return reading->given;
}

static enum aks_status
hold(struct reading *reading, const char *data, size_t len, struct aks_error *err)
{
    if (len > AKS_ROWS_LINE_BYTES_MAX - reading->held.len)
        return aks_error_set(err, AKS_TOO_LARGE, "a row is longer than %zu bytes",
            AKS_ROWS_LINE_BYTES_MAX);
    aks_buf_append(&reading->held, data, len);
    return reading->held.failed == AKS_OK ? AKS_OK : aks_error_memory(err, "reading rows");
}

static enum aks_status
take(void *ctx, const char *data, size_t len, struct aks_error *err)
{
    struct reading *reading = ctx;
    enum aks_status status = AKS_OK;

    while (len > 0 && status == AKS_OK) {
        const char *newline = memchr(data, '\n', len);
        size_t n = newline == NULL ? len : (size_t)(newline - data);

        if (newline == NULL) {
            status = hold(reading, data, n, err);
            break;
        }
        if (reading->held.len == 0) {
            status = take_line(reading, data, n, err);
        } else {
            status = hold(reading, data, n, err);
            if (status == AKS_OK)
                status = take_line(reading, reading->held.data, reading->held.len, err);
            aks_buf_reset(&reading->held);
        }
        data += n + 1;
        len -= n + 1;
    }
    return status;
}

/* --- last words ------------------------------------------------------------------------------- */

static bool
says(const char *words, const char *const *parts)
{
    while (*parts != NULL && strcasestr(words, *parts) == NULL)
        parts++;
    return *parts != NULL;
}

/* Python tells what went wrong last, the others first. */
static const char *
telling_line(const char *words)
{
    const char *best = words;
    const char *at = words;

    while (at[0] != '\0') {
        size_t len = strcspn(at, "\n");

        if (len > 0 && memmem(at, len, "Error", 5) != NULL) {
            best = at;
            break;
        }
        at += len + (at[len] == '\n');
    }
    return best;
}

enum aks_rows_verdict
aks_rows_child_words(const char *words, char *ret_why, size_t bytes)
{
    static const char *const old[] = { "but we can only read", "newer version of DuckDB",
        "storage version", "is not supported by this version", NULL };
    static const char *const memory[] = { "out of memory", "bad_alloc", "MemoryError", NULL };
    static const char *const damaged[] = { "checksum", "corrupt", "not a valid DuckDB database",
        "Serialization Error", "WAL checkpoint iteration", "replaying WAL", NULL };
    const char *line = telling_line(words);
    size_t len = strcspn(line, "\n");

    if (len >= bytes)
        len = bytes - 1;
    memcpy(ret_why, line, len);
    ret_why[len] = '\0';
    aks_utf8_mend(ret_why);
    for (char *c = ret_why; *c != '\0'; c++)
        if ((unsigned char)*c < 0x20)
            *c = ' ';
    if (says(words, old))
        return AKS_ROWS_TOO_OLD;
    if (says(words, memory))
        return AKS_ROWS_REFUSED;
    return says(words, damaged) ? AKS_ROWS_DAMAGED : AKS_ROWS_REFUSED;
}

/* --- running it ------------------------------------------------------------------------------- */

/* It has ended by itself. */
static enum aks_rows_verdict
verdict_of(const struct reading *reading, int code, const struct aks_buf *words,
    struct aks_error *err)
{
    char why[WHY_BYTES];
    enum aks_rows_verdict verdict;

    if (code == 0 && reading->ended && reading->held.len == 0)
        return AKS_ROWS_DONE;
    if (code == 0) {
        (void)aks_error_set(err, AKS_BAD_REPLY, "it ended without its last row");
        return AKS_ROWS_REFUSED;
    }
    verdict = aks_rows_child_words(words->data, why, sizeof(why));
    if (code > 128)
        (void)aks_error_set(err, AKS_BAD_REPLY, "it was ended by signal %d%s%s", code - 128,
            why[0] == '\0' ? "" : ": ", why);
    else
        (void)aks_error_set(err, verdict == AKS_ROWS_DAMAGED ? AKS_CORRUPT : AKS_BAD_REPLY,
            "%s", why[0] == '\0' ? "it failed and does not say why" : why);
    return verdict;
}

static enum aks_rows_verdict
ended_by_us(const struct reading *reading, enum aks_status status, struct aks_error *err)
{
    /* Another reader would be stopped as well, or be given as little memory. */
    if (reading->given != AKS_OK || status == AKS_CANCELLED || status == AKS_LIMIT ||
        status == AKS_TOO_LARGE)
        return AKS_ROWS_OURS;
    /* The path is told with it. */
    if (status == AKS_TIMEOUT)
        (void)aks_error_set(err, AKS_TIMEOUT, "it did not end within %lld ms",
            (long long)reading->child->timeout_ms);
    return AKS_ROWS_REFUSED;
}

static bool
stopped(void *ctx)
{
    return aks_rows_stopped(ctx);
}

enum aks_rows_verdict
aks_rows_child_run(const struct aks_rows_child *child, int64_t *ret_rows, struct aks_error *err)
{
    struct aks_rows *rows = child->rows;
    struct reading *reading = aks_mem_new(rows->alloc, sizeof(*reading));
    enum aks_rows_verdict verdict;
    enum aks_status status;
    struct aks_buf words;
    struct aks_process_spec spec = { .timeout_ms = child->timeout_ms, .stopped = stopped,
        .stopped_ctx = rows, .errors = &words, .output = take, .output_ctx = reading };
    struct aks_error why = { .status = AKS_OK };
    int code = 0;

    *ret_rows = 0;
    if (reading == NULL) {
        (void)aks_error_memory(err, "reading rows");
        return AKS_ROWS_OURS;
    }
    reading->child = child;
    aks_buf_init(&words, rows->alloc, WORDS_BYTES);
    aks_buf_init(&reading->held, rows->alloc, AKS_ROWS_LINE_BYTES_MAX);
    aks_buf_init(&reading->mended, rows->alloc, 2 * AKS_ROWS_LINE_BYTES_MAX);
    status = aks_rows_reader_run(rows->port, &rows->readers.list[rows->current], rows->folder,
        rows->main, child->sql, &spec, &code, &why);
    verdict = status == AKS_OK ? verdict_of(reading, code, &words, &why)
        : ended_by_us(reading, status, &why);
    if (verdict != AKS_ROWS_DONE && err != NULL)
        *err = why;
    *ret_rows = reading->rows;
    aks_buf_fini(&reading->mended);
    aks_buf_fini(&reading->held);
    aks_buf_fini(&words);
    aks_mem_free(rows->alloc, reading);
    return verdict;
}
