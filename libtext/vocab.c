/* Vocabularies of CTC: text to labels and back, as Hugging Face's Wav2Vec2CTCTokenizer. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "base/error.h"
#include "libtext/buffer.h"
#include "libtext/vocab.h"

const char *const tx_special_default[TX_SPECIALS] = { "<pad>", "<s>", "</s>", "<unk>", "|" };

static size_t character_length(const char *s)
{
    const char *end = s;

    tx_utf8_next(&end);
    return (size_t)(end - s);
}

/* ---- making ---------------------------------------------------------------------------------------------------- */

static int compare_tokens(const void *a, const void *b, void *token)
{
    return strcmp(((char **)token)[*(const int *)a], ((char **)token)[*(const int *)b]);
}

static void drop(char **token, int size)
{
    for (int i = 0; token && i < size; i++)
        free(token[i]);
    free(token);
}

/* The name of an id that has no token of its own: 31 -> <unused-31>. */
static bool is_unused(const char *token, int id)
{
    char name[40];

    snprintf(name, sizeof name, "<unused-%d>", id);
    return !strcmp(token, name);
}

static bool name_unused(char **token, int size)
{
    for (int i = 0; i < size; i++)
        if (!token[i] && asprintf(&token[i], "<unused-%d>", i) < 0)
            return token[i] = NULL, false;
    return true;
}

/* The tables over v->token. */
static bool make_tables(tx_vocab *v)
{
    tx_match *longer = malloc(((size_t)v->size + 1) * sizeof *longer);
    int *sorted = malloc((size_t)v->size * sizeof *sorted + 1), n = 0;
    bool *left_out = calloc((size_t)v->size + 1, sizeof *left_out);

    if (!longer || !sorted || !left_out || !name_unused(v->token, v->size)) {
        free(longer);
        free(sorted);
        free(left_out);
        return false;
    }
    for (int i = 0; i < v->size; i++) {
        sorted[i] = i;
        left_out[i] = is_unused(v->token[i], i);
        if (v->token[i][0] && v->token[i][character_length(v->token[i])])
            longer[n++] = (tx_match){ v->token[i], i };
    }
    qsort_r(sorted, (size_t)v->size, sizeof *sorted, compare_tokens, v->token);
    tx_matcher_free(&v->longer);
    tx_matcher_make(&v->longer, longer, n);
    free(v->sorted);
    free(v->left_out);
    v->sorted = sorted;
    v->left_out = left_out;
    return true;
}

tx_vocab *tx_vocab_make(char **token, int size, const char *const special[TX_SPECIALS], const char *space, bool lower,
    base_error *e)
{
    tx_vocab *v = calloc(1, sizeof(*v));

    if (!v) {
        drop(token, size);
        base_fail(e, BASE_NO_MEMORY, "no memory for a vocabulary");
        return NULL;
    }
    *v = (tx_vocab){ .token = token, .size = size, .lower = lower, .space = strdup(space) };
    if (!v->space || !make_tables(v)) {
        base_fail(e, BASE_NO_MEMORY, "no memory for a vocabulary of %d tokens", size);
        tx_vocab_free(v);
        return NULL;
    }
    for (int i = 0; i < TX_SPECIALS; i++)
        v->special[i] = special[i] ? tx_vocab_find(v, special[i]) : -1;
    for (int i = TX_BEGIN; i <= TX_UNKNOWN; i++)
        if (v->special[i] >= 0)
            v->left_out[v->special[i]] = true;
    return v;
}

base_status tx_vocab_extend(tx_vocab *v, int size, base_error *e)
{
    char **token = size > v->size ? realloc(v->token, (size_t)size * sizeof *token) : NULL;
    int was = v->size;
    bool *left_out = v->left_out;

    if (size <= v->size)
        return BASE_OK;
    if (token) {
        memset(token + was, 0, (size_t)(size - was) * sizeof *token);
        v->token = token;
        v->size = size;
        v->left_out = NULL;
        if (make_tables(v)) {
            for (int i = 0; i < was; i++)
                v->left_out[i] |= left_out[i];
            free(left_out);
            return BASE_OK;
        }
        v->left_out = left_out;
        v->size = was;
        for (int i = was; i < size; i++)
            free(token[i]);
    }
    return base_fail(e, BASE_NO_MEMORY, "no memory for a vocabulary of %d tokens", size);
}

void tx_vocab_free(tx_vocab *v)
{
    if (!v)
        return;
    drop(v->token, v->size);
    tx_matcher_free(&v->longer);
    free(v->left_out);
    free(v->sorted);
    free(v->space);
    free(v);
}

