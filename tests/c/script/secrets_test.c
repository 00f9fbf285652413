/* A policy that looks everywhere finds no secret of the process that runs it. They are planted
 * where secrets are: in the environment under many names, in AWS's files, in the list of secrets.
 * What it gets hold of is walked while it is asked; its memory is looked at byte by byte. */
#include "reach.h"

#include "engine/policy_text.h"
#include "os/os.h"
#include "script/load.h"
#include "support/temp_folder.h"

#include <jansson.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PLANTED "PLANTED-wJalrXUtnFEMI"

/* Names of variables that hold a secret, or a way to one. */
static const char *const names[] = { "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN", "AKOSHA_API_TOKEN", "AKOSHA_CLOUD_SECRET", "akosha_token",
    "AKOSHA_Api_Key",
    "SESSION_BUDDY_AKOSHA_PASSWORD", "XDG_CREDENTIALS", "HOME_PASS", "GITHUB_TOKEN", "PGPASSWORD",
    "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_AUTHORIZATION_TOKEN" };

/* Everything that comes back from looking is kept in globals, where the walk finds it. */
static char nosy[] =
    "local akosha = require 'akosha'\n"
    "found, bucket = {}, akosha.env 'AKOSHA_CLOUD_BUCKET'\n"
    "local function keep(...)\n"
    "  for i = 1, select('#', ...) do found[#found + 1] = select(i, ...) end\n"
    "end\n"
    "local function look()\n"
    "  for _, name in ipairs(names) do\n"
    "    for _, try in ipairs { name, name:lower(), name:upper(), name .. '\\0', ' ' .. name,\n"
    "        name .. '=', '', '*' } do\n"
    "      keep(pcall(akosha.env, try))\n"
    "      keep(pcall(akosha.env, try, 'otherwise'))\n"
    "    end\n"
    "    keep(pcall(require, name), rawget(_G, name), rawget(string, name))\n"
    "  end\n"
    "  for _, name in ipairs { 'secrets', 'secrets.json', '../secrets', '/etc/shadow' } do\n"
    "    keep(pcall(require, name))\n"
    "  end\n"
    "  for _, value in ipairs(handles) do\n"
    "    keep(tostring(value), ('%s %p'):format(value, value), getmetatable(value))\n"
    "    for _, field in ipairs { 'token', 'credentials', 'value', '__index', 1 } do\n"
    "      keep(pcall(function() return value[field] end))\n"
    "      keep(pcall(rawget, value, field))\n"
    "    end\n"
    "    keep(pcall(pairs, value))\n"
    "    keep(pcall(next, value))\n"
    "    keep(pcall(error, value))\n"
    "    keep(pcall(setmetatable, value, {}))\n"
    "  end\n"
    "  print 'now'\n"
    "end\n"
    "names = {}\n"
    "for name in akosha.env('AKOSHA_NAMES'):gmatch '%S+' do names[#names + 1] = name end\n"
    "folder = akosha.env 'XDG_CONFIG_HOME'\n"
    "handles = { akosha.s3 { bucket = 'memories' }, akosha.dir { path = folder }, akosha.give_up,\n"
    "  akosha.s3 { bucket = 'memories', credentials = 'profile:planted' },\n"
    "  akosha.http { url = 'https://host/', token = akosha.secret 'token' },\n"
    "  akosha.secret 'token', akosha.retry.fixed(), print, akosha, string }\n"
    "look()\n"
    "local function answer(...) facts = { ... } keep(...) look() end\n"
    "return akosha.policy { api = 1,\n"
    "  targets = { cloud = handles[4], other = handles[1], disk = handles[2], up = handles[5] },\n"
    "  route = answer, dedup = answer, compress = answer, snapshot = answer, retry = answer,\n"
    "  finished = answer }\n";

/* --- memory that is looked at ----------------------------------------------------------------- */

/* In front of each block: all of them are in a ring. */
struct block {
    struct block *next;
    struct block *previous;
    size_t bytes;
    size_t unused;
};

static struct block ring = { &ring, &ring, 0, 0 };

static void *
kept_resize(void *ctx, void *p, size_t bytes)
{
    struct block *block = p != NULL ? (struct block *)p - 1 : NULL;

    if (block != NULL) {
        block->next->previous = block->previous;
        block->previous->next = block->next;
    }
    if (bytes == 0) {
        free(block);
        return NULL;
    }
    block = realloc(block, sizeof(*block) + bytes);
    assert_non_null(block);
    block->bytes = bytes;
    block->next = ring.next;
    block->previous = &ring;
    ring.next->previous = block;
    ring.next = block;
    return block + 1;
}

static bool
lies_in_memory(const char *text)
{
    for (const struct block *block = ring.next; block != &ring; block = block->next) {
        if (memmem(block + 1, block->bytes, text, strlen(text)) != NULL)
            return true;
    }
    return false;
}

/* --- looking ---------------------------------------------------------------------------------- */

static struct {
    struct aks_policy *policy;      /* NULL while it is loaded */
    unsigned walks;
} looking;

