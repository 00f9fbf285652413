#include "wire/bucket_name.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

static bool
is_ipv4(const char *text)
{
    int dots = 0;

    for (; *text != '\0'; text++) {
        if (*text == '.')
            dots++;
        else if (!isdigit((unsigned char)*text))
            return false;
    }
    return dots == 3;
}

static bool
is_lower_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

const char *
aks_bucket_name_fault(const char *name, size_t len)
{
    if (len < AKS_BUCKET_NAME_MIN || len > AKS_BUCKET_NAME_MAX)
        return "a bucket's name has 3 to 63 characters";
    for (size_t i = 0; i < len; i++) {
        if (!is_lower_alnum(name[i]) && name[i] != '.' && name[i] != '-')
            return "a bucket's name has lower-case letters, digits, '.' and '-' only";
    }
    if (!is_lower_alnum(name[0]) || !is_lower_alnum(name[len - 1]))
        return "a bucket's name begins and ends with a letter or digit";
    if (strstr(name, "..") != NULL)
        return "a bucket's name has no two dots in a row";
    if (is_ipv4(name))
        return "a bucket's name is not an IP address";
    return NULL;
}
