/* Audit logs: lines of anything. Whatever they are, there is one verdict, its place is a line that
 * there is, and the same bytes get the same verdict. */
#include "base/check.h"
#include "engine/audit_chain.h"
#include "engine/audit_heads.h"

#include <jansson.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define UPLOAD "20261126T080000Z-000001"

static void
feed(struct aks_audit_chain *chain, struct aks_audit_heads *heads, const char *text, size_t len)
{
    int64_t number = 0;

    while (len > 0) {
        const char *end = memchr(text, '\n', len);
        size_t line_len = end != NULL ? (size_t)(end - text) : len;
        struct aks_audit_place place = { "audit.jsonl", ++number, 0 };
        struct aks_audit_line line;
        json_t *record = NULL;

        aks_audit_chain_line(chain, "audit.jsonl", number, line_len < AKS_AUDIT_RECORD_BYTES_MAX
            ? text : NULL, line_len, end != NULL, &line, &record);
        AKS_CHECK((record != NULL) == (line.kind == AKS_AUDIT_LINE_RECORD));
        if (record != NULL) {
            AKS_CHECK(line.seq > 0 && line.event[0] != '\0' && strlen(line.prev) == 64);
            place.seq = line.seq;
            aks_audit_heads_record(heads, &place, &line, record);
        }
        json_decref(record);
        len -= line_len + (end != NULL);
        text += line_len + (end != NULL);
    }
    aks_audit_chain_end(chain);
}

static void
judge(const char *text, size_t len, const struct aks_audit_mark *witness,
    struct aks_audit_fault *ret_fault)
{
    struct aks_audit_heads_facts facts = { .first_at_ms = 0 };
    struct aks_audit_chain chain;
    struct aks_audit_heads heads;

    aks_audit_heads_init(&heads, aks_alloc_system());
    AKS_CHECK(aks_audit_heads_add(&heads, 0, UPLOAD, 1, "00", NULL) == AKS_OK);
    aks_audit_heads_sort(&heads);
    AKS_CHECK(aks_audit_chain_init(&chain, aks_alloc_system(), witness, "state.db",
        NULL) == AKS_OK);
    feed(&chain, &heads, text, len);
    aks_audit_heads_judge(&heads, &facts);
    AKS_CHECK(heads.heads[0].outcome >= AKS_AUDIT_HEAD_MISSING);
    AKS_CHECK(chain.fault.place.line >= 0 && chain.fault.place.line <= chain.lines);
    AKS_CHECK((chain.fault.kind == AKS_AUDIT_FITS) == (chain.fault.why[0] == '\0'));
    *ret_fault = chain.fault;
    aks_audit_chain_fini(&chain);
    aks_audit_heads_fini(&heads);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const struct aks_audit_mark witness = { 3,
        "00000000000000000000000000000000000000000000000000000000000000ff", 0 };
    struct aks_audit_fault fault;
    struct aks_audit_fault again;

    judge((const char *)data, len, NULL, &fault);
    judge((const char *)data, len, NULL, &again);
    AKS_CHECK(memcmp(&fault, &again, sizeof(fault)) == 0);
    judge((const char *)data, len, &witness, &again);
    return 0;
}
