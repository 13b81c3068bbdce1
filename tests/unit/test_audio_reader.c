/* wav.scp and segments. */
#include <math.h>
#include <string.h>

#include "libaudio/au.h"
#include "tests/unit/files.h"
#include "tests/unit/unit.h"

/* Two recordings whose sample i is i / 32768 (or its negative), of 2 s and 1 s at 8 kHz. */
static void recordings(void)
{
    static float x[16000];

    for (int i = 0; i < 16000; i++)
        x[i] = (float)i / 32768.0f;
    ck_assert_int_eq(au_write_wav(files_path("a.wav"), x, 16000, 8000, NULL), BASE_OK);
    for (int i = 0; i < 8000; i++)
        x[i] = -x[i];
    ck_assert_int_eq(au_write_wav(files_path("b.wav"), x, 8000, 8000, NULL), BASE_OK);
}

/* Writes a table; each @ stands for the tests' folder. */
static const char *table(const char *name, const char *text)
{
    char out[4000], *p = out;

    for (; *text; text++)
        p += *text == '@' ? sprintf(p, "%s", files_folder) : sprintf(p, "%c", *text);
    return files_write(name, out, (size_t)(p - out));
}

static const au_read_options as_is = { 0, 1, 3600.0, 64, false, 0, false };

static au_reader *open_ok(const char *wav_scp, const char *segments)
{
    base_error e = BASE_ERROR_INIT;
    au_reader *r = au_reader_open(wav_scp, segments, &as_is, &e);

    ck_assert_msg(r != NULL, "%s", e.text);
    return r;
}

START_TEST(walks_a_table)
{
    static const char *keys[] = { "utt1", "utt2", "utt3" };
    const char *key, *scp;
    char prefixed[700];
    au_reader *r;
    au_audio a;

    recordings();
    scp = table("wav.scp", "utt1 @/a.wav\nutt2\t cat @/b.wav | \nutt3   @/a.wav  \n");
    snprintf(prefixed, sizeof prefixed, "scp:%s", scp);
    r = open_ok(prefixed, NULL);
    ck_assert_int_eq(au_reader_count(r), 3);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(au_reader_next(r, &key, &a, NULL), BASE_OK);
        ck_assert_str_eq(key, keys[i]);
        ck_assert_int_eq(a.n, i == 1 ? 8000 : 16000);
        ck_assert_float_eq(a.x[7], (i == 1 ? -7.0f : 7.0f) / 32768.0f);
        au_audio_free(&a);
    }
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(au_reader_next(r, &key, &a, NULL), BASE_OK);
        ck_assert_ptr_null(key);
    }
    ck_assert_int_eq(au_reader_find(r, "utt2"), 1);
    ck_assert_int_eq(au_reader_find(r, "utt"), -1);
    ck_assert_int_eq(au_reader_find(r, "utt4"), -1);
    ck_assert_str_eq(au_reader_key(r, 2), "utt3");
    ck_assert_int_eq(au_reader_read(r, 1, &a, NULL), BASE_OK);
    ck_assert_int_eq(a.n, 8000);
    au_audio_free(&a);
    au_reader_close(r);
    au_reader_close(NULL);
}
END_TEST

/* A bad entry has its key, file and line in the message, and the next one is read. */
START_TEST(goes_on_behind_a_bad_entry)
{
    base_error e = BASE_ERROR_INIT;
    const char *key;
    char want[800];
    au_reader *r;
    au_audio a;

    recordings();
    r = open_ok(table("wav.scp", "u1 @/a.wav\nu2 @/absent.wav\nu3 @/b.wav\n"), NULL);
    ck_assert_int_eq(au_reader_next(r, &key, &a, &e), BASE_OK);
    au_audio_free(&a);
    ck_assert_int_eq(au_reader_next(r, &key, &a, &e), BASE_MISSING);
    ck_assert_str_eq(key, "u2");
    snprintf(want, sizeof want, "%s:2: u2: %s: No such file", files_path("wav.scp"), files_path("absent.wav"));
    ck_assert_msg(!strncmp(e.text, want, strlen(want)), "%s", e.text);
    ck_assert_int_eq(au_reader_next(r, &key, &a, NULL), BASE_OK);
    ck_assert_str_eq(key, "u3");
    au_audio_free(&a);
    au_reader_close(r);
}
END_TEST

