/* Greedy decoding of CTC: the best path (Graves et al. 2006), and what all decoders do first. */
#include <limits.h>
#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "libnn/decode/decode.h"

/* Sums of float32 probabilities exceed 1 by rounding; ln of more than this is a mistake: logits, say. */
#define MOST_LOG_PROB 1e-3f

base_status nn_check_log_probs(const float *log_probs, int64_t frames, int v, int blank, base_error *e)
{
    if (frames < 0 || frames > INT_MAX || v < 1 || (!log_probs && frames))
        return base_fail(e, BASE_SHAPE, "log probabilities: %lld frames of %d labels", (long long)frames, v);
    if (blank < 0 || blank >= v)
        return base_fail(e, BASE_VALUE, "log probabilities: blank %d, expected 0 to %d", blank, v - 1);
    for (int64_t t = 0; t < frames; t++) {
        const float *x = log_probs + t * v;
        float best = -INFINITY;
        for (int c = 0; c < v; c++) {
            if (!(x[c] <= MOST_LOG_PROB))
                return base_fail(e, BASE_VALUE, "log probabilities: frame %lld, label %d: %g, expected a number up to 0",
                    (long long)t, c, (double)x[c]);
            best = x[c] > best ? x[c] : best;
        }
        if (best == -INFINITY)
            return base_fail(e, BASE_VALUE, "log probabilities: frame %lld: every label is impossible (-inf)", (long long)t);
    }
    return BASE_OK;
}

base_status nn_hypothesis_take(nn_hypothesis *h, int n, base_error *e)
{
    int *room = malloc((2 * (size_t)n + 1) * sizeof *room);

    *h = (nn_hypothesis){ room, room ? room + n : NULL, room ? n : 0, 0.0 };
    return room ? BASE_OK : base_fail(e, BASE_NO_MEMORY, "decoding: no memory for %d labels", n);
}

void nn_hypothesis_free(nn_hypothesis *h)
{
    free(h->labels);        /* and the frames, behind them */
    *h = (nn_hypothesis){ NULL, NULL, 0, 0.0 };
}

static int best_of(const float *x, int v)
{
    int best = 0;

    for (int c = 1; c < v; c++)
        if (x[c] > x[best])
            best = c;
    return best;
}

base_status nn_ctc_greedy(const float *log_probs, int64_t frames, int v, int blank, nn_hypothesis *out, base_error *e)
{
    int last = blank;
    base_status status;

    *out = (nn_hypothesis){ NULL, NULL, 0, 0.0 };
    status = nn_check_log_probs(log_probs, frames, v, blank, e);
    if (!status)
        status = nn_hypothesis_take(out, (int)frames, e);
    if (status)
        return status;
    out->n = 0;
    for (int64_t t = 0; t < frames; t++) {
        int c = best_of(log_probs + t * v, v);
        out->score += (double)log_probs[t * v + c];
        if (c != blank && c != last) {
            out->labels[out->n] = c;
            out->frames[out->n++] = (int)t;
        }
        last = c;
    }
    return BASE_OK;
}
