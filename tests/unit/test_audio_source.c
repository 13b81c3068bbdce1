/* Reading single sounds: values, channels, lengths, and everything that is refused. */
#include <math.h>
#include <sndfile.h>
#include <string.h>

#include "libaudio/au.h"
#include "tests/unit/files.h"
#include "tests/unit/unit.h"

static const au_read_options as_is = { 0, 0, 3600.0, 64, false, 0, false };

/* Appends the low n bytes of v, little- or big-endian. */
static unsigned char *put(unsigned char *p, uint64_t v, int n, bool big)
{
    for (int i = 0; i < n; i++)
        p[i] = (unsigned char)(v >> (8 * (big ? n - 1 - i : i)));
    return p + n;
}

/* A WAV file of `bytes` bytes of sound whose header promises `promised`. */
static const char *wav(const char *name, int format, int channels, int rate, int bits, const void *data, size_t bytes,
    uint32_t promised)
{
    static unsigned char file[200000];
    unsigned char *p = file;
    int align = channels * bits / 8;

    ck_assert_uint_lt(bytes, sizeof file - 44);
    memcpy(p, "RIFF", 4);
    p = put(p + 4, promised + 36, 4, false);
    memcpy(p, "WAVEfmt ", 8);
    p = put(p + 8, 16, 4, false);
    p = put(p, (uint64_t)format, 2, false);
    p = put(p, (uint64_t)channels, 2, false);
    p = put(p, (uint64_t)rate, 4, false);
    p = put(p, (uint64_t)(rate * align), 4, false);
    p = put(p, (uint64_t)align, 2, false);
    p = put(p, (uint64_t)bits, 2, false);
    memcpy(p, "data", 4);
    p = put(p + 4, promised, 4, false);
    if (bytes)
        memcpy(p, data, bytes);
    return files_write(name, file, (size_t)(p - file) + bytes);
}

static const char *wav16(const char *name, int channels, int rate, const int16_t *x, int n)
{
    size_t bytes = (size_t)(n * channels) * 2;

    return wav(name, 1, channels, rate, 16, x, bytes, (uint32_t)bytes);
}

static au_audio read_ok(const char *path, const au_read_options *o)
{
    base_error e = BASE_ERROR_INIT;
    au_audio a;

    ck_assert_msg(au_read(path, o, &a, &e) == BASE_OK, "%s", e.text);
    ck_assert_int_eq(e.status, BASE_OK);
    return a;
}

/* Fails with this status and a message that names the file and holds `word`. */
static void refused(const char *source, const au_read_options *o, base_status status, const char *word)
{
    base_error e = BASE_ERROR_INIT;
    au_audio a;

    ck_assert_msg(au_read(source, o, &a, &e) == status, "%s: %d, expected %d: %s", source, e.status, status, e.text);
    ck_assert_int_eq(e.status, status);
    ck_assert_msg(strstr(e.text, word) && !strncmp(e.text, source, strlen(source)), "\"%s\" expected in: %s", word, e.text);
    ck_assert_ptr_null(a.x);
    ck_assert_int_eq(a.n, 0);
    ck_assert_int_eq(au_read(source, o, &a, NULL), status);     /* nobody asks why */
}

