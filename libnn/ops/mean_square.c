/* mean_square: the mean of x^2 over all elements, [1][1]; 0 where there are none. Keeps its input: dx = 2 x dy / n. */
#include "libnn/ops/row.h"

static double forward(const float *x, int64_t rows, int n)
{
    double sum = 0.0;

    for (int64_t r = 0; r < rows; r++)
        sum += (double)row_dot(x + r * n, x + r * n, n);
    return sum;
}

BASE_CLONES static void slope(float *dx, bool add, const float *x, int64_t n, float factor)
{
    base_parallel_for(n, NN_BLOCK, i, end)
        for (; i < end; i++)
            dx[i] = (add ? dx[i] : 0.0f) + factor * x[i];
}

static void backward(nn_node *g)
{
    int64_t n = nn_numel(g->in[0]);
    bool add;
    float *dx = nn_grad_fresh(g, 0, &add);

    if (dx)
        slope(dx, add, g->in[0]->x, n, 2.0f * g->out->dx[0] / (float)n);
}

static nn_tensor *sample(nn_tape *t, nn_sampler *s) { return nn_mean_square(t, nn_sample_rows(t, s, s->model)); }

const nn_op nn_op_mean_square = { .name = "mean_square", .backward = backward, .sample = sample, .keeps = NN_KEEPS_INPUT };

nn_tensor *nn_mean_square(nn_tape *t, nn_tensor *x)
{
    nn_node *g = nn_ready(t, x) ? nn_record(t, &nn_op_mean_square, ((nn_shape){ 1, 1, NULL }), x) : NULL;

    if (g)
        g->out->x[0] = nn_numel(x) ? (float)(forward(x->x, x->rows, x->cols) / (double)nn_numel(x)) : 0.0f;
    return nn_result(g);
}
