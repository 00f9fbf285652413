#include "cli/test_tap.h"

#include <inttypes.h>
#include <string.h>

/* '#' begins a directive, and a '\' escapes it. */
static void
put_description(const char *text, struct aks_buf *out)
{
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '#' || *c == '\\')
            aks_buf_putc(out, '\\');
        aks_buf_putc(out, *c == '\n' ? ' ' : *c);
    }
}

/* A YAML block whose depth is told, so that a text may begin with blanks. */
static void
put_block(const char *name, const char *text, struct aks_buf *out)
{
    if (text[0] == '\0')
        return;
    aks_buf_printf(out, "  %s: |2\n", name);
    while (*text != '\0') {
        size_t len = strcspn(text, "\n");

        aks_buf_puts(out, len > 0 ? "    " : "");
        aks_buf_append(out, text, len);
        aks_buf_putc(out, '\n');
        text += len + (text[len] == '\n');
    }
}

static void
put_result(bool ok, size_t number, const char *path, const char *name, struct aks_buf *out)
{
    aks_buf_printf(out, "%s %zu - ", ok ? "ok" : "not ok", number);
    put_description(path, out);
    if (name != NULL) {
        aks_buf_puts(out, ": ");
        put_description(name, out);
    }
}

static void
put_case(const struct aks_test_file *file, const struct aks_test_case *one, size_t number,
    struct aks_buf *out)
{
    bool ok = one->outcome == AKS_SUITE_PASSED || one->outcome == AKS_SUITE_SKIPPED;

    put_result(ok, number, file->shown, one->name, out);
    if (one->outcome == AKS_SUITE_SKIPPED) {
        aks_buf_puts(out, " # SKIP ");
        put_description(one->message, out);
    }
    aks_buf_puts(out, "\n  ---\n");
    aks_buf_printf(out, "  duration_ms: %" PRId64 "\n", one->duration_ms);
    if (!ok)
        put_block("message", one->message, out);
    put_block("output", one->output, out);
    aks_buf_puts(out, "  ...\n");
}

static void
put_broken(const struct aks_test_file *file, size_t number, struct aks_buf *out)
{
    put_result(false, number, file->shown, NULL, out);
    aks_buf_puts(out, "\n  ---\n");
    put_block("message", file->error.message, out);
    put_block("hint", file->error.hint, out);
    aks_buf_puts(out, "  ...\n");
}

void
aks_test_tap_write(const struct aks_test_results *results, struct aks_buf *out)
{
    struct aks_test_counts counts = aks_test_results_count(results, NULL);
    size_t number = 0;

    aks_buf_printf(out, "TAP version 13\n1..%zu\n# seed %" PRIu64 "\n",
        counts.passed + counts.failed + counts.skipped, results->seed);
    for (size_t i = 0; i < results->count; i++) {
        const struct aks_test_file *file = &results->files[i];

        for (size_t j = 0; j < file->count; j++)
            put_case(file, &file->cases[j], ++number, out);
        if (file->error.status != AKS_OK)
            put_broken(file, ++number, out);
    }
}
