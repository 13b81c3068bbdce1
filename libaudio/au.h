/* au.h: the face of libserin-audio. Sound from files, pipes and Kaldi's wav.scp as mono float32 at one rate; features;
 * augmentation; a WAV writer. docs/audio.md is a guided tour.
 *
 * Samples are float32 with full scale at 1.0 (16-bit value / 32768). Functions that can fail return a base_status (or
 * NULL) and a message that names the file. Nothing prints, nothing exits. Functions on const objects may run in several
 * threads at once; an au_reader belongs to one thread at a time. */
#ifndef SERIN_AU_H
#define SERIN_AU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- sound ------------------------------------------------------------------------------------------------------ */

typedef struct au_audio {
    float  *x;              /* [n] mono samples, malloc'd */
    int64_t n;
    int     rate;           /* of x, in Hz */
    int     source_rate;    /* as found, before mix-down and resampling */
    int     channels;
    double  seconds;        /* of the source, or of the segment cut from it */
    const char *warning;    /* what the user should know of this sound; NULL: nothing */
} au_audio;

SERIN_API void au_audio_free(au_audio *a);      /* frees x and clears *a; NULL is fine */

typedef struct au_read_options {
    int     rate;           /* resample to this; 0: keep the file's own */
    int64_t min_samples;    /* fewer than this at `rate` are refused: HuBERT's receptive field */
    double  max_seconds;    /* longer sound (or segment) is refused, before it is decoded where the header tells */
    int     max_channels;   /* more are refused */
    bool    no_pipes;       /* refuse "cmd |" */
    double  pipe_seconds;   /* a command that runs longer is ended; 0: it may */
    bool    isolate;        /* decode in a child process: a decoder that crashes is an error of this sound */
} au_read_options;
#define AU_READ_DEFAULTS { 16000, 400, 3600.0, 64, false, 0.0, false }

/* Reads one sound: a path to anything libsndfile opens, or "cmd |" or "-" (standard input), whose output is kept in memory
 * and must be such a file, with no more bytes than max_seconds of sound can have. A command is run by bash, with /dev/null
 * for standard input; every part of its pipeline must exit with 0. Channels are mixed down by their mean, then resampled
 * (au_resample). o NULL: defaults. On failure *a is empty and the message names `source`: BASE_MISSING or BASE_IO (not
 * there, unreadable, the command failed, the child process died), BASE_FORMAT (no audio, empty, truncated, damaged),
 * BASE_VALUE (NaN or Inf), BASE_LIMIT (too short, too long, too many channels, too slow), BASE_UNSUPPORTED (a pipe where
 * they are refused; files of different rates joined). */
SERIN_API base_status au_read(const char *source, const au_read_options *o, au_audio *a, base_error *e);

/* y = x at rate `to`: libsamplerate's SRC_SINC_BEST_QUALITY, without delay; *m = ceil(n to / from) samples, malloc'd.
 * Equal rates copy. BASE_VALUE when to / from is outside 1/256 .. 256. */
SERIN_API base_status au_resample(const float *x, int64_t n, int from, int to, float **y, int64_t *m, base_error *e);

/* (x - mean) / sqrt(var + eps) in place, biased variance, sums in double: what Wav2Vec2FeatureExtractor does with
 * do_normalize. fairseq's eps is 1e-5. */
#define AU_NORMALIZE_EPS 1e-7
SERIN_API void au_normalize(float *x, int64_t n, double eps);

/* Mono 16-bit PCM WAV: round(32768 x), clamped; the file appears whole or not at all. NaN and Inf are refused. */
SERIN_API base_status au_write_wav(const char *path, const float *x, int64_t n, int rate, base_error *e);

/* ---- Kaldi's wav.scp and segments ------------------------------------------------------------------------------- */

/* The utterances of a wav.scp ("key path" or "key cmd |"), or, with segments ("key recording start end [channel]",
 * seconds; end -1: to the end; channel from 0), those cut from its recordings. A segment may end up to 0.5 s behind its
 * recording and is shortened. Keys must ascend strictly in the C locale. Messages begin with the file and line. */
typedef struct au_reader au_reader;
/* rspecifier: "scp:FILE" or just FILE. segments may be NULL, o too. Reads and checks both tables, opens no sound. */
SERIN_API au_reader  *au_reader_open(const char *rspecifier, const char *segments, const au_read_options *o, base_error *e);
SERIN_API void        au_reader_close(au_reader *r);
SERIN_API int64_t     au_reader_count(const au_reader *r);
SERIN_API const char *au_reader_key(const au_reader *r, int64_t i);     /* valid until close */
SERIN_API int64_t     au_reader_find(const au_reader *r, const char *key);  /* -1: no such key */
/* Utterance i, in any order. The recording read last stays open, so that its segments need not run a pipe again. */
SERIN_API base_status au_reader_read(au_reader *r, int64_t i, au_audio *a, base_error *e);
/* The utterances one after another: *key NULL at the end. A status other than BASE_OK concerns this *key only, and the
 * next call goes on with the one behind it. */
