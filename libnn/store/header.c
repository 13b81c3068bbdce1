/* A parser of just the JSON that safetensors' headers are made of:
 *     { "__metadata__": { key: text, … }, name: { "dtype": text, "shape": [ n, … ], "data_offsets": [ begin, end ] }, … }
 * with n, begin and end unsigned integers as JSON writes them. All else is refused: other values, unknown keys, names that
 * appear twice, invalid UTF-8. A general parser would build a tree many times the size of a hostile header first. */
#include "libnn/store/header.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"

typedef struct parser {
    const char *begin, *p, *end;
    size_t      at;         /* of begin in the file */
    char       *out;        /* where the next string goes; decoded, none is longer than it was */
    base_error *e;
} parser;

static base_status expected(const parser *s, const char *what)
{
    return base_fail(s->e, BASE_FORMAT, "byte %zu: expected %s%s", s->at + (size_t)(s->p - s->begin), what,
        s->p == s->end ? ", found the header's end" : "");
}

static int peek(parser *s)
{
    while (s->p < s->end && (*s->p == ' ' || *s->p == '\t' || *s->p == '\n' || *s->p == '\r'))
        s->p++;
    return s->p < s->end ? (unsigned char)*s->p : -1;
}

static bool take(parser *s, char c)
{
    if (peek(s) != c)
        return false;
    s->p++;
    return true;
}

/* ---- strings ----------------------------------------------------------------------------------------------------- */

/* The length of the UTF-8 character at p (Unicode's table 3-7), 0 when it is none. */
static int utf8_length(const unsigned char *p, const unsigned char *end)
{
    static const struct { unsigned char first, last, low, high; int n; } rows[] = {
        { 0x20, 0x7f, 0, 0, 1 }, { 0xc2, 0xdf, 0x80, 0xbf, 2 }, { 0xe0, 0xe0, 0xa0, 0xbf, 3 }, { 0xe1, 0xec, 0x80, 0xbf, 3 },
        { 0xed, 0xed, 0x80, 0x9f, 3 }, { 0xee, 0xef, 0x80, 0xbf, 3 }, { 0xf0, 0xf0, 0x90, 0xbf, 4 },
        { 0xf1, 0xf3, 0x80, 0xbf, 4 }, { 0xf4, 0xf4, 0x80, 0x8f, 4 },
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (*p < rows[i].first || *p > rows[i].last)
            continue;
        bool good = end - p >= rows[i].n && (rows[i].n < 2 || (p[1] >= rows[i].low && p[1] <= rows[i].high));
        for (int k = 2; good && k < rows[i].n; k++)
            good = (p[k] & 0xc0) == 0x80;
        return good ? rows[i].n : 0;
    }
    return 0;
}

/* Four hexadecimal digits; -1: they are none. */
static int read_hex(parser *s)
{
    int x = 0;

    for (int i = 0; i < 4; i++) {
        static const char digits[] = "0123456789abcdefABCDEF";
        const char *d = s->p < s->end && *s->p ? strchr(digits, *s->p) : NULL;
        if (!d)
            return -1;
        x = 16 * x + (int)(d - digits < 16 ? d - digits : d - digits - 6);
        s->p++;
    }
    return x;
}

/* Behind "\u"; a pair of surrogates is one character. */
static base_status read_code(parser *s)
{
    int c = read_hex(s), low = 0;

    if (c >= 0xd800 && c < 0xdc00 && s->end - s->p >= 2 && s->p[0] == '\\' && s->p[1] == 'u') {
        s->p += 2;
        low = read_hex(s);
        c = low >= 0xdc00 && low < 0xe000 ? 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00) : -1;
    }
    if (c <= 0 || (c >= 0xd800 && c < 0xe000))
        return expected(s, "the code of a character, not 0");
    if (c < 0x80) {
        *s->out++ = (char)c;
    } else if (c < 0x800) {
        *s->out++ = (char)(0xc0 | c >> 6);
        *s->out++ = (char)(0x80 | (c & 0x3f));
    } else {
        if (c < 0x10000) {
            *s->out++ = (char)(0xe0 | c >> 12);
        } else {
            *s->out++ = (char)(0xf0 | c >> 18);
            *s->out++ = (char)(0x80 | (c >> 12 & 0x3f));
        }
        *s->out++ = (char)(0x80 | (c >> 6 & 0x3f));
        *s->out++ = (char)(0x80 | (c & 0x3f));
    }
    return BASE_OK;
}

