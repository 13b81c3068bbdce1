/* Checksums of what we write, in the metadata of its safetensors file: of every tensor, of the files that lie beside it and
 * belong to it, and of the metadata itself. With the format's own checks, a file that was cut or changed anywhere is
 * known, and by the name of the tensor. They are XXH64 with seed 0, as 16 hexadecimal digits; until version 1 of
 * checkpoints they were CRC-32, which is still read. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/parallel.h"
#include "libnn/store/store.h"

#define SUM      "serin.xxh64."     /* + tensor: of its bytes */
#define OLD_SUM  "serin.crc32."
#define WHOLE    "serin.checksum"   /* of all other keys and texts, each with its NUL, keys rising */

bool nn_no_verify;

typedef struct sum_text { char s[17]; } sum_text;

/* Continues a checksum; old: a CRC-32. */
static uint64_t more(bool old, uint64_t sum, const void *data, size_t n)
{
    return old ? crc32_z((uLong)sum, data, n) : base_hash_bytes(sum, data, n);
}

static sum_text print(bool old, uint64_t sum)
{
    sum_text t;

    snprintf(t.s, sizeof t.s, "%0*" PRIx64, old ? 8 : 16, sum);
    return t;
}

static sum_text sum_of(bool old, const void *data, size_t n) { return print(old, more(old, 0, data, n)); }

static uint64_t add_meta(bool old, uint64_t sum, const nn_meta *m)
{
    if (!strcmp(m->key, WHOLE))
        return sum;
    return more(old, more(old, sum, m->key, strlen(m->key) + 1), m->value, strlen(m->value) + 1);
}

static bool begins(const char *s, const char *with) { return !strncmp(s, with, strlen(with)); }

