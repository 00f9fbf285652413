#include "engine/pipeline.h"

#include "base/rng.h"
#include "base/units.h"
#include "engine/loop.h"
#include "os/os.h"
#include "support/temp_folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <zlib.h>
#include <zstd.h>

/* A part size of no round number, so that blocks and parts never end together. */
#define PART_BYTES (INT64_C(700) * 1000)

struct world {
    struct aks_os *os;
    const struct aks_port *port;
    struct aks_loop loop;
    struct aks_pool pool;
    struct temp_folder *folder;
    struct aks_source source;
};

struct reader {
    struct world *world;
    struct aks_pipeline *pipeline;
    uint8_t *stored;
    size_t stored_len;
    unsigned parts;
    int64_t last_bytes;
    bool last_seen;
    bool inside;            /* a call of the pipeline is going on: changed must not come */
    enum aks_part_check check;
    bool shrinks;           /* the source is cut meanwhile: parts may be gone when they are read */
};

static void
check_digest(struct reader *reader, const struct aks_part *part, const uint8_t *data)
{
    uint8_t digest[AKS_SHA256_BYTES];

    aks_sha256(data, (size_t)part->body.bytes, digest);
    if (reader->check == AKS_PART_SHA256)
        assert_memory_equal(digest, part->sha256, sizeof(digest));
    if (reader->check == AKS_PART_CRC64NVME)
        assert_true(aks_crc64nvme(0, data, (size_t)part->body.bytes) == part->crc64nvme);
}

static void
collect(struct reader *reader, const struct aks_part *part)
{
    int64_t at = 0;

    assert_false(reader->last_seen);
    assert_int_equal(part->number, ++reader->parts);
    if (!reader->shrinks)
        assert_int_equal(part->offset, reader->stored_len);
    if (reader->parts > 1)
        assert_int_equal(reader->last_bytes, PART_BYTES);
    reader->last_bytes = part->body.bytes;
    reader->stored = realloc(reader->stored, reader->stored_len + (size_t)part->body.bytes + 1);
    while (at < part->body.bytes) {
        size_t len = 0;
        enum aks_status status = part->body.read(part->body.ctx, at,
            reader->stored + reader->stored_len + at, (size_t)(part->body.bytes - at), &len, NULL);

        if (reader->shrinks && status == AKS_SOURCE_CHANGED)
            return;
        assert_int_equal(status, AKS_OK);
        assert_true(len > 0);
        at += (int64_t)len;
    }
    check_digest(reader, part, reader->stored + reader->stored_len);
    reader->stored_len += (size_t)part->body.bytes;
    reader->last_seen = part->last;
}

static void
changed(void *ctx)
{
    struct reader *reader = ctx;
    struct aks_part *part;

    assert_false(reader->inside);
    while ((part = aks_pipeline_take(reader->pipeline)) != NULL) {
        collect(reader, part);
        reader->inside = true;
        aks_pipeline_give(reader->pipeline, part);
        reader->inside = false;
    }
}

static void
write_source(struct world *world, size_t bytes, bool random)
{
    char *path = aks_mem_printf(aks_alloc_system(), "%s/source", temp_folder_path(world->folder));
    FILE *file = fopen(path, "wb");
    struct aks_rng rng;

    aks_rng_init(&rng, bytes);
    for (size_t i = 0; i < bytes; i++)
        (void)fputc((int)(random || i % 3 == 0 ? aks_rng_next(&rng) & 255 : 'x'), file);
    assert_int_equal(fclose(file), 0);
    aks_source_fini(aks_alloc_system(), &world->source);
    assert_int_equal(aks_source_inspect(world->port, path, &world->source, NULL), AKS_OK);
    free(path);
}

static struct aks_pipeline_options
options_of(struct world *world, struct reader *reader, enum aks_codec codec)
{
    struct aks_pipeline_options options = { 0 };

    options.port = world->port;
    options.loop = &world->loop;
    options.pool = &world->pool;
    options.codec = codec;
    options.level = AKS_CODEC_LEVEL_DEFAULT;
    options.part_bytes = PART_BYTES;
    options.check = reader->check;
    options.changed = changed;
    options.ctx = reader;
    return options;
}

