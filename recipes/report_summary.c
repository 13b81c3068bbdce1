/* The page of many experiments: tables as text tells them, the figures drawn of all, each one's matrix with the way to
 * its own page. The text is what egs/utils/paper_tables.sh writes: headings, tables of "| cell | cell |", lines of
 * notes. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "recipes/report.h"
#include "recipes/svg.h"

#define TEXT_LIMIT ((size_t)4 << 20)
#define MOST_COLUMNS 20

typedef struct summary {
    const ser_experiment *x;
    int           n;
    const char   *out;          /* path of the page */
    char        **line;         /* [lines] of the text */
    int           lines;
    double        widest;       /* the largest bound of a difference */
} summary;

/* ---- links ------------------------------------------------------------------------------------------------------- */

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

/* The way from the page to an experiment's own, malloc'd; NULL: it has none. */
static char *link_to(const summary *s, const ser_experiment *x)
{
    size_t folder = (size_t)(last_part(s->out) - s->out);
    char *page = base_path_join(x->dir, "report.html"), *link = NULL;

    if (page && base_exists(page))
        link = strncmp(page, s->out, folder) == 0 ? strdup(page + folder) : realpath(page, NULL);
    free(page);
    return link;
}

static void write_link(FILE *f, const summary *s, const ser_experiment *x, const char *text)
{
    char *link = x ? link_to(s, x) : NULL;

    if (link) {
        fputs("<a href=\"", f);
        ser_escape(f, link);
        fputs("\">", f);
    }
    ser_escape(f, text);
    fputs(link ? "</a>" : "", f);
    free(link);
}

/* Experiment 7 is in a folder exp07. NULL: the text is no number, or of none that is there. */
static const ser_experiment *numbered(const summary *s, const char *text)
{
    char name[8];
    size_t digits = strspn(text, "0123456789");

    if (digits == 0 || digits > 2 || text[digits])
        return NULL;
    snprintf(name, sizeof(name), "exp%s%s", digits == 1 ? "0" : "", text);
    for (int i = 0; i < s->n; i++)
        if (strcmp(last_part(s->x[i].dir), name) == 0)
            return &s->x[i];
    return NULL;
}

/* ---- cells: "88.12 [80.00, 95.00] / 75.28", "+1.25 [-0.50, +3.00] p 0.016 holm 0.032", or anything ----------- */

typedef struct figure {
    double value, low, high;
    bool   known, difference;
} figure;

static figure figure_of(const char *cell)
{
    figure g = { 0 };

    g.known = sscanf(cell, "%lf [%lf, %lf]", &g.value, &g.low, &g.high) == 3;
    g.difference = g.known && strstr(cell, "] p ");
    return g;
}

/* Where a difference lies between the widest ones of the page, 0 in the middle. */
static void draw_range(FILE *f, const figure *g, double widest)
{
    double scale = 46 / widest;

    fputs("<span class=\"range\">", f);
    ser_svg_begin(f, 100, 8, "the interval, about 0", false);
    ser_svg_line(f, 50, 0, 50, 8, "axis");
    ser_svg_line(f, 50 + g->low * scale, 4, 50 + g->high * scale, 4, "mark");
    fprintf(f, "<circle cx=\"%.4g\" cy=\"4\" r=\"2.5\" class=\"dot\"/>", 50 + g->value * scale);
    ser_svg_end(f);
    fputs("</span>", f);
}

/* Columns of words, which begin at the left. */
static const char *class_of(const char *title)
{
    return strcmp(title, "parts") == 0 || strcmp(title, "over") == 0 ? " class=\"words\"" : "";
}

static void write_cell(FILE *f, const summary *s, const char *cell, const char *title)
{
    figure g = figure_of(cell);
    const char *paper = strstr(cell, " / "), *p = strstr(cell, "] p ");
    const char *holm = p ? strstr(p, " holm ") : NULL;
    double corrected = 0;
    bool sure = g.difference && (g.low > 0 || g.high < 0) &&
                !(holm && sscanf(holm, " holm %lf", &corrected) == 1 && corrected > 0.05);

    fprintf(f, "<td%s data-name=\"", class_of(title));
    ser_escape(f, title);
    fprintf(f, "\">%s", sure ? "<b>" : "");
    if (g.difference)
        fprintf(f, "%+.2f%s<small>%+.2f to %+.2f</small>", g.value, sure ? "</b>" : "", g.low, g.high);
    else if (g.known)
        fprintf(f, "%.2f<small>%.2f–%.2f</small>", g.value, g.low, g.high);
    else if (strncmp(cell, "-", 2) == 0 || strncmp(cell, "- / ", 4) == 0)
        fputs("–", f);
    else
        ser_escape(f, cell);
    if (paper || p) {
        fputs(paper ? "<small>paper " : "<small>p ", f);
        ser_escape(f, paper ? paper + 3 : p + 4);
        fputs("</small>", f);
    }
    if (g.difference && s->widest > 0)
        draw_range(f, &g, s->widest);
    fputs("</td>", f);
}

/* ---- tables ------------------------------------------------------------------------------------------------------ */

/* Takes a row apart, in place; returns how many cells. */
static int split(char *row, char *cell[MOST_COLUMNS])
{
    int n = 0;

    for (char *at = row + 1, *bar; n < MOST_COLUMNS && (bar = strchr(at, '|')); at = bar + 1) {
        char *end = bar;

        at += strspn(at, " ");
        while (end > at && end[-1] == ' ')
            end--;
        *end = '\0';
        cell[n++] = at;
    }
    return n;
}

