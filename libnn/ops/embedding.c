/* embedding: row i of y is row ids[i] of the table; what backward does, and costs, is in gather.c. */
#include "libnn/ops/gather.h"

static nn_tensor *sample(nn_tape *t, nn_sampler *s)
{
    nn_tensor *table = nn_sample_matrix(t, s, s->vocab, s->model);
    const int *ids = nn_sample_text_ints(t, s, s->vocab);

    return nn_embedding(t, table, ids, s->text_begin[s->n], s->n, s->text_begin);
}

const nn_op nn_op_embedding = { .name = "embedding", .backward = nn_gather_backward, .sample = sample,
    .keeps = NN_KEEPS_NOTHING };

nn_tensor *nn_embedding(nn_tape *t, nn_tensor *table, const int *ids, int64_t rows, int n, const int64_t *begin)
{
    const nn_seqs *seqs = NULL;
    int64_t *kept;

    if (!nn_ready(t, table) || !(kept = nn_tape_keep(t, (size_t)rows * sizeof *kept)) ||
        (begin && !(seqs = nn_tape_keep_seqs(t, n, begin))))
        return NULL;
    if (seqs && (begin[0] != 0 || begin[n] != rows))
        return nn_tape_fail(t, BASE_SHAPE, "embedding: the utterances end at row %lld, there are %lld ids",
            (long long)begin[n], (long long)rows);
    for (int64_t i = 0; i < rows; i++) {
        if (ids[i] < 0 || ids[i] >= table->rows)
            return nn_tape_fail(t, BASE_VALUE, "embedding: id %d at position %lld, the table \"%s\" has %lld rows",
                ids[i], (long long)i, table->name ? table->name : "", (long long)table->rows);
        kept[i] = ids[i];
    }
    return nn_gather(t, &nn_op_embedding, table, kept, rows, seqs);
}
