#include "support/http_server.h"

#include "base/check.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define URL_BYTES 256

struct connection {
    struct http_conn conn;
    pthread_t thread;
};

struct http_server {
    http_server_handler *handler;
    void *ctx;
    int fd;
    unsigned port;
    char url[URL_BYTES];
    pthread_t acceptor;
    /* Under the lock. */
    pthread_mutex_t lock;
    struct connection connections[HTTP_SERVER_CONNECTIONS_MAX];
    unsigned accepted;
    bool stopping;
};

static void
lock(struct http_server *server)
{
    AKS_CHECK(pthread_mutex_lock(&server->lock) == 0);
}

static void
unlock(struct http_server *server)
{
    AKS_CHECK(pthread_mutex_unlock(&server->lock) == 0);
}

static void *
serve(void *arg)
{
    struct http_conn *conn = arg;
    struct http_server *server = conn->server;

    server->handler(server->ctx, conn);
    lock(server);
    (void)close(conn->fd);
    conn->fd = -1;
    unlock(server);
    return NULL;
}

static void
add_connection(struct http_server *server, int fd)
{
    struct connection *connection;

    lock(server);
    if (server->stopping || server->accepted == HTTP_SERVER_CONNECTIONS_MAX) {
        unlock(server);
        (void)close(fd);
        return;
    }
    connection = &server->connections[server->accepted];
    connection->conn.server = server;
    connection->conn.fd = fd;
    connection->conn.index = server->accepted++;
    AKS_CHECK(pthread_create(&connection->thread, NULL, serve, &connection->conn) == 0);
    unlock(server);
}

static void *
accept_all(void *arg)
{
    struct http_server *server = arg;

    for (;;) {
        int fd = accept4(server->fd, NULL, NULL, SOCK_CLOEXEC);

        if (fd >= 0)
            add_connection(server, fd);
        else if (errno != EINTR && errno != ECONNABORTED)
            return NULL;
    }
}

struct http_server *
http_server_start(http_server_handler *handler, void *ctx)
{
    struct sockaddr_in address = { .sin_family = AF_INET };
    struct http_server *server = calloc(1, sizeof(*server));
    socklen_t len = sizeof(address);
    void *any = &address;

    AKS_CHECK(server != NULL);
    server->handler = handler;
    server->ctx = ctx;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    server->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    AKS_CHECK(server->fd >= 0);
    AKS_CHECK(bind(server->fd, any, len) == 0);
    AKS_CHECK(listen(server->fd, 128) == 0);
    AKS_CHECK(getsockname(server->fd, any, &len) == 0);
    server->port = ntohs(address.sin_port);
    AKS_CHECK(pthread_mutex_init(&server->lock, NULL) == 0);
    AKS_CHECK(pthread_create(&server->acceptor, NULL, accept_all, server) == 0);
    return server;
}

void
http_server_stop(struct http_server *server)
{
    if (server == NULL)
        return;
    lock(server);
    server->stopping = true;
    (void)shutdown(server->fd, SHUT_RDWR);
    for (unsigned i = 0; i < server->accepted; i++) {
        if (server->connections[i].conn.fd >= 0)
            (void)shutdown(server->connections[i].conn.fd, SHUT_RDWR);
    }
    unlock(server);
    AKS_CHECK(pthread_join(server->acceptor, NULL) == 0);
    for (unsigned i = 0; i < server->accepted; i++)
        AKS_CHECK(pthread_join(server->connections[i].thread, NULL) == 0);
    (void)close(server->fd);
    AKS_CHECK(pthread_mutex_destroy(&server->lock) == 0);
    free(server);
}

unsigned
http_server_port(const struct http_server *server)
{
    return server->port;
}

const char *
http_server_url(struct http_server *server, const char *path)
{
    (void)snprintf(server->url, sizeof(server->url), "http://127.0.0.1:%u%s", server->port, path);
    return server->url;
}

unsigned
http_server_accepted(struct http_server *server)
{
    unsigned accepted;

    lock(server);
    accepted = server->accepted;
    unlock(server);
    return accepted;
}

bool
http_conn_read(struct http_conn *conn, void *data, size_t len)
{
    char *at = data;

    while (len > 0) {
        ssize_t n = recv(conn->fd, at, len, 0);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        at += n;
        len -= (size_t)n;
    }
    return true;
}

/* Byte by byte, so that nothing of the body is taken. */
bool
http_conn_read_head(struct http_conn *conn, char ret_head[HTTP_SERVER_HEAD_BYTES])
{
    size_t len = 0;

    while (len < HTTP_SERVER_HEAD_BYTES - 1) {
        if (!http_conn_read(conn, ret_head + len, 1))
            return false;
        len++;
        if (len >= 4 && memcmp(ret_head + len - 4, "\r\n\r\n", 4) == 0) {
            ret_head[len] = '\0';
            return true;
        }
    }
    return false;
}

int64_t
http_conn_body_bytes(const char *head)
{
    static const char name[] = "\r\nContent-Length:";
    const char *at = strcasestr(head, name);

    return at != NULL ? strtoll(at + sizeof(name) - 1, NULL, 10) : -1;
}

bool
http_conn_send(struct http_conn *conn, const void *data, size_t len)
{
    const char *at = data;

    while (len > 0) {
        ssize_t n = send(conn->fd, at, len, MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        at += n;
        len -= (size_t)n;
    }
    return true;
}

bool
http_conn_puts(struct http_conn *conn, const char *text)
{
    return http_conn_send(conn, text, strlen(text));
}

void
http_conn_reset(struct http_conn *conn)
{
    const struct linger at_once = { .l_onoff = 1, .l_linger = 0 };

    AKS_CHECK(setsockopt(conn->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)) == 0);
}

void
http_conn_drain(struct http_conn *conn)
{
    char waste[4096];

    while (http_conn_read(conn, waste, 1)) {
        if (recv(conn->fd, waste, sizeof(waste), MSG_DONTWAIT) == 0)
            return;
    }
}
