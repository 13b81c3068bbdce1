/* Features of the sounds of a wav.scp as a table of matrices, a row a frame. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/options.h"
#include "base/progress.h"
#include "libaudio/au.h"
#include "libnn/nn.h"
#include "recipes/conv.h"
#include "recipes/ser.h"

static const char usage[] =
    "Log-mel energies or MFCC, as Kaldi defines them, or the output of a HuBERT's convolutions.\n"
    "Usage: serin-features [options] <wav-rspecifier> <matrix-wspecifier>\n"
    "e.g.:  serin-features --type=mfcc --deltas=2 scp:data/wav.scp ark,scp:exp/feats.ark,exp/feats.scp\n"
    "       serin-features --type=conv --model=hubert-large --cache=exp/cache scp:data/wav.scp ark:exp/conv.ark\n";

typedef struct settings {
    const char        *type, *model, *cache, *segments, *window, *cmvn;
    au_feature_options mel;
    au_read_options    read;
    int                deltas, seed;
    au_features       *mel_tables;      /* logmel, mfcc */
    ser_conv          *conv;            /* conv */
} settings;

static void register_options(base_options *po, settings *s)
{
    base_option_choice(po, "type", &s->type, "logmel|mfcc|conv", "what a row is");
    base_option_text(po, "model", &s->model, "folder of the model of --type=conv");
    base_option_text(po, "cache", &s->cache, "folder that keeps what --type=conv computes, named by a hash of weights, sound and preprocessing");
    base_option_text(po, "segments", &s->segments, "cut these utterances from the recordings");
    base_option_int(po, "sample-frequency", &s->mel.rate, 1000, 768000, "sounds are resampled to this");
    base_option_float(po, "max-dur", &s->read.max_seconds, 0.01, 1e6, "longer sounds are refused, seconds");
    ser_sound_options(po, &s->read);
    base_option_float(po, "frame-length", &s->mel.frame_ms, 0.1, 1000, "milliseconds");
    base_option_float(po, "frame-shift", &s->mel.shift_ms, 0.1, 1000, "milliseconds");
    base_option_bool(po, "snip-edges", &s->mel.snip_edges, "only frames that lie inside the sound");
    base_option_bool(po, "remove-dc-offset", &s->mel.remove_dc, "subtract each frame's mean");
    base_option_float(po, "preemphasis-coefficient", &s->mel.preemphasis, 0, 1, "of x[i] - c x[i-1]");
    base_option_choice(po, "window-type", &s->window, "povey|hamming|hanning", "window");
    base_option_float(po, "dither", &s->mel.dither, 0, 1e4, "standard deviation of noise added, in steps of 16 bits");
    base_option_int(po, "seed", &s->seed, 0, 2147483647, "of dither");
    base_option_int(po, "num-mel-bins", &s->mel.bins, 0, 1000, "mel filters; 0: 40 for logmel, 23 for mfcc");
    base_option_float(po, "low-freq", &s->mel.low, 0, 384000, "of the lowest filter, Hz");
    base_option_float(po, "high-freq", &s->mel.high, -384000, 384000, "of the highest filter, Hz; 0 or less: from the Nyquist frequency");
    base_option_bool(po, "use-energy", &s->mel.use_energy, "log energy: instead of C0, or as a first column of logmel");
    base_option_float(po, "energy-floor", &s->mel.energy_floor, 0, 1e30, "of that energy");
    base_option_int(po, "num-ceps", &s->mel.ceps, 1, 1000, "columns of mfcc");
    base_option_float(po, "cepstral-lifter", &s->mel.lifter, 0, 1e4, "of mfcc; 0: none");
    base_option_int(po, "deltas", &s->deltas, 0, 4, "append time derivatives up to this order");
    base_option_choice(po, "cmvn", &s->cmvn, "none|mean|mean-variance", "normalise the columns of each utterance");
}

/* What the options ask for, made ready. */
static base_status prepare(settings *s, base_error *e)
{
    bool conv = !strcmp(s->type, "conv");

    s->mel.kind = strcmp(s->type, "mfcc") ? AU_LOG_MEL : AU_MFCC;
    s->mel.window = !strcmp(s->window, "povey") ? AU_POVEY : !strcmp(s->window, "hamming") ? AU_HAMMING : AU_HANN;
    s->mel.seed = (uint64_t)s->seed;
    if (s->mel.bins == 0)
        s->mel.bins = s->mel.kind == AU_MFCC ? 23 : 40;
    s->read.rate = s->mel.rate;
    s->read.min_samples = 1;    /* what is too short has no frame */
    if (conv != (*s->model != '\0') || (!conv && *s->cache))
        return base_fail(e, BASE_VALUE, "--type=conv needs --model, and no other type takes --model or --cache");
    if (conv && s->mel.rate != SER_RATE)
        return base_fail(e, BASE_VALUE, "--sample-frequency=%d: the model hears %d Hz", s->mel.rate, SER_RATE);
    if (conv)
        s->conv = ser_conv_open(s->model, s->cache, e);
    else
        s->mel_tables = au_features_new(&s->mel, e);
    return e->status;
}

