#include "script/load.h"

#include "base/check.h"
#include "base/encode.h"
#include "data/digest.h"
#include "script/call.h"
#include "script/decide_lua.h"
#include "script/embed.h"
#include "script/handle.h"
#include "script/lib_akosha.h"
#include "script/modules.h"
#include "script/problem_internal.h"
#include "script/sandbox.h"
#include "script/task.h"
#include "script/value.h"
#include "script/vm.h"

#include <stdio.h>
#include <string.h>

#define BUILT_IN_NAME "built-in default"
#define BUILT_IN_FILE "policies/default"

/* What the engine holds: the policy, and the state that answers for it. */
struct loaded {
    struct aks_policy policy;
    struct aks_vm *vm;
    struct aks_tasker *tasker;          /* NULL: it is no task */
};

struct load {
    const struct aks_policy_environment *environment;
};

static enum aks_status
digest_policy(struct aks_vm *vm, struct aks_error *err)
{
    const struct aks_entropy *entropy = vm->options->entropy;
    const struct aks_embedded *built_in = aks_embedded_find(BUILT_IN_FILE);
    bool own = vm->text->text == NULL;
    uint8_t digest[AKS_SHA256_BYTES];
    uint8_t fresh[sizeof(vm->seed)] = { 0 };
    enum aks_status status = AKS_OK;

    AKS_CHECK(built_in != NULL);
    aks_sha256(own ? built_in->data : vm->text->text, own ? built_in->len : vm->text->text_len,
        digest);
    aks_hex_encode(digest, sizeof(digest), vm->sha256);
    if (entropy != NULL)
        status = entropy->fill(entropy->ctx, fresh, sizeof(fresh), err);
    vm->seed = 0;
    for (size_t i = 0; i < sizeof(vm->seed); i++)
        vm->seed = vm->seed << 8 | (digest[i] ^ fresh[i]);
    vm->seed ^= vm->options->seed;
    aks_rng_init(&vm->rng, vm->seed);
    return status;
}

/* Builds the world of the policy and runs its text. */
static int
run_policy(lua_State *L)
{
    const struct load *load = lua_touserdata(L, 1);
    char shown[AKS_VALUE_SHOWN_BYTES];

    aks_handle_open(L);
    aks_lib_keep_environment(L, load->environment);
    aks_lib_push(L);
    aks_modules_open(L);
    aks_sandbox_open(L);
    aks_modules_run_policy(L);
    if (lua_istable(L, -1))
        aks_value_raise(L, "the policy returns a plain table: return akosha.policy { ... }");
    if (!aks_handle_is_policy(L, -1))
        aks_value_raise(L, "the policy returns %s: its last line is return akosha.policy { ... }",
            aks_value_shown(L, -1, shown));
    return 0;
}

/* The built-in default has no settings but the environment, so what it refuses is a variable. */
static enum aks_status
settings_failure(struct aks_error *err)
{
    if (err == NULL)
        return AKS_SETTINGS;
    err->status = AKS_SETTINGS;
    aks_error_hint(err, "without a policy file the settings are environment variables:"
        " AKOSHA_CLOUD_BUCKET, AKOSHA_HTTP_URL, AKOSHA_DIR and others, see docs/policy.md");
    return AKS_SETTINGS;
}

static enum aks_status
load_into(struct aks_vm *vm, const struct aks_policy_text *text,
    const struct aks_policy_environment *environment, struct aks_error *err)
{
    struct load load = { environment };
    enum aks_status status;

    aks_vm_set_limits(vm, &text->limits);
    vm->text = text;
    vm->path = text->text != NULL && text->path != NULL ? text->path : BUILT_IN_NAME;
    status = digest_policy(vm, err);
    if (status != AKS_OK)
        return status;
    status = aks_call(vm, NULL, run_policy, &load, err);
    if (status == AKS_POLICY && text->text == NULL)
        status = settings_failure(err);
    if (status != AKS_OK)
        return status;
    AKS_CHECK(vm->built);
    vm->settings.policy_path = aks_mem_strdup(vm->alloc, vm->path);
    if (vm->settings.policy_path == NULL)
        return aks_error_memory(err, "loading the policy");
    vm->path = vm->settings.policy_path;
    memcpy(vm->settings.policy_sha256, vm->sha256, sizeof(vm->sha256));
    return AKS_OK;
}

/* What a check found is told, and a policy that is not fine is not loaded. */
static enum aks_status
end_check(struct aks_vm *vm, const struct aks_policy_environment *environment,
    enum aks_status status, struct aks_error *err)
{
    if (status == AKS_POLICY || status == AKS_SETTINGS || status == AKS_LIMIT)
        aks_problem_tell_failure(vm, err);
    if (status != AKS_OK)
        return status;
    if (vm->problem_count == 0) {
        aks_problem_warn_all(vm, environment);
        return AKS_OK;
    }
    (void)aks_error_set(err, AKS_POLICY, "%s: %zu error%s", vm->path, vm->problem_count,
        vm->problem_count == 1 ? "" : "s");
    if (vm->unset[0] != '\0')
        aks_error_hint(err, "not set in the environment: %s", vm->unset);
    return AKS_POLICY;
}

static void
policy_free(struct aks_policy *policy)
{
    struct loaded *loaded = (struct loaded *)policy;
    const struct aks_alloc *alloc = loaded->vm->alloc;

    aks_task_lua_free(loaded->tasker);
    aks_vm_free(loaded->vm);
    aks_mem_free(alloc, loaded);
}

static enum aks_status
load_policy(void *ctx, const struct aks_policy_text *text,
    const struct aks_policy_environment *environment, struct aks_policy **ret_policy,
    struct aks_error *err)
{
    const struct aks_script_options *options = ctx;
    struct loaded *loaded = aks_mem_new(options->alloc, sizeof(*loaded));
    struct aks_vm *vm = NULL;
    struct aks_error unheard;
    enum aks_status status;

    if (err == NULL)
        err = &unheard;
    if (loaded == NULL)
        return aks_error_memory(err, "loading the policy");
    status = aks_vm_new(options, &vm, err);
    if (status == AKS_OK)
        status = load_into(vm, text, environment, err);
    if (vm != NULL && options->problems != NULL)
        status = end_check(vm, environment, status, err);
    if (status != AKS_OK)
        goto out;
    if (vm->asks[AKS_VM_RUN]) {
        loaded->tasker = aks_task_lua_new(vm);
        if (loaded->tasker == NULL) {
            status = aks_error_memory(err, "loading the policy");
            goto out;
        }
        loaded->policy.task = aks_task_lua_policy(loaded->tasker);
    }
    vm->text = NULL;
    if (options->part_divisor > 1)
        vm->settings.part_bytes /= options->part_divisor;
    loaded->vm = vm;
    loaded->policy.settings = &vm->settings;
    loaded->policy.free = policy_free;
    loaded->policy.answered = &vm->answered;
    aks_decide_lua_init(&loaded->policy.decide, vm);
    *ret_policy = &loaded->policy;
    loaded = NULL;
    vm = NULL;
out:
    aks_vm_free(vm);
    aks_mem_free(options->alloc, loaded);
    return status;
}

void
aks_script_loader_init(struct aks_policy_loader *ret_loader,
    struct aks_script_options *options)
{
    AKS_CHECK(options->alloc != NULL);
    ret_loader->load = load_policy;
    ret_loader->ctx = options;
}
