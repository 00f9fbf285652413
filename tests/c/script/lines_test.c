#include "script/lines.h"

#include "script/lines_internal.h"
#include "script/load.h"
#include "support/failing_alloc.h"

#include <lauxlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LINES_MAX 64
#define MARKS 2000

/* What was told about one file. */
struct file {
    char name[64];
    unsigned active[LINES_MAX];
    unsigned hits[LINES_MAX];
    int last;               /* the active line that was told last */
    bool ascending;
};

struct record {
    struct file files[4];
    size_t count;
};

static struct file *
file_of(struct record *record, const char *name)
{
    struct file *file;

    for (size_t i = 0; i < record->count; i++) {
        if (strcmp(record->files[i].name, name) == 0)
            return &record->files[i];
    }
    assert_true(record->count < 4);
    file = &record->files[record->count++];
    memset(file, 0, sizeof(*file));
    (void)snprintf(file->name, sizeof(file->name), "%s", name);
    file->ascending = true;
    return file;
}

static void
note_line(void *ctx, const char *name, int line)
{
    struct file *file = file_of(ctx, name);

    assert_in_range(line, 1, LINES_MAX - 1);
    file->hits[line]++;
}

static void
note_active(void *ctx, const char *name, int line)
{
    struct file *file = file_of(ctx, name);

    assert_in_range(line, 1, LINES_MAX - 1);
    file->active[line]++;
    if (line <= file->last)
        file->ascending = false;
    file->last = line;
}

/* The numbers of the lines that are set, between blanks. */
static const char *
listed(const unsigned lines[LINES_MAX])
{
    static char text[LINES_MAX * 4];
    size_t len = 0;

    text[0] = '\0';
    for (int i = 0; i < LINES_MAX; i++) {
        if (lines[i] > 0)
            len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%d", len > 0 ? " " : "", i);
    }
    return text;
}

static char path[] = "/home/me/policies/main.lua";
static char module_name[] = "rules";
static char module_text[] = "local rules = {}\n"
    "function rules.asked()\n"
    "  return 'asked'\n"
    "end\n"
    "return rules\n";
static struct aks_policy_module modules[] = { { module_name, module_text,
    sizeof(module_text) - 1 } };

static enum aks_status
load(const struct aks_alloc *alloc, const struct aks_script_lines *lines, char *text,
    struct aks_script_options *options, struct aks_policy **ret_policy, struct aks_error *err)
{
    struct aks_policy_text given = { path, text, strlen(text), modules, 1, { 0 } };
    struct aks_policy_loader loader;

    memset(options, 0, sizeof(*options));
    options->alloc = alloc;
    options->lines = lines;
    aks_script_loader_init(&loader, options);
    return loader.load(loader.ctx, &given, NULL, ret_policy, err);
}

static enum aks_verdict
ask(struct aks_policy *policy, unsigned attempt)
{
    struct aks_failure_facts failure = { .target = "d", .operation = "part 1", .failure =
        AKS_SERVER, .transient = true, .retry_after_ms = -1, .attempt = attempt };
    struct aks_retry_answer answer;

    assert_int_equal(policy->decide.retry(policy->decide.ctx, &failure, &answer, NULL), AKS_OK);
    return answer.verdict;
}

static char policy_text[] =
    "#!/usr/bin/env akosha-sync\n"                                  /* 1 */
    "local akosha = require 'akosha'\n"
    "local rules = require 'rules'\n"
    "\n"
    "-- a comment\n"                                                /* 5 */
    "local function never(x)\n"
    "  local y = x + 1\n"
    "  return function()\n"
    "    return y\n"
    "  end\n"                                                       /* 10 */
    "end\n"
    "\n"
    "local function late(n)\n"
    "  if n > 1 then\n"
    "    rules.asked()\n"                                           /* 15 */
    "    return akosha.next_target\n"
    "  else\n"
    "    for i = 1, n do\n"
    "      rules.seen = i\n"
    "    end\n"                                                     /* 20 */
    "  end\n"
    "end\n"
    "\n"
    "return akosha.policy {\n"
    "  api = 1,\n"                                                  /* 25 */
    "  targets = { d = akosha.dir { path = '/x' } },\n"
    "  retry = function(failure)\n"
    "    local co = coroutine.wrap(function()\n"
    "      return late(failure.attempt)\n"
    "    end)\n"                                                    /* 30 */
    "    return co()\n"
    "  end,\n"
    "}\n";

