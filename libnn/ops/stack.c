/* stack: the rows of a, then the rows of b. Keeps nothing. */
#include "libnn/ops/columns.h"

static void backward(nn_node *g)
{
    const float *dy = g->out->dx;

    for (int i = 0; i < 2; i++) {
        int64_t n = nn_numel(g->in[i]);
        bool add;
        float *dx = nn_grad_fresh(g, i, &add);

        if (dx)
            nn_accumulate(dx, add, 1.0f, dy, n);
        dy += n;
    }
}

static nn_tensor *sample(nn_tape *t, nn_sampler *s)
{
    nn_tensor *a = nn_sample_rows(t, s, s->model);

    return nn_stack(t, a, nn_sample_below(s, 3) ? nn_sample_matrix(t, s, s->n, s->model) : a);
}

const nn_op nn_op_stack = { .name = "stack", .backward = backward, .sample = sample, .keeps = NN_KEEPS_NOTHING };

nn_tensor *nn_stack(nn_tape *t, nn_tensor *a, nn_tensor *b)
{
    nn_node *g;

    if (!nn_ready(t, a, b))
        return NULL;
    if (a->cols != b->cols)
        return nn_tape_fail(t, BASE_SHAPE, "stack: [%lld][%d] on [%lld][%d]", (long long)a->rows, a->cols,
            (long long)b->rows, b->cols);
    g = nn_record(t, &nn_op_stack, ((nn_shape){ a->rows + b->rows, a->cols, NULL }), a, b);
    if (g) {
        nn_accumulate(g->out->x, false, 1.0f, a->x, nn_numel(a));
        nn_accumulate(g->out->x + nn_numel(a), false, 1.0f, b->x, nn_numel(b));
    }
    return nn_result(g);
}
