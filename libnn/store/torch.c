/* The few callees of a pickle that mean tensors, and the two places where their storages lie (torch/serialization.py,
 * torch/_utils.py). A tensor is accepted when its offset, sizes and strides stay inside its storage, and the storage
 * has just the bytes that its number of elements asks for. */
#include "libnn/store/torch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/file.h"
#include "libnn/store/bytes.h"
#include "libnn/store/store.h"
#include "libnn/store/zip.h"

#define MOST_PICKLE ((size_t)64 << 20)
#define MOST_DEPTH 100
#define MOST_NAME 1000
#define MOST_EXPANDED ((size_t)64 << 20)    /* bytes of a tensor that repeats its storage's */

/* The pickle of the legacy form's magic number, 0x1950a86a20f9469cfc6c. */
static const unsigned char legacy_magic[] = { 0x80, 0x02, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8,
    0x50, 0x19, 0x2e };

typedef struct element {
    const char *storage, *type;     /* the class of its storages, torch's name of it */
    const char *text;
    nn_dtype    dtype;
    unsigned    size;
} element;

typedef struct storage {
    const char          *key;
    const unsigned char *data;
    size_t               bytes;
    const element       *type;
    size_t               order;     /* legacy: its place in the file */
} storage;

struct nn_torch {
    base_map        map;
    base_arena     *arena;          /* the tree, the names, the strides */
    base_error     *e;              /* while opening */
    nn_zip          zip;
    char            folder[MOST_NAME];  /* zip: "archive/"; "": legacy */
    storage        *storages;       /* legacy: by key */
    int             n_storages;
    nn_pickle      *root;
    nn_file_tensor *tensor;         /* [n] by name */
    int             n;
};

/* ---- element types ----------------------------------------------------------------------------------------------- */

static const element elements[] = {
    { "torch.FloatStorage", "torch.float32", "F32", NN_F32, 4 },
    { "torch.HalfStorage", "torch.float16", "F16", NN_F16, 2 },
    { "torch.BFloat16Storage", "torch.bfloat16", "BF16", NN_BF16, 2 },
    { "torch.DoubleStorage", "torch.float64", "F64", NN_F64, 8 },
    { "torch.LongStorage", "torch.int64", "I64", NN_I64, 8 },
    { "torch.IntStorage", "torch.int32", "I32", NN_I32, 4 },
    { "torch.ShortStorage", "torch.int16", "I16", NN_I16, 2 },
    { "torch.CharStorage", "torch.int8", "I8", NN_I8, 1 },
    { "torch.ByteStorage", "torch.uint8", "U8", NN_U8, 1 },
    { "torch.BoolStorage", "torch.bool", "BOOL", NN_BOOL, 1 },
    { "torch.ComplexFloatStorage", "torch.complex64", "C64", NN_DTYPE_OTHER, 8 },
    { "torch.ComplexDoubleStorage", "torch.complex128", "C128", NN_DTYPE_OTHER, 16 },
    { "torch.storage.UntypedStorage", "", "U8", NN_U8, 1 },
};

static const element *find_element(const nn_pickle *global)
{
    for (size_t i = 0; i < sizeof elements / sizeof *elements; i++)
        if (nn_pickle_is(global, NN_PICKLE_GLOBAL, elements[i].storage) ||
            nn_pickle_is(global, NN_PICKLE_GLOBAL, elements[i].type))
            return &elements[i];
    return NULL;
}

/* ---- storages ---------------------------------------------------------------------------------------------------- */

/* The persistent id of a storage: ("storage", class, key, location, elements[, view]). */
static bool is_storage(const nn_pickle *p)
{
    const nn_pickle *id = p && p->kind == NN_PICKLE_PERSISTENT ? p->args : NULL;

    return id && id->kind == NN_PICKLE_TUPLE && id->n >= 5 && nn_pickle_is(id->item[0], NN_PICKLE_TEXT, "storage") &&
        id->item[2]->kind == NN_PICKLE_TEXT && strlen(id->item[2]->text) == id->item[2]->n &&
        id->item[4]->kind == NN_PICKLE_INT && id->item[4]->integer >= 0;
}

static int by_key(const void *a, const void *b) { return strcmp(((const storage *)a)->key, ((const storage *)b)->key); }