/* The characters of all texts but the space, marked in seen [0x110000]. */
static base_status mark_characters(const tx_table *texts, bool *seen, base_error *e)
{
    for (int64_t i = 0; i < texts->n; i++) {
        const char *s = texts->entry[i].value;

        for (uint32_t c; (c = tx_utf8_next(&s)) != 0; )
            seen[c] = true;
    }
    if (!seen['|'])
        return BASE_OK;
    for (int64_t i = 0; i < texts->n; i++)
        if (strchr(texts->entry[i].value, '|'))
            return base_fail(e, BASE_VALUE,
                             "%s:%lld: '|' in the text of \"%.200s\"; it separates words in a vocabulary", texts->path,
                             (long long)texts->entry[i].line, texts->entry[i].key);
    return BASE_OK;
}

tx_vocab *tx_vocab_build(const tx_table *texts, base_error *e)
{
    const uint32_t end = 0x110000;
    bool *seen = calloc(end, sizeof(*seen));
    char **token = NULL;
    int n = TX_SPECIALS;

    if (seen && mark_characters(texts, seen, e) == BASE_OK) {
        for (uint32_t c = '!'; c < end; c++)
            n += seen[c] && !tx_is_space(c);
        token = calloc((size_t)n, sizeof(*token));
    }
    if (!token) {
        base_fail(e, BASE_NO_MEMORY, "no memory for a vocabulary");
        free(seen);
        return NULL;
    }
    bool room = true;
    for (n = 0; n < TX_SPECIALS; n++)
        room &= (token[n] = strdup(tx_special_default[n])) != NULL;
    for (uint32_t c = '!'; c < end; c++)
        if (seen[c] && !tx_is_space(c)) {
            char bytes[5] = "";

            tx_utf8_put(c, bytes);
            room &= (token[n++] = strdup(bytes)) != NULL;
        }
    free(seen);
    if (!room) {
        drop(token, n);
        base_fail(e, BASE_NO_MEMORY, "no memory for a vocabulary");
        return NULL;
    }
    return tx_vocab_make(token, n, tx_special_default, " ", false, e);
}

/* ---- asking ---------------------------------------------------------------------------------------------------- */

/* The id of the token of n bytes at s, or -1. */
static int find(const tx_vocab *v, const char *s, size_t n)
{
    int low = 0, high = v->size;

    while (low < high) {
        int middle = low + (high - low) / 2;
        const char *token = v->token[v->sorted[middle]];
        int order = strncmp(s, token, n);

        if (order == 0 && token[n] == '\0')
            return v->sorted[middle];
        if (order > 0)
            low = middle + 1;
        else
            high = middle;
    }
    return -1;
}

int         tx_vocab_size(const tx_vocab *v) { return v->size; }
int         tx_vocab_blank(const tx_vocab *v) { return v->special[TX_PAD]; }
int         tx_vocab_unknown(const tx_vocab *v) { return v->special[TX_UNKNOWN]; }
int         tx_vocab_delimiter(const tx_vocab *v) { return v->special[TX_DELIMITER]; }
const char *tx_vocab_token(const tx_vocab *v, int id) { return id >= 0 && id < v->size ? v->token[id] : NULL; }
int         tx_vocab_find(const tx_vocab *v, const char *token) { return find(v, token, strlen(token)); }

/* ---- text to labels -------------------------------------------------------------------------------------------- */

static const char *skip_space(const char *s)
{
    for (const char *next = s; tx_is_space(tx_utf8_next(&next)); )
        s = next;
    return s;
}

/* The unknown token for the n bytes at s, which are counted; -1 after an error. */
static int unknown(const tx_vocab *v, const char *s, size_t n, tx_labels *out, base_error *e)
{
    const char *next = s;
    uint32_t c = tx_utf8_next(&next);

    if (out->unknown++ == 0)
        out->first_unknown = c;
    if (v->special[TX_UNKNOWN] < 0)
        base_fail(e, BASE_MISSING, "%s \"%.*s\" (U+%04X) is not in the vocabulary, which has no unknown token",
            v->phones ? "phone" : "character", (int)n, s, (unsigned)c);
    return v->special[TX_UNKNOWN];
}

/* The label of the character at s; -1 after an error. */
static int label_character(const tx_vocab *v, const char *s, tx_labels *out, base_error *e)
{
    const char *next = s;
    char bytes[4];
    uint32_t c = tx_utf8_next(&next);
    int id;

    if (c == ' ')
        id = v->special[TX_DELIMITER];
    else if (v->lower)
        id = find(v, bytes, (size_t)tx_utf8_put((uint32_t)utf8proc_toupper((utf8proc_int32_t)c), bytes));
    else
        id = find(v, s, (size_t)(next - s));
    return id >= 0 ? id : unknown(v, s, (size_t)(next - s), out, e);
}

/* Phones stand between white space. */
static base_status encode_phones(const tx_vocab *v, const char *text, tx_labels *out, base_error *e)
{
    for (text = skip_space(text); *text; text = skip_space(text)) {
        const char *end = text, *next = text;

        for (uint32_t c; (c = tx_utf8_next(&next)) != 0 && !tx_is_space(c);)
            end = next;
        int label = find(v, text, (size_t)(end - text));
        if (label < 0 && (label = unknown(v, text, (size_t)(end - text), out, e)) < 0)
            return BASE_MISSING;
        out->label[out->n++] = label;
        text = end;
    }
    return BASE_OK;
}