SERIN_API base_status au_reader_next(au_reader *r, const char **key, au_audio *a, base_error *e);

/* ---- features --------------------------------------------------------------------------------------------------- */

typedef enum au_feature_kind { AU_LOG_MEL, AU_MFCC } au_feature_kind;
typedef enum au_window { AU_POVEY, AU_HAMMING, AU_HANN } au_window;

/* As Kaldi's compute-fbank-feats and compute-mfcc-feats define them; docs/audio.md has the formulas. */
typedef struct au_feature_options {
    au_feature_kind kind;
    int       rate;             /* of the samples, Hz */
    double    frame_ms, shift_ms;
    bool      snip_edges;       /* only frames that lie wholly inside; else round(n / shift) frames, mirrored at the ends */
    bool      remove_dc;        /* subtract each frame's mean */
    double    preemphasis;
    au_window window;
    double    dither;           /* standard deviation of added noise, in steps of 16 bits; 0: none */
    uint64_t  seed;             /* of dither */
    int       bins;             /* mel filters */
    double    low, high;        /* Hz; high <= 0 counts from the Nyquist frequency */
    bool      use_energy;       /* log energy: MFCC's first column instead of C0, or a column before the mel bins */
    double    energy_floor;     /* of the log energy; 0: only Kaldi's float epsilon */
    int       ceps;             /* MFCC: coefficients, C0 included */
    double    lifter;           /* MFCC: 0 = none */
    double    scale;            /* samples are multiplied by this: 32768 makes them Kaldi's */
} au_feature_options;
#define AU_FEATURE_DEFAULTS \
    { AU_LOG_MEL, 16000, 25.0, 10.0, true, true, 0.97, AU_POVEY, 0.0, 0, 40, 20.0, 0.0, false, 0.0, 13, 22.0, 32768.0 }

/* Window, filters and FFT tables, made once; constant afterwards. NULL: BASE_VALUE, an option out of range. */
typedef struct au_features au_features;
SERIN_API au_features *au_features_new(const au_feature_options *o, base_error *e);
SERIN_API void         au_features_free(au_features *f);
SERIN_API int          au_features_cols(const au_features *f);
SERIN_API int64_t      au_features_rows(const au_features *f, int64_t n);   /* frames of n samples */
/* x [n] -> out [rows][cols], the caller's memory. Independent of the number of threads. */
SERIN_API base_status  au_features_compute(const au_features *f, const float *x, int64_t n, float *out, base_error *e);

/* Per column: minus the mean over the rows, and, with variance, divided by the standard deviation (biased; a column
 * that is constant becomes 0). In place, sums in double. */
SERIN_API void au_cmvn(float *x, int64_t rows, int cols, bool variance);
/* Kaldi's add-deltas: x [rows][cols] -> out [rows][cols * (order + 1)], window 1 .. on both sides, edges repeated. */
SERIN_API base_status au_deltas(const float *x, int64_t rows, int cols, int order, int window, float *out, base_error *e);

/* ---- augmentation ----------------------------------------------------------------------------------------------- */

/* Speed perturbation (Ko et al. 2015): tempo and pitch times factor, 0.1 to 10 in steps of 0.001, by resampling;
 * ceil(n / factor) samples. */
SERIN_API base_status au_speed(au_audio *a, double factor, base_error *e);
SERIN_API void        au_gain(float *x, int64_t n, double db);
/* x += g noise, with g such that the energies of x and g noise over the n samples differ by snr_db; noise is repeated,
 * beginning with sample `offset`. Silence on either side: no change. */
SERIN_API void        au_add_noise(float *x, int64_t n, const float *noise, int64_t m, int64_t offset, double snr_db);

typedef struct au_augment_options {
    double          speed;              /* factor drawn from 1 - speed, 1, 1 + speed; 0: off */
    double          gain_db;            /* drawn from -gain_db .. gain_db; 0: off */
    double          noise_prob;         /* share of utterances that get noise; 0: off */
    double          snr_low, snr_high;  /* dB, drawn between */
    const au_audio *noise;              /* [n_noise] at the rate of the speech; n_noise 0: white Gaussian noise */
    int             n_noise;
} au_augment_options;
#define AU_AUGMENT_DEFAULTS { 0.0, 0.0, 0.0, 10.0, 30.0, NULL, 0 }
/* Draws and applies all of it; a pure function of the sound, the options and (seed, step, key). */
SERIN_API base_status au_augment(au_audio *a, const au_augment_options *o, uint64_t seed, uint64_t step, const char *key,
    base_error *e);

#ifdef __cplusplus
}
#endif
#endif
