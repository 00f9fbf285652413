/* Bytes that a server sends in answer to a request, through the real transport over loopback. The
 * first byte chooses the request: GET, HEAD, a PUT with a body, one with a small limit. The server
 * says the rest, and hangs up.
 *
 * Every request ends, once; what is told of it keeps to the limits of port/http.h. */
#include "base/check.h"
#include "os/os.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define INPUT_BYTES_MAX (256 * 1024)
#define REPLY_BYTES_MAX 4096
#define REPLY_BYTES_FEW 4
#define BODY "0123456789"
/* Only a server that hangs would need them, and this one hangs up. */
#define TIMEOUT_MS 10000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct server {
    int listener;
    unsigned port;
    pthread_mutex_t lock;           /* of what is said, set before a request goes out */
    size_t len;
    uint8_t data[INPUT_BYTES_MAX];
};

struct ended {
    unsigned times;
    size_t reply_bytes_max;
};

static struct server server = { .lock = PTHREAD_MUTEX_INITIALIZER };
static struct aks_os *os;

/* All of a request, so that closing the connection is no reset. */
static bool
heard_all(const char *heard, size_t len)
{
    const char *end = memmem(heard, len, "\r\n\r\n", 4);
    size_t body = len > 3 && memcmp(heard, "PUT", 3) == 0 ? strlen(BODY) : 0;

    return end != NULL && (size_t)(heard + len - end) >= 4 + body;
}

static void
serve(int connection)
{
    /* A request may end before all was said, and what is said next is another one's. */
    static uint8_t said[INPUT_BYTES_MAX];
    const struct timeval timeout = { .tv_sec = 1 };
    char heard[4096];
    size_t said_len;
    size_t len = 0;
    ssize_t n = 1;

    (void)setsockopt(connection, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
    while (n > 0 && !heard_all(heard, len) && len < sizeof(heard)) {
        n = recv(connection, heard + len, sizeof(heard) - len, 0);
        len += n > 0 ? (size_t)n : 0;
    }
    AKS_CHECK(pthread_mutex_lock(&server.lock) == 0);
    said_len = server.len;
    memcpy(said, server.data, said_len);
    AKS_CHECK(pthread_mutex_unlock(&server.lock) == 0);
    if (said_len > 0)
        (void)send(connection, said, said_len, MSG_NOSIGNAL);
    (void)close(connection);
}

static void *
accept_all(void *arg)
{
    for (;;) {
        int connection = accept(server.listener, NULL, NULL);

        if (connection >= 0)
            serve(connection);
    }
    return arg;
}

static void
begin(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET };
    socklen_t len = sizeof(address);
    void *any = &address;
    pthread_t thread;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    server.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    AKS_CHECK(server.listener >= 0);
    AKS_CHECK(bind(server.listener, any, len) == 0 && listen(server.listener, 16) == 0);
    AKS_CHECK(getsockname(server.listener, any, &len) == 0);
    server.port = ntohs(address.sin_port);
    AKS_CHECK(pthread_create(&thread, NULL, accept_all, NULL) == 0);
    AKS_CHECK(aks_os_open(aks_alloc_system(), &os, NULL) == AKS_OK);
}

static enum aks_status
read_body(void *ctx, int64_t offset, void *data, size_t len, size_t *ret_len, struct aks_error *err)
{
    size_t left = strlen(BODY) - (size_t)offset;

    *ret_len = len < left ? len : left;
    memcpy(data, &BODY[offset], *ret_len);
    return AKS_OK;
}

static void
done(void *ctx, const struct aks_http_reply *reply)
{
    struct ended *ended = ctx;

    ended->times++;
    AKS_CHECK(reply->status == 0 || (reply->status >= 200 && reply->status <= 999));
    AKS_CHECK(reply->transport != AKS_OK || reply->status != 0);
    AKS_CHECK(reply->transport == AKS_OK || reply->transport == AKS_BAD_REPLY ||
        reply->transport == AKS_TOO_LARGE);
    AKS_CHECK(reply->body.len <= ended->reply_bytes_max);
    AKS_CHECK(reply->header_count <= AKS_HTTP_REPLY_HEADERS_MAX);
    for (size_t i = 0; i < reply->header_count; i++) {
        AKS_CHECK(reply->headers[i].name[0] != '\0');
        AKS_CHECK(strpbrk(reply->headers[i].value, "\r\n") == NULL);
    }
    AKS_CHECK(reply->transport == AKS_OK || reply->error.message[0] != '\0');
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    const struct aks_port *port;
    const struct aks_body body = { .bytes = (int64_t)strlen(BODY), .read = read_body };
    struct aks_http_request request = { .method = "GET" };
    struct ended ended = { 0 };
    struct aks_http_call *call;
    char url[64];

    if (len < 1 || len > INPUT_BYTES_MAX)
        return 0;
    if (os == NULL)
        begin();
    port = aks_os_port(os);
    AKS_CHECK(pthread_mutex_lock(&server.lock) == 0);
    server.len = len - 1;
    memcpy(server.data, data + 1, server.len);
    AKS_CHECK(pthread_mutex_unlock(&server.lock) == 0);
    ended.reply_bytes_max = data[0] % 4 == 3 ? REPLY_BYTES_FEW : REPLY_BYTES_MAX;
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/a", server.port);
    request.url = url;
    request.method = data[0] % 4 == 1 ? "HEAD" : data[0] % 4 == 2 ? "PUT" : "GET";
    request.body = data[0] % 4 == 2 ? &body : NULL;
    request.reply_bytes_max = ended.reply_bytes_max;
    request.answer_timeout_ms = TIMEOUT_MS;
    request.stall_timeout_ms = TIMEOUT_MS;
    request.fresh_connection = true;
    AKS_CHECK(port->http.submit(port->http.ctx, &request, done, &ended, &call, NULL) == AKS_OK);
    while (ended.times == 0)
        AKS_CHECK(port->events.wait(port->events.ctx, -1, NULL) == AKS_OK);
    AKS_CHECK(ended.times == 1);
    return 0;
}