/* libsndfile's scaling: 16-bit value / 32768, 8 bits (v - 128) / 128, 24 bits / 2^23, floats as they are. */
START_TEST(scaling)
{
    static const int16_t s16[] = { 0, 1, -1, 32767, -32768, 1000 };
    static const unsigned char u8[] = { 128, 129, 127, 255, 0, 192 }, s24[] = { 0, 0, 128, 255, 255, 127, 1, 0, 0 };
    static const float f32[] = { 0.25f, -3.5f, 1e-20f };
    au_audio a = read_ok(wav16("a.wav", 1, 16000, s16, 6), &as_is);

    ck_assert_int_eq(a.n, 6);
    for (int i = 0; i < 6; i++)
        ck_assert_float_eq(a.x[i], (float)s16[i] / 32768.0f);
    ck_assert(a.rate == 16000 && a.source_rate == 16000 && a.channels == 1);
    ck_assert_double_eq(a.seconds, 6.0 / 16000);
    au_audio_free(&a);
    a = read_ok(wav("a.wav", 1, 1, 16000, 8, u8, 6, 6), &as_is);
    for (int i = 0; i < 6; i++)
        ck_assert_float_eq(a.x[i], (float)(u8[i] - 128) / 128.0f);
    au_audio_free(&a);
    a = read_ok(wav("a.wav", 1, 1, 16000, 24, s24, 9, 9), &as_is);
    ck_assert_int_eq(a.n, 3);
    ck_assert_float_eq(a.x[0], -1.0f);
    ck_assert_float_eq(a.x[1], 8388607.0f / 8388608.0f);
    ck_assert_float_eq(a.x[2], 1.0f / 8388608.0f);
    au_audio_free(&a);
    a = read_ok(wav("a.wav", 3, 1, 16000, 32, f32, 12, 12), &as_is);
    for (int i = 0; i < 3; i++)
        ck_assert_float_eq(a.x[i], f32[i]);
    au_audio_free(&a);
}
END_TEST

/* Longer than any block; 3 and 64 channels. */
START_TEST(mean_over_channels)
{
    static const int channels[] = { 1, 2, 3, 64 };

    for (size_t k = 0; k < 4; k++) {
        static int16_t x[90000];
        int c = channels[k], n = 90000 / c;
        au_audio a;

        for (int i = 0; i < n * c; i++)
            x[i] = (int16_t)((i * 7919) % 65536 - 32768);
        a = read_ok(wav16("a.wav", c, 48000, x, n), &as_is);
        ck_assert_int_eq(a.n, n);
        ck_assert_int_eq(a.channels, c);
        for (int i = 0; i < n; i++) {
            double sum = 0.0;
            for (int j = 0; j < c; j++)
                sum += x[i * c + j] / 32768.0;
            ck_assert_float_eq(a.x[i], (float)(sum / c));
        }
        au_audio_free(&a);
    }
}
END_TEST

START_TEST(default_rate_is_16000)
{
    static int16_t x[8000];
    au_audio a, direct;
    float *y;
    int64_t m;

    for (int i = 0; i < 8000; i++)
        x[i] = (int16_t)(10000 * sin(i * 0.1));
    a = read_ok(wav16("a.wav", 1, 44100, x, 8000), NULL);
    direct = read_ok(files_path("a.wav"), &as_is);
    ck_assert(a.rate == 16000 && a.source_rate == 44100);
    ck_assert_int_eq(au_resample(direct.x, direct.n, 44100, 16000, &y, &m, NULL), BASE_OK);
    ck_assert_int_eq(a.n, m);
    ck_assert_mem_eq(a.x, y, (size_t)m * sizeof(float));
    ck_assert_double_eq(a.seconds, 8000.0 / 44100);
    free(y);
    au_audio_free(&a);
    au_audio_free(&direct);
}
END_TEST

START_TEST(lengths_are_limited)
{
    static const int16_t x[32000];
    au_read_options o = AU_READ_DEFAULTS;
    au_audio a;

    refused(wav16("a.wav", 1, 16000, x, 399), NULL, BASE_LIMIT, "399 samples at 16000 Hz, at least 400");
    a = read_ok(wav16("a.wav", 1, 16000, x, 400), NULL);
    au_audio_free(&a);
    refused(wav16("a.wav", 1, 48000, x, 1197), NULL, BASE_LIMIT, "399 samples");
    a = read_ok(wav16("a.wav", 1, 48000, x, 1198), NULL);
    au_audio_free(&a);
    o.max_seconds = 1.0;
    a = read_ok(wav16("a.wav", 1, 16000, x, 16000), &o);
    au_audio_free(&a);
    refused(wav16("a.wav", 1, 16000, x, 16001), &o, BASE_LIMIT, "1.000 s long, at most 1 s");
}
END_TEST

