/* Our own age as a filter, standard input to standard output: what tests/real/test_age_vectors.py
 * holds against the test vectors of others, and bench/age_cost.py against age itself. No part of
 * what is installed.
 *
 *     age_tool encrypt RECIPIENT...
 *     age_tool decrypt [--armored] (--identity FILE | --passphrase TEXT)...
 *
 * A failure is one word on standard error, its words behind it, and exit code 1. */
#include "data/age_read.h"
#include "data/age_write.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#define BLOCK_BYTES ((size_t)1024 * 1024)
#define FILE_BYTES_MAX ((size_t)1024 * 1024)

static void
fail(const char *word, const char *why)
{
    (void)fprintf(stderr, "%s: %s\n", word, why);
    exit(1);
}

static size_t
read_block(uint8_t *block)
{
    size_t len = 0;

    while (len < BLOCK_BYTES) {
        ssize_t got = read(STDIN_FILENO, block + len, BLOCK_BYTES - len);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            fail("read", strerror(errno));
        if (got == 0)
            break;
        len += (size_t)got;
    }
    return len;
}

static enum aks_status
write_all(void *ctx, const void *data, size_t len, struct aks_error *err)
{
    const uint8_t *at = data;

    while (len > 0) {
        ssize_t put = write(STDOUT_FILENO, at, len);

        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            fail("write", strerror(errno));
        at += put;
        len -= (size_t)put;
    }
    return AKS_OK;
}

static enum aks_status
fill(void *ctx, void *data, size_t len, struct aks_error *err)
{
    return getrandom(data, len, 0) == (ssize_t)len ? AKS_OK
        : aks_error_set(err, AKS_INTERNAL, "no random bytes");
}

static int
encrypt(int count, char **recipients)
{
    static struct aks_age_recipients list;
    struct aks_age_writer_options options = { .alloc = aks_alloc_system(), .recipients = &list,
        .fill = fill };
    struct aks_age_writer *writer = NULL;
    struct aks_error err;
    uint8_t *block = malloc(BLOCK_BYTES);
    uint8_t *out;
    size_t room;
    size_t len;

    for (int i = 0; i < count; i++) {
        if (aks_age_recipients_add(&list, recipients[i], strlen(recipients[i]), &err) != AKS_OK)
            fail("recipient", err.message);
    }
    if (aks_age_writer_new(&options, &writer, &err) != AKS_OK)
        fail("encrypt", err.message);
    room = aks_age_writer_bound(writer, BLOCK_BYTES + AKS_AGE_CHUNK_BYTES);
    out = malloc(room);
    if (block == NULL || out == NULL)
        fail("memory", "none");
    do {
        size_t made = 0;

        len = read_block(block);
        aks_age_writer_write(writer, block, len, len < BLOCK_BYTES, out, &made);
        (void)write_all(NULL, out, made, NULL);
    } while (len == BLOCK_BYTES);
    aks_age_writer_free(writer);
    free(out);
    free(block);
    return 0;
}

static void
add_identities(struct aks_age_identities *identities, const char *path)
{
    char *text = malloc(FILE_BYTES_MAX);
    FILE *file = fopen(path, "rb");
    struct aks_error err;
    size_t len;

    if (file == NULL || text == NULL)
        fail("identity", "cannot be read");
    len = fread(text, 1, FILE_BYTES_MAX, file);
    (void)fclose(file);
    if (aks_age_identities_read(identities, text, len, &err) != AKS_OK)
        fail("identity", err.message);
    free(text);
}

static struct aks_secret *
secret_of(const char *text)
{
    return aks_secret_new(aks_alloc_system(), "", text, strlen(text));
}

static int
decrypt(int count, char **arguments)
{
    static const char *const words[] = {
        [AKS_AGE_FINE] = "fine", [AKS_AGE_NO_MATCH] = "no match",
        [AKS_AGE_BAD_ARMOR] = "armor failure",
        [AKS_AGE_BAD_HEADER] = "header failure", [AKS_AGE_BAD_MAC] = "HMAC failure",
        [AKS_AGE_BAD_PAYLOAD] = "payload failure", [AKS_AGE_NO_MEMORY] = "memory",
    };
    static struct aks_age_identities identities;
    struct aks_age_keys keys = { .identities = &identities };
    struct aks_secret *passphrase = NULL;
    struct aks_age_reader *reader = NULL;
    struct aks_error err;
    uint8_t *block = malloc(BLOCK_BYTES);
    enum aks_status status;
    bool armored = false;
    size_t len;

    aks_age_identities_init(&identities, aks_alloc_system());
    for (int i = 0; i < count; i++) {
        if (strcmp(arguments[i], "--armored") == 0)
            armored = true;
        else if (i + 1 < count && strcmp(arguments[i], "--identity") == 0)
            add_identities(&identities, arguments[++i]);
        else if (i + 1 < count && strcmp(arguments[i], "--passphrase") == 0)
            passphrase = secret_of(arguments[++i]);
        else
            fail("usage", arguments[i]);
    }
    keys.passphrase = passphrase;
    if (block == NULL ||
        aks_age_reader_new(aks_alloc_system(), &keys, armored, &reader, &err) != AKS_OK)
        fail("memory", "none");
    do {
        len = read_block(block);
        status = aks_age_reader_feed(reader, block, len, write_all, NULL, &err);
    } while (status == AKS_OK && len == BLOCK_BYTES);
    if (status == AKS_OK)
        status = aks_age_reader_end(reader, write_all, NULL, &err);
    if (status != AKS_OK)
        fail(words[aks_age_reader_failure(reader)], err.message);
    aks_age_reader_free(reader);
    aks_age_identities_fini(&identities);
    aks_secret_free(passphrase);
    free(block);
    return 0;
}

int
main(int argc, char **argv)
{
    if (argc >= 3 && strcmp(argv[1], "encrypt") == 0)
        return encrypt(argc - 2, argv + 2);
    if (argc >= 2 && strcmp(argv[1], "decrypt") == 0)
        return decrypt(argc - 2, argv + 2);
    fail("usage", "age_tool encrypt|decrypt ...");
    return 2;
}
