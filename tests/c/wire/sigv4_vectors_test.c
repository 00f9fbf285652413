#include "wire/sigv4.h"

#include "base/encode.h"
#include "data/digest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define E0 AKS_SHA256_EMPTY_HEX
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define DATE "20130524T000000Z"
#define HOST { "host", "examplebucket.s3.amazonaws.com" }
#define BODY(hash) { "x-amz-content-sha256", hash }
#define AT(date) { "x-amz-date", date }

/* The examples of the S3 documentation. */
static const struct aks_sigv4_key docs_key = { "AKIAIOSFODNN7EXAMPLE",
    "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "us-east-1", "s3" };
/* The suite of aws-c-auth: the secret differs in one character. */
static const struct aks_sigv4_key suite_key = { "AKIDEXAMPLE",
    "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "us-east-1", "service" };

struct vector {
    const char *canonical_sha256;
    const char *signature;
};

static void
canonical_hash(const struct aks_sigv4_request *request, char ret_hex[AKS_SHA256_HEX_BYTES])
{
    uint8_t digest[AKS_SHA256_BYTES];
    struct aks_buf canonical;

    aks_buf_init(&canonical, aks_alloc_system(), AKS_SIGV4_CANONICAL_BYTES_MAX);
    assert_int_equal(aks_sigv4_canonical(request, &canonical, NULL), AKS_OK);
    aks_sha256(canonical.data, canonical.len, digest);
    aks_hex_encode(digest, sizeof(digest), ret_hex);
    aks_buf_fini(&canonical);
}

static void
check(const struct aks_sigv4_request *request, const struct aks_sigv4_key *key, const char *date,
    struct vector wanted)
{
    char hex[AKS_SIGV4_HEX_BYTES];
    struct aks_error err = { 0 };

    canonical_hash(request, hex);
    assert_string_equal(hex, wanted.canonical_sha256);
    if (aks_sigv4_signature(aks_alloc_system(), request, key, date, hex, &err) != AKS_OK)
        fail_msg("%s", err.message);
    assert_string_equal(hex, wanted.signature);
}

static void
signing_key_is_derived_as_documented(void **state)
{
    uint8_t key[AKS_SIGV4_KEY_BYTES];
    char hex[AKS_SIGV4_HEX_BYTES];

    assert_int_equal(aks_sigv4_signing_key(&docs_key, DATE, key, NULL), AKS_OK);
    aks_hex_encode(key, sizeof(key), hex);
    assert_string_equal(hex, "dbb893acc010964918f1fd433add87c70e8b0db6be30c1fbeafefa5ec6ba8378");
}

static void
vector_a_get_with_a_range(void **state)
{
    static const struct aks_sigv4_pair headers[] = { AT(DATE), BODY(E0), HOST,
        { "Range", "bytes=0-9" } };
    const struct aks_sigv4_request request = { "GET", "/test.txt", NULL, 0, headers, COUNT(headers),
        E0 };
    struct aks_buf out;

    aks_buf_init(&out, aks_alloc_system(), 4096);
    assert_int_equal(aks_sigv4_canonical(&request, &out, NULL), AKS_OK);
    assert_string_equal(out.data, "GET\n/test.txt\n\nhost:examplebucket.s3.amazonaws.com\n"
        "range:bytes=0-9\nx-amz-content-sha256:" E0 "\nx-amz-date:" DATE "\n\n"
        "host;range;x-amz-content-sha256;x-amz-date\n" E0);
    check(&request, &docs_key, DATE, (struct vector){
        "7344ae5b7ee6c3e7e6b0fe0640412a37625d1fbfff95c48bbb2dc43964946972",
        "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41" });
    aks_buf_reset(&out);
    assert_int_equal(aks_sigv4_authorization(&request, &docs_key, DATE, &out, NULL), AKS_OK);
    assert_string_equal(out.data, "AWS4-HMAC-SHA256 "
        "Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
        "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, "
        "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
    aks_buf_fini(&out);
}

static void
vector_b_put_of_a_key_that_needs_encoding(void **state)
{
    static const char hash[] = "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072";
    static const struct aks_sigv4_pair headers[] = { { "Date", "Fri, 24 May 2013 00:00:00 GMT" },
        HOST, BODY(hash), AT(DATE), { "x-amz-storage-class", "REDUCED_REDUNDANCY" } };
    const struct aks_sigv4_request request = { "PUT", "/test$file.text", NULL, 0, headers,
        COUNT(headers), hash };
    uint8_t digest[AKS_SHA256_BYTES];
    char hex[AKS_SHA256_HEX_BYTES];

    aks_sha256("Welcome to Amazon S3.", 21, digest);
    aks_hex_encode(digest, sizeof(digest), hex);
    assert_string_equal(hex, hash);
    check(&request, &docs_key, DATE, (struct vector){
        "9e0e90d9c76de8fa5b200d8c849cd5b8dc7a3be3951ddb7f6a76b4158342019d",
        "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd" });
}

static void
vector_c_a_parameter_without_a_value(void **state)
{
    static const struct aks_sigv4_pair headers[] = { HOST, BODY(E0), AT(DATE) };
    static const struct aks_sigv4_pair query[] = { { "lifecycle", "" } };
    const struct aks_sigv4_request request = { "GET", "/", query, 1, headers, COUNT(headers), E0 };

    check(&request, &docs_key, DATE, (struct vector){
        "9766c798316ff2757b517bc739a67f6213b4ab36dd5da2f94eaebf79c77395ca",
        "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543" });
}

static void
vector_d_parameters_are_sorted(void **state)
{
    static const struct aks_sigv4_pair headers[] = { HOST, BODY(E0), AT(DATE) };
    static const struct aks_sigv4_pair query[] = { { "prefix", "J" }, { "max-keys", "2" } };
    const struct aks_sigv4_request request = { "GET", "/", query, 2, headers, COUNT(headers), E0 };

    check(&request, &docs_key, DATE, (struct vector){
        "df57d21db20da04d7fa30298dd4488ba3a2b47ca3a489c74750e0f1e7df1b9b7",
        "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7" });
}

static void
vector_e_a_presigned_address(void **state)
{
    static const struct aks_sigv4_pair headers[] = { HOST };
    static const struct aks_sigv4_pair query[] = {
        { "X-Amz-SignedHeaders", "host" },
        { "X-Amz-Expires", "86400" },
        { "X-Amz-Date", DATE },
        { "X-Amz-Credential", "AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request" },
        { "X-Amz-Algorithm", "AWS4-HMAC-SHA256" },
    };
    const struct aks_sigv4_request request = { "GET", "/test.txt", query, COUNT(query), headers, 1,
        "UNSIGNED-PAYLOAD" };
    struct aks_buf out;

    aks_buf_init(&out, aks_alloc_system(), 4096);
    assert_int_equal(aks_sigv4_query(query, COUNT(query), &out, NULL), AKS_OK);
    assert_string_equal(out.data, "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential="
        "AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=" DATE
        "&X-Amz-Expires=86400&X-Amz-SignedHeaders=host");
    aks_buf_fini(&out);
    check(&request, &docs_key, DATE, (struct vector){
        "3bfa292879f6447bbcda7001decf97f4a54dc650c8942174ae0a9121cf58ad04",
        "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404" });
}

/* What follows the headers of a chunked upload is signed with the same key, each on top of the one
 * before. ${lines} come behind the scope and the previous signature. */
static void
sign_next(const char *algorithm, const char *lines, char signature[AKS_SIGV4_HEX_BYTES])
{
    uint8_t key[AKS_SIGV4_KEY_BYTES];
    uint8_t mac[AKS_SHA256_BYTES];
    char text[512];
    int len = snprintf(text, sizeof(text),
        "%s\n" DATE "\n20130524/us-east-1/s3/aws4_request\n%s\n%s", algorithm, signature, lines);

    assert_int_equal(aks_sigv4_signing_key(&docs_key, DATE, key, NULL), AKS_OK);
    aks_hmac_sha256(key, sizeof(key), text, (size_t)len, mac);
    aks_hex_encode(mac, sizeof(mac), signature);
}

static void
check_chunk(size_t bytes, char signature[AKS_SIGV4_HEX_BYTES], const char *wanted)
{
    static char data[65536];
    uint8_t digest[AKS_SHA256_BYTES];
    char lines[2 * AKS_SHA256_HEX_BYTES] = E0 "\n";

    memset(data, 'a', sizeof(data));
    aks_sha256(data, bytes, digest);
    aks_hex_encode(digest, sizeof(digest), lines + strlen(lines));
    sign_next("AWS4-HMAC-SHA256-PAYLOAD", lines, signature);
    assert_string_equal(signature, wanted);
}

static void
vector_f_a_chunked_upload(void **state)
{
    static const char hash[] = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD";
    static const struct aks_sigv4_pair headers[] = { { "host", "s3.amazonaws.com" },
        { "content-encoding", "aws-chunked" }, { "content-length", "66824" }, BODY(hash), AT(DATE),
        { "x-amz-decoded-content-length", "66560" },
        { "x-amz-storage-class", "REDUCED_REDUNDANCY" } };
    const struct aks_sigv4_request request = { "PUT", "/examplebucket/chunkObject.txt", NULL, 0,
        headers, COUNT(headers), hash };
    char signature[AKS_SIGV4_HEX_BYTES] =
        "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9";

    check(&request, &docs_key, DATE, (struct vector){
        "cee3fed04b70f867d036f722359b0b1f2f0e5dc0efadbc082b76c4c60e316455", signature });
    check_chunk(65536, signature,
        "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648");
    check_chunk(1024, signature,
        "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497");
    check_chunk(0, signature, "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9");
}

static void
vector_g_a_chunked_upload_with_a_signed_trailer(void **state)
{
    static const char hash[] = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER";
    static const char trailer[] = "x-amz-checksum-crc32c:sOO8/Q==\n";
    static const struct aks_sigv4_pair headers[] = { { "host", "s3.amazonaws.com" },
        { "content-encoding", "aws-chunked" }, BODY(hash), AT(DATE),
        { "x-amz-decoded-content-length", "66560" },
        { "x-amz-storage-class", "REDUCED_REDUNDANCY" },
        { "x-amz-trailer", "x-amz-checksum-crc32c" } };
    const struct aks_sigv4_request request = { "PUT", "/examplebucket/chunkObject.txt", NULL, 0,
        headers, COUNT(headers), hash };
    char signature[AKS_SIGV4_HEX_BYTES] =
        "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e";
    uint8_t digest[AKS_SHA256_BYTES];
    char hex[AKS_SHA256_HEX_BYTES];

    check(&request, &docs_key, DATE, (struct vector){
        "44d48b8c2f70eae815a0198cc73d7a546a73a93359c070abbaa5e6c7de112559", signature });
    check_chunk(65536, signature,
        "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2");
    check_chunk(1024, signature,
        "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7");
    check_chunk(0, signature, "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992");
    aks_sha256(trailer, sizeof(trailer) - 1, digest);
    aks_hex_encode(digest, sizeof(digest), hex);
    assert_string_equal(hex, "1e376db7e1a34a8ef1c4bcee131a2d60a1cb62503747488624e10995f448d774");
    sign_next("AWS4-HMAC-SHA256-TRAILER", hex, signature);
    assert_string_equal(signature,
        "d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435");
}

/* One case of the suite: once with the signature in a header, once in the query. */
struct suite_case {
    const char *path;
    struct aks_sigv4_pair query[2];
    size_t query_count;
    const char *token;          /* or NULL */
    const char *canonical_sha256;
    const char *header_signature;
    const char *query_signature;
};

#define SUITE_DATE "20150830T123600Z"

static const struct suite_case suite[] = {
    { "/", { { NULL, NULL } }, 0, NULL,
        "bb579772317eb040ac9ed261061d46c1f17a8133879d6129b6e1c25292927e63",
        "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
        "e93c787ed7f371d5c6b165c1b38ede9550f4dce4144713e844b25b7192d3865d" },
    { "/", { { "Param2", "value2" }, { "Param1", "value1" } }, 2, NULL,
        "816cd5b414d056048ba4f7c5386d6e0533120fb1fcfa93762cf0fc39e2cf19e0",
        "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        "86012e2c9ad4d77369f5d81c11f75158aae4f895a085212cc6d3f923d300bed5" },
    { "/", { { NULL, NULL } }, 0,
        "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267",
        "067b36aa60031588cea4a4cde1f21215227a047690c72247f1d70b32fbbfad2b",
        "07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8",
        "7ff2b50b376cb4d151970630573d6291dc128cc5c2a12ffb237f73cc53f67b6c" },
    { "/\xE1\x88\xB4", { { NULL, NULL } }, 0, NULL,
        "2a0a97d02205e45ce2e994789806b19270cfbbb0921b278ccf58f5249ac42102",
        "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85",
        "10eae3f14a260bd3911cc6d008d3c576d143b05b62f09782a7a4b37f52178e44" },
};

static void
suite_signatures_in_a_header(void **state)
{
    for (size_t i = 0; i < COUNT(suite); i++) {
        const struct suite_case *c = &suite[i];
        const struct aks_sigv4_pair headers[] = { { "Host", "example.amazonaws.com" },
            { "X-Amz-Date", SUITE_DATE }, { "X-Amz-Security-Token", c->token } };
        const struct aks_sigv4_request request = { "GET", c->path, c->query, c->query_count,
            headers, c->token != NULL ? 3 : 2, E0 };

        check(&request, &suite_key, SUITE_DATE,
            (struct vector){ c->canonical_sha256, c->header_signature });
    }
}

static void
suite_signatures_in_the_query(void **state)
{
    for (size_t i = 0; i < COUNT(suite); i++) {
        const struct suite_case *c = &suite[i];
        const struct aks_sigv4_pair headers[] = { { "host", "example.amazonaws.com" } };
        struct aks_sigv4_pair query[8] = {
            { "X-Amz-Algorithm", "AWS4-HMAC-SHA256" },
            { "X-Amz-Credential", "AKIDEXAMPLE/20150830/us-east-1/service/aws4_request" },
            { "X-Amz-Date", SUITE_DATE },
            { "X-Amz-Expires", "3600" },
            { "X-Amz-SignedHeaders", "host" },
        };
        struct aks_sigv4_request request = { "GET", c->path, query, 5, headers, 1, E0 };
        char hex[AKS_SIGV4_HEX_BYTES];

        for (size_t j = 0; j < c->query_count; j++)
            query[request.query_count++] = c->query[j];
        if (c->token != NULL)
            query[request.query_count++] =
                (struct aks_sigv4_pair){ "X-Amz-Security-Token", c->token };
        assert_int_equal(aks_sigv4_signature(aks_alloc_system(), &request, &suite_key, SUITE_DATE,
            hex, NULL), AKS_OK);
        assert_string_equal(hex, c->query_signature);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signing_key_is_derived_as_documented),
        cmocka_unit_test(vector_a_get_with_a_range),
        cmocka_unit_test(vector_b_put_of_a_key_that_needs_encoding),
        cmocka_unit_test(vector_c_a_parameter_without_a_value),
        cmocka_unit_test(vector_d_parameters_are_sorted),
        cmocka_unit_test(vector_e_a_presigned_address),
        cmocka_unit_test(vector_f_a_chunked_upload),
        cmocka_unit_test(vector_g_a_chunked_upload_with_a_signed_trailer),
        cmocka_unit_test(suite_signatures_in_a_header),
        cmocka_unit_test(suite_signatures_in_the_query),
    };

    return cmocka_run_group_tests_name("sigv4_vectors", tests, NULL, NULL);
}
