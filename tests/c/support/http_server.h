/* A server on loopback inside a test: it accepts, and a handler of the test's does with each
 * connection what it wants, in a thread of that connection. Handlers must not assert (they do not
 * run on the test's thread): they note what they saw and the test looks at it after
 * http_server_stop. */
#ifndef AKS_TESTS_HTTP_SERVER_H
#define AKS_TESTS_HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http_server;

struct http_conn {
    struct http_server *server;
    int fd;
    unsigned index;             /* of the connection, from 0 */
};

/* The connection is closed when it returns. */
typedef void http_server_handler(void *ctx, struct http_conn *conn);

#define HTTP_SERVER_CONNECTIONS_MAX 256
#define HTTP_SERVER_HEAD_BYTES 8192

/** Listens on 127.0.0.1 at a port that is free. */
struct http_server *http_server_start(http_server_handler *handler, void *ctx);
/** Ends every connection and waits for the handlers. NULL is fine. */
void http_server_stop(struct http_server *server);
unsigned http_server_port(const struct http_server *server);
/** "http://127.0.0.1:PORT${path}"; lives as long as the server. One at a time. */
const char *http_server_url(struct http_server *server, const char *path);
/** How many connections were accepted. */
unsigned http_server_accepted(struct http_server *server);

/** Reads a request up to its empty line; false if the other side has ended. */
bool http_conn_read_head(struct http_conn *conn, char ret_head[HTTP_SERVER_HEAD_BYTES]);
/** Reads exactly ${len} bytes. */
bool http_conn_read(struct http_conn *conn, void *data, size_t len);
/** -1 if the head tells no length. */
int64_t http_conn_body_bytes(const char *head);
bool http_conn_send(struct http_conn *conn, const void *data, size_t len);
bool http_conn_puts(struct http_conn *conn, const char *text);
/** Makes the close that follows a reset. */
void http_conn_reset(struct http_conn *conn);
/** Reads and forgets until the other side ends, or the server is stopped. */
void http_conn_drain(struct http_conn *conn);

#endif
