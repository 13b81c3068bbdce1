/* The table of results, from scores.json to rows of cells, and its form for a terminal. */
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "base/utf8.h"
#include "recipes/report.h"

static const struct { const char *section, *metric;
} column[SER_REPORT_COLUMNS] = {
    { "emotion", "UA" }, { "emotion", "WA" }, { "emotion", "WF1" }, { "emotion", "MF1" },
    { "text", "WER" },   { "gender", "UA" },  { "style", "UA" },
};
const char *const ser_report_title[SER_REPORT_COLUMNS] = { "UA", "WA", "WF1", "MF1", "WER", "gender UA", "style UA" };

static const json_t *section_of(const ser_experiment *x, int c) { return ser_at(x->scores, column[c].section); }

static ser_cell measure_cell(const json_t *score, int c)
{
    const json_t *m = ser_at(score, column[c].metric);
    ser_cell cell = { 0 };

    if (m)
        cell = (ser_cell){ true, true, false, ser_number(m, "value"), ser_number(m, "low"), ser_number(m, "high"), 0 };
    return cell;
}

/* ---- folds ----------------------------------------------------------------------------------------------------- */

/* The row of a fold, a new one where no section before had it; -1: no memory. rows_of: numbers of rows by name. */
static int row_of_fold(json_t *rows_of, ser_row *rows, int *n, const json_t *fold, const char *name)
{
    const json_t *known = json_object_get(rows_of, name);

    if (known)
        return (int)json_integer_value(known);
    if (json_object_set_new(rows_of, name, json_integer(*n)) != 0)
        return -1;
    rows[*n] = (ser_row){ SER_ROW_FOLD, name, json_integer_value(ser_at(fold, "utterances")), { { 0 } } };
    return (*n)++;
}

/* A row for each fold that any section has, in the order of the first that has it. */
static base_status add_folds(const ser_experiment *x, ser_row *rows, int *n, base_error *e)
{
    json_t *rows_of = json_object();
    const json_t *fold;
    size_t i;
    int row = 0;

    for (int c = 0; c < SER_REPORT_COLUMNS && row >= 0; c++)
        json_array_foreach(ser_at(section_of(x, c), "folds"), i, fold) {
            const char *name = json_string_value(ser_at(fold, "name"));

            if (!name)
                continue;
            row = row_of_fold(rows_of, rows, n, fold, name);
            if (row < 0)
                break;
            if (!rows[row].cell[c].known)
                rows[row].cell[c] = measure_cell(fold, c);
        }
    json_decref(rows_of);
    return row < 0 ? base_fail(e, BASE_NO_MEMORY, "no memory for a table of folds") : BASE_OK;
}

static bool is_known(const ser_row *row)
{
    for (int c = 0; c < SER_REPORT_COLUMNS; c++)
        if (row->cell[c].known)
            return true;
    return false;
}

static ser_row spread_row(const ser_experiment *x)
{
    ser_row row = { SER_ROW_SPREAD, "mean and deviation of folds", 0, { { 0 } } };

    for (int c = 0; c < SER_REPORT_COLUMNS; c++) {
        const json_t *m = ser_at(ser_at(section_of(x, c), "spread"), column[c].metric);

        if (ser_number(m, "n") > 1)
            row.cell[c] = (ser_cell){ true, false, true, ser_number(m, "mean"), 0, 0, ser_number(m, "sd") };
    }
    return row;
}

static ser_row pooled_row(const ser_experiment *x)
{
    ser_row row = { SER_ROW_POOLED, "pooled", 0, { { 0 } } };

    for (int c = 0; c < SER_REPORT_COLUMNS; c++) {
        const json_t *pooled = ser_at(section_of(x, c), "pooled");

        row.cell[c] = measure_cell(pooled, c);
        if (row.utterances == 0)
            row.utterances = json_integer_value(ser_at(pooled, "utterances"));
    }
    return row;
}

static ser_row majority_row(const ser_experiment *x)
{
    ser_row row = { SER_ROW_MAJORITY, "", 0, { { 0 } } };

    for (int c = 0; c < SER_REPORT_COLUMNS; c++) {
        const json_t *majority = ser_at(section_of(x, c), "majority");
        const char *label = json_string_value(ser_at(majority, "label"));

        if (majority)
            row.cell[c] = (ser_cell){ true, false, false, ser_number(majority, column[c].metric), 0, 0, 0 };
        if (label && !*row.name)
            row.name = label;
    }
    return row;
}

