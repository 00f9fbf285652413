/* The model of DuckDB, act by act. What it writes is on the medium at once, as somebody else's
 * writes are (sim/files_sim.h). */
#include "testkit/writer_duckdb.h"

#include "base/check.h"
#include "testkit/writer_internal.h"

#include <string.h>

#define ACTS_MAX 64                     /* of one transaction, or one checkpoint */
#define BYTES_MAX ((size_t)1 << 20)
#define REST_ACTS_MAX 1000
#define LIVE_MAX 6                      /* blocks that a table grows to */
#define ROWS_BYTES_MAX 400              /* of a small transaction, in the log */

/* What one act does, and what is true once it is done. */
enum act { ACT_MAIN, ACT_WAL, ACT_SIDE, ACT_DROP_WAL, ACT_CUT };
enum meaning { MEANS_NOTHING, MEANS_COMMIT, MEANS_SIDE_COMMIT, MEANS_CHECKPOINT };

struct planned {
    enum act act;
    enum meaning meaning;
    int64_t offset;                     /* in the main file; ACT_CUT: its new length */
    size_t at;                          /* in bytes */
    size_t len;
};

struct writer_duckdb {
    bool open;
    bool closing;                       /* the plan is the last one of this session */
    bool checkpointing;                 /* the plan is a checkpoint: it is finished after a death */
    unsigned in_session;
    uint64_t tag;                       /* the last that was given */
    struct duckdb_table live;           /* as it is committed */
    struct duckdb_table next;           /* as it is once the plan's entry is whole */
    struct duckdb_table based;          /* as the active header has it: never written over */
    struct duckdb_table logged;         /* blocks that the log names: not before it is gone */
    struct duckdb_table flushed;        /* as the header that is planned will have it */
    struct duckdb_header active;
    struct duckdb_header planned;
    size_t wal_whole;                   /* bytes of whole entries */
    uint64_t taken[ACTS_MAX];           /* blocks that the plan writes */
    size_t taken_count;
    struct planned acts[ACTS_MAX];
    size_t act_count;
    size_t act_at;
    struct aks_buf bytes;
    char *side_path;
};

static uint64_t
below(struct aks_writer *writer, uint64_t bound)
{
    return aks_rng_next(&writer->rng) % bound;
}

static void
plan(struct writer_duckdb *duckdb, enum act act, enum meaning meaning, int64_t offset,
    const void *data, size_t len)
{
    AKS_CHECK(duckdb->act_count < ACTS_MAX);
    duckdb->acts[duckdb->act_count++] = (struct planned) { act, meaning, offset,
        duckdb->bytes.len, len };
    aks_buf_append(&duckdb->bytes, data, len);
}

static bool
uses(const struct duckdb_table *table, uint64_t id)
{
    for (size_t i = 0; i < table->block_count; i++) {
        if (table->blocks[i].id == id)
            return true;
    }
    return false;
}

/* The first block that no state needs which somebody may still open. */
static uint64_t
take_block(struct writer_duckdb *duckdb)
{
    uint64_t id = 0;
    bool used = true;

    for (; used; id++) {
        used = uses(&duckdb->live, id) || uses(&duckdb->based, id) ||
            uses(&duckdb->logged, id) || id == duckdb->active.table;
        for (size_t i = 0; i < duckdb->taken_count; i++)
            used = used || duckdb->taken[i] == id;
    }
    AKS_CHECK(duckdb->taken_count < ACTS_MAX);
    duckdb->taken[duckdb->taken_count++] = id - 1;
    return id - 1;
}

/* In two writes, so that a copy can meet half of it. */
static void
plan_block(struct writer_duckdb *duckdb, uint64_t id, const uint8_t bytes[DUCKDB_BLOCK_BYTES])
{
    int64_t offset = DUCKDB_HEADER_BYTES + (int64_t)id * DUCKDB_BLOCK_BYTES;
    size_t half = DUCKDB_BLOCK_BYTES / 2;

    plan(duckdb, ACT_MAIN, MEANS_NOTHING, offset, bytes, half);
    plan(duckdb, ACT_MAIN, MEANS_NOTHING, offset + (int64_t)half, bytes + half, half);
}

