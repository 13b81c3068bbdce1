/* x w' + b: one matrix product; the bias is written first and the product added to it. */
#include "libnn/ops/affine.h"

#include <limits.h>
#include <string.h>

bool nn_affine_fits(nn_tape *t, const char *op, nn_tensor *x, nn_tensor *w, nn_tensor *b)
{
    if (!nn_ready(t, x, w))
        return false;
    if (x->rows > INT_MAX || w->rows > INT_MAX)
        nn_tape_fail(t, BASE_LIMIT, "%s: x is [%lld][%d], w [%lld][%d]: at most %d rows", op, (long long)x->rows, x->cols,
            (long long)w->rows, w->cols, INT_MAX);
    else if (x->cols != w->cols)
        nn_tape_fail(t, BASE_SHAPE, "%s: x is [%lld][%d], w \"%s\" [%lld][%d]: the columns differ", op,
            (long long)x->rows, x->cols, w->name ? w->name : "", (long long)w->rows, w->cols);
    else if (b && (b->rows != 1 || b->cols != w->rows))
        nn_tape_fail(t, BASE_SHAPE, "%s: w is [%lld][%d], b \"%s\" [%lld][%d] and not [1][%lld]", op, (long long)w->rows,
            w->cols, b->name ? b->name : "", (long long)b->rows, b->cols, (long long)w->rows);
    return !nn_tape_error(t);
}

void nn_affine(float *y, const nn_tensor *x, const nn_tensor *w, const nn_tensor *b)
{
    int64_t rows = x->rows, out = w->rows;

    if (b)
        base_parallel_for(rows, 64, i, end)
            for (; i < end; i++)
                memcpy(y + i * out, b->x, (size_t)out * sizeof *y);
    nn_gemm(false, true, rows, out, x->cols, 1.0f, x->x, x->cols, w->x, w->cols, b ? 1.0f : 0.0f, y, out);
}

#define SUM_ROWS 64     /* rows of a block: the order of additions does not depend on the threads */

BASE_CLONES static void block_sum(float *sum, const float *x, int64_t rows, int n)
{
    memset(sum, 0, (size_t)n * sizeof *sum);
    for (int64_t r = 0; r < rows; r++)
        for (int j = 0; j < n; j++)
            sum[j] += x[r * n + j];
}

BASE_CLONES static void add_blocks(float *out, const float *sums, int64_t blocks, int n)
{
    for (int j = 0; j < n; j++) {
        double total = 0.0;
        for (int64_t k = 0; k < blocks; k++)
            total += sums[k * n + j];
        out[j] += (float)total;
    }
}

void nn_add_column_sums(nn_tape *t, float *out, const float *x, int64_t rows, int n)
{
    int64_t blocks = base_blocks(rows, SUM_ROWS);
    float *sums = nn_scratch(t, blocks * n);

    if (!sums)
        return;
    base_parallel_for(rows, SUM_ROWS, r, end)
        block_sum(sums + r / SUM_ROWS * n, x + r * n, end - r, n);
    add_blocks(out, sums, blocks, n);
}

void nn_affine_backward(nn_node *g, const float *du)
{
    const nn_tensor *x = g->in[0], *w = g->in[1];
    int64_t rows = x->rows, out = w->rows;
    int in = x->cols;
    bool add_x = false, add_w = false;
    float *dx = nn_grad_fresh(g, 0, &add_x), *dw = nn_grad_fresh(g, 1, &add_w), *db = nn_grad(g, 2);

    if (dw)
        nn_gemm(true, false, out, in, rows, 1.0f, du, out, x->x, in, add_w ? 1.0f : 0.0f, dw, in);
    if (db)
        nn_add_column_sums(g->tape, db, du, rows, (int)out);
    if (dx)
        nn_gemm(false, false, rows, in, out, 1.0f, du, out, w->x, in, add_x ? 1.0f : 0.0f, dx, in);
}
