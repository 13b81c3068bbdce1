/* Pre-training by masked prediction. HuBERT (Hsu et al. 2021): spans of frames are replaced by one vector, and the cluster of
 * each is told by the cosine between its projected state and a code book; the loss is fairseq's hubert_criterion. BERT
 * (Devlin et al. 2019): of the pieces of a text a share is predicted, most of them hidden. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/random.h"
#include "recipes/ser.h"

enum { MOST_CLUSTERS = 1 << 20 };

/* ---- configuration and parameters -------------------------------------------------------------------------------- */

base_status ser_masked_configure(const ser_config *c, ser_model_config *out, base_error *e)
{
    ser_masking *k = &out->masking;

    k->what = ser_is(c->pretrain, "frames") ? SER_PRETRAIN_FRAMES : ser_is(c->pretrain, "words") ? SER_PRETRAIN_WORDS
                                                                                                 : SER_PRETRAIN_NONE;
    k->span = (nn_mask_options){ .time_prob = (float)c->span_prob, .time_length = c->span_length, .time_min = 2 };
    k->dim = c->final_dim;
    k->temperature = c->code_temperature;
    k->unmasked = c->unmasked_weight;
    k->penalty = c->feature_penalty;
    k->words = c->word_mask;
    k->seed = (uint64_t)c->seed;
    out->encoder.masked = k->what == SER_PRETRAIN_FRAMES;
    return out->encoder.masked && out->input != SER_SPEECH
        ? base_fail(e, BASE_VALUE, "pretrain=frames needs input=speech") : BASE_OK;
}

/* fairseq draws the code book from [0, 1). */
void ser_masked_declare(ser_model *m)
{
    const ser_masking *k = &m->config.masking;
    int width = m->config.encoder.encoder.width;
    float bound = 1.0f / sqrtf((float)width);

    if (k->what != SER_PRETRAIN_FRAMES)
        return;
    nn_params_push(m->params, "final_proj", 0);
    m->project.w = nn_params_add(m->params, (nn_init){ NN_INIT_UNIFORM, bound }, "weight", 2, (int64_t[]){ k->dim, width });
    m->project.b = nn_params_add(m->params, (nn_init){ NN_INIT_UNIFORM, bound }, "bias", 1, (int64_t[]){ k->dim });
    nn_params_pop(m->params);
    m->codes = nn_params_add(m->params, (nn_init){ NN_INIT_POSITIVE, 1 }, "label_embs_concat", 2, (int64_t[]){ k->clusters, k->dim });
}

/* ---- clusters of frames ------------------------------------------------------------------------------------------ */

static base_status parse_clusters(tx_labels *out, const char *path, const tx_entry *line, int *most, base_error *e)
{
    const char *s = line->value;

    out->label = malloc(sizeof *out->label * (strlen(s) / 2 + 1));
    if (!out->label)
        return base_fail(e, BASE_NO_MEMORY, "%s: out of memory", path);
    while (*s) {
        char *end;
        long x = strtol(s, &end, 10);

        if (end == s || (*end && *end != ' ' && *end != '\t') || x < 0 || x >= MOST_CLUSTERS)
            return base_fail(e, BASE_FORMAT, "%s:%" PRId64 ": \"%.*s\" of \"%s\" is no cluster from 0 to %d", path, line->line,
                (int)strcspn(s, " \t"), s, line->key, MOST_CLUSTERS - 1);
        out->label[out->n++] = (int)x;
        *most = x > *most ? (int)x : *most;
        s = end + strspn(end, " \t");
    }
    return BASE_OK;
}

base_status ser_masked_read(ser_data *d, const char *path, int *most, base_error *e)
{
    tx_table t = { 0 };
    base_status status = tx_table_read(&t, path, TX_ANY, e);

    for (int64_t i = 0; !status && i < d->n; i++) {
        const tx_entry *line = tx_table_find(&t, d->utt[i].key);

        status = line ? parse_clusters(&d->utt[i].clusters, path, line, most, e)
                      : base_fail(e, BASE_MISSING, "%s: no line for utterance \"%s\" of %s", path, d->utt[i].key, d->dir);
    }
    tx_table_free(&t);
    return status;
}

