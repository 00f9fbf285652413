/* The bytes of a file, and the way back to what was synced. */
#include "sim/files_sim_internal.h"

#include "base/check.h"

#include <errno.h>
#include <string.h>

#define SECTOR ((size_t)AKS_FILES_SIM_SECTOR_BYTES)
#define CAPACITY_MIN 512

static void
touch(struct aks_files_sim *files, struct aks_sim_node *node)
{
    node->mtime_ns = aks_files_sim_now_ns(files);
    node->ctime_ns = node->mtime_ns;
}

static void
set_len(struct aks_files_sim *files, struct aks_sim_node *node, size_t len)
{
    if (node->names + node->opened > 0)
        files->used += (int64_t)len - (int64_t)node->len;
    node->len = len;
}

static bool
reserve(struct aks_files_sim *files, struct aks_sim_node *node, size_t bytes)
{
    size_t capacity = node->capacity > 0 ? 2 * node->capacity : CAPACITY_MIN;
    uint8_t *data;

    if (bytes <= node->capacity)
        return true;
    if (capacity < bytes)
        capacity = bytes;
    data = aks_mem_resize(files->alloc, node->data, capacity);
    if (data == NULL)
        return false;
    node->data = data;
    node->capacity = capacity;
    return true;
}

bool
aks_files_sim_data_grow(struct aks_files_sim *files, struct aks_sim_node *node, size_t end)
{
    if (end <= node->len)
        return true;
    if (!reserve(files, node, end))
        return false;
    memset(node->data + node->len, 0, end - node->len);
    set_len(files, node, end);
    return true;
}

static void
forget_piece(struct aks_files_sim *files, struct aks_sim_piece *piece)
{
    aks_mem_free(files->alloc, piece->after);
    aks_mem_free(files->alloc, piece);
}

void
aks_files_sim_data_sync(struct aks_files_sim *files, struct aks_sim_node *node)
{
    for (struct aks_sim_piece *piece = node->first_piece; piece != NULL;) {
        struct aks_sim_piece *next = piece->next;

        forget_piece(files, piece);
        piece = next;
    }
    node->first_piece = NULL;
    node->last_piece = NULL;
    node->pieces = 0;
    node->piece_bytes = 0;
    node->synced_mtime_ns = node->mtime_ns;
    node->synced_ctime_ns = node->ctime_ns;
}

/* Remembers how bytes [offset, offset + len), or of a truncation all from ${offset} on, looked. */
static bool
remember(struct aks_files_sim *files, struct aks_sim_node *node, bool truncates, size_t offset,
    size_t len)
{
    size_t end = truncates || offset + len > node->len ? node->len : offset + len;
    size_t before_len = end > offset ? end - offset : 0;
    struct aks_sim_piece *piece;

    if (node->pieces >= AKS_FILES_SIM_PENDING_MAX ||
        node->piece_bytes + before_len > AKS_FILES_SIM_PENDING_BYTES_MAX)
        aks_files_sim_data_sync(files, node);
    piece = aks_mem_resize(files->alloc, NULL, sizeof(*piece) + before_len);
    if (piece == NULL)
        return false;
    memset(piece, 0, sizeof(*piece));
    piece->truncates = truncates;
    piece->offset = offset;
    piece->len = len;
    piece->bytes_before = node->len;
    piece->before_len = before_len;
    if (before_len > 0)
        memcpy(piece->before, node->data + offset, before_len);
    piece->previous = node->last_piece;
    if (node->last_piece != NULL)
        node->last_piece->next = piece;
    else
        node->first_piece = piece;
    node->last_piece = piece;
    node->pieces++;
    node->piece_bytes += before_len;
    return true;
}

int
aks_files_sim_data_write(struct aks_files_sim *files, struct aks_sim_node *node, int64_t offset,
    const void *data, size_t len)
{
    int64_t room_end = (int64_t)node->len + aks_files_sim_room(files);
    size_t fits = len;
    size_t end;

    if (offset < 0)
        return EINVAL;
    if (offset > AKS_FILES_SIM_FILE_BYTES_MAX ||
        len > (size_t)(AKS_FILES_SIM_FILE_BYTES_MAX - offset))
        return EFBIG;
    if (offset + (int64_t)len > room_end)
        fits = room_end > offset ? (size_t)(room_end - offset) : 0;
    if (fits == 0)
        return len > 0 ? ENOSPC : 0;
    end = (size_t)offset + fits;
    if (!reserve(files, node, end) || !remember(files, node, false, (size_t)offset, fits))
        return ENOMEM;
    if ((size_t)offset > node->len)
        memset(node->data + node->len, 0, (size_t)offset - node->len);
    memcpy(node->data + offset, data, fits);
    if (end > node->len)
        set_len(files, node, end);
    touch(files, node);
    return fits < len ? ENOSPC : 0;
}

int
aks_files_sim_data_truncate(struct aks_files_sim *files, struct aks_sim_node *node, int64_t bytes)
{
    if (bytes < 0)
        return EINVAL;
    if (bytes > AKS_FILES_SIM_FILE_BYTES_MAX)
        return EFBIG;
    if (!reserve(files, node, (size_t)bytes) ||
        !remember(files, node, true, (size_t)bytes, 0))
        return ENOMEM;
    if ((size_t)bytes < node->len)
        set_len(files, node, (size_t)bytes);
    else
        (void)aks_files_sim_data_grow(files, node, (size_t)bytes);  /* there is room for it */
    touch(files, node);
    return 0;
}

