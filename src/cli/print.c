#include "cli/print.h"

#include "akosha/akosha.h"
#include "base/buf.h"
#include "base/redact.h"
#include "base/utf8.h"
#include "cli/progress.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE_BYTES 4096
/* A document is one line, or many. */
#define OUT_BYTES_MAX ((size_t)256 << 20)
/* A private key that is printed line by line is waited for, as far as that. */
#define KEY_BYTES_MAX ((size_t)64 << 10)

/* --- silence ---------------------------------------------------------------------------------- */

/* A hook says nothing; what it would have said first stays to be kept. */
static struct {
    bool on;
    char error[1024];
} mute;

void
aks_print_mute(void)
{
    mute.on = true;
    mute.error[0] = '\0';
}

const char *
aks_print_muted(void)
{
    return mute.error;
}

void
aks_print_unmute(void)
{
    mute.on = false;
    if (mute.error[0] != '\0')
        aks_print_error(NULL, "%s", mute.error);
}

/* --- standard output -------------------------------------------------------------------------- */

/* What is printed and not yet written: whole lines are, once they have lost what is secret. */
static struct {
    struct aks_buf text;
    bool failed;                /* some of it could not be kept */
} printed;

static void
write_out(size_t whole)
{
    size_t left = printed.text.len - whole;
    size_t bytes = whole;

    if (bytes == 0)
        return;
    /* A line end is no secret, so the rest does not move under the redactor. */
    if (!mute.on) {
        bytes = aks_redact(printed.text.data, bytes, 0);
        /* Programs get what there is, people what they can trust. */
        if (isatty(STDOUT_FILENO))
            aks_utf8_tame(printed.text.data, bytes);
        (void)fwrite(printed.text.data, 1, bytes, stdout);
    }
    memmove(printed.text.data, printed.text.data + whole, left);
    printed.text.len = left;
    printed.text.data[left] = '\0';
}

/* Up to the last line end, unless a private key has begun and goes on. */
static size_t
whole_lines(void)
{
    const char *end = memrchr(printed.text.data, '\n', printed.text.len);
    const char *key = memmem(printed.text.data, printed.text.len, "PRIVATE KEY-----", 16);

    if (end == NULL)
        return 0;
    if (key != NULL && strstr(key, "-----END ") == NULL && printed.text.len < KEY_BYTES_MAX)
        return 0;
    return (size_t)(end - printed.text.data) + 1;
}

void
aks_print_out(const char *format, ...)
{
    va_list args;
    char text[LINE_BYTES];
    char *longer = NULL;
    int len;

    aks_progress_clear();
    if (printed.text.alloc == NULL)
        aks_buf_init(&printed.text, aks_alloc_system(), OUT_BYTES_MAX);
    va_start(args, format);
    len = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (len >= (int)sizeof(text) && (longer = malloc((size_t)len + 1)) != NULL) {
        va_start(args, format);
        (void)vsnprintf(longer, (size_t)len + 1, format, args);
        va_end(args);
    }
    if (len < 0 || (len >= (int)sizeof(text) && longer == NULL))
        printed.failed = true;
    else
        aks_buf_append(&printed.text, longer != NULL ? longer : text, (size_t)len);
    free(longer);
    printed.failed = printed.failed || printed.text.failed != AKS_OK;
    write_out(whole_lines());
}

void
aks_print_now(void)
{
    write_out(printed.text.alloc != NULL ? whole_lines() : 0);
    (void)fflush(stdout);
}

int
aks_print_flush(void)
{
    int why = 0;

    write_out(printed.text.alloc != NULL ? printed.text.len : 0);
    aks_buf_fini(&printed.text);
    if (fflush(stdout) != 0 || ferror(stdout))
        why = errno;
    else if (printed.failed)
        why = ENOMEM;
    if (why == 0)
        return 0;
    aks_print_error("give it a standard output that can be written, or /dev/null",
        "cannot write to standard output: %s", strerror(why));
    return AKOSHA_USAGE;
}

/* --- standard error --------------------------------------------------------------------------- */

/* Control characters but tabs are shown as '?': nothing in a message moves the cursor, ends the
 * line or turns it about. */
static void
write_line(const char *prefix, char *text, bool cut)
{
    (void)aks_redact_text(text, cut ? AKS_REDACT_CUT : 0);
    for (char *c = text; *c != '\0'; c++) {
        if (((unsigned char)*c < ' ' && *c != '\t') || *c == 0x7f)
            *c = '?';
    }
    aks_utf8_tame(text, strlen(text));
    if (!mute.on)
        (void)fprintf(stderr, "%s%s\n", prefix, text);
}

void
aks_print_error(const char *hint, const char *format, ...)
{
    char text[LINE_BYTES] = "";
    va_list args;
    int len;

    aks_progress_clear();
    va_start(args, format);
    len = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    write_line("akosha-sync: ", text, len >= (int)sizeof(text));
    if (mute.on && mute.error[0] == '\0')
        (void)snprintf(mute.error, sizeof(mute.error), "%.1000s", text);
    if (hint != NULL && hint[0] != '\0') {
        len = snprintf(text, sizeof(text), "%s", hint);
        write_line("hint: ", text, len >= (int)sizeof(text));
    }
}

void
aks_print_note(const char *format, ...)
{
    char text[LINE_BYTES] = "";
    va_list args;
    int len;

    aks_progress_clear();
    va_start(args, format);
    len = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    write_line("", text, len >= (int)sizeof(text));
}

void
aks_print_lines(char *text)
{
    aks_progress_clear();
    (void)fputs(aks_redact_text(text, 0), stderr);
}

void
aks_print_drawn(char *text)
{
    (void)fprintf(stderr, "\r%s\033[K", aks_redact_text(text, 0));
    (void)fflush(stderr);
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
