/* Accuracies and F1 of labels, by eq. 18 to 20 of the paper, with intervals. */
#include <stdlib.h>
#include <string.h>

#include "recipes/score.h"

const char *const ser_metric_name[SER_METRICS] = { "UA", "WA", "WF1", "MF1" };

#define MOST_LABELS 1000

/* ---- the set of labels ----------------------------------------------------------------------------------------- */

static int compare_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int find_label(const ser_labelling *l, const char *label)
{
    const char **found =
        l->labels ? bsearch(&label, l->label, (size_t)l->labels, sizeof(*l->label), compare_text) : NULL;

    return found ? (int)(found - l->label) : -1;
}

/* Puts a label in its place, unless it is there. */
static base_status add_label(ser_labelling *l, const char *label, base_error *e)
{
    int i = l->labels;

    if (find_label(l, label) >= 0)
        return BASE_OK;
    if (l->labels == MOST_LABELS)
        return base_fail(e, BASE_LIMIT, "more than %d different labels", MOST_LABELS);
    for (; i > 0 && strcmp(l->label[i - 1], label) > 0; i--)
        l->label[i] = l->label[i - 1];
    l->label[i] = label;
    l->labels++;
    return BASE_OK;
}

static base_status collect_labels(ser_labelling *l, const tx_table *ref, const char *labels, const ser_labels *known, base_error *e)
{
    base_status status = BASE_OK;
    char *save;

    l->owned = strdup(labels);
    l->label = malloc(MOST_LABELS * sizeof(*l->label));
    if (!l->owned || !l->label)
        return base_fail(e, BASE_NO_MEMORY, "no memory for labels");
    for (char *s = strtok_r(l->owned, ", ", &save); s && status == BASE_OK; s = strtok_r(NULL, ", ", &save))
        status = add_label(l, s, e);
    for (int64_t i = 0; i < ref->n && !*labels && status == BASE_OK; i++)
        if (strcmp(ref->entry[i].value, SER_NO_LABEL) != 0)
            status = add_label(l, ref->entry[i].value, e);
    for (int i = 0; i < known->n && status == BASE_OK; i++)
        status = add_label(l, known->name[i], e);
    return status;
}

/* ---- utterances ------------------------------------------------------------------------------------------------ */

static base_status number_of(const ser_labelling *l, const tx_table *t, const tx_entry *entry, int *number,
                             base_error *e)
{
    char known[300] = "";

    *number = find_label(l, entry->value);
    if (*number >= 0)
        return BASE_OK;
    for (int i = 0; i < l->labels && strlen(known) + strlen(l->label[i]) + 2 < sizeof(known); i++)
        strcat(strcat(known, i ? " " : ""), l->label[i]);
    return base_fail(e, BASE_MISMATCH,
                     "%s:%lld: \"%.200s\" has the unknown label \"%.100s\", one of %s expected (models or --labels name "
                     "labels that the reference lacks)",
                     t->path, (long long)entry->line, entry->key, entry->value, known);
}

static base_status fill(ser_labelling *l, const ser_pairs *pairs, const tx_table *ref, const tx_table *hyp,
                        base_error *e)
{
    base_status status = BASE_OK;

    l->key = malloc((size_t)pairs->n * sizeof(*l->key));
    l->ref = malloc((size_t)pairs->n * sizeof(*l->ref));
    l->hyp = malloc((size_t)pairs->n * sizeof(*l->hyp));
    if (!l->key || !l->ref || !l->hyp)
        return base_fail(e, BASE_NO_MEMORY, "no memory for %lld labels", (long long)pairs->n);
    for (int64_t i = 0; i < pairs->n && status == BASE_OK; i++) {
        const ser_pair *p = &pairs->pair[i];

        if (strcmp(p->ref->value, SER_NO_LABEL) == 0) {
            l->unlabelled++;
            continue;
        }
        status = number_of(l, ref, p->ref, &l->ref[l->n], e);
        if (status == BASE_OK)
            status = number_of(l, hyp, p->hyp, &l->hyp[l->n], e);
        l->key[l->n++] = p->ref->key;
    }
    if (status == BASE_OK && l->n == 0)
        status = base_fail(e, BASE_MISSING, "%s: no utterance has a label: nothing to score", ref->path);
    return status;
}

base_status ser_labelling_make(ser_labelling *l, const tx_table *ref, const tx_table *hyp, const char *labels, const ser_labels *known,
    ser_mode mode, base_error *e)
{
    ser_pairs pairs = { 0 };
    base_status status;

    *l = (ser_labelling){ 0 };
    status = collect_labels(l, ref, labels, known, e);
    if (status == BASE_OK)
        status = ser_pairs_make(&pairs, ref, hyp, mode, e);
    if (status == BASE_OK) {
        l->missing = pairs.missing;
        status = fill(l, &pairs, ref, hyp, e);
    }
    ser_pairs_free(&pairs);
    if (status != BASE_OK)
        ser_labelling_free(l);
    return status;
}

void ser_labelling_free(ser_labelling *l)
{
    free(l->owned);
    free(l->label);
    free(l->key);
    free(l->ref);
    free(l->hyp);
    *l = (ser_labelling){ 0 };
}

/* ---- metrics --------------------------------------------------------------------------------------------------- */

