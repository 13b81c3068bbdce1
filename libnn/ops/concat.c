/* concat: the columns of a, then the columns of b, row by row. Keeps nothing. */
#include <limits.h>

#include "libnn/ops/columns.h"

static void backward(nn_node *g)
{
    const nn_tensor *y = g->out;
    int first = 0;

    for (int i = 0; i < 2; i++) {
        int n = g->in[i]->cols;
        bool add;
        float *dx = nn_grad_fresh(g, i, &add);

        if (dx)
            nn_columns(dx, n, add, y->dx + first, y->cols, y->rows, n);
        first += n;
    }
}

static nn_tensor *sample(nn_tape *t, nn_sampler *s)
{
    nn_tensor *a = nn_sample_rows(t, s, s->model);

    return nn_concat(t, a, nn_sample_below(s, 3) ? nn_sample_rows(t, s, s->inner) : a);
}

const nn_op nn_op_concat = { .name = "concat", .backward = backward, .sample = sample, .keeps = NN_KEEPS_NOTHING };

nn_tensor *nn_concat(nn_tape *t, nn_tensor *a, nn_tensor *b)
{
    nn_node *g;

    if (!nn_ready(t, a, b))
        return NULL;
    if (a->rows != b->rows || a->cols > INT_MAX - b->cols)
        return nn_tape_fail(t, BASE_SHAPE, "concat: [%lld][%d] beside [%lld][%d]", (long long)a->rows, a->cols,
            (long long)b->rows, b->cols);
    g = nn_record(t, &nn_op_concat, nn_like_cols(a, a->cols + b->cols), a, b);
    if (g) {
        nn_columns(g->out->x, g->out->cols, false, a->x, a->cols, a->rows, a->cols);
        nn_columns(g->out->x + a->cols, g->out->cols, false, b->x, b->cols, b->rows, b->cols);
    }
    return nn_result(g);
}
