/* What handlers read of a request and write into a reply. */
#include "base/check.h"
#include "sim/network_sim.h"

#include <stdarg.h>
#include <stdio.h>
#include <strings.h>
#include <string.h>

const char *
aks_sim_request_header(const struct aks_sim_request *request, const char *name)
{
    for (size_t i = 0; i < request->header_count; i++) {
        if (strcasecmp(request->headers[i].name, name) == 0)
            return request->headers[i].value;
    }
    return NULL;
}

void
aks_sim_reply_header(struct aks_sim_reply *reply, const char *name, const char *format, ...)
{
    struct aks_sim_reply_header *header;
    va_list args;
    int len;

    AKS_CHECK(reply->header_count < AKS_SIM_REPLY_HEADERS_MAX);
    header = &reply->headers[reply->header_count];
    AKS_CHECK(strlen(name) < sizeof(header->name));
    memcpy(header->name, name, strlen(name) + 1);
    va_start(args, format);
    len = vsnprintf(header->value, sizeof(header->value), format, args);
    va_end(args);
    AKS_CHECK(len >= 0 && (size_t)len < sizeof(header->value));
    reply->header_count++;
}

void
aks_network_sim_serve_piece(struct aks_http_call *call)
{
    const struct aks_sim_host *host = call->host;
    struct aks_network_sim *network = call->network;
    int64_t bytes = call->fault.bytes;

    if (host->serve == NULL || !host->takes_pieces || bytes <= 0 ||
        (uint64_t)bytes >= call->copy.body_len)
        return;
    call->copy.body_len = (size_t)bytes;
    call->copy.partial = true;
    call->copy.unheard = true;
    host->serve(host->ctx, network->wall_ms(network->wall_ctx) + host->skew_ms, &call->copy,
        &call->reply);
    aks_buf_reset(&call->reply.body);
}
