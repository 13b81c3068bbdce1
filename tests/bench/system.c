/* The recogniser at full size, or tiny: HuBERT with CTC and emotion alone, or the paper's whole system in either stage. Random
 * weights, dropout and SpecAugment on, the convolutions frozen, 16 utterances. */
#include "tests/bench/system.h"

#include <stdlib.h>
#include <string.h>

#include "base/random.h"

#define RATE 16000
#define CHARACTERS 12       /* a second */
#define PIECES 3            /* a second */
#define ADAPTER 64

static const int classes[SYSTEM_HEADS] = { 4, 2, 2 };       /* emotion, gender, style */

nn_hubert_config system_hubert(bool tiny)
{
    nn_hubert_config c = {
        .encoder = { .width = 1024, .layers = 24, .heads = 16, .inner = 4096, .eps = 1e-5f, .pre_norm = true, .dropout = 0.1f,
            .attention_dropout = 0.1f, .activation_dropout = 0.1f, .init = 0.02f },
        .layer_norm_features = true, .conv_bias = true, .project_norm = true, .n_conv = 7,
        .conv_dim = { 512, 512, 512, 512, 512, 512, 512 }, .conv_kernel = { 10, 3, 3, 3, 3, 2, 2 },
        .conv_stride = { 5, 2, 2, 2, 2, 2, 2 }, .project_dropout = 0.1f, .final_dropout = 0.1f, .pos_kernel = 128,
        .pos_groups = 16, .spec_augment = true, .mask = { .time_prob = 0.05f, .time_length = 10, .time_min = 2 },
        .vocab_size = 32 };

    if (!tiny)
        return c;
    c.encoder.width = 32;
    c.encoder.layers = 2;
    c.encoder.heads = 4;
    c.encoder.inner = 64;
    for (int i = 0; i < c.n_conv; i++)
        c.conv_dim[i] = 16;
    c.pos_kernel = 16;
    c.pos_groups = 4;
    return c;
}

static nn_bert_config bert_config(bool tiny)
{
    nn_encoder_config base = { .width = 768, .layers = 12, .heads = 12, .inner = 3072, .eps = 1e-12f, .dropout = 0.1f,
        .attention_dropout = 0.1f, .init = 0.02f };
    nn_encoder_config small = { .width = 32, .layers = 2, .heads = 2, .inner = 64, .eps = 1e-12f, .dropout = 0.1f, .init = 0.02f };

    return (nn_bert_config){ .encoder = tiny ? small : base, .vocab_size = tiny ? 200 : 30522, .max_positions = 512,
        .type_vocab_size = 2 };
}

/* ---- making ------------------------------------------------------------------------------------------------------ */

static system_linear new_linear(nn_params *p, const char *name, int in, int out)
{
    system_linear l;

    nn_params_push(p, name, 0);
    l.w = nn_params_add(p, (nn_init){ NN_INIT_NORMAL, 0.02f }, "weight", 2, (int64_t[]){ out, in });
    l.b = nn_params_add(p, (nn_init){ NN_INIT_ZERO, 0 }, "bias", 1, (int64_t[]){ out });
    nn_params_pop(p);
    return l;
}

/* BERT, its decoder, the fusion. */
static bool declare_words(bench_system *s)
{
    nn_bert_config decoder = s->b;
    nn_fusion_config f = { .kind = NN_FUSE_TGF, .acoustic = s->h.encoder.width, .linguistic = s->b.encoder.width,
        .width = s->b.encoder.width, .heads = s->b.encoder.heads > 8 ? 8 : s->b.encoder.heads, .dropout = 0.1f,
        .attention_dropout = 0.1f, .eps = 1e-5f, .init = 0.02f };

    nn_params_push(s->params, "bert", 0);
    s->bert = nn_bert_new(s->params, &s->b, false);
    nn_params_pop(s->params);
    if (!s->bert)
        return false;
    decoder.encoder.layers = s->tiny ? 1 : 8;
    decoder.encoder.adapter = 0;
    nn_params_push(s->params, "aec", 0);
    s->decoder = nn_decoder_new(s->params, &decoder, nn_bert_table(s->bert));
    nn_params_pop(s->params);
    nn_params_push(s->params, "fusion", 0);
    s->fusion = nn_fusion_new(s->params, &f);
    nn_params_pop(s->params);
    return s->decoder && s->fusion;
}

