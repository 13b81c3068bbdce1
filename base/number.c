#include "base/number.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Puts a comma between thousands, left of a point. */
static void group(char *text)
{
    char *first = text + (*text == '-');
    size_t digits = strspn(first, "0123456789");

    for (size_t at = digits; at > 3; at -= 3) {
        memmove(first + at - 2, first + at - 3, strlen(first + at - 3) + 1);
        first[at - 3] = ',';
    }
}

const char *base_count_text(char *text, int64_t n, const char *noun)
{
    int one = (int)strcspn(noun, "|");

    snprintf(text, BASE_NUMBER_SIZE / 2, "%lld", (long long)n);
    group(text);
    if (n == 1 || !noun[one])
        snprintf(text + strlen(text), BASE_NUMBER_SIZE - strlen(text), " %.*s%s", one, noun, n == 1 ? "" : "s");
    else
        snprintf(text + strlen(text), BASE_NUMBER_SIZE - strlen(text), " %s", noun + one + 1);
    return text;
}

const char *base_amount_text(char *text, double x)
{
    double size = fabs(x);
    int digits = size >= 1e-6 && size < 1e15 ? 2 - (int)floor(log10(size)) : 0;     /* behind the point */

    if (!(size < 1e15)) {
        snprintf(text, BASE_NUMBER_SIZE, "%g", x);
        return text;
    }
    if (digits < 0) {
        x = round(x * pow(10, digits)) * pow(10, -digits);
        digits = 0;
    }
    snprintf(text, BASE_NUMBER_SIZE, "%.*f", digits, size < 1e-6 ? 0 : x);
    if (strchr(text, '.')) {
        size_t end = strlen(text);

        while (text[end - 1] == '0')
            end--;
        text[end - (text[end - 1] == '.')] = '\0';
    }
    group(text);
    return text;
}
