/* A recorded run, put to a policy: each of its questions is asked once more, with the facts of
 * then. What another answer would have led to is not known, and not made up.
 *
 * Chance: a schedule says between what it draws. Beyond that each question is put to the policy
 * loaded a few times with other seeds, so that what a policy draws for itself is seen as well. */
#include "base/check.h"
#include "engine/ask.h"
#include "testkit/explain_internal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DRAWS 8
#define QUESTIONS_MAX 10000
#define ANSWER_BYTES 640
#define NEAR_S 0.051                /* answers are recorded to a tenth of a second */
#define WAIT "wait "

/* What a policy says to one question, in all draws. */
struct answer {
    json_t *entry;                  /* as a report has it, of the first draw; owned */
    char text[ANSWER_BYTES];        /* of the first draw */
    char other[ANSWER_BYTES];       /* of another kind, in a later one; or "" */
    bool waits;
    double from_s;                  /* of waits: what chance can make of them */
    double to_s;
    bool drawn;                     /* by the policy itself: nobody knows from what to what */
};

struct replay {
    struct aks_explain *explain;
    const json_t *report;
    struct aks_explain_question *questions;
    struct answer *answers;
    size_t count;
    size_t steps;                   /* of a task: nobody was asked */
    size_t others;                  /* that a task is not asked */
    bool complete;                  /* the record has also what nobody decided */
    struct aks_now_facts now;       /* of the question that is being put */
    struct aks_loop loop;
};

/* --- the questions ---------------------------------------------------------------------------- */

static double
at_s(const json_t *entry)
{
    return json_number_value(json_object_get(entry, "at_s"));
}

static enum aks_status
add_question(struct replay *replay, const json_t *entry, struct aks_error *err)
{
    struct aks_explain_question *question = &replay->questions[replay->count];
    enum aks_status status = aks_explain_facts(replay->report, entry, question, err);

    if (status == AKS_OK && question->kind == AKS_EXPLAIN_STEP)
        replay->steps++;
    else if (status == AKS_OK && replay->explain->policy->task != NULL &&
        (question->kind == AKS_EXPLAIN_ROUTE || question->kind == AKS_EXPLAIN_DEDUP))
        replay->others++;
    else
        replay->count++;
    return status;
}

/* Decisions, and what was asked besides: each in order of time, joined in order of time. */
static enum aks_status
read_questions(struct replay *replay, struct aks_error *err)
{
    const json_t *lists[] = { json_object_get(replay->report, "asked"),
        json_object_get(replay->report, "decisions") };
    size_t total = json_array_size(lists[0]) + json_array_size(lists[1]);
    size_t at[2] = { 0, 0 };
    enum aks_status status = AKS_OK;

    replay->complete = json_is_array(lists[0]);
    if (total > QUESTIONS_MAX)
        return aks_error_set(err, AKS_NOT_FOUND, "the report has %zu questions: at most %d are put "
            "again", total, QUESTIONS_MAX);
    replay->questions = aks_mem_array(replay->explain->alloc, total + 1,
        sizeof(*replay->questions));
    replay->answers = aks_mem_array(replay->explain->alloc, total + 1, sizeof(*replay->answers));
    if (replay->questions == NULL || replay->answers == NULL)
        return aks_error_memory(err, "replaying a run");
    while (status == AKS_OK && replay->count + replay->steps + replay->others < total) {
        const json_t *asked = json_array_get(lists[0], at[0]);
        const json_t *decided = json_array_get(lists[1], at[1]);
        bool first = decided == NULL || (asked != NULL && at_s(asked) <= at_s(decided));

        status = add_question(replay, first ? asked : decided, err);
        at[first ? 0 : 1]++;
    }
    if (replay->count > 0)
        aks_explain_facts_history(replay->report, replay->questions[replay->count - 1].wall_ms,
            &replay->now);
    return status;
}

/* --- asking ----------------------------------------------------------------------------------- */

static bool
has_target(const struct aks_settings *settings, const char *name)
{
    for (size_t i = 0; name != NULL && i < settings->target_count; i++) {
        if (strcmp(settings->targets[i].name, name) == 0)
            return true;
    }
    return false;
}

static bool
asks_function(const struct aks_decide *decide, enum aks_explain_kind kind)
{
    return (kind == AKS_EXPLAIN_THROTTLE && decide->throttle != NULL) ||
        (kind == AKS_EXPLAIN_ROUTE && decide->route != NULL) ||
        (kind == AKS_EXPLAIN_DEDUP && decide->dedup != NULL) ||
        (kind == AKS_EXPLAIN_COMPRESS && decide->compress != NULL) ||
        (kind == AKS_EXPLAIN_SNAPSHOT && decide->snapshot != NULL) ||
        (kind == AKS_EXPLAIN_RETRY && decide->retry != NULL);
}