static void
lines_that_can_run_are_told_before_they_do(void **state)
{
    struct record record = { .count = 0 };
    struct aks_script_lines lines = { note_line, note_active, &record };
    struct aks_script_options options;
    struct aks_policy *policy = NULL;
    struct file *file;

    assert_int_equal(load(aks_alloc_system(), &lines, policy_text, &options, &policy, NULL),
        AKS_OK);
    file = file_of(&record, path);
    assert_true(file->ascending);
    assert_string_equal(listed(file->active),
        "2 3 7 9 10 11 14 15 16 18 19 22 24 25 26 28 29 30 31 32");
    file = file_of(&record, "/home/me/policies/rules.lua");
    assert_true(file->ascending);
    assert_string_equal(listed(file->active), "1 2 3 4 5");
    assert_int_equal(record.count, 2);
    policy->free(policy);
}

static void
lines_that_run_are_told_each_time(void **state)
{
    struct record record = { .count = 0 };
    struct aks_script_lines lines = { note_line, NULL, &record };
    struct aks_script_options options;
    struct aks_policy *policy = NULL;
    struct file *file;
    struct file *rules;

    assert_int_equal(load(aks_alloc_system(), &lines, policy_text, &options, &policy, NULL),
        AKS_OK);
    file = file_of(&record, path);
    rules = file_of(&record, "/home/me/policies/rules.lua");
    assert_string_equal(listed(file->hits), "2 3 11 22 24 25 26 32");
    assert_int_equal(ask(policy, 1), AKS_NO_OPINION);
    assert_string_equal(listed(file->hits), "2 3 11 14 18 19 22 24 25 26 28 29 30 31 32");
    assert_string_equal(listed(rules->hits), "1 2 4 5");
    assert_int_equal(ask(policy, 2), AKS_NEXT_TARGET);
    assert_int_equal(ask(policy, 2), AKS_NEXT_TARGET);
    assert_string_equal(listed(rules->hits), "1 2 3 4 5");
    assert_int_equal(rules->hits[3], 2);
    assert_int_equal(file->hits[16], 2);
    assert_int_equal(file->hits[7] + file->hits[9], 0);
    policy->free(policy);
}

static void
nobody_needs_to_be_told(void **state)
{
    struct aks_script_lines lines = { NULL, NULL, NULL };
    struct aks_script_options options;
    struct aks_policy *policy = NULL;

    assert_int_equal(load(aks_alloc_system(), &lines, policy_text, &options, &policy, NULL),
        AKS_OK);
    assert_int_equal(ask(policy, 2), AKS_NEXT_TARGET);
    policy->free(policy);
    assert_int_equal(load(aks_alloc_system(), NULL, policy_text, &options, &policy, NULL), AKS_OK);
    policy->free(policy);
}

/* A policy must not notice: what it costs is told by its limits. */
static void
telling_lines_costs_a_policy_nothing(void **state)
{
    static char greedy[] = "local t = {} for i = 1, 1e6 do t[i % 100] = { i }\nend";
    struct record record = { .count = 0 };
    struct aks_script_lines lines = { note_line, note_active, &record };
    const struct aks_script_lines *told[] = { NULL, &lines };
    char messages[2][AKS_ERROR_MESSAGE_BYTES];

    for (size_t i = 0; i < 2; i++) {
        struct aks_policy_text given = { path, greedy, strlen(greedy), NULL, 0, { 0 } };
        struct aks_script_options options = { .alloc = aks_alloc_system(), .lines = told[i],
            .limits = { .load_instructions = 1000000 } };
        struct aks_policy_loader loader;
        struct aks_policy *policy = NULL;
        struct aks_error err;

        aks_script_loader_init(&loader, &options);
        assert_int_equal(loader.load(loader.ctx, &given, NULL, &policy, &err), AKS_LIMIT);
        (void)snprintf(messages[i], sizeof(messages[i]), "%s", err.message);
    }
    assert_string_equal(messages[0], messages[1]);
    assert_true(file_of(&record, path)->hits[1] > 1000);
}

static int
load_and_ask(void *ctx, const struct aks_alloc *alloc)
{
    struct record record = { .count = 0 };
    struct aks_script_lines lines = { note_line, note_active, &record };
    struct aks_script_options options;
    struct aks_policy *policy = NULL;
    struct aks_error err = { 0 };
    enum aks_status status = load(alloc, &lines, policy_text, &options, &policy, &err);

    if (policy != NULL)
        policy->free(policy);
    if (status == AKS_OK || (status == AKS_LIMIT && strstr(err.message, "memory") != NULL))
        return 0;
    print_error("%s: %s\n", aks_status_name(status), err.message);
    return 1;
}

static void
telling_survives_every_failure_to_allocate(void **state)
{
    failing_alloc_loop(load_and_ask, NULL, 5000);
}

