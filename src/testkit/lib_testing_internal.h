/* What the files of the test VM share. Functions that take a lua_State may raise unless they say
 * otherwise; whatever they own then sits in a userdata (aks_testing_box) or in struct aks_testing.
 *
 * lib_testing.c (the state, its limits), lib_testing_core.c (what the Lua side is built on),
 * lib_testing_value.c (checks), lib_testing_json.c, lib_testing_bytes.c; and worlds:
 * lib_testing_make.c (from a table), lib_testing_world.c (what happens), lib_testing_background.c
 * (the queue, the way back, writers), lib_testing_read.c (what is read back), lib_testing_fault.c
 * and _draft.c (plans), lib_testing_forall.c (properties). */
#ifndef AKS_TESTKIT_LIB_TESTING_INTERNAL_H
#define AKS_TESTKIT_LIB_TESTING_INTERNAL_H

#include "engine/policy_text.h"
#include "script/lines.h"
#include "testkit/fault.h"
#include "testkit/lib_testing.h"
#include "testkit/world.h"

#include <jansson.h>
#include <lauxlib.h>
#include <lua.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdnoreturn.h>

#define AKS_TESTING_FILE_BYTES_MAX (64 * 1024 * 1024)   /* that a test reads */
#define AKS_TESTING_POLICIES_MAX 8      /* texts that are kept between worlds */
#define AKS_TESTING_SHOWN_BYTES 512
#define AKS_TESTING_SOURCES_MAX 64      /* that one process is told to bring */

struct aks_testing_world;

/* Counts what Lua and the worlds hold together, and refuses what is over the ceiling. One thread.
 */
struct aks_testing_memory {
    struct aks_alloc alloc;
    const struct aks_alloc *below;
    int64_t used;
    int64_t bytes_max;
    bool refused;                       /* something, since this was last cleared */
};

struct aks_testing {
    const struct aks_suite_options *options;
    struct aks_testing_memory memory;
    lua_State *L;
    char *root;                         /* resolved */
    /* Time. */
    bool armed;
    bool over;                          /* the call that runs has taken too long */
    int64_t deadline_ns;
    int64_t ms_max;
    char where[AKS_TESTING_SHOWN_BYTES];    /* the line that ran then */
    /* The file, and the test that runs. */
    struct aks_error stopped;           /* why the file cannot go on; AKS_OK: it can */
    size_t test_count;
    int64_t test_began_ns;
    uint64_t test_seed;
    unsigned worlds_made;               /* by this test */
    struct aks_testing_world *worlds;   /* that are open */
    unsigned worlds_open;
    char unrun[AKS_ERROR_MESSAGE_BYTES];    /* why the test's last run did not begin, or "" */
    char idle[AKS_ERROR_MESSAGE_BYTES]; /* what was planned in a world that is gone, and did not
                                         * happen */
    struct aks_testing_policy {
        char *path;
        struct aks_policy_text text;
    } policies[AKS_TESTING_POLICIES_MAX];
    size_t policy_count;
};

/* One fault as a test writes it; from its first verb on (:reply ...) it stands in the plan too. */
struct aks_testing_draft {
    struct aks_testing_world *world;
    struct aks_fault_rule rule;
    int place;                          /* in the plan; -1: not yet */
    bool maybe;                         /* may also not happen */
    char where[96];                     /* "file:line" */
};

/* What Lua holds of one. */
struct aks_testing_handle {
    struct aks_testing_world *world;
    size_t index;                       /* of the draft */
};

struct aks_testing_world {
    struct aks_testing *testing;
    struct aks_world *world;            /* NULL: closed */
    struct aks_testing_world *next;
    lua_State *L;                       /* that runs it; NULL: nothing runs */
    int functions;                      /* of the plan: where they lie in L meanwhile */
    uint64_t seed;
    bool small;
    char policy[AKS_PATH_BYTES];        /* as the test named it, or "default" */
    struct aks_script_lines lines;
    struct aks_testing_draft drafts[AKS_FAULT_RULES_MAX];
    size_t draft_count;
    char failed[AKS_ERROR_MESSAGE_BYTES];   /* an error in a function of the plan */
};

/* Kinds of userdata. */
#define AKS_TESTING_WORLD "world"
#define AKS_TESTING_BYTES "sim.bytes"
#define AKS_TESTING_DRAFT "fault"

