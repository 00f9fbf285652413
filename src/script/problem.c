#include "script/problem_internal.h"

#include "script/call.h"
#include "script/embed.h"
#include "script/locate.h"
#include "script/value.h"

#include <lauxlib.h>

#include <ctype.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POLICY "akosha.policy"
#define FIELD_BYTES 200
#define MESSAGE_BYTES 768

bool
aks_problem_collecting(lua_State *L)
{
    const struct aks_vm *vm = aks_vm_of(L);

    return vm->options->problems != NULL && vm->phase == AKS_PHASE_LOAD;
}

/* --- telling ---------------------------------------------------------------------------------- */

/* The text that Lua calls ${file}: the policy itself, or a module beside it. */
static const char *
text_of(const struct aks_vm *vm, const char *file, size_t *ret_len)
{
    const struct aks_embedded *built_in = aks_embedded_find("policies/default");
    const char *slash = strrchr(file, '/');
    const char *name = slash != NULL ? slash + 1 : file;
    size_t len = strlen(name);

    if (strcmp(file, vm->path) == 0) {
        *ret_len = vm->text->text != NULL ? vm->text->text_len : built_in->len;
        return vm->text->text != NULL ? vm->text->text : built_in->data;
    }
    for (size_t i = 0; i < vm->text->module_count; i++) {
        const struct aks_policy_module *module = &vm->text->modules[i];

        if (strncmp(module->name, name, strlen(module->name)) == 0 &&
            len == strlen(module->name) + strlen(".lua")) {
            *ret_len = module->text_len;
            return module->text;
        }
    }
    return NULL;
}

static void
write_field(const struct aks_locate_step *steps, size_t count, char ret_text[FIELD_BYTES])
{
    size_t len = 0;

    ret_text[0] = '\0';
    for (size_t i = 0; i < count && len < FIELD_BYTES; i++) {
        int written = steps[i].name != NULL
            ? snprintf(ret_text + len, FIELD_BYTES - len, "%s%s", i > 0 ? "." : "", steps[i].name)
            : snprintf(ret_text + len, FIELD_BYTES - len, "[%zu]", steps[i].place);

        len += written > 0 ? (size_t)written : 0;
    }
    for (char *c = ret_text; *c != '\0'; c++) {
        if (iscntrl((unsigned char)*c))
            *c = '?';
    }
}

/* ${line}: of the call of ${builder}. */
static void
tell_at(struct aks_vm *vm, bool warning, const char *file, int line, const char *builder,
    const struct aks_locate_step *steps, size_t count, const char *message)
{
    const struct aks_script_problems *problems = vm->options->problems;
    struct aks_script_problem problem = { warning, file, line, "", message };
    char field[FIELD_BYTES];
    size_t len = 0;
    const char *text = text_of(vm, file, &len);
    int own = text != NULL ? aks_locate_field(text, len, line, builder, steps, count) : 0;

    if (!warning)
        vm->problem_count++;
    if (vm->problem_told++ >= AKS_PROBLEM_TOLD_MAX)
        return;
    write_field(steps, count, field);
    problem.field = field;
    if (own > 0)
        problem.line = own;
    problems->tell(problems->ctx, &problem);
}

/* Takes "file:12" apart, in place; 0 if there is no line. */
static int
cut_line(char *position)
{
    char *colon = strrchr(position, ':');

    if (colon == NULL)
        return 0;
    *colon = '\0';
    return (int)strtol(colon + 1, NULL, 10);
}

void
aks_problem_tell(lua_State *L, const char *builder, const char *name, const char *message)
{
    struct aks_vm *vm = aks_vm_of(L);
    struct aks_locate_step steps[AKS_VM_STEPS_MAX + 1];
    size_t count = vm->step_count;
    lua_Debug frame;
    bool known;
    int level;

    if (!aks_problem_collecting(L))
        aks_value_raise(L, "%s", message);
    memcpy(steps, vm->steps, sizeof(vm->steps));
    steps[count++] = (struct aks_locate_step) { name, 0 };
    known = aks_value_policy_frame(L, 0, &level, &frame);
    tell_at(vm, false, known ? frame.source + 1 : vm->path, known ? frame.currentline : 0,
        vm->step_count > 0 ? vm->builder : builder, steps, count, message);
}

void
aks_problem_tell_failure(struct aks_vm *vm, const struct aks_error *err)
{
    char *position = vm->failure.position;
    const char *told = position[0] != '\0' ? position : vm->path;
    size_t len = strlen(told);
    const char *message = err->message;
    int line;

    if (strncmp(message, told, len) == 0 && strncmp(message + len, ": ", 2) == 0)
        message += len + 2;
    line = cut_line(position);
    vm->step_count = 0;
    tell_at(vm, false, line > 0 ? position : vm->path, line, "", NULL, 0, message);
}

