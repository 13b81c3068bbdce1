/* Everything a training run needs before its first update. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/number.h"
#include "base/parallel.h"
#include "recipes/train.h"

/* ---- data -------------------------------------------------------------------------------------------------------- */

static base_status check_mask(const ser_config *c, const ser_names *names, base_error *e)
{
    return !ser_is(c->pretrain, "words") || tx_wordpiece_find(names->pieces, "[MASK]") >= 0
        ? BASE_OK : base_fail(e, BASE_MISSING, "the WordPieces have no [MASK], which pretrain=words needs");
}

/* The code book has as many rows as the training data need. */
static base_status read_clusters(ser_run *r, base_error *e)
{
    const ser_config *c = r->config;
    const char *dev_labels = *c->dev_frame_labels ? c->dev_frame_labels : c->frame_labels;
    int train = 0, dev = 0;

    if (!ser_is(c->pretrain, "frames") || ser_masked_read(r->train, c->frame_labels, &train, e) ||
        (r->dev && ser_masked_read(r->dev, dev_labels, &dev, e)))
        return e->status;
    r->clusters = train + 1;
    return dev > train ? base_fail(e, BASE_MISMATCH, "%s: %s has cluster %d, the training data's go to %d", dev_labels, r->dev->dir,
        dev, train) : BASE_OK;
}

/* Characters that the vocabulary lacks are learnt as one that nobody says. */
static base_status check_characters(const ser_data *d, const ser_names *names, base_error *e)
{
    const ser_utterance *first = NULL;
    int64_t all = 0, unknown = 0;
    char text[400], c[5] = "";

    for (int64_t i = 0; names->vocab && i < d->n; i++) {
        for (int k = 0; k < d->utt[i].ctc.n; k++)
            all += d->utt[i].ctc.label[k] != tx_vocab_delimiter(names->vocab);
        unknown += d->utt[i].ctc.unknown;
        first = first ? first : d->utt[i].ctc.unknown ? &d->utt[i] : NULL;
    }
    if (!unknown)
        return BASE_OK;
    c[tx_utf8_put(first->ctc.first_unknown, c)] = '\0';
    snprintf(text, sizeof text, "%.150s: %" PRId64 " of %" PRId64 " characters are not in the vocabulary (first: \"%s\" of \"%.100s\")",
        d->text.path, unknown, all, c, first->key);
    if (unknown == all)
        return base_fail(e, BASE_MISMATCH, "%s: no words can be learnt; text-norm=upper may help", text);
    base_warn("%s, and learnt as unknown; text-norm=upper may help", text);
    return BASE_OK;
}

static base_status open_data(ser_run *r, const char *dir, ser_names *names, base_error *e)
{
    const ser_config *c = r->config;
    au_read_options read = AU_READ_DEFAULTS;
    const au_read_options *sound = ser_is(c->input, "text") ? NULL : &read;

    read.max_seconds = c->max_dur;
    read.no_pipes = c->no_pipes;
    read.pipe_seconds = c->pipe_timeout;
    read.isolate = c->isolate;
    r->train = ser_data_open(dir, sound, c->text_norm, e);
    if (!r->train || ser_data_names(r->train, c, names, e) || check_mask(c, names, e) || ser_data_bind(r->train, names, e))
        return e->status;
    if (*c->dev_speakers)
        r->dev = ser_data_split(r->train, c->dev_speakers, e);
    else if (*c->dev_dir && (r->dev = ser_data_open(c->dev_dir, sound, c->text_norm, e)))
        ser_data_bind(r->dev, names, e);
    if (e->status || (c->lambda_ctc > 0 && (check_characters(r->train, names, e) || (r->dev && check_characters(r->dev, names, e)))))
        return e->status;
    return read_clusters(r, e);
}

/* Clusters of frames of the encoder; and whether there is a frame or a piece that may be hidden at all. */
static base_status fit_masks(ser_run *r, base_error *e)
{
    int each = r->config->labels_per_frame, span = r->config->span_length;
    ser_pretrain what = r->model->config.masking.what;

    if (what == SER_PRETRAIN_FRAMES && (ser_masked_fit(r->train, r->train_x, r->model, each, e) ||
        (r->dev && ser_masked_fit(r->dev, r->dev_x, r->model, each, e))))
        return e->status;
    for (int64_t i = 0; i < r->train->n; i++)
        if (what == SER_PRETRAIN_NONE || r->train->utt[i].clusters.n >= span || r->train->utt[i].pieces.n > 2)
            return BASE_OK;
    return what == SER_PRETRAIN_FRAMES
        ? base_fail(e, BASE_LIMIT, "%s: nothing to predict, no utterance has span-length=%d frames", r->train->dir, span)
        : base_fail(e, BASE_LIMIT, "%s: nothing to predict, no text has a word", r->train->dir);
}

