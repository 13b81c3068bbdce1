/* A model's answers to single sounds, a line of JSON each: the transcript with the times of its words, emotion, gender and
 * style. Sounds are gathered into batches, which changes nothing but the time they take. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "recipes/json.h"
#include "recipes/ser.h"

enum { MOST = 64, DIGITS = 6 };     /* sounds of a batch; digits of a number in JSON */

struct ser_recogniser {
    ser_recognise_options o;
    FILE          *out;
    ser_model     *model;
    ser_front     *front;
    nn_tape       *tape;
    ser_hypothesis *best;           /* [nbest] */
    int            n;               /* sounds that wait for the batch to be full */
    double         sum;             /* of their seconds */
    char          *name[MOST], *line[MOST];
    ser_utterance  utt[MOST];
    int64_t        rows[MOST];
    double         seconds[MOST];
    float         *x[MOST];
};

/* A model that reads a given text would guess from an empty one. */
static base_status check_hears(const ser_model *m, const char *path, base_error *e)
{
    bool reads = m->bert && (m->config.words == SER_REF || m->config.words == SER_NOISY);

    return reads ? base_fail(e, BASE_UNSUPPORTED, "%s: a model that reads %s (%s), which sounds do not bring; serin-decode takes a data "
        "directory with text", path, m->config.input == SER_BOTH ? "the reference text beside the sound" : "text alone",
        m->config.input == SER_BOTH ? "test-text=ref" : "input=text") : BASE_OK;
}

ser_recogniser *ser_recogniser_open(const char *model, const ser_recognise_options *o, FILE *out, base_error *e)
{
    ser_recogniser *r = calloc(1, sizeof *r);

    if (!r || !(r->best = calloc((size_t)o->nbest, sizeof *r->best))) {
        free(r);
        base_fail(e, BASE_NO_MEMORY, "%s: out of memory", model);
        return NULL;
    }
    r->o = *o;
    r->out = out;
    if ((r->model = ser_model_load(model, e)))
        ser_model_search(r->model, o->beam, &o->correct);
    if (r->model && !check_hears(r->model, model, e) && (r->front = ser_front_new(&r->model->config.front, NULL, e)) &&
        (r->tape = nn_tape_new(NULL, e)))
        return r;
    ser_recogniser_close(r);
    return NULL;
}

/* Forgets the waiting sounds. */
static void clear(ser_recogniser *r)
{
    for (int i = 0; i < r->n; i++) {
        free(r->name[i]);
        free(r->line[i]);
        free(r->x[i]);
        r->line[i] = NULL;
    }
    r->n = 0;
    r->sum = 0;
}

void ser_recogniser_close(ser_recogniser *r)
{
    if (!r)
        return;
    clear(r);
    nn_tape_free(r->tape);
    ser_front_free(r->front);
    ser_model_free(r->model);
    free(r->best);
    free(r);
}

/* ---- one sound's line -------------------------------------------------------------------------------------------- */

/* A frame of output, in seconds. */
static double frame_seconds(const ser_model *m)
{
    const nn_hubert_config *c = &m->config.encoder;
    double samples = 1;

    if (!m->config.front.conv)
        return 0.01 * m->config.front.stack;
    for (int i = 0; i < c->n_conv; i++)
        samples *= c->conv_stride[i];
    return samples / SER_RATE;
}

static json_t *milliseconds(double seconds) { return json_real(rint(seconds * 1000) / 1000); }

/* Adds a value that json_… made, NULL when there was no memory for it. */
static bool put(json_t *object, const char *key, json_t *value) { return json_object_set_new(object, key, value) == 0; }

static bool put_words(json_t *j, const ser_recogniser *r, const nn_hypothesis *h, base_error *e)
{
    double frame = frame_seconds(r->model);
    json_t *list = json_array();
    tx_words w;
    bool ok = list != NULL;

    if (tx_vocab_words(r->model->names.vocab, h->labels, h->frames, h->n, &w, e)) {
        json_decref(list);
        return false;
    }
    for (int i = 0; i < w.n && ok; i++)
        ok = json_array_append_new(list, json_pack("{s:s, s:o, s:o}", "word", w.word[i].text, "start",
            milliseconds(frame * (double)w.word[i].begin), "end", milliseconds(frame * (double)w.word[i].end))) == 0;
    tx_words_free(&w);
    return put(j, "words", list) && ok;
}

static bool put_nbest(json_t *j, const ser_recogniser *r, int n)
{
    json_t *list = json_array();
    bool ok = list != NULL;

    for (int i = 0; i < n && ok; i++) {
        ok = json_array_append_new(list, json_pack("{s:f, s:s}", "score", r->best[i].path.score, "transcript", r->best[i].text)) == 0;
    }
    return put(j, "nbest", list) && ok;
}

