/* The training loop: updates, evaluation at the end of epochs, checkpoints, and the model that is kept. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/log.h"
#include "base/number.h"
#include "base/parallel.h"
#include "base/progress.h"
#include "base/temporary.h"
#include "recipes/train.h"

enum { MOST_BATCHES = 1 << 16 };        /* of an update; keeps the random numbers of updates apart */
static const double checkpoint_seconds = 60;

/* ---- one update -------------------------------------------------------------------------------------------------- */

static void weigh(ser_run *r, const ser_item *item, int64_t n)
{
    ser_weighting *w = &r->weighting;

    memset(w->total, 0, sizeof w->total);
    w->ctc_total = (double)n;
    w->predicted = w->aec_total = w->frames = 0;
    for (int64_t i = 0; i < n; i++) {
        const ser_utterance *u = &r->train->utt[item[i].utt];

        if (r->model->config.masking.what)
            w->predicted += (double)ser_masked_count(&r->batch, r->model, u, (uint64_t)r->step);
        w->frames += (double)u->clusters.n;
        w->aec_total += (double)base_max_i64(0, base_min_i64(u->pieces.n - 1, r->model->config.bert.max_positions));
        for (int t = 0; t < SER_TASKS; t++)
            if (u->label[t] != NN_IGNORE)
                w->total[t] += t == SER_EMOTION && w->class_weight ? w->class_weight[u->label[t]] : 1;
    }
}

static base_status fill(ser_run *r, const ser_item *item, int64_t n, base_error *e)
{
    const ser_config *c = r->config;
    ser_augment a = { c->gain_db, c->bin_masks, c->bin_width, c->time_masks, c->time_width, (uint64_t)c->seed, (uint64_t)r->step,
        c->text_noise };

    return ser_batch_fill(&r->batch, r->model, r->train, 0, r->train_x, item, n, &a, e);
}

/* ---- negatives from the whole update ----------------------------------------------------------------------------- */

static bool make_room(ser_vectors *v, int64_t n, int width)
{
    size_t bytes = sizeof(float) * (size_t)n * (size_t)width;

    if (n > v->room) {
        float *a = realloc(v->x[0], bytes), *b = realloc(v->x[1], bytes);
        int *same = realloc(v->same, sizeof *same * (size_t)n), *order = realloc(v->order, sizeof *order * (size_t)n);

        v->x[0] = a ? a : v->x[0];
        v->x[1] = b ? b : v->x[1];
        v->same = same ? same : v->same;
        v->order = order ? order : v->order;
        if (!a || !b || !same || !order)
            return false;
        v->room = n;
    }
    v->width = width;
    return true;
}

static const char *text_of(const ser_run *r, const ser_item *item)
{
    const char *text = r->train->utt[item->utt].text;

    return text ? text : "";
}

/* A pass without gradients, with the dropout that training will have, as it is a function of the step. */
static base_status gather_vectors(ser_run *r, int64_t first, int64_t n, base_error *e)
{
    const ser_plan *p = &r->plan;
    const ser_item *item = p->item + p->batch[first];
    ser_vectors *v = &r->weighting.vectors;
    int64_t all = p->batch[first + n] - p->batch[first];
    bool teach = r->batch.teach;
    ser_outputs o;

    v->n = 0;
    if (!r->batch.contrast || n == 1 || ser_is(r->config->cl_scope, "micro"))
        return BASE_OK;
    if (!make_room(v, all, r->model->config.bert.encoder.width))
        return base_fail(e, BASE_NO_MEMORY, "update %" PRId64 ": out of memory for negatives", r->step + 1);
    r->batch.teach = false;
    for (int64_t i = first; i < first + n && !e->status; i++) {
        if (fill(r, p->item + p->batch[i], p->batch[i + 1] - p->batch[i], e))
            break;
        nn_tape_begin(r->tape, NN_RANDOM, (uint64_t)r->step * MOST_BATCHES + (uint64_t)(i - first));
        ser_forward(r->tape, r->model, &r->batch, &o);
        if (!o.text[0] || !o.text[1])       /* training will say why */
            break;
        for (int k = 0; k < 2; k++)
            memcpy(v->x[k] + (p->batch[i] - p->batch[first]) * v->width, o.text[k]->x, sizeof(float) * (size_t)(r->batch.n * v->width));
    }
    r->batch.teach = teach;
    for (int64_t i = 0; i < all; i++)
        for (v->same[i] = 0; strcmp(text_of(r, &item[v->same[i]]), text_of(r, &item[i])) != 0;)
            v->same[i]++;
    v->n = e->status ? 0 : all;
    return e->status;
}

