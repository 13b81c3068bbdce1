/* Rows by number: shared by embedding and gather_rows. */
#ifndef SERIN_NN_GATHER_H
#define SERIN_NN_GATHER_H

#include "libnn/ops/op.h"

/* index [rows], from nn_tape_keep, stays behind the node; backward adds each row of dy to the row it came from. The
 * numbers must be in 0 .. x->rows - 1. */
nn_tensor *nn_gather(nn_tape *t, const nn_op *op, nn_tensor *x, int64_t *index, int64_t rows,
    const nn_seqs *seqs);
void nn_gather_backward(nn_node *g);

#endif
