#include "engine/credentials_place.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

void
credentials_place_begin(struct credentials_place *place, const struct aks_alloc *alloc,
    const char *how)
{
    memset(place, 0, sizeof(*place));
    scripted_port_init(&place->scripted, alloc);
    aks_loop_init(&place->loop, &place->scripted.port);
    place->options.port = &place->scripted.port;
    place->options.loop = &place->loop;
    place->options.target = "cloud";
    place->options.how = how;
    place->options.region = "eu-west-3";
}

void
credentials_place_end(struct credentials_place *place)
{
    aks_credentials_chain_free(place->chain);
    scripted_port_done(&place->scripted);
    scripted_port_fini(&place->scripted);
    aks_loop_fini(&place->loop);
}

void
credentials_place_open(struct credentials_place *place)
{
    struct aks_error err;

    if (aks_credentials_chain_new(&place->options, &place->chain, &err) != AKS_OK)
        fail_msg("%s", err.message);
}

void
credentials_place_told(void *ctx, const struct aks_error *err)
{
    struct credentials_place *place = ctx;

    place->told++;
    place->err = *err;
    /* What was sent or answered is in no message. */
    assert_null(strstr(err->message, "planted"));
}

/* Waits until there are credentials, or why not. */
enum aks_status
credentials_place_get(struct credentials_place *place)
{
    struct aks_credentials_wait wait = { 0 };
    unsigned turns = 0;

    place->told = 0;
    if (aks_credentials_chain_ready(place->chain))
        return AKS_OK;
    aks_credentials_chain_wait(place->chain, &wait, credentials_place_told, place);
    while (place->told == 0) {
        assert_true(++turns < 1000);
        assert_int_equal(aks_loop_turn(&place->loop, NULL), AKS_OK);
    }
    assert_int_equal(place->told, 1);
    return place->err.status;
}

void
credentials_place_fetch(struct credentials_place *place)
{
    if (place->chain == NULL)
        credentials_place_open(place);
    if (credentials_place_get(place) != AKS_OK)
        fail_msg("%s", place->err.message);
}

/* Turns the loop as long as something is under way, and lets time pass. */
void
credentials_place_pass(struct credentials_place *place, int64_t ms)
{
    place->scripted.now_ns += ms * 1000000;
    while (place->loop.timers.count > 0 || place->scripted.calls != NULL ||
        place->scripted.job_count > 0)
        assert_int_equal(aks_loop_turn(&place->loop, NULL), AKS_OK);
}

void
credentials_place_now(const struct credentials_place *place, const char *access_key,
    enum aks_credentials_kind kind,
    const char *source)
{
    const struct aks_credentials *now = aks_credentials_chain_now(place->chain);

    assert_non_null(now);
    assert_string_equal(aks_credentials_access_key(now), access_key);
    assert_int_equal(aks_credentials_kind(now), kind);
    assert_string_equal(aks_credentials_source(now), source);
    assert_string_equal(aks_credentials_chain_source(place->chain), source);
}

void
credentials_place_fails(struct credentials_place *place, enum aks_status status, const char *says)
{
    if (place->chain == NULL)
        credentials_place_open(place);
    assert_int_equal(credentials_place_get(place), status);
    if (strstr(place->err.message, says) == NULL)
        fail_msg("%s: not %s", place->err.message, says);
    assert_null(aks_credentials_chain_now(place->chain));
}

void
credentials_place_process(struct credentials_place *place, const char *command)
{
    static char text[512];

    credentials_place_begin(place, aks_alloc_system(), "profile:p");
    (void)snprintf(text, sizeof(text), "[profile p]\ncredential_process = %s\n", command);
    scripted_file(&place->scripted, CONFIG, text, 0644);
}

void
credentials_place_instance(struct credentials_place *place, const char *answer)
{
    scripted_expect(&place->scripted, TOKEN_PUT, 200, NULL, "planted-imds-token");
    scripted_expect(&place->scripted, ROLE_GET, 200, NULL, "web-server\nother\n");
    scripted_expect(&place->scripted, ROLE_GET "web-server", 200, NULL, answer);
}
