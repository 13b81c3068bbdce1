/* The corrector of recognised words (AEC): BERT reads what was heard, a decoder over its states writes what was meant. */
#include <stdlib.h>
#include <string.h>

#include "recipes/ser.h"

ser_corrector *ser_corrector_new(nn_params *p, const nn_bert_config *c, int layers, const nn_bert *shared)
{
    ser_corrector *k = calloc(1, sizeof *k);
    nn_bert_config own = *c, words = *c;

    if (!k)
        return NULL;
    k->options = (ser_correct_options){ 1, 1.0 };
    own.encoder.adapter = own.encoder.lora = 0;
    words.encoder.layers = layers;
    nn_params_push(p, "aec", 0);
    nn_params_push(p, "encoder", 0);
    k->encoder = shared ? nn_bert_bare(shared) : nn_bert_new(p, &own, false);
    nn_params_pop(p);
    nn_params_push(p, "decoder", 0);
    k->decoder = k->encoder ? nn_decoder_new(p, &words, nn_bert_table(k->encoder)) : NULL;
    nn_params_pop(p);
    nn_params_pop(p);
    if (k->decoder)
        return k;
    ser_corrector_free(k);
    return NULL;
}

void ser_corrector_free(ser_corrector *c)
{
    if (!c)
        return;
    nn_tape_free(c->tape);
    nn_decoder_free(c->decoder);
    nn_bert_free(c->encoder);
    free(c);
}

static nn_tensor *encode(nn_tape *t, const ser_corrector *c, const int *piece, const int64_t *begin, int n)
{
    nn_tensor *x;

    nn_scope_push(t, "aec.encoder", 0);
    x = nn_bert_encode(t, c->encoder, nn_bert_embed(t, c->encoder, piece, NULL, n, begin), -1);
    nn_scope_pop(t);
    return x;
}

/* ---- learning ---------------------------------------------------------------------------------------------------- */

static bool make_room(ser_lesson *l, int n, int64_t words)
{
    int64_t room = 2 * words;
    int *input, *label;
    int64_t *begin;

    if (n > l->most) {
        if (!(begin = realloc(l->begin, sizeof *begin * ((size_t)n + 1))))
            return false;
        l->begin = begin;
        l->most = n;
    }
    if (words <= l->room)
        return true;
    if ((input = realloc(l->input, sizeof *input * (size_t)room)))
        l->input = input;
    if ((label = realloc(l->label, sizeof *label * (size_t)room)))
        l->label = label;
    if (input && label)
        l->room = room;
    return input && label;
}

base_status ser_lesson_fill(ser_lesson *l, const tx_labels *const *text, int n, int limit, base_error *e)
{
    int64_t words = 0, at = 0;

    for (int i = 0; i < n; i++)
        words += text[i]->n;
    if (!make_room(l, n, words))
        return base_fail(e, BASE_NO_MEMORY, "corrector: out of memory for %lld pieces", (long long)words);
    for (int i = 0; i < n; i++) {
        int64_t count = text[i]->n - 1 < limit ? text[i]->n - 1 : limit;

        l->begin[i] = at;
        memcpy(l->input + at, text[i]->label, sizeof(int) * (size_t)count);
        memcpy(l->label + at, text[i]->label + 1, sizeof(int) * (size_t)count);
        at += count;
    }
    l->begin[n] = at;
    return BASE_OK;
}

void ser_lesson_free(ser_lesson *l)
{
    free(l->input);
    free(l->label);
    free(l->begin);
    *l = (ser_lesson){ 0 };
}

nn_tensor *ser_corrector_learn(nn_tape *t, const ser_corrector *c, const int *piece, const int64_t *begin, int n,
    const ser_lesson *l)
{
    nn_tensor *x = encode(t, c, piece, begin, n);

    nn_scope_push(t, "aec.decoder", 0);
    x = nn_decoder_words(t, c->decoder, nn_decoder_states(t, c->decoder, l->input, n, l->begin, x, -1));
    nn_scope_pop(t);
    return x;
}

/* ---- correcting -------------------------------------------------------------------------------------------------- */

static char *capitals(const char *text, base_error *e)
{
    tx_normalise_options o = TX_NORMALISE_NONE;

    o.letter_case = TX_CASE_UPPER;
    return text ? tx_normalise(text, &o, e) : NULL;
}

/* The pieces as text; in capitals where what was heard has no small letter. */
static char *render(const tx_wordpiece *w, const nn_hypothesis *h, const char *heard, base_error *e)
{
    char *text = tx_wordpiece_decode(w, h->labels, h->n, e), *upper = capitals(heard, e), *out = text;

    if (upper && !strcmp(upper, heard)) {
        out = capitals(text, e);
        free(text);
    }
    free(upper);
    return out;
}

static base_status search(ser_corrector *c, const tx_wordpiece *w, const ser_reading *heard, nn_hypothesis *best, int *found,
    base_error *e)
{
    nn_sequence_options o = NN_SEQUENCE_DEFAULTS;
    nn_sequence_model model;
    nn_decoding *d;

    o.beam = c->options.beam;
    o.length_penalty = c->options.length_penalty;
    o.start = tx_wordpiece_find(w, "[CLS]");
    o.end = tx_wordpiece_find(w, "[SEP]");
    o.pad = tx_wordpiece_find(w, "[PAD]");
    o.unknown = tx_wordpiece_find(w, "[UNK]");      /* nobody said that */
    o.unknown_penalty = 1e9;
    o.longest_factor = 1.5;
    o.longest = 10;
    nn_tape_begin(c->tape, NN_INFER, 0);
    d = nn_decoding_new(c->tape, c->decoder, encode(c->tape, c, heard->piece, heard->begin, heard->n), e);
    if (!d)
        return e->status;
    model = nn_decoding_model(d);
    nn_sequence_beam(&model, &o, best, found, e);
    nn_decoding_free(d);
    return e->status;
}

base_status ser_correct(ser_corrector *c, const tx_wordpiece *w, const ser_reading *heard, char **out, base_error *e)
{
    size_t n = (size_t)heard->n;
    nn_hypothesis *best = calloc(n + 1, sizeof *best);
    int *found = calloc(n + 1, sizeof *found);

    memset(out, 0, sizeof *out * n);
    if (!best || !found)
        base_fail(e, BASE_NO_MEMORY, "corrector: out of memory for %d texts", heard->n);
    else if (c->tape || (c->tape = nn_tape_new(NULL, e)))
        search(c, w, heard, best, found, e);
    for (size_t i = 0; i < n && !e->status; i++) {
        bool empty = heard->begin[i + 1] - heard->begin[i] <= 2 || !found[i];

        out[i] = empty ? strdup("") : render(w, &best[i], heard->text[i], e);
        if (!out[i] && !e->status)
            base_fail(e, BASE_NO_MEMORY, "corrector: out of memory");
    }
    for (size_t i = 0; i < n; i++) {
        if (best && found && found[i])
            nn_hypothesis_free(&best[i]);
        if (e->status) {
            free(out[i]);
            out[i] = NULL;
        }
    }
    free(best);
    free(found);
    return e->status;
}
