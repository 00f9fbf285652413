"""Where the S3 model differs from a real server on purpose.

(server, script, the step's request, the facts that differ, why). A step is found by the beginning of its request.
"""

MALFORMED = ("an Authorization header that is none is answered differently by everybody; the model says what AWS says, "
             "and no client of ours ever sends one")
COPIED = ("versitygw 1.8.0 takes the checksum of the whole source for that of the range which was copied, so that the "
          "upload cannot be completed; the model makes the right one")
ERROR = {"outcome", "/Error/Code"}

DIFFERENCES = (
    ("minio", "lists.script", "GET .?list-type=2&prefix=@&max-keys=2&continuation-token=$next2",
     {"/ListBucketResult/IsTruncated", "/ListBucketResult/NextContinuationToken"},
     "MinIO does not look beyond a page that is full, so it may promise a next page that is empty; the model ends where "
     "the names do"),
    ("minio", "objects.script", "GET <1100>", ERROR,
     "MinIO refuses names that are too long when they are written, and does not find them when they are read"),
    ("minio", "signatures.script", "GET a Authorization=nonsense", ERROR, MALFORMED),
    ("minio", "signatures.script", "GET a Authorization=AWS4-HMAC-SHA256", ERROR, MALFORMED),
    ("minio", "signatures.script", "GET a Authorization=\"AWS4-HMAC-SHA256 Credential=x\"", ERROR, MALFORMED),
    ("versitygw", "signatures.script", "GET a Authorization=AWS4-HMAC-SHA256", ERROR, MALFORMED),
    ("versitygw", "signatures.script", "GET a Authorization=\"AWS4-HMAC-SHA256 Credential=x\"", ERROR, MALFORMED),
    ("versitygw", "objects.script", "HEAD folder/", {"content-type"},
     "versitygw stores what ends in a slash as a folder and gives it a type of its own"),
    ("versitygw", "multipart.script", "PUT to?partNumber=1&uploadId=$upload x-amz-copy-source=/@from "
     "x-amz-copy-source-range=bytes=0-4", {"/CopyPartResult/ChecksumCRC64NVME"}, COPIED),
    ("versitygw", "multipart.script", "GET to?uploadId=$upload", {"/ListPartsResult/Part/ChecksumCRC64NVME"}, COPIED),
    ("versitygw", "multipart.script", "POST to?uploadId=$upload x-amz-checksum-crc64nvme={crc64nvme:hello}",
     ERROR | {"/Error/RequestId", "content-type"} | {f"/CompleteMultipartUploadResult/{name}" for name in (
         "Bucket", "Key", "ETag", "ChecksumCRC64NVME", "ChecksumType")}, COPIED),
)


def find(server, step):
    """The rows of a step."""
    asked = " ".join(step.line.partition("->")[0].split()) + " "
    return [row for row in DIFFERENCES
            if row[0] == server and step.place.startswith(row[1] + ":") and asked.startswith(row[2] + " ")]
