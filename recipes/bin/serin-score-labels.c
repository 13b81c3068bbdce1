/* Accuracies and F1 of labels against a reference. */
#include <stdlib.h>

#include "base/log.h"
#include "recipes/score.h"

static const char usage[] =
    "Unweighted and weighted accuracy, weighted and macro F1, per class, confusion, with 95 % bootstrap intervals.\n"
    "A reference of \"-\" is not scored. Tables of several seeds, joined by commas, are pooled, here and in --versus. With\n"
    "models behind, their labels may be answered, too.\n"
    "Usage: serin-score-labels [options] <ref-labels> <hyp-labels> [<exp-dir> ...]\n"
    "e.g.:  serin-score-labels --clusters=data/all/utt2spk data/all/utt2emo exp/decode/utt2emo exp/1 exp/2\n";

int main(int argc, char **argv)
{
    ser_label_options o = { .versus = "", .folds = "", .groups = "", .clusters = "", .labels = "", .mode = "strict",
        .bootstrap = SER_BOOTSTRAP_DEFAULTS };
    ser_score_output out = { "", "", "", "emotion" };
    base_options *po = base_options_new(usage);
    base_error e = BASE_ERROR_INIT;
    base_status status = BASE_NO_MEMORY;
    const char **model;
    char *text = NULL;
    size_t size;
    int64_t n = 0;
    FILE *report = open_memstream(&text, &size);
    json_t *section;

    base_option_text(po, "folds", &o.folds, "utt2fold: score each fold too, with mean and standard deviation");
    base_option_text(po, "groups", &o.groups, "utt2style, say: score each group too");
    base_option_text(po, "clusters", &o.clusters, "utt2spk, say: intervals draw speakers, and then utterances of each");
    base_option_text(po, "versus", &o.versus, "another system's labels, to be compared utterance by utterance");
    base_option_text(po, "labels", &o.labels, "all labels, joined by commas; default: those of the reference");
    base_option_choice(po, "mode", &o.mode, "strict|present", "every key in both tables, or score those that are");
    base_option_int(po, "bootstrap", &o.bootstrap.resamples, 100, 1000000, "resamples");
    base_option_int(po, "seed", &o.bootstrap.seed, 0, 2147483647, "of the resamples");
    ser_score_output_options(&out, po);
    base_options_parse(po, argc, argv, 2, -1);
    o.ref = base_options_argument(po, 0);
    o.hyp = base_options_argument(po, 1);
    o.task = out.section;
    o.models = base_options_count(po) - 2;
    o.model = model = calloc((size_t)o.models + 1, sizeof *model);
    for (int i = 0; model && i < o.models; i++)
        model[i] = base_options_argument(po, i + 2);

    section = report && model ? ser_score_labels(&o, report, &n, &e) : NULL;
    if (report && fclose(report) == 0 && section)
        status = ser_score_output_finish(&out, section, text, argc, argv, &e);
    free(text);
    free(model);
    base_options_free(po);
    return status == BASE_OK ? base_report("utterance", (long)n, 0) : base_give_up(&e);
}
