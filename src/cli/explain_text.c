#include "cli/explain_text.h"

#include "base/units.h"
#include "cli/print.h"
#include "cli/table.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define ROWS_MAX 10000                  /* a record that is replayed may have as many questions */

static const char *
text_at(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text != NULL ? text : "-";
}

/* "zstd", "zstd (policy)": what a function of the policy decided is marked, and what a task may do
 * otherwise. */
static void
put_decided(struct aks_table *table, size_t column, const json_t *row, const char *name,
    const char *by)
{
    const char *whose = text_at(row, by);
    bool settings = strcmp(whose, "default") == 0;

    aks_table_put(table, column, "%s%s%s%s", text_at(row, name), settings ? "" : " (",
        settings ? "" : whose, settings ? "" : ")");
}

/* "cloud", of a mirror "cloud, other"; what became of it where it goes nowhere. */
static void
put_targets(struct aks_table *table, size_t column, const json_t *row)
{
    char text[AKS_TABLE_CELL_BYTES] = "";
    size_t len = 0;
    const json_t *name;
    size_t i;

    json_array_foreach(json_object_get(row, "targets"), i, name) {
        if (len < sizeof(text))
            len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s", i > 0 ? ", " : "",
                json_string_value(name));
    }
    aks_table_put(table, column, "%s", len > 0 ? text : text_at(row, "outcome"));
}

static void
print_plan(const json_t *plan)
{
    static const char *const heads[] = { "source", "size", "route", "codec", "unchanged", "parts",
        "goes to" };
    struct aks_table table;
    const json_t *row;
    size_t i;

    if (!aks_table_begin(&table, heads, sizeof(heads) / sizeof(heads[0]), ROWS_MAX))
        return;
    json_array_foreach(plan, i, row) {
        char bytes[AKS_UNITS_TEXT_BYTES];
        long long parts = json_integer_value(json_object_get(row, "parts_max"));
        bool missing = json_is_true(json_object_get(row, "missing")) &&
            !json_is_true(json_object_get(row, "assumed"));

        aks_table_put(&table, 0, "%s", text_at(row, "source"));
        aks_table_put(&table, 1, "%s", missing ? "not there"
            : aks_units_bytes(json_integer_value(json_object_get(row, "bytes")), bytes));
        put_decided(&table, 2, row, "route", "route_by");
        put_decided(&table, 3, row, "codec", "codec_by");
        put_decided(&table, 4, row, "unchanged", "unchanged_by");
        aks_table_put(&table, 5, "%lld%s", parts, parts > 1 ? " at most" : "");
        put_targets(&table, 6, row);
        (void)aks_table_next(&table);
    }
    aks_table_end(&table, 1);
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
put_facts(struct aks_table *table, size_t column, const json_t *decision)
{
    const json_t *facts = json_object_get(decision, "facts");
    const json_t *attempt = json_object_get(facts, "attempt");
    const json_t *status = json_object_get(facts, "http_status");
    const json_t *asked = json_object_get(facts, "retry_after");
    const json_t *waited = json_object_get(facts, "waited");
    char text[AKS_TABLE_CELL_BYTES] = "";
    size_t len = 0;

    if (json_is_number(waited)) {
        (void)snprintf(text, sizeof(text), "%s: %s, waited %.1f s", text_at(facts, "source"),
            text_at(facts, "failure"), json_number_value(waited));
    } else if (json_is_string(json_object_get(facts, "failure"))) {
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
        (void)snprintf(text, sizeof(text), "%s: %s", text_at(facts, "source"),
            json_is_true(json_object_get(facts, "unchanged")) ? "unchanged" : "changed, or new");
    } else if (json_is_number(json_object_get(facts, "sample_ratio"))) {
        (void)snprintf(text, sizeof(text), "%s: a sample shrinks to 1/%.1f",
            text_at(facts, "source"), json_number_value(json_object_get(facts, "sample_ratio")));
    } else {
        (void)snprintf(text, sizeof(text), "%s", text_at(facts, "source"));
    }
    aks_table_put(table, column, "%s", text);
}

static const char *
base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL ? slash + 1 : path;
}

/* Whose answer it was, and the line that made it. */
static void
put_by(struct aks_table *table, size_t column, const json_t *decision)
{
    const json_t *line = json_object_get(decision, "line");
    const char *by = text_at(decision, "by");

    if (json_is_integer(line) && json_is_string(json_object_get(decision, "file")))
        by = base_name(text_at(decision, "file"));
    else if (json_is_integer(line) && strcmp(by, "policy") != 0)
        by = "settings";
    if (json_is_integer(line))
        aks_table_put(table, column, "%s, line %d", by, (int)json_integer_value(line));
    else
        aks_table_put(table, column, "%s", by);
}

