/* The report: a table of all experiments, then a chapter for each. Everything is in the one file; nothing is fetched, and
 * nothing needs a script. */
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/arena.h"
#include "base/number.h"
#include "base/parallel.h"
#include "libnn/nn.h"
#include "recipes/report.h"
#include "recipes/svg.h"

/* <tag>text</tag>, escaped. */
static void element(FILE *f, const char *tag, const char *content)
{
    fprintf(f, "<%s>", tag);
    ser_escape(f, content);
    fprintf(f, "</%.*s>\n", (int)strcspn(tag, " "), tag);
}

/* ---- the head -------------------------------------------------------------------------------------------------- */

static void write_head(FILE *f, const char *title)
{
    fputs("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
          "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"color-scheme\" "
          "content=\"light dark\">\n",
          f);
    element(f, "title", title);
    fprintf(f, "<style>\n%s%s</style>\n</head>\n<body>\n<main>\n", ser_svg_style, ser_report_style);
    element(f, "h1", title);
}

static void write_lead(FILE *f, const ser_experiment *x, int n)
{
    const json_t *pooled = ser_at(ser_at(x->scores, "emotion"), "pooled");
    size_t folds;

    if (!pooled)
        pooled = ser_at(ser_at(x->scores, "text"), "pooled");
    folds = json_array_size(ser_at(ser_at(x->scores, ser_at(x->scores, "emotion") ? "emotion" : "text"), "folds"));
    fputs("<p class=\"lead\">", f);
    if (n > 1)
        fprintf(f, "%d experiments.", n);
    else if (pooled)
        fprintf(f, "%s scored", base_count(json_integer_value(ser_at(pooled, "utterances")), "utterance"));
    if (n == 1 && pooled && folds)
        fprintf(f, " in %s.", base_count((int64_t)folds, "fold"));
    else if (n == 1)
        fputc('.', f);
    fputs(
        " UA: mean recall of the emotions. WA: share that is right. WF1, MF1: F1, weighted by frequency and plain mean."
        " WER: word error rate. All in %, with 95 % bootstrap intervals.</p>\n",
        f);
}

/* ---- the first figures to look at ------------------------------------------------------------------------------ */

static void write_fact(FILE *f, const json_t *section, const char *metric, const char *what)
{
    const json_t *m = ser_at(ser_at(section, "pooled"), metric), *majority = ser_at(section, "majority");

    if (!m)
        return;
    fprintf(f, "<li><span>%s</span><b>%.1f %%</b><small>95 %%: %.1f to %.1f</small>", what, ser_number(m, "value"),
            ser_number(m, "low"), ser_number(m, "high"));
    if (majority) {
        fputs("<small>always “", f);
        ser_escape(f, ser_string(majority, "label"));
        fprintf(f, "”: %.1f</small>", ser_number(majority, metric));
    }
    fputs("</li>\n", f);
}

static void write_facts(FILE *f, const ser_experiment *x)
{
    fputs("<ul class=\"facts\">\n", f);
    write_fact(f, ser_at(x->scores, "emotion"), "UA", "Emotion, UA");
    write_fact(f, ser_at(x->scores, "emotion"), "WA", "Emotion, WA");
    write_fact(f, ser_at(x->scores, "text"), "WER", "Word error rate");
    write_fact(f, ser_at(x->scores, "gender"), "UA", "Gender, UA");
    write_fact(f, ser_at(x->scores, "style"), "UA", "Style, UA");
    fputs("</ul>\n", f);
}

/* ---- the table ------------------------------------------------------------------------------------------------- */

static void write_cell(FILE *f, const ser_cell *cell, const char *title)
{
    fprintf(f, "<td data-name=\"%s\">", title);
    if (cell->known)
        fprintf(f, "%.1f", cell->value);
    if (cell->known && cell->has_interval)
        fprintf(f, "<small>%.1f–%.1f</small>", cell->low, cell->high);
    if (cell->known && cell->has_spread)
        fprintf(f, "<small>± %.1f</small>", cell->sd);
    fputs("</td>", f);
}

