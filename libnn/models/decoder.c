/* The Transformer decoder of Hugging Face's BertLMHeadModel with cross-attention (Vaswani et al. 2017, post-norm,
 * BERT's embeddings and head), for all words of a sentence at once or word by word.
 *
 * Word by word, keys and values of the words read so far are rows of a table, and a hypothesis is the list of its words'
 * rows. So nothing is moved or copied when hypotheses are dropped or doubled, and hypotheses share what they have in common;
 * a row that no hypothesis has any more is the next one's. Those of a sentence stand together, and attend to its source as if
 * they were one sequence. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/parallel.h"
#include "libnn/models/encoder.h"

static const nn_layer_names names = {
    .layer = "bert.encoder.layer.%d", .qkv = "attention.self.{query,key,value}", .out = "attention.output.dense",
    .attention_norm = "attention.output.LayerNorm", .up = "intermediate.dense", .down = "output.dense",
    .norm = "output.LayerNorm",
};

typedef struct decoder_layer {
    nn_layer own;                   /* attention to the words before, and feed-forward */
    nn_dense query, key_value, out; /* attention to the source */
    nn_norm  norm;
} decoder_layer;

struct nn_decoder {
    nn_bert_config c;
    nn_words       words;
    nn_word_head   head;
    decoder_layer  layers[];
};

struct nn_decoding {
    const nn_decoder *m;
    nn_tape  *tape;
    int       sentences, length;    /* length: words every hypothesis has read */
    int64_t  *source_begin;         /* [sentences + 1] */
    float    *source;               /* [layers][rows of the source][2 width] keys and values */
    float    *past;                 /* [room][layers][2 width] keys and values of words */
    int64_t   room, used;           /* rows; used: those that were ever taken */
    bool     *taken;                /* [room] by one of the hypotheses */
    int      *rows, *rows_before;   /* [hypotheses][length] rows of each one's words; of the step before, one less */
    int64_t  *each;                 /* [hypotheses + 1] i */
    int64_t   n;                    /* hypotheses of the step */
    const int64_t *begin;           /* [sentences + 1] hypotheses of each sentence, in this step */
};

/* ---- parameters ------------------------------------------------------------------------------------------------- */

static decoder_layer add_layer(nn_params *p, const nn_encoder_config *c, int index)
{
    decoder_layer l = { .own = nn_layer_add(p, c, &names, index) };

    nn_params_push(p, names.layer, index);
    nn_params_push(p, "crossattention", 0);
    l.query = nn_dense_add(p, "self.query", c->width, c->width, c->init);
    l.key_value = nn_dense_add(p, "self.{key,value}", c->width, c->width, c->init);
    l.out = nn_dense_add(p, "output.dense", c->width, c->width, c->init);
    l.norm = nn_norm_add(p, "output.LayerNorm", c->width);
    nn_params_pop(p);
    nn_params_pop(p);
    return l;
}

nn_decoder *nn_decoder_new(nn_params *p, const nn_bert_config *c, nn_tensor *table)
{
    nn_decoder *m = calloc(1, sizeof *m + (size_t)c->encoder.layers * sizeof m->layers[0]);

    if (!m)
        return NULL;
    m->c = *c;
    m->c.encoder.adapter = m->c.encoder.lora = 0;
    nn_params_push(p, "bert", 0);
    m->words = nn_words_add(p, &m->c, table);
    nn_params_pop(p);
    for (int i = 0; i < c->encoder.layers; i++)
        m->layers[i] = add_layer(p, &m->c.encoder, i);
    m->head = nn_word_head_add(p, &m->c);
    return m;
}

void nn_decoder_free(nn_decoder *m) { free(m); }

/* ---- a layer ---------------------------------------------------------------------------------------------------- */

static nn_tensor *add_and_norm(nn_tape *t, const nn_encoder_config *c, nn_tensor *h, nn_tensor *x, nn_norm norm,
    const char *site)
{
    return nn_norm_apply(t, nn_dropout_add(t, h, x, c->dropout, site), norm, c->eps);
}

