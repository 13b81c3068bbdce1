/* serin-train-aec: BERT and a decoder over it learn to write what was said from what was heard. After each epoch the word errors of
 * the development pairs are counted before and after correction; the folder holds the epoch with the fewest. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/parallel.h"
#include "base/progress.h"
#include "recipes/aec.h"
#include "recipes/train.h"

enum { KEEP = 2, TEXT = 200 };

const char *const ser_aec_keys[] = { "pieces", "text-norm", "init-bert", "bert-width", "bert-layers", "bert-heads", "bert-inner", "bert-dropout",
    "aec-layers", "init", "epochs", "max-updates", "learning-rate", "decay", "clip", "schedule", "warmup", "label-smoothing", "seed", NULL };

typedef struct trainer {
    const ser_aec_options *o;
    const volatile int    *stop;
    ser_config     settled;         /* what was asked for, and what init-bert says */
    const char    *dir;
    char          *checkpoints, *fingerprint_path, *fingerprint;     /* what a resumed run must agree on */
    int            lock;
    ser_names      names;
    ser_aec_data   data;
    ser_model_config shape;         /* of BERT and the decoder */
    nn_params     *params;
    nn_bert       *bert;
    ser_corrector *corrector;
    nn_tape       *tape;
    nn_adam       *adam;
    nn_schedule    schedule;
    ser_reading    heard;           /* of the batch */
    ser_lesson     lesson;
    int64_t       *order, per_epoch, step;
    double         best;            /* word errors of the model in the folder; INFINITY: none yet */
} trainer;

typedef struct measure { double loss, before, after; } measure;

/* ---- a batch ----------------------------------------------------------------------------------------------------- */

/* Pairs which[0 .. n - 1]; r NULL: what was heard as it is. */
static base_status fill(trainer *t, const int64_t *which, int n, double noise, base_error *e)
{
    const tx_labels *target[1024];

    ser_reading_clear(&t->heard);
    for (int i = 0; i < n; i++) {
        const ser_pair_text *p = &t->data.pair[which[i]];
        base_random r = base_random_at((uint64_t)t->o->config.seed, (uint64_t)t->step,
            base_hash_text(base_hash_text(BASE_HASH_INIT, "noise/"), p->heard));
        char *text = ser_aec_spoil(p->heard, noise, &r);

        if (!text)
            return base_fail(e, BASE_NO_MEMORY, "out of memory for a text");
        if (ser_reading_add(&t->heard, t->names.pieces, t->shape.bert.max_positions, text, e))
            return base_fail_in(e, "\"%s\"", p->key);
        target[i] = &p->target;
    }
    return ser_lesson_fill(&t->lesson, target, n, t->shape.bert.max_positions, e);
}

static nn_tensor *forward(trainer *t, nn_mode mode, double smoothing)
{
    nn_cross_entropy_options o = NN_CROSS_ENTROPY_DEFAULTS;
    nn_tensor *x;

    o.smoothing = (float)smoothing;
    nn_tape_begin(t->tape, mode, (uint64_t)t->step);
    x = ser_corrector_learn(t->tape, t->corrector, t->heard.piece, t->heard.begin, t->heard.n, &t->lesson);
    return nn_cross_entropy(t->tape, x, t->lesson.label, &o);
}

static base_status tape_failed(const trainer *t, base_error *e)
{
    const base_error *why = nn_tape_error(t->tape);

    return base_fail(e, why->status, "update %" PRId64 ": %s", t->step + 1, why->text);
}

static base_status update(trainer *t, const int64_t *which, int n, double *sum, base_error *e)
{
    const ser_config *c = &t->settled;
    double rate = nn_schedule_rate(&t->schedule, t->step), norm;
    nn_tensor *loss;

    if (fill(t, which, n, t->o->noise, e))
        return e->status;
    nn_params_zero_grads(t->params);
    loss = forward(t, NN_TRAIN, c->label_smoothing);
    if (!loss)
        return tape_failed(t, e);
    *sum += loss->x[0];
    if (nn_tape_backward(t->tape, loss))
        return tape_failed(t, e);
    norm = nn_grad_norm(t->params);
    if (!isfinite(norm))
        return base_fail(e, BASE_VALUE, "update %" PRId64 ": the loss or its gradient is not a number; a smaller rate may help", t->step + 1);
    if (nn_adam_step(t->adam, rate, c->clip > 0 ? nn_clip_factor(norm, c->clip) : 1))
        return base_fail(e, BASE_VALUE, "update %" PRId64 ": the learning rate is %g", t->step + 1, rate);
    t->step++;
    return BASE_OK;
}

