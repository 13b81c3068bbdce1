/* A training step of HuBERT-large with CTC and emotion recognition: random weights, dropout and SpecAugment on, the
 * convolutions frozen, clipping, AdamW; 16 utterances at once and as 8 micro-batches of 2. Useful work counts products on
 * frames of speech only: the encoder forward and backward, the convolutions forward. */
#include "tests/bench/bench.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/progress.h"
#include "tests/unit/malloc_count.h"

#define UTTERANCES 16
#define RATE 16000
#define CHARACTERS 12       /* a second */
#define EMOTIONS 4

typedef struct setup {
    nn_hubert_config c;
    nn_params *params;
    nn_hubert *hubert;
    nn_tensor *ctc_w, *ctc_b, *emotion_w, *emotion_b;
    nn_adam   *adam;
    nn_tape   *tape;
    float     *wave;
    int        labels[8192], emotions[UTTERANCES];
    int64_t    begin[UTTERANCES + 1], label_begin[UTTERANCES + 1];
} setup;

static nn_hubert_config large(void)
{
    return (nn_hubert_config){
        .encoder = { .width = 1024, .layers = 24, .heads = 16, .inner = 4096, .eps = 1e-5f, .pre_norm = true, .dropout = 0.1f,
            .attention_dropout = 0.1f, .activation_dropout = 0.1f, .init = 0.02f },
        .layer_norm_features = true, .conv_bias = true, .project_norm = true, .n_conv = 7,
        .conv_dim = { 512, 512, 512, 512, 512, 512, 512 }, .conv_kernel = { 10, 3, 3, 3, 3, 2, 2 },
        .conv_stride = { 5, 2, 2, 2, 2, 2, 2 }, .project_dropout = 0.1f, .final_dropout = 0.1f, .pos_kernel = 128,
        .pos_groups = 16, .spec_augment = true, .mask = { 0.05f, 10, 2, 0.0f, 10, 0 }, .vocab_size = 32 };
}