/* Cut at rint(seconds * rate); the end of a recording may be passed by half a second. */
START_TEST(cuts_segments)
{
    static const struct { int64_t first, n; } want[] = { { 8000, 4000 }, { 0, 8000 }, { 15000, 1000 }, { 4001, 1 }, { 0, 16000 } };
    static const char *scps[] = { "a @/a.wav\nb @/b.wav\n", "a cat @/a.wav |\nb cat @/b.wav |\n", "a @/a.flac\nb @/b.wav\n" };
    char command[2000];

    recordings();
    snprintf(command, sizeof command, "cp %s %s", files_path("a.wav"), files_path("a.flac"));  /* names mean nothing */
    ck_assert_int_eq(system(command), 0);
    for (size_t k = 0; k < 3; k++) {
        au_reader *r = open_ok(table("wav.scp", scps[k]),
            table("segments", "s1 a 1.0 1.5\ns2 b 0 1.4 0\ns3 a 1.875 -1\ns4 a 0.50012 0.50025\ns5 a 0 2.5\n"));

        ck_assert_int_eq(au_reader_count(r), 5);
        for (int i = 4; i >= 0; i--) {
            base_error e = BASE_ERROR_INIT;
            au_audio a;

            ck_assert_msg(au_reader_read(r, i, &a, &e) == BASE_OK, "%s", e.text);
            ck_assert_int_eq(a.n, want[i].n);
            ck_assert_float_eq(fabsf(a.x[0]), (float)want[i].first / 32768.0f);
            ck_assert_float_eq(fabsf(a.x[a.n - 1]), (float)(want[i].first + want[i].n - 1) / 32768.0f);
            ck_assert_double_eq(a.seconds, (double)want[i].n / 8000);
            au_audio_free(&a);
        }
        au_reader_close(r);
    }
}
END_TEST

/* The command behind a recording runs once for segments that follow each other. */
START_TEST(runs_a_pipe_once)
{
    char text[100];
    au_reader *r;
    au_audio a;
    FILE *f;

    recordings();
    r = open_ok(table("wav.scp", "a echo x >> @/count; cat @/a.wav |\n"), table("segments", "s1 a 0 1\ns2 a 1 2\ns3 a 0.5 1\n"));
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(au_reader_read(r, i, &a, NULL), BASE_OK);
        au_audio_free(&a);
    }
    au_reader_close(r);
    f = fopen(files_path("count"), "r");
    ck_assert_uint_eq(fread(text, 1, sizeof text, f), 2);
    fclose(f);
}
END_TEST

START_TEST(one_channel_of_a_segment)
{
    unsigned char file[44 + 4 * 800];
    au_reader *r;
    au_audio a;
    FILE *f;

    recordings();
    f = fopen(files_path("a.wav"), "rb");
    ck_assert_uint_eq(fread(file, 1, sizeof file, f), sizeof file);
    fclose(f);
    file[22] = 2, file[32] = 4, file[40] = 0x80, file[41] = 0x0c;   /* two channels: 2 i and 2 i + 1; 3200 bytes */
    files_write("stereo.wav", file, sizeof file);
    r = open_ok(table("wav.scp", "a @/stereo.wav\n"), table("segments", "s1 a 0 0.1 0\ns2 a 0 0.1 1\ns3 a 0 0.1\ns4 a 0 0.1 2\n"));
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(au_reader_read(r, i, &a, NULL), BASE_OK);
        ck_assert_int_eq(a.n, 800);
        for (int k = 0; k < 800; k++)
            ck_assert_float_eq(a.x[k], ((float)(2 * k) + (i == 0 ? 0.0f : i == 1 ? 1.0f : 0.5f)) / 32768.0f);
        au_audio_free(&a);
    }
    base_error e = BASE_ERROR_INIT;
    ck_assert_int_eq(au_reader_read(r, 3, &a, &e), BASE_VALUE);
    ck_assert_msg(strstr(e.text, "no channel 2, only 0 to 1") != NULL, "%s", e.text);
    au_reader_close(r);
}
END_TEST