/* ---- development pairs ------------------------------------------------------------------------------------------- */

static base_status count_errors(const trainer *t, const int64_t *which, char *const *text, tx_errors *before, tx_errors *after,
    base_error *e)
{
    for (int i = 0; i < t->heard.n && !e->status; i++) {
        const ser_pair_text *p = &t->data.pair[which[i]];

        if (!tx_count_errors(p->said, p->heard, false, TX_UNIT, before, e))
            tx_count_errors(p->said, text[i], false, TX_UNIT, after, e);
    }
    return e->status;
}

static base_status judge_batch(trainer *t, const int64_t *which, int n, double *loss, tx_errors *before, tx_errors *after, base_error *e)
{
    char *text[1024] = { 0 };
    nn_tensor *x;

    if (fill(t, which, n, 0, e))
        return e->status;
    x = forward(t, NN_INFER, 0);
    if (!x)
        return tape_failed(t, e);
    *loss += (double)x->x[0] * n;
    if (!ser_correct(t->corrector, t->names.pieces, &t->heard, text, e))
        count_errors(t, which, text, before, after, e);
    for (int i = 0; i < n; i++)
        free(text[i]);
    return e->status;
}

static base_status judge(trainer *t, measure *m, base_error *e)
{
    int64_t n = t->data.n - t->data.train;
    tx_errors before = { 0 }, after = { 0 };
    double loss = 0;

    for (int64_t i = 0; i < n && !e->status; i += t->o->batch) {
        int64_t which[1024], count = base_min_i64(t->o->batch, n - i);

        for (int64_t k = 0; k < count; k++)
            which[k] = t->data.train + i + k;
        judge_batch(t, which, (int)count, &loss, &before, &after, e);
    }
    *m = (measure){ loss / (double)n, tx_error_rate(&before), tx_error_rate(&after) };
    return e->status;
}

/* ---- files ------------------------------------------------------------------------------------------------------- */

static base_status save_model(const trainer *t, const char *dir, base_error *e)
{
    return ser_bert_save(t->params, &t->shape, t->names.pieces, dir, e);
}

/* Keys, data, and the weights it began with. */
static base_status make_fingerprint(trainer *t, base_error *e)
{
    size_t n;
    FILE *f = open_memstream(&t->fingerprint, &n);
    uint64_t h = BASE_HASH_INIT, pieces = BASE_HASH_INIT;

    if (!f)
        return base_fail(e, BASE_NO_MEMORY, "%s: out of memory", t->dir);
    for (int i = 0; i < t->shape.bert.vocab_size; i++)
        pieces = base_hash_text(base_hash_text(pieces, tx_wordpiece_token(t->names.pieces, i)), "\n");
    for (int64_t i = 0; i < t->data.n; i++)
        h = base_hash_text(base_hash_text(base_hash_text(h, t->data.pair[i].heard), "/"), t->data.pair[i].said);
    ser_config_print_some(&t->settled, ser_aec_keys, f);
    fprintf(f, "batch=%d\nnoise=%g\ndev-share=%g\n", t->o->batch, t->o->noise, t->o->dev_share);
    fprintf(f, "pieces=%016" PRIx64 "\ndata=%016" PRIx64 "\ninitial-weights=%016" PRIx64 "\n", pieces, h, ser_params_hash(t->params));
    return fclose(f) == 0 ? BASE_OK : base_fail(e, BASE_NO_MEMORY, "%s: out of memory", t->dir);
}

/* What a checkpoint holds beside the weights. */
static nn_checkpoint checkpoint_of(const trainer *t, char settings[TEXT], char state[TEXT])
{
    snprintf(settings, TEXT, "%016" PRIx64, base_hash_text(BASE_HASH_INIT, t->fingerprint));
    snprintf(state, TEXT, "%a", t->best);
    return (nn_checkpoint){ .params = t->params, .adam = t->adam, .meta = { { "settings", settings }, { "best", state } }, .n_meta = 2 };
}

static base_status save_checkpoint(const trainer *t, base_error *e)
{
    char settings[TEXT], state[TEXT];
    nn_checkpoint c = checkpoint_of(t, settings, state);

    return nn_checkpoint_save(&c, t->checkpoints, t->step, KEEP, e);
}

