/* A training run on disk: checkpoints, and train.tsv, which tells its course. A run that is killed at any moment and
 * resumed ends with the bytes of one that was not, because a checkpoint holds all that is not a function of the update's
 * number; lines of train.tsv behind the checkpoint are written again. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "recipes/train.h"

enum { TEXT_LIMIT = 64 << 20, NUMBERS = 14 + SER_TASKS };

int64_t ser_run_epoch(const ser_run *r, int64_t step)
{
    int64_t epoch = 0;

    while (epoch + 1 < r->epochs && step >= r->epoch_begin[epoch + 1])
        epoch++;
    return epoch;
}

/* ---- checkpoints ------------------------------------------------------------------------------------------------- */

/* The numbers of a run that change from update to update, in the order they are written. */
static void numbers_of(ser_run *r, double *at[NUMBERS], double best_step[2])
{
    int n = 0;

    at[n++] = &r->sums.total;
    for (int t = 0; t < SER_TASKS; t++)
        at[n++] = &r->sums.task[t];
    at[n++] = &r->sums.ctc;
    at[n++] = &r->sums.masked;
    at[n++] = &r->sums.right;
    at[n++] = &r->sums.aec;
    at[n++] = &r->sums.contrast;
    at[n++] = &r->sums.norm;
    at[n++] = &r->sums.clipped;
    at[n++] = &r->sums.updates;
    at[n++] = &r->best;
    at[n++] = &r->seconds;
    at[n++] = &r->speech;
    at[n++] = &best_step[0];
    at[n++] = &best_step[1];
}

/* Hexadecimal, so that nothing is lost. */
static void print_numbers(const ser_run *r, char *out, size_t size)
{
    ser_run copy = *r;
    double *at[NUMBERS], more[2] = { (double)r->best_step, (double)r->worse };
    size_t used = 0;

    numbers_of(&copy, at, more);
    for (int i = 0; i < NUMBERS && used < size; i++)
        used += (size_t)snprintf(out + used, size - used, "%s%a", i ? " " : "", *at[i]);
}

static bool scan_numbers(ser_run *r, const char *text)
{
    double *at[NUMBERS], more[2];

    numbers_of(r, at, more);
    for (int i = 0; i < NUMBERS; i++) {
        char *end;

        *at[i] = strtod(text, &end);
        if (end == text)
            return false;
        text = end;
    }
    if (*text || !(more[0] >= 0 && more[0] < 1e15 && more[1] >= 0 && more[1] < 1e15))
        return false;
    r->best_step = (int64_t)more[0];
    r->worse = (int64_t)more[1];
    return true;
}

typedef struct texts { char numbers[NUMBERS * 32], seed[24], config[24], position[64]; char *labels; } texts;

static void describe(const ser_run *r, texts *t)
{
    int64_t epoch = ser_run_epoch(r, r->step);

    print_numbers(r, t->numbers, sizeof t->numbers);
    snprintf(t->seed, sizeof t->seed, "%d", r->config->seed);
    snprintf(t->config, sizeof t->config, "%016" PRIx64, base_hash_text(BASE_HASH_INIT, r->fingerprint));
    snprintf(t->position, sizeof t->position, "epoch %" PRId64 " update %" PRId64, epoch, r->step - r->epoch_begin[epoch]);
    t->labels = ser_names_text(&r->model->names);
}

static nn_checkpoint checkpoint_of(const ser_run *r, const texts *t)
{
    return (nn_checkpoint){ .params = r->model->params, .adam = r->adam, .average = r->average,
        .meta = { { "numbers", t->numbers }, { "config", t->config }, { "seed", t->seed }, { "position", t->position },
            { "labels", t->labels }, { "machine", r->machine } },
        .n_meta = 6 };
}

base_status ser_run_checkpoint(const ser_run *r, base_error *e)
{
    texts t;
    nn_checkpoint c;
    base_status status;

    describe(r, &t);
    if (!t.labels)
        return base_fail(e, BASE_NO_MEMORY, "%s: out of memory", r->checkpoints);
    c = checkpoint_of(r, &t);
    status = nn_checkpoint_save(&c, r->checkpoints, r->step, r->config->keep, e);
    free(t.labels);
    return status;
}

