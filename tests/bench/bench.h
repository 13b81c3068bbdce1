/* The bench: what every operator, a whole training step, a search over words and the tokenizer reach, the first two of
 * the machine's own peaks, measured at the same time. */
#ifndef SERIN_TESTS_BENCH_H
#define SERIN_TESTS_BENCH_H

#include <stdbool.h>

#include "libnn/core/core.h"

/* Fused multiply-adds in registers, all threads: GFLOP/s. Copying memory, all threads: GB/s read and written. */
double bench_fma_peak(void);
double bench_copy_peak(void);

/* Every operator of the table whose name contains `only` (NULL: all), for `seconds` each. */
int bench_operators(const char *only, double seconds);
typedef struct bench_step_options {
    bool tiny;
    int  stage;             /* of the whole system, 1 or 2; 0: HuBERT-large with CTC and emotion alone */
    int  adapter_layers;    /* of stage 2: the upper layers that have adapters; 0: all */
    bool keep;              /* the convolutions' output from before the step */
    int  steps, batch;      /* batch: utterances at once; 0: 2, then 16 */
} bench_step_options;
/* Training steps at full size (or of a tiny model, to see that the bench works) on 16 utterances. */
int bench_steps(const bench_step_options *o);

/* From HuBERT-large's weights, which are written below dir and removed again, to a result: seconds, resident memory. */
int bench_loading(bool tiny, const char *dir);

/* Lines of standard input into the pieces of a vocab.txt or tokenizer.json. */
int bench_tokenizer(const char *vocab, double seconds);

/* BERT-base and a decoder of 8 layers, 16 sentences of `words` words, beams of 1 and 5, each `steps` times. */
int bench_decoding(bool tiny, int steps, int words);

/* Lengths in samples at 16 kHz of 16 utterances, 56.1 s in all: lognormal with the median 3.6 s. */
extern const int64_t bench_lengths[16];

#endif