static base_status compute_features(ser_run *r, base_error *e)
{
    const ser_config *c = r->config;
    ser_model *m = r->model;
    ser_front *front = ser_front_new(&m->config.front, m->config.front.conv && c->freeze_conv ? m : NULL, e);
    double began = ser_cpu_seconds();

    if (!front)
        return e->status;
    r->train_x = ser_features_new(front, r->train, 0, r->train->n, c->speed, c->cache_dir, r->stop, "features", e);
    if (r->train_x && r->dev)
        r->dev_x = ser_features_new(front, r->dev, 0, r->dev->n, 0, c->cache_dir, r->stop, "development features", e);
    if (!e->status && m->mean)
        ser_features_moments(r->train_x, m->mean->x, m->scale->x, e);
    ser_front_free(front);
    r->front_cpu = ser_cpu_seconds() - began;
    return e->status ? e->status : fit_masks(r, e);
}

/* Frames the CTC of an utterance needs: a label each, and a blank between equal ones. */
static int64_t frames_needed(const tx_labels *l)
{
    int64_t n = l->n;

    for (int i = 1; i < l->n; i++)
        n += l->label[i] == l->label[i - 1];
    return n;
}

/* Such utterances have no CTC loss, and train the other tasks. */
static void tell_infeasible(const ser_run *r)
{
    const ser_model *m = r->model;
    int64_t n = 0;
    const char *first = NULL;

    for (int64_t i = 0; m->names.vocab && i < r->train->n; i++) {
        int64_t rows = r->train_x->rows[i * r->train_x->variants];

        if (m->config.front.conv && r->train_x->cols == 1)
            rows = nn_hubert_frames(&m->config.encoder, rows);
        if (frames_needed(&r->train->utt[i].ctc) > rows) {
            first = first ? first : r->train->utt[i].key;
            n++;
        }
    }
    if (n)
        base_warn("%" PRId64 " of %" PRId64 " texts are longer than their frames (first: \"%s\"): no CTC loss for them", n,
            r->train->n, first);
}

/* Utterances whose copy at another speed is no frame long; and what the cache's disk did not take. */
static void tell_features(const ser_data *d, const ser_features *f)
{
    int64_t first = 0;

    while (f->left_out && f->rows[first])
        first++;
    if (f->left_out)
        base_warn("%" PRId64 " copies at another speed are shorter than a frame and left out (first: \"%s\"); these utterances are heard as they are",
            f->left_out, d->utt[first / f->variants].key);
    if (f->uncached)
        base_warn("%s; features of %" PRId64 " sounds are kept in memory", f->why_uncached.text, f->uncached);
}

static void measure_data(ser_run *r)
{
    for (int64_t i = 0; i < r->train->n; i++) {
        r->duration += r->train_x->seconds[i * r->train_x->variants];
        r->tokens += r->model->config.input == SER_TEXT ? r->train->utt[i].pieces.n : 0;
    }
}

static void tell_data(const ser_run *r)
{
    double amount = r->tokens ? (double)r->tokens : r->duration / 60;

    base_log("%s, %.*f %s; development: %" PRId64, base_count(r->train->n, "utterance"), r->tokens ? 0 : 1, amount,
        r->tokens ? "tokens" : "minutes", r->dev ? r->dev->n : 0);
    if (r->clusters)
        base_log("%d clusters", r->clusters);
    for (int t = 0; t < SER_TASKS; t++) {
        const ser_labels *l = &r->model->names.task[t];
        char text[400] = "";
        size_t used = 0;

        for (int i = 0; i < l->n && used < sizeof text; i++) {
            int64_t n = 0;

            for (int64_t u = 0; u < r->train->n; u++)
                n += r->train->utt[u].label[t] == i;
            used += (size_t)snprintf(text + used, sizeof text - used, " %s %" PRId64, l->name[i], n);
        }
        if (l->n)
            base_log("%s:%s", ser_task_name[t], text);
    }
    tell_infeasible(r);
    tell_features(r->train, r->train_x);
    if (r->dev)
        tell_features(r->dev, r->dev_x);
}

