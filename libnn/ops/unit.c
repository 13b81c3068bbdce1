/* unit: y = x / n for each row, n = max(|x|, 1e-8), so that products of rows are cosines. Keeps its input;
 * dx = (dy - y (y.dy)) / n, and below the bound, where n is constant, dx = dy / n. */
#include "libnn/ops/row.h"

#define SMALLEST 1e-8f

BASE_CLONES static void forward(float *y, const float *x, int64_t rows, int n)
{
    base_parallel_for(rows, row_grain(n), r, end)
        for (; r < end; r++) {
            float norm = sqrtf(row_dot(x + r * n, x + r * n, n)), scale = 1.0f / (norm < SMALLEST ? SMALLEST : norm);

            for (int64_t i = r * n; i < (r + 1) * n; i++)
                y[i] = scale * x[i];
        }
}

BASE_CLONES static void slope(float *dx, bool add, const float *x, const float *dy, int64_t rows, int n)
{
    base_parallel_for(rows, row_grain(n), r, end)
        for (; r < end; r++) {
            float norm = sqrtf(row_dot(x + r * n, x + r * n, n)), scale = 1.0f / (norm < SMALLEST ? SMALLEST : norm);
            float along = norm < SMALLEST ? 0.0f : scale * scale * row_dot(x + r * n, dy + r * n, n);

            for (int64_t i = r * n; i < (r + 1) * n; i++)
                dx[i] = (add ? dx[i] : 0.0f) + scale * (dy[i] - along * x[i]);
        }
}

static void backward(nn_node *g)
{
    bool add;
    float *dx = nn_grad_fresh(g, 0, &add);

    if (dx)
        slope(dx, add, g->in[0]->x, g->out->dx, g->out->rows, g->out->cols);
}

static nn_tensor *sample(nn_tape *t, nn_sampler *s) { return nn_unit(t, nn_sample_rows(t, s, s->model)); }

const nn_op nn_op_unit = { .name = "unit", .backward = backward, .sample = sample, .keeps = NN_KEEPS_INPUT };

nn_tensor *nn_unit(nn_tape *t, nn_tensor *x)
{
    nn_node *g = nn_record(t, &nn_op_unit, nn_like(x), x);

    if (g)
        forward(g->out->x, x->x, x->rows, x->cols);
    return nn_result(g);
}
