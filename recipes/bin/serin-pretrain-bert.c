/* serin-pretrain-bert: BERT from texts alone. */
#include "recipes/ser.h"

static const char usage[] =
    "Pre-trains BERT on masked words: of 15 % of the pieces of each text, most of them hidden, anew in every update, it learns to\n"
    "tell which they are (docs/pretrain.md). <text> is a table, a key and a text a line; --pieces a vocabulary of\n"
    "serin-make-vocab --type=pieces. The keys are serin-train's; those of speech do nothing, and a piece counts 0.3 s in a batch. --dev-dir is another such text. The\n"
    "result is a folder for --init-bert of serin-train. Goes on from the newest checkpoint in <exp-dir> when there is one.\n"
    "Usage: serin-pretrain-bert [options] <text> <exp-dir>\n"
    "e.g.:  serin-pretrain-bert --pieces=exp/vocab.txt --bert-width=128 --epochs=10 data/train/text exp/bert\n";

int main(int argc, char **argv)
{
    ser_config c = ser_config_defaults();
    base_options *po = base_options_new(usage);
    int status;

    ser_config_parse(&c, NULL, po, argc, argv, 2, 2);
    c.pretrain = "words";
    c.input = "text";
    c.train_text = "ref";
    c.lambda_emotion = c.lambda_ctc = c.lambda_gender = c.lambda_style = c.lambda_cl = 0;
    status = ser_train_command(&c, base_options_argument(po, 0), base_options_argument(po, 1));
    base_options_free(po);
    return status;
}