static void freeze(bench_system *s)
{
    nn_params_freeze(s->params, "hubert.feature_extractor.");
    if (s->part != SYSTEM_STAGE2)
        return;
    nn_params_freeze(s->params, "hubert.");
    nn_params_freeze(s->params, "bert.");
    nn_params_freeze(s->params, "aec.");
    nn_params_freeze(s->params, "lm_head.");
    nn_params_thaw(s->params, "adapter.");
}

static void make_data(bench_system *s)
{
    base_random r = base_random_at(1, 0, 1);

    for (int u = 0; u < SYSTEM_UTTERANCES; u++) {
        int64_t n = bench_lengths[u] / (s->tiny ? 8 : 1), pieces = n * PIECES / RATE + 2;

        s->wave_begin[u + 1] = s->wave_begin[u] + n;
        s->label_begin[u + 1] = s->label_begin[u] + n * CHARACTERS / RATE;
        s->piece_begin[u + 1] = s->piece_begin[u] + pieces;
        for (int k = 0; k < SYSTEM_HEADS; k++)
            s->label[k][u] = u % classes[k];
    }
    s->wave = malloc((size_t)s->wave_begin[SYSTEM_UTTERANCES] * sizeof *s->wave);
    for (int64_t i = 0; s->wave && i < s->wave_begin[SYSTEM_UTTERANCES]; i++)
        s->wave[i] = (float)base_random_normal(&r, (uint64_t)i);
    for (int64_t i = 0; i < s->label_begin[SYSTEM_UTTERANCES]; i++)
        s->characters[i] = 1 + (int)base_random_below(&r, (uint64_t)i, s->h.vocab_size - 1);
    for (int64_t i = 0; i < s->piece_begin[SYSTEM_UTTERANCES]; i++) {
        s->reference[i] = 1 + (int)base_random_below(&r, (uint64_t)i, s->b.vocab_size - 1);
        s->heard[i] = i % 4 ? s->reference[i] : 1 + (int)(i * 7919 % (s->b.vocab_size - 1));
    }
}

bench_system *system_new(bool tiny, system_part part, int adapter_layers, base_error *e)
{
    static const char *const names[SYSTEM_HEADS] = { "emotion", "gender", "style" };
    nn_adam_options o = NN_ADAM_DEFAULTS;
    bench_system *s = calloc(1, sizeof *s);
    int width;

    if (!s || !(s->params = nn_params_new()))
        goto failed;
    *s = (bench_system){ .tiny = tiny, .part = part, .h = system_hubert(tiny), .b = bert_config(tiny), .params = s->params };
    if (part == SYSTEM_STAGE2) {    /* dropout only where something learns, as serin-train has it */
        s->h.encoder.adapter = s->b.encoder.adapter = ADAPTER;
        s->h.encoder.adapter_layers = s->b.encoder.adapter_layers = adapter_layers;
        s->h.encoder.dropout = s->h.encoder.attention_dropout = s->h.encoder.activation_dropout = s->h.project_dropout = 0.0f;
        s->b.encoder.dropout = s->b.encoder.attention_dropout = 0.0f;
    }
    nn_params_push(s->params, "hubert", 0);
    s->hubert = nn_hubert_new(s->params, &s->h);
    nn_params_pop(s->params);
    if (!s->hubert || (part != SYSTEM_ACOUSTIC && !declare_words(s)))
        goto failed;
    width = part == SYSTEM_ACOUSTIC ? s->h.encoder.width : s->b.encoder.width;
    s->lm_head = new_linear(s->params, "lm_head", s->h.encoder.width, s->h.vocab_size);
    for (int k = 0; k < (part == SYSTEM_ACOUSTIC ? 1 : SYSTEM_HEADS); k++)
        s->head[k] = new_linear(s->params, names[k], width, classes[k]);
    freeze(s);
    if (nn_params_build(s->params, e))
        goto failed;
    nn_params_init(s->params, 1);
    make_data(s);
    if ((s->adam = nn_adam_new(s->params, &o, e)) && (s->tape = nn_tape_new(NULL, e)) && s->wave)
        return s;
failed:
    if (!e->status)
        base_fail(e, BASE_NO_MEMORY, "out of memory");
    system_free(s);
    return NULL;
}

void system_free(bench_system *s)
{
    if (!s)
        return;
    nn_tape_free(s->tape);
    nn_adam_free(s->adam);
    nn_fusion_free(s->fusion);
    nn_decoder_free(s->decoder);
    nn_bert_free(s->bert);
    nn_hubert_free(s->hubert);
    nn_params_free(s->params);
    free(s->features);
    free(s->wave);
    free(s);
}

/* ---- stage 0 ----------------------------------------------------------------------------------------------------- */

