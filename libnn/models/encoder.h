/* The blocks models are built of, between libnn/models and nobody else: dense layers, norms, Transformer layers,
 * words. */
#ifndef SERIN_NN_MODELS_ENCODER_H
#define SERIN_NN_MODELS_ENCODER_H

#include "libnn/nn.h"

typedef struct nn_dense { nn_tensor *w, *b; } nn_dense;
typedef struct nn_norm { nn_tensor *g, *b; } nn_norm;

/* Declare "<name>.weight" and "<name>.bias". Weights are drawn from N(0, std), biases are 0, gains 1. A dense layer's
 * name may hold "{q,k,v}": then `out` is each one's, and they make one product. */
nn_dense nn_dense_add(nn_params *p, const char *name, int in, int out, float std);
nn_norm  nn_norm_add(nn_params *p, const char *name, int width);

static inline nn_tensor *nn_dense_apply(nn_tape *t, nn_tensor *x, nn_dense d) { return nn_linear(t, x, d.w, d.b); }
static inline nn_tensor *nn_norm_apply(nn_tape *t, nn_tensor *x, nn_norm n, float eps) { return nn_layer_norm(t, x, n.g, n.b, eps); }

/* What a family of checkpoints calls the parts of a layer. */
typedef struct nn_layer_names {
    const char *layer;      /* "encoder.layers.%d" */
    const char *qkv, *out, *attention_norm, *up, *down, *norm;
} nn_layer_names;

/* h + W_up f(W_down h + b) + b (Houlsby et al. 2019): W_up and both biases begin at 0, so it begins as the identity. */
typedef struct nn_adapter { nn_dense down, up; } nn_adapter;

/* What queries, keys and values get added: alpha / rank B_i A_i x (Hu et al. 2021), B_i beginning at 0. */
typedef struct nn_lora { nn_tensor *a, *b[3]; } nn_lora;

typedef struct nn_layer {
    nn_dense   qkv, out, up, down;
    nn_norm    attention_norm, norm;
    nn_adapter attention_adapter, adapter;      /* down.w NULL: none */
    nn_lora    lora;                            /* a NULL: none */
} nn_layer;

nn_layer   nn_layer_add(nn_params *p, const nn_encoder_config *c, const nn_layer_names *names, int index);
nn_tensor *nn_layer_apply(nn_tape *t, const nn_layer *l, const nn_encoder_config *c, nn_tensor *x);

/* Layers 0 .. n - 1, with layer drop, trimming the tape after each. What comes before and after is the model's. */
nn_tensor *nn_layers_apply(nn_tape *t, const nn_layer *layers, int n, const nn_encoder_config *c, const nn_layer_names *names,
    nn_tensor *x);

/* BERT's embeddings, "embeddings.…". table: the word table of another model, which is shared; NULL: one of its own. */
typedef struct nn_words { nn_tensor *word, *position, *type; nn_norm norm; } nn_words;
nn_words   nn_words_add(nn_params *p, const nn_bert_config *c, nn_tensor *table);
/* place -1: a token's place is that in its sentence; else all of them have this one. types NULL: all 0. */
nn_tensor *nn_words_embed(nn_tape *t, const nn_words *w, const nn_bert_config *c, const int *ids, const int *types, int n,
    const int64_t *begin, int64_t place);

/* BERT's head, "cls.predictions.…": states -> logits of the words of the table. */
typedef struct nn_word_head { nn_tensor *bias; nn_dense transform; nn_norm norm; } nn_word_head;
nn_word_head nn_word_head_add(nn_params *p, const nn_bert_config *c);
nn_tensor   *nn_word_head_apply(nn_tape *t, const nn_word_head *h, const nn_bert_config *c, nn_tensor *table,
    nn_tensor *x);

#endif
