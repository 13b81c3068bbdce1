/* svg.h: drawings that stand in a page or alone, in light and dark, without scripts. Colours are classes and variables of
 * ser_svg_style, which a page includes once and a drawing that stands alone carries. */
#ifndef SERIN_SVG_H
#define SERIN_SVG_H

#include <stdbool.h>
#include <stdio.h>

#include "base/error.h"

extern const char ser_svg_style[];

/* A drawing of w x h units. alone: a file of its own. about: what a reader who cannot see it is told. */
void ser_svg_begin(FILE *f, double w, double h, const char *about, bool alone);
void ser_svg_end(FILE *f);
/* A drawing inside another one, at x, y. */
void ser_svg_nest(FILE *f, double x, double y, double w, double h);

void ser_svg_line(FILE *f, double x1, double y1, double x2, double y2, const char *class);
/* class: "ink", "muted", …, and "start", "middle" or "end" for the anchor. The text is escaped. */
void ser_svg_text(FILE *f, double x, double y, const char *class, const char *format, ...) BASE_PRINTF(5, 6);

/* Text for HTML and SVG: & < > " become entities. */
void ser_escape(FILE *f, const char *text);

/* Round ticks within low .. high: first, first + step, …; step is 1, 2 or 5 times a power of ten. Returns how many, at most
 * most + 1; 0 for an empty range. */
int ser_ticks(double low, double high, int most, double *first, double *step);

#endif
