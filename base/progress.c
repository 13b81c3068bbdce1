#include "base/progress.h"

#include "base/number.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/utf8.h"

#define TERMINAL_INTERVAL 0.2
#define LOG_INTERVAL 10.0

static bool on_screen;      /* a line without its newline stands on the terminal */

double base_seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int terminal_columns(void)
{
    struct winsize w;

    return ioctl(STDERR_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col > 0 ? w.ws_col : 80;
}

/* "1:02:03", "2:03". */
static void format_time(char *text, size_t size, double seconds)
{
    long s = seconds < 0 ? 0 : seconds > 359999 ? 359999 : (long)(seconds + 0.5);

    if (s >= 3600)
        snprintf(text, size, "%ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60);
    else
        snprintf(text, size, "%ld:%02ld", s / 60, s % 60);
}

/* "training: 45 % (450/1000 steps), 12.3 steps/s, 0:45 left", or the time taken once it is done. */
static void format_line(const base_progress *p, char *text, size_t size, double done, bool finished)
{
    double elapsed = base_seconds() - p->started, rate = elapsed > 0 ? (done - p->first) / elapsed : 0;
    char time[32];
    int n = p->total > 0 ? snprintf(text, size, "%s: %3.0f %% (%.0f/%.0f %s)", p->what, 100 * done / p->total, done,
                                    p->total, p->unit)
                         : snprintf(text, size, "%s: %.0f %s", p->what, done, p->unit);

    if (n < 0 || (size_t)n >= size)
        return;
    text += n;
    size -= (size_t)n;
    if (finished) {
        format_time(time, sizeof time, elapsed);
        snprintf(text, size, ", %s %s/s, took %s", base_amount(rate), p->unit, time);
    } else if (rate > 0 && p->total > 0) {
        format_time(time, sizeof time, (p->total - done) / rate);
        snprintf(text, size, ", %s %s/s, %s left", base_amount(rate), p->unit, time);
    } else if (rate > 0)
        snprintf(text, size, ", %s %s/s", base_amount(rate), p->unit);
}

static void show(base_progress *p, double done, bool finished, const char *format, va_list a)
{
    bool terminal = isatty(STDERR_FILENO);
    double now = base_seconds();
    char text[1000];

    if (!finished && now - p->shown < (terminal ? TERMINAL_INTERVAL : LOG_INTERVAL))
        return;
    p->shown = now;
    format_line(p, text, sizeof text, done, finished);
    size_t n = strlen(text);
    if (format && n + 2 < sizeof text && vsnprintf(text + n + 2, sizeof text - n - 2, format, a) > 0)
        memcpy(text + n, ", ", 2);
    base_make_plain(text, false);
    on_screen = terminal && !finished;
    if (on_screen)
        fprintf(stderr, "\r\033[K%.*s", terminal_columns() - 1, text);
    else
        fprintf(stderr, "%s%s\n", terminal ? "\r\033[K" : "", text);
}

void base_progress_begin(base_progress *p, const char *what, const char *unit, double done, double total)
{
    double now = base_seconds();

    *p = (base_progress){ .what = what, .unit = unit, .total = total, .started = now, .shown = now, .done = done, .first = done };
}

void base_progress_step(base_progress *p, double done, const char *format, ...)
{
    va_list a;

    va_start(a, format);
    p->done = done;
    show(p, done, false, format, a);
    va_end(a);
}

void base_progress_end(base_progress *p, const char *format, ...)
{
    va_list a;

    va_start(a, format);
    show(p, p->done, true, format, a);
    va_end(a);
}

void base_progress_clear(void)
{
    if (on_screen)
        fputs("\r\033[K", stderr);
    on_screen = false;
}
