/* The safetensors format (huggingface/safetensors, README and tensor.rs): 8 bytes of header length, a JSON header,
 * the tensors' bytes. A file that opens has passed every check of the reference implementation: the header lies
 * inside the file, each tensor has exactly the bytes that its dtype and shape say, tensors follow one another without
 * holes or overlaps, and nothing lies behind the last; and those of header.c, among them that names are unique.
 * The file must not be shortened while it is open, as with every mapped file. */
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/file.h"
#include "libnn/store/header.h"

struct nn_safetensors {
    base_map         map;
    nn_header        header;        /* owns all names and texts */
    nn_file_tensor  *at;            /* [header.n], in the order of their bytes */
    nn_file_tensor **by_name;       /* [header.n] */
};

/* The count of elements, and the bytes that dtype makes of them. */
static base_status measure(nn_file_tensor *t, int bits, base_error *e)
{
    size_t total;

    t->count = 1;
    for (int d = 0; d < t->ndim; d++)
        if (!base_mul_i64(t->count, t->shape[d], &t->count))
            return base_fail(e, BASE_FORMAT, "the product of its shape is too large");
    if (!base_mul((size_t)t->count, (size_t)bits, &total))
        return base_fail(e, BASE_FORMAT, "the product of its shape is too large");
    if (total % 8)
        return base_fail(e, BASE_FORMAT, "%zu bits, expected whole bytes", total);
    t->bytes = total / 8;
    return BASE_OK;
}

static base_status make_tensor(nn_file_tensor *t, const nn_header_entry *h, const unsigned char *data, size_t size,
    base_error *e)
{
    const nn_dtype_row *row = nn_dtype_find(h->dtype);
    int64_t begin = h->offsets[0], end = h->offsets[1];

    if (!row)
        return base_fail(e, BASE_UNSUPPORTED, "unknown dtype \"%.20s\"", h->dtype);
    *t = (nn_file_tensor){ .name = h->name, .dtype = row->dtype, .dtype_text = row->name, .ndim = h->ndim };
    memcpy(t->shape, h->shape, sizeof t->shape);
    base_status status = measure(t, row->bits, e);
    if (status)
        return status;
    if (begin > end || (uint64_t)end > size)
        return base_fail(e, BASE_FORMAT, "data_offsets [%lld, %lld] do not lie inside the %zu bytes of data", (long long)begin,
            (long long)end, size);
    if ((uint64_t)(end - begin) != t->bytes)
        return base_fail(e, BASE_FORMAT, "%lld bytes, expected %zu for %s %s", (long long)(end - begin), t->bytes,
            t->dtype_text, nn_shape_print(t->ndim, t->shape).s);
    t->data = data + begin;
    return BASE_OK;
}

static int by_place(const void *x, const void *y)
{
    const nn_file_tensor *a = x, *b = y;
    uintptr_t i = (uintptr_t)a->data, j = (uintptr_t)b->data;

    return i != j ? (i > j) - (i < j) : (a->bytes > 0) - (b->bytes > 0);
}

static int by_name(const void *x, const void *y)
{
    return strcmp((*(nn_file_tensor *const *)x)->name, (*(nn_file_tensor *const *)y)->name);
}

/* Tensors must fill the data, each beginning where the one before it ends. */
static base_status check_places(const nn_safetensors *s, const unsigned char *data, size_t size, base_error *e)
{
    const unsigned char *expected = data;

    for (int i = 0; i < s->header.n; i++) {
        const nn_file_tensor *t = &s->at[i];
        if (t->data != expected)
            return base_fail(e, BASE_FORMAT, "tensor \"" NN_NAME "\" begins at byte %td of the data, expected %td: no holes, "
                "no overlaps", t->name, (const unsigned char *)t->data - data, expected - data);
        expected += t->bytes;
    }
    if (expected != data + size)
        return base_fail(e, BASE_FORMAT, "%td bytes behind the last tensor", data + size - expected);
    return BASE_OK;
}

