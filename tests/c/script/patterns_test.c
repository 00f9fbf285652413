/* Our functions over patterns against Lua's own, which are only in this test: random patterns,
 * wrong ones among them, on random texts give the same values, or the same error. */
#include "base/rng.h"
#include "script/budget.h"
#include "script/patterns.h"
#include "script/vm.h"
#include "support/failing_alloc.h"

#include <lauxlib.h>
#include <lualib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define CASES 60000
#define PATTERN_BYTES 64
#define TEXT_BYTES 24
#define STOCK 1         /* stack indices */
#define OURS 2
#define RESULTS_MAX 64

struct bytes {
    char data[PATTERN_BYTES];
    size_t len;
};

static const luaL_Reg ours[] = {
    { "find", aks_patterns_find },
    { "match", aks_patterns_match },
    { "gmatch", aks_patterns_gmatch },
    { "gsub", aks_patterns_gsub },
    { NULL, NULL },
};

/* A VM with Lua's string library at STOCK and ours at OURS. */
static struct aks_vm *
new_vm(const struct aks_alloc *alloc)
{
    const struct aks_script_options options = { .alloc = alloc };
    struct aks_vm *vm = NULL;

    assert_int_equal(aks_vm_new(&options, &vm, NULL), AKS_OK);
    luaL_requiref(vm->L, "_G", luaopen_base, 1);
    lua_settop(vm->L, 0);
    luaL_requiref(vm->L, "string", luaopen_string, 1);
    luaL_newlib(vm->L, ours);
    lua_pushvalue(vm->L, -1);
    lua_setglobal(vm->L, "ours");
    return vm;
}

/* --- random cases ----------------------------------------------------------------------------- */

static int
below(struct aks_rng *rng, int count)
{
    return (int)(aks_rng_next(rng) % (uint64_t)count);
}

static void
put(struct bytes *bytes, const char *data, size_t len)
{
    if (bytes->len + len > sizeof(bytes->data))
        return;
    memcpy(bytes->data + bytes->len, data, len);
    bytes->len += len;
}

static void
put_byte(struct bytes *bytes, struct aks_rng *rng)
{
    static const char usual[] = "aabbcA1 .\n_-]^%\0";
    char c = usual[below(rng, sizeof(usual) - 1)];

    if (below(rng, 20) == 0)
        c = (char)below(rng, 256);
    put(bytes, &c, 1);
}

static void
put_class(struct bytes *bytes, struct aks_rng *rng)
{
    static const char letters[] = "acdglpsuwxACDGLPSUWXzZyn.%]-[(^$0";
    char class[2] = { '%', letters[below(rng, sizeof(letters) - 1)] };

    put(bytes, class, 2);
}

static void
put_set(struct bytes *bytes, struct aks_rng *rng)
{
    put(bytes, "[^", 1 + (size_t)below(rng, 2));
    for (int i = below(rng, 4); i >= 0; i--) {
        int kind = below(rng, 6);

        if (kind == 0)
            put_class(bytes, rng);
        else if (kind == 1)
            put(bytes, "a-c", 3);
        else if (kind == 2)
            put(bytes, "-", 1);
        else
            put_byte(bytes, rng);
    }
    if (below(rng, 12) != 0)
        put(bytes, "]", 1);
}

static void
put_item(struct bytes *pattern, struct aks_rng *rng)
{
    static const char *const others[] = {
        "(", ")", "()", "%1", "%2", "%b()", "%bab", "%b", "%f", "$", "^", "%", "(.)", "(a*)",
        "%f%w", "%0", "[",
    };
    const char *other = others[below(rng, sizeof(others) / sizeof(others[0]))];

    switch (below(rng, 10)) {
    case 0:
    case 1:
        put_class(pattern, rng);
        break;
    case 2:
        put_set(pattern, rng);
        break;
    case 3:
        put(pattern, "%f", 2);
        put_set(pattern, rng);
        break;
    case 4:
    case 5:
        put(pattern, other, strlen(other));
        break;
    case 6:
        put(pattern, ".", 1);
        break;
    default:
        put_byte(pattern, rng);
    }
    if (below(rng, 2) == 0)
        put(pattern, &"*+-?"[below(rng, 4)], 1);
}

