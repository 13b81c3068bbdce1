/* pos_conv: HuBERT's positional convolution, y[t] = b + sum over taps j of w[., ., j] x[t + j - k / 2] inside each of
 * `groups` groups of channels, frames outside the utterance being 0; as many frames as x. Its weights are normed by tap:
 *     w[o][i][j] = g[j] v[o][i][j] / |v[.][.][j]|
 * (Salimans and Kingma 2016, PyTorch's weight_norm with dim 2). Backward of the norm, with S_j = sum of dw v at tap j:
 *     dg_j = S_j / |v_j|,  dv = g_j / |v_j| (dw - v S_j / |v_j|^2).
 *
 * The convolution of a group is a sum of products: a matrix whose row r holds the TAPS frames from r on, read from row
 * 0, TAPS, 2 TAPS … , times the weights of TAPS taps. The gradient of x is the same with taps reversed and weights
 * transposed. Keeps x, v, g; the normed weights in both orders stay beside the parameter v. */
#include <math.h>
#include <string.h>

#include "libnn/ops/affine.h"

#define TAPS 8
#define ROWS 512        /* frames of a task */
#define BLOCKS 64       /* sums over rows of v are added up in this many parts, in order */

typedef struct pos_conv {
    int groups, width;      /* width: channels of a group */
    int k, steps;           /* steps of TAPS taps; the last may be partly 0 */
    uint64_t hash;          /* of the weights and their order */
} pos_conv;

static int64_t group_size(const pos_conv *c) { return (int64_t)c->steps * TAPS * c->width * c->width; }
static int64_t window_rows(const pos_conv *c) { return ROWS + (int64_t)(c->steps - 1) * TAPS; }
static int64_t window_cols(const pos_conv *c) { return (int64_t)TAPS * c->width; }

/* ---- weights ---------------------------------------------------------------------------------------------------- */

/* sums [k] = for each tap the sum of a b over the rows of a, b [rows][k]; parts [BLOCKS][k]. */
BASE_CLONES static void tap_products(const float *a, const float *b, int64_t rows, int k, double *parts, double *sums)
{
    int64_t grain = base_max_i64(base_blocks(rows, BLOCKS), 1);

    base_parallel_for(rows, grain, r, end) {
        double *part = parts + r / grain * k;

        memset(part, 0, (size_t)k * sizeof *part);
        for (; r < end; r++)
            for (int j = 0; j < k; j++)
                part[j] += (double)a[r * k + j] * b[r * k + j];
    }
    memset(sums, 0, (size_t)k * sizeof *sums);
    for (int64_t i = 0; i < base_blocks(rows, grain); i++)
        for (int j = 0; j < k; j++)
            sums[j] += parts[i * k + j];
}

/* Room for the sums of tap_products: pointers into one block of scratch. */
typedef struct tap_sums { double *norm, *product, *parts; } tap_sums;

static bool take_sums(nn_tape *t, int k, tap_sums *s)
{
    double *room = (double *)nn_scratch(t, 2 * (int64_t)(BLOCKS + 2) * k);

    *s = (tap_sums){ room, room + k, room + 2 * k };
    return room != NULL;
}

static void norms_of(const pos_conv *c, const float *v, tap_sums *s)
{
    tap_products(v, v, (int64_t)c->groups * c->width * c->width, c->k, s->parts, s->norm);
    for (int j = 0; j < c->k; j++)
        s->norm[j] = sqrt(s->norm[j]);
}

/* Both in one group: v [out][in][k] -> w [tap][in][out], normed; transposed: [tap reversed][out][in]. */
typedef struct weights {
    const pos_conv *c;
    const float *v, *g;
    tap_sums    *sums;
    bool         transposed;
} weights;

#define TILE 16         /* a cache line of floats */

/* Columns from .. from + TILE - 1 of row a of all taps of a group, of which v and w stand at the first value: cache lines of v
 * are read, and of w written, once. */