/* x, seen as other sequences; only without gradients. */
static nn_tensor *regroup(nn_tape *t, nn_tensor *x, int n, const int64_t *begin)
{
    return x ? nn_input_wrap(t, x->x, x->rows, x->cols, n, begin) : NULL;
}

/* Keys and values of layer i in a row of the table. */
static float *past_of(const nn_decoding *d, int i, int row)
{
    const nn_encoder_config *c = &d->m->c.encoder;

    return d->past + ((int64_t)row * c->layers + i) * 2 * c->width;
}

/* scores [hypotheses * heads][length] = q k' / sqrt(columns of a head). */
BASE_CLONES static void score_past(const nn_decoding *d, int i, const nn_tensor *qkv, float *scores)
{
    const nn_encoder_config *c = &d->m->c.encoder;
    int size = c->width / c->heads;
    float scale = 1.0f / sqrtf((float)size);

    base_parallel_for_dynamic(d->n * d->length, d->length, word, end)
        for (; word < end; word++) {
            int64_t h = word / d->length, j = word % d->length;
            const float *q = qkv->x + h * qkv->cols, *k = past_of(d, i, d->rows[word]);

            for (int64_t a = 0; a < c->heads; a++) {
                float sum = 0.0f;

#pragma omp simd reduction(+ : sum)
                for (int64_t column = a * size; column < (a + 1) * size; column++)
                    sum += q[column] * k[column];
                scores[(h * c->heads + a) * d->length + j] = sum * scale;
            }
        }
}

/* y [hypotheses][width] = the values, weighted. A thread takes whole hypotheses, as above. */
BASE_CLONES static void weigh_past(const nn_decoding *d, int i, const float *weights, float *y)
{
    const nn_encoder_config *c = &d->m->c.encoder;
    int size = c->width / c->heads;

    memset(y, 0, (size_t)(d->n * c->width) * sizeof *y);
    base_parallel_for_dynamic(d->n * d->length, d->length, word, end)
        for (; word < end; word++) {
            int64_t h = word / d->length, j = word % d->length;
            const float *v = past_of(d, i, d->rows[word]) + c->width;

            for (int64_t a = 0; a < c->heads; a++) {
                float weight = weights[(h * c->heads + a) * d->length + j], *out = y + h * c->width;

                for (int64_t column = a * size; column < (a + 1) * size; column++)
                    out[column] += weight * v[column];
            }
        }
}

/* Every hypothesis's newest word attends to all of its words: those before are in the table, where the new ones go. */
static nn_tensor *attend_to_past(nn_tape *t, const nn_decoding *d, int i, nn_tensor *qkv)
{
    const nn_encoder_config *c = &d->m->c.encoder;
    nn_tensor *scores = nn_input(t, NULL, d->n * c->heads, d->length, 0, NULL), *y;

    if (!qkv || !scores)
        return NULL;
    for (int64_t h = 0; h < d->n; h++)
        memcpy(past_of(d, i, d->rows[h * d->length + d->length - 1]), qkv->x + h * qkv->cols + c->width,
            2 * (size_t)c->width * sizeof *d->past);
    score_past(d, i, qkv, scores->x);
    scores = nn_softmax(t, scores);
    y = nn_input(t, NULL, d->n, c->width, 0, NULL);
    if (scores && y)
        weigh_past(d, i, scores->x, y->x);
    return scores ? y : NULL;
}

/* kv: keys and values of the source. d NULL: x are whole sentences; else the newest words of d's hypotheses. */
static nn_tensor *apply_layer(nn_tape *t, const nn_decoder *m, int i, nn_tensor *x, nn_tensor *kv, const nn_decoding *d)
{
    const nn_encoder_config *c = &m->c.encoder;
    const decoder_layer *l = &m->layers[i];
    nn_tensor *h = nn_dense_apply(t, x, l->own.qkv);

    h = d ? attend_to_past(t, d, i, h) : nn_self_attention(t, h, c->heads, true, c->attention_dropout, "attention");
    x = add_and_norm(t, c, nn_dense_apply(t, h, l->own.out), x, l->own.attention_norm, "attention_dropout");
    h = nn_dense_apply(t, x, l->query);
    h = d ? regroup(t, h, d->sentences, d->begin) : h;
    h = nn_cross_attention(t, h, kv, c->heads, c->attention_dropout, "cross_attention");
    x = add_and_norm(t, c, nn_dense_apply(t, h, l->out), x, l->norm, "cross_dropout");
    h = nn_linear_gelu(t, x, l->own.up.w, l->own.up.b, c->activation_dropout, "activation");
    return add_and_norm(t, c, nn_dense_apply(t, h, l->own.down), x, l->own.norm, "dropout");
}

