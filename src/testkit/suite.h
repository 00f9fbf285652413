/* One file of policy tests, run in this process: a Lua state wider than a policy's (LuaUnit needs
 * os and io), with `akosha.testing` for worlds. The two share nothing but the world. Parallelism,
 * discovery and output belong to cli/. */
#ifndef AKS_TESTKIT_SUITE_H
#define AKS_TESTKIT_SUITE_H

#include "base/alloc.h"
#include "base/error.h"
#include "port/port.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum aks_suite_outcome { AKS_SUITE_PASSED, AKS_SUITE_FAILED, AKS_SUITE_ERROR, AKS_SUITE_SKIPPED };

/* Borrowed for the call. */
struct aks_suite_result {
    const char *file;                   /* as given */
    const char *name;                   /* "TestProd.test_waits" */
    enum aks_suite_outcome outcome;
    const char *message;                /* of all but PASSED: what, where, and the diff; else "" */
    int64_t duration_ms;                /* real time, on options.real's clock */
    uint64_t seed;                      /* of the file, as in the options: repeats the test */
};

/* What a world's policy was asked, for the coverage of decisions. */
struct aks_suite_decision {
    const char *policy;                 /* path as the test named it, or "default" */
    const char *question;               /* "retry" "route" "dedup" "compress" "finished" */
    const char *failure;                /* of "retry"; else "" */
    const char *answer;
    bool by_policy;
};

#define AKS_SUITE_SECONDS_MAX 60        /* real time that one test may take, unless told */
#define AKS_SUITE_MEMORY_BYTES (INT64_C(1024) * 1024 * 1024)

struct aks_suite_options {
    const struct aks_alloc *alloc;
    const struct aks_port *real;        /* clock, working folder, and files for reading; nothing
                                         * else is used */
    const char *file;                   /* absolute, or relative to the working folder */
    const char *root;                   /* tests may read below this folder only; absolute */
    const char *filter;                 /* runs tests whose name contains it; NULL: all */
    uint64_t seed;                      /* of the whole file; each test's is made of it and its
                                         * name */
    int64_t test_ms_max;                /* 0: AKS_SUITE_SECONDS_MAX */
    /* Of each test that the filter lets through, before any runs: is it to run? NULL: all are. */
    bool (*wanted)(void *ctx, const char *name);
    /* Before each test, and before what prepares and clears up for several; or NULL. */
    void (*begin)(void *ctx, const char *name);
    void (*result)(void *ctx, const struct aks_suite_result *result);
    void (*decision)(void *ctx, const struct aks_suite_decision *decision);     /* or NULL */
    /* Lines of policies (script/lines.h): `active` for each that can run, `line` as it runs; or
     * NULL both. */
    void (*line)(void *ctx, const char *file, int line);
    void (*active)(void *ctx, const char *file, int line);
    void (*output)(void *ctx, const char *text);        /* what tests print; NULL: dropped */
    void *ctx;
};

/** Runs the file. AKS_OK when it ran, whatever its tests did; a failure (with file and line) when
 * it could not: AKS_NOT_FOUND, AKS_POLICY (does not load, loops while loading), AKS_SETTINGS
 * (LuaUnit is not installed: the hint says how), AKS_LIMIT. *ret_count: tests that ran. */
enum aks_status aks_suite_run(const struct aks_suite_options *options, size_t *ret_count,
    struct aks_error *err);

#endif
