/* Random small programs run in VMs whose memory lies elsewhere, and say the same in each. */
#include "base/rng.h"
#include "script/load.h"
#include "support/failing_alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PROGRAMS 400
#define STATEMENTS 25
#define TEXT_BYTES 32768

/* --- memory that lies elsewhere --------------------------------------------------------------- */

/* Each block is moved whenever it is resized, to a place that a generator chooses. */
struct scattered {
    struct aks_alloc alloc;
    struct aks_rng rng;
};

struct block {
    size_t offset;          /* of this from what malloc gave */
    size_t bytes;
};

static void *
scattered_resize(void *ctx, void *p, size_t bytes)
{
    struct scattered *scattered = ctx;
    struct block *old = p != NULL ? (struct block *)p - 1 : NULL;
    struct block *block = NULL;

    if (bytes > 0) {
        size_t offset = 16 * (size_t)(aks_rng_next(&scattered->rng) % 40);
        char *room = malloc(offset + sizeof(*block) + bytes);

        assert_non_null(room);
        block = (struct block *)(void *)(room + offset);
        block->offset = offset;
        block->bytes = bytes;
        if (old != NULL)
            memcpy(block + 1, old + 1, old->bytes < bytes ? old->bytes : bytes);
    }
    if (old != NULL)
        free((char *)old - old->offset);
    return block != NULL ? block + 1 : NULL;
}

static void
scattered_init(struct scattered *scattered, uint64_t seed)
{
    scattered->alloc.resize = scattered_resize;
    scattered->alloc.ctx = scattered;
    aks_rng_init(&scattered->rng, seed);
}

/* --- programs --------------------------------------------------------------------------------- */

struct text {
    char data[TEXT_BYTES];
    size_t len;
};