static base_status append_deltas(nn_matrix *m, int order, base_error *e)
{
    int cols = m->cols * (order + 1);
    nn_matrix wide = { malloc((size_t)m->rows * (size_t)cols * sizeof(float)), m->rows, cols };
    base_status status;

    if (!wide.x)
        return base_fail(e, BASE_NO_MEMORY, "out of memory for %lld rows", (long long)m->rows);
    status = au_deltas(m->x, m->rows, m->cols, order, 2, wide.x, e);
    nn_matrix_free(m);
    *m = wide;
    return status;
}

static base_status compute_mel(const au_features *f, const au_audio *a, nn_matrix *m, base_error *e)
{
    *m = (nn_matrix){ NULL, au_features_rows(f, a->n), au_features_cols(f) };
    if (m->rows == 0)
        return base_fail(e, BASE_LIMIT, "%lld samples are less than one frame", (long long)a->n);
    if (!(m->x = malloc((size_t)m->rows * (size_t)m->cols * sizeof(float))))
        return base_fail(e, BASE_NO_MEMORY, "out of memory for %lld rows", (long long)m->rows);
    return au_features_compute(f, a->x, a->n, m->x, e);
}

/* m is the caller's to free, whatever the status. */
static base_status compute(const settings *s, au_audio *a, nn_matrix *m, base_error *e)
{
    base_status status = s->conv ? ser_conv_compute(s->conv, a->x, a->n, m, e) : compute_mel(s->mel_tables, a, m, e);

    if (!status && s->deltas)
        status = append_deltas(m, s->deltas, e);
    if (!status && strcmp(s->cmvn, "none"))
        au_cmvn(m->x, m->rows, m->cols, !strcmp(s->cmvn, "mean-variance"));
    return status;
}

/* Sounds that fail are told and left out; an error in *e means that writing failed. */
static long write_all(const settings *s, au_reader *r, nn_table_writer *w, long *failed, base_error *e)
{
    base_progress p;
    const char *key;
    long done = 0;

    base_progress_begin(&p, "features", "utterances", 0, (double)au_reader_count(r));
    for (;;) {
        base_error why = BASE_ERROR_INIT;
        nn_matrix m = { 0 };
        au_audio a;

        if (au_reader_next(r, &key, &a, &why) == BASE_OK && key && compute(s, &a, &m, &why))
            base_fail_in(&why, "%s", key);
        if (key && why.status) {
            base_progress_clear();
            base_warn("%s", why.text);
            ++*failed;
        } else if (key && nn_table_write(w, key, &m, e) == BASE_OK) {
            ser_sound_warning(key, &a);
            done++;
        }
        nn_matrix_free(&m);
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
    settings s = { "logmel", "", "", "", "povey", "none", AU_FEATURE_DEFAULTS, AU_READ_DEFAULTS, 0, 0, NULL, NULL };
    base_options *po = base_options_new(usage);
    base_error e = BASE_ERROR_INIT;
    long done = 0, failed = 0;
    nn_table_writer *w = NULL;
    au_reader *r = NULL;

    s.mel.bins = 0;
    register_options(po, &s);
    base_option_failures(po);
    ser_option_no_verify(po);
    base_options_parse(po, argc, argv, 2, 2);
    if (prepare(&s, &e) == BASE_OK &&
        (r = au_reader_open(base_options_argument(po, 0), *s.segments ? s.segments : NULL, &s.read, &e)) &&
        (w = nn_table_create(base_options_argument(po, 1), &e)))
        done = write_all(&s, r, w, &failed, &e);
    if (w && done && !e.status)
        nn_table_commit(w, &e);
    else
        nn_table_abandon(w);
    au_reader_close(r);
    au_features_free(s.mel_tables);
    ser_conv_close(s.conv);
    base_options_free(po);
    return e.status ? base_give_up(&e) : base_report("utterance", done, failed);
}
