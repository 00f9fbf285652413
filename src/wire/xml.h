/* The one way in which this layer reads XML: expat, with limits, without DTDs. Internal. */
#ifndef AKS_WIRE_XML_H
#define AKS_WIRE_XML_H

#include "base/error.h"
#include "wire/s3_xml.h"

#include <stdbool.h>
#include <stddef.h>

/* A page of 1000 keys has some 12,000 elements (with owners and checksums); a document of the
 * largest size that held nothing but elements would have a million. */
#define AKS_XML_ELEMENTS_MAX 65536
/* Longer names than S3's longest are kept as "", which matches nothing. */
#define AKS_XML_NAME_BYTES 64

/* An element that ends, seen from inside of its handler. */
struct aks_xml_element {
    int depth;              /* 1 for the root */
    const char *name;       /* without a namespace prefix */
    const char *parent;     /* "" for the root */
    bool leaf;              /* no element inside */
    const char *text;       /* of a leaf: NUL-terminated UTF-8; else "" */
    size_t text_len;
    bool text_cut;          /* it was longer than AKS_S3_XML_TEXT_MAX */
};

struct aks_xml_handler {
    void *ctx;
    /* May be NULL. ${depth} 1 is the root. Another status than AKS_OK ends the reading with it. */
    enum aks_status (*begin)(void *ctx, int depth, const char *name, struct aks_error *err);
    enum aks_status (*end)(void *ctx, const struct aks_xml_element *element, struct aks_error *err);
};

/** Reads the whole document, after leading white space, and calls ${handler}. AKS_BAD_REPLY for
 * what is no XML, cut, has a DTD, or is over a limit. ${what} is for messages: "the list of
 * objects". */
enum aks_status aks_xml_read(const char *xml, size_t len, const char *what,
    const struct aks_xml_handler *handler, struct aks_error *err);

#endif
