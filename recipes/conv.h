/* The output of a HuBERT's convolutions, which stay as they are in most trainings: computed once and kept, in the files
 * that training with freeze-conv keeps them in. */
#ifndef SERIN_SER_CONV_H
#define SERIN_SER_CONV_H

#include "base/error.h"
#include "libnn/nn.h"

typedef struct ser_conv ser_conv;

/* model_dir: config.json, preprocessor_config.json and model.safetensors, ours or Hugging Face's; only the convolutions
 * are kept in memory. cache_dir: "" or where results are kept, made if need be. BASE_UNSUPPORTED: a model that hears
 * log-mel energies. */
ser_conv   *ser_conv_open(const char *model_dir, const char *cache_dir, base_error *e);
void        ser_conv_close(ser_conv *c);
/* x [n] at SER_RATE, overwritten -> m [frames][columns], the caller's. A result of the same samples, weights and
 * preprocessing comes out of the cache. */
base_status ser_conv_compute(const ser_conv *c, float *x, int64_t n, nn_matrix *m, base_error *e);

#endif
