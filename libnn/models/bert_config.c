/* config.json of Hugging Face's BERT -> nn_bert_config. */
#include "libnn/models/config_json.h"

static void read_all(nn_config_reader *r, nn_bert_config *c)
{
    static const char *const types[] = { "bert", NULL };
    nn_encoder_config *n = &c->encoder;

    nn_config_one_of(r, "model_type", types);
    nn_config_int(r, "hidden_size", &n->width, 1, 1 << 16);
    nn_config_int(r, "num_hidden_layers", &n->layers, 0, 1000);
    nn_config_int(r, "num_attention_heads", &n->heads, 1, 1 << 12);
    nn_config_int(r, "intermediate_size", &n->inner, 1, 1 << 18);
    nn_config_float(r, "layer_norm_eps", &n->eps, 0.0, 1.0);
    nn_config_float(r, "hidden_dropout_prob", &n->dropout, 0.0, 0.99);
    nn_config_float(r, "attention_probs_dropout_prob", &n->attention_dropout, 0.0, 0.99);
    nn_config_float(r, "initializer_range", &n->init, 0.0, 10.0);
    nn_config_int(r, "vocab_size", &c->vocab_size, 1, 1 << 24);
    nn_config_int(r, "max_position_embeddings", &c->max_positions, 1, 1 << 20);
    nn_config_int(r, "type_vocab_size", &c->type_vocab_size, 1, 1 << 10);
    nn_config_int(r, "pad_token_id", &c->pad_id, 0, 1 << 24);
    nn_config_bool(r, "tie_word_embeddings", &c->tied);
    nn_config_word(r, "hidden_act", "gelu", "gelu");
    nn_config_word(r, "position_embedding_type", "absolute", "absolute");
    nn_config_adapters(r, n);
    nn_config_refuse(r, "is_decoder");
    nn_config_refuse(r, "pruned_heads");
    nn_config_refuse(r, "quantization_config");
    nn_config_refuse(r, "add_cross_attention");
    nn_config_divides(r, "hidden_size", n->width, "num_attention_heads", n->heads);
}

base_status nn_bert_config_read(nn_bert_config *c, const char *path, base_error *e)
{
    nn_config_reader r;

    *c = (nn_bert_config){
        .encoder = { .width = 768, .layers = 12, .heads = 12, .inner = 3072, .eps = 1e-12f, .dropout = 0.1f,
            .attention_dropout = 0.1f, .init = 0.02f },
        .vocab_size = 30522, .max_positions = 512, .type_vocab_size = 2, .tied = true,
    };
    if (nn_config_open(&r, path))
        read_all(&r, c);
    return nn_config_close(&r, e);
}
