/* Blocks of columns, and sums of arrays: shared by add, concat, scale and slice. */
#ifndef SERIN_NN_COLUMNS_H
#define SERIN_NN_COLUMNS_H

#include "libnn/ops/op.h"

/* y [rows][n] with ldy columns a row = x with ldx columns a row; add: y += x. */
void nn_columns(float *y, int64_t ldy, bool add, const float *x, int64_t ldx, int64_t rows, int n);
/* y [n] = a x; add: y += a x. */
void nn_accumulate(float *y, bool add, float a, const float *x, int64_t n);

#endif
