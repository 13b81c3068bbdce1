/* serin-score-text: word or character error rates of a table of texts, as text and as a section of scores.json. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/number.h"
#include "recipes/score.h"

typedef struct inputs {
    tx_table    ref, folds, groups, clusters;
    ser_answers answers;
    ser_texts   texts;
    const char **key;       /* [texts.n] */
    int64_t    *cluster;    /* [texts.n] */
} inputs;

static void free_inputs(inputs *in)
{
    ser_texts_free(&in->texts);
    ser_answers_free(&in->answers);
    tx_table_free(&in->ref);
    tx_table_free(&in->folds);
    tx_table_free(&in->groups);
    tx_table_free(&in->clusters);
    free(in->key);
    free(in->cluster);
}

static base_status read_table(tx_table *t, const char *path, tx_values values, base_error *e)
{
    return *path ? tx_table_read(t, path, values, e) : BASE_OK;
}

static base_status read_inputs(inputs *in, const ser_text_options *o, base_error *e)
{
    tx_costs costs = strcmp(o->align, "sclite") == 0 ? TX_SCLITE : TX_UNIT;
    ser_mode mode = ser_mode_of(o->mode);
    const ser_texts *t = &in->texts;

    *in = (inputs){ 0 };
    if (read_table(&in->ref, o->ref, TX_ANY, e) != BASE_OK ||
        ser_answers_read(&in->answers, o->hyp, o->versus, TX_ANY, e) != BASE_OK ||
        read_table(&in->folds, o->folds, TX_ONE_WORD, e) != BASE_OK ||
        read_table(&in->groups, o->groups, TX_ONE_WORD, e) != BASE_OK ||
        read_table(&in->clusters, o->clusters, TX_ONE_WORD, e) != BASE_OK)
        return e->status;
    if (*o->details && in->answers.ours > 1)
        return base_fail(e, BASE_VALUE, "--details shows one table, but %s names %d", o->hyp, in->answers.ours);
    if (ser_texts_make(&in->texts, &in->ref, &in->answers, mode, o->cer, costs, e) != BASE_OK)
        return e->status;
    in->key = malloc((size_t)t->n * sizeof(*in->key));
    if (!in->key)
        return base_fail(e, BASE_NO_MEMORY, "no memory for %lld utterances", (long long)t->n);
    for (int64_t i = 0; i < t->n; i++)
        in->key[i] = t->text[i].key;
    if (t->missing)
        base_warn("%s lacks %s of %s, %s", o->hyp, base_count(t->missing, "utterance"), o->ref,
            mode == SER_ALL ? "counted as empty" : "not scored");
    return ser_cluster_numbers(&in->cluster, &in->clusters, in->key, t->n, e);
}

/* ---- a score --------------------------------------------------------------------------------------------------- */

typedef struct score {
    int64_t      utterances, clusters;
    int64_t      n, wrong;      /* answers, of each utterance one a seed; those with an error */
    tx_errors    errors;
    ser_interval interval;
} score;

/* What the bootstrap draws from. */
typedef struct sample {
    const ser_text *text;
    bool            versus;     /* ours minus the others */
} sample;

static void add_times(tx_errors *sum, const tx_errors *one, int64_t times)
{
    sum->correct += times * one->correct;
    sum->substitutions += times * one->substitutions;
    sum->deletions += times * one->deletions;
    sum->insertions += times * one->insertions;
}

static void rate_of_drawn(const void *data, const int64_t *which, const int64_t *times, int64_t n, double *value)
{
    const sample *s = data;
    tx_errors ours = { 0 }, others = { 0 };

    for (int64_t i = 0; i < n; i++) {
        add_times(&ours, &s->text[which[i]].errors, times[i]);
        add_times(&others, &s->text[which[i]].others, times[i]);
    }
    *value = tx_error_rate(&ours) - (s->versus ? tx_error_rate(&others) : 0);
}

/* which NULL: all. p, or NULL: the interval is the difference's. */
static base_status make_score(score *s, const ser_texts *t, const int64_t *which, int64_t n, const ser_bootstrap *o,
    double *p, base_error *e)
{
    ser_clusters c;
    base_status status = ser_clusters_make(&c, o->cluster, which, n, e);

    if (status != BASE_OK)
        return status;
    *s = (score){ .utterances = n, .clusters = o->cluster ? c.n : 0, .n = n * t->ours };
    for (int64_t i = 0; i < n; i++) {
        tx_errors_add(&s->errors, &t->text[c.order[i]].errors);
        s->wrong += t->text[c.order[i]].wrong;
    }
    status = ser_bootstrap_run(o, &c, 1, rate_of_drawn, &(sample){ t->text, p != NULL }, &s->interval, p, e);
    ser_clusters_free(&c);
    return status;
}

static const char *metric_of(const ser_texts *t) { return t->characters ? "CER" : "WER"; }

static json_t *score_json(const score *s, const ser_texts *t, const char *name)
{
    json_t *j = json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:f}", "name", name, "utterances", (json_int_t)s->utterances,
        "length", (json_int_t)tx_errors_length(&s->errors), "errors", (json_int_t)tx_errors_total(&s->errors),
        "insertions", (json_int_t)s->errors.insertions, "deletions", (json_int_t)s->errors.deletions,
        "substitutions", (json_int_t)s->errors.substitutions, "SER", 100.0 * (double)s->wrong / (double)s->n);

    if (s->clusters)
        json_object_set_new(j, "clusters", json_integer(s->clusters));
    json_object_set_new(j, metric_of(t), ser_json_measure(tx_error_rate(&s->errors), s->interval));
    return j;
}

