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

/* Table i of the answers; the first says which utterances there are. */
static base_status fill(ser_labelling *l, const ser_pairs *pairs, const tx_table *ref, const tx_table *hyp, int i,
                        base_error *e)
{
    base_status status = BASE_OK;
    int64_t n = 0;

    for (int64_t j = 0; j < pairs->n && status == BASE_OK; j++) {
        const ser_pair *p = &pairs->pair[j];

        if (strcmp(p->ref->value, SER_NO_LABEL) == 0)
            continue;
        status = number_of(l, ref, p->ref, &l->ref[n], e);
        if (status == BASE_OK)
            status = number_of(l, hyp, p->hyp, &l->hyp[i * l->n + n], e);
        l->key[n++] = p->ref->key;
    }
    return status;
}

static base_status allocate(ser_labelling *l, const ser_pairs *pairs, const tx_table *ref, base_error *e)
{
    for (int64_t j = 0; j < pairs->n; j++)
        l->unlabelled += strcmp(pairs->pair[j].ref->value, SER_NO_LABEL) == 0;
    l->n = pairs->n - l->unlabelled;
    l->missing = pairs->missing;
    if (l->n == 0)
        return base_fail(e, BASE_MISSING, "%s: no utterance has a label: nothing to score", ref->path);
    l->key = malloc((size_t)l->n * sizeof(*l->key));
    l->ref = malloc((size_t)l->n * sizeof(*l->ref));
    l->hyp = calloc((size_t)l->n, (size_t)l->tables * sizeof(*l->hyp));
    return l->key && l->ref && l->hyp ? BASE_OK
                                      : base_fail(e, BASE_NO_MEMORY, "no memory for %lld labels", (long long)l->n);
}

base_status ser_labelling_make(ser_labelling *l, const tx_table *ref, const ser_answers *answers, const char *labels,
    const ser_labels *known, ser_mode mode, base_error *e)
{
    ser_pairs first = { 0 };
    base_status status;

    *l = (ser_labelling){ .tables = answers->n, .ours = answers->ours };
    status = collect_labels(l, ref, labels, known, e);
    if (status == BASE_OK)
        status = ser_pairs_make(&first, ref, &answers->table[0], mode, e);
    if (status == BASE_OK)
        status = allocate(l, &first, ref, e);
    for (int i = 0; i < answers->n && status == BASE_OK; i++) {
        ser_pairs pairs = { 0 };

        status = ser_answers_pair(&pairs, ref, answers, i, mode, &first, e);
        if (status == BASE_OK)
            status = fill(l, &pairs, ref, &answers->table[i], i, e);
        ser_pairs_free(&pairs);
    }
    ser_pairs_free(&first);
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
    const ser_labelling *l;
    bool     versus;        /* ours minus the others */
    int64_t *count;         /* [labels][labels] */
} sample;

/* Of tables from .. to - 1, pooled: the answers of an utterance are drawn together. */
static void count_drawn(const sample *s, int from, int to, const int64_t *which, const int64_t *times, int64_t n,
    double value[SER_METRICS])
{
    const ser_labelling *l = s->l;

    memset(s->count, 0, (size_t)l->labels * (size_t)l->labels * sizeof(*s->count));
    for (int t = from; t < to; t++)
        for (int64_t i = 0; i < n; i++)
            s->count[l->ref[which[i]] * l->labels + l->hyp[t * l->n + which[i]]] += times[i];
    ser_label_metrics(s->count, l->labels, value);
}

static void score_drawn(const void *data, const int64_t *which, const int64_t *times, int64_t n, double *value)
{
    const sample *s = data;
    double other[SER_METRICS];

    count_drawn(s, 0, s->l->ours, which, times, n, value);
    if (!s->versus)
        return;
    count_drawn(s, s->l->ours, s->l->tables, which, times, n, other);
    for (int m = 0; m < SER_METRICS; m++)
        value[m] -= other[m];
}

/* Value, intervals and p of all that c has; count [labels][labels] stays as it is in the data. */
static base_status draw(const sample *s, const ser_clusters *c, const ser_bootstrap *o, double value[SER_METRICS],
    ser_interval interval[SER_METRICS], double *p, base_error *e)
{
    int64_t n = c->begin[c->n], *once = malloc((size_t)n * sizeof(*once));
    base_status status;

    if (!once)
        return base_fail(e, BASE_NO_MEMORY, "no memory to score %lld utterances", (long long)n);
    for (int64_t i = 0; i < n; i++)
        once[i] = 1;
    status = ser_bootstrap_run(o, c, SER_METRICS, score_drawn, s, interval, p, e);
    score_drawn(s, c->order, once, n, value);
    free(once);
    return status;
}

base_status ser_label_score_make(ser_label_score *s, const ser_labelling *l, const int64_t *which, int64_t n,
    const ser_bootstrap *o, base_error *e)
{
    ser_clusters c;
    base_status status;

    *s = (ser_label_score){ .labels = l->labels, .utterances = n, .n = n * l->ours };
    s->count = calloc((size_t)l->labels * (size_t)l->labels, sizeof(*s->count));
    if (!s->count)
        return base_fail(e, BASE_NO_MEMORY, "no memory for a confusion matrix of %d labels", l->labels);
    status = ser_clusters_make(&c, o->cluster, which, n, e);
    if (status == BASE_OK) {
        status = draw(&(sample){ l, false, s->count }, &c, o, s->value, s->interval, NULL, e);
        s->clusters = o->cluster ? c.n : 0;
    }
    for (int i = 0; i < l->labels; i++)
        s->correct += s->count[i * l->labels + i];
    ser_clusters_free(&c);
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

base_status ser_label_compare(const ser_labelling *l, const ser_bootstrap *o, double value[SER_METRICS],
    ser_interval interval[SER_METRICS], double p[SER_METRICS], base_error *e)
{
    int64_t *count = malloc((size_t)l->labels * (size_t)l->labels * sizeof(*count));
    ser_clusters c = { 0 };
    base_status status;

    if (!count)
        status = base_fail(e, BASE_NO_MEMORY, "no memory to compare %lld utterances", (long long)l->n);
    else
        status = ser_clusters_make(&c, o->cluster, NULL, l->n, e);
    if (status == BASE_OK)
        status = draw(&(sample){ l, true, count }, &c, o, value, interval, p, e);
    ser_clusters_free(&c);
    free(count);
    return status;
}