/* Why this policy cannot be asked this; "" if it can. */
static void
look_whether_it_can(const struct aks_policy *policy, struct aks_explain_question *question)
{
    /* Who is told no time has schedules, which are asked as functions are, and no functions. */
    bool function = policy->decide.now != NULL && asks_function(&policy->decide, question->kind);
    bool of_target = question->kind == AKS_EXPLAIN_DEDUP ||
        question->kind == AKS_EXPLAIN_COMPRESS || question->kind == AKS_EXPLAIN_RETRY;
    const char *lacks = question->needs;
    char *why = question->why;
    size_t bytes = sizeof(question->why);

    if (question->kind == AKS_EXPLAIN_UNKNOWN)
        (void)snprintf(why, bytes, "a question that this program does not know");
    else if (of_target && !has_target(policy->settings, question->target))
        (void)snprintf(why, bytes, "the policy has no target \"%.60s\"",
            question->target != NULL ? question->target : "");
    if (question->kind == AKS_EXPLAIN_ROUTE)
        aks_explain_facts_targets(policy->settings, question);
    if (lacks == NULL && function)
        lacks = question->lacks;
    if (why[0] == '\0' && lacks != NULL)
        (void)snprintf(why, bytes, "not recorded: %s", lacks);
    else if (why[0] == '\0' && function && question->unknown != NULL)
        (void)snprintf(why, bytes, "nothing is recorded of the target \"%.60s\"",
            question->unknown);
}

static enum aks_status
put_question(const struct replay *replay, struct aks_ask *ask,
    struct aks_explain_question *question, struct aks_retry_answer *ret_retry,
    struct aks_error *err)
{
    struct aks_route_answer route;
    struct aks_compress_settings compress;
    enum aks_dedup_verdict dedup;
    enum aks_busy busy;
    int64_t number;

    switch (question->kind) {
    case AKS_EXPLAIN_ROUTE:
        return aks_ask_route(ask, &question->source, question->targets,
            ask->policy->settings->target_count, &route, err);
    case AKS_EXPLAIN_DEDUP:
        return aks_ask_dedup(ask, &question->dedup, &dedup, err);
    case AKS_EXPLAIN_COMPRESS:
        return aks_ask_compress(ask, &question->compress,
            aks_explain_codec(replay->explain, ask->policy->settings,
                question->compress.source.path), &compress, err);
    case AKS_EXPLAIN_SNAPSHOT:
        return aks_ask_snapshot(ask, &question->snapshot,
            aks_explain_busy(replay->explain, ask->policy->settings,
                question->snapshot.source.path), &busy, &number, err);
    case AKS_EXPLAIN_RETRY:
        return aks_ask_retry(ask, &question->failure, ret_retry, err);
    case AKS_EXPLAIN_THROTTLE:
        return aks_ask_throttle(ask, &number, err);
    case AKS_EXPLAIN_STEP:
    case AKS_EXPLAIN_UNKNOWN:
        break;
    }
    AKS_CHECK(false);
}

static double
seconds(int64_t ms)
{
    return (double)ms / (double)AKS_MS_PER_S;
}

/* One more draw of a wait. */
static void
add_wait(struct answer *answer, const struct aks_retry_answer *retry)
{
    bool known = retry->least_ms < retry->most_ms;
    double from_s = seconds(known ? retry->least_ms : retry->wait_ms);
    double to_s = seconds(known ? retry->most_ms : retry->wait_ms);

    if (answer->waits && !known && (from_s != answer->from_s || to_s != answer->to_s))
        answer->drawn = true;
    if (!answer->waits || from_s < answer->from_s)
        answer->from_s = from_s;
    if (!answer->waits || to_s > answer->to_s)
        answer->to_s = to_s;
    answer->waits = true;
}

/* ${entry} is taken. */
static void
add_draw(struct answer *answer, json_t *entry, const char *text,
    const struct aks_retry_answer *retry)
{
    bool first = answer->entry == NULL && answer->text[0] == '\0';
    bool wait = retry->verdict == AKS_WAIT;

    if (first)
        (void)snprintf(answer->text, sizeof(answer->text), "%s", text);
    else if (strcmp(answer->text, text) != 0 && !wait)
        (void)snprintf(answer->other, sizeof(answer->other), "%s", text);
    if (wait)
        add_wait(answer, retry);
    if (first)
        answer->entry = entry;
    else
        json_decref(entry);
}

/* Asks the policy of ${draw} the question of ${index}. *ret_failed: it failed, and has to be loaded
 * anew. */
