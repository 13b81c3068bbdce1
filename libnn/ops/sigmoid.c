/* sigmoid: y = 1 / (1 + exp(-x)). Keeps its output: dx = dy y (1 - y). */
#include "libnn/ops/op.h"

BASE_CLONES static void forward(float *y, const float *x, int64_t n)
{
    base_parallel_for(n, NN_BLOCK, i, end)
        for (; i < end; i++)
            y[i] = vm_sigmoid(x[i]);
}

BASE_CLONES static void slope(float *dx, bool add, const float *y, const float *dy, int64_t n)
{
    base_parallel_for(n, NN_BLOCK, i, end)
        for (; i < end; i++)
            dx[i] = (add ? dx[i] : 0.0f) + dy[i] * y[i] * (1.0f - y[i]);
}

static void backward(nn_node *g)
{
    bool add;
    float *dx = nn_grad_fresh(g, 0, &add);

    if (dx)
        slope(dx, add, g->out->x, g->out->dx, nn_numel(g->out));
}

static nn_tensor *sample(nn_tape *t, nn_sampler *s) { return nn_sigmoid(t, nn_sample_rows(t, s, s->inner)); }

const nn_op nn_op_sigmoid = { .name = "sigmoid", .backward = backward, .sample = sample, .keeps = NN_KEEPS_OUTPUT };

nn_tensor *nn_sigmoid(nn_tape *t, nn_tensor *x)
{
    nn_node *g = nn_record(t, &nn_op_sigmoid, nn_like(x), x);

    if (g)
        forward(g->out->x, x->x, nn_numel(x));
    return nn_result(g);
}