/* The registry's names. */
#define AKS_TESTING_CORE "akosha.testing.core"          /* the table of lib_testing_core.c */
#define AKS_TESTING_PREFIX "akosha.testing.prefix"      /* how LuaUnit knows a failure */
#define AKS_TESTING_FOUND "akosha.testing.found"        /* writes a test that was found */

/* lib_testing_memory.c */

void aks_testing_memory_init(struct aks_testing_memory *memory, const struct aks_alloc *below,
    int64_t bytes_max);

/* lib_testing.c */

struct aks_testing *aks_testing_of(lua_State *L);
/** Calls the function below its ${arg_count} arguments under the limits. LUA_OK and its results;
 * else a code and, for AKS_TESTING_SHOWN_BYTES at most, why. [-(n + 1), +results/+1] */
int aks_testing_guard(lua_State *L, int arg_count);
/** Raises if the call that runs has taken too long: for loops in C. */
void aks_testing_look(lua_State *L);
/** Everything that the test that has ended left open. Raises nothing. */
void aks_testing_close_worlds(struct aks_testing *testing);

/* lib_testing_core.c */

/** Pushes the functions that lua/testing is built on. */
void aks_testing_core_push(lua_State *L);
/** Pushes what the file at ${path} holds, or nil, and why: "missing", "outside", or a message.
 * ${anywhere}: also outside the root. [-0, +2] */
void aks_testing_core_read(lua_State *L, const char *path, bool anywhere);
/** Is the file, which is there, one that tests may read? Raises nothing. */
bool aks_testing_core_inside(struct aks_testing *testing, const char *path);

/* lib_testing_value.c */

/** A class: methods, and "did you mean" for what is none. ${gc} may be NULL. */
void aks_testing_class(lua_State *L, const char *name, const luaL_Reg *methods, lua_CFunction gc);
/** Raises unless the table at ${index} has no other fields than ${names}, which end with NULL. */
void aks_testing_fields(lua_State *L, int index, const char *what, const char *const *names);
/** Raises "${what}: unknown ${kind} "${name}"; did you mean ...". */
noreturn void aks_testing_unknown(lua_State *L, const char *what, const char *kind,
    const char *name, const char *const *names);
