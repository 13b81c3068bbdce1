/* A corpus in a moment, for tests: "speech" in which each letter is a tone, an emotion is a loudness or a tremolo, the
 * gender a hum and the style a hiss. A network learns all of it in seconds.
 *
 *     make_tones <dir> <utterances> <seed>       -> <dir>/{wav/,wav.scp,text,utt2spk,utt2emo,utt2gender,utt2style} */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/random.h"
#include "libaudio/au.h"

enum { RATE = 16000, LETTER = RATE / 10, SPACE = RATE / 12, MOST = 64 };

static const char *const emotion[] = { "ang", "hap", "sad" };
static const char *const table[] = { "wav.scp", "text", "utt2spk", "utt2emo", "utt2gender", "utt2style" };
enum { TABLES = sizeof table / sizeof *table };
static const double hertz[] = { 400, 700, 1200, 2000 };

static void *need(void *p)
{
    if (!p) {
        perror("make_tones");
        exit(1);
    }
    return p;
}

static void die_unless(base_status status, const base_error *e)
{
    if (status) {
        fprintf(stderr, "make_tones: %s\n", e->text);
        exit(1);
    }
}

/* Two words of two or three letters. */
static void draw_text(const base_random *r, char *out)
{
    uint64_t n = 100;

    for (int w = 0; w < 2; w++) {
        int64_t letters = 2 + base_random_below(r, n++, 2);

        for (int64_t i = 0; i < letters; i++)
            *out++ = "ABCD"[base_random_below(r, n++, 4)];
        *out++ = w == 0 ? ' ' : '\0';
    }
}

static int64_t sound(const base_random *r, const char *text, int feeling, bool woman, bool hiss, float *x)
{
    double level = feeling == 0 ? 0.3 : 0.05;
    int64_t n = 0, begin = 0;

    for (; *text; text++) {
        int64_t length = *text == ' ' ? SPACE : LETTER;

        for (begin = n; n < begin + length; n++) {
            double t = (double)n / RATE, tremble = feeling == 1 ? 1 + 0.8 * sin(2 * M_PI * 12 * t) : 1;
            double fade = fmin(1, fmin((double)(n - begin), (double)(begin + length - n)) / 160);
            double tone = *text == ' ' ? 0 : fade * sin(2 * M_PI * hertz[*text - 'A'] * t);
            double noise = (hiss ? 0.02 : 0.001) * base_random_normal(r, (uint64_t)(1000 + n));

            x[n] = (float)(level * tremble * (tone + 0.3 * sin(2 * M_PI * (woman ? 220 : 120) * t)) + noise);
        }
    }
    return n;
}

static void write_utterance(const char *dir, int64_t seed, int i, FILE *const *out)
{
    static float x[MOST * LETTER];
    base_random r = base_random_at((uint64_t)seed, (uint64_t)i, 1);
    base_error e = BASE_ERROR_INIT;
    int speaker = i % 4, feeling = (int)base_random_below(&r, 0, 3);
    bool woman = speaker % 2, hiss = base_random_below(&r, 1, 2);
    char text[MOST], key[64], path[4200];

    draw_text(&r, text);
    snprintf(key, sizeof key, "spk%d-%04d", speaker, i);
    snprintf(path, sizeof path, "%s/wav/%s.wav", dir, key);
    die_unless(au_write_wav(path, x, sound(&r, text, feeling, woman, hiss, x), RATE, &e), &e);
    fprintf(out[0], "%s %s\n", key, path);
    fprintf(out[1], "%s %s\n", key, text);
    fprintf(out[2], "%s spk%d\n", key, speaker);
    fprintf(out[3], "%s %s\n", key, emotion[feeling]);
    fprintf(out[4], "%s %s\n", key, woman ? "f" : "m");
    fprintf(out[5], "%s %s\n", key, hiss ? "acted" : "free");
}

int main(int argc, char **argv)
{
    FILE *out[TABLES];
    base_error e = BASE_ERROR_INIT;
    int n = argc == 4 ? atoi(argv[2]) : 0;
    char *wav;

    if (n < 1) {
        fprintf(stderr, "usage: make_tones <dir> <utterances> <seed>\n");
        return 1;
    }
    wav = need(base_path_join(argv[1], "wav"));
    die_unless(base_make_dirs(wav, &e), &e);
    for (int t = 0; t < TABLES; t++) {
        char *path = need(base_path_join(argv[1], table[t]));

        out[t] = need(fopen(path, "w"));
        free(path);
    }
    for (int speaker = 0; speaker < 4; speaker++)       /* keys in order */
        for (int i = speaker; i < n; i += 4)
            write_utterance(argv[1], atoll(argv[3]), i, out);
    for (int t = 0; t < TABLES; t++)
        if (fclose(out[t]))
            return 1;
    free(wav);
    return 0;
}
