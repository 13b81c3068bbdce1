/* A vocabulary of characters from a table of texts. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/number.h"
#include "base/options.h"
#include "libtext/tx.h"

static const char usage[] =
    "With --type=characters writes vocab.json: <pad> (the blank of CTC), <s>, </s>, <unk>, | between words, then the characters, sorted.\n"
    "With --type=pieces writes vocab.txt for a small BERT: special tokens, characters, words.\n"
    "With --type=fairseq writes vocab.json from the dict.ltr.txt that lies beside a fine-tuned model of fairseq's.\n"
    "Usage: serin-make-vocab [options] <text> <vocab.json|vocab.txt>\n"
    "e.g.:  serin-make-vocab --norm=upper,digits data/train/text exp/vocab.json\n";

/* The texts as the training will see them. The table keeps what its entries point to; the new texts are listed in owned [n]. */
static base_status normalise(tx_table *t, const char *words, char **owned, base_error *e)
{
    tx_normalise_options o = TX_NORMALISE_DEFAULTS;
    base_status status = tx_normalise_parse(&o, words, e);

    for (int64_t i = 0; i < t->n && status == BASE_OK; i++) {
        owned[i] = tx_normalise(t->entry[i].value, &o, e);
        t->entry[i].value = owned[i];
        status = owned[i] ? BASE_OK : e->status;
    }
    return status;
}

int main(int argc, char **argv)
{
    const char *norm = "none", *type = "characters", *path;
    int least = 2;
    base_options *po = base_options_new(usage);
    base_error e = BASE_ERROR_INIT;
    char **owned = NULL;
    tx_vocab *v = NULL;
    tx_table t = { 0 };
    int64_t n;

    base_option_text(po, "norm", &norm,
                     "how the texts are normalised first, as text-norm of a configuration; none: taken as they are");
    base_option_choice(po, "type", &type, "characters|pieces|fairseq", "for CTC, for BERT, or from a dictionary");
    base_option_int(po, "least", &least, 1, 1000000, "pieces: how often a word must occur to be one");
    base_options_parse(po, argc, argv, 2, 2);
    path = base_options_argument(po, 1);
    if (!strcmp(type, "fairseq"))
        v = tx_vocab_fairseq(base_options_argument(po, 0), &e);
    else if (tx_table_read(&t, base_options_argument(po, 0), TX_ANY, &e) == BASE_OK && t.n > 0) {
        owned = calloc((size_t)t.n + 1, sizeof(*owned));
        if (!owned)
            base_fail(&e, BASE_NO_MEMORY, "no memory for %lld texts", (long long)t.n);
        else if (normalise(&t, norm, owned, &e) == BASE_OK && !strcmp(type, "pieces"))
            tx_wordpiece_build(&t, least, path, &e);
        else if (!e.status)
            v = tx_vocab_build(&t, &e);
    }
    n = !strcmp(type, "fairseq") && v ? tx_vocab_size(v) : t.n;
    if (v && tx_vocab_write(v, path, &e) == BASE_OK)
        base_log("%s: %s", path, base_count(tx_vocab_size(v), "token"));
    tx_vocab_free(v);
    for (int64_t i = 0; owned && i < t.n; i++)
        free(owned[i]);
    free(owned);
    tx_table_free(&t);
    base_options_free(po);
    return e.status == BASE_OK ? base_report(strcmp(type, "fairseq") ? "text" : "token", (long)n, 0) : base_give_up(&e);
}