/* What the most frequent label would get has no number before it. */
static void write_row(FILE *f, const summary *s, char *row, char *const *title, int titles)
{
    char *cell[MOST_COLUMNS];
    int n = split(row, cell);
    bool majority = n > 1 && !*cell[0];

    if (n == 0)
        return;
    fprintf(f, "<tr class=\"%s\"><th scope=\"row\">", majority ? "majority" : "one");
    write_link(f, s, numbered(s, cell[0]), cell[0]);
    fputs("</th>", f);
    for (int c = 1; c < n; c++)
        write_cell(f, s, cell[c], c < titles ? title[c] : "");
    fputs("</tr>\n", f);
}

/* The table that begins at line i; returns the line behind it. */
static int write_table(FILE *f, const summary *s, int i)
{
    char *title[MOST_COLUMNS];
    int titles = split(s->line[i++], title);

    fputs("<table class=\"results\">\n<thead><tr>", f);
    for (int c = 0; c < titles; c++) {
        fprintf(f, "<th%s>", class_of(title[c]));
        ser_escape(f, title[c]);
        fputs("</th>", f);
    }
    fputs("</tr></thead>\n<tbody>\n", f);
    for (; i < s->lines && *s->line[i] == '|'; i++)
        if (s->line[i][1] != '-')
            write_row(f, s, s->line[i], title, titles);
    fputs("</tbody>\n</table>\n", f);
    return i;
}

static void write_text(FILE *f, const summary *s)
{
    for (int i = 0; i < s->lines;) {
        bool heading = i + 2 < s->lines && !*s->line[i + 1] && *s->line[i + 2] == '|';

        if (*s->line[i] == '|') {
            i = write_table(f, s, i);
            continue;
        }
        if (*s->line[i]) {
            fputs(heading ? "<h2>" : "<p class=\"note\">", f);
            ser_escape(f, s->line[i]);
            fputs(heading ? "</h2>\n" : "</p>\n", f);
        }
        i++;
    }
}

/* ---- figures ----------------------------------------------------------------------------------------------------- */

/* A drawing of its own beside the text, put into the page. */
static void include_figure(FILE *f, const char *folder, const char *name, const char *caption)
{
    char *path = base_path_join(folder, name), *text = NULL;
    const char *svg = NULL;
    size_t size;

    if (path && base_exists(path) && base_read_file(path, TEXT_LIMIT, &text, &size, NULL) == BASE_OK)
        svg = strstr(text, "<svg");
    if (svg)
        fprintf(f, "<h2>%s</h2>\n<figure class=\"wide\">%s</figure>\n", caption, svg);
    free(text);
    free(path);
}

static void write_each(FILE *f, const summary *s)
{
    fputs("<h2>Each experiment</h2>\n<p class=\"note\">Emotions: share of each true emotion, in %, and utterances. The name "
          "leads to its own page: folds, classes, training, examples.</p>\n<div class=\"figures\">\n", f);
    for (int i = 0; i < s->n; i++) {
        const json_t *pooled = ser_at(ser_at(s->x[i].scores, "emotion"), "pooled");

        fputs("<figure><figcaption>", f);
        write_link(f, s, &s->x[i], ser_experiment_name(&s->x[i]));
        if (pooled)
            fprintf(f, ": UA %.1f", ser_number(ser_at(pooled, "UA"), "value"));
        fputs("</figcaption>", f);
        if (ser_at(pooled, "confusion")) {
            ser_svg_begin(f, SER_PLOT_WIDTH, ser_plot_confusion_height(pooled), ser_experiment_name(&s->x[i]), false);
            ser_plot_confusion(f, pooled);
            ser_svg_end(f);
        }
        fputs("</figure>\n", f);
    }
    fputs("</div>\n", f);
}

/* ---- the page ---------------------------------------------------------------------------------------------------- */

/* Lines of text, in place; the caller frees s->line. */
static base_status take_lines(summary *s, char *text, base_error *e)
{
    size_t most = 2;

    for (const char *c = text; *c; c++)
        most += *c == '\n';
    s->line = malloc(most * sizeof(*s->line));
    if (!s->line)
        return base_fail(e, BASE_NO_MEMORY, "no memory for %zu lines", most);
    for (char *line; (line = strsep(&text, "\n"));)
        s->line[s->lines++] = line;
    for (int i = 0; i < s->lines; i++)
        for (const char *bar = s->line[i]; (bar = strchr(bar, '|')); bar++) {
            figure g = figure_of(bar + 1);

            if (g.difference)
                s->widest = fmax(s->widest, fmax(fabs(g.low), fabs(g.high)));
        }
    return BASE_OK;
}

base_status ser_report_summary(const ser_experiment *x, int n, const ser_report_options *o, FILE *f, base_error *e)
{
    summary s = { .x = x, .n = n, .out = o->out };
    char *folder = strndup(o->tables, (size_t)(last_part(o->tables) - o->tables)), *text = NULL;
    size_t size;

    if (!folder)
        base_fail(e, BASE_NO_MEMORY, "no memory for a path");
    else if (base_read_file(o->tables, TEXT_LIMIT, &text, &size, e) == BASE_OK && take_lines(&s, text, e) == BASE_OK) {
        write_text(f, &s);
        include_figure(f, *folder ? folder : ".", "figure2.svg", "Confusion of the parts and of their fusions");
        include_figure(f, *folder ? folder : ".", "figure3.svg", "Gate values of speech and text");
        write_each(f, &s);
    }
    free(s.line);
    free(text);
    free(folder);
    return e->status;
}
