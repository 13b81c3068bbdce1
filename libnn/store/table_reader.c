/* Kaldi's tables of matrices, read one entry at a time (kaldi-matrix.cc, compressed-matrix.cc and kaldi-table-inl.h).
 * Sizes are compared with what the file holds before memory is taken; of a stream, whose size nobody knows, memory grows
 * with what has arrived. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/c_locale.h"
#include "base/checked.h"
#include "base/file.h"
#include "base/line.h"
#include "base/utf8.h"
#include "libnn/store/bytes.h"
#include "libnn/store/table.h"

#define CHUNK    (1 << 20)
#define MOST_NUMBER 64      /* bytes of a number as text */

/* An open archive. */
typedef struct stream {
    FILE   *f;
    char   *name;
    int64_t at, size;       /* the next byte; -1: size unknown */
} stream;

/* Rows and columns of an scp line, last ones included; -1: not given. */
typedef struct range {
    int64_t first_row, last_row, first_col, last_col;
} range;

struct nn_table_reader {
    stream         ark;
    FILE          *scp;         /* NULL: reading an archive */
    char          *scp_name, *line;
    size_t         line_room;
    int64_t        lines;
    char           key[NN_TABLE_MOST_KEY + 1];
    unsigned char *raw;         /* what an object's bytes are read into, */
    size_t         raw_room;
    bool           vector;      /* the object just read is one, not a matrix of one row */
    float         *x;           /* and what becomes of them */
    size_t         x_room;      /* in elements */
};

/* ---- specifiers -------------------------------------------------------------------------------------------------- */

base_status nn_table_specifier(const char *specifier, int *flags, const char **file, base_error *e)
{
    static const struct { const char *word; int flag; } words[] = {
        { "ark", NN_TABLE_ARK }, { "scp", NN_TABLE_SCP }, { "t", NN_TABLE_TEXT }, { "b", 0 }, { "o", 0 }, { "no", 0 },
        { "s", 0 }, { "ns", 0 }, { "cs", 0 }, { "ncs", 0 }, { "f", 0 }, { "nf", 0 },
    };
    const char *p = specifier, *end = strchr(specifier, ':');
    const size_t n_words = sizeof words / sizeof *words;

    *flags = 0;
    for (size_t n, i; end && p < end; p += n + (p[n] == ',')) {
        n = strcspn(p, ",:");
        for (i = 0; i < n_words && (strlen(words[i].word) != n || memcmp(p, words[i].word, n)); i++)
            ;
        if (i == n_words)
            return base_fail(e, BASE_UNSUPPORTED, "%.200s: \"%.*s\" is no option of a table", specifier, (int)n, p);
        *flags |= words[i].flag;
    }
    if (!end || !(*flags & (NN_TABLE_ARK | NN_TABLE_SCP)) || !end[1])
        return base_fail(e, BASE_FORMAT, "%.200s: expected ark:FILE or scp:FILE", specifier);
    *file = end + 1;
    if (**file == '|' || (*file)[strlen(*file) - 1] == '|')
        return base_fail(e, BASE_UNSUPPORTED, "%.200s: a pipe runs a command, which tables never do", specifier);
    return BASE_OK;
}

/* ---- streams ----------------------------------------------------------------------------------------------------- */

static void stream_close(stream *s)
{
    if (s->f)
        fclose(s->f);
    free(s->name);
    *s = (stream){ NULL, NULL, 0, -1 };
}