base_status ser_report_rows(const ser_experiment *x, ser_row **rows, int *n, base_error *e)
{
    size_t most = 3;
    ser_row row;

    for (int c = 0; c < SER_REPORT_COLUMNS; c++)
        most += json_array_size(ser_at(section_of(x, c), "folds"));
    *n = 0;
    *rows = calloc(most, sizeof(**rows));
    if (!*rows)
        return base_fail(e, BASE_NO_MEMORY, "no memory for a table of %zu rows", most);
    if (add_folds(x, *rows, n, e) != BASE_OK) {
        free(*rows);
        return e->status;
    }
    row = spread_row(x);
    if (is_known(&row))
        (*rows)[(*n)++] = row;
    row = pooled_row(x);
    (*rows)[(*n)++] = row;
    row = majority_row(x);
    if (is_known(&row))
        (*rows)[(*n)++] = row;
    return BASE_OK;
}

void ser_report_columns(const ser_experiment *x, int n, bool shown[SER_REPORT_COLUMNS])
{
    for (int c = 0; c < SER_REPORT_COLUMNS; c++) {
        shown[c] = false;
        for (int i = 0; i < n; i++)
            shown[c] |= ser_at(ser_at(section_of(&x[i], c), "pooled"), column[c].metric) != NULL;
    }
}

void ser_report_intervals(const ser_experiment *x, char *out, size_t size)
{
    const char *section = ser_at(x->scores, "emotion") ? "emotion" : "text", *table, *slash;
    const json_t *b = ser_at(ser_at(x->scores, section), "bootstrap");
    long long clusters = json_integer_value(ser_at(b, "clusters"));

    *out = '\0';
    if (!b)
        return;
    table = ser_string(b, "table");
    slash = strrchr(table, '/');
    if (clusters)
        snprintf(out, size, "Intervals draw %s of %.100s, and utterances of each%s.", base_count(clusters, "cluster"),
            slash ? slash + 1 : table,
            json_is_true(ser_at(b, "coarse")) ? "; so few make them coarse" : "");
    else
        snprintf(out, size, "Intervals draw utterances.");
}

/* ---- for a terminal -------------------------------------------------------------------------------------------- */

static void print_line(const char *name, int64_t utterances, const ser_cell *cell, int part, const bool *shown, FILE *f)
{
    fprintf(f, "%-20.20s", name);
    if (utterances > 0)
        fprintf(f, " %10lld", (long long)utterances);
    else
        fprintf(f, " %10s", "-");
    for (int c = 0; c < SER_REPORT_COLUMNS; c++) {
        double value = part == 0 ? cell[c].value : part == 1 ? cell[c].low : part == 2 ? cell[c].high : cell[c].sd;

        if (shown[c] && cell[c].known && (part == 0 || part == 3 || cell[c].has_interval))
            fprintf(f, " %9.2f", value);
        else if (shown[c])
            fprintf(f, " %9s", "-");
    }
    fputc('\n', f);
}

const char *ser_row_prefix(const ser_row *row)
{
    if (row->kind == SER_ROW_MAJORITY)
        return "always ";
    return row->kind == SER_ROW_FOLD && strncmp(row->name, "fold", 4) != 0 ? "fold " : "";
}

static void print_row(const ser_row *row, const bool *shown, FILE *f)
{
    char name[80];

    if (row->kind == SER_ROW_SPREAD) {
        print_line("mean of folds", 0, row->cell, 0, shown, f);
        print_line("standard deviation", 0, row->cell, 3, shown, f);
    } else if (row->kind == SER_ROW_POOLED) {
        print_line("pooled", row->utterances, row->cell, 0, shown, f);
        print_line("  95 % from", 0, row->cell, 1, shown, f);
        print_line("         to", 0, row->cell, 2, shown, f);
    } else {
        snprintf(name, sizeof(name), "%s%s", ser_row_prefix(row), row->name);
        base_make_plain(name, false);
        print_line(name, row->utterances, row->cell, 0, shown, f);
    }
}

base_status ser_report_print(const ser_experiment *x, int n, FILE *f, base_error *e)
{
    bool shown[SER_REPORT_COLUMNS];
    char drawn[200], name[21];

    ser_report_columns(x, n, shown);
    for (int i = 0; i < n; i++) {
        ser_row *rows;
        int n_rows;

        if (ser_report_rows(&x[i], &rows, &n_rows, e) != BASE_OK)
            return e->status;
        snprintf(name, sizeof(name), "%s", ser_experiment_name(&x[i]));
        base_make_plain(name, false);
        fprintf(f, "%s%-20s %10s", i ? "\n" : "", name, "utterances");
        for (int c = 0; c < SER_REPORT_COLUMNS; c++)
            if (shown[c])
                fprintf(f, " %9s", ser_report_title[c]);
        fputc('\n', f);
        for (int r = 0; r < n_rows; r++)
            print_row(&rows[r], shown, f);
        ser_report_intervals(&x[i], drawn, sizeof(drawn));
        fprintf(f, "%s%s", drawn, *drawn ? "\n" : "");
        free(rows);
    }
    return BASE_OK;
}
