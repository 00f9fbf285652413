#include "cli/test_junit.h"

#include "base/units.h"
#include "base/utf8.h"

#include <inttypes.h>
#include <string.h>

/* Characters that XML 1.0 has no way to write, beyond the control characters that results are free
 * of: U+FFFE and U+FFFF. */
static bool
is_unwritable(const char *at)
{
    return memcmp(at, "\xef\xbf\xbe", 3) == 0 || memcmp(at, "\xef\xbf\xbf", 3) == 0;
}

static void
put_escaped(const char *text, struct aks_buf *out)
{
    while (*text != '\0') {
        size_t len = aks_utf8_length(text);

        if (*text == '&')
            aks_buf_puts(out, "&amp;");
        else if (*text == '<')
            aks_buf_puts(out, "&lt;");
        else if (*text == '>')
            aks_buf_puts(out, "&gt;");
        else if (*text == '"')
            aks_buf_puts(out, "&quot;");
        else if (*text == '\n' || *text == '\t')
            aks_buf_printf(out, "&#%d;", *text);
        else if (len == 0 || (len == 3 && is_unwritable(text)) ||
            (unsigned char)*text < ' ' || *text == 0x7f)
            aks_buf_putc(out, '?');
        else
            aks_buf_append(out, text, len);
        text += len > 0 ? len : 1;
    }
}

static void
put_attribute(const char *name, const char *value, struct aks_buf *out)
{
    aks_buf_printf(out, " %s=\"", name);
    put_escaped(value, out);
    aks_buf_putc(out, '"');
}

static void
put_time(int64_t ms, struct aks_buf *out)
{
    aks_buf_printf(out, " time=\"%" PRId64 ".%03" PRId64 "\"", ms / AKS_MS_PER_S,
        ms % AKS_MS_PER_S);
}

/* <failure message="first line">all of it</failure> */
static void
put_why(const char *element, const char *message, struct aks_buf *out)
{
    char *first = aks_mem_strndup(out->alloc, message, strcspn(message, "\n"));

    if (first == NULL) {
        out->failed = AKS_LIMIT;
        return;
    }
    aks_buf_printf(out, "      <%s", element);
    put_attribute("message", first, out);
    aks_buf_putc(out, '>');
    put_escaped(message, out);
    aks_buf_printf(out, "</%s>\n", element);
    aks_mem_free(out->alloc, first);
}

/* "TestProd.test_waits" is a class and a name; a function by itself is of the class of its file. */
static void
put_names(const struct aks_test_file *file, const char *name, struct aks_buf *out)
{
    const char *dot = strchr(name, '.');
    char *class = dot != NULL ? aks_mem_strndup(out->alloc, name, (size_t)(dot - name)) : NULL;

    put_attribute("classname", class != NULL ? class : file->shown, out);
    put_attribute("name", class != NULL ? dot + 1 : name, out);
    put_attribute("file", file->shown, out);
    aks_mem_free(out->alloc, class);
}

static void
put_case(const struct aks_test_file *file, const struct aks_test_case *one, struct aks_buf *out)
{
    aks_buf_puts(out, "    <testcase");
    put_names(file, one->name, out);
    put_time(one->duration_ms, out);
    if (one->outcome == AKS_SUITE_PASSED && one->output[0] == '\0') {
        aks_buf_puts(out, "/>\n");
        return;
    }
    aks_buf_puts(out, ">\n");
    if (one->outcome == AKS_SUITE_FAILED)
        put_why("failure", one->message, out);
    else if (one->outcome == AKS_SUITE_ERROR)
        put_why("error", one->message, out);
    else if (one->outcome == AKS_SUITE_SKIPPED)
        put_why("skipped", one->message, out);
    if (one->output[0] != '\0') {
        aks_buf_puts(out, "      <system-out>");
        put_escaped(one->output, out);
        aks_buf_puts(out, "</system-out>\n");
    }
    aks_buf_puts(out, "    </testcase>\n");
}

static void
put_counts(const struct aks_test_counts *counts, struct aks_buf *out)
{
    size_t errors = counts->errors + counts->broken;

    aks_buf_printf(out, " tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" skipped=\"%zu\"",
        counts->passed + counts->failed + counts->skipped, counts->failed - errors, errors,
        counts->skipped);
}

static void
put_file(const struct aks_test_results *results, const struct aks_test_file *file,
    struct aks_buf *out)
{
    struct aks_test_counts counts = aks_test_results_count(results, file);

    aks_buf_puts(out, "  <testsuite");
    put_attribute("name", file->shown, out);
    put_counts(&counts, out);
    put_time(counts.duration_ms, out);
    aks_buf_printf(out, ">\n    <properties><property name=\"seed\" value=\"%" PRIu64
        "\"/></properties>\n", results->seed);
    for (size_t i = 0; i < file->count; i++)
        put_case(file, &file->cases[i], out);
    if (file->error.status != AKS_OK) {
        aks_buf_puts(out, "    <testcase");
        put_names(file, "(the whole file)", out);
        aks_buf_puts(out, ">\n");
        put_why("error", file->error.message, out);
        aks_buf_puts(out, "    </testcase>\n");
    }
    aks_buf_puts(out, "  </testsuite>\n");
}

void
aks_test_junit_write(const struct aks_test_results *results, struct aks_buf *out)
{
    struct aks_test_counts counts = aks_test_results_count(results, NULL);

    aks_buf_puts(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
        "<testsuites name=\"akosha-sync test\"");
    put_counts(&counts, out);
    put_time(results->duration_ms, out);
    aks_buf_puts(out, ">\n");
    for (size_t i = 0; i < results->count; i++)
        put_file(results, &results->files[i], out);
    aks_buf_puts(out, "</testsuites>\n");
}