void ser_label_metrics(const int64_t *count, int labels, double value[SER_METRICS])
{
    int64_t all = 0, correct = 0;
    double recalls = 0, f1s = 0, weighted = 0;
    int present = 0;

    for (int c = 0; c < labels; c++) {
        int64_t truth = 0, answers = 0, hits = count[c * labels + c];
        double f1;

        for (int d = 0; d < labels; d++) {
            truth += count[c * labels + d];
            answers += count[d * labels + c];
        }
        if (truth == 0)
            continue;
        f1 = 2.0 * (double)hits / (double)(truth + answers);   /* 2 P R / (P + R), and 0 without answers */
        present++;
        all += truth;
        correct += hits;
        recalls += (double)hits / (double)truth;
        f1s += f1;
        weighted += (double)truth * f1;
    }
    value[SER_UA] = present ? 100 * recalls / present : 0;
    value[SER_WA] = all ? 100 * (double)correct / (double)all : 0;
    value[SER_WF1] = all ? 100 * weighted / (double)all : 0;
    value[SER_MF1] = present ? 100 * f1s / present : 0;
}

/* What the bootstrap draws from. */
typedef struct sample {
    int        labels;
    const int *ref, *hyp, *other;   /* other: a second system's, or NULL */
    const int64_t *which;           /* NULL: all */
    int64_t   *count;               /* [labels][labels], and as much for other */
} sample;

static void count_drawn(const sample *s, const int *hyp, const int64_t *drawn, int64_t n, double value[SER_METRICS])
{
    memset(s->count, 0, (size_t)s->labels * (size_t)s->labels * sizeof(*s->count));
    for (int64_t i = 0; i < n; i++) {
        int64_t u = s->which ? s->which[drawn[i]] : drawn[i];

        s->count[s->ref[u] * s->labels + hyp[u]]++;
    }
    ser_label_metrics(s->count, s->labels, value);
}

static void score_drawn(const void *data, const int64_t *drawn, int64_t n, double *value)
{
    const sample *s = data;
    double other[SER_METRICS];

    count_drawn(s, s->hyp, drawn, n, value);
    if (!s->other)
        return;
    count_drawn(s, s->other, drawn, n, other);
    for (int m = 0; m < SER_METRICS; m++)
        value[m] -= other[m];
}

base_status ser_label_score_make(ser_label_score *s, const ser_labelling *l, const int64_t *which, int64_t n,
    const ser_bootstrap *o, base_error *e)
{
    sample all = { l->labels, l->ref, l->hyp, NULL, which, NULL };
    base_status status;

    *s = (ser_label_score){ .labels = l->labels, .n = n };
    s->count = calloc((size_t)l->labels * (size_t)l->labels, sizeof(*s->count));
    all.count = malloc((size_t)l->labels * (size_t)l->labels * sizeof(*all.count));
    if (s->count && all.count) {
        for (int64_t i = 0; i < n; i++) {
            s->count[l->ref[which[i]] * l->labels + l->hyp[which[i]]]++;
            s->correct += l->ref[which[i]] == l->hyp[which[i]];
        }
        ser_label_metrics(s->count, l->labels, s->value);
        status = ser_bootstrap_run(o, n, SER_METRICS, score_drawn, &all, s->interval, NULL, e);
    } else {
        status = base_fail(e, BASE_NO_MEMORY, "no memory for a confusion matrix of %d labels", l->labels);
    }
    free(all.count);
    if (status != BASE_OK)
        ser_label_score_free(s);
    return status;
}

void ser_label_score_free(ser_label_score *s)
{
    free(s->count);
    *s = (ser_label_score){ 0 };
}

int ser_label_majority(const ser_label_score *s, double value[SER_METRICS])
{
    int64_t most = -1, present = 0;
    double share, f1;
    int best = 0;

    for (int c = 0; c < s->labels; c++) {
        int64_t truth = 0;

        for (int d = 0; d < s->labels; d++)
            truth += s->count[c * s->labels + d];
        present += truth > 0;
        if (truth > most) {
            most = truth;
            best = c;
        }
    }
    share = (double)most / (double)s->n;
    f1 = 2 * share / (1 + share);       /* precision = share, recall = 1 */
    value[SER_UA] = 100.0 / (double)present;
    value[SER_WA] = 100 * share;
    value[SER_WF1] = 100 * share * f1;
    value[SER_MF1] = 100 * f1 / (double)present;
    return best;
}

base_status ser_label_compare(const ser_labelling *l, const ser_labelling *other, const ser_bootstrap *o,
    double value[SER_METRICS], ser_interval interval[SER_METRICS], double p[SER_METRICS], base_error *e)
{
    sample both = { l->labels, l->ref, l->hyp, other->hyp, NULL, NULL };
    int64_t *all = malloc((size_t)l->n * sizeof(*all));
    base_status status;

    both.count = malloc((size_t)l->labels * (size_t)l->labels * sizeof(*both.count));
    if (all && both.count) {
        for (int64_t i = 0; i < l->n; i++)
            all[i] = i;
        score_drawn(&both, all, l->n, value);
        status = ser_bootstrap_run(o, l->n, SER_METRICS, score_drawn, &both, interval, p, e);
    } else {
        status = base_fail(e, BASE_NO_MEMORY, "no memory to compare %lld utterances", (long long)l->n);
    }
    free(both.count);
    free(all);
    return status;
}
