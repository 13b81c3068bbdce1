/* Words in and words out, as BERT has them: embeddings of word, place and type, and the head whose output matrix is the
 * word table. */
#include "libnn/models/encoder.h"

static nn_tensor *add_table(nn_params *p, const nn_bert_config *c, const char *name, int rows)
{
    const int64_t shape[] = { rows, c->encoder.width };

    return nn_params_add(p, (nn_init){ NN_INIT_NORMAL, c->encoder.init }, name, 2, shape);
}

nn_words nn_words_add(nn_params *p, const nn_bert_config *c, nn_tensor *table)
{
    nn_words w;

    nn_params_push(p, "embeddings", 0);
    w.word = table ? table : add_table(p, c, "word_embeddings.weight", c->vocab_size);
    w.position = add_table(p, c, "position_embeddings.weight", c->max_positions);
    w.type = add_table(p, c, "token_type_embeddings.weight", c->type_vocab_size);
    w.norm = nn_norm_add(p, "LayerNorm", c->encoder.width);
    nn_params_pop(p);
    return w;
}

nn_tensor *nn_words_embed(nn_tape *t, const nn_words *w, const nn_bert_config *c, const int *ids, const int *types, int n,
    const int64_t *begin, int64_t place)
{
    static const int64_t first = 0;
    nn_mark mark = nn_tape_mark(t);
    int64_t rows = begin && n >= 0 ? begin[n] : 0;
    nn_tensor *x = begin && (ids || !rows) ? nn_embedding(t, w->word, ids, rows, n, begin)
                                           : nn_tape_fail(t, BASE_SHAPE, "%d sentences without words", n);

    if (types)
        x = nn_add(t, x, nn_embedding(t, w->type, types, rows, n, begin));
    else
        x = nn_add(t, x, nn_gather_rows(t, w->type, &first, 1));
    if (place < 0)
        x = nn_add(t, x, nn_embedding(t, w->position, NULL, rows, n, begin));
    else
        x = nn_add(t, x, nn_gather_rows(t, w->position, &place, 1));
    x = nn_norm_apply(t, x, w->norm, c->encoder.eps);
    return nn_tape_trim(t, mark, nn_dropout(t, x, c->encoder.dropout, "embeddings.dropout"));
}

nn_word_head nn_word_head_add(nn_params *p, const nn_bert_config *c)
{
    nn_word_head h;

    nn_params_push(p, "cls.predictions", 0);
    h.bias = nn_params_add(p, (nn_init){ NN_INIT_ZERO, 0 }, "bias", 1, (const int64_t[]){ c->vocab_size });
    h.transform = nn_dense_add(p, "transform.dense", c->encoder.width, c->encoder.width, c->encoder.init);
    h.norm = nn_norm_add(p, "transform.LayerNorm", c->encoder.width);
    nn_params_pop(p);
    return h;
}

nn_tensor *nn_word_head_apply(nn_tape *t, const nn_word_head *h, const nn_bert_config *c, nn_tensor *table,
    nn_tensor *x)
{
    x = nn_linear_gelu(t, x, h->transform.w, h->transform.b, 0.0f, "transform");
    return nn_linear(t, nn_norm_apply(t, x, h->norm, c->encoder.eps), table, h->bias);
}
