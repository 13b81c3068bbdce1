/* report.h: what experiments came to, as a table for a terminal and as one HTML file that needs no network and no scripts. */
#ifndef SERIN_REPORT_H
#define SERIN_REPORT_H

#include <jansson.h>
#include <stdio.h>

#include "base/error.h"
#include "libtext/tx.h"
#include "recipes/plot.h"

/* One experiment: scores.json, and beside it what its folder holds. */
typedef struct ser_experiment {
    char          *dir;         /* of scores.json */
    json_t        *scores;
    char          *config;      /* text of <dir>/config, or of the first <dir>/X/config; NULL: there is none */
    int            logs;
    ser_train_log *log;         /* [logs] <dir>/train.tsv and <dir>/X/train.tsv, by name */
} ser_experiment;

/* path: a folder with scores.json, or that file. */
base_status ser_experiment_read(ser_experiment *x, const char *path, base_error *e);
void        ser_experiment_free(ser_experiment *x);
const char *ser_experiment_name(const ser_experiment *x);

/* ---- the table: report_table.c --------------------------------------------------------------------------------- */

typedef enum ser_row_kind { SER_ROW_FOLD, SER_ROW_SPREAD, SER_ROW_POOLED, SER_ROW_MAJORITY } ser_row_kind;

#define SER_REPORT_COLUMNS 7
extern const char *const ser_report_title[SER_REPORT_COLUMNS];     /* UA WA WF1 MF1 WER, gender UA, style UA */

typedef struct ser_cell {
    bool   known, has_interval, has_spread;
    double value, low, high, sd;
} ser_cell;

typedef struct ser_row {
    ser_row_kind kind;
    const char  *name;              /* of the fold, of the majority label */
    int64_t      utterances;        /* 0: not told */
    ser_cell     cell[SER_REPORT_COLUMNS];
} ser_row;

/* The rows of an experiment: folds, their mean and spread, pooled, majority; those there are. The caller frees *rows. */
base_status ser_report_rows(const ser_experiment *x, ser_row **rows, int *n, base_error *e);
/* What a row's name follows: "fold " (not before a fold that is called so), "always " of the majority, or nothing. */
const char *ser_row_prefix(const ser_row *row);
/* Columns that any of the experiments fills. */
void        ser_report_columns(const ser_experiment *x, int n, bool shown[SER_REPORT_COLUMNS]);
/* How the intervals of an experiment were made, as a line without its end; "": that is not told. */
void        ser_report_intervals(const ser_experiment *x, char *out, size_t size);
base_status ser_report_print(const ser_experiment *x, int n, FILE *f, base_error *e);

/* ---- the page: report_page.c, report_examples.c, report_summary.c, report_style.c ------------------------------ */

typedef struct ser_report_options {
    const char *title;              /* "": made of the corpus */
    int         examples;           /* utterances shown of each experiment */
    const char *tables;             /* a text that egs/utils/paper_tables.sh wrote, to be the page instead; "": none */
    const char *out;                /* path of the page, for links from it */
} ser_report_options;
#define SER_REPORT_DEFAULTS { "", 12, "", "" }

base_status ser_report_page(const ser_experiment *x, int n, const ser_report_options *o, FILE *f, base_error *e);
/* A list of utterances with what was recognised, right and wrong; nothing where the tables that were scored are gone. */
void        ser_report_examples(const ser_experiment *x, int most, FILE *f);
/* What stands on the page with o->tables: these, the figures 2 and 3 beside them, and a matrix of each experiment with a
 * link to its own page. BASE_MISSING and others: the text cannot be read. */
base_status ser_report_summary(const ser_experiment *x, int n, const ser_report_options *o, FILE *f, base_error *e);
extern const char ser_report_style[];

#endif