static enum aks_status
start(struct world *world, struct reader *reader, enum aks_codec codec)
{
    struct aks_pipeline_options options = options_of(world, reader, codec);
    struct aks_view view;
    enum aks_status status;

    status = aks_view_take(world->port, &world->source, &view, NULL);
    if (status != AKS_OK)
        return status;
    reader->inside = true;
    status = aks_pipeline_new(&options, &view, &reader->pipeline, NULL);
    reader->inside = false;
    return status;
}

static enum aks_pipeline_state
run(struct world *world, struct reader *reader, struct aks_error *err)
{
    for (int turns = 0; turns < 100000; turns++) {
        enum aks_pipeline_state state = aks_pipeline_state(reader->pipeline, err);

        if (state != AKS_PIPELINE_RUNNING)
            return state;
        assert_int_equal(aks_loop_turn(&world->loop, NULL), AKS_OK);
    }
    return AKS_PIPELINE_RUNNING;
}

static void
stop(struct world *world, struct reader *reader)
{
    aks_pipeline_free(reader->pipeline);
    while (world->pool.lingering > 0)
        assert_int_equal(aks_loop_turn(&world->loop, NULL), AKS_OK);
    assert_int_equal(world->pool.taken, 0);
    free(reader->stored);
}

static size_t
unpack_gzip(const struct reader *reader, uint8_t *plain, size_t plain_bytes)
{
    z_stream stream = { 0 };
    size_t len = 0;

    stream.next_in = reader->stored;
    stream.avail_in = (uInt)reader->stored_len;
    do {
        assert_int_equal(inflateInit2(&stream, 31), Z_OK);
        stream.next_out = plain + len;
        stream.avail_out = (uInt)(plain_bytes - len);
        assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
        len += stream.total_out;
        assert_int_equal(inflateEnd(&stream), Z_OK);
    } while (stream.avail_in > 0);
    return len;
}

/* The plain bytes of what came out. */
static void
check_plain(struct reader *reader, enum aks_codec codec, size_t bytes)
{
    const struct aks_pipeline_result *result = aks_pipeline_result(reader->pipeline);
    uint8_t *plain = malloc(bytes + 1);
    uint8_t digest[AKS_SHA256_BYTES];
    size_t len = reader->stored_len;

    if (codec == AKS_CODEC_NONE)
        memcpy(plain, reader->stored, len);
    else if (codec == AKS_CODEC_GZIP)
        len = unpack_gzip(reader, plain, bytes + 1);
    else
        len = ZSTD_decompress(plain, bytes + 1, reader->stored, reader->stored_len);
    assert_int_equal(len, bytes);
    aks_sha256(plain, len, digest);
    assert_memory_equal(digest, result->plain_sha256, sizeof(digest));
    aks_sha256(reader->stored, reader->stored_len, digest);
    assert_memory_equal(digest, result->stored_sha256, sizeof(digest));
    assert_int_equal(result->plain_bytes, bytes);
    assert_int_equal(result->stored_bytes, reader->stored_len);
    assert_int_equal(result->parts, reader->parts);
    free(plain);
}

static void
every_size_comes_out_whole_in_equal_parts(void **state)
{
    static const size_t sizes[] = { 0, 1, 699999, 700000, 700001, 1048576, 1048577, 2100000,
        7340033 };
    static const enum aks_codec codecs[] = { AKS_CODEC_NONE, AKS_CODEC_GZIP, AKS_CODEC_ZSTD };
    struct world *world = *state;

    for (size_t i = 0; i < 3 * sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct reader reader = { 0 };
        struct aks_error err;

        reader.world = world;
        reader.check = (enum aks_part_check)(i % 3);
        write_source(world, sizes[i / 3], i % 2 == 0);
        assert_int_equal(start(world, &reader, codecs[i % 3]), AKS_OK);
        assert_int_equal(run(world, &reader, &err), AKS_PIPELINE_ENDED);
        assert_true(reader.last_seen);
        check_plain(&reader, codecs[i % 3], sizes[i / 3]);
        stop(world, &reader);
    }
}

