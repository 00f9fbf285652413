#include "os/http_curl_internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

static bool
is_loopback(const struct curl_sockaddr *address)
{
    const void *any = &address->addr;
    const struct sockaddr_in *v4 = any;
    const struct sockaddr_in6 *v6 = any;

    if (address->family == AF_INET)
        return (ntohl(v4->sin_addr.s_addr) >> 24) == IN_LOOPBACKNET;
    return address->family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
}

/* libcurl does not tell the socket of a transfer that is under way, nor each one that it closes. So
 * numbers are kept until they are used again or pushed out, and asked whose they are when it
 * matters. */
static void
remember(struct aks_http_engine *engine, int fd)
{
    for (unsigned i = 0; i < AKS_HTTP_SOCKETS_KEPT; i++) {
        if (engine->sockets[i] == fd)
            return;
    }
    engine->sockets[engine->socket_next] = fd;
    engine->socket_next = (engine->socket_next + 1) % AKS_HTTP_SOCKETS_KEPT;
}

/* The last gate before a packet leaves: whatever a name was resolved to and whatever proxy stands
 * in between, what is not encrypted stays on this machine. */
curl_socket_t
aks_http_curl_sockets_open(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct aks_http_call *call = arg;
    int fd;

    if (!call->tls && !call->metadata && !is_loopback(address)) {
        aks_http_curl_verdict_fail(call, AKS_SETTINGS, "the name leads to another machine, and "
            "plain http is for this one only");
        return CURL_SOCKET_BAD;
    }
    fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    if (fd < 0) {
        /* Other failures may be of one family of addresses only, and libcurl tries the other. */
        if (errno == EMFILE || errno == ENFILE)
            aks_http_curl_verdict_fail(call, AKS_LIMIT, "cannot open a socket: %s",
                strerror(errno));
        return CURL_SOCKET_BAD;
    }
    remember(call->engine, fd);
    call->opened = true;
    call->connected_ns = 0;
    call->shaking_hands = false;
    return fd;
}

/* An address of a socket as text, and its port; false for what is neither IPv4 nor IPv6. */
static bool
describe(const struct sockaddr_storage *address, char ret_ip[INET6_ADDRSTRLEN], int *ret_port)
{
    const void *any = address;
    const struct sockaddr_in *v4 = any;
    const struct sockaddr_in6 *v6 = any;

    if (address->ss_family == AF_INET) {
        *ret_port = ntohs(v4->sin_port);
        return inet_ntop(AF_INET, &v4->sin_addr, ret_ip, INET6_ADDRSTRLEN) != NULL;
    }
    if (address->ss_family == AF_INET6) {
        *ret_port = ntohs(v6->sin6_port);
        return inet_ntop(AF_INET6, &v6->sin6_addr, ret_ip, INET6_ADDRSTRLEN) != NULL;
    }
    return false;
}

static bool
is_connection(int fd, const char *remote_ip, int remote_port, int local_port)
{
    struct sockaddr_storage address;
    void *any = &address;
    socklen_t len = sizeof(address);
    char ip[INET6_ADDRSTRLEN];
    int port = 0;

    if (getsockname(fd, any, &len) != 0 || !describe(&address, ip, &port) || port != local_port)
        return false;
    len = sizeof(address);
    return getpeername(fd, any, &len) == 0 && describe(&address, ip, &port) && port == remote_port
        && strcmp(ip, remote_ip) == 0;
}

int
aks_http_curl_sockets_find(const struct aks_http_engine *engine, const char *remote_ip,
    int remote_port, int local_port)
{
    for (unsigned i = 0; i < AKS_HTTP_SOCKETS_KEPT; i++) {
        if (engine->sockets[i] >= 0
            && is_connection(engine->sockets[i], remote_ip, remote_port, local_port))
            return engine->sockets[i];
    }
    return -1;
}

bool
aks_http_curl_sockets_readable(int fd)
{
    struct pollfd socket_events = { .fd = fd, .events = POLLIN };

    return fd >= 0 && poll(&socket_events, 1, 0) > 0;
}