static struct duckdb_block
plan_data(struct writer_duckdb *duckdb)
{
    struct duckdb_block block = { take_block(duckdb), ++duckdb->tag };
    uint8_t bytes[DUCKDB_BLOCK_BYTES];

    aks_duckdb_model_block(&block, bytes);
    plan_block(duckdb, block.id, bytes);
    return block;
}

/* An entry of the log; with some luck in two writes. */
static void
plan_entry(struct aks_writer *writer, enum act act, enum meaning meaning,
    const struct duckdb_entry *entry)
{
    struct writer_duckdb *duckdb = writer->duckdb;
    size_t padding = entry->kind == DUCKDB_COMMIT ? (size_t)below(writer, ROWS_BYTES_MAX) : 0;
    struct aks_buf bytes;
    size_t first;

    aks_buf_init(&bytes, writer->options.alloc, BYTES_MAX);
    aks_duckdb_model_entry(entry, padding, &bytes);
    if (bytes.failed != AKS_OK)
        duckdb->bytes.failed = bytes.failed;
    first = bytes.len > 0 && below(writer, 2) == 0 ? (size_t)below(writer, bytes.len) : 0;
    if (first > 0)
        plan(duckdb, act, MEANS_NOTHING, 0, bytes.data, first);
    plan(duckdb, act, meaning, 0, bytes.data + first, bytes.len - first);
    aks_buf_fini(&bytes);
}

/* Rows: into the log; whole blocks of them into the main file first; or some blocks are freed. */
static void
plan_transaction(struct aks_writer *writer, size_t adds, size_t drops)
{
    struct writer_duckdb *duckdb = writer->duckdb;
    struct duckdb_entry entry = { .kind = DUCKDB_COMMIT, .count = duckdb->live.count + 1 };

    entry.adds = adds;
    entry.drops = drops <= duckdb->live.block_count ? drops : duckdb->live.block_count;
    for (size_t i = 0; i < entry.adds; i++)
        entry.blocks[i] = plan_data(duckdb);
    for (size_t i = 0; i < entry.drops; i++)
        entry.blocks[entry.adds + i] = duckdb->live.blocks[i];
    duckdb->next = duckdb->live;
    (void)aks_duckdb_model_apply(&entry, &duckdb->next);
    entry.sum = aks_duckdb_model_sum(&duckdb->next);
    plan_entry(writer, ACT_WAL, MEANS_COMMIT, &entry);
}

/* A commit while a checkpoint runs: into a log of its own. */
static void
plan_side_commit(struct aks_writer *writer)
{
    struct writer_duckdb *duckdb = writer->duckdb;
    struct duckdb_entry entry = { .kind = DUCKDB_COMMIT, .count = duckdb->flushed.count + 1 };

    duckdb->next = duckdb->flushed;
    duckdb->next.count = entry.count;
    entry.sum = aks_duckdb_model_sum(&duckdb->next);
    plan_entry(writer, ACT_SIDE, MEANS_SIDE_COMMIT, &entry);
}

static void
plan_header(struct aks_writer *writer)
{
    struct writer_duckdb *duckdb = writer->duckdb;
    uint8_t page[DUCKDB_PAGE_BYTES];
    int64_t offset = DUCKDB_PAGE_BYTES * (int64_t)(1 + duckdb->planned.iteration % 2);

    aks_duckdb_model_header_page(&duckdb->planned, page);
    if (below(writer, 4) == 0) {
        plan(duckdb, ACT_MAIN, MEANS_NOTHING, offset + 8, page + 8, sizeof(page) - 8);
        plan(duckdb, ACT_MAIN, MEANS_CHECKPOINT, offset, page, 8);
    } else {
        plan(duckdb, ACT_MAIN, MEANS_CHECKPOINT, offset, page, sizeof(page));
    }
}

static uint64_t
block_count(const struct duckdb_table *table, uint64_t last)
{
    for (size_t i = 0; i < table->block_count; i++)
        last = table->blocks[i].id > last ? table->blocks[i].id : last;
    return last + 1;
}

/* The last rows are written anew, then the table, then one word in the log (so that it is not
 * applied again), then the header that is not active; then the log goes, and a free tail. */
