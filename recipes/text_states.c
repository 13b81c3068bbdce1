/* Hidden states of one text after another, by a published BERT. Heads are not needed and not read. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "recipes/ser.h"

struct ser_text_states {
    nn_bert_config c;
    nn_params     *params;
    nn_bert       *bert;
    tx_normalise_options norm;
    tx_wordpiece  *pieces;
    nn_tape       *tape;
    int            layer;
};

static base_status build(ser_text_states *s, const char *model, const char *config, bool allow_missing, base_error *e)
{
    nn_load l = { .allow_missing = allow_missing };
    char norm[SER_NORM_TEXT];

    s->norm = (tx_normalise_options)TX_NORMALISE_NONE;
    if (nn_bert_config_read(&s->c, config, e) || ser_read_text_norm(config, norm, e) || tx_normalise_parse(&s->norm, norm, e))
        return e->status;
    if (s->layer > s->c.encoder.layers)
        return base_fail(e, BASE_VALUE, "%s: layer %d of a model with %d; -1 to %d are possible", model, s->layer,
            s->c.encoder.layers, s->c.encoder.layers);
    s->params = nn_params_new();
    s->bert = s->params ? nn_bert_new(s->params, &s->c, false) : NULL;
    if (!s->bert)
        return base_fail(e, BASE_NO_MEMORY, "%s: out of memory", model);
    nn_params_freeze(s->params, "");
    if (nn_params_build(s->params, e) || ser_weights_load(s->params, model, &l, e))
        return e->status;
    if (l.missing)
        base_warn("%s: %s", model, l.text);
    s->tape = nn_tape_new(NULL, e);
    return e->status;
}

static base_status read_pieces(ser_text_states *s, const char *path, base_error *e)
{
    s->pieces = tx_wordpiece_read(path, e);
    if (s->pieces && tx_wordpiece_size(s->pieces) > s->c.vocab_size)
        base_fail(e, BASE_MISMATCH, "%s: %d tokens, but the model knows %d", path, tx_wordpiece_size(s->pieces),
            s->c.vocab_size);
    return e->status;
}

static base_status load(ser_text_states *s, const char *model, bool allow_missing, base_error *e)
{
    char *config = ser_folder_path(model, "config.json"), *pieces = ser_pieces_path(model);

    if (!config || !pieces)
        base_fail(e, BASE_NO_MEMORY, "%s: out of memory", model);
    else if (!build(s, model, config, allow_missing, e))
        read_pieces(s, pieces, e);
    free(config);
    free(pieces);
    return e->status;
}

ser_text_states *ser_text_states_open(const char *model, int layer, bool allow_missing, base_error *e)
{
    ser_text_states *s = calloc(1, sizeof *s);

    if (!s) {
        base_fail(e, BASE_NO_MEMORY, "%s: out of memory", model);
        return NULL;
    }
    s->layer = layer;
    if (!load(s, model, allow_missing, e))
        return s;
    ser_text_states_free(s);
    return NULL;
}

void ser_text_states_free(ser_text_states *s)
{
    if (!s)
        return;
    nn_tape_free(s->tape);
    tx_wordpiece_free(s->pieces);
    nn_bert_free(s->bert);
    nn_params_free(s->params);
    free(s);
}

base_status ser_text_states_compute(ser_text_states *s, const char *text, nn_matrix *out, base_error *e)
{
    char *normal = tx_normalise(text, &s->norm, e);
    tx_labels ids;
    nn_tensor *y;

    *out = (nn_matrix){ 0 };
    if (!normal || ser_words_encode(s->pieces, normal, &ids, e)) {
        free(normal);
        return e->status;
    }
    free(normal);
    if (ids.n > s->c.max_positions) {
        base_fail(e, BASE_LIMIT, "%d tokens, the model reads %d at most", ids.n, s->c.max_positions);
        tx_labels_free(&ids);
        return e->status;
    }
    nn_tape_begin(s->tape, NN_INFER, 0);
    y = nn_bert_embed(s->tape, s->bert, ids.label, NULL, 1, (const int64_t[]){ 0, ids.n });
    y = nn_bert_encode(s->tape, s->bert, y, s->layer);
    tx_labels_free(&ids);
    if (!y)
        return base_fail(e, nn_tape_error(s->tape)->status, "%s", nn_tape_error(s->tape)->text);
    *out = (nn_matrix){ y->x, y->rows, y->cols };
    return BASE_OK;
}
