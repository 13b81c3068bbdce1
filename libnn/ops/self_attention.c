/* self_attention: every frame of an utterance attends to the frames of the same utterance, or to itself and those before
 * it (causal). qkv [rows][3 C] holds queries, keys and values side by side, as one product makes them; heads are column
 * blocks of each, read in place. Kept: qkv, the result, and a number per row and head. */
#include "libnn/ops/attention.h"

static void backward(nn_node *g)
{
    int64_t c = g->out->cols;
    bool add;
    float *d = nn_grad_fresh(g, 0, &add);

    if (d)
        nn_attention_backward(g, d, add, d + c, d + 2 * c, add);
}

static nn_tensor *sample(nn_tape *t, nn_sampler *s)
{
    nn_tensor *qkv = nn_sample_rows(t, s, 3 * s->model);

    return nn_self_attention(t, qkv, s->heads, !s->plain && nn_sample_below(s, 2), 0.1f, "sample");
}

const nn_op nn_op_self_attention = { .name = "self_attention", .backward = backward, .sample = sample,
    .flop = nn_attention_flop, .keeps = NN_KEEPS_INPUT | NN_KEEPS_OUTPUT, .random = true };

nn_tensor *nn_self_attention(nn_tape *t, nn_tensor *qkv, int heads, bool causal, float p, const char *site)
{
    int c;

    if (!nn_ready(t, qkv))
        return NULL;
    c = qkv->cols / 3;
    if (!qkv->seqs || heads < 1 || qkv->cols != 3 * c || c % heads || !(p >= 0.0f && p < 1.0f))
        return nn_tape_fail(t, BASE_SHAPE, "self_attention: wants utterances, 3 C columns with C a multiple of the heads, and "
            "0 <= dropout < 1; found %s, %d columns, %d heads, dropout %g", qkv->seqs ? "utterances" : "loose rows",
            qkv->cols, heads, (double)p);
    nn_attention a = { .q = qkv->x, .k = qkv->x + c, .v = qkv->x + 2 * c, .ld_q = qkv->cols, .ld_kv = qkv->cols,
        .queries = qkv->seqs, .keys = qkv->seqs, .heads = heads, .width = c / heads, .causal = causal };
    return nn_attention_run(nn_record(t, &nn_op_self_attention, nn_like_cols(qkv, c), qkv), &a, p, site);
}