static nn_hubert_config tiny_one(void)
{
    nn_hubert_config c = large();

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

/* Multiplications and additions, times 1e-9, of a step on so many frames by the rule above. */
static double useful_gflop(const setup *s, double seconds)
{
    const nn_hubert_config *c = &s->c;
    double rate = RATE, convolutions = 0.0, w = c->encoder.width, frames, encoder;

    for (int i = 0; i < c->n_conv; i++) {
        rate /= c->conv_stride[i];
        convolutions += 2.0 * rate * (i ? c->conv_dim[i - 1] : 1) * c->conv_dim[i] * c->conv_kernel[i];
    }
    frames = rate;
    encoder = c->encoder.layers * (2.0 * (4 * w * w + 2 * w * c->encoder.inner)) + 2.0 * w * w / c->pos_groups * c->pos_kernel +
        2.0 * c->conv_dim[c->n_conv - 1] * w;
    encoder = encoder * frames * seconds;
    for (int u = 0; u < UTTERANCES; u++) {
        double t = (double)nn_hubert_frames(c, s->begin[u + 1] - s->begin[u]);
        encoder += c->encoder.layers * 4.0 * t * t * w;
    }
    return (3.0 * encoder + convolutions * seconds) * 1e-9;
}

/* ---- the system -------------------------------------------------------------------------------------------------- */

static void make_data(setup *s, bool tiny)
{
    base_random r = base_random_at(1, 0, 1);

    for (int u = 0; u < UTTERANCES; u++) {
        int64_t n = bench_lengths[u] / (tiny ? 8 : 1);
        s->begin[u + 1] = s->begin[u] + n;
        s->label_begin[u + 1] = s->label_begin[u] + n * CHARACTERS / RATE;
        s->emotions[u] = u % EMOTIONS;
    }
    s->wave = malloc((size_t)s->begin[UTTERANCES] * sizeof *s->wave);
    for (int64_t i = 0; s->wave && i < s->begin[UTTERANCES]; i++)
        s->wave[i] = (float)base_random_normal(&r, (uint64_t)i);
    for (int64_t i = 0; i < s->label_begin[UTTERANCES]; i++)
        s->labels[i] = 1 + (int)base_random_below(&r, (uint64_t)i, s->c.vocab_size - 1);
}

static bool make_system(setup *s, bool tiny, base_error *e)
{
    int64_t width;
    nn_adam_options o = NN_ADAM_DEFAULTS;
    nn_init init = { NN_INIT_NORMAL, 0.02f };

    s->c = tiny ? tiny_one() : large();
    width = s->c.encoder.width;
    if (!(s->params = nn_params_new()) || !(s->hubert = nn_hubert_new(s->params, &s->c)))
        return false;
    s->ctc_w = nn_params_add(s->params, init, "lm_head.weight", 2, (const int64_t[]){ s->c.vocab_size, width });
    s->ctc_b = nn_params_add(s->params, init, "lm_head.bias", 1, (const int64_t[]){ s->c.vocab_size });
    s->emotion_w = nn_params_add(s->params, init, "emotion.weight", 2, (const int64_t[]){ EMOTIONS, width });
    s->emotion_b = nn_params_add(s->params, init, "emotion.bias", 1, (const int64_t[]){ EMOTIONS });
    nn_params_freeze(s->params, "feature_extractor.");
    if (nn_params_build(s->params, e))
        return false;
    nn_params_init(s->params, 1);
    make_data(s, tiny);
    return (s->adam = nn_adam_new(s->params, &o, e)) && (s->tape = nn_tape_new(NULL, e)) && s->wave;
}

static void free_system(setup *s)
{
    nn_tape_free(s->tape);
    nn_adam_free(s->adam);
    nn_hubert_free(s->hubert);
    nn_params_free(s->params);
    free(s->wave);
}

/* ---- a step ------------------------------------------------------------------------------------------------------ */

/* Adds the gradients of utterances from .. from + n - 1; returns their share of the loss. NaN: it went wrong. */
static double micro_batch(setup *s, int from, int n, uint64_t step)
{
    nn_tape *t = s->tape;
    int64_t begin[UTTERANCES + 1], label_begin[UTTERANCES + 1];
    nn_ctc_options ctc = NN_CTC_DEFAULTS;
    nn_tensor *x, *loss;

    for (int u = 0; u <= n; u++) {
        begin[u] = s->begin[from + u] - s->begin[from];
        label_begin[u] = s->label_begin[from + u] - s->label_begin[from];
    }
    nn_tape_begin(t, NN_TRAIN, step);
    x = nn_input_wrap(t, s->wave + s->begin[from], begin[n], 1, n, begin);
    x = nn_hubert_encode(t, s->hubert, nn_hubert_features(t, s->hubert, x), -1);
    x = nn_dropout(t, x, s->c.final_dropout, "final_dropout");
    loss = nn_ctc_loss(t, nn_linear(t, x, s->ctc_w, s->ctc_b), s->labels + s->label_begin[from], label_begin, &ctc, NULL);
    x = nn_linear(t, nn_mean_pool(t, x), s->emotion_w, s->emotion_b);
    loss = nn_scale(t, nn_add(t, loss, nn_cross_entropy(t, x, s->emotions + from, NULL)), (float)n / UTTERANCES);
    if (nn_tape_backward(t, loss)) {
        fprintf(stderr, "%s\n", nn_tape_error(t)->text);
        return NAN;
    }
    return (double)loss->x[0];
}

static double train_step(setup *s, int batch, uint64_t step)
{
    double loss = 0.0;

    nn_params_zero_grads(s->params);
    for (int from = 0; from < UTTERANCES; from += batch)
        loss += micro_batch(s, from, batch, step * UTTERANCES + (uint64_t)from);
    nn_adam_step(s->adam, 1e-5, nn_clip_factor(nn_grad_norm(s->params), 1.0));
    return loss;
}

/* Times `steps` steps after one to warm up; false when a step made a NaN or called malloc. */
static bool time_steps(setup *s, int batch, int steps)
{
    double gflop = useful_gflop(s, (double)s->begin[UTTERANCES] / RATE), best = 1e9, peak = 0.0, loss = train_step(s, batch, 0);
    long blocks = 0;

    for (int i = 0; i < steps; i++) {
        double before = bench_fma_peak(), start, seconds;
        blocks -= malloc_count;
        start = base_seconds();
        loss = train_step(s, batch, (uint64_t)i + 1);
        seconds = base_seconds() - start;
        blocks += malloc_count;
        peak = fmax(peak, fmax(before, bench_fma_peak()));
        best = fmin(best, seconds);
    }
    printf("%2d x %-2d  %8.3f s  %7.1f useful GFLOP/s  %3.0f %% of the peak %.0f  %6.2f GiB at most  loss %.4f  %ld blocks from malloc\n",
        UTTERANCES / batch, batch, best, gflop / best, 100.0 * gflop / best / peak, peak,
        (double)base_memory_peak() / (1 << 30), loss, blocks);
    return isfinite(loss) && blocks == 0;
}

int bench_steps(bool tiny, int steps, int batch)
{
    setup *s = calloc(1, sizeof *s);
    base_error e = BASE_ERROR_INIT;
    bool good = s && make_system(s, tiny, &e);

    if (!good)
        fprintf(stderr, "%s\n", e.text);
    else
        printf("%lld trainable parameters, %.1f s of speech, %d threads, %s\n", (long long)nn_params_trainable(s->params),
            (double)s->begin[UTTERANCES] / RATE, base_threads(), nn_blas(NULL));
    for (int n = 2; good && n <= UTTERANCES; n *= 2)
        if (UTTERANCES % n == 0 && (batch ? n == batch : n == 2 || n == UTTERANCES))
            good = time_steps(s, n, steps);
    if (s)
        free_system(s);
    free(s);
    return !good;
}
