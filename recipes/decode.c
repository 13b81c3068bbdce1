/* A trained model's answers to a data directory, as Kaldi's tables. All files appear at the end, or none. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/parallel.h"
#include "base/progress.h"
#include "recipes/ser.h"

enum { CHUNK = 64 };        /* utterances whose features are in memory at once */

typedef struct outputs {
    const ser_model *model;
    int              beam;
    bool             whole_gates;
    base_out         text, corrected, label[SER_TASKS];     /* f NULL: the model has no such part */
    nn_table_writer *posterior[SER_TASKS], *log_probs, *gate[2];
} outputs;

static const char *const gate_name[2] = { "gate_speech", "gate_text" };

static base_status open_file(base_out *o, const char *dir, const char *name, base_error *e)
{
    char *path = base_path_join(dir, name);
    base_status status = path ? base_out_open(o, path, e) : base_fail(e, BASE_NO_MEMORY, "%s: out of memory", dir);

    free(path);
    return status;
}

/* <dir>/<task>.ark and .scp: a row of probabilities per utterance, in the order of labels.json. */
static nn_table_writer *open_table(const char *dir, const char *task, base_error *e)
{
    char specifier[4200];

    if (snprintf(specifier, sizeof specifier, "ark,scp:%s/%s.ark,%s/%s.scp", dir, task, dir, task) < (int)sizeof specifier)
        return nn_table_create(specifier, e);
    base_fail(e, BASE_LIMIT, "%s: the path is too long", dir);
    return NULL;
}

static base_status open_outputs(outputs *o, const char *dir, const char *log_probs, base_error *e)
{
    if (base_make_dirs(dir, e))
        return e->status;
    if (*log_probs && !o->model->names.vocab)
        return base_fail(e, BASE_MISMATCH, "log-probs=%s: the model has no CTC", log_probs);
    if (*log_probs && !(o->log_probs = nn_table_create(log_probs, e)))
        return e->status;
    if (o->model->names.vocab && open_file(&o->text, dir, "text", e))
        return e->status;
    if (o->model->config.words == SER_CORRECTED && open_file(&o->corrected, dir, "text_aec", e))
        return e->status;
    for (int t = 0; t < SER_TASKS; t++)
        if (o->model->names.task[t].n) {
            if (open_file(&o->label[t], dir, ser_task_table[t], e))
                return e->status;
            o->posterior[t] = open_table(dir, ser_task_name[t], e);
            if (!o->posterior[t])
                return e->status;
        }
    for (int k = 0; k < 2 && ser_gates_frames(o->model); k++)
        if (!(o->gate[k] = open_table(dir, gate_name[k], e)))
            return e->status;
    return BASE_OK;
}

static base_status commit(base_out *o, base_error *e) { return o->f ? base_out_commit(o, e) : BASE_OK; }

static base_status commit_table(nn_table_writer **w, base_error *e)
{
    nn_table_writer *writer = *w;

    *w = NULL;
    return writer ? nn_table_commit(writer, e) : BASE_OK;
}

/* Finishes every file, or removes what is not finished. */
static base_status close_outputs(outputs *o, base_error *e)
{
    for (int t = 0; t < SER_TASKS && !e->status; t++)
        if (!commit_table(&o->posterior[t], e))
            commit(&o->label[t], e);
    if (!e->status && !commit_table(&o->log_probs, e) && !commit(&o->text, e))
        commit(&o->corrected, e);
    for (int k = 0; k < 2 && !e->status; k++)
        commit_table(&o->gate[k], e);
    if (e->status) {
        for (int k = 0; k < 2; k++)
            nn_table_abandon(o->gate[k]);
        base_out_abandon(&o->text);
        base_out_abandon(&o->corrected);
        nn_table_abandon(o->log_probs);
        for (int t = 0; t < SER_TASKS; t++) {
            base_out_abandon(&o->label[t]);
            nn_table_abandon(o->posterior[t]);
        }
    }
    return e->status;
}

static void print_text(base_out *o, const char *key, const char *text)
{
    fprintf(o->f, "%s%s%s\n", key, *text ? " " : "", text);
}

/* The mean gate of each frame, a column. */
static base_status write_mean_gate(nn_table_writer *w, const char *key, const nn_matrix *gate, base_error *e)
{
    nn_matrix m = { malloc(sizeof *m.x * (size_t)gate->rows + 1), gate->rows, 1 };

    if (!m.x)
        return base_fail(e, BASE_NO_MEMORY, "\"%s\": out of memory", key);
    for (int64_t i = 0; i < gate->rows; i++) {
        double sum = 0;

        for (int k = 0; k < gate->cols; k++)
            sum += (double)gate->x[i * gate->cols + k];
        m.x[i] = (float)(sum / gate->cols);
    }
    nn_table_write(w, key, &m, e);
    nn_matrix_free(&m);
    return e->status;
}

