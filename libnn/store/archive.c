/* The one door to checkpoints: each file is opened by the reader that its first bytes ask for; an index brings several
 * together, and names that fairseq gave become Hugging Face's. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/json.h"
#include "libnn/store/bytes.h"
#include "libnn/store/fairseq.h"
#include "libnn/store/store.h"
#include "libnn/store/torch.h"

#define MOST_INDEX ((size_t)16 << 20)
#define MOST_CONFIG ((size_t)1 << 20)
#define MOST_SHARDS 200

/* A file: one of the two. */
typedef struct shard {
    char           *path;
    const char     *name;       /* of the file, in path */
    nn_safetensors *safetensors;
    nn_torch       *torch;
} shard;

struct nn_archive {
    shard                 *shard;       /* [shards] */
    int                    shards;
    const nn_file_tensor **tensor;      /* [n] names rising */
    int                    n;
    nn_file_tensor        *bare;        /* NULL: no names begin with what a wrapper put there */
    nn_file_tensor        *renamed;     /* NULL: no names of fairseq's */
    char                  *names;
    char                   format[120];
};

/* ---- files ------------------------------------------------------------------------------------------------------- */

/* What people mistake for a checkpoint; safetensors' complaint would not help them. All begin with what would be an
 * impossible length of a safetensors header. */
static base_status check_content(const base_map *m, const char *path, base_error *e)
{
    static const struct { size_t at; const char *bytes, *what; } others[] = {
        { 0, "version https://git-lfs", "a Git LFS pointer that stands for the file; get it with \"git lfs pull\"" },
        { 0, "PYTORCH1", "PyTorch's format of 2018, which PyTorch itself no longer reads" },
        { 0, "PK\5\6", "an empty zip archive" },
        { 0, "\200\2", "a pickle, but none that torch.save wrote" },
        { 0, "\200\4", "a pickle, but none that torch.save wrote" },
        { 0, "\211HDF", "an HDF5 file, as TensorFlow's; convert it with transformers" },
        { 0, "\37\213", "packed by gzip" },
        { 0, "<!DOCTYPE", "a web page" },
        { 257, "ustar", "a tar archive; PyTorch before 0.2 wrote such files" },
    };

    if (m->size < 8 || nn_u64(m->data) <= m->size)
        return BASE_OK;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        size_t n = strlen(others[i].bytes);
        if (m->size >= others[i].at + n && !memcmp(m->data + others[i].at, others[i].bytes, n))
            return base_fail(e, BASE_UNSUPPORTED, "%s: %s", path, others[i].what);
    }
    return BASE_OK;
}

static base_status open_shard(shard *s, base_error *e)
{
    base_map m;
    base_status status = base_map_open(&m, s->path, e);

    if (status)
        return status;
    if (nn_torch_begins(m.data, m.size))
        s->torch = nn_torch_open(s->path, e);
    else if (!check_content(&m, s->path, e))
        s->safetensors = nn_safetensors_open(s->path, e);
    base_map_close(&m);
    return e->status;
}

static int count_of(const shard *s)
{
    return s->torch ? nn_torch_count(s->torch) : nn_safetensors_count(s->safetensors);
}

static const nn_file_tensor *tensor_of(const shard *s, int i)
{
    return s->torch ? nn_torch_at(s->torch, i) : nn_safetensors_at(s->safetensors, i);
}

/* Takes path over. */
static base_status add_shard(nn_archive *a, char *path, base_error *e)
{
    shard *more = path ? realloc(a->shard, (size_t)(a->shards + 1) * sizeof *more) : NULL;

    if (!more) {
        free(path);
        return base_fail(e, BASE_NO_MEMORY, "out of memory");
    }
    const char *slash = strrchr(path, '/');
    a->shard = more;
    more[a->shards] = (shard){ .path = path, .name = slash ? slash + 1 : path };
    return open_shard(&more[a->shards++], e);
}

/* ---- shards with an index ---------------------------------------------------------------------------------------- */

static bool is_plain(const char *name)
{
    return name && *name && !strpbrk(name, "/\\") && strcmp(name, "..") && strcmp(name, ".");
}