static void write_row(FILE *f, const ser_row *row, const bool *shown)
{
    static const char *const class[] = { "fold", "spread", "pooled", "majority" };

    fprintf(f, "<tr class=\"%s\"><th scope=\"row\">%s", class[row->kind], ser_row_prefix(row));
    ser_escape(f, row->name);
    fputs("</th><td data-name=\"utterances\">", f);
    if (row->utterances)
        fprintf(f, "%lld", (long long)row->utterances);
    fputs("</td>", f);
    for (int c = 0; c < SER_REPORT_COLUMNS; c++)
        if (shown[c])
            write_cell(f, &row->cell[c], ser_report_title[c]);
    fputs("</tr>\n", f);
}

/* full: folds and all; else the pooled row, named after the experiment. */
static base_status write_experiment_rows(FILE *f, const ser_experiment *x, int number_of, bool full, const bool *shown,
                                         base_error *e)
{
    ser_row *rows;
    int n;

    if (ser_report_rows(x, &rows, &n, e) != BASE_OK)
        return e->status;
    for (int r = 0; r < n; r++) {
        if (!full && rows[r].kind != SER_ROW_POOLED)
            continue;
        if (full) {
            write_row(f, &rows[r], shown);
            continue;
        }
        fprintf(f, "<tr class=\"one\"><th scope=\"row\"><a href=\"#x%d\">", number_of);
        ser_escape(f, ser_experiment_name(x));
        fputs("</a><small>", f);
        ser_escape(f, ser_string(x->scores, "corpus"));
        fprintf(f, "</small></th><td data-name=\"utterances\">%lld</td>", (long long)rows[r].utterances);
        for (int c = 0; c < SER_REPORT_COLUMNS; c++)
            if (shown[c])
                write_cell(f, &rows[r].cell[c], ser_report_title[c]);
        fputs("</tr>\n", f);
    }
    free(rows);
    return BASE_OK;
}

/* Of one experiment with all its rows, or of several, a row each. */
static base_status write_table(FILE *f, const ser_experiment *x, int n, bool full, base_error *e)
{
    bool shown[SER_REPORT_COLUMNS];

    ser_report_columns(x, n, shown);
    fprintf(f, "<table class=\"results\">\n<thead><tr><th>%s</th><th>utterances</th>", full ? "" : "experiment");
    for (int c = 0; c < SER_REPORT_COLUMNS; c++)
        if (shown[c])
            fprintf(f, "<th>%s</th>", ser_report_title[c]);
    fputs("</tr></thead>\n<tbody>\n", f);
    for (int i = 0; i < n && e->status == BASE_OK; i++)
        write_experiment_rows(f, &x[i], i + 1, full, shown, e);
    fputs("</tbody>\n</table>\n", f);
    return e->status;
}

/* ---- figures --------------------------------------------------------------------------------------------------- */

static void begin_figure(FILE *f, const char *caption, double height)
{
    fputs("<figure>", f);
    element(f, "figcaption", caption);
    ser_svg_begin(f, SER_PLOT_WIDTH, height, caption, false);
}

static void end_figure(FILE *f)
{
    ser_svg_end(f);
    fputs("</figure>\n", f);
}

static void write_classes(FILE *f, const json_t *pooled)
{
    const json_t *class;
    size_t i;

    fputs("<figure><figcaption>Each emotion</figcaption><table>\n<thead><tr><th></th><th>utterances</th><th>recall</th>"
          "<th>precision</th><th>F1</th></tr></thead>\n<tbody>\n", f);
    json_array_foreach(ser_at(pooled, "classes"), i, class) {
        fputs("<tr><th scope=\"row\">", f);
        ser_escape(f, ser_string(class, "label"));
        fprintf(f,
                "</th><td>%lld</td><td>%.1f<span class=\"bar\" "
                "style=\"width:%.0f%%\"></span></td><td>%.1f</td><td>%.1f</td></tr>\n",
                (long long)json_integer_value(ser_at(class, "utterances")), ser_number(class, "recall"),
                ser_number(class, "recall"), ser_number(class, "precision"), ser_number(class, "F1"));
    }
    fputs("</tbody>\n</table></figure>\n", f);
}

