#include "wire/s3_xml.h"

#include "wire/xml.h"

#include <string.h>

#define WHAT "list objects"
#define SIZE_DIGITS_MAX 18      /* below INT64_MAX, above every object */
#define FIRST_COUNT 16

struct listing_reader {
    struct aks_s3_listing *listing;
    const struct aks_alloc *alloc;
    bool has_key;               /* of the <Contents> that is open */
    bool has_size;
    int64_t size;
    char *key;                  /* owned until its <Contents> ends */
};

void
aks_s3_listing_fini(struct aks_s3_listing *listing)
{
    for (size_t i = 0; i < listing->key_count; i++)
        aks_mem_free(listing->alloc, listing->keys[i]);
    for (size_t i = 0; i < listing->prefix_count; i++)
        aks_mem_free(listing->alloc, listing->prefixes[i]);
    aks_mem_free(listing->alloc, listing->keys);
    aks_mem_free(listing->alloc, listing->sizes);
    aks_mem_free(listing->alloc, listing->prefixes);
    aks_mem_free(listing->alloc, listing->continuation);
    memset(listing, 0, sizeof(*listing));
}

static enum aks_status
bad(struct aks_error *err, const char *why)
{
    return aks_error_set(err, AKS_BAD_REPLY, WHAT ": %s", why);
}

/* An array of ${count} elements grows when ${count} is 0, or a power of two from FIRST_COUNT on,
 * so its capacity need not be kept. NULL without memory; else ${array}, perhaps moved. */
static void *
room_for_one(const struct aks_alloc *alloc, void *array, size_t count, size_t bytes)
{
    size_t capacity = count == 0 ? FIRST_COUNT : 2 * count;

    if (count != 0 && (count < FIRST_COUNT || (count & (count - 1)) != 0))
        return array;
    return aks_mem_resize(alloc, array, capacity * bytes);
}

static enum aks_status
copy_text(const struct listing_reader *reader, const struct aks_xml_element *element,
    size_t bytes_max, char **ret_text, struct aks_error *err)
{
    if (element->text_len == 0)
        return bad(err, "a key, prefix or token is empty");
    if (element->text_cut || element->text_len > bytes_max)
        return bad(err, "a key, prefix or token is too long");
    aks_mem_free(reader->alloc, *ret_text);
    *ret_text = aks_mem_strndup(reader->alloc, element->text, element->text_len);
    return *ret_text != NULL ? AKS_OK : aks_error_memory(err, "reading a list of objects");
}

static enum aks_status
add_key(struct listing_reader *reader, struct aks_error *err)
{
    struct aks_s3_listing *listing = reader->listing;
    char **keys;
    int64_t *sizes;

    if (!reader->has_key || !reader->has_size)
        return bad(err, "an object without <Key> or <Size>");
    if (listing->key_count == AKS_S3_LISTING_MAX)
        return bad(err, "more than 1000 objects on one page");
    keys = room_for_one(reader->alloc, listing->keys, listing->key_count, sizeof(*keys));
    if (keys == NULL)
        return aks_error_memory(err, "reading a list of objects");
    listing->keys = keys;
    sizes = room_for_one(reader->alloc, listing->sizes, listing->key_count, sizeof(*sizes));
    if (sizes == NULL)
        return aks_error_memory(err, "reading a list of objects");
    listing->sizes = sizes;
    keys[listing->key_count] = reader->key;
    sizes[listing->key_count] = reader->size;
    listing->key_count++;
    reader->key = NULL;
    return AKS_OK;
}

static enum aks_status
add_prefix(struct listing_reader *reader, const struct aks_xml_element *element,
    struct aks_error *err)
{
    struct aks_s3_listing *listing = reader->listing;
    char **prefixes;
    char *prefix = NULL;
    enum aks_status status;

    if (listing->prefix_count == AKS_S3_LISTING_MAX)
        return bad(err, "more than 1000 prefixes on one page");
    prefixes =
        room_for_one(reader->alloc, listing->prefixes, listing->prefix_count, sizeof(*prefixes));
    if (prefixes == NULL)
        return aks_error_memory(err, "reading a list of objects");
    listing->prefixes = prefixes;
    status = copy_text(reader, element, AKS_S3_KEY_MAX, &prefix, err);
    if (status == AKS_OK)
        prefixes[listing->prefix_count++] = prefix;
    return status;
}

