/* Every format and encoding that libsndfile writes, whole and cut off: the whole sound, or an error, or a warning, but
 * never less sound without a word. */
#include <math.h>
#include <sndfile.h>
#include <string.h>

#include "libaudio/au.h"
#include "tests/unit/files.h"
#include "tests/unit/unit.h"

enum { SAMPLES = 6000, MOST = 200000 };

static const au_read_options as_is = { 0, 0, 3600.0, 64, false, 0.0, false };
static unsigned char file[MOST];
static char why[1000];

/* SAMPLES of a tone in this format; its bytes, 0 where libsndfile does not write it at this rate. */
static size_t encode(const char *path, int format, int rate)
{
    SF_INFO info = { .samplerate = rate, .channels = 1, .format = format };
    SNDFILE *f = sf_format_check(&info) ? sf_open(path, SFM_WRITE, &info) : NULL;
    float x[SAMPLES];
    size_t n;

    if (!f)
        return 0;
    for (int i = 0; i < SAMPLES; i++)
        x[i] = (float)((i * 7919) % 6000) / 32768.0f;
    sf_writef_float(f, x, SAMPLES);
    sf_close(f);
    FILE *in = fopen(path, "rb");
    n = fread(file, 1, MOST, in);
    fclose(in);
    ck_assert_uint_lt(n, MOST);
    return n;
}

/* Samples of the first n bytes; -1: refused; -2: warned of. */
static int64_t samples(const char *name, size_t n)
{
    base_error e = BASE_ERROR_INIT;
    au_audio a;
    int64_t found = -1;

    if (au_read(files_write(name, file, n), &as_is, &a, &e) == BASE_OK)
        found = a.warning ? -2 : a.n;
    else
        ck_assert_msg(*e.text && e.status, "%s: refused without a word", name);
    snprintf(why, sizeof why, "%s", e.text);
    au_audio_free(&a);
    return found;
}

/* Reads the first n bytes: this many samples and no warning. */
static void plays(const char *name, size_t n, int64_t want)
{
    int64_t found = samples(name, n);

    ck_assert_msg(found == want, "%s: %lld samples, expected %lld: %s", name, (long long)found, (long long)want, why);
}

static void refused(const char *name, size_t n, const char *word)
{
    ck_assert_int_eq(samples(name, n), -1);
    ck_assert_msg(strstr(why, word) != NULL, "\"%s\" expected: %s", word, why);
}

static void cut(const char *name, size_t n, int64_t whole)
{
    static const double parts[] = { 0.9999, 0.997, 0.95, 0.7, 0.5, 0.3 };

    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        size_t left = (size_t)(parts[i] * (double)n);
        int64_t found = samples(name, left - (i == 0 && left == n));

        ck_assert_msg(found < 0 || found == whole, "%s: %lld samples of %zu bytes, %lld of %zu", name, (long long)found, left,
            (long long)whole, n);
    }
    for (size_t k = 1; k < 12; k++) {
        int64_t found = samples(name, n - k);
        ck_assert_msg(found < 0 || found == whole, "%s: %lld samples without %zu bytes", name, (long long)found, k);
    }
}

