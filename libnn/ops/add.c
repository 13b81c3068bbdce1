/* add: y = a + b; b of one row is added to every row. Keeps nothing: the gradient of a is y's own, handed over, that of
 * b the same or its column sums. */
#include "libnn/ops/affine.h"
#include "libnn/ops/columns.h"
#include "libnn/ops/row.h"

BASE_CLONES static void forward(nn_tensor *y, const float *a, const nn_tensor *b)
{
    int64_t step = b->rows == y->rows ? y->cols : 0;
    int n = y->cols;

    base_parallel_for(y->rows, row_grain(n), r, end)
        for (; r < end; r++)
            for (int i = 0; i < n; i++)
                y->x[r * n + i] = a[r * n + i] + b->x[r * step + i];
}

static void backward(nn_node *g)
{
    const nn_tensor *y = g->out;
    bool add;
    float *dx;

    if (g->in[1]->rows != y->rows) {
        if ((dx = nn_grad(g, 1)))
            nn_add_column_sums(g->tape, dx, y->dx, y->rows, y->cols);
    } else if ((dx = nn_grad_fresh(g, 1, &add))) {
        nn_accumulate(dx, add, 1.0f, y->dx, nn_numel(y));
    }
    if (!nn_grad_pass(g, 0) && (dx = nn_grad_fresh(g, 0, &add)))
        nn_accumulate(dx, add, 1.0f, y->dx, nn_numel(y));
}

static nn_tensor *sample(nn_tape *t, nn_sampler *s)
{
    nn_tensor *a = nn_sample_rows(t, s, s->inner);

    switch (nn_sample_below(s, 3)) {
    case 0: return nn_add(t, a, a);
    case 1: return nn_add(t, a, nn_sample_rows(t, s, s->inner));
    default: return nn_add(t, a, nn_sample_matrix(t, s, 1, s->inner));
    }
}

const nn_op nn_op_add = { .name = "add", .backward = backward, .sample = sample, .keeps = NN_KEEPS_NOTHING };

nn_tensor *nn_add(nn_tape *t, nn_tensor *a, nn_tensor *b)
{
    nn_node *g;

    if (!nn_ready(t, a, b))
        return NULL;
    if ((b->rows != 1 && b->rows != a->rows) || b->cols != a->cols)
        return nn_tape_fail(t, BASE_SHAPE, "add: [%lld][%d] to [%lld][%d]", (long long)b->rows, b->cols,
            (long long)a->rows, a->cols);
    g = nn_record(t, &nn_op_add, nn_like(a), a, b);
    if (g)
        forward(g->out, a->x, b);
    return nn_result(g);
}
