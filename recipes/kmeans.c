/* k-means in float32 with sums in double. */
#include "recipes/kmeans.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/number.h"
#include "base/parallel.h"
#include "base/progress.h"
#include "base/random.h"

enum { BLOCK = 64 };    /* rows a thread takes at a time */

static base_status check(const nn_matrix *m, int cols, base_error *e)
{
    if (m->rows && m->cols != cols)
        return base_fail(e, BASE_SHAPE, "%s, expected %d", base_count(m->cols, "column"), cols);
    for (int64_t i = 0; i < m->rows * m->cols; i++)
        if (!isfinite(m->x[i]))
            return base_fail(e, BASE_VALUE, "row %" PRId64 ", column %" PRId64 " is %g", i / cols, i % cols, (double)m->x[i]);
    return BASE_OK;
}

/* ---- a sample ---------------------------------------------------------------------------------------------------- */

base_status ser_sample_add(ser_sample *s, const nn_matrix *m, base_error *e)
{
    base_random r = base_random_at(s->seed, 0, base_hash_text(BASE_HASH_INIT, "sample"));
    size_t bytes;

    if (m->rows == 0)
        return BASE_OK;
    if (!s->x) {
        s->cols = m->cols;
        s->x = malloc((size_t)s->most * (size_t)s->cols * sizeof *s->x);
        if (!s->x)
            return base_fail(e, BASE_NO_MEMORY, "out of memory for %" PRId64 " frames of %d columns", s->most, s->cols);
    }
    if (check(m, s->cols, e))
        return e->status;
    bytes = (size_t)s->cols * sizeof *s->x;
    for (int64_t i = 0; i < m->rows; i++, s->seen++) {
        int64_t at = s->kept < s->most ? s->kept++ : base_random_below(&r, (uint64_t)s->seen, s->seen + 1);

        if (at < s->most)
            memcpy(s->x + at * s->cols, m->x + i * m->cols, bytes);
    }
    return BASE_OK;
}

void ser_sample_free(ser_sample *s)
{
    free(s->x);
    *s = (ser_sample){ 0 };
}

/* ---- the nearest centre ------------------------------------------------------------------------------------------ */

/* Squared distances of x [cols] to k centres, whose columns are rows here: across [cols][k], so that the inner loop is
 * over centres. */
static inline void distances(float *d, const float *x, const float *across, int cols, int k)
{
    memset(d, 0, (size_t)k * sizeof *d);
    for (int j = 0; j < cols; j++) {
        const float *c = across + (int64_t)j * k;

        for (int i = 0; i < k; i++) {
            float by = x[j] - c[i];

            d[i] += by * by;
        }
    }
}

/* work [blocks of rows][k] */
BASE_CLONES static void find_nearest(const nn_matrix *x, const float *across, int k, float *work, int *nearest, float *distance)
{
    base_parallel_for(x->rows, BLOCK, r, end)
        for (; r < end; r++) {
            float *d = work + (int64_t)base_thread() * k;
            int best = 0;

            distances(d, x->x + r * x->cols, across, x->cols, k);
            for (int i = 1; i < k; i++)
                best = d[i] < d[best] ? i : best;
            nearest[r] = best;
            distance[r] = d[best];
        }
}

static base_status assign(const nn_matrix *centres, const nn_matrix *x, int *nearest, float *distance, base_error *e)
{
    int k = (int)centres->rows, cols = centres->cols;
    float *across = malloc((size_t)k * (size_t)cols * sizeof *across);
    float *work = malloc((size_t)base_threads() * (size_t)k * sizeof *work);

    for (int i = 0; across && i < k; i++)
        for (int j = 0; j < cols; j++)
            across[(int64_t)j * k + i] = centres->x[(int64_t)i * cols + j];
    if (across && work)
        find_nearest(x, across, k, work, nearest, distance);
    else
        base_fail(e, BASE_NO_MEMORY, "out of memory for %d centres of %d columns", k, cols);
    free(across);
    free(work);
    return e->status;
}

base_status ser_kmeans_assign(const nn_matrix *centres, const nn_matrix *x, int *nearest, float *distance, base_error *e)
{
    float *own = distance ? NULL : malloc((size_t)x->rows * sizeof *own + 1);

    if (!distance && !own)
        base_fail(e, BASE_NO_MEMORY, "out of memory for %" PRId64 " frames", x->rows);
    else if (!check(x, centres->cols, e))
        assign(centres, x, nearest, distance ? distance : own, e);
    free(own);
    return e->status;
}

/* ---- training ---------------------------------------------------------------------------------------------------- */

/* The state of a training; n frames, k centres. */
typedef struct state {
    const nn_matrix *x;
    nn_matrix       *centres;
    int             *nearest;       /* [n] */
    float           *distance;      /* [n] */
    int64_t         *begin, *order; /* [k + 1], [n]: frames of centre i are order[begin[i]] .. order[begin[i + 1] - 1] */
} state;

static double sum(const float *x, int64_t n)
{
    double s = 0;

    for (int64_t i = 0; i < n; i++)
        s += (double)x[i];
    return s;
}

static void put_centre(const state *s, int64_t i, int64_t row)
{
    memcpy(s->centres->x + i * s->x->cols, s->x->x + row * s->x->cols, (size_t)s->x->cols * sizeof *s->x->x);
}

BASE_CLONES static void come_nearer(float *distance, const nn_matrix *x, const float *c)
{
    base_parallel_for(x->rows, BLOCK, r, end)
        for (; r < end; r++) {
            float d = 0;

            for (int j = 0; j < x->cols; j++) {
                float by = x->x[r * x->cols + j] - c[j];
                d += by * by;
            }
            distance[r] = d < distance[r] ? d : distance[r];
        }
}

