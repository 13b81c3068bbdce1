/* slice: columns begin .. end - 1 of every row. Keeps nothing. */
#include "libnn/ops/columns.h"

static void backward(nn_node *g)
{
    const nn_tensor *x = g->in[0], *y = g->out;
    const int *begin = g->data;
    float *dx = nn_grad(g, 0);

    if (dx)
        nn_columns(dx + *begin, x->cols, true, y->dx, y->cols, y->rows, y->cols);
}

static nn_tensor *sample(nn_tape *t, nn_sampler *s)
{
    nn_tensor *x = nn_sample_rows(t, s, s->inner);
    int begin = nn_sample_below(s, s->inner);

    return nn_slice(t, x, begin, begin + 1 + nn_sample_below(s, s->inner - begin));
}

const nn_op nn_op_slice = { .name = "slice", .backward = backward, .sample = sample, .keeps = NN_KEEPS_NOTHING };

nn_tensor *nn_slice(nn_tape *t, nn_tensor *x, int begin, int end)
{
    nn_node *g;
    int *kept;

    if (!nn_ready(t, x))
        return NULL;
    if (begin < 0 || begin >= end || end > x->cols)
        return nn_tape_fail(t, BASE_SHAPE, "slice: columns %d .. %d of [%lld][%d]", begin, end - 1, (long long)x->rows,
            x->cols);
    g = nn_record(t, &nn_op_slice, nn_like_cols(x, end - begin), x);
    if (g && (kept = nn_node_data(g, sizeof *kept))) {
        *kept = begin;
        nn_columns(g->out->x, end - begin, false, x->x + begin, x->cols, x->rows, end - begin);
    }
    return nn_result(g);
}
