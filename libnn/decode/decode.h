/* What the decoders share. */
#ifndef SERIN_NN_DECODE_H
#define SERIN_NN_DECODE_H

#include "libnn/nn.h"

/* BASE_VALUE, naming frame and label, for NaN, a log probability above 0 by more than rounding, or a frame without any
 * possible label; sizes and blank are checked, too. */
base_status nn_check_log_probs(const float *log_probs, int64_t frames, int v, int blank, base_error *e);

/* Room for n labels and frames; *h is empty when it fails. */
base_status nn_hypothesis_take(nn_hypothesis *h, int n, base_error *e);

#endif
