/* cosine: y = a.b / n for each pair of rows, n = max(|a| |b|, 1e-8). Keeps its inputs; with n = |a| |b|
 * da = dy (b / n - y a / |a|^2), db likewise; below the bound n is constant and da = dy b / n. */
#include "libnn/ops/row.h"

#define SMALLEST 1e-8f

typedef struct pair { float aa, bb, n, y; } pair;    /* squares of the norms, divisor, cosine */

static inline pair pair_of(const float *a, const float *b, int n)
{
    pair p = { .aa = row_dot(a, a, n), .bb = row_dot(b, b, n) };
    float norms = sqrtf(p.aa) * sqrtf(p.bb);

    p.n = norms < SMALLEST ? SMALLEST : norms;
    p.y = row_dot(a, b, n) / p.n;
    return p;
}

BASE_CLONES static void forward(float *y, const float *a, const float *b, int64_t rows, int n)
{
    base_parallel_for(rows, row_grain(n), r, end)
        for (; r < end; r++)
            y[r] = pair_of(a + r * n, b + r * n, n).y;
}

/* The gradient of a; with a and b exchanged, that of b. */
BASE_CLONES static void slope(float *da, bool add, const float *a, const float *b, const float *dy, int64_t rows, int n)
{
    base_parallel_for(rows, row_grain(n), r, end)
        for (; r < end; r++) {
            pair p = pair_of(a + r * n, b + r * n, n);
            float of_b = dy[r] / p.n, of_a = p.n > SMALLEST ? dy[r] * p.y / p.aa : 0.0f;

            for (int64_t i = r * n; i < (r + 1) * n; i++)
                da[i] = (add ? da[i] : 0.0f) + of_b * b[i] - of_a * a[i];
        }
}

static void backward(nn_node *g)
{
    const nn_tensor *a = g->in[0], *b = g->in[1];

    for (int i = 0; i < 2; i++) {
        bool add;
        float *dx = nn_grad_fresh(g, i, &add);

        if (dx)
            slope(dx, add, g->in[i]->x, i ? a->x : b->x, g->out->dx, a->rows, a->cols);
    }
}

static nn_tensor *sample(nn_tape *t, nn_sampler *s)
{
    nn_tensor *a = nn_sample_rows(t, s, s->model);

    return nn_cosine(t, a, nn_sample_rows(t, s, s->model));
}

const nn_op nn_op_cosine = { .name = "cosine", .backward = backward, .sample = sample,
    .keeps = NN_KEEPS(0) | NN_KEEPS(1) };

nn_tensor *nn_cosine(nn_tape *t, nn_tensor *a, nn_tensor *b)
{
    nn_node *g;

    if (!nn_ready(t, a, b))
        return NULL;
    if (a->rows != b->rows || a->cols != b->cols)
        return nn_tape_fail(t, BASE_SHAPE, "cosine: [%lld][%d] and [%lld][%d]", (long long)a->rows, a->cols,
            (long long)b->rows, b->cols);
    g = nn_record(t, &nn_op_cosine, nn_like_cols(a, 1), a, b);
    if (g)
        forward(g->out->x, a->x, b->x, a->rows, a->cols);
    return nn_result(g);
}
