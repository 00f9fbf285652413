#include "cli/print.h"

#include "akosha/akosha.h"
#include "cli/progress.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LINE_BYTES 4096

void
aks_print_out(const char *format, ...)
{
    va_list args;

    aks_progress_clear();
    va_start(args, format);
    (void)vfprintf(stdout, format, args);
    va_end(args);
}

int
aks_print_flush(void)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return 0;
    aks_print_error("give it a standard output that can be written, or /dev/null",
        "cannot write to standard output: %s", strerror(errno));
    return AKOSHA_USAGE;
}

/* Control characters but tabs are shown as '?': nothing in a message moves the cursor or ends the
 * line. */
static void
write_line(const char *prefix, char *text)
{
    for (char *c = text; *c != '\0'; c++) {
        if (((unsigned char)*c < ' ' && *c != '\t') || *c == 0x7f)
            *c = '?';
    }
    (void)fprintf(stderr, "%s%s\n", prefix, text);
}

void
aks_print_error(const char *hint, const char *format, ...)
{
    char text[LINE_BYTES];
    va_list args;

    aks_progress_clear();
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    write_line("akosha-sync: ", text);
    if (hint != NULL && hint[0] != '\0') {
        (void)snprintf(text, sizeof(text), "%s", hint);
        write_line("hint: ", text);
    }
}

void
aks_print_note(const char *format, ...)
{
    char text[LINE_BYTES];
    va_list args;

    aks_progress_clear();
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    write_line("", text);
}

bool
aks_print_guard(void)
{
    bool out = fcntl(STDOUT_FILENO, F_GETFD) >= 0;

    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
            (void)open("/dev/null", fd == STDIN_FILENO ? O_RDONLY : O_WRONLY);
    }
    return out;
}

void
aks_print_json_string(const char *text)
{
    aks_print_out("\"");
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '"' || *c == '\\')
            aks_print_out("\\%c", *c);
        else if ((unsigned char)*c < ' ')
            aks_print_out("\\u%04x", (unsigned)*c);
        else
            aks_print_out("%c", *c);
    }
    aks_print_out("\"");
}

void
aks_print_failure(bool json, const struct akosha_error *error)
{
    aks_print_error(error->hint, "%s", error->message);
    if (!json)
        return;
    aks_print_out("{\"schema\": 1, \"success\": false, \"exit_code\": %d, \"error\": "
        "{\"failure\": \"%s\", \"message\": ", error->code, error->failure);
    aks_print_json_string(error->message);
    aks_print_out(", \"target\": null, \"hint\": ");
    if (error->hint[0] != '\0')
        aks_print_json_string(error->hint);
    else
        aks_print_out("null");
    aks_print_out("}}\n");
}
