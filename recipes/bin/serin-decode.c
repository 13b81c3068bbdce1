/* serin-decode: a trained model's answers to a data directory. */
#include "base/log.h"
#include "recipes/ser.h"

static const char usage[] =
    "Writes what a model of serin-train hears: <out-dir>/text (CTC), text_aec (that corrected), utt2emo, utt2gender,\n"
    "utt2style, and the probabilities of each as tables, emotion.ark and emotion.scp and so on, columns in the order\n"
    "of <exp-dir>/labels.json. Of a temporal fusion also gate_speech.ark and gate_text.ark, the gate of each frame and of each piece,\n"
    "for serin-plot --kind=gates.\n"
    "Usage: serin-decode [options] <exp-dir> <data-dir> <out-dir>\n"
    "e.g.:  serin-decode --beam=8 exp/joint data/test exp/joint/decode_test\n";

int main(int argc, char **argv)
{
    ser_decode_options o = SER_DECODE_DEFAULTS;
    base_options *po = base_options_new(usage);
    base_error e = BASE_ERROR_INIT;
    const char *gates = "mean";
    int64_t done = 0;
    int status;

    base_option_int(po, "beam", &o.beam, 1, 10000, "prefixes kept by the CTC decoder; 1: greedy");
    base_option_int(po, "aec-beam", &o.correct.beam, 1, 10000, "hypotheses kept by the corrector; 1: greedy");
    base_option_float(po, "aec-length-penalty", &o.correct.length_penalty, -10, 10, "above 0: longer corrections gain; 0: none");
    base_option_text(po, "log-probs", &o.log_probs, "wspecifier for the characters' log probabilities, a row a frame");
    base_option_choice(po, "gates", &gates, "mean|all", "of a frame's gate the mean, or a column for each of the fusion's");
    base_option_float(po, "batch-seconds", &o.batch_seconds, 0.1, 100000, "seconds of speech in one batch, at most");
    base_option_float(po, "max-dur", &o.read.max_seconds, 0.1, 86400, "seconds; a longer utterance is refused");
    ser_sound_options(po, &o.read);
    ser_option_no_verify(po);
    base_options_parse(po, argc, argv, 3, 3);
    o.whole_gates = gates[0] == 'a';
    status = ser_decode(base_options_argument(po, 0), base_options_argument(po, 1), base_options_argument(po, 2), &o, &done, &e)
                 ? base_give_up(&e)
                 : base_report("utterance", done, 0);
    base_options_free(po);
    return status;
}