START_TEST(never_less_without_a_word)
{
    int majors, minors, tried = 0, warned = 0;

    sf_command(NULL, SFC_GET_FORMAT_MAJOR_COUNT, &majors, sizeof majors);
    sf_command(NULL, SFC_GET_FORMAT_SUBTYPE_COUNT, &minors, sizeof minors);
    for (int i = 0; i < majors * minors; i++) {
        SF_FORMAT_INFO major = { .format = i / minors }, minor = { .format = i % minors };
        char name[100];
        int64_t whole;
        size_t n;

        sf_command(NULL, SFC_GET_FORMAT_MAJOR, &major, sizeof major);
        sf_command(NULL, SFC_GET_FORMAT_SUBTYPE, &minor, sizeof minor);
        if (major.format == SF_FORMAT_RAW || major.format == SF_FORMAT_SD2 || minor.format == SF_FORMAT_DWVW_12)
            continue;       /* no header; a header in a second file; written without samples */
        snprintf(name, sizeof name, "%x.%s", (unsigned)(major.format | minor.format), major.extension);
        n = encode(files_path(name), major.format | minor.format, 16000);
        n = n ? n : encode(files_path(name), major.format | minor.format, 8000);
        if (!n)
            continue;
        whole = samples(name, n);
        ck_assert_msg(whole == -2 || whole >= SAMPLES, "%s (%s, %s): %lld samples", name, major.name, minor.name, (long long)whole);
        ck_assert_msg(whole < SAMPLES + 3000, "%s (%s, %s): %lld samples", name, major.name, minor.name, (long long)whole);
        cut(name, n, whole);
        tried++;
        warned += whole == -2;
    }
    ck_assert_int_ge(tried, 60);
    ck_assert_int_lt(warned, tried / 4);
}
END_TEST

/* The file, and the same again behind it. */
static size_t twice(const char *name, int format)
{
    size_t n = encode(files_path(name), format, 16000);

    memcpy(file + n, file, n);
    return 2 * n;
}

/* Each with its encoder's delay taken off; tags between them. */
START_TEST(joined_mp3)
{
    size_t all = twice("a.mp3", SF_FORMAT_MPEG | SF_FORMAT_MPEG_LAYER_III), n = all / 2;

    if (!all)
        return;         /* this libsndfile knows no MP3 */
    plays("a.mp3", all, 2 * SAMPLES);
    memset(file + n, 0, 128);
    memcpy(file + n, "TAG", 3);
    memcpy(file + n + 128, "ID3\4\0\0\0\0\1\0", 10);
    memset(file + n + 138, 'x', 128);
    memcpy(file + n + 266, file, n);
    plays("a.mp3", all + 266, 2 * SAMPLES);
    memcpy(file + n, "something else in between", 25);
    memcpy(file + n + 25, file, n);
    refused("a.mp3", all + 25, "neither an MPEG frame nor a tag");
    memcpy(file + n, "something else behind", 21);
    plays("a.mp3", n + 21, SAMPLES);
}
END_TEST

/* What an encoder says is there must be there, and more is read, too; a last frame that lacks its end costs no other. */
START_TEST(frames_of_mp3)
{
    size_t n = encode(files_path("a.mp3"), SF_FORMAT_MPEG | SF_FORMAT_MPEG_LAYER_III, 16000), at = 36;
    base_error e = BASE_ERROR_INIT;
    au_audio a;

    if (!n)
        return;
    ck_assert_int_eq(au_read(files_write("a.mp3", file, n - 1), &as_is, &a, &e), BASE_OK);
    ck_assert_ptr_nonnull(strstr(a.warning, "the last MPEG frame is cut off"));
    ck_assert_int_gt(a.n, SAMPLES - 576);
    au_audio_free(&a);
    refused("a.mp3", n / 2, "truncated: its header promises");
    while (memcmp(file + at, "\xff\xf3", 2))     /* the frame behind that of information */
        at++;
    at += 200;
    while (memcmp(file + at, "\xff\xf3", 2))
        at++;
    file[at] = 0;
    refused("a.mp3", n, "damaged: byte");
    file[at] = 0xff;
    memmove(file + at + 1, file + at, n - at);
    refused("a.mp3", n + 1, "damaged: byte");
}
END_TEST

START_TEST(chained_ogg)
{
    static const int formats[] = { SF_FORMAT_OGG | SF_FORMAT_VORBIS, SF_FORMAT_OGG | SF_FORMAT_OPUS };

    for (int i = 0; i < 2; i++) {
        size_t all = twice("a.ogg", formats[i]), n = all / 2, one;

        plays("a.ogg", all, 2 * SAMPLES);
        refused("a.ogg", all - n / 3, "its last Ogg page");
        file[n / 2]++;
        refused("a.ogg", all, "no whole Ogg page");
        one = encode(files_path("a.ogg"), formats[i], 16000);
        all = one + encode(files_path("b.ogg"), formats[i], 24000);
        memmove(file + one, file, all - one);
        encode(files_path("a.ogg"), formats[i], 16000);
        refused("a.ogg", all, "files of different kinds, joined");
    }
}
END_TEST