/* k-means++: the next centre is a frame drawn with its squared distance to the nearest centre so far as weight. */
static base_status seed_centres(const state *s, uint64_t seed, base_error *e)
{
    base_random r = base_random_at(seed, 0, base_hash_text(BASE_HASH_INIT, "k-means++"));
    int64_t n = s->x->rows, row = base_random_below(&r, 0, n);

    for (int64_t i = 0; i < n; i++)
        s->distance[i] = INFINITY;
    put_centre(s, 0, row);
    for (int64_t i = 1; i < s->centres->rows; i++) {
        double left;

        come_nearer(s->distance, s->x, s->centres->x + (i - 1) * s->x->cols);
        left = base_random_uniform(&r, (uint64_t)i) * sum(s->distance, n);
        for (row = 0; row < n - 1 && left >= (double)s->distance[row]; row++)
            left -= (double)s->distance[row];
        while (row > 0 && s->distance[row] <= 0)        /* rounding went past the last weight */
            row--;
        if (s->distance[row] <= 0)
            return base_fail(e, BASE_LIMIT, "only %" PRId64 " of the %" PRId64 " frames differ: too few for %" PRId64 " clusters", i, n,
                s->centres->rows);
        put_centre(s, i, row);
    }
    return BASE_OK;
}

/* Frames by their centre, in order: a counting sort. */
static void sort_frames(const state *s)
{
    int64_t k = s->centres->rows;

    memset(s->begin, 0, (size_t)(k + 1) * sizeof *s->begin);
    for (int64_t i = 0; i < s->x->rows; i++)
        s->begin[s->nearest[i] + 1]++;
    for (int64_t c = 0; c < k; c++)
        s->begin[c + 1] += s->begin[c];
    for (int64_t i = 0; i < s->x->rows; i++)
        s->order[s->begin[s->nearest[i]]++] = i;
    memmove(s->begin + 1, s->begin, (size_t)k * sizeof *s->begin);
    s->begin[0] = 0;
}

/* An empty centre takes the frame that is farthest from its own; no other may take it again. */
static void reseed(const state *s, int64_t centre)
{
    int64_t far = 0;

    for (int64_t i = 1; i < s->x->rows; i++)
        far = s->distance[i] > s->distance[far] ? i : far;
    s->distance[far] = 0;
    put_centre(s, centre, far);
}

static void mean_of(const state *s, int64_t centre)
{
    int64_t n = s->begin[centre + 1] - s->begin[centre];
    int cols = s->x->cols;

    for (int j = 0; n && j < cols; j++) {
        double total = 0;

        for (int64_t i = s->begin[centre]; i < s->begin[centre + 1]; i++)
            total += (double)s->x->x[s->order[i] * cols + j];
        s->centres->x[centre * cols + j] = (float)(total / (double)n);
    }
}

/* Each centre becomes the mean of its frames; returns how many had none. */
static int move_centres(const state *s)
{
    int empty = 0;

    sort_frames(s);
    base_parallel_for_dynamic(s->centres->rows, 1, c, end)
        for (; c < end; c++)
            mean_of(s, c);
    for (int64_t c = 0; c < s->centres->rows; c++)
        if (s->begin[c + 1] == s->begin[c]) {
            reseed(s, c);
            empty++;
        }
    return empty;
}

static base_status iterate(const state *s, const ser_kmeans_options *o, ser_kmeans_course *course, base_error *e)
{
    double before = INFINITY, n = (double)s->x->rows;
    base_progress p;

    base_progress_begin(&p, "k-means", "iterations", 0, o->iterations);
    for (int empty = 0;;) {
        if (assign(s->centres, s->x, s->nearest, s->distance, e))
            return e->status;
        course->inertia = sum(s->distance, s->x->rows) / n;
        if (course->iterations == 0)
            course->first = course->inertia;
        base_progress_step(&p, course->iterations, "inertia %.6g", course->inertia);
        if (course->iterations == o->iterations || (!empty && before - course->inertia <= o->tolerance * course->inertia))
            break;
        before = course->inertia;
        empty = move_centres(s);
        course->reseeded += empty;
        course->iterations++;
    }
    base_progress_end(&p, NULL);
    return BASE_OK;
}

base_status ser_kmeans_train(const nn_matrix *x, const ser_kmeans_options *o, nn_matrix *centres, ser_kmeans_course *course,
    base_error *e)
{
    size_t n = (size_t)x->rows, k = (size_t)o->clusters;
    state s = { x, centres, NULL, NULL, NULL, NULL };

    *course = (ser_kmeans_course){ 0 };
    *centres = (nn_matrix){ 0 };
    if (x->rows < o->clusters)
        return base_fail(e, BASE_LIMIT, "%" PRId64 " frames are too few for %d clusters", x->rows, o->clusters);
    *centres = (nn_matrix){ malloc(k * (size_t)x->cols * sizeof(float)), o->clusters, x->cols };
    s.nearest = malloc(n * sizeof *s.nearest);
    s.distance = malloc(n * sizeof *s.distance);
    s.begin = malloc((k + 1) * sizeof *s.begin);
    s.order = malloc(n * sizeof *s.order);
    if (!centres->x || !s.nearest || !s.distance || !s.begin || !s.order)
        base_fail(e, BASE_NO_MEMORY, "out of memory for %d clusters of %" PRId64 " frames", o->clusters, x->rows);
    else if (o->first)
        memcpy(centres->x, o->first, k * (size_t)x->cols * sizeof(float));
    else
        seed_centres(&s, o->seed, e);
    if (!e->status)
        iterate(&s, o, course, e);
    free(s.nearest);
    free(s.distance);
    free(s.begin);
    free(s.order);
    if (e->status)
        nn_matrix_free(centres);
    return e->status;
}