static base_status write_text(const char *path, const char *text, size_t n, base_error *e)
{
    base_out o;

    if (base_out_open(&o, path, e))
        return e->status;
    fwrite(text, 1, n, o.f);
    return base_out_commit(&o, e);
}

/* ---- train.tsv --------------------------------------------------------------------------------------------------- */

static const char header[] = "step\tepoch\tseconds\tloss\tloss_emo\tloss_ctc\tloss_gender\tloss_style\tdev_ua\tdev_wer\trate\taccuracy\tdev_loss\tdev_accuracy\tloss_aec\tloss_cl\tgrad_norm\tclipped\n";

/* Keeps the header and the lines of updates up to the checkpoint's. */
static base_status rewind_log(const ser_run *r, base_error *e)
{
    char *text = NULL, *line, *end;
    size_t size = 0, kept = 0;
    base_status status;

    if (r->step == 0 || !base_exists(r->log))
        return write_text(r->log, header, sizeof header - 1, e);
    status = base_read_file(r->log, TEXT_LIMIT, &text, &size, e);
    if (status)
        return status;
    for (line = text; (end = strchr(line, '\n')); line = end + 1) {
        if (line != text && strtoll(line, NULL, 10) > r->step)
            break;
        kept = (size_t)(end + 1 - text);
    }
    status = write_text(r->log, text, kept, e);
    free(text);
    return status;
}

/* An empty field where nothing was measured. */
static void print_field(FILE *f, bool measured, double x)
{
    if (measured)
        fprintf(f, "\t%.6g", x);
    else
        fputc('\t', f);
}

base_status ser_run_log(ser_run *r, const ser_scores *dev, double rate, base_error *e)
{
    const ser_weighting *w = &r->weighting;
    const ser_sums *s = &r->sums;
    FILE *f = fopen(r->log, "a");

    if (!f)
        return base_fail_errno(e, "%s", r->log);
    fprintf(f, "%" PRId64 "\t%" PRId64 "\t%.2f", r->step, ser_run_epoch(r, r->step - 1) + 1, r->seconds);
    print_field(f, true, s->total / s->updates);
    print_field(f, w->lambda[SER_EMOTION] > 0, s->task[SER_EMOTION] / s->updates);
    print_field(f, w->ctc > 0, s->ctc / s->updates);
    print_field(f, w->lambda[SER_GENDER] > 0, s->task[SER_GENDER] / s->updates);
    print_field(f, w->lambda[SER_STYLE] > 0, s->task[SER_STYLE] / s->updates);
    print_field(f, isfinite(dev->ua), dev->ua);
    print_field(f, isfinite(dev->wer), dev->wer);
    print_field(f, true, rate);
    print_field(f, s->masked > 0, 100 * s->right / s->masked);
    print_field(f, isfinite(dev->loss), dev->loss);
    print_field(f, isfinite(dev->accuracy), dev->accuracy);
    print_field(f, w->aec > 0, s->aec / s->updates);
    print_field(f, w->contrast > 0, s->contrast / s->updates);
    print_field(f, true, s->norm / s->updates);
    print_field(f, r->config->clip > 0, 100 * s->clipped / s->updates);
    fputc('\n', f);
    r->sums = (ser_sums){ 0 };
    if (ferror(f) | fclose(f))
        return base_fail_errno(e, "%s: cannot write", r->log);
    return BASE_OK;
}

/* ---- resuming ---------------------------------------------------------------------------------------------------- */

base_status ser_fingerprint_check(const char *path, const char *now, const char *dir, base_error *e)
{
    char *before;
    size_t size;

    if (!base_exists(path))
        return BASE_OK;
    if (base_read_file(path, TEXT_LIMIT, &before, &size, e))
        return e->status;
    if (ser_config_agree(before, now, e))
        base_fail_in(e, "%s: of a run with other settings or data: use another folder, or remove %s/checkpoints and begin anew", dir, dir);
    free(before);
    return e->status;
}

base_status ser_fingerprint_write(const char *path, const char *now, base_error *e) { return write_text(path, now, strlen(now), e); }

/* The first of x [n] that is no number, or below least; n: there is none. */
static int64_t first_bad(const float *x, int64_t n, float least)
{
    int64_t i = 0;

    while (i < n && isfinite(x[i]) && x[i] >= least)
        i++;
    return i;
}

