#include "script/order.h"

#include "base/check.h"
#include "script/bounded.h"
#include "script/budget.h"
#include "script/identity.h"
#include "script/value.h"

#include <lauxlib.h>

#include <math.h>
#include <string.h>

/* What looking at a key of a large table, or comparing two, costs. */
#define INSTRUCTIONS_PER_KEY 2
/* Of strings that begin alike, so many bytes are compared as fast as an instruction runs. */
#define BYTES_PER_INSTRUCTION 64
#define LIST_FIRST 32768
#define LOCAL 32        /* so many are sorted without asking Lua for memory */

/* --- merging ---------------------------------------------------------------------------------- */

/* ${before}(ctx, a, b): does entry ${a} come before entry ${b}? May raise. */
struct order {
    bool (*before)(void *ctx, uint32_t a, uint32_t b);
    void *ctx;
};

/* Merges two runs, [low, middle) and [middle, high), of ${from} into ${to}. */
static void
merge(const struct order *order, const uint32_t *from, uint32_t *to, size_t low, size_t middle,
    size_t high)
{
    size_t left = low;
    size_t right = middle;

    if (middle >= high || !order->before(order->ctx, from[middle], from[middle - 1])) {
        memcpy(to + low, from + low, (high - low) * sizeof(*to));
        return;
    }
    for (size_t at = low; at < high; at++) {
        bool take_right = left == middle ||
            (right < high && order->before(order->ctx, from[right], from[left]));

        to[at] = take_right ? from[right++] : from[left++];
    }
}

/* Fills ${places}, which has room for twice ${count}, with 0 to count - 1 in their order; returns
 * the half that holds it. */
static const uint32_t *
merge_sort(const struct order *order, uint32_t *places, size_t count)
{
    uint32_t *from = places;
    uint32_t *to = places + count;

    for (size_t i = 0; i < count; i++)
        from[i] = (uint32_t)i;
    for (size_t width = 1; width < count; width *= 2) {
        uint32_t *swap = from;

        for (size_t low = 0; low < count; low += 2 * width) {
            size_t middle = low + width < count ? low + width : count;
            size_t high = middle + width < count ? middle + width : count;

            merge(order, from, to, low, middle, high);
        }
        from = to;
        to = swap;
    }
    return from;
}

/* Comparisons that sorting takes at most, about. */
static int64_t
comparisons(size_t count)
{
    int64_t rounds = 0;

    for (size_t width = 1; width < count; width *= 2)
        rounds++;
    return (int64_t)count * rounds;
}

/* --- keys ------------------------------------------------------------------------------------- */

/* In their order. */
enum kind { KIND_NUMBER, KIND_STRING, KIND_BOOLEAN, KIND_OBJECT };

/* A key as C can compare it; a string belongs to Lua. */
struct key {
    enum kind kind;
    bool whole;             /* a number that is an integer */
    union {
        lua_Integer integer;
        lua_Number number;
        uint64_t made;
        const char *text;
    } as;
    size_t len;
};

static struct key
key_at(lua_State *L, int index)
{
    int type = lua_type(L, index);
    struct key key = { .kind = KIND_OBJECT };

    if (type == LUA_TNUMBER) {
        int whole = 0;

        key.kind = KIND_NUMBER;
        key.as.integer = lua_tointegerx(L, index, &whole);
        key.whole = whole != 0;
        if (!key.whole)
            key.as.number = lua_tonumber(L, index);
    } else if (type == LUA_TSTRING) {
        key.kind = KIND_STRING;
        key.as.text = lua_tolstring(L, index, &key.len);
    } else if (type == LUA_TBOOLEAN) {
        key.kind = KIND_BOOLEAN;
        key.as.integer = lua_toboolean(L, index);
    } else {
        key.as.made = aks_identity_made(L, index);
    }
    return key;
}

/* ${b} is no whole number: it has a fraction, or is beyond all integers. */
static bool
integer_before(lua_Integer a, lua_Number b)
{
    if (b >= -(lua_Number)LUA_MININTEGER)
        return true;
    return b > (lua_Number)LUA_MININTEGER && a <= (lua_Integer)floor(b);
}

static bool
number_before(const struct key *a, const struct key *b)
{
    if (a->whole && b->whole)
        return a->as.integer < b->as.integer;
    if (a->whole)
        return integer_before(a->as.integer, b->as.number);
    if (b->whole)
        return !integer_before(b->as.integer, a->as.number);
    return a->as.number < b->as.number;
}

static bool
string_before(const struct key *a, const struct key *b)
{
    int order = memcmp(a->as.text, b->as.text, a->len < b->len ? a->len : b->len);

    return order != 0 ? order < 0 : a->len < b->len;
}

