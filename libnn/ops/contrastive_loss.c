/* contrastive_loss, eq. 15 of the paper: mean over i of -log softmax_j(cos(a_i, b_j) / temperature) at j = i, where j
 * runs over i itself and the rows whose `same` differs from i's. Norms are at least 1e-8. Saves unit rows u = x / |x|,
 * norms and softmax P: with dS = (P - 1) / (n temperature) the gradients of the unit rows are dS u_b and dS' u_a, and
 * that of x is (du - u (u.du)) / |x|. */
#include "libnn/ops/row.h"

#define SMALLEST 1e-8f

typedef struct options { float temperature; const int *same; } options;

/* What is saved. */
typedef struct parts {
    float *unit[2];     /* [n][C] of a and b */
    float *norm[2];     /* [n] */
    float *p;           /* [n][n] */
} parts;

static parts parts_of(float *block, int64_t n, int cols)
{
    float *norms = block + 2 * n * cols;

    return (parts){ { block, block + n * cols }, { norms, norms + n }, norms + 2 * n };
}

BASE_CLONES static void unit_rows(float *unit, float *norm, const float *x, int64_t rows, int n)
{
    for (int64_t r = 0; r < rows; r++) {
        float length = sqrtf(row_dot(x + r * n, x + r * n, n));

        norm[r] = length < SMALLEST ? SMALLEST : length;
        for (int64_t i = r * n; i < (r + 1) * n; i++)
            unit[i] = x[i] / norm[r];
    }
}

/* Cosines p [n][n] become softmax; returns the sum of the losses. */
static double softmax_rows(const options *o, float *p, int64_t n)
{
    double sum = 0.0;

    for (int64_t i = 0; i < n; i++) {
        float *s = p + i * n, own = s[i] / o->temperature;
        row_norm k;

        for (int64_t j = 0; j < n; j++)
            s[j] = o->same && j != i && o->same[i] == o->same[j] ? -INFINITY : s[j] / o->temperature;
        k = row_norm_of(s, (int)n);
        for (int64_t j = 0; j < n; j++)
            s[j] = vm_exp(row_log_p(k, s[j]));
        sum -= (double)row_log_p(k, own);
    }
    return sum;
}

/* From du, the gradient of the unit rows, to that of the rows. */
BASE_CLONES static void slope(float *dx, const float *du, const float *unit, const float *norm, int64_t rows, int n)
{
    for (int64_t r = 0; r < rows; r++) {
        float along = norm[r] > SMALLEST ? row_dot(unit + r * n, du + r * n, n) : 0.0f;

        for (int64_t i = r * n; i < (r + 1) * n; i++)
            dx[i] += (du[i] - unit[i] * along) / norm[r];
    }
}

static void backward(nn_node *g)
{
    const options *o = g->data;
    int64_t n = g->in[0]->rows;
    int cols = g->in[0]->cols;
    parts k = parts_of(g->saved, n, cols);
    float *du = nn_scratch(g->tape, n * cols), factor = g->out->dx[0] / ((float)n * o->temperature);

    if (!du || n == 0)
        return;
    for (int64_t i = 0; i < n; i++)
        k.p[i * n + i] -= 1.0f;
    for (int i = 0; i < 2; i++) {
        float *dx = nn_grad(g, i);

        if (!dx)
            continue;
        nn_gemm(i == 1, false, n, cols, n, factor, k.p, n, k.unit[1 - i], cols, 0.0f, du, cols);
        slope(dx, du, k.unit[i], k.norm[i], n, cols);
    }
}

static double flop(const nn_node *g) { return 2.0 * (double)g->in[0]->rows * (double)nn_numel(g->in[0]); }

static nn_tensor *sample(nn_tape *t, nn_sampler *s)
{
    nn_tensor *a = nn_sample_matrix(t, s, s->n, s->model), *b = nn_sample_matrix(t, s, s->n, s->model);
    const int *same = nn_sample_ints(t, s, s->n, 3);

    return nn_contrastive_loss(t, a, b, nn_sample_below(s, 2) ? 0.5f : 1.0f, nn_sample_below(s, 2) ? same : NULL);
}

const nn_op nn_op_contrastive_loss = { .name = "contrastive_loss", .backward = backward, .sample = sample, .flop = flop,
    .keeps = NN_KEEPS_NOTHING };

nn_tensor *nn_contrastive_loss(nn_tape *t, nn_tensor *a, nn_tensor *b, float temperature, const int *same)
{
    nn_node *g;
    options *o;
    parts k;
    int64_t n;
    int cols;

    if (!nn_ready(t, a, b))
        return NULL;
    n = a->rows;
    cols = a->cols;
    if (b->rows != n || b->cols != cols)
        return nn_tape_fail(t, BASE_SHAPE, "contrastive_loss: [%lld][%d] and [%lld][%d]", (long long)n, cols,
            (long long)b->rows, b->cols);
    if (!(temperature > 0.0f && temperature < INFINITY))
        return nn_tape_fail(t, BASE_VALUE, "contrastive_loss: temperature %g, it must be above 0", (double)temperature);
    g = nn_record(t, &nn_op_contrastive_loss, ((nn_shape){ 1, 1, NULL }), a, b);
    if (!g || !(o = nn_node_data(g, sizeof *o)) || !nn_node_save(g, 2 * n * (cols + 1) + n * n) ||
        (same && !(o->same = nn_tape_keep_ints(t, same, n))))
        return NULL;
    o->temperature = temperature;
    k = parts_of(g->saved, n, cols);
    unit_rows(k.unit[0], k.norm[0], a->x, n, cols);
    unit_rows(k.unit[1], k.norm[1], b->x, n, cols);
    nn_gemm(false, true, n, n, cols, 1.0f, k.unit[0], cols, k.unit[1], cols, 0.0f, k.p, n);
    g->out->x[0] = n ? (float)(softmax_rows(o, k.p, n) / (double)n) : 0.0f;
    return nn_result(g);
}
