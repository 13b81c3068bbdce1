/* serin-train: a model from a data directory. */
#include "recipes/ser.h"

static const char usage[] =
    "Trains a model that hears emotion, words (CTC), gender and style, each as its lambda says. Goes on from the newest\n"
    "checkpoint in <exp-dir> when there is one; a signal (Ctrl-C) ends it behind the current update.\n"
    "Usage: serin-train [options] <data-dir> <exp-dir>\n"
    "e.g.:  serin-train --config=conf/joint.conf data/train exp/joint\n";

int main(int argc, char **argv)
{
    ser_config c = ser_config_defaults();
    base_options *po = base_options_new(usage);
    int status;

    ser_config_parse(&c, NULL, po, argc, argv, 2, 2);
    status = ser_train_command(&c, base_options_argument(po, 0), base_options_argument(po, 1));
    base_options_free(po);
    return status;
}
