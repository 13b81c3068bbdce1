/* UTF-8 as base_utf8_decode has it. */
#include "base/error.h"
#include "base/line.h"
#include "base/utf8.h"
#include "libtext/table.h"

#define REPLACEMENT 0xFFFD

base_status tx_utf8_check(const char *name, int64_t line, const char *text, size_t size, base_error *e)
{
    int64_t column;
    char reason[BASE_UTF8_REASON];

    if (!base_utf8_fault(text, size, &line, &column, reason))
        return BASE_OK;
    return base_fail(e, BASE_FORMAT, "%s:%lld:%lld: %s", name, (long long)line, (long long)column, reason);
}

uint32_t tx_utf8_next(const char **p)
{
    const char *s = *p;
    uint32_t c = 0;
    size_t left = 0;
    int length;

    while (left < 4 && s[left])     /* never past the NUL, however broken the last character is */
        left++;
    if (left == 0)
        return 0;
    length = base_utf8_decode(s, left, &c);
    *p += length ? length : 1;
    return length ? c : REPLACEMENT;
}

int tx_utf8_put(uint32_t c, char out[4])
{
    static const unsigned char first[] = { 0, 0, 0xC0, 0xE0, 0xF0 };
    int length = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

    for (int i = length - 1; i > 0; i--, c >>= 6)
        out[i] = (char)(0x80 | (c & 0x3F));
    out[0] = (char)(first[length] | c);
    return length;
}

int64_t tx_utf8_count(const char *text)
{
    int64_t n = 0;

    while (tx_utf8_next(&text))
        n++;
    return n;
}

bool tx_is_space(uint32_t c) { return base_is_space(c); }
