/* Features of a directory's utterances: read in order, computed in parallel, kept in memory or in a cache on disk. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/parallel.h"
#include "base/progress.h"
#include "recipes/cache.h"
#include "recipes/ser.h"

enum { BLOCK = 32, SHORTEST = 400 };    /* utterances whose samples are in memory at once; samples of a frame, 25 ms */

static double speed_factor(double speed, int variant)
{
    return variant == 0 ? 1.0 : variant == 1 ? 1.0 - speed : 1.0 + speed;
}

/* One utterance in one variant, to be computed. */
typedef struct work {
    const ser_front *front;
    const au_audio  *audio;
    double           factor;
    const char      *cache_dir;
    const volatile int *stop;
    int64_t         *rows;      /* results: where they go in ser_features */
    uint64_t        *sound;
    double          *seconds;
    float          **x;
    char           **file;
    base_error       error, uncached;
} work;

static bool is_stopped(const volatile int *stop) { return stop && *stop; }

/* Samples of the copy; one that is no frame long is left out: its rows are 0. */
static int64_t length_of(const work *w) { return (int64_t)ceil((double)w->audio->n / w->factor); }
static bool is_left_out(const work *w) { return w->factor != 1.0 && length_of(w) < SHORTEST; }

static base_status copy_at_speed(const work *w, au_audio *out)
{
    *out = *w->audio;
    out->x = malloc(sizeof *out->x * (size_t)w->audio->n);
    if (!out->x)
        return BASE_NO_MEMORY;
    memcpy(out->x, w->audio->x, sizeof *out->x * (size_t)w->audio->n);
    return BASE_OK;
}

static base_status compute(work *w, nn_matrix *out)
{
    au_audio a;
    base_status status = copy_at_speed(w, &a);

    if (status)
        return base_fail(&w->error, status, "out of memory");
    if (w->factor != 1.0)
        status = au_speed(&a, w->factor, &w->error);
    *w->seconds = (double)a.n / SER_RATE;
    if (!status)
        status = ser_front_compute(w->front, a.x, a.n, out, &w->error);
    au_audio_free(&a);
    return status;
}

static void compute_in_memory(work *w)
{
    nn_matrix m = { 0 };

    if (compute(w, &m)) {
        nn_matrix_free(&m);
        return;
    }
    *w->x = m.x;
    *w->rows = m.rows;
}

static void compute_in_cache(work *w)
{
    nn_matrix m = { 0 };
    base_error ignored = BASE_ERROR_INIT;

    *w->file = ser_cache_path(w->cache_dir, ser_front_hash(w->front), w->audio->x, w->audio->n, w->factor);
    if (!*w->file) {
        base_fail(&w->error, BASE_NO_MEMORY, "out of memory");
        return;
    }
    *w->seconds = (double)length_of(w) / SER_RATE;
    if (ser_cache_read(*w->file, ser_front_cols(w->front), w->rows, NULL, &ignored) == BASE_OK)
        return;
    if (compute(w, &m)) {
        nn_matrix_free(&m);
        return;
    }
    *w->rows = m.rows;
    if (ser_cache_write(*w->file, &m, &w->uncached))
        *w->x = m.x;            /* what cannot be kept on disk is kept in memory */
    else
        nn_matrix_free(&m);
}

static void run(work *w)
{
    if (w->factor == 1.0)
        *w->sound = base_hash_bytes(BASE_HASH_INIT, w->audio->x, sizeof *w->audio->x * (size_t)w->audio->n);
    if (is_stopped(w->stop) || is_left_out(w))
        return;
    if (*w->cache_dir)
        compute_in_cache(w);
    else
        compute_in_memory(w);
}

static void run_all(work *w, int64_t n, bool parallel)
{
    if (!parallel) {
        for (int64_t i = 0; i < n; i++)
            run(&w[i]);
        return;
    }
    base_parallel_for_dynamic(n, 1, i, end)
        for (; i < end; i++)
            run(&w[i]);
}

/* Utterances from .. from + n - 1 of those wanted, which begin with number `first` of the directory. */
static base_status compute_block(ser_features *f, const ser_front *front, const ser_data *d, int64_t first, int64_t from,
    int64_t n, double speed, const char *cache_dir, const volatile int *stop, base_error *e)
{
    au_audio audio[BLOCK] = { 0 };
    work w[BLOCK * 3];
    base_status status = BASE_OK;
    int64_t m = 0;

    for (int64_t i = 0; i < n && !status && !is_stopped(stop); i++)
        if (!(status = au_reader_read(d->reader, d->utt[first + from + i].source, &audio[i], e)))
            ser_sound_warning(d->utt[first + from + i].key, &audio[i]);
    for (int64_t i = 0; i < n && !status && !is_stopped(stop); i++)
        for (int v = 0; v < f->variants; v++, m++) {
            int64_t at = (from + i) * f->variants + v;

            w[m] = (work){ front, &audio[i], speed_factor(speed, v), cache_dir, stop, &f->rows[at], &f->sound[from + i], &f->seconds[at],
                &f->x[at], &f->file[at], BASE_ERROR_INIT, BASE_ERROR_INIT };
        }
    run_all(w, m, ser_front_parallel(front));
    for (int64_t i = 0; i < m && !status; i++)
        if (w[i].error.status)
            status = base_fail(e, w[i].error.status, "utterance \"%s\": %s", d->utt[first + from + i / f->variants].key,
                w[i].error.text);
    for (int64_t i = 0; i < m && !status; i++) {
        if (w[i].uncached.status && f->uncached++ == 0)
            f->why_uncached = w[i].uncached;
        f->left_out += is_left_out(&w[i]);
    }
    for (int64_t i = 0; i < n; i++)
        au_audio_free(&audio[i]);
    return is_stopped(stop) && !status ? base_fail(e, BASE_BUSY, "stopped while features were computed; the same command begins anew") : status;
}