static void
print_decisions(const json_t *decisions)
{
    static const char *const heads[] = { "at s", "target", "about", "because", "answer", "by" };
    struct aks_table table;
    const json_t *decision;
    size_t i;

    if (!aks_table_begin(&table, heads, sizeof(heads) / sizeof(heads[0]), ROWS_MAX))
        return;
    json_array_foreach(decisions, i, decision) {
        const json_t *facts = json_object_get(decision, "facts");
        const char *operation = json_string_value(json_object_get(facts, "operation"));

        aks_table_put(&table, 0, "%.1f", json_number_value(json_object_get(decision, "at_s")));
        aks_table_put(&table, 1, "%s", text_at(decision, "target"));
        aks_table_put(&table, 2, "%s", operation != NULL ? operation
            : text_at(decision, "question"));
        put_facts(&table, 3, decision);
        aks_table_put(&table, 4, "%s", text_at(decision, "answer"));
        put_by(&table, 5, decision);
        (void)aks_table_next(&table);
    }
    aks_table_end(&table, 0);
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

/* What would be different, and what could not be asked; with ${all} also what is the same. */
static void
print_replayed(const json_t *questions, bool all)
{
    static const char *const heads[] = { "at s", "target", "about", "because", "was", "would be",
        "by" };
    struct aks_table table;
    const json_t *row;
    size_t i;

    if (!aks_table_begin(&table, heads, sizeof(heads) / sizeof(heads[0]), ROWS_MAX))
        return;
    json_array_foreach(questions, i, row) {
        const char *operation = json_string_value(json_object_get(json_object_get(row, "facts"),
            "operation"));

        if (json_is_true(json_object_get(row, "same")) && !all)
            continue;
        aks_table_put(&table, 0, "%.1f", json_number_value(json_object_get(row, "at_s")));
        aks_table_put(&table, 1, "%s", text_at(row, "target"));
        aks_table_put(&table, 2, "%s", operation != NULL ? operation : text_at(row, "question"));
        put_facts(&table, 3, row);
        aks_table_put(&table, 4, "%s", text_at(row, "was"));
        if (json_is_null(json_object_get(row, "same"))) {
            aks_table_put(&table, 5, "?");
            aks_table_put(&table, 6, "%s", text_at(row, "why"));
        } else {
            aks_table_put(&table, 5, "%s", text_at(row, "would_be"));
            put_by(&table, 6, row);
        }
        (void)aks_table_next(&table);
    }
    aks_table_end(&table, 0);
    aks_print_out("\n");
}

static int
count_at(const json_t *object, const char *name)
{
    return (int)json_integer_value(json_object_get(object, name));
}

void
aks_explain_text_replay(const struct json_t *explanation, bool all)
{
    const json_t *replay = json_object_get(explanation, "replay");
    const json_t *then = json_object_get(replay, "policy");
    int same = count_at(replay, "same");
    int different = count_at(replay, "different");
    int unanswerable = count_at(replay, "unanswerable");
    int steps = count_at(replay, "steps");
    int asked;

    aks_print_out("The run %s ran under %s and ended: %s. Put to %s:\n\n",
        text_at(replay, "run_id"), text_at(then, "path"), text_at(replay, "outcome"),
        text_at(json_object_get(explanation, "policy"), "path"));
    if (different + unanswerable > 0 || (all && same > 0))
        print_replayed(json_object_get(replay, "questions"), all);
    asked = same + different + unanswerable;
    aks_print_out("Of %d question%s %d would be answered as %s, %d differently, and %d cannot be "
        "put to it.\n", asked, asked == 1 ? "" : "s", same, asked == 1 ? "it was" : "they were",
        different, unanswerable);
    if (!json_is_true(json_object_get(replay, "complete")))
        aks_print_out("The record has only what was decided, not what the settings answered: it "
            "is of an older version.\n");
    if (steps > 0)
        aks_print_out("It was a task: its %d %s.\n", steps,
            steps == 1 ? "step was no question" : "steps were no questions");
    if (json_is_true(json_object_get(replay, "task")))
        aks_print_out("The policy is a task: it steers by itself, and what it would do is not "
            "asked here.\n");
    if (count_at(replay, "dropped") > 0)
        aks_print_out("%d more were asked, and not recorded.\n", count_at(replay, "dropped"));
    if (different > 0)
        aks_print_out("Each question stands by itself: where another answer would have led is not "
            "known.\n");
}

static void
print_throttle(const json_t *throttle)
{
    int line = count_at(throttle, "line");
    bool policy = strcmp(text_at(throttle, "by"), "policy") == 0;

    if (!json_is_object(throttle))
        return;
    aks_print_out("\nHeld up to: %s (%s", text_at(throttle, "answer"),
        policy ? "policy" : "settings");
    if (line > 0)
        aks_print_out(", line %d", line);
    aks_print_out(")\n");
}

/* In a world nothing was spent before. */
static void
print_budgets(const json_t *budgets)
{
    const json_t *budget;
    size_t i;

    json_array_foreach(budgets, i, budget) {
        const json_t *bytes = json_object_get(budget, "bytes");
        const json_t *tries = json_object_get(budget, "tries");

        aks_print_out("\nBudget of %s each %s, nothing spent before:",
            json_is_string(json_object_get(budget, "target")) ? text_at(budget, "target")
            : "all targets", text_at(budget, "per"));
        if (json_is_integer(bytes))
            aks_print_out(" %lld bytes (this takes %lld)", (long long)json_integer_value(bytes),
                (long long)json_integer_value(json_object_get(budget, "bytes_spent")));
        if (json_is_integer(tries))
            aks_print_out(" %lld %s (this takes %lld)", (long long)json_integer_value(tries),
                json_integer_value(tries) == 1 ? "try" : "tries",
                (long long)json_integer_value(json_object_get(budget, "tries_spent")));
        aks_print_out("\n");
    }
}

void
aks_explain_text(const struct json_t *explanation, const char *at)
{
    const json_t *plan = json_object_get(explanation, "plan");
    const json_t *events = json_object_get(explanation, "events");
    const json_t *event;
    size_t i;

    aks_print_out("When nothing goes wrong%s%s:\n\n", at != NULL ? ", at " : "",
        at != NULL ? at : "");
    print_plan(plan);
    print_throttle(json_object_get(explanation, "throttle"));
    print_budgets(json_object_get(explanation, "budgets"));
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
