/* score.h: what hypotheses are worth against references. Labels: unweighted and weighted accuracy and F1 (eq. 18 to 20 of
 * the paper). Texts: word and character error rate. Both pooled, by fold and by group, with bootstrap intervals, printed
 * for people and kept in scores.json for programs (docs/scores.md). */
#ifndef SERIN_SCORE_H
#define SERIN_SCORE_H

#include <jansson.h>
#include <stdio.h>

#include "base/error.h"
#include "base/options.h"
#include "libtext/tx.h"
#include "recipes/ser.h"

/* ---- intervals: bootstrap.c, clusters.c ------------------------------------------------------------------------ */

/* Percentile bootstrap (Efron 1979). Utterances of one speaker are alike, so a resample draws speakers, and of each one
 * drawn as many utterances as there are of it (Davison and Hinkley 1997, section 3.8), with replacement both. Drawing is
 * a pure function of seed, resample and place. */
typedef struct ser_bootstrap {
    int resamples, seed;
    const int64_t *cluster;     /* [utterances] number of the speaker, or of what else is drawn; NULL: utterances are */
} ser_bootstrap;
#define SER_BOOTSTRAP_DEFAULTS { 2000, 1, NULL }
#define SER_FEW_CLUSTERS 8      /* intervals that draw fewer are coarse, and called so */

/* Numbers of the values that key [n] has in a table, malloc'd; NULL where the table was not read. BASE_MISSING: a key is
 * not in it. */
base_status ser_cluster_numbers(int64_t **cluster, const tx_table *by, const char *const *key, int64_t n, base_error *e);

/* What is drawn: cluster i has the utterances order[begin[i] .. begin[i + 1] - 1]. */
typedef struct ser_clusters { int64_t n, *order, *begin; } ser_clusters;

/* which [n]: utterances, as cluster is indexed; NULL: 0 to n - 1. cluster NULL: each is a cluster of its own. */
base_status ser_clusters_make(ser_clusters *c, const int64_t *cluster, const int64_t *which, int64_t n, base_error *e);
void        ser_clusters_free(ser_clusters *c);
/* How intervals were made, from `clusters` of `table`: a line, and for scores.json. */
void        ser_clusters_print(const ser_bootstrap *o, const char *table, int64_t clusters, FILE *f);
json_t     *ser_bootstrap_json(const ser_bootstrap *o, const char *table, int64_t clusters);

typedef struct ser_interval { double low, high; } ser_interval;     /* the middle 95 % */

/* Writes value [k] of the sample that has utterance which[i] times[i] times. */
typedef void ser_statistic(const void *data, const int64_t *which, const int64_t *times, int64_t n, double *value);

/* interval [k]. p [k], or NULL: for differences, two-sided, how often a resample's value lies on the other side of 0,
 * never less than 2 / (resamples + 1). The same o and c draw the same utterances. */
base_status ser_bootstrap_run(const ser_bootstrap *o, const ser_clusters *c, int k, ser_statistic *f, const void *data,
    ser_interval *interval, double *p, base_error *e);

/* Mean and standard deviation (of a sample, n - 1; 0 for one value). */
void ser_mean_sd(const double *x, int n, double *mean, double *sd);

/* ---- parts of a corpus: parts.c -------------------------------------------------------------------------------- */

/* The utterances of each fold, or of each group: part i has names name[i] and members order[begin[i] .. begin[i + 1] - 1]. */
typedef struct ser_parts {
    int          n;
    const char **name;      /* [n] sorted; they belong to the table */
    int64_t     *order;     /* [utterances] their numbers, parts one after another */
    int64_t     *begin;     /* [n + 1] */
} ser_parts;

/* key [n]: the utterances' keys. BASE_MISSING: one is not in the table. Names that none of them has get no part. */
base_status ser_parts_make(ser_parts *p, const tx_table *by, const char *const *key, int64_t n, base_error *e);
/* A single part, named "", with all. */
base_status ser_parts_whole(ser_parts *p, int64_t n, base_error *e);
void        ser_parts_free(ser_parts *p);
/* Warns of names that the table knows and no part has. */
void        ser_parts_warn(const ser_parts *p, const tx_table *by, const char *what);

/* ---- which utterances are scored: pairs.c ---------------------------------------------------------------------- */

/* As compute-wer's --mode: every key must be in both tables; what hyp lacks counts as empty; or is left out. */
typedef enum ser_mode { SER_STRICT, SER_ALL, SER_PRESENT } ser_mode;
#define SER_MODES "strict|all|present"
ser_mode ser_mode_of(const char *word);

typedef struct ser_pair { const tx_entry *ref, *hyp; } ser_pair;    /* hyp NULL: missing */
typedef struct ser_pairs {
    ser_pair *pair;         /* [n] */
    int64_t   n;
    int64_t   missing, extra;       /* keys that only ref has, that only hyp has */
    const char *first_missing, *first_extra;
} ser_pairs;

/* BASE_MISSING in strict mode, naming a key; also when nothing is left to score. */
base_status ser_pairs_make(ser_pairs *p, const tx_table *ref, const tx_table *hyp, ser_mode mode, base_error *e);
void        ser_pairs_free(ser_pairs *p);

/* What was answered: tables of one system, one a seed, which are pooled, then those of the system it is compared with. */
typedef struct ser_answers {
    tx_table *table;        /* [n] */
    int       n, ours;
} ser_answers;

