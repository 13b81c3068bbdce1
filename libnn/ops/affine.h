/* The product x w' + b and its gradients, shared by linear and linear_gelu. */
#ifndef SERIN_NN_AFFINE_H
#define SERIN_NN_AFFINE_H

#include "libnn/ops/op.h"

/* Checks shapes; sets the tape's error and returns false when they do not fit. op: the operator's name. */
bool nn_affine_fits(nn_tape *t, const char *op, nn_tensor *x, nn_tensor *w, nn_tensor *b);
/* y [rows][out] = x w' + b */
void nn_affine(float *y, const nn_tensor *x, const nn_tensor *w, const nn_tensor *b);
/* From du [rows][out], the gradient of the product, to those of inputs x, w and b = 0, 1 and 2 of g. */
void nn_affine_backward(nn_node *g, const float *du);

/* out [n] += the sum of x [rows][n] over its rows, in blocks of fixed size added in order. Uses the tape's scratch. */
void nn_add_column_sums(nn_tape *t, float *out, const float *x, int64_t rows, int n);

#endif
