/* relu: y = max(x, 0); NaN stays NaN. Keeps its output, whose sign tells where the gradient passes. */
#include "libnn/ops/op.h"

BASE_CLONES static void forward(float *y, const float *x, int64_t n)
{
    base_parallel_for(n, NN_BLOCK, i, end)
        for (; i < end; i++)
            y[i] = x[i] < 0.0f ? 0.0f : x[i];
}

BASE_CLONES static void pass_positive(float *dx, bool add, const float *y, const float *dy, int64_t n)
{
    base_parallel_for(n, NN_BLOCK, i, end)
        for (; i < end; i++)
            dx[i] = (add ? dx[i] : 0.0f) + (y[i] <= 0.0f ? 0.0f : dy[i]);
}

static void backward(nn_node *g)
{
    bool add;
    float *dx = nn_grad_fresh(g, 0, &add);

    if (dx)
        pass_positive(dx, add, g->out->x, g->out->dx, nn_numel(g->out));
}

static nn_tensor *sample(nn_tape *t, nn_sampler *s)
{
    s->gap = 0.1f;      /* differences across the kink at 0 would say nothing */
    return nn_relu(t, nn_sample_rows(t, s, s->inner));
}

const nn_op nn_op_relu = { .name = "relu", .backward = backward, .sample = sample, .keeps = NN_KEEPS_OUTPUT };

nn_tensor *nn_relu(nn_tape *t, nn_tensor *x)
{
    nn_node *g = nn_record(t, &nn_op_relu, nn_like(x), x);

    if (g)
        forward(g->out->x, x->x, nn_numel(x));
    return nn_result(g);
}
