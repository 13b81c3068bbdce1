/* Which utterances make a batch, and what a batch holds. Both are pure functions of seed, epoch and step, so a resumed
 * run goes on in the middle of an epoch as if nothing had happened. */
#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/parallel.h"
#include "base/random.h"
#include "recipes/ser.h"

/* ---- plans ------------------------------------------------------------------------------------------------------- */

static base_random stream(uint64_t seed, int64_t epoch, const char *name)
{
    return base_random_at(seed, (uint64_t)epoch, base_hash_text(BASE_HASH_INIT, name));
}

typedef struct sortable { ser_item item; int64_t rows, at; } sortable;

static int by_rows(const void *a, const void *b)
{
    const sortable *x = a, *y = b;

    if (x->rows != y->rows)
        return x->rows < y->rows ? -1 : 1;
    return x->at < y->at ? -1 : x->at > y->at;
}

static base_status shuffle_items(ser_plan *p, const ser_features *f, int window, uint64_t seed, int64_t epoch)
{
    base_random order_of = stream(seed, epoch, "shuffle"), speed_of = stream(seed, epoch, "speed");
    int64_t *order = malloc(sizeof *order * (size_t)p->n);
    sortable *s = malloc(sizeof *s * (size_t)p->n);

    if (order && s) {
        base_random_shuffle(&order_of, p->n, order);
        for (int64_t i = 0; i < p->n; i++) {
            int64_t u = order[i];
            int variant = (int)base_random_below(&speed_of, (uint64_t)u, f->variants);

            variant = f->rows[u * f->variants + variant] ? variant : 0;     /* a copy of no frame */
            s[i] = (sortable){ { u, variant }, f->rows[u * f->variants + variant], i };
        }
        for (int64_t i = 0; i < p->n && window > 1; i += window)
            qsort(s + i, (size_t)base_min_i64(window, p->n - i), sizeof *s, by_rows);
        for (int64_t i = 0; i < p->n; i++)
            p->item[i] = s[i].item;
    }
    free(order);
    free(s);
    return order && s ? BASE_OK : BASE_NO_MEMORY;
}

/* Batches of so many utterances; of so many seconds when that is 0. */
static void cut_into_batches(ser_plan *p, const ser_features *f, double seconds, int utterances)
{
    double sum = 0;

    p->batches = 0;
    p->batch[0] = 0;
    for (int64_t i = 0; i < p->n; i++) {
        double s = f->seconds[p->item[i].utt * f->variants + p->item[i].variant];

        if (utterances ? i == p->batch[p->batches] + utterances : i > p->batch[p->batches] && sum + s > seconds) {
            p->batch[++p->batches] = i;
            sum = 0;
        }
        sum += s;
    }
    p->batch[++p->batches] = p->n;
}

/* Sorting has put the short utterances of a window first: mix the batches again. One with fewer utterances than all others stays the last. */
static base_status shuffle_batches(ser_plan *p, int utterances, uint64_t seed, int64_t epoch)
{
    int64_t full = p->batches - (utterances && p->n % utterances);
    base_random r = stream(seed, epoch, "batches");
    int64_t *order = malloc(sizeof *order * (size_t)p->batches), *begin = malloc(sizeof *begin * (size_t)(p->n + 1)), at = 0;
    ser_item *item = malloc(sizeof *item * (size_t)p->n);
    bool ok = order && begin && item;

    if (ok) {
        order[p->batches - 1] = p->batches - 1;
        base_random_shuffle(&r, full, order);
        for (int64_t i = 0; i < p->batches; i++) {
            int64_t from = p->batch[order[i]], n = p->batch[order[i] + 1] - from;

            memcpy(item + at, p->item + from, sizeof *item * (size_t)n);
            begin[i] = at;
            at += n;
        }
        begin[p->batches] = at;
        free(p->item);
        free(p->batch);
        p->item = item;
        p->batch = begin;
    } else {
        free(begin);
        free(item);
    }
    free(order);
    return ok ? BASE_OK : BASE_NO_MEMORY;
}

