/* Answers of a server of the Model Context Protocol to request 1, down to what its tool says of a
 * batch of two memories, "a" and "b". */
#include "base/check.h"
#include "wire/store_answer.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
check_words(const char *words)
{
    AKS_CHECK(strlen(words) < AKS_JSONRPC_WORDS_BYTES);
    for (; *words != '\0'; words++)
        AKS_CHECK((unsigned char)*words >= ' ' && *words != 0x7f);
}

static void
check_tool(const struct json_t *result)
{
    struct aks_store_memory memories[2] = { { .id = "a" }, { .id = "b" } };
    struct aks_store_answer answer;
    struct aks_jsonrpc_tool tool;
    struct aks_error err;

    if (aks_jsonrpc_tool(result, &tool, &err) != AKS_OK) {
        AKS_CHECK(err.status == AKS_BAD_REPLY);
        return;
    }
    check_words(tool.words);
    AKS_CHECK(tool.failed == (tool.value == NULL));
    if (!tool.failed && aks_store_answer_read(tool.value, memories, 2, &answer, &err) == AKS_OK) {
        AKS_CHECK(answer.stored + answer.refused + answer.failed == 2);
        AKS_CHECK(answer.there <= answer.stored);
        check_words(memories[0].words);
        check_words(memories[1].words);
    }
    aks_jsonrpc_tool_fini(&tool);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    char protocol[AKS_JSONRPC_PROTOCOL_BYTES];
    struct aks_jsonrpc_answer answer;
    struct aks_error err;
    enum aks_jsonrpc_kind kind = aks_jsonrpc_read((const char *)data, len, 1, &answer, &err);

    if (kind == AKS_JSONRPC_BAD)
        AKS_CHECK(err.status == AKS_BAD_REPLY);
    if (kind == AKS_JSONRPC_ANSWER) {
        AKS_CHECK(answer.failed == (answer.result == NULL));
        check_words(answer.words);
        if (answer.result != NULL) {
            (void)aks_jsonrpc_protocol(answer.result, protocol, NULL);
            check_tool(answer.result);
        }
    }
    aks_jsonrpc_answer_fini(&answer);
    return 0;
}