/* named: by the user, who may name a pipe; what a script names is a regular file, for which nothing waits. */
static base_status stream_open(stream *s, const char *path, bool named, base_error *e)
{
    struct stat info;
    bool standard = named && !strcmp(path, "-");
    int fd = standard ? STDIN_FILENO : BASE_RETRY(open(path, O_RDONLY | O_CLOEXEC | (named ? 0 : O_NONBLOCK)));

    *s = (stream){ fd < 0 ? NULL : base_stream(fd, "rb"), strdup(standard ? "standard input" : path), 0, -1 };
    base_status status = !s->f ? base_fail_errno(e, "%s", path)
        : !s->name ? base_fail(e, BASE_NO_MEMORY, "%s: out of memory", path)
        : fstat(fd, &info) ? base_fail_errno(e, "%s", path)
        : S_ISDIR(info.st_mode) ? base_fail(e, BASE_IO, "%s: is a directory", path)
        : !named && !S_ISREG(info.st_mode) ? base_fail(e, BASE_UNSUPPORTED, "%s: not a regular file", path)
        : BASE_OK;
    if (!status && S_ISREG(info.st_mode) && !standard)
        s->size = info.st_size;
    if (!s->f && fd >= 0 && !standard)
        close(fd);
    if (status)
        stream_close(s);
    return status;
}

static int get(stream *s)
{
    int c = getc(s->f);

    s->at += c != EOF;
    return c;
}

static int peek(stream *s)
{
    int c = getc(s->f);

    if (c != EOF)
        ungetc(c, s->f);
    return c;
}

static base_status expected(const stream *s, const char *what, base_error *e)
{
    if (ferror(s->f))
        return base_fail_errno(e, "cannot read");
    return base_fail(e, BASE_FORMAT, "byte %lld: %sexpected %s", (long long)s->at, feof(s->f) ? "the file ends, " : "", what);
}

/* What cannot begin an entry, but often does: told by its name. c is the first byte. */
static bool refused_begin(stream *s, int c, base_error *e)
{
    const char *what = c == 0x1f && peek(s) == 0x8b ? "packed by gzip (gunzip it first)"
        : c == 0xef && s->at == 1 && peek(s) == 0xbb ? "byte order mark before the key" : NULL;

    if (what)
        base_fail(e, BASE_UNSUPPORTED, "byte %lld: %s", (long long)s->at, what);
    return what != NULL;
}

/* block with room for n elements of `size` bytes, which at least doubles when it grows. NULL: out of memory, and block
 * is as it was. */
static void *grown(void *block, size_t *room, size_t n, size_t size, base_error *e)
{
    size_t bytes, more = n > 2 * *room ? n : 2 * *room;

    if (block && n <= *room)
        return block;
    void *x = base_mul(more + 1, size, &bytes) ? realloc(block, bytes) : NULL;
    if (x)
        *room = more;
    else
        base_fail(e, BASE_NO_MEMORY, "no memory for %zu elements", n);
    return x;
}

/* Makes r->x hold n elements. */
static base_status reserve(nn_table_reader *r, size_t n, base_error *e)
{
    float *x = grown(r->x, &r->x_room, n, sizeof *x, e);

    if (x)
        r->x = x;
    return x ? BASE_OK : BASE_NO_MEMORY;
}

/* The next n bytes into r->raw. */
static base_status read_bytes(nn_table_reader *r, size_t n, base_error *e)
{
    stream *s = &r->ark;

    if (s->size >= 0 && !base_inside((uint64_t)s->at, n, (uint64_t)s->size))
        return base_fail(e, BASE_FORMAT, "byte %lld: %zu bytes of data, but only %lld follow", (long long)s->at, n,
            (long long)(s->size - s->at));
    for (size_t done = 0; done < n;) {
        size_t part = s->size >= 0 || n - done < CHUNK ? n - done : CHUNK;
        unsigned char *raw = grown(r->raw, &r->raw_room, done + part, 1, e);
        if (!raw)
            return BASE_NO_MEMORY;
        r->raw = raw;
        size_t got = fread(raw + done, 1, part, s->f);
        s->at += (int64_t)got;
        done += got;
        if (got < part)
            return expected(s, "more data", e);
    }
    return BASE_OK;
}

/* ---- text objects ------------------------------------------------------------------------------------------------ */