base_status ser_plan_make(ser_plan *p, const ser_features *f, double seconds, int utterances, int window, uint64_t seed, int64_t epoch,
    base_error *e)
{
    base_status status = BASE_OK;

    *p = (ser_plan){ .n = f->n };
    p->item = malloc(sizeof *p->item * (size_t)p->n);
    p->batch = malloc(sizeof *p->batch * (size_t)(p->n + 1));
    if (!p->item || !p->batch)
        status = BASE_NO_MEMORY;
    for (int64_t i = 0; i < p->n && !status; i++)
        p->item[i] = (ser_item){ i, 0 };
    if (!status && epoch >= 0)
        status = shuffle_items(p, f, window, seed, epoch);
    if (!status)
        cut_into_batches(p, f, seconds, utterances);
    if (!status && epoch >= 0)
        status = shuffle_batches(p, utterances, seed, epoch);
    if (status) {
        ser_plan_free(p);
        return base_fail(e, status, "batches: out of memory for %" PRId64 " utterances", f->n);
    }
    return BASE_OK;
}

void ser_plan_free(ser_plan *p)
{
    free(p->item);
    free(p->batch);
    *p = (ser_plan){ 0 };
}

/* ---- batches ----------------------------------------------------------------------------------------------------- */

static void *grow(void *block, size_t bytes, bool *ok)
{
    void *grown = realloc(block, bytes ? bytes : 1);

    *ok &= grown != NULL;
    return grown ? grown : block;
}

static bool reserve_hidden(ser_masked *h)
{
    size_t n = (size_t)h->room;
    bool ok = true;

    h->mask = grow(h->mask, sizeof *h->mask * n, &ok);
    h->truth = grow(h->truth, sizeof *h->truth * n, &ok);
    h->at = grow(h->at, sizeof *h->at * n, &ok);
    h->target = grow(h->target, sizeof *h->target * n, &ok);
    return ok;
}

base_status ser_batch_reserve(ser_batch *b, const ser_data *d, int64_t first, const ser_features *f, const ser_plan *p,
    base_error *e)
{
    bool ok = true;

    b->cols = f->cols;
    for (int64_t i = 0; i < p->batches; i++) {
        int64_t rows = 0, ctc = 0, pieces = 0, hidden = 0;

        for (int64_t j = p->batch[i]; j < p->batch[i + 1]; j++) {
            rows += f->rows[p->item[j].utt * f->variants + p->item[j].variant];
            ctc += d->utt[first + p->item[j].utt].ctc.n;
            pieces += d->utt[first + p->item[j].utt].pieces.n;
            hidden += d->utt[first + p->item[j].utt].clusters.n;
        }
        b->most_rows = base_max_i64(b->most_rows, rows);
        b->most_ctc = base_max_i64(b->most_ctc, ctc);
        b->most_pieces = base_max_i64(b->most_pieces, pieces);
        b->hidden.room = base_max_i64(b->hidden.room, hidden ? hidden : pieces);
        b->most = (int)base_max_i64(b->most, p->batch[i + 1] - p->batch[i]);
    }
    b->x = grow(b->x, sizeof *b->x * (size_t)b->most_rows * (size_t)b->cols, &ok);
    b->begin = grow(b->begin, sizeof *b->begin * ((size_t)b->most + 1), &ok);
    b->ctc = grow(b->ctc, sizeof *b->ctc * (size_t)b->most_ctc, &ok);
    b->ctc_begin = grow(b->ctc_begin, sizeof *b->ctc_begin * ((size_t)b->most + 1), &ok);
    b->piece = grow(b->piece, sizeof *b->piece * (size_t)b->most_pieces, &ok);
    b->piece_begin = grow(b->piece_begin, sizeof *b->piece_begin * ((size_t)b->most + 1), &ok);
    ok &= ser_reading_reserve(&b->heard, b->most) && ser_reading_reserve(&b->corrected, b->most);
    b->same = grow(b->same, sizeof *b->same * (size_t)b->most, &ok);
    b->utt = grow(b->utt, sizeof *b->utt * (size_t)b->most, &ok);
    ok &= reserve_hidden(&b->hidden);
    for (int t = 0; t < SER_TASKS; t++)
        b->label[t] = grow(b->label[t], sizeof *b->label[t] * (size_t)b->most, &ok);
    return ok ? BASE_OK : base_fail(e, BASE_NO_MEMORY, "batch: out of memory for %" PRId64 " rows", b->most_rows);
}