/* --- what lua_dump writes --------------------------------------------------------------------- */

struct dump {
    uint8_t data[64 * 1024];
    size_t len;
};

static int
write_dump(lua_State *L, const void *data, size_t len, void *ctx)
{
    struct dump *dump = ctx;

    assert_true(dump->len + len <= sizeof(dump->data));
    if (len > 0)
        memcpy(dump->data + dump->len, data, len);
    dump->len += len;
    return 0;
}

/* Compiles ${text} and leaves the function on the stack. */
static void
compile(lua_State *L, const char *text, struct dump *ret_dump)
{
    assert_int_equal(luaL_loadbufferx(L, text, strlen(text), "@text", "t"), LUA_OK);
    ret_dump->len = 0;
    assert_int_equal(lua_dump(L, write_dump, ret_dump, 0), 0);
}

/* Lua tells them of a function that it has made: the chunk itself is one, but for its end. */
static void
marks_are_what_lua_tells_of_the_chunk(void **state)
{
    static struct dump dump;
    static char text[8192];
    bool marks[MARKS] = { false };
    lua_State *L = luaL_newstate();
    size_t len = 0;
    lua_Debug ar;
    int lines = 0;

    /* Far apart, so that differences are too large for a byte, and many, so that Lua notes where it
     * is by itself. */
    for (int i = 0; i < 300; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "x = 1.5 + %d%s", i,
            i % 100 == 99 ? " " : "\n");
    for (int i = 0; i < 300; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "\n");
    (void)snprintf(text + len, sizeof(text) - len, "local y = x // 2\n\n\nreturn y, 'a', nil\n");
    compile(L, text, &dump);
    assert_true(aks_lines_mark(dump.data, dump.len, marks, MARKS));
    assert_int_equal(lua_getinfo(L, ">L", &ar), 1);
    for (int i = 0; i < MARKS; i++) {
        bool told = lua_rawgeti(L, -1, i) != LUA_TNIL;

        lua_pop(L, 1);
        assert_int_equal(marks[i], told);
        lines += told;
    }
    assert_in_range(lines, 290, 310);
    lua_close(L);
}

static void
marks_reach_functions_inside_functions(void **state)
{
    static struct dump dump;
    bool marks[MARKS] = { false };
    lua_State *L = luaL_newstate();

    compile(L, "return function(...)\nreturn function()\nlocal a <const> = 5\nreturn a, 1.5,"
        " 1 << 40, true, false, nil, ('x'):rep(99),"
        " 'a string that is longer than forty bytes, so long'\nend\nend", &dump);
    assert_true(aks_lines_mark(dump.data, dump.len, marks, MARKS));
    assert_true(marks[4] && marks[5] && marks[6]);
    assert_false(marks[1] || marks[2] || marks[3]);
    assert_false(aks_lines_mark(dump.data, dump.len, marks, 4));
    lua_close(L);
}

/* Any byte may be another, and the end may come at any time: nothing is read that is not there. */
static void
a_broken_dump_is_refused(void **state)
{
    static struct dump dump;
    bool marks[MARKS] = { false };
    lua_State *L = luaL_newstate();
    uint8_t *copy;

    compile(L, policy_text + strcspn(policy_text, "\n"), &dump);
    for (size_t len = 0; len < dump.len; len++) {
        copy = malloc(len > 0 ? len : 1);
        assert_non_null(copy);
        memcpy(copy, dump.data, len);
        assert_false(aks_lines_mark(copy, len, marks, MARKS));
        free(copy);
    }
    copy = malloc(dump.len);
    assert_non_null(copy);
    for (size_t i = 0; i < dump.len; i++) {
        static const uint8_t values[] = { 0, 1, 0x7f, 0x80, 0xff };

        for (size_t v = 0; v < sizeof(values); v++) {
            memcpy(copy, dump.data, dump.len);
            copy[i] = values[v];
            (void)aks_lines_mark(copy, dump.len, marks, MARKS);
        }
    }
    copy[0] = 'x';
    assert_false(aks_lines_mark(copy, dump.len, marks, MARKS));
    free(copy);
    lua_close(L);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_that_can_run_are_told_before_they_do),
        cmocka_unit_test(lines_that_run_are_told_each_time),
        cmocka_unit_test(nobody_needs_to_be_told),
        cmocka_unit_test(telling_lines_costs_a_policy_nothing),
        cmocka_unit_test(telling_survives_every_failure_to_allocate),
        cmocka_unit_test(marks_are_what_lua_tells_of_the_chunk),
        cmocka_unit_test(marks_reach_functions_inside_functions),
        cmocka_unit_test(a_broken_dump_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
