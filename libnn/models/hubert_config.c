/* config.json of Hugging Face's HuBERT -> nn_hubert_config. Keys that Serin does not know are ignored, missing ones take
 * HubertConfig's defaults; a value of the wrong type, out of range, or asking for what is not built is an error that
 * names the key. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "libnn/nn.h"

#define LIMIT ((size_t)1 << 20)     /* bytes of a config.json */

typedef struct reader {
    const json_t *root;
    const char   *path;
    base_error   *e;
} reader;

/* The member called key, NULL when it is absent or null. */
static const json_t *member(const reader *r, const char *key)
{
    const json_t *v = json_object_get(r->root, key);

    return json_is_null(v) ? NULL : v;
}

static void read_int(reader *r, const char *key, int *value, int least, int most)
{
    const json_t *v = member(r, key);

    if (!v)
        return;
    if (!json_is_integer(v) || json_integer_value(v) < least || json_integer_value(v) > most)
        base_fail(r->e, BASE_VALUE, "%s: \"%s\" must be an integer from %d to %d", r->path, key, least, most);
    else
        *value = (int)json_integer_value(v);
}

static void read_float(reader *r, const char *key, float *value, double least, double most)
{
    const json_t *v = member(r, key);

    if (!v)
        return;
    if (!json_is_number(v) || !(json_number_value(v) >= least && json_number_value(v) <= most))
        base_fail(r->e, BASE_VALUE, "%s: \"%s\" must be a number from %g to %g", r->path, key, least, most);
    else
        *value = (float)json_number_value(v);
}

static void read_bool(reader *r, const char *key, bool *value)
{
    const json_t *v = member(r, key);

    if (!v)
        return;
    if (!json_is_boolean(v))
        base_fail(r->e, BASE_VALUE, "%s: \"%s\" must be true or false", r->path, key);
    else
        *value = json_is_true(v);
}

/* Which of two words the key holds; the first when it is absent. */
static bool read_word(reader *r, const char *key, const char *no, const char *yes)
{
    const json_t *v = member(r, key);
    const char *word = json_string_value(v);

    if (v && (!word || (strcmp(word, no) && strcmp(word, yes))))
        base_fail(r->e, BASE_UNSUPPORTED, "%s: \"%s\" is %s; Serin knows \"%s\"%s%s%s", r->path, key, word ? word : "no text", no,
            strcmp(no, yes) ? " and \"" : "", strcmp(no, yes) ? yes : "", strcmp(no, yes) ? "\"" : "");
    return word && !strcmp(word, yes) && strcmp(no, yes);
}

/* A list of integers, 1 .. most each; sets *n. */
static void read_list(reader *r, const char *key, int *values, int *n, int most)
{
    const json_t *v = member(r, key);

    if (!v)
        return;
    if (!json_is_array(v) || json_array_size(v) < 1 || json_array_size(v) > 16) {
        base_fail(r->e, BASE_VALUE, "%s: \"%s\" must be a list of 1 to 16 integers", r->path, key);
        return;
    }
    *n = (int)json_array_size(v);
    for (int i = 0; i < *n; i++) {
        const json_t *x = json_array_get(v, (size_t)i);
        if (!json_is_integer(x) || json_integer_value(x) < 1 || json_integer_value(x) > most)
            base_fail(r->e, BASE_VALUE, "%s: entry %d of \"%s\" must be an integer from 1 to %d", r->path, i, key, most);
        else
            values[i] = (int)json_integer_value(x);
    }
}

static void read_convolutions(reader *r, nn_hubert_config *c)
{
    int n[3] = { c->n_conv, c->n_conv, c->n_conv };

    c->layer_norm_features = read_word(r, "feat_extract_norm", "group", "layer");
    read_bool(r, "conv_bias", &c->conv_bias);
    read_list(r, "conv_dim", c->conv_dim, &n[0], 1 << 16);
    read_list(r, "conv_kernel", c->conv_kernel, &n[1], 1 << 12);
    read_list(r, "conv_stride", c->conv_stride, &n[2], 1 << 12);
    if (n[0] != n[1] || n[0] != n[2])
        base_fail(r->e, BASE_MISMATCH, "%s: conv_dim has %d entries, conv_kernel %d, conv_stride %d", r->path, n[0], n[1], n[2]);
    c->n_conv = n[0];
}

