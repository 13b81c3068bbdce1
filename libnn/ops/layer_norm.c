/* layer_norm: y = (x - mean) r g + b over each row, r = 1 / sqrt(var + eps), biased variance (Ba et al. 2016).
 * Backward, with n = (x - mean) r and h = dy g: dx = r (h - mean(h) - n mean(h n)), dg = sum of dy n, db = sum of dy.
 * Keeps its input, and mean and r of each row. */
#include <math.h>
#include <string.h>

#include "libnn/ops/op.h"

#define GRAIN 16        /* rows a thread takes at a time */
#define BLOCKS 64       /* sums over rows are added up in this many parts, in order */

typedef struct row_stats { float mean, r; } row_stats;

static inline float sum_of(const float *x, int n)
{
    float sum = 0.0f;

#pragma omp simd reduction(+ : sum)
    for (int i = 0; i < n; i++)
        sum += x[i];
    return sum;
}

static inline row_stats stats_of(const float *x, int n, float eps)
{
    float mean = sum_of(x, n) / (float)n, square = 0.0f;

#pragma omp simd reduction(+ : square)
    for (int i = 0; i < n; i++)
        square += (x[i] - mean) * (x[i] - mean);
    return (row_stats){ mean, 1.0f / sqrtf(square / (float)n + eps) };
}

BASE_CLONES static void forward(nn_tensor *y, const float *x, const float *g, const float *b, float eps, row_stats *stats)
{
    int n = y->cols;

    base_parallel_for(y->rows, GRAIN, row, end)
        for (; row < end; row++) {
            const float *xi = x + row * n;
            float *yi = y->x + row * n;
            row_stats s = stats_of(xi, n, eps);

            stats[row] = s;
            for (int i = 0; i < n; i++)
                yi[i] = (xi[i] - s.mean) * s.r * g[i] + b[i];
        }
}

/* dx of one row; add: to what is there. */
static inline void input_gradient(float *dx, bool add, const float *x, const float *dy, const float *g, int n, row_stats s)
{
    float sum = 0.0f, product = 0.0f;

#pragma omp simd reduction(+ : sum, product)
    for (int i = 0; i < n; i++) {
        float h = dy[i] * g[i];
        sum += h;
        product += h * ((x[i] - s.mean) * s.r);
    }
    sum /= (float)n;
    product /= (float)n;
    for (int i = 0; i < n; i++) {
        float d = s.r * (dy[i] * g[i] - sum - (x[i] - s.mean) * s.r * product);
        dx[i] = add ? dx[i] + d : d;
    }
}

/* part [2 n]: dg and db of some rows. */
static inline void add_parameter_gradients(float *restrict part, const float *x, const float *dy, int n, row_stats s)
{
    for (int i = 0; i < n; i++) {
        part[i] += dy[i] * ((x[i] - s.mean) * s.r);
        part[n + i] += dy[i];
    }
}

/* parts [BLOCKS][2 n]; NULL: no gradients of parameters. */
BASE_CLONES static void backward_rows(const nn_node *node, float *dx, bool add, float *parts)
{
    const float *x = node->in[0]->x, *g = node->in[1]->x, *dy = node->out->dx;
    const row_stats *stats = (const row_stats *)node->saved;
    int64_t rows = node->out->rows, grain = base_max_i64(base_blocks(rows, BLOCKS), GRAIN);
    int n = node->out->cols;

    base_parallel_for(rows, grain, row, end) {
        float *part = parts ? parts + row / grain * 2 * n : NULL;

        if (part)
            memset(part, 0, 2 * (size_t)n * sizeof *part);
        for (; row < end; row++) {
            if (part)
                add_parameter_gradients(part, x + row * n, dy + row * n, n, stats[row]);
            if (dx)
                input_gradient(dx + row * n, add, x + row * n, dy + row * n, g, n, stats[row]);
        }
    }
}

static void add_parts(float *d, const float *parts, int64_t blocks, int n)
{
    for (int i = 0; d && i < n; i++) {
        double sum = 0.0;

        for (int64_t b = 0; b < blocks; b++)
            sum += parts[b * 2 * n + i];
        d[i] += (float)sum;
    }
}

static void backward(nn_node *g)
{
    bool add = false;
    float *dx = nn_grad_fresh(g, 0, &add), *dg = nn_grad(g, 1), *db = nn_grad(g, 2), *parts = NULL;
    int64_t rows = g->out->rows, blocks = base_blocks(rows, base_max_i64(base_blocks(rows, BLOCKS), GRAIN));
    int n = g->out->cols;

    if ((dg || db) && !(parts = nn_scratch(g->tape, blocks * 2 * n)))
        return;
    backward_rows(g, dx, add, parts);
    add_parts(dg, parts, blocks, n);
    add_parts(db, parts + n, blocks, n);
}

static nn_tensor *sample(nn_tape *t, nn_sampler *s)
{
    nn_tensor *x = nn_sample_rows(t, s, s->model), *g = nn_sample_matrix(t, s, 1, s->model);

    return nn_layer_norm(t, x, g, nn_sample_matrix(t, s, 1, s->model), 1e-5f);
}

const nn_op nn_op_layer_norm = { .name = "layer_norm", .backward = backward, .sample = sample, .keeps = NN_KEEPS(0) };

nn_tensor *nn_layer_norm(nn_tape *t, nn_tensor *x, nn_tensor *g, nn_tensor *b, float eps)
{
    nn_node *node;
    float *stats;

    if (!nn_ready(t, x, g, b))
        return NULL;
    if (g->rows != 1 || b->rows != 1 || g->cols != x->cols || b->cols != x->cols)
        return nn_tape_fail(t, BASE_SHAPE, "layer_norm: %d columns of input, gain [%lld][%d], bias [%lld][%d]", x->cols,
            (long long)g->rows, g->cols, (long long)b->rows, b->cols);
    node = nn_record(t, &nn_op_layer_norm, nn_like(x), x, g, b);
    if (node && (stats = nn_node_save(node, 2 * x->rows)))
        forward(node->out, x->x, g->x, b->x, eps, (row_stats *)stats);
    return nn_result(node);
}
