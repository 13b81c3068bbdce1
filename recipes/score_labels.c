/* serin-score-labels: the whole score of a table of labels, as text and as a section of scores.json. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/number.h"
#include "recipes/score.h"

/* Everything that is read. */
typedef struct inputs {
    tx_table      ref, folds, groups, clusters;
    ser_answers   answers;
    ser_labelling labelling;
    ser_names     known;        /* task[0]: labels that the models have for the task */
    int64_t      *cluster;      /* [utterances] */
} inputs;

static void free_inputs(inputs *in)
{
    ser_labelling_free(&in->labelling);
    ser_answers_free(&in->answers);
    tx_table_free(&in->ref);
    tx_table_free(&in->folds);
    tx_table_free(&in->groups);
    ser_names_free(&in->known);
    tx_table_free(&in->clusters);
    free(in->cluster);
}

static base_status read_table(tx_table *t, const char *path, base_error *e)
{
    return *path ? tx_table_read(t, path, TX_ONE_WORD, e) : BASE_OK;
}

static base_status read_models(inputs *in, const ser_label_options *o, base_error *e)
{
    int task = 0;

    while (task < SER_TASKS && strcmp(ser_task_name[task], o->task) != 0)
        task++;
    if (o->models && task == SER_TASKS)
        return base_fail(e, BASE_VALUE, "--section=%s: models have labels of emotion, gender and style alone", o->task);
    for (int i = 0; i < o->models && !e->status; i++) {
        char *path = base_path_join(o->model[i], "labels.json");
        ser_names names = { 0 };

        if (!path)
            return base_fail(e, BASE_NO_MEMORY, "%s: out of memory", o->model[i]);
        ser_names_read(&names, path, e);
        for (int l = 0; l < names.task[task].n && !e->status; l++)
            ser_labels_add(&in->known.task[0], names.task[task].name[l], e);
        ser_names_free(&names);
        free(path);
    }
    return e->status;
}

static base_status read_inputs(inputs *in, const ser_label_options *o, base_error *e)
{
    const ser_labelling *l = &in->labelling;

    *in = (inputs){ 0 };
    if (read_table(&in->ref, o->ref, e) != BASE_OK ||
        ser_answers_read(&in->answers, o->hyp, o->versus, TX_ONE_WORD, e) != BASE_OK ||
        read_table(&in->folds, o->folds, e) != BASE_OK || read_table(&in->groups, o->groups, e) != BASE_OK ||
        read_table(&in->clusters, o->clusters, e) != BASE_OK || read_models(in, o, e) != BASE_OK ||
        ser_labelling_make(&in->labelling, &in->ref, &in->answers, o->labels, &in->known.task[0], ser_mode_of(o->mode),
                           e) != BASE_OK)
        return e->status;
    if (l->missing)
        base_warn("%s lacks %s of %s, not scored", o->hyp, base_count(l->missing, "utterance"), o->ref);
    return ser_cluster_numbers(&in->cluster, &in->clusters, l->key, l->n, e);
}

/* Labels that the part's reference has. */
static int count_present(const ser_label_score *s)
{
    int present = 0;

    for (int c = 0; c < s->labels; c++) {
        int64_t truth = 0;

        for (int d = 0; d < s->labels; d++)
            truth += s->count[c * s->labels + d];
        present += truth > 0;
    }
    return present;
}

/* ---- one score ------------------------------------------------------------------------------------------------- */

static json_t *classes_json(const ser_label_score *s, const ser_labelling *l)
{
    json_t *classes = json_array();

    for (int c = 0; c < s->labels; c++) {
        int64_t truth = 0, answers = 0, hits = s->count[c * s->labels + c];

        for (int d = 0; d < s->labels; d++) {
            truth += s->count[c * s->labels + d];
            answers += s->count[d * s->labels + c];
        }
        json_array_append_new(classes, json_pack("{s:s, s:I, s:I, s:I, s:f, s:f, s:f}", "label", l->label[c],
            "utterances", (json_int_t)truth, "answers", (json_int_t)answers, "correct", (json_int_t)hits,
            "recall", truth ? 100.0 * (double)hits / (double)truth : 0.0,
            "precision", answers ? 100.0 * (double)hits / (double)answers : 0.0,
            "F1", truth + answers ? 200.0 * (double)hits / (double)(truth + answers) : 0.0));
    }
    return classes;
}

static json_t *confusion_json(const ser_label_score *s)
{
    json_t *rows = json_array();

    for (int c = 0; c < s->labels; c++) {
        json_t *row = json_array();

        for (int d = 0; d < s->labels; d++)
            json_array_append_new(row, json_integer(s->count[c * s->labels + d]));
        json_array_append_new(rows, row);
    }
    return rows;
}