static void make_columns(const weights *m, const float *scale, int64_t a, int64_t from, const float *v, float *w)
{
    int64_t n = m->c->width, k = m->c->k, cols = base_min_i64(TILE, n - from);
    int64_t next_row = m->transposed ? n * k : k, next_col = m->transposed ? k : n * k;
    float tile[TILE][TILE];

    for (int64_t j = 0; j < k; j += TILE) {
        int64_t taps = base_min_i64(TILE, k - j);

        for (int64_t b = 0; b < cols; b++)
            for (int64_t i = 0; i < taps; i++)
                tile[i][b] = v[a * next_row + (from + b) * next_col + j + i] * scale[j + i];
        for (int64_t i = 0; i < taps; i++)
            memcpy(w + ((m->transposed ? k - 1 - j - i : j + i) * n + a) * n + from, tile[i], (size_t)cols * sizeof *w);
    }
    for (int64_t j = k; j < m->c->steps * TAPS; j++)
        memset(w + (j * n + a) * n + from, 0, (size_t)cols * sizeof *w);
}

static void make_weights(const void *self, float *w)
{
    const weights *m = self;
    const pos_conv *c = m->c;
    int64_t n = c->width;
    float *scale = (float *)m->sums->product;       /* free until the gradient of the norm */

    norms_of(c, m->v, m->sums);
    for (int j = 0; j < c->k; j++)
        scale[j] = (float)(m->g[j] / m->sums->norm[j]);
    base_parallel_for(c->groups * n, 1, row, end)
        for (; row < end; row++)
            for (int64_t from = 0; from < n; from += TILE)
                make_columns(m, scale, row % n, from, m->v + row / n * n * n * c->k, w + row / n * group_size(c));
}

static nn_derived_values ordered(nn_node *g, tap_sums *sums, bool transposed)
{
    const pos_conv *c = g->data;
    weights m = { c, g->in[1]->x, g->in[2]->x, sums, transposed };
    nn_derivation how = { group_size(c) * c->groups, c->hash, make_weights, &m };

    return nn_derive(g->tape, g->in[1], transposed, &how);
}

/* dw in the order of make_weights -> d in the order of v. */
static void reorder_gradient(const pos_conv *c, const float *dw, float *d)
{
    int64_t n = c->width;

    base_parallel_for(c->groups * n, 1, row, end)
        for (; row < end; row++) {
            const float *dg = dw + row / n * group_size(c) + row % n;

            for (int64_t i = 0; i < n; i++)
                for (int j = 0; j < c->k; j++)
                    d[(row * n + i) * c->k + j] = dg[(j * n + i) * n];
        }
}

/* ---- products --------------------------------------------------------------------------------------------------- */

/* A stretch of frames of one group of one utterance. */
typedef struct stretch {
    int     utterance, group;
    int64_t first, rows;        /* counted in the batch */
} stretch;

/* m [window rows][TAPS][width]: row r, tap j = frame first + r + j - before of x, 0 outside the utterance. */
static void make_windows(const pos_conv *c, const nn_tensor *y, const float *x, stretch s, int before, float *m)
{
    int64_t from = y->seqs->begin[s.utterance], to = y->seqs->begin[s.utterance + 1];
    size_t bytes = (size_t)c->width * sizeof *m;

    for (int64_t r = 0; r < s.rows + (c->steps - 1) * TAPS; r++)
        for (int64_t f = s.first + r - before, end = f + TAPS; f < end; f++, m += c->width) {
            if (f >= from && f < to)
                memcpy(m, x + f * y->cols + (int64_t)s.group * c->width, bytes);
            else
                memset(m, 0, bytes);
        }
}

/* y (or dx) of a stretch; w: the group's weights. */
static void correlate(const pos_conv *c, float *y, int64_t ld, int64_t rows, const float *m, const float *w, float beta)
{
    for (int i = 0; i < c->steps; i++)
        nn_gemm(false, false, rows, c->width, window_cols(c), 1.0f, m + i * TAPS * window_cols(c), window_cols(c),
            w + i * window_cols(c) * c->width, c->width, i ? 1.0f : beta, y, ld);
}

