/* What a transfer finds in the journal, and what it may go on with. */
#include "engine/journal.h"
#include "state_fixture.h"

#include <stdio.h>

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

struct place {
    struct aks_state *state;
    struct aks_journal journal;
    struct aks_journal_entry entry;
    struct aks_log log;
    struct aks_source source;
    struct aks_snapshot snapshot;
    struct aks_journal_shape shape;
};

static char path[] = "/a/b.db";

/* The journal of the one upload that there is, or of a new one. */
static void
open_journal(struct place *place)
{
    struct aks_journal_upload fresh = { .target = T, .upload_id = "up", .job_id = "job" };
    struct aks_journal_upload *found = NULL;
    size_t count = 0;

    assert_int_equal(aks_state_journal_uploads(place->state, T, &found, &count, &err), AKS_OK);
    assert_true(count <= 1);
    assert_int_equal(aks_journal_init(&place->journal, aks_alloc_system(), &place->log,
        place->state, count == 1 ? &found[0] : &fresh, &err), AKS_OK);
    aks_mem_free(aks_alloc_system(), found);
}

static void
close_journal(struct place *place)
{
    aks_journal_entry_fini(&place->entry);
    aks_journal_fini(&place->journal);
}

static struct aks_part
part_of(uint32_t number, uint8_t digest)
{
    struct aks_part part = { .number = number };

    part.body.bytes = 10;
    memset(part.sha256, digest, sizeof(part.sha256));
    return part;
}

static enum aks_status
send(struct place *place, uint32_t number, uint8_t digest)
{
    struct aks_part part = part_of(number, digest);
    struct aks_part *parts[1] = { &part };

    return aks_journal_entry_sending(&place->entry, parts, 1, &err);
}

/* Two parts were about to be sent, the first was acknowledged, and the process died. */
static void
begin(struct place *place)
{
    memset(place, 0, sizeof(*place));
    place->state = open_state();
    place->source.path = path;
    place->snapshot.files[AKS_SNAPSHOT_MAIN].there = true;
    memset(place->snapshot.files[AKS_SNAPSHOT_MAIN].sha256, 'a', 64);
    place->snapshot.id = borrowed("snap");
    place->shape = (struct aks_journal_shape){ .source = &place->source,
        .snapshot = &place->snapshot, .key = "systems/x/up/b.db", .codec = AKS_CODEC_NONE,
        .level = AKS_CODEC_LEVEL_DEFAULT, .part_bytes = 10, .check = AKS_PART_SHA256 };
    open_journal(place);
    assert_int_equal(aks_journal_entry_begin(&place->entry, &place->journal, &place->shape, &err),
        AKS_OK);
    assert_null(place->entry.resume.token);
    assert_int_equal(place->entry.calls.begun(place->entry.calls.ctx, "token", &err), AKS_OK);
    assert_int_equal(send(place, 1, 1), AKS_OK);
    assert_int_equal(send(place, 2, 2), AKS_OK);
    place->entry.calls.stored(place->entry.calls.ctx, 1, "tag");
    close_journal(place);
    open_journal(place);
}

static void
end(struct place *place)
{
    close_journal(place);
    aks_state_close(place->state);
}

static void
what_comes_out_the_same_is_gone_on_with(void **state)
{
    struct place place;

    begin(&place);
    assert_int_equal(aks_journal_entry_begin(&place.entry, &place.journal, &place.shape, &err),
        AKS_OK);
    assert_string_equal(place.entry.resume.token, "token");
    assert_int_equal(place.entry.resume.count, 2);
    assert_string_equal(place.entry.resume.parts[0].tag, "tag");
    assert_null(place.entry.resume.parts[1].tag);
    assert_int_equal(send(&place, 1, 1), AKS_OK);
    assert_int_equal(send(&place, 2, 2), AKS_OK);
    assert_int_equal(send(&place, 3, 3), AKS_OK);
    assert_false(place.entry.differs);
    end(&place);
    assert_int_equal(raw("SELECT count(*) FROM parts"), 3);
}