static const shard *find_shard(const nn_archive *a, const char *name)
{
    for (int i = 0; i < a->shards; i++)
        if (!strcmp(a->shard[i].name, name))
            return &a->shard[i];
    return NULL;
}

/* Every tensor of the index must be in the file that the index names: else a stale shard would be used. */
static base_status check_index(const nn_archive *a, json_t *map, base_error *e)
{
    const char *name;
    json_t *file;

    json_object_foreach(map, name, file) {
        const shard *s = find_shard(a, json_string_value(file));
        if (!(s->torch ? nn_torch_find(s->torch, name) : nn_safetensors_find(s->safetensors, name)))
            return base_fail(e, BASE_MISSING, "tensor \"" NN_NAME "\" is not in %s", name, s->path);
    }
    return BASE_OK;
}

static base_status open_shards(nn_archive *a, json_t *map, const char *path, base_error *e)
{
    const char *name, *slash = strrchr(path, '/');
    base_status status = BASE_OK;
    json_t *file;
    char *of_shard;

    json_object_foreach(map, name, file) {
        if (!is_plain(json_string_value(file)))
            return base_fail(e, BASE_FORMAT, "the file of tensor \"" NN_NAME "\" is not named plainly", name);
        if (find_shard(a, json_string_value(file)))
            continue;
        if (a->shards == MOST_SHARDS)
            return base_fail(e, BASE_LIMIT, "more than %d files", MOST_SHARDS);
        of_shard = NULL;
        if (asprintf(&of_shard, "%.*s%s", slash ? (int)(slash + 1 - path) : 0, path, json_string_value(file)) < 0)
            of_shard = NULL;
        status = add_shard(a, of_shard, e);
        if (status)
            return status;
    }
    return check_index(a, map, e);
}

static base_status open_index(nn_archive *a, const char *path, base_error *e)
{
    json_t *root = base_json_read(path, MOST_INDEX, e), *map = json_object_get(root, "weight_map");

    if (!root)
        return e->status;
    if (!json_object_size(map))
        base_fail(e, BASE_FORMAT, "no \"weight_map\" with tensors");
    else
        open_shards(a, map, path, e);
    json_decref(root);
    return e->status ? base_fail_in(e, "%s", path) : BASE_OK;
}

/* ---- names ------------------------------------------------------------------------------------------------------- */

static int by_name(const void *x, const void *y)
{
    return strcmp((*(const nn_file_tensor *const *)x)->name, (*(const nn_file_tensor *const *)y)->name);
}

static base_status sort_names(nn_archive *a, base_error *e)
{
    if (a->n)
        qsort(a->tensor, (size_t)a->n, sizeof *a->tensor, by_name);
    for (int i = 1; i < a->n; i++)
        if (!by_name(&a->tensor[i - 1], &a->tensor[i]))
            return base_fail(e, BASE_FORMAT, "two tensors are called \"" NN_NAME "\"", a->tensor[i]->name);
    return BASE_OK;
}

static base_status list_tensors(nn_archive *a, base_error *e)
{
    size_t n = 0;

    for (int i = 0; i < a->shards; i++)
        n += (size_t)count_of(&a->shard[i]);
    a->tensor = calloc(n + 1, sizeof *a->tensor);
    if (!a->tensor)
        return base_fail(e, BASE_NO_MEMORY, "no memory for %zu tensors", n);
    for (int i = 0; i < a->shards; i++)
        for (int k = 0; k < count_of(&a->shard[i]); k++)
            a->tensor[a->n++] = tensor_of(&a->shard[i], k);
    return sort_names(a, e);
}

/* Bytes that torch.compile, DistributedDataParallel, Lightning or peft put in front of every name; 0: of some they did not. */
static size_t wrapper_of(const nn_archive *a)
{
    static const char *const wrappers[] = { "_orig_mod.", "module.", "model.", "base_model.model." };
    size_t all = 0;

    for (size_t w = 0; a->n && w < sizeof wrappers / sizeof *wrappers; w++) {
        size_t n = strlen(wrappers[w]);
        int i = 0;

        while (i < a->n && strlen(a->tensor[i]->name) > all + n && !strncmp(a->tensor[i]->name + all, wrappers[w], n))
            i++;
        if (i == a->n) {
            all += n;
            w = (size_t)-1;     /* there may be more behind it */
        }
    }
    return all;
}

