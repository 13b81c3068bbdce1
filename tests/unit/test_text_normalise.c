#include <string.h>

#include "base/error.h"
#include "libtext/number.h"
#include "libtext/tx.h"
#include "tests/unit/unit.h"

/* Normalises as `options` say, starting from none, and compares. */
static void expect(const char *options, const char *text, const char *wanted)
{
    tx_normalise_options o = TX_NORMALISE_NONE;
    base_error e = BASE_ERROR_INIT;
    char *got;

    ck_assert_msg(tx_normalise_parse(&o, options, &e) == BASE_OK, "%s", e.text);
    got = tx_normalise(text, &o, &e);
    ck_assert_msg(got != NULL, "%s", e.text);
    ck_assert_str_eq(got, wanted);
    free(got);
}

static void expect_default(const char *text, const char *wanted)
{
    const tx_normalise_options o = TX_NORMALISE_DEFAULTS;
    char *got = tx_normalise(text, &o, NULL);

    ck_assert_str_eq(got, wanted);
    free(got);
}

START_TEST(none_is_a_copy)
{
    expect("none", " a\u2019b\u2014\t[X] 12 \u00ad", " a\u2019b\u2014\t[X] 12 \u00ad");
}
END_TEST

START_TEST(defaults)
{
    expect_default("Excuse me.", "EXCUSE ME");
    expect_default("  Oh\u2014my\u2026 God!  ", "OH MY GOD");
    expect_default("Don\u2019t, I\u2019m goin\u2019 'round", "DON'T I'M GOIN' 'ROUND");
    expect_default("rock \u2019 roll ' `", "ROCK ROLL");
    expect_default("[LAUGHTER]", "");
    expect_default("well [LAUGHTER] okay[BREATHING]", "WELL OKAY");
    expect_default("no, no [open", "NO NO OPEN");
    expect_default("1 a", "1 A");
    expect_default("zero\u200bwidth so\u00adft\u00a0hard", "ZEROWIDTH SOFT HARD");
    expect_default("tab\there\x01now", "TAB HERE NOW");
}
END_TEST

/* EmoDB's sentences keep their umlauts, composed or not. */
START_TEST(german)
{
    expect_default("Das schwarze Stück Papier.", "DAS SCHWARZE STÜCK PAPIER");
    expect_default("ko\u0308nnte", "K\u00d6NNTE");
    expect_default("Straße", "STRA\u1e9eE");
    expect("lower", "K\u00d6NNTE", "k\u00f6nnte");
    expect("nfd", "\u00f6", "o\u0308");
    expect("strip-marks", "h\u00f6ren, Caf\u00e9", "horen, Cafe");
    expect("nfkd,strip-marks,upper", "h\u00f6ren", "HOREN");
}
END_TEST

START_TEST(forms)
{
    expect("nfkc", "\ufb01ve \uff11\u00b2", "five 12");
    expect("nfc", "\ufb01", "\ufb01");
    expect("nfkc,punctuation,collapse", "don\u00b4t", "don't");   /* before NFKC makes a space of the accent */
    expect("upper,keep-case", "a", "a");
    expect("collapse,no-collapse", " a  b ", " a  b ");
}
END_TEST

START_TEST(numbers)
{
    expect("digits,collapse", "0 7 10 13 20 42", "zero seven ten thirteen twenty forty two");
    expect("digits,collapse", "100 101 999", "one hundred one hundred one nine hundred ninety nine");
    expect("digits,collapse", "1200", "one thousand two hundred");
    expect("digits,collapse", "1,234,567 is",
           "one million two hundred thirty four thousand five hundred sixty seven is");
    expect("digits,collapse", "1,23", "one , twenty three");
    expect("digits,collapse", "1234,567", "one thousand two hundred thirty four , five hundred sixty seven");
    expect("digits,collapse", "3.05%", "three point zero five percent");
    expect("digits,collapse", "1. 2", "one . two");
    expect("digits,collapse", "007", "zero zero seven");
    expect("digits,collapse", "1st 2nd 3rd 12th 21st 30th 100TH",
        "first second third twelfth twenty first thirtieth one hundredth");
    expect("digits,collapse", "1step 5pm b2b", "one step five pm b two b");
    expect("digits,collapse", "1000000000000", "one trillion");
    expect("digits,collapse", "1000000000000000",
           "one zero zero zero zero zero zero zero zero zero zero zero zero zero zero zero");
    expect("digits,upper,collapse,punctuation", "It's 7:30!", "IT'S SEVEN THIRTY");
}
END_TEST

