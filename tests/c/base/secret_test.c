#include "base/secret.h"

#include "support/failing_alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#define PLANTED "planted/value+of+a+test"
#define BLOCKS_MAX 16

/* Looks at every block when it is given back. */
struct watching {
    struct aks_alloc alloc;
    struct {
        void *data;
        size_t bytes;
    } blocks[BLOCKS_MAX];
    unsigned given_back;
    unsigned with_secret;
};

static void
look(struct watching *watching, void *p)
{
    for (size_t i = 0; i < BLOCKS_MAX; i++) {
        if (watching->blocks[i].data != p)
            continue;
        watching->given_back++;
        watching->with_secret +=
            memmem(p, watching->blocks[i].bytes, PLANTED, strlen(PLANTED)) != NULL;
        watching->blocks[i].data = NULL;
        return;
    }
    fail_msg("a block that nobody took is given back");
}

static void *
watching_resize(void *ctx, void *p, size_t bytes)
{
    struct watching *watching = ctx;

    if (bytes == 0) {
        look(watching, p);
        free(p);
        return NULL;
    }
    assert_null(p);
    for (size_t i = 0; i < BLOCKS_MAX; i++) {
        if (watching->blocks[i].data == NULL) {
            watching->blocks[i].data = malloc(bytes);
            watching->blocks[i].bytes = bytes;
            return watching->blocks[i].data;
        }
    }
    fail_msg("too many blocks");
    return NULL;
}

static struct watching
watch(void)
{
    return (struct watching) { .alloc = { watching_resize, NULL } };
}

static void
a_secret_is_overwritten_before_its_memory_is_given_back(void **state)
{
    struct watching watching = watch();
    struct aks_secret *secret;

    watching.alloc.ctx = &watching;
    secret = aks_secret_new(&watching.alloc, "Bearer ", PLANTED, strlen(PLANTED));
    assert_string_equal(aks_secret_reveal(secret), "Bearer " PLANTED);
    assert_int_equal(aks_secret_len(secret), strlen("Bearer " PLANTED));
    aks_secret_free(secret);
    assert_int_equal(watching.given_back, 2);
    assert_int_equal(watching.with_secret, 0);
    aks_secret_free(NULL);
}

static void
a_buffer_on_the_way_is_overwritten_where_it_moves_too(void **state)
{
    struct watching watching = watch();
    struct aks_secret_wipe wipe;
    char *text;

    watching.alloc.ctx = &watching;
    aks_secret_wipe_init(&wipe, &watching.alloc);
    text = aks_mem_strdup(&wipe.alloc, PLANTED);
    text = aks_mem_resize(&wipe.alloc, text, 4096);
    assert_string_equal(text, PLANTED);
    text = aks_mem_resize(&wipe.alloc, text, sizeof(PLANTED));
    assert_string_equal(text, PLANTED);
    assert_int_equal(watching.given_back, 2);
    aks_mem_free(&wipe.alloc, text);
    assert_int_equal(watching.given_back, 3);
    assert_int_equal(watching.with_secret, 0);
}

static void
secrets_are_equal_byte_by_byte(void **state)
{
    const struct aks_alloc *alloc = aks_alloc_system();
    struct aks_secret *a = aks_secret_new(alloc, "", "a\0b", 3);
    struct aks_secret *same = aks_secret_new(alloc, "", "a\0b", 3);
    struct aks_secret *last = aks_secret_new(alloc, "", "a\0c", 3);
    struct aks_secret *first = aks_secret_new(alloc, "", "b\0b", 3);
    struct aks_secret *shorter = aks_secret_new(alloc, "", "a", 1);
    struct aks_secret *empty = aks_secret_new(alloc, "", "", 0);

    assert_true(aks_secret_equal(a, a));
    assert_true(aks_secret_equal(a, same));
    assert_false(aks_secret_equal(a, last));
    assert_false(aks_secret_equal(a, first));
    assert_false(aks_secret_equal(a, shorter));
    assert_false(aks_secret_equal(a, empty));
    assert_false(aks_secret_equal(a, NULL));
    assert_false(aks_secret_equal(NULL, a));
    assert_true(aks_secret_equal(NULL, NULL));
    assert_string_equal(aks_secret_reveal(empty), "");
    aks_secret_free(a);
    aks_secret_free(same);
    aks_secret_free(last);
    aks_secret_free(first);
    aks_secret_free(shorter);
    aks_secret_free(empty);
}