static base_status unwrap(nn_archive *a, size_t prefix, base_error *e)
{
    a->bare = calloc((size_t)a->n, sizeof *a->bare);
    if (!a->bare)
        return base_fail(e, BASE_NO_MEMORY, "no memory for %d tensors", a->n);
    for (int i = 0; i < a->n; i++) {
        a->bare[i] = *a->tensor[i];
        a->bare[i].name += prefix;
        a->tensor[i] = &a->bare[i];
    }
    return BASE_OK;
}

static bool is_fairseq(const nn_archive *a)
{
    return nn_archive_find(a, "post_extract_proj.weight") ||
        nn_archive_find(a, "w2v_encoder.w2v_model.post_extract_proj.weight");
}

static base_status rename_fairseq(nn_archive *a, base_error *e)
{
    char name[NN_FAIRSEQ_NAME];
    size_t used = 0;

    a->renamed = calloc((size_t)a->n, sizeof *a->renamed);
    a->names = malloc((size_t)a->n * sizeof name);
    if (!a->renamed || !a->names)
        return base_fail(e, BASE_NO_MEMORY, "no memory for %d tensors", a->n);
    for (int i = 0; i < a->n; i++) {
        if (!nn_fairseq_rename(a->tensor[i]->name, name))
            continue;
        a->renamed[i] = *a->tensor[i];
        a->renamed[i].name = memcpy(a->names + used, name, strlen(name) + 1);
        a->tensor[i] = &a->renamed[i];
        used += strlen(name) + 1;
    }
    return sort_names(a, e);
}

/* ---- the face ---------------------------------------------------------------------------------------------------- */

static bool ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), k = strlen(end);

    return n >= k && !strcmp(s + n - k, end);
}

static base_status open_file(nn_archive *a, const char *path, base_error *e)
{
    return ends_with(path, ".index.json") ? open_index(a, path, e) : add_shard(a, strdup(path), e);
}

static base_status open_folder(nn_archive *a, const char *folder, base_error *e)
{
    static const char *const names[] = { "model.safetensors", "model.safetensors.index.json", "pytorch_model.bin",
        "pytorch_model.bin.index.json" };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *path = base_path_join(folder, names[i]);
        bool exists = path && base_exists(path);
        if (!path)
            return base_fail(e, BASE_NO_MEMORY, "%s: out of memory", folder);
        if (exists)
            open_file(a, path, e);
        free(path);
        if (exists)
            return e->status;
    }
    return base_fail(e, BASE_MISSING, "%s: no model.safetensors, no pytorch_model.bin, and no .index.json of either",
        folder);
}

static base_status open_path(nn_archive *a, const char *path, base_error *e)
{
    struct stat s;
    base_status status = !stat(path, &s) && S_ISDIR(s.st_mode) ? open_folder(a, path, e) : open_file(a, path, e);

    if (status)
        return status;
    const shard *first = &a->shard[0];
    status = list_tensors(a, e);
    size_t prefix = status ? 0 : wrapper_of(a);
    const char *wrapped = prefix ? a->tensor[0]->name : "";
    if (prefix)
        status = unwrap(a, prefix, e);
    bool fairseq = !status && is_fairseq(a);
    if (fairseq)
        status = rename_fairseq(a, e);
    const char *kind = !first->torch ? "safetensors" : nn_torch_is_zip(first->torch) ? "PyTorch zip" : "PyTorch legacy";
    snprintf(a->format, sizeof a->format, "%s%s%s%s%.*s%s", kind, a->shards > 1 ? ", sharded" : "",
        fairseq ? ", of fairseq" : "", prefix ? ", names without \"" : "", (int)prefix, wrapped, prefix ? "\"" : "");
    return status ? base_fail_in(e, "%s", path) : BASE_OK;
}

nn_archive *nn_archive_open(const char *path, base_error *e)
{
    nn_archive *a = calloc(1, sizeof *a);
    base_error why = BASE_ERROR_INIT;

    if (!a)
        base_fail(&why, BASE_NO_MEMORY, "%s: out of memory", path);
    else if (!open_path(a, path, &why))
        return a;
    base_fail(e, why.status, "%s", why.text);
    nn_archive_close(a);
    return NULL;
}

