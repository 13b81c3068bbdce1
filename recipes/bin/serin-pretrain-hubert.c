/* serin-pretrain-hubert: an encoder of speech from speech alone. */
#include "recipes/ser.h"

static const char usage[] =
    "Pre-trains HuBERT, or the small encoder of serin-train, by masked prediction: of spans of frames that are hidden it learns to\n"
    "tell the clusters, which serin-kmeans has found (docs/pretrain.md). The keys are serin-train's, its configuration files may\n"
    "be given; tasks, words and speed perturbation are off. The result is a folder for --init-model of serin-train, or for\n"
    "serin-states, whose states make the next clusters. Goes on from the newest checkpoint in <exp-dir> when there is one.\n"
    "Usage: serin-pretrain-hubert [options] <data-dir> <labels> <exp-dir>\n"
    "e.g.:  serin-pretrain-hubert --config=conf/train.conf --labels-per-frame=3 data/train exp/labels exp/pretrain\n";

int main(int argc, char **argv)
{
    ser_config c = ser_config_defaults();
    base_options *po = base_options_new(usage);
    int status;

    ser_config_parse(&c, NULL, po, argc, argv, 3, 3);
    c.pretrain = "frames";
    c.frame_labels = base_options_argument(po, 1);
    c.input = "speech";
    c.lambda_emotion = c.lambda_ctc = c.lambda_gender = c.lambda_style = c.lambda_cl = c.speed = 0;
    status = ser_train_command(&c, base_options_argument(po, 0), base_options_argument(po, 2));
    base_options_free(po);
    return status;
}