/* ---- one batch --------------------------------------------------------------------------------------------------- */

/* The loss of the batch's utterances by themselves, to name the ones whose loss is none. */
static base_status blame(ser_run *r, const ser_item *item, int64_t n, base_error *e)
{
    char names[600] = "";
    size_t used = 0;
    ser_weighting w = r->weighting;
    ser_outputs o;
    ser_losses l;

    w.vectors.n = 0;
    for (int64_t i = 0; i < n && used < sizeof names; i++) {
        if (fill(r, item + i, 1, e))
            return e->status;
        nn_tape_begin(r->tape, NN_INFER, 0);
        ser_forward(r->tape, r->model, &r->batch, &o);
        ser_loss(r->tape, r->model, &r->batch, &o, &w, &l);
        if (!l.total || !isfinite(l.total->x[0]))
            used += (size_t)snprintf(names + used, sizeof names - used, " \"%s\"", r->batch.utt[0]->key);
    }
    if (!used)
        snprintf(names, sizeof names, " none by itself; the first of the batch is \"%s\"", r->train->utt[item[0].utt].key);
    return base_fail(e, BASE_VALUE, "update %" PRId64 ": the loss is not a number; utterances at fault:%s; the newest checkpoint "
        "is from before (a smaller rate or clip may help)", r->step + 1, names);
}

static void add_loss(double *sum, const nn_tensor *loss)
{
    if (loss)
        *sum += loss->x[0];
}

/* A contrast over the whole update is the same in every batch, which counts for its share of it. */
static void add_losses(ser_sums *sums, const ser_losses *l, const ser_weighting *w, int n)
{
    double share = w->vectors.n > n ? n / w->ctc_total : 1;

    add_loss(&sums->total, l->total);
    add_loss(&sums->ctc, l->ctc);
    add_loss(&sums->aec, l->aec);
    for (int t = 0; t < SER_TASKS; t++)
        add_loss(&sums->task[t], l->task[t]);
    if (l->contrast) {
        sums->contrast += share * (double)l->contrast->x[0];
        sums->total -= (1 - share) * w->contrast * (double)l->contrast->x[0];
    }
}

static base_status forward_backward(ser_run *r, const ser_item *item, int64_t n, int64_t which, ser_sums *sums, base_error *e)
{
    ser_outputs o;
    ser_losses l;

    if (fill(r, item, n, e))
        return e->status;
    nn_tape_begin(r->tape, NN_TRAIN, (uint64_t)r->step * MOST_BATCHES + (uint64_t)which);
    ser_forward(r->tape, r->model, &r->batch, &o);
    ser_loss(r->tape, r->model, &r->batch, &o, &r->weighting, &l);
    if (o.error.status)
        return base_fail(e, o.error.status, "update %" PRId64 ": %s", r->step + 1, o.error.text);
    if (nn_tape_error(r->tape))
        return base_fail(e, nn_tape_error(r->tape)->status, "update %" PRId64 ", utterances \"%s\" and %d more: %s", r->step + 1,
            r->batch.utt[0]->key, r->batch.n - 1, nn_tape_error(r->tape)->text);
    if (!l.total)       /* nobody here is labelled */
        return BASE_OK;
    if (!isfinite(l.total->x[0]))
        return blame(r, item, n, e);
    add_losses(sums, &l, &r->weighting, r->batch.n);
    if (o.masked) {
        sums->masked += (double)r->batch.hidden.masked;
        sums->right += (double)ser_masked_right(&r->batch, &o);
    }
    r->speech += r->batch.seconds;
    if (nn_tape_backward(r->tape, l.total))
        return base_fail(e, nn_tape_error(r->tape)->status, "update %" PRId64 ": %s", r->step + 1, nn_tape_error(r->tape)->text);
    return BASE_OK;
}

