/* What stays and what goes, and why. */
#include "base/check.h"
#include "engine/prune_internal.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum aks_status
wrong(struct aks_error *err, const char *text)
{
    return aks_error_set(err, AKS_SETTINGS, "--keep %.100s: it is one or more of last=N, daily=N "
        "and weekly=N, with commas between, each once, N from 1 to %d", text,
        AKS_PRUNE_COUNT_MAX);
}

enum aks_status
aks_prune_rules(const char *text, struct aks_prune_rules *ret_rules, struct aks_error *err)
{
    const char *at = text;

    memset(ret_rules, 0, sizeof(*ret_rules));
    for (;;) {
        const struct {
            const char *name;
            unsigned *count;
        } rules[] = { { "last=", &ret_rules->last }, { "daily=", &ret_rules->daily },
            { "weekly=", &ret_rules->weekly } };
        unsigned *count = NULL;
        unsigned long number = 0;

        for (size_t i = 0; i < 3 && count == NULL; i++) {
            if (strncmp(at, rules[i].name, strlen(rules[i].name)) == 0) {
                count = rules[i].count;
                at += strlen(rules[i].name);
            }
        }
        if (count == NULL || *count != 0)
            return wrong(err, text);
        for (; *at >= '0' && *at <= '9' && number <= AKS_PRUNE_COUNT_MAX; at++)
            number = number * 10 + (unsigned long)(*at - '0');
        if (number == 0 || number > AKS_PRUNE_COUNT_MAX || (*at != ',' && *at != '\0'))
            return wrong(err, text);
        *count = (unsigned)number;
        if (*at == '\0')
            return AKS_OK;
        at++;
    }
}

static void
keep(struct prune_upload *upload, const char *reason)
{
    if (!upload->keep)
        upload->reason = reason;
    upload->keep = true;
}

/* 1970-01-01 was a Thursday: days from a Monday on. */
static int64_t
period_of(int64_t at_ms, int64_t days)
{
    int64_t day = at_ms / AKS_MS_PER_DAY;

    return days == 7 ? (day + 3) / 7 : day;
}

/* The newest of each of the last ${count} periods that have any. An upload of unknown date has
 * none. */
static void
keep_periods(struct prune_upload *uploads, size_t count, unsigned wanted, int64_t days,
    const char *reason)
{
    int64_t last = INT64_MAX;
    unsigned kept = 0;

    for (size_t i = count; i > 0 && kept < wanted; i--) {
        struct prune_upload *upload = &uploads[i - 1];
        int64_t period;

        if (!upload->complete || upload->begun || upload->at_ms < 0)
            continue;
        period = period_of(upload->at_ms, days);
        if (period == last)
            continue;
        last = period;
        kept++;
        keep(upload, reason);
    }
}

static void
keep_by_rules(const struct aks_prune_rules *rules, struct prune_upload *uploads, size_t count)
{
    unsigned kept = 0;

    for (size_t i = count; i > 0; i--) {
        struct prune_upload *upload = &uploads[i - 1];

        if (!upload->complete || upload->begun)
            continue;
        if (kept == 0)
            keep(upload, "the newest");
        else if (kept < rules->last)
            keep(upload, "one of the last");
        kept++;
    }
    keep_periods(uploads, count, rules->daily, 1, "the newest of its day");
    keep_periods(uploads, count, rules->weekly, 7, "the newest of its week");
}

/* What has no manifest, or none that can be read. */
static void
keep_incomplete(struct prune_upload *uploads, size_t count, int64_t wall_ms)
{
    for (size_t i = 0; i < count; i++) {
        struct prune_upload *upload = &uploads[i];

        if (upload->begun)
            upload->reason = "its removal has begun";
        else if (upload->damaged)
            keep(upload, "its manifest is damaged: what it holds is not known");
        else if (upload->complete)
            continue;
        else if (upload->open)
            keep(upload, "it is on its way");
        else if (upload->at_ms < 0 || upload->at_ms > wall_ms - AKS_PRUNE_INCOMPLETE_MS)
            keep(upload, "it was never finished, and may still be");
        else
            upload->reason = "it was never finished";
    }
}

static int
compare_id(const void *key, const void *member)
{
    const char *id = key;
    const struct prune_upload *upload = member;

    return strcmp(id, upload->id);
}

