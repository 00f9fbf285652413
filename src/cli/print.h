/* What a person or a script reads: results on standard output, everything else on standard error.
 * Nothing else writes there, as here everything loses what is secret (base/redact.h). */
#ifndef AKS_CLI_PRINT_H
#define AKS_CLI_PRINT_H

#include "akosha/akosha.h"

#include <stdbool.h>

/** To standard output, line by line. */
void aks_print_out(const char *format, ...) __attribute__((format(printf, 1, 2)));
/** Lets whoever waits read the lines that are whole. */
void aks_print_now(void);
/** Writes out what is buffered, at the end. 0, or the exit code for an output that cannot be
 * written, after telling so. */
int aks_print_flush(void);
/** "akosha-sync: ..." and, if ${hint} is not empty, "hint: ..." on standard error. Line ends and
 * control characters in what is told are shown as '?', so that one error stays one line. */
void aks_print_error(const char *hint, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/** From now on nothing is written anywhere; the first error is kept. */
void aks_print_mute(void);
/** That error, redacted, or "". */
const char *aks_print_muted(void);
/** Ends it, and tells that error. */
void aks_print_unmute(void);
/** As a JSON string, in quotes. */
void aks_print_json_string(const char *text);
/** Tells ${error} on standard error and, if ${json}, as a document on standard output. */
void aks_print_failure(bool json, const struct akosha_error *error);
/** One line on standard error, without a prefix. */
void aks_print_note(const char *format, ...) __attribute__((format(printf, 1, 2)));
/** Whole lines on standard error, as they are. ${text} loses what is secret. */
void aks_print_lines(char *text);
/** In place of the line that the cursor is on, on standard error; ${text} as above, "" clears. */
void aks_print_drawn(char *text);
/** Standard streams that are closed are opened on /dev/null, so that no file of ours ever gets
 * their numbers. False if standard output was one of them. */
bool aks_print_guard(void);

#endif