static base_status write_result(void *data, const ser_utterance *u, const ser_result *r, base_error *e)
{
    outputs *o = data;
    char *text;

    for (int t = 0; t < SER_TASKS; t++)
        if (r->posterior[t]) {
            const ser_labels *l = &o->model->names.task[t];
            nn_matrix row = { (float *)r->posterior[t], 1, l->n };

            fprintf(o->label[t].f, "%s %s\n", u->key, l->name[r->best[t]]);
            if (nn_table_write(o->posterior[t], u->key, &row, e))
                return e->status;
        }
    for (int k = 0; k < 2; k++)
        if (o->gate[k] &&
            (o->whole_gates ? nn_table_write : write_mean_gate)(o->gate[k], u->key, &r->gate[k], e))
            return e->status;
    if (!r->log_probs)
        return BASE_OK;
    if (o->log_probs) {
        nn_matrix m = { (float *)r->log_probs, r->frames, tx_vocab_size(o->model->names.vocab) };

        if (nn_table_write(o->log_probs, u->key, &m, e))
            return e->status;
    }
    if (ser_transcribe(o->model->names.vocab, r, o->beam, &text, e))
        return e->status;
    print_text(&o->text, u->key, text);
    if (r->corrected)
        print_text(&o->corrected, u->key, r->corrected);
    free(text);
    return BASE_OK;
}

/* References are not needed, but labels that the model lacks tell of other data, and no answer can be right for them. */
static void tell_unknown(const ser_data *d, const ser_names *names)
{
    for (int t = 0; t < SER_TASKS; t++) {
        const tx_entry *first = NULL;
        int64_t n = 0;

        for (int64_t i = 0; names->task[t].n && d->task[t].path && i < d->n; i++) {
            const tx_entry *entry = &d->task[t].entry[d->utt[i].source];

            if (strcmp(entry->value, SER_UNLABELLED) == 0 || ser_labels_find(&names->task[t], entry->value) >= 0)
                continue;
            first = first ? first : entry;
            n++;
        }
        if (n)
            base_warn("%s:%" PRId64 ": \"%s\" is no %s that the model knows; no answer is right for %" PRId64 " utterance%s with such",
                d->task[t].path, first->line, first->value, ser_task_name[t], n, n == 1 ? "" : "s");
    }
}

static base_status decode_all(const ser_model *m, const ser_data *d, const ser_decode_options *opt, outputs *o, base_error *e)
{
    ser_front *front = ser_front_new(&m->config.front, NULL, e);
    nn_tape *tape = front ? nn_tape_new(NULL, e) : NULL;
    base_progress p;

    base_progress_begin(&p, "decoding", "utterances", 0, (double)d->n);
    for (int64_t i = 0; tape && i < d->n && !e->status; i += CHUNK) {
        ser_features *f = ser_features_new(front, d, i, base_min_i64(CHUNK, d->n - i), 0, "", NULL, NULL, e);

        if (f)
            ser_apply(m, tape, d, i, f, opt->batch_seconds, write_result, o, e);
        if (!e->status)
            base_progress_step(&p, (double)base_min_i64(i + CHUNK, d->n), "%s", "");
        ser_features_free(f);
    }
    if (e->status)
        base_progress_clear();
    else
        base_progress_end(&p, "%s", "");
    nn_tape_free(tape);
    ser_front_free(front);
    return e->status;
}

base_status ser_decode(const char *exp_dir, const char *data_dir, const char *out_dir, const ser_decode_options *opt,
    int64_t *done, base_error *e)
{
    outputs o = { .beam = opt->beam, .whole_gates = opt->whole_gates };
    ser_model *m = ser_model_load(exp_dir, e);
    ser_data *d = m ? ser_data_open(data_dir, m->config.input == SER_TEXT ? NULL : &opt->read, m->config.text_norm, e) : NULL;

    *done = 0;
    if (d) {
        ser_names words = { .pieces = m->names.pieces };    /* of the texts, where these are read */

        o.model = m;
        ser_model_search(m, opt->beam, &opt->correct);
        tell_unknown(d, &m->names);
        if (!ser_data_bind(d, &words, e) && !open_outputs(&o, out_dir, opt->log_probs, e))
            decode_all(m, d, opt, &o, e);
        close_outputs(&o, e);
        *done = e->status ? 0 : d->n;
    }
    ser_data_free(d);
    ser_model_free(m);
    return e->status;
}
