/* Normalising in the order that makes each step see what it needs: tags and apostrophes as written, then Unicode's form
 * (which would break up some apostrophes), then, character by character, digits, case, punctuation and white space. */
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "base/error.h"
#include "libtext/number.h"
#include "libtext/tx.h"

/* ---- options --------------------------------------------------------------------------------------------------- */

static bool set_flag(tx_normalise_options *o, const char *word, size_t n)
{
    struct {
        const char *name;
        bool *value;
    } flags[] = { { "strip-marks", &o->strip_marks },
                  { "digits", &o->spell_digits },
                  { "tags", &o->drop_tags },
                  { "punctuation", &o->drop_punctuation },
                  { "collapse", &o->collapse } };
    bool value = n <= 3 || strncmp(word, "no-", 3) != 0;

    if (!value) {
        word += 3;
        n -= 3;
    }
    for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++)
        if (strlen(flags[i].name) == n && strncmp(flags[i].name, word, n) == 0)
            return *flags[i].value = value, true;
    return false;
}

static bool set_choice(tx_normalise_options *o, const char *word, size_t n)
{
    static const char *const cases[] = { "keep-case", "upper", "lower" };
    static const char *const forms[] = { "keep-form", "nfc", "nfd", "nfkc", "nfkd" };

    for (int i = 0; i < 3; i++)
        if (strlen(cases[i]) == n && strncmp(cases[i], word, n) == 0)
            return o->letter_case = (tx_case)i, true;
    for (int i = 0; i < 5; i++)
        if (strlen(forms[i]) == n && strncmp(forms[i], word, n) == 0)
            return o->form = (tx_form)i, true;
    return false;
}

base_status tx_normalise_parse(tx_normalise_options *o, const char *words, base_error *e)
{
    while (*words) {
        size_t n = strcspn(words, ",");

        if (n == 4 && strncmp(words, "none", 4) == 0)
            *o = (tx_normalise_options)TX_NORMALISE_NONE;
        else if (!set_flag(o, words, n) && !set_choice(o, words, n))
            return base_fail(
                e, BASE_VALUE,
                "text normalisation: \"%.*s\" found, none, keep-case, upper, lower, keep-form, "
                "nfc, nfd, nfkc, nfkd or [no-]strip-marks, -digits, -tags, -punctuation, -collapse expected",
                (int)n, words);
        words += n + (words[n] == ',');
    }
    return BASE_OK;
}

/* ---- the first pass: tags and apostrophes ---------------------------------------------------------------------- */

static bool is_apostrophe(uint32_t c)
{
    return c == '`' || c == 0xB4 || c == 0x2018 || c == 0x2019 || c == 0x201B || c == 0x2BC || c == 0xFF07;
}

/* What follows the tag that begins at s, or s. */
static const char *skip_tag(const char *s)
{
    const char *end = *s == '[' ? s + 1 + strcspn(s + 1, "[]\n") : s;

    return *end == ']' ? end + 1 : s;
}

static char *simplify(const char *text, const tx_normalise_options *o, base_error *e)
{
    tx_buffer b = { 0 };

    while (*text) {
        const char *after = o->drop_tags ? skip_tag(text) : text;
        uint32_t c = ' ';

        if (after > text)
            text = after;
        else
            c = tx_utf8_next(&text);
        tx_buffer_add_char(&b, o->drop_punctuation && is_apostrophe(c) ? '\'' : c);
    }
    return tx_buffer_take(&b, e);
}

/* ---- the second: Unicode's form -------------------------------------------------------------------------------- */

