/* Progress of long work: on a terminal one line that rewrites itself, in a log a plain line now and then; both with
 * rate and time left. */
#ifndef SERIN_BASE_PROGRESS_H
#define SERIN_BASE_PROGRESS_H

#include "base/error.h"

typedef struct base_progress {
    const char *what;       /* "training", say */
    const char *unit;       /* "steps" */
    double      total;
    double      started, shown;     /* seconds */
    double      done;       /* as of the last step */
    double      first;      /* amount done when we started: resumed work counts for the total, not for the rate */
} base_progress;

double base_seconds(void);      /* a monotonic clock */

void base_progress_begin(base_progress *p, const char *what, const char *unit, double done, double total);
/* Shows `done` and a note of the caller's ("loss 1.23"; NULL: none), not more often than the medium bears. */
void base_progress_step(base_progress *p, double done, const char *format, ...) BASE_PRINTF(3, 4);
/* Wipes the line a terminal shows, before something else is printed; the next step shows it again. */
void base_progress_clear(void);
void base_progress_end(base_progress *p, const char *format, ...) BASE_PRINTF(2, 3);

#endif
