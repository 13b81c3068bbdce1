/* Figures of scores.json: the confusion matrix, and folds with their intervals. */
#include <math.h>
#include <string.h>

#include "libtext/tx.h"
#include "recipes/plot.h"
#include "recipes/svg.h"

#define MOST_CHARACTERS 10
#define CLIP_SIZE (4 * MOST_CHARACTERS + 4)

/* At most MOST_CHARACTERS of a label, the rest an ellipsis. */
static const char *clip(const char *label, char out[CLIP_SIZE])
{
    const char *end = label;
    int n = 0;

    while (n < MOST_CHARACTERS && tx_utf8_next(&end))
        n++;
    snprintf(out, CLIP_SIZE, "%.*s%s", (int)(end - label), label, *end ? "\xe2\x80\xa6" : "");
    return out;
}

/* ---- confusion ------------------------------------------------------------------------------------------------- */

#define LEFT 78
#define TOP 44
#define TOP_SLANTED 78
#define LETTER 6.4          /* width of one, about */
#define DARK 0.7            /* a share from which the cell's own ink is lighter than the page's */

static double cell_size(size_t n) { return fmin(78, (SER_PLOT_WIDTH - LEFT - 2) / (double)n); }

/* Where the cells begin: labels too long for their columns are slanted. */
static double top_of(const json_t *classes)
{
    double w = cell_size(json_array_size(classes));
    const json_t *class;
    size_t i;

    json_array_foreach(classes, i, class)
        if (LETTER * fmin(MOST_CHARACTERS, (double)tx_utf8_count(ser_string(class, "label"))) > w - 4)
            return TOP_SLANTED;
    return TOP;
}

double ser_plot_confusion_height(const json_t *score)
{
    size_t n = json_array_size(ser_at(score, "confusion"));

    return top_of(ser_at(score, "classes")) + (double)n * fmin(52, cell_size(n)) + 4;
}

/* A cell is as dark as the share of its row's utterances that it holds. */
static void draw_cell(FILE *f, double x, double y, double w, double h, double count, double share)
{
    const char *ink = share > DARK ? " paper" : "";
    char class[40];

    fprintf(
        f,
        "<rect x=\"%.4g\" y=\"%.4g\" width=\"%.4g\" height=\"%.4g\" rx=\"3\" class=\"cell\" fill-opacity=\"%.3f\"/>\n",
        x + 1, y + 1, w - 2, h - 2, 0.04 + 0.96 * share);
    snprintf(class, sizeof(class), "middle%s", ink);
    ser_svg_text(f, x + w / 2, y + h / 2 - (h > 40 ? 1 : -4), class, "%.0f%s", 100 * share, w > 50 ? " %" : "");
    snprintf(class, sizeof(class), "middle small%s", *ink ? ink : share > 0.3 ? "" : " muted");
    if (h > 40)
        ser_svg_text(f, x + w / 2, y + h / 2 + 14, class, "%.0f", count);
}

void ser_plot_confusion(FILE *f, const json_t *score)
{
    const json_t *rows = ser_at(score, "confusion"), *classes = ser_at(score, "classes");
    size_t n = json_array_size(rows);
    double w = cell_size(n), h = fmin(52, w), top = top_of(classes);

    ser_svg_text(f, LEFT + w * (double)n / 2, 12, "middle muted small", "recognised as");
    ser_svg_text(f, LEFT - 8, top - 10, "end muted small", "truth");
    for (size_t i = 0; i < n; i++) {
        char clipped[CLIP_SIZE];
        const char *label = clip(ser_string(json_array_get(classes, i), "label"), clipped);
        double truth = ser_number(json_array_get(classes, i), "utterances");

        if (top > TOP) {
            fprintf(f, "<g transform=\"translate(%.5g %g) rotate(-62)\">", LEFT + w * ((double)i + 0.4), top - 8);
            ser_svg_text(f, 0, 0, "start", "%s", label);
            fputs("</g>\n", f);
        } else {
            ser_svg_text(f, LEFT + w * ((double)i + 0.5), top - 10, "middle", "%s", label);
        }
        ser_svg_text(f, LEFT - 8, top + h * ((double)i + 0.5) + 4, "end", "%s", label);
        for (size_t j = 0; j < n; j++) {
            double count = json_number_value(json_array_get(json_array_get(rows, i), j));

            draw_cell(f, LEFT + w * (double)j, top + h * (double)i, w, h, count, truth > 0 ? count / truth : 0);
        }
    }
}

