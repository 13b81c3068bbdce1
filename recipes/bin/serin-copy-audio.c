/* serin-copy-audio: sounds of a wav.scp to WAV files, resampled, louder or softer, with white noise. The noise of an
 * utterance depends on the seed and its key alone, so the order and the number of jobs change nothing. */
#include <stdlib.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/options.h"
#include "base/progress.h"
#include "base/random.h"
#include "libaudio/au.h"
#include "libtext/tx.h"
#include "recipes/sound.h"

static const char usage[] =
    "Copies sounds to mono 16-bit WAV files. <out.scp> says where: a key and a path a line, the keys of the input.\n"
    "Usage: serin-copy-audio [options] <wav-rspecifier> <out.scp>\n"
    "e.g.:  serin-copy-audio --rate=16000 --utt2snr=utt2snr scp:wav.scp out.scp\n";

typedef struct copy_options {
    int rate, seed;
    tx_table path, gain, snr;
} copy_options;

/* A number of decibels of a table; *found is false where no table was given. */
static base_status decibels(const tx_table *t, const char *key, double *db, bool *found, base_error *e)
{
    const tx_entry *entry = t->path ? tx_table_find(t, key) : NULL;
    char *end;

    *found = entry != NULL;
    if (!t->path)
        return BASE_OK;
    if (!entry)
        return base_fail(e, BASE_MISSING, "%s: no line for utterance \"%s\"", t->path, key);
    *db = strtod(entry->value, &end);
    if (end == entry->value || *end || !(*db >= -200 && *db <= 200))
        return base_fail(e, BASE_VALUE, "%s:%lld: expected decibels from -200 to 200, found \"%s\"", t->path,
            (long long)entry->line, entry->value);
    return BASE_OK;
}

static base_status add_noise(au_audio *a, double snr_db, uint64_t seed, const char *key, base_error *e)
{
    base_random r = base_random_at(seed, 0, base_hash_text(BASE_HASH_INIT, key));
    float *noise = malloc(sizeof *noise * (size_t)a->n);

    if (!noise)
        return base_fail(e, BASE_NO_MEMORY, "%s: out of memory for noise", key);
    for (int64_t i = 0; i < a->n; i++)
        noise[i] = (float)base_random_normal(&r, (uint64_t)i);
    au_add_noise(a->x, a->n, noise, a->n, 0, snr_db);
    free(noise);
    return BASE_OK;
}

static base_status copy(const copy_options *o, const char *key, au_audio *a, base_error *e)
{
    const char *path = tx_table_value(&o->path, key);
    double db;
    bool found;

    if (!path)
        return base_fail(e, BASE_MISSING, "%s: no line for utterance \"%s\"", o->path.path, key);
    if (decibels(&o->gain, key, &db, &found, e))
        return e->status;
    if (found)
        au_gain(a->x, a->n, db);
    if (decibels(&o->snr, key, &db, &found, e))
        return e->status;
    if (found && add_noise(a, db, (uint64_t)o->seed, key, e))
        return e->status;
    return au_write_wav(path, a->x, a->n, a->rate, e);
}

static long copy_all(const copy_options *o, au_reader *r, long *failed)
{
    base_progress p;
    const char *key;
    long done = 0;

    base_progress_begin(&p, "copying", "utterances", 0, (double)au_reader_count(r));
    for (;;) {
        base_error e = BASE_ERROR_INIT;
        au_audio a = { 0 };
        base_status status = au_reader_next(r, &key, &a, &e);

        if (!key)
            break;
        if (status || copy(o, key, &a, &e)) {
            base_progress_clear();
            base_warn("%s: %s", key, e.text);
            ++*failed;
        } else {
            ser_sound_warning(key, &a);
            done++;
        }
        au_audio_free(&a);
        base_progress_step(&p, (double)(done + *failed), NULL);
    }
    base_progress_end(&p, NULL);
    return done;
}

int main(int argc, char **argv)
{
    copy_options o = { .rate = 16000 };
    const char *segments = "", *utt2gain = "", *utt2snr = "";
    au_read_options read = AU_READ_DEFAULTS;
    au_reader *r = NULL;
    base_options *po = base_options_new(usage);
    base_error e = BASE_ERROR_INIT;
    long done = 0, failed = 0;

    base_option_int(po, "rate", &o.rate, 0, 768000, "samples a second of what is written; 0: as found");
    base_option_text(po, "segments", &segments, "cut these utterances from the recordings");
    base_option_text(po, "utt2gain", &utt2gain, "table of changes in level, dB");
    base_option_text(po, "utt2snr", &utt2snr, "table of signal-to-noise ratios, dB, of white noise to add");
    base_option_int(po, "seed", &o.seed, 0, 2147483647, "of the noise");
    base_option_float(po, "max-dur", &read.max_seconds, 0.01, 1e6, "longer sounds are refused, seconds");
    ser_sound_options(po, &read);
    base_option_failures(po);
    base_options_parse(po, argc, argv, 2, 2);

    read.rate = o.rate;
    if (!tx_table_read(&o.path, base_options_argument(po, 1), TX_SOME, &e) &&
        (!*utt2gain || !tx_table_read(&o.gain, utt2gain, TX_ONE_WORD, &e)) &&
        (!*utt2snr || !tx_table_read(&o.snr, utt2snr, TX_ONE_WORD, &e)) &&
        (r = au_reader_open(base_options_argument(po, 0), *segments ? segments : NULL, &read, &e)))
        done = copy_all(&o, r, &failed);
    au_reader_close(r);
    tx_table_free(&o.path);
    tx_table_free(&o.gain);
    tx_table_free(&o.snr);
    base_options_free(po);
    return e.status ? base_give_up(&e) : base_report("utterance", done, failed);
}