static void
plan_checkpoint(struct aks_writer *writer, bool side)
{
    struct writer_duckdb *duckdb = writer->duckdb;
    struct duckdb_entry entry = { .kind = DUCKDB_CHECKPOINT };
    uint8_t bytes[DUCKDB_BLOCK_BYTES];

    duckdb->checkpointing = true;
    duckdb->flushed = duckdb->live;
    if (side)
        plan(duckdb, ACT_SIDE, MEANS_NOTHING, 0, "", 0);
    if (duckdb->flushed.block_count > 0)
        duckdb->flushed.blocks[duckdb->flushed.block_count - 1] = plan_data(duckdb);
    duckdb->planned.iteration = duckdb->active.iteration + 1;
    duckdb->planned.table = take_block(duckdb);
    duckdb->planned.block_count = block_count(&duckdb->flushed, duckdb->planned.table);
    aks_duckdb_model_table(duckdb->planned.table, &duckdb->flushed, duckdb->planned.block_count,
        bytes);
    plan_block(duckdb, duckdb->planned.table, bytes);
    if (side)
        plan_side_commit(writer);
    entry.count = duckdb->planned.table;
    entry.sum = duckdb->planned.iteration;
    plan_entry(writer, ACT_WAL, MEANS_NOTHING, &entry);
    plan_header(writer);
    plan(duckdb, ACT_DROP_WAL, MEANS_NOTHING, 0, "", 0);
    plan(duckdb, ACT_CUT, MEANS_NOTHING, DUCKDB_HEADER_BYTES +
        (int64_t)duckdb->planned.block_count * DUCKDB_BLOCK_BYTES, "", 0);
}

static void
plan_next(struct aks_writer *writer)
{
    struct writer_duckdb *duckdb = writer->duckdb;
    uint64_t what = below(writer, 10);
    bool grown = duckdb->live.block_count >= LIVE_MAX;

    if (writer->options.session != 0 && duckdb->in_session >= writer->options.session) {
        duckdb->closing = true;
        plan_checkpoint(writer, false);
    } else if (duckdb->logged.block_count > DUCKDB_BLOCKS_MAX / 2) {
        plan_checkpoint(writer, false);
    } else if (what < 4 || (what >= 8 && duckdb->wal_whole == 0)) {
        plan_transaction(writer, 0, 0);
    } else if (what < 6) {
        plan_transaction(writer, 1 + (size_t)below(writer, 2), grown ? 2 : 0);
    } else if (what < 8) {
        plan_transaction(writer, (size_t)below(writer, 2), 1);
    } else {
        plan_checkpoint(writer, below(writer, 4) == 0);
    }
}

static enum aks_status
append(struct aks_writer *writer, const char *path, const char *data, size_t len,
    struct aks_error *err)
{
    struct aks_files_sim *files = writer->options.files;
    size_t before;

    if (aks_files_sim_look(files, path, &before) == NULL)
        return aks_files_sim_put(files, path, data, len, 0, err);
    return aks_files_sim_edit(files, path, (int64_t)before, data, len, err);
}

/* The log goes; what was committed meanwhile is the new one. */
static enum aks_status
drop_wal(struct aks_writer *writer, struct aks_error *err)
{
    struct aks_files_sim *files = writer->options.files;
    struct writer_duckdb *duckdb = writer->duckdb;
    enum aks_status status = aks_files_sim_remove(files, writer->wal_path, err);
    size_t len;
    const char *side = aks_files_sim_look(files, duckdb->side_path, &len);

    duckdb->wal_whole = 0;
    if (status != AKS_OK || side == NULL)
        return status;
    if (len > 0)
        status = aks_files_sim_put(files, writer->wal_path, side, len, 0, err);
    duckdb->wal_whole = len;
    return status == AKS_OK ? aks_files_sim_remove(files, duckdb->side_path, err) : status;
}

static enum aks_status
cut(struct aks_writer *writer, const char *path, int64_t bytes, struct aks_error *err)
{
    size_t len;

    if (aks_files_sim_look(writer->options.files, path, &len) == NULL || (int64_t)len <= bytes)
        return AKS_OK;
    return aks_files_sim_cut(writer->options.files, path, bytes, err);
}