START_TEST(channels_are_limited)
{
    static const int16_t x[65 * 500];
    au_read_options o = AU_READ_DEFAULTS;
    au_audio a = read_ok(wav16("a.wav", 64, 16000, x, 500), NULL);

    au_audio_free(&a);
    refused(wav16("a.wav", 65, 16000, x, 500), NULL, BASE_LIMIT, "65 channels, at most 64");
    o.max_channels = 1;
    refused(wav16("a.wav", 2, 16000, x, 500), &o, BASE_LIMIT, "2 channels, at most 1");
}
END_TEST

START_TEST(not_finite)
{
    static float x[2000];

    x[1600] = NAN;
    refused(wav("a.wav", 3, 2, 16000, 32, x, sizeof x, sizeof x), NULL, BASE_VALUE, "NaN or Inf at 0.050 s");
    x[1600] = -INFINITY;
    refused(wav("a.wav", 3, 1, 16000, 32, x, sizeof x, sizeof x), NULL, BASE_VALUE, "NaN or Inf at 0.100 s");
    x[1600] = 3e38f;        /* the filter overshoots */
    x[1601] = 3e38f;
    refused(wav("a.wav", 3, 1, 8000, 32, x, sizeof x, sizeof x), NULL, BASE_VALUE, "resampling");
}
END_TEST

START_TEST(not_a_sound)
{
    char text[5000];

    memset(text, 'x', sizeof text);
    refused(files_path("absent.wav"), NULL, BASE_MISSING, "No such file");
    refused(files_write("a.wav", "", 0), NULL, BASE_FORMAT, "empty file");
    refused(files_write("a.wav", text, sizeof text), NULL, BASE_FORMAT, "not a sound file");
    refused(files_write("a.wav", "RIFF", 4), NULL, BASE_FORMAT, "not a sound file");
    refused(files_folder, NULL, BASE_UNSUPPORTED, "not a regular file");
    refused("/dev/null", NULL, BASE_UNSUPPORTED, "not a regular file");
    refused(wav16("a.wav", 1, 16000, NULL, 0), NULL, BASE_FORMAT, "no samples");
    ck_assert_int_eq(mkfifo(files_path("fifo"), 0600), 0);
    refused(files_path("fifo"), NULL, BASE_UNSUPPORTED, "not a regular file");    /* and does not hang */
    refused("", NULL, BASE_MISSING, "No such file");
}
END_TEST

/* Where libsndfile would play what there is. */
START_TEST(truncated)
{
    static unsigned char x[9000];
    unsigned char file[9100] = ".snd", *p;

    refused(wav("a.wav", 1, 1, 16000, 16, x, 8000, 8001), NULL, BASE_FORMAT, "truncated: its header promises 8001 bytes of sound, 8000");
    refused(wav("a.wav", 1, 1, 16000, 16, x, 2000, 100000000), NULL, BASE_FORMAT, "truncated");
    p = put(file + 4, 24, 4, true);
    p = put(p, 2000, 4, true);
    p = put(p, 3, 4, true);
    p = put(p, 16000, 4, true);
    put(p, 1, 4, true);
    refused(files_write("a.au", file, 24 + 1998), NULL, BASE_FORMAT, "promises 2000 bytes of sound, 1998");
    memset(file, 0, sizeof file);
    strcpy((char *)file, "NIST_1A\n   1024\nchannel_count -i 1\nsample_count -i 1000\nsample_n_bytes -i 2\n"
        "sample_byte_format -s2 01\nsample_rate -i 16000\nsample_coding -s3 pcm\nend_head\n");
    refused(files_write("a.sph", file, 1024 + 1998), NULL, BASE_FORMAT, "promises 2000 bytes of sound, 1998");
    au_audio a = read_ok(files_write("a.sph", file, 1024 + 2000), NULL);
    ck_assert_int_eq(a.n, 1000);
    au_audio_free(&a);
}
END_TEST

