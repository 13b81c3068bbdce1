/* Systems to time steps of. */
#ifndef SERIN_BENCH_SYSTEM_H
#define SERIN_BENCH_SYSTEM_H

#include "tests/bench/bench.h"

enum { SYSTEM_UTTERANCES = 16, SYSTEM_HEADS = 3 };

typedef enum system_part {      /* as bench_step_options' stage */
    SYSTEM_ACOUSTIC,        /* HuBERT with CTC and emotion */
    SYSTEM_STAGE1,          /* with BERT, its decoder, TGF, contrastive loss: eq. 16 */
    SYSTEM_STAGE2           /* adapters in frozen encoders, fusion and three heads: eq. 17 */
} system_part;

typedef struct system_linear { nn_tensor *w, *b; } system_linear;

typedef struct bench_system {
    bool        tiny;
    system_part part;
    nn_hubert_config h;
    nn_bert_config   b;
    nn_params  *params;
    nn_hubert  *hubert;
    nn_bert    *bert;
    nn_decoder *decoder;
    nn_fusion  *fusion;
    system_linear lm_head, head[SYSTEM_HEADS];
    nn_adam    *adam;
    nn_tape    *tape;
    float      *wave, *features;        /* features: NULL, or of the convolutions, kept */
    int         characters[8192], reference[1024], heard[1024], label[SYSTEM_HEADS][SYSTEM_UTTERANCES];
    int64_t     wave_begin[SYSTEM_UTTERANCES + 1], frame_begin[SYSTEM_UTTERANCES + 1], label_begin[SYSTEM_UTTERANCES + 1],
                piece_begin[SYSTEM_UTTERANCES + 1];
} bench_system;

nn_hubert_config system_hubert(bool tiny);
/* adapter_layers: as nn_encoder_config's, of stage 2. NULL: the reason is in e. */
bench_system *system_new(bool tiny, system_part part, int adapter_layers, base_error *e);
void          system_free(bench_system *s);
/* Computes the convolutions' output of all utterances once, as the recipes do before training. */
base_status   system_keep_features(bench_system *s, base_error *e);
/* The mean loss of utterances from .. from + n - 1, on s->tape. */
nn_tensor    *system_loss(bench_system *s, int from, int n);
/* Multiplications and additions, times 1e-9, of a step: products on frames of speech and pieces of words only, forward and
 * backward, as far as something trainable asks for them; the convolutions forward. */
double        system_gflop(const bench_system *s);

#endif