/* Update number r->step, whose batches are the plan's first .. first + n - 1. */
static base_status update(ser_run *r, int64_t first, int64_t n, ser_sums *sums, base_error *e)
{
    const ser_plan *p = &r->plan;
    const ser_config *c = r->config;
    double rate = nn_schedule_rate(&r->schedule, r->step), norm;

    weigh(r, p->item + p->batch[first], p->batch[first + n] - p->batch[first]);
    if (gather_vectors(r, first, n, e))
        return e->status;
    nn_params_zero_grads(r->model->params);
    for (int64_t i = first; i < first + n; i++) {
        r->weighting.vectors.first = p->batch[i] - p->batch[first];
        if (forward_backward(r, p->item + p->batch[i], p->batch[i + 1] - p->batch[i], i - first, sums, e))
            return e->status;
    }
    norm = nn_grad_norm(r->model->params);
    if (!isfinite(norm))
        return base_fail(e, BASE_VALUE, "update %" PRId64 ": the gradients are not numbers; first utterance of the batch: \"%s\"",
            r->step + 1, r->batch.utt[0]->key);
    if (nn_adam_step(r->adam, rate, c->clip > 0 ? nn_clip_factor(norm, c->clip) : 1))
        return base_fail(e, BASE_VALUE, "update %" PRId64 ": the learning rate is %g", r->step + 1, rate);
    if (r->average && r->step >= r->average_from)
        nn_average_add(r->average);
    sums->norm = norm;
    sums->clipped = c->clip > 0 && norm > c->clip;
    sums->updates = 1;
    return BASE_OK;
}

static void add_sums(ser_sums *sum, const ser_sums *one)
{
    sum->total += one->total;
    sum->ctc += one->ctc;
    sum->masked += one->masked;
    sum->right += one->right;
    sum->aec += one->aec;
    sum->contrast += one->contrast;
    sum->norm += one->norm;
    sum->clipped += one->clipped;
    for (int t = 0; t < SER_TASKS; t++)
        sum->task[t] += one->task[t];
    sum->updates += one->updates;
}

/* ---- choosing the model ------------------------------------------------------------------------------------------ */

/* Exchanges the weights for those the model will have; again: back. */
static void swap_average(ser_run *r)
{
    if (r->average && *nn_average_count(r->average) > 0)
        nn_average_swap(r->average);
}

static bool by_ua(const ser_config *c) { return ser_is(c->select_by, "auto") ? c->lambda_emotion > 0 : ser_is(c->select_by, "ua"); }

static const char *score_name(const ser_config *c)
{
    return !ser_is(c->pretrain, "none") ? "accuracy" : by_ua(c) ? "UA" : "WER";
}

/* Keeps the model when it is better than all before. */
static base_status compare(ser_run *r, const ser_scores *s, base_error *e)
{
    double score = !ser_is(r->config->pretrain, "none") ? s->accuracy : by_ua(r->config) ? s->ua : -s->wer;

    if (!isfinite(score))
        return base_fail(e, BASE_MISSING, "%s: select=%s, but there are no %s in it", r->dev->dir, r->config->select,
            by_ua(r->config) ? "emotions" : "texts");
    if (score <= r->best) {
        r->worse++;
        return BASE_OK;
    }
    r->best = score;
    r->best_step = r->step;
    r->worse = 0;
    return ser_model_save(r->model, r->dir, e);
}

static base_status end_epoch(ser_run *r, int64_t epoch, base_error *e)
{
    const ser_config *c = r->config;
    ser_scores s = SER_SCORES_NONE;
    double rate = nn_schedule_rate(&r->schedule, r->step - 1);
    base_status status = BASE_OK;

    if (r->dev && ((epoch + 1) % c->eval_every == 0 || r->step == r->total)) {
        swap_average(r);
        status = ser_evaluate(r->model, r->tape, r->dev, r->dev_x, c->batch_seconds, &s, e);
        if (!status && ser_selects(c))
            status = compare(r, &s, e);
        swap_average(r);
        base_progress_clear();
        if (!status && isfinite(s.accuracy))
            base_log("epoch %" PRId64 ": loss %.3f, accuracy %.1f, development loss %.3f accuracy %.1f%s", epoch + 1,
                r->sums.total / r->sums.updates, 100 * r->sums.right / r->sums.masked, s.loss, s.accuracy,
                r->best_step == r->step ? ", the best so far" : "");
        else if (!status)
            base_log("epoch %" PRId64 ": loss %.3f, %s UA %.1f WER %.1f%s", epoch + 1, r->sums.total / r->sums.updates,
                ser_is(c->select, "test") ? "test" : "development", s.ua, s.wer, r->best_step == r->step ? ", the best so far" : "");
    }
    return status ? status : ser_run_log(r, &s, rate, e);
}

