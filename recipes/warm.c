/* A first stage that begins with speech alone (stage1-warm), as the authors had it in their paper of 2024 (Interspeech, "Speech Emotion
 * Recognition with Multi-level Acoustic and Semantic Information Extraction and Interaction"): HuBERT learns words and emotion, then
 * everything learns together. The first is a training of its own with input=speech, in <exp-dir>/warm; the second begins with its HuBERT and
 * CTC head. Heads that read speech alone are none for what fusion gives, so they stay behind. */
#include <stdlib.h>

#include "base/file.h"
#include "base/log.h"
#include "recipes/train.h"

static ser_config alone(const ser_config *c)
{
    ser_config first = *c;

    first.stage1_warm = 0;
    first.epochs = c->stage1_warm;
    first.input = "speech";
    first.aec = "none";
    first.pieces = first.init_bert = first.init_aec = "";
    first.lambda_cl = first.lambda_aec = 0;
    first.select = "last";
    first.patience = 0;
    return first;
}

base_status ser_train(const ser_config *c, const char *data_dir, const char *exp_dir, const volatile int *stop, base_error *e)
{
    ser_config first = alone(c), then = *c;
    char *dir;

    if (ser_config_check(c, e))
        return e->status;
    if (c->estimate)
        then.stage1_warm = 0;
    if (!then.stage1_warm)
        return ser_train_once(&then, c, data_dir, exp_dir, stop, e);
    if (!(dir = base_path_join(exp_dir, "warm")))
        return base_fail(e, BASE_NO_MEMORY, "%s: out of memory", exp_dir);
    then.init_model = dir;
    base_log("%d of %d epochs hear speech alone, in %s", first.epochs, c->epochs, dir);
    if (!base_make_dirs(exp_dir, e) && !ser_train_once(&first, &first, data_dir, dir, stop, e))
        ser_train_once(&then, c, data_dir, exp_dir, stop, e);
    free(dir);
    return e->status;
}
