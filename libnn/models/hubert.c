/* HuBERT (Hsu et al. 2021) as Hugging Face's HubertModel computes it, in both published variants, and with a log-mel
 * front end in place of the convolutions for small models trained from scratch. */
#include <math.h>
#include <stdlib.h>

#include "libnn/models/encoder.h"

#define CONV_EPS 1e-5f      /* of the norms between convolutions: PyTorch's default, whatever layer_norm_eps says */

static const nn_layer_names names = {
    .layer = "encoder.layers.%d", .qkv = "attention.{q,k,v}_proj", .out = "attention.out_proj",
    .attention_norm = "layer_norm", .up = "feed_forward.intermediate_dense", .down = "feed_forward.output_dense",
    .norm = "final_layer_norm",
};

typedef struct conv_layer {
    nn_tensor *w, *b;
    nn_norm    norm;        /* {NULL, NULL}: none */
} conv_layer;

struct nn_hubert {
    nn_hubert_config c;
    conv_layer       conv[16];
    nn_norm          project_norm;
    nn_dense         project;
    nn_tensor       *mask_embed;
    nn_tensor       *pos_v, *pos_g, *pos_b;
    nn_norm          norm;
    nn_layer         layers[];
};

/* ---- parameters ------------------------------------------------------------------------------------------------- */

static void add_convolution(nn_params *p, nn_hubert *m, int i)
{
    const nn_hubert_config *c = &m->c;
    int in = i ? c->conv_dim[i - 1] : 1, out = c->conv_dim[i], k = c->conv_kernel[i];
    float kaiming = sqrtf(2.0f / (float)(in * k));

    nn_params_push(p, "feature_extractor.conv_layers.%d", i);
    m->conv[i].w = nn_params_add(p, (nn_init){ NN_INIT_NORMAL, kaiming }, "conv.weight", 3, (const int64_t[]){ out, in, k });
    if (c->conv_bias)
        m->conv[i].b = nn_params_add(p, (nn_init){ NN_INIT_ZERO, 0 }, "conv.bias", 1, (const int64_t[]){ out });
    if (i == 0 || c->layer_norm_features)
        m->conv[i].norm = nn_norm_add(p, "layer_norm", out);
    nn_params_pop(p);
}

/* The gain begins as the norm that v has on average, so that the weights begin as v (fairseq's make_conv_pos). */
static void add_pos_conv(nn_params *p, nn_hubert *m)
{
    int64_t width = m->c.encoder.width, k = m->c.pos_kernel, in = width / m->c.pos_groups;
    float std = sqrtf(4.0f / (float)(k * width)), norm = std * sqrtf((float)(width * in));

    nn_params_push(p, "encoder.pos_conv_embed.conv", 0);
    m->pos_b = nn_params_add(p, (nn_init){ NN_INIT_ZERO, 0 }, "bias", 1, &width);
    m->pos_g = nn_params_add(p, (nn_init){ NN_INIT_CONSTANT, norm }, "weight_g", 3, (const int64_t[]){ 1, 1, k });
    m->pos_v = nn_params_add(p, (nn_init){ NN_INIT_NORMAL, std }, "weight_v", 3, (const int64_t[]){ width, in, k });
    nn_params_pop(p);
}

static int feature_columns(const nn_hubert_config *c)
{
    return c->mel_bins ? c->mel_bins * c->mel_stack : c->conv_dim[c->n_conv - 1];
}

nn_hubert *nn_hubert_new(nn_params *p, const nn_hubert_config *c)
{
    int width = c->encoder.width;
    nn_hubert *m = calloc(1, sizeof *m + (size_t)c->encoder.layers * sizeof m->layers[0]);

    if (!m)
        return NULL;
    m->c = *c;
    if (c->masked || c->mask.time_prob > 0.0f || c->mask.feature_prob > 0.0f)
        m->mask_embed = nn_params_add(p, (nn_init){ NN_INIT_POSITIVE, 1.0f }, "masked_spec_embed", 1, (const int64_t[]){ width });
    for (int i = 0; i < c->n_conv && !c->mel_bins; i++)
        add_convolution(p, m, i);
    if (c->project_norm)
        m->project_norm = nn_norm_add(p, "feature_projection.layer_norm", feature_columns(c));
    m->project = nn_dense_add(p, "feature_projection.projection", feature_columns(c), width, c->encoder.init);
    add_pos_conv(p, m);
    m->norm = nn_norm_add(p, "encoder.layer_norm", width);
    for (int i = 0; i < c->encoder.layers; i++)
        m->layers[i] = nn_layer_add(p, &c->encoder, &names, i);
    return m;
}

