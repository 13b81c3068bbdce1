/* Training steps on 16 utterances, at once or in micro-batches: gradients, clipping, AdamW. */
#include <math.h>
#include <stdio.h>

#include "base/progress.h"
#include "tests/bench/system.h"
#include "tests/unit/malloc_count.h"

/* Adds the gradients of utterances from .. from + n - 1; returns their share of the loss. NaN: it went wrong. */
static double micro_batch(bench_system *s, int from, int n, uint64_t step)
{
    nn_tensor *loss;

    nn_tape_begin(s->tape, NN_TRAIN, step);
    loss = nn_scale(s->tape, system_loss(s, from, n), (float)n / SYSTEM_UTTERANCES);
    if (nn_tape_backward(s->tape, loss)) {
        fprintf(stderr, "%s\n", nn_tape_error(s->tape)->text);
        return NAN;
    }
    return (double)loss->x[0];
}

static double train_step(bench_system *s, int batch, uint64_t step)
{
    double loss = 0.0;

    nn_params_zero_grads(s->params);
    for (int from = 0; from < SYSTEM_UTTERANCES; from += batch)
        loss += micro_batch(s, from, batch, step * SYSTEM_UTTERANCES + (uint64_t)from);
    nn_adam_step(s->adam, 1e-5, nn_clip_factor(nn_grad_norm(s->params), 1.0));
    return loss;
}

/* Times `steps` steps after one to warm up; false when a step made a NaN or called malloc. */
static bool time_steps(bench_system *s, int batch, int steps)
{
    double gflop = system_gflop(s), best = 1e9, peak = 0.0, loss = train_step(s, batch, 0);
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
        SYSTEM_UTTERANCES / batch, batch, best, gflop / best, 100.0 * gflop / best / peak, peak,
        (double)base_memory_peak() / (1 << 30), loss, blocks);
    return isfinite(loss) && blocks == 0;
}

int bench_steps(const bench_step_options *o)
{
    base_error e = BASE_ERROR_INIT;
    bench_system *s = system_new(o->tiny, (system_part)o->stage, o->adapter_layers, &e);
    bool good = s && (!o->keep || !system_keep_features(s, &e));

    if (!good)
        fprintf(stderr, "%s\n", e.text);
    else
        printf("%lld parameters to train, %.1f s of speech, %d threads, %s\n", (long long)nn_params_trainable(s->params),
            (double)s->wave_begin[SYSTEM_UTTERANCES] / 16000, base_threads(), nn_blas(NULL));
    for (int n = 2; good && n <= SYSTEM_UTTERANCES; n *= 2)
        if (SYSTEM_UTTERANCES % n == 0 && (o->batch ? n == o->batch : n == 2 || n == SYSTEM_UTTERANCES))
            good = time_steps(s, n, o->steps);
    system_free(s);
    return !good;
}