static void
log_block(struct duckdb_table *logged, struct duckdb_block block)
{
    if (!uses(logged, block.id) && logged->block_count < DUCKDB_BLOCKS_MAX)
        logged->blocks[logged->block_count++] = block;
}

/* What is true now. */
static void
mean(struct aks_writer *writer, enum meaning meaning)
{
    struct writer_duckdb *duckdb = writer->duckdb;
    size_t len;

    if (meaning == MEANS_CHECKPOINT) {
        duckdb->active = duckdb->planned;
        duckdb->logged.block_count = 0;
        duckdb->based = duckdb->flushed;
        /* With what was committed meanwhile. */
        duckdb->flushed.count = duckdb->live.count;
        duckdb->live = duckdb->flushed;
    } else if (meaning == MEANS_COMMIT) {
        for (size_t i = 0; i < duckdb->next.block_count; i++)
            log_block(&duckdb->logged, duckdb->next.blocks[i]);
        duckdb->live = duckdb->next;
        (void)aks_files_sim_look(writer->options.files, writer->wal_path, &len);
        duckdb->wal_whole = len;
    } else if (meaning == MEANS_SIDE_COMMIT) {
        duckdb->live.count = duckdb->next.count;
    }
    if (meaning == MEANS_COMMIT || meaning == MEANS_SIDE_COMMIT)
        duckdb->in_session++;
    writer->committed = duckdb->live.count;
}

static enum aks_status
do_planned(struct aks_writer *writer, struct aks_error *err)
{
    struct writer_duckdb *duckdb = writer->duckdb;
    const struct planned *planned = &duckdb->acts[duckdb->act_at];
    const char *data = duckdb->bytes.data + planned->at;
    enum aks_status status = AKS_OK;

    switch (planned->act) {
    case ACT_MAIN:
        status = aks_files_sim_edit(writer->options.files, writer->path, planned->offset, data,
            planned->len, err);
        break;
    case ACT_WAL:
        status = append(writer, writer->wal_path, data, planned->len, err);
        break;
    case ACT_SIDE:
        status = append(writer, duckdb->side_path, data, planned->len, err);
        break;
    case ACT_DROP_WAL:
        status = drop_wal(writer, err);
        break;
    case ACT_CUT:
        status = cut(writer, writer->path, planned->offset, err);
        break;
    }
    if (status != AKS_OK)
        return status;
    mean(writer, planned->meaning);
    duckdb->act_at++;
    return AKS_OK;
}

static void
forget_plan(struct writer_duckdb *duckdb)
{
    duckdb->act_at = 0;
    duckdb->act_count = 0;
    duckdb->taken_count = 0;
    duckdb->checkpointing = false;
    aks_buf_reset(&duckdb->bytes);
}

static enum aks_status
lock(struct aks_writer *writer, bool locked, struct aks_error *err)
{
    return writer->options.unseen ? AKS_OK
        : aks_files_sim_set_locked(writer->options.files, writer->path, locked, err);
}

/* Opening cuts away what a death has left of an entry. */
static enum aks_status
open_database(struct aks_writer *writer, struct aks_error *err)
{
    struct writer_duckdb *duckdb = writer->duckdb;
    enum aks_status status;

    if (aks_files_sim_is_locked(writer->options.files, writer->path))
        return aks_error_set(err, AKS_CONFLICT, "DuckDB does not open %s: somebody holds a lock of"
            " it", writer->path);
    status = lock(writer, true, err);
    if (status == AKS_OK && !duckdb->checkpointing)
        status = cut(writer, writer->wal_path, (int64_t)duckdb->wal_whole, err);
    duckdb->open = status == AKS_OK;
    duckdb->in_session = 0;
    return status;
}

enum aks_status
aks_writer_duckdb_act(struct aks_writer *writer, struct aks_error *err)
{
    struct writer_duckdb *duckdb = writer->duckdb;

    if (!duckdb->open)
        return open_database(writer, err);
    if (duckdb->act_at < duckdb->act_count)
        return do_planned(writer, err);
    forget_plan(duckdb);
    if (duckdb->closing) {
        duckdb->closing = false;
        duckdb->open = false;
        return lock(writer, false, err);
    }
    plan_next(writer);
    return aks_buf_status(&duckdb->bytes, "what a writer writes", err);
}

