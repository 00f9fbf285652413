/* What stores answer to the questions that doctor asks about a bucket and its key. */
#ifndef AKS_TESTS_S3_ANSWERS_H
#define AKS_TESTS_S3_ANSWERS_H

#include "engine/s3_script.h"
#include "engine/target_s3_inspect.h"

#define S3_ANSWERS_CODE(code) "<Error><Code>" code "</Code></Error>"

struct s3_answer {
    int status;                         /* 0: it is not asked */
    const char *headers;
    const char *body;
};

/* Of a store that lets a key do everything, but for one condition; and strangers, too. */
extern const struct s3_answer s3_answers_open[AKS_S3_QUESTIONS];
/* Of one whose key may what it needs, and whose bucket is as it should be. */
extern const struct s3_answer s3_answers_tight[AKS_S3_QUESTIONS];
/* The first lines of the requests. */
extern const char *const s3_answers_lines[AKS_S3_QUESTIONS];

/** s3_script_begin, with chance that is known. */
void s3_answers_begin(struct s3_script *script, const struct aks_alloc *alloc);
void s3_answers_expect(struct s3_script *script, const struct s3_answer answers[AKS_S3_QUESTIONS]);

#endif