static bool
key_before(const struct key *a, const struct key *b)
{
    if (a->kind != b->kind)
        return a->kind < b->kind;
    switch (a->kind) {
    case KIND_NUMBER:
        return number_before(a, b);
    case KIND_STRING:
        return string_before(a, b);
    case KIND_BOOLEAN:
        return a->as.integer < b->as.integer;
    case KIND_OBJECT:
        return a->as.made < b->as.made;
    }
    return false;
}

static bool
entry_before(void *ctx, uint32_t a, uint32_t b)
{
    const struct key *keys = ctx;

    return key_before(&keys[a], &keys[b]);
}

bool
aks_order_before(lua_State *L, int a, int b)
{
    struct key key_a = key_at(L, a);
    struct key key_b = key_at(L, b);

    return key_before(&key_a, &key_b);
}

/* A key that has no place of its own: a function of the library. */
static bool
is_nameless(const struct key *key)
{
    return key->kind == KIND_OBJECT && key->as.made == 0;
}

static void
check_nameless(lua_State *L, size_t count)
{
    if (count > 1)
        aks_value_raise(L, "a table with more than one of Lua's own functions as keys has no"
            " order");
}

/* How many keys there are, and bytes in them; are they 1 to n, and met in that order? Lua meets
 * those of a list so. [-0, +0, raises] */
static size_t
count_keys(lua_State *L, int index, size_t *ret_bytes, bool *ret_list)
{
    size_t count = 0;

    *ret_bytes = 0;
    *ret_list = true;
    lua_pushnil(L);
    while (lua_next(L, index) != 0) {
        lua_pop(L, 1);
        count++;
        if (lua_type(L, -1) == LUA_TSTRING)
            *ret_bytes += lua_rawlen(L, -1);
        if (*ret_list)
            *ret_list = lua_isinteger(L, -1) && lua_tointeger(L, -1) == (lua_Integer)count;
    }
    return count;
}

/* A list for so many entries. A large one grows as it is filled: a block that is made for exactly
 * so many values looks like a stack (script/vm.c). [-0, +1, raises] */
static void
create_list(lua_State *L, size_t count)
{
    lua_createtable(L, (int)(count < LIST_FIRST ? count : LIST_FIRST), 0);
}

/* Collects the keys into the list on top and into ${keys}; are they in order as they are? Returns
 * how many there are: memory for the list may have been made by taking fields out of a weak table.
 * [-0, +0, raises] */
static size_t
collect_keys(lua_State *L, int index, struct key *keys, size_t count_max, bool *ret_sorted)
{
    int list = lua_gettop(L);
    size_t nameless = 0;
    size_t i = 0;

    *ret_sorted = true;
    lua_pushnil(L);
    for (; lua_next(L, index) != 0; i++) {
        AKS_CHECK(i < count_max);
        lua_pop(L, 1);
        keys[i] = key_at(L, -1);
        nameless += is_nameless(&keys[i]);
        *ret_sorted = *ret_sorted && (i == 0 || key_before(&keys[i - 1], &keys[i]));
        lua_pushvalue(L, -1);
        lua_rawseti(L, list, (lua_Integer)i + 1);
    }
    check_nameless(L, nameless);
    return i;
}

