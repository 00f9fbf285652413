#include "rates.h"

#include "base/rng.h"
#include "base/units.h"
#include "testkit/laws.h"
#include "testkit/world.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char policy[] =
    "local akosha = require 'akosha'\n"
    "return akosha.policy { api = 1, sources = { 'a.bin' }, compress = 'none',\n"
    "  targets = { cloud = akosha.s3 { bucket = 'memories' },\n"
    "              http = akosha.http { url = 'https://put.example.org/upload' } },\n"
    "  route = { 'cloud', 'http' } }\n";

static double
cpu_s(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static enum aks_status
live(uint64_t seed, bool small, const char *data, size_t len, struct aks_error *err)
{
    struct aks_world_options options = { 0 };
    struct aks_world *world = NULL;
    json_t *report = NULL;
    enum aks_status status;

    options.alloc = aks_alloc_system();
    options.seed = seed;
    options.small = small;
    status = aks_world_new(&options, &world, err);
    if (status == AKS_OK)
        status = aks_world_put(world, AKS_WORLD_POLICY, policy, strlen(policy), err);
    if (status == AKS_OK)
        status = aks_world_put(world, "a.bin", data, len, err);
    if (status == AKS_OK)
        status = aks_world_run(world, NULL, &report, err);
    if (status == AKS_OK)
        status = aks_laws_check(world, report, err);
    json_decref(report);
    aks_world_free(world);
    return status;
}

static int
measure(unsigned worlds, bool small, size_t len)
{
    char *data = malloc(len);
    struct aks_error err = { 0 };
    enum aks_status status = AKS_OK;
    struct aks_rng rng;
    double began_s;

    if (data == NULL)
        return 1;
    aks_rng_init(&rng, len);
    for (size_t i = 0; i < len; i++)
        data[i] = (char)(aks_rng_next(&rng) >> 32);
    began_s = cpu_s();
    for (unsigned i = 0; i < worlds && status == AKS_OK; i++)
        status = live(i, small, data, len, &err);
    free(data);
    if (status != AKS_OK) {
        printf("%s\n", err.message);
        return 1;
    }
    printf("%zu KiB in parts of %d KiB: %.0f worlds a second of one core\n", len / (size_t)AKS_KIB,
        small ? 5 : 5120, worlds / (cpu_s() - began_s));
    return 0;
}

int
rates_print(void)
{
    int failed = measure(2000, true, 20 * (size_t)AKS_KIB);

    return failed != 0 ? failed : measure(40, false, 20 * (size_t)AKS_MIB);
}