/* The upload in whose folder below ${folder} ${key} lies. */
static struct prune_upload *
owner_of(const char *key, const char *folder, struct prune_upload *uploads, size_t count)
{
    char id[256];
    size_t len = strlen(folder);
    size_t id_len;

    if (strncmp(key, folder, len) != 0)
        return NULL;
    id_len = strcspn(key + len, "/");
    if (id_len == 0 || id_len >= sizeof(id))
        return NULL;
    memcpy(id, key + len, id_len);
    id[id_len] = '\0';
    return bsearch(id, uploads, count, sizeof(*uploads), compare_id);
}

/* What a kept manifest names by key, in whichever upload it lies, stays where it is. */
static bool
keep_referenced(const char *folder, struct prune_upload *uploads, size_t count)
{
    bool changed = false;

    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; uploads[i].keep && j < uploads[i].object_count; j++) {
            struct prune_upload *owner = owner_of(uploads[i].objects[j].key, folder, uploads,
                count);

            if (owner == NULL || owner->keep || owner == &uploads[i])
                continue;
            keep(owner, "a kept upload names an object of it");
            changed = true;
        }
    }
    return changed;
}

/* What a table is called in its database: another source may have one of the same name, which is
 * listed under another then. */
static const char *
table_name(const char *name, const json_t *table)
{
    const char *own = json_string_value(json_object_get(table, "table"));

    return own != NULL ? own : name;
}

static bool
same_source(const json_t *a, const json_t *b)
{
    const char *left = json_string_value(json_object_get(a, "source"));
    const char *right = json_string_value(json_object_get(b, "source"));

    return left == NULL || right == NULL ? left == right : strcmp(left, right) == 0;
}

/* Has ${table} all the rows that there were? */
static bool
is_all(const json_t *have, const json_t *table)
{
    const char *mode = json_string_value(json_object_get(have, "mode"));

    return (mode != NULL && strcmp(mode, "all") == 0) ||
        (json_is_null(json_object_get(table, "after")) &&
            json_is_true(json_object_get(table, "complete")));
}

/* A number as a reader gives it: time stamps and ids may be. */
static bool
is_number(const char *text)
{
    size_t len = strspn(text, "0123456789");

    return len > 0 && text[len] == '\0';
}

/* In the order of numbers where both are, since "9" is before "10". */
static int
compare_text(const char *a, const char *b)
{
    size_t a_len = strlen(a);
    size_t b_len = strlen(b);

    if (is_number(a) && is_number(b) && a_len != b_len)
        return a_len < b_len ? -1 : 1;
    return strcmp(a, b);
}

/* Is the row of cursor ${have} the one of ${want}, or behind it? By time stamp, those without one
 * first, then by id. */
static bool
reaches(const json_t *have, const json_t *want)
{
    const char *have_at = json_string_value(json_object_get(have, "at"));
    const char *want_at = json_string_value(json_object_get(want, "at"));
    const char *have_id = json_string_value(json_object_get(have, "id"));
    const char *want_id = json_string_value(json_object_get(want, "id"));
    int order;

    if (json_is_null(want) || json_equal(have, want))
        return true;
    if (have_id == NULL || want_id == NULL)
        return false;
    if (have_at == NULL || want_at == NULL)
        order = (have_at != NULL) - (want_at != NULL);
    else
        order = compare_text(have_at, want_at);
    return order > 0 || (order == 0 && compare_text(have_id, want_id) >= 0);
}

static const json_t *
table_of(const struct prune_upload *upload, const char *name, const json_t *want)
{
    const char *other;
    json_t *table;

    json_object_foreach(json_object_get(upload->memories, "tables"), other, table) {
        if (strcmp(table_name(other, table), table_name(name, want)) == 0 &&
            same_source(table, want))
            return table;
    }
    return NULL;
}

static int64_t
add_rows(int64_t sum, const json_t *table)
{
    int64_t rows = json_integer_value(json_object_get(table, "rows"));

    return __builtin_add_overflow(sum, rows, &sum) ? INT64_MAX : sum;
}

/* Rows of table ${name} that ${uploads}[i] sent, and those before it, from the last that sent all.
 * Those that went twice count twice: then more is kept. */
static int64_t
rows_sent(const struct prune_upload *uploads, size_t i, const char *name, const json_t *want)
{
    int64_t sum = 0;

    for (size_t k = i + 1; k > 0; k--) {
        const json_t *table = table_of(&uploads[k - 1], name, want);

        sum = add_rows(sum, table);
        if (table != NULL && is_all(uploads[k - 1].memories, table))
            break;
    }
    return sum;
}

/* Does a later upload that is kept have all rows of table ${name}, those of ${uploads}[i] too? All
 * rows that a database has are not those that it had: what was deleted since an upload is in that
 * upload alone. Fewer rows than were sent until then, or a last one that is earlier, tell that some
 * were; and what one upload of all rows does not have, the next one has not either. */