static void
a_part_that_comes_out_different_ends_it(void **state)
{
    struct place place;

    begin(&place);
    assert_int_equal(aks_journal_entry_begin(&place.entry, &place.journal, &place.shape, &err),
        AKS_OK);
    assert_int_equal(send(&place, 1, 1), AKS_OK);
    assert_int_equal(send(&place, 2, 9), AKS_CONFLICT);
    assert_true(place.entry.differs);
    assert_non_null(strstr(err.message, "part 2 comes out different"));
    end(&place);
}

static void
another_shape_is_not_gone_on_with(void **state)
{
    for (int i = 0; i < 6; i++) {
        struct place place;

        begin(&place);
        if (i == 0)
            place.snapshot.files[AKS_SNAPSHOT_MAIN].sha256[0] = 'b';
        else if (i == 1)
            place.shape.codec = AKS_CODEC_GZIP;
        else if (i == 2)
            place.shape.part_bytes = 11;
        else if (i == 3)
            place.shape.check = AKS_PART_CRC64NVME;
        else if (i == 4)
            place.shape.key = "systems/x/up/c.db";
        if (i == 5) {
            (void)raw("UPDATE objects SET row_sum = NULL, codec_version = 'older'");
            close_journal(&place);
            open_journal(&place);
        }
        assert_int_equal(aks_journal_entry_begin(&place.entry, &place.journal, &place.shape,
            &err), AKS_CONFLICT);
        assert_true(place.entry.differs);
        end(&place);
        (void)raw("DELETE FROM uploads");
        (void)raw("DELETE FROM objects");
    }
}

static void
what_could_not_be_given_back_stays_to_be_given_back(void **state)
{
    struct place place;

    begin(&place);
    assert_int_equal(aks_journal_entry_begin(&place.entry, &place.journal, &place.shape, &err),
        AKS_OK);
    aks_journal_entry_dropped(&place.entry, false);
    assert_null(aks_journal_object(&place.journal, path, AKS_SNAPSHOT_MAIN));
    end(&place);
    assert_int_equal(raw("SELECT count(*) FROM objects JOIN uploads ON uploads.id = upload"
        " WHERE given_up = 1 AND token = 'token'"), 1);
}

/* No row can be added when that is to be written down, as on a full disk, and again when the next
 * try begins. */
static void
what_could_not_be_moved_aside_either_is_not_lost_to_the_next_try(void **state)
{
    struct place place;

    begin(&place);
    assert_int_equal(aks_journal_entry_begin(&place.entry, &place.journal, &place.shape, &err),
        AKS_OK);
    (void)raw("CREATE UNIQUE INDEX full ON uploads (upload_id)");
    aks_journal_entry_dropped(&place.entry, false);
    assert_int_equal(raw("SELECT count(*) FROM uploads WHERE given_up = 1"), 0);
    (void)raw("DROP INDEX full");
    aks_journal_entry_fini(&place.entry);
    assert_int_equal(aks_journal_entry_begin(&place.entry, &place.journal, &place.shape, &err),
        AKS_OK);
    assert_null(place.entry.resume.token);
    assert_int_equal(place.entry.calls.begun(place.entry.calls.ctx, "another", &err), AKS_OK);
    assert_int_equal(send(&place, 1, 1), AKS_OK);
    end(&place);
    assert_int_equal(raw("SELECT count(*) FROM objects JOIN uploads ON uploads.id = upload"
        " WHERE given_up = 1 AND token = 'token'"), 1);
    assert_int_equal(raw("SELECT count(*) FROM objects JOIN uploads ON uploads.id = upload"
        " WHERE given_up = 0 AND token = 'another'"), 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_comes_out_the_same_is_gone_on_with),
        TEST(a_part_that_comes_out_different_ends_it),
        TEST(another_shape_is_not_gone_on_with),
        TEST(what_could_not_be_given_back_stays_to_be_given_back),
        TEST(what_could_not_be_moved_aside_either_is_not_lost_to_the_next_try),
    };

    return cmocka_run_group_tests_name("journal of an upload", tests, NULL, NULL);
}