static int by_order(const void *a, const void *b)
{
    const storage *x = a, *y = b;

    return (x->order > y->order) - (x->order < y->order);
}

static storage *find_legacy(const nn_torch *t, const char *key)
{
    storage wanted = { .key = key };

    return t->n_storages ? bsearch(&wanted, t->storages, (size_t)t->n_storages, sizeof wanted, by_key) : NULL;
}

static base_status find_storage(const nn_torch *t, const nn_pickle *id, storage *s)
{
    const char *key = id->item[2]->text;
    char name[2 * MOST_NAME + 10];
    const storage *found = *t->folder ? NULL : find_legacy(t, key);
    const nn_zip_member *m;
    size_t bytes;

    *s = found ? *found : (storage){ .key = key, .type = find_element(id->item[1]) };
    if (*t->folder) {
        snprintf(name, sizeof name, "%sdata/%.*s", t->folder, MOST_NAME, key);
        m = nn_zip_find(&t->zip, name);
        if (!m)
            return base_fail(t->e, BASE_MISSING, "the archive has no member \"" NN_NAME "\"", name);
        s->data = m->data;
        s->bytes = m->size;
    } else if (!found)
        return base_fail(t->e, BASE_MISSING, "the file has no storage \"" NN_NAME "\"", key);
    if (s->type && (!base_mul((size_t)id->item[4]->integer, s->type->size, &bytes) || bytes != s->bytes))
        return base_fail(t->e, BASE_FORMAT, "storage \"" NN_NAME "\" has %zu bytes, expected %lld elements of %s", key,
            s->bytes, (long long)id->item[4]->integer, s->type->text);
    return BASE_OK;
}

/* ---- tensors ----------------------------------------------------------------------------------------------------- */

static const nn_pickle *argument(const nn_pickle *call, size_t i)
{
    return i < call->args->n ? call->args->item[i] : NULL;
}

static bool is_dict(const nn_pickle *p)
{
    return p && (p->kind == NN_PICKLE_DICT || nn_pickle_calls(p, "collections.OrderedDict"));
}

/* The call that makes a tensor: p, or the data of the parameter that p is. NULL: p is none, or one we do not know. */
static const nn_pickle *tensor_call(const nn_pickle *p)
{
    if (nn_pickle_calls(p, "torch._utils._rebuild_parameter") ||
        nn_pickle_calls(p, "torch._utils._rebuild_parameter_with_state"))
        p = argument(p, 0);
    return nn_pickle_calls(p, "torch._utils._rebuild_tensor_v2") ||
        nn_pickle_calls(p, "torch._utils._rebuild_tensor") ||
        nn_pickle_calls(p, "torch._utils._rebuild_tensor_v3") ? p : NULL;
}

/* A call that gets a storage is some other kind of tensor: sparse, quantised. */
static bool is_foreign_tensor(const nn_pickle *p)
{
    if (!p || p->kind != NN_PICKLE_CALL || p->callee->kind != NN_PICKLE_GLOBAL)
        return false;
    for (size_t i = 0; i < p->args->n; i++) {
        const nn_pickle *x = p->args->item[i];
        if (x->kind == NN_PICKLE_TUPLE && x->n)
            x = x->item[0];
        if (is_storage(x) || tensor_call(x))
            return true;
    }
    return false;
}

/* Non-negative integers of a tuple, or of a torch.Size; -1: anything else. */
static int read_sizes(const nn_pickle *p, int64_t out[NN_FILE_MAX_DIMS])
{
    if (nn_pickle_calls(p, "torch.Size"))
        p = argument(p, 0);
    if (!p || (p->kind != NN_PICKLE_TUPLE && p->kind != NN_PICKLE_LIST) || p->n > NN_FILE_MAX_DIMS)
        return -1;
    for (size_t i = 0; i < p->n; i++) {
        if (p->item[i]->kind != NN_PICKLE_INT || p->item[i]->integer < 0)
            return -1;
        out[i] = p->item[i]->integer;
    }
    return (int)p->n;
}

/* The number of elements, and how far behind the first the last one lies. */
static bool measure(nn_file_tensor *f, const int64_t *stride, int64_t *reach)
{
    int64_t step;

    f->count = 1;
    *reach = 0;
    for (int d = 0; d < f->ndim; d++)
        if (!base_mul_i64(f->count, f->shape[d], &f->count))
            return false;
    for (int d = 0; f->count && d < f->ndim; d++)
        if (!base_mul_i64(f->shape[d] - 1, stride[d], &step) || !base_add_i64(*reach, step, reach))
            return false;
    return true;
}

