/* Figures as SVG files. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/options.h"
#include "recipes/plot.h"
#include "recipes/score.h"
#include "recipes/svg.h"

static const char usage[] =
    "Draws one figure: the confusion matrix or the folds of a section of scores.json, or the curves of training logs.\n"
    "Usage: serin-plot [options] <scores.json> <out.svg>\n"
    "       serin-plot [options] --kind=curves <train.tsv> [<train.tsv> …] <out.svg>\n"
    "e.g.:  serin-plot --kind=confusion --section=emotion exp/scores.json exp/confusion.svg\n";

static base_status plot_scores(FILE *f, const char *path, const char *kind, const char *section, const char *metric,
                               base_error *e)
{
    json_t *scores = ser_scores_read(path, e);
    const json_t *found = json_object_get(scores, section), *pooled = json_object_get(found, "pooled");
    bool confusion = strcmp(kind, "confusion") == 0;

    if (!scores)
        return e->status;
    if (!found)
        base_fail(e, BASE_MISSING, "%s: no section \"%s\"", path, section);
    else if (!json_object_get(pooled, confusion ? "confusion" : metric))
        base_fail(e, BASE_MISSING, "%s: section \"%s\" has no %s", path, section,
                  confusion ? "confusion matrix" : metric);
    if (e->status == BASE_OK) {
        ser_svg_begin(f, SER_PLOT_WIDTH, confusion ? ser_plot_confusion_height(pooled) : ser_plot_folds_height(found),
                      kind, true);
        if (confusion)
            ser_plot_confusion(f, pooled);
        else
            ser_plot_folds(f, found, metric);
        ser_svg_end(f);
    }
    json_decref(scores);
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

    base_option_choice(po, "kind", &kind, "confusion|folds|curves", "what to draw");
    base_option_text(po, "section", &section, "of scores.json: emotion, gender, style, text");
    base_option_text(po, "metric", &metric, "of folds: UA, WA, WF1, MF1, WER");
    base_options_parse(po, argc, argv, 2, -1);
    n = base_options_count(po) - 1;
    if (strcmp(kind, "curves") != 0 && n > 1)
        base_fail(&e, BASE_VALUE, "--kind=%s draws one scores.json, %d found", kind, n);
    if (e.status == BASE_OK && base_out_open(&out, base_options_argument(po, n), &e) == BASE_OK) {
        if (strcmp(kind, "curves") == 0)
            plot_curves(out.f, po, n, &e);
        else
            plot_scores(out.f, base_options_argument(po, 0), kind, section, metric, &e);
        if (e.status == BASE_OK)
            base_out_commit(&out, &e);
        else
            base_out_abandon(&out);
    }
    base_options_free(po);
    return e.status == BASE_OK ? base_report("figures", 1, 0) : base_give_up(&e);
}