/* With convolutions features are samples, unless the convolutions are frozen and applied already. */
static int64_t frames_of(const ser_model *m, const ser_features *f, int64_t i)
{
    int64_t rows = f->rows[i * f->variants];

    return m->config.front.conv && f->cols == 1 ? nn_hubert_frames(&m->config.encoder, rows) : rows;
}

base_status ser_masked_fit(ser_data *d, const ser_features *f, const ser_model *m, int each, base_error *e)
{
    for (int64_t i = 0; i < d->n; i++) {
        tx_labels *l = &d->utt[i].clusters;
        int64_t frames = frames_of(m, f, i);

        if ((l->n + each - 1) / each != frames)
            return base_fail(e, BASE_MISMATCH, "utterance \"%s\": %d labels, labels-per-frame=%d, stand for %d frames, but the encoder "
                "makes %" PRId64, d->utt[i].key, l->n, each, (l->n + each - 1) / each, frames);
        for (int64_t r = 0; r < frames; r++) {
            int64_t at = r * each + (each - 1) / 2;

            l->label[r] = l->label[at < l->n ? at : l->n - 1];
        }
        l->n = (int)frames;
    }
    return BASE_OK;
}

/* ---- masks ------------------------------------------------------------------------------------------------------- */

/* A share of the pieces between [CLS] and [SEP], one at least (create_pretraining_data.py of Google's BERT counts all pieces). */
static int64_t pieces_to_predict(double share, int64_t n)
{
    int64_t inner = n - 2, k = (int64_t)(share * (double)n + 0.5);

    return k < 1 ? (inner > 0 && share > 0) : k < inner ? k : inner;
}

/* Selection sampling (Knuth, algorithm S): each set of k places is as likely. Of the chosen 80 % become [MASK], 10 % any
 * piece, 10 % stay. */
static void hide_pieces(const ser_model *m, int *piece, int64_t n, const base_random *r, unsigned char *mask)
{
    const tx_wordpiece *w = m->names.pieces;
    int64_t left = pieces_to_predict(m->config.masking.words, n);

    memset(mask, 0, (size_t)n);
    for (int64_t i = 1; i < n - 1 && left > 0; i++) {
        double how = base_random_uniform(r, 3 * (uint64_t)i + 1);

        if (base_random_uniform(r, 3 * (uint64_t)i) * (double)(n - 1 - i) >= (double)left)
            continue;
        left--;
        mask[i] = 1;
        if (how < 0.8)
            piece[i] = tx_wordpiece_find(w, "[MASK]");
        else if (how < 0.9)
            piece[i] = (int)base_random_below(r, 3 * (uint64_t)i + 2, tx_wordpiece_size(w));
    }
}

void ser_masked_fill(ser_batch *b, const ser_model *m, int i, const ser_augment *a)
{
    const ser_masking *k = &m->config.masking;
    const ser_utterance *u = b->utt[i];
    ser_masked *h = &b->hidden;
    uint64_t step = a ? a->step : 0;

    if (k->what == SER_PRETRAIN_FRAMES) {
        memcpy(h->truth + h->n, u->clusters.label, sizeof *h->truth * (size_t)u->clusters.n);
        nn_mask_frames(&k->span, k->seed, step, u->key, u->clusters.n, h->mask + h->n);
        h->n += u->clusters.n;
    } else {
        base_random r = base_random_at(k->seed, step, base_hash_text(base_hash_text(BASE_HASH_INIT, "mask/"), u->key));
        int *piece = b->piece + b->piece_begin[i];
        int64_t n = b->piece_begin[i + 1] - b->piece_begin[i];

        memcpy(h->truth + h->n, piece, sizeof *h->truth * (size_t)n);
        hide_pieces(m, piece, n, &r, h->mask + h->n);
        h->n += n;
    }
}