/* Rows one behind another? Of a dimension of one element the stride does not matter. */
static bool is_contiguous(const nn_file_tensor *f, const int64_t *stride)
{
    int64_t expected = 1;

    for (int d = f->ndim; f->count && d-- > 0; expected *= f->shape[d])     /* at most count */
        if (f->shape[d] != 1 && stride[d] != expected)
            return false;
    return true;
}

static base_status set_stride(nn_torch *t, nn_file_tensor *f, const int64_t *stride, size_t of_storage)
{
    int64_t *kept;

    if (is_contiguous(f, stride))
        return BASE_OK;
    if (f->bytes > of_storage && f->bytes > MOST_EXPANDED)
        return base_fail(t->e, BASE_LIMIT, "%zu bytes made of a storage of %zu by strides of 0", f->bytes, of_storage);
    kept = base_arena_take(t->arena, NN_FILE_MAX_DIMS * sizeof *kept);
    if (!kept)
        return base_fail(t->e, BASE_LIMIT, "too many tensors for a pickle of its length");
    for (int d = 0; d < f->ndim; d++)
        kept[d] = f->shape[d] > 1 ? stride[d] : 0;      /* of one element any number is good, and may be huge */
    f->stride = kept;
    return BASE_OK;
}

/* call: _rebuild_tensor(storage, offset, size, stride), _v2(…, requires_grad, hooks), _v3(…, type). */
static base_status read_tensor(nn_torch *t, const nn_pickle *call, nn_file_tensor *f)
{
    const nn_pickle *from = argument(call, 0), *offset = argument(call, 1);
    bool typed = nn_pickle_calls(call, "torch._utils._rebuild_tensor_v3");
    int64_t stride[NN_FILE_MAX_DIMS] = { 0 }, reach, last;
    storage s;

    f->ndim = read_sizes(argument(call, 2), f->shape);
    if (!is_storage(from) || !offset || offset->kind != NN_PICKLE_INT || offset->integer < 0 || f->ndim < 0 ||
        read_sizes(argument(call, 3), stride) != f->ndim)
        return base_fail(t->e, BASE_FORMAT, "its storage, offset, sizes or strides are none");
    if (from->args->n > 5 && from->args->item[5]->kind != NN_PICKLE_NONE)
        return base_fail(t->e, BASE_UNSUPPORTED, "its storage is a view of another, as PyTorch before 0.4 wrote them");
    base_status status = find_storage(t, from->args, &s);
    if (status)
        return status;
    if (typed)
        s.type = find_element(argument(call, 6));
    if (!measure(f, stride, &reach))
        return base_fail(t->e, BASE_FORMAT, "the product of its shape is too large");
    if (!s.type) {
        f->dtype_text = from->args->item[1]->kind == NN_PICKLE_GLOBAL ? from->args->item[1]->text : "unknown";
        return BASE_OK;
    }
    if (!base_mul((size_t)f->count, s.type->size, &f->bytes) || (f->count &&
        (!base_add_i64(reach, offset->integer, &last) || (uint64_t)last >= s.bytes / s.type->size)))
        return base_fail(t->e, BASE_FORMAT,
            "shape %s from offset %lld reaches beyond the %zu bytes of storage \"" NN_NAME "\"",
            nn_shape_print(f->ndim, f->shape).s, (long long)offset->integer, s.bytes, s.key);
    f->dtype = s.type->dtype;
    f->dtype_text = s.type->text;
    f->data = f->count ? s.data + (size_t)offset->integer * s.type->size : s.data;
    return set_stride(t, f, stride, s.bytes);
}

/* ---- dictionaries ------------------------------------------------------------------------------------------------ */

