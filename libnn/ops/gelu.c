/* gelu: y = x P(x), P the normal distribution function (Hendrycks and Gimpel 2016, the exact form).
 * Keeps its input; P(x) is computed again in backward, which costs less than reading it back. */
#include "libnn/ops/op.h"

BASE_CLONES static void forward(float *y, const float *x, int64_t n)
{
    base_parallel_for(n, NN_BLOCK, i, end)
        for (; i < end; i++)
            y[i] = vm_gelu(x[i]);
}

BASE_CLONES static void add_slope(float *dx, const float *x, const float *dy, int64_t n)
{
    base_parallel_for(n, NN_BLOCK, i, end)
        for (; i < end; i++)
            dx[i] += dy[i] * vm_gelu_slope(x[i]);
}

static void backward(nn_node *g)
{
    float *dx = nn_grad(g, 0);

    if (dx)
        add_slope(dx, g->in[0]->x, g->out->dx, nn_numel(g->out));
}

static nn_tensor *sample(nn_tape *t, nn_sampler *s) { return nn_gelu(t, nn_sample_rows(t, s, s->inner)); }

const nn_op nn_op_gelu = { .name = "gelu", .backward = backward, .sample = sample, .keeps = NN_KEEPS_INPUT };

nn_tensor *nn_gelu(nn_tape *t, nn_tensor *x)
{
    nn_node *g = nn_record(t, &nn_op_gelu, nn_like(x), x);

    if (g)
        forward(g->out->x, x->x, nn_numel(x));
    return nn_result(g);
}