/* Every number below 100,000 against words put together by another rule. */
START_TEST(numbers_by_remainder)
{
    static const char *const low[] = { "zero",     "one",     "two",     "three",     "four",     "five",    "six",
                                       "seven",    "eight",   "nine",    "ten",       "eleven",   "twelve",  "thirteen",
                                       "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen" };
    static const char *const ten[] = { "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety" };

    for (int n = 0; n < 100000; n++) {
        static const int unit[] = { 1000, 100, 1 };
        char digits[16], wanted[200] = "";
        tx_buffer b = { 0 };
        int rest = n;

        for (int u = 0; u < 3; u++) {
            int part = rest / unit[u];

            rest %= unit[u];
            if (part == 0 && n > 0)
                continue;
            if (n == 0 && u < 2)
                continue;
            if (*wanted)
                strcat(wanted, " ");
            if (part >= 20) {
                strcat(wanted, ten[part / 10 - 2]);
                if (part % 10)
                    strcat(wanted, " ");
            }
            if (part < 20 || part % 10)
                strcat(wanted, low[part < 20 ? part : part % 10]);
            if (u < 2)
                strcat(wanted, u == 0 ? " thousand" : " hundred");
        }
        snprintf(digits, sizeof(digits), "%d", n);
        ck_assert_ptr_eq(tx_number_spell(digits, &b), digits + strlen(digits));
        ck_assert_str_eq(b.s, wanted);
        tx_buffer_free(&b);
    }
}
END_TEST

START_TEST(unknown_option)
{
    tx_normalise_options o = TX_NORMALISE_NONE;
    base_error e = BASE_ERROR_INIT;

    ck_assert_int_eq(tx_normalise_parse(&o, "upper,fold", &e), BASE_VALUE);
    ck_assert(strstr(e.text, "\"fold\" found") != NULL);
}
END_TEST

static void expect_utf8(const char *text, size_t size, const char *wanted)
{
    base_error e = BASE_ERROR_INIT;

    if (wanted) {
        ck_assert_int_eq(tx_utf8_check("f", 1, text, size, &e), BASE_FORMAT);
        ck_assert_str_eq(e.text, wanted);
    } else {
        ck_assert_msg(tx_utf8_check("f", 1, text, size, &e) == BASE_OK, "%s", e.text);
    }
}

START_TEST(utf8_faults)
{
    expect_utf8("a\u00fc\u20ac\U0001F600\n", 11, NULL);
    expect_utf8("", 0, NULL);
    expect_utf8("\u00fcb\n\u00fc\xff" "c", 8, "f:2:2: invalid UTF-8, bytes ff 63");
    expect_utf8("ab\xc3", 3, "f:1:3: invalid UTF-8, byte c3 at the end");
    expect_utf8("\xc0\x80", 2, "f:1:1: invalid UTF-8, bytes c0 80");                    /* overlong NUL */
    expect_utf8("\xe0\x9f\xbf", 3, "f:1:1: invalid UTF-8, bytes e0 9f");                /* overlong */
    expect_utf8("\xed\xa0\x80", 3, "f:1:1: invalid UTF-8, bytes ed a0");                /* surrogate */
    expect_utf8("\xf0\x8f\xbf\xbf", 4, "f:1:1: invalid UTF-8, bytes f0 8f");            /* overlong */
    expect_utf8("\xf4\x90\x80\x80", 4, "f:1:1: invalid UTF-8, bytes f4 90");            /* above U+10FFFF */
    expect_utf8("\xf8\x88\x80\x80\x80", 5, "f:1:1: invalid UTF-8, bytes f8 88");
    expect_utf8("\x80", 1, "f:1:1: invalid UTF-8, byte 80 at the end");
    expect_utf8("a\0b", 3, "f:1:2: NUL byte in text");
}
END_TEST

/* Every character comes back from its bytes; every other value is refused. */
START_TEST(utf8_round_trip)
{
    for (uint32_t c = 1; c <= 0x10FFFF; c++) {
        char bytes[5] = "";
        int n = tx_utf8_put(c, bytes);
        const char *p = bytes;
        bool surrogate = c >= 0xD800 && c <= 0xDFFF;

        if (tx_utf8_check("f", 1, bytes, (size_t)n, NULL) != (surrogate ? BASE_FORMAT : BASE_OK))
            ck_abort_msg("U+%04X", (unsigned)c);
        if (!surrogate && (tx_utf8_next(&p) != c || p != bytes + n || tx_utf8_next(&p) != 0 || p != bytes + n))
            ck_abort_msg("U+%04X", (unsigned)c);
    }
    ck_assert_int_eq(tx_utf8_count("\u00fc\u20ac\xff" "a\xc3"), 5);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("text_normalise");

    unit_add(s, none_is_a_copy);
    unit_add(s, defaults);
    unit_add(s, german);
    unit_add(s, forms);
    unit_add(s, numbers);
    unit_add(s, numbers_by_remainder);
    unit_add(s, unknown_option);
    unit_add(s, utf8_faults);
    unit_add(s, utf8_round_trip);
    return s;
}

UNIT_MAIN(suite)