static void put(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void
put(struct text *text, const char *format, ...)
{
    va_list args;
    int len;

    va_start(args, format);
    len = vsnprintf(text->data + text->len, sizeof(text->data) - text->len, format, args);
    va_end(args);
    assert_true(len >= 0 && (size_t)len < sizeof(text->data) - text->len);
    text->len += (size_t)len;
}

static int
below(struct aks_rng *rng, int count)
{
    return (int)(aks_rng_next(rng) % (uint64_t)count);
}

static const char begin[] =
    "local akosha = require 'akosha'\n"
    "local out, objects, tables = {}, {}, { {}, {}, {} }\n"
    "local function say(...)\n"
    "  for i = 1, select('#', ...) do out[#out + 1] = tostring((select(i, ...))) end\n"
    "end\n"
    "for i = 1, 12 do\n"
    "  local kinds = { {}, function() return i end, coroutine.wrap(function() return i end),\n"
    "    akosha.wait(i), setmetatable({}, { __name = 'named' }), coroutine.create(print) }\n"
    "  objects[i] = kinds[math.random(6)]\n"
    "end\n";

static const char end[] =
    "local text, sum = table.concat(out, ' '), 0\n"
    "for i = 1, #text do sum = (sum * 31 + text:byte(i)) & 0xffffffffff end\n"
    "for i = 1, math.min(#text, 20000), 400 do print(text:sub(i, i + 399)) end\n"
    "error(('%d bytes, %x'):format(#text, sum), 0)\n";

static void
put_key(struct text *text, struct aks_rng *rng)
{
    switch (below(rng, 6)) {
    case 0:
        put(text, "%d", below(rng, 40) - 10);
        break;
    case 1:
        put(text, "%d / 4", below(rng, 200) - 100);
        break;
    case 2:
    case 3:
        put(text, "'k%d'", below(rng, 60));
        break;
    case 4:
        put(text, "%s", below(rng, 2) == 0 ? "true" : "false");
        break;
    default:
        put(text, "objects[%d]", below(rng, 12) + 1);
    }
}

/* Fills a table, also with as many keys as make it large, and takes some away. */
static void
put_filling(struct text *text, struct aks_rng *rng)
{
    int table = below(rng, 3) + 1;

    for (int i = below(rng, 6); i >= 0; i--) {
        put(text, "tables[%d][", table);
        put_key(text, rng);
        put(text, "] = %s\n", below(rng, 3) == 0 ? "nil" : "#out");
    }
    if (below(rng, 3) == 0)
        put(text, "for i = 1, %d do tables[%d]['k' .. i * 7919 %% %d] = i end\n", below(rng, 60),
            table, below(rng, 97) + 3);
    if (below(rng, 4) == 0)
        put(text, "for i, object in ipairs(objects) do tables[%d][object] = i end\n", table);
}

static void
put_walk(struct text *text, struct aks_rng *rng)
{
    static const char *const walks[] = { "pairs(t)", "next, t", "pairs(string)" };
    int which = below(rng, 8);

    put(text, "do local t, n = tables[%d], 0\nfor key, value in %s do\n  say(key%s)\n",
        below(rng, 3) + 1, walks[which == 7 ? 2 : which % 2], which == 7 ? "" : ", value");
    switch (below(rng, 5)) {
    case 0:
        put(text, "  if n %% %d == 0 then t[key] = nil end\n", below(rng, 3) + 1);
        break;
    case 1:
        put(text, "  t[key] = n\n");
        break;
    case 2:
        put(text, "  t[");
        put_key(text, rng);
        put(text, "] = nil\n  say(next(t) == nil)\n");
        break;
    case 3:
        put(text, "  for other in pairs(tables[%d]) do say(other) break end\n", below(rng, 3) + 1);
        break;
    default:
        put(text, "  for other in next, t do if n < 3 then say(other) end end\n");
    }
    put(text, "  n = n + 1\n  if n > %d then break end\nend end\n", below(rng, 100));
}

static void
put_next(struct text *text, struct aks_rng *rng)
{
    int table = below(rng, 3) + 1;

    put(text, "say(next(tables[%d]))\nsay(next(tables[%d], ", table, table);
    put_key(text, rng);
    put(text, "))\n");
}

static void
put_sort(struct text *text, struct aks_rng *rng)
{
    static const char *const comparisons[] = {
        "", ", function(a, b) return a % 7 < b % 7 end", ", function(a, b) return a > b end",
        ", function() return math.random() < 0.5 end", ", function(a, b) return true end",
    };

    put(text, "do local list = {}\nfor i = 1, %d do list[i] = i * 7919 %% %d end\n"
        "table.sort(list%s)\nsay(table.concat(list, ','))\nend\n", below(rng, 200),
        below(rng, 150) + 1, comparisons[below(rng, 5)]);
}

static void
put_texts(struct text *text, struct aks_rng *rng)
{
    int a = below(rng, 12) + 1;
    int b = below(rng, 12) + 1;

    switch (below(rng, 5)) {
    case 0:
        put(text, "say(objects[%d], objects[%d] == objects[%d])\n", a, a, b);
        break;
    case 1:
        put(text, "say(('%%s|%%12s|%%p'):format(objects[%d], objects[%d], {}))\n", a, b);
        break;
    case 2:
        put(text, "say(pcall(function() return objects[%d] < objects[%d] end))\n", a, b);
        break;
    case 3:
        put(text, "say(pcall(error, objects[%d]))\nsay(math.random(1000))\n", a);
        break;
    default:
        put(text, "say(select(2, pcall(next, objects[%d], objects[%d])), print)\n"
            "say(coroutine.running())\n", a, b);
    }
}

static void
put_coroutine(struct text *text, struct aks_rng *rng)
{
    put(text, "do local walk = coroutine.wrap(function()\n"
        "  for key in pairs(tables[%d]) do coroutine.yield(key) end\nend)\n"
        "for i = 1, %d do local ok, key = pcall(walk) say(ok, key) end\n"
        "for i = 1, %d do local garbage = { { i } } end end\n",
        below(rng, 3) + 1, below(rng, 6), below(rng, 300));
}

static void
make_program(struct text *text, uint64_t seed)
{
    static void (*const puts[])(struct text *, struct aks_rng *) = { put_filling, put_filling,
        put_walk, put_walk, put_next, put_sort, put_texts, put_coroutine };
    struct aks_rng rng;

    aks_rng_init(&rng, seed);
    text->len = 0;
    put(text, "%s", begin);
    for (int i = below(&rng, STATEMENTS); i >= 0; i--)
        puts[below(&rng, (int)(sizeof(puts) / sizeof(puts[0])))](text, &rng);
    put(text, "%s", end);
}

/* --- running ---------------------------------------------------------------------------------- */

static void
keep_line(void *ctx, enum aks_log_level level, const char *line)
{
    put(ctx, "%s\n", line);
}

static void
count_line(void *ctx, const char *file, int line)
{
    (*(unsigned *)ctx)++;
}

/* What the program says, and how it ends. */
static void
run(struct text *program, const struct aks_alloc *alloc, const struct aks_script_lines *lines,
    struct text *ret_said)
{
    static char path[] = "/p.lua";
    struct aks_log log = { .line = keep_line, .ctx = ret_said, .level = AKS_LOG_DEBUG };
    struct aks_script_options options = { .alloc = alloc, .log = &log, .lines = lines,
        .seed = 1 };
    struct aks_policy_text text = { path, program->data, program->len, NULL, 0, { 0 } };
    struct aks_policy_loader loader;
    struct aks_policy *policy = NULL;
    struct aks_error err = { 0 };

    ret_said->len = 0;
    aks_script_loader_init(&loader, &options);
    assert_int_equal(loader.load(loader.ctx, &text, NULL, &policy, &err), AKS_POLICY);
    put(ret_said, "%s\n%s\n", err.message, err.hint);
}

static void
programs_say_the_same_wherever_their_memory_lies(void **state)
{
    static struct text program;
    static struct text said;
    static struct text again;
    unsigned told = 0;
    const struct aks_script_lines lines = { count_line, count_line, &told };
    struct scattered scattered;
    size_t finished = 0;

    for (uint64_t seed = 1; seed <= PROGRAMS; seed++) {
        make_program(&program, seed);
        run(&program, aks_alloc_system(), NULL, &said);
        scattered_init(&scattered, seed);
        run(&program, &scattered.alloc, seed % 2 == 0 ? &lines : NULL, &again);
        if (strcmp(said.data, again.data) != 0)
            fail_msg("seed %llu:\n%s\nsaid first:\n%s\nthen:\n%s", (unsigned long long)seed,
                program.data, said.data, again.data);
        finished += strstr(said.data, " bytes, ") != NULL;
    }
    /* A program that fails half way compares little. */
    assert_true(finished > PROGRAMS * 9 / 10);
    assert_true(told > PROGRAMS * 100);
}

/* Each allocation of one program fails in turn: it ends, and gives everything back. */
static int
run_without_memory(void *ctx, const struct aks_alloc *alloc)
{
    struct text *program = ctx;
    struct aks_script_options options = { .alloc = alloc };
    struct aks_policy_text text = { NULL, program->data, program->len, NULL, 0, { 0 } };
    struct aks_policy_loader loader;
    struct aks_policy *policy = NULL;
    struct aks_error err = { 0 };
    enum aks_status status;

    aks_script_loader_init(&loader, &options);
    status = loader.load(loader.ctx, &text, NULL, &policy, &err);
    return status == AKS_POLICY || status == AKS_LIMIT ? 0 : 1;
}

static void
walking_survives_every_failure_to_allocate(void **state)
{
    static struct text program;

    program.len = 0;
    put(&program, "local t = {}\nfor i = 1, 40 do t['k' .. i] = i end\n"
        "for key in pairs(t) do t[key] = {} end\nfor key in next, t do t[key] = nil end\n"
        "local list = {}\nfor i = 1, 40 do list[i] = i * 7 %% 40 end\ntable.sort(list)\n"
        "error(('%%s %%p'):format(t, list), 0)\n");
    failing_alloc_loop(run_without_memory, &program, 5000);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(programs_say_the_same_wherever_their_memory_lies),
        cmocka_unit_test(walking_survives_every_failure_to_allocate),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