static enum aks_status
ask_one(struct replay *replay, const struct aks_policy *policy, size_t index, uint64_t draw,
    bool *ret_failed, struct aks_error *err)
{
    struct aks_explain_question *question = &replay->questions[index];
    struct aks_retry_answer retry = { .verdict = AKS_NO_OPINION };
    struct aks_policy timeless = *policy;   /* that the engine does not tell today's time */
    struct aks_error why = { 0 };
    char text[ANSWER_BYTES];
    struct aks_ask ask;
    enum aks_status status = aks_ask_init(&ask, &replay->loop, &timeless, NULL,
        draw * QUESTIONS_MAX + index, err);
    json_t *entry;

    timeless.decide.now = NULL;
    replay->now.clock = question->clock;
    replay->now.wall_ms = question->wall_ms;
    if (policy->decide.now != NULL)
        policy->decide.now(policy->decide.ctx, &replay->now);
    if (status != AKS_OK)
        return status;
    if (put_question(replay, &ask, question, &retry, &why) != AKS_OK) {
        (void)snprintf(text, sizeof(text), "fails: %.600s", why.message);
        add_draw(&replay->answers[index], NULL, text, &retry);
        *ret_failed = true;
    } else {
        entry = json_array_get(json_array_size(ask.decisions) > 0 ? ask.decisions : ask.asked, 0);
        if (entry == NULL)
            status = aks_error_memory(err, "replaying a run");
        else
            add_draw(&replay->answers[index], json_incref(entry),
                json_string_value(json_object_get(entry, "answer")), &retry);
    }
    aks_ask_fini(&ask);
    return status;
}

static enum aks_status
ask_all(struct replay *replay, uint64_t draw, struct aks_error *err)
{
    struct aks_policy *policy = NULL;
    enum aks_status status = AKS_OK;

    for (size_t i = 0; status == AKS_OK && i < replay->count; i++) {
        bool failed = false;

        if (replay->questions[i].why[0] != '\0')
            continue;
        if (policy == NULL)
            status = aks_explain_load(replay->explain, draw, &policy, err);
        if (status == AKS_OK)
            status = ask_one(replay, policy, i, draw, &failed, err);
        if (failed) {
            policy->free(policy);
            policy = NULL;
        }
    }
    if (policy != NULL)
        policy->free(policy);
    return status;
}

/* --- comparing -------------------------------------------------------------------------------- */

/* The recorded answer is to wait: from what to what. */
static bool
waited(const struct aks_explain_question *question, double *ret_from_s, double *ret_to_s)
{
    const json_t *chance = json_object_get(question->entry, "chance");

    if (strncmp(question->was, WAIT, strlen(WAIT)) != 0)
        return false;
    *ret_from_s = strtod(question->was + strlen(WAIT), NULL);
    *ret_to_s = *ret_from_s;
    if (json_array_size(chance) == 2) {
        *ret_from_s = json_number_value(json_array_get(chance, 0));
        *ret_to_s = json_number_value(json_array_get(chance, 1));
    }
    return true;
}

static bool
is_same(const struct replay *replay, size_t index)
{
    const struct aks_explain_question *question = &replay->questions[index];
    const struct answer *answer = &replay->answers[index];
    double wide_s = answer->to_s - answer->from_s;
    double from_s;
    double to_s;

    if (!answer->waits || !waited(question, &from_s, &to_s))
        return strcmp(question->was, answer->text) == 0 ||
            strcmp(question->was, answer->other) == 0;
    /* Of what a policy draws itself some draws are known: one more can lie beside them. */
    if (answer->drawn)
        return from_s == to_s && from_s > answer->from_s - wide_s && to_s < answer->to_s + wide_s;
    /* An old record does not say what chance had in it: it is the same if it can be. */
    if (!replay->complete)
        return from_s > answer->from_s - NEAR_S && to_s < answer->to_s + NEAR_S;
    return fabs(from_s - answer->from_s) < NEAR_S && fabs(to_s - answer->to_s) < NEAR_S;
}

static void
tell_wait(char text[ANSWER_BYTES], const char *about, double from_s, double to_s)
{
    if (to_s - from_s < NEAR_S)
        (void)snprintf(text, ANSWER_BYTES, "wait %.1f", from_s);
    else
        (void)snprintf(text, ANSWER_BYTES, "wait %s%.1f to %.1f", about, from_s, to_s);
}

static json_t *
tell_was(const struct aks_explain_question *question)
{
    char text[ANSWER_BYTES];
    double from_s;
    double to_s;

    if (!waited(question, &from_s, &to_s))
        return json_string(question->was);
    tell_wait(text, "", from_s, to_s);
    return json_string(text);
}

