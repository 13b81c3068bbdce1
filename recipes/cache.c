#include "recipes/cache.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"

/* A file: this, then rows x cols values. */
typedef struct header {
    char     magic[8];
    int64_t  rows, cols;
    uint64_t hash;      /* of the values */
} header;

static const char magic[8] = "SERFEAT";

char *ser_cache_path(const char *dir, uint64_t front, const float *x, int64_t n, double speed)
{
    uint64_t key = base_hash_bytes(base_hash_bytes(front, x, sizeof *x * (size_t)n), &speed, sizeof speed);
    char name[40];

    snprintf(name, sizeof name, "%016" PRIx64 ".feat", key);
    return base_path_join(dir, name);
}

/* The values, when header and size fit each other and the contents the hash. */
static const float *check(const base_map *m, int cols, header *h)
{
    size_t bytes;

    if (m->size < sizeof *h)
        return NULL;
    memcpy(h, m->data, sizeof *h);
    if (memcmp(h->magic, magic, sizeof magic) != 0 || h->rows < 0 || h->cols != cols)
        return NULL;
    if (!base_mul((size_t)h->rows, (size_t)cols * sizeof(float), &bytes) || bytes != m->size - sizeof *h)
        return NULL;
    return base_hash_bytes(BASE_HASH_INIT, m->data + sizeof *h, bytes) == h->hash ? (const float *)(m->data + sizeof *h) : NULL;
}

base_status ser_cache_read(const char *path, int cols, int64_t *rows, float *out, base_error *e)
{
    base_map m;
    header h;
    base_status status = base_map_open(&m, path, e);
    const float *x;

    if (status)
        return status;
    x = check(&m, cols, &h);
    if (x) {
        *rows = h.rows;
        if (out)
            memcpy(out, x, sizeof *x * (size_t)h.rows * (size_t)cols);
    } else
        status = base_fail(e, BASE_FORMAT, "%s: damaged, or not features of %d columns; remove it", path, cols);
    base_map_close(&m);
    return status;
}

base_status ser_cache_write(const char *path, const nn_matrix *m, base_error *e)
{
    size_t count = (size_t)m->rows * (size_t)m->cols;
    header h = { .rows = m->rows, .cols = m->cols, .hash = base_hash_bytes(BASE_HASH_INIT, m->x, sizeof *m->x * count) };
    base_out o;

    memcpy(h.magic, magic, sizeof magic);
    if (base_out_open(&o, path, e))
        return e->status;
    fwrite(&h, sizeof h, 1, o.f);
    fwrite(m->x, sizeof *m->x, count, o.f);
    return base_out_commit(&o, e);      /* which finds what fwrite could not write */
}
