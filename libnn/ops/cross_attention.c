/* cross_attention: the rows of an utterance in q attend to the rows of the same utterance in kv [rows'][2 C], keys and
 * values side by side. A row whose utterance has no keys gets 0. Kept: q, kv, the result, and a number per row and head. */
#include "libnn/ops/attention.h"

static void backward(nn_node *g)
{
    int64_t c = g->out->cols;
    bool add_q = false, add_kv = false;
    float *dq = nn_grad_fresh(g, 0, &add_q), *dkv = nn_grad_fresh(g, 1, &add_kv);

    nn_attention_backward(g, dq, add_q, dkv, dkv ? dkv + c : NULL, add_kv);
}

static nn_tensor *sample(nn_tape *t, nn_sampler *s)
{
    nn_tensor *q = nn_sample_rows(t, s, s->model);

    return nn_cross_attention(t, q, nn_sample_text_rows(t, s, 2 * s->model), s->heads, 0.1f, "sample");
}

const nn_op nn_op_cross_attention = { .name = "cross_attention", .backward = backward, .sample = sample,
    .flop = nn_attention_flop, .keeps = NN_KEEPS(0) | NN_KEEPS(1) | NN_KEEPS_OUTPUT, .random = true };

nn_tensor *nn_cross_attention(nn_tape *t, nn_tensor *q, nn_tensor *kv, int heads, float p, const char *site)
{
    if (!nn_ready(t, q, kv))
        return NULL;
    if (!q->seqs || !kv->seqs || q->seqs->n != kv->seqs->n)
        return nn_tape_fail(t, BASE_SHAPE, "cross_attention: queries of %d utterances, keys of %d",
            q->seqs ? q->seqs->n : 0, kv->seqs ? kv->seqs->n : 0);
    if (heads < 1 || q->cols % heads || kv->cols != 2 * q->cols || !(p >= 0.0f && p < 1.0f))
        return nn_tape_fail(t, BASE_SHAPE, "cross_attention: wants C columns of queries, a multiple of the heads, 2 C of keys "
            "and values, and 0 <= dropout < 1; found %d and %d columns, %d heads, dropout %g", q->cols, kv->cols, heads, (double)p);
    nn_attention a = { .q = q->x, .k = kv->x, .v = kv->x + q->cols, .ld_q = q->cols, .ld_kv = kv->cols,
        .queries = q->seqs, .keys = kv->seqs, .heads = heads, .width = q->cols / heads };
    return nn_attention_run(nn_record(t, &nn_op_cross_attention, nn_like(q), q, kv), &a, p, site);
}