base_status system_keep_features(bench_system *s, base_error *e)
{
    nn_tape *t = nn_tape_new(NULL, e);
    int cols = s->h.conv_dim[s->h.n_conv - 1];

    for (int u = 0; u < SYSTEM_UTTERANCES; u++)
        s->frame_begin[u + 1] = s->frame_begin[u] + nn_hubert_frames(&s->h, s->wave_begin[u + 1] - s->wave_begin[u]);
    s->features = malloc(sizeof *s->features * (size_t)(s->frame_begin[SYSTEM_UTTERANCES] * cols));
    for (int u = 0; t && s->features && u < SYSTEM_UTTERANCES && !e->status; u++) {
        int64_t begin[2] = { 0, s->wave_begin[u + 1] - s->wave_begin[u] };
        nn_tensor *y;

        nn_tape_begin(t, NN_INFER, 0);
        y = nn_hubert_features(t, s->hubert, nn_input_wrap(t, s->wave + s->wave_begin[u], begin[1], 1, 1, begin));
        if (y)
            memcpy(s->features + s->frame_begin[u] * cols, y->x, sizeof *y->x * (size_t)nn_numel(y));
        else
            base_fail(e, nn_tape_error(t)->status, "%s", nn_tape_error(t)->text);
    }
    if (!s->features && !e->status)
        base_fail(e, BASE_NO_MEMORY, "out of memory");
    nn_tape_free(t);
    return e->status;
}

/* ---- a step ------------------------------------------------------------------------------------------------------ */

/* The part of begin that is utterances from .. from + n - 1, counted from 0. */
static const int64_t *part_of(const int64_t *begin, int from, int n, int64_t out[SYSTEM_UTTERANCES + 1])
{
    for (int u = 0; u <= n; u++)
        out[u] = begin[from + u] - begin[from];
    return out;
}

static nn_tensor *hear(bench_system *s, int from, int n)
{
    int64_t begin[SYSTEM_UTTERANCES + 1];
    int cols = s->h.conv_dim[s->h.n_conv - 1];
    nn_tensor *x;

    if (s->features) {
        part_of(s->frame_begin, from, n, begin);
        x = nn_input_wrap(s->tape, s->features + s->frame_begin[from] * cols, begin[n], cols, n, begin);
    } else {
        part_of(s->wave_begin, from, n, begin);
        x = nn_hubert_features(s->tape, s->hubert,
            nn_input_wrap(s->tape, s->wave + s->wave_begin[from], begin[n], 1, n, begin));
    }
    return nn_hubert_encode(s->tape, s->hubert, x, -1);
}

static nn_tensor *write_down(bench_system *s, nn_tensor *states, int from, int n)
{
    int64_t begin[SYSTEM_UTTERANCES + 1];
    nn_ctc_options o = NN_CTC_DEFAULTS;
    nn_tensor *x = nn_dropout(s->tape, states, s->h.final_dropout, "final_dropout");

    return nn_ctc_loss(s->tape, nn_linear(s->tape, x, s->lm_head.w, s->lm_head.b), s->characters + s->label_begin[from],
        part_of(s->label_begin, from, n, begin), &o, NULL);
}

static nn_tensor *read_words(bench_system *s, const int *piece, int from, int n)
{
    int64_t begin[SYSTEM_UTTERANCES + 1];
    nn_tensor *x = nn_bert_embed(s->tape, s->bert, piece + s->piece_begin[from], NULL, n,
        part_of(s->piece_begin, from, n, begin));

    return nn_bert_encode(s->tape, s->bert, x, -1);
}

/* The decoder writes the reference from what was heard; each piece is the label of the one before it. */
static nn_tensor *correct(bench_system *s, nn_tensor *heard, int from, int n)
{
    int64_t begin[SYSTEM_UTTERANCES + 1];
    int next[SYSTEM_UTTERANCES * 64];
    const int *piece = s->reference + s->piece_begin[from];
    nn_tensor *x;

    part_of(s->piece_begin, from, n, begin);
    for (int u = 0; u < n; u++)
        for (int64_t i = begin[u]; i < begin[u + 1]; i++)
            next[i] = i + 1 < begin[u + 1] ? piece[i + 1] : NN_IGNORE;
    x = nn_decoder_states(s->tape, s->decoder, piece, n, begin, heard, -1);
    return nn_cross_entropy(s->tape, nn_decoder_words(s->tape, s->decoder, x), next, NULL);
}

static nn_tensor *add(nn_tape *t, nn_tensor *loss, float lambda, nn_tensor *more)
{
    return nn_add(t, loss, nn_scale(t, more, lambda));
}

