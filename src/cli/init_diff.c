#include "cli/init_diff.h"

#include <stdbool.h>
#include <string.h>

/* A text that is read line by line, from both of its ends. */
struct side {
    const char *text;
    size_t len;
    size_t lines;
};

static size_t
count_lines(const char *text, size_t len)
{
    size_t lines = 0;

    for (size_t i = 0; i < len; i++)
        lines += text[i] == '\n';
    return lines + (len > 0 && text[len - 1] != '\n');
}

/* Behind the line that begins at ${at}. */
static size_t
line_end(const struct side *side, size_t at)
{
    const char *end = memchr(side->text + at, '\n', side->len - at);

    return end != NULL ? (size_t)(end - side->text) + 1 : side->len;
}

/* Where the line begins that ends at ${at}. */
static size_t
line_begin(const struct side *side, size_t at)
{
    const char *end = at > 0 ? memrchr(side->text, '\n', at - 1) : NULL;

    return end != NULL ? (size_t)(end - side->text) + 1 : 0;
}

static void
put_lines(const struct side *side, size_t from, size_t to, char sign, struct aks_buf *out)
{
    while (from < to) {
        size_t end = line_end(side, from);

        aks_buf_putc(out, sign);
        aks_buf_append(out, side->text + from, end - from);
        if (side->text[end - 1] != '\n')
            aks_buf_puts(out, "\n\\ No newline at end of file\n");
        from = end;
    }
}

/* Of a side that has none, the line before. */
static void
put_range(size_t first, size_t count, struct aks_buf *out)
{
    aks_buf_printf(out, "%zu,%zu", count > 0 ? first + 1 : first, count);
}

void
aks_init_diff_write(const char *path, const char *before, size_t before_len, const char *after,
    size_t after_len, struct aks_buf *out)
{
    struct side old = { before, before_len, count_lines(before, before_len) };
    struct side new = { after, after_len, count_lines(after, after_len) };
    size_t head = 0;                    /* bytes and lines that are the same, from the begin */
    size_t head_lines = 0;
    size_t old_tail = before_len;       /* where what is the same to the end begins */
    size_t new_tail = after_len;
    size_t tail_lines = 0;
    size_t from;
    size_t context = 0;
    size_t behind = 0;
    size_t old_to;

    if (before_len == after_len && memcmp(before, after, before_len) == 0)
        return;
    while (head < before_len && head < after_len) {
        size_t end = line_end(&old, head);

        if (end != line_end(&new, head) || memcmp(before + head, after + head, end - head) != 0)
            break;
        head = end;
        head_lines++;
    }
    while (old_tail > head && new_tail > head) {
        size_t a = line_begin(&old, old_tail);
        size_t b = line_begin(&new, new_tail);

        if (a < head || b < head || old_tail - a != new_tail - b ||
            memcmp(before + a, after + b, old_tail - a) != 0)
            break;
        old_tail = a;
        new_tail = b;
        tail_lines++;
    }
    for (from = head; context < AKS_INIT_DIFF_CONTEXT && from > 0; context++)
        from = line_begin(&old, from);
    for (old_to = old_tail; behind < AKS_INIT_DIFF_CONTEXT && old_to < before_len; behind++)
        old_to = line_end(&old, old_to);
    aks_buf_printf(out, "--- %s\n+++ %s\n@@ -", path, path);
    put_range(head_lines - context, old.lines - head_lines - tail_lines + context + behind, out);
    aks_buf_puts(out, " +");
    put_range(head_lines - context, new.lines - head_lines - tail_lines + context + behind, out);
    aks_buf_puts(out, " @@\n");
    put_lines(&old, from, head, ' ', out);
    put_lines(&old, head, old_tail, '-', out);
    put_lines(&new, head, new_tail, '+', out);
    put_lines(&old, old_tail, old_to, ' ', out);
}
