/* The text format of Prometheus, version 0.0.4. */
#include "engine/metrics_internal.h"

#include <inttypes.h>

static const char *
text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text != NULL ? text : "";
}

/* A backslash and a line's end are escaped everywhere, quotes within values of labels. */
static void
put_escaped(struct aks_buf *out, const char *text, bool quoted)
{
    for (; *text != '\0'; text++) {
        if (*text == '\\')
            aks_buf_puts(out, "\\\\");
        else if (*text == '\n')
            aks_buf_puts(out, "\\n");
        else if (*text == '"' && quoted)
            aks_buf_puts(out, "\\\"");
        else
            aks_buf_putc(out, *text);
    }
}

static void
put_labels(struct aks_buf *out, json_t *labels)
{
    const char *between = "{";
    const char *name;
    json_t *value;

    json_object_foreach(labels, name, value) {
        aks_buf_printf(out, "%s%s=\"", between, name);
        put_escaped(out, json_string_value(value), true);
        aks_buf_putc(out, '"');
        between = ",";
    }
    if (json_object_size(labels) > 0)
        aks_buf_putc(out, '}');
}

static void
put_sample(struct aks_buf *out, const json_t *sample)
{
    const json_t *value = json_object_get(sample, "value");

    aks_buf_puts(out, text_of(sample, "name"));
    put_labels(out, json_object_get(sample, "labels"));
    if (json_is_integer(value))
        aks_buf_printf(out, " %" PRId64 "\n", (int64_t)json_integer_value(value));
    else
        aks_buf_printf(out, " %.15g\n", json_real_value(value));
}

void
aks_metrics_text(const json_t *families, struct aks_buf *out)
{
    const json_t *family;
    const json_t *sample;
    size_t i;
    size_t j;

    json_array_foreach(families, i, family) {
        const char *name = text_of(family, "name");

        aks_buf_printf(out, "# HELP %s ", name);
        put_escaped(out, text_of(family, "help"), false);
        aks_buf_printf(out, "\n# TYPE %s %s\n", name, text_of(family, "type"));
        json_array_foreach(json_object_get(family, "samples"), j, sample)
            put_sample(out, sample);
    }
}