static void
words_that_repeat_a_secret_are_known(void **state)
{
    const struct aks_alloc *alloc = aks_alloc_system();
    struct aks_secret *secret = aks_secret_new(alloc, "Bearer ", PLANTED, strlen(PLANTED));
    struct aks_secret *shorter = aks_secret_new(alloc, "", "xyz", 3);
    struct aks_secret *empty = aks_secret_new(alloc, "", "", 0);

    assert_true(aks_secret_shows(secret, "no: " PLANTED));
    assert_true(aks_secret_shows(secret, "cut: planted/value+of..."));
    assert_false(aks_secret_shows(secret, "planted/value+o"));
    assert_false(aks_secret_shows(secret, "Bearer is wanted"));
    assert_true(aks_secret_shows(shorter, "wxyz"));
    assert_false(aks_secret_shows(shorter, "xy"));
    assert_false(aks_secret_shows(empty, "anything"));
    aks_secret_free(secret);
    aks_secret_free(shorter);
    aks_secret_free(empty);
}

/* kB that this process has locked. */
static long
locked_kb(void)
{
    FILE *status = fopen("/proc/self/status", "r");
    char line[256];
    long kb = -1;

    assert_non_null(status);
    while (fgets(line, sizeof(line), status) != NULL)
        (void)sscanf(line, "VmLck: %ld kB", &kb);
    (void)fclose(status);
    assert_true(kb >= 0);
    return kb;
}

/* Sanitizers make mlock do nothing, and a limit may forbid it: what this test itself may lock is
 * what the secret must have locked. */
static void
its_pages_are_its_own_and_stay_in_memory(void **state)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    long before = locked_kb();
    struct aks_secret *a;
    struct aks_secret *b;
    void *own;
    long may;

    assert_int_equal(posix_memalign(&own, page, page), 0);
    (void)mlock(own, page);
    may = locked_kb() - before;
    (void)munlock(own, page);
    free(own);
    a = aks_secret_new(aks_alloc_system(), "", PLANTED, strlen(PLANTED));
    b = aks_secret_new(aks_alloc_system(), "", PLANTED, strlen(PLANTED));
    assert_int_equal((uintptr_t)aks_secret_reveal(a) % page, 0);
    assert_int_equal((uintptr_t)aks_secret_reveal(b) % page, 0);
    assert_ptr_not_equal(aks_secret_reveal(a), aks_secret_reveal(b));
    assert_int_equal(locked_kb() - before, 2 * may);
    aks_secret_free(a);
    assert_int_equal(locked_kb() - before, may);
    aks_secret_free(b);
    assert_int_equal(locked_kb() - before, 0);
}

static int
make_one(void *ctx, const struct aks_alloc *alloc)
{
    struct aks_secret *secret = aks_secret_new(alloc, "Bearer ", PLANTED, strlen(PLANTED));

    if (secret != NULL)
        assert_string_equal(aks_secret_reveal(secret), "Bearer " PLANTED);
    aks_secret_free(secret);
    return 0;
}

static void
every_allocation_may_fail(void **state)
{
    failing_alloc_loop(make_one, NULL, 10);
    assert_null(aks_secret_new(aks_alloc_system(), "p", PLANTED, SIZE_MAX));
    assert_null(aks_secret_new(aks_alloc_system(), "", PLANTED, SIZE_MAX - 100));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_secret_is_overwritten_before_its_memory_is_given_back),
        cmocka_unit_test(a_buffer_on_the_way_is_overwritten_where_it_moves_too),
        cmocka_unit_test(secrets_are_equal_byte_by_byte),
        cmocka_unit_test(words_that_repeat_a_secret_are_known),
        cmocka_unit_test(its_pages_are_its_own_and_stay_in_memory),
        cmocka_unit_test(every_allocation_may_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
