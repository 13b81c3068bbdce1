/* serin-normalize: the texts of a table, brought into one form. */
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/log.h"
#include "base/options.h"
#include "libtext/tx.h"

static const char usage[] =
    "Normalises the texts of a Kaldi table, as text-norm of a configuration does: case, apostrophes, tags, punctuation, numbers.\n"
    "Usage: serin-normalize [options] <text> <new-text>\n"
    "e.g.:  serin-normalize --norm=upper,nfkd,digits,tags,punctuation,collapse data/raw/text data/all/text\n";

static base_status write_line(const tx_entry *entry, const tx_normalise_options *o, FILE *f, base_error *e)
{
    char *text = tx_normalise(entry->value, o, e);

    if (text)
        fprintf(f, "%s%s%s\n", entry->key, *text ? " " : "", text);
    free(text);
    return e->status;
}

int main(int argc, char **argv)
{
    const char *norm = "upper,nfc,tags,punctuation,collapse";
    base_options *po = base_options_new(usage);
    base_error e = BASE_ERROR_INIT;
    tx_normalise_options o = TX_NORMALISE_NONE;
    tx_table t = { 0 };
    base_out out = { 0 };
    long n;

    base_option_text(po, "norm", &norm, "what is done to the texts (docs/text.md)");
    base_options_parse(po, argc, argv, 2, 2);
    if (!tx_normalise_parse(&o, norm, &e) && !tx_table_read(&t, base_options_argument(po, 0), TX_ANY, &e) &&
        !base_out_open(&out, base_options_argument(po, 1), &e)) {
        for (int64_t i = 0; i < t.n && !e.status; i++)
            write_line(&t.entry[i], &o, out.f, &e);
        if (e.status || t.n == 0)
            base_out_abandon(&out);
        else
            base_out_commit(&out, &e);
    }
    n = t.n;
    tx_table_free(&t);
    base_options_free(po);
    return e.status ? base_give_up(&e) : base_report("text", n, 0);
}