/* ours, others: paths joined by commas (a path that has commas and is there counts as one); others "": none. */
base_status ser_answers_read(ser_answers *a, const char *ours, const char *others, tx_values values, base_error *e);
void        ser_answers_free(ser_answers *a);
/* The pairs of table i; BASE_MISMATCH names an utterance that only they or only first, those of table 0, have. */
base_status ser_answers_pair(ser_pairs *p, const tx_table *ref, const ser_answers *a, int i, ser_mode mode,
    const ser_pairs *first, base_error *e);

/* ---- labels: labels.c, score_labels.c -------------------------------------------------------------------------- */

typedef enum ser_metric { SER_UA, SER_WA, SER_WF1, SER_MF1, SER_METRICS } ser_metric;
extern const char *const ser_metric_name[SER_METRICS];

/* A reference of this value is not scored: nobody knows the label. */
#define SER_NO_LABEL "-"

typedef struct ser_labelling {
    int          labels;
    const char **label;     /* [labels] sorted */
    char        *owned;     /* the text they were read from, if they were */
    int64_t      n;
    const char **key;       /* [n] */
    int         *ref;       /* [n] label numbers */
    int         *hyp;       /* [tables][n] */
    int          tables, ours;      /* as in ser_answers */
    int64_t      unlabelled, missing;
} ser_labelling;

/* labels: "ang,hap,…", or "": those of ref; and those known besides, which must outlive l. BASE_MISMATCH names file, line, key and
 * label where one is not among them. */
base_status ser_labelling_make(ser_labelling *l, const tx_table *ref, const ser_answers *answers, const char *labels,
    const ser_labels *known, ser_mode mode, base_error *e);
void        ser_labelling_free(ser_labelling *l);

typedef struct ser_label_score {
    int           labels;
    int64_t       utterances, clusters;     /* clusters 0: utterances were drawn */
    int64_t       n, correct;               /* answers: of each utterance one a seed */
    int64_t      *count;                    /* [labels][labels] true x recognised */
    double        value[SER_METRICS];       /* percent */
    ser_interval  interval[SER_METRICS];
} ser_label_score;

/* UA and MF1 are means over the labels that occur in the reference; an F1 without anything recognised is 0. */
void        ser_label_metrics(const int64_t *count, int labels, double value[SER_METRICS]);
base_status ser_label_score_make(ser_label_score *s, const ser_labelling *l, const int64_t *which, int64_t n,
    const ser_bootstrap *o, base_error *e);
void        ser_label_score_free(ser_label_score *s);
/* What always answering the most frequent label scores; returns that label. */
int         ser_label_majority(const ser_label_score *s, double value[SER_METRICS]);
/* Differences of the pooled values, our tables minus the others. */
base_status ser_label_compare(const ser_labelling *l, const ser_bootstrap *o, double value[SER_METRICS],
    ser_interval interval[SER_METRICS], double p[SER_METRICS], base_error *e);

typedef struct ser_label_options {
    const char *ref, *hyp, *versus, *folds, *groups, *clusters, *labels, *mode;     /* paths; "": none */
    const char *task, *const *model;        /* folders of [models] models, whose labels of the task are labels, too */
    int         models;
    ser_bootstrap bootstrap;
} ser_label_options;
/* Scores, prints to f, and returns the section of scores.json; NULL: e says why. *n: utterances scored. */
json_t *ser_score_labels(const ser_label_options *o, FILE *f, int64_t *n, base_error *e);

/* ---- texts: texts.c, details.c, score_text.c ------------------------------------------------------------------- */

typedef struct ser_text {
    const char *key, *ref, *hyp;    /* hyp: of the first seed */
    tx_errors   errors, others;     /* summed over our tables, over those of the other system */
    int         wrong;              /* of ours that have an error */
} ser_text;
typedef struct ser_texts {
    ser_text   *text;       /* [n] */
    int64_t     n, missing;
    int         tables, ours;       /* as in ser_answers */
    bool        characters;
    tx_costs    costs;
} ser_texts;

base_status ser_texts_make(ser_texts *t, const tx_table *ref, const ser_answers *answers, ser_mode mode, bool characters,
    tx_costs costs, base_error *e);
void        ser_texts_free(ser_texts *t);
/* The alignment of every utterance, then how often each word was taken for which. */
base_status ser_texts_details(const ser_texts *t, const char *path, base_error *e);

typedef struct ser_text_options {
    const char *ref, *hyp, *versus, *folds, *groups, *clusters, *details, *mode, *align;    /* paths; "": none */
    bool        cer;
    ser_bootstrap bootstrap;
} ser_text_options;
json_t *ser_score_text(const ser_text_options *o, FILE *f, int64_t *n, base_error *e);

/* ---- scores.json: score_json.c --------------------------------------------------------------------------------- */

/* Where a program's scores go. */
typedef struct ser_score_output {
    const char *json, *name, *corpus, *section;     /* json "": nowhere */
} ser_score_output;
void ser_score_output_options(ser_score_output *o, base_options *po);

/* Puts a section (taken over) into the file, which is made if it is not there and appears whole or not at all; then prints
 * text to standard output. name and corpus replace what the file says unless they are "". BASE_FORMAT: the file is not of
 * our schema. */
base_status ser_score_output_finish(const ser_score_output *o, json_t *section, char *text, int argc, char **argv,
    base_error *e);
/* Reads and checks one; NULL: e says why. */
json_t     *ser_scores_read(const char *path, base_error *e);

/* Between these, jansson's calls need not be checked one by one: the latter gives the section, or frees it and returns NULL
 * when e holds an error, or there was no memory for a part of it. One thread. */
void    ser_section_begin(void);
json_t *ser_section_end(json_t *section, base_error *e);
json_t *ser_json_measure(double value, ser_interval interval);      /* {"value", "low", "high"} */
json_t *ser_json_difference(double value, ser_interval interval, double p);

#endif
