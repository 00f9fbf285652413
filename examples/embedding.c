/* A program that syncs by itself, through the library: docs/embedding.md goes through it.
 *
 *     embedding STATE_FOLDER POLICY [SOURCE]...
 */
#include <akosha/akosha.h>

#include <inttypes.h>
#include <stdio.h>

/* What a person should know of is told; the report has the rest. */
static void
show_log(void *ctx, enum akosha_log_level level, const char *text)
{
    (void)ctx;
    (void)fprintf(stderr, "%s: %s\n", level == AKOSHA_LOG_ERROR ? "error" : "warning", text);
}

static int
tell(const struct akosha_error *error)
{
    (void)fprintf(stderr, "embedding: %s\n", error->message);
    if (error->hint[0] != '\0')
        (void)fprintf(stderr, "hint: %s\n", error->hint);
    return error->code;
}

/* A value of the report by its path; docs/schema/report.json names them all. */
static const char *
text(const struct akosha_report *report, const char *path)
{
    const char *found = akosha_report_text(report, path);

    return found != NULL ? found : "-";
}

static void
show(const struct akosha_report *report)
{
    int64_t files = akosha_report_number(report, "files", 0);
    char path[64];

    (void)printf("%s in %s, %" PRId64 " bytes sent\n", text(report, "outcome"),
        text(report, "target"), akosha_report_number(report, "bytes.sent", 0));
    for (int64_t i = 0; i < files; i++) {
        (void)snprintf(path, sizeof(path), "files.%" PRId64 ".name", i);
        (void)printf("  %s: ", text(report, path));
        (void)snprintf(path, sizeof(path), "files.%" PRId64 ".outcome", i);
        (void)printf("%s\n", text(report, path));
    }
}

static int
sync_now(struct akosha *engine, const char *policy_path, const struct akosha_run_options *options)
{
    struct akosha_policy *policy = NULL;
    struct akosha_report *report = NULL;
    struct akosha_error error;
    int code = akosha_policy_load(engine, policy_path, NULL, 0, &policy, &error);

    if (code != AKOSHA_OK)
        return tell(&error);
    code = akosha_run(engine, policy, options, &report, &error);
    if (code != AKOSHA_OK)
        (void)tell(&error);
    if (report != NULL)
        show(report);
    akosha_report_free(report);
    akosha_policy_free(policy);
    return code;
}

int
main(int argc, char **argv)
{
    struct akosha_options options = { .log_level = AKOSHA_LOG_WARNING, .log = show_log };
    struct akosha_run_options run = { 0 };
    struct akosha_system *system = NULL;
    struct akosha *engine = NULL;
    struct akosha_error error;
    int code;

    if (argc < 3) {
        (void)fprintf(stderr, "usage: embedding STATE_FOLDER POLICY [SOURCE]...\n");
        return AKOSHA_USAGE;
    }
    code = akosha_system_open(&system, &error);
    if (code != AKOSHA_OK)
        return tell(&error);
    options.port = akosha_system_port(system);
    options.state_folder = argv[1];
    if (argc > 3) {
        run.sources = (const char *const *)&argv[3];
        run.source_count = (size_t)argc - 3;
    }
    code = akosha_open(&options, &engine, &error);
    code = code == AKOSHA_OK ? sync_now(engine, argv[2], &run) : tell(&error);
    akosha_close(engine);
    akosha_system_close(system);
    return code;
}