static int64_t count_stretches(const nn_seqs *s)
{
    int64_t n = 0;

    for (int u = 0; u < s->n; u++)
        n += base_blocks(s->begin[u + 1] - s->begin[u], ROWS);
    return n;
}

/* Stretch i of all utterances, in one group. */
static stretch stretch_at(const nn_seqs *s, int group, int64_t i)
{
    int u = 0;

    for (int64_t blocks; i >= (blocks = base_blocks(s->begin[u + 1] - s->begin[u], ROWS)); u++)
        i -= blocks;
    return (stretch){ u, group, s->begin[u] + i * ROWS, base_min_i64(ROWS, s->begin[u + 1] - s->begin[u] - i * ROWS) };
}

/* out [rows][C] = the convolution of in with w, `before` frames of the window lying before the result's; add: to what
 * is there. bias may be NULL. room: windows for each thread. */
static void convolve(const pos_conv *c, const nn_tensor *y, float *out, const float *in, const float *w, int before, bool add,
    const float *bias, float *room)
{
    int64_t each = window_rows(c) * window_cols(c), n = count_stretches(y->seqs);

    base_parallel_for_dynamic(n * c->groups, 1, i, end)
        for (; i < end; i++) {
            stretch s = stretch_at(y->seqs, (int)(i % c->groups), i / c->groups);
            float *m = room + each * base_thread(), *at = out + s.first * y->cols + (int64_t)s.group * c->width;

            make_windows(c, y, in, s, before, m);
            correlate(c, at, y->cols, s.rows, m, w + s.group * group_size(c), add ? 1.0f : 0.0f);
            for (int64_t r = 0; bias && r < s.rows; r++)
                for (int o = 0; o < c->width; o++)
                    at[r * y->cols + o] += bias[s.group * c->width + o];
        }
}

/* dw [groups][tap][in][out]: each group adds its stretches up in order. */
static void weight_gradient(const pos_conv *c, const nn_tensor *y, const float *x, float *dw, float *room)
{
    int64_t each = window_rows(c) * window_cols(c), n = count_stretches(y->seqs);

    base_parallel_for_dynamic(c->groups, 1, group, end)
        for (; group < end; group++) {
            float *m = room + each * base_thread(), *at = dw + group * group_size(c);

            memset(at, 0, (size_t)group_size(c) * sizeof *at);
            for (int64_t i = 0; i < n; i++) {
                stretch s = stretch_at(y->seqs, (int)group, i);
                const float *dy = y->dx + s.first * y->cols + group * c->width;

                make_windows(c, y, x, s, c->k / 2, m);
                for (int step = 0; step < c->steps; step++)
                    nn_gemm(true, false, window_cols(c), c->width, s.rows, 1.0f, m + step * TAPS * window_cols(c),
                        window_cols(c), dy, y->cols, 1.0f, at + step * window_cols(c) * c->width, c->width);
            }
        }
}

/* ---- the operator ----------------------------------------------------------------------------------------------- */

/* From d, the gradient of the normed weights in v's order. */
static void norm_gradient(const pos_conv *c, const float *v, const float *g, const float *d, tap_sums *s, float *dv, float *dg)
{
    int64_t rows = (int64_t)c->groups * c->width * c->width;

    tap_products(d, v, rows, c->k, s->parts, s->product);
    for (int j = 0; dg && j < c->k; j++)
        dg[j] += (float)(s->product[j] / s->norm[j]);
    if (dv)
        base_parallel_for(rows, 256, r, end)
            for (; r < end; r++)
                for (int j = 0; j < c->k; j++) {
                    float n = (float)s->norm[j];
                    dv[r * c->k + j] += g[j] / n * (d[r * c->k + j] - v[r * c->k + j] * (float)s->product[j] / (n * n));
                }
}

