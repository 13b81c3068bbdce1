#include "base/utf8.h"

#include <string.h>

int base_utf8_decode(const char *text, size_t left, uint32_t *c)
{
    static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
    const unsigned char *s = (const unsigned char *)text;
    int length = s[0] < 0x80 ? 1 : s[0] < 0xC2 ? 0 : s[0] < 0xE0 ? 2 : s[0] < 0xF0 ? 3 : s[0] < 0xF5 ? 4 : 0;

    if (length == 0 || (size_t)length > left)
        return 0;
    *c = length == 1 ? s[0] : s[0] & (0x7F >> length);
    for (int i = 1; i < length; i++) {
        if ((s[i] & 0xC0) != 0x80)
            return 0;
        *c = *c << 6 | (s[i] & 0x3F);
    }
    if (*c < least[length] || *c > 0x10FFFF || (*c >= 0xD800 && *c <= 0xDFFF))
        return 0;
    return length;
}

bool base_is_plain(uint32_t c)
{
    return c >= ' ' && (c < 0x7F || c >= 0xA0) && (c < 0x2028 || c > 0x202E) && (c < 0x2066 || c > 0x2069);
}

bool base_all_plain(const char *text)
{
    uint32_t c = 0;

    for (size_t left = strlen(text); left; ) {
        int n = base_utf8_decode(text, left, &c);
        if (!n || !base_is_plain(c))
            return false;
        text += n;
        left -= (size_t)n;
    }
    return true;
}

void base_make_plain(char *text, bool lines)
{
    char *to = text;
    size_t left = strlen(text);
    uint32_t c;

    while (left) {
        int n = base_utf8_decode(text, left, &c);

        if (n && (base_is_plain(c) || (lines && c == '\n'))) {
            memmove(to, text, (size_t)n);
            to += n;
        } else {
            *to++ = n && c == '\t' ? ' ' : '?';
        }
        text += n ? n : 1;
        left -= n ? (size_t)n : 1;
    }
    *to = '\0';
}