static void write_groups(FILE *f, const json_t *section)
{
    const json_t *group;
    size_t i;

    if (!json_array_size(ser_at(section, "groups")))
        return;
    fputs("<figure><figcaption>Each "
          "group</figcaption><table>\n<thead><tr><th></th><th>utterances</th><th>UA</th><th>WA</th></tr></"
          "thead>\n<tbody>\n",
          f);
    json_array_foreach(ser_at(section, "groups"), i, group) {
        fputs("<tr><th scope=\"row\">", f);
        ser_escape(f, ser_string(group, "name"));
        fprintf(f, "</th><td>%lld</td>", (long long)json_integer_value(ser_at(group, "utterances")));
        for (int m = 0; m < 2; m++) {
            const json_t *value = ser_at(group, m ? "WA" : "UA");

            fprintf(f, "<td>%.1f<small>%.1f–%.1f</small></td>", ser_number(value, "value"), ser_number(value, "low"),
                    ser_number(value, "high"));
        }
        fputs("</tr>\n", f);
    }
    fputs("</tbody>\n</table></figure>\n", f);
}

static void write_confusion(FILE *f, const json_t *section, const char *caption)
{
    const json_t *pooled = ser_at(section, "pooled");

    if (!ser_at(pooled, "confusion"))
        return;
    begin_figure(f, caption, ser_plot_confusion_height(pooled));
    ser_plot_confusion(f, pooled);
    end_figure(f);
}

static void write_folds(FILE *f, const json_t *section, const char *metric, const char *caption)
{
    if (!json_array_size(ser_at(section, "folds")))
        return;
    begin_figure(f, caption, ser_plot_folds_height(section));
    ser_plot_folds(f, section, metric);
    end_figure(f);
}

static void write_figures(FILE *f, const ser_experiment *x)
{
    const json_t *emotion = ser_at(x->scores, "emotion");

    fputs("<div class=\"figures\">\n", f);
    write_confusion(f, emotion, "Emotions: share of each true emotion, in %, and utterances");
    if (emotion)
        write_classes(f, ser_at(emotion, "pooled"));
    write_folds(f, emotion, "UA", "Emotion by fold");
    write_folds(f, ser_at(x->scores, "text"), "WER", "Word error rate by fold");
    if (emotion)
        write_groups(f, emotion);
    write_confusion(f, ser_at(x->scores, "gender"), "Gender");
    write_confusion(f, ser_at(x->scores, "style"), "Style");
    fputs("</div>\n", f);
}

static void write_curves(FILE *f, const ser_experiment *x)
{
    bool any = false;

    for (int c = SER_LOG_LOSS; c < SER_LOG_RATE; c++) {
        if (!ser_plot_has(x->log, x->logs, (ser_log_column)c))
            continue;
        if (!any)
            fputs("<h3>Training</h3>\n<div class=\"figures\">\n", f);
        any = true;
        fputs("<figure>", f);
        ser_svg_begin(f, SER_PLOT_WIDTH, SER_PLOT_CURVES_HEIGHT, ser_log_title[c], false);
        ser_plot_curves(f, x->log, x->logs, (ser_log_column)c);
        end_figure(f);
    }
    if (any)
        fputs("</div>\n", f);
}

/* ---- how it was made ------------------------------------------------------------------------------------------- */

