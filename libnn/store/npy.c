/* NumPy's .npy (numpy/lib/format.py), versions 1 to 3. The header is a Python dict; a grammar of just the three keys it
 * may hold reads it, nothing is evaluated. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/file.h"
#include "libnn/store/bytes.h"
#include "libnn/store/store.h"

#define MAGIC "\x93NUMPY"
#define MAGIC_BYTES 6
#define MOST_HEADER 65536
#define CHUNK 4096

void nn_matrix_free(nn_matrix *m)
{
    free(m->x);
    *m = (nn_matrix){ NULL, 0, 0 };
}

/* ---- the header -------------------------------------------------------------------------------------------------- */

typedef struct parser {
    const char *begin, *p, *end;    /* of the dict */
    size_t      offset;             /* of begin in the file */
} parser;

typedef struct layout {
    nn_dtype dtype;
    bool     swapped, columns_first;
    int      ndim;
    int64_t  shape[2];
} layout;

static base_status expected(const parser *s, const char *what, base_error *e)
{
    return base_fail(e, BASE_FORMAT, "byte %zu: expected %s", s->offset + (size_t)(s->p - s->begin), what);
}

static void skip_space(parser *s)
{
    while (s->p < s->end && strchr(" \t\n", *s->p) && *s->p)
        s->p++;
}

static bool take(parser *s, const char *text)
{
    size_t n = strlen(text);

    skip_space(s);
    if ((size_t)(s->end - s->p) < n || memcmp(s->p, text, n))
        return false;
    s->p += n;
    return true;
}

/* A string without escapes, cut to the room of `text`. */
static bool take_string(parser *s, char *text, size_t room)
{
    const char *from;
    size_t n;

    skip_space(s);
    if (s->p == s->end || (*s->p != '\'' && *s->p != '"'))
        return false;
    from = s->p + 1;
    const char *to = memchr(from, *s->p, (size_t)(s->end - from));
    if (!to || memchr(from, '\\', (size_t)(to - from)))
        return false;
    n = (size_t)(to - from);
    snprintf(text, room, "%.*s", (int)(n < room ? n : room - 1), from);
    s->p = to + 1;
    return true;
}

static base_status read_descr(parser *s, layout *l, base_error *e)
{
    static const struct { const char *code; nn_dtype dtype; } types[] = {
        { "f4", NN_F32 }, { "f8", NN_F64 }, { "f2", NN_F16 }, { "i8", NN_I64 }, { "i4", NN_I32 }, { "i2", NN_I16 },
        { "i1", NN_I8 }, { "u1", NN_U8 }, { "b1", NN_BOOL },
    };
    char text[16];

    if (!take_string(s, text, sizeof text))
        return base_fail(e, BASE_UNSUPPORTED, "byte %zu: a structured type, expected one number an element",
            s->offset + (size_t)(s->p - s->begin));
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (*text && strchr("<>=|", *text) && !strcmp(text + 1, types[i].code)) {
            l->dtype = types[i].dtype;
            l->swapped = *text == '>';
            return BASE_OK;
        }
    return base_fail(e, BASE_UNSUPPORTED, "type '%s', expected f2, f4, f8, i1, i2, i4, i8, u1 or b1", text);
}

static base_status read_size(parser *s, int64_t *size, base_error *e)
{
    skip_space(s);
    if (s->p == s->end || !isdigit((unsigned char)*s->p))
        return expected(s, "a size", e);
    for (*size = 0; s->p < s->end && isdigit((unsigned char)*s->p); s->p++)
        if (!base_mul_i64(*size, 10, size) || !base_add_i64(*size, *s->p - '0', size))
            return expected(s, "a size below 2^63", e);
    return BASE_OK;
}

static base_status read_dims(parser *s, layout *l, base_error *e)
{
    if (!take(s, "("))
        return expected(s, "'('", e);
    for (l->ndim = 0; !take(s, ")"); l->ndim++) {
        if (l->ndim == 2)
            return base_fail(e, BASE_UNSUPPORTED, "more than two dimensions, expected a vector or a matrix");
        base_status status = read_size(s, &l->shape[l->ndim], e);
        if (status)
            return status;
        if (!take(s, ",") && s->p < s->end && *s->p != ')')
            return expected(s, "',' or ')'", e);
    }
    if (l->ndim == 0)
        return base_fail(e, BASE_UNSUPPORTED, "no dimension, expected a vector or a matrix");
    return BASE_OK;
}

static base_status read_dict(parser *s, layout *l, base_error *e)
{
    static const char *const keys[] = { "descr", "fortran_order", "shape" };
    bool seen[3] = { false, false, false };

    if (!take(s, "{"))
        return expected(s, "'{'", e);
    while (!take(s, "}")) {
        char key[16];
        int k = 0;
        base_status status = BASE_OK;
        if (!take_string(s, key, sizeof key) || !take(s, ":"))
            return expected(s, "a key and ':'", e);
        while (k < 3 && strcmp(key, keys[k]))
            k++;
        if (k == 3 || seen[k])
            return expected(s, "only descr, fortran_order and shape, each once, before here", e);
        seen[k] = true;
        if (k == 0)
            status = read_descr(s, l, e);
        else if (k == 2)
            status = read_dims(s, l, e);
        else if (!(l->columns_first = take(s, "True")) && !take(s, "False"))
            status = expected(s, "True or False", e);
        if (status)
            return status;
        skip_space(s);
        if (!take(s, ",") && s->p < s->end && *s->p != '}')
            return expected(s, "',' or '}'", e);
    }
    skip_space(s);
    if (s->p != s->end || !seen[0] || !seen[1] || !seen[2])
        return expected(s, "descr, fortran_order and shape, and nothing else", e);
    return BASE_OK;
}

