/* plot.h: the figures of an experiment, drawn as SVG: confusion, folds with intervals, the course of training. */
#ifndef SERIN_PLOT_H
#define SERIN_PLOT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/error.h"

/* ---- reading scores.json: what is not there is NULL, 0 or "" --------------------------------------------------- */

static inline const json_t *ser_at(const json_t *object, const char *key) { return json_object_get(object, key); }
static inline double ser_number(const json_t *object, const char *key)
{
    return json_number_value(ser_at(object, key));
}
static inline const char *ser_string(const json_t *object, const char *key)
{
    const char *value = json_string_value(ser_at(object, key));

    return value ? value : "";
}

/* ---- train.tsv: train_log.c ------------------------------------------------------------------------------------ */

typedef enum ser_log_column {
    SER_LOG_STEP, SER_LOG_EPOCH, SER_LOG_SECONDS, SER_LOG_LOSS, SER_LOG_EMO, SER_LOG_CTC, SER_LOG_GENDER, SER_LOG_STYLE,
    SER_LOG_UA, SER_LOG_WER, SER_LOG_RATE, SER_LOG_COLUMNS
} ser_log_column;

typedef struct ser_train_log {
    char   *name;                       /* of the run: the folder it is in */
    int64_t n;
    double *value[SER_LOG_COLUMNS];     /* [n]; NAN: not measured. NULL: the file has no such column */
} ser_train_log;

/* Columns by the names in the header, in any order, step among them; others are ignored. BASE_FORMAT "file:line: …". */
base_status ser_train_log_read(ser_train_log *l, const char *path, base_error *e);
void        ser_train_log_free(ser_train_log *l);

/* ---- figures: plot_scores.c, plot_curves.c --------------------------------------------------------------------- */

#define SER_PLOT_WIDTH 360

/* score: one of a labels section of scores.json (pooled, or a fold). Height in units, for a drawing of SER_PLOT_WIDTH. */
double ser_plot_confusion_height(const json_t *score);
void   ser_plot_confusion(FILE *f, const json_t *score);

/* metric "UA", "WER", … of each fold and pooled, with intervals and, where the section has one, the majority's. */
double ser_plot_folds_height(const json_t *section);
void   ser_plot_folds(FILE *f, const json_t *section, const char *metric);

/* One measure of all runs against steps; what ser_plot_has says is there. */
#define SER_PLOT_CURVES_HEIGHT 200
extern const char *const ser_log_title[SER_LOG_COLUMNS];
bool ser_plot_has(const ser_train_log *logs, int n, ser_log_column column);
void ser_plot_curves(FILE *f, const ser_train_log *logs, int n, ser_log_column column);

/* Figure 3 of the paper: how the gates of serin-decode's <dir>/gate_speech.ark and gate_text.ark are spread, a curve for each label
 * of the table (utt2emo); a drawing of its own. BASE_VALUE: a value outside 0 .. 1; BASE_LIMIT: more than 8 labels. */
base_status ser_plot_gates(FILE *f, const char *dir, const char *labels_path, base_error *e);

#endif