/* One number, whose first byte is c; hexadecimal, which strtof would take, is not Kaldi's. */
static base_status read_number(stream *s, int c, float *x, base_error *e)
{
    char text[MOST_NUMBER + 1], *end;
    int n = 0;

    for (; c > ' ' && c != ']' && c != ';' && n < MOST_NUMBER; c = get(s))
        text[n++] = (char)c;
    if (c > ' ' && c != ']' && c != ';')
        return expected(s, "a number of up to 64 bytes", e);
    if (c != EOF) {
        ungetc(c, s->f);
        s->at--;
    }
    text[n] = '\0';
    *x = base_strtof(text, &end);
    if (end == text || *end || strpbrk(text, "xX("))
        return base_fail(e, BASE_FORMAT, "byte %lld: \"%s\", expected a number or ']'", (long long)s->at - n, text);
    if (isinf(*x) && !strpbrk(text, "iI"))
        return base_fail(e, BASE_FORMAT, "byte %lld: %s is too large", (long long)s->at - n, text);
    return BASE_OK;
}

/* Ends a row of `in_row` numbers, if there is one. */
static base_status end_row(const stream *s, nn_matrix *m, int64_t in_row, base_error *e)
{
    if (in_row == 0)
        return BASE_OK;
    if (in_row > INT32_MAX || (m->rows > 0 && in_row != m->cols))
        return base_fail(e, BASE_FORMAT, "byte %lld: row %lld of %lld numbers, expected %d", (long long)s->at,
            (long long)m->rows, (long long)in_row, m->cols);
    m->cols = (int)in_row;
    m->rows++;
    return BASE_OK;
}

/* " [ 1 2 3 ]", " [\n 1 2\n 3 4 ]" or " [ 1 2 ; 3 4 ]" and the end of the line. */
static base_status read_text(nn_table_reader *r, nn_matrix *m, base_error *e)
{
    stream *s = &r->ark;
    size_t n = 0;
    int64_t in_row = 0;
    base_status status = BASE_OK;
    int c = get(s);

    while (c == ' ' || c == '\t')
        c = get(s);
    if (refused_begin(s, c, e))
        return BASE_UNSUPPORTED;
    if (isdigit(c))
        return base_fail(e, BASE_UNSUPPORTED, "byte %lld: a number or a vector of integers, expected a matrix: '[' or a NUL byte",
            (long long)s->at);
    if (c != '[')
        return expected(s, "a matrix: '[' or a NUL byte", e);
    r->vector = true;       /* until a row ends */
    for (c = get(s); !status && c != ']'; c = status ? c : get(s)) {
        if (c == EOF) {
            status = expected(s, "']'", e);
        } else if (c == '\n' || c == ';') {
            status = end_row(s, m, in_row, e);
            r->vector = false;
            in_row = 0;
        } else if (c != ' ' && c != '\t' && c != '\r') {
            status = reserve(r, n + 1, e);
            if (!status)
                status = read_number(s, c, &r->x[n++], e);
            in_row++;
        }
    }
    if (!status)
        status = end_row(s, m, in_row, e);
    if (status)
        return status;
    do
        c = get(s);
    while (c == ' ' || c == '\t' || c == '\r');
    return c == '\n' || c == EOF ? BASE_OK : expected(s, "the end of the line", e);
}

/* ---- binary objects ---------------------------------------------------------------------------------------------- */

/* A size byte, which says 4, and an integer. */
static base_status read_int(nn_table_reader *r, int32_t *x, base_error *e)
{
    base_status status = read_bytes(r, 5, e);

    if (status)
        return status;
    memcpy(x, r->raw + 1, sizeof *x);
    if (r->raw[0] != 4)
        return base_fail(e, BASE_FORMAT, "byte %lld: integer of %d bytes, expected 4", (long long)r->ark.at - 5, r->raw[0]);
    return BASE_OK;
}

static base_status set_shape(const nn_table_reader *r, int32_t rows, int32_t cols, nn_matrix *m, base_error *e)
{
    if (rows < 0 || cols < 0 || !rows != !cols)
        return base_fail(e, BASE_FORMAT, "byte %lld: %d rows of %d columns", (long long)r->ark.at, rows, cols);
    m->rows = rows;
    m->cols = cols;
    return BASE_OK;
}

