/* serin-score-text: word or character error rates of a table of texts, as text and as a section of scores.json. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "recipes/score.h"

typedef struct inputs {
    tx_table  ref, hyp, versus, folds, groups;
    ser_texts texts, other;
    const char **key;       /* [texts.n] */
} inputs;

static void free_inputs(inputs *in)
{
    ser_texts_free(&in->texts);
    ser_texts_free(&in->other);
    tx_table_free(&in->ref);
    tx_table_free(&in->hyp);
    tx_table_free(&in->versus);
    tx_table_free(&in->folds);
    tx_table_free(&in->groups);
    free(in->key);
}

static base_status read_table(tx_table *t, const char *path, tx_values values, base_error *e)
{
    return *path ? tx_table_read(t, path, values, e) : BASE_OK;
}

/* The other system must have recognised the very utterances that are scored. */
static base_status check_other(const inputs *in, base_error *e)
{
    const ser_texts *a = &in->texts, *b = &in->other;
    int64_t i = 0;

    while (i < a->n && i < b->n && a->text[i].key == b->text[i].key)      /* both point into the reference */
        i++;
    if (i == a->n && i == b->n)
        return BASE_OK;
    return base_fail(e, BASE_MISMATCH,
                     "%s and %s do not have the same utterances; the first that only one has is \"%.200s\"",
                     in->hyp.path, in->versus.path, i < a->n ? a->text[i].key : b->text[i].key);
}

static base_status read_inputs(inputs *in, const ser_text_options *o, base_error *e)
{
    tx_costs costs = strcmp(o->align, "sclite") == 0 ? TX_SCLITE : TX_UNIT;
    ser_mode mode = ser_mode_of(o->mode);

    *in = (inputs){ 0 };
    if (read_table(&in->ref, o->ref, TX_ANY, e) != BASE_OK || read_table(&in->hyp, o->hyp, TX_ANY, e) != BASE_OK ||
        read_table(&in->versus, o->versus, TX_ANY, e) != BASE_OK ||
        read_table(&in->folds, o->folds, TX_ONE_WORD, e) != BASE_OK ||
        read_table(&in->groups, o->groups, TX_ONE_WORD, e) != BASE_OK)
        return e->status;
    if (ser_texts_make(&in->texts, &in->ref, &in->hyp, mode, o->cer, costs, e) != BASE_OK)
        return e->status;
    if (*o->versus && ser_texts_make(&in->other, &in->ref, &in->versus, mode, o->cer, costs, e) == BASE_OK)
        check_other(in, e);
    in->key = malloc((size_t)in->texts.n * sizeof(*in->key));
    if (!in->key)
        return base_fail(e, BASE_NO_MEMORY, "no memory for %lld utterances", (long long)in->texts.n);
    for (int64_t i = 0; i < in->texts.n; i++)
        in->key[i] = in->texts.text[i].key;
    if (in->texts.missing)
        base_warn("%s: %lld utterances of %s are missing and %s", o->hyp, (long long)in->texts.missing, o->ref,
            mode == SER_ALL ? "count as empty" : "not scored");
    return e->status;
}

/* ---- a score --------------------------------------------------------------------------------------------------- */

typedef struct score {
    int64_t      n, wrong;      /* utterances; those with an error */
    tx_errors    errors;
    ser_interval interval;
} score;

/* What the bootstrap draws from. */
typedef struct sample {
    const ser_text *text, *other;   /* other: a second system's, or NULL */
    const int64_t  *which;
} sample;

static double drawn_rate(const ser_text *text, const int64_t *which, const int64_t *drawn, int64_t n)
{
    tx_errors sum = { 0 };

    for (int64_t i = 0; i < n; i++)
        tx_errors_add(&sum, &text[which[drawn[i]]].errors);
    return tx_error_rate(&sum);
}

static void rate_of_drawn(const void *data, const int64_t *drawn, int64_t n, double *value)
{
    const sample *s = data;

    *value = drawn_rate(s->text, s->which, drawn, n);
    if (s->other)
        *value -= drawn_rate(s->other, s->which, drawn, n);
}

static base_status make_score(score *s, const ser_texts *t, const int64_t *which, int64_t n, const ser_bootstrap *o,
    base_error *e)
{
    const sample all = { t->text, NULL, which };

    *s = (score){ .n = n };
    for (int64_t i = 0; i < n; i++) {
        const tx_errors *one = &t->text[which[i]].errors;

        tx_errors_add(&s->errors, one);
        s->wrong += tx_errors_total(one) > 0;
    }
    return ser_bootstrap_run(o, n, 1, rate_of_drawn, &all, &s->interval, NULL, e);
}

static const char *metric_of(const ser_texts *t) { return t->characters ? "CER" : "WER"; }

static json_t *score_json(const score *s, const ser_texts *t, const char *name)
{
    json_t *j = json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:f}", "name", name, "utterances", (json_int_t)s->n,
        "length", (json_int_t)tx_errors_length(&s->errors), "errors", (json_int_t)tx_errors_total(&s->errors),
        "insertions", (json_int_t)s->errors.insertions, "deletions", (json_int_t)s->errors.deletions,
        "substitutions", (json_int_t)s->errors.substitutions, "SER", 100.0 * (double)s->wrong / (double)s->n);

    json_object_set_new(j, metric_of(t), ser_json_measure(tx_error_rate(&s->errors), s->interval));
    return j;
}

/* ---- printing -------------------------------------------------------------------------------------------------- */

