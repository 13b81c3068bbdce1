/* BERT's WordPiece, as Hugging Face's libraries do it: added tokens are cut out of the raw text, the rest is normalised
 * (wordpiece_normal.c), cut once more at added tokens, then into words, and each word matched greedily, longest piece first.
 * Where Hugging Face and Google differ (100 against 200 characters a word, literal special tokens), this is the former. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "libtext/buffer.h"
#include "libtext/wordpiece.h"

#define MOST_TEXT ((size_t)1 << 26)     /* bytes: normalised, none is 32 times as long */

typedef struct encoder {
    const tx_wordpiece *w;
    tx_labels          *out;
    int                 room;
    base_error         *e;
} encoder;

/* ---- words to pieces ----------------------------------------------------------------------------------------------- */

static base_status add_label(encoder *c, int label)
{
    tx_labels *out = c->out;

    if (out->n == c->room) {
        int more = c->room ? 2 * c->room : 64, *label_more = realloc(out->label, (size_t)more * sizeof *label_more);

        if (!label_more)
            return base_fail(c->e, BASE_NO_MEMORY, "wordpiece: out of memory");
        out->label = label_more;
        c->room = more;
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
        int id = k < n && (s[k] & 0xC0) == 0x80 ? -1 : tx_wordpiece_lookup(w, s, k, inside, hash[k]);
        if (id >= 0) {
            *length = k;
            return id;
        }
    }
    return -1;
}

static bool is_long(const tx_wordpiece *w, const char *s, int n)
{
    int characters = 0;

    for (int i = 0; i < n; i++)
        characters += (s[i] & 0xC0) != 0x80;
    return characters > w->most_characters;
}

static base_status add_word(encoder *c, const char *s, int n)
{
    const tx_wordpiece *w = c->w;
    int first = c->out->n, length = 0;
    base_status status = BASE_OK;

    if (w->word)
        return w->word(w->data, s, n, c->e);
    for (int at = 0; at < n && !status; at += length) {
        int id = at == 0 && is_long(w, s, n) ? -1 : longest(w, s + at, n - at, at > 0, &length);
        if (id < 0) {
            c->out->n = first;
            c->out->unknown++;
            return add_label(c, w->unknown);
        }
        status = add_label(c, id);
    }
    return status;
}

/* ---- texts to words ------------------------------------------------------------------------------------------------ */

/* Which run a character belongs to; 0 is white space, 1 a word of its own. */
static int run_of(tx_cut cut, uint32_t c)
{
    if (tx_is_space(c))
        return 0;
    if (cut == TX_CUT_BERT)
        return tx_is_punctuation(c) ? 1 : 2;
    return cut == TX_CUT_WHITESPACE && !tx_is_word(c) ? 3 : 2;
}

/* Cuts text .. end as cutters `level` and on say. */
static base_status cut_words(encoder *c, const char *text, const char *end, int level)
{
    base_status status = BASE_OK;

    if (level == c->w->n_cut)
        return text < end ? add_word(c, text, (int)(end - text)) : BASE_OK;
    for (const char *first = text, *next = text; first < end && !status; first = next) {
        int run = run_of(c->w->cut[level], tx_utf8_next(&next));

        for (const char *more = next; run != 1 && more < end && run_of(c->w->cut[level], tx_utf8_next(&more)) == run;)
            next = more;
        if (run)
            status = cut_words(c, first, next, level + 1);
    }
    return status;
}

static base_status add_normalised(encoder *c, const char *text, const char *end) { return cut_words(c, text, end, 0); }

/* ---- added tokens -------------------------------------------------------------------------------------------------- */

static bool begins_with_word(const char *s, const char *end) { return s < end && tx_is_word(tx_utf8_next(&s)); }

static bool ends_with_word(const char *text, const char *s)
{
    const char *last = s;

    while (last > text && (*--last & 0xC0) == 0x80)
        ;
    return begins_with_word(last, s);
}

static const char *skip_space(const char *s, const char *end)
{
    for (const char *next = s; s < end && tx_is_space(tx_utf8_next(&next));)
        s = next;
    return s;
}

/* Where the white space in front of s begins, not before text. */
static const char *skip_space_back(const char *text, const char *s)
{
    for (const char *last = s; last > text; s = last) {
        const char *next;

        while (--last > text && (*last & 0xC0) == 0x80)
            ;
        next = last;
        if (!tx_is_space(tx_utf8_next(&next)))
            break;
    }
    return s;
}

typedef base_status plain(encoder *c, const char *text, const char *end);

/* The tokens that m finds in text .. end, and by `rest` what is between them. */
static base_status cut_added(encoder *c, const tx_matcher *m, const char *text, const char *end, plain *rest)
{
    const char *from = text;
    base_status status = BASE_OK;
    size_t length = 0;

    for (const char *at = text; at < end && m->n && !status;) {
        int found = tx_matcher_longest(m, at, end, &length);
        const tx_added *a = found < 0 ? NULL : &c->w->added[found];
        const char *first = at;

        at += a ? length : 1;
        if (!a || (a->single_word && (ends_with_word(text, first) || begins_with_word(at, end))))
            continue;
        if (a->lstrip)
            first = skip_space_back(from, first);
        if (a->rstrip)
            at = skip_space(at, end);
        status = rest(c, from, first);
        if (!status)
            status = add_label(c, a->id);
        from = at;
    }
    return status ? status : rest(c, from, end);
}

static base_status add_raw(encoder *c, const char *text, const char *end)
{
    char *normal = text < end ? tx_wordpiece_normalise(c->w, text, end, c->e) : NULL;
    base_status status = text == end ? BASE_OK
        : normal ? cut_added(c, &c->w->normalized, normal, normal + strlen(normal), add_normalised) : BASE_NO_MEMORY;

    free(normal);
    return status;
}

base_status tx_wordpiece_encode(const tx_wordpiece *w, const char *text, size_t size, bool special, tx_labels *out,
    base_error *e)
{
    encoder c = { w, out, 0, e };
    base_status status;

    *out = (tx_labels){ 0 };
    if (size > MOST_TEXT)
        return base_fail(e, BASE_LIMIT, "text of %zu bytes found, at most %zu expected", size, MOST_TEXT);
    status = special ? add_label(&c, w->begin) : BASE_OK;
    if (!status)
        status = cut_added(&c, &w->raw, text, text + size, add_raw);
    if (!status && special)
        status = add_label(&c, w->end);
    if (status)
        tx_labels_free(out);
    return status;
}

/* ---- from pieces to text ------------------------------------------------------------------------------------------- */

char *tx_wordpiece_decode(const tx_wordpiece *w, const int *ids, int64_t n, base_error *e)
{
    tx_buffer b = { 0 };
    bool join = true;       /* what comes next needs no space */

    for (int64_t i = 0; i < n; i++) {
        const char *token = tx_wordpiece_token(w, ids[i]);
        bool inside = token && !strncmp(token, "##", 2) && token[2], apostrophe = token && !strcmp(token, "'");

        if (!token || w->special[ids[i]])
            continue;
        if (!join && !inside && !apostrophe)
            tx_buffer_add_text(&b, " ");
        tx_buffer_add_text(&b, inside ? token + 2 : token);
        join = apostrophe;
    }
    return tx_buffer_take(&b, e);
}