static void backward(nn_node *g)
{
    const pos_conv *c = g->data;
    const nn_tensor *x = g->in[0], *v = g->in[1], *gain = g->in[2], *y = g->out;
    nn_derived_values transposed;
    bool add = false;
    float *dx = nn_grad_fresh(g, 0, &add), *dv = nn_grad(g, 1), *dg = nn_grad(g, 2), *db = nn_grad(g, 3);
    float *room = nn_scratch(g->tape, window_rows(c) * window_cols(c) * base_threads());
    float *dw = nn_scratch(g->tape, dv || dg ? group_size(c) * c->groups : 0);
    float *d = nn_scratch(g->tape, dv || dg ? nn_numel(v) : 0);
    tap_sums s;

    if (!dw || !room || !d || !take_sums(g->tape, c->k, &s))
        return;
    if (dx) {
        transposed = ordered(g, &s, true);
        if (transposed.x)
            convolve(c, y, dx, y->dx, transposed.x, c->k - 1 - c->k / 2, add, NULL, room);
        nn_derive_done(transposed);
    }
    if (dv || dg) {
        norms_of(c, v->x, &s);
        weight_gradient(c, y, x->x, dw, room);
        reorder_gradient(c, dw, d);
        norm_gradient(c, v->x, gain->x, d, &s, dv, dg);
    }
    if (db)
        nn_add_column_sums(g->tape, db, y->dx, y->rows, y->cols);
}

static double flop(const nn_node *g) { return 2.0 * (double)g->out->rows * (double)nn_numel(g->in[1]); }

static nn_tensor *sample(nn_tape *t, nn_sampler *s)
{
    int k = s->kernel + nn_sample_below(s, 2);      /* even and odd */
    nn_tensor *x = nn_sample_rows(t, s, s->model), *v = nn_sample_matrix(t, s, s->model, s->model / s->groups * k);
    nn_tensor *g = nn_sample_matrix(t, s, 1, k);

    return nn_pos_conv(t, x, v, g, nn_sample_matrix(t, s, 1, s->model), k, s->groups);
}

const nn_op nn_op_pos_conv = { .name = "pos_conv", .backward = backward, .sample = sample, .flop = flop,
    .keeps = NN_KEEPS(0) | NN_KEEPS(1) | NN_KEEPS(2) };

static void forward(nn_node *g)
{
    pos_conv *c = g->data;
    const nn_tensor *x = g->in[0], *v = g->in[1], *gain = g->in[2], *b = g->in[3];
    float *room = nn_scratch(g->tape, window_rows(c) * window_cols(c) * base_threads());
    nn_derived_values w;
    tap_sums s;

    if (!room || !take_sums(g->tape, c->k, &s))
        return;
    c->hash = nn_hash_floats((uint64_t)c->k << 32 | (uint64_t)c->groups, v->x, nn_numel(v));
    c->hash = nn_hash_floats(c->hash, gain->x, c->k);
    w = ordered(g, &s, false);
    if (w.x)
        convolve(c, g->out, g->out->x, x->x, w.x, c->k / 2, false, b ? b->x : NULL, room);
    nn_derive_done(w);
}

nn_tensor *nn_pos_conv(nn_tape *t, nn_tensor *x, nn_tensor *v, nn_tensor *g, nn_tensor *b, int k, int groups)
{
    nn_node *node;
    pos_conv *c;

    if (!nn_ready(t, x, v, g))
        return NULL;
    if (!x->seqs || k < 1 || groups < 1 || x->cols % groups || v->rows != x->cols ||
        (int64_t)v->cols != (int64_t)x->cols / groups * k || g->rows != 1 || g->cols != k ||
        (b && (b->rows != 1 || b->cols != x->cols)))
        return nn_tape_fail(t, BASE_SHAPE, "pos_conv: x %s of %d columns, %d taps, %d groups, v [%lld][%d], g [%lld][%d]",
            x->seqs ? "utterances" : "loose rows", x->cols, k, groups, (long long)v->rows, v->cols, (long long)g->rows,
            g->cols);
    node = nn_record(t, &nn_op_pos_conv, nn_like(x), x, v, g, b);
    if (node && (c = nn_node_data(node, sizeof *c))) {
        *c = (pos_conv){ groups, x->cols / groups, k, (k + TAPS - 1) / TAPS, 0 };
        forward(node);
    }
    return nn_result(node);
}
