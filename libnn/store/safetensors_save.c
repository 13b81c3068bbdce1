/* Writing safetensors, byte for byte as the reference implementation does: tensors from the widest dtype to the narrowest,
 * then by name, so that each is aligned; the header without blanks, then padded to a multiple of 8. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "base/checked.h"
#include "base/file.h"
#include "libnn/store/header.h"

size_t nn_save_bytes(const nn_save_tensor *t)
{
    size_t bytes = nn_dtype_size(t->dtype);

    for (int d = 0; d < t->ndim; d++)
        if (t->shape[d] < 0 || !base_mul(bytes, (size_t)t->shape[d], &bytes))
            return SIZE_MAX;
    return bytes;
}

static int by_rank(const void *x, const void *y)
{
    const nn_save_tensor *a = *(const nn_save_tensor *const *)x, *b = *(const nn_save_tensor *const *)y;
    int i = nn_dtype_rank(a->dtype), j = nn_dtype_rank(b->dtype);

    return i != j ? j - i : strcmp(a->name, b->name);
}

/* Text that grows; once memory is out, nothing is added. */
typedef struct text {
    char  *s;
    size_t n, room;
    bool   failed;
} text;

static void put(text *t, const char *bytes, size_t n)
{
    if (n > t->room - t->n && !t->failed) {
        size_t room = 2 * t->room + n + 1000;
        char *more = realloc(t->s, room);
        t->failed = !more;
        t->s = more ? more : t->s;
        t->room = more ? room : t->room;
    }
    if (!t->failed)
        memcpy(t->s + t->n, bytes, n);
    t->n += t->failed ? 0 : n;
}

static void put_plain(text *t, const char *bytes) { put(t, bytes, strlen(bytes)); }

/* As serde_json does, with which the reference implementation writes. */
static void put_string(text *t, const char *s)
{
    static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";

    put(t, "\"", 1);
    for (; *s; s++) {
        const char *k = strchr(from, *s);
        char escape[8] = { '\\', k ? to[k - from] : '\0' };
        if (!k && (unsigned char)*s < 0x20)
            snprintf(escape, sizeof escape, "\\u%04x", (unsigned)*s);
        if (escape[1])
            put_plain(t, escape);
        else
            put(t, s, 1);
    }
    put(t, "\"", 1);
}

static void put_pair(text *t, const char *key, const char *value)
{
    put_string(t, key);
    put(t, ":", 1);
    put_string(t, value);
}

static void put_number(text *t, size_t x)
{
    char digits[24];

    put(t, digits, (size_t)snprintf(digits, sizeof digits, "%zu", x));
}

static void put_meta(text *t, const nn_meta *meta, int n)
{
    bool has_format = false;

    for (int i = 0; i < n; i++)
        has_format |= !strcmp(meta[i].key, "format");
    put_plain(t, "{\"__metadata__\":{");
    if (!has_format)        /* without it, older loaders refuse the file */
        put_pair(t, "format", "pt");
    for (int i = 0; i < n; i++) {
        if (i || !has_format)
            put(t, ",", 1);
        put_pair(t, meta[i].key, meta[i].value);
    }
    put(t, "}", 1);
}

static base_status put_tensor(text *t, const nn_save_tensor *x, size_t *end, base_error *e)
{
    size_t begin = *end, bytes = nn_save_bytes(x);

    if (nn_dtype_rank(x->dtype) < 0 || x->ndim < 0 || x->ndim > NN_FILE_MAX_DIMS || bytes > INT64_MAX - begin)
        return base_fail(e, BASE_VALUE, "tensor \"" NN_NAME "\": no such dtype or shape", x->name);
    *end = begin + bytes;
    put(t, ",", 1);
    put_string(t, x->name);
    put_plain(t, ":{\"dtype\":\"");
    put_plain(t, nn_dtype_name(x->dtype));
    put_plain(t, "\",\"shape\":[");
    for (int d = 0; d < x->ndim; d++) {
        put(t, ",", d > 0);
        put_number(t, (size_t)x->shape[d]);
    }
    put_plain(t, "],\"data_offsets\":[");
    put_number(t, begin);
    put(t, ",", 1);
    put_number(t, *end);
    put_plain(t, "]}");
    return BASE_OK;
}

/* What we write we can read: the reader finds names that appear twice or are no UTF-8. */
static base_status check_header(const text *t, base_error *e)
{
    nn_header h = { 0 };
    base_status status = t->failed ? base_fail(e, BASE_NO_MEMORY, "no memory for a header")
        : t->n > NN_MOST_HEADER ? base_fail(e, BASE_LIMIT, "a header of %zu bytes, expected %u at most", t->n, NN_MOST_HEADER)
                                : nn_header_parse(&h, t->s, t->n, 8, e);

    nn_header_free(&h);
    return status == BASE_FORMAT ? BASE_VALUE : status;
}

/* The header, padded to a multiple of 8, and the bytes of data it speaks of. */
static base_status make_header(text *t, size_t *size, const nn_save_tensor **order, int n, const nn_meta *meta, int n_meta,
    base_error *e)
{
    base_status status = BASE_OK;

    *size = 0;
    put_meta(t, meta, n_meta);
    for (int i = 0; !status && i < n; i++)
        status = put_tensor(t, order[i], size, e);
    put(t, "}", 1);
    put(t, "       ", -t->n & 7);
    return status ? status : check_header(t, e);
}

/* A full disk is better found before gigabytes are written; that it fills meanwhile is found by the writing. */
static base_status check_space(const char *path, size_t size, base_error *e)
{
    const char *slash = strrchr(path, '/');
    char *directory = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
    struct statvfs fs;
    base_status status = BASE_OK;

    if (directory && !statvfs(directory, &fs) && fs.f_blocks && (double)fs.f_bavail * (double)fs.f_frsize < (double)size)
        status = base_fail(e, BASE_IO, "%zu bytes to write, but only %.0f are free", size,
            (double)fs.f_bavail * (double)fs.f_frsize);
    free(directory);
    return status;
}

static void write_all(FILE *f, const text *header, const nn_save_tensor **order, int n)
{
    for (int i = 0; i < 8; i++)
        putc((int)(header->n >> 8 * i & 0xff), f);
    fwrite(header->s, 1, header->n, f);
    for (int i = 0; i < n; i++)
        if (nn_save_bytes(order[i]))
            fwrite(order[i]->data, 1, nn_save_bytes(order[i]), f);
}

base_status nn_safetensors_save(const char *path, const nn_save_tensor *tensors, int n, const nn_meta *meta, int n_meta,
    base_error *e)
{
    const nn_save_tensor **order = malloc(((size_t)n + 1) * sizeof *order);
    text header = { 0 };
    size_t size;
    base_out out;
    base_status status;

    if (!order)
        return base_fail(e, BASE_NO_MEMORY, "%s: out of memory", path);
    for (int i = 0; i < n; i++)
        order[i] = &tensors[i];
    qsort(order, (size_t)n, sizeof *order, by_rank);
    status = make_header(&header, &size, order, n, meta, n_meta, e);
    if (!status)
        status = check_space(path, header.n + size, e);
    if (status) {
        base_fail_in(e, "%s", path);
    } else if (!(status = base_out_open(&out, path, e))) {
        write_all(out.f, &header, order, n);
        status = base_out_commit(&out, e);
    }
    free(header.s);
    free(order);
    return status;
}
