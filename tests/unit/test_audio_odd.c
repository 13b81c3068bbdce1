/* Real files found in the wild: each plays, with the length its publisher states, or is refused with the reason. */
#include <math.h>
#include <string.h>

#include "libaudio/au.h"
#include "tests/unit/files.h"
#include "tests/unit/unit.h"

static const struct {
    const char *name;
    int         rate, channels, n;  /* of the source; n 0: refused */
    const char *word;               /* in the refusal */
} odd[] = {
    { "2412-153948-0000.flac", 16000, 1, 186560, NULL },
    { "an152-mwhw-b.sph", 16000, 1, 16000, NULL },
    { "an251-fash-b.sph", 16000, 1, 16000, NULL },
    { "an253-fash-b.sph", 16000, 1, 11200, NULL },
    { "cen7-fash-b.sph", 16000, 1, 40000, NULL },
    { "cen8-mwhw-b.sph", 16000, 1, 35200, NULL },
    { "libri-1088-134315-0000_rvb.wav", 16000, 1, 256640, NULL },
    { "mono_c0.wav", 8000, 1, 4000, NULL },
    { "mono_c0.opus", 8000, 1, 4043, NULL },
    { "real_8ch.wav", 16000, 8, 1600, NULL },
    { "stereo.mp3", 8000, 2, 8000, NULL },
    { "stereo.sph", 8000, 2, 8000, NULL },
    { "stereo.wav", 8000, 2, 8000, NULL },
    { "awful.wav", 0, 0, 0, "7 samples at 16000 Hz, at least 400" },     /* 441 samples that claim 1,092,676 Hz */
    { "bad.wav", 0, 0, 0, "not a sound file" },
    { "evil.wav", 0, 0, 0, "not a sound file" },
    { "null.wav", 0, 0, 0, "no samples" },
};

START_TEST(play_or_refuse)
{
    char path[5000];
    const char *folder = files_data("odd_audio");

    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        base_error e = BASE_ERROR_INIT;
        base_status status;
        au_audio a;

        snprintf(path, sizeof path, "%s/%s", folder, odd[i].name);
        status = au_read(path, NULL, &a, &e);
        if (odd[i].n) {
            ck_assert_msg(status == BASE_OK, "%s", e.text);
            ck_assert_int_eq(a.source_rate, odd[i].rate);
            ck_assert_int_eq(a.channels, odd[i].channels);
            ck_assert_int_eq(a.n, ((int64_t)odd[i].n * 16000 + odd[i].rate - 1) / odd[i].rate);
            ck_assert_double_eq(a.seconds, (double)odd[i].n / odd[i].rate);
        } else {
            ck_assert_msg(status != BASE_OK, "%s: %ld samples", path, (long)a.n);
            ck_assert_msg(strstr(e.text, odd[i].word) && !strncmp(e.text, path, strlen(path)), "%s", e.text);
        }
        au_audio_free(&a);
    }
}
END_TEST

static void read_data(const char *name, au_audio *a)
{
    base_error e = BASE_ERROR_INIT;

    ck_assert_msg(au_read(files_data(name), NULL, a, &e) == BASE_OK, "%s", e.text);
}

/* The same ramp in SPHERE and WAV, and in Opus up to what its coding loses. */
START_TEST(containers_agree)
{
    au_audio a, b;
    double dot = 0.0, aa = 0.0, bb = 0.0;

    read_data("odd_audio/stereo.wav", &a);
    read_data("odd_audio/stereo.sph", &b);
    ck_assert_int_eq(a.n, b.n);
    for (int64_t i = 0; i < a.n; i++) {
        dot += a.x[i] * b.x[i];
        aa += a.x[i] * a.x[i];
        bb += b.x[i] * b.x[i];
    }
    ck_assert_double_gt(dot / sqrt(aa * bb), 0.999);
    au_audio_free(&a);
    au_audio_free(&b);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("audio_odd");

    unit_add(s, play_or_refuse);
    unit_add(s, containers_agree);
    return s;
}

int main(void)
{
    if (!files_data("odd_audio"))
        return puts("1..0 # SKIP no real files in $SERIN_DATA/odd_audio"), 0;
    setenv("CK_FORK", UNIT_FORK, 0);
    SRunner *r = srunner_create(suite());
    srunner_set_tap(r, "-");
    srunner_run_all(r, CK_SILENT);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
