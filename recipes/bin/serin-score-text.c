/* Word or character error rate of texts against a reference. */
#include <stdlib.h>

#include "base/log.h"
#include "recipes/score.h"

static const char usage[] =
    "Word error rate as Kaldi's compute-wer prints it, with a 95 % bootstrap interval. Tables of several seeds, joined by\n"
    "commas, are pooled, here and in --versus.\n"
    "Usage: serin-score-text [options] <ref-text> <hyp-text>\n"
    "e.g.:  serin-score-text --align=sclite --details=exp/decode/details data/test/text exp/decode/text\n";

int main(int argc, char **argv)
{
    ser_text_options o = { .versus = "", .folds = "", .groups = "", .clusters = "", .details = "", .mode = "strict", .align = "unit",
        .bootstrap = SER_BOOTSTRAP_DEFAULTS };
    ser_score_output out = { "", "", "", "text" };
    base_options *po = base_options_new(usage);
    base_error e = BASE_ERROR_INIT;
    base_status status = BASE_NO_MEMORY;
    char *text = NULL;
    size_t size;
    int64_t n = 0;
    FILE *report = open_memstream(&text, &size);
    json_t *section;

    base_option_choice(po, "align", &o.align, "unit|sclite", "costs 1 1 1 and Kaldi's choice, or 4 3 3 and sclite's");
    base_option_bool(po, "cer", &o.cer, "count characters, not words");
    base_option_text(po, "details", &o.details, "file for the alignment of each utterance and the words confused");
    base_option_text(po, "folds", &o.folds, "utt2fold: score each fold too, with mean and standard deviation");
    base_option_text(po, "groups", &o.groups, "utt2style, say: score each group too");
    base_option_text(po, "clusters", &o.clusters, "utt2spk, say: intervals draw speakers, and then utterances of each");
    base_option_text(po, "versus", &o.versus, "another system's text, to be compared utterance by utterance");
    base_option_choice(po, "mode", &o.mode, SER_MODES,
        "as compute-wer: every key in both tables; what hyp lacks is empty; or is left out");
    base_option_int(po, "bootstrap", &o.bootstrap.resamples, 100, 1000000, "resamples");
    base_option_int(po, "seed", &o.bootstrap.seed, 0, 2147483647, "of the resamples");
    ser_score_output_options(&out, po);
    base_options_parse(po, argc, argv, 2, 2);
    o.ref = base_options_argument(po, 0);
    o.hyp = base_options_argument(po, 1);

    section = report ? ser_score_text(&o, report, &n, &e) : NULL;
    if (report && fclose(report) == 0 && section)
        status = ser_score_output_finish(&out, section, text, argc, argv, &e);
    free(text);
    base_options_free(po);
    return status == BASE_OK ? base_report("utterance", (long)n, 0) : base_give_up(&e);
}