static void
draw_pattern(struct bytes *pattern, struct aks_rng *rng)
{
    pattern->len = 0;
    if (below(rng, 6) == 0)
        put(pattern, "^", 1);
    for (int i = below(rng, 6); i > 0; i--)
        put_item(pattern, rng);
    if (below(rng, 8) == 0)
        put(pattern, "$", 1);
}

static void
draw_text(struct bytes *text, struct aks_rng *rng)
{
    text->len = 0;
    for (int i = below(rng, TEXT_BYTES); i > 0; i--)
        put_byte(text, rng);
}

/* [-0, +1] */
static void
push_replacement(lua_State *L, struct aks_rng *rng)
{
    static const char *const texts[] = {
        "", "x", "<%0>", "%1", "%2%1", "%%", "%", "%x", "[%1|%3]", "%9",
    };
    static const char *const names[] = { "give", "give_some", "raise", "table", "indexed", "odd" };

    if (below(rng, 2) == 0)
        lua_pushstring(L, texts[below(rng, sizeof(texts) / sizeof(texts[0]))]);
    else if (below(rng, 10) == 0)
        lua_pushinteger(L, 17);
    else if (below(rng, 30) == 0)
        lua_pushnil(L);
    else
        lua_getglobal(L, names[below(rng, sizeof(names) / sizeof(names[0]))]);
}

/* What replaces; and how gmatch becomes a call like the others. */
static const char helpers[] =
    "function give(...) return table_of(...) end\n"
    "function table_of(...)\n"
    "  local s = ''\n"
    "  for i = 1, select('#', ...) do s = s .. '|' .. tostring((select(i, ...))) end\n"
    "  return s\n"
    "end\n"
    "function give_some(c) if c ~= 'a' then return c end end\n"
    "function raise(c) if c == 'b' then error('no b', 0) end return false end\n"
    "table = { a = 'A', b = false, ['1'] = 7, [1] = 'one' }\n"
    "indexed = setmetatable({}, { __index = function(_, k) return table_of(k) end })\n"
    "odd = { a = {}, b = true }\n"
    "function all(gmatch, ...)\n"
    "  local s = ''\n"
    "  local function add(...)\n"
    "    if ... == nil then return false end\n"
    "    s = s .. table_of(...) .. ';'\n"
    "    return true\n"
    "  end\n"
    "  local step = gmatch(...)\n"
    "  while add(step()) do end\n"
    "  return s, select('#', step())\n"
    "end\n";

/* Pushes one function's arguments. [-0, +count] */
static int
push_arguments(lua_State *L, struct aks_rng *rng, const char *name, const struct bytes *text,
    const struct bytes *pattern)
{
    int top = lua_gettop(L);

    lua_pushlstring(L, text->data, text->len);
    lua_pushlstring(L, pattern->data, pattern->len);
    if (strcmp(name, "gsub") == 0) {
        push_replacement(L, rng);
        if (below(rng, 3) == 0)
            lua_pushinteger(L, below(rng, 5) - 1);
    } else if (below(rng, 3) == 0) {
        lua_pushinteger(L, below(rng, 60) - 30);
        if (strcmp(name, "find") == 0 && below(rng, 3) == 0)
            lua_pushboolean(L, below(rng, 2));
    }
    return lua_gettop(L) - top;
}

/* Calls ${library}'s ${name} with the ${count} values at ${first}. [-0, +results]; true if it
 * raised */
