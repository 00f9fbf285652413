/* What is allowed in a policy, and hardly meant. */
#include "script/problem_internal.h"
#include "script/spec.h"

#include "base/units.h"
#include "engine/glob.h"
#include "engine/policy_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define LONG_WAIT_MS (3600 * AKS_MS_PER_S)
#define LONG_PART_S 3600
#define PATH_BYTES 4096

static bool
has_network(const struct aks_vm *vm)
{
    const struct aks_settings *settings = &vm->settings;
    bool network = false;

    for (size_t i = 0; i < settings->target_count; i++)
        network = network || settings->targets[i].kind != AKS_TARGET_DIR;
    return network;
}

/* --- targets and routes ----------------------------------------------------------------------- */

static void
warn_unused_targets(struct aks_vm *vm)
{
    const struct aks_settings *settings = &vm->settings;

    for (size_t i = 0; i < settings->target_count; i++) {
        bool used = vm->asks[AKS_VM_ROUTE] && vm->led_to[i];

        for (size_t j = 0; !vm->asks[AKS_VM_ROUTE] && j < settings->route.count; j++)
            used = used || settings->route.targets[j] == i;
        if (!used)
            aks_problem_warn(vm, "route", 0, "akosha.policy: route: no route leads to the target "
                "\"%s\"", settings->targets[i].name);
    }
}

/* Where the way goes on after a failure, that of the same place is certain to help nobody. */
static void
warn_same_places(struct aks_vm *vm)
{
    const struct aks_settings *settings = &vm->settings;
    const size_t *route = settings->route.targets;

    for (size_t i = 1; i < settings->route.count; i++) {
        const struct aks_target_settings *later = &settings->targets[route[i]];

        for (size_t j = 0; j < i; j++) {
            const struct aks_target_settings *earlier = &settings->targets[route[j]];

            if (!aks_spec_same_place(earlier, later))
                continue;
            aks_problem_warn(vm, "route", i + 1, "akosha.policy: route: \"%s\" is the same place "
                "as \"%s\" before it: no way round it", later->name, earlier->name);
            break;
        }
    }
}

/* --- schedules -------------------------------------------------------------------------------- */

/* The most that all waits of one failing step come to, jitter at its worst. */
static int64_t
longest_ms(const struct aks_schedule *schedule)
{
    const struct aks_retry_settings *settings = &schedule->settings;
    double wait_ms = (double)settings->first_ms;
    double sum_ms = 0;

    for (unsigned i = 1; i < settings->tries; i++) {
        sum_ms += wait_ms < (double)settings->cap_ms ? wait_ms : (double)settings->cap_ms;
        wait_ms = schedule->growth == AKS_GROWTH_LINEAR ? wait_ms + (double)schedule->step_ms
            : wait_ms * settings->factor;
    }
    return (int64_t)sum_ms;
}

/* ${failure}: that it is the schedule of, or NULL. */
static void
warn_long(struct aks_vm *vm, const struct aks_schedule *schedule, const char *failure)
{
    int64_t sum_ms = longest_ms(schedule);

    if (sum_ms > LONG_WAIT_MS)
        aks_problem_warn(vm, "retry", 0, "akosha.policy: retry: %s%sall %u tries of one step can "
            "wait %" PRId64 " s in all, %.1f hours", failure != NULL ? failure : "",
            failure != NULL ? ": " : "", schedule->settings.tries, sum_ms / AKS_MS_PER_S,
            (double)sum_ms / (3600.0 * (double)AKS_MS_PER_S));
}

/* What a folder never says. */
static bool
is_of_the_network(enum aks_status failure)
{
    return failure == AKS_OFFLINE || failure == AKS_DNS || failure == AKS_REFUSED ||
        failure == AKS_CONNECT_TIMEOUT || failure == AKS_STALLED || failure == AKS_THROTTLED ||
        failure == AKS_SERVER || failure == AKS_CLOCK_SKEW || failure == AKS_BAD_REPLY;
}

/* Entries of by_failure; which nobody named have the default's schedule, as those have that
 * another try cannot mend. */
static void
warn_by_failure(struct aks_vm *vm, const struct aks_schedule *schedule)
{
    const struct aks_schedule *const *each = schedule->by_failure;
    const struct aks_schedule *otherwise = each[AKS_POLICY];
    bool network = has_network(vm);

    warn_long(vm, otherwise, "default");
    for (int i = 0; i < AKS_STATUS_COUNT; i++) {
        const char *name = aks_status_name((enum aks_status)i);

        if (each[i] == otherwise)
            continue;
        if (i == AKS_SOURCE_CHANGED)
            aks_problem_warn(vm, "retry", 0, "akosha.policy: retry: %s: an upload whose source has "
                "changed begins anew at once, and no schedule is asked", name);
        else if (!network && is_of_the_network((enum aks_status)i))
            aks_problem_warn(vm, "retry", 0, "akosha.policy: retry: %s: all targets are folders, "
                "and none of them ever says so", name);
        else
            warn_long(vm, each[i], name);
    }
}

static void
warn_schedule(struct aks_vm *vm, const struct aks_schedule *schedule, const char *name)
{
    if (schedule->growth == AKS_GROWTH_BY_FAILURE)
        warn_by_failure(vm, schedule);
    else
        warn_long(vm, schedule, name);
}

