/* UTF-8 as base_utf8_decode has it. */
#include "base/error.h"
#include "base/utf8.h"
#include "libtext/table.h"

#define REPLACEMENT 0xFFFD

bool tx_utf8_fault(const char *text, size_t size, int64_t *line, int64_t *column, char reason[TX_UTF8_REASON])
{
    const unsigned char *s = (const unsigned char *)text;
    uint32_t c;
    size_t i = 0;
    int length;

    for (*column = 1; i < size && (length = base_utf8_decode(text + i, size - i, &c)) > 0 && c != 0; ++*column) {
        i += (size_t)length;
        if (c == '\n') {
            ++*line;
            *column = 0;
        }
    }
    if (i == size)
        return false;
    if (s[i] == 0)
        snprintf(reason, TX_UTF8_REASON, "NUL byte in text");
    else if (i + 1 < size)
        snprintf(reason, TX_UTF8_REASON, "invalid UTF-8, bytes %02x %02x", s[i], s[i + 1]);
    else
        snprintf(reason, TX_UTF8_REASON, "invalid UTF-8, byte %02x at the end", s[i]);
    return true;
}

base_status tx_utf8_check(const char *name, int64_t line, const char *text, size_t size, base_error *e)
{
    int64_t column;
    char reason[TX_UTF8_REASON];

    if (!tx_utf8_fault(text, size, &line, &column, reason))
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

/* The characters with the property White_Space (PropList.txt). */
bool tx_is_space(uint32_t c)
{
    return c == ' ' || (c >= 0x09 && c <= 0x0D) || c == 0x85 || c == 0xA0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}
