/* config.json of Hugging Face's HuBERT or wav2vec 2.0 -> nn_hubert_config. Keys that change nothing of what is computed are ignored
 * (docs/models.md lists them all), missing ones take HubertConfig's defaults; a value of the wrong type, out of range, or asking for what is not built is an error that
 * names the key. */
#include "libnn/models/config_json.h"

static void read_convolutions(nn_config_reader *r, nn_hubert_config *c)
{
    int n[4] = { c->n_conv, c->n_conv, c->n_conv };

    c->layer_norm_features = nn_config_word(r, "feat_extract_norm", "group", "layer");
    nn_config_bool(r, "conv_bias", &c->conv_bias);
    nn_config_list(r, "conv_dim", c->conv_dim, &n[0], 1 << 16);
    nn_config_list(r, "conv_kernel", c->conv_kernel, &n[1], 1 << 12);
    nn_config_list(r, "conv_stride", c->conv_stride, &n[2], 1 << 12);
    if (n[0] != n[1] || n[0] != n[2])
        base_fail(&r->error, BASE_MISMATCH, "%s: conv_dim has %d entries, conv_kernel %d, conv_stride %d", r->path, n[0], n[1], n[2]);
    c->n_conv = n[3] = n[0];
    nn_config_int(r, "num_feat_extract_layers", &n[3], 1, 16);
    if (n[3] != n[0])
        base_fail(&r->error, BASE_MISMATCH, "%s: num_feat_extract_layers is %d, but conv_dim has %d entries", r->path, n[3], n[0]);
}

static void read_encoder(nn_config_reader *r, nn_encoder_config *c)
{
    nn_config_int(r, "hidden_size", &c->width, 1, 1 << 16);
    nn_config_int(r, "num_hidden_layers", &c->layers, 0, 1000);
    nn_config_int(r, "num_attention_heads", &c->heads, 1, 1 << 12);
    nn_config_int(r, "intermediate_size", &c->inner, 1, 1 << 18);
    nn_config_bool(r, "do_stable_layer_norm", &c->pre_norm);
    nn_config_float(r, "layer_norm_eps", &c->eps, 0.0, 1.0);
    nn_config_float(r, "hidden_dropout", &c->dropout, 0.0, 0.99);
    nn_config_float(r, "attention_dropout", &c->attention_dropout, 0.0, 0.99);
    nn_config_float(r, "activation_dropout", &c->activation_dropout, 0.0, 0.99);
    nn_config_float(r, "layerdrop", &c->layer_drop, 0.0, 1.0);
    nn_config_float(r, "initializer_range", &c->init, 0.0, 10.0);
    nn_config_adapters(r, c);
    nn_config_divides(r, "hidden_size", c->width, "num_attention_heads", c->heads);
}

static void read_mask(nn_config_reader *r, nn_mask_options *m)
{
    nn_config_float(r, "mask_time_prob", &m->time_prob, 0.0, 1.0);
    nn_config_int(r, "mask_time_length", &m->time_length, 1, 1 << 20);
    nn_config_int(r, "mask_time_min_masks", &m->time_min, 0, 1 << 20);
    nn_config_float(r, "mask_feature_prob", &m->feature_prob, 0.0, 1.0);
    nn_config_int(r, "mask_feature_length", &m->feature_length, 1, 1 << 20);
    nn_config_int(r, "mask_feature_min_masks", &m->feature_min, 0, 1 << 20);
}

static void read_front_end(nn_config_reader *r, nn_hubert_config *c)
{
    if (!nn_config_word(r, "serin_front_end", "convolutions", "logmel"))
        return;
    c->mel_bins = 40;
    c->mel_stack = 1;
    nn_config_int(r, "mel_bins", &c->mel_bins, 1, 1 << 10);
    nn_config_int(r, "mel_stack", &c->mel_stack, 1, 1 << 6);
}

static void read_all(nn_config_reader *r, nn_hubert_config *c)
{
    static const char *const types[] = { "hubert", "wav2vec2", NULL };

    nn_config_one_of(r, "model_type", types);
    read_encoder(r, &c->encoder);
    read_convolutions(r, c);
    read_front_end(r, c);
    read_mask(r, &c->mask);
    nn_config_bool(r, "apply_spec_augment", &c->spec_augment);
    nn_config_bool(r, "feat_proj_layer_norm", &c->project_norm);
    nn_config_float(r, "feat_proj_dropout", &c->project_dropout, 0.0, 0.99);
    nn_config_float(r, "final_dropout", &c->final_dropout, 0.0, 0.99);
    nn_config_int(r, "num_conv_pos_embeddings", &c->pos_kernel, 1, 1 << 12);
    nn_config_int(r, "num_conv_pos_embedding_groups", &c->pos_groups, 1, 1 << 12);
    nn_config_int(r, "vocab_size", &c->vocab_size, 1, 1 << 24);
    nn_config_int(r, "pad_token_id", &c->pad_id, 0, 1 << 24);
    nn_config_word(r, "hidden_act", "gelu", "gelu");
    nn_config_word(r, "feat_extract_activation", "gelu", "gelu");
    nn_config_refuse(r, "conv_pos_batch_norm");
    nn_config_refuse(r, "adapter_attn_dim");
    nn_config_refuse(r, "add_adapter");
    nn_config_refuse(r, "pruned_heads");
    nn_config_refuse(r, "quantization_config");
    nn_config_divides(r, "hidden_size", c->encoder.width, "num_conv_pos_embedding_groups", c->pos_groups);
}

base_status nn_hubert_config_read(nn_hubert_config *c, const char *path, base_error *e)
{
    nn_config_reader r;

    *c = (nn_hubert_config){
        .encoder = { .width = 768, .layers = 12, .heads = 12, .inner = 3072, .eps = 1e-5f, .dropout = 0.1f,
            .attention_dropout = 0.1f, .activation_dropout = 0.1f, .layer_drop = 0.1f, .init = 0.02f },
        .project_norm = true, .n_conv = 7, .conv_dim = { 512, 512, 512, 512, 512, 512, 512 },
        .conv_kernel = { 10, 3, 3, 3, 3, 2, 2 }, .conv_stride = { 5, 2, 2, 2, 2, 2, 2 }, .final_dropout = 0.1f,
        .pos_kernel = 128, .pos_groups = 16, .spec_augment = true,
        .mask = { .time_prob = 0.05f, .time_length = 10, .time_min = 2, .feature_length = 10 }, .vocab_size = 32,
    };
    if (nn_config_open(&r, path))
        read_all(&r, c);
    return nn_config_close(&r, e);
}
