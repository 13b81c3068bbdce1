/* The course of training: one measure against steps, a curve a run. */
#include <math.h>
#include <stdlib.h>

#include "recipes/plot.h"
#include "recipes/svg.h"

#define LEFT 46
#define RIGHT 18
#define TOP 26
#define BOTTOM 26
#define MOST_POINTS 240     /* of a curve: more are averaged in groups */

const char *const ser_log_title[SER_LOG_COLUMNS] = {
    "step",         "epoch",        "seconds",     "loss, all tasks",           "loss, emotion",
    "loss, CTC",    "loss, gender", "loss, style", "UA on development data, %", "WER on development data, %",
    "learning rate"
};

typedef struct frame { double x0, x1, y0, y1; } frame;     /* the values at the edges */

bool ser_plot_has(const ser_train_log *logs, int n, ser_log_column column)
{
    for (int i = 0; i < n; i++)
        for (int64_t k = 0; logs[i].value[column] && k < logs[i].n; k++)
            if (isfinite(logs[i].value[column][k]))
                return true;
    return false;
}

static frame frame_of(const ser_train_log *logs, int n, ser_log_column column)
{
    frame a = { 0, 1, INFINITY, -INFINITY };
    double margin;

    for (int i = 0; i < n; i++)
        for (int64_t k = 0; logs[i].value[column] && k < logs[i].n; k++) {
            double y = logs[i].value[column][k];

            if (!isfinite(y))
                continue;
            a.x1 = fmax(a.x1, logs[i].value[SER_LOG_STEP][k]);
            a.y0 = fmin(a.y0, y);
            a.y1 = fmax(a.y1, y);
        }
    if (a.y0 > 0 && a.y0 < 0.4 * a.y1)
        a.y0 = 0;
    margin = a.y1 > a.y0 ? 0.04 * (a.y1 - a.y0) : fmax(0.5, 0.1 * fabs(a.y1));
    a.y1 += margin;
    a.y0 -= a.y0 == 0 ? 0 : margin;
    return a;
}

static double at_x(const frame *a, double x)
{
    return LEFT + (x - a->x0) / (a->x1 - a->x0) * (SER_PLOT_WIDTH - LEFT - RIGHT);
}
static double at_y(const frame *a, double y)
{
    return SER_PLOT_CURVES_HEIGHT - BOTTOM - (y - a->y0) / (a->y1 - a->y0) * (SER_PLOT_CURVES_HEIGHT - TOP - BOTTOM);
}

static void draw_axes(FILE *f, const frame *a)
{
    double first, step;
    int ticks = ser_ticks(a->y0, a->y1, 5, &first, &step);

    for (int i = 0; i < ticks; i++) {
        double y = first + i * step;

        ser_svg_line(f, LEFT, at_y(a, y), SER_PLOT_WIDTH - RIGHT, at_y(a, y), "rule");
        ser_svg_text(f, LEFT - 6, at_y(a, y) + 4, "end muted small", "%g", fabs(y) < 1e-9 * step ? 0 : y);
    }
    ticks = ser_ticks(a->x0, a->x1, 5, &first, &step);
    for (int i = 0; i < ticks; i++) {
        double x = first + i * step;

        ser_svg_text(f, at_x(a, x), SER_PLOT_CURVES_HEIGHT - 9, "middle muted small", x >= 10000 ? "%gk" : "%g",
            x >= 10000 ? x / 1000 : x);
    }
}

static void draw_curve(FILE *f, const frame *a, const ser_train_log *log, const double *value, double opacity)
{
    int64_t measured = 0, group, in_group = 0;
    double x = 0, y = 0;

    for (int64_t k = 0; k < log->n; k++)
        measured += isfinite(value[k]);
    group = (measured + MOST_POINTS - 1) / MOST_POINTS;
    fprintf(f, "<polyline class=\"curve\" stroke-opacity=\"%.2f\" points=\"", opacity);
    for (int64_t k = 0; k < log->n; k++) {
        if (!isfinite(value[k]))
            continue;
        x += log->value[SER_LOG_STEP][k];
        y += value[k];
        measured--;
        if (++in_group < group && measured > 0)
            continue;
        fprintf(f, "%.5g,%.5g ", at_x(a, x / (double)in_group), at_y(a, y / (double)in_group));
        x = y = 0;
        in_group = 0;
    }
    fputs("\"><title>", f);
    ser_escape(f, log->name);
    fputs("</title></polyline>\n", f);
}

void ser_plot_curves(FILE *f, const ser_train_log *logs, int n, ser_log_column column)
{
    frame a = frame_of(logs, n, column);

    ser_svg_text(f, LEFT - 40, 14, "start", "%s", ser_log_title[column]);
    draw_axes(f, &a);
    for (int i = 0; i < n; i++)
        if (logs[i].value[column])
            draw_curve(f, &a, &logs[i], logs[i].value[column], n > 1 ? 0.65 : 1);
    if (n > 1)
        ser_svg_text(f, SER_PLOT_WIDTH - RIGHT, 14, "end muted small", "%d runs", n);
}
