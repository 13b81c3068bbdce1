/* Inside serin-train: a training run. setup.c makes one, train.c runs it, state.c keeps it on disk. */
#ifndef SERIN_SER_TRAIN_H
#define SERIN_SER_TRAIN_H

#include <time.h>

#include "recipes/ser.h"

/* Losses of the updates since the last line of train.tsv; part of a checkpoint. */
typedef struct ser_sums {
    double total, task[SER_TASKS], ctc, aec, contrast;
    double masked, right;                           /* places, and those told rightly */
    double norm, clipped;                           /* of the gradients, before clipping; updates in which it was too large */
    double updates;
} ser_sums;

typedef struct ser_run {
    ser_config          settled;                    /* what was asked for, and what models that are begun with say */
    const ser_config   *config;                     /* it */
    ser_model_config    shape;
    const volatile int *stop;
    const char         *dir;                        /* of the experiment, and in it: */
    char               *checkpoints, *log, *fingerprint_path;
    int                 lock;

    ser_data      *train, *dev;                     /* dev NULL: nothing to evaluate on */
    ser_features  *train_x, *dev_x;
    ser_model     *model;
    nn_tape       *tape;
    nn_adam       *adam;
    nn_average    *average;                         /* NULL: none */
    int64_t        average_from;                    /* the first update that counts */
    nn_schedule    schedule;
    ser_weighting  weighting;                       /* but for the totals, which each update has its own of */
    float         *class_weight;
    int            clusters;                        /* of pre-training; 0: none */

    ser_plan  plan;                                 /* of epoch `planned` */
    int64_t   planned;
    ser_batch batch;
    int64_t   epochs, *epoch_begin;                 /* [epochs + 1] the update each epoch begins with */
    int64_t   total;                                /* updates of the whole run */

    char     *fingerprint, *machine;                /* what a resumed run must agree on, and should */
    int64_t   step;                                 /* updates done */
    ser_sums  sums;
    double    best;                                 /* score of the selected model; higher is better; -INFINITY: none yet */
    int64_t   best_step, worse;                     /* evaluations since then that were not better */
    double    seconds, speech;                      /* spent on updates so far; of audio they heard, or of what texts count for */
    double    duration;                             /* the same of the training data */
    int64_t   tokens;                               /* of its texts; 0: the model hears */
    double    front_cpu;                            /* spent on features, by all processors */
} ser_run;

/* setup.c: opens and computes everything a run needs, up to its first update. Whatever happens, ser_run_close. */
base_status ser_run_open(ser_run *r, const ser_config *c, const char *data_dir, const char *exp_dir, const volatile int *stop,
    base_error *e);
/* The weights a run begins with, but for the moments of its data. */
uint64_t    ser_params_hash(const nn_params *p);
void        ser_run_close(ser_run *r);

/* Time of all processors that this process has used. */
static inline double ser_cpu_seconds(void) { return (double)clock() / CLOCKS_PER_SEC; }

/* train.c: a whole training, but for stage1-warm, which is warm.c's. The folder's config tells what was said. */
base_status ser_train_once(const ser_config *c, const ser_config *said, const char *data_dir, const char *exp_dir,
    const volatile int *stop, base_error *e);

/* state.c: goes on where the newest checkpoint is; refuses one that was begun with another configuration or data. */
base_status ser_run_resume(ser_run *r, base_error *e);
base_status ser_run_checkpoint(const ser_run *r, base_error *e);
/* What a training in dir must agree on when it goes on, "key=value" a line, and the file that holds it. BASE_MISMATCH names the keys that
 * differ. */
base_status ser_fingerprint_check(const char *path, const char *now, const char *dir, base_error *e);
base_status ser_fingerprint_write(const char *path, const char *now, base_error *e);
/* BASE_VALUE: a moment or average of the checkpoint is no number; names the tensor. */
base_status ser_checkpoint_finite(const nn_checkpoint *c, const char *dir, int64_t step, base_error *e);
/* The epoch, from 0, that update number `step` belongs to. */
int64_t ser_run_epoch(const ser_run *r, int64_t step);
/* A line of train.tsv. */
base_status ser_run_log(ser_run *r, const ser_scores *dev, double rate, base_error *e);

#endif
