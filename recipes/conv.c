#include "recipes/conv.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "recipes/cache.h"
#include "recipes/ser.h"

struct ser_conv {
    ser_model *model;       /* without a layer: the convolutions, and the little that stands between */
    ser_front *front;
    uint64_t   hash;        /* of weights, sizes and preprocessing */
    char      *cache_dir;
};

static base_status load(ser_conv *c, const char *dir, base_error *e)
{
    ser_model_config config;
    ser_names none = { 0 };
    base_status status = ser_folder_read_config(dir, &config, e);

    if (status)
        return status;
    if (!config.front.conv)
        return base_fail(e, BASE_UNSUPPORTED, "%s: its encoder hears log-mel energies and has no convolutions", dir);
    config.encoder.encoder.layers = 0;
    config.encoder.mask = (nn_mask_options){ 0 };
    config.input = SER_SPEECH;
    if (!(c->model = ser_model_new(&config, &none, SER_TRAIN_NOTHING, e)))
        return e->status;
    status = ser_weights_load(c->model->params, dir, NULL, e);
    if (status || !(c->front = ser_front_new(&config.front, c->model, e)))
        return e->status;
    c->hash = ser_front_hash(c->front);
    return BASE_OK;
}

ser_conv *ser_conv_open(const char *model_dir, const char *cache_dir, base_error *e)
{
    ser_conv *c = calloc(1, sizeof *c);

    if (!c || !(c->cache_dir = strdup(cache_dir)))
        base_fail(e, BASE_NO_MEMORY, "%s: out of memory", model_dir);
    else if (load(c, model_dir, e) == BASE_OK && (!*cache_dir || base_make_dirs(cache_dir, e) == BASE_OK))
        return c;
    ser_conv_close(c);
    return NULL;
}

void ser_conv_close(ser_conv *c)
{
    if (!c)
        return;
    ser_front_free(c->front);
    ser_model_free(c->model);
    free(c->cache_dir);
    free(c);
}

/* BASE_OK with m filled, when the file is there and whole. */
static base_status from_cache(const ser_conv *c, const char *path, nn_matrix *m)
{
    base_error ignored = BASE_ERROR_INIT;   /* what is not there, or damaged, is made anew */
    int64_t rows;

    m->cols = ser_front_cols(c->front);
    if (ser_cache_read(path, m->cols, &m->rows, NULL, &ignored) ||
        !(m->x = malloc((size_t)m->rows * (size_t)m->cols * sizeof *m->x + 1)))
        return BASE_MISSING;
    return ser_cache_read(path, m->cols, &rows, m->x, &ignored);
}

base_status ser_conv_compute(const ser_conv *c, float *x, int64_t n, nn_matrix *m, base_error *e)
{
    base_status status;
    char *path;

    *m = (nn_matrix){ 0 };
    if (nn_hubert_frames(&c->model->config.encoder, n) == 0)
        return base_fail(e, BASE_LIMIT, "%" PRId64 " samples are less than one frame", n);
    if (!*c->cache_dir)
        return ser_front_compute(c->front, x, n, m, e);
    path = ser_cache_path(c->cache_dir, c->hash, x, n, 1.0);
    if (!path)
        return base_fail(e, BASE_NO_MEMORY, "%s: out of memory", c->cache_dir);
    status = from_cache(c, path, m);
    if (status) {
        nn_matrix_free(m);
        status = ser_front_compute(c->front, x, n, m, e);
        if (!status)
            status = ser_cache_write(path, m, e);
    }
    free(path);
    return status;
}