void nn_hubert_free(nn_hubert *m) { free(m); }

/* ---- forward ---------------------------------------------------------------------------------------------------- */

int64_t nn_hubert_frames(const nn_hubert_config *c, int64_t samples)
{
    for (int i = 0; i < c->n_conv && !c->mel_bins; i++)
        samples = samples < c->conv_kernel[i] ? 0 : (samples - c->conv_kernel[i]) / c->conv_stride[i] + 1;
    return samples;
}

/* A block of the feature extractor; trimmed step by step, since the first ones' tensors are the largest of the model: at
 * most two of those since mark are there at once. */
static nn_tensor *convolve(nn_tape *t, const nn_hubert *m, int i, nn_tensor *x, nn_mark mark)
{
    const conv_layer *l = &m->conv[i];

    x = nn_tape_trim(t, mark, nn_conv1d(t, x, l->w, l->b, m->c.conv_kernel[i], m->c.conv_stride[i]));
    if (m->c.layer_norm_features)
        x = nn_tape_trim(t, mark, nn_norm_apply(t, x, l->norm, CONV_EPS));
    else if (i == 0)
        x = nn_tape_trim(t, mark, nn_group_norm_time(t, x, l->norm.g, l->norm.b, CONV_EPS));
    return nn_tape_trim(t, mark, nn_gelu(t, x));
}

nn_tensor *nn_hubert_features(nn_tape *t, const nn_hubert *m, nn_tensor *wave)
{
    nn_mark mark = nn_tape_mark(t);

    for (int i = 0; i < m->c.n_conv && !m->c.mel_bins; i++) {
        nn_scope_push(t, "feature_extractor.conv_layers.%d", i);
        wave = convolve(t, m, i, wave, mark);
        nn_scope_pop(t);
    }
    return wave;
}

/* What the first layer gets: projected, masked, with positions. */
static nn_tensor *embed(nn_tape *t, const nn_hubert *m, nn_tensor *x, const unsigned char *frames)
{
    const nn_hubert_config *c = &m->c;
    nn_mask_options mask = c->mask;

    if (c->project_norm)
        x = nn_norm_apply(t, x, m->project_norm, c->encoder.eps);
    x = nn_dropout(t, nn_dense_apply(t, x, m->project), c->project_dropout, "feature_projection.dropout");
    mask.frames = frames;
    if (c->spec_augment || frames)
        x = nn_spec_augment(t, x, m->mask_embed, &mask, "spec_augment");
    x = nn_add(t, x, nn_gelu(t, nn_pos_conv(t, x, m->pos_v, m->pos_g, m->pos_b, c->pos_kernel, c->pos_groups)));
    if (!c->encoder.pre_norm)
        x = nn_norm_apply(t, x, m->norm, c->encoder.eps);
    return nn_dropout(t, x, c->encoder.dropout, "encoder.dropout");
}

static nn_tensor *encode(nn_tape *t, const nn_hubert *m, nn_tensor *features, const unsigned char *mask, int layer)
{
    const nn_encoder_config *c = &m->c.encoder;
    int n = layer < 0 || layer > c->layers ? c->layers : layer;
    nn_mark mark = nn_tape_mark(t);
    nn_tensor *x = nn_tape_trim(t, mark, embed(t, m, features, mask));

    x = nn_layers_apply(t, m->layers, n, c, &names, x);
    return layer < 0 && c->pre_norm ? nn_norm_apply(t, x, m->norm, c->eps) : x;
}

nn_tensor *nn_hubert_encode(nn_tape *t, const nn_hubert *m, nn_tensor *features, int layer)
{
    return encode(t, m, features, NULL, layer);
}

nn_tensor *nn_hubert_encode_masked(nn_tape *t, const nn_hubert *m, nn_tensor *features, const unsigned char *mask)
{
    if (!m->mask_embed)
        return nn_tape_fail(t, BASE_VALUE, "masked_spec_embed: HuBERT has none");
    return encode(t, m, features, mask, -1);
}