/* A file that lies where `path` does. */
static base_status sum_of_file(const char *path, const char *name, sum_text *out, base_error *e)
{
    const char *slash = strrchr(path, '/');
    char *beside = NULL;
    base_map m;

    if (asprintf(&beside, "%.*s%s", slash ? (int)(slash + 1 - path) : 0, path, name) < 0)
        return base_fail(e, BASE_NO_MEMORY, "%s: out of memory", path);
    base_status status = base_map_open(&m, beside, e);
    if (!status)
        *out = sum_of(false, m.data, m.size);
    base_map_close(&m);
    free(beside);
    return status;
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

/* Fills meta [n_given + n + 2], text [n_given + n + 1] and keys; *count becomes how many there are. */
static base_status make_meta(const char *path, const nn_save_tensor *t, int n, const nn_meta *given, int n_given, nn_meta *meta,
    sum_text *text, char **key, int *count, base_error *e)
{
    bool has_format = false;
    uint64_t whole = 0;
    int k = 0;

    for (int i = 0; i < n_given; i++) {
        has_format |= !strcmp(given[i].key, "format");
        if (begins(given[i].key, SUM) || begins(given[i].key, OLD_SUM) || !strcmp(given[i].key, WHOLE))
            continue;       /* of another file */
        meta[k] = given[i];
        if (begins(given[i].key, NN_BESIDE)) {
            base_status status = sum_of_file(path, given[i].key + strlen(NN_BESIDE), &text[n + i], e);
            if (status)
                return status;
            meta[k].value = text[n + i].s;
        }
        k++;
    }
    if (!has_format)        /* which would be added later */
        meta[k++] = (nn_meta){ "format", "pt" };
    base_parallel_for_dynamic(n, 1, i, end)
        for (; i < end; i++)
            text[i] = sum_of(false, t[i].data, nn_save_bytes(&t[i]));
    for (int i = 0; i < n; i++) {
        if (asprintf(&key[i], SUM "%s", t[i].name) < 0)
            key[i] = NULL;
        if (!key[i])
            return base_fail(e, BASE_NO_MEMORY, "%s: out of memory", path);
        meta[k++] = (nn_meta){ key[i], text[i].s };
    }
    qsort(meta, (size_t)k, sizeof *meta, nn_meta_compare);      /* the order in which they are read */
    for (int i = 0; i < k; i++)
        whole = add_meta(false, whole, &meta[i]);
    text[n + n_given] = print(false, whole);
    meta[k++] = (nn_meta){ WHOLE, text[n + n_given].s };
    *count = k;
    return BASE_OK;
}

base_status nn_safetensors_save_summed(const char *path, const nn_save_tensor *tensors, int n, const nn_meta *meta, int n_meta,
    base_error *e)
{
    size_t room = (size_t)n + (size_t)n_meta + 2;
    nn_meta *all = malloc(room * sizeof *all);
    sum_text *text = malloc(room * sizeof *text);
    char **key = calloc((size_t)n + 1, sizeof *key);
    base_status status = BASE_OK;
    int count = 0;

    if (!all || !text || !key)
        status = base_fail(e, BASE_NO_MEMORY, "%s: out of memory", path);
    for (int i = 0; i < n && !status; i++)
        if (nn_save_bytes(&tensors[i]) == SIZE_MAX)
            status = base_fail(e, BASE_VALUE, "%s: tensor \"" NN_NAME "\": no such dtype or shape", path, tensors[i].name);
    if (!status)
        status = make_meta(path, tensors, n, meta, n_meta, all, text, key, &count, e);
    if (!status)
        status = nn_safetensors_save(path, tensors, n, all, count, e);
    for (int i = 0; key && i < n; i++)
        free(key[i]);
    free(key);
    free(text);
    free(all);
    return status;
}

/* ---- verifying --------------------------------------------------------------------------------------------------- */

bool nn_sums_there(const nn_safetensors *s)
{
    for (int i = 0; i < nn_safetensors_meta_count(s); i++) {
        const char *key = nn_safetensors_meta_at(s, i)->key;
        if (begins(key, SUM) || begins(key, OLD_SUM) || !strcmp(key, WHOLE))
            return true;
    }
    return false;
}

static base_status check_whole(const nn_safetensors *s, bool *old, base_error *e)
{
    const char *stored = nn_safetensors_meta(s, WHOLE);
    uint64_t sum = 0;

    *old = stored && strlen(stored) == 8;
    for (int i = 0; i < nn_safetensors_meta_count(s); i++)
        sum = add_meta(*old, sum, nn_safetensors_meta_at(s, i));
    sum_text found = print(*old, sum);
    if (stored && !strcmp(stored, found.s))
        return BASE_OK;
    return base_fail(e, BASE_FORMAT, "metadata: checksum %s, expected %.40s", found.s, stored ? stored : "one");
}

/* Every tensor has a checksum and the bytes it was made of. */
static base_status check_tensors(const nn_safetensors *s, bool old, base_error *e)
{
    int n = nn_safetensors_count(s), checked = 0;
    const char *prefix = old ? OLD_SUM : SUM;
    sum_text *sum = malloc(((size_t)n + 1) * sizeof *sum);
    base_status status = BASE_OK;

    if (!sum)
        return base_fail(e, BASE_NO_MEMORY, "out of memory");
    base_parallel_for_dynamic(n, 1, i, end)
        for (; i < end; i++)
            sum[i] = sum_of(old, nn_safetensors_at(s, (int)i)->data, nn_safetensors_at(s, (int)i)->bytes);
    for (int i = 0; !status && i < nn_safetensors_meta_count(s); i++) {
        const nn_meta *m = nn_safetensors_meta_at(s, i);
        if (!begins(m->key, prefix))
            continue;
        const nn_file_tensor *t = nn_safetensors_find(s, m->key + strlen(prefix));
        const char *found = t ? sum[t - nn_safetensors_at(s, 0)].s : "none";
        if (strcmp(found, m->value))
            status = base_fail(e, BASE_FORMAT, "tensor \"" NN_NAME "\": checksum %s, expected %.40s", m->key + strlen(prefix),
                found, m->value);
        checked++;
    }
    if (!status && checked != n)
        status = base_fail(e, BASE_FORMAT, "%d tensors, but %d checksums", n, checked);
    free(sum);
    return status;
}

base_status nn_sums_check(const nn_safetensors *s, base_error *e)
{
    bool old;
    base_status status = check_whole(s, &old, e);

    return status ? status : check_tensors(s, old, e);
}

base_status nn_sums_check_beside(const nn_safetensors *s, const char *path, base_error *e)
{
    base_status status = BASE_OK;

    for (int i = 0; !status && i < nn_safetensors_meta_count(s); i++) {
        const nn_meta *m = nn_safetensors_meta_at(s, i);
        const char *name = m->key + strlen(NN_BESIDE);
        sum_text found;

        if (!begins(m->key, NN_BESIDE))
            continue;
        if (!*name || *name == '.' || strchr(name, '/'))
            return base_fail(e, BASE_FORMAT, "metadata: \"" NN_NAME "\" names no file beside it", m->key);
        status = sum_of_file(path, name, &found, e);
        if (!status && strcmp(found.s, m->value))
            status = base_fail(e, BASE_MISMATCH, NN_NAME ", which lies beside it, has changed since: checksum %s, expected %.40s",
                name, found.s, m->value);
    }
    return status;
}
