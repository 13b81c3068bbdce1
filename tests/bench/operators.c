/* Operators at the shapes of two models. Operators that state their products are rated in GFLOP/s (backward counted as
 * what its inputs' gradients need), the others in GB/s of the tensors they read and write. */
#include "tests/bench/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/progress.h"

typedef struct shapes {
    const char *name;
    int         n;
    const int64_t *begin, *text_begin;
    int         model, inner, heads, vocab, kernel, groups;
} shapes;

/* Frames and characters of the training batch; rows of 16 sentences of 8 to 60 word pieces. */
static int64_t frame_begin[17], text_begin[17], sentence_begin[17];

static void make_batches(void)
{
    for (int u = 0; u < 16; u++) {
        int64_t frames = (bench_lengths[u] - 80) / 320, sentence = 8 + u * u * 52 / 225;
        frame_begin[u + 1] = frame_begin[u] + frames;
        text_begin[u + 1] = text_begin[u] + frames * 12 / 50;
        sentence_begin[u + 1] = sentence_begin[u] + sentence;
    }
}

static const shapes models[] = {
    { "HuBERT-large", 16, frame_begin, text_begin, 1024, 4096, 16, 32, 128, 16 },
    { "BERT-base", 16, sentence_begin, sentence_begin, 768, 3072, 12, 30522, 128, 16 },
};

/* ---- one operator ------------------------------------------------------------------------------------------------ */

typedef struct work {
    double seconds, flop, bytes;
} work;

static work forward, backward;      /* of the pass being timed */
static double backward_began;

/* Bytes an operator has to move at least: inputs and result. A table is read in as many rows as there are results. */
static void count_work(const nn_node *g)
{
    double out = (double)nn_numel(g->out), in = 0.0, kept = 0.0;

    for (int i = 0; i < g->n_in; i++)
        if (g->in[i]) {
            double n = (double)nn_numel(g->in[i]);
            n = !g->in[i]->seqs && n > out ? out : n;
            in += n;
            kept += g->keeps & NN_KEEPS(i) ? n : 0.0;
        }
    kept += g->keeps & NN_KEEPS_OUTPUT ? out : 0.0;
    forward.bytes = (in + out) * sizeof(float);
    backward.bytes = (in + out + kept) * sizeof(float);
    forward.flop = g->op->flop ? g->op->flop(g) : 0.0;
    backward.flop = 2.0 * forward.flop;     /* two products for each: by one input and by the other */
}

/* watch: the loss of a timed operator. Its backward fills the result's gradient; what follows is the operator's own. */
static void watch_backward(nn_node *g)
{
    bool add;
    float *dx = nn_grad_fresh(g, 0, &add);

    for (int64_t i = 0; dx && i < nn_numel(g->in[0]); i++)
        dx[i] = (float)(i % 7 - 3) * 1e-3f;
    if (g->before)
        count_work(g->before);
    backward_began = base_seconds();
}

static const nn_op watch_op = { .name = "watch", .backward = watch_backward };

static bool time_once(nn_tape *t, const nn_op *op, const shapes *m, float *reservoir)
{
    nn_sampler s = { .random = base_random_at(1, 0, 1), .n = m->n, .begin = m->begin, .text_begin = m->text_begin,
        .model = m->model, .inner = m->inner, .heads = m->heads, .vocab = m->vocab, .kernel = m->kernel, .groups = m->groups,
        .plain = true, .nudged = -1, .reservoir = reservoir };
    double start;

    nn_tape_begin(t, NN_TRAIN, 1);
    start = base_seconds();
    nn_tensor *y = op->sample(t, &s);
    forward.seconds = base_seconds() - start;
    nn_node *g = nn_record(t, &watch_op, ((nn_shape){ 1, 1, NULL }), y);
    if (!g || nn_tape_backward(t, nn_result(g))) {
        fprintf(stderr, "%s: %s\n", op->name, nn_tape_error(t) ? nn_tape_error(t)->text : "no result");
        return false;
    }
    backward.seconds = base_seconds() - backward_began;
    return true;
}

static void print_rate(const work *w, double fma, double copy)
{
    bool products = w->flop > 0.0;
    double rate = (products ? w->flop : w->bytes) * 1e-9 / w->seconds;

    printf(" %9.3f ms %8.1f %s %4.0f %%", 1e3 * w->seconds, rate, products ? "GFLOP/s" : "GB/s   ",
        100.0 * rate / (products ? fma : copy));
}

/* The shortest of several passes. */
static bool bench_one(nn_tape *t, const nn_op *op, const shapes *m, float *reservoir, double seconds, double fma, double copy)
{
    work best[2] = { { 1e9, 0, 0 }, { 1e9, 0, 0 } };
    double end = base_seconds() + seconds;

    do {
        if (!time_once(t, op, m, reservoir))
            return false;
        best[0] = forward.seconds < best[0].seconds ? forward : best[0];
        best[1] = backward.seconds < best[1].seconds ? backward : best[1];
    } while (base_seconds() < end);
    printf("%-16s", op->name);
    print_rate(&best[0], fma, copy);
    print_rate(&best[1], fma, copy);
    printf("\n");
    return true;
}

/* ---- all of them ------------------------------------------------------------------------------------------------- */

/* Values for every leaf of every sample: as many as the largest has, BERT's table of words. */
static float *make_reservoir(void)
{
    int64_t n = (int64_t)30522 * 3072;
    float *x = malloc((size_t)n * sizeof *x);
    base_random r = base_random_at(1, 0, 2);

    for (int64_t i = 0; x && i < n; i++)
        x[i] = i < 65536 ? 0.2f * (float)base_random_normal(&r, (uint64_t)i) : x[i - 65521];
    return x;
}

int bench_operators(const char *only, double seconds)
{
    base_error e = BASE_ERROR_INIT;
    nn_tape *t = nn_tape_new(NULL, &e);
    float *reservoir = make_reservoir();
    int failed = 0;

    if (!t || !reservoir) {
        fprintf(stderr, "%s\n", e.text);
        return 1;
    }
    make_batches();
    for (size_t m = 0; m < sizeof models / sizeof *models; m++) {
        double fma = bench_fma_peak(), copy = bench_copy_peak();
        printf("\n%s, %lld rows in %d utterances; peaks of %d threads: %.0f GFLOP/s, copying %.1f GB/s\n"
            "%-16s %43s %43s\n", models[m].name, (long long)models[m].begin[models[m].n], models[m].n, base_threads(), fma, copy,
            "operator", "forward, share of peak", "backward, share of peak");
        for (int i = 0; i < nn_ops_count; i++)
            if (!only || strstr(nn_ops[i]->name, only))
                failed += !bench_one(t, nn_ops[i], &models[m], reservoir, seconds, fma, copy);
    }
    nn_tape_free(t);
    free(reservoir);
    return failed;
}
