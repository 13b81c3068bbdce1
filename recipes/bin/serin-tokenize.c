/* serin-tokenize: lines of text into the pieces that BERT reads. */
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/options.h"
#include "libtext/tx.h"

static const char usage[] =
    "Cuts lines of standard input into WordPieces, as Hugging Face's BertTokenizer: a line of pieces for each, with [CLS] in\n"
    "front and [SEP] behind. The vocabulary is a vocab.txt or a tokenizer.json; settings of a tokenizer_config.json beside it\n"
    "count.\n"
    "Usage: serin-tokenize [options] <vocab.txt|tokenizer.json> < text\n"
    "e.g.:  cut -d ' ' -f 2- data/train/text | serin-tokenize --ids bert-base-uncased/vocab.txt\n";

static void write_line(const tx_wordpiece *w, const tx_labels *l, bool ids)
{
    for (int i = 0; i < l->n; i++) {
        if (i)
            putchar(' ');
        if (ids)
            printf("%d", l->label[i]);
        else
            fputs(tx_wordpiece_found(w, l->label[i]), stdout);
    }
    putchar('\n');
}

static int64_t tokenize(const tx_wordpiece *w, bool ids, bool special, base_error *e)
{
    char *line = NULL;
    size_t room = 0;
    int64_t n = 0;

    for (ssize_t size; (size = getline(&line, &room, stdin)) >= 0 && !e->status; n += !e->status) {
        tx_labels l;

        if (size && line[size - 1] == '\n')
            line[--size] = '\0';
        if (tx_utf8_check("standard input", n + 1, line, (size_t)size, e) ||
            tx_wordpiece_encode(w, line, (size_t)size, special, &l, e))
            break;
        write_line(w, &l, ids);
        tx_labels_free(&l);
    }
    if (!e->status && ferror(stdin))
        base_fail_errno(e, "standard input");
    free(line);
    return n;
}

int main(int argc, char **argv)
{
    base_options *po = base_options_new(usage);
    base_error e = BASE_ERROR_INIT;
    bool ids = false, special = true;
    tx_wordpiece *w;
    int64_t n = 0;

    base_option_bool(po, "ids", &ids, "write numbers, not pieces");
    base_option_bool(po, "special", &special, "[CLS] in front and [SEP] behind");
    base_options_parse(po, argc, argv, 1, 1);
    if ((w = tx_wordpiece_read(base_options_argument(po, 0), &e)))
        n = tokenize(w, ids, special, &e);
    tx_wordpiece_free(w);
    base_options_free(po);
    return e.status ? base_give_up(&e) : base_report("line", n, 0);
}
