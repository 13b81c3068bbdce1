/* softmax: y = exp(x - max) / sum exp(x - max) over each row. Keeps its output: dx = y (dy - sum dy y). */
#include "libnn/ops/row.h"

static inline void softmax_row(float *y, const float *x, int n)
{
    float most = row_max(x, n), sum = 0.0f;

#pragma omp simd reduction(+ : sum)
    for (int i = 0; i < n; i++) {
        y[i] = vm_exp(x[i] - most);
        sum += y[i];
    }
    sum = 1.0f / sum;
    for (int i = 0; i < n; i++)
        y[i] *= sum;
}

BASE_CLONES static void forward(float *y, const float *x, int64_t rows, int n)
{
    base_parallel_for(rows, row_grain(n), r, end)
        for (; r < end; r++)
            softmax_row(y + r * n, x + r * n, n);
}

BASE_CLONES static void slope(float *dx, bool add, const float *y, const float *dy, int64_t rows, int n)
{
    base_parallel_for(rows, row_grain(n), r, end)
        for (; r < end; r++) {
            float mean = row_dot(y + r * n, dy + r * n, n);

            for (int64_t i = r * n; i < (r + 1) * n; i++)
                dx[i] = (add ? dx[i] : 0.0f) + y[i] * (dy[i] - mean);
        }
}

static void backward(nn_node *g)
{
    bool add;
    float *dx = nn_grad_fresh(g, 0, &add);

    if (dx)
        slope(dx, add, g->out->x, g->out->dx, g->out->rows, g->out->cols);
}

static nn_tensor *sample(nn_tape *t, nn_sampler *s) { return nn_softmax(t, nn_sample_rows(t, s, s->vocab)); }

const nn_op nn_op_softmax = { .name = "softmax", .backward = backward, .sample = sample, .keeps = NN_KEEPS_OUTPUT };

nn_tensor *nn_softmax(nn_tape *t, nn_tensor *x)
{
    nn_node *g = nn_record(t, &nn_op_softmax, nn_like(x), x);

    if (g)
        forward(g->out->x, x->x, x->rows, x->cols);
    return nn_result(g);
}
