/* What the encoder hears of one utterance: stacked log-mel frames, the waveform, or the output of frozen convolutions. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "recipes/ser.h"

struct ser_front {
    ser_front_config config;
    au_features     *mel;       /* log-mel */
    const ser_model *convolve;  /* frozen convolutions, on a tape of their own; NULL: none */
    nn_tape         *tape;
    uint64_t         hash;
};

static uint64_t hash(const ser_front *f)
{
    int mel[3] = { f->config.bins, f->config.stack, (int)f->config.cmvn }, normalized = f->config.cmvn != SER_CMVN_NONE;
    uint64_t h = f->config.conv ? base_hash_bytes(1, &normalized, sizeof normalized) : base_hash_bytes(0, mel, sizeof mel);

    if (f->convolve) {
        const nn_hubert_config *c = &f->convolve->config.encoder;
        size_t n = (size_t)c->n_conv * sizeof c->conv_kernel[0];

        h = base_hash_bytes(base_hash_bytes(h, c->conv_kernel, n), c->conv_stride, n);
    }
    for (int i = 0; f->convolve && i < nn_params_count(f->convolve->params); i++) {
        const nn_param *p = nn_params_at(f->convolve->params, i);

        if (strstr(p->name, "feature_extractor."))
            h = base_hash_bytes(h, p->x, sizeof *p->x * (size_t)p->count);
    }
    return h;
}

ser_front *ser_front_new(const ser_front_config *c, const ser_model *convolve, base_error *e)
{
    ser_front *f = calloc(1, sizeof *f);
    au_feature_options o = AU_FEATURE_DEFAULTS;

    if (!f) {
        base_fail(e, BASE_NO_MEMORY, "front end: out of memory");
        return NULL;
    }
    f->config = *c;
    f->convolve = convolve;
    o.rate = SER_RATE;
    o.bins = c->bins;
    if ((!c->conv && !(f->mel = au_features_new(&o, e))) || (convolve && !(f->tape = nn_tape_new(NULL, e)))) {
        ser_front_free(f);
        return NULL;
    }
    f->hash = hash(f);
    return f;
}

void ser_front_free(ser_front *f)
{
    if (!f)
        return;
    au_features_free(f->mel);
    nn_tape_free(f->tape);
    free(f);
}

int ser_front_cols(const ser_front *f)
{
    if (f->convolve)
        return f->convolve->config.encoder.conv_dim[f->convolve->config.encoder.n_conv - 1];
    return f->config.conv ? 1 : f->config.bins * f->config.stack;
}

bool ser_front_parallel(const ser_front *f) { return !f->convolve; }

static base_status new_matrix(nn_matrix *m, int64_t rows, int cols, base_error *e)
{
    *m = (nn_matrix){ malloc(sizeof(float) * (size_t)rows * (size_t)cols), rows, cols };
    return m->x ? BASE_OK : base_fail(e, BASE_NO_MEMORY, "features: out of memory for %" PRId64 " x %d values", rows, cols);
}

/* The frames of a row stand side by side; the last row is filled up with the last frame. */
static base_status log_mel(const ser_front *f, const float *x, int64_t n, nn_matrix *out, base_error *e)
{
    int64_t frames = au_features_rows(f->mel, n), rows = (frames + f->config.stack - 1) / f->config.stack;
    int bins = f->config.bins;

    if (frames == 0)
        return base_fail(e, BASE_LIMIT, "%" PRId64 " samples are less than one frame", n);
    if (new_matrix(out, rows, bins * f->config.stack, e) || au_features_compute(f->mel, x, n, out->x, e))
        return e->status;
    if (f->config.cmvn == SER_CMVN_UTTERANCE)
        au_cmvn(out->x, frames, bins, false);
    for (int64_t i = frames; i < rows * f->config.stack; i++)
        memcpy(out->x + i * bins, out->x + (frames - 1) * bins, sizeof(float) * (size_t)bins);
    return BASE_OK;
}

static base_status convolve(const ser_front *f, float *x, int64_t n, nn_matrix *out, base_error *e)
{
    int64_t begin[2] = { 0, n };
    nn_tensor *y;

    nn_tape_begin(f->tape, NN_INFER, 0);
    y = nn_hubert_features(f->tape, f->convolve->encoder, nn_input_wrap(f->tape, x, n, 1, 1, begin));
    if (!y)
        return base_fail(e, nn_tape_error(f->tape)->status, "%s", nn_tape_error(f->tape)->text);
    if (new_matrix(out, y->rows, y->cols, e))
        return e->status;
    memcpy(out->x, y->x, sizeof(float) * (size_t)nn_numel(y));
    return BASE_OK;
}

base_status ser_front_compute(const ser_front *f, float *x, int64_t n, nn_matrix *out, base_error *e)
{
    *out = (nn_matrix){ 0 };
    if (!f->config.conv)
        return log_mel(f, x, n, out, e);
    if (f->config.cmvn != SER_CMVN_NONE)
        au_normalize(x, n, AU_NORMALIZE_EPS);
    if (f->convolve)
        return convolve(f, x, n, out, e);
    if (new_matrix(out, n, 1, e))
        return e->status;
    memcpy(out->x, x, sizeof *x * (size_t)n);
    return BASE_OK;
}

uint64_t ser_front_hash(const ser_front *f) { return f->hash; }