static enum aks_status
read_size(struct listing_reader *reader, const struct aks_xml_element *element,
    struct aks_error *err)
{
    int64_t size = 0;

    if (element->text_len == 0 || element->text_len > SIZE_DIGITS_MAX)
        return bad(err, "a <Size> is no number");
    for (size_t i = 0; i < element->text_len; i++) {
        if (element->text[i] < '0' || element->text[i] > '9')
            return bad(err, "a <Size> is no number");
        size = size * 10 + (element->text[i] - '0');
    }
    reader->size = size;
    reader->has_size = true;
    return AKS_OK;
}

/* A child of the root. */
static enum aks_status
read_page_field(struct listing_reader *reader, const struct aks_xml_element *element,
    struct aks_error *err)
{
    if (element->text_len == 0)     /* some servers write what they have not as empty elements */
        return AKS_OK;
    if (strcmp(element->name, "IsTruncated") == 0) {
        reader->listing->truncated = strcmp(element->text, "true") == 0;
        if (!reader->listing->truncated && strcmp(element->text, "false") != 0)
            return bad(err, "<IsTruncated> is neither true nor false");
    } else if (strcmp(element->name, "NextContinuationToken") == 0) {
        return copy_text(reader, element, AKS_S3_XML_TEXT_MAX, &reader->listing->continuation, err);
    } else if (strcmp(element->name, "EncodingType") == 0) {
        return bad(err, "keys come encoded, which was not asked for");
    }
    return AKS_OK;
}

static enum aks_status
listing_begin(void *ctx, int depth, const char *name, struct aks_error *err)
{
    struct listing_reader *reader = ctx;

    if (depth == 1 && strcmp(name, "ListBucketResult") != 0)
        return bad(err, "the answer is no <ListBucketResult>");
    if (depth == 2) {
        reader->has_key = false;
        reader->has_size = false;
    }
    return AKS_OK;
}

static enum aks_status
listing_end(void *ctx, const struct aks_xml_element *element, struct aks_error *err)
{
    struct listing_reader *reader = ctx;
    bool in_contents = element->depth == 3 && strcmp(element->parent, "Contents") == 0;
    bool in_prefixes = element->depth == 3 && strcmp(element->parent, "CommonPrefixes") == 0;

    if (element->depth == 2 && strcmp(element->name, "Contents") == 0)
        return add_key(reader, err);
    if (element->depth == 2 && element->leaf)
        return read_page_field(reader, element, err);
    if (in_prefixes && strcmp(element->name, "Prefix") == 0)
        return add_prefix(reader, element, err);
    if (in_contents && strcmp(element->name, "Size") == 0)
        return read_size(reader, element, err);
    if (in_contents && strcmp(element->name, "Key") == 0) {
        reader->has_key = true;
        return copy_text(reader, element, AKS_S3_KEY_MAX, &reader->key, err);
    }
    return AKS_OK;
}

/* A page that says "more" without saying how would end a listing too early, in silence. */
static enum aks_status
check_continuation(struct aks_s3_listing *listing, struct aks_error *err)
{
    if (listing->truncated)
        return listing->continuation != NULL ? AKS_OK
            : bad(err, "the page is truncated and has no <NextContinuationToken>");
    aks_mem_free(listing->alloc, listing->continuation);
    listing->continuation = NULL;
    return AKS_OK;
}

enum aks_status
aks_s3_xml_listing(const struct aks_alloc *alloc, const char *xml, size_t len,
    struct aks_s3_listing *ret_listing, struct aks_error *err)
{
    struct listing_reader reader = { .listing = ret_listing, .alloc = alloc };
    struct aks_xml_handler handler = { &reader, listing_begin, listing_end };
    enum aks_status status;

    memset(ret_listing, 0, sizeof(*ret_listing));
    ret_listing->alloc = alloc;
    status = aks_xml_read(xml, len, WHAT, &handler, err);
    aks_mem_free(alloc, reader.key);
    return status == AKS_OK ? check_continuation(ret_listing, err) : status;
}
