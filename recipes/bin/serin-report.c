/* Experiments on one page. */
#include <stdlib.h>

#include "base/file.h"
#include "base/log.h"
#include "base/options.h"
#include "recipes/report.h"

static const char usage[] =
    "Writes one HTML file about experiments, readable without network and scripts, and prints their table.\n"
    "Usage: serin-report [options] <out.html> <exp-dir|scores.json> [<exp-dir|scores.json> …]\n"
    "e.g.:  serin-report exp/report.html exp/exp01 exp/exp02\n"
    "       serin-report --tables=exp/tables.txt exp/report.html exp/exp01 exp/exp02\n";

static base_status write_page(const char *path, const ser_experiment *x, int n, const ser_report_options *o,
                              base_error *e)
{
    base_out out;

    if (base_out_open(&out, path, e) != BASE_OK)
        return e->status;
    if (ser_report_page(x, n, o, out.f, e) == BASE_OK)
        return base_out_commit(&out, e);
    base_out_abandon(&out);
    return e->status;
}

int main(int argc, char **argv)
{
    ser_report_options o = SER_REPORT_DEFAULTS;
    base_options *po = base_options_new(usage);
    base_error e = BASE_ERROR_INIT;
    ser_experiment *x;
    int n;

    base_option_text(po, "title", &o.title, "of the page");
    base_option_int(po, "examples", &o.examples, 0, 1000, "utterances shown of each experiment");
    base_option_text(po, "tables", &o.tables,
                     "a text of paper_tables.sh: the page shows it, and leads to each experiment's own page");
    base_options_parse(po, argc, argv, 2, -1);
    n = base_options_count(po) - 1;
    o.out = base_options_argument(po, 0);
    x = calloc((size_t)n, sizeof(*x));
    if (!x)
        base_fail(&e, BASE_NO_MEMORY, "no memory for %d experiments", n);
    for (int i = 0; i < n && e.status == BASE_OK; i++)
        ser_experiment_read(&x[i], base_options_argument(po, i + 1), &e);
    if (e.status == BASE_OK && write_page(o.out, x, n, &o, &e) == BASE_OK)
        ser_report_print(x, n, stdout, &e);
    for (int i = 0; i < n && x; i++)
        ser_experiment_free(&x[i]);
    free(x);
    base_options_free(po);
    return e.status == BASE_OK ? base_report("experiment", n, 0) : base_give_up(&e);
}
