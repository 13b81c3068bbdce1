/* gather_rows: row i of y is row index[i] of x; what backward does, and costs, is in gather.c. */
#include "libnn/ops/gather.h"

static nn_tensor *sample(nn_tape *t, nn_sampler *s)
{
    nn_tensor *x = nn_sample_rows(t, s, s->model);
    int64_t count = x && x->rows ? x->rows + 2 : 0;
    int64_t *index = nn_tape_keep(t, (size_t)count * sizeof *index);

    for (int64_t i = 0; index && i < count; i++)
        index[i] = nn_sample_below(s, (int)x->rows);
    return nn_gather_rows(t, x, index, count);
}

const nn_op nn_op_gather_rows = { .name = "gather_rows", .backward = nn_gather_backward, .sample = sample,
    .keeps = NN_KEEPS_NOTHING };

nn_tensor *nn_gather_rows(nn_tape *t, nn_tensor *x, const int64_t *index, int64_t rows)
{
    int64_t *kept;

    if (!nn_ready(t, x))
        return NULL;
    if (rows < 0 || (!index && rows))
        return nn_tape_fail(t, BASE_SHAPE, "gather_rows: %lld rows %s", (long long)rows, index ? "" : "without numbers");
    if (!(kept = nn_tape_keep(t, (size_t)rows * sizeof *kept)))
        return NULL;
    for (int64_t i = 0; i < rows; i++) {
        if (index[i] < 0 || index[i] >= x->rows)
            return nn_tape_fail(t, BASE_VALUE, "gather_rows: index %lld is %lld, the input has %lld rows", (long long)i,
                (long long)index[i], (long long)x->rows);
        kept[i] = index[i];
    }
    return nn_gather(t, &nn_op_gather_rows, x, kept, rows, NULL);
}
