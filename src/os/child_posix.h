/* A child process: this program going on in a copy of itself, so that what it runs may hang, crash
 * or take all memory without taking us along. It is heard through a pipe. */
#ifndef AKS_OS_CHILD_POSIX_H
#define AKS_OS_CHILD_POSIX_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

struct aks_child_posix {
    int pid;                /* 0: none */
    int fd;                 /* what it writes is read here; -1: it has closed its end */
};

#define AKS_CHILD_POSIX_HOW_BYTES 96

/** In the child ${body} is called with the end of the pipe that it may write to, and its result is
 * the exit code. Standard input and output are /dev/null there; SIGINT and SIGTERM do what they do
 * by default; the child dies with its parent. Only while this process has one thread: after it, a
 * copy has locks that nobody opens. */
enum aks_status aks_child_posix_start(int (*body)(void *ctx, int fd), void *ctx,
    struct aks_child_posix *ret_child, struct aks_error *err);
/** Waits for up to ${timeout_ms} until one of ${children} (those without a pid are passed over) has
 * something to read or has closed its end; or until a signal was caught. */
void aks_child_posix_wait(const struct aks_child_posix *children, size_t count, int timeout_ms);
/** What is there now: *ret_len 0 if nothing is. False, and fd is -1, when all has been read and the
 * child has closed its end. */
bool aks_child_posix_read(struct aks_child_posix *child, void *data, size_t len, size_t *ret_len);
/** Asks it to end (SIGTERM). */
void aks_child_posix_interrupt(const struct aks_child_posix *child);
void aks_child_posix_kill(const struct aks_child_posix *child);
/** Waits for the child's end and forgets it. True if it ended by itself with exit code 0, else
 * ${ret_how} says "exit code 3" or "signal 11: Segmentation fault". */
bool aks_child_posix_reap(struct aks_child_posix *child, char ret_how[AKS_CHILD_POSIX_HOW_BYTES]);
/** In the child: writes all of it; false when the parent does not read any more. */
bool aks_child_posix_write(int fd, const void *data, size_t len);

#endif