static base_status make_tensors(nn_safetensors *s, const unsigned char *data, size_t size, base_error *e)
{
    size_t n = (size_t)s->header.n;

    s->at = calloc(n + 1, sizeof *s->at);
    s->by_name = calloc(n + 1, sizeof *s->by_name);
    if (!s->at || !s->by_name)
        return base_fail(e, BASE_NO_MEMORY, "no memory for %zu tensors", n);
    for (size_t i = 0; i < n; i++) {
        base_status status = make_tensor(&s->at[i], &s->header.entry[i], data, size, e);
        if (status) {
            base_fail_in(e, "tensor \"" NN_NAME "\"", s->header.entry[i].name);
            return status;
        }
    }
    qsort(s->at, n, sizeof *s->at, by_place);
    for (size_t i = 0; i < n; i++)
        s->by_name[i] = &s->at[i];
    qsort(s->by_name, n, sizeof *s->by_name, by_name);
    return check_places(s, data, size, e);
}

static base_status read_map(nn_safetensors *s, base_error *e)
{
    const unsigned char *p = s->map.data;
    uint64_t n = 0;
    base_status status;

    if (s->map.size < 8)
        return base_fail(e, BASE_FORMAT, "%zu bytes, expected at least the 8 of a header's length", s->map.size);
    for (int i = 7; i >= 0; i--)
        n = n << 8 | p[i];
    if (n > NN_MOST_HEADER)
        return base_fail(e, BASE_LIMIT, "byte 0: a header of %llu bytes, expected %u at most", (unsigned long long)n,
            NN_MOST_HEADER);
    if (n > s->map.size - 8)
        return base_fail(e, BASE_FORMAT, "byte 0: a header of %llu bytes, but only %zu follow", (unsigned long long)n,
            s->map.size - 8);
    status = nn_header_parse(&s->header, (const char *)p + 8, (size_t)n, 8, e);
    return status ? status : make_tensors(s, p + 8 + n, s->map.size - 8 - (size_t)n, e);
}

nn_safetensors *nn_safetensors_open(const char *path, base_error *e)
{
    nn_safetensors *s = calloc(1, sizeof *s);

    if (!s) {
        base_fail(e, BASE_NO_MEMORY, "%s: out of memory", path);
        return NULL;
    }
    if (!base_map_open(&s->map, path, e)) {
        if (!read_map(s, e))
            return s;
        base_fail_in(e, "%s", path);
    }
    nn_safetensors_close(s);
    return NULL;
}

void nn_safetensors_close(nn_safetensors *s)
{
    if (!s)
        return;
    base_map_close(&s->map);
    nn_header_free(&s->header);
    free(s->by_name);
    free(s->at);
    free(s);
}

int nn_safetensors_count(const nn_safetensors *s) { return s->header.n; }
const nn_file_tensor *nn_safetensors_at(const nn_safetensors *s, int i) { return &s->at[i]; }
int nn_safetensors_meta_count(const nn_safetensors *s) { return s->header.n_meta; }
const nn_meta *nn_safetensors_meta_at(const nn_safetensors *s, int i) { return &s->header.meta[i]; }

const nn_file_tensor *nn_safetensors_find(const nn_safetensors *s, const char *name)
{
    nn_file_tensor key = { .name = name }, *wanted = &key;
    nn_file_tensor **found = bsearch(&wanted, s->by_name, (size_t)s->header.n, sizeof wanted, by_name);

    return found ? *found : NULL;
}

const char *nn_safetensors_meta(const nn_safetensors *s, const char *key)
{
    const nn_meta wanted = { key, NULL };
    const nn_meta *found = s->header.n_meta
        ? bsearch(&wanted, s->header.meta, (size_t)s->header.n_meta, sizeof wanted, nn_meta_compare) : NULL;

    return found ? found->value : NULL;
}
