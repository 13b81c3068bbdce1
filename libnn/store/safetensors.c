/* The safetensors format (huggingface/safetensors, README and tensor.rs): 8 bytes of header length, a JSON header,
 * the tensors' bytes. A file that opens has passed every check of the reference implementation: the header lies
 * inside the file, names are unique, each tensor has exactly the bytes that its dtype and shape say, tensors follow one
 * another without holes or overlaps, and nothing lies behind the last. Beyond it are refused: a header of anything but
 * objects, lists, strings and unsigned integers, nesting deeper than those of a tensor, more than MOST_MARKS tokens
 * (memory is bounded by that, not by what the header asks for), and names that appear twice.
 * The file must not be shortened while it is open, as with every mapped file. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "base/checked.h"
#include "base/file.h"
#include "libnn/store/store.h"

#define MOST_HEADER 100000000u      /* the format's own limit */
#define MOST_MARKS  (1 << 21)       /* brackets and commas; a tensor needs 8 */
#define MOST_DEPTH  3

struct nn_safetensors {
    base_map               map;
    json_t                *header;      /* owns all names and texts */
    nn_file_tensor        *at;          /* [count], in the order of their bytes */
    const nn_file_tensor **by_name;     /* [count] */
    int                    count;
    nn_meta               *meta;        /* [n_meta] */
    int                    n_meta;
};

/* ---- reading ----------------------------------------------------------------------------------------------------- */

/* Everything that JSON allows and the format does not, before memory is spent on parsing. */
static base_status scan_header(const char *text, size_t n, base_error *e)
{
    int depth = 0, marks = 0;

    for (size_t i = 0; i < n; i++) {
        char c = text[i];
        if (c == '"') {
            for (i++; i < n && text[i] != '"'; i++)
                i += text[i] == '\\';
            continue;
        }
        if (c == '\0' || !strchr("{}[]:, \t\r\n0123456789", c))
            return base_fail(e, BASE_FORMAT, "byte %zu: found 0x%02x in the header, expected only objects, lists, strings "
                "and unsigned integers", i + 8, (unsigned)(unsigned char)c);
        depth += (c == '{' || c == '[') - (c == '}' || c == ']');
        if (depth > MOST_DEPTH)
            return base_fail(e, BASE_FORMAT, "byte %zu: header nested deeper than %d", i + 8, MOST_DEPTH);
        marks += c == '{' || c == '[' || c == ',';
        if (marks > MOST_MARKS)
            return base_fail(e, BASE_LIMIT, "byte %zu: header of more than %d entries", i + 8, MOST_MARKS);
    }
    return BASE_OK;
}

static base_status parse_header(nn_safetensors *s, const char *text, size_t n, base_error *e)
{
    json_error_t je;
    base_status status = scan_header(text, n, e);

    if (status)
        return status;
    s->header = json_loadb(text, n, JSON_REJECT_DUPLICATES, &je);
    if (!s->header && (!*je.text || json_error_code(&je) == json_error_out_of_memory))
        return base_fail(e, BASE_NO_MEMORY, "no memory for a header of %zu bytes", n);
    if (!s->header)
        return base_fail(e, BASE_FORMAT, "byte %lld: header: %s", 8 + (long long)je.position, je.text);
    if (!json_is_object(s->header))
        return base_fail(e, BASE_FORMAT, "byte 8: header is no JSON object");
    return BASE_OK;
}

static base_status read_meta(nn_safetensors *s, json_t *meta, base_error *e)
{
    const char *key;
    json_t *value;

    if (!json_is_object(meta))
        return base_fail(e, BASE_FORMAT, "__metadata__ is no object");
    s->meta = malloc((json_object_size(meta) + 1) * sizeof *s->meta);
    if (!s->meta)
        return base_fail(e, BASE_NO_MEMORY, "no memory for metadata");
    json_object_foreach(meta, key, value) {
        if (!json_is_string(value))
            return base_fail(e, BASE_FORMAT, "__metadata__: \"" NN_NAME "\" is no string", key);
        s->meta[s->n_meta++] = (nn_meta){ key, json_string_value(value) };
    }
    return BASE_OK;
}

/* shape and its product, and the bytes that dtype makes of it. */
static base_status read_shape(nn_file_tensor *t, const json_t *shape, int bits, base_error *e)
{
    size_t total;

    if (!json_is_array(shape))
        return base_fail(e, BASE_FORMAT, "shape is no list");
    if (json_array_size(shape) > NN_FILE_MAX_DIMS)
        return base_fail(e, BASE_UNSUPPORTED, "%zu dimensions, expected %d at most", json_array_size(shape),
            NN_FILE_MAX_DIMS);
    t->ndim = (int)json_array_size(shape);
    t->count = 1;
    for (int d = 0; d < t->ndim; d++) {
        const json_t *size = json_array_get(shape, (size_t)d);
        if (!json_is_integer(size))
            return base_fail(e, BASE_FORMAT, "shape holds something else than integers");
        t->shape[d] = json_integer_value(size);
        if (!base_mul_i64(t->count, t->shape[d], &t->count))
            return base_fail(e, BASE_FORMAT, "the product of its shape is too large");
    }
    if (!base_mul((size_t)t->count, (size_t)bits, &total))
        return base_fail(e, BASE_FORMAT, "the product of its shape is too large");
    if (total % 8)
        return base_fail(e, BASE_FORMAT, "%zu bits, expected whole bytes", total);
    t->bytes = total / 8;
    return BASE_OK;
}

