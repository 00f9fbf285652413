/* The real ports: POSIX, threads, libcurl. What a program gives the engine; a simulated world
 * stands beside it. */
#ifndef AKS_OS_OS_H
#define AKS_OS_OS_H

#include "base/alloc.h"
#include "base/error.h"
#include "port/port.h"

struct aks_os;

/** Opens the ports. Cheap: threads are started by the first work, libcurl is loaded by the first
 * request. Borrows ${alloc}, which must be thread-safe. Everything but the functions
 * of files belongs to the thread that opened: those may be called from work as well.
 *
 * Touches the process, once and for good: SIGPIPE and SIGXFSZ are ignored where they would kill (a
 * peer that hangs up and a file size limit are errors here), and glibc is told to keep at most two
 * heaps, as eight threads with a heap each would be most of the program's memory. */
enum aks_status aks_os_open(const struct aks_alloc *alloc, struct aks_os **ret_os,
    struct aks_error *err);
/** Lives as long as ${os}. */
const struct aks_port *aks_os_port(struct aks_os *os);
/** Workers that are started from now on are the full program (os/program.h), which lies beside this
 * one. */
void aks_os_start_full(struct aks_os *os);
/** This code is part of a shared library in a program that is not ours: what belongs to us (the
 * module for requests, the program that a worker is) lies near that library. Before the first
 * request. */
void aks_os_of_library(struct aks_os *os);
/** Ends requests and drops work that has not begun, both without a completion; waits for work that
 * has. Never from inside a completion. NULL is fine. */
void aks_os_close(struct aks_os *os);

#endif