static void read_encoder(reader *r, nn_encoder_config *c)
{
    read_int(r, "hidden_size", &c->width, 1, 1 << 16);
    read_int(r, "num_hidden_layers", &c->layers, 0, 1000);
    read_int(r, "num_attention_heads", &c->heads, 1, 1 << 12);
    read_int(r, "intermediate_size", &c->inner, 1, 1 << 18);
    read_bool(r, "do_stable_layer_norm", &c->pre_norm);
    read_float(r, "layer_norm_eps", &c->eps, 0.0, 1.0);
    read_float(r, "hidden_dropout", &c->dropout, 0.0, 0.99);
    read_float(r, "attention_dropout", &c->attention_dropout, 0.0, 0.99);
    read_float(r, "activation_dropout", &c->activation_dropout, 0.0, 0.99);
    read_float(r, "layerdrop", &c->layer_drop, 0.0, 1.0);
    read_float(r, "initializer_range", &c->init, 0.0, 10.0);
    if (c->width % c->heads)
        base_fail(r->e, BASE_VALUE, "%s: hidden_size %d is no multiple of num_attention_heads %d", r->path, c->width, c->heads);
}

static void read_mask(reader *r, nn_mask_options *m)
{
    read_float(r, "mask_time_prob", &m->time_prob, 0.0, 1.0);
    read_int(r, "mask_time_length", &m->time_length, 1, 1 << 20);
    read_int(r, "mask_time_min_masks", &m->time_min, 0, 1 << 20);
    read_float(r, "mask_feature_prob", &m->feature_prob, 0.0, 1.0);
    read_int(r, "mask_feature_length", &m->feature_length, 1, 1 << 20);
    read_int(r, "mask_feature_min_masks", &m->feature_min, 0, 1 << 20);
}

static void read_front_end(reader *r, nn_hubert_config *c)
{
    if (!read_word(r, "serin_front_end", "convolutions", "logmel"))
        return;
    c->mel_bins = 40;
    c->mel_stack = 1;
    read_int(r, "mel_bins", &c->mel_bins, 1, 1 << 10);
    read_int(r, "mel_stack", &c->mel_stack, 1, 1 << 6);
}

static void refuse(reader *r, const char *key)
{
    if (json_is_true(member(r, key)) || json_is_number(member(r, key)))
        base_fail(r->e, BASE_UNSUPPORTED, "%s: \"%s\" is not built into Serin", r->path, key);
}

static void read_all(reader *r, nn_hubert_config *c)
{
    read_encoder(r, &c->encoder);
    read_convolutions(r, c);
    read_front_end(r, c);
    read_mask(r, &c->mask);
    read_bool(r, "apply_spec_augment", &c->spec_augment);
    read_bool(r, "feat_proj_layer_norm", &c->project_norm);
    read_float(r, "feat_proj_dropout", &c->project_dropout, 0.0, 0.99);
    read_float(r, "final_dropout", &c->final_dropout, 0.0, 0.99);
    read_int(r, "num_conv_pos_embeddings", &c->pos_kernel, 1, 1 << 12);
    read_int(r, "num_conv_pos_embedding_groups", &c->pos_groups, 1, 1 << 12);
    read_int(r, "vocab_size", &c->vocab_size, 1, 1 << 24);
    read_int(r, "pad_token_id", &c->pad_id, 0, 1 << 24);
    read_word(r, "hidden_act", "gelu", "gelu");
    read_word(r, "feat_extract_activation", "gelu", "gelu");
    refuse(r, "conv_pos_batch_norm");
    refuse(r, "adapter_attn_dim");
    if (c->encoder.width % c->pos_groups)
        base_fail(r->e, BASE_VALUE, "%s: hidden_size %d is no multiple of num_conv_pos_embedding_groups %d", r->path,
            c->encoder.width, c->pos_groups);
}

base_status nn_hubert_config_read(nn_hubert_config *c, const char *path, base_error *e)
{
    base_error own = BASE_ERROR_INIT;
    json_error_t at;
    char *text = NULL;
    size_t size = 0;
    json_t *root;

    *c = (nn_hubert_config){
        .encoder = { .width = 768, .layers = 12, .heads = 12, .inner = 3072, .eps = 1e-5f, .dropout = 0.1f,
            .attention_dropout = 0.1f, .activation_dropout = 0.1f, .layer_drop = 0.1f, .init = 0.02f },
        .project_norm = true, .n_conv = 7, .conv_dim = { 512, 512, 512, 512, 512, 512, 512 },
        .conv_kernel = { 10, 3, 3, 3, 3, 2, 2 }, .conv_stride = { 5, 2, 2, 2, 2, 2, 2 }, .final_dropout = 0.1f,
        .pos_kernel = 128, .pos_groups = 16, .spec_augment = true, .mask = { 0.05f, 10, 2, 0.0f, 10, 0 }, .vocab_size = 32,
    };
    if (base_read_file(path, LIMIT, &text, &size, &own))
        return base_fail(e, own.status, "%s", own.text);
    root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &at);
    free(text);
    if (!root)
        return base_fail(e, BASE_FORMAT, "%s:%d: %s", path, at.line, at.text);
    reader r = { root, path, &own };
    if (json_is_object(root))
        read_all(&r, c);
    else
        base_fail(&own, BASE_FORMAT, "%s: a configuration is an object { … }", path);
    json_decref(root);
    return own.status ? base_fail(e, own.status, "%s", own.text) : BASE_OK;
}