static json_t *score_json(const ser_label_score *s, const ser_labelling *l, const char *name)
{
    json_t *j =
        json_pack("{s:s, s:I, s:I}", "name", name, "utterances", (json_int_t)s->utterances, "correct", (json_int_t)s->correct);

    if (s->clusters)
        json_object_set_new(j, "clusters", json_integer(s->clusters));
    for (int m = 0; m < SER_METRICS; m++)
        json_object_set_new(j, ser_metric_name[m], ser_json_measure(s->value[m], s->interval[m]));
    json_object_set_new(j, "classes", classes_json(s, l));
    json_object_set_new(j, "confusion", confusion_json(s));
    return j;
}

static void print_pooled(const ser_label_score *s, const ser_labelling *l, const ser_label_options *o,
    const json_t *classes, FILE *f)
{
    int present = count_present(s);
    char what[SER_METRICS][80];

    snprintf(what[SER_UA], sizeof(*what), "mean recall of %s", base_count(present, "class|classes"));
    snprintf(what[SER_WA], sizeof(*what), "%lld / %lld", (long long)s->correct, (long long)s->n);
    snprintf(what[SER_WF1], sizeof(*what), "%s", base_count(s->utterances, "utterance"));
    snprintf(what[SER_MF1], sizeof(*what), "%s", base_count(present, "class|classes"));
    for (int m = 0; m < SER_METRICS; m++)
        fprintf(f, "%%%s %.2f [ %s ] 95%% [ %.2f, %.2f ]\n", ser_metric_name[m], s->value[m], what[m],
                s->interval[m].low, s->interval[m].high);
    ser_clusters_print(&o->bootstrap, o->clusters, s->clusters, f);
    if (l->ours > 1)
        fprintf(f, "answers of %d seeds, pooled\n", l->ours);
    fprintf(f, "\n%-16s %10s %8s %10s %8s\n", "label", "utterances", "recall", "precision", "F1");
    for (int c = 0; c < s->labels; c++) {
        const json_t *class = json_array_get(classes, (size_t)c);

        fprintf(f, "%-16s %10lld %8.2f %10.2f %8.2f\n", l->label[c],
            (long long)json_integer_value(json_object_get(class, "utterances")),
            json_real_value(json_object_get(class, "recall")), json_real_value(json_object_get(class, "precision")),
            json_real_value(json_object_get(class, "F1")));
    }
    fprintf(f, "\nconfusion (a row for each true label)\n%-16s", "");
    for (int c = 0; c < s->labels; c++)
        fprintf(f, " %8s", l->label[c]);
    for (int c = 0; c < s->labels; c++) {
        fprintf(f, "\n%-16s", l->label[c]);
        for (int d = 0; d < s->labels; d++)
            fprintf(f, " %8lld", (long long)s->count[c * s->labels + d]);
    }
    fputc('\n', f);
}

static json_t *pooled_json(const ser_labelling *l, const ser_label_options *o, json_t *section, FILE *f, base_error *e)
{
    double majority[SER_METRICS];
    ser_label_score s;
    ser_parts whole;
    json_t *pooled, *base;
    int most;

    if (ser_parts_whole(&whole, l->n, e) != BASE_OK)
        return NULL;
    if (ser_label_score_make(&s, l, whole.order, l->n, &o->bootstrap, e) != BASE_OK) {
        ser_parts_free(&whole);
        return NULL;
    }
    pooled = score_json(&s, l, "pooled");
    most = ser_label_majority(&s, majority);
    base = json_pack("{s:s}", "label", l->label[most]);
    print_pooled(&s, l, o, json_object_get(pooled, "classes"), f);
    json_object_set_new(section, "bootstrap", ser_bootstrap_json(&o->bootstrap, o->clusters, s.clusters));
    fprintf(f, "\nalways \"%s\":", l->label[most]);
    for (int m = 0; m < SER_METRICS; m++) {
        fprintf(f, " %s %.2f", ser_metric_name[m], majority[m]);
        json_object_set_new(base, ser_metric_name[m], json_real(majority[m]));
    }
    fputc('\n', f);
    json_object_set_new(section, "majority", base);
    ser_label_score_free(&s);
    ser_parts_free(&whole);
    return pooled;
}

/* ---- parts ----------------------------------------------------------------------------------------------------- */

/* scores [parts], each to be freed. */
static base_status score_parts(const ser_labelling *l, const ser_parts *parts, const ser_bootstrap *o,
                               ser_label_score *scores, base_error *e)
{
    for (int i = 0; i < parts->n && e->status == BASE_OK; i++)
        ser_label_score_make(&scores[i], l, parts->order + parts->begin[i], parts->begin[i + 1] - parts->begin[i], o,
                             e);
    return e->status;
}

static void print_parts(const char *what, const ser_parts *parts, const ser_label_score *scores, FILE *f)
{
    bool clustered = parts->n && scores[0].clusters;

    fprintf(f, "\n%-16s %10s %8s %8s %8s %8s   95%% of UA%s\n", what, "utterances", "UA", "WA", "WF1", "MF1",
        clustered ? ", clusters" : "");
    for (int i = 0; i < parts->n; i++) {
        const ser_label_score *s = &scores[i];

        fprintf(f, "%-16s %10lld", parts->name[i], (long long)s->utterances);
        for (int m = 0; m < SER_METRICS; m++)
            fprintf(f, " %8.2f", s->value[m]);
        fprintf(f, "   [ %.2f, %.2f ]", s->interval[SER_UA].low, s->interval[SER_UA].high);
        if (clustered)
            fprintf(f, " %lld", (long long)s->clusters);
        fputc('\n', f);
    }
}

