/* BERT (Devlin et al. 2019) as Hugging Face's BertModel and BertForMaskedLM compute it: post-norm, exact GELU.
 * Sentences are packed one after another; a token's position counts from its sentence's first. */
#include <stdlib.h>
#include <string.h>

#include "libnn/models/encoder.h"

static const nn_layer_names names = {
    .layer = "encoder.layer.%d", .qkv = "attention.self.{query,key,value}", .out = "attention.output.dense",
    .attention_norm = "attention.output.LayerNorm", .up = "intermediate.dense", .down = "output.dense",
    .norm = "output.LayerNorm",
};

struct nn_bert {
    nn_bert_config c;
    nn_words       words;
    nn_word_head   head;        /* bias NULL: none */
    nn_tensor     *out;         /* of the head: the word table, or a matrix of its own */
    nn_dense       pooler;      /* w NULL: none */
    nn_layer       layers[];
};

nn_bert *nn_bert_new(nn_params *p, const nn_bert_config *c, bool pooler)
{
    nn_bert *m = calloc(1, sizeof *m + (size_t)c->encoder.layers * sizeof m->layers[0]);

    if (!m)
        return NULL;
    m->c = *c;
    m->words = nn_words_add(p, c, NULL);
    for (int i = 0; i < c->encoder.layers; i++)
        m->layers[i] = nn_layer_add(p, &c->encoder, &names, i);
    if (pooler)
        m->pooler = nn_dense_add(p, "pooler.dense", c->encoder.width, c->encoder.width, c->encoder.init);
    return m;
}

void nn_bert_add_word_head(nn_params *p, nn_bert *m)
{
    const int64_t shape[] = { m->c.vocab_size, m->c.encoder.width };
    nn_init init = { NN_INIT_NORMAL, m->c.encoder.init };

    m->head = nn_word_head_add(p, &m->c);
    m->out = m->c.tied ? m->words.word : nn_params_add(p, init, "cls.predictions.decoder.weight", 2, shape);
}

nn_tensor *nn_bert_table(const nn_bert *m) { return m->words.word; }

nn_bert *nn_bert_bare(const nn_bert *m)
{
    size_t bytes = sizeof *m + (size_t)m->c.encoder.layers * sizeof m->layers[0];
    nn_bert *bare = malloc(bytes);

    if (!bare)
        return NULL;
    memcpy(bare, m, bytes);
    for (int i = 0; i < m->c.encoder.layers; i++) {
        bare->layers[i].adapter = bare->layers[i].attention_adapter = (nn_adapter){ 0 };
        bare->layers[i].lora = (nn_lora){ 0 };
    }
    return bare;
}

void nn_bert_free(nn_bert *m) { free(m); }

nn_tensor *nn_bert_embed(nn_tape *t, const nn_bert *m, const int *ids, const int *types, int n, const int64_t *begin)
{
    return nn_words_embed(t, &m->words, &m->c, ids, types, n, begin, -1);
}

nn_tensor *nn_bert_encode(nn_tape *t, const nn_bert *m, nn_tensor *x, int layer)
{
    const nn_encoder_config *c = &m->c.encoder;

    return nn_layers_apply(t, m->layers, layer < 0 || layer > c->layers ? c->layers : layer, c, &names, x);
}

nn_tensor *nn_bert_pool(nn_tape *t, const nn_bert *m, nn_tensor *states)
{
    const nn_seqs *seqs = states && !nn_tape_error(t) ? states->seqs : NULL;
    nn_tensor *x = seqs ? nn_gather_rows(t, states, seqs->begin, seqs->n) : NULL;

    if (!m->pooler.w || (states && !seqs))
        return nn_tape_fail(t, BASE_SHAPE, "pooler: %s", m->pooler.w ? "the states belong to no sentences" : "BERT has none");
    for (int u = 0; x && u < seqs->n; u++)
        if (seqs->begin[u] == seqs->begin[u + 1])
            return nn_tape_fail(t, BASE_SHAPE, "pooler: sentence %d has no words", u);
    return nn_tanh(t, nn_dense_apply(t, x, m->pooler));
}

nn_tensor *nn_bert_words(nn_tape *t, const nn_bert *m, nn_tensor *states)
{
    if (!m->head.bias)
        return nn_tape_fail(t, BASE_VALUE, "cls.predictions: BERT has no word head");
    return nn_word_head_apply(t, &m->head, &m->c, m->out, states);
}