enum aks_status
aks_writer_duckdb_rest(struct aks_writer *writer, struct aks_error *err)
{
    struct writer_duckdb *duckdb = writer->duckdb;
    enum aks_status status = AKS_OK;

    if (!duckdb->open && duckdb->act_at == duckdb->act_count && duckdb->wal_whole == 0)
        return AKS_OK;
    for (int i = 0; status == AKS_OK && i < REST_ACTS_MAX; i++) {
        if (duckdb->open && duckdb->act_at == duckdb->act_count && !duckdb->closing) {
            forget_plan(duckdb);
            duckdb->closing = true;
            plan_checkpoint(writer, false);
            status = aks_buf_status(&duckdb->bytes, "what a writer writes", err);
        }
        if (status == AKS_OK)
            status = aks_writer_duckdb_act(writer, err);
        if (!duckdb->open)
            return status;
    }
    return status;
}

/* Half a block that nobody needs would stay half, and nothing but DuckDB's own list of free blocks
 * tells such a one from damage. */
static void
finish_block(struct aks_writer *writer)
{
    const struct writer_duckdb *duckdb = writer->duckdb;

    if (duckdb->act_at > 0 && duckdb->act_at < duckdb->act_count &&
        duckdb->acts[duckdb->act_at].act == ACT_MAIN &&
        (duckdb->acts[duckdb->act_at].offset - DUCKDB_HEADER_BYTES) % DUCKDB_BLOCK_BYTES ==
            DUCKDB_BLOCK_BYTES / 2)
        (void)do_planned(writer, NULL);
}

void
aks_writer_duckdb_stop(struct aks_writer *writer)
{
    struct writer_duckdb *duckdb = writer->duckdb;

    if (!duckdb->checkpointing) {
        finish_block(writer);
        forget_plan(duckdb);
    }
    if (duckdb->open)
        (void)lock(writer, false, NULL);
    duckdb->open = false;
    duckdb->closing = false;
}

static enum aks_status
make_files(struct aks_writer *writer, struct aks_error *err)
{
    struct writer_duckdb *duckdb = writer->duckdb;
    uint8_t headers[DUCKDB_HEADER_BYTES];
    enum aks_status status;

    aks_duckdb_model_main_page(headers);
    for (int i = 0; i < 2; i++)
        aks_duckdb_model_header_page(&duckdb->active, headers + DUCKDB_PAGE_BYTES * (1 + i));
    status = aks_files_sim_put(writer->options.files, writer->path, headers, sizeof(headers), 0,
        err);
    if (status == AKS_OK)
        status = open_database(writer, err);
    if (status != AKS_OK)
        return status;
    plan_transaction(writer, 2, 0);
    while (status == AKS_OK && duckdb->act_at < duckdb->act_count)
        status = do_planned(writer, err);
    return status == AKS_OK ? aks_writer_duckdb_rest(writer, err) : status;
}

enum aks_status
aks_writer_duckdb_new(struct aks_writer *writer, struct aks_error *err)
{
    struct writer_duckdb *duckdb = aks_mem_new(writer->options.alloc, sizeof(*duckdb));

    if (duckdb == NULL)
        return aks_error_memory(err, "making a writer");
    writer->duckdb = duckdb;
    aks_buf_init(&duckdb->bytes, writer->options.alloc, BYTES_MAX);
    duckdb->active.table = DUCKDB_NONE;
    duckdb->side_path = aks_mem_printf(writer->options.alloc, "%s.checkpoint", writer->wal_path);
    if (duckdb->side_path == NULL)
        return aks_error_memory(err, "making a writer");
    return make_files(writer, err);
}

void
aks_writer_duckdb_free(struct aks_writer *writer)
{
    if (writer->duckdb == NULL)
        return;
    aks_mem_free(writer->options.alloc, writer->duckdb->side_path);
    aks_buf_fini(&writer->duckdb->bytes);
    aks_mem_free(writer->options.alloc, writer->duckdb);
    writer->duckdb = NULL;
}
