/* Somebody else who writes a database while the engine works: a model of DuckDB (it writes as
 * facts about 1.5.6 were measured: commits go to the log, whole blocks before their commit, a
 * checkpoint writes blocks, one header and then takes the log away), or SQLite itself.
 *
 * A writer acts in small pieces, so that a test can put each of them between any two steps of the
 * engine. Every transaction counts one on, and what a database holds follows from its count alone:
 * of any copy of main file and log it can be told which committed state it is, or that it is none.
 */
#ifndef AKS_TESTKIT_WRITER_H
#define AKS_TESTKIT_WRITER_H

#include "base/alloc.h"
#include "base/error.h"
#include "sim/files_sim.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum aks_writer_kind { AKS_WRITER_DUCKDB, AKS_WRITER_SQLITE_WAL, AKS_WRITER_SQLITE_ROLLBACK };

#define AKS_WRITER_TRANSACTIONS_MAX 10000   /* of one writer; then it rests */

struct aks_writer_options {
    const struct aks_alloc *alloc;
    struct aks_files_sim *files;        /* borrowed; with a VFS on it */
    enum aks_writer_kind kind;
    const char *path;                   /* absolute; copied */
    uint64_t seed;                      /* of what it does next */
    unsigned session;                   /* so many transactions, then it closes the database and
                                         * opens it again; 0: it never closes it */
    bool unseen;                        /* no lock of its tells that it is there */
};

struct aks_writer;

/** Makes the database, closed, with its first state. */
enum aks_status aks_writer_new(const struct aks_writer_options *options,
    struct aks_writer **ret_writer, struct aks_error *err);
/** As aks_writer_stop. NULL is fine. */
void aks_writer_free(struct aks_writer *writer);
/** The next piece: a write of a few bytes, a page, a header, a lock. One that SQLite does not let
 * through is tried again the next time. Not AKS_OK: the database does not take what is right. */
enum aks_status aks_writer_act(struct aks_writer *writer, struct aks_error *err);
/** Commits what it has begun, makes a checkpoint and closes the database. */
enum aks_status aks_writer_rest(struct aks_writer *writer, struct aks_error *err);
/** It dies at once; what it had not committed never happened. Goes on at its next act, as a process
 * that opens the database does. */
void aks_writer_stop(struct aks_writer *writer);
/** How many transactions are committed, the first state included. */
uint64_t aks_writer_committed(const struct aks_writer *writer);
/** How often it was told to come back later. */
uint64_t aks_writer_waited(const struct aks_writer *writer);
const char *aks_writer_path(const struct aks_writer *writer);
enum aks_writer_kind aks_writer_kind(const struct aks_writer *writer);

/** Which committed state are these? ${wal} NULL: there is no log. AKS_OK with the count, or
 * AKS_CORRUPT with what is wrong: pieces of two states, a log that was applied already, bytes that
 * the log names and the main file lacks, a checksum. */
enum aks_status aks_writer_state(const struct aks_alloc *alloc, enum aks_writer_kind kind,
    const void *main, size_t main_len, const void *wal, size_t wal_len, uint64_t *ret_count,
    struct aks_error *err);
/** The log's file of a database at ${path}; owned, or NULL without memory. */
char *aks_writer_wal_path(const struct aks_alloc *alloc, enum aks_writer_kind kind,
    const char *path);

#endif
