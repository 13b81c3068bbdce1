/* multiply: y = a b, element by element; b of one row multiplies every row. Keeps an input when the other one needs a
 * gradient: da = dy b, db = dy a, or its column sums. */
#include "libnn/ops/affine.h"
#include "libnn/ops/row.h"

/* y [rows][n] = a b, added to y when `add`; b has n or, for the same row again and again, 0 elements a step. */
BASE_CLONES static void product(float *y, bool add, const float *a, const float *b, int64_t step, int64_t rows, int n)
{
    base_parallel_for(rows, row_grain(n), r, end)
        for (; r < end; r++)
            for (int i = 0; i < n; i++)
                y[r * n + i] = (add ? y[r * n + i] : 0.0f) + a[r * n + i] * b[r * step + i];
}

static void add_column_products(nn_node *g, float *db, const float *a, const nn_tensor *y)
{
    float *products = nn_scratch(g->tape, nn_numel(y));

    if (!products)
        return;
    product(products, false, a, y->dx, y->cols, y->rows, y->cols);
    nn_add_column_sums(g->tape, db, products, y->rows, y->cols);
}

static void backward(nn_node *g)
{
    const nn_tensor *y = g->out, *a = g->in[0], *b = g->in[1];
    bool add, shared = b->rows != y->rows;
    float *dx;

    if ((dx = nn_grad_fresh(g, 0, &add)))
        product(dx, add, y->dx, b->x, shared ? 0 : y->cols, y->rows, y->cols);
    if (shared) {
        if ((dx = nn_grad(g, 1)))
            add_column_products(g, dx, a->x, y);
    } else if ((dx = nn_grad_fresh(g, 1, &add))) {
        product(dx, add, y->dx, a->x, y->cols, y->rows, y->cols);
    }
}

static nn_tensor *sample(nn_tape *t, nn_sampler *s)
{
    nn_tensor *a = nn_sample_rows(t, s, s->inner);

    switch (nn_sample_below(s, 3)) {
    case 0: return nn_multiply(t, a, a);
    case 1: return nn_multiply(t, a, nn_sample_rows(t, s, s->inner));
    default: return nn_multiply(t, a, nn_sample_matrix(t, s, 1, s->inner));
    }
}

const nn_op nn_op_multiply = { .name = "multiply", .backward = backward, .sample = sample,
    .keeps = NN_KEEPS(0) | NN_KEEPS(1) };

nn_tensor *nn_multiply(nn_tape *t, nn_tensor *a, nn_tensor *b)
{
    nn_node *g;

    if (!nn_ready(t, a, b))
        return NULL;
    if ((b->rows != 1 && b->rows != a->rows) || b->cols != a->cols)
        return nn_tape_fail(t, BASE_SHAPE, "multiply: [%lld][%d] by [%lld][%d]", (long long)a->rows, a->cols,
            (long long)b->rows, b->cols);
    g = nn_record(t, &nn_op_multiply, nn_like(a), a, b);
    if (g) {
        if (!b->needs_grad)
            g->keeps &= ~NN_KEEPS(0);
        if (!a->needs_grad)
            g->keeps &= ~NN_KEEPS(1);
        product(g->out->x, false, a->x, b->x, b->rows == a->rows ? a->cols : 0, a->rows, a->cols);
    }
    return nn_result(g);
}
