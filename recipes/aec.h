/* Inside serin-train-aec: the corrector by itself, from pairs of what was heard and what was said. */
#ifndef SERIN_SER_AEC_H
#define SERIN_SER_AEC_H

#include "base/random.h"
#include "recipes/ser.h"

typedef struct ser_aec_options {
    ser_config config;          /* of which only the keys of ser_aec_keys count */
    int        batch;           /* pairs in one update */
    double     noise;           /* share of characters of what was heard that are dropped, doubled or replaced anew in each epoch */
    double     dev_share;       /* of the texts, kept to measure word errors on and to choose the epoch by; 0: none */
} ser_aec_options;
#define SER_AEC_DEFAULTS { ser_config_defaults(), 32, 0.0, 0.1 }
extern const char *const ser_aec_keys[];        /* NULL at the end */

typedef struct ser_pair_text { const char *key; char *said, *heard; bool dev; tx_labels target; } ser_pair_text;      /* both normalised */

/* Pairs of a table of texts and one of hypotheses, whose keys are those of the texts, "-1", "-2" … behind them or not. */
typedef struct ser_aec_data {
    tx_table       text, heard;
    tx_normalise_options norm;
    ser_pair_text *pair;        /* [n], those for training first */
    int64_t        n, train;
} ser_aec_data;
base_status ser_aec_data_open(ser_aec_data *d, const char *text, const char *heard, const char *text_norm, double dev_share, int seed,
    const tx_wordpiece *w, base_error *e);
void        ser_aec_data_free(ser_aec_data *d);
/* The text with this share of its characters spoilt, for the caller to free; NULL: no memory. */
char       *ser_aec_spoil(const char *text, double share, const base_random *r);

/* Trains and writes the folder that init-aec reads: config.json, vocab.txt, model.safetensors. Goes on from its newest
 * checkpoint; *stop as for ser_train. */
base_status ser_aec_train(const ser_aec_options *o, const char *text, const char *heard, const char *dir, const volatile int *stop,
    base_error *e);

#endif