START_TEST(segments_outside_their_recording)
{
    base_error e = BASE_ERROR_INIT;
    au_reader *r;
    au_audio a;

    recordings();
    r = open_ok(table("wav.scp", "a @/a.wav\n"), table("segments", "s1 a 1 2.6\ns2 a 2 2.4\ns3 a 5 -1\n"));
    ck_assert_int_eq(au_reader_read(r, 0, &a, &e), BASE_VALUE);
    ck_assert_msg(strstr(e.text, "segments:1: s1: ") && strstr(e.text, "ends at 2.600 s, behind its recording's end at 2.000 s"),
        "%s", e.text);
    ck_assert_int_eq(au_reader_read(r, 1, &a, NULL), BASE_FORMAT);
    ck_assert_int_eq(au_reader_read(r, 2, &a, NULL), BASE_FORMAT);
    au_reader_close(r);
}
END_TEST

static void refused(const char *scp, const char *segments, base_status status, const char *word)
{
    base_error e = BASE_ERROR_INIT;

    ck_assert_ptr_null(au_reader_open(table("wav.scp", scp), segments ? table("segments", segments) : NULL, NULL, &e));
    ck_assert_msg(e.status == status && strstr(e.text, word), "%d \"%s\" expected: %d %s", status, word, e.status, e.text);
}

START_TEST(bad_tables)
{
    base_error e = BASE_ERROR_INIT;
    const char *ok = "a a.wav\nb b.wav\n";

    refused("", NULL, BASE_FORMAT, "wav.scp: empty file");
    refused("a a.wav\nb\n", NULL, BASE_FORMAT, "wav.scp:2: a key and a value expected, found \"b\"");
    refused("a a.wav\n\nb b.wav\n", NULL, BASE_FORMAT, "wav.scp:2: ");
    refused("a a.wav\n b.wav\n", NULL, BASE_FORMAT, "wav.scp:2: white space before the key");
    refused("\xef\xbb\xbf" "a a.wav\n", NULL, BASE_FORMAT, "wav.scp:1: byte order mark before the key");
    refused("a a.wav\r\n", NULL, BASE_FORMAT, "wav.scp:1: carriage return in column 8 (lines end with a newline alone)");
    refused("a a.wav\nb\xff b.wav\n", NULL, BASE_FORMAT, "wav.scp:2: invalid UTF-8");
    refused("a a.wav\nb b.wav", NULL, BASE_FORMAT, "wav.scp:2: no newline at the end of the file");
    refused("\x1f\x8b\n", NULL, BASE_FORMAT, "wav.scp:1: packed by gzip");
    refused(ok, "\xef\xbb\xbfs a 0 1\n", BASE_FORMAT, "segments:1: byte order mark before the key");
    refused("a a.wav\nb b.wav\nb c.wav\n", NULL, BASE_FORMAT, "wav.scp:3: key \"b\" appears twice (first on line 2)");
    refused("b a.wav\na b.wav\n", NULL, BASE_FORMAT, "wav.scp:2: key \"a\" behind \"b\": not sorted");
    refused(ok, "s a 0\n", BASE_FORMAT, "segments:1: \"key recording start end [channel]\" expected");
    refused(ok, "s a 0 1 0 0\n", BASE_FORMAT, "segments:1: ");
    refused(ok, "s a 0 1x\n", BASE_FORMAT, "segments:1: ");
    refused(ok, "s a 0 nan\n", BASE_FORMAT, "segments:1: ");
    refused(ok, "s a 0 1e300\n", BASE_FORMAT, "segments:1: ");
    refused(ok, "s a -1 1\n", BASE_VALUE, "segments:1: segment from -1 to 1 s");
    refused(ok, "s a 1 1\n", BASE_VALUE, "segments:1: segment from 1 to 1 s");
    refused(ok, "s a 1 2 0.5\n", BASE_VALUE, "segments:1: channel 0.5");
    refused(ok, "s a 1 2\nt c 1 2\n", BASE_MISSING, "segments:2: recording \"c\" is not in ");
    ck_assert_ptr_null(au_reader_open(files_path("absent"), NULL, NULL, &e));
    ck_assert_int_eq(e.status, BASE_MISSING);
    ck_assert_ptr_null(au_reader_open("ark:x", NULL, NULL, NULL));
    ck_assert_ptr_null(au_reader_open(files_write("nul", "a b\0c\n", 6), NULL, NULL, NULL));
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("audio_reader");

    unit_add(s, walks_a_table);
    unit_add(s, goes_on_behind_a_bad_entry);
    unit_add(s, cuts_segments);
    unit_add(s, runs_a_pipe_once);
    unit_add(s, one_channel_of_a_segment);
    unit_add(s, segments_outside_their_recording);
    unit_add(s, bad_tables);
    return s;
}

UNIT_MAIN(suite)
