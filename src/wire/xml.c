#include "wire/xml.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <expat.h>

_Static_assert(AKS_S3_XML_BYTES_MAX < (1 << 30), "expat takes lengths as int");

struct reader {
    XML_Parser parser;
    const struct aks_xml_handler *handler;
    const char *what;
    struct aks_error *err;
    enum aks_status status;         /* why the reading was stopped, or AKS_OK */
    int depth;
    long elements;
    char names[AKS_S3_XML_DEPTH_MAX][AKS_XML_NAME_BYTES];
    bool leaf;                      /* nothing but text since the last start tag */
    bool text_cut;
    size_t text_len;
    char text[AKS_S3_XML_TEXT_MAX + 1];
};

static void
stop(struct reader *reader, enum aks_status status)
{
    reader->status = status;
    (void)XML_StopParser(reader->parser, XML_FALSE);
}

static void
stop_bad(struct reader *reader, const char *why)
{
    stop(reader, aks_error_set(reader->err, AKS_BAD_REPLY, "%s: %s", reader->what, why));
}

/* Handlers may be called once or twice more after a stop: expat finishes the tag it is in. */
static bool
stopped(const struct reader *reader)
{
    return reader->status != AKS_OK;
}

static void XMLCALL
on_start(void *user, const XML_Char *name, const XML_Char **attributes)
{
    struct reader *reader = user;
    const char *colon = strrchr(name, ':');
    const char *local = colon != NULL ? colon + 1 : name;
    size_t len = strlen(local);
    char *kept;

    (void)attributes;
    if (stopped(reader))
        return;
    if (reader->depth == AKS_S3_XML_DEPTH_MAX) {
        stop_bad(reader, "elements are nested too deeply");
        return;
    }
    if (++reader->elements > AKS_XML_ELEMENTS_MAX) {
        stop_bad(reader, "has too many elements");
        return;
    }
    kept = reader->names[reader->depth++];
    if (len >= AKS_XML_NAME_BYTES)
        len = 0;
    memcpy(kept, local, len);
    kept[len] = '\0';
    reader->leaf = true;
    reader->text_len = 0;
    reader->text_cut = false;
    if (reader->handler->begin != NULL) {
        enum aks_status status =
            reader->handler->begin(reader->handler->ctx, reader->depth, kept, reader->err);

        if (status != AKS_OK)
            stop(reader, status);
    }
}

static void XMLCALL
on_end(void *user, const XML_Char *name)
{
    struct reader *reader = user;
    struct aks_xml_element element;
    enum aks_status status;

    (void)name;
    if (stopped(reader))
        return;
    reader->text[reader->leaf ? reader->text_len : 0] = '\0';
    element.depth = reader->depth;
    element.name = reader->names[reader->depth - 1];
    element.parent = reader->depth > 1 ? reader->names[reader->depth - 2] : "";
    element.leaf = reader->leaf;
    element.text = reader->text;
    element.text_len = reader->leaf ? reader->text_len : 0;
    element.text_cut = reader->leaf && reader->text_cut;
    status = reader->handler->end(reader->handler->ctx, &element, reader->err);
    if (status != AKS_OK)
        stop(reader, status);
    reader->depth--;
    reader->leaf = false;
}

static void XMLCALL
on_text(void *user, const XML_Char *text, int len)
{
    struct reader *reader = user;
    size_t room = AKS_S3_XML_TEXT_MAX - reader->text_len;
    size_t take = (size_t)len;

    if (!reader->leaf || reader->text_cut)
        return;
    if (take > room) {
        reader->text_cut = true;
        take = room;
    }
    memcpy(reader->text + reader->text_len, text, take);
    reader->text_len += take;
}

/* S3 never sends a DTD; with one come entities that grow without end or open files. */
static void XMLCALL
on_doctype(void *user, const XML_Char *name, const XML_Char *system_id, const XML_Char *public_id,
    int has_internal_subset)
{
    (void)name;
    (void)system_id;
    (void)public_id;
    (void)has_internal_subset;
    stop_bad(user, "has a DOCTYPE, so it is no answer of S3's");
}

