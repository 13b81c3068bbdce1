/* The table of operators that tests and bench walk. */
#include "libnn/ops/op.h"

#define OP(name) extern const nn_op nn_op_##name;
#include "libnn/ops/ops.def"
#undef OP

#define OP(name) &nn_op_##name,
const nn_op *const nn_ops[] = {
#include "libnn/ops/ops.def"
};
#undef OP

const int nn_ops_count = (int)(sizeof nn_ops / sizeof *nn_ops);