/* ---- printing -------------------------------------------------------------------------------------------------- */

/* The first three lines are compute-wer's. */
static void print_pooled(const score *s, const ser_texts *t, const ser_text_options *o, FILE *f)
{
    const tx_errors *n = &s->errors;

    fprintf(f, "%%%s %.2f [ %lld / %lld, %lld ins, %lld del, %lld sub ]%s\n", metric_of(t), tx_error_rate(n),
            (long long)tx_errors_total(n), (long long)tx_errors_length(n), (long long)n->insertions,
            (long long)n->deletions, (long long)n->substitutions, t->missing ? " [PARTIAL]" : "");
    fprintf(f, "%%SER %.2f [ %lld / %lld ]\n", 100.0 * (double)s->wrong / (double)s->n, (long long)s->wrong,
            (long long)s->n);
    fprintf(f, "Scored %lld sentences, %lld not present in hyp.\n", (long long)s->n, (long long)t->missing);
    fprintf(f, "95%% of %s [ %.2f, %.2f ], alignment %s\n", metric_of(t), s->interval.low, s->interval.high, o->align);
    ser_clusters_print(&o->bootstrap, o->clusters, s->clusters, f);
    if (t->ours > 1)
        fprintf(f, "answers of %d seeds, pooled\n", t->ours);
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
        fprintf(f, "\n%-16s %10s %10s %8s   95%%%s\n", what, "utterances", t->characters ? "characters" : "words",
                metric_of(t), o->cluster ? ", clusters" : "");
    }
    for (int i = 0; i < parts.n && e->status == BASE_OK; i++) {
        if (make_score(&s, t, parts.order + parts.begin[i], parts.begin[i + 1] - parts.begin[i], o, NULL, e) != BASE_OK)
            break;
        value[i] = tx_error_rate(&s.errors);
        fprintf(f, "%-16s %10lld %10lld %8.2f   [ %.2f, %.2f ]", parts.name[i], (long long)s.utterances,
            (long long)tx_errors_length(&s.errors), value[i], s.interval.low, s.interval.high);
        if (s.clusters)
            fprintf(f, " %lld", (long long)s.clusters);
        fputc('\n', f);
        json_array_append_new(list, score_json(&s, t, parts.name[i]));
    }
    if (e->status == BASE_OK && strcmp(key, "folds") == 0)
        json_object_set_new(section, "spread", spread_json(value, parts.n, t, f));
    json_object_set_new(section, key, list);
    free(value);
    ser_parts_free(&parts);
    return e->status;
}

static void compare(json_t *section, const inputs *in, const ser_text_options *o, FILE *f, base_error *e)
{
    tx_errors others = { 0 };
    double difference, p;
    json_t *versus;
    score s;

    if (make_score(&s, &in->texts, NULL, in->texts.n, &o->bootstrap, &p, e) != BASE_OK)
        return;
    for (int64_t i = 0; i < in->texts.n; i++)
        tx_errors_add(&others, &in->texts.text[i].others);
    difference = tx_error_rate(&s.errors) - tx_error_rate(&others);
    fprintf(f, "\nversus %s (paired bootstrap)\n%s %+.2f [ %+.2f, %+.2f ] p %.4f\n", o->versus, metric_of(&in->texts),
            difference, s.interval.low, s.interval.high, p);
    versus = json_pack("{s:s}", "hyp", o->versus);
    json_object_set_new(versus, metric_of(&in->texts), ser_json_difference(difference, s.interval, p));
    json_object_set_new(section, "versus", versus);
}

static json_t *score_all(const inputs *in, const ser_text_options *o, FILE *f, base_error *e)
{
    json_t *section = json_pack("{s:s, s:s, s:s, s:i, s:s, s:s, s:I}", "kind", "text", "ref", o->ref, "hyp", o->hyp,
        "seeds", in->texts.ours, "align", o->align, "unit", o->cer ? "character" : "word", "missing",
        (json_int_t)in->texts.missing);
    score s;

    if (make_score(&s, &in->texts, NULL, in->texts.n, &o->bootstrap, NULL, e) == BASE_OK) {
        print_pooled(&s, &in->texts, o, f);
        json_object_set_new(section, "bootstrap", ser_bootstrap_json(&o->bootstrap, o->clusters, s.clusters));
        json_object_set_new(section, "pooled", score_json(&s, &in->texts, "pooled"));
    }
    if (e->status == BASE_OK && *o->folds)
        add_parts(section, "folds", "fold", in, &in->folds, &o->bootstrap, f, e);
    if (e->status == BASE_OK && *o->groups)
        add_parts(section, "groups", "group", in, &in->groups, &o->bootstrap, f, e);
    if (e->status == BASE_OK && *o->versus)
        compare(section, in, o, f, e);
    return section;
}

json_t *ser_score_text(const ser_text_options *options, FILE *f, int64_t *n, base_error *e)
{
    ser_text_options own = *options, *o = &own;
    json_t *section = NULL;
    inputs in;

    ser_section_begin();
    if (read_inputs(&in, o, e) == BASE_OK) {
        o->bootstrap.cluster = in.cluster;
        section = score_all(&in, o, f, e);
    }
    if (e->status == BASE_OK && *o->details)
        ser_texts_details(&in.texts, o->details, e);
    *n = in.texts.n;
    free_inputs(&in);
    return ser_section_end(section, e);
}
