/* What the files of the simulated disk share.
 *
 * There is one picture of the disk: as the process sees it. Beside it is kept the way back to what
 * was synced: each file has a list of the writes since its last sync, with the bytes that they
 * replaced, and each folder one of the changes of its names, with the names that they took out. A
 * sync forgets them; a loss of power goes back along them and then forward again through what it
 * has chosen to keep. So a write that appends costs no second copy, and a sync costs nothing.
 *
 * files_sim.c       the disk as a whole, the hook, the words of failures
 * files_sim_tree.c  nodes, names, the way along a path
 * files_sim_data.c  bytes of a file, and what a loss of power leaves of them
 * files_sim_undo.c  changes of names, and what a loss of power leaves of them
 * files_sim_open.c  calls of the port on open files
 * files_sim_path.c  calls of the port on paths
 * files_sim_hand.c  what the outside world does */
#ifndef AKS_SIM_FILES_SIM_INTERNAL_H
#define AKS_SIM_FILES_SIM_INTERNAL_H

#include "base/rng.h"
#include "sim/files_sim.h"

/* As on Linux. */
#define AKS_FILES_SIM_NAME_BYTES 255
#define AKS_FILES_SIM_LINKS_MAX 40
/* The disk, when nobody has set its room; and the largest file, which is held in memory in one
 * piece. */
#define AKS_FILES_SIM_DISK_BYTES (INT64_C(1) << 40)
#define AKS_FILES_SIM_FILE_BYTES_MAX (INT64_C(1) << 30)
/* Replaced bytes that one file keeps as its way back, and changes of names that one folder keeps:
 * more are taken for synced, as with AKS_FILES_SIM_PENDING_MAX. */
#define AKS_FILES_SIM_PENDING_BYTES_MAX ((size_t)256 << 20)
#define AKS_FILES_SIM_CHANGES_MAX 100000

/* A write or a truncation that is not synced. */
struct aks_sim_piece {
    struct aks_sim_piece *next;         /* the next younger */
    struct aks_sim_piece *previous;
    bool truncates;                     /* to ${offset} */
    bool kept;                          /* while the power goes: some of it */
    size_t offset;
    size_t len;                         /* of a write */
    size_t bytes_before;                /* of the file, before it */
    uint8_t *after;                     /* while the power goes: the bytes it wrote */
    size_t before_len;
    uint8_t before[];                   /* what it replaced, from ${offset} on */
};

struct aks_sim_node;

/* A name in a folder, or one that was taken out and may come back. */
struct aks_sim_name {
    struct aks_sim_name *left;
    struct aks_sim_name *right;
    uint64_t priority;                  /* of a treap: above all below it */
    struct aks_sim_node *folder;
    struct aks_sim_node *node;          /* counted there */
    size_t len;
    char text[];
};

/* A change of the names of one folder that is not synced. */
struct aks_sim_change {
    struct aks_sim_change *next;        /* the next younger */
    struct aks_sim_change *previous;
    uint64_t order;                     /* among all of the disk */
    bool half;                          /* the other half, in another folder, has the same order */
    struct aks_sim_name *added;         /* not owned: in the folder, or a younger one has it */
    struct aks_sim_name *removed[2];    /* owned */
};

/* Whose everything is. */
#define AKS_FILES_SIM_UID 1000

/* A file, folder or link. */
struct aks_sim_node {
    struct aks_sim_node *next;          /* of the disk, oldest first; or of those to be freed */
    struct aks_sim_node *previous;
    enum aks_file_type type;
    unsigned refs;                      /* names in and out of folders, open files, the disk */
    unsigned names;                     /* in folders */
    unsigned opened;
    uint64_t inode;
    int64_t mtime_ns;
    int64_t ctime_ns;
    int64_t synced_mtime_ns;
    int64_t synced_ctime_ns;
    bool read_only;
    bool held;                          /* locked by another process */
    struct aks_file *locked;            /* the open file that has the lock */

