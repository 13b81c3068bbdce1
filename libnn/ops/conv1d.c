/* conv1d: y[t] = b + sum over taps j of w[., ., j] x[t s + j], cross-correlation over the frames of each utterance.
 *
 * No im2col: with channels last, the s frames of x from row t s + j on are s C values in a row, and those of the next t
 * lie s C further. So the taps, cut into groups of s, are products of x, read with a row stride of s C, with columns of
 * the weights in the order (out, tap, in), which a parameter keeps beside it; their gradients likewise. Keeps x and w. */
#include <string.h>

#include "libnn/ops/affine.h"

#define ROWS 256        /* result rows of a task: they stay in the cache from the first group to the bias */

typedef struct conv {
    int in, out, k, stride;
    uint64_t hash;          /* of the weights and their order */
} conv;

/* A group of taps as a matrix: `cols` values of each window of x, beginning `offset` values into it. */
typedef struct group { int64_t offset, cols; } group;

static int count_groups(const conv *c) { return (c->k + c->stride - 1) / c->stride; }

static group group_at(const conv *c, int i)
{
    int taps = i * c->stride + c->stride <= c->k ? c->stride : c->k - i * c->stride;

    return (group){ (int64_t)i * c->stride * c->in, (int64_t)taps * c->in };
}

static int64_t frames_of(const conv *c, int64_t rows) { return rows < c->k ? 0 : (rows - c->k) / c->stride + 1; }

typedef struct order { const conv *c; const float *w; } order;

/* w [out][in][k] -> v [out][k][in], and below back, adding. */
static void taps_before_channels(const void *self, float *v)
{
    const conv *c = ((const order *)self)->c;
    const float *w = ((const order *)self)->w;
    int64_t n = (int64_t)c->in * c->k;

    base_parallel_for(c->out, 1, o, end)
        for (; o < end; o++)
            for (int i = 0; i < c->in; i++)
                for (int j = 0; j < c->k; j++)
                    v[o * n + j * c->in + i] = w[o * n + i * c->k + j];
}

static nn_derived_values ordered(nn_tape *t, const conv *c, nn_tensor *w)
{
    order o = { c, w->x };
    nn_derivation how = { nn_numel(w), c->hash, taps_before_channels, &o };

    return nn_derive(t, w, 0, &how);
}

static void add_channels_before_taps(const conv *c, const float *v, float *w)
{
    int64_t n = (int64_t)c->in * c->k;

    base_parallel_for(c->out, 1, o, end)
        for (; o < end; o++)
            for (int i = 0; i < c->in; i++)
                for (int j = 0; j < c->k; j++)
                    w[o * n + i * c->k + j] += v[o * n + j * c->in + i];
}

/* ---- forward ---------------------------------------------------------------------------------------------------- */

static void add_bias(float *y, const float *b, int64_t rows, int n)
{
    for (int64_t r = 0; b && r < rows; r++)
        for (int i = 0; i < n; i++)
            y[r * n + i] += b[i];
}

/* Rows of one utterance; x stands at the window of the first. */
static void forward_rows(const conv *c, float *y, int64_t rows, const float *x, const float *v, const float *b)
{
    for (int i = 0; i < count_groups(c); i++) {
        group g = group_at(c, i);
        nn_gemm(false, true, rows, c->out, g.cols, 1.0f, x + g.offset, (int64_t)c->stride * c->in, v + g.offset,
            (int64_t)c->k * c->in, i ? 1.0f : 0.0f, y, c->out);
    }
    add_bias(y, b, rows, c->out);
}

/* Tasks of ROWS rows over all utterances: finds the one with number i. */
static bool find_rows(const nn_seqs *s, int64_t i, int *u, int64_t *row)
{
    for (*u = 0; *u < s->n; ++*u) {
        int64_t blocks = base_blocks(s->begin[*u + 1] - s->begin[*u], ROWS);
        if (i < blocks) {
            *row = i * ROWS;
            return true;
        }
        i -= blocks;
    }
    return false;
}

static void forward(const conv *c, nn_tensor *y, const nn_tensor *x, const float *v, const float *b)
{
    int64_t tasks = 0;

    for (int u = 0; u < y->seqs->n; u++)
        tasks += base_blocks(y->seqs->begin[u + 1] - y->seqs->begin[u], ROWS);
    base_parallel_for_dynamic(tasks, 1, i, end)
        for (; i < end; i++) {
            int u;
            int64_t row;

            if (!find_rows(y->seqs, i, &u, &row))
                continue;
            int64_t first = y->seqs->begin[u] + row, rows = base_min_i64(ROWS, y->seqs->begin[u + 1] - first);
            forward_rows(c, y->x + first * c->out, rows, x->x + (x->seqs->begin[u] + row * c->stride) * c->in, v, b);
        }
}

/* ---- backward --------------------------------------------------------------------------------------------------- */