/** Is it one of ${names}, which end with NULL? Raises nothing. */
bool aks_testing_known(const char *name, const char *const *names);
/** Numbers and texts, out of a table's field or, with ${name} NULL, at ${index} itself. */
int64_t aks_testing_whole(lua_State *L, int index, const char *what, int64_t min, int64_t max);
int64_t aks_testing_ns(lua_State *L, int index, const char *what, double max_s);
const char *aks_testing_text(lua_State *L, int index, const char *what);
bool aks_testing_boolean(lua_State *L, int index, const char *field, bool absent);
/** A userdata that frees ${thing} when it is collected, or by aks_testing_box_free. */
void **aks_testing_box(lua_State *L, void (*free)(void *thing));
void aks_testing_box_free(void **thing);
/** Raises what ${err} says, with the line of the test in front and the hint behind. */
noreturn void aks_testing_raise(lua_State *L, const struct aks_error *err);
/** Raises a failure, as LuaUnit's assertions do. */
noreturn void aks_testing_fail(lua_State *L, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/** The same with the message that is on top. */
noreturn void aks_testing_fail_with(lua_State *L);

/* lib_testing_json.c */

/** Pushes the document in ${text} as Lua sees it; nil where it is none. */
void aks_testing_json_text(lua_State *L, const char *text, size_t len);

/* lib_testing_bytes.c */

int aks_testing_bytes(lua_State *L);
/** Length of the string or handle at ${index}; -1 if it is neither. */
int64_t aks_testing_bytes_length(lua_State *L, int index);
/** Puts it as a file, whose path also seeds what has no seed. */
void aks_testing_bytes_put(lua_State *L, int index, struct aks_world *world, const char *path,
    int64_t bytes_max);
void aks_testing_bytes_open(lua_State *L);

/* lib_testing_make.c */

/** Makes a world of the table at ${index}, with ${seed} unless the table has one, and pushes
 * it. Files hold ${file_bytes} at most, by the order of their names;
 * NULL, or a negative
 * number: what they hold. */
struct aks_testing_world *aks_testing_make(lua_State *L, int index, const uint64_t *seed,
    const int64_t *file_bytes);
int aks_testing_make_world(lua_State *L);
/** Sizes of the files of the table at ${index}, by the order of their names; -1 for one that cannot
 * be made smaller. */
size_t aks_testing_make_sizes(lua_State *L, int index, int64_t *ret_bytes, size_t count_max);
/** Seconds that local time is ahead of UTC. */
int32_t aks_testing_make_utc_offset(lua_State *L, int index, const char *what);
/** Where a file of that name lies: "/a" there, "~/a" and "a/b" in the home; "a" where a source of
 * the policy has that name, else in the home. Owned by the box that is pushed. [-0, +1] */
const char *aks_testing_make_path(lua_State *L, struct aks_testing_world *world, const char *name);

/* lib_testing_world.c */

void aks_testing_world_open(lua_State *L);
/** The open world at ${index}; raises for anything else. */
struct aks_testing_world *aks_testing_world_check(lua_State *L, int index);
/** Raises, at the test's own line, if the policy does not load. */
void aks_testing_world_learn(lua_State *L, struct aks_testing_world *world);
/** Ends it; says in struct aks_testing what did not happen in it. Raises nothing. */
void aks_testing_world_close(struct aks_testing_world *world);
typedef enum aks_status aks_testing_act(struct aks_world *world, const void *options,
    json_t **ret_report, struct aks_error *err);
/** One process of the world at ${index}, which does ${act}: as aks_testing_world_run. */
enum aks_status aks_testing_world_process(lua_State *L, int index, aks_testing_act *act,
    const void *options, struct aks_error *ret_broken);
/** Raises: a law is broken in the world at ${index}. */
noreturn void aks_testing_world_broken(lua_State *L, int index, const struct aks_error *broken);
/** The field "sources" of the table at 2; absolute paths, borrowed from the stack. */
size_t aks_testing_world_sources(lua_State *L, struct aks_testing_world *world, const char *what,
    const char **ret_sources);
/** One run of the world at ${index}; its report is pushed. A law that is broken is in
 * ${ret_broken}, and not AKS_OK. Raises for errors of the test's own. */
enum aks_status aks_testing_world_run(lua_State *L, int index,
    const struct aks_world_run_options *options, struct aks_error *ret_broken);
/** After a death. A broken law is in ${ret_broken}. */
enum aks_status aks_testing_world_restart(struct aks_testing_world *world, bool power,
    struct aks_error *ret_broken);

/* lib_testing_read.c */

extern const luaL_Reg aks_testing_read_methods[];

/* lib_testing_background.c */

extern const luaL_Reg aks_testing_background_methods[];

/* lib_testing_fault.c */

void aks_testing_fault_open(lua_State *L);
/** Pushes world.target, world.network or world.disk, or nothing. [-0, +0/1] */
bool aks_testing_fault_place(lua_State *L, int world_index, const char *key);
int aks_testing_fault_crash_at(lua_State *L);
int aks_testing_fault_plan(lua_State *L);
int aks_testing_fault_draw(lua_State *L);
int aks_testing_fault_clear(lua_State *L);
/** Pushes the rule as a line of Lua; ${maybe}: it may also not happen. */
void aks_testing_fault_push(lua_State *L, const struct aks_fault_rule *rule, bool maybe);
/** The first fault that was planned and did not happen, or false. Raises nothing. */
bool aks_testing_fault_idle(struct aks_testing_world *world, char *ret_text, size_t bytes);
/** Reads { rules_max, crashes, disk, transient } at ${index} (nil: anything). */
void aks_testing_fault_options(lua_State *L, int index, struct aks_fault_draw *ret_draw);
/** Names of the world's targets, s3 first; ${ret_names} has AKS_TARGETS_MAX. Raises nothing. */
size_t aks_testing_fault_targets(struct aks_testing_world *world, const char **ret_names);

/* lib_testing_draft.c */

void aks_testing_draft_open(lua_State *L);
void aks_testing_draft_text(lua_State *L, char ret_text[AKS_FAULT_TEXT_BYTES], const char *text,
    const char *what);

/* lib_testing_forall.c */

int aks_testing_forall(lua_State *L);

#endif
