/* Results as a person reads them, after LuaUnit's text. */
#ifndef AKS_CLI_TEST_TEXT_H
#define AKS_CLI_TEST_TEXT_H

#include "base/buf.h"
#include "cli/test_results.h"

struct aks_test_text {
    const struct aks_test_results *results;
    bool colour;
    bool verbose;                       /* every test, with what it printed */
    int path_columns;                   /* set by init: of the longest path, within reason */
};

void aks_test_text_init(struct aks_test_text *text, const struct aks_test_results *results,
    bool colour, bool verbose);
/** One line of a file that has ended; with verbose, one more for each of its tests. */
void aks_test_text_file(const struct aks_test_text *text, const struct aks_test_file *file,
    struct aks_buf *out);
/** The tests that failed, each with its message; nothing if none did. */
void aks_test_text_failures(const struct aks_test_text *text, struct aks_buf *out);
/** "seed 12345: repeat with --seed 12345". */
void aks_test_text_seed(const struct aks_test_text *text, struct aks_buf *out);
/** "4 passed, 1 failed", with ", 1 skipped" if any was. */
void aks_test_text_closing(const struct aks_test_text *text, struct aks_buf *out);
void aks_test_text_coverage(const struct aks_test_text *text, struct aks_buf *out);
/** Path and name of every test. */
void aks_test_text_list(const struct aks_test_text *text, struct aks_buf *out);

#endif