/* Eq. 16 and 17; of the acoustic part alone CTC and emotion, each with weight 1. */
nn_tensor *system_loss(bench_system *s, int from, int n)
{
    nn_tape *t = s->tape;
    nn_tensor *states = hear(s, from, n), *heard, *read, *f, *loss;

    if (s->part == SYSTEM_ACOUSTIC) {
        loss = write_down(s, states, from, n);
        f = nn_linear(t, nn_mean_pool(t, states), s->head[0].w, s->head[0].b);
        return nn_add(t, loss, nn_cross_entropy(t, f, s->label[0] + from, NULL));
    }
    heard = read_words(s, s->heard, from, n);
    read = read_words(s, s->reference, from, n);
    f = nn_fusion_apply(t, s->fusion, states, heard, NULL);
    loss = nn_cross_entropy(t, nn_linear(t, f, s->head[0].w, s->head[0].b), s->label[0] + from, NULL);
    loss = add(t, loss, 0.1f, nn_contrastive_loss(t, nn_mean_pool(t, read), nn_mean_pool(t, heard), 0.1f, NULL));
    if (s->part == SYSTEM_STAGE1) {
        loss = add(t, loss, 0.1f, write_down(s, states, from, n));
        return add(t, loss, 0.1f, correct(s, heard, from, n));
    }
    for (int k = 1; k < SYSTEM_HEADS; k++)
        loss = add(t, loss, 0.1f,
            nn_cross_entropy(t, nn_linear(t, f, s->head[k].w, s->head[k].b), s->label[k] + from, NULL));
    return loss;
}

/* ---- work -------------------------------------------------------------------------------------------------------- */

/* Of a Transformer encoder's layers, forward, on rows; pairs: the sum of the squared lengths. */
static double layers_flop(const nn_encoder_config *c, double rows, double pairs)
{
    return c->layers * (2.0 * c->width * (4.0 * c->width + 2.0 * c->inner + 2.0 * c->adapter) * rows + 4.0 * pairs * c->width);
}

static double pairs(const int64_t *begin)
{
    double sum = 0.0;

    for (int u = 0; u < SYSTEM_UTTERANCES; u++)
        sum += (double)(begin[u + 1] - begin[u]) * (double)(begin[u + 1] - begin[u]);
    return sum;
}

static double convolutions_flop(const bench_system *s)
{
    double rate = 1.0, sum = 0.0;

    for (int i = 0; i < s->h.n_conv; i++) {
        rate /= s->h.conv_stride[i];
        sum += 2.0 * rate * (i ? s->h.conv_dim[i - 1] : 1) * s->h.conv_dim[i] * s->h.conv_kernel[i];
    }
    return sum * (double)s->wave_begin[SYSTEM_UTTERANCES];
}

/* With the gradients of what layers read, and in the first stage of their weights; nothing flows back below the lowest adapter. */
static double both_ways(const bench_system *s, const nn_encoder_config *c, double forward)
{
    int64_t back = c->adapter_layers ? base_min_i64(c->adapter_layers, c->layers) : c->layers;

    return s->part == SYSTEM_STAGE2 ? forward * (1.0 + (double)back / c->layers) : 3.0 * forward;
}

double system_gflop(const bench_system *s)
{
    const nn_encoder_config *c = &s->h.encoder;
    int64_t frame_begin[SYSTEM_UTTERANCES + 1] = { 0 };
    double frames, pieces = (double)s->piece_begin[SYSTEM_UTTERANCES], flop, before;

    for (int u = 0; u < SYSTEM_UTTERANCES; u++)
        frame_begin[u + 1] = frame_begin[u] + nn_hubert_frames(&s->h, s->wave_begin[u + 1] - s->wave_begin[u]);
    frames = (double)frame_begin[SYSTEM_UTTERANCES];
    before = 2.0 * frames * c->width * ((double)c->width / s->h.pos_groups * s->h.pos_kernel + s->h.conv_dim[s->h.n_conv - 1]);
    flop = both_ways(s, c, layers_flop(c, frames, pairs(frame_begin)));
    if (s->part != SYSTEM_ACOUSTIC)
        flop += both_ways(s, &s->b.encoder, 2.0 * layers_flop(&s->b.encoder, pieces, pairs(s->piece_begin)));
    flop += s->part == SYSTEM_STAGE2 ? before : 3.0 * before;
    return (flop + (s->features ? 0.0 : convolutions_flop(s))) * 1e-9;
}