base_status ser_checkpoint_finite(const nn_checkpoint *c, const char *dir, int64_t step, base_error *e)
{
    static const char *const what[] = { "first moment", "second moment", "average" };
    const float *x[] = { nn_adam_m(c->adam), nn_adam_v(c->adam), c->average ? nn_average_values(c->average) : NULL };

    for (int i = 0; i < nn_params_count(c->params); i++) {
        const nn_param *p = nn_params_at(c->params, i);

        for (int k = 0; p->dx && k < 3; k++) {
            const float *values = x[k] ? x[k] + (p->x - nn_params_values(c->params)) : NULL;
            int64_t at = values ? first_bad(values, p->count, k == 1 ? 0 : -INFINITY) : p->count;

            if (at < p->count)
                return base_fail(e, BASE_VALUE, "%s: update %" PRId64 ": the %s of \"%s\" is %g at element %" PRId64
                    "; remove this checkpoint, and the one before is gone on from", dir, step, what[k], p->name, (double)values[at], at);
        }
    }
    return BASE_OK;
}

/* Saved in a checkpoint as well, so that a fingerprint of another run beside it is noticed. */
static base_status take_texts(ser_run *r, const nn_checkpoint *c, const texts *now, base_error *e)
{
    const char *numbers = NULL, *config = NULL, *machine = "";
    base_error differs = BASE_ERROR_INIT;

    for (int i = 0; i < c->n_meta; i++) {
        if (strcmp(c->meta[i].key, "numbers") == 0)
            numbers = c->meta[i].value;
        else if (strcmp(c->meta[i].key, "config") == 0)
            config = c->meta[i].value;
        else if (strcmp(c->meta[i].key, "machine") == 0 && c->meta[i].value)
            machine = c->meta[i].value;
    }
    if (!config || strcmp(config, now->config) != 0)
        return base_fail(e, BASE_MISMATCH, "%s: a checkpoint of a run with other settings (%s, not %s)", r->checkpoints,
            config ? config : "none", now->config);
    if (!numbers || !scan_numbers(r, numbers))
        return base_fail(e, BASE_FORMAT, "%s: the checkpoint's state cannot be read: %s", r->checkpoints, numbers ? numbers : "none");
    if (ser_config_agree(machine, r->machine, &differs))
        base_warn("the result will not equal an uninterrupted run's to the last bit: %s", differs.text);
    return BASE_OK;
}

/* The newest checkpoint into r; *step -1: there is none. */
static base_status load(ser_run *r, int64_t *step, base_error *e)
{
    base_error note = BASE_ERROR_INIT, differs = BASE_ERROR_INIT;
    texts now;
    nn_checkpoint c;

    describe(r, &now);
    if (!now.labels)
        return base_fail(e, BASE_NO_MEMORY, "%s: out of memory", r->checkpoints);
    c = checkpoint_of(r, &now);
    ser_fingerprint_check(r->fingerprint_path, r->fingerprint, r->dir, &differs);
    nn_checkpoint_load(&c, r->checkpoints, step, &note, e);
    if (differs.status && (e->status || *step >= 0))
        *e = differs;       /* which says more than the tensor that does not fit */
    else if (!e->status && *step >= 0 && !take_texts(r, &c, &now, e))
        ser_checkpoint_finite(&c, r->checkpoints, *step, e);
    if (note.status)
        base_warn("%s", note.text);
    nn_checkpoint_free(&c);
    free(now.labels);
    return e->status;
}

base_status ser_run_resume(ser_run *r, base_error *e)
{
    int64_t step = -1;

    if (load(r, &step, e))
        return e->status;
    if (step >= 0 && !r->config->resume)
        return base_fail(e, BASE_MISMATCH, "%s: holds a checkpoint of update %" PRId64 ", and resume=false", r->checkpoints, step);
    if (step >= 0) {
        r->step = step;
        base_log("resuming after update %" PRId64 " of %" PRId64, step, r->total);
    } else if (ser_fingerprint_write(r->fingerprint_path, r->fingerprint, e))
        return e->status;
    return rewind_log(r, e);
}
