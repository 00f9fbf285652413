#include "cli/progress.h"

#include "base/units.h"
#include "cli/print.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define DRAW_EVERY_MS 100
/* The rate is of the last second, not of the whole: what a person sees should follow the link. */
#define RATE_WINDOW_MS 1000
#define BAR_CELLS 24
#define LINE_BYTES 256

static struct {
    bool wanted;
    bool shown;
    int64_t drawn_ms;
    int64_t window_ms;              /* when the rate's window began */
    int64_t window_bytes;
    double bytes_per_s;
} line;

static int64_t
now_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * AKS_MS_PER_S + now.tv_nsec / AKS_NS_PER_MS;
}

void
aks_progress_start(bool wanted)
{
    line.wanted = wanted && isatty(STDERR_FILENO) == 1;
    line.window_ms = now_ms();
}

static int
columns(void)
{
    struct winsize size;

    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
        return 80;
    return size.ws_col < LINE_BYTES ? size.ws_col : LINE_BYTES - 1;
}

static void
measure(int64_t bytes, int64_t ms)
{
    if (bytes < line.window_bytes || ms - line.window_ms > RATE_WINDOW_MS) {
        if (bytes >= line.window_bytes && ms > line.window_ms)
            line.bytes_per_s = (double)(bytes - line.window_bytes) * 1000 /
                (double)(ms - line.window_ms);
        line.window_bytes = bytes;
        line.window_ms = ms;
    } else if (line.bytes_per_s <= 0 && ms > line.window_ms) {
        line.bytes_per_s = (double)(bytes - line.window_bytes) * 1000 /
            (double)(ms - line.window_ms);
    }
}

static void
draw_bar(char *bar, int64_t done, int64_t total)
{
    int full = total > 0 ? (int)((double)done / (double)total * BAR_CELLS) : 0;

    for (int i = 0; i < BAR_CELLS; i++)
        bar[i] = i < full ? '#' : '.';
    bar[BAR_CELLS] = '\0';
}

static void
draw(const char *text, int64_t ms)
{
    char fitting[LINE_BYTES];

    (void)snprintf(fitting, sizeof(fitting), "%.*s", columns() - 1, text);
    aks_print_drawn(fitting);
    line.shown = true;
    line.drawn_ms = ms;
}

void
aks_progress_show(void *ctx, const struct akosha_progress *progress)
{
    char bar[BAR_CELLS + 1];
    char text[LINE_BYTES];
    char done[AKS_UNITS_TEXT_BYTES];
    char left[AKS_UNITS_TEXT_BYTES];
    char rate[AKS_UNITS_TEXT_BYTES];
    int64_t ms;

    if (!line.wanted)
        return;
    ms = now_ms();
    if (line.shown && ms - line.drawn_ms < DRAW_EVERY_MS)
        return;
    measure(progress->bytes_done, ms);
    draw_bar(bar, progress->bytes_done, progress->bytes_total);
    if (progress->blocked)
        (void)snprintf(text, sizeof(text), "waiting for another akosha-sync that is delivering");
    else if (progress->waiting_ms >= 0)
        (void)snprintf(text, sizeof(text), "waiting %s before the next try",
            aks_units_duration(progress->waiting_ms, done));
    else if (progress->target == NULL)
        (void)snprintf(text, sizeof(text), "looking at %u file%s", progress->files_total,
            progress->files_total == 1 ? "" : "s");
    else
        (void)snprintf(text, sizeof(text), "[%s] %u/%u %s, %s left, %s/s %s %s%s%s", bar,
            progress->files_done, progress->files_total,
            aks_units_bytes(progress->bytes_done, done),
            aks_units_bytes(progress->bytes_total - progress->bytes_done, left),
            aks_units_bytes((int64_t)line.bytes_per_s, rate), progress->reading ? "from" : "to",
            progress->target,
            progress->source != NULL ? ": " : "",
            progress->source != NULL ? progress->source : "");
    draw(text, ms);
}

void
aks_progress_text(const char *text)
{
    int64_t ms;

    if (!line.wanted)
        return;
    ms = now_ms();
    if (!line.shown || ms - line.drawn_ms >= DRAW_EVERY_MS)
        draw(text, ms);
}

void
aks_progress_clear(void)
{
    if (!line.shown)
        return;
    aks_print_drawn((char[]) { "" });
    line.shown = false;
}
