/* Messages to people, on standard error, in Kaldi's form:
 *     LOG (serin-train[0.1.0]:main():serin-train.c:42) text
 * For programs only: libraries report through base_error. */
#ifndef SERIN_BASE_LOG_H
#define SERIN_BASE_LOG_H

#include <stdbool.h>

#include "base/error.h"

typedef enum base_level { BASE_LOG, BASE_WARNING, BASE_ERROR } base_level;

extern int base_verbose;    /* --verbose=N: base_vlog(n, …) prints when n <= N */

void base_message(base_level level, const char *function, const char *file, int line, const char *format, ...)
    BASE_PRINTF(5, 6);

#define base_log(...)     base_message(BASE_LOG, __func__, __FILE__, __LINE__, __VA_ARGS__)
#define base_warn(...)    base_message(BASE_WARNING, __func__, __FILE__, __LINE__, __VA_ARGS__)
#define base_say_error(...) base_message(BASE_ERROR, __func__, __FILE__, __LINE__, __VA_ARGS__)
#define base_vlog(n, ...)                 \
    do {                                  \
        if (base_verbose >= (n))          \
            base_log(__VA_ARGS__);        \
    } while (0)

/* The program's name as options.c learnt it from argv[0]; "serin" before that. */
extern const char *base_program;

/* Learns the program's name from argv[0] and starts its clock; base_options_parse calls it. */
void base_log_begin(const char *path);

extern bool base_allow_failures;    /* base_option_failures' */

/* The last line of a program: "Done N utterances, M failed", elapsed seconds and peak memory. what is one of them ("utterance"). Returns
 * the exit status: 0, or 1 when something failed (unless base_allow_failures) or nothing was done. */
int base_report(const char *what, long done, long failed);

/* What a program prints before it gives up: e's message. Returns 1, the exit status. */
int base_give_up(const base_error *e);

#endif
