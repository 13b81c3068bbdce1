/* fairseq's HuBERT and wav2vec 2.0: its names for their parts, its settings. */
#ifndef SERIN_NN_FAIRSEQ_H
#define SERIN_NN_FAIRSEQ_H

#include <jansson.h>
#include <stdbool.h>

#include "base/error.h"
#include "libnn/store/pickle.h"

#define NN_FAIRSEQ_NAME 256     /* bytes of a name, with its NUL */

/* Hugging Face's name of a fairseq tensor; fine-tuned files' "w2v_encoder.w2v_model." becomes "hubert.". False: it has
 * none, as what pre-training alone needs. */
bool nn_fairseq_rename(const char *name, char out[NN_FAIRSEQ_NAME]);

/* The settings beside the weights as the object of a config.json; vocab: rows of CTC's head, 0: none. "do_normalize", which
 * belongs to preprocessor_config.json, stands in it, too. BASE_MISSING: there are none; BASE_FORMAT: convolutions that cannot be read. What is of
 * the wrong kind is left to the reader of config.json. */
base_status nn_fairseq_config(const nn_pickle *root, int64_t vocab, json_t **out, base_error *e);

#endif
