#include "cli/init_draft.h"

#include <stdbool.h>
#include <string.h>

/* The longest wait that a schedule may have. */
#define CAP_S_MAX 3600

static const char *const usual_sources[] = { "~/.claude/data/reflection.duckdb",
    "~/.claude/data/knowledge_graph.duckdb" };

/* As Lua reads it, on one line, whatever it is. */
static void
put_text(const char *text, struct aks_buf *out)
{
    aks_buf_putc(out, '"');
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '"' || *c == '\\')
            aks_buf_printf(out, "\\%c", *c);
        else if ((unsigned char)*c < ' ' || (unsigned char)*c >= 0x7f)
            aks_buf_printf(out, "\\%03u", (unsigned)(unsigned char)*c);
        else
            aks_buf_putc(out, *c);
    }
    aks_buf_putc(out, '"');
}

static void
put_option(const char *name, const char *text, bool *first, struct aks_buf *out)
{
    if (text == NULL)
        return;
    aks_buf_printf(out, "%s%s = ", *first ? "" : ", ", name);
    put_text(text, out);
    *first = false;
}

static void
put_target(const char *name, const char *builder, const char *const *options, struct aks_buf *out)
{
    bool first = true;

    if (options[1] == NULL)
        return;
    aks_buf_printf(out, "    %s = akosha.%s { ", name, builder);
    for (size_t i = 0; options[i] != NULL; i += 2)
        put_option(options[i], options[i + 1], &first, out);
    aks_buf_puts(out, " },\n");
}

static void
put_targets(const struct aks_init_draft *draft, struct aks_buf *out)
{
    const char *const cloud[] = { "bucket", draft->bucket, "region", draft->region, "endpoint",
        draft->endpoint, "prefix", draft->prefix, "credentials", draft->credentials, NULL };
    const char *const mcp[] = { "url", draft->mcp, NULL };
    const char *const http[] = { "url", draft->http, NULL };
    const char *const dir[] = { "path", draft->dir, NULL };

    aks_buf_puts(out, "  targets = {\n");
    put_target("cloud", "s3", cloud, out);
    put_target("akosha", "mcp", mcp, out);
    put_target("http", "http", http, out);
    put_target("[\"local\"]", "dir", dir, out);
    aks_buf_puts(out, "  },\n");
    if (draft->route != NULL) {
        aks_buf_puts(out, "  route = { ");
        put_text(draft->route, out);
        aks_buf_puts(out, " },\n");
    }
}

static void
put_sources(const struct aks_init_draft *draft, struct aks_buf *out)
{
    const char *const *sources = draft->source_count > 0 ? draft->sources : usual_sources;
    size_t count = draft->source_count > 0 ? draft->source_count : 2;

    aks_buf_puts(out, "  sources = {\n");
    for (size_t i = 0; i < count; i++) {
        aks_buf_puts(out, "    { path = ");
        put_text(sources[i], out);
        aks_buf_puts(out, " },\n");
    }
    aks_buf_puts(out, "  },\n  missing = \"skip\", -- one that is not there is no error, as long "
        "as another one is\n");
}

/* Waits double from the first on, as far as there are tries. */
static void
put_retry(const struct aks_init_draft *draft, struct aks_buf *out)
{
    double cap = draft->first_s;

    for (int i = 2; i < draft->tries && cap < CAP_S_MAX; i++)
        cap *= 2;
    cap = cap < CAP_S_MAX ? cap : CAP_S_MAX;
    aks_buf_printf(out, "  retry = akosha.retry.exponential { tries = %d, first = %g, factor = 2, "
        "cap = %g },\n", draft->tries, draft->first_s, cap);
}

static void
put_title(const char *title, struct aks_buf *out)
{
    while (*title != '\0') {
        size_t len = strcspn(title, "\n");

        aks_buf_puts(out, "-- ");
        aks_buf_append(out, title, len);
        aks_buf_putc(out, '\n');
        title += len + (title[len] == '\n');
    }
}

void
aks_init_draft_write(const struct aks_init_draft *draft, struct aks_buf *out)
{
    const char *const settings[] = { "system_id", draft->system_id, "compress", draft->compress,
        "dedup", draft->dedup };

    put_title(draft->title, out);
    aks_buf_puts(out, "local akosha = require \"akosha\"\n\nreturn akosha.policy {\n"
        "  api = 1,\n");
    put_sources(draft, out);
    put_targets(draft, out);
    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i += 2) {
        if (settings[i + 1] == NULL)
            continue;
        aks_buf_printf(out, "  %s = ", settings[i]);
        put_text(settings[i + 1], out);
        aks_buf_puts(out, ",\n");
    }
    if (draft->part_mib > 0)
        aks_buf_printf(out, "  part_size = %d * akosha.MiB,\n", draft->part_mib);
    if (draft->tries > 0)
        put_retry(draft, out);
    aks_buf_puts(out, "}\n");
}
