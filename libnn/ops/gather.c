/* Row i of y is row index[i] of x. Backward goes over all rows for a few columns at a time, so that threads never meet
 * and a row's gradients are added in order. Keeps nothing but the index. */
#include "libnn/ops/gather.h"

#include <string.h>

#include "libnn/ops/row.h"

#define COLUMNS 64      /* a thread's share in backward: four cache lines */

static void copy_rows(float *y, const float *x, const int64_t *index, int64_t rows, int n)
{
    base_parallel_for(rows, row_grain(n), r, end)
        for (; r < end; r++)
            memcpy(y + r * n, x + index[r] * n, (size_t)n * sizeof *y);
}

BASE_CLONES static void add_rows(float *dx, const float *dy, const int64_t *index, int64_t rows, int n)
{
    base_parallel_for(n, COLUMNS, column, end)
        for (int64_t r = 0; r < rows; r++) {
            float *to = dx + index[r] * n;
            const float *from = dy + r * n;

            for (int64_t i = column; i < end; i++)
                to[i] += from[i];
        }
}

void nn_gather_backward(nn_node *g)
{
    float *dx = nn_grad(g, 0);

    if (dx)
        add_rows(dx, g->out->dx, g->data, g->out->rows, g->out->cols);
}

nn_tensor *nn_gather(nn_tape *t, const nn_op *op, nn_tensor *x, int64_t *index, int64_t rows, const nn_seqs *seqs)
{
    nn_node *g = nn_record(t, op, ((nn_shape){ rows, x->cols, seqs }), x);

    if (g) {
        g->data = index;
        copy_rows(g->out->x, x->x, index, rows, x->cols);
    }
    return nn_result(g);
}