/* ---- model and optimiser ----------------------------------------------------------------------------------------- */

static base_status load_bert(ser_model *m, const ser_config *c, base_error *e)
{
    nn_load l = { .only = "bert.", .allow_missing = c->allow_missing };

    if (ser_weights_begin(m->params, c->init_bert, &l, e))
        return e->status;
    base_log("%s: %s", c->init_bert, l.text);
    return BASE_OK;
}

static ser_train_part part_of(const ser_config *c)
{
    if (c->stage == 2 && ser_is(c->tune, "adapters"))
        return SER_TRAIN_ADAPTERS;
    if (c->freeze_encoders)
        return SER_TRAIN_BUT_ENCODERS;
    return c->freeze_conv ? SER_TRAIN_BUT_CONV : SER_TRAIN_ALL;
}

static base_status make_model(ser_run *r, ser_names *names, base_error *e)
{
    const ser_config *c = r->config;
    nn_load ctc_head = { .only = "lm_head." };

    r->shape.masking.clusters = r->clusters;
    if (ser_is(c->train_text, "aec") && !r->shape.aec) {
        ser_names_free(names);
        return base_fail(e, BASE_MISMATCH, "%s: no corrector in it, which train-text=aec needs: give its first stage aec=frozen",
            c->init_model);
    }
    r->model = ser_model_new(&r->shape, names, part_of(c), e);
    if (!r->model)
        return e->status;
    nn_params_init(r->model->params, (uint64_t)c->seed);
    if ((*c->init_bert && load_bert(r->model, c, e)) || (*c->init_aec && ser_begin_with_corrector(r->model, c, e)))
        return e->status;
    if (ser_is(c->save, "adapters") && ser_model_stand_on(r->model, c->init_model, e))
        return e->status;
    if (*c->init_model && ser_model_begin_with(r->model, c->init_model, c->stage == 2, c->allow_missing, e))
        return e->status;
    return c->stage1_warm && c->lambda_ctc > 0 ? ser_weights_load(r->model->params, c->init_model, &ctc_head, e) : BASE_OK;
}

/* What the schedule runs up to; groups have factors on it. */
static double peak_rate(const ser_config *c) { return c->learning_rate > 0 ? c->learning_rate : ser_encoder_rate(c); }

/* Encoders begin with what they have learnt; what is added to them is new, like fusion and heads. */
static int make_groups(const ser_run *r, nn_group out[6])
{
    static const char *const added[] = { "*adapter.", "*.lora." };
    const ser_config *c = r->config;
    double peak = peak_rate(c), own = peak > 0 ? c->learning_rate / peak : 1, encoder = peak > 0 ? ser_encoder_rate(c) / peak : 1;
    int n = 0;

    out[n++] = (nn_group){ "", own, -1 };
    if (r->model->encoder)
        out[n++] = (nn_group){ "hubert.", encoder, -1 };
    if (r->model->bert)
        out[n++] = (nn_group){ "bert.", encoder, -1 };
    for (int k = 0; k < 2; k++)
        for (int i = 0; i < nn_params_count(r->model->params); i++)
            if (strstr(nn_params_at(r->model->params, i)->name, added[k] + 1)) {
                out[n++] = (nn_group){ added[k], own, -1 };
                break;
            }
    if (r->model->lm_head.w && !(c->lambda_ctc > 0))    /* of the first stage: nothing to learn from, and it is not to decay */
        out[n++] = (nn_group){ "lm_head.", 0, 0 };
    return n;
}

static base_status make_optimiser(ser_run *r, base_error *e)
{
    const ser_config *c = r->config;
    nn_group groups[6];
    nn_adam_options o = NN_ADAM_DEFAULTS;
    bool known = nn_adam_kind_of(c->optimiser, &o.kind) && nn_schedule_kind_of(c->schedule, &r->schedule.kind);

    if (!known)
        return base_fail(e, BASE_VALUE, "optimiser=%s or schedule=%s is unknown", c->optimiser, c->schedule);
    o.beta1 = c->beta1;
    o.beta2 = c->beta2;
    o.eps = c->eps;
    o.decay = c->decay;
    o.groups = groups;
    o.n_groups = make_groups(r, groups);
    r->adam = nn_adam_new(r->model->params, &o, e);
    return e->status;
}