/* ---- whole sentences -------------------------------------------------------------------------------------------- */

nn_tensor *nn_decoder_states(nn_tape *t, const nn_decoder *m, const int *ids, int n, const int64_t *begin,
    nn_tensor *source, int layer)
{
    int layers = layer < 0 || layer > m->c.encoder.layers ? m->c.encoder.layers : layer;
    nn_tensor *x = nn_words_embed(t, &m->words, &m->c, ids, NULL, n, begin, -1);
    nn_mark mark = nn_tape_mark(t);

    for (int i = 0; i < layers; i++) {
        nn_scope_push(t, names.layer, i);
        x = apply_layer(t, m, i, x, nn_dense_apply(t, source, m->layers[i].key_value), NULL);
        nn_scope_pop(t);
        x = nn_tape_trim(t, mark, x);
    }
    return x;
}

nn_tensor *nn_decoder_words(nn_tape *t, const nn_decoder *m, nn_tensor *states)
{
    return nn_word_head_apply(t, &m->head, &m->c, m->words.word, states);
}

/* ---- word by word ----------------------------------------------------------------------------------------------- */

/* Room for `count` things of `bytes` at the pointer p points to; it keeps what it holds. */
static bool grow(void *p, int64_t count, size_t bytes)
{
    void *room;
    size_t size;

    memcpy(&room, p, sizeof room);
    if (!base_mul((size_t)count, bytes, &size) || !(room = realloc(room, size + 1)))
        return false;
    memcpy(p, &room, sizeof room);
    return true;
}

static bool read_source(nn_decoding *d, nn_tensor *source)
{
    const nn_encoder_config *c = &d->m->c.encoder;
    int64_t count = source->rows * 2 * c->width;
    nn_mark mark = nn_tape_mark(d->tape);

    if (!grow(&d->source, c->layers * count, sizeof *d->source))
        return false;
    for (int i = 0; i < c->layers; i++) {
        const nn_tensor *kv = nn_dense_apply(d->tape, source, d->m->layers[i].key_value);
        if (!kv)
            return false;
        memcpy(d->source + i * count, kv->x, (size_t)count * sizeof *d->source);
        nn_tape_trim(d->tape, mark, NULL);
    }
    return true;
}

static base_status fail(const nn_decoding *d, base_error *e)
{
    const base_error *why = nn_tape_error(d->tape);

    if (why)
        return base_fail(e, why->status, "%s", why->text);
    return base_fail(e, BASE_NO_MEMORY, "decoding: no memory for a word");
}

nn_decoding *nn_decoding_new(nn_tape *t, const nn_decoder *m, nn_tensor *source, base_error *e)
{
    nn_decoding *d = calloc(1, sizeof *d);
    base_error own = BASE_ERROR_INIT;

    e = e ? e : &own;
    if (!d) {
        base_fail(e, BASE_NO_MEMORY, "decoding: no memory");
        return NULL;
    }
    d->m = m;
    d->tape = t;
    if (source && !source->seqs)
        base_fail(e, BASE_SHAPE, "decoding: the source has no sentences");
    else if (source && grow(&d->source_begin, source->seqs->n + 1, sizeof *d->source_begin)) {
        d->sentences = source->seqs->n;
        memcpy(d->source_begin, source->seqs->begin, ((size_t)d->sentences + 1) * sizeof *d->source_begin);
    }
    if (d->source_begin && read_source(d, source))
        return d;
    if (!e->status)
        fail(d, e);
    nn_decoding_free(d);
    return NULL;
}

