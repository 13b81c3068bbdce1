/* fairseq's names for the parts of HuBERT and wav2vec 2.0. */
#ifndef SERIN_NN_FAIRSEQ_H
#define SERIN_NN_FAIRSEQ_H

#include <stdbool.h>

#define NN_FAIRSEQ_NAME 256     /* bytes of a name, with its NUL */

/* Hugging Face's name of a fairseq tensor; fine-tuned files' "w2v_encoder.w2v_model." becomes "hubert.". False: it has
 * none, as what pre-training alone needs. */
bool nn_fairseq_rename(const char *name, char out[NN_FAIRSEQ_NAME]);

#endif
