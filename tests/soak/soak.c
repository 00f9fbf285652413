/* The soak: bad days out of seeds, each lived twice, until the time is up or a law is broken. */
#include "disaster.h"
#include "rates.h"

#include "base/encode.h"
#include "base/units.h"
#include "data/digest.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define STORY_BYTES_MAX ((size_t)256 * 1024 * 1024)
#define FAILURES_SHOWN_MAX 5
#define TOLD_EVERY 1000

struct soak {
    uint64_t first;
    uint64_t count;             /* 0: until the time is up */
    double seconds;
    uint64_t real_every;        /* every so many seeds one in real geometry; 0: none */
    uint64_t mask;              /* what is left of each day's trouble */
    bool once;                  /* do not live each day twice */
    bool show;                  /* the stories */
    struct aks_sha256 *digest;  /* of all stories, or NULL */
    uint64_t days;
    uint64_t real_days;
    uint64_t runs;
    uint64_t deaths;
    uint64_t jobs;
    uint64_t struck;
    double virtual_s;
    unsigned failures;
};

static double
now_s(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static bool
fails_alike(const struct disaster_options *options, const char *law)
{
    struct disaster_figures figures;
    struct aks_error err = { 0 };
    size_t len = strcspn(law, ":");

    return disaster_run(options, NULL, &figures, &err) != AKS_OK &&
        strncmp(err.message, law, len) == 0;
}

/* Leaves away what the failure does not need. */
static void
shrink(struct disaster_options *options, const char *law)
{
    for (unsigned bit = 0; bit < 64; bit++) {
        struct disaster_options fewer = *options;

        fewer.mask &= ~(UINT64_C(1) << bit);
        if (fails_alike(&fewer, law))
            *options = fewer;
    }
}

static void
tell_failure(struct soak *soak, struct disaster_options *options, const struct aks_error *err)
{
    struct aks_buf text;

    soak->failures++;
    aks_buf_init(&text, aks_alloc_system(), STORY_BYTES_MAX);
    shrink(options, err->message);
    disaster_describe(options, &text);
    printf("seed %" PRIu64 "%s: %s\n%s(soak --first %" PRIu64 " --count 1 --once --show --mask 0x%"
        PRIx64 ")\n", options->seed,
        options->real_geometry ? " in real geometry" : "", err->message,
        text.data, options->seed, options->mask);
    (void)fflush(stdout);
    aks_buf_fini(&text);
}

static void
live(struct soak *soak, uint64_t seed)
{
    struct disaster_options options = { seed, false, soak->mask };
    struct disaster_figures figures;
    struct aks_buf stories[2];
    struct aks_error err = { 0 };
    enum aks_status status;

    options.real_geometry = soak->real_every != 0 && seed % soak->real_every == 0;
    for (int i = 0; i < 2; i++)
        aks_buf_init(&stories[i], aks_alloc_system(), STORY_BYTES_MAX);
    status = disaster_run(&options, &stories[0], &figures, &err);
    soak->days++;
    soak->real_days += options.real_geometry;
    soak->runs += figures.runs;
    soak->deaths += figures.deaths;
    soak->jobs += figures.jobs;
    soak->struck += figures.struck;
    soak->virtual_s += (double)figures.virtual_ns / 1e9;
    if (soak->show)
        printf("%s", stories[0].data);
    if (soak->digest != NULL)
        aks_sha256_update(soak->digest, stories[0].data, stories[0].len);
    if (status != AKS_OK)
        tell_failure(soak, &options, &err);
    if (!soak->once && status == AKS_OK) {
        (void)disaster_run(&options, &stories[1], &figures, &err);
        if (stories[0].len != stories[1].len ||
            memcmp(stories[0].data, stories[1].data, stories[0].len) != 0) {
            soak->failures++;
            printf("seed %" PRIu64 ": same seed, another story\n", seed);
        }
    }
    for (int i = 0; i < 2; i++)
        aks_buf_fini(&stories[i]);
}

static void
read_arguments(struct soak *soak, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";

        if (strcmp(argv[i], "--once") == 0) {
            soak->once = true;
            continue;
        }
        if (strcmp(argv[i], "--show") == 0) {
            soak->show = true;
            continue;
        }
        if (strcmp(argv[i], "--rates") == 0)
            exit(rates_print());
        if (strcmp(argv[i], "--digest") == 0) {
            soak->digest = aks_sha256_new(aks_alloc_system());
            continue;
        }
        if (strcmp(argv[i], "--seconds") == 0) {
            soak->seconds = strtod(value, NULL);
        } else if (strcmp(argv[i], "--first") == 0) {
            soak->first = strtoull(value, NULL, 10);
        } else if (strcmp(argv[i], "--count") == 0) {
            soak->count = strtoull(value, NULL, 10);
        } else if (strcmp(argv[i], "--mask") == 0) {
            soak->mask = strtoull(value, NULL, 0);
        } else if (strcmp(argv[i], "--real-every") == 0) {
            soak->real_every = strtoull(value, NULL, 10);
        } else {
            (void)fprintf(stderr, "usage: soak [--seconds S] [--first SEED] [--count N] "
                "[--real-every N] [--mask BITS] [--once] [--show] [--digest] "
                "[--rates]\n");
            exit(2);
        }
        i++;
    }
}

/* What two builds, or two processes, have to agree on. */
static int
print_digest(struct soak *soak)
{
    uint8_t digest[AKS_SHA256_BYTES];
    char hex[AKS_SHA256_HEX_BYTES];

    aks_sha256_final(soak->digest, digest);
    aks_hex_encode(digest, sizeof(digest), hex);
    aks_sha256_free(soak->digest);
    printf("%s  stories of %" PRIu64 " seeds from %" PRIu64 "\n", hex, soak->days, soak->first);
    return soak->failures == 0 ? 0 : 1;
}

int
main(int argc, char **argv)
{
    struct soak soak = { 0 };
    double began_s = now_s();
    double took_s;

    soak.first = 1;
    soak.seconds = 10;
    soak.mask = DISASTER_MASK_ALL;
    soak.real_every = 2000;
    read_arguments(&soak, argc, argv);
    for (uint64_t seed = soak.first; soak.failures < FAILURES_SHOWN_MAX; seed++) {
        if (soak.count != 0 ? seed - soak.first >= soak.count : now_s() - began_s > soak.seconds)
            break;
        live(&soak, seed);
    }
    if (soak.digest != NULL)
        return print_digest(&soak);
    took_s = now_s() - began_s;
    printf("%" PRIu64 " worlds from seed %" PRIu64 " (%" PRIu64 " in real geometry, each %s): %"
        PRIu64 " processes, %" PRIu64 " jobs, %" PRIu64 " deaths, %" PRIu64 " rules that "
        "struck, %.0f virtual hours in %.1f s, %.0f worlds a second\n", soak.days, soak.first,
        soak.real_days,
        soak.once ? "once" : "twice",
        soak.runs, soak.jobs, soak.deaths, soak.struck, soak.virtual_s / 3600, took_s,
        (double)soak.days * (soak.once ? 1 : 2) / took_s);
    printf("%" PRIu64 " passed, %u failed\n", soak.days - soak.failures, soak.failures);
    return soak.failures == 0 ? 0 : 1;
}