/* The exponential average forgets with the time constant that the plain one has as its length. */
static base_status make_average(ser_run *r, base_error *e)
{
    double length = fmax(1, r->config->average_share * (double)r->total);

    if (ser_is(r->config->average, "none"))
        return BASE_OK;
    r->average_from = ser_is(r->config->average, "last") ? r->total - (int64_t)length : 0;
    r->average = nn_average_new(r->model->params, ser_is(r->config->average, "ema") ? 1 - 1 / length : 0, e);
    return e->status;
}

static void make_schedule(ser_run *r)
{
    const ser_config *c = r->config;
    double total = (double)r->total;

    r->schedule.rate = peak_rate(c);
    r->schedule.total = r->total;
    r->schedule.warmup = (int64_t)(c->warmup * total);
    r->schedule.hold = (int64_t)(c->hold * total);
    r->schedule.final_rate = r->schedule.kind == NN_POLYNOMIAL ? c->final_rate * r->schedule.rate : c->final_rate;
    r->schedule.power = 1;
}

static base_status make_weighting(ser_run *r, base_error *e)
{
    const ser_config *c = r->config;
    const int classes = r->model->names.task[SER_EMOTION].n;
    ser_weighting *w = &r->weighting;
    int64_t labelled = 0;

    for (int t = 0; t < SER_TASKS; t++)
        w->lambda[t] = ser_lambda(c, (ser_task)t);
    w->ctc = c->lambda_ctc;
    w->contrast = c->lambda_cl;
    w->aec = c->lambda_aec;
    w->temperature = c->cl_temperature;
    w->unmasked = c->unmasked_weight;
    w->penalty = c->feature_penalty;
    ser_words_of(c->train_text, &r->batch.words);
    r->batch.contrast = c->lambda_cl > 0;
    r->batch.teach = c->lambda_aec > 0;
    w->label_smoothing = c->label_smoothing;
    w->reduction = ser_is(c->ctc_reduction, "sum") ? NN_CTC_SUM : ser_is(c->ctc_reduction, "label") ? NN_CTC_MEAN : NN_CTC_MEAN_UTTERANCE;
    if (!classes || !ser_is(c->class_weights, "balanced"))
        return BASE_OK;
    r->class_weight = calloc((size_t)classes, sizeof *r->class_weight);
    if (!r->class_weight)
        return base_fail(e, BASE_NO_MEMORY, "class weights: out of memory");
    for (int64_t i = 0; i < r->train->n; i++)
        if (r->train->utt[i].label[SER_EMOTION] != NN_IGNORE) {
            r->class_weight[r->train->utt[i].label[SER_EMOTION]]++;
            labelled++;
        }
    for (int i = 0; i < classes; i++)   /* a class that only the development speakers have weighs nothing */
        r->class_weight[i] = r->class_weight[i] > 0 ? (float)labelled / ((float)classes * r->class_weight[i]) : 0;
    w->class_weight = r->class_weight;
    return BASE_OK;
}

/* ---- the course of the run --------------------------------------------------------------------------------------- */

/* Plans are pure functions of the epoch, so the number of updates is known before the first. */
static base_status count_updates(ser_run *r, base_error *e)
{
    const ser_config *c = r->config;
    int epochs = c->epochs - c->stage1_warm;

    r->epoch_begin = calloc((size_t)epochs + 1, sizeof *r->epoch_begin);
    if (!r->epoch_begin)
        return base_fail(e, BASE_NO_MEMORY, "epochs: out of memory");
    for (r->epochs = 0; r->epochs < epochs && (!c->max_updates || r->total < c->max_updates); r->epochs++) {
        if (ser_plan_make(&r->plan, r->train_x, c->batch_seconds, c->batch_utterances, c->shuffle_window, (uint64_t)c->seed, r->epochs, e))
            return e->status;
        r->total += base_blocks(r->plan.batches, c->accumulate);
        r->epoch_begin[r->epochs + 1] = r->total;
        ser_plan_free(&r->plan);
    }
    r->planned = -1;
    if (c->max_updates)
        r->total = base_min_i64(r->total, c->max_updates);
    return BASE_OK;
}

/* Two texts of key=value lines: what the weights depend on, and what their last bits depend on. */
uint64_t ser_params_hash(const nn_params *p)
{
    uint64_t h = BASE_HASH_INIT;

    for (int i = 0; i < nn_params_count(p); i++) {
        const nn_param *w = nn_params_at(p, i);

        if (strncmp(w->name, "front.", 6) != 0)
            h = base_hash_bytes(h, w->x, sizeof *w->x * (size_t)w->count);
    }
    return h;
}