static base_status read_offsets(nn_file_tensor *t, const json_t *offsets, const unsigned char *data, size_t size,
    base_error *e)
{
    const json_t *from = json_array_get(offsets, 0), *to = json_array_get(offsets, 1);

    if (json_array_size(offsets) != 2 || !json_is_integer(from) || !json_is_integer(to))
        return base_fail(e, BASE_FORMAT, "data_offsets is no list of two integers");
    uint64_t begin = (uint64_t)json_integer_value(from), end = (uint64_t)json_integer_value(to);
    if (begin > end || end > size)
        return base_fail(e, BASE_FORMAT, "data_offsets [%llu, %llu] do not lie inside the %zu bytes of data",
            (unsigned long long)begin, (unsigned long long)end, size);
    if (end - begin != t->bytes)
        return base_fail(e, BASE_FORMAT, "%llu bytes, expected %zu for %s %s", (unsigned long long)(end - begin), t->bytes,
            t->dtype_text, nn_shape_print(t->ndim, t->shape).s);
    t->data = data + begin;
    return BASE_OK;
}

static base_status read_tensor(nn_file_tensor *t, const json_t *info, const unsigned char *data, size_t size, base_error *e)
{
    const char *text = json_string_value(json_object_get(info, "dtype"));
    const nn_dtype_row *row = text ? nn_dtype_find(text) : NULL;
    base_status status;

    if (!text)
        return base_fail(e, BASE_FORMAT, "no dtype");
    if (!row)
        return base_fail(e, BASE_UNSUPPORTED, "unknown dtype \"%.20s\"", text);
    t->dtype = row->dtype;
    t->dtype_text = row->name;
    status = read_shape(t, json_object_get(info, "shape"), row->bits, e);
    return status ? status : read_offsets(t, json_object_get(info, "data_offsets"), data, size, e);
}

static int by_place(const void *x, const void *y)
{
    const nn_file_tensor *a = x, *b = y;
    uintptr_t i = (uintptr_t)a->data, j = (uintptr_t)b->data;

    return i != j ? (i > j) - (i < j) : (a->bytes > 0) - (b->bytes > 0);
}

static int by_name(const void *x, const void *y)
{
    return strcmp((*(const nn_file_tensor *const *)x)->name, (*(const nn_file_tensor *const *)y)->name);
}

