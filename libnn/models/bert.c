/* BERT (Devlin et al. 2019) as Hugging Face's BertModel and BertForMaskedLM compute it: post-norm, exact GELU.
 * Sentences are packed one after another; a token's position counts from its sentence's first. */
#include <assert.h>
#include <stdlib.h>

#include "libnn/models/encoder.h"

static const nn_layer_names names = {
    .layer = "encoder.layer.%d", .qkv = "attention.self.{query,key,value}", .out = "attention.output.dense",
    .attention_norm = "attention.output.LayerNorm", .up = "intermediate.dense", .down = "output.dense",
    .norm = "output.LayerNorm",
};

struct nn_bert {
    nn_bert_config c;
    nn_tensor     *word, *position, *type;      /* tables */
    nn_norm        norm;
    nn_dense       pooler;                      /* w NULL: none */
    nn_dense       transform;                   /* of the masked-word head; w NULL: none */
    nn_norm        transform_norm;
    nn_tensor     *words, *word_bias;           /* words: the table, or a matrix of its own */
    nn_layer       layers[];
};

static nn_tensor *add_table(nn_params *p, const nn_bert_config *c, const char *name, int rows)
{
    const int64_t shape[] = { rows, c->encoder.width };

    return nn_params_add(p, (nn_init){ NN_INIT_NORMAL, c->encoder.init }, name, 2, shape);
}

nn_bert *nn_bert_new(nn_params *p, const nn_bert_config *c, bool pooler)
{
    int width = c->encoder.width;
    nn_bert *m = calloc(1, sizeof *m + (size_t)c->encoder.layers * sizeof m->layers[0]);

    if (!m)
        return NULL;
    m->c = *c;
    nn_params_push(p, "embeddings", 0);
    m->word = add_table(p, c, "word_embeddings.weight", c->vocab_size);
    m->position = add_table(p, c, "position_embeddings.weight", c->max_positions);
    m->type = add_table(p, c, "token_type_embeddings.weight", c->type_vocab_size);
    m->norm = nn_norm_add(p, "LayerNorm", width);
    nn_params_pop(p);
    for (int i = 0; i < c->encoder.layers; i++)
        m->layers[i] = nn_layer_add(p, &c->encoder, &names, i);
    if (pooler)
        m->pooler = nn_dense_add(p, "pooler.dense", width, width, c->encoder.init);
    return m;
}

void nn_bert_add_word_head(nn_params *p, nn_bert *m)
{
    nn_params_push(p, "cls.predictions", 0);
    m->words = m->c.tied ? m->word : add_table(p, &m->c, "decoder.weight", m->c.vocab_size);
    m->word_bias = nn_params_add(p, (nn_init){ NN_INIT_ZERO, 0 }, "bias", 1, (const int64_t[]){ m->c.vocab_size });
    m->transform = nn_dense_add(p, "transform.dense", m->c.encoder.width, m->c.encoder.width, m->c.encoder.init);
    m->transform_norm = nn_norm_add(p, "transform.LayerNorm", m->c.encoder.width);
    nn_params_pop(p);
}

void nn_bert_free(nn_bert *m) { free(m); }

nn_tensor *nn_bert_embed(nn_tape *t, const nn_bert *m, const int *ids, const int *types, int n, const int64_t *begin)
{
    static const int64_t first = 0;
    const nn_encoder_config *c = &m->c.encoder;
    nn_mark mark = nn_tape_mark(t);
    nn_tensor *x = nn_embedding(t, m->word, ids, begin[n], n, begin);

    if (types)
        x = nn_add(t, x, nn_embedding(t, m->type, types, begin[n], n, begin));
    else
        x = nn_add(t, x, nn_gather_rows(t, m->type, &first, 1));
    x = nn_add(t, x, nn_embedding(t, m->position, NULL, begin[n], n, begin));
    x = nn_norm_apply(t, x, m->norm, c->eps);
    return nn_tape_trim(t, mark, nn_dropout(t, x, c->dropout, "embeddings.dropout"));
}

nn_tensor *nn_bert_encode(nn_tape *t, const nn_bert *m, nn_tensor *x, int layer)
{
    const nn_encoder_config *c = &m->c.encoder;

    return nn_layers_apply(t, m->layers, layer < 0 || layer > c->layers ? c->layers : layer, c, &names, x);
}

nn_tensor *nn_bert_pool(nn_tape *t, const nn_bert *m, nn_tensor *states)
{
    const nn_seqs *seqs = states ? states->seqs : NULL;
    nn_tensor *x = seqs ? nn_gather_rows(t, states, seqs->begin, seqs->n) : NULL;

    assert(m->pooler.w && (!states || seqs));
    for (int u = 0; seqs && u < seqs->n; u++)
        assert(seqs->begin[u] < seqs->begin[u + 1]);
    return nn_tanh(t, nn_dense_apply(t, x, m->pooler));
}

nn_tensor *nn_bert_words(nn_tape *t, const nn_bert *m, nn_tensor *states)
{
    nn_tensor *x = nn_linear_gelu(t, states, m->transform.w, m->transform.b, 0.0f, "transform");

    assert(m->transform.w);
    return nn_linear(t, nn_norm_apply(t, x, m->transform_norm, m->c.encoder.eps), m->words, m->word_bias);
}