    uint8_t *data;                      /* of a file; of a link: its target, with a NUL */
    size_t len;
    size_t capacity;
    struct aks_sim_piece *first_piece;
    struct aks_sim_piece *last_piece;
    size_t pieces;
    size_t piece_bytes;                 /* of what they replaced */

    struct aks_sim_name *place;         /* of a folder: its own name; NULL for the root */
    struct aks_sim_name *entries;       /* of a folder: the treap's top */
    size_t entry_count;
    struct aks_sim_change *first_change;
    struct aks_sim_change *last_change;
    size_t changes;
};

struct aks_file {
    struct aks_files_sim *files;        /* NULL: its process is gone */
    const struct aks_alloc *alloc;
    struct aks_file *next;
    struct aks_file *previous;
    struct aks_sim_node *node;
    enum aks_file_open how;
    char path[];                        /* for messages and the hook */
};

struct aks_files_sim {
    const struct aks_alloc *alloc;
    const struct aks_clock *clock;
    const struct aks_sim_hook *hook;
    void (*advance)(void *ctx, int64_t ns);
    void *advance_ctx;
    struct aks_files port;
    struct aks_rng shape;               /* of treaps: seen by nobody */
    uint64_t seed;
    uint64_t crashes;
    uint64_t order;                     /* of the youngest change */
    uint64_t inode;                     /* given last */
    struct aks_sim_node *root;
    struct aks_sim_node *first_node;
    struct aks_sim_node *last_node;
    struct aks_file *opened;
    unsigned open_count;
    struct aks_sim_node *read_only;     /* counted there; NULL: nothing */
    int64_t used;                       /* bytes of files that can be reached */
    int64_t used_max;                   /* -1: no limit */
    int64_t stamped_ms;                 /* the wall clock when last asked */
    int64_t back;                       /* how often it had gone back since then */
    size_t read_max;                    /* of one read; 0: no limit */
    bool clones;                        /* its files can share bytes */
    bool dead;                          /* the process has died and is not buried yet */
};

/* Where a path leads. */
struct aks_sim_spot {
    struct aks_sim_node *folder;        /* that has or would have the name; NULL: the path ends in
                                         * "/", "." or ".." */
    struct aks_sim_name *name;          /* NULL: there is none */
    struct aks_sim_node *node;          /* NULL: there is nothing */
    const char *text;                   /* the name, not terminated */
    size_t len;
    bool slash;                         /* a '/' follows it */
};

/* files_sim.c */

/** Fills ${err} as a real disk would: "cannot ${verb} ${path} to ${to}: ..." with the text and the
 * status of ${number}, an errno. ${to} may be NULL. */
enum aks_status aks_files_sim_fail(struct aks_error *err, int number, const char *verb,
    const char *path, const char *to);
/** Asks the hook for one step, which messages call ${verb}; ${from} is what a rename moves, else
 * NULL. If that is not AKS_OK the step fails so, after *ret_took of its bytes; a step without bytes
 * after all of it if *ret_took > 0. */
enum aks_status aks_files_sim_ask(struct aks_files_sim *files, const struct aks_sim_step *step,
    const char *verb, const char *from, int64_t *ret_took, struct aks_error *err);
/** The stamp of a write now, by the wall clock. A clock that is set back lands on no nanosecond
 * that it has told before: two writes bear one stamp only where no time is between them. */
int64_t aks_files_sim_now_ns(struct aks_files_sim *files);
/** Bytes that may still be written. */
int64_t aks_files_sim_room(const struct aks_files_sim *files);

/* files_sim_tree.c */

/** A new node of the disk, with one reference, the caller's; NULL: no memory. */
struct aks_sim_node *aks_files_sim_tree_node(struct aks_files_sim *files, enum aks_file_type type);
void aks_files_sim_tree_ref(struct aks_sim_node *node);
/** Frees it, and what is below it, if that was the last one. NULL is fine. */
void aks_files_sim_tree_unref(struct aks_files_sim *files, struct aks_sim_node *node);
/** Another open file, or one less (${by} -1). */
void aks_files_sim_tree_opened(struct aks_files_sim *files, struct aks_sim_node *node, int by);
/** A name that is in no folder; NULL: no memory. */
struct aks_sim_name *aks_files_sim_tree_name(struct aks_files_sim *files, const char *text,
    size_t len, struct aks_sim_node *node);