static void
see_that_nothing_is_there(void)
{
    lua_State *L = reach_vm(looking.policy);

    for (int how = REACH_POLICY; how <= REACH_ALL; how++) {
        const char *found = reach_find(L, (enum reach_how)how, PLANTED);

        if (found != NULL)
            fail_msg("a planted secret is at %s", found);
    }
    assert_non_null(reach_find(L, REACH_POLICY, "AKIA"));
    assert_false(lies_in_memory(PLANTED));
    assert_true(lies_in_memory("AWS_SECRET_ACCESS_KEY"));
    looking.walks++;
}

/* The policy prints in the middle of each question. */
static void
hear(void *ctx, enum aks_log_level level, const char *line)
{
    assert_null(strstr(line, PLANTED));
    if (looking.policy != NULL)
        see_that_nothing_is_there();
}

static void
plant(struct temp_folder *folder)
{
    static const char secrets[] = "{\"token\": {\"env\": \"AKOSHA_API_TOKEN\", \"value\": \""
        PLANTED "\", \"hosts\": [\"host\"]}}";
    static const char profile[] = "[planted]\naws_secret_access_key = " PLANTED "\n";
    char listed[1024] = "";

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        assert_int_equal(setenv(names[i], PLANTED, 1), 0);
        (void)strcat(strcat(listed, names[i]), " ");
    }
    assert_int_equal(setenv("AKOSHA_NAMES", listed, 1), 0);
    assert_int_equal(setenv("AKOSHA_CLOUD_BUCKET", "no-secret-AKIA", 1), 0);
    assert_int_equal(setenv("XDG_CONFIG_HOME", temp_folder_path(folder), 1), 0);
    (void)temp_folder_write(folder, "secrets.json", secrets, strlen(secrets));
    assert_int_equal(setenv("AWS_SHARED_CREDENTIALS_FILE",
        temp_folder_write(folder, "credentials", profile, strlen(profile)), 1), 0);
}

static void
ask_all(const struct aks_decide *decide)
{
    static const struct aks_source_facts source = { .name = "a.db", .path = "/a.db",
        .kind = "sqlite", .bytes = 4096 };
    static const struct aks_target_facts targets[] = { { .name = "cloud", .kind = "s3" },
        { .name = "disk", .kind = "dir" } };
    static const struct aks_dedup_facts dedup = { .source = { .name = "a.db", .path = "/a.db",
        .kind = "sqlite" }, .target = { .name = "cloud", .kind = "s3" } };
    static const struct aks_compress_facts compress = { .source = { .name = "a.db",
        .path = "/a.db", .kind = "sqlite" }, .target = { .name = "cloud", .kind = "s3" } };
    static const struct aks_snapshot_facts busy = { .source = { .name = "a.db", .path = "/a.db",
        .kind = "sqlite" }, .failure = AKS_SOURCE_BUSY, .why = "a writer holds it" };
    static const struct aks_failure_facts failure = { .target = "cloud", .operation = "put",
        .failure = AKS_AUTH_MISSING, .retry_after_ms = -1, .attempt = 1 };
    struct aks_route_answer route;
    struct aks_compress_answer compressed;
    struct aks_snapshot_answer snapshot;
    struct aks_retry_answer retry;
    enum aks_dedup_verdict verdict;
    json_t *report = json_pack("{s:s}", "outcome", "stored");
    struct aks_error err;

    assert_int_equal(decide->route(decide->ctx, &source, targets, 2, &route, &err), AKS_OK);
    assert_int_equal(decide->dedup(decide->ctx, &dedup, &verdict, &err), AKS_OK);
    assert_int_equal(decide->compress(decide->ctx, &compress, &compressed, &err), AKS_OK);
    assert_int_equal(decide->snapshot(decide->ctx, &busy, &snapshot, &err), AKS_OK);
    assert_int_equal(decide->retry(decide->ctx, &failure, &retry, &err), AKS_OK);
    assert_int_equal(decide->finished(decide->ctx, report, &err), AKS_OK);
    json_decref(report);
}

static void
no_secret_is_met_wherever_a_policy_looks(void **state)
{
    static char path[] = "/home/me/policy.lua";
    const struct aks_alloc alloc = { kept_resize, NULL };
    const struct aks_log log = { .line = hear, .level = AKS_LOG_DEBUG };
    struct aks_script_options options = { .alloc = &alloc, .log = &log };
    struct aks_policy_text text = { .path = path, .text = nosy, .text_len = strlen(nosy) };
    struct aks_policy_environment environment;
    struct temp_folder *folder = temp_folder_new();
    struct aks_policy_loader loader;
    struct aks_os *os = NULL;
    struct aks_error err;

    plant(folder);
    assert_int_equal(aks_os_open(aks_alloc_system(), &os, &err), AKS_OK);
    assert_int_equal(aks_policy_environment_collect(aks_os_port(os), NULL, 0, &environment, &err),
        AKS_OK);
    aks_script_loader_init(&loader, &options);
    if (loader.load(loader.ctx, &text, &environment, &looking.policy, &err) != AKS_OK)
        fail_msg("%s", err.message);
    see_that_nothing_is_there();
    ask_all(&looking.policy->decide);
    see_that_nothing_is_there();
    assert_int_equal(looking.walks, 8);
    looking.policy->free(looking.policy);
    assert_ptr_equal(ring.next, &ring);
    aks_policy_environment_fini(aks_alloc_system(), &environment);
    aks_os_close(os);
    temp_folder_free(folder);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_secret_is_met_wherever_a_policy_looks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
