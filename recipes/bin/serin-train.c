/* serin-train: a model from a data directory. */
#include <signal.h>

#include "base/log.h"
#include "recipes/ser.h"

static const char usage[] =
    "Trains a model that hears emotion, words (CTC), gender and style, each as its lambda says. Goes on from the newest\n"
    "checkpoint in <exp-dir> when there is one; a signal (Ctrl-C) ends it behind the current update.\n"
    "Usage: serin-train [options] <data-dir> <exp-dir>\n"
    "e.g.:  serin-train --config=conf/joint.conf data/train exp/joint\n";

static volatile int stop;       /* the signal that arrived */

static void on_signal(int signal) { stop = signal; }

int main(int argc, char **argv)
{
    ser_config c = ser_config_defaults();
    base_options *po = base_options_new(usage);
    base_error e = BASE_ERROR_INIT;
    int status = 0;

    ser_config_options(&c, po);
    base_options_parse(po, argc, argv, 2, 2);
    sigaction(SIGINT, &(struct sigaction){ .sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND }, NULL);
    sigaction(SIGTERM, &(struct sigaction){ .sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND }, NULL);
    if (ser_train(&c, base_options_argument(po, 0), base_options_argument(po, 1), &stop, &e))
        status = base_give_up(&e);
    base_options_free(po);
    return stop && status ? 128 + stop : status;
}