/* The layout and where the data begin. */
static base_status read_header(const base_map *map, layout *l, size_t *data, base_error *e)
{
    const unsigned char *p = map->data;
    size_t at = MAGIC_BYTES + 2, length, width;

    if (map->size < MAGIC_BYTES + 4 || memcmp(p, MAGIC, MAGIC_BYTES))
        return base_fail(e, BASE_FORMAT, "byte 0: no .npy file");
    if (p[6] < 1 || p[6] > 3 || p[7])
        return base_fail(e, BASE_UNSUPPORTED, "byte 6: version %d.%d, expected 1.0 to 3.0", p[6], p[7]);
    width = p[6] == 1 ? 2 : 4;
    if (map->size < at + width)
        return base_fail(e, BASE_FORMAT, "byte %zu: the file ends inside the header", map->size);
    length = p[8] | (size_t)p[9] << 8;
    if (width == 4)
        length |= (size_t)p[10] << 16 | (size_t)p[11] << 24;
    at += width;
    if (length > MOST_HEADER)
        return base_fail(e, BASE_LIMIT, "byte 8: a header of %zu bytes, expected %d at most", length, MOST_HEADER);
    if (length > map->size - at)
        return base_fail(e, BASE_FORMAT, "byte 8: a header of %zu bytes, but only %zu follow", length, map->size - at);
    parser s = { (const char *)p + at, (const char *)p + at, (const char *)p + at + length, at };
    *data = at + length;
    return read_dict(&s, l, e);
}

/* ---- the data ---------------------------------------------------------------------------------------------------- */

static void swap_bytes(unsigned char *p, size_t n, size_t width)
{
    for (size_t i = 0; i < n; i++, p += width)
        for (size_t k = 0; k < width / 2; k++) {
            unsigned char c = p[k];
            p[k] = p[width - 1 - k];
            p[width - 1 - k] = c;
        }
}

/* Elements in the file's order, in chunks, so that other orders cost no second copy of the whole. */
static base_status convert(const layout *l, const unsigned char *data, int64_t count, nn_matrix *m, base_error *e)
{
    size_t width = nn_dtype_size(l->dtype);
    unsigned char bytes[CHUNK * sizeof(double)];
    float x[CHUNK];

    for (int64_t i = 0; i < count; i += CHUNK) {
        int64_t n = count - i < CHUNK ? count - i : CHUNK;
        memcpy(bytes, data + (size_t)i * width, (size_t)n * width);
        if (l->swapped)
            swap_bytes(bytes, (size_t)n, width);
        nn_to_floats(l->dtype, bytes, 0, n, x);
        int64_t large = l->dtype == NN_F64 ? nn_too_large(bytes, n) : -1;
        if (large >= 0)
            return base_fail(e, BASE_VALUE, "element %lld: %g is too large for a float", (long long)(i + large),
                nn_f64(bytes + 8 * large));
        if (!l->columns_first)
            memcpy(m->x + i, x, (size_t)n * sizeof *x);
        for (int64_t k = 0; l->columns_first && k < n; k++)
            m->x[(i + k) % m->rows * m->cols + (i + k) / m->rows] = x[k];
    }
    return BASE_OK;
}

static base_status read_map(const base_map *map, nn_matrix *m, base_error *e)
{
    layout l;
    size_t data = 0, bytes;
    int64_t count;
    base_status status = read_header(map, &l, &data, e);

    if (status)
        return status;
    int64_t rows = l.ndim == 2 ? l.shape[0] : 1, cols = l.shape[l.ndim - 1];
    if (!base_mul_i64(rows, cols, &count) || !base_mul((size_t)count, nn_dtype_size(l.dtype), &bytes) ||
        bytes != map->size - data)
        return base_fail(e, BASE_FORMAT, "byte %zu: %zu bytes of data, but the header says %s of %s", data, map->size - data,
            nn_shape_print(l.ndim, l.shape).s, nn_dtype_name(l.dtype));
    if (cols > INT32_MAX || (cols == 0 && rows > 0))
        return base_fail(e, BASE_UNSUPPORTED, "%lld columns, expected 1 to %d", (long long)cols, INT32_MAX);
    *m = (nn_matrix){ malloc((size_t)count * sizeof(float) + 1), rows, (int)cols };
    if (!m->x) {
        nn_matrix_free(m);
        return base_fail(e, BASE_NO_MEMORY, "no memory for %lld elements", (long long)count);
    }
    status = convert(&l, map->data + data, count, m, e);
    if (status)
        nn_matrix_free(m);
    return status;
}

base_status nn_npy_read(const char *path, nn_matrix *m, base_error *e)
{
    base_map map;
    base_status status;

    *m = (nn_matrix){ NULL, 0, 0 };
    status = base_map_open(&map, path, e);
    if (status)
        return status;
    status = read_map(&map, m, e);
    if (status)
        base_fail_in(e, "%s", path);
    base_map_close(&map);
    return status;
}

base_status nn_npy_write(const char *path, const nn_matrix *m, base_error *e)
{
    char dict[128];
    base_out out;
    int n = snprintf(dict, sizeof dict, "{'descr': '<f4', 'fortran_order': False, 'shape': (%lld, %d), }",
        (long long)m->rows, m->cols);
    int total = (MAGIC_BYTES + 4 + n + 1 + 63) / 64 * 64 - MAGIC_BYTES - 4;    /* ends with a newline, on a multiple of 64 */
    base_status status = base_out_open(&out, path, e);

    if (status)
        return status;
    fprintf(out.f, MAGIC "%c%c%c%c%-*s\n", 1, 0, total & 0xff, total >> 8, total - 1, dict);
    if (m->rows && m->cols)
        fwrite(m->x, sizeof *m->x, (size_t)m->rows * (size_t)m->cols, out.f);
    return base_out_commit(&out, e);
}
