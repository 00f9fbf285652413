#include "sim/background_sim.h"

#include <string.h>

struct aks_seat {
    struct aks_background_sim *background;
    void (*heard)(void *ctx, const void *message, size_t len);
    void *heard_ctx;
};

static void
drop_messages(struct aks_background_sim *background)
{
    for (size_t i = 0; i < background->count; i++)
        aks_mem_free(background->alloc, background->messages[i].data);
    background->count = 0;
}

static enum aks_status
died(struct aks_error *err)
{
    return aks_error_set(err, AKS_STATE, "the simulated process has died");
}

static struct aks_seat *
new_seat(struct aks_background_sim *background)
{
    struct aks_seat *seat = aks_mem_new(background->alloc, sizeof(*seat));

    if (seat != NULL) {
        seat->background = background;
        background->seat = AKS_SIM_SEAT_HELD;
    }
    return seat;
}

static enum aks_status
take(void *ctx, const char *folder, struct aks_seat **ret_seat, struct aks_error *err)
{
    struct aks_background_sim *background = ctx;

    *ret_seat = NULL;
    if (*background->dead)
        return died(err);
    if (background->seat != AKS_SIM_SEAT_FREE)
        return aks_error_set(err, AKS_CONFLICT, "there is a worker already");
    *ret_seat = new_seat(background);
    return *ret_seat != NULL ? AKS_OK : aks_error_memory(err, "looking for the worker");
}

static struct aks_seat *
inherited(void *ctx, const char *folder)
{
    struct aks_background_sim *background = ctx;

    return background->seat == AKS_SIM_SEAT_STARTED ? new_seat(background) : NULL;
}

static enum aks_status
start(void *ctx, struct aks_seat *seat, const char *const *argv, const char *const *env,
    struct aks_error *err)
{
    struct aks_background_sim *background = ctx;

    aks_mem_free(background->alloc, seat);
    if (*background->dead) {
        background->seat = AKS_SIM_SEAT_FREE;
        return died(err);
    }
    background->seat = AKS_SIM_SEAT_STARTED;
    background->starts++;
    return AKS_OK;
}

static enum aks_status
tell(void *ctx, const char *folder, const void *message, size_t len, struct aks_error *err)
{
    struct aks_background_sim *background = ctx;
    char *copy;

    if (*background->dead)
        return died(err);
    if (background->seat == AKS_SIM_SEAT_FREE)
        return aks_error_set(err, AKS_NOT_FOUND, "there is no worker");
    if (background->count == AKS_SIM_MESSAGES_MAX)
        return aks_error_set(err, AKS_LIMIT, "the worker has too much to hear");
    copy = aks_mem_new(background->alloc, len + 1);
    if (copy == NULL)
        return aks_error_memory(err, "telling the worker");
    if (len > 0)
        memcpy(copy, message, len);
    background->messages[background->count].data = copy;
    background->messages[background->count++].len = len;
    *background->woken = true;
    return AKS_OK;
}

static void
listen(struct aks_seat *seat, void (*heard)(void *ctx, const void *message, size_t len), void *ctx)
{
    seat->heard = heard;
    seat->heard_ctx = ctx;
    seat->background->listening = seat;
    /* What came before is heard by the next wait. */
    *seat->background->woken = *seat->background->woken || seat->background->count > 0;
}

static void
leave(struct aks_seat *seat)
{
    struct aks_background_sim *background;

    if (seat == NULL)
        return;
    background = seat->background;
    aks_background_sim_deliver(background);
    drop_messages(background);
    background->listening = NULL;
    background->seat = AKS_SIM_SEAT_FREE;
    aks_mem_free(background->alloc, seat);
}

void
aks_background_sim_deliver(struct aks_background_sim *background)
{
    struct aks_seat *seat = background->listening;

    if (seat == NULL || *background->dead)
        return;
    for (size_t i = 0; i < background->count; i++)
        seat->heard(seat->heard_ctx, background->messages[i].data, background->messages[i].len);
    drop_messages(background);
}

void
aks_background_sim_init(struct aks_background_sim *background, const struct aks_alloc *alloc,
    const bool *dead, bool *woken)
{
    memset(background, 0, sizeof(*background));
    background->alloc = alloc;
    background->dead = dead;
    background->woken = woken;
}

void
aks_background_sim_fini(struct aks_background_sim *background)
{
    if (background->alloc != NULL)
        drop_messages(background);
}

struct aks_background
aks_background_sim_port(struct aks_background_sim *background)
{
    return (struct aks_background) { take, inherited, start, tell, listen, leave,
        background };
}

void
aks_background_sim_crash(struct aks_background_sim *background, bool power)
{
    background->listening = NULL;
    if (background->seat == AKS_SIM_SEAT_STARTED && !power)
        return;
    background->seat = AKS_SIM_SEAT_FREE;
    drop_messages(background);
}