static bool
held_later(const struct prune_upload *uploads, size_t count, size_t i, const char *name,
    const json_t *want)
{
    int64_t sent = rows_sent(uploads, i, name, want);

    for (size_t k = i + 1; k < count; k++) {
        const json_t *table = table_of(&uploads[k], name, want);

        if (table != NULL && is_all(uploads[k].memories, table)) {
            if (add_rows(0, table) < sent ||
                !reaches(json_object_get(table, "to"), json_object_get(want, "to")))
                return false;
            if (uploads[k].keep)
                return true;
            sent = 0;
        }
        sent = add_rows(sent, table);
    }
    return false;
}

/* Are they exactly the same rows, and no fewer? */
static bool
same_rows(const json_t *have, const json_t *want)
{
    return have != NULL && add_rows(0, have) >= add_rows(0, want) &&
        json_equal(json_object_get(have, "after"), json_object_get(want, "after")) &&
        json_equal(json_object_get(have, "to"), json_object_get(want, "to"));
}

/* Are the memories of ${uploads}[i] in kept uploads too? Those of which nothing is understood are
 * not. */
static bool
covered(const struct prune_upload *uploads, size_t count, size_t i)
{
    json_t *tables = json_object_get(uploads[i].memories, "tables");
    const char *name;
    json_t *table;

    if (!json_is_object(tables))
        return false;
    json_object_foreach(tables, name, table) {
        const json_t *rows = json_object_get(table, "rows");
        bool found = (json_is_integer(rows) && json_integer_value(rows) == 0) ||
            held_later(uploads, count, i, name, table);

        for (size_t j = 0; j < count && !found; j++)
            found = j != i && uploads[j].keep &&
                same_rows(table_of(&uploads[j], name, table), table);
        if (!found)
            return false;
    }
    return true;
}

static bool
keep_memories(struct prune_upload *uploads, size_t count)
{
    bool changed = false;

    for (size_t i = count; i > 0; i--) {
        struct prune_upload *upload = &uploads[i - 1];

        if (upload->keep || upload->begun || upload->memories == NULL ||
            covered(uploads, count, i - 1))
            continue;
        keep(upload, "no kept upload holds its memories");
        changed = true;
    }
    return changed;
}

void
aks_prune_plan(const struct aks_prune_rules *rules, const char *folder,
    struct prune_upload *uploads, size_t count, int64_t wall_ms)
{
    bool changed = true;

    for (size_t i = 0; i < count; i++) {
        AKS_CHECK(i == 0 || strcmp(uploads[i - 1].id, uploads[i].id) < 0);
        uploads[i].keep = false;
        uploads[i].reason = "no rule keeps it";
    }
    keep_by_rules(rules, uploads, count);
    keep_incomplete(uploads, count, wall_ms);
    for (size_t i = 0; i < count; i++) {
        if (uploads[i].verified && !uploads[i].begun)
            keep(&uploads[i], "the newest that was verified");
    }
    /* Each round keeps one more upload at least, or is the last. */
    for (size_t i = 0; i <= count && changed; i++) {
        changed = keep_referenced(folder, uploads, count);
        changed = keep_memories(uploads, count) || changed;
    }
}

static int
compare_objects(const void *a, const void *b)
{
    const struct prune_object *const *left = a;
    const struct prune_object *const *right = b;

    return strcmp((*left)->key, (*right)->key);
}

enum aks_status
aks_prune_bytes(const struct aks_alloc *alloc, const struct prune_upload *uploads, size_t count,
    bool kept_only, int64_t *ret_bytes, struct aks_error *err)
{
    const struct prune_object **objects;
    size_t total = 0;
    size_t found = 0;

    *ret_bytes = 0;
    for (size_t i = 0; i < count; i++)
        total += uploads[i].object_count;
    objects = aks_mem_array(alloc, total + 1, sizeof(*objects));
    if (objects == NULL)
        return aks_error_memory(err, "adding up what is stored");
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < uploads[i].object_count && (!kept_only || uploads[i].keep); j++)
            objects[found++] = &uploads[i].objects[j];
    }
    qsort(objects, found, sizeof(*objects), compare_objects);
    for (size_t i = 0; i < found; i++) {
        if ((i == 0 || strcmp(objects[i - 1]->key, objects[i]->key) != 0) &&
            __builtin_add_overflow(*ret_bytes, objects[i]->stored_bytes, ret_bytes))
            *ret_bytes = INT64_MAX;
    }
    aks_mem_free(alloc, objects);
    return AKS_OK;
}
