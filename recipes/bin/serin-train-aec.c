/* serin-train-aec: the corrector of recognised words. */
#include "base/log.h"
#include "base/temporary.h"
#include "recipes/aec.h"

static const char usage[] =
    "Trains the corrector of recognised words: BERT reads what was heard, a decoder writes what was said. <text> and\n"
    "<hypotheses> are tables; the hypotheses of utterance utt are under utt, or utt-1, utt-2, as serin-ctc-decode --nbest writes\n"
    "them. They should come from a model that has not seen the utterance (egs/utils/aec_hypotheses.sh), or --noise be above 0:\n"
    "else there is nothing to mend. Word errors before and after correction are told for the share kept for development, and the\n"
    "epoch with the fewest stays. <aec-dir> is what serin-train's init-aec reads. Goes on from the newest checkpoint in it.\n"
    "Usage: serin-train-aec [options] <text> <hypotheses> <aec-dir>\n"
    "e.g.:  serin-train-aec --pieces=vocab.txt data/train/text exp/hyp/text exp/aec\n";

static volatile int stop;       /* the signal that arrived */

int main(int argc, char **argv)
{
    ser_aec_options o = SER_AEC_DEFAULTS;
    base_options *po = base_options_new(usage);
    base_error e = BASE_ERROR_INIT;
    int status = 0;

    base_option_int(po, "batch", &o.batch, 1, 1024, "pairs in one update");
    base_option_float(po, "noise", &o.noise, 0, 0.9, "share of a hypothesis' characters dropped, doubled or replaced, anew in each epoch");
    base_option_float(po, "dev-share", &o.dev_share, 0, 0.9, "share of the utterances kept to count errors on; 0: none, the last epoch stays");
    ser_config_parse(&o.config, ser_aec_keys, po, argc, argv, 3, 3);
    base_temporary_on_signals(&stop);
    if (ser_aec_train(&o, base_options_argument(po, 0), base_options_argument(po, 1), base_options_argument(po, 2), &stop, &e))
        status = base_give_up(&e);
    base_options_free(po);
    return stop && status ? 128 + stop : status;
}