void ser_masked_list(ser_batch *b, const ser_model *m)
{
    ser_masked *h = &b->hidden;
    int64_t n = 0;

    for (int wanted = 1; wanted >= 0; wanted--) {
        for (int64_t i = 0; i < h->n; i++)
            if (h->mask[i] == wanted) {
                h->at[n] = i;
                h->target[n++] = h->truth[i];
            }
        if (wanted)
            h->masked = n;
        if (m->config.masking.unmasked == 0 || m->config.masking.what == SER_PRETRAIN_WORDS)
            break;
    }
    h->others = n - h->masked;
}

int64_t ser_masked_count(ser_batch *b, const ser_model *m, const ser_utterance *u, uint64_t step)
{
    const ser_masking *k = &m->config.masking;

    if (k->what == SER_PRETRAIN_WORDS)
        return pieces_to_predict(k->words, u->pieces.n < m->config.bert.max_positions ? u->pieces.n : m->config.bert.max_positions);
    return k->unmasked > 0 ? u->clusters.n : nn_mask_frames(&k->span, k->seed, step, u->key, u->clusters.n, b->hidden.mask);
}

/* ---- forward ----------------------------------------------------------------------------------------------------- */

/* p(c | x, t) = softmax over c of cos(A o_t, e_c) / temperature (eq. 3 of HuBERT's paper). */
static nn_tensor *code_logits(nn_tape *t, const ser_model *m, nn_tensor *states, const int64_t *at, int64_t n)
{
    nn_tensor *x = nn_linear(t, nn_gather_rows(t, states, at, n), m->project.w, m->project.b);

    return nn_scale(t, nn_linear(t, nn_unit(t, x), nn_unit(t, m->codes), NULL), (float)(1 / m->config.masking.temperature));
}

static void predict_frames(nn_tape *t, const ser_model *m, ser_batch *b, ser_outputs *o)
{
    const ser_masked *h = &b->hidden;
    nn_tensor *x = nn_input_wrap(t, b->x, b->begin[b->n], b->cols, b->n, b->begin);

    nn_scope_push(t, "hubert", 0);
    if (m->config.front.conv && b->cols == 1)
        x = o->features = nn_hubert_features(t, m->encoder, x);
    o->states = nn_hubert_encode_masked(t, m->encoder, x, h->mask);
    nn_scope_pop(t);
    o->masked = code_logits(t, m, o->states, h->at, h->masked);
    if (h->others)
        o->others = code_logits(t, m, o->states, h->at + h->masked, h->others);
}

static void predict_words(nn_tape *t, const ser_model *m, ser_batch *b, ser_outputs *o)
{
    nn_tensor *x;

    nn_scope_push(t, "bert", 0);
    x = nn_bert_encode(t, m->bert, nn_bert_embed(t, m->bert, b->piece, NULL, b->n, b->piece_begin), -1);
    nn_scope_pop(t);
    o->masked = nn_bert_words(t, m->bert, nn_gather_rows(t, x, b->hidden.at, b->hidden.masked));
}

void ser_masked_forward(nn_tape *t, const ser_model *m, ser_batch *b, ser_outputs *o)
{
    if (m->config.masking.what == SER_PRETRAIN_FRAMES)
        predict_frames(t, m, b, o);
    else
        predict_words(t, m, b, o);
}

int64_t ser_masked_right(const ser_batch *b, const ser_outputs *o)
{
    int64_t right = 0;

    for (int64_t i = 0; o->masked && i < b->hidden.masked; i++) {
        const float *x = o->masked->x + i * o->masked->cols;
        int best = 0;

        for (int c = 1; c < o->masked->cols; c++)
            best = x[c] > x[best] ? c : best;
        right += best == b->hidden.target[i];
    }
    return right;
}
