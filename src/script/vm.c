#include "script/vm.h"

#include "base/check.h"
#include "script/identity.h"

#include <string.h>

/* Memory is charged as work: filling 64 bytes costs about as much as one instruction, and a loop
 * of few instructions over large strings would otherwise run for minutes between two looks at
 * the clock. */
#define BYTES_PER_INSTRUCTION 64
/* Over the budget, blocks of this size are refused at once; smaller ones wait for the count
 * hook. */
#define LARGE_BLOCK_BYTES ((size_t)64 * 1024)
#define VALUE_BYTES 16      /* of a value on a stack or in a list */

_Static_assert(LUA_VERSION_NUM == 504, "5.5 changes lua_newstate and the hooks: look again");
_Static_assert(LUA_EXTRASPACE >= sizeof(struct aks_vm *), "the VM is found through it");

/* Lua collects all its garbage and asks for the same block again: what is refused twice has become
 * an error. From then on it is a limit that was hit, so that no pcall of the policy goes on. */
static void
note_refusal(struct aks_vm *vm, size_t bytes, enum aks_vm_limit limit)
{
    if (vm->refused_bytes != bytes)
        vm->work_left -= vm->memory_used / BYTES_PER_INSTRUCTION;
    else if (vm->armed && vm->limit == AKS_VM_WITHIN)
        vm->limit = limit;
    vm->refused_bytes = bytes;
}

/* Refuses what would go over the ceiling or over the budget; says why in ${vm}. */
static bool
may_grow(struct aks_vm *vm, size_t old_bytes, size_t bytes)
{
    size_t grown = bytes - old_bytes;

    if (vm->armed) {
        vm->work_left -= (int64_t)(grown / BYTES_PER_INSTRUCTION);
        if (vm->work_left < 0 && bytes >= LARGE_BLOCK_BYTES) {
            if (vm->limit == AKS_VM_WITHIN)
                vm->limit = AKS_VM_WORK;
            return false;
        }
    }
    if ((int64_t)grown > vm->limits.memory_bytes - vm->memory_used) {
        vm->memory_refused = true;
        note_refusal(vm, bytes, AKS_VM_MEMORY);
        return false;
    }
    return true;
}

/* Lua tells what a new block will hold: a type, or something of its own. (A userdata is numbered
 * by whoever makes it.) */
static bool
is_object(size_t kind)
{
    return kind == LUA_TTABLE || kind == LUA_TFUNCTION || kind == LUA_TTHREAD;
}

/* Is a new block of ${bytes} a stack that has grown? It is no object and holds values, 5 more than
 * a round number; a list or a table's fields that grow so large at once hold a power of two of
 * them, each of which takes one value's room or one and a half. (A buffer may have any size: one in
 * 16 of those that are larger than a stack may be is taken for one.) */
static bool
may_be_stack(size_t kind, size_t bytes)
{
    size_t count = bytes / VALUE_BYTES;

    if (kind != 0 || bytes % VALUE_BYTES != 0)
        return false;
    if (count % 3 == 0)
        count /= 3;
    return (count & (count - 1)) != 0;
}

/* Bounds of a new block that will hold ${kind}. */
static bool
may_be_made(struct aks_vm *vm, size_t kind, size_t bytes)
{
    if (kind == LUA_TSTRING && bytes > AKS_SCRIPT_STRING_BYTES)
        note_refusal(vm, bytes, AKS_VM_STRING);
    else if (kind == LUA_TTHREAD && vm->coroutines >= vm->limits.coroutines)
        note_refusal(vm, bytes, AKS_VM_COROUTINES);
    else if (bytes > (size_t)AKS_SCRIPT_STACK_VALUES * VALUE_BYTES && may_be_stack(kind, bytes))
        note_refusal(vm, bytes, AKS_VM_STACK);
    else
        return true;
    return false;
}

/* The lua_Alloc. In front of each block stands its identity. A block that cannot be moved when it
 * shrinks stays where it is: Lua counts on that. */