/* Encodes 5000 samples of noise in libsndfile's format. */
static const char *encode(const char *name, int format)
{
    SF_INFO info = { .samplerate = 16000, .channels = 1, .format = format };
    const char *path = files_path(name);
    SNDFILE *f = sf_open(path, SFM_WRITE, &info);
    float x[5000];

    ck_assert_msg(f != NULL, "%s: %s", name, sf_strerror(NULL));
    for (int i = 0; i < 5000; i++)
        x[i] = (float)((i * 7919) % 6000) / 32768.0f;
    sf_writef_float(f, x, 5000);
    sf_close(f);
    return path;
}

static size_t slurp(const char *path, unsigned char *to, size_t most)
{
    FILE *f = fopen(path, "rb");
    size_t n = fread(to, 1, most, f);

    fclose(f);
    return n;
}

/* Every format plays whole; cut to two thirds, the ones that know their length are refused. */
START_TEST(every_format)
{
    static const struct { const char *name; int format; const char *cut; } formats[] = {
        { "a.flac", SF_FORMAT_FLAC | SF_FORMAT_PCM_16, "truncated or damaged" },
        { "a.aiff", SF_FORMAT_AIFF | SF_FORMAT_PCM_16, "truncated" },
        { "b.aiff", SF_FORMAT_AIFF | SF_FORMAT_FLOAT, "truncated" },
        { "a.au", SF_FORMAT_AU | SF_FORMAT_ULAW, "truncated" },
        { "a.rf64", SF_FORMAT_RF64 | SF_FORMAT_PCM_16, "truncated" },
        { "a.wavex", SF_FORMAT_WAVEX | SF_FORMAT_PCM_24, "truncated" },
        { "rifx.wav", SF_FORMAT_WAV | SF_FORMAT_PCM_16 | SF_ENDIAN_BIG, "truncated" },
        { "a.sph", SF_FORMAT_NIST | SF_FORMAT_PCM_16, NULL },
    };
    unsigned char file[40000];

    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        const char *path = encode(formats[i].name, formats[i].format);
        size_t n = slurp(path, file, sizeof file);
        au_audio a = read_ok(path, NULL);

        ck_assert_int_eq(a.n, 5000);
        for (int k = 0; k < 5000; k++)
            ck_assert_float_eq_tol(a.x[k], (float)((k * 7919) % 6000) / 32768.0f, 0.005f);
        au_audio_free(&a);
        if (formats[i].cut)
            refused(files_write(formats[i].name, file, n * 2 / 3), NULL, BASE_FORMAT, formats[i].cut);
    }
}
END_TEST

/* Programs that write to a pipe leave lengths that mean "unknown". */
START_TEST(unknown_lengths)
{
    static const uint32_t marks[] = { 0xffffffff, 0x7fffffff, 0x7ffff000 };
    static const int16_t x[1000];
    unsigned char file[40000];
    const char *path;
    size_t n;
    au_audio a;

    for (size_t i = 0; i < 3; i++) {
        a = read_ok(wav("a.wav", 1, 1, 16000, 16, x, sizeof x, marks[i]), NULL);
        ck_assert_int_eq(a.n, 1000);
        au_audio_free(&a);
    }
    path = encode("a.flac", SF_FORMAT_FLAC | SF_FORMAT_PCM_16);
    n = slurp(path, file, sizeof file);
    file[21] &= 0xf0;       /* STREAMINFO's 36 bits of sample count */
    memset(file + 22, 0, 4);
    files_write("a.flac", file, n);
    a = read_ok(path, NULL);
    ck_assert_int_eq(a.n, 5000);
    au_audio_free(&a);
    refused(path, &(au_read_options){ 0, 0, 0.1, 64, false, 0, false }, BASE_LIMIT, "longer than 0.1 s");
}
END_TEST

