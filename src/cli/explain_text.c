#include "cli/explain_text.h"

#include "base/units.h"
#include "cli/print.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS_MAX 7
#define ROWS_MAX 1100                   /* a report has a thousand decisions at most */
#define CELL_BYTES 160

/* Cells are put down first, and printed when the widths are known. */
struct table {
    size_t columns;
    size_t rows;
    size_t widths[COLUMNS_MAX];
    char (*cells)[COLUMNS_MAX][CELL_BYTES];
};

static const char *
text_at(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text != NULL ? text : "-";
}

static void
put(struct table *table, size_t column, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void
put(struct table *table, size_t column, const char *format, ...)
{
    char *cell = table->cells[table->rows][column];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(cell, CELL_BYTES, format, args);
    va_end(args);
    for (char *c = cell; *c != '\0'; c++) {
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = '?';
    }
    if (strlen(cell) > table->widths[column])
        table->widths[column] = strlen(cell);
}

/* The first column that is a number stands to the right. */
static void
print_table(const struct table *table, size_t right)
{
    for (size_t i = 0; i < table->rows; i++) {
        aks_print_out(" ");
        for (size_t j = 0; j < table->columns; j++) {
            const char *cell = table->cells[i][j];
            int width = (int)table->widths[j];

            if (j + 1 == table->columns)
                aks_print_out(" %s", cell);
            else
                aks_print_out(" %*s", j == right ? width : -width, cell);
            if (j + 1 < table->columns)
                aks_print_out(" ");
        }
        aks_print_out("\n");
    }
}

static bool
begin(struct table *table, size_t columns, const char *const *heads)
{
    memset(table, 0, sizeof(*table));
    table->columns = columns;
    table->cells = calloc(ROWS_MAX, sizeof(*table->cells));
    if (table->cells == NULL)
        return false;
    for (size_t i = 0; i < columns; i++)
        put(table, i, "%s", heads[i]);
    table->rows++;
    return true;
}

/* "zstd", "zstd (policy)": what a function of the policy decided is marked. */
static void
put_decided(struct table *table, size_t column, const json_t *row, const char *name,
    const char *by)
{
    bool policy = strcmp(text_at(row, by), "policy") == 0;

    put(table, column, "%s%s", text_at(row, name), policy ? " (policy)" : "");
}

static void
print_plan(const json_t *plan)
{
    static const char *const heads[] = { "source", "size", "route", "codec", "unchanged", "parts",
        "goes to" };
    struct table table;
    const json_t *row;
    size_t i;

    if (!begin(&table, sizeof(heads) / sizeof(heads[0]), heads))
        return;
    json_array_foreach(plan, i, row) {
        char bytes[AKS_UNITS_TEXT_BYTES];
        long long parts = json_integer_value(json_object_get(row, "parts_max"));
        bool missing = json_is_true(json_object_get(row, "missing")) &&
            !json_is_true(json_object_get(row, "assumed"));

        put(&table, 0, "%s", text_at(row, "source"));
        put(&table, 1, "%s", missing ? "not there"
            : aks_units_bytes(json_integer_value(json_object_get(row, "bytes")), bytes));
        put_decided(&table, 2, row, "route", "route_by");
        put_decided(&table, 3, row, "codec", "codec_by");
        put_decided(&table, 4, row, "unchanged", "unchanged_by");
        put(&table, 5, "%lld%s", parts, parts > 1 ? " at most" : "");
        put(&table, 6, "%s", json_is_string(json_object_get(row, "target"))
            ? text_at(row, "target") : text_at(row, "outcome"));
        table.rows++;
    }
    print_table(&table, 1);
    free(table.cells);
}

static void
print_notes(const json_t *plan)
{
    const json_t *row;
    bool cut = false;
    size_t i;

    json_array_foreach(plan, i, row)
        cut = cut || json_integer_value(json_object_get(row, "simulated_bytes")) <
            json_integer_value(json_object_get(row, "bytes"));
    if (json_is_true(json_object_get(json_array_get(plan, 0), "assumed")))
        aks_print_out("\nNone of the sources is there: each is taken to have 8 MiB.\n");
    if (cut)
        aks_print_out("\nLarge sources are simulated with fewer bytes than they have, and so shown "
            "to the policy.\n");
}

/* What the decision was about, and the facts that matter. */
static void
put_facts(struct table *table, size_t column, const json_t *decision)
{
    const json_t *facts = json_object_get(decision, "facts");
    const json_t *attempt = json_object_get(facts, "attempt");
    const json_t *status = json_object_get(facts, "http_status");
    const json_t *asked = json_object_get(facts, "retry_after");
    char text[CELL_BYTES] = "";
    size_t len = 0;

    if (json_is_string(json_object_get(facts, "failure"))) {
        len = (size_t)snprintf(text, sizeof(text), "%s", text_at(facts, "failure"));
        if (json_is_integer(attempt) && len < sizeof(text))
            len += (size_t)snprintf(text + len, sizeof(text) - len, ", attempt %d",
                (int)json_integer_value(attempt));
        if (json_is_integer(status) && len < sizeof(text))
            len += (size_t)snprintf(text + len, sizeof(text) - len, ", http %d",
                (int)json_integer_value(status));
        if (json_is_number(asked) && len < sizeof(text))
            (void)snprintf(text + len, sizeof(text) - len, ", asks for %.1f s",
                json_number_value(asked));
    } else if (json_is_boolean(json_object_get(facts, "unchanged"))) {
        (void)snprintf(text, sizeof(text), "%s", json_is_true(json_object_get(facts, "unchanged"))
            ? "unchanged" : "changed, or new");
    } else if (json_is_number(json_object_get(facts, "sample_ratio"))) {
        (void)snprintf(text, sizeof(text), "a sample shrinks to 1/%.1f",
            json_number_value(json_object_get(facts, "sample_ratio")));
    } else {
        (void)snprintf(text, sizeof(text), "%s", text_at(facts, "source"));
    }
    put(table, column, "%s", text);
}

static const char *
base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL ? slash + 1 : path;
}