/* Keys that differ say more than a tensor that does not fit. */
static base_status resume(trainer *t, base_error *e)
{
    char settings[TEXT], state[TEXT];
    nn_checkpoint c = checkpoint_of(t, settings, state);
    base_error note = BASE_ERROR_INIT, differs = BASE_ERROR_INIT;
    int64_t step = -1;

    ser_fingerprint_check(t->fingerprint_path, t->fingerprint, t->dir, &differs);
    nn_checkpoint_load(&c, t->checkpoints, &step, &note, e);
    if (note.status)
        base_warn("%s", note.text);
    if (differs.status && (e->status || step >= 0))
        *e = differs;
    else if (!e->status && step >= 0 && (!c.meta[0].value || strcmp(c.meta[0].value, settings) != 0 || !c.meta[1].value))
        base_fail(e, BASE_MISMATCH, "%s: of a run with other settings or data: use another folder, or remove it and begin anew (%s, now %s)",
            t->checkpoints, c.meta[0].value ? c.meta[0].value : "none", settings);
    else if (!e->status && step >= 0 && !ser_checkpoint_finite(&c, t->checkpoints, step, e)) {
        t->best = strtod(c.meta[1].value, NULL);
        t->step = step;
        base_log("resuming after update %" PRId64 " of %" PRId64, step, t->schedule.total);
    }
    nn_checkpoint_free(&c);
    return e->status || step >= 0 ? e->status : ser_fingerprint_write(t->fingerprint_path, t->fingerprint, e);
}

/* ---- the course -------------------------------------------------------------------------------------------------- */

static base_status end_epoch(trainer *t, const char *dir, int64_t epoch, double loss, base_error *e)
{
    measure m = { 0 };

    if (t->data.n == t->data.train) {
        base_progress_clear();
        base_log("epoch %" PRId64 ": loss %.3f", epoch + 1, loss);
        return save_model(t, dir, e);
    }
    if (judge(t, &m, e))
        return e->status;
    base_progress_clear();
    base_log("epoch %" PRId64 ": loss %.3f, development loss %.3f, WER %.2f before correction, %.2f after%s", epoch + 1, loss, m.loss,
        m.before, m.after, m.after < t->best ? ", the best so far" : "");
    if (!(m.after < t->best))
        return BASE_OK;
    t->best = m.after;
    return save_model(t, dir, e);
}

static base_status run_epoch(trainer *t, const char *dir, int64_t epoch, base_progress *p, base_error *e)
{
    base_random r = base_random_at((uint64_t)t->o->config.seed, (uint64_t)epoch, base_hash_text(BASE_HASH_INIT, "shuffle"));
    int64_t first = t->step - epoch * t->per_epoch, done = 0;
    double sum = 0;

    base_random_shuffle(&r, t->data.train, t->order);
    for (int64_t i = first; i < t->per_epoch && t->step < t->schedule.total && !*t->stop; i++) {
        int64_t at = i * t->o->batch;

        if (update(t, t->order + at, (int)base_min_i64(t->o->batch, t->data.train - at), &sum, e))
            return e->status;
        base_progress_step(p, (double)t->step, "epoch %" PRId64 ", loss %.3f", epoch + 1, sum / (double)++done);
    }
    if ((t->step == t->schedule.total || t->step == (epoch + 1) * t->per_epoch) &&
        end_epoch(t, dir, epoch, sum / (double)(done ? done : 1), e))
        return e->status;
    return save_checkpoint(t, e);
}

static base_status run(trainer *t, const char *dir, base_error *e)
{
    base_progress p;

    base_progress_begin(&p, "training", "updates", (double)t->step, (double)t->schedule.total);
    while (t->step < t->schedule.total && !*t->stop)
        if (run_epoch(t, dir, t->step / t->per_epoch, &p, e))
            return e->status;
    base_progress_end(&p, "%s", *t->stop ? "stopped" : "done");
    return *t->stop ? base_fail(e, BASE_BUSY, "stopped after update %" PRId64 " of %" PRId64 "; the same command goes on from there", t->step,
        t->schedule.total) : BASE_OK;
}

/* ---- opening ----------------------------------------------------------------------------------------------------- */