void nn_decoding_free(nn_decoding *d)
{
    if (!d)
        return;
    free(d->source_begin);
    free(d->source);
    free(d->past);
    free(d->rows);
    free(d->rows_before);
    free(d->taken);
    free(d->each);
    free(d);
}

/* The hypotheses' lists of rows with a place for one more, or from nothing at the first word. */
static bool follow(nn_decoding *d, int64_t n, const int *from)
{
    int length = d->length + 1;
    int *rows;

    if (!grow(&d->rows_before, n * length, sizeof *d->rows_before) || !grow(&d->each, n + 1, sizeof *d->each))
        return false;
    rows = d->rows_before;
    d->rows_before = d->rows;
    d->rows = rows;
    for (int64_t i = 0; i <= n; i++)
        d->each[i] = i;
    for (int64_t i = 0; i < n; i++, rows += length)
        if (length > 1)
            memcpy(rows, d->rows_before + (int64_t)from[i] * d->length, (size_t)d->length * sizeof *rows);
    d->length = length;
    d->n = n;
    return true;
}

static bool make_past(nn_decoding *d, int64_t rows)
{
    const nn_encoder_config *c = &d->m->c.encoder;
    int64_t room = d->room > 0 ? d->room : 16;

    while (room < rows)
        room += room / 2;
    if (room > d->room && (!grow(&d->past, room, (size_t)c->layers * 2 * (size_t)c->width * sizeof *d->past) ||
        !grow(&d->taken, room, sizeof *d->taken)))
        return false;
    d->room = room;
    return true;
}

/* Gives every hypothesis's newest word a row that none of them has. */
static bool take_rows(nn_decoding *d)
{
    int64_t row = 0;

    if (!make_past(d, d->used + d->n))
        return false;
    memset(d->taken, 0, (size_t)(d->used + d->n) * sizeof *d->taken);
    for (int64_t h = 0; h < d->n; h++)
        for (int j = 0; j < d->length - 1; j++)
            d->taken[d->rows[h * d->length + j]] = true;
    for (int64_t h = 0; h < d->n; h++, row++) {
        while (d->taken[row])
            row++;
        d->rows[h * d->length + d->length - 1] = (int)row;
    }
    d->used = row > d->used ? row : d->used;
    return true;
}

static nn_tensor *next_states(nn_decoding *d, const int *words)
{
    const nn_decoder *m = d->m;
    const nn_encoder_config *c = &m->c.encoder;
    int64_t rows = d->source_begin[d->sentences];
    nn_tape *t = d->tape;
    nn_tensor *x = nn_words_embed(t, &m->words, &m->c, words, NULL, (int)d->n, d->each, d->length - 1);
    nn_mark mark = nn_tape_mark(t);

    for (int i = 0; i < c->layers; i++) {
        float *source = d->source + i * rows * 2 * c->width;
        nn_tensor *kv = nn_input_wrap(t, source, rows, 2 * c->width, d->sentences, d->source_begin);

        nn_scope_push(t, names.layer, i);
        x = apply_layer(t, m, i, x, kv, d);
        nn_scope_pop(t);
        x = nn_tape_trim(t, mark, x);
    }
    return x;
}

static const float *next(void *self, const int64_t *begin, const int *from, const int *words, base_error *e)
{
    nn_decoding *d = self;
    int64_t n = begin[d->sentences];
    nn_tensor *x = NULL;

    if (follow(d, n, from) && take_rows(d)) {
        d->begin = begin;
        nn_tape_begin(d->tape, NN_INFER, 0);
        x = nn_log_softmax(d->tape, nn_decoder_words(d->tape, d->m, next_states(d, words)));
    }
    if (!x)
        fail(d, e);
    return x ? x->x : NULL;
}

nn_sequence_model nn_decoding_model(nn_decoding *d)
{
    return (nn_sequence_model){ .sentences = d->sentences, .vocab = d->m->c.vocab_size, .source = d->source_begin,
        .limit = d->m->c.max_positions, .self = d, .next = next };
}