/** Fine on NULL; ${name} is in no folder. */
void aks_files_sim_tree_name_free(struct aks_files_sim *files, struct aks_sim_name *name);
/** The folder has none of that text. */
void aks_files_sim_tree_attach(struct aks_files_sim *files, struct aks_sim_node *folder,
    struct aks_sim_name *name);
void aks_files_sim_tree_detach(struct aks_files_sim *files, struct aks_sim_name *name);
struct aks_sim_name *aks_files_sim_tree_find(const struct aks_sim_node *folder, const char *text,
    size_t len);
/** All of a folder, folders sorted as if their names ended in '/'; each(ctx, name) may not change
 * it. */
void aks_files_sim_tree_entries(const struct aks_sim_node *folder,
    void (*each)(void *ctx, struct aks_sim_name *name), void *ctx);
/** Follows ${path}; a link at its end only with ${follow}. An errno, or 0, also if only the last
 * name is missing. */
int aks_files_sim_tree_walk(const struct aks_files_sim *files, const char *path, bool follow,
    struct aks_sim_spot *ret_spot);
/** The folder above, of the root the root. */
struct aks_sim_node *aks_files_sim_tree_parent(const struct aks_files_sim *files,
    const struct aks_sim_node *folder);
/** Marks what is below ${files}->read_only, and only that. */
void aks_files_sim_tree_mark(struct aks_files_sim *files);
void aks_files_sim_tree_info(const struct aks_sim_node *node, struct aks_file_info *ret_info);

/* files_sim_data.c */

/** Writes up to ${len} bytes, as many as there is room for; an errno, or 0. */
int aks_files_sim_data_write(struct aks_files_sim *files, struct aks_sim_node *node, int64_t offset,
    const void *data, size_t len);
int aks_files_sim_data_truncate(struct aks_files_sim *files, struct aks_sim_node *node,
    int64_t bytes);
/** Makes the file at least ${end} bytes long, with zeros; false: no memory. Not undone by a loss of
 * power if everything is synced. */
bool aks_files_sim_data_grow(struct aks_files_sim *files, struct aks_sim_node *node, size_t end);
void aks_files_sim_data_sync(struct aks_files_sim *files, struct aks_sim_node *node);
/** The power goes: chooses what is left of the writes since the last sync. */
void aks_files_sim_data_lose(struct aks_files_sim *files, struct aks_sim_node *node);

/* files_sim_undo.c */

/** Puts ${added} (may be NULL) into the folder and takes ${removed} and ${removed_too} (may be
 * NULL) out of it, in one change that is not synced. ${change} comes from new; ${order} 0 is a
 * change of its own or the first half of one, else the half of that one. Returns its order. */
uint64_t aks_files_sim_undo_change(struct aks_files_sim *files, struct aks_sim_node *folder,
    struct aks_sim_change *change, uint64_t order, struct aks_sim_name *added,
    struct aks_sim_name *removed, struct aks_sim_name *removed_too);
/** What was changed of the folder's names stands from now on. */
void aks_files_sim_undo_sync(struct aks_files_sim *files, struct aks_sim_node *folder);
/** That of every folder. */
void aks_files_sim_undo_sync_all(struct aks_files_sim *files);
/** That of the folder and of every one above it. */
void aks_files_sim_undo_sync_above(struct aks_files_sim *files, struct aks_sim_node *folder);
/** The power goes: in each folder a prefix of its changes is left. */
void aks_files_sim_undo_lose(struct aks_files_sim *files);

/* files_sim_open.c, files_sim_path.c */

void aks_files_sim_open_init(struct aks_files *ret_port);
void aks_files_sim_path_init(struct aks_files *ret_port);
/** The file is closed as by a death; its handle stays until close. */
void aks_files_sim_open_orphan(struct aks_file *file);

#endif
