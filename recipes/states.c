/* Hidden states of one utterance after another, from any folder with config.json and weights: published or ours. Heads
 * are not needed and not read. */
#include <inttypes.h>
#include <stdlib.h>

#include "base/log.h"
#include "recipes/ser.h"

struct ser_states {
    ser_model *model;
    ser_front *front;
    nn_tape   *tape;
    int        layer;
};

static base_status load(ser_states *s, const char *dir, bool allow_missing, base_error *e)
{
    nn_load l = { .allow_missing = allow_missing };
    ser_model_config c;
    ser_names none = { 0 };

    if (ser_folder_read_config(dir, &c, e))
        return e->status;
    c.encoder.mask = (nn_mask_options){ 0 };       /* training's: no parameter for it */
    c.input = SER_SPEECH;
    if (s->layer > c.encoder.encoder.layers)
        return base_fail(e, BASE_VALUE, "%s: layer %d of a model with %d; -1 to %d are possible", dir, s->layer,
            c.encoder.encoder.layers, c.encoder.encoder.layers);
    s->model = ser_model_new(&c, &none, SER_TRAIN_NOTHING, e);
    if (!s->model || ser_weights_load(s->model->params, dir, &l, e))
        return e->status;
    if (l.missing || l.zeroed)
        base_warn("%s: %s", dir, l.text);
    s->front = ser_front_new(&c.front, NULL, e);
    if (s->front)
        s->tape = nn_tape_new(NULL, e);
    return e->status;
}

ser_states *ser_states_open(const char *dir, int layer, bool allow_missing, base_error *e)
{
    ser_states *s = calloc(1, sizeof *s);

    if (!s) {
        base_fail(e, BASE_NO_MEMORY, "%s: out of memory", dir);
        return NULL;
    }
    s->layer = layer;
    if (!load(s, dir, allow_missing, e))
        return s;
    ser_states_free(s);
    return NULL;
}

void ser_states_free(ser_states *s)
{
    if (!s)
        return;
    ser_front_free(s->front);
    nn_tape_free(s->tape);
    ser_model_free(s->model);
    free(s);
}

base_status ser_states_compute(ser_states *s, float *x, int64_t n, nn_matrix *out, base_error *e)
{
    const ser_model *m = s->model;
    int64_t begin[2] = { 0, 0 };
    nn_matrix heard;
    nn_tensor *y;

    *out = (nn_matrix){ 0 };
    if (ser_front_compute(s->front, x, n, &heard, e))
        return e->status;
    begin[1] = heard.rows;
    if (nn_hubert_frames(&m->config.encoder, heard.rows) == 0) {
        nn_matrix_free(&heard);
        return base_fail(e, BASE_LIMIT, "%" PRId64 " samples are too short for a frame", n);
    }
    ser_normalise(m, heard.x, heard.rows, 0.0f);
    nn_tape_begin(s->tape, NN_INFER, 0);
    y = nn_input_wrap(s->tape, heard.x, heard.rows, heard.cols, 1, begin);
    y = nn_hubert_encode(s->tape, m->encoder, nn_hubert_features(s->tape, m->encoder, y), s->layer);
    nn_matrix_free(&heard);
    if (!y)
        return base_fail(e, nn_tape_error(s->tape)->status, "%s", nn_tape_error(s->tape)->text);
    *out = (nn_matrix){ y->x, y->rows, y->cols };
    return BASE_OK;
}
