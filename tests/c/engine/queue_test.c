#include "engine/queue.h"

#include "base/buf.h"
#include "engine/job_json.h"
#include "engine/policy_text.h"
#include "support/faulty_files.h"
#include "queue_fixture.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define ID "20261123T084512Z-3f9a2c"
#define PROCESSES 20

static char *
dup_text(const char *text)
{
    char *copy = aks_mem_strdup(aks_alloc_system(), text);

    assert_non_null(copy);
    return copy;
}

/* A job with ${sources} sources and everything else that it may have. */
static void
make_job(struct aks_job *job, const char *id, size_t sources)
{
    const struct aks_alloc *alloc = aks_alloc_system();

    aks_job_init(job, alloc);
    (void)snprintf(job->id, sizeof(job->id), "%s", id);
    job->enqueued_at_ms = INT64_C(1795000000123);
    job->sources = sources > 0 ? aks_mem_array(alloc, sources, sizeof(*job->sources)) : NULL;
    for (; job->source_count < sources; job->source_count++)
        job->sources[job->source_count] = aks_mem_printf(alloc, "/home/a/%zu.duckdb",
            job->source_count);
    job->policy.path = dup_text("/home/a/policy.lua");
    job->policy.text = aks_mem_strndup(alloc, "return akosha.policy {}\0--", 26);
    job->policy.text_len = 26;
    job->policy.modules = aks_mem_array(alloc, 1, sizeof(*job->policy.modules));
    job->policy.module_count = 1;
    job->policy.modules[0].name = dup_text("helper");
    job->policy.modules[0].text = aks_mem_strndup(alloc, "a\0\xff\"\\\n", 6);
    job->policy.modules[0].text_len = 6;
    job->environment.pairs = aks_mem_array(alloc, 1, sizeof(char *));
    job->environment.pairs[0] = dup_text("HOME=/home/\xe4");
    job->environment.count = 1;
    job->target = dup_text("cloud");
    job->no_fallback = true;
    job->mirror = true;
    job->tries = 3;
    job->reason = dup_text("throttled");
    job->message = dup_text("cannot put x: 503 Slow Down");
}

static void
assert_same_text(const char *a, const char *b)
{
    assert_int_equal(a == NULL, b == NULL);
    if (a != NULL)
        assert_string_equal(a, b);
}

static void
assert_same_job(const struct aks_job *a, const struct aks_job *b)
{
    assert_string_equal(a->id, b->id);
    assert_int_equal(a->enqueued_at_ms, b->enqueued_at_ms);
    assert_int_equal(a->source_count, b->source_count);
    for (size_t i = 0; i < a->source_count; i++)
        assert_string_equal(a->sources[i], b->sources[i]);
    assert_same_text(a->policy.path, b->policy.path);
    assert_int_equal(a->policy.text_len, b->policy.text_len);
    assert_int_equal(a->policy.text == NULL, b->policy.text == NULL);
    if (a->policy.text_len > 0)
        assert_memory_equal(a->policy.text, b->policy.text, a->policy.text_len);
    assert_int_equal(a->policy.module_count, b->policy.module_count);
    for (size_t i = 0; i < a->policy.module_count; i++) {
        assert_string_equal(a->policy.modules[i].name, b->policy.modules[i].name);
        assert_int_equal(a->policy.modules[i].text_len, b->policy.modules[i].text_len);
        assert_memory_equal(a->policy.modules[i].text, b->policy.modules[i].text,
            a->policy.modules[i].text_len);
    }
    assert_int_equal(a->environment.count, b->environment.count);
    for (size_t i = 0; i < a->environment.count; i++)
        assert_string_equal(a->environment.pairs[i], b->environment.pairs[i]);
    assert_same_text(a->target, b->target);
    assert_int_equal(a->no_fallback, b->no_fallback);
    assert_int_equal(a->mirror, b->mirror);
    assert_int_equal(a->tries, b->tries);
    assert_same_text(a->reason, b->reason);
    assert_same_text(a->message, b->message);
}

static void
put(const struct aks_job *job)
{
    if (aks_queue_put(&port, queue, job, &err) != AKS_OK)
        fail_msg("%s", err.message);
}

static void
free_ids(const struct aks_alloc *alloc, char **ids, size_t count)
{
    for (size_t i = 0; i < count; i++)
        aks_mem_free(alloc, ids[i]);
    aks_mem_free(alloc, ids);
}

