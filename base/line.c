#include "base/line.h"

#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

bool base_is_space(uint32_t c)
{
    return c == ' ' || (c >= 0x09 && c <= 0x0D) || c == 0x85 || c == 0xA0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

bool base_utf8_fault(const char *text, size_t size, int64_t *line, int64_t *column, char reason[BASE_UTF8_REASON])
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
        snprintf(reason, BASE_UTF8_REASON, "NUL byte in text");
    else if (i + 1 < size)
        snprintf(reason, BASE_UTF8_REASON, "invalid UTF-8, bytes %02x %02x", s[i], s[i + 1]);
    else
        snprintf(reason, BASE_UTF8_REASON, "invalid UTF-8, byte %02x at the end", s[i]);
    return true;
}

/* A character that no line may have, in valid UTF-8. */
static bool refused_character(const char *line, size_t size, char reason[BASE_LINE_REASON])
{
    bool in_key = true;
    long long column = 1;
    uint32_t c;

    for (size_t i = 0; i < size; i += (size_t)base_utf8_decode(line + i, size - i, &c), column++) {
        base_utf8_decode(line + i, size - i, &c);
        in_key = in_key && c != ' ' && c != '\t';
        if (c == '\r')
            snprintf(reason, BASE_LINE_REASON, "carriage return in column %lld (lines end with a newline alone)", column);
        else if (c == 0xFEFF && column == 1)
            snprintf(reason, BASE_LINE_REASON, "byte order mark before the key");
        else if ((c < ' ' && c != '\t') || (c >= 0x7F && c < 0xA0) || (in_key && base_is_space(c)))
            snprintf(reason, BASE_LINE_REASON, "character U+%04X in column %lld", (unsigned)c, column);
        else
            continue;
        return true;
    }
    return false;
}

bool base_line_cut(char *line, size_t size, base_line *l, char reason[BASE_LINE_REASON])
{
    int64_t number = 0, column;
    size_t key = strcspn(line, " \t");
    char fault[BASE_UTF8_REASON];
    char *rest, *end = line + size;

    if (!strncmp(line, "\x1f\x8b", 2)) {
        snprintf(reason, BASE_LINE_REASON, "packed by gzip (gunzip it first)");
        return false;
    }
    if (base_utf8_fault(line, size, &number, &column, fault)) {
        snprintf(reason, BASE_LINE_REASON, "%s in column %lld", fault, (long long)column);
        return false;
    }
    if (refused_character(line, size, reason))
        return false;
    if (key == 0) {
        snprintf(reason, BASE_LINE_REASON, size == 0 ? "empty line" : "white space before the key");
        return false;
    }
    rest = line + key + strspn(line + key, " \t");
    while (end > rest && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    *end = line[key] = '\0';
    *l = (base_line){ line, rest };
    return true;
}