static bool put_speech(json_t *j, const ser_recogniser *r, const ser_result *result, base_error *e)
{
    int n = 0;
    bool ok = ser_search(r->model->names.vocab, result->log_probs, result->frames, r->o.beam, r->o.nbest, r->best, &n, e) == BASE_OK &&
              put(j, "transcript", json_string(r->best[0].text)) &&
              (!result->corrected || put(j, "corrected", json_string(result->corrected))) && put_words(j, r, &r->best[0].path, e) &&
              (r->o.nbest == 1 || put_nbest(j, r, n));

    for (int i = 0; i < n; i++)
        ser_hypothesis_free(&r->best[i]);
    return ok;
}

/* "emotion": "ang", "emotion_probabilities": {"ang": 0.9, …} */
static bool put_label(json_t *j, const ser_recogniser *r, ser_task t, const ser_result *result)
{
    const ser_labels *l = &r->model->names.task[t];
    json_t *all = json_object();
    char key[40];
    bool ok = put(j, ser_task_name[t], json_string(l->name[result->best[t]])) && all;

    snprintf(key, sizeof key, "%s_probabilities", ser_task_name[t]);
    for (int i = 0; i < l->n && ok; i++)
        ok = put(all, l->name[i], json_real((double)result->posterior[t][i]));
    return put(j, key, all) && ok;
}

static base_status make_line(void *data, const ser_utterance *u, const ser_result *result, base_error *e)
{
    ser_recogniser *r = data;
    int64_t i = u - r->utt;
    json_t *j = json_object();
    bool ok = j && put(j, r->o.what, json_string(u->key)) && put(j, "seconds", milliseconds(r->seconds[i]));

    if (ok && result->log_probs)
        ok = put_speech(j, r, result, e);
    for (int t = 0; t < SER_TASKS && ok; t++)
        if (result->posterior[t])
            ok = put_label(j, r, (ser_task)t, result);
    r->line[i] = ok ? ser_json_text(j, JSON_COMPACT | JSON_REAL_PRECISION(DIGITS)) : NULL;
    json_decref(j);
    if (r->line[i])
        return BASE_OK;
    return e->status ? e->status : base_fail(e, BASE_NO_MEMORY, "%s: out of memory", u->key);
}

/* ---- batches ----------------------------------------------------------------------------------------------------- */

/* Lines of the waiting sounds first .. first + n - 1. */
static base_status run(ser_recogniser *r, int first, int n, base_error *e)
{
    ser_data d = { .n = n, .utt = r->utt + first };
    ser_features f = { .cols = ser_front_cols(r->front), .variants = 1, .n = n, .rows = r->rows + first,
        .seconds = r->seconds + first, .x = r->x + first };

    return ser_apply(r->model, r->tape, &d, 0, &f, INFINITY, make_line, r, e);
}

base_status ser_recogniser_flush(ser_recogniser *r, ser_complaint *complain, void *data, base_error *e)
{
    base_error batch = BASE_ERROR_INIT;

    if (r->n && run(r, 0, r->n, &batch))
        for (int i = 0; i < r->n; i++) {    /* one of them is at fault: the others need not suffer */
            base_error why = BASE_ERROR_INIT;

            free(r->line[i]);
            r->line[i] = NULL;
            if (run(r, i, 1, &why))
                complain(data, r->name[i], &why);
        }
    for (int i = 0; i < r->n; i++)
        if (r->line[i])
            fprintf(r->out, "%s\n", r->line[i]);
    clear(r);
    return fflush(r->out) || ferror(r->out) ? base_fail_errno(e, "standard output") : BASE_OK;
}

base_status ser_recogniser_add(ser_recogniser *r, const char *name, const au_audio *a, base_error *e)
{
    nn_matrix m;
    char *copy;

    if (tx_utf8_check("the sound's name", 1, name, strlen(name), e))     /* JSON wants it */
        return e->status;
    if (ser_front_compute(r->front, a->x, a->n, &m, e))
        return base_fail_in(e, "%s", name);
    if (!(copy = strdup(name))) {
        nn_matrix_free(&m);
        return base_fail(e, BASE_NO_MEMORY, "%s: out of memory", name);
    }
    r->name[r->n] = copy;
    r->x[r->n] = m.x;
    r->rows[r->n] = m.rows;
    r->seconds[r->n] = a->seconds;
    r->utt[r->n] = (ser_utterance){ .key = copy, .speaker = "", .label = { NN_IGNORE, NN_IGNORE, NN_IGNORE } };
    r->n++;
    r->sum += a->seconds;
    return BASE_OK;
}

bool ser_recogniser_full(const ser_recogniser *r) { return r->n == MOST || r->sum >= r->o.batch_seconds; }