static bool
call(lua_State *L, int library, const char *name, int first, int count)
{
    int extra = 0;

    if (strcmp(name, "gmatch") == 0) {
        lua_getglobal(L, "all");
        extra = 1;
    }
    lua_getfield(L, library, name);
    for (int i = 0; i < count; i++)
        lua_pushvalue(L, first + i);
    return lua_pcall(L, count + extra, LUA_MULTRET, 0) != LUA_OK;
}

static void
print_case(lua_State *L, const char *name, int first, int count)
{
    (void)fprintf(stderr, "%s(", name);
    for (int i = first; i < first + count; i++) {
        size_t len;
        const char *text = luaL_tolstring(L, i, &len);

        for (size_t at = 0; at < len; at++)
            (void)fprintf(stderr, text[at] > ' ' && text[at] <= '~' ? "%c" : "\\x%02x",
                (unsigned char)text[at]);
        (void)fprintf(stderr, ", ");
        lua_pop(L, 1);
    }
    (void)fprintf(stderr, ")\n");
}

/* The values from ${a} to ${b} - 1 are those from ${b} to the top. */
static bool
equal_results(lua_State *L, int a, int b)
{
    int count = b - a;

    if (lua_gettop(L) - b + 1 != count)
        return false;
    for (int i = 0; i < count; i++) {
        if (!lua_rawequal(L, a + i, b + i) || lua_type(L, a + i) != lua_type(L, b + i))
            return false;
    }
    return true;
}

/* Calls both with the ${count} values on top. Messages about arguments name the function, which
 * Lua finds for its own only. [-count, +0]; true if they raised */
static bool
check_same(lua_State *L, const char *name, int count)
{
    int first = lua_gettop(L) - count + 1;
    int a = lua_gettop(L) + 1;
    bool stock_raised;
    bool ours_raised;
    int b;

    assert_true(lua_checkstack(L, RESULTS_MAX + 2 * LUA_MINSTACK));
    stock_raised = call(L, STOCK, name, first, count);
    b = lua_gettop(L) + 1;
    ours_raised = call(L, OURS, name, first, count);
    if (stock_raised != ours_raised || (!equal_results(L, a, b) &&
        !(stock_raised && strncmp(lua_tostring(L, a), "bad argument", 12) == 0))) {
        int top = lua_gettop(L);

        print_case(L, name, first, count);
        for (int i = a; i <= top; i++)
            (void)fprintf(stderr, "  %s %s\n", i < b ? "Lua: " : "ours:",
                luaL_tolstring(L, i, NULL));
        fail_msg("not the same");
    }
    lua_settop(L, first - 1);
    return ours_raised;
}

static void
random_patterns_do_what_they_do_in_lua(void **state)
{
    static const char *const names[] = { "find", "match", "gmatch", "gsub" };
    struct aks_vm *vm = new_vm(aks_alloc_system());
    struct bytes pattern = { .len = 0 };
    struct bytes text = { .len = 0 };
    struct aks_rng rng;
    int raised = 0;

    aks_rng_init(&rng, 5);
    aks_budget_arm(vm, INT64_MAX / 2, 0);
    assert_int_equal(luaL_dostring(vm->L, helpers), LUA_OK);
    for (int i = 0; i < CASES; i++) {
        const char *name = names[i % 4];

        draw_pattern(&pattern, &rng);
        draw_text(&text, &rng);
        raised += check_same(vm->L, name, push_arguments(vm->L, &rng, name, &text, &pattern));
    }
    /* Neither kind is too rare to be looked at. */
    assert_in_range(raised, CASES / 20, CASES * 3 / 4);
    aks_vm_free(vm);
}