static base_status add_tensor(nn_torch *t, const char *name, const nn_pickle *value)
{
    size_t n = strlen(name) + 1;
    char *kept = base_arena_take(t->arena, n);
    const nn_pickle *call = tensor_call(value);
    nn_file_tensor *f;

    if (!(t->n & (t->n - 1))) {     /* a power of two is full */
        f = realloc(t->tensor, (t->n ? 2 * (size_t)t->n : 1) * sizeof *f);
        if (!f)
            return base_fail(t->e, BASE_NO_MEMORY, "no memory for %d tensors", t->n + 1);
        t->tensor = f;
    }
    if (!kept)
        return base_fail(t->e, BASE_LIMIT, "too many tensors for a pickle of its length");
    f = &t->tensor[t->n++];
    *f = (nn_file_tensor){ .name = memcpy(kept, name, n), .dtype = NN_DTYPE_OTHER, .dtype_text = value->callee->text };
    base_status status = call ? read_tensor(t, call, f) : BASE_OK;
    if (status)
        base_fail_in(t->e, "tensor \"" NN_NAME "\"", name);
    return status;
}

/* A dictionary is entered once: shared ones and cycles cost nothing. */
static base_status collect(nn_torch *t, nn_pickle *dict, const char *prefix, int depth)
{
    base_status status = BASE_OK;
    char name[MOST_NAME];

    if (depth > MOST_DEPTH)
        return base_fail(t->e, BASE_LIMIT, "dictionaries more than %d deep", MOST_DEPTH);
    dict->seen = true;
    for (size_t i = 0; !status && i + 1 < dict->n; i += 2) {
        const nn_pickle *key = dict->item[i];
        nn_pickle *value = dict->item[i + 1];
        if (key->kind != NN_PICKLE_TEXT || strlen(key->text) != key->n)
            continue;
        if (snprintf(name, sizeof name, "%s%s%s", prefix, *prefix ? "." : "", key->text) >= MOST_NAME)
            status = base_fail(t->e, BASE_LIMIT, "tensor \"" NN_NAME "…\": a name of more than %d bytes", name,
                MOST_NAME - 1);
        else if (tensor_call(value) || is_foreign_tensor(value))
            status = add_tensor(t, name, value);
        else if (is_dict(value) && !value->seen)
            status = collect(t, value, name, depth + 1);
    }
    return status;
}

/* What holds the weights: the root, or what trainers put them into. */
static nn_pickle *find_model(nn_pickle *root)
{
    static const char *const keys[] = { "model", "state_dict", "model_state_dict" };

    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        nn_pickle *model = nn_pickle_get(root, keys[i]);
        if (is_dict(model))
            return model;
    }
    return root;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const nn_file_tensor *)a)->name, ((const nn_file_tensor *)b)->name);
}

static base_status collect_all(nn_torch *t)
{
    const char *maker = t->root->kind == NN_PICKLE_CALL && t->root->callee->kind == NN_PICKLE_GLOBAL
        ? t->root->callee->text : NULL;
    base_status status;

    if (!is_dict(t->root))
        return base_fail(t->e, BASE_UNSUPPORTED,
            "what was saved is no dictionary of tensors%s" NN_NAME "; save a state_dict()",
            maker ? ", but made by " : "", maker ? maker : "");
    status = collect(t, find_model(t->root), "", 0);
    if (!status && t->n)
        qsort(t->tensor, (size_t)t->n, sizeof *t->tensor, by_name);
    for (int i = 1; !status && i < t->n; i++)
        if (!by_name(&t->tensor[i - 1], &t->tensor[i]))
            status = base_fail(t->e, BASE_FORMAT, "tensor \"" NN_NAME "\" appears twice", t->tensor[i].name);
    return status;
}

static base_status read_pickle(nn_torch *t, nn_pickled *p, size_t at, size_t size)
{
    return nn_pickle_read(p, t->map.data + at, size, at, t->arena, t->e);
}

/* ---- the zip form ------------------------------------------------------------------------------------------------ */

static base_status find_folder(nn_torch *t)
{
    for (int i = 0; i < t->zip.n; i++) {
        const char *name = t->zip.member[i].name, *slash = strchr(name, '/');
        if (slash && !strcmp(slash, "/data.pkl") && slash - name < MOST_NAME - 20) {
            snprintf(t->folder, sizeof t->folder, "%.*s", (int)(slash + 1 - name), name);
            return BASE_OK;
        }
    }
    return base_fail(t->e, BASE_FORMAT, "a zip archive without <folder>/data.pkl, so none of PyTorch's");
}

static const nn_zip_member *member(const nn_torch *t, const char *name)
{
    char full[MOST_NAME + 20];

    snprintf(full, sizeof full, "%s%s", t->folder, name);
    return nn_zip_find(&t->zip, full);
}