void ser_batch_free(ser_batch *b)
{
    free(b->x);
    free(b->begin);
    free(b->ctc);
    free(b->ctc_begin);
    free(b->utt);
    free(b->piece);
    free(b->piece_begin);
    ser_reading_free(&b->heard);
    ser_reading_free(&b->corrected);
    ser_lesson_free(&b->lesson);
    free(b->same);
    free(b->hidden.mask);
    free(b->hidden.truth);
    free(b->hidden.at);
    free(b->hidden.target);
    for (int t = 0; t < SER_TASKS; t++)
        free(b->label[t]);
    *b = (ser_batch){ 0 };
}

/* ---- what happens to log-mel rows ---------------------------------------------------------------------------------- */

void ser_normalise(const ser_model *m, float *x, int64_t rows, float shift)
{
    for (int64_t r = 0; m->mean && r < rows; r++, x += m->mean->cols)
        for (int c = 0; c < m->mean->cols; c++)
            x[c] = (x[c] + shift - m->mean->x[c]) * m->scale->x[c];
}

/* SpecAugment (Park et al. 2019) without warping: bands of bins and stretches of rows become 0, the mean. A stretch is
 * never over a fifth of the utterance. */
static void mask(float *x, int64_t rows, int bins, int stack, const ser_augment *a, const base_random *r)
{
    int cols = bins * stack;
    uint64_t draw = 1;      /* number 0 is the gain's */

    for (int m = 0; m < a->bin_masks; m++, draw += 2) {
        int width = (int)base_random_below(r, draw, (a->bin_width < bins ? a->bin_width : bins) + 1);
        int from = (int)base_random_below(r, draw + 1, bins - width + 1);

        for (int64_t frame = 0; frame < rows * stack; frame++)
            memset(x + frame * bins + from, 0, sizeof *x * (size_t)width);
    }
    for (int m = 0; m < a->time_masks; m++, draw += 2) {
        int64_t width = base_random_below(r, draw, base_min_i64(a->time_width, rows / 5) + 1);
        int64_t from = base_random_below(r, draw + 1, rows - width + 1);

        memset(x + from * cols, 0, sizeof *x * (size_t)(width * cols));
    }
}

/* Decibels of level to natural logarithm of power. */
static float log_power(double db) { return (float)(db * log(10.0) / 10.0); }

static void finish(float *x, int64_t rows, const ser_model *m, const char *key, const ser_augment *a)
{
    const ser_front_config *c = &m->config.front;
    base_random r = { 0 };
    float shift = 0;

    if (a) {
        r = base_random_at(a->seed, a->step, base_hash_text(base_hash_text(BASE_HASH_INIT, "augment/"), key));
        shift = log_power(a->gain_db * (2 * base_random_uniform(&r, 0) - 1));
    }
    ser_normalise(m, x, rows, shift);
    if (a)
        mask(x, rows, c->bins, c->stack, a, &r);
}

base_status ser_batch_fill(ser_batch *b, const ser_model *m, const ser_data *d, int64_t first, const ser_features *f,
    const ser_item *item, int64_t n, const ser_augment *a, base_error *e)
{
    assert(n <= b->most);
    b->n = (int)n;
    b->seconds = 0;
    b->begin[0] = b->ctc_begin[0] = b->piece_begin[0] = b->hidden.n = 0;
    for (int i = 0; i < b->n; i++) {
        const ser_utterance *u = &d->utt[first + item[i].utt];
        int64_t at = item[i].utt * f->variants + item[i].variant, rows = f->rows[at];
        float *x = b->x + b->begin[i] * b->cols;

        if (ser_features_copy(f, item[i].utt, item[i].variant, x, e))
            return base_fail_in(e, "utterance \"%s\"", u->key);
        if (!m->config.front.conv)
            finish(x, rows, m, u->key, a);
        b->begin[i + 1] = b->begin[i] + rows;
        if (u->ctc.n)
            memcpy(b->ctc + b->ctc_begin[i], u->ctc.label, sizeof *b->ctc * (size_t)u->ctc.n);
        b->ctc_begin[i + 1] = b->ctc_begin[i] + u->ctc.n;
        for (int t = 0; t < SER_TASKS; t++)
            b->label[t][i] = u->label[t];
        b->utt[i] = u;
        if (m->bert)
            ser_words_fill(b, m, i, a);
        if (m->config.masking.what)
            ser_masked_fill(b, m, i, a);
        b->seconds += f->seconds[at];
    }
    if (b->contrast)
        ser_words_same(b);
    if (m->config.masking.what)
        ser_masked_list(b, m);
    return b->teach ? ser_words_teach(b, m, e) : BASE_OK;
}