/* ---- the loop ---------------------------------------------------------------------------------------------------- */

static base_status enter_epoch(ser_run *r, int64_t epoch, base_error *e)
{
    const ser_config *c = r->config;

    if (r->planned == epoch)
        return BASE_OK;
    ser_plan_free(&r->plan);
    if (ser_plan_make(&r->plan, r->train_x, c->batch_seconds, c->batch_utterances, c->shuffle_window, (uint64_t)c->seed, epoch, e))
        return e->status;
    r->planned = epoch;
    return ser_batch_reserve(&r->batch, r->train, 0, r->train_x, &r->plan, e);
}

static base_status next_update(ser_run *r, base_progress *p, base_error *e)
{
    int64_t epoch = ser_run_epoch(r, r->step), first;
    double began = base_seconds();
    ser_sums sums = { 0 };

    if (enter_epoch(r, epoch, e))
        return e->status;
    first = (r->step - r->epoch_begin[epoch]) * r->config->accumulate;
    if (update(r, first, base_min_i64(r->config->accumulate, r->plan.batches - first), &sums, e))
        return e->status;
    r->step++;
    r->seconds += base_seconds() - began;
    add_sums(&r->sums, &sums);
    base_progress_step(p, (double)r->step, "epoch %" PRId64 ", loss %.3f, rate %.2g, %s %.0f", epoch + 1,
        r->sums.total / r->sums.updates, nn_schedule_rate(&r->schedule, r->step - 1), r->tokens ? "tokens/s" : "real time x",
        r->speech / r->seconds * (r->tokens ? (double)r->tokens / r->duration : 1));
    return r->step == r->epoch_begin[epoch + 1] || r->step == r->total ? end_epoch(r, epoch, e) : BASE_OK;
}

/* What updates cost in time of processors, which other work on the machine does not change; without the first, which touches most of the
 * memory for the first time. For scripts, on one line. */
static base_status estimate(ser_run *r, base_error *e)
{
    double until = base_seconds() + r->config->estimate, first = 0, speech = 0;
    base_progress p;

    base_progress_begin(&p, "timing", "updates", 0, (double)r->total);
    while (r->step < r->total && (r->step < 2 || base_seconds() < until) && !*r->stop) {
        if (next_update(r, &p, e))
            return e->status;
        if (r->step == 1) {
            first = ser_cpu_seconds();
            speech = r->speech;
        }
    }
    base_progress_end(&p, NULL);
    if (r->step < 2)
        return base_fail(e, BASE_LIMIT, "estimate=%d: two updates are needed, %" PRId64 " made", r->config->estimate, r->step);
    speech = (ser_cpu_seconds() - first) / (r->speech - speech);
    if (r->tokens)
        printf("CPU seconds an utterance: updates %.4g features 0; read %" PRId64 " tokens", speech * r->duration / (double)r->train->n,
            r->tokens);
    else
        printf("CPU seconds a second: updates %.4g features %.4g; heard %.1f s", speech, r->front_cpu / r->duration, r->duration);
    printf(", %.0f MiB, %" PRId64 " parameters\n", (double)base_memory_peak() / (1 << 20), nn_params_trainable(r->model->params));
    return BASE_OK;
}

static bool is_finished(const ser_run *r)
{
    return r->step >= r->total || (r->config->patience > 0 && r->worse >= r->config->patience);
}

static base_status loop(ser_run *r, base_error *e)
{
    const int every = r->config->checkpoint_every;
    double saved = base_seconds();
    base_progress p;

    base_progress_begin(&p, "training", "updates", (double)r->step, (double)r->total);
    while (!is_finished(r) && !*r->stop) {
        if (next_update(r, &p, e))
            return e->status;
        if (every ? r->step % every == 0 : base_seconds() - saved > checkpoint_seconds) {
            if (ser_run_checkpoint(r, e))
                return e->status;
            saved = base_seconds();
        }
    }
    base_progress_end(&p, "%s", *r->stop ? "stopped" : "done");
    return ser_run_checkpoint(r, e);
}

