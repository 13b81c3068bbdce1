/* log_softmax: y = x - max - ln sum exp(x - max) over each row. Keeps its output: dx = dy - exp(y) sum dy. */
#include "libnn/ops/row.h"

BASE_CLONES static void forward(float *y, const float *x, int64_t rows, int n)
{
    base_parallel_for(rows, row_grain(n), r, end)
        for (; r < end; r++) {
            row_norm k = row_norm_of(x + r * n, n);

            for (int64_t i = r * n; i < (r + 1) * n; i++)
                y[i] = row_log_p(k, x[i]);
        }
}

BASE_CLONES static void slope(float *dx, bool add, const float *y, const float *dy, int64_t rows, int n)
{
    base_parallel_for(rows, row_grain(n), r, end)
        for (; r < end; r++) {
            float sum = row_sum(dy + r * n, n);

            for (int64_t i = r * n; i < (r + 1) * n; i++)
                dx[i] = (add ? dx[i] : 0.0f) + dy[i] - vm_exp(y[i]) * sum;
        }
}

static void backward(nn_node *g)
{
    bool add;
    float *dx = nn_grad_fresh(g, 0, &add);

    if (dx)
        slope(dx, add, g->out->x, g->out->dx, g->out->rows, g->out->cols);
}

static nn_tensor *sample(nn_tape *t, nn_sampler *s) { return nn_log_softmax(t, nn_sample_rows(t, s, s->vocab)); }

const nn_op nn_op_log_softmax = { .name = "log_softmax", .backward = backward, .sample = sample,
    .keeps = NN_KEEPS_OUTPUT };

nn_tensor *nn_log_softmax(nn_tape *t, nn_tensor *x)
{
    nn_node *g = nn_record(t, &nn_op_log_softmax, nn_like(x), x);

    if (g)
        forward(g->out->x, x->x, x->rows, x->cols);
    return nn_result(g);
}