/* Batches are still made by seconds: a piece of a word takes about so long to say. */
#define PIECE_SECONDS 0.3

static base_status silence(ser_features *f, const ser_data *d, int64_t first, base_error *e)
{
    for (int64_t i = 0; i < f->n; i++) {
        f->rows[i] = 1;
        f->seconds[i] = PIECE_SECONDS * (1 + d->utt[first + i].pieces.n);
        f->x[i] = calloc((size_t)f->cols, sizeof **f->x);
        if (!f->x[i])
            return base_fail(e, BASE_NO_MEMORY, "features: out of memory for %" PRId64 " utterances", f->n);
    }
    return BASE_OK;
}

ser_features *ser_features_new(const ser_front *front, const ser_data *d, int64_t first, int64_t n, double speed,
    const char *cache_dir, const volatile int *stop, const char *what, base_error *e)
{
    ser_features *f = calloc(1, sizeof *f);
    base_progress p;
    base_status status = BASE_OK;
    size_t all;

    if (!f) {
        base_fail(e, BASE_NO_MEMORY, "features: out of memory");
        return NULL;
    }
    f->cols = ser_front_cols(front);
    f->variants = speed > 0 && d->reader ? 3 : 1;
    f->n = n;
    all = (size_t)n * (size_t)f->variants;
    f->rows = calloc(all, sizeof *f->rows);
    f->seconds = calloc(all, sizeof *f->seconds);
    f->x = calloc(all, sizeof *f->x);
    f->file = calloc(all, sizeof *f->file);
    f->sound = calloc((size_t)n, sizeof *f->sound);
    if (!f->rows || !f->seconds || !f->x || !f->file || !f->sound)
        status = base_fail(e, BASE_NO_MEMORY, "features: out of memory for %" PRId64 " utterances", n);
    if (!status && !d->reader) {
        status = silence(f, d, first, e);
        n = 0;
    }
    if (!status && *cache_dir)
        status = base_make_dirs(cache_dir, e);
    if (n == 0)
        what = NULL;
    if (what)
        base_progress_begin(&p, what, "utterances", 0, (double)n);
    for (int64_t i = 0; i < n && !status; i += BLOCK) {
        status = compute_block(f, front, d, first, i, base_min_i64(BLOCK, n - i), speed, cache_dir, stop, e);
        if (what && !status)
            base_progress_step(&p, (double)base_min_i64(i + BLOCK, n), "%s", "");
    }
    if (what && !status)
        base_progress_end(&p, "%s", "");
    else if (what)
        base_progress_clear();
    if (!status)
        return f;
    ser_features_free(f);
    return NULL;
}

void ser_features_free(ser_features *f)
{
    if (!f)
        return;
    for (int64_t i = 0; i < f->n * f->variants; i++) {
        if (f->x)
            free(f->x[i]);
        if (f->file)
            free(f->file[i]);
    }
    free(f->rows);
    free(f->seconds);
    free(f->sound);
    free(f->x);
    free(f->file);
    free(f);
}

uint64_t ser_features_hash(const ser_features *f)
{
    uint64_t h = base_hash_bytes(BASE_HASH_INIT, f->rows, sizeof *f->rows * (size_t)(f->n * f->variants));

    return base_hash_bytes(h, f->sound, sizeof *f->sound * (size_t)f->n);
}

base_status ser_features_copy(const ser_features *f, int64_t i, int variant, float *out, base_error *e)
{
    int64_t at = i * f->variants + variant, rows;

    if (f->x[at]) {
        memcpy(out, f->x[at], sizeof *out * (size_t)(f->rows[at] * f->cols));
        return BASE_OK;
    }
    return ser_cache_read(f->file[at], f->cols, &rows, out, e);
}

base_status ser_features_moments(const ser_features *f, float *mean, float *scale, base_error *e)
{
    size_t cols = (size_t)f->cols;
    int64_t most = 0, count = 0;
    double *sum = calloc(2 * cols, sizeof *sum);
    base_status status = BASE_OK;
    float *x;

    for (int64_t i = 0; i < f->n; i++)
        most = base_max_i64(most, f->rows[i * f->variants]);
    x = malloc(sizeof *x * (size_t)most * cols);
    if (!sum || !x) {
        free(sum);
        free(x);
        return base_fail(e, BASE_NO_MEMORY, "features: out of memory for %" PRId64 " rows", most);
    }
    for (int64_t i = 0; i < f->n && !status; i++) {
        int64_t rows = f->rows[i * f->variants];

        status = ser_features_copy(f, i, 0, x, e);
        if (status)
            break;
        for (int64_t r = 0; r < rows; r++)
            for (size_t c = 0; c < cols; c++) {
                double v = x[(size_t)r * cols + c];

                sum[c] += v;
                sum[cols + c] += v * v;
            }
        count += rows;
    }
    for (size_t c = 0; c < cols && count; c++) {
        double m = sum[c] / (double)count, variance = sum[cols + c] / (double)count - m * m;

        mean[c] = (float)m;
        scale[c] = variance > 1e-10 ? (float)(1.0 / sqrt(variance)) : 1.0f;
    }
    free(sum);
    free(x);
    return status;
}
