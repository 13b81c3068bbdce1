/* Decoding in a child process: the same samples, and whatever happens to the decoder is an error of one sound. */
#include <dlfcn.h>
#include <math.h>
#include <signal.h>
#include <sndfile.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libaudio/au.h"
#include "tests/unit/files.h"
#include "tests/unit/unit.h"

static enum { WELL, SEGV, ABORT, LEAVES, LOOPS, HUNGRY, NAN_OUT } does;

/* In front of libsndfile's: a decoder that does what a hostile file could make it do. */
sf_count_t sf_readf_float(SNDFILE *f, float *x, sf_count_t n)
{
    sf_count_t (*real)(SNDFILE *, float *, sf_count_t);
    void *volatile much;        /* else a compiler knows that nobody reads it, and asks for nothing */

    *(void **)&real = dlsym(RTLD_NEXT, "sf_readf_float");
    if (does == SEGV)
        raise(SIGSEGV);
    else if (does == ABORT)
        abort();
    else if (does == LEAVES)
        _exit(0);
    else if (does == LOOPS)
        for (volatile unsigned i = 0;; i++)
            ;
    else if (does == HUNGRY && !(much = malloc((size_t)3 << 30)))
        raise(SIGKILL);
    return real(f, x, n);
}

static void make(const char *name, int format, int n)
{
    SF_INFO info = { .samplerate = 16000, .channels = 1, .format = format };
    SNDFILE *f = sf_open(files_path(name), SFM_WRITE, &info);

    for (int i = 0; i < n; i++) {
        float x = does == NAN_OUT && i == 900 ? NAN : (float)(0.3 * sin(i * 0.05));
        sf_writef_float(f, &x, 1);
    }
    sf_close(f);
}

static au_read_options isolated(void)
{
    au_read_options o = AU_READ_DEFAULTS;

    o.isolate = true;
    o.max_seconds = 13.0;
    return o;
}

static void same(const char *source)
{
    au_read_options o = isolated();
    base_error e = BASE_ERROR_INIT;
    au_audio a, b;

    ck_assert_msg(au_read(source, NULL, &a, &e) == BASE_OK, "%s", e.text);
    ck_assert_msg(au_read(source, &o, &b, &e) == BASE_OK, "%s", e.text);
    ck_assert(a.n == b.n && a.rate == b.rate && a.source_rate == b.source_rate && a.channels == b.channels);
    ck_assert_double_eq(a.seconds, b.seconds);
    ck_assert_ptr_eq(a.warning, b.warning);
    ck_assert_mem_eq(a.x, b.x, (size_t)a.n * sizeof *a.x);
    au_audio_free(&a);
    au_audio_free(&b);
}

START_TEST(the_same_samples)
{
    char command[1000];

    make("a.wav", SF_FORMAT_WAV | SF_FORMAT_PCM_16, 200000);
    same(files_path("a.wav"));
    snprintf(command, sizeof command, "cat '%s' |", files_path("a.wav"));
    same(command);
    make("a.ogg", SF_FORMAT_OGG | SF_FORMAT_VORBIS, 8000);
    same(files_path("a.ogg"));
    make("a.sf", SF_FORMAT_IRCAM | SF_FORMAT_PCM_16, 8000);
    same(files_path("a.sf"));
}
END_TEST

START_TEST(cuts)
{
    au_read_options o = isolated();
    char scp[1000], segments[] = "s1 a 0.5 1\ns2 a 0 0.25\ns3 a 3 4\ns4 a 1 -1\n";
    base_error e = BASE_ERROR_INIT;
    au_reader *r, *plain;

    make("a.wav", SF_FORMAT_WAV | SF_FORMAT_PCM_16, 32000);
    snprintf(scp, sizeof scp, "a %s\n", files_path("a.wav"));
    files_write("wav.scp", scp, strlen(scp));
    files_write("segments", segments, strlen(segments));
    snprintf(scp, sizeof scp, "%s", files_path("wav.scp"));
    r = au_reader_open(scp, files_path("segments"), &o, &e);
    ck_assert_msg(r != NULL, "%s", e.text);
    plain = au_reader_open(scp, files_path("segments"), NULL, &e);
    for (int i = 0; i < 4; i++) {
        base_error f = BASE_ERROR_INIT, g = BASE_ERROR_INIT;
        au_audio a, b;

        ck_assert_int_eq(au_reader_read(r, i, &a, &f), au_reader_read(plain, i, &b, &g));
        ck_assert_str_eq(f.text, g.text);
        ck_assert_int_eq(a.n, b.n);
        if (a.n)
            ck_assert_mem_eq(a.x, b.x, (size_t)a.n * sizeof *a.x);
        au_audio_free(&a);
        au_audio_free(&b);
    }
    au_reader_close(r);
    au_reader_close(plain);
}
END_TEST

static void fails(base_status status, const char *word)
{
    au_read_options o = isolated();
    base_error e = BASE_ERROR_INIT;
    au_audio a;

    ck_assert_int_eq(au_read(files_path("a.wav"), &o, &a, &e), status);
    ck_assert_msg(strstr(e.text, word) && strstr(e.text, "a.wav: "), "\"%s\" expected: %s", word, e.text);
    ck_assert_ptr_null(a.x);
}

START_TEST(a_decoder_that_dies)
{
    make("a.wav", SF_FORMAT_WAV | SF_FORMAT_PCM_16, 8000);
    does = SEGV;
    fails(BASE_IO, "ended a process of its own with signal 11");
    does = ABORT;
    fails(BASE_IO, "ended a process of its own with signal 6");
    does = LEAVES;
    fails(BASE_IO, "ended a process of its own with status 0");
    does = LOOPS;
    fails(BASE_IO, "ended a process of its own with signal 24");     /* its seconds are over */
#ifndef __SANITIZE_ADDRESS__
    does = HUNGRY;
    fails(BASE_IO, "ended a process of its own with signal 9");
#endif
    does = WELL;
    same(files_path("a.wav"));
}
END_TEST

START_TEST(what_is_refused_is_refused)
{
    does = NAN_OUT;
    make("a.wav", SF_FORMAT_WAV | SF_FORMAT_FLOAT, 8000);
    fails(BASE_VALUE, "NaN or Inf at 0.056 s");
    does = WELL;
    files_write("a.wav", "nothing that anybody could hear", 31);
    fails(BASE_FORMAT, "not a sound file");
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("audio_isolate");

    unit_add(s, the_same_samples);
    unit_add(s, cuts);
    unit_add(s, a_decoder_that_dies);
    unit_add(s, what_is_refused_is_refused);
    return s;
}

UNIT_MAIN(suite)