static base_status make_fingerprint(ser_run *r, base_error *e)
{
    size_t n;
    bool good;
    FILE *f = open_memstream(&r->fingerprint, &n), *g = f ? open_memstream(&r->machine, &n) : NULL;
    char *labels = ser_names_text(&r->model->names);
    bool ok = f && g && labels;

    if (ok) {
        ser_config_print(r->config, true, f);
        if (*r->config->init_model || *r->config->init_bert || *r->config->init_aec)
            fprintf(f, "initial-weights=%016" PRIx64 "\n", ser_params_hash(r->model->params));
        fprintf(f, "labels=%s\n", labels);
        fprintf(f, "vocabulary-size=%d\n", r->model->config.encoder.vocab_size);
        fprintf(f, "training-data=%016" PRIx64 "\n", ser_data_hash(r->train));
        fprintf(f, "training-sound=%016" PRIx64 "\n", ser_features_hash(r->train_x));
        fprintf(f, "development-data=%016" PRIx64 "\n", r->dev ? ser_data_hash(r->dev) : 0);
        fprintf(f, "development-sound=%016" PRIx64 "\n", r->dev ? ser_features_hash(r->dev_x) : 0);
        fprintf(g, "threads=%d\nBLAS=%s\n", base_threads(), nn_blas(&good));
    }
    free(labels);
    ok = (!f || fclose(f) == 0) && (!g || fclose(g) == 0) && ok;
    return ok ? BASE_OK : base_fail(e, BASE_NO_MEMORY, "%s: out of memory", r->dir);
}

static base_status open_folder(ser_run *r, base_error *e)
{
    char *lock = base_path_join(r->dir, "lock");

    r->checkpoints = base_path_join(r->dir, "checkpoints");
    r->log = base_path_join(r->dir, "train.tsv");
    r->fingerprint_path = base_path_join(r->dir, "fingerprint");
    if (!lock || !r->checkpoints || !r->log || !r->fingerprint_path)
        base_fail(e, BASE_NO_MEMORY, "%s: out of memory", r->dir);
    else if (!base_make_dirs(r->checkpoints, e))
        base_lock(lock, &r->lock, e);
    free(lock);
    return e->status;
}

base_status ser_run_open(ser_run *r, const ser_config *c, const char *data_dir, const char *exp_dir, const volatile int *stop, base_error *e)
{
    ser_names names = { 0 };

    *r = (ser_run){ .settled = *c, .config = &r->settled, .stop = stop, .dir = exp_dir, .lock = -1, .planned = -1, .best = -INFINITY };
    if (ser_config_check(c, e) || ser_model_configure(&r->settled, &r->shape, e) || open_data(r, data_dir, &names, e)) {
        ser_names_free(&names);
        return e->status;
    }
    nn_huge_pages(c->huge_pages);
    if (make_model(r, &names, e) || open_folder(r, e) || compute_features(r, e))
        return e->status;
    measure_data(r);
    tell_data(r);
    if (make_optimiser(r, e) || make_weighting(r, e) || count_updates(r, e) || make_fingerprint(r, e))
        return e->status;
    make_schedule(r);
    if (make_average(r, e))
        return e->status;
    r->tape = nn_tape_new(&(nn_tape_options){ .seed = (uint64_t)c->seed, .check_finite = c->check_finite }, e);
    return e->status;
}

void ser_run_close(ser_run *r)
{
    nn_tape_free(r->tape);
    nn_average_free(r->average);
    nn_adam_free(r->adam);
    ser_features_free(r->train_x);
    ser_features_free(r->dev_x);
    ser_model_free(r->model);
    ser_data_free(r->dev);
    ser_data_free(r->train);
    ser_plan_free(&r->plan);
    ser_batch_free(&r->batch);
    free(r->epoch_begin);
    free(r->class_weight);
    free(r->weighting.vectors.x[0]);
    free(r->weighting.vectors.x[1]);
    free(r->weighting.vectors.same);
    free(r->weighting.vectors.order);
    free(r->fingerprint);
    free(r->machine);
    free(r->checkpoints);
    free(r->log);
    free(r->fingerprint_path);
    if (r->lock >= 0)
        base_unlock(r->lock);
}