/* Bytes of the data, `width` an element and `extra` a column, read; and room for the elements. */
static base_status read_data(nn_table_reader *r, const nn_matrix *m, size_t width, size_t extra, base_error *e)
{
    size_t count, bytes, more;
    base_status status;

    if (!base_mul((size_t)m->rows, (size_t)m->cols, &count) || !base_mul(count, width, &bytes) ||
        !base_mul((size_t)m->cols, extra, &more) || !base_add(bytes, more, &bytes))
        return base_fail(e, BASE_LIMIT, "byte %lld: %lld rows of %d columns", (long long)r->ark.at, (long long)m->rows, m->cols);
    status = read_bytes(r, bytes, e);
    return status ? status : reserve(r, count, e);
}

/* Floats or doubles; a vector has no number of rows and is one row. */
static base_status read_plain(nn_table_reader *r, bool vector, size_t width, nn_matrix *m, base_error *e)
{
    int32_t rows = 1, cols = 0;
    r->vector = vector;
    base_status status = vector ? BASE_OK : read_int(r, &rows, e);

    if (!status)
        status = read_int(r, &cols, e);
    if (!status)
        status = set_shape(r, vector && cols == 0 ? 0 : rows, cols, m, e);
    if (!status)
        status = read_data(r, m, width, 0, e);
    if (status)
        return status;
    size_t n = (size_t)m->rows * (size_t)m->cols;
    if (width == sizeof(float) && n)
        memcpy(r->x, r->raw, n * width);
    int64_t large = width == sizeof(double) ? nn_too_large(r->raw, (int64_t)n) : -1;
    if (large >= 0)
        return base_fail(e, BASE_VALUE, "element %lld: %g is too large for a float", (long long)large, nn_f64(r->raw + 8 * large));
    for (size_t i = 0; width == sizeof(double) && i < n; i++)
        r->x[i] = (float)nn_f64(r->raw + i * width);
    return BASE_OK;
}

static uint16_t word_at(const unsigned char *p) { return (uint16_t)(p[0] | p[1] << 8); }

/* A column: quantiles 0, 1/4, 3/4 and 1 as words, then a byte an element that is linear between them. */
static void decode_column(const nn_table_reader *r, const nn_matrix *m, int c, float least, float span)
{
    const unsigned char *head = r->raw + (size_t)c * 8, *data = r->raw + (size_t)m->cols * 8 + (size_t)c * (size_t)m->rows;
    double q[4];

    for (int k = 0; k < 4; k++)
        q[k] = (double)(least + span * 1.52590218966964e-05f * (float)word_at(head + 2 * k));
    for (int64_t i = 0; i < m->rows; i++) {
        int v = data[i];
        double x = v <= 64 ? q[0] + (q[1] - q[0]) * v * (1 / 64.0)
            : v <= 192     ? q[1] + (q[2] - q[1]) * (v - 64) * (1 / 128.0)
                           : q[2] + (q[3] - q[2]) * (v - 192) * (1 / 63.0);
        r->x[i * m->cols + c] = (float)x;
    }
}

/* kind 1: quantiles a column and bytes; 2: words; 3: bytes. Kaldi writes an empty matrix 4 bytes longer than it reads
 * one; those are zeros, with which no key begins. */
static base_status read_compressed(nn_table_reader *r, int kind, nn_matrix *m, base_error *e)
{
    struct { float least, span; int32_t rows, cols; } head;
    base_status status = read_bytes(r, sizeof head, e);

    if (status)
        return status;
    memcpy(&head, r->raw, sizeof head);
    status = set_shape(r, head.rows, head.cols, m, e);
    if (!status && head.cols == 0)
        for (int i = 0; i < 4 && peek(&r->ark) == 0; i++)
            get(&r->ark);
    else if (!status && !(isfinite(head.least) && isfinite(head.span) && isfinite(head.least + head.span)))
        status = base_fail(e, BASE_FORMAT, "byte %lld: range %g + %g", (long long)r->ark.at, (double)head.least,
            (double)head.span);
    if (!status)
        status = read_data(r, m, kind == 2 ? 2 : 1, kind == 1 ? 8 : 0, e);
    for (int c = 0; !status && kind == 1 && c < m->cols; c++)
        decode_column(r, m, c, head.least, head.span);
    float step = (float)(head.span * (kind == 2 ? 1 / 65535.0 : 1 / 255.0));
    for (int64_t i = 0; !status && kind != 1 && i < m->rows * m->cols; i++)
        r->x[i] = head.least + step * (float)(kind == 2 ? word_at(r->raw + 2 * i) : r->raw[i]);
    return status;
}

