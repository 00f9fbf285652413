/* What a hostile header may cost: no more than its limits say. */
#include "base/buf.h"
#include "data/age_internal.h"
#include "data/age_read.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define IDENTITY "AGE-SECRET-KEY-1EGTZVFFV20835NWYV6270LXYVK2VKNX2MMDKWYKLMGR48UAWX40Q2P2LM0"
#define SHARE "TEiF0ypqr+bpvcqXNyCVJpL7OuwPdVwPL7KQEbFDOCc"
#define MAC "WyJp9F/9FOZh7gJdheq2WIJcwHgYc8NIVh3ddwhrcNg"
/* 32 bytes that no file key was wrapped in. */
#define BODY "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

static enum aks_status
give_nothing(void *ctx, const void *data, size_t len, struct aks_error *err)
{
    fail_msg("%zu bytes of what cannot be opened", len);
    return AKS_OK;
}

/* A header of so many stanzas. */
static enum aks_age_failure
tried_on(int stanzas, const struct aks_age_keys *keys, enum aks_status *ret_status)
{
    struct aks_age_reader *reader = NULL;
    enum aks_age_failure failure;
    struct aks_buf file;

    aks_buf_init(&file, aks_alloc_system(), AKS_AGE_HEADER_BYTES_MAX);
    aks_buf_puts(&file, AKS_AGE_VERSION_LINE);
    for (int i = 0; i < stanzas; i++)
        aks_buf_puts(&file, "-> X25519 " SHARE "\n" BODY "\n");
    aks_buf_puts(&file, "--- " MAC "\n0123456789abcdef");
    assert_int_equal(aks_age_reader_new(aks_alloc_system(), keys, false, &reader, NULL), AKS_OK);
    *ret_status = aks_age_reader_feed(reader, file.data, file.len, give_nothing, NULL, NULL);
    failure = aks_age_reader_failure(reader);
    aks_age_reader_free(reader);
    aks_buf_fini(&file);
    return failure;
}

static void
stanzas_are_not_tried_without_end(void **state)
{
    const int most = AKS_AGE_TRIES_MAX / AKS_AGE_IDENTITIES_MAX;
    struct aks_age_identities identities;
    struct aks_age_keys keys = { .identities = &identities };
    enum aks_status status;

    aks_age_identities_init(&identities, aks_alloc_system());
    for (int i = 0; i < AKS_AGE_IDENTITIES_MAX; i++)
        assert_int_equal(aks_age_identities_add(&identities, IDENTITY, strlen(IDENTITY), NULL),
            AKS_OK);
    assert_int_equal(tried_on(most, &keys, &status), AKS_AGE_NO_MATCH);
    assert_int_equal(status, AKS_AUTH_INVALID);
    assert_int_equal(tried_on(most + 1, &keys, &status), AKS_AGE_TOO_MUCH_WORK);
    assert_int_equal(status, AKS_LIMIT);
    aks_age_identities_fini(&identities);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stanzas_are_not_tried_without_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