static void
warn_retry(struct aks_vm *vm)
{
    struct aks_schedule schedule = { .growth = AKS_GROWTH_EXPONENTIAL };

    schedule.settings = vm->settings.retry;
    if (vm->retry_by_schedule)
        schedule = vm->schedule;
    if (schedule.growth != AKS_GROWTH_BY_TARGET)
        warn_schedule(vm, &schedule, NULL);
    for (size_t i = 0; schedule.growth == AKS_GROWTH_BY_TARGET && i <= schedule.target_count; i++)
        warn_schedule(vm, schedule.by_target[i],
            i < schedule.target_count ? schedule.targets[i] : "default");
}

/* --- throttle and budget ---------------------------------------------------------------------- */

static void
warn_network(struct aks_vm *vm)
{
    const struct aks_settings *settings = &vm->settings;
    int64_t rate = settings->throttle_bytes_per_s;

    if (!has_network(vm) && (rate > 0 || vm->asks[AKS_VM_THROTTLE]))
        aks_problem_warn(vm, "throttle", 0, "akosha.policy: throttle: all targets are folders, and "
            "those are not held up");
    else if (!has_network(vm) && settings->budget.set)
        aks_problem_warn(vm, "budget", 0, "akosha.policy: budget: all targets are folders, and "
            "what goes there is not counted");
    else if (rate > 0 && settings->part_bytes / rate > LONG_PART_S)
        aks_problem_warn(vm, "throttle", 0, "akosha.policy: throttle: at %" PRId64 " bytes per "
            "second a part of %" PRId64 " MiB takes %.1f hours", rate,
            settings->part_bytes / AKS_MIB, (double)(settings->part_bytes / rate) / 3600);
}

/* --- sources ---------------------------------------------------------------------------------- */

/* Where ${source} is, written in one way: without "~", "." and doubled '/'. "" if it is too long,
 * or has a ".." in it: whether that is the same depends on links. */
static void
plain_path(const struct aks_vm *vm, const char *home, const char *source,
    char ret_path[PATH_BYTES])
{
    const char *policy = vm->text->text != NULL && vm->text->path != NULL ? vm->text->path : "/";
    char whole[2 * PATH_BYTES];
    size_t len = 0;

    if (source[0] == '~' && home != NULL)
        (void)snprintf(whole, sizeof(whole), "%s/%s", home, source + 1);
    else
        (void)snprintf(whole, sizeof(whole), "%.*s/%s",
            source[0] == '/' || source[0] == '~' ? 0 : (int)(strrchr(policy, '/') - policy), policy,
            source);
    for (const char *at = whole; *at != '\0';) {
        size_t part = strcspn(at, "/");

        if (part == 2 && memcmp(at, "..", 2) == 0)
            len = PATH_BYTES;
        if (len + part + 2 > PATH_BYTES) {
            ret_path[0] = '\0';
            return;
        }
        if (part > 0 && !(part == 1 && *at == '.')) {
            ret_path[len++] = '/';
            memcpy(ret_path + len, at, part);
            len += part;
        }
        at += part + (at[part] == '/');
    }
    ret_path[len] = '\0';
}

/* The same words twice are an error: these are different words for one file. */
static void
warn_same_sources(struct aks_vm *vm, const char *home)
{
    const struct aks_settings *settings = &vm->settings;
    char later[PATH_BYTES];
    char earlier[PATH_BYTES];

    for (size_t i = 1; i < settings->source_count; i++) {
        plain_path(vm, home, settings->sources[i].path, later);
        for (size_t j = 0; j < i && later[0] != '\0'; j++) {
            plain_path(vm, home, settings->sources[j].path, earlier);
            if (settings->sources[j].glob != settings->sources[i].glob ||
                strcmp(earlier, later) != 0)
                continue;
            aks_problem_warn(vm, "sources", i + 1, "akosha.policy: sources: \"%s\" is the same "
                "file as \"%s\"", settings->sources[i].path, settings->sources[j].path);
            break;
        }
    }
}

/* A path that a glob finds as well is there to say more of it; one that says nothing more is
 * hardly meant. */
static bool
says_more(const struct aks_source_settings *source)
{
    return source->kind_given || source->compress_given || source->snapshot_given ||
        source->priority != 0 || source->name != NULL;
}

static void
warn_found_sources(struct aks_vm *vm, const char *home)
{
    const struct aks_settings *settings = &vm->settings;
    char path[PATH_BYTES];
    char glob[PATH_BYTES];

    for (size_t i = 0; i < settings->source_count; i++) {
        const struct aks_source_settings *source = &settings->sources[i];

        if (source->glob || says_more(source))
            continue;
        plain_path(vm, home, source->path, path);
        for (size_t j = 0; j < settings->source_count && path[0] != '\0'; j++) {
            if (!settings->sources[j].glob)
                continue;
            plain_path(vm, home, settings->sources[j].path, glob);
            if (!aks_glob_match_path(glob, path))
                continue;
            aks_problem_warn(vm, "sources", i + 1, "akosha.policy: sources: \"%s\" is found by "
                "\"%s\" as well", source->path, settings->sources[j].path);
            break;
        }
    }
}

void
aks_problem_warn_all(struct aks_vm *vm, const struct aks_policy_environment *environment)
{
    if (!vm->asks[AKS_VM_ROUTE] || vm->route_is_whole)
        warn_unused_targets(vm);
    if (!vm->asks[AKS_VM_ROUTE])
        warn_same_places(vm);
    if (!vm->asks[AKS_VM_RETRY])
        warn_retry(vm);
    warn_network(vm);
    warn_same_sources(vm, aks_policy_environment_get(environment, "HOME"));
    warn_found_sources(vm, aks_policy_environment_get(environment, "HOME"));
    if (vm->missing_said && vm->settings.source_count == 0)
        aks_problem_warn(vm, "missing", 0, "akosha.policy: missing: the policy has no sources, and "
            "those of the command line must be there");
}