static base_status open_model(trainer *t, base_error *e)
{
    ser_config *c = &t->settled;
    nn_adam_options adam = NN_ADAM_DEFAULTS;
    nn_load l = { .only = "bert." };

    c->input = "text";
    if (ser_open_pieces(c, &t->names, e) || ser_configure_language(c, &t->shape, e))
        return e->status;
    t->shape.aec = SER_AEC_JOINT;
    t->shape.bert.vocab_size = tx_wordpiece_size(t->names.pieces);
    if (!(t->params = nn_params_new()))
        return base_fail(e, BASE_NO_MEMORY, "model: out of memory");
    nn_params_push(t->params, "bert", 0);
    t->bert = nn_bert_new(t->params, &t->shape.bert, false);
    nn_params_pop(t->params);
    t->corrector = t->bert ? ser_corrector_new(t->params, &t->shape.bert, c->aec_layers, t->bert) : NULL;
    if (!t->corrector || nn_params_build(t->params, e))
        return e->status ? e->status : base_fail(e, BASE_NO_MEMORY, "model: out of memory");
    nn_params_init(t->params, (uint64_t)c->seed);
    if (*c->init_bert && ser_weights_load(t->params, c->init_bert, &l, e))
        return e->status;
    adam.decay = c->decay;
    t->adam = nn_adam_new(t->params, &adam, e);
    t->tape = t->adam ? nn_tape_new(&(nn_tape_options){ .seed = (uint64_t)c->seed }, e) : NULL;
    return e->status;
}

static base_status open_run(trainer *t, const char *text, const char *heard, const char *dir, base_error *e)
{
    const ser_config *c = &t->settled;
    char *lock = base_path_join(dir, "lock");

    t->checkpoints = base_path_join(dir, "checkpoints");
    t->fingerprint_path = t->checkpoints ? base_path_join(t->checkpoints, "fingerprint") : NULL;
    if (!lock || !t->checkpoints || !t->fingerprint_path)
        base_fail(e, BASE_NO_MEMORY, "%s: out of memory", dir);
    else if (!open_model(t, e) && !ser_aec_data_open(&t->data, text, heard, c->text_norm, t->o->dev_share, c->seed, t->names.pieces, e) &&
             !base_make_dirs(t->checkpoints, e))
        base_lock(lock, &t->lock, e);
    free(lock);
    if (e->status)
        return e->status;
    t->order = malloc(sizeof *t->order * (size_t)t->data.train);
    if (!t->order || !ser_reading_reserve(&t->heard, t->o->batch))
        return base_fail(e, BASE_NO_MEMORY, "%s: out of memory", dir);
    nn_schedule_kind_of(c->schedule, &t->schedule.kind);
    t->per_epoch = base_blocks(t->data.train, t->o->batch);
    t->schedule.total = c->epochs * t->per_epoch;
    if (c->max_updates)
        t->schedule.total = base_min_i64(t->schedule.total, c->max_updates);
    t->schedule.rate = c->learning_rate;
    t->schedule.warmup = (int64_t)(c->warmup * (double)t->schedule.total);
    t->schedule.power = 1;
    return make_fingerprint(t, e);
}

static void close_run(trainer *t)
{
    nn_tape_free(t->tape);
    nn_adam_free(t->adam);
    ser_corrector_free(t->corrector);
    nn_bert_free(t->bert);
    nn_params_free(t->params);
    ser_names_free(&t->names);
    ser_aec_data_free(&t->data);
    ser_reading_free(&t->heard);
    ser_lesson_free(&t->lesson);
    free(t->order);
    free(t->checkpoints);
    free(t->fingerprint_path);
    free(t->fingerprint);
    if (t->lock >= 0)
        base_unlock(t->lock);
}

base_status ser_aec_train(const ser_aec_options *o, const char *text, const char *heard, const char *dir, const volatile int *stop,
    base_error *e)
{
    trainer t = { .o = o, .stop = stop, .settled = o->config, .dir = dir, .lock = -1, .best = INFINITY };
    measure m = { 0 };

    if (!open_run(&t, text, heard, dir, e) && !resume(&t, e)) {
        base_log("%" PRId64 " parameters, %" PRId64 " pairs, %" PRId64 " more for development, %" PRId64 " updates",
            nn_params_trainable(t.params), t.data.train, t.data.n - t.data.train, t.schedule.total);
        run(&t, dir, e);
    }
    if (!e->status && t.data.n > t.data.train && !judge(&t, &m, e)) {
        base_log("the model of the fewest word errors: %.2f %% before correction, %.2f %% after", m.before, t.best);
        if (t.best >= m.before)
            base_warn("%s: the corrector makes as many errors as it mends: more pairs or epochs are needed", dir);
    }
    close_run(&t);
    return e->status;
}
