#include "port/http.h"

#include <string.h>

#define SCHEME "sha256//"
#define DIGITS 43       /* of 32 bytes; a '=' follows */

/* The last digit has two bits that stand for nothing: where they are set, nothing ever matches. */
static bool
is_pin(const char *text, size_t len)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    if (len != AKS_HTTP_PIN_BYTES - 1 || strncmp(text, SCHEME, strlen(SCHEME)) != 0)
        return false;
    text += strlen(SCHEME);
    for (size_t i = 0; i < DIGITS; i++) {
        if (strchr(digits, text[i]) == NULL)
            return false;
    }
    return (strchr(digits, text[DIGITS - 1]) - digits) % 4 == 0 && text[DIGITS] == '=';
}

bool
aks_http_pins_valid(const char *pins)
{
    for (size_t count = 1; count <= AKS_HTTP_PINS_MAX; count++) {
        size_t len = strcspn(pins, ";");

        if (!is_pin(pins, len))
            return false;
        if (pins[len] == '\0')
            return true;
        pins += len + 1;
    }
    return false;
}
