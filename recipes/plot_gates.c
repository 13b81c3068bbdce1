/* Figure 3 of the paper: how the gates of the temporal fusion are spread, for each label, in speech and in text. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "libnn/nn.h"
#include "libtext/tx.h"
#include "recipes/plot.h"
#include "recipes/svg.h"

#define BINS 400            /* of 0 .. 1 */
#define MOST_LABELS 8       /* as many as svg.c has colours */
#define LEFT 14
#define RIGHT 14
#define TOP 44
#define BOTTOM 26
#define HEIGHT 220

/* How many frames have a gate in each bin. */
typedef struct spread {
    double count[MOST_LABELS][BINS];
    int    low, high;       /* the bins in use */
} spread;

typedef struct labels { const char *name[MOST_LABELS]; int n; } labels;

/* ---- reading ----------------------------------------------------------------------------------------------------- */

static int compare_names(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static base_status list_labels(labels *l, const tx_table *t, base_error *e)
{
    for (int64_t i = 0; i < t->n; i++) {
        int k = 0;

        while (k < l->n && strcmp(l->name[k], t->entry[i].value))
            k++;
        if (k == MOST_LABELS)
            return base_fail(e, BASE_LIMIT, "%s:%lld: more than %d labels", t->path, (long long)t->entry[i].line,
                MOST_LABELS);
        if (k == l->n)
            l->name[l->n++] = t->entry[i].value;
    }
    qsort(l->name, (size_t)l->n, sizeof *l->name, compare_names);
    return BASE_OK;
}

static int label_of(const labels *l, const char *name)
{
    int k = 0;

    while (strcmp(l->name[k], name))
        k++;
    return k;
}

static base_status add_gates(spread *s, int label, const char *key, const nn_matrix *m, base_error *e)
{
    for (int64_t i = 0; i < m->rows * m->cols; i++) {
        if (!(m->x[i] >= 0 && m->x[i] <= 1))
            return base_fail(e, BASE_VALUE, "\"%s\": %g is no gate between 0 and 1", key, (double)m->x[i]);
        s->count[label][(int)fmin(BINS - 1, m->x[i] * BINS)]++;
    }
    return BASE_OK;
}

/* <dir>/<name>.ark; utterances without a label are passed over. */
static base_status read_spread(spread *s, const char *dir, const char *name, const tx_table *t, const labels *l,
    base_error *e)
{
    char *path = NULL;
    const char *key;
    nn_table_reader *r;
    nn_matrix m;

    if (asprintf(&path, "ark:%s/%s.ark", dir, name) < 0)
        return base_fail(e, BASE_NO_MEMORY, "%s: out of memory", dir);
    r = nn_table_open(path, e);
    while (r && !nn_table_next(r, &key, &m, e) && key) {
        const char *label = tx_table_value(t, key);

        if (label && add_gates(s, label_of(l, label), key, &m, e))
            base_fail_in(e, "%s", path);
        if (e->status)
            break;
    }
    nn_table_close(r);
    free(path);
    return e->status;
}

/* ---- drawing ----------------------------------------------------------------------------------------------------- */

static void find_range(spread *s, int n)
{
    s->low = BINS - 1;
    s->high = 0;
    for (int k = 0; k < n; k++)
        for (int b = 0; b < BINS; b++)
            if (s->count[k][b] > 0) {
                s->low = b < s->low ? b : s->low;
                s->high = b > s->high ? b : s->high;
            }
    s->low = s->low > 10 ? s->low - 10 : 0;
    s->high = s->high < BINS - 11 ? s->high + 10 : BINS - 1;
}

/* Gaussian kernels of Silverman's width, 1.06 sd n^(-1/5); the integral is 1. */
static void smooth(const double count[BINS], double density[BINS])
{
    double n = 0, sum = 0, squares = 0, width;

    for (int b = 0; b < BINS; b++) {
        n += count[b];
        sum += count[b] * b;
        squares += count[b] * b * b;
    }
    memset(density, 0, sizeof *density * BINS);
    if (n == 0)
        return;
    width = fmax(0.5, 1.06 * sqrt(fmax(0, squares / n - sum / n * (sum / n))) * pow(n, -0.2));
    for (int b = 0; b < BINS; b++)
        for (int c = 0; c < BINS && count[b] > 0; c++) {
            double z = (c - b) / width;

            density[c] += count[b] / n * exp(-0.5 * z * z) / (width * sqrt(2 * M_PI)) * BINS;
        }
}

static double at_x(const spread *s, double b)
{
    return LEFT + (b - s->low) / (s->high - s->low) * (SER_PLOT_WIDTH - LEFT - RIGHT);
}

static void draw_axis(FILE *f, const spread *s)
{
    double first, step;
    int ticks = ser_ticks((double)s->low / BINS, (double)s->high / BINS, 5, &first, &step);

    ser_svg_line(f, LEFT, HEIGHT - BOTTOM, SER_PLOT_WIDTH - RIGHT, HEIGHT - BOTTOM, "axis");
    for (int i = 0; i < ticks; i++)
        ser_svg_text(f, at_x(s, (first + i * step) * BINS), HEIGHT - 9, "middle muted small", "%g", first + i * step);
}

static void draw_key(FILE *f, int k, const char *name)
{
    double x = LEFT + 84 * (k % 4), y = 26 + 12 * (k / 4);
    char class[20];

    snprintf(class, sizeof class, "curve c%d", k);
    ser_svg_line(f, x, y, x + 14, y, class);
    ser_svg_text(f, x + 18, y + 4, "start muted small", "%s", name);
}

static void draw_panel(FILE *f, spread *s, const labels *l, const char *title)
{
    static double density[MOST_LABELS][BINS];
    double most = 0;

    find_range(s, l->n);
    for (int k = 0; k < l->n; k++) {
        smooth(s->count[k], density[k]);
        for (int b = 0; b < BINS; b++)
            most = fmax(most, density[k][b]);
    }
    ser_svg_text(f, LEFT, 14, "start", "%s", title);
    draw_axis(f, s);
    for (int k = 0; k < l->n; k++) {
        fprintf(f, "<polyline class=\"curve c%d\" points=\"", k);
        for (int b = s->low; b <= s->high; b++)
            fprintf(f, "%.5g,%.5g ", at_x(s, b), HEIGHT - BOTTOM - density[k][b] / most * (HEIGHT - TOP - BOTTOM));
        fputs("\"><title>", f);
        ser_escape(f, l->name[k]);
        fputs("</title></polyline>\n", f);
        draw_key(f, k, l->name[k]);
    }
}

static base_status draw(FILE *f, const char *dir, const tx_table *t, base_error *e)
{
    static const char *const title[] = { "gates of speech", "gates of text" };
    spread *s = calloc(2, sizeof *s);
    labels l = { .n = 0 };

    if (!s)
        return base_fail(e, BASE_NO_MEMORY, "%s: out of memory", dir);
    if (!list_labels(&l, t, e) && !read_spread(&s[0], dir, "gate_speech", t, &l, e) &&
        !read_spread(&s[1], dir, "gate_text", t, &l, e)) {
        ser_svg_begin(f, 2 * SER_PLOT_WIDTH + 16, HEIGHT, "gates of speech and text", true);
        for (int i = 0; i < 2; i++) {
            ser_svg_nest(f, i * (SER_PLOT_WIDTH + 16), 0, SER_PLOT_WIDTH, HEIGHT);
            draw_panel(f, &s[i], &l, title[i]);
            ser_svg_end(f);
        }
        ser_svg_end(f);
    }
    free(s);
    return e->status;
}

base_status ser_plot_gates(FILE *f, const char *dir, const char *labels_path, base_error *e)
{
    tx_table t;

    if (tx_table_read(&t, labels_path, TX_ONE_WORD, e))
        return e->status;
    draw(f, dir, &t, e);
    tx_table_free(&t);
    return e->status;
}