/* A chirp comes out of lossy codecs in its place and at its level. */
START_TEST(lossy_codecs_keep_the_sound)
{
    static const int formats[] = { SF_FORMAT_OGG | SF_FORMAT_OPUS, SF_FORMAT_OGG | SF_FORMAT_VORBIS, SF_FORMAT_MPEG | SF_FORMAT_MPEG_LAYER_III };
    static const int rates[] = { 16000, 48000 };
    static float x[48000];

    for (int i = 0; i < 6; i++) {
        int rate = rates[i / 3], n = rate;
        SF_INFO info = { .samplerate = rate, .channels = 1, .format = formats[i % 3] };
        SNDFILE *f = sf_open(files_path("lossy"), SFM_WRITE, &info);
        base_error e = BASE_ERROR_INIT;
        double dot = 0, xx = 0, yy = 0;
        au_audio a;

        if (!f)
            continue;
        for (int k = 0; k < n; k++) {
            double t = (double)k / rate;
            x[k] = (float)(0.3 * sin(2 * M_PI * (300 * t + 700 * t * t)));
        }
        sf_writef_float(f, x, n);
        sf_close(f);
        ck_assert_msg(au_read(files_path("lossy"), &as_is, &a, &e) == BASE_OK, "%s", e.text);
        ck_assert_ptr_null(a.warning);
        ck_assert_int_eq(a.rate, rate);
        ck_assert_int_eq(a.n, n);
        for (int k = 0; k < n; k++) {
            dot += x[k] * a.x[k];
            xx += x[k] * x[k];
            yy += a.x[k] * a.x[k];
        }
        ck_assert_msg(dot / sqrt(xx * yy) > 0.99 && fabs(sqrt(yy / xx) - 1) < 0.03, "%x at %d Hz: correlation %.4f, level %.4f",
            (unsigned)formats[i % 3], rate, dot / sqrt(xx * yy), sqrt(yy / xx));
        au_audio_free(&a);
    }
}
END_TEST

/* FLAC that does not tell its length, as written to a pipe. */
START_TEST(flac_of_unknown_length)
{
    size_t n = encode(files_path("a.flac"), SF_FORMAT_FLAC | SF_FORMAT_PCM_16, 16000);

    file[21] &= 0xf0;
    memset(file + 22, 0, 4);
    plays("a.flac", n, SAMPLES);
    for (size_t k = 1; k < 40; k++)
        refused("a.flac", n - k, "truncated or damaged behind");
    memset(file + n / 2, 0x55, 100);
    refused("a.flac", n, "truncated or damaged behind");
}
END_TEST

static size_t le32(size_t at, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        file[at++] = (unsigned char)(v >> 8 * i);
    return at;
}