static void *
vm_alloc(void *ctx, void *p, size_t old_bytes, size_t bytes)
{
    struct aks_vm *vm = ctx;
    struct aks_identity *block = p != NULL ? (struct aks_identity *)p - 1 : NULL;
    size_t old_total = p != NULL ? sizeof(*block) + old_bytes : 0;
    size_t total = bytes > 0 ? sizeof(*block) + bytes : 0;

    if (total < bytes || (p == NULL && !may_be_made(vm, old_bytes, bytes)) ||
        (total > old_total && !may_grow(vm, old_total, total)))
        return NULL;
    if (total == 0) {
        vm->coroutines -= block != NULL && block->coroutine;
        aks_mem_free(vm->alloc, block);
        vm->memory_used -= (int64_t)old_total;
        return NULL;
    }
    block = aks_mem_resize(vm->alloc, block, total);
    if (block == NULL && total > old_total) {
        note_refusal(vm, total, AKS_VM_NO_MEMORY);
        return NULL;
    }
    if (total > old_total)
        vm->refused_bytes = 0;
    vm->memory_used += (int64_t)total - (int64_t)old_total;
    if (block == NULL)
        return p;
    if (p == NULL) {
        block->made = is_object(old_bytes) ? ++vm->objects_made : 0;
        block->shown = 0;
        block->coroutine = old_bytes == LUA_TTHREAD;
        vm->coroutines += block->coroutine;
    }
    return block + 1;
}

/* Every entry into Lua is protected (script/call.c), so this is a mistake of ours. */
static int
vm_panic(lua_State *L)
{
    aks_check_failed(__FILE__, __LINE__, "an error of Lua outside every protected call");
}

/* What ${text} says, else the options, else the default. */
static int64_t
chosen(int64_t text, int64_t options, int64_t otherwise)
{
    return text > 0 ? text : options > 0 ? options : otherwise;
}

void
aks_vm_set_limits(struct aks_vm *vm, const struct aks_policy_limits *text)
{
    const struct aks_policy_limits *options = &vm->options->limits;
    struct aks_policy_limits *limits = &vm->limits;

    limits->memory_bytes =
        chosen(text->memory_bytes, options->memory_bytes, AKS_SCRIPT_MEMORY_BYTES);
    limits->load_instructions = chosen(text->load_instructions, options->load_instructions,
        AKS_SCRIPT_LOAD_INSTRUCTIONS);
    limits->load_ms = chosen(text->load_ms, options->load_ms, AKS_SCRIPT_LOAD_MS);
    limits->decision_instructions = chosen(text->decision_instructions,
        options->decision_instructions, AKS_SCRIPT_DECISION_INSTRUCTIONS);
    limits->decision_ms = chosen(text->decision_ms, options->decision_ms, AKS_SCRIPT_DECISION_MS);
    limits->task_ms = chosen(text->task_ms, options->task_ms, AKS_SCRIPT_TASK_MS);
    limits->task_turns = chosen(text->task_turns, options->task_turns, AKS_SCRIPT_TASK_TURNS);
    limits->coroutines = chosen(text->coroutines, options->coroutines, AKS_SCRIPT_COROUTINES);
    limits->log_lines = chosen(text->log_lines, options->log_lines, AKS_SCRIPT_LOG_LINES);
}

enum aks_status
aks_vm_new(const struct aks_script_options *options, struct aks_vm **ret_vm, struct aks_error *err)
{
    static const struct aks_policy_limits none;
    struct aks_vm *vm = aks_mem_new(options->alloc, sizeof(*vm));

    if (vm == NULL)
        return aks_error_memory(err, "starting Lua");
    vm->alloc = options->alloc;
    vm->clock = options->clock;
    vm->log = options->log;
    vm->options = options;
    aks_vm_set_limits(vm, &none);
    vm->deadline_ns = INT64_MAX;
    aks_settings_init(&vm->settings, vm->alloc);
    vm->L = lua_newstate(vm_alloc, vm);
    if (vm->L == NULL) {
        aks_vm_free(vm);
        return aks_error_memory(err, "starting Lua");
    }
    vm->coroutines = 0;         /* the main thread is none */
    /* Coroutines get a copy of the main thread's extra space. */
    memcpy(lua_getextraspace(vm->L), &vm, sizeof(vm));
    (void)lua_atpanic(vm->L, vm_panic);
    *ret_vm = vm;
    return AKS_OK;
}

void
aks_vm_free(struct aks_vm *vm)
{
    if (vm == NULL)
        return;
    vm->armed = false;
    if (vm->L != NULL)
        lua_close(vm->L);
    aks_settings_fini(&vm->settings);
    aks_mem_free(vm->alloc, vm);
}

struct aks_vm *
aks_vm_of(lua_State *L)
{
    struct aks_vm *vm;

    memcpy(&vm, lua_getextraspace(L), sizeof(vm));
    return vm;
}
