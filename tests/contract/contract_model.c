/* The S3 model behind pipes: requests on standard input, replies on standard output, so that one
 * driver (tests/real/contract.py) plays its scripts to the model and to real servers.
 *
 *     contract_model PROFILE REGION BUCKET ACCESS_KEY SECRET_KEY SESSION_TOKEN
 *
 * A request is a line "request WALL_MS HEADERS BODY_BYTES", a line each for method, host, path,
 * query and every header, and the body; a reply "reply STATUS HEADERS BODY_BYTES", its headers and
 * its body. Ends at the end of input; anything that is no request ends it with 1. */
#include "testkit/s3_model.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEADERS_MAX 64
#define BODY_BYTES_MAX (64 * 1024 * 1024)
#define ARGUMENTS 7

struct request {
    struct aks_sim_request sim;
    struct aks_http_header headers[HEADERS_MAX];
    char *lines[4 + HEADERS_MAX];
    size_t line_count;
    uint8_t *body;
    int64_t wall_ms;
};

static const struct {
    const char *name;
    enum aks_s3_profile profile;
} profiles[] = {
    { "strict", AKS_S3_STRICT }, { "aws", AKS_S3_AWS }, { "r2", AKS_S3_R2 },
    { "minio", AKS_S3_MINIO }, { "versitygw", AKS_S3_VERSITYGW }, { "sloppy", AKS_S3_SLOPPY },
};

static char *
read_line(struct request *request)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t len = getline(&line, &room, stdin);

    if (len <= 0 || line[len - 1] != '\n') {
        free(line);
        return NULL;
    }
    line[len - 1] = '\0';
    request->lines[request->line_count++] = line;
    return line;
}

static bool
read_header(struct request *request)
{
    struct aks_http_header *header = &request->headers[request->sim.header_count];
    char *line = read_line(request);
    char *colon = line != NULL ? strstr(line, ": ") : NULL;

    if (colon == NULL)
        return false;
    *colon = '\0';
    header->name = line;
    header->value = colon + 2;
    request->sim.header_count++;
    return true;
}

/* 1: there is one; 0: the end; -1: that was none. */
static int
read_request(struct request *request)
{
    unsigned headers;
    size_t bytes;
    int read;

    memset(request, 0, sizeof(*request));
    read = scanf("request %" SCNd64 " %u %zu", &request->wall_ms, &headers, &bytes);
    if (read == EOF)
        return 0;
    if (read != 3 || getchar() != '\n' || headers > HEADERS_MAX || bytes > BODY_BYTES_MAX)
        return -1;
    request->sim.method = read_line(request);
    request->sim.host = read_line(request);
    request->sim.path = read_line(request);
    request->sim.query = read_line(request);
    if (request->line_count != 4)
        return -1;
    while (request->sim.header_count < headers) {
        if (!read_header(request))
            return -1;
    }
    request->body = malloc(bytes + 1);
    if (request->body == NULL || fread(request->body, 1, bytes, stdin) != bytes)
        return -1;
    request->sim.headers = request->headers;
    request->sim.body = request->body;
    request->sim.body_len = bytes;
    return 1;
}

static void
free_request(struct request *request)
{
    for (size_t i = 0; i < request->line_count; i++)
        free(request->lines[i]);
    free(request->body);
}

static void
write_reply(const struct aks_sim_reply *reply)
{
    (void)printf("reply %d %zu %zu\n", reply->status, reply->header_count, reply->body.len);
    for (size_t i = 0; i < reply->header_count; i++)
        (void)printf("%s: %s\n", reply->headers[i].name, reply->headers[i].value);
    (void)fwrite(reply->body.data, 1, reply->body.len, stdout);
    (void)fflush(stdout);
}

static int
serve(struct aks_s3_model *model)
{
    struct request request;
    int read;

    while ((read = read_request(&request)) == 1) {
        struct aks_sim_reply reply = { 0 };

        aks_buf_init(&reply.body, aks_alloc_system(), BODY_BYTES_MAX);
        aks_s3_model_serve(model, request.wall_ms, &request.sim, &reply);
        write_reply(&reply);
        aks_buf_fini(&reply.body);
        free_request(&request);
    }
    free_request(&request);
    return read == 0 ? 0 : 1;
}

int
main(int argc, char **argv)
{
    struct aks_s3_model_options options = { 0 };
    struct aks_s3_model *model;
    size_t i = 0;
    int code;

    while (argc == ARGUMENTS && i < sizeof(profiles) / sizeof(profiles[0]) &&
        strcmp(profiles[i].name, argv[1]) != 0)
        i++;
    if (argc != ARGUMENTS || i == sizeof(profiles) / sizeof(profiles[0])) {
        (void)fprintf(stderr, "contract_model: an unknown profile, or not %d arguments\n",
            ARGUMENTS - 1);
        return 2;
    }
    options.profile = profiles[i].profile;
    options.region = argv[2];
    options.bucket = argv[3];
    options.access_key = argv[4];
    options.secret_key = argv[5];
    options.session_token = argv[6][0] != '\0' ? argv[6] : NULL;
    options.seed = 1;
    if (aks_s3_model_new(aks_alloc_system(), &options, &model, NULL) != AKS_OK)
        return 1;
    code = serve(model);
    aks_s3_model_free(model);
    return code;
}
