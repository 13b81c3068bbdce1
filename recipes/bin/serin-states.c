/* serin-states: what a layer of HuBERT makes of each sound, as a table of matrices, a row a frame. */
#include "base/log.h"
#include "base/progress.h"
#include "recipes/ser.h"

static const char usage[] =
    "Hidden states of an encoder, a published HuBERT's or one of serin-train's: a row for each frame of each sound. The model\n"
    "is a folder with config.json and weights, or one file of weights beside config.json: safetensors or PyTorch's.\n"
    "Layer 0 is the first layer's input, N the output of layer N, -1 the last, with the final norm of models that have one.\n"
    "Sounds are resampled and normalised as the folder's preprocessor_config.json says.\n"
    "Usage: serin-states [options] <model> <wav-rspecifier> <matrix-wspecifier>\n"
    "e.g.:  serin-states --layer=9 hubert-base-ls960 scp:data/wav.scp ark,scp:exp/states.ark,exp/states.scp\n";

/* Sounds that fail are told and left out; an error in *e means that writing failed. */
static long write_all(ser_states *s, au_reader *r, nn_table_writer *w, long *failed, base_error *e)
{
    base_progress p;
    const char *key;
    long done = 0;

    base_progress_begin(&p, "states", "utterances", 0, (double)au_reader_count(r));
    for (;;) {
        base_error why = BASE_ERROR_INIT;
        nn_matrix m;
        au_audio a;

        if (au_reader_next(r, &key, &a, &why) == BASE_OK && key && ser_states_compute(s, a.x, a.n, &m, &why))
            base_fail_in(&why, "%s", key);
        if (key && why.status) {
            base_progress_clear();
            base_warn("%s", why.text);
            ++*failed;
        } else if (key && nn_table_write(w, key, &m, e) == BASE_OK) {
            done++;
        }
        au_audio_free(&a);
        if (!key || e->status)
            break;
        base_progress_step(&p, (double)(done + *failed), NULL);
    }
    base_progress_end(&p, NULL);
    return done;
}

int main(int argc, char **argv)
{
    au_read_options read = AU_READ_DEFAULTS;
    base_options *po = base_options_new(usage);
    base_error e = BASE_ERROR_INIT;
    const char *segments = "";
    long done = 0, failed = 0;
    bool allow_missing = false;
    int layer = -1;
    ser_states *s = NULL;
    au_reader *r = NULL;
    nn_table_writer *w = NULL;

    read.min_samples = 1;       /* what is too short has no frame */
    base_option_int(po, "layer", &layer, -1, 1000, "0: the first layer's input; -1: the last, normed");
    base_option_bool(po, "allow-missing", &allow_missing, "weights that the model lacks are 0; else it is refused");
    base_option_text(po, "segments", &segments, "cut these utterances from the recordings");
    base_option_float(po, "max-dur", &read.max_seconds, 0.01, 1e6, "longer sounds are refused, seconds");
    base_option_bool(po, "no-pipes", &read.no_pipes, "refuse commands in wav.scp");
    base_options_parse(po, argc, argv, 3, 3);
    if ((r = au_reader_open(base_options_argument(po, 1), *segments ? segments : NULL, &read, &e)) &&
        (s = ser_states_open(base_options_argument(po, 0), layer, allow_missing, &e)) &&
        (w = nn_table_create(base_options_argument(po, 2), &e)))
        done = write_all(s, r, w, &failed, &e);
    if (w && done && !e.status)
        nn_table_commit(w, &e);
    else
        nn_table_abandon(w);
    au_reader_close(r);
    ser_states_free(s);
    base_options_free(po);
    return e.status ? base_give_up(&e) : base_report("utterances", done, failed);
}