/* --- taking ----------------------------------------------------------------------------------- */

struct taking {
    aks_problem_taker *take;
    void *ctx;
};

/* Upvalue 1 is the struct taking of the C function below. */
static int
run_taker(lua_State *L)
{
    const struct taking *taking = lua_touserdata(L, lua_upvalueindex(1));

    taking->take(L, taking->ctx);
    return 0;
}

/* What is no ordinary error ends the load: it goes on from where it was caught. The error is on
 * top. */
static void
raise_on(lua_State *L, int code)
{
    struct aks_vm *vm = aks_vm_of(L);

    if (code == LUA_ERRMEM)
        vm->no_memory = true;
    if (code != LUA_ERRRUN || vm->no_memory || vm->limit != AKS_VM_WITHIN)
        lua_error(L);
}

void
aks_problem_take(lua_State *L, const char *builder, const char *name, size_t place,
    aks_problem_taker *take, void *ctx)
{
    struct aks_vm *vm = aks_vm_of(L);
    struct taking taking = { take, ctx };
    char message[AKS_ERROR_MESSAGE_BYTES];
    int top = lua_gettop(L);
    int code;
    int line;

    if (!aks_problem_collecting(L) || vm->step_count == AKS_VM_STEPS_MAX) {
        take(L, ctx);
        lua_settop(L, top);
        return;
    }
    if (vm->step_count == 0)
        vm->builder = builder;
    vm->steps[vm->step_count++] = (struct aks_locate_step) { name, place };
    luaL_checkstack(L, top + 4, "taking a field");
    lua_pushcfunction(L, aks_call_describe);
    lua_pushlightuserdata(L, &taking);
    lua_pushcclosure(L, run_taker, 1);
    for (int i = 1; i <= top; i++)
        lua_pushvalue(L, i);
    vm->failure.position[0] = '\0';
    code = lua_pcall(L, top, 0, top + 1);
    if (code != LUA_OK) {
        raise_on(L, code);
        (void)snprintf(message, sizeof(message), "%s", vm->failure.message);
        line = cut_line(vm->failure.position);
        tell_at(vm, false, line > 0 ? vm->failure.position : vm->path, line, vm->builder, vm->steps,
            vm->step_count, message);
    }
    vm->step_count--;
    lua_settop(L, top);
}

/* --- what is noted on the way ----------------------------------------------------------------- */

void
aks_problem_forget(lua_State *L)
{
    aks_vm_of(L)->meant_count = 0;
}

void
aks_problem_note_meant(lua_State *L, const char *name)
{
    struct aks_vm *vm = aks_vm_of(L);

    if (vm->meant_count < AKS_VM_MEANT_MAX)
        vm->meant[vm->meant_count++] = name;
}

bool
aks_problem_meant(lua_State *L, const char *name)
{
    const struct aks_vm *vm = aks_vm_of(L);

    for (size_t i = 0; i < vm->meant_count; i++) {
        if (strcmp(vm->meant[i], name) == 0)
            return true;
    }
    return false;
}

void
aks_problem_note_policy(lua_State *L)
{
    struct aks_vm *vm = aks_vm_of(L);
    lua_Debug frame;
    int level;

    if (!aks_problem_collecting(L))
        return;
    vm->policy_file[0] = '\0';
    vm->policy_line = 0;
    if (!aks_value_policy_frame(L, 0, &level, &frame))
        return;
    (void)snprintf(vm->policy_file, sizeof(vm->policy_file), "%s", frame.source + 1);
    vm->policy_line = frame.currentline;
}

void
aks_problem_warn_here(lua_State *L, const char *builder, const char *format, ...)
{
    struct aks_vm *vm = aks_vm_of(L);
    char message[MESSAGE_BYTES];
    lua_Debug frame;
    va_list args;
    int level;

    if (!aks_problem_collecting(L) || !aks_value_policy_frame(L, 0, &level, &frame))
        return;
    va_start(args, format);
    (void)vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    tell_at(vm, true, frame.source + 1, frame.currentline, builder, NULL, 0, message);
}

void
aks_problem_warn(struct aks_vm *vm, const char *name, size_t place, const char *format, ...)
{
    struct aks_locate_step steps[] = { { name, 0 }, { NULL, place } };
    const char *file = vm->policy_file[0] != '\0' ? vm->policy_file : vm->path;
    char message[MESSAGE_BYTES];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    tell_at(vm, true, file, vm->policy_line, POLICY, steps, place > 0 ? 2 : 1, message);
}
