/* scale: y = a x for a number a. Keeps nothing. */
#include "libnn/ops/columns.h"

static void backward(nn_node *g)
{
    const float *a = g->data;
    bool add;
    float *dx = nn_grad_fresh(g, 0, &add);

    if (dx)
        nn_accumulate(dx, add, *a, g->out->dx, nn_numel(g->out));
}

static nn_tensor *sample(nn_tape *t, nn_sampler *s)
{
    nn_tensor *x = nn_sample_rows(t, s, s->inner);

    return nn_scale(t, x, (float)nn_sample_below(s, 5) - 2.5f);
}

const nn_op nn_op_scale = { .name = "scale", .backward = backward, .sample = sample, .keeps = NN_KEEPS_NOTHING };

nn_tensor *nn_scale(nn_tape *t, nn_tensor *x, float a)
{
    nn_node *g = nn_record(t, &nn_op_scale, nn_like(x), x);
    float *kept;

    if (g && (kept = nn_node_data(g, sizeof *kept))) {
        *kept = a;
        nn_accumulate(g->out->x, false, a, x->x, nn_numel(x));
    }
    return nn_result(g);
}
