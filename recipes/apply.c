/* A model applied to utterances: what it hears and what it thinks of them, handed one by one to a sink. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "recipes/score.h"
#include "recipes/ser.h"

/* Class probabilities and log probabilities of characters of one batch. */
typedef struct answers { nn_tensor *posterior[SER_TASKS], *log_probs, *gate[2]; } answers;

static base_status ask(nn_tape *t, const ser_model *m, ser_batch *b, answers *a, base_error *e)
{
    ser_outputs o;

    *a = (answers){ 0 };
    nn_tape_begin(t, NN_INFER, 0);
    ser_forward(t, m, b, &o);
    if (o.error.status)
        return base_fail(e, o.error.status, "%s", o.error.text);
    if (m->lm_head.w)
        a->log_probs = nn_log_softmax(t, o.ctc);
    for (int k = 0; k < SER_TASKS; k++)
        if (m->head[k].out.w)
            a->posterior[k] = nn_softmax(t, o.task[k]);
    memcpy(a->gate, o.gates, sizeof a->gate);
    if (nn_tape_error(t))
        return base_fail(e, nn_tape_error(t)->status, "utterances \"%s\" to \"%s\": %s", b->utt[0]->key, b->utt[b->n - 1]->key,
            nn_tape_error(t)->text);
    return BASE_OK;
}

static int arg_max(const float *x, int n)
{
    int best = 0;

    for (int i = 1; i < n; i++)
        if (x[i] > x[best])
            best = i;
    return best;
}

static void result_of(const answers *a, int i, ser_result *r)
{
    *r = (ser_result){ 0 };
    for (int k = 0; k < SER_TASKS; k++)
        if (a->posterior[k]) {
            r->posterior[k] = a->posterior[k]->x + (int64_t)i * a->posterior[k]->cols;
            r->best[k] = arg_max(r->posterior[k], a->posterior[k]->cols);
        }
    for (int k = 0; k < 2; k++)
        if (a->gate[k]) {
            const int64_t *begin = a->gate[k]->seqs->begin;

            r->gate[k] = (nn_matrix){ a->gate[k]->x + begin[i] * a->gate[k]->cols, begin[i + 1] - begin[i], a->gate[k]->cols };
        }
    if (a->log_probs) {
        const int64_t *begin = a->log_probs->seqs->begin;

        r->log_probs = a->log_probs->x + begin[i] * a->log_probs->cols;
        r->frames = begin[i + 1] - begin[i];
    }
}

/* A number that is none would be written as somebody's emotion. */
static base_status check(const ser_model *m, const ser_utterance *u, const ser_result *r, base_error *e)
{
    for (int k = 0; k < SER_TASKS; k++)
        if (r->posterior[k] && !isfinite(r->posterior[k][0]))
            return base_fail(e, BASE_VALUE, "utterance \"%s\": the %s is not a number", u->key, ser_task_name[k]);
    if (r->frames && !isfinite(r->log_probs[tx_vocab_blank(m->names.vocab)]))
        return base_fail(e, BASE_VALUE, "utterance \"%s\": the characters are not numbers", u->key);
    return BASE_OK;
}

base_status ser_apply(const ser_model *m, nn_tape *t, const ser_data *d, int64_t first, const ser_features *f,
    double seconds, ser_sink *sink, void *data, base_error *e)
{
    ser_batch b = { .words = m->config.words };
    ser_plan p;
    ser_result r;
    answers a;
    base_status status = ser_plan_make(&p, f, seconds, 0, 1, 0, -1, e);

    if (!status)
        status = ser_batch_reserve(&b, d, first, f, &p, e);
    for (int64_t i = 0; !status && i < p.batches; i++) {
        status = ser_batch_fill(&b, m, d, first, f, p.item + p.batch[i], p.batch[i + 1] - p.batch[i], NULL, e);
        if (!status)
            status = ask(t, m, &b, &a, e);
        for (int u = 0; u < b.n && !status; u++) {
            result_of(&a, u, &r);
            r.corrected = b.corrected.n ? b.corrected.text[u] : NULL;
            status = check(m, b.utt[u], &r, e);
            if (!status)
                status = sink(data, b.utt[u], &r, e);
        }
    }
    ser_batch_free(&b);
    ser_plan_free(&p);
    return status;
}