static base_status read_binary(nn_table_reader *r, nn_matrix *m, base_error *e)
{
    char token[8];
    int n = 0, c;

    while ((c = get(&r->ark)) > ' ' && n < (int)sizeof token - 1)
        token[n++] = (char)c;
    token[n] = '\0';
    if (n == 0 && c == sizeof(int32_t))
        return base_fail(e, BASE_UNSUPPORTED, "byte %lld: an integer or a vector of integers, expected a matrix or vector of floats",
            (long long)r->ark.at);
    if (c != ' ')
        return expected(&r->ark, "the name of a type and a space", e);
    if (!strcmp(token, "FM") || !strcmp(token, "FV"))
        return read_plain(r, token[1] == 'V', sizeof(float), m, e);
    if (!strcmp(token, "DM") || !strcmp(token, "DV"))
        return read_plain(r, token[1] == 'V', sizeof(double), m, e);
    if (!strcmp(token, "CM") || !strcmp(token, "CM2") || !strcmp(token, "CM3"))
        return read_compressed(r, n == 2 ? 1 : token[2] - '0', m, e);
    return base_fail(e, BASE_UNSUPPORTED, "byte %lld: type \"%s\", expected FM, DM, FV, DV, CM, CM2 or CM3",
        (long long)r->ark.at - n - 1, token);
}

/* The object the stream stands at. */
static base_status read_object(nn_table_reader *r, nn_matrix *m, base_error *e)
{
    base_status status;

    *m = (nn_matrix){ NULL, 0, 0 };
    r->vector = false;
    if (peek(&r->ark) == 0) {
        get(&r->ark);
        status = get(&r->ark) == 'B' ? read_binary(r, m, e) : expected(&r->ark, "'B' after a NUL byte", e);
    } else {
        status = read_text(r, m, e);
    }
    m->x = r->x;
    return status;
}

/* ---- archives ---------------------------------------------------------------------------------------------------- */

static base_status next_of_ark(nn_table_reader *r, const char **key, nn_matrix *m, base_error *e)
{
    stream *s = &r->ark;
    int n = 0, c = get(s);
    base_status status;

    while (c == '\n' || c == ' ' || c == '\t' || c == '\r')
        c = get(s);
    if (c == EOF && !ferror(s->f))
        return BASE_OK;
    bool refused = refused_begin(s, c, e);
    for (; !refused && c >= 0 && nn_table_key_byte(c) && n < NN_TABLE_MOST_KEY; c = get(s))
        r->key[n++] = (char)c;
    r->key[n] = '\0';
    if (n == 0 || (c != ' ' && c != '\t')) {
        status = refused ? BASE_UNSUPPORTED : expected(s, "a key and a space", e);
        base_fail_in(e, "%s", s->name);
        return status;
    }
    status = base_all_plain(r->key) ? read_object(r, m, e)
                                    : base_fail(e, BASE_FORMAT, "expected UTF-8 without control characters");
    if (status)
        base_fail_in(e, "%s: key \"%.120s\"", s->name, r->key);
    else
        *key = r->key;
    return status;
}

/* ---- scripts ----------------------------------------------------------------------------------------------------- */

static bool read_digits(const char **p, int64_t *x)
{
    if (!isdigit((unsigned char)**p))
        return false;
    for (*x = 0; isdigit((unsigned char)**p); ++*p)
        if (!base_mul_i64(*x, 10, x) || !base_add_i64(*x, **p - '0', x))
            return false;
    return true;
}