static void
every_byte_is_in_the_classes_of_lua(void **state)
{
    static const struct {
        const char *before;
        const char *behind;
    } forms[] = { { "[%", "]" }, { "[^%", "]" }, { "[", "-~]" }, { "[!-", "]" }, { "%", "" } };
    struct aks_vm *vm = new_vm(aks_alloc_system());
    struct bytes pattern;
    char all[256];

    aks_budget_arm(vm, INT64_MAX / 2, 0);
    for (size_t i = 0; i < sizeof(all); i++)
        all[i] = (char)i;
    for (size_t i = 0; i < sizeof(all); i++) {
        for (size_t form = 0; form < sizeof(forms) / sizeof(forms[0]); form++) {
            pattern.len = 0;
            put(&pattern, forms[form].before, strlen(forms[form].before));
            put(&pattern, &all[i], 1);
            put(&pattern, forms[form].behind, strlen(forms[form].behind));
            lua_pushlstring(vm->L, all, sizeof(all));
            lua_pushlstring(vm->L, pattern.data, pattern.len);
            lua_pushliteral(vm->L, "");
            (void)check_same(vm->L, "gsub", 3);
        }
    }
    aks_vm_free(vm);
}

/* Code that gives the same for string and ours, which it finds as `s`. */
static const char *const fixed[] = {
    "s.find(nil, 'a')", "s.find('a')", "s.find('a', {})", "s.find('a', 'a', 'x')",
    "s.gsub('a', 'a')",
    "s.gsub('a', 'a', true)", "s.gsub('a', 'a', 'b', {})", "s.gmatch('a')", "s.gmatch({}, 'a')",
    "s.match(123, '%d', '2')", "s.gsub('abc', '%w', '%%%0', 2.0)", "s.find('a', 'a', 1.5)",
    "s.find('abc', 'b', math_min)", "s.find('abc', 'b', math_max)",
    "s.match('abc', '()', math_max)",
    "s.gmatch('abc', '()', math_min)()", "s.gmatch('abc', '()', math_max)()",
    "s.gsub('abc', '', '-', math_max)", "s.gsub('abc', '', '-', math_min)",
    "s.find('abc', '', 4)", "s.find('abc', '', 5)", "s.find('abc', '', 4, true)", "s.find('', '')",
    "s.find('', '', 2)", "s.find('a]b', ']')", "s.find('a)b', ')')", "s.match('a)b', ')')",
    "s.find('a.b', '.', 1, 'true')", "s.find('a.b', '.', 1, 0)",
    "s.match(('a'):rep(300), ('a?'):rep(198))", "s.match(('a'):rep(300), ('a?'):rep(199))",
    "s.match(('a'):rep(300), ('a?'):rep(200))", "s.match('b', ('a?'):rep(1000))",
    "s.match(('a'):rep(300), ('a-'):rep(199))", "s.match(('a'):rep(300), ('a-'):rep(200))",
    "s.match(('a'):rep(300), ('a*'):rep(199))", "s.match(('a'):rep(300), ('a*'):rep(200))",
    "s.match(('a'):rep(32), ('(a)'):rep(32))", "s.match(('a'):rep(33), ('(a)'):rep(33))",
    "s.match('a', ('('):rep(32) .. 'a' .. (')'):rep(32))", "s.match('a', ('()'):rep(33))",
    "s.match('b', 'a(')", "s.match('a', 'a(')", "s.match('a', 'a)')", "s.match('a', '(a)%2')",
    "s.match('a', '(%1)')", "s.match('a', '%0')", "s.match('ab', '()%1')",
    "s.match('abab', '((a)(b))%1')", "s.match('x(a(b)c)y', '%b()')", "s.match('(((', '%b()')",
    "s.match('xx', '%bxx')", "s.gsub('THE (quick) fox', '%f[%a]%a+', '<%0>')",
    "s.gsub('abc', '%f[%z]', 'x')", "s.gsub('abc', '%f[\\0]', 'x')", "s.gsub('a\\0b', '%z', 'x')",
    "s.find('a\\0b', '\\0')", "s.find('a\\0b', '[\\0]b')", "s.match('a\\0\\0b', '\\0+')",
    "s.gsub('hello world', '%w+', '%0 %0', 1)", "s.gsub('abc', '^a', 'x')",
    "s.gsub('aaa', '^a', 'x')",
    "s.gsub('abc', 'b', function() end)", "s.gsub('abc', 'b', function() return {} end)",
    "s.gsub('abc', 'b', function() return 1.5 end)", "s.gsub('abc', '(b)(c)', '%2%1')",
    "s.gsub('abc', 'b', '%2')", "s.gsub('abc', 'b', '%')", "s.gsub('abc', 'b', '%a')",
    "s.gsub('abc', '(', 'x')", "s.gsub('abc', '()b', '%1')", "s.gsub('x^y', 'x^', '')",
    "s.gsub('a b', '%s*', '-')", "s.gsub('', '', 'x')", "s.gsub('', '.', 'x')",
    "s.gsub('abc', 'b', setmetatable({}, { __index = function() error 'no' end }))",
};

