/* The normalizers of WordPiece's tokenizers: those of the tokenizers library that BERTs are published with, and transformers'
 * Python tokenizer, which follows Google's tokenization.py. They differ in what controls and white space are (the library drops no
 * unassigned characters), in ideographs (its table lacks U+2B820 to 2B91F), in the order of accents and case, and in final sigma.
 * Categories are utf8proc's; of characters that Unicode has got since 2015 the library, whose tables are older, may think otherwise. */
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "base/error.h"
#include "libtext/buffer.h"
#include "libtext/wordpiece.h"

/* ---- characters --------------------------------------------------------------------------------------------------- */

static utf8proc_category_t category(uint32_t c) { return utf8proc_category((utf8proc_int32_t)c); }

static bool is_control(uint32_t c, bool python)
{
    utf8proc_category_t k = category(c);

    return c != '\t' && c != '\n' && c != '\r' &&
        ((python && k == UTF8PROC_CATEGORY_CN) || (k >= UTF8PROC_CATEGORY_CC && k <= UTF8PROC_CATEGORY_CO));
}

static bool is_blank(uint32_t c, bool python)
{
    return python ? c == '\t' || c == '\n' || c == '\r' || category(c) == UTF8PROC_CATEGORY_ZS : tx_is_space(c);
}

static bool is_ideograph(uint32_t c, bool python)
{
    return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) || (c >= 0x20000 && c <= 0x2A6DF) ||
        (c >= 0x2A700 && c <= 0x2B73F) || (c >= 0x2B740 && c <= 0x2B81F) || (c >= (python ? 0x2B820 : 0x2B920) && c <= 0x2CEAF) ||
        (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x2F800 && c <= 0x2FA1F);
}

bool tx_is_punctuation(uint32_t c)
{
    utf8proc_category_t k = category(c);

    return (c >= 33 && c <= 47) || (c >= 58 && c <= 64) || (c >= 91 && c <= 96) || (c >= 123 && c <= 126) ||
        (k >= UTF8PROC_CATEGORY_PC && k <= UTF8PROC_CATEGORY_PO);
}

typedef struct range { uint32_t first, last; } range;

static bool is_in(uint32_t c, const range *r, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (c >= r[i].first && c <= r[i].last)
            return true;
    return false;
}

#define IS_IN(c, ranges) is_in(c, ranges, sizeof (ranges) / sizeof *(ranges))

/* Letters in circles and squares: of category So, and alphabetic nevertheless. */
static const range enclosed[] = { { 0x24B6, 0x24E9 }, { 0x1F130, 0x1F149 }, { 0x1F150, 0x1F169 }, { 0x1F170, 0x1F189 } };

bool tx_is_word(uint32_t c)
{
    utf8proc_category_t k = category(c);

    return (k >= UTF8PROC_CATEGORY_LU && k <= UTF8PROC_CATEGORY_NL) || k == UTF8PROC_CATEGORY_PC || c == 0x200C || c == 0x200D ||
        IS_IN(c, enclosed);
}

/* Unicode's Cased and Case_Ignorable (DerivedCoreProperties.txt), of which final sigma depends. */
static bool is_cased(uint32_t c)
{
    static const range other[] = { { 0xAA, 0xAA }, { 0xBA, 0xBA }, { 0x2B0, 0x2B8 }, { 0x2C0, 0x2C1 }, { 0x2E0, 0x2E4 },
        { 0x345, 0x345 }, { 0x37A, 0x37A }, { 0x1D2C, 0x1D6A }, { 0x1D78, 0x1D78 }, { 0x1D9B, 0x1DBF }, { 0x2071, 0x2071 },
        { 0x207F, 0x207F }, { 0x2090, 0x209C }, { 0x2160, 0x217F }, { 0x2C7C, 0x2C7D }, { 0xA69C, 0xA69D }, { 0xA770, 0xA770 },
        { 0xA7F8, 0xA7F9 }, { 0xAB5C, 0xAB5F } };
    utf8proc_category_t k = category(c);

    return (k >= UTF8PROC_CATEGORY_LU && k <= UTF8PROC_CATEGORY_LT) || IS_IN(c, other) || IS_IN(c, enclosed);
}

static bool is_case_ignorable(uint32_t c)
{
    static const range inside_words[] = { { '\'', '\'' }, { '.', '.' }, { ':', ':' }, { 0xB7, 0xB7 }, { 0x387, 0x387 },
        { 0x55F, 0x55F }, { 0x5F4, 0x5F4 }, { 0x2018, 0x2019 }, { 0x2024, 0x2024 }, { 0x2027, 0x2027 }, { 0xFE13, 0xFE13 },
        { 0xFE52, 0xFE52 }, { 0xFE55, 0xFE55 }, { 0xFF07, 0xFF07 }, { 0xFF0E, 0xFF0E }, { 0xFF1A, 0xFF1A } };
    utf8proc_category_t k = category(c);

    return k == UTF8PROC_CATEGORY_MN || k == UTF8PROC_CATEGORY_ME || k == UTF8PROC_CATEGORY_CF || k == UTF8PROC_CATEGORY_LM ||
        k == UTF8PROC_CATEGORY_SK || IS_IN(c, inside_words);
}

/* ---- steps --------------------------------------------------------------------------------------------------------- */