base_status tx_vocab_encode(const tx_vocab *v, const char *text, tx_labels *out, base_error *e)
{
    const char *solid = NULL;   /* the first character from here on that is not white space */
    size_t size = strlen(text), length = 0;
    const char *end = text + size;
    int longer = -1;            /* the token of several characters that begins there */

    *out = (tx_labels){ 0 };
    if (size > INT_MAX)
        return base_fail(e, BASE_LIMIT, "text of %zu bytes found, at most %d expected", size, INT_MAX);
    out->label = malloc((size + 1) * sizeof(*out->label));
    if (!out->label)
        return base_fail(e, BASE_NO_MEMORY, "no memory for the labels of a text of %zu bytes", size);
    if (v->phones) {
        base_status status = encode_phones(v, text, out, e);

        if (status)
            tx_labels_free(out);
        return status;
    }
    while (*text) {
        int label;

        if (!solid || text > solid) {
            solid = skip_space(text);
            longer = tx_matcher_longest(&v->longer, solid, end, &length);
        }
        label = longer >= 0 ? longer : label_character(v, text, out, e);
        if (label < 0) {
            tx_labels_free(out);
            return BASE_MISSING;
        }
        out->label[out->n++] = label;
        text = longer >= 0 ? skip_space(solid + length) : text + character_length(text);
    }
    return BASE_OK;
}

void tx_labels_free(tx_labels *l)
{
    if (!l)
        return;
    free(l->label);
    *l = (tx_labels){ 0 };
}

/* ---- labels to text -------------------------------------------------------------------------------------------- */

static int known(const tx_vocab *v, int label)
{
    return label >= 0 && label < v->size ? label : v->special[TX_UNKNOWN];
}

static void add_token(const tx_vocab *v, const char *token, tx_buffer *b)
{
    if (!v->lower) {
        tx_buffer_add_text(b, token);
        return;
    }
    for (uint32_t c; (c = tx_utf8_next(&token)) != 0; )
        tx_buffer_add_char(b, (uint32_t)utf8proc_tolower((utf8proc_int32_t)c));
}

/* Without the spaces at its ends. */
static char *strip(char *text)
{
    size_t n, first;

    if (!text)
        return NULL;
    first = strspn(text, " ");
    n = strlen(text + first);
    while (n > 0 && text[first + n - 1] == ' ')
        n--;
    memmove(text, text + first, n);
    text[n] = '\0';
    return text;
}

char *tx_vocab_decode(const tx_vocab *v, const int *labels, int n, const tx_decode_options *o, base_error *e)
{
    tx_buffer b = { 0 };
    bool first = true;

    for (int i = 0; i < n; i++) {
        int label = known(v, labels[i]);

        if (label < 0 || label == v->special[TX_PAD] || (o->group && i > 0 && label == known(v, labels[i - 1])))
            continue;
        if (label == v->special[TX_DELIMITER]) {
            tx_buffer_add_text(&b, v->phones ? "" : v->space);
        } else if (o->keep_special || !v->left_out[label]) {
            tx_buffer_add_text(&b, v->phones && !first ? " " : "");
            add_token(v, v->token[label], &b);
            first = false;
        }
    }
    return strip(tx_buffer_take(&b, e));
}

/* The word of labels first .. end-1, if there is one. */
static base_status add_word(const tx_vocab *v, const int *labels, const int *frames, int first, int end, tx_words *out,
    base_error *e)
{
    const tx_decode_options o = TX_DECODE_DEFAULTS;
    char *text = tx_vocab_decode(v, labels + first, end - first, &o, e);

    if (!text)
        return BASE_NO_MEMORY;
    if (*text)
        out->word[out->n++] = (tx_word){ text, frames[first], (int64_t)frames[end - 1] + 1 };
    else
        free(text);
    return BASE_OK;
}

base_status tx_vocab_words(const tx_vocab *v, const int *labels, const int *frames, int n, tx_words *out, base_error *e)
{
    base_status status = BASE_OK;
    int first = 0;

    out->n = 0;
    out->word = malloc(((size_t)n + 1) * sizeof(*out->word));
    if (!out->word)
        return base_fail(e, BASE_NO_MEMORY, "no memory for the words of %d labels", n);
    for (int i = 0; i <= n && status == BASE_OK; i++) {
        bool between = i == n || labels[i] == v->special[TX_DELIMITER];

        if (!between && !(v->phones && i > first))
            continue;
        if (i > first)
            status = add_word(v, labels, frames, first, i, out, e);
        first = between ? i + 1 : i;
    }
    if (status != BASE_OK)
        tx_words_free(out);
    return status;
}

void tx_words_free(tx_words *w)
{
    if (!w)
        return;
    for (int i = 0; i < w->n; i++)
        free(w->word[i].text);
    free(w->word);
    *w = (tx_words){ 0 };
}
