/* Copies and sums near the speed of memory, of blocks of columns and of whole arrays. */
#include "libnn/ops/columns.h"

#include "libnn/ops/row.h"

BASE_CLONES void nn_columns(float *y, int64_t ldy, bool add, const float *x, int64_t ldx, int64_t rows, int n)
{
    base_parallel_for(rows, row_grain(n), r, end)
        for (; r < end; r++)
            for (int i = 0; i < n; i++)
                y[r * ldy + i] = (add ? y[r * ldy + i] : 0.0f) + x[r * ldx + i];
}

BASE_CLONES void nn_accumulate(float *y, bool add, float a, const float *x, int64_t n)
{
    base_parallel_for(n, NN_BLOCK, i, end)
        for (; i < end; i++)
            y[i] = (add ? y[i] : 0.0f) + a * x[i];
}