/* Not reached while on_doctype stops first; kept so that neither alone is what protects us. */
static void XMLCALL
on_entity(void *user, const XML_Char *name, int is_parameter, const XML_Char *value, int value_len,
    const XML_Char *base, const XML_Char *system_id, const XML_Char *public_id,
    const XML_Char *notation)
{
    (void)name;
    (void)is_parameter;
    (void)value;
    (void)value_len;
    (void)base;
    (void)system_id;
    (void)public_id;
    (void)notation;
    stop_bad(user, "declares an entity, so it is no answer of S3's");
}

/* --- memory ----------------------------------------------------------------------------------- */

/* STS answers with keys, and expat keeps pieces of what it reads: its blocks are overwritten before
 * they are given back. In front of each: how much there is to overwrite. */
union prefix {
    size_t bytes;
    max_align_t align;
};

static void *
xml_malloc(size_t bytes)
{
    union prefix *block = NULL;

    if (bytes <= SIZE_MAX - sizeof(*block))
        block = malloc(sizeof(*block) + bytes);
    if (block == NULL)
        return NULL;
    block->bytes = bytes;
    return block + 1;
}

static void
xml_free(void *p)
{
    union prefix *block = p != NULL ? (union prefix *)p - 1 : NULL;

    if (block == NULL)
        return;
    explicit_bzero(block, sizeof(*block) + block->bytes);
    free(block);
}

static void *
xml_realloc(void *p, size_t bytes)
{
    const union prefix *block = p != NULL ? (union prefix *)p - 1 : NULL;
    void *fresh = xml_malloc(bytes);

    if (fresh == NULL || block == NULL)
        return fresh;
    memcpy(fresh, p, block->bytes < bytes ? block->bytes : bytes);
    xml_free(p);
    return fresh;
}

static const XML_Memory_Handling_Suite wiping = { xml_malloc, xml_realloc, xml_free };

static enum aks_status
parse(struct reader *reader, const char *xml, size_t len)
{
    if (XML_Parse(reader->parser, xml, (int)len, XML_TRUE) == XML_STATUS_OK)
        return reader->status;
    if (stopped(reader))
        return reader->status;
    return aks_error_set(reader->err, AKS_BAD_REPLY, "%s: no whole XML document (%s, line %lu)",
        reader->what, XML_ErrorString(XML_GetErrorCode(reader->parser)),
        (unsigned long)XML_GetCurrentLineNumber(reader->parser));
}

enum aks_status
aks_xml_read(const char *xml, size_t len, const char *what, const struct aks_xml_handler *handler,
    struct aks_error *err)
{
    struct reader reader = { .handler = handler, .what = what, .err = err };
    enum aks_status status;

    /* White space keeps the connection of a long CompleteMultipartUpload alive; it comes before the
     * XML declaration, where XML has no place for it. */
    while (len > 0 && strchr(" \t\r\n", *xml) != NULL && *xml != '\0') {
        xml++;
        len--;
    }
    if (len == 0)
        return aks_error_set(err, AKS_BAD_REPLY, "%s: the answer is empty", what);
    if (len > AKS_S3_XML_BYTES_MAX)
        return aks_error_set(err, AKS_BAD_REPLY, "%s: the answer is over %d bytes long", what,
            AKS_S3_XML_BYTES_MAX);
    reader.parser = XML_ParserCreate_MM("UTF-8", &wiping, NULL);
    if (reader.parser == NULL)
        return aks_error_memory(err, "reading XML");
    XML_SetUserData(reader.parser, &reader);
    XML_SetElementHandler(reader.parser, on_start, on_end);
    XML_SetCharacterDataHandler(reader.parser, on_text);
    XML_SetStartDoctypeDeclHandler(reader.parser, on_doctype);
    XML_SetEntityDeclHandler(reader.parser, on_entity);
    status = parse(&reader, xml, len);
    XML_ParserFree(reader.parser);
    explicit_bzero(reader.text, sizeof(reader.text));
    return status;
}