static base_status open_zip(nn_torch *t)
{
    base_status status = nn_zip_open(&t->zip, t->map.data, t->map.size, t->e);
    const nn_zip_member *m;
    nn_pickled p;

    if (!status)
        status = find_folder(t);
    if (status)
        return status;
    if (member(t, "constants.pkl"))
        return base_fail(t->e, BASE_UNSUPPORTED, "a TorchScript program; save the module's state_dict() instead");
    m = member(t, "byteorder");
    if (m && (m->size != 6 || memcmp(m->data, "little", 6)))
        return base_fail(t->e, BASE_UNSUPPORTED, "written on a machine of another byte order");
    m = member(t, "data.pkl");
    if (m->size > MOST_PICKLE)
        return base_fail(t->e, BASE_LIMIT, "member \"" NN_NAME "\": %zu bytes, expected %zu at most", m->name, m->size,
            MOST_PICKLE);
    status = nn_zip_check(m, t->e);
    if (!status && (status = read_pickle(t, &p, (size_t)(m->data - t->map.data), m->size)))
        base_fail_in(t->e, "member \"" NN_NAME "\"", m->name);
    if (status)
        return status;
    if (p.used != m->size)
        return base_fail(t->e, BASE_FORMAT, "member \"" NN_NAME "\": byte %zu: %zu bytes behind the pickle's end",
            m->name, (size_t)(m->data - t->map.data) + p.used, m->size - p.used);
    t->root = p.root;
    return collect_all(t);
}

/* ---- the legacy form --------------------------------------------------------------------------------------------- */

/* p: the ids of storages in what was saved; the sizes of their elements stand nowhere else. */
static base_status set_types(nn_torch *t, const nn_pickle *p)
{
    for (; p; p = p->next) {
        storage *s = is_storage(p) ? find_legacy(t, p->args->item[2]->text) : NULL;
        const element *type = s ? find_element(p->args->item[1]) : NULL;
        if (type && s->type && s->type != type)
            return base_fail(t->e, BASE_FORMAT, "storage \"" NN_NAME "\" is of two types, %s and %s", s->key,
                s->type->text, type->text);
        if (type)
            s->type = type;
    }
    return BASE_OK;
}

static base_status read_keys(nn_torch *t, const nn_pickle *keys, size_t at)
{
    if (keys->kind != NN_PICKLE_LIST)
        return base_fail(t->e, BASE_FORMAT, "byte %zu: expected a list of storages", at);
    t->storages = calloc(keys->n + 1, sizeof *t->storages);
    if (!t->storages)
        return base_fail(t->e, BASE_NO_MEMORY, "no memory for %zu storages", keys->n);
    for (size_t i = 0; i < keys->n; i++) {
        if (keys->item[i]->kind != NN_PICKLE_TEXT)
            return base_fail(t->e, BASE_FORMAT, "byte %zu: the key of storage %zu is no text", at, i);
        t->storages[t->n_storages++] = (storage){ .key = keys->item[i]->text, .order = i };
    }
    qsort(t->storages, keys->n, sizeof *t->storages, by_key);
    for (size_t i = 1; i < keys->n; i++)
        if (!by_key(&t->storages[i - 1], &t->storages[i]))
            return base_fail(t->e, BASE_FORMAT, "storage \"" NN_NAME "\" appears twice", t->storages[i].key);
    return BASE_OK;
}

/* For each key, in order: 8 bytes that count its elements, and the elements. */
static base_status read_storages(nn_torch *t, size_t at)
{
    const size_t size = t->map.size;

    qsort(t->storages, (size_t)t->n_storages, sizeof *t->storages, by_order);
    for (storage *s = t->storages; s < t->storages + t->n_storages; s++) {
        if (!s->type)
            return base_fail(t->e, BASE_UNSUPPORTED,
                "byte %zu: storage \"" NN_NAME "\" is of unknown type, or of no tensor", at, s->key);
        if (!base_inside(at, 8, size) || !base_mul(nn_u64(t->map.data + at), s->type->size, &s->bytes) ||
            !base_inside(at + 8, s->bytes, size))
            return base_fail(t->e, BASE_FORMAT, "byte %zu: storage \"" NN_NAME "\" reaches beyond the end of the file",
                at, s->key);
        s->data = t->map.data + at + 8;
        at += 8 + s->bytes;
    }
    if (at != size)
        return base_fail(t->e, BASE_FORMAT, "byte %zu: %zu bytes behind the last storage", at, size - at);
    qsort(t->storages, (size_t)t->n_storages, sizeof *t->storages, by_key);
    return BASE_OK;
}

