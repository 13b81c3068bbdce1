/* English number words: cardinals to 10^15, decimals, ordinals, percent. Years are cardinals. */
#include <string.h>

#include "libtext/number.h"

#define MAX_DIGITS 15
#define MAX_WORDS 40

static const char *const small[] = { "zero",     "one",     "two",     "three",     "four",     "five",    "six",
                                     "seven",    "eight",   "nine",    "ten",       "eleven",   "twelve",  "thirteen",
                                     "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen" };
static const char *const tens[] = {
    "", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"
};
static const char *const scale[] = { "", "thousand", "million", "billion", "trillion" };

static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static bool is_letter(char c) { return ((c | 32) >= 'a' && (c | 32) <= 'z') || (unsigned char)c >= 0x80; }

static void add_word(tx_buffer *out, const char *word)
{
    if (out->n > 0)
        tx_buffer_add_text(out, " ");
    tx_buffer_add_text(out, word);
}

static void add_ordinal(tx_buffer *out, const char *word)
{
    static const char *const odd[][2] = { { "one", "first" }, { "two", "second" }, { "three", "third" },
        { "five", "fifth" }, { "eight", "eighth" }, { "nine", "ninth" }, { "twelve", "twelfth" } };
    size_t n = strlen(word);

    for (size_t i = 0; i < sizeof(odd) / sizeof(*odd); i++)
        if (strcmp(word, odd[i][0]) == 0) {
            add_word(out, odd[i][1]);
            return;
        }
    add_word(out, word);
    if (word[n - 1] == 'y') {
        out->n--;
        tx_buffer_add_text(out, "ieth");
    } else {
        tx_buffer_add_text(out, "th");
    }
}

/* The words of 0 < n < 1000 go behind word[k]; returns the new k. */
static int spell_below_1000(int n, const char *word[], int k)
{
    if (n >= 100) {
        word[k++] = small[n / 100];
        word[k++] = "hundred";
        n %= 100;
    }
    if (n >= 20) {
        word[k++] = tens[n / 10];
        n %= 10;
    }
    if (n > 0)
        word[k++] = small[n];
    return k;
}

static void spell(uint64_t n, bool ordinal, tx_buffer *out)
{
    const char *word[MAX_WORDS];
    uint64_t unit = UINT64_C(1000000000000);
    int k = 0;

    if (n == 0)
        word[k++] = small[0];
    for (int s = 4; s >= 0; s--, unit /= 1000) {
        int group = (int)(n / unit % 1000);

        k = spell_below_1000(group, word, k);
        if (group > 0 && s > 0)
            word[k++] = scale[s];
    }
    for (int i = 0; i < k - 1; i++)
        add_word(out, word[i]);
    (ordinal ? add_ordinal : add_word)(out, word[k - 1]);
}

static void spell_digits(const char *s, const char *end, tx_buffer *out)
{
    for (; s < end; s++)
        if (is_digit(*s))
            add_word(out, small[*s - '0']);
}

/* Three digits behind a comma, and no fourth. */
static bool is_group(const char *s)
{
    return s[0] == ',' && is_digit(s[1]) && is_digit(s[2]) && is_digit(s[3]) && !is_digit(s[4]);
}

static bool is_ordinal(const char *s)
{
    static const char *const suffix[] = { "st", "nd", "rd", "th", "ST", "ND", "RD", "TH" };

    for (size_t i = 0; i < sizeof(suffix) / sizeof(*suffix); i++)
        if (strncmp(s, suffix[i], 2) == 0)
            return !is_letter(s[2]) && !is_digit(s[2]);
    return false;
}

const char *tx_number_spell(const char *digits, tx_buffer *out)
{
    const char *s = digits, *fraction;
    uint64_t n = 0;
    int count = 0;
    tx_buffer words = { 0 };

    for (; is_digit(*s) || (s - digits <= 3 && is_group(s)) || (s > digits + 3 && s[-4] == ',' && is_group(s)); s++)
        if (is_digit(*s)) {
            if (++count <= MAX_DIGITS)
                n = n * 10 + (uint64_t)(*s - '0');
        }
    if (count > MAX_DIGITS || (digits[0] == '0' && count > 1)) {
        spell_digits(digits, s, &words);
    } else {
        bool ordinal = is_ordinal(s);

        spell(n, ordinal, &words);
        s += ordinal ? 2 : 0;
    }
    if (s[0] == '.' && is_digit(s[1])) {
        add_word(&words, "point");
        for (fraction = ++s; is_digit(*s); )
            s++;
        spell_digits(fraction, s, &words);
    }
    if (*s == '%') {
        add_word(&words, "percent");
        s++;
    }
    if (words.failed)
        out->failed = true;
    else
        tx_buffer_add(out, words.s, words.n);
    tx_buffer_free(&words);
    return s;
}