/* ---- folds ----------------------------------------------------------------------------------------------------- */

#define ROW 26
#define FOLDS_LEFT 92
#define FOLDS_RIGHT 64

double ser_plot_folds_height(const json_t *section)
{
    return (double)(json_array_size(ser_at(section, "folds")) + 1) * ROW + 48;
}

/* The axis: from a round number below everything to one above. */
typedef struct range { double low, high; } range;

static double at(const range *r, double value)
{
    return FOLDS_LEFT + (value - r->low) / (r->high - r->low) * (SER_PLOT_WIDTH - FOLDS_LEFT - FOLDS_RIGHT);
}

static void widen(range *r, const json_t *measure)
{
    r->low = fmin(r->low, ser_number(measure, "low"));
    r->high = fmax(r->high, ser_number(measure, "high"));
}

static range range_of(const json_t *section, const char *metric, double majority)
{
    range r = { 1e9, -1e9 };
    const json_t *fold;
    size_t i;

    widen(&r, ser_at(ser_at(section, "pooled"), metric));
    json_array_foreach(ser_at(section, "folds"), i, fold)
        widen(&r, ser_at(fold, metric));
    if (majority > 0)
        r.low = fmin(r.low, majority);
    r.low = fmax(0, 10 * floor(r.low / 10 - 0.01));
    r.high = fmax(r.low + 10, 10 * ceil(r.high / 10 + 0.01));
    if (r.low >= 0 && r.high > 100 && r.high <= 110)
        r.high = 100;
    return r;
}

static void draw_row(FILE *f, const range *r, double y, const json_t *score, const char *metric, bool pooled)
{
    const json_t *m = ser_at(score, metric);
    double x = at(r, ser_number(m, "value"));
    char name[CLIP_SIZE];

    ser_svg_text(f, FOLDS_LEFT - 12, y + 4, pooled ? "end large" : "end", "%s", clip(ser_string(score, "name"), name));
    ser_svg_line(f, at(r, ser_number(m, "low")), y, at(r, ser_number(m, "high")), y, "mark");
    fprintf(f, "<circle cx=\"%.5g\" cy=\"%.5g\" r=\"%g\" class=\"dot\"/>\n", x, y, pooled ? 5.5 : 4.0);
    ser_svg_text(f, SER_PLOT_WIDTH - 4, y + 4, pooled ? "end large" : "end", "%.1f", ser_number(m, "value"));
}

void ser_plot_folds(FILE *f, const json_t *section, const char *metric)
{
    const json_t *folds = ser_at(section, "folds"), *base = ser_at(section, "majority"), *fold;
    double majority = base ? ser_number(base, metric) : 0, y = 14, bottom = ser_plot_folds_height(section) - 34, first,
           step;
    range r = range_of(section, metric, majority);
    int ticks;
    size_t i;

    ticks = ser_ticks(r.low, r.high, 5, &first, &step);
    for (int k = 0; k < ticks; k++) {
        double x = first + k * step;

        ser_svg_line(f, at(&r, x), 2, at(&r, x), bottom, "rule");
        ser_svg_text(f, at(&r, x), bottom + 14, "middle muted small", "%g", x);
    }
    ser_svg_text(f, at(&r, (r.low + r.high) / 2), bottom + 30, "middle muted small", "%s in %%, 95 %% intervals%s",
                 metric, majority > 0 ? ", dashed: majority" : "");
    if (majority > 0)
        ser_svg_line(f, at(&r, majority), 2, at(&r, majority), bottom, "base");
    json_array_foreach(folds, i, fold) {
        draw_row(f, &r, y, fold, metric, false);
        y += ROW;
    }
    draw_row(f, &r, y, ser_at(section, "pooled"), metric, true);
}