/* The text without controls, blanks made spaces, ideographs between spaces. NUL goes in any case. */
static char *clean(const tx_normal *n, const char *text, const char *end, base_error *e)
{
    bool python = n->kind == TX_NORMAL_PYTHON;
    tx_buffer b = { 0 };

    while (text < end) {
        uint32_t c = *text ? tx_utf8_next(&text) : (text++, 0);

        if (c == 0 || (n->clean && (c == 0xFFFD || is_control(c, python))))
            continue;
        if (n->split_ideographs && is_ideograph(c, python)) {
            tx_buffer_add_text(&b, " ");
            tx_buffer_add_char(&b, c);
            tx_buffer_add_text(&b, " ");
        } else {
            tx_buffer_add_char(&b, n->clean && is_blank(c, python) ? ' ' : c);
        }
    }
    return tx_buffer_take(&b, e);
}

static bool is_ascii(const char *s)
{
    while (*s && !(*s & 0x80))
        s++;
    return !*s;
}

/* Whether no cased letter follows, whatever may stand between. */
static bool ends_word(const char *text)
{
    uint32_t c;

    while ((c = tx_utf8_next(&text)) != 0 && is_case_ignorable(c))
        ;
    return !is_cased(c);
}

/* Lower case; capital I with dot becomes two characters. As Python's str.lower, capital sigma ends a word as final sigma. */
static char *lower(const char *text, bool python, base_error *e)
{
    bool after_letter = false;
    tx_buffer b = { 0 };

    for (uint32_t c; (c = tx_utf8_next(&text)) != 0;) {
        if (python && c == 0x3A3 && after_letter && ends_word(text))
            tx_buffer_add_char(&b, 0x3C2);
        else
            tx_buffer_add_char(&b, (uint32_t)utf8proc_tolower((utf8proc_int32_t)c));
        if (c == 0x130)
            tx_buffer_add_char(&b, 0x307);
        if (!is_case_ignorable(c))
            after_letter = is_cased(c);
    }
    return tx_buffer_take(&b, e);
}

static char *map(const char *text, int options, base_error *e)
{
    utf8proc_uint8_t *mapped = NULL;
    utf8proc_ssize_t n = utf8proc_map((const utf8proc_uint8_t *)text, 0, &mapped,
        (utf8proc_option_t)(UTF8PROC_NULLTERM | UTF8PROC_STABLE | options));

    if (n < 0)
        base_fail(e, BASE_NO_MEMORY, "wordpiece: %s", utf8proc_errmsg(n));
    return (char *)mapped;
}

/* In place, without combining marks: those without a width of their own, or all. */
static char *drop_marks(char *text, bool all)
{
    char *to = text;

    for (const char *from = text, *next = text; *from; from = next) {
        utf8proc_category_t k = category(tx_utf8_next(&next));

        if (k == UTF8PROC_CATEGORY_MN || (all && (k == UTF8PROC_CATEGORY_MC || k == UTF8PROC_CATEGORY_ME)))
            continue;
        memmove(to, from, (size_t)(next - from));
        to += next - from;
    }
    *to = '\0';
    return text;
}

/* What one of the functions above made of text, which is freed. */
static char *in_place_of(char *text, char *made)
{
    free(text);
    return made;
}

static char *decompose(char *text, bool marks, base_error *e)
{
    text = in_place_of(text, map(text, UTF8PROC_DECOMPOSE, e));
    return text && marks ? drop_marks(text, false) : text;
}

/* tokenizers drops accents first, and Python's tokenizer lowers first, of a text that was composed. */
static char *normalise_bert(const tx_normal *n, char *text, base_error *e)
{
    bool python = n->kind == TX_NORMAL_PYTHON, ascii = is_ascii(text);

    if (python && !ascii)
        text = in_place_of(text, map(text, UTF8PROC_COMPOSE, e));
    if (text && !python && !ascii && n->strip_accents)
        text = decompose(text, true, e);
    if (text && n->lower)
        text = in_place_of(text, lower(text, python, e));
    if (text && python && !ascii && n->strip_accents)
        text = decompose(text, true, e);
    return text;
}

static char *apply(const tx_normal *n, char *text, base_error *e)
{
    static const int form[TX_NORMALS] = { [TX_NORMAL_NFC] = UTF8PROC_COMPOSE, [TX_NORMAL_NFD] = UTF8PROC_DECOMPOSE,
        [TX_NORMAL_NFKC] = UTF8PROC_COMPOSE | UTF8PROC_COMPAT, [TX_NORMAL_NFKD] = UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT };

    if (form[n->kind])
        return is_ascii(text) ? text : in_place_of(text, map(text, form[n->kind], e));
    if (n->kind == TX_NORMAL_LOWERCASE)
        return in_place_of(text, lower(text, false, e));
    if (n->kind == TX_NORMAL_STRIP_ACCENTS)
        return drop_marks(text, true);
    text = in_place_of(text, clean(n, text, text + strlen(text), e));
    return text ? normalise_bert(n, text, e) : NULL;
}

char *tx_wordpiece_normalise(const tx_wordpiece *w, const char *text, const char *end, base_error *e)
{
    static const tx_normal nothing = { .kind = TX_NORMAL_BERT };
    bool bert = w->n_normal && (w->normal[0].kind == TX_NORMAL_BERT || w->normal[0].kind == TX_NORMAL_PYTHON);
    char *out = clean(bert ? &w->normal[0] : &nothing, text, end, e);

    if (out && bert)
        out = normalise_bert(&w->normal[0], out, e);
    for (int i = bert; out && i < w->n_normal; i++)
        out = apply(&w->normal[i], out, e);
    return out;
}