/* Before the piece, the file was so; what the piece wrote is kept aside if it may come back. */
static void
go_back(struct aks_files_sim *files, struct aks_sim_node *node, struct aks_sim_piece *piece)
{
    if (piece->kept && !piece->truncates) {
        piece->after = aks_mem_resize(files->alloc, NULL, piece->len);
        if (piece->after != NULL)
            memcpy(piece->after, node->data + piece->offset, piece->len);
        else
            piece->kept = false;    /* it is lost then, as it might have been anyway */
    }
    if (piece->before_len > 0)
        memcpy(node->data + piece->offset, piece->before, piece->before_len);
    set_len(files, node, piece->bytes_before);
}

/* Puts back a range of what a piece wrote, up to ${limit} in the file. Its memory is there: the
 * file has been as long before. */
static void
put_back(struct aks_files_sim *files, struct aks_sim_node *node, const struct aks_sim_piece *piece,
    size_t from, size_t to, size_t limit)
{
    if (to > limit)
        to = limit;
    if (from >= to)
        return;
    AKS_CHECK(to <= node->capacity);
    (void)aks_files_sim_data_grow(files, node, to);
    memcpy(node->data + from, piece->after + (from - piece->offset), to - from);
}

/* How a write is torn: what is left of it begins or ends at a sector, or is any of its sectors. */
static void
put_torn(struct aks_files_sim *files, struct aks_sim_node *node, const struct aks_sim_piece *piece,
    struct aks_rng *rng, size_t limit)
{
    size_t end = piece->offset + piece->len;
    size_t first = piece->offset / SECTOR;
    size_t sectors = (end + SECTOR - 1) / SECTOR - first;
    size_t cut = (first + aks_rng_next(rng) % (sectors + 1)) * SECTOR;
    uint64_t way = aks_rng_next(rng) % 4;

    if (way < 2) {
        put_back(files, node, piece, piece->offset, cut < end ? cut : end, limit);
        return;
    }
    if (way == 2) {
        put_back(files, node, piece, cut > piece->offset ? cut : piece->offset, end, limit);
        return;
    }
    for (size_t i = 0; i < sectors; i++) {
        size_t from = (first + i) * SECTOR;
        size_t to = from + SECTOR;

        if ((aks_rng_next(rng) & 1) != 0)
            put_back(files, node, piece, from > piece->offset ? from : piece->offset,
                to < end ? to : end, limit);
    }
}

/* A truncation that did not happen takes what was written behind it along: those bytes had no place
 * on the medium yet. What was written before its end is on its own. */
static void
go_forward(struct aks_files_sim *files, struct aks_sim_node *node, struct aks_sim_piece *piece,
    struct aks_rng *rng, unsigned torn_of_16, size_t *limit)
{
    if (piece->truncates && !piece->kept) {
        if (piece->offset < piece->bytes_before && piece->offset < *limit)
            *limit = piece->offset;
    } else if (piece->truncates && piece->offset < node->len) {
        set_len(files, node, piece->offset);
    } else if (piece->truncates && piece->offset <= *limit) {
        (void)aks_files_sim_data_grow(files, node, piece->offset);
    } else if (!piece->truncates && piece->kept) {
        if (aks_rng_next(rng) % 16 < torn_of_16)
            put_torn(files, node, piece, rng, *limit);
        else
            put_back(files, node, piece, piece->offset, piece->offset + piece->len, *limit);
    }
}

/* Which pieces are kept: all, none, the older ones, or any. Returns how often, of 16 times, a kept
 * one is torn. */
static unsigned
choose(struct aks_sim_node *node, struct aks_rng *rng, bool *ret_any)
{
    uint64_t way = aks_rng_next(rng) % 8;
    size_t older = aks_rng_next(rng) % (node->pieces + 1);
    uint64_t kept_of_16 = 1 + aks_rng_next(rng) % 15;
    size_t i = 0;

    *ret_any = false;
    for (struct aks_sim_piece *piece = node->first_piece; piece != NULL; piece = piece->next) {
        piece->kept = way == 0 ? true : way == 1 ? false : way < 4 ? i < older
            : aks_rng_next(rng) % 16 < kept_of_16;
        *ret_any = *ret_any || piece->kept;
        i++;
    }
    return way == 0 ? 0 : (unsigned)(aks_rng_next(rng) % 9);
}

void
aks_files_sim_data_lose(struct aks_files_sim *files, struct aks_sim_node *node)
{
    struct aks_rng rng;
    unsigned torn_of_16;
    size_t limit = SIZE_MAX;
    bool any;

    if (node->first_piece == NULL)
        return;
    /* Of the file's own, so that what other files there are makes no difference to it. */
    aks_rng_init(&rng, files->seed ^ (files->crashes << 48) ^ (node->inode << 8));
    (void)aks_rng_next(&rng);
    torn_of_16 = choose(node, &rng, &any);
    for (struct aks_sim_piece *piece = node->last_piece; piece != NULL; piece = piece->previous)
        go_back(files, node, piece);
    for (struct aks_sim_piece *piece = node->first_piece; piece != NULL; piece = piece->next)
        go_forward(files, node, piece, &rng, torn_of_16, &limit);
    if (!any) {
        node->mtime_ns = node->synced_mtime_ns;
        node->ctime_ns = node->synced_ctime_ns;
    }
    aks_files_sim_data_sync(files, node);
}
