/* Lines of tables: which characters stand where. */
#include "base/line.h"
#include "tests/unit/files.h"
#include "tests/unit/unit.h"

static const uint32_t spaces[] = { 0x09, 0x0A, 0x0B, 0x0C, 0x0D, 0x20, 0x85, 0xA0, 0x1680, 0x2000, 0x2005, 0x200A, 0x2028, 0x2029, 0x202F, 0x205F,
    0x3000 };
static const uint32_t others[] = { 0x00, 0x08, 0x0E, 0x1F, 0x21, 0x84, 0x86, 0x9F, 0xA1, 0x167F, 0x1681, 0x1FFF, 0x200B, 0x2027, 0x202A, 0x202E, 0x2030,
    0x205E, 0x2060, 0x2FFF, 0x3001, 0xFEFF };

START_TEST(white_space_is_unicodes)
{
    for (size_t i = 0; i < sizeof spaces / sizeof *spaces; i++)
        ck_assert_msg(base_is_space(spaces[i]), "U+%04X", (unsigned)spaces[i]);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        ck_assert_msg(!base_is_space(others[i]), "U+%04X", (unsigned)others[i]);
}
END_TEST

/* said NULL: the line is cut into key and rest. */
static const struct { const char *line, *key, *rest, *said; } lines[] = {
    { "k v", "k", "v", NULL }, { "k", "k", "", NULL }, { "k\t v  w \t", "k", "v  w", NULL }, { "k \t ", "k", "", NULL },
    { "k a\u00a0b", "k", "a\u00a0b", NULL },            /* inside of a value, not of a key */
    { "k \ufeffv", "k", "\ufeffv", NULL },
    { "a\ufeff v", "a\ufeff", "v", NULL },
    { "", NULL, NULL, "empty line" },
    { " k", NULL, NULL, "white space before the key" },
    { "\tk", NULL, NULL, "white space before the key" },
    { "\u2003k v", NULL, NULL, "character U+2003 in column 1" },
    { "a\u3000b v", NULL, NULL, "character U+3000 in column 2" },
    { "\ufeffk v", NULL, NULL, "byte order mark before the key" },
    { "k v\r", NULL, NULL, "carriage return in column 4 (lines end with a newline alone)" },
    { "k \x1b[31m", NULL, NULL, "character U+001B in column 3" },
    { "k \x7f", NULL, NULL, "character U+007F in column 3" },
    { "k \xc2\x85", NULL, NULL, "character U+0085 in column 3" },
    { "k \xc2\x9f", NULL, NULL, "character U+009F in column 3" },
    { "k\x1f v", NULL, NULL, "character U+001F in column 2" },
    { "k \xc3", NULL, NULL, "invalid UTF-8, byte c3 at the end in column 3" },
    { "k \xc3(", NULL, NULL, "invalid UTF-8, bytes c3 28 in column 3" },
    { "k \xed\xa0\x80", NULL, NULL, "invalid UTF-8, bytes ed a0 in column 3" },     /* a surrogate */
    { "\x1f\x8b\x08", NULL, NULL, "packed by gzip (gunzip it first)" },
};

START_TEST(lines_are_cut_or_refused)
{
    char text[100], reason[BASE_LINE_REASON] = "";
    base_line l = { 0 };

    strcpy(text, lines[_i].line);
    bool cut = base_line_cut(text, strlen(text), &l, reason);
    ck_assert_msg(cut == !lines[_i].said, "\"%s\": %s", lines[_i].line, reason);
    if (cut) {
        ck_assert_str_eq(l.key, lines[_i].key);
        ck_assert_str_eq(l.rest, lines[_i].rest);
    } else {
        ck_assert_str_eq(reason, lines[_i].said);
    }
}
END_TEST

START_TEST(nul_is_told)
{
    char text[] = "k a\0b", reason[BASE_LINE_REASON] = "";
    base_line l;

    ck_assert(!base_line_cut(text, sizeof text - 1, &l, reason));
    ck_assert_str_eq(reason, "NUL byte in text in column 4");
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("base/line");

    unit_add(s, white_space_is_unicodes);
    unit_add_loop(s, lines_are_cut_or_refused, (int)(sizeof lines / sizeof *lines));
    unit_add(s, nul_is_told);
    return s;
}

UNIT_MAIN(suite)