/* ---- scores on development data ---------------------------------------------------------------------------------- */

typedef struct tally {
    const ser_model *model;
    int64_t         *emotion;       /* [true][recognised] */
    tx_errors        words;
} tally;

static base_status count(void *data, const ser_utterance *u, const ser_result *r, base_error *e)
{
    tally *y = data;
    int label = u->label[SER_EMOTION];
    base_status status = BASE_OK;
    char *text;

    if (r->posterior[SER_EMOTION] && label != NN_IGNORE)
        y->emotion[label * y->model->names.task[SER_EMOTION].n + r->best[SER_EMOTION]]++;
    if (r->log_probs && u->text) {
        status = ser_transcribe(y->model->names.vocab, r, 1, &text, e);
        if (!status)
            status = tx_count_errors(u->text, text, false, TX_UNIT, &y->words, e);
        free(text);
    }
    return status;
}

/* Loss and accuracy at masked places. */
static base_status predict(const ser_model *m, nn_tape *t, const ser_data *d, const ser_features *f, double seconds, ser_scores *s,
    base_error *e)
{
    ser_batch b = { .words = SER_REF };
    ser_weighting w = { .predicted = 1, .ctc_total = 1 };
    double loss = 0, right = 0, masked = 0;
    ser_plan p;
    base_status status = ser_plan_make(&p, f, seconds, 0, 1, 0, -1, e);

    if (!status)
        status = ser_batch_reserve(&b, d, 0, f, &p, e);
    for (int64_t i = 0; !status && i < p.batches; i++) {
        ser_outputs o;
        ser_losses l;

        status = ser_batch_fill(&b, m, d, 0, f, p.item + p.batch[i], p.batch[i + 1] - p.batch[i], NULL, e);
        if (status)
            break;
        nn_tape_begin(t, NN_INFER, 0);
        ser_forward(t, m, &b, &o);
        ser_loss(t, m, &b, &o, &w, &l);
        if (nn_tape_error(t)) {
            status = base_fail(e, nn_tape_error(t)->status, "%s", nn_tape_error(t)->text);
            break;
        }
        loss += (double)l.masked->x[0];
        right += (double)ser_masked_right(&b, &o);
        masked += (double)b.hidden.masked;
    }
    s->loss = masked > 0 ? loss / masked : NAN;
    s->accuracy = masked > 0 ? 100 * right / masked : NAN;
    ser_batch_free(&b);
    ser_plan_free(&p);
    return status;
}

base_status ser_evaluate(const ser_model *m, nn_tape *t, const ser_data *d, const ser_features *f, double seconds,
    ser_scores *s, base_error *e)
{
    size_t classes = (size_t)m->names.task[SER_EMOTION].n;
    tally y = { .model = m };
    double value[SER_METRICS];
    base_status status;

    *s = (ser_scores)SER_SCORES_NONE;
    if (m->config.masking.what)
        return predict(m, t, d, f, seconds, s, e);
    y.emotion = calloc(classes * classes + 1, sizeof *y.emotion);
    if (!y.emotion)
        return base_fail(e, BASE_NO_MEMORY, "evaluation: out of memory");
    status = ser_apply(m, t, d, 0, f, seconds, count, &y, e);
    if (!status && classes && d->task[SER_EMOTION].path) {
        ser_label_metrics(y.emotion, (int)classes, value);
        s->ua = value[SER_UA];
    }
    if (!status && m->names.vocab && d->text.path)
        s->wer = tx_error_rate(&y.words);
    free(y.emotion);
    return status;
}