/* A second of MP3 at one constant bit rate, without the frame of information before it; its bytes. */
static size_t mp3(double compression, unsigned char *to, size_t most)
{
    static float x[16000];
    SF_INFO info = { .samplerate = 16000, .channels = 1, .format = SF_FORMAT_MPEG | SF_FORMAT_MPEG_LAYER_III };
    int constant = SF_BITRATE_MODE_CONSTANT;
    SNDFILE *f = sf_open(files_path("a.mp3"), SFM_WRITE, &info);
    size_t n, second = 4;

    if (!f)
        return 0;       /* this libsndfile knows no MP3 */
    for (int i = 0; i < 16000; i++)
        x[i] = (float)((i * 7919) % 6000) / 32768.0f;
    sf_command(f, SFC_SET_COMPRESSION_LEVEL, &compression, sizeof compression);
    sf_command(f, SFC_SET_BITRATE_MODE, &constant, sizeof constant);
    sf_writef_float(f, x, 16000);
    sf_close(f);
    n = slurp(files_path("a.mp3"), to, most);
    while (second + 4 < n && memcmp(to + second, to, 2))     /* the header's first bytes, those of each frame */
        second++;
    memmove(to, to + second, n - second);
    return n - second;
}

/* libsndfile alone would take its length from the first frame's bit rate. */
START_TEST(mp3_of_two_bit_rates)
{
    static unsigned char file[100000];
    size_t low = mp3(0.99, file, sizeof file), all = low + mp3(0.0, file + low, sizeof file - low);
    const char *path = files_write("b.mp3", file, all);
    SF_INFO info = { 0 };
    SNDFILE *f = low ? sf_open(path, SFM_READ, &info) : NULL;
    au_audio a;

    if (!f)
        return;
    sf_close(f);
    ck_assert_int_gt(info.frames, 60000);
    a = read_ok(path, NULL);
    ck_assert_int_ge(a.n, 32000);
    ck_assert_int_le(a.n, 32000 + 10 * 576);
    au_audio_free(&a);
}
END_TEST

/* A header can claim hours at a megahertz; memory follows what is decoded. */
START_TEST(claims_are_not_believed)
{
    static const int16_t x[500];
    au_audio a = read_ok(wav16("a.wav", 1, 1092676, x, 500), &as_is);
    unsigned char file[40000];
    const char *path;
    size_t n;

    ck_assert_int_eq(a.rate, 1092676);
    au_audio_free(&a);
    path = encode("a.flac", SF_FORMAT_FLAC | SF_FORMAT_PCM_16);
    n = slurp(path, file, sizeof file);
    file[21] |= 0x0f;       /* 2^36 - 1 samples: seven weeks */
    memset(file + 22, 0xff, 4);
    files_write("a.flac", file, n);
    refused(path, NULL, BASE_LIMIT, "at most 3600 s");
    refused(path, &(au_read_options){ 0, 0, 1e9, 64, false, 0, false }, BASE_FORMAT, "promises 68719476735 frames, 5000 can be read");
}
END_TEST

START_TEST(pipes)
{
    static int16_t x[5000];
    au_read_options o = AU_READ_DEFAULTS;
    char command[1000];
    au_audio a, b;

    for (int i = 0; i < 5000; i++)
        x[i] = (int16_t)(i * 5);
    snprintf(command, sizeof command, "cat '%s' | cat | ", wav16("a.wav", 2, 22050, x, 2500));
    a = read_ok(files_path("a.wav"), NULL);
    b = read_ok(command, NULL);
    ck_assert_int_eq(a.n, b.n);
    ck_assert_mem_eq(a.x, b.x, (size_t)a.n * sizeof(float));
    au_audio_free(&a);
    au_audio_free(&b);
    o.no_pipes = true;
    refused(command, &o, BASE_UNSUPPORTED, "pipes are refused");
    snprintf(command, sizeof command, "cat '%s'; exit 3 |", files_path("a.wav"));
    refused(command, NULL, BASE_IO, "the command exited with 3");
    refused("kill -9 $$ |", NULL, BASE_IO, "died of signal 9");
    refused("true |", NULL, BASE_FORMAT, "wrote nothing");
    refused("echo hello |", NULL, BASE_FORMAT, "not a sound file");
}
END_TEST