static base_status finish(ser_run *r, base_error *e)
{
    base_status status;

    if (ser_selects(r->config)) {
        if (ser_is(r->config->select, "test"))
            base_warn("the epoch was chosen on the test data, %s: scores there are better than on other data", r->dev->dir);
        base_log("the model is that of update %" PRId64 ", %s %.2f", r->best_step, score_name(r->config), fabs(r->best));
        return BASE_OK;
    }
    swap_average(r);
    status = ser_model_save(r->model, r->dir, e);
    swap_average(r);
    return status;
}

static void tell_machine(void)
{
    bool good;
    const char *blas = nn_blas(&good);

    if (good)
        base_log("%d threads, %s", base_threads(), blas);
    else
        base_warn("%d threads, %s: slow beside OpenMP; install libopenblas0-openmp", base_threads(), blas);
}

/* Useful work of a model that hears: products of weights, three times a forward pass. One that reads has no time and no frames. */
static void tell_speed(const ser_run *r, double speech_before, double seconds_before)
{
    double seconds = r->seconds - seconds_before, rows = 0;
    double a_second = (r->speech - speech_before) / r->duration / fmax(seconds, 1e-9);     /* of the training data */
    char speed[100];

    for (int64_t i = 0; i < r->train->n; i++)
        rows += (double)r->train_x->rows[i * r->train_x->variants];
    if (r->tokens)
        snprintf(speed, sizeof speed, "%.0f utterances/s, %.0f tokens/s", (double)r->train->n * a_second, (double)r->tokens * a_second);
    else
        snprintf(speed, sizeof speed, "%.0f times real time, %.1f GFLOP/s", r->duration * a_second,
            3e-9 * ser_model_flop(r->model, (int64_t)rows, r->train_x->cols) * a_second);
    base_log("%s, %.1f s of updates, %s, peak memory %.0f MiB", base_count(base_threads(), "thread"), seconds, speed,
        (double)base_memory_peak() / (1 << 20));
}

/* What is done; warm.c's differences to what was said are its own. */
static base_status write_config(const ser_run *r, const ser_config *said, base_error *e)
{
    ser_config done = r->settled;
    char *path = base_path_join(r->dir, "config");
    base_out o;

    if (!path)
        return base_fail(e, BASE_NO_MEMORY, "%s: out of memory", r->dir);
    if (!base_out_open(&o, path, e)) {
        done.init_model = said->init_model;
        done.stage1_warm = said->stage1_warm;
        ser_config_print(&done, false, o.f);
        base_out_commit(&o, e);
    }
    free(path);
    return e->status;
}

base_status ser_train_once(const ser_config *c, const ser_config *said, const char *data_dir, const char *exp_dir,
    const volatile int *stop, base_error *e)
{
    ser_run r;
    double speech = 0, seconds = 0;
    base_status status;

    tell_machine();
    status = ser_run_open(&r, c, data_dir, exp_dir, stop, e);
    if (!status)
        status = ser_run_resume(&r, e);
    if (!status)
        status = write_config(&r, said, e);
    if (!status) {
        speech = r.speech;
        seconds = r.seconds;
        base_log("%" PRId64 " parameters, %" PRId64 " epochs, %" PRId64 " updates", nn_params_trainable(r.model->params), r.epochs,
            r.total);
        if (c->estimate) {
            status = estimate(&r, e);
            ser_run_close(&r);
            return status;
        }
        status = loop(&r, e);
    }
    if (!status && !is_finished(&r))
        status = base_fail(e, BASE_BUSY, "stopped after update %" PRId64 " of %" PRId64 "; the same command goes on from there",
            r.step, r.total);
    if (!status)
        status = finish(&r, e);
    if (!status)
        tell_speed(&r, speech, seconds);
    ser_run_close(&r);
    return status;
}

static volatile int stop_signal;

int ser_train_command(const ser_config *c, const char *data_dir, const char *exp_dir)
{
    base_error e = BASE_ERROR_INIT;
    int status = 0;

    base_temporary_on_signals(&stop_signal);
    if (ser_train(c, data_dir, exp_dir, &stop_signal, &e))
        status = base_give_up(&e);
    return stop_signal && status ? 128 + stop_signal : status;
}