static base_status read_escape(parser *s)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    const char *k = s->p < s->end && *s->p ? strchr(from, *s->p) : NULL;

    if (s->p < s->end && *s->p == 'u') {
        s->p++;
        return read_code(s);
    }
    if (!k)
        return expected(s, "a character that may follow a backslash");
    *s->out++ = to[k - from];
    s->p++;
    return BASE_OK;
}

static base_status read_string(parser *s, const char **text)
{
    base_status status = BASE_OK;

    if (!take(s, '"'))
        return expected(s, "a string");
    *text = s->out;
    while (!status && s->p < s->end && *s->p != '"') {
        if (*s->p == '\\') {
            s->p++;
            status = read_escape(s);
            continue;
        }
        int n = utf8_length((const unsigned char *)s->p, (const unsigned char *)s->end);
        if (n == 0)
            return expected(s, "a character in UTF-8");
        memcpy(s->out, s->p, (size_t)n);
        s->out += n;
        s->p += n;
    }
    if (status)
        return status;
    *s->out++ = '\0';
    return take(s, '"') ? BASE_OK : expected(s, "'\"'");
}

/* ---- numbers ----------------------------------------------------------------------------------------------------- */

static base_status read_size(parser *s, int64_t *x)
{
    const char *first;

    if (peek(s) < '0' || *s->p > '9')
        return expected(s, "an unsigned integer");
    first = s->p;
    for (*x = 0; s->p < s->end && *s->p >= '0' && *s->p <= '9'; s->p++)
        if (!base_mul_i64(*x, 10, x) || !base_add_i64(*x, *s->p - '0', x))
            return expected(s, "a number below 2^63");
    return *first == '0' && s->p - first > 1 ? expected(s, "a number without leading zero") : BASE_OK;
}

/* A list of at most `most` numbers, and how many there are. */
static base_status read_sizes(parser *s, int64_t *x, int most, int *n)
{
    base_status status = BASE_OK;

    *n = 0;
    if (!take(s, '['))
        return expected(s, "'['");
    if (take(s, ']'))
        return BASE_OK;
    do {
        if (*n == most)
            return expected(s, most == 2 ? "two numbers" : "up to 8 numbers");
        status = read_size(s, &x[(*n)++]);
    } while (!status && take(s, ','));
    return status ? status : take(s, ']') ? BASE_OK : expected(s, "',' or ']'");
}

/* ---- objects ----------------------------------------------------------------------------------------------------- */

/* One more element, doubling the room, which is a power of two from 16 on. NULL: out of memory, block as it was. */
static void *grown(void *block, int n, size_t size)
{
    if (n && (n < 16 || (n & (n - 1))))
        return block;
    return realloc(block, (n ? 2 * (size_t)n : 16) * size);
}

/* Where an object's next key begins, or its end: *more says which. first: nothing stands before it. */
static base_status next_key(parser *s, bool first, bool *more, const char **key)
{
    base_status status;

    *more = false;
    if (take(s, '}'))
        return BASE_OK;
    if (!first && !take(s, ','))
        return expected(s, "',' or '}'");
    if (!first && peek(s) == '}')
        return expected(s, "a key");
    *more = true;
    status = read_string(s, key);
    return status ? status : take(s, ':') ? BASE_OK : expected(s, "':'");
}

static base_status read_meta(parser *s, nn_header *h)
{
    const char *key = NULL;
    bool more;
    base_status status = BASE_OK;

    if (!take(s, '{'))
        return expected(s, "'{'");
    if (h->meta)
        return expected(s, "__metadata__ once only");
    do {
        if (h->n_meta == NN_MOST_META)
            return base_fail(s->e, BASE_LIMIT, "__metadata__ of more than %d texts", NN_MOST_META);
        nn_meta *meta = grown(h->meta, h->n_meta, sizeof *meta);
        if (!meta)
            return base_fail(s->e, BASE_NO_MEMORY, "no memory for metadata");
        h->meta = meta;
        status = next_key(s, h->n_meta == 0, &more, &key);
        if (!status && more) {
            meta[h->n_meta].key = key;
            status = read_string(s, &meta[h->n_meta].value);
            h->n_meta += !status;
        }
    } while (!status && more);
    return status;
}