static void
print_decisions(const json_t *decisions)
{
    static const char *const heads[] = { "at s", "target", "about", "because", "answer", "by" };
    struct table table;
    const json_t *decision;
    size_t i;

    if (!begin(&table, sizeof(heads) / sizeof(heads[0]), heads))
        return;
    json_array_foreach(decisions, i, decision) {
        const json_t *facts = json_object_get(decision, "facts");
        const json_t *line = json_object_get(decision, "line");
        const char *operation = json_string_value(json_object_get(facts, "operation"));
        const char *by = text_at(decision, "by");

        if (table.rows == ROWS_MAX)
            break;
        put(&table, 0, "%.1f", json_number_value(json_object_get(decision, "at_s")));
        put(&table, 1, "%s", text_at(decision, "target"));
        put(&table, 2, "%s", operation != NULL ? operation : text_at(decision, "question"));
        put_facts(&table, 3, decision);
        put(&table, 4, "%s", text_at(decision, "answer"));
        if (json_is_string(json_object_get(decision, "file")))
            put(&table, 5, "%s, line %d", base_name(text_at(decision, "file")),
                (int)json_integer_value(line));
        else if (json_is_integer(line))
            put(&table, 5, "%s, line %d", strcmp(by, "policy") == 0 ? "policy" : "settings",
                (int)json_integer_value(line));
        else
            put(&table, 5, "%s", by);
        table.rows++;
    }
    print_table(&table, 0);
    free(table.cells);
}

static void
print_end(const json_t *ended)
{
    const json_t *target = json_object_get(ended, "target");

    aks_print_out("%s", text_at(ended, "outcome"));
    if (json_is_string(target))
        aks_print_out(" in %s", json_string_value(target));
    aks_print_out(" after %.1f s", json_number_value(json_object_get(ended, "duration_s")));
    if (json_is_string(json_object_get(ended, "message")))
        aks_print_out(": %s", text_at(ended, "message"));
    aks_print_out("\n");
}

void
aks_explain_text(const struct json_t *explanation)
{
    const json_t *plan = json_object_get(explanation, "plan");
    const json_t *events = json_object_get(explanation, "events");
    const json_t *event;
    size_t i;

    aks_print_out("When nothing goes wrong:\n\n");
    print_plan(plan);
    print_notes(plan);
    aks_print_out("\nIt ends: ");
    print_end(json_object_get(explanation, "calm"));
    if (!json_is_array(events))
        return;
    aks_print_out("\nWith ");
    json_array_foreach(events, i, event) {
        int happened = (int)json_integer_value(json_object_get(event, "happened"));

        aks_print_out("%s%s", i > 0 ? "\nand  " : "", text_at(event, "event"));
        if (happened > 1)
            aks_print_out(" (it happened %d times)", happened);
        else
            aks_print_out(happened == 0 ? " (it never came to that)" : " (it happened once)");
    }
    aks_print_out(":\n\n");
    if (json_array_size(json_object_get(explanation, "decisions")) > 0)
        print_decisions(json_object_get(explanation, "decisions"));
    else
        aks_print_out("  Nothing had to be decided.\n");
    aks_print_out("\nIt ends: ");
    print_end(json_object_get(explanation, "ended"));
}
