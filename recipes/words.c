/* What BERT reads: the pieces of a reference text, of one with unknown words, of what CTC writes down, or of that corrected. */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/random.h"
#include "recipes/ser.h"

static const char *const names[] = { "ref", "noisy", "asr", "aec" };

bool ser_words_of(const char *name, ser_words *w)
{
    for (int i = 0; i < 4; i++)
        if (ser_is(name, names[i])) {
            *w = (ser_words)i;
            return true;
        }
    return false;
}

const char *ser_words_name(ser_words w) { return names[w]; }

/* BERT has so many positions: what is longer loses its end, but not [SEP]. */
static void shorten(int limit, int *piece, int64_t *n)
{
    if (*n > limit) {
        piece[limit - 1] = piece[*n - 1];
        *n = limit;
    }
}

base_status ser_words_encode(const tx_wordpiece *w, const char *text, tx_labels *out, base_error *e)
{
    return tx_wordpiece_encode(w, text, strlen(text), true, out, e);
}

/* A word is unknown with probability p, all pieces of it as one [UNK]; the first and the last piece are the frame. */
static int64_t spoil(const ser_model *m, const int *from, int64_t n, double p, const base_random *r, int *out)
{
    const tx_wordpiece *w = m->names.pieces;
    int unknown = tx_wordpiece_find(w, "[UNK]");
    int64_t k = 0;
    bool hidden = false;

    for (int64_t i = 0; i < n; i++) {
        bool frame = i == 0 || i == n - 1, inside = !strncmp(tx_wordpiece_token(w, from[i]), "##", 2);

        if (!inside || frame)
            hidden = !frame && base_random_uniform(r, (uint64_t)i) < p;
        if (!hidden || !inside)
            out[k++] = hidden ? unknown : from[i];
    }
    return k;
}

void ser_words_fill(ser_batch *b, const ser_model *m, int i, const ser_augment *a)
{
    const ser_utterance *u = b->utt[i];
    int *out = b->piece + b->piece_begin[i];
    int64_t n = u->pieces.n;

    if (b->words == SER_NOISY && a) {
        base_random r = base_random_at(a->seed, a->step, base_hash_text(base_hash_text(BASE_HASH_INIT, "words/"), u->key));

        n = spoil(m, u->pieces.label, n, a->text_noise, &r, out);
    } else if (n) {
        memcpy(out, u->pieces.label, sizeof *out * (size_t)n);
    }
    shorten(m->config.bert.max_positions, out, &n);
    b->piece_begin[i + 1] = b->piece_begin[i] + n;
}

/* ---- what the model writes --------------------------------------------------------------------------------------- */

bool ser_reading_reserve(ser_reading *r, int n)
{
    char **text = realloc(r->text, sizeof *text * ((size_t)n + 1));
    int64_t *begin = text ? realloc(r->begin, sizeof *begin * ((size_t)n + 1)) : NULL;

    r->text = text ? text : r->text;
    r->begin = begin ? begin : r->begin;
    return text && begin;
}

void ser_reading_clear(ser_reading *r)
{
    for (int i = 0; i < r->n; i++)
        free(r->text[i]);
    r->n = 0;
    r->begin[0] = 0;
}

void ser_reading_free(ser_reading *r)
{
    if (r->n)
        ser_reading_clear(r);
    free(r->text);
    free(r->piece);
    free(r->begin);
    *r = (ser_reading){ 0 };
}

base_status ser_reading_add(ser_reading *r, const tx_wordpiece *w, int limit, char *text, base_error *e)
{
    int64_t at = r->begin[r->n], n;
    tx_labels l;

    r->text[r->n++] = text;
    if (ser_words_encode(w, text, &l, e))
        return e->status;
    if (at + l.n > r->room) {
        int64_t room = 2 * (at + l.n);
        int *more = realloc(r->piece, sizeof *more * (size_t)room);

        if (!more) {
            tx_labels_free(&l);
            return base_fail(e, BASE_NO_MEMORY, "out of memory for %lld pieces", (long long)room);
        }
        r->piece = more;
        r->room = room;
    }
    n = l.n;
    memcpy(r->piece + at, l.label, sizeof *l.label * (size_t)n);
    shorten(limit, r->piece + at, &n);
    r->begin[r->n] = at + n;
    tx_labels_free(&l);
    return BASE_OK;
}

base_status ser_words_hear(ser_batch *b, const ser_model *m, const nn_tensor *log_probs, base_error *e)
{
    const int64_t *begin = log_probs->seqs->begin;

    ser_reading_clear(&b->heard);
    for (int i = 0; i < b->n; i++) {
        ser_result r = { .log_probs = log_probs->x + begin[i] * log_probs->cols, .frames = begin[i + 1] - begin[i] };
        char *text;

        if (ser_transcribe(m->names.vocab, &r, m->beam > 1 ? m->beam : 1, &text, e))
            return base_fail_in(e, "utterance \"%s\"", b->utt[i]->key);
        if (ser_reading_add(&b->heard, m->names.pieces, m->config.bert.max_positions, text, e))
            return e->status;
    }
    return BASE_OK;
}

base_status ser_words_correct(ser_batch *b, const ser_model *m, base_error *e)
{
    char **text;

    ser_reading_clear(&b->corrected);
    text = malloc(sizeof *text * (size_t)b->n);
    if (!text)
        return base_fail(e, BASE_NO_MEMORY, "out of memory for %d texts", b->n);
    ser_correct(m->corrector, m->names.pieces, &b->heard, text, e);
    for (int i = 0; i < b->n && !e->status; i++) {
        ser_reading_add(&b->corrected, m->names.pieces, m->config.bert.max_positions, text[i], e);
        text[i] = NULL;
    }
    for (int i = 0; i < b->n && e->status; i++)
        free(text[i]);
    free(text);
    return e->status;
}

/* Which utterances have the same text: same[i] is the first of them. */
void ser_words_same(ser_batch *b)
{
    for (int i = 0; i < b->n; i++) {
        b->same[i] = 0;
        while (strcmp(b->utt[b->same[i]]->text ? b->utt[b->same[i]]->text : "", b->utt[i]->text ? b->utt[i]->text : "") != 0)
            b->same[i]++;
    }
}

base_status ser_words_teach(ser_batch *b, const ser_model *m, base_error *e)
{
    const tx_labels **text = malloc(sizeof *text * (size_t)b->n);
    base_status status;

    for (int i = 0; text && i < b->n; i++)
        text[i] = &b->utt[i]->pieces;
    status = text ? ser_lesson_fill(&b->lesson, text, b->n, m->config.bert.max_positions, e)
                  : base_fail(e, BASE_NO_MEMORY, "out of memory for %d texts", b->n);
    free(text);
    return status;
}
