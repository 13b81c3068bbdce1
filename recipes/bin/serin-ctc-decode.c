/* Texts from log probabilities: greedy or prefix beam search over the frames of each utterance. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/number.h"
#include "base/options.h"
#include "recipes/ser.h"

static const char usage[] =
    "Decodes CTC: matrices of log probabilities, a row a frame and a column a token of the vocabulary, into texts.\n"
    "With --nbest=K the texts of \"utt\" are the lines \"utt-1\" to \"utt-K\", best first (\"utt-01\" and on when K has two\n"
    "digits, so that they stay sorted); no two are the same. Keys of the input must be sorted and unique, as those of the output will be.\n"
    "Usage: serin-ctc-decode [options] <vocab.json> <log-prob-rspecifier> <text-wspecifier>\n"
    "e.g.:  serin-ctc-decode --beam=20 vocab.json scp:exp/log_probs.scp ark,t:exp/text\n";

typedef struct decoder {
    const tx_vocab *vocab;
    int             beam, nbest;
    ser_hypothesis *best;       /* [nbest] */
    base_out        text, scores;
    bool            has_scores;
    char            last[1001]; /* key; "": none yet */
} decoder;

/* The file of "ark:FILE" or "ark,t:FILE": texts are text either way. */
static const char *text_file(const char *wspecifier, base_error *e)
{
    const char *file = !strncmp(wspecifier, "ark,t:", 6) ? wspecifier + 6 : !strncmp(wspecifier, "ark:", 4) ? wspecifier + 4 : "";

    if (*file && *file != '|')
        return file;
    base_fail(e, BASE_FORMAT, "%s: expected ark,t:FILE", wspecifier);
    return NULL;
}

static base_status search(decoder *d, const nn_matrix *m, int *n, base_error *e)
{
    if (m->cols != tx_vocab_size(d->vocab) && m->rows)
        return base_fail(e, BASE_SHAPE, "%s, but the vocabulary has %s", base_count(m->cols, "column"),
            base_count(tx_vocab_size(d->vocab), "token"));
    return ser_search(d->vocab, m->x, m->rows, d->beam, d->nbest, d->best, n, e);
}

static void write_line(decoder *d, const char *key, int rank, const ser_hypothesis *h)
{
    int width = snprintf(NULL, 0, "%d", d->nbest);
    char name[1100];

    if (d->nbest > 1)
        snprintf(name, sizeof name, "%s-%0*d", key, width, rank);
    else
        snprintf(name, sizeof name, "%s", key);
    fprintf(d->text.f, "%s%s%s\n", name, *h->text ? " " : "", h->text);
    if (d->has_scores)
        fprintf(d->scores.f, "%s %.6f\n", name, h->path.score);
}

static base_status decode_one(decoder *d, const char *key, const nn_matrix *m, base_error *e)
{
    int n = 0;
    base_status status = search(d, m, &n, e);

    if (status)
        return status;
    for (int i = 0; i < n; i++) {
        write_line(d, key, i + 1, &d->best[i]);
        ser_hypothesis_free(&d->best[i]);
    }
    return BASE_OK;
}

/* Utterances that cannot be decoded are told and counted; an error in *e ends it all. */
static long decode_all(decoder *d, nn_table_reader *r, long *failed, base_error *e)
{
    const char *key;
    nn_matrix m;
    long done = 0;

    while (nn_table_next(r, &key, &m, e) == BASE_OK && key) {
        base_error why = BASE_ERROR_INIT;
        if (strcmp(d->last, key) >= 0) {
            base_fail(e, BASE_FORMAT, "key \"%s\" comes after \"%s\": keys must be sorted (LC_ALL=C) and unique", key, d->last);
            return done;
        }
        snprintf(d->last, sizeof d->last, "%s", key);
        if (decode_one(d, key, &m, &why)) {
            base_warn("%s: %s", key, why.text);
            ++*failed;
        } else {
            done++;
        }
    }
    return done;
}

static base_status open_outputs(decoder *d, const char *wspecifier, const char *scores, base_error *e)
{
    const char *file = text_file(wspecifier, e), *score_file = *scores ? text_file(scores, e) : NULL;
    base_status status = e->status ? e->status : base_out_open(&d->text, file, e);

    if (!status && score_file) {
        status = base_out_open(&d->scores, score_file, e);
        d->has_scores = !status;
    }
    return status;
}

static void close_outputs(decoder *d, bool good, base_error *e)
{
    if (good && base_out_commit(&d->text, e) == BASE_OK && d->has_scores)
        base_out_commit(&d->scores, e);
    base_out_abandon(&d->text);
    base_out_abandon(&d->scores);
}

int main(int argc, char **argv)
{
    decoder d = { .beam = 1, .nbest = 1 };
    base_options *po = base_options_new(usage);
    base_error e = BASE_ERROR_INIT;
    const char *language = "", *scores = "";
    nn_table_reader *r = NULL;
    tx_vocab *v = NULL;
    long done = 0, failed = 0;

    base_option_int(po, "beam", &d.beam, 1, 100000, "prefixes kept; 1: greedy");
    base_option_int(po, "nbest", &d.nbest, 1, 100000, "texts an utterance, at most as many as --beam");
    base_option_text(po, "scores", &scores, "wspecifier for the log probability of each text (greedy: of the best path)");
    base_option_text(po, "language", &language, "of a vocabulary with several");
    base_option_failures(po);
    base_options_parse(po, argc, argv, 3, 3);
    d.best = calloc((size_t)d.nbest, sizeof *d.best);
    if (d.nbest > d.beam)
        base_fail(&e, BASE_VALUE, "--nbest=%d: expected at most --beam=%d", d.nbest, d.beam);
    else if (!d.best)
        base_fail(&e, BASE_NO_MEMORY, "no memory for %d texts", d.nbest);
    else if ((v = tx_vocab_read(base_options_argument(po, 0), *language ? language : NULL, &e)) &&
        (r = nn_table_open(base_options_argument(po, 1), &e)) &&
        open_outputs(&d, base_options_argument(po, 2), scores, &e) == BASE_OK) {
        d.vocab = v;
        done = decode_all(&d, r, &failed, &e);
    }
    close_outputs(&d, !e.status && done, &e);
    nn_table_close(r);
    tx_vocab_free(v);
    free(d.best);
    base_options_free(po);
    return e.status ? base_give_up(&e) : base_report("utterance", done, failed);
}