static char *apply_form(const char *text, const tx_normalise_options *o, base_error *e)
{
    static const int options[] = { [TX_FORM_KEEP] = UTF8PROC_COMPOSE, [TX_FORM_NFC] = UTF8PROC_COMPOSE,
        [TX_FORM_NFD] = UTF8PROC_DECOMPOSE, [TX_FORM_NFKC] = UTF8PROC_COMPOSE | UTF8PROC_COMPAT,
        [TX_FORM_NFKD] = UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT };
    utf8proc_uint8_t *mapped = NULL;
    utf8proc_ssize_t n = utf8proc_map((const utf8proc_uint8_t *)text, 0, &mapped,
                                      (utf8proc_option_t)(UTF8PROC_NULLTERM | UTF8PROC_STABLE | options[o->form] |
                                                          (o->strip_marks ? UTF8PROC_STRIPMARK : 0)));

    if (n < 0)
        base_fail(e, n == UTF8PROC_ERROR_NOMEM ? BASE_NO_MEMORY : BASE_FORMAT, "text cannot be normalised: %s",
            utf8proc_errmsg(n));
    return (char *)mapped;
}

/* ---- the third: characters ------------------------------------------------------------------------------------- */

/* What has been written, with white space held back until something follows it. */
typedef struct writer {
    tx_buffer out;
    const tx_normalise_options *o;
    bool pending;
} writer;

static void write_space(writer *w)
{
    if (w->o->collapse)
        w->pending = true;
    else
        tx_buffer_add_text(&w->out, " ");
}

static void write_char(writer *w, uint32_t c)
{
    if (w->pending && w->out.n > 0)
        tx_buffer_add_text(&w->out, " ");
    w->pending = false;
    if (w->o->letter_case != TX_CASE_KEEP)
        c = (uint32_t)(w->o->letter_case == TX_CASE_UPPER ? utf8proc_toupper : utf8proc_tolower)((utf8proc_int32_t)c);
    tx_buffer_add_char(&w->out, c);
}

static const char *write_number(writer *w, const char *digits)
{
    tx_buffer words = { 0 };
    const char *after = tx_number_spell(digits, &words);
    char *text = tx_buffer_take(&words, NULL);

    write_space(w);
    for (const char *s = text; s && *s; s++)
        (*s == ' ') ? write_space(w) : write_char(w, (uint32_t)*s);
    write_space(w);
    w->out.failed |= !text;
    free(text);
    return after;
}

static bool is_wordly(uint32_t c)
{
    utf8proc_category_t k = utf8proc_category((utf8proc_int32_t)c);

    return k >= UTF8PROC_CATEGORY_LU && k <= UTF8PROC_CATEGORY_NO;      /* letters, marks and numbers */
}

static bool is_punctuation(uint32_t c)
{
    utf8proc_category_t k = utf8proc_category((utf8proc_int32_t)c);

    return k >= UTF8PROC_CATEGORY_PC && k <= UTF8PROC_CATEGORY_SO;      /* and symbols */
}

static char *write_all(const char *text, const tx_normalise_options *o, base_error *e)
{
    writer w = { .o = o };
    uint32_t c, before = 0;

    for (; *text; before = c) {
        const char *here = text, *after;

        c = tx_utf8_next(&text);
        after = text;
        if (o->spell_digits && c >= '0' && c <= '9') {
            text = write_number(&w, here);
        } else if (o->drop_punctuation && is_punctuation(c) &&
                   !(c == '\'' && (is_wordly(before) || is_wordly(tx_utf8_next(&after))))) {
            write_space(&w);
        } else if (!o->collapse) {
            write_char(&w, c);
        } else if (tx_is_space(c) || utf8proc_category((utf8proc_int32_t)c) == UTF8PROC_CATEGORY_CC) {
            write_space(&w);
        } else if (utf8proc_category((utf8proc_int32_t)c) != UTF8PROC_CATEGORY_CF) {
            write_char(&w, c);
        }
    }
    return tx_buffer_take(&w.out, e);
}

char *tx_normalise(const char *text, const tx_normalise_options *o, base_error *e)
{
    char *simple = simplify(text, o, e), *formed = simple, *result = NULL;

    if (simple && (o->form != TX_FORM_KEEP || o->strip_marks)) {
        formed = apply_form(simple, o, e);
        free(simple);
    }
    if (formed)
        result = write_all(formed, o, e);
    free(formed);
    return result;
}