static json_t *
tell_would_be(const struct answer *answer)
{
    char text[2 * ANSWER_BYTES + 8];
    char wait[ANSWER_BYTES] = "";
    bool first_waits = strncmp(answer->text, WAIT, strlen(WAIT)) == 0;

    if (answer->waits)
        tell_wait(wait, answer->drawn ? "about " : "", answer->from_s, answer->to_s);
    (void)snprintf(text, sizeof(text), "%s%s%s", first_waits ? wait : answer->text,
        answer->other[0] != '\0' || (answer->waits && !first_waits) ? " or " : "",
        answer->other[0] != '\0' ? answer->other : first_waits ? "" : wait);
    return json_string(text);
}

static json_t *
tell_question(const struct replay *replay, size_t index)
{
    const struct aks_explain_question *question = &replay->questions[index];
    const struct answer *answer = &replay->answers[index];
    bool told = question->why[0] == '\0';
    json_t *row = json_pack("{s:O?, s:O, s:O?, s:O, s:o, s:O?}", "at_s",
        json_object_get(question->entry, "at_s"), "question",
        json_object_get(question->entry, "question"), "target",
        json_object_get(question->entry, "target"), "facts",
        json_object_get(question->entry, "facts"), "was", tell_was(question), "was_by",
        json_object_get(question->entry, "by"));

    if (row == NULL || json_object_update_new(row, json_pack("{s:o, s:O?, s:o, s:O?, s:o, s:s?}",
            "would_be", told ? tell_would_be(answer) : json_null(), "by",
            json_object_get(answer->entry, "by"), "line", answer->entry != NULL
            ? aks_explain_tell_line(replay->explain, answer->entry) : json_null(), "file",
            json_object_get(answer->entry, "file"), "same", told
            ? json_boolean(is_same(replay, index)) : json_null(), "why", told ? NULL
            : question->why)) != 0) {
        json_decref(row);
        return NULL;
    }
    return row;
}

static enum aks_status
tell(const struct replay *replay, json_t *document, struct aks_error *err)
{
    json_t *rows = json_array();
    size_t same = 0;
    size_t unanswerable = 0;
    json_t *told;

    for (size_t i = 0; i < replay->count; i++) {
        unanswerable += replay->questions[i].why[0] != '\0';
        same += replay->questions[i].why[0] == '\0' && is_same(replay, i);
        if (json_array_append_new(rows, tell_question(replay, i)) != 0) {
            json_decref(rows);
            return aks_error_memory(err, "replaying a run");
        }
    }
    told = json_pack("{s:O, s:O?, s:O?, s:O, s:b, s:b, s:I, s:I, s:I, s:I, s:I, s:o}", "run_id",
        json_object_get(replay->report, "run_id"), "started_at",
        json_object_get(replay->report, "started_at"), "outcome",
        json_object_get(replay->report, "outcome"), "policy",
        json_object_get(replay->report, "policy"), "complete", replay->complete, "task",
        replay->explain->policy->task != NULL, "steps", (json_int_t)replay->steps, "same",
        (json_int_t)same, "different", (json_int_t)(replay->count - same - unanswerable),
        "unanswerable", (json_int_t)unanswerable, "dropped",
        json_integer_value(json_object_get(replay->report, "decisions_dropped")) +
        json_integer_value(json_object_get(replay->report, "asked_dropped")), "questions", rows);
    return json_object_set_new(document, "replay", told) == 0 ? AKS_OK
        : aks_error_memory(err, "replaying a run");
}

enum aks_status
aks_explain_replay(struct aks_explain *explain, json_t *document, struct aks_error *err)
{
    struct replay replay = { .explain = explain };
    json_t *report = NULL;
    enum aks_status status = aks_explain_record(explain->options, &report, err);

    if (status != AKS_OK)
        return status;
    replay.report = report;
    aks_loop_init(&replay.loop, explain->options->real);
    status = read_questions(&replay, err);
    for (size_t i = 0; status == AKS_OK && i < replay.count; i++)
        look_whether_it_can(explain->policy, &replay.questions[i]);
    for (uint64_t draw = 1; status == AKS_OK && draw <= DRAWS; draw++)
        status = ask_all(&replay, draw, err);
    if (status == AKS_OK)
        status = tell(&replay, document, err);
    for (size_t i = 0; replay.answers != NULL && i < replay.count; i++)
        json_decref(replay.answers[i].entry);
    aks_loop_fini(&replay.loop);
    aks_mem_free(explain->alloc, replay.questions);
    aks_mem_free(explain->alloc, replay.answers);
    json_decref(report);
    return status;
}