/* "a:b", ":" or nothing. */
static bool read_interval(const char **p, int64_t *first, int64_t *last)
{
    if (**p == ':') {
        ++*p;
        return true;
    }
    if (!isdigit((unsigned char)**p))
        return true;
    if (!read_digits(p, first) || **p != ':')
        return false;
    ++*p;
    return read_digits(p, last);
}

/* Cuts "[r0:r1,c0:c1]" off the end of a path. */
static bool cut_range(char *path, range *g)
{
    size_t n = strlen(path);
    char *open = strrchr(path, '[');

    *g = (range){ -1, -1, -1, -1 };
    if (n == 0 || path[n - 1] != ']' || !open)
        return true;
    const char *p = open + 1;
    if (!read_interval(&p, &g->first_row, &g->last_row))
        return false;
    if (*p == ',') {
        p++;
        if (!read_interval(&p, &g->first_col, &g->last_col))
            return false;
    }
    *open = '\0';
    return p == path + n - 1;
}

/* Cuts ":offset" off the end of a path; no offset is 0. */
static bool cut_offset(char *path, int64_t *offset)
{
    char *colon = strrchr(path, ':');
    const char *p = colon ? colon + 1 : "";

    *offset = 0;
    if (!colon || !*p || p[strspn(p, "0123456789")])
        return true;
    *colon = '\0';
    return read_digits(&p, offset);
}

/* Kaldi's tolerance of ends behind the last row, or element of a vector: two frames for what a window of 25 ms every 10 ms leaves out
 * at the edges, one for times that were rounded (kaldi-holder.cc). */
#define TOLERANCE 3

/* The rows of g as an interval of n; what goes behind the end is cut off. */
static bool clip(int64_t *first, int64_t *last, int64_t n, int64_t tolerance)
{
    *first = *first < 0 ? 0 : *first;
    *last = *last < 0 ? n - 1 : *last;
    if (*first > *last || *first >= n || *last >= n + tolerance)
        return false;
    *last = *last < n ? *last : n - 1;
    return true;
}

static base_status apply_range(const range *g, bool vector, nn_matrix *m, base_error *e)
{
    int64_t r0 = g->first_row, r1 = g->last_row, c0 = g->first_col, c1 = g->last_col;

    if (r1 < 0 && c1 < 0)
        return BASE_OK;
    if (vector && m->rows == 1) {       /* by element */
        if (c1 >= 0 || !clip(&r0, &r1, m->cols, TOLERANCE))
            return base_fail(e, BASE_VALUE, "range [%lld:%lld%s] of a vector of %d elements", (long long)r0, (long long)r1,
                c1 >= 0 ? ",…" : "", m->cols);
        c0 = r0, c1 = r1;
        r0 = r1 = 0;
    } else {
        bool columns = clip(&c0, &c1, m->cols, 0), rows = clip(&r0, &r1, m->rows, TOLERANCE);      /* both, for the message */
        if (!columns || !rows)
            return base_fail(e, BASE_VALUE, "range [%lld:%lld,%lld:%lld] of a matrix of %lld rows and %d columns", (long long)r0,
                (long long)r1, (long long)c0, (long long)c1, (long long)m->rows, m->cols);
    }
    for (int64_t r = r0; r <= r1; r++)
        memmove(m->x + (r - r0) * (c1 - c0 + 1), m->x + r * m->cols + c0, (size_t)(c1 - c0 + 1) * sizeof *m->x);
    m->rows = r1 - r0 + 1;
    m->cols = (int)(c1 - c0 + 1);
    return BASE_OK;
}

static base_status seek_to(nn_table_reader *r, const char *path, int64_t offset, base_error *e)
{
    base_status status = BASE_OK;

    if (!r->ark.name || strcmp(r->ark.name, path)) {
        stream_close(&r->ark);
        status = stream_open(&r->ark, path, false, e);
    }
    if (status)
        return status;
    if (r->ark.size >= 0 && offset >= r->ark.size)
        return base_fail(e, BASE_FORMAT, "%s: byte %lld: the file has %lld bytes", path, (long long)offset,
            (long long)r->ark.size);
    if (fseeko(r->ark.f, offset, SEEK_SET))
        return base_fail_errno(e, "%s: byte %lld", path, (long long)offset);
    r->ark.at = offset;
    return BASE_OK;
}

