/* embedding: row i of y is row ids[i] of the table, or, without ids, the row of i's place in its utterance; what backward
 * does, and costs, is in gather.c. */
#include "libnn/ops/gather.h"

static nn_tensor *sample(nn_tape *t, nn_sampler *s)
{
    nn_tensor *table = nn_sample_matrix(t, s, s->vocab, s->model);
    int64_t rows = s->text_begin[s->n];
    const int *ids = nn_sample_below(s, 3) ? nn_sample_text_ints(t, s, s->vocab) : NULL;

    return nn_embedding(t, table, ids, rows, s->n, s->text_begin);
}

const nn_op nn_op_embedding = { .name = "embedding", .backward = nn_gather_backward, .sample = sample,
    .keeps = NN_KEEPS_NOTHING };

/* The row numbers; NULL: the tape has an error. */
static int64_t *find_rows(nn_tape *t, const nn_tensor *table, const int *ids, int64_t rows, const nn_seqs *seqs)
{
    int64_t *index = nn_tape_keep(t, (size_t)rows * sizeof *index);

    for (int64_t i = 0, u = 0; index && i < rows; i++) {
        while (!ids && seqs->begin[u + 1] <= i)
            u++;
        index[i] = ids ? ids[i] : i - seqs->begin[u];
        if (index[i] < 0 || index[i] >= table->rows)
            return nn_tape_fail(t, BASE_VALUE, "embedding: %s %lld at row %lld, the table \"%s\" has %lld rows",
                ids ? "id" : "position", (long long)index[i], (long long)i, table->name ? table->name : "",
                (long long)table->rows), NULL;
    }
    return index;
}

nn_tensor *nn_embedding(nn_tape *t, nn_tensor *table, const int *ids, int64_t rows, int n, const int64_t *begin)
{
    const nn_seqs *seqs = NULL;
    int64_t *index;

    if (!nn_ready(t, table))
        return NULL;
    if (rows < 0 || (!begin && n) || (!begin && !ids && rows))
        return nn_tape_fail(t, BASE_SHAPE, "embedding: %lld rows of %d utterances %s offsets and %s ids", (long long)rows, n,
            begin ? "with" : "without", ids ? "with" : "without");
    if (begin && !(seqs = nn_tape_keep_seqs(t, "embedding", rows, n, begin)))
        return NULL;
    index = find_rows(t, table, ids, rows, seqs);
    return index ? nn_gather(t, &nn_op_embedding, table, index, rows, seqs) : NULL;
}
