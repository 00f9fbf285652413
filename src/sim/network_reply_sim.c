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
