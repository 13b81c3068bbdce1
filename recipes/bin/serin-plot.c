/* Figures as SVG files. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/options.h"
#include "recipes/plot.h"
#include "recipes/score.h"
#include "recipes/svg.h"

static const char usage[] =
    "Draws one figure: the folds of a section of scores.json; confusion matrices, one of each scores.json, side by side; how the\n"
    "gates of a temporal fusion are spread for each label; or the curves of training logs.\n"
    "Usage: serin-plot [options] <scores.json> [<scores.json> …] <out.svg>\n"
    "       serin-plot [options] --kind=gates <decode-dir> <utt2emo> <out.svg>\n"
    "       serin-plot [options] --kind=curves <train.tsv> [<train.tsv> …] <out.svg>\n"
    "e.g.:  serin-plot --kind=confusion --section=emotion exp/scores.json exp/confusion.svg\n";

/* The section of scores, which must have what is to be drawn; NULL: not so. */
static const json_t *find_section(const json_t *scores, const char *path, const char *section, const char *what, base_error *e)
{
    const json_t *found = json_object_get(scores, section);

    if (scores && !found)
        base_fail(e, BASE_MISSING, "%s: no section \"%s\"", path, section);
    else if (scores && !json_object_get(json_object_get(found, "pooled"), what))
        base_fail(e, BASE_MISSING, "%s: section \"%s\" has no %s%s", path, section, what,
            strcmp(what, "confusion") ? "" : " matrix");
    return e->status ? NULL : found;
}

static base_status plot_folds(FILE *f, const char *path, const char *section, const char *metric, base_error *e)
{
    json_t *scores = ser_scores_read(path, e);
    const json_t *found = find_section(scores, path, section, metric, e);

    if (found) {
        ser_svg_begin(f, SER_PLOT_WIDTH, ser_plot_folds_height(found), "folds", true);
        ser_plot_folds(f, found, metric);
        ser_svg_end(f);
    }
    json_decref(scores);
    return e->status;
}

/* Matrices of several experiments side by side, two in a row, each with its name: figure 2 of the paper. */
static void draw_confusions(FILE *f, json_t *const *scores, int n, const char *section)
{
    const int gap = 16, title = n > 1 ? 22 : 0;
    double height = 0;

    for (int i = 0; i < n; i++)
        height = fmax(height, ser_plot_confusion_height(ser_at(ser_at(scores[i], section), "pooled")));
    ser_svg_begin(f, n > 1 ? 2 * SER_PLOT_WIDTH + gap : SER_PLOT_WIDTH, (n + 1) / 2 * (height + title + gap) - gap, "confusion", true);
    for (int i = 0; i < n; i++) {
        double x = i % 2 * (SER_PLOT_WIDTH + gap), y = i / 2 * (height + title + gap);

        if (n > 1)
            ser_svg_text(f, x, y + 14, "start large", "%s", ser_string(scores[i], "name"));
        ser_svg_nest(f, x, y + title, SER_PLOT_WIDTH, height);
        ser_plot_confusion(f, ser_at(ser_at(scores[i], section), "pooled"));
        ser_svg_end(f);
    }
    ser_svg_end(f);
}

static base_status plot_confusions(FILE *f, const base_options *po, int n, const char *section, base_error *e)
{
    json_t **scores = calloc((size_t)n, sizeof *scores);

    if (!scores)
        return base_fail(e, BASE_NO_MEMORY, "no memory for %d matrices", n);
    for (int i = 0; i < n && !e->status; i++) {
        const char *path = base_options_argument(po, i);

        scores[i] = ser_scores_read(path, e);
        find_section(scores[i], path, section, "confusion", e);
    }
    if (!e->status)
        draw_confusions(f, scores, n, section);
    for (int i = 0; i < n; i++)
        json_decref(scores[i]);
    free(scores);
    return e->status;
}

/* Panels, two in a row. */
static void draw_panels(FILE *f, const ser_train_log *logs, int n)
{
    const int gap = 16, w = SER_PLOT_WIDTH + gap, h = SER_PLOT_CURVES_HEIGHT + gap;
    int panels = 0, drawn = 0;

    for (int c = SER_LOG_LOSS; c < SER_LOG_COLUMNS; c++)
        panels += ser_plot_has(logs, n, (ser_log_column)c);
    ser_svg_begin(f, panels > 1 ? 2 * w : w, (panels + 1) / 2 * h, "training curves", true);
    for (int c = SER_LOG_LOSS; c < SER_LOG_COLUMNS; c++) {
        if (!ser_plot_has(logs, n, (ser_log_column)c))
            continue;
        ser_svg_nest(f, drawn % 2 * w, drawn / 2 * h, SER_PLOT_WIDTH, SER_PLOT_CURVES_HEIGHT);
        ser_plot_curves(f, logs, n, (ser_log_column)c);
        ser_svg_end(f);
        drawn++;
    }
    ser_svg_end(f);
}

static base_status plot_curves(FILE *f, const base_options *po, int n, base_error *e)
{
    ser_train_log *logs = calloc((size_t)n, sizeof(*logs));

    if (!logs)
        return base_fail(e, BASE_NO_MEMORY, "no memory for %d logs", n);
    for (int i = 0; i < n && e->status == BASE_OK; i++)
        ser_train_log_read(&logs[i], base_options_argument(po, i), e);
    if (e->status == BASE_OK)
        draw_panels(f, logs, n);
    for (int i = 0; i < n; i++)
        ser_train_log_free(&logs[i]);
    free(logs);
    return e->status;
}

int main(int argc, char **argv)
{
    const char *kind = "confusion", *section = "emotion", *metric = "UA";
    base_options *po = base_options_new(usage);
    base_error e = BASE_ERROR_INIT;
    base_out out;
    int n;

    base_option_choice(po, "kind", &kind, "confusion|folds|curves|gates", "what to draw");
    base_option_text(po, "section", &section, "of scores.json: emotion, gender, style, text");
    base_option_text(po, "metric", &metric, "of folds: UA, WA, WF1, MF1, WER");
    base_options_parse(po, argc, argv, 2, -1);
    n = base_options_count(po) - 1;
    if (!strcmp(kind, "folds") && n > 1)
        base_fail(&e, BASE_VALUE, "--kind=folds draws one scores.json, %d found", n);
    if (!strcmp(kind, "gates") && n != 2)
        base_fail(&e, BASE_VALUE, "--kind=gates draws one folder of serin-decode and its labels, %d arguments found", n);
    if (e.status == BASE_OK && base_out_open(&out, base_options_argument(po, n), &e) == BASE_OK) {
        if (!strcmp(kind, "curves"))
            plot_curves(out.f, po, n, &e);
        else if (!strcmp(kind, "gates"))
            ser_plot_gates(out.f, base_options_argument(po, 0), base_options_argument(po, 1), &e);
        else if (!strcmp(kind, "folds"))
            plot_folds(out.f, base_options_argument(po, 0), section, metric, &e);
        else
            plot_confusions(out.f, po, n, section, &e);
        if (e.status == BASE_OK)
            base_out_commit(&out, &e);
        else
            base_out_abandon(&out);
    }
    base_options_free(po);
    return e.status == BASE_OK ? base_report("figure", 1, 0) : base_give_up(&e);
}
