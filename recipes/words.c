/* What BERT reads: the pieces of a reference text, of one with unknown words, or of what CTC writes down. */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/random.h"
#include "recipes/ser.h"

bool ser_words_of(const char *name, ser_words *w)
{
    static const char *const names[] = { "ref", "noisy", "asr" };

    for (int i = 0; i < 3; i++)
        if (ser_is(name, names[i])) {
            *w = (ser_words)i;
            return true;
        }
    return false;
}

/* BERT has so many positions: what is longer loses its end, but not [SEP]. */
static void shorten(const ser_model *m, int *piece, int64_t *n)
{
    if (*n > m->config.bert.max_positions) {
        piece[m->config.bert.max_positions - 1] = piece[*n - 1];
        *n = m->config.bert.max_positions;
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
    shorten(m, out, &n);
    b->piece_begin[i + 1] = b->piece_begin[i] + n;
}

static base_status add_heard(ser_batch *b, const ser_model *m, int i, const char *text, base_error *e)
{
    int64_t at = b->heard_begin[i], n;
    tx_labels l;

    if (ser_words_encode(m->names.pieces, text, &l, e))
        return e->status;
    if (at + l.n > b->heard_room) {
        int64_t room = 2 * (at + l.n);
        int *more = realloc(b->heard, sizeof *more * (size_t)room);

        if (!more) {
            tx_labels_free(&l);
            return base_fail(e, BASE_NO_MEMORY, "out of memory for %lld pieces", (long long)room);
        }
        b->heard = more;
        b->heard_room = room;
    }
    n = l.n;
    memcpy(b->heard + at, l.label, sizeof *l.label * (size_t)n);
    shorten(m, b->heard + at, &n);
    b->heard_begin[i + 1] = at + n;
    tx_labels_free(&l);
    return BASE_OK;
}

base_status ser_words_hear(ser_batch *b, const ser_model *m, const nn_tensor *log_probs, base_error *e)
{
    const int64_t *begin = log_probs->seqs->begin;

    b->heard_begin[0] = 0;
    for (int i = 0; i < b->n; i++) {
        ser_result r = { .log_probs = log_probs->x + begin[i] * log_probs->cols, .frames = begin[i + 1] - begin[i] };
        char *text;

        if (ser_transcribe(m->names.vocab, &r, m->beam > 1 ? m->beam : 1, &text, e))
            return base_fail_in(e, "utterance \"%s\"", b->utt[i]->key);
        add_heard(b, m, i, text, e);
        free(text);
        if (e->status)
            return e->status;
    }
    return BASE_OK;
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