static void
what_the_manual_leaves_open_is_as_in_lua(void **state)
{
    struct aks_vm *vm = new_vm(aks_alloc_system());
    lua_State *L = vm->L;

    aks_budget_arm(vm, INT64_MAX / 2, 0);
    lua_pushinteger(L, LUA_MAXINTEGER);
    lua_setglobal(L, "math_max");
    lua_pushinteger(L, LUA_MININTEGER);
    lua_setglobal(L, "math_min");
    for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++) {
        bool raised[2];
        int b = 0;

        for (int library = STOCK; library <= OURS; library++) {
            char code[256];

            b = lua_gettop(L) + 1;
            (void)snprintf(code, sizeof(code), "local s = %s return %s",
                library == STOCK ? "string" : "ours", fixed[i]);
            assert_int_equal(luaL_loadbuffer(L, code, strlen(code), "=code"), LUA_OK);
            raised[library - STOCK] = lua_pcall(L, 0, LUA_MULTRET, 0) != LUA_OK;
        }
        if (raised[0] != raised[1] || !equal_results(L, OURS + 1, b))
            fail_msg("%s: %s, ours: %s", fixed[i], luaL_tolstring(L, OURS + 1, NULL),
                luaL_tolstring(L, b, NULL));
        lua_settop(L, OURS);
    }
    aks_vm_free(vm);
}

/* --- limits and memory ------------------------------------------------------------------------ */

/* Runs ${code} under so many instructions; true if it ended with the limit. */
static bool
ends_with_limit(const char *code, int64_t instructions)
{
    struct aks_vm *vm = new_vm(aks_alloc_system());
    bool over;

    aks_budget_arm(vm, instructions, 0);
    (void)luaL_dostring(vm->L, code);
    over = vm->limit == AKS_VM_WORK;
    aks_budget_disarm(vm);
    aks_vm_free(vm);
    return over;
}