static base_status read_entry(parser *s, nn_header_entry *t)
{
    static const char *const keys[] = { "dtype", "shape", "data_offsets" };
    bool more = true, seen[3] = { false, false, false };
    base_status status = BASE_OK;
    const char *key = NULL;
    int n = 0, k;

    if (!take(s, '{'))
        return expected(s, "'{'");
    for (bool first = true; !status && more; first = false) {
        status = next_key(s, first, &more, &key);
        if (status || !more)
            continue;
        for (k = 0; k < 3 && strcmp(key, keys[k]); k++)
            ;
        if (k == 3 || seen[k])
            return expected(s, "only dtype, shape and data_offsets, each once, before here");
        seen[k] = true;
        status = k == 0 ? read_string(s, &t->dtype)
            : k == 1    ? read_sizes(s, t->shape, NN_FILE_MAX_DIMS, &t->ndim)
                        : read_sizes(s, t->offsets, 2, &n);
    }
    if (!status && !(seen[0] && seen[1] && seen[2] && n == 2))
        return expected(s, "dtype, shape and two data_offsets before here");
    return status;
}

static base_status read_header(parser *s, nn_header *h)
{
    bool more = true;
    base_status status = BASE_OK;
    const char *name = NULL;

    if (!take(s, '{'))
        return expected(s, "'{'");
    for (bool first = true; !status && more; first = false) {
        status = next_key(s, first, &more, &name);
        if (status || !more)
            continue;
        if (!strcmp(name, "__metadata__")) {
            status = read_meta(s, h);
            continue;
        }
        if (h->n == NN_MOST_ENTRIES)
            return base_fail(s->e, BASE_LIMIT, "more than %d tensors", NN_MOST_ENTRIES);
        nn_header_entry *entry = grown(h->entry, h->n, sizeof *entry);
        if (!entry)
            return base_fail(s->e, BASE_NO_MEMORY, "no memory for %d tensors", h->n + 1);
        h->entry = entry;
        entry[h->n] = (nn_header_entry){ .name = name };
        status = read_entry(s, &entry[h->n++]);
        if (status)
            base_fail_in(s->e, "tensor \"" NN_NAME "\"", name);
    }
    return status ? status : peek(s) < 0 ? BASE_OK : expected(s, "nothing behind the header's '}'");
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const nn_header_entry *)a)->name, ((const nn_header_entry *)b)->name);
}

int nn_meta_compare(const void *a, const void *b) { return strcmp(((const nn_meta *)a)->key, ((const nn_meta *)b)->key); }

static base_status sort(nn_header *h, base_error *e)
{
    if (h->n)
        qsort(h->entry, (size_t)h->n, sizeof *h->entry, by_name);
    if (h->n_meta)
        qsort(h->meta, (size_t)h->n_meta, sizeof *h->meta, nn_meta_compare);
    for (int i = 1; i < h->n; i++)
        if (!by_name(&h->entry[i - 1], &h->entry[i]))
            return base_fail(e, BASE_FORMAT, "tensor \"" NN_NAME "\" appears twice", h->entry[i].name);
    for (int i = 1; i < h->n_meta; i++)
        if (!nn_meta_compare(&h->meta[i - 1], &h->meta[i]))
            return base_fail(e, BASE_FORMAT, "__metadata__: \"" NN_NAME "\" appears twice", h->meta[i].key);
    return BASE_OK;
}

base_status nn_header_parse(nn_header *h, const char *text, size_t size, size_t at, base_error *e)
{
    *h = (nn_header){ .texts = malloc(size + 1) };
    if (!h->texts)
        return base_fail(e, BASE_NO_MEMORY, "no memory for a header of %zu bytes", size);
    parser s = { text, text, text + size, at, h->texts, e };
    base_status status = read_header(&s, h);
    return status ? status : sort(h, e);
}

void nn_header_free(nn_header *h)
{
    free(h->entry);
    free(h->meta);
    free(h->texts);
    *h = (nn_header){ 0 };
}