void nn_archive_close(nn_archive *a)
{
    if (!a)
        return;
    for (int i = 0; i < a->shards; i++) {
        nn_safetensors_close(a->shard[i].safetensors);
        nn_torch_close(a->shard[i].torch);
        free(a->shard[i].path);
    }
    free(a->shard);
    free(a->tensor);
    free(a->bare);
    free(a->renamed);
    free(a->names);
    free(a);
}

base_status nn_archive_verify(const nn_archive *a, base_error *e)
{
    base_error why = BASE_ERROR_INIT;

    for (const shard *s = a->shard; s < a->shard + a->shards && !why.status; s++) {
        if (s->torch)
            nn_torch_verify(s->torch, &why);
        else if (nn_sums_there(s->safetensors) && !nn_sums_check(s->safetensors, &why))
            nn_sums_check_beside(s->safetensors, s->path, &why);
        base_fail_in(&why, "%s", s->path);
    }
    return why.status ? base_fail(e, why.status, "%s", why.text) : BASE_OK;
}

int nn_archive_count(const nn_archive *a) { return a->n; }
const nn_file_tensor *nn_archive_at(const nn_archive *a, int i) { return a->tensor[i]; }
const char *nn_archive_format(const nn_archive *a) { return a->format; }
int nn_archive_files(const nn_archive *a) { return a->shards; }
const char *nn_archive_file(const nn_archive *a, int i) { return a->shard[i].path; }

char *nn_archive_config(const nn_archive *a, base_error *e)
{
    const nn_file_tensor *head = nn_archive_find(a, "lm_head.weight");
    const char *path = a->shard[0].path;
    json_t *config = NULL;
    char *text = NULL;
    size_t size;

    if (!a->shard[0].torch || !a->renamed) {
        base_fail(e, BASE_MISSING, "%s: no checkpoint of fairseq's, so no settings in it", path);
        return NULL;
    }
    if (nn_fairseq_config(nn_torch_root(a->shard[0].torch), head && head->ndim ? head->shape[0] : 0, &config, e)) {
        base_fail_in(e, "%s", path);
        return NULL;
    }
    FILE *f = open_memstream(&text, &size);     /* json_dumps leaves out keys when memory ends, and says nothing */
    bool ok = f && json_dumpf(config, f, JSON_INDENT(2)) == 0 && !ferror(f);
    ok = f && fclose(f) == 0 && ok;
    json_decref(config);
    if (ok && text)     /* fclose says nothing when its last realloc fails */
        return text;
    free(text);
    base_fail(e, BASE_NO_MEMORY, "%s: out of memory", path);
    return NULL;
}

static bool is_torch(const char *path)
{
    base_map m;
    bool torch = !base_map_open(&m, path, NULL) && nn_torch_begins(m.data, m.size);

    base_map_close(&m);
    return torch;
}

char *nn_config_text(const char *path, base_error *e)
{
    char *text = NULL;
    size_t size = 0;

    if (!is_torch(path))
        return base_read_file(path, MOST_CONFIG, &text, &size, e) ? NULL : text;
    nn_archive *a = nn_archive_open(path, e);
    if (a)
        text = nn_archive_config(a, e);
    nn_archive_close(a);
    return text;
}

const char *nn_archive_meta(const nn_archive *a, const char *key)
{
    return a->shard[0].safetensors ? nn_safetensors_meta(a->shard[0].safetensors, key) : NULL;
}

const nn_meta *nn_archive_meta_at(const nn_archive *a, int i)
{
    const nn_safetensors *s = a->shard[0].safetensors;

    return s && i < nn_safetensors_meta_count(s) ? nn_safetensors_meta_at(s, i) : NULL;
}

const nn_file_tensor *nn_archive_find(const nn_archive *a, const char *name)
{
    nn_file_tensor wanted = { .name = name };
    const nn_file_tensor *key = &wanted, **found;

    found = a->n ? bsearch(&key, a->tensor, (size_t)a->n, sizeof *a->tensor, by_name) : NULL;
    return found ? *found : NULL;
}
