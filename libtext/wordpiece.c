/* BERT's WordPiece, as Hugging Face's BertTokenizer does it (the Python one, which follows Google's tokenization.py):
 * special tokens are cut out of the raw text; the rest is cleaned, ideographs are set apart, it is lower-cased and
 * stripped of accents, split at white space and punctuation, and each word matched greedily, longest piece first.
 * Where Hugging Face and Google differ (100 against 200 characters a word, literal special tokens), this is the former. */
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "base/error.h"
#include "libtext/buffer.h"
#include "libtext/wordpiece.h"

/* ---- characters --------------------------------------------------------------------------------------------------- */

static utf8proc_category_t category(uint32_t c) { return utf8proc_category((utf8proc_int32_t)c); }

static bool is_control(uint32_t c)
{
    utf8proc_category_t k = category(c);

    return c != '\t' && c != '\n' && c != '\r' &&
        (k == UTF8PROC_CATEGORY_CN || (k >= UTF8PROC_CATEGORY_CC && k <= UTF8PROC_CATEGORY_CO));
}

static bool is_blank(uint32_t c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || category(c) == UTF8PROC_CATEGORY_ZS;
}

static bool is_ideograph(uint32_t c)
{
    return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) || (c >= 0x20000 && c <= 0x2A6DF) ||
        (c >= 0x2A700 && c <= 0x2B73F) || (c >= 0x2B740 && c <= 0x2B81F) || (c >= 0x2B820 && c <= 0x2CEAF) ||
        (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x2F800 && c <= 0x2FA1F);
}

static bool is_punctuation(uint32_t c)
{
    utf8proc_category_t k = category(c);

    return (c >= 33 && c <= 47) || (c >= 58 && c <= 64) || (c >= 91 && c <= 96) || (c >= 123 && c <= 126) ||
        (k >= UTF8PROC_CATEGORY_PC && k <= UTF8PROC_CATEGORY_PO);
}

static bool is_cased(uint32_t c)
{
    utf8proc_category_t k = category(c);

    return k == UTF8PROC_CATEGORY_LU || k == UTF8PROC_CATEGORY_LL || k == UTF8PROC_CATEGORY_LT;
}

/* ---- from raw text to words ---------------------------------------------------------------------------------------- */