/* The first three lines are compute-wer's. */
static void print_pooled(const score *s, const ser_texts *t, const char *align, FILE *f)
{
    const tx_errors *n = &s->errors;

    fprintf(f, "%%%s %.2f [ %lld / %lld, %lld ins, %lld del, %lld sub ]%s\n", metric_of(t), tx_error_rate(n),
            (long long)tx_errors_total(n), (long long)tx_errors_length(n), (long long)n->insertions,
            (long long)n->deletions, (long long)n->substitutions, t->missing ? " [PARTIAL]" : "");
    fprintf(f, "%%SER %.2f [ %lld / %lld ]\n", 100.0 * (double)s->wrong / (double)s->n, (long long)s->wrong,
            (long long)s->n);
    fprintf(f, "Scored %lld sentences, %lld not present in hyp.\n", (long long)s->n, (long long)t->missing);
    fprintf(f, "95%% of %s [ %.2f, %.2f ], alignment %s\n", metric_of(t), s->interval.low, s->interval.high, align);
}

static json_t *spread_json(const double *value, int n, const ser_texts *t, FILE *f)
{
    json_t *spread = json_object();
    double mean, sd;

    ser_mean_sd(value, n, &mean, &sd);
    fprintf(f, "%-38s %8.2f\n%-38s %8.2f\n", "mean", mean, "standard deviation", sd);
    json_object_set_new(spread, metric_of(t), json_pack("{s:f, s:f, s:i}", "mean", mean, "sd", sd, "n", n));
    return spread;
}

static base_status add_parts(json_t *section, const char *key, const char *what, const inputs *in, const tx_table *by,
    const ser_bootstrap *o, FILE *f, base_error *e)
{
    const ser_texts *t = &in->texts;
    json_t *list = json_array();
    double *value = NULL;
    ser_parts parts;
    score s;

    if (ser_parts_make(&parts, by, in->key, t->n, e) == BASE_OK) {
        ser_parts_warn(&parts, by, what);
        value = malloc((size_t)parts.n * sizeof(*value));
        if (!value)
            base_fail(e, BASE_NO_MEMORY, "no memory for %d scores", parts.n);
        fprintf(f, "\n%-16s %10s %10s %8s   95%%\n", what, "utterances", t->characters ? "characters" : "words",
                metric_of(t));
    }
    for (int i = 0; i < parts.n && e->status == BASE_OK; i++) {
        if (make_score(&s, t, parts.order + parts.begin[i], parts.begin[i + 1] - parts.begin[i], o, e) != BASE_OK)
            break;
        value[i] = tx_error_rate(&s.errors);
        fprintf(f, "%-16s %10lld %10lld %8.2f   [ %.2f, %.2f ]\n", parts.name[i], (long long)s.n,
            (long long)tx_errors_length(&s.errors), value[i], s.interval.low, s.interval.high);
        json_array_append_new(list, score_json(&s, t, parts.name[i]));
    }
    if (e->status == BASE_OK && strcmp(key, "folds") == 0)
        json_object_set_new(section, "spread", spread_json(value, parts.n, t, f));
    json_object_set_new(section, key, list);
    free(value);
    ser_parts_free(&parts);
    return e->status;
}

static void compare(json_t *section, const inputs *in, const ser_parts *whole, const ser_text_options *o, FILE *f,
                    base_error *e)
{
    const sample both = { in->texts.text, in->other.text, whole->order };
    ser_interval interval;
    double value, p;
    json_t *versus;

    rate_of_drawn(&both, whole->order, in->texts.n, &value);
    if (ser_bootstrap_run(&o->bootstrap, in->texts.n, 1, rate_of_drawn, &both, &interval, &p, e) != BASE_OK)
        return;
    fprintf(f, "\nversus %s (paired bootstrap)\n%s %+.2f [ %+.2f, %+.2f ] p %.3f\n", o->versus, metric_of(&in->texts),
            value, interval.low, interval.high, p);
    versus = json_pack("{s:s}", "hyp", o->versus);
    json_object_set_new(versus, metric_of(&in->texts), ser_json_difference(value, interval, p));
    json_object_set_new(section, "versus", versus);
}

static json_t *score_all(const inputs *in, const ser_text_options *o, FILE *f, base_error *e)
{
    json_t *section = json_pack("{s:s, s:s, s:s, s:s, s:s, s:I}", "kind", "text", "ref", o->ref, "hyp", o->hyp, "align",
        o->align, "unit", o->cer ? "character" : "word", "missing", (json_int_t)in->texts.missing);
    ser_parts whole;
    score s;

    if (ser_parts_whole(&whole, in->texts.n, e) == BASE_OK &&
        make_score(&s, &in->texts, whole.order, in->texts.n, &o->bootstrap, e) == BASE_OK) {
        print_pooled(&s, &in->texts, o->align, f);
        json_object_set_new(section, "pooled", score_json(&s, &in->texts, "pooled"));
    }
    if (e->status == BASE_OK && *o->folds)
        add_parts(section, "folds", "fold", in, &in->folds, &o->bootstrap, f, e);
    if (e->status == BASE_OK && *o->groups)
        add_parts(section, "groups", "group", in, &in->groups, &o->bootstrap, f, e);
    if (e->status == BASE_OK && *o->versus)
        compare(section, in, &whole, o, f, e);
    ser_parts_free(&whole);
    return section;
}

json_t *ser_score_text(const ser_text_options *o, FILE *f, int64_t *n, base_error *e)
{
    json_t *section = NULL;
    inputs in;

    if (read_inputs(&in, o, e) == BASE_OK)
        section = score_all(&in, o, f, e);
    if (e->status == BASE_OK && *o->details)
        ser_texts_details(&in.texts, o->details, e);
    *n = in.texts.n;
    free_inputs(&in);
    if (e->status == BASE_OK)
        return section;
    json_decref(section);
    return NULL;
}