static void
work_is_charged_where_no_hook_looks(void **state)
{
    static const char *const greedy[] = {
        "local s = ('a'):rep(1e5) for i = 1, 100 do ours.find(s, '^a*$') end",
        "ours.find(('a'):rep(30), ('.-'):rep(9) .. 'b')",
        "ours.find(('a'):rep(100000), '.-b')",
        "ours.find(('a'):rep(100000), 'a*a*b')",
        "ours.match(('('):rep(100000), '%b()')",
        "ours.gsub(('('):rep(100000), '%b()', '')",
        "ours.gmatch(('a'):rep(100000), '.-b')()",
        "ours.find(('a'):rep(100000), ('a'):rep(50000) .. 'b', 1, true)",
        "ours.find(('a'):rep(100000), '(' .. ('a'):rep(50000) .. ')%1b')",
        "ours.gsub(('a'):rep(10000), '.', ('%1'):rep(10000))",
        "ours.gsub(('a'):rep(10000), '()', ('%1'):rep(10000))",
        "ours.match(('a'):rep(100000), '[' .. ('b'):rep(100000) .. 'a]*')",
        "ours.match(('a'):rep(100000), '%f[' .. ('b'):rep(100000) .. 'c]')",
        "ours.match(('a'):rep(100000), '[' .. ('b'):rep(100000) .. 'a]-c')",
        "for i = 1, 1e4 do pcall(ours.match, ('a'):rep(900), 'a*(') end",
        "for i = 1, 1e4 do pcall(ours.gsub, ('a'):rep(900), '.*', error) end",
        "for i = 1, 1e5 do pcall(ours.match, 'a', ('['):rep(30000)) end",
        "while true do pcall(ours.match, ('a'):rep(100000), '.-b') end",
        "local s = ('a'):rep(1e6) .. 'b' for i = 1, 1000 do ours.find(s, 'b', 1, true) end",
        "local s = ('a'):rep(1e6) for i = 1, 1000 do ours.find(s, s, 1, true) end",
        "local s = ('a'):rep(1e6) .. '%' for i = 1, 1000 do ours.find('', s) end",
        "ours.gsub(('a'):rep(1000), 'b*', ('%0'):rep(10000))",
    };

    for (size_t i = 0; i < sizeof(greedy) / sizeof(greedy[0]); i++) {
        if (!ends_with_limit(greedy[i], 1000000))
            fail_msg("not over its limit: %s", greedy[i]);
    }
    assert_false(ends_with_limit("ours.find(('a'):rep(100000), 'b')", 100000));
    assert_false(ends_with_limit("ours.gsub(('a b '):rep(10000), '%s+', '')", 100000));
    assert_false(ends_with_limit("ours.find(('a'):rep(1000000), 'b', 1, true)", 100000));
    assert_false(ends_with_limit("ours.find(('a'):rep(14), ('.-'):rep(4) .. 'b')", 100000));
}

static int
use_patterns(lua_State *L)
{
    luaL_requiref(L, "_G", luaopen_base, 1);
    luaL_newlib(L, ours);
    lua_setglobal(L, "ours");
    if (luaL_loadstring(L,
        "local s = 'key = value, ' for i = 1, 8 do s = s .. s end\n"
        "assert(ours.gsub(s, '(%w+) = (%w+)', '%2 = %1') ~= s)\n"
        "assert(ours.gsub(s, '%w+', function(w) return w .. w end) ~= s)\n"
        "assert(ours.gsub(s, '%w+', { key = s }) ~= s)\n"
        "for k, v in ours.gmatch(s, '(%w+) = ()') do assert(k == 'key') end\n"
        "assert(ours.find(s, '(v).-(e)()') == 7)\n") != LUA_OK)
        return lua_error(L);
    lua_call(L, 0, 0);
    return 0;
}

static int
run_without_memory(void *ctx, const struct aks_alloc *alloc)
{
    const struct aks_script_options options = { .alloc = alloc };
    struct aks_vm *vm = NULL;
    int code;

    if (aks_vm_new(&options, &vm, NULL) != AKS_OK)
        return 0;
    aks_budget_arm(vm, 10000000, 0);
    lua_pushcfunction(vm->L, use_patterns);
    code = lua_pcall(vm->L, 0, 0, 0);
    if (code != LUA_OK && code != LUA_ERRMEM)
        (void)fprintf(stderr, "%s\n", lua_tostring(vm->L, -1));
    aks_budget_disarm(vm);
    aks_vm_free(vm);
    return code == LUA_OK || code == LUA_ERRMEM ? 0 : 1;
}

static void
nothing_leaks_without_memory(void **state)
{
    failing_alloc_loop(run_without_memory, NULL, 20000);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_patterns_do_what_they_do_in_lua),
        cmocka_unit_test(every_byte_is_in_the_classes_of_lua),
        cmocka_unit_test(what_the_manual_leaves_open_is_as_in_lua),
        cmocka_unit_test(work_is_charged_where_no_hook_looks),
        cmocka_unit_test(nothing_leaks_without_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