/* WAV files that other programs play. */
START_TEST(odd_wav)
{
    size_t n = encode(files_path("a.wav"), SF_FORMAT_WAV | SF_FORMAT_PCM_16, 16000), all;

    ck_assert_mem_eq(file + 36, "data", 4);
    le32(40, 0);
    plays("a.wav", n, SAMPLES);         /* a size that was never written */
    le32(40, 0x7fffffff);
    plays("a.wav", n, SAMPLES);
    le32(40, 2 * SAMPLES);
    memcpy(file + n, "LIST\4\0\0\0INFO", 12);
    plays("a.wav", n + 12, SAMPLES);
    memcpy(file + 44, "LIST\4\0\0\0INFO", 12);
    le32(40, 0);
    refused("a.wav", 56, "no samples");     /* chunks are no sound */

    n = encode(files_path("a.wav"), SF_FORMAT_WAV | SF_FORMAT_PCM_16, 16000);
    memmove(file + 36 + 28, file + 36, n - 36);
    memcpy(file + 36, "LIST\24\0\0\0INFOISFT\6\0\0\0Serin\0\0\0", 28);   /* padded to 4 bytes inside its size */
    plays("a.wav", n + 28, SAMPLES);
    le32(40, 18);
    plays("a.wav", n + 28, SAMPLES);        /* and outside */

    all = encode(files_path("a.mp3"), SF_FORMAT_MPEG | SF_FORMAT_MPEG_LAYER_III, 16000);
    if (!all)
        return;
    memmove(file + 70, file, all);
    memcpy(file, "RIFF....WAVEfmt \36\0\0\0\x55\0\1\0\x80\x3e\0\0\0\0\0\0\x40\2\0\0\x0c\0\1\0\2\0\0\0\x80\4\1\0\x71\5fact\4\0\0\0....data", 66);
    le32(4, (uint32_t)all + 62);
    le32(58, 9 * SAMPLES);      /* what "fact" says of MP3 is a guess */
    le32(66, (uint32_t)all);
    plays("a.wav", all + 70, SAMPLES);
    refused("a.wav", all + 69, "truncated: its header promises");
}
END_TEST

/* libsndfile plays heads of blocks as sound, and loses as much of the end as a tag in front has. */
START_TEST(heads_that_would_be_heard)
{
    size_t n = encode(files_path("a.voc"), SF_FORMAT_VOC | SF_FORMAT_PCM_16, 16000);

    plays("a.voc", n, SAMPLES);
    memcpy(file + n - 1, "\2\4\0\0\1\0\1\0\0", 9);
    refused("a.voc", n + 8, "VOC of 1 block behind its sound");
    file[n - 1] = 5;
    refused("a.voc", n + 8, "VOC of 1 block behind its sound");     /* a text */

    n = encode(files_path("a.wav"), SF_FORMAT_WAV | SF_FORMAT_PCM_16, 16000);
    memmove(file + 20, file, n);
    memcpy(file, "ID3\3\0\0\0\0\0\12----------", 20);
    refused("a.wav", n + 20, "an ID3 tag of 20 bytes in front of \"RIFF\"");
}
END_TEST

START_TEST(odd_headers)
{
    static const char *const heads[][2] = {
        { "sample_count -i -1000\nsample_n_bytes -i 2\n", "sample_count is -1000" },
        { "sample_count -i 1000\nsample_n_bytes -i -2\n", "sample_n_bytes is -2" },
        { "sample_count -i 9223372036854775807\nsample_n_bytes -i 2\n", "sample_count is 9223372036854775807" },
    };
    size_t n;

    for (size_t i = 0; i < 3; i++) {
        memset(file, 0, 3024);
        snprintf((char *)file, 1024, "NIST_1A\n   1024\nchannel_count -i 1\n%ssample_byte_format -s2 01\nsample_rate -i 16000\n"
            "sample_coding -s3 pcm\nend_head\n", heads[i][0]);
        refused("a.sph", 3024, heads[i][1]);
    }
    n = encode(files_path("a.wav"), SF_FORMAT_WAV | SF_FORMAT_PCM_16, 99);
    plays("a.wav", n, SAMPLES);
    base_error e = BASE_ERROR_INIT;
    au_audio a;
    ck_assert_int_eq(au_read(files_path("a.wav"), NULL, &a, &e), BASE_VALUE);     /* ten minutes of 16 kHz from 12 kB */
    ck_assert_msg(strstr(e.text, "99 Hz, at least 1000 expected") != NULL, "%s", e.text);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("audio_formats");

    unit_add(s, never_less_without_a_word);
    unit_add(s, joined_mp3);
    unit_add(s, frames_of_mp3);
    unit_add(s, chained_ogg);
    unit_add(s, lossy_codecs_keep_the_sound);
    unit_add(s, flac_of_unknown_length);
    unit_add(s, odd_wav);
    unit_add(s, heads_that_would_be_heard);
    unit_add(s, odd_headers);
    return s;
}

UNIT_MAIN(suite)