static void
source_that_shrinks_is_told_and_not_guessed(void **state)
{
    static const enum aks_codec codecs[] = { AKS_CODEC_NONE, AKS_CODEC_ZSTD };
    struct world *world = *state;

    for (size_t i = 0; i < 2; i++) {
        struct reader reader = { 0 };
        struct aks_error err = { 0 };

        reader.shrinks = true;
        write_source(world, 5000000, true);
        assert_int_equal(truncate(world->source.path, 5000000), 0);
        assert_int_equal(start(world, &reader, codecs[i]), AKS_OK);
        assert_int_equal(truncate(world->source.path, 1000), 0);
        /* What was read before the cut may have been all of it: then the last look tells. */
        if (run(world, &reader, &err) == AKS_PIPELINE_ENDED)
            (void)aks_view_check(aks_pipeline_view(reader.pipeline), &err);
        assert_int_equal(err.status, AKS_SOURCE_CHANGED);
        stop(world, &reader);
    }
}

static void
pipeline_that_is_freed_while_it_works_leaves_nothing(void **state)
{
    struct world *world = *state;

    write_source(world, 20000000, true);
    for (int turns = 0; turns < 12; turns++) {
        struct reader reader = { 0 };

        assert_int_equal(start(world, &reader, turns % 2 == 0 ? AKS_CODEC_ZSTD : AKS_CODEC_NONE),
            AKS_OK);
        for (int i = 0; i < turns; i++)
            assert_int_equal(aks_loop_turn(&world->loop, NULL), AKS_OK);
        stop(world, &reader);
    }
}

/* A worker may read on when a broken run has let its sources go, and then says whose bytes
 * failed. */
static void
snapshot_names_a_source_that_is_gone(void **state)
{
    struct world *world = *state;
    struct aks_view view;
    struct aks_error err = { 0 };
    char *path;
    char byte;

    write_source(world, 1000, true);
    path = aks_mem_strdup(aks_alloc_system(), world->source.path);
    assert_int_equal(aks_view_take(world->port, &world->source, &view, NULL), AKS_OK);
    aks_source_fini(aks_alloc_system(), &world->source);
    assert_int_equal(aks_view_check(&view, &err), AKS_OK);
    assert_int_equal(aks_view_read(&view, 1000, &byte, 1, &err), AKS_SOURCE_CHANGED);
    assert_non_null(strstr(err.message, path));
    aks_view_close(&view);
    aks_mem_free(aks_alloc_system(), path);
}

static void
two_pipelines_share_one_pool_and_both_end(void **state)
{
    struct world *world = *state;
    struct reader first = { 0 };
    struct reader second = { 0 };
    struct aks_error err;

    write_source(world, 9000000, true);
    /* Room for one part only: the first holds it until it is given back. */
    world->pool.ceiling_bytes = PART_BYTES;
    assert_int_equal(start(world, &first, AKS_CODEC_ZSTD), AKS_OK);
    assert_int_equal(run(world, &first, &err), AKS_PIPELINE_ENDED);
    assert_int_equal(start(world, &second, AKS_CODEC_GZIP), AKS_OK);
    assert_int_equal(run(world, &second, &err), AKS_PIPELINE_ENDED);
    check_plain(&second, AKS_CODEC_GZIP, 9000000);
    stop(world, &first);
    stop(world, &second);
    world->pool.ceiling_bytes = AKS_POOL_BYTES_MAX;
}

static int
set_up(void **state)
{
    struct world *world = calloc(1, sizeof(*world));

    world->folder = temp_folder_new();
    assert_int_equal(aks_os_open(aks_alloc_system(), &world->os, NULL), AKS_OK);
    world->port = aks_os_port(world->os);
    aks_loop_init(&world->loop, world->port);
    aks_pool_init(&world->pool, aks_alloc_system(), PART_BYTES);
    *state = world;
    return 0;
}

static int
tear_down(void **state)
{
    struct world *world = *state;

    aks_source_fini(aks_alloc_system(), &world->source);
    aks_pool_fini(&world->pool);
    aks_loop_fini(&world->loop);
    aks_os_close(world->os);
    temp_folder_free(world->folder);
    free(world);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_size_comes_out_whole_in_equal_parts, set_up,
            tear_down),
        cmocka_unit_test_setup_teardown(source_that_shrinks_is_told_and_not_guessed, set_up,
        tear_down),
        cmocka_unit_test_setup_teardown(pipeline_that_is_freed_while_it_works_leaves_nothing,
        set_up,
            tear_down),
        cmocka_unit_test_setup_teardown(snapshot_names_a_source_that_is_gone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(two_pipelines_share_one_pool_and_both_end, set_up,
        tear_down),
    };

    return cmocka_run_group_tests_name("pipeline", tests, NULL, NULL);
}
