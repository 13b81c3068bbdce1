/* Texts from CTC's log probabilities. Different labels may read the same, since special tokens are left out: a text has the
 * probability of all of them, as far as the beam holds them. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "recipes/ser.h"

/* A hypothesis of the beam, and the first one with its text, whose score becomes the sum. */
typedef struct reading {
    char *text;
    int   at, first;
} reading;

static int by_text(const void *a, const void *b)
{
    const reading *x = a, *y = b;
    int order = strcmp(x->text, y->text);

    return order ? order : x->at - y->at;
}

static int by_place(const void *a, const void *b) { return ((const reading *)a)->at - ((const reading *)b)->at; }

static int by_score(const void *a, const void *b, void *all)
{
    const reading *x = a, *y = b;
    double p = ((const nn_hypothesis *)all)[x->at].score, q = ((const nn_hypothesis *)all)[y->at].score;

    return p != q ? (p < q) - (p > q) : x->at - y->at;
}

static double log_add(double a, double b)
{
    double high = fmax(a, b), low = fmin(a, b);

    return low == -INFINITY ? high : high + log1p(exp(low - high));
}

/* Adds the scores of equal texts to that of the first, which is the best, and puts these in order. Returns how many they are. */
static int sum_equal(reading *r, int n, nn_hypothesis *all)
{
    int kept = 0;

    qsort(r, (size_t)n, sizeof *r, by_text);
    for (int i = 0; i < n; i++)
        r[i].first = i && !strcmp(r[i].text, r[i - 1].text) ? r[i - 1].first : r[i].at;
    qsort(r, (size_t)n, sizeof *r, by_place);
    for (int i = 0; i < n; i++)
        if (r[i].first != r[i].at)
            all[r[i].first].score = log_add(all[r[i].first].score, all[r[i].at].score);
    for (int i = 0; i < n; i++)
        if (r[i].first == r[i].at) {
            reading swap = r[kept];

            r[kept++] = r[i];
            r[i] = swap;
        }
    qsort_r(r, (size_t)kept, sizeof *r, by_score, all);
    return kept;
}

/* Its words with one space between. */
static char *text_of(const tx_vocab *v, const nn_hypothesis *h, base_error *e)
{
    static const tx_decode_options plain = TX_DECODE_DEFAULTS;
    char *text = tx_vocab_decode(v, h->labels, h->n, &plain, e), *to = text;

    for (const char *s = text; s && *s; s++)
        if (*s != ' ' || s[1] != ' ')
            *to++ = *s;
    if (to)
        *to = '\0';
    return text;
}

/* Reads the n hypotheses of all and hands the best over. */
static base_status take_best(const tx_vocab *v, nn_hypothesis *all, int n, int nbest, ser_hypothesis *best, int *found, base_error *e)
{
    reading *r = calloc((size_t)n + 1, sizeof *r);
    bool ok = r || base_fail(e, BASE_NO_MEMORY, "no memory for %d texts", n) == BASE_OK;

    for (int i = 0; i < n && ok; i++)
        ok = (r[i] = (reading){ text_of(v, &all[i], e), i, i }).text != NULL;
    if (ok)
        *found = sum_equal(r, n, all);
    for (int i = 0; i < n && r; i++)
        if (ok && i < *found && i < nbest) {
            best[i] = (ser_hypothesis){ r[i].text, all[r[i].at] };
            all[r[i].at] = (nn_hypothesis){ 0 };
        } else {
            free(r[i].text);
        }
    free(r);
    *found = !ok ? 0 : *found < nbest ? *found : nbest;
    return ok ? BASE_OK : e->status;
}

base_status ser_search(const tx_vocab *v, const float *log_probs, int64_t frames, int beam, int nbest, ser_hypothesis *best, int *n,
    base_error *e)
{
    nn_beam_options o = { beam, beam, tx_vocab_blank(v), true };
    nn_hypothesis *all = calloc((size_t)beam, sizeof *all);
    int found = 1, columns = tx_vocab_size(v);

    *n = 0;
    if (!all)
        return base_fail(e, BASE_NO_MEMORY, "no memory for a beam of %d", beam);
    if (!(beam > 1 ? nn_ctc_beam(log_probs, frames, columns, &o, all, &found, e)
                   : nn_ctc_greedy(log_probs, frames, columns, o.blank, all, e)))
        take_best(v, all, found, nbest, best, n, e);
    for (int i = 0; i < *n && beam > 1 && !e->status; i++)
        nn_ctc_align(log_probs, frames, columns, o.blank, &best[i].path, e);
    for (int i = 0; i < beam; i++)
        nn_hypothesis_free(&all[i]);
    free(all);
    for (int i = 0; i < *n && e->status; i++)
        ser_hypothesis_free(&best[i]);
    *n = e->status ? 0 : *n;
    return e->status;
}

void ser_hypothesis_free(ser_hypothesis *h)
{
    free(h->text);
    nn_hypothesis_free(&h->path);
    h->text = NULL;
}

base_status ser_transcribe(const tx_vocab *v, const ser_result *r, int beam, char **text, base_error *e)
{
    ser_hypothesis h = { 0 };
    int n;

    *text = NULL;
    if (!ser_search(v, r->log_probs, r->frames, beam, 1, &h, &n, e)) {
        *text = h.text;
        h.text = NULL;
    }
    ser_hypothesis_free(&h);
    return e->status;
}