static void
job_comes_back_as_it_was_put(void **state)
{
    struct aks_job job;
    struct aks_job got;
    struct stat info;

    make_job(&job, ID, 3);
    put(&job);
    assert_int_equal(stat(temp_folder_join(folder, "queue/" ID ".json"), &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    assert_int_equal(aks_queue_get(&port, queue, ID, &got, &err), AKS_OK);
    assert_same_job(&got, &job);
    aks_job_fini(&got);
    aks_job_fini(&job);

    /* And one that has next to nothing: the built-in policy, no sources of its own, never tried. */
    aks_job_init(&job, aks_alloc_system());
    (void)snprintf(job.id, sizeof(job.id), ID);
    put(&job);
    assert_int_equal(aks_queue_get(&port, queue, ID, &got, &err), AKS_OK);
    assert_same_job(&got, &job);
    aks_job_fini(&got);
    aks_job_fini(&job);
}

static void
job_keeps_every_byte_of_paths_and_texts(void **state)
{
    const struct aks_alloc *alloc = aks_alloc_system();
    struct aks_job job;
    struct aks_job got;

    for (size_t len = 0; len < 12; len++) {
        make_job(&job, ID, 256);
        for (int byte = 1; byte < 256; byte++) {
            char *path = aks_mem_new(alloc, len + 3);

            path[0] = '/';
            path[1] = (char)byte;
            memset(path + 2, byte ^ 0x2a ? byte ^ 0x2a : 1, len);
            aks_mem_free(alloc, job.sources[byte]);
            job.sources[byte] = path;
        }
        aks_mem_free(alloc, job.policy.text);
        job.policy.text = aks_mem_new(alloc, 256 + len);
        job.policy.text_len = 256 + len;
        for (size_t i = 0; i < 256 + len; i++)
            job.policy.text[i] = (char)i;
        put(&job);
        assert_int_equal(aks_queue_get(&port, queue, ID, &got, &err), AKS_OK);
        assert_same_job(&got, &job);
        aks_job_fini(&got);
        aks_job_fini(&job);
    }
}

static void
queue_lists_jobs_by_age_and_nothing_else(void **state)
{
    static const char *const ids[] = { "20250101T000000Z-ffffff", "20260101T000000Z-000001",
        "20260101T000001Z-000000" };
    static const char *const others[] = { "queue/README.json", "queue/20260101T000001Z-00000G.json",
        "queue/20260101T000001Z-000000", "queue/20260101T000001Z-000000.json.bak",
        "queue/20260101T000001Z-0000000.json", "queue/.json",
        "queue/.20260101T000001Z-00000.json" };
    struct timespec old[2] = { { 1000000000, 0 }, { 1000000000, 0 } };
    struct aks_job job;
    char **got;
    size_t count;

    assert_int_equal(aks_queue_list(&port, queue, &got, &count, &err), AKS_OK);
    assert_int_equal(count, 0);
    assert_null(got);
    for (size_t i = 3; i-- > 0;) {
        make_job(&job, ids[i], 1);
        put(&job);
        aks_job_fini(&job);
    }
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        (void)temp_folder_write(folder, others[i], "{}", 2);
    (void)temp_folder_write(folder, "queue/.new-young", "", 0);
    (void)temp_folder_write(folder, "queue/.new-old", "", 0);
    assert_int_equal(utimensat(AT_FDCWD, temp_folder_join(folder, "queue/.new-old"), old, 0), 0);
    assert_int_equal(aks_queue_list(&port, queue, &got, &count, &err), AKS_OK);
    assert_int_equal(count, 3);
    for (size_t i = 0; i < 3; i++)
        assert_string_equal(got[i], ids[i]);
    free_ids(aks_alloc_system(), got, count);
    /* What a crash left a day ago is gone, what is being written is not. */
    assert_int_equal(access(temp_folder_join(folder, "queue/.new-young"), F_OK), 0);
    assert_int_equal(access(temp_folder_join(folder, "queue/.new-old"), F_OK), -1);
}

static void
queue_removes_jobs_and_does_not_know_strange_ids(void **state)
{
    static const char *const strange[] = { "", ".", "..", "../" ID, "a/b", ".new-x", ID "x",
        "20261123T084512Z-3f9a2" };
    struct aks_job job;
    struct aks_job got;

    (void)temp_folder_write(folder, ID ".json", "x", 1);
    assert_int_equal(aks_queue_remove(&port, queue, ID, &err), AKS_NOT_FOUND);
    make_job(&job, ID, 1);
    put(&job);
    aks_job_fini(&job);
    for (size_t i = 0; i < sizeof(strange) / sizeof(strange[0]); i++) {
        assert_int_equal(aks_queue_remove(&port, queue, strange[i], &err), AKS_NOT_FOUND);
        assert_int_equal(aks_queue_get(&port, queue, strange[i], &got, &err), AKS_NOT_FOUND);
    }
    assert_int_equal(aks_queue_remove(&port, queue, ID, &err), AKS_OK);
    assert_int_equal(aks_queue_remove(&port, queue, ID, &err), AKS_NOT_FOUND);
    assert_int_equal(aks_queue_get(&port, queue, ID, &got, &err), AKS_NOT_FOUND);
    assert_int_equal(access(temp_folder_join(folder, ID ".json"), F_OK), 0);
}

static void
queue_takes_a_thousand_jobs_and_no_more(void **state)
{
    struct aks_job job;
    char name[64];

    make_job(&job, ID, 1);
    put(&job);
    for (int i = 0; i < AKS_QUEUE_JOBS_MAX - 1; i++) {
        (void)snprintf(name, sizeof(name), "queue/20260101T000000Z-%06x.json", (unsigned)i);
        (void)temp_folder_write(folder, name, "{}", 2);
    }
    put(&job);                  /* the same again is no other */
    (void)snprintf(job.id, sizeof(job.id), "20261123T084512Z-000000");
    assert_int_equal(aks_queue_put(&port, queue, &job, &err), AKS_LIMIT);
    assert_non_null(strstr(err.message, "1000 jobs"));
    aks_job_fini(&job);
}

static void
queue_refuses_what_it_could_not_give_back(void **state)
{
    const struct aks_alloc *alloc = aks_alloc_system();
    struct aks_job job;
    char *longest;

    make_job(&job, ID, 1);
    job.sources[0][0] = 'x';
    assert_int_equal(aks_queue_put(&port, queue, &job, &err), AKS_LIMIT);
    job.sources[0][0] = '/';
    job.id[3] = 'x';
    assert_int_equal(aks_queue_put(&port, queue, &job, &err), AKS_LIMIT);
    job.id[3] = '6';
    /* Control bytes need six characters of JSON each: over 4 MiB. */
    longest = aks_mem_new(alloc, 1024 * 1024);
    memset(longest, 1, 1024 * 1024 - 1);
    aks_mem_free(alloc, job.policy.modules[0].text);
    job.policy.modules[0].text = longest;
    job.policy.modules[0].text_len = 1024 * 1024 - 1;
    assert_int_equal(aks_queue_put(&port, queue, &job, &err), AKS_LIMIT);
    assert_int_equal(access(queue, F_OK), -1);
    memset(longest, 'x', 1024 * 1024 - 1);
    put(&job);
    aks_job_fini(&job);
}

/* Every text that is not the whole one is refused, with words, and left where it is. */
static void
job_that_is_cut_anywhere_is_refused_and_left(void **state)
{
    struct aks_job job;
    struct aks_job got;
    char *whole;
    size_t len;

    make_job(&job, ID, 1);
    put(&job);
    aks_job_fini(&job);
    whole = temp_folder_read(folder, "queue/" ID ".json", &len);
    for (size_t cut = 0; cut < len - 1; cut++) {
        (void)temp_folder_write(folder, "queue/" ID ".json", whole, cut);
        assert_int_equal(aks_queue_get(&port, queue, ID, &got, &err), AKS_STATE);
        assert_non_null(strstr(err.message, ID));
        assert_true(strlen(err.hint) > 0);
        assert_int_equal(got.source_count, 0);
    }
    assert_int_equal(access(temp_folder_join(folder, "queue/" ID ".json"), F_OK), 0);
    free(whole);
}

static void
assert_job_text(const char *text, const char *words)
{
    struct aks_job got;
    enum aks_status status;

    (void)temp_folder_write(folder, "queue/" ID ".json", text, strlen(text));
    status = aks_queue_get(&port, queue, ID, &got, &err);
    if (words == NULL) {
        if (status != AKS_OK)
            fail_msg("%s", err.message);
        aks_job_fini(&got);
        return;
    }
    assert_int_equal(status, AKS_STATE);
    if (strstr(err.message, words) == NULL)
        fail_msg("\"%s\" is not in: %s", words, err.message);
}

#define HEAD "{\"format\":\"akosha-job/1\",\"id\":\"" ID "\",\"enqueued_at_ms\":1,"
#define TAIL "\"no_fallback\":false,\"tries\":0}"
#define POLICY "\"policy\":{\"modules\":[]},"

static void
job_that_was_tampered_with_is_refused_by_member(void **state)
{
    char nested[4000];

    assert_int_equal(mkdir(queue, 0700), 0);
    assert_job_text(HEAD "\"sources\":[\"/a\"],\"environment\":[]," POLICY "\"of\":{\"the\":1},"
        TAIL, NULL);
    assert_job_text(HEAD "\"sources\":[{\"base64\":\"L2H/\"}],\"environment\":[]," POLICY TAIL,
        NULL);
    assert_job_text("[]", "no job");
    assert_job_text("{\"format\":\"akosha-job/2\"}", "akosha-job/2");
    assert_job_text("{\"format\":7}", "no job");
    assert_job_text("nonsense", "no JSON");
    assert_job_text(HEAD "\"id\":\"" ID "\"}", "no JSON");
    assert_job_text("{\"format\":\"akosha-job/1\",\"id\":\"../../etc/x\"}", "\"id\"");
    assert_job_text("{\"format\":\"akosha-job/1\",\"id\":\"20261123T084512Z-000000\","
        "\"enqueued_at_ms\":1,\"sources\":[],\"environment\":[]," POLICY TAIL, "another job");
    assert_job_text(HEAD "\"environment\":[]," POLICY TAIL, "sources");
    assert_job_text(HEAD "\"sources\":[7],\"environment\":[]," POLICY TAIL, "sources");
    assert_job_text(HEAD "\"sources\":[\"a\"],\"environment\":[]," POLICY TAIL, "absolute");
    assert_job_text(HEAD "\"sources\":[{\"base64\":\"L2EA\"}],\"environment\":[]," POLICY TAIL,
        "sources");
    assert_job_text(HEAD "\"sources\":[{\"base64\":\"L2E\"}],\"environment\":[]," POLICY TAIL,
        "sources");
    assert_job_text(HEAD "\"sources\":[{\"base64\":\"L*E=\"}],\"environment\":[]," POLICY TAIL,
        "sources");
    assert_job_text(HEAD "\"sources\":[],\"environment\":[\"HOME\"]," POLICY TAIL, "variable");
    assert_job_text(HEAD "\"sources\":[],\"environment\":[\"=x\"]," POLICY TAIL, "variable");
    assert_job_text(HEAD "\"sources\":[],\"environment\":[],\"policy\":7," TAIL, "policy");
    assert_job_text(HEAD "\"sources\":[],\"environment\":[],"
        "\"policy\":{\"modules\":[{\"name\":\"../x\",\"text\":\"\"}]}," TAIL, "name");
    assert_job_text(HEAD "\"sources\":[],\"environment\":[],"
        "\"policy\":{\"modules\":[{\"name\":\"x\"}]}," TAIL, "policy.modules");
    assert_job_text(HEAD "\"sources\":[],\"environment\":[]," POLICY
        "\"no_fallback\":1,\"tries\":0}", "no_fallback");
    assert_job_text(HEAD "\"sources\":[],\"environment\":[]," POLICY "\"mirror\":1," TAIL,
        "mirror");
    assert_job_text(HEAD "\"sources\":[],\"environment\":[]," POLICY
        "\"no_fallback\":true,\"tries\":-1}", "tries");
    assert_job_text(HEAD "\"sources\":[],\"environment\":[]," POLICY
        "\"no_fallback\":true,\"tries\":1e3}", "tries");
    assert_job_text(HEAD "\"sources\":[],\"environment\":[]," POLICY "\"target\":\"\"," TAIL,
        "target");
    memset(nested, '[', sizeof(nested));
    nested[sizeof(nested) - 1] = '\0';
    assert_job_text(nested, "no JSON");
}

static void
job_that_is_no_file_or_too_long_is_refused(void **state)
{
    const char *path = temp_folder_join(folder, "queue/" ID ".json");
    struct aks_job got;

    assert_int_equal(mkdir(queue, 0700), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(aks_queue_get(&port, queue, ID, &got, &err), AKS_STATE);
    assert_non_null(strstr(err.message, "folder"));
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(aks_queue_get(&port, queue, ID, &got, &err), AKS_STATE);
    assert_int_equal(unlink(path), 0);
    (void)temp_folder_write(folder, "queue/" ID ".json", "", 0);
    assert_int_equal(truncate(path, AKS_JOB_BYTES_MAX + 1), 0);
    assert_int_equal(aks_queue_get(&port, queue, ID, &got, &err), AKS_STATE);
    assert_non_null(strstr(err.message, "over"));
}

static size_t
names_in_queue(void)
{
    size_t count;
    char **ids;

    assert_int_equal(aks_queue_list(&port, queue, &ids, &count, &err), AKS_OK);
    free_ids(aks_alloc_system(), ids, count);
    return count;
}

/* Whatever call fails, with or without the power going at that moment: the job is there as it was
 * before, or as it was to be, and nothing is half. */
static void
job_is_whole_whenever_something_fails(void **state)
{
    struct faulty_files faulty;
    struct aks_job before;
    struct aks_job after;
    struct aks_job got;
    enum aks_status status = AKS_STATE;

    make_job(&before, ID, 1);
    make_job(&after, ID, 2);
    faulty_files_init(&faulty, &port.files, AKS_NO_SPACE);
    for (int dead = 0; dead < 2; dead++) {
        status = AKS_STATE;
        for (int64_t call = 0; status != AKS_OK; call++) {
            struct aks_port failing = port;

            assert_true(call < 30);
            put(&before);
            faulty_files_arm(&faulty, call, dead != 0);
            failing.files = faulty.files;
            status = aks_queue_put(&failing, queue, &after, &err);
            assert_true(status == AKS_OK || status == AKS_NO_SPACE);
            assert_int_equal(aks_queue_get(&port, queue, ID, &got, &err), AKS_OK);
            assert_same_job(&got, got.source_count == 2 || status == AKS_OK ? &after : &before);
            aks_job_fini(&got);
            assert_int_equal(names_in_queue(), 1);
        }
    }
    aks_job_fini(&before);
    aks_job_fini(&after);
}

static void
queue_says_when_it_cannot_keep_a_job(void **state)
{
    struct faulty_files faulty;
    struct aks_port failing = port;
    struct aks_job job;

    make_job(&job, ID, 1);
    faulty_files_init(&faulty, &port.files, AKS_FORBIDDEN);
    faulty_files_arm(&faulty, 1, true);
    failing.files = faulty.files;
    assert_int_equal(aks_queue_put(&failing, queue, &job, &err), AKS_STATE);
    assert_non_null(strstr(err.hint, "--state"));
    assert_int_equal(aks_queue_put(&port, temp_folder_join(folder, "no/such/queue"), &job, &err),
        AKS_STATE);
    (void)temp_folder_write(folder, "file", "", 0);
    assert_int_equal(aks_queue_put(&port, temp_folder_join(folder, "file"), &job, &err), AKS_STATE);
    put(&job);
    faulty_files_arm(&faulty, 0, true);
    assert_int_equal(aks_queue_remove(&failing, queue, ID, &err), AKS_STATE);
    assert_int_equal(names_in_queue(), 1);
    aks_job_fini(&job);
}

static void
queue_takes_jobs_of_many_processes_at_once(void **state)
{
    pid_t pids[PROCESSES];
    int failed = 0;
    int result;

    for (int i = 0; i < PROCESSES; i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            struct aks_job job;
            char id[AKS_JOB_ID_BYTES];

            for (int j = 0; j < 5; j++) {
                (void)snprintf(id, sizeof(id), "20261123T084512Z-%04x%02x", (unsigned)i,
                    (unsigned)j);
                make_job(&job, id, 2);
                if (aks_queue_put(&port, queue, &job, &err) != AKS_OK)
                    _exit(1);
                aks_job_fini(&job);
            }
            _exit(0);
        }
    }
    for (int i = 0; i < PROCESSES; i++) {
        assert_int_equal(waitpid(pids[i], &result, 0), pids[i]);
        failed += !WIFEXITED(result) || WEXITSTATUS(result) != 0;
    }
    assert_int_equal(failed, 0);
    assert_int_equal(names_in_queue(), PROCESSES * 5);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_place, close_place)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(job_comes_back_as_it_was_put),
        TEST(job_keeps_every_byte_of_paths_and_texts),
        TEST(queue_lists_jobs_by_age_and_nothing_else),
        TEST(queue_removes_jobs_and_does_not_know_strange_ids),
        TEST(queue_takes_a_thousand_jobs_and_no_more),
        TEST(queue_refuses_what_it_could_not_give_back),
        TEST(job_that_is_cut_anywhere_is_refused_and_left),
        TEST(job_that_was_tampered_with_is_refused_by_member),
        TEST(job_that_is_no_file_or_too_long_is_refused),
        TEST(job_is_whole_whenever_something_fails),
        TEST(queue_says_when_it_cannot_keep_a_job),
        TEST(queue_takes_jobs_of_many_processes_at_once),
    };

    return cmocka_run_group_tests_name("queue", tests, NULL, NULL);
}