static base_status open_legacy(nn_torch *t)
{
    enum { MAGIC, PROTOCOL, SYSTEM, SAVED, KEYS, PARTS };
    nn_pickled part[PARTS];
    base_status status = BASE_OK;
    size_t at = 0, keys = 0;

    for (int i = 0; !status && i < PARTS; i++) {
        size_t left = t->map.size - at;
        status = read_pickle(t, &part[i], at, left < MOST_PICKLE ? left : MOST_PICKLE);
        keys = at;
        at += part[i].used;
    }
    if (status)
        return status;
    if (part[PROTOCOL].root->kind != NN_PICKLE_INT || part[PROTOCOL].root->integer != 1001)
        return base_fail(t->e, BASE_UNSUPPORTED, "byte %zu: expected the number of PyTorch's protocol, 1001",
            part[MAGIC].used);
    const nn_pickle *little = nn_pickle_get(part[SYSTEM].root, "little_endian");
    if (!little || little->kind != NN_PICKLE_BOOL || !little->integer)
        return base_fail(t->e, BASE_UNSUPPORTED, "written on a machine of another byte order");
    t->root = part[SAVED].root;
    status = read_keys(t, part[KEYS].root, keys);
    if (!status)
        status = set_types(t, part[SAVED].persistent);
    if (!status)
        status = read_storages(t, at);
    return status ? status : collect_all(t);
}

/* ---- the face ---------------------------------------------------------------------------------------------------- */

static bool begins_with(const unsigned char *data, size_t size, const void *magic, size_t n)
{
    return size >= n && !memcmp(data, magic, n);
}

static bool is_zip(const unsigned char *data, size_t size) { return begins_with(data, size, "PK\3\4", 4); }

bool nn_torch_begins(const unsigned char *data, size_t size)
{
    return is_zip(data, size) || begins_with(data, size, legacy_magic, sizeof legacy_magic);
}

/* Memory of the tree: the shortest opcode is a byte and makes a node and a place in a list. */
static size_t tree_limit(size_t size)
{
    const size_t most = (size_t)8 << 20;

    return (size < most ? size : most) * 128 + ((size_t)1 << 20);
}

static base_status open_map(nn_torch *t)
{
    t->arena = base_arena_new(tree_limit(t->map.size), t->e);
    return !t->arena ? t->e->status : is_zip(t->map.data, t->map.size) ? open_zip(t) : open_legacy(t);
}

nn_torch *nn_torch_open(const char *path, base_error *e)
{
    nn_torch *t = calloc(1, sizeof *t);
    base_error why = BASE_ERROR_INIT;

    if (!t)
        base_fail(&why, BASE_NO_MEMORY, "%s: out of memory", path);
    else if (!base_map_open(&t->map, path, &why)) {
        t->e = &why;
        if (open_map(t))
            base_fail_in(&why, "%s", path);
        t->e = NULL;
    }
    if (!why.status)
        return t;
    base_fail(e, why.status, "%s", why.text);
    nn_torch_close(t);
    return NULL;
}

void nn_torch_close(nn_torch *t)
{
    if (!t)
        return;
    nn_zip_close(&t->zip);
    base_arena_free(t->arena);
    base_map_close(&t->map);
    free(t->storages);
    free(t->tensor);
    free(t);
}

base_status nn_torch_verify(const nn_torch *t, base_error *e) { return nn_zip_check_all(&t->zip, e); }

int nn_torch_count(const nn_torch *t) { return t->n; }
const nn_file_tensor *nn_torch_at(const nn_torch *t, int i) { return &t->tensor[i]; }

const nn_file_tensor *nn_torch_find(const nn_torch *t, const char *name)
{
    nn_file_tensor wanted = { .name = name };

    return t->n ? bsearch(&wanted, t->tensor, (size_t)t->n, sizeof wanted, by_name) : NULL;
}

bool nn_torch_is_zip(const nn_torch *t) { return *t->folder; }
const nn_pickle *nn_torch_root(const nn_torch *t) { return t->root; }