/* The text without controls, blanks made spaces, ideographs between spaces. */
static char *clean(const tx_wordpiece *w, const char *text, const char *end, base_error *e)
{
    tx_buffer b = { 0 };

    while (text < end) {
        uint32_t c = *text ? tx_utf8_next(&text) : (text++, 0);

        if (c == 0 || c == 0xFFFD || (w->clean && is_control(c)))
            continue;
        if (w->split_ideographs && is_ideograph(c)) {
            tx_buffer_add_text(&b, " ");
            tx_buffer_add_char(&b, c);
            tx_buffer_add_text(&b, " ");
        } else {
            tx_buffer_add_char(&b, is_blank(c) ? ' ' : c);
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

/* Lower case as Python's str.lower: capital sigma ends a word as final sigma, capital I with dot becomes two characters. */
static char *lower(const char *text, base_error *e)
{
    tx_buffer b = { 0 };
    uint32_t before = 0;

    while (*text) {
        uint32_t c = tx_utf8_next(&text);
        const char *peek = text;

        if (c == 0x3A3 && is_cased(before) && !is_cased(tx_utf8_next(&peek)))
            tx_buffer_add_char(&b, 0x3C2);
        else
            tx_buffer_add_char(&b, (uint32_t)utf8proc_tolower((utf8proc_int32_t)c));
        if (c == 0x130)
            tx_buffer_add_char(&b, 0x307);
        before = c;
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

static char *prepare(const tx_wordpiece *w, const char *text, const char *end, base_error *e)
{
    char *cleaned = clean(w, text, end, e), *lowered, *mapped;
    bool ascii = cleaned && is_ascii(cleaned);

    if (!cleaned || !w->lower) {
        lowered = cleaned;
    } else {
        lowered = lower(cleaned, e);
        free(cleaned);
    }
    if (!lowered || ascii)
        return lowered;
    mapped = map(lowered, w->strip_accents ? UTF8PROC_DECOMPOSE : UTF8PROC_COMPOSE, e);
    free(lowered);
    return mapped;
}

/* ---- words to pieces ----------------------------------------------------------------------------------------------- */

static base_status add_label(tx_labels *out, int *room, int label, base_error *e)
{
    if (out->n == *room) {
        int more = *room ? 2 * *room : 64, *label_more = realloc(out->label, (size_t)more * sizeof *label_more);

        if (!label_more)
            return base_fail(e, BASE_NO_MEMORY, "wordpiece: out of memory");
        out->label = label_more;
        *room = more;
    }
    out->label[out->n++] = label;
    return BASE_OK;
}

/* The longest piece at s [n]; *length its bytes. -1: none. */
static int longest(const tx_wordpiece *w, const char *s, int n, bool inside, int *length)
{
    uint64_t hash[TX_WORDPIECE_LONGEST + 1];
    int most = n < w->longest ? n : w->longest;

    tx_wordpiece_hashes(s, most, inside, hash);
    for (int k = most; k > 0; k--) {
        int id = (s[k] & 0xC0) == 0x80 && k < n ? -1 : tx_wordpiece_lookup(w, s, k, inside, hash[k]);
        if (id >= 0) {
            *length = k;
            return id;
        }
    }
    return -1;
}

static base_status add_word(const tx_wordpiece *w, const char *s, int n, int characters, tx_labels *out, int *room,
    base_error *e)
{
    int first = out->n, length = 0;
    base_status status = BASE_OK;

    if (w->word)
        return w->word(w->data, s, n, e);
    for (int at = 0; at < n && !status; at += length) {
        int id = characters > w->most_characters ? -1 : longest(w, s + at, n - at, at > 0, &length);
        if (id < 0) {
            out->n = first;
            out->unknown++;
            return add_label(out, room, w->unknown, e);
        }
        status = add_label(out, room, id, e);
    }
    return status;
}

/* Splits prepared text at white space and around punctuation, drops accents, and matches each word. `word` has room for
 * the whole text. */
static base_status add_words(const tx_wordpiece *w, const char *text, char *word, tx_labels *out, int *room, base_error *e)
{
    int n = 0, characters = 0;
    base_status status = BASE_OK;
    uint32_t c;

    do {
        c = *text ? tx_utf8_next(&text) : 0;
        bool single = c && is_punctuation(c);
        if (c && w->strip_accents && category(c) == UTF8PROC_CATEGORY_MN)
            continue;
        if (n && (!c || tx_is_space(c) || single)) {
            status = add_word(w, word, n, characters, out, room, e);
            n = characters = 0;
        }
        if (c && !tx_is_space(c)) {
            n += tx_utf8_put(c, word + n);
            characters++;
        }
        if (single && !status) {
            status = add_word(w, word, n, 1, out, room, e);
            n = characters = 0;
        }
    } while (c && !status);
    return status;
}

static base_status encode_plain(const tx_wordpiece *w, const char *text, const char *end, tx_labels *out, int *room,
    base_error *e)
{
    char *prepared = text < end ? prepare(w, text, end, e) : NULL, *word = prepared ? malloc(strlen(prepared) + 4) : NULL;
    base_status status = BASE_OK;

    if (text < end)
        status = word ? add_words(w, prepared, word, out, room, e) : base_fail(e, BASE_NO_MEMORY, "wordpiece: out of memory");
    free(prepared);
    free(word);
    return status;
}

/* The special token that text begins with, the longest; -1: none. */
static int special_at(const tx_wordpiece *w, const char *text, const char *end, size_t *length)
{
    int found = -1;

    *length = 0;
    for (int i = 0; i < w->n_special; i++) {
        size_t n = strlen(w->token[w->special[i]]);
        if (n > *length && n <= (size_t)(end - text) && !memcmp(text, w->token[w->special[i]], n)) {
            *length = n;
            found = w->special[i];
        }
    }
    return found;
}

base_status tx_wordpiece_encode(const tx_wordpiece *w, const char *text, size_t size, bool special, tx_labels *out,
    base_error *e)
{
    const char *end = text + size, *from = text;
    base_status status;
    size_t length;
    int room = 0, id;

    *out = (tx_labels){ 0 };
    status = special ? add_label(out, &room, w->begin, e) : BASE_OK;
    for (; text < end && !status; text += length) {
        if ((id = special_at(w, text, end, &length)) < 0) {
            length = 1;
            continue;
        }
        status = encode_plain(w, from, text, out, &room, e);
        if (!status)
            status = add_label(out, &room, id, e);
        from = text + length;
    }
    if (!status)
        status = encode_plain(w, from, end, out, &room, e);
    if (!status && special)
        status = add_label(out, &room, w->end, e);
    if (status)
        tx_labels_free(out);
    return status;
}

/* ---- from pieces to text ------------------------------------------------------------------------------------------- */

static bool is_special(const tx_wordpiece *w, int id)
{
    bool special = id == w->unknown || id == w->begin || id == w->end;

    for (int i = 0; i < w->n_special && !special; i++)
        special = w->special[i] == id;
    return special;
}

char *tx_wordpiece_decode(const tx_wordpiece *w, const int *ids, int64_t n, base_error *e)
{
    tx_buffer b = { 0 };
    bool join = true;       /* what comes next needs no space */

    for (int64_t i = 0; i < n; i++) {
        const char *token = tx_wordpiece_token(w, ids[i]);
        bool inside = token && !strncmp(token, "##", 2) && token[2], apostrophe = token && !strcmp(token, "'");

        if (!token || is_special(w, ids[i]))
            continue;
        if (!join && !inside && !apostrophe)
            tx_buffer_add_text(&b, " ");
        tx_buffer_add_text(&b, inside ? token + 2 : token);
        join = apostrophe;
    }
    return tx_buffer_take(&b, e);
}