/* "key path[:offset][range]" in r->line, n bytes. */
static base_status read_line(nn_table_reader *r, size_t n, nn_matrix *m, base_error *e)
{
    char reason[BASE_LINE_REASON];
    base_line l = { 0 };
    int64_t offset;
    range g;
    base_status status;

    if (n > 0 && !base_line_cut(r->line, n, &l, reason))
        return base_fail(e, BASE_FORMAT, "%s", reason);
    if (n == 0 || !*l.rest || strlen(l.key) > NN_TABLE_MOST_KEY)
        return base_fail(e, BASE_FORMAT, "expected a key and a file");
    char *path = l.rest;
    strcpy(r->key, l.key);
    if (path[strlen(path) - 1] == '|' || *path == '|' || !strcmp(path, "-"))
        return base_fail(e, BASE_UNSUPPORTED, "key \"%.120s\": a pipe, expected a file", r->key);
    if (!cut_range(path, &g) || !cut_offset(path, &offset))
        return base_fail(e, BASE_FORMAT, "key \"%.120s\": expected file[:offset][range]", r->key);
    status = seek_to(r, path, offset, e);
    if (!status) {
        status = read_object(r, m, e);
        if (!status)
            status = apply_range(&g, r->vector, m, e);
        if (status)
            base_fail_in(e, "%s", path);
    }
    if (status)
        base_fail_in(e, "key \"%.120s\"", r->key);
    return status;
}

static base_status next_of_scp(nn_table_reader *r, const char **key, nn_matrix *m, base_error *e)
{
    errno = 0;
    ssize_t n = getline(&r->line, &r->line_room, r->scp);
    base_status status;

    if (n < 0)
        return feof(r->scp) ? BASE_OK : base_fail_errno(e, "%s", r->scp_name);
    r->lines++;
    if (n == 0 || r->line[n - 1] != '\n') {
        status = base_fail(e, BASE_FORMAT, BASE_LINE_NO_END);
    } else {
        r->line[n - 1] = '\0';
        status = read_line(r, (size_t)n - 1, m, e);
    }
    if (status)
        base_fail_in(e, "%s:%lld", r->scp_name, (long long)r->lines);
    else
        *key = r->key;
    return status;
}

/* ---- the face ---------------------------------------------------------------------------------------------------- */

nn_table_reader *nn_table_open(const char *rspecifier, base_error *e)
{
    const char *file;
    int flags;

    if (nn_table_specifier(rspecifier, &flags, &file, e))
        return NULL;
    if ((flags & NN_TABLE_ARK) && (flags & NN_TABLE_SCP)) {
        base_fail(e, BASE_FORMAT, "%.200s: expected ark:FILE or scp:FILE", rspecifier);
        return NULL;
    }
    nn_table_reader *r = calloc(1, sizeof *r);
    if (!r) {
        base_fail(e, BASE_NO_MEMORY, "%.200s: out of memory", rspecifier);
        return NULL;
    }
    if (stream_open(&r->ark, file, true, e)) {
        nn_table_close(r);
        return NULL;
    }
    if (flags & NN_TABLE_SCP) {     /* the stream was the script's; archives come */
        r->scp = r->ark.f;
        r->scp_name = r->ark.name;
        r->ark = (stream){ NULL, NULL, 0, -1 };
    }
    return r;
}

base_status nn_table_next(nn_table_reader *r, const char **key, nn_matrix *m, base_error *e)
{
    *key = NULL;
    *m = (nn_matrix){ NULL, 0, 0 };
    return r->scp ? next_of_scp(r, key, m, e) : next_of_ark(r, key, m, e);
}

void nn_table_close(nn_table_reader *r)
{
    if (!r)
        return;
    stream_close(&r->ark);
    if (r->scp)
        fclose(r->scp);
    free(r->scp_name);
    free(r->line);
    free(r->raw);
    free(r->x);
    free(r);
}
