/* Names of buckets, as AWS has them; other stores take no more.
 * Rules: docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html */
#ifndef AKS_WIRE_BUCKET_NAME_H
#define AKS_WIRE_BUCKET_NAME_H

#include <stddef.h>

#define AKS_BUCKET_NAME_MIN 3
#define AKS_BUCKET_NAME_MAX 63

/** What is wrong with a bucket's name, "a bucket's name ...", or NULL. */
const char *aks_bucket_name_fault(const char *name, size_t len);

#endif