/* Replaces the list on top by one in the order of ${keys}. [-1, +1, raises] */
static void
sort_list(lua_State *L, struct key *keys, uint32_t *places, size_t count)
{
    const struct order order = { entry_before, keys };
    const uint32_t *sorted = merge_sort(&order, places, count);

    create_list(L, count);
    for (size_t i = 0; i < count; i++) {
        (void)lua_rawgeti(L, -2, (lua_Integer)sorted[i] + 1);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    lua_remove(L, -2);
}

size_t
aks_order_keys(lua_State *L, int index)
{
    struct key local_keys[LOCAL];
    uint32_t local_places[2 * LOCAL];
    struct key *keys = local_keys;
    uint32_t *places = local_places;
    size_t bytes;
    size_t count;
    bool list;
    bool sorted;

    index = lua_absindex(L, index);
    luaL_checkstack(L, 8, "too many values");
    count = count_keys(L, index, &bytes, &list);
    aks_budget_charge(L, (int64_t)count);
    if (!list)
        aks_budget_charge(L, INSTRUCTIONS_PER_KEY * ((int64_t)count + comparisons(count)) +
            comparisons(bytes / BYTES_PER_INSTRUCTION));
    if (list) {
        lua_pushnil(L);
        return count;
    }
    if (count > LOCAL) {
        keys = lua_newuserdatauv(L, count * (sizeof(*keys) + 2 * sizeof(*places)), 0);
        places = (uint32_t *)(keys + count);
    } else {
        lua_pushnil(L);
    }
    create_list(L, count);
    count = collect_keys(L, index, keys, count, &sorted);
    if (!sorted)
        sort_list(L, keys, places, count);
    lua_remove(L, -2);
    return count;
}

void
aks_order_push_key(lua_State *L, int keys, size_t i)
{
    if (lua_isnil(L, keys))
        lua_pushinteger(L, (lua_Integer)i);
    else
        (void)lua_rawgeti(L, keys, (lua_Integer)i);
}

size_t
aks_order_push_after(lua_State *L, int index, int key)
{
    bool first = lua_isnil(L, key);
    struct key after = key_at(L, key);
    struct key best = after;
    size_t nameless = 0;
    size_t count = 0;
    size_t bytes = 0;
    int found;

    lua_pushnil(L);
    found = lua_gettop(L);
    lua_pushnil(L);
    while (lua_next(L, index) != 0) {
        struct key candidate = key_at(L, found + 1);

        lua_pop(L, 1);
        count++;
        nameless += is_nameless(&candidate);
        bytes += candidate.len;
        if ((first || key_before(&after, &candidate)) &&
            (lua_isnil(L, found) || key_before(&candidate, &best))) {
            lua_copy(L, found + 1, found);
            best = candidate;
        }
    }
    check_nameless(L, nameless);
    aks_budget_charge(L, INSTRUCTIONS_PER_KEY * (int64_t)count +
        (int64_t)(bytes / BYTES_PER_INSTRUCTION));
    if (!lua_isnil(L, found)) {
        lua_pushvalue(L, found);
        (void)lua_rawget(L, index);
    }
    return count;
}

/* --- table.sort ------------------------------------------------------------------------------- */

#define TABLE 1         /* stack indices */
#define COMPARE 2
#define PLACES 3
#define VALUES 4

/* Strings that begin alike may be long, and no hook looks while they are compared. */
static void
charge_for_strings(lua_State *L, int a, int b)
{
    size_t bytes;

    if (lua_type(L, a) != LUA_TSTRING || lua_type(L, b) != LUA_TSTRING)
        return;
    bytes = lua_rawlen(L, a) < lua_rawlen(L, b) ? lua_rawlen(L, a) : lua_rawlen(L, b);
    if (bytes >= BYTES_PER_INSTRUCTION)
        aks_budget_charge(L, (int64_t)(bytes / BYTES_PER_INSTRUCTION));
}

static bool
value_before(void *ctx, uint32_t a, uint32_t b)
{
    lua_State *L = ctx;
    bool before;

    if (lua_isnil(L, COMPARE)) {
        charge_for_strings(L, VALUES + (int)a, VALUES + (int)b);
        return lua_compare(L, VALUES + (int)a, VALUES + (int)b, LUA_OPLT) != 0;
    }
    lua_pushvalue(L, COMPARE);
    lua_pushvalue(L, VALUES + (int)a);
    lua_pushvalue(L, VALUES + (int)b);
    lua_call(L, 2, 1);
    before = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return before;
}

/* The table is written to when all is compared. */
int
aks_order_sort(lua_State *L)
{
    const struct order order = { value_before, L };
    uint32_t local_places[2 * LOCAL];
    uint32_t *places = local_places;
    const uint32_t *sorted;
    lua_Integer count;

    luaL_checktype(L, TABLE, LUA_TTABLE);
    count = luaL_len(L, TABLE);
    if (count > AKS_BOUNDED_TABLE_ENTRIES)
        aks_value_raise(L, "table.sort: at most %d entries", AKS_BOUNDED_TABLE_ENTRIES);
    if (count < 2)
        return 0;
    if (!lua_isnoneornil(L, COMPARE))
        luaL_checktype(L, COMPARE, LUA_TFUNCTION);
    lua_settop(L, COMPARE);
    aks_budget_charge(L, comparisons((size_t)count));
    luaL_checkstack(L, (int)count + 8, "too many entries");
    if (count > LOCAL)
        places = lua_newuserdatauv(L, 2 * (size_t)count * sizeof(*places), 0);
    else
        lua_pushnil(L);
    for (lua_Integer i = 1; i <= count; i++)
        (void)lua_geti(L, TABLE, i);
    sorted = merge_sort(&order, places, (size_t)count);
    for (lua_Integer i = 1; i <= count; i++) {
        lua_pushvalue(L, VALUES + (int)sorted[i - 1]);
        lua_seti(L, TABLE, i);
    }
    return 0;
}