/* Tensors must fill the data, each beginning where the one before it ends. */
static base_status check_places(const nn_safetensors *s, const unsigned char *data, size_t size, base_error *e)
{
    const unsigned char *expected = data;

    for (int i = 0; i < s->count; i++) {
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

static base_status read_tensors(nn_safetensors *s, const unsigned char *data, size_t size, base_error *e)
{
    size_t most = json_object_size(s->header) + 1;
    base_status status;
    const char *name;
    json_t *info;

    s->at = calloc(most, sizeof *s->at);
    s->by_name = calloc(most, sizeof *s->by_name);
    if (!s->at || !s->by_name)
        return base_fail(e, BASE_NO_MEMORY, "no memory for %zu tensors", most - 1);
    json_object_foreach(s->header, name, info) {
        if (!strcmp(name, "__metadata__")) {
            status = read_meta(s, info, e);
        } else {
            nn_file_tensor *t = &s->at[s->count++];
            t->name = name;
            status = read_tensor(t, info, data, size, e);
            if (status)
                base_fail_in(e, "tensor \"" NN_NAME "\"", name);
        }
        if (status)
            return status;
    }
    qsort(s->at, (size_t)s->count, sizeof *s->at, by_place);
    for (int i = 0; i < s->count; i++)
        s->by_name[i] = &s->at[i];
    qsort(s->by_name, (size_t)s->count, sizeof *s->by_name, by_name);
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
    if (n > MOST_HEADER)
        return base_fail(e, BASE_LIMIT, "byte 0: a header of %llu bytes, expected %u at most", (unsigned long long)n,
            MOST_HEADER);
    if (n > s->map.size - 8)
        return base_fail(e, BASE_FORMAT, "byte 0: a header of %llu bytes, but only %zu follow", (unsigned long long)n,
            s->map.size - 8);
    status = parse_header(s, (const char *)p + 8, (size_t)n, e);
    return status ? status : read_tensors(s, p + 8 + n, s->map.size - 8 - (size_t)n, e);
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
    json_decref(s->header);
    base_map_close(&s->map);
    free(s->meta);
    free(s->by_name);
    free(s->at);
    free(s);
}

int nn_safetensors_count(const nn_safetensors *s) { return s->count; }
const nn_file_tensor *nn_safetensors_at(const nn_safetensors *s, int i) { return &s->at[i]; }
int nn_safetensors_meta_count(const nn_safetensors *s) { return s->n_meta; }
const nn_meta *nn_safetensors_meta_at(const nn_safetensors *s, int i) { return &s->meta[i]; }

const nn_file_tensor *nn_safetensors_find(const nn_safetensors *s, const char *name)
{
    const nn_file_tensor key = { .name = name }, *wanted = &key;
    const nn_file_tensor **found = s->count ? bsearch(&wanted, s->by_name, (size_t)s->count, sizeof wanted, by_name) : NULL;

    return found ? *found : NULL;
}

const char *nn_safetensors_meta(const nn_safetensors *s, const char *key)
{
    for (int i = 0; i < s->n_meta; i++)
        if (!strcmp(s->meta[i].key, key))
            return s->meta[i].value;
    return NULL;
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

static size_t bytes_of(const nn_save_tensor *t)
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

/* Takes value over. */
static base_status put(json_t *object, const char *key, json_t *value, base_error *e)
{
    if (json_object_get(object, key)) {
        json_decref(value);
        return base_fail(e, BASE_VALUE, "\"" NN_NAME "\" appears twice", key);
    }
    if (!value || json_object_set_new(object, key, value))
        return base_fail(e, BASE_VALUE, "\"" NN_NAME "\": no UTF-8, or out of memory", key);
    return BASE_OK;
}

static base_status put_meta(json_t *header, const nn_meta *meta, int n, base_error *e)
{
    json_t *m = json_object();
    bool has_format = false;
    base_status status = put(header, "__metadata__", m, e);

    for (int i = 0; i < n; i++)
        has_format |= !strcmp(meta[i].key, "format");
    if (!status && !has_format)     /* without it, older loaders refuse the file */
        status = put(m, "format", json_string("pt"), e);
    for (int i = 0; !status && i < n; i++)
        status = put(m, meta[i].key, json_string(meta[i].value), e);
    return status;
}

static base_status put_tensor(json_t *header, const nn_save_tensor *t, size_t *end, base_error *e)
{
    size_t begin = *end, bytes = bytes_of(t);
    json_t *shape = json_array();
    bool good = shape != NULL;

    if (nn_dtype_rank(t->dtype) < 0 || t->ndim < 0 || t->ndim > NN_FILE_MAX_DIMS || bytes > INT64_MAX - begin) {
        json_decref(shape);
        return base_fail(e, BASE_VALUE, "tensor \"" NN_NAME "\": no such dtype or shape", t->name);
    }
    for (int d = 0; d < t->ndim; d++)
        good = good && !json_array_append_new(shape, json_integer(t->shape[d]));
    if (!good) {
        json_decref(shape);
        return base_fail(e, BASE_NO_MEMORY, "no memory for a header");
    }
    *end = begin + bytes;
    return put(header, t->name, json_pack("{s:s, s:o, s:[I, I]}", "dtype", nn_dtype_name(t->dtype), "shape", shape,
        "data_offsets", (json_int_t)begin, (json_int_t)*end), e);
}

/* The header's text, for free(), and the bytes of data it speaks of. */
static base_status make_header(char **text, size_t *size, const nn_save_tensor **order, int n, const nn_meta *meta,
    int n_meta, base_error *e)
{
    json_t *header = json_object();
    base_status status = put_meta(header, meta, n_meta, e);

    *text = NULL;
    *size = 0;
    for (int i = 0; !status && i < n; i++)
        status = put_tensor(header, order[i], size, e);
    if (!status) {
        *text = json_dumps(header, JSON_COMPACT);
        if (!*text)
            status = base_fail(e, BASE_NO_MEMORY, "no memory for a header");
        else if (strlen(*text) > MOST_HEADER - 8)
            status = base_fail(e, BASE_LIMIT, "a header of %zu bytes, expected %u at most", strlen(*text), MOST_HEADER - 8);
    }
    json_decref(header);
    return status;
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

static void write_all(FILE *f, const char *header, const nn_save_tensor **order, int n)
{
    size_t length = strlen(header);
    uint64_t padded = (length + 7) / 8 * 8;

    for (int i = 0; i < 8; i++)
        putc((int)(padded >> 8 * i & 0xff), f);
    fprintf(f, "%-*s", (int)padded, header);
    for (int i = 0; i < n; i++)
        if (bytes_of(order[i]))
            fwrite(order[i]->data, 1, bytes_of(order[i]), f);
}

base_status nn_safetensors_save(const char *path, const nn_save_tensor *tensors, int n, const nn_meta *meta, int n_meta,
    base_error *e)
{
    const nn_save_tensor **order = malloc(((size_t)n + 1) * sizeof *order);
    char *header = NULL;
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
        status = check_space(path, size, e);
    if (status) {
        base_fail_in(e, "%s", path);
    } else {
        status = base_out_open(&out, path, e);
        if (!status) {
            write_all(out.f, header, order, n);
            status = base_out_commit(&out, e);
        }
    }
    free(header);
    free(order);
    return status;
}