/* Adds to dx, which stands at the utterance's first row: for one group of taps, windows do not overlap. */
static void input_gradient(const conv *c, float *dx, const float *dy, int64_t rows, const float *v)
{
    for (int i = 0; i < count_groups(c); i++) {
        group g = group_at(c, i);
        nn_gemm(false, false, rows, g.cols, c->out, 1.0f, dy, c->out, v + g.offset, (int64_t)c->k * c->in, 1.0f,
            dx + g.offset, (int64_t)c->stride * c->in);
    }
}

static void weight_gradient(const conv *c, float *dv, const float *dy, int64_t rows, const float *x)
{
    for (int i = 0; i < count_groups(c); i++) {
        group g = group_at(c, i);
        nn_gemm(true, false, c->out, g.cols, rows, 1.0f, dy, c->out, x + g.offset, (int64_t)c->stride * c->in, 1.0f,
            dv + g.offset, (int64_t)c->k * c->in);
    }
}

static void backward(nn_node *g)
{
    const conv *c = g->data;
    const nn_tensor *x = g->in[0], *y = g->out;
    nn_tensor *w = g->in[1];
    float *dx = nn_grad(g, 0), *dw = nn_grad(g, 1), *db = nn_grad(g, 2);
    float *dv = nn_scratch(g->tape, dw ? nn_numel(w) : 0);
    nn_derived_values v = { .x = NULL };

    if (!dv || (dx && !(v = ordered(g->tape, c, w)).x))
        return;
    if (dw)
        memset(dv, 0, (size_t)nn_numel(w) * sizeof *dv);
    for (int u = 0; u < x->seqs->n; u++) {
        int64_t from = y->seqs->begin[u], rows = y->seqs->begin[u + 1] - from, at = x->seqs->begin[u] * c->in;
        const float *dy = y->dx + from * c->out;

        if (dx && rows)
            input_gradient(c, dx + at, dy, rows, v.x);
        if (dw && rows)
            weight_gradient(c, dv, dy, rows, x->x + at);
    }
    nn_derive_done(v);
    if (dw)
        add_channels_before_taps(c, dv, dw);
    if (db)
        nn_add_column_sums(g->tape, db, y->dx, y->rows, c->out);
}

/* ---- the operator ----------------------------------------------------------------------------------------------- */

static double flop(const nn_node *g) { return 2.0 * (double)g->out->rows * (double)nn_numel(g->in[1]); }

static nn_tensor *sample(nn_tape *t, nn_sampler *s)
{
    int k = s->plain ? 3 : 1 + nn_sample_below(s, 4), stride = s->plain ? 2 : 1 + nn_sample_below(s, 3);
    nn_tensor *x = nn_sample_rows(t, s, s->model), *w = nn_sample_matrix(t, s, s->model, s->model * k);

    return nn_conv1d(t, x, w, nn_sample_below(s, 2) ? nn_sample_matrix(t, s, 1, s->model) : NULL, k, stride);
}

const nn_op nn_op_conv1d = { .name = "conv1d", .backward = backward, .sample = sample, .flop = flop,
    .keeps = NN_KEEPS(0) | NN_KEEPS(1) };

static const nn_seqs *frames_after(nn_tape *t, const conv *c, const nn_seqs *before)
{
    nn_seqs *s = nn_tape_keep(t, sizeof *s);
    int64_t *begin = nn_tape_keep(t, (size_t)(before->n + 1) * sizeof *begin);

    if (!s || !begin)
        return NULL;
    begin[0] = 0;
    for (int u = 0; u < before->n; u++)
        begin[u + 1] = begin[u] + frames_of(c, before->begin[u + 1] - before->begin[u]);
    *s = (nn_seqs){ before->n, begin };
    return s;
}

nn_tensor *nn_conv1d(nn_tape *t, nn_tensor *x, nn_tensor *w, nn_tensor *b, int k, int stride)
{
    const nn_seqs *seqs;
    nn_node *g;
    conv *c;
    nn_derived_values v;

    if (!nn_ready(t, x, w))
        return NULL;
    if (!x->seqs || k < 1 || stride < 1 || (int64_t)w->cols != (int64_t)x->cols * k || (b && (b->rows != 1 || b->cols != w->rows)))
        return nn_tape_fail(t, BASE_SHAPE, "conv1d: x %s of %d columns, %d taps, stride %d, w [%lld][%d], b [%lld][%d]",
            x->seqs ? "utterances" : "loose rows", x->cols, k, stride, (long long)w->rows, w->cols,
            (long long)(b ? b->rows : 0), b ? b->cols : 0);
    conv size = { x->cols, (int)w->rows, k, stride, 0 };
    if (!(seqs = frames_after(t, &size, x->seqs)))
        return NULL;
    g = nn_record(t, &nn_op_conv1d, ((nn_shape){ seqs->begin[seqs->n], size.out, seqs }), x, w, b);
    if (g && (c = nn_node_data(g, sizeof *c))) {
        *c = size;
        c->hash = nn_hash_floats((uint64_t)k, w->x, nn_numel(w));
        if (!w->needs_grad)
            g->keeps &= ~NN_KEEPS(0);
        if ((v = ordered(t, c, w)).x)
            forward(c, g->out, x, v.x, b ? b->x : NULL);
        nn_derive_done(v);
    }
    return nn_result(g);
}