/* Mean and standard deviation over parts. */
static json_t *spread_json(const ser_label_score *scores, int n, FILE *f, base_error *e)
{
    double mean[SER_METRICS], sd[SER_METRICS], *value = malloc((size_t)n * sizeof(*value));
    json_t *spread = json_object();

    if (!value)
        base_fail(e, BASE_NO_MEMORY, "no memory for %d values", n);
    for (int m = 0; m < SER_METRICS && value; m++) {
        for (int i = 0; i < n; i++)
            value[i] = scores[i].value[m];
        ser_mean_sd(value, n, &mean[m], &sd[m]);
        json_object_set_new(spread, ser_metric_name[m],
                            json_pack("{s:f, s:f, s:i}", "mean", mean[m], "sd", sd[m], "n", n));
    }
    for (int row = 0; row < 2 && value; row++) {
        fprintf(f, "%-27s", row ? "standard deviation" : "mean");
        for (int m = 0; m < SER_METRICS; m++)
            fprintf(f, " %8.2f", row ? sd[m] : mean[m]);
        fputc('\n', f);
    }
    free(value);
    return spread;
}

/* Puts the scores of folds, or of groups, into the section: `key`, and for folds their spread. */
static base_status add_parts(json_t *section, const char *key, const char *what, const ser_labelling *l,
                             const tx_table *by, const ser_bootstrap *o, FILE *f, base_error *e)
{
    ser_label_score *scores = NULL;
    json_t *list = json_array();
    ser_parts parts;

    if (ser_parts_make(&parts, by, l->key, l->n, e) == BASE_OK) {
        ser_parts_warn(&parts, by, what);
        scores = calloc((size_t)parts.n, sizeof(*scores));
        if (!scores)
            base_fail(e, BASE_NO_MEMORY, "no memory for %d scores", parts.n);
        else if (score_parts(l, &parts, o, scores, e) == BASE_OK)
            print_parts(what, &parts, scores, f);
    }
    for (int i = 0; i < parts.n && e->status == BASE_OK; i++)
        json_array_append_new(list, score_json(&scores[i], l, parts.name[i]));
    if (e->status == BASE_OK && strcmp(key, "folds") == 0)
        json_object_set_new(section, "spread", spread_json(scores, parts.n, f, e));
    json_object_set_new(section, key, list);
    for (int i = 0; scores && i < parts.n; i++)
        ser_label_score_free(&scores[i]);
    free(scores);
    ser_parts_free(&parts);
    return e->status;
}

static void compare(const inputs *in, const ser_label_options *o, json_t *section, FILE *f, base_error *e)
{
    double value[SER_METRICS], p[SER_METRICS];
    ser_interval interval[SER_METRICS];
    json_t *versus;

    if (ser_label_compare(&in->labelling, &o->bootstrap, value, interval, p, e) != BASE_OK)
        return;
    versus = json_pack("{s:s}", "hyp", o->versus);
    fprintf(f, "\nversus %s (paired bootstrap)\n", o->versus);
    for (int m = 0; m < SER_METRICS; m++) {
        fprintf(f, "%-4s %+.2f [ %+.2f, %+.2f ] p %.4f\n", ser_metric_name[m], value[m], interval[m].low,
                interval[m].high, p[m]);
        json_object_set_new(versus, ser_metric_name[m], ser_json_difference(value[m], interval[m], p[m]));
    }
    json_object_set_new(section, "versus", versus);
}

json_t *ser_score_labels(const ser_label_options *options, FILE *f, int64_t *n, base_error *e)
{
    ser_label_options own = *options, *o = &own;
    inputs in;
    json_t *section = NULL;

    ser_section_begin();
    if (read_inputs(&in, o, e) == BASE_OK) {
        o->bootstrap.cluster = in.cluster;
        section = json_pack("{s:s, s:s, s:s, s:i, s:I, s:I}", "kind", "labels", "ref", o->ref, "hyp", o->hyp, "seeds",
            in.labelling.ours, "unlabelled", (json_int_t)in.labelling.unlabelled, "missing",
            (json_int_t)in.labelling.missing);
        json_object_set_new(section, "pooled", pooled_json(&in.labelling, o, section, f, e));
    }
    if (e->status == BASE_OK && *o->folds)
        add_parts(section, "folds", "fold", &in.labelling, &in.folds, &o->bootstrap, f, e);
    if (e->status == BASE_OK && *o->groups)
        add_parts(section, "groups", "group", &in.labelling, &in.groups, &o->bootstrap, f, e);
    if (e->status == BASE_OK && *o->versus)
        compare(&in, o, section, f, e);
    *n = in.labelling.n;
    free_inputs(&in);
    return ser_section_end(section, e);
}