/* A command has nothing to read, fails when a part of it does, and takes neither more time nor more memory than it may. */
START_TEST(pipes_are_bounded)
{
    static int16_t x[32000];
    au_read_options o = AU_READ_DEFAULTS, quick = AU_READ_DEFAULTS;
    char command[1000];
    au_audio a;

    wav16("a.wav", 1, 16000, x, 32000);
    snprintf(command, sizeof command, "cat; cat '%s' |", files_path("a.wav"));
    a = read_ok(command, NULL);
    ck_assert_int_eq(a.n, 32000);
    au_audio_free(&a);
    snprintf(command, sizeof command, "false | cat '%s' |", files_path("a.wav"));
    refused(command, NULL, BASE_IO, "the command exited with 1");
    quick.pipe_seconds = 0.2;
    refused("sleep 600 |", &quick, BASE_LIMIT, "did not end within 0.2 s");
    refused("sleep 600 | sleep 600 |", &quick, BASE_LIMIT, "did not end within 0.2 s");
    refused("exec >&-; sleep 600 |", &quick, BASE_LIMIT, "did not end within 0.2 s");
    refused("while true; do echo; sleep 0.01; done |", &quick, BASE_LIMIT, "did not end within 0.2 s");
    o.max_seconds = 2.0;
    snprintf(command, sizeof command, "cat '%s' |", files_path("a.wav"));
    a = read_ok(command, &o);
    au_audio_free(&a);
    refused("cat /dev/zero |", &o, BASE_LIMIT, "more than 2584576 bytes, too many for 2 s of sound");
    snprintf(command, sizeof command, "cat '%s' /dev/zero |", files_path("a.wav"));
    refused(command, &o, BASE_LIMIT, "more than 1112576 bytes, too many for 2 s of sound");     /* by the header's bytes a second */
}
END_TEST

/* A writer's file is what the reader gets, rounded to 16 bits and clamped. */
START_TEST(wav_round_trip)
{
    float x[3000];
    base_error e = BASE_ERROR_INIT;
    const char *path = files_path("out.wav");
    au_audio a;

    for (int i = 0; i < 3000; i++)
        x[i] = (float)(1.2 * sin(i * 0.01));
    ck_assert_int_eq(au_write_wav(path, x, 3000, 8000, &e), BASE_OK);
    a = read_ok(path, &as_is);
    ck_assert(a.n == 3000 && a.rate == 8000 && a.channels == 1);
    for (int i = 0; i < 3000; i++)
        ck_assert_float_eq(a.x[i], (float)(fmin(fmax(rint(x[i] * 32768.0), -32768), 32767) / 32768));
    au_audio_free(&a);
    x[7] = NAN;
    ck_assert_int_eq(au_write_wav(path, x, 3000, 8000, &e), BASE_VALUE);
    ck_assert_ptr_nonnull(strstr(e.text, "sample 7"));
    a = read_ok(path, &as_is);      /* the old file is whole */
    ck_assert_int_eq(a.n, 3000);
    au_audio_free(&a);
    ck_assert_int_ne(au_write_wav(files_path("no/such/folder.wav"), x, 1, 8000, NULL), BASE_OK);
    ck_assert_int_eq(au_write_wav(path, x, 1, 0, NULL), BASE_LIMIT);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("audio_source");

    unit_add(s, scaling);
    unit_add(s, mean_over_channels);
    unit_add(s, default_rate_is_16000);
    unit_add(s, lengths_are_limited);
    unit_add(s, channels_are_limited);
    unit_add(s, not_finite);
    unit_add(s, not_a_sound);
    unit_add(s, truncated);
    unit_add(s, every_format);
    unit_add(s, unknown_lengths);
    unit_add(s, mp3_of_two_bit_rates);
    unit_add(s, claims_are_not_believed);
    unit_add(s, pipes);
    unit_add(s, pipes_are_bounded);
    unit_add(s, wav_round_trip);
    return s;
}

UNIT_MAIN(suite)