static void write_commands(FILE *f, const ser_experiment *x)
{
    const char *name;
    json_t *section;

    fputs("<h3>How it was made</h3>\n<details><summary>Commands that scored it</summary>\n<pre>", f);
    json_object_foreach(x->scores, name, section) {
        const char *command = json_string_value(ser_at(section, "command"));

        if (!command)
            continue;
        ser_escape(f, command);
        fputc('\n', f);
    }
    fputs("</pre></details>\n", f);
    if (x->config) {
        fputs("<details><summary>Configuration</summary>\n<pre>", f);
        ser_escape(f, x->config);
        fputs("</pre></details>\n", f);
    }
}

static void write_fact_line(FILE *f, const char *name, const char *value)
{
    fprintf(f, "<dt>%s</dt>", name);
    element(f, "dd", value);
}

/* The first "model name" of /proc/cpuinfo. */
static void processor_name(char *out, size_t size)
{
    FILE *f = fopen("/proc/cpuinfo", "r");
    char line[400];

    snprintf(out, size, "unknown");
    while (f && fgets(line, sizeof(line), f))
        if (strncmp(line, "model name", 10) == 0 && strchr(line, ':')) {
            line[strcspn(line, "\n")] = '\0';
            snprintf(out, size, "%s", strchr(line, ':') + 2);
            break;
        }
    if (f)
        fclose(f);
}

static void write_environment(FILE *f)
{
    char value[400];
    struct utsname u;

    fputs("<h2>Environment</h2>\n<p class=\"note\">Where this page was written.</p>\n<dl>\n", f);
    write_fact_line(f, "Serin", PACKAGE_VERSION);
    processor_name(value, sizeof(value));
    write_fact_line(f, "processor", value);
    snprintf(value, sizeof(value), "%d", base_threads());
    write_fact_line(f, "threads", value);
    write_fact_line(f, "BLAS", nn_blas(NULL));
    snprintf(value, sizeof(value), "%.1f GiB", (double)base_memory_total() / (1 << 30));
    write_fact_line(f, "memory", value);
    if (uname(&u) == 0) {
        snprintf(value, sizeof(value), "%s %s, %s", u.sysname, u.release, u.machine);
        write_fact_line(f, "system", value);
    }
    fputs("</dl>\n", f);
}

/* ---- the page -------------------------------------------------------------------------------------------------- */

static base_status write_experiment(FILE *f, const ser_experiment *x, int i, int n, const ser_report_options *o,
                                    base_error *e)
{
    char drawn[200];

    if (n > 1) {
        fprintf(f, "<h2 id=\"x%d\">", i + 1);
        ser_escape(f, ser_experiment_name(x));
        fputs("</h2>\n", f);
    }
    write_facts(f, x);
    if (write_table(f, x, 1, true, e) != BASE_OK)
        return e->status;
    ser_report_intervals(x, drawn, sizeof(drawn));
    if (*drawn)
        element(f, "p class=\"note\"", drawn);
    write_figures(f, x);
    write_curves(f, x);
    ser_report_examples(x, o->examples, f);
    write_commands(f, x);
    return BASE_OK;
}

base_status ser_report_page(const ser_experiment *x, int n, const ser_report_options *o, FILE *f, base_error *e)
{
    const char *corpus = ser_string(x->scores, "corpus");
    char title[400];

    for (int i = 1; i < n; i++)
        if (strcmp(ser_string(x[i].scores, "corpus"), corpus) != 0)
            corpus = "";
    if (*o->title)
        snprintf(title, sizeof(title), "%s", o->title);
    else
        snprintf(title, sizeof(title), "Speech emotion recognition%s%s", *corpus ? ": " : "", corpus);
    write_head(f, title);
    write_lead(f, x, n);
    if (*o->tables)
        ser_report_summary(x, n, o, f, e);
    else if (n > 1)
        write_table(f, x, n, false, e);
    for (int i = 0; !*o->tables && i < n && e->status == BASE_OK; i++)
        write_experiment(f, &x[i], i, n, o, e);
    write_environment(f);
    fputs("</main>\n</body>\n</html>\n", f);
    return e->status;
}
