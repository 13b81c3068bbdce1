/* Data directories, labels, features of a directory and plans of batches. */
#include <math.h>
#include <string.h>

#include "base/file.h"
#include "base/parallel.h"
#include "base/random.h"
#include "recipes/ser.h"
#include "tests/unit/files.h"
#include "tests/unit/unit.h"

static const au_read_options ten_seconds = { 16000, 400, 10.0, 64, false, 0.0, false };
static const char *const speaker[] = { "ann", "ann", "bob", "bob" };
enum { UTTERANCES = 4 };

static void table(const char *name, const char *text) { files_write(name, text, strlen(text)); }

/* Four utterances of noise, of 0.1, 0.2, 0.3, 0.4 s, and all tables. */
static void make_data(void)
{
    base_random r = base_random_at(1, 2, 3);
    base_error e = BASE_ERROR_INIT;
    float x[6400];
    char scp[4000] = "";

    for (int i = 0; i < UTTERANCES; i++) {
        char name[30];

        for (int64_t j = 0; j < 1600 * (i + 1); j++)
            x[j] = (float)(0.1 * base_random_normal(&r, (uint64_t)(j + 6400 * i)));
        snprintf(name, sizeof name, "%s-%d.wav", speaker[i], i);
        ck_assert_msg(au_write_wav(files_path(name), x, 1600 * (i + 1), SER_RATE, &e) == BASE_OK, "%s", e.text);
        snprintf(scp + strlen(scp), sizeof scp - strlen(scp), "%s-%d %s\n", speaker[i], i, files_path(name));
    }
    table("wav.scp", scp);
    table("text", "ann-0 ab\nann-1\nbob-2 b a\nbob-3 a\n");
    table("utt2spk", "ann-0 ann\nann-1 ann\nbob-2 bob\nbob-3 bob\n");
    table("utt2emo", "ann-0 sad\nann-1 -\nbob-2 hap\nbob-3 sad\n");
}

static ser_data *open_data(base_error *e) { return ser_data_open(files_path(""), &ten_seconds, "upper", e); }

static void refused(base_status status, const char *what)
{
    base_error e = BASE_ERROR_INIT;
    ser_data *d = open_data(&e);

    ck_assert_ptr_null(d);
    ck_assert_msg(e.status == status && strstr(e.text, what), "%d \"%s\", expected %d \"%s\"", e.status, e.text, status, what);
}

START_TEST(directory_and_names)
{
    base_error e = BASE_ERROR_INIT;
    ser_config c = ser_config_defaults();
    ser_names names;
    ser_data *d;
    char *text;

    make_data();
    d = open_data(&e);
    ck_assert_msg(d != NULL, "%s", e.text);
    ck_assert_int_eq(d->n, UTTERANCES);
    ck_assert_str_eq(d->utt[2].text, "B A");
    ck_assert_str_eq(d->utt[3].speaker, "bob");
    ck_assert_msg(ser_data_names(d, &c, &names, &e) == BASE_OK, "%s", e.text);
    text = ser_names_text(&names);
    ck_assert_str_eq(text, "{\"emotion\":[\"hap\",\"sad\"]}");
    ck_assert_int_eq(ser_data_bind(d, &names, &e), BASE_OK);
    ck_assert_int_eq(d->utt[0].label[SER_EMOTION], 1);
    ck_assert_int_eq(d->utt[1].label[SER_EMOTION], NN_IGNORE);
    ck_assert_int_eq(d->utt[2].label[SER_EMOTION], 0);
    ck_assert_int_eq(d->utt[0].label[SER_GENDER], NN_IGNORE);
    ck_assert_int_eq(d->utt[1].ctc.n, 0);
    ck_assert_int_eq(d->utt[2].ctc.n, 3);
    ck_assert_int_eq(d->utt[2].ctc.label[1], tx_vocab_delimiter(names.vocab));
    ser_names_free(&names);

    c.lambda_style = 1;
    ck_assert_int_eq(ser_data_names(d, &c, &names, &e), BASE_MISSING);
    ck_assert_ptr_nonnull(strstr(e.text, "utt2style: missing; give the labels, or set lambda-style=0"));
    free(text);
    ser_data_free(d);
}
END_TEST

START_TEST(faulty_directories)
{
    base_error e = BASE_ERROR_INIT;
    ser_labels known = { 0 };
    ser_names names = { 0 };
    ser_data *d;

    make_data();
    table("utt2emo", "ann-0 sad\nann-1 sad\nbob-2 hap\n");
    refused(BASE_MISSING, "utt2emo: no line for utterance \"bob-3\"");
    table("utt2emo", "ann-0 sad\nann-1 sad\nbob-2 hap\nbob-3 hap\ncid-4 hap\n");
    refused(BASE_MISMATCH, "utt2emo:5: utterance \"cid-4\" has no sound");
    table("utt2emo", "ann-1 sad\nann-0 sad\nbob-2 hap\nbob-3 hap\n");
    refused(BASE_FORMAT, "utt2emo:2");
    table("utt2emo", "ann-0 sad\nann-1 sad\nbob-2 hap hap\nbob-3 hap\n");
    refused(BASE_FORMAT, "utt2emo:3");
    table("utt2emo", "ann-0 sad\nann-1 sad\nbob-2 hap\nbob-3 hap\n");
    table("text", "ann-0 a\nann-1 \xff\nbob-2 b\nbob-3 c\n");
    refused(BASE_FORMAT, "text:2");
    table("text", "ann-0 a\nann-1 b\nbob-2 b\nbob-3 c\n");
    table("wav.scp", "");
    refused(BASE_FORMAT, "wav.scp: empty file");
    unlink(files_path("wav.scp"));
    refused(BASE_MISSING, "wav.scp");

    make_data();
    ser_labels_add(&known, "ang", &e);
    ser_labels_add(&known, "sad", &e);
    names.task[SER_EMOTION] = known;
    d = open_data(&e);
    ck_assert_int_eq(ser_data_bind(d, &names, &e), BASE_MISMATCH);
    ck_assert_ptr_nonnull(strstr(e.text, "utt2emo:3: utterance \"bob-2\" has the unknown emotion \"hap\"; the model knows ang sad"));
    ser_data_free(d);
    ser_names_free(&names);
}
END_TEST

START_TEST(speakers_split)
{
    base_error e = BASE_ERROR_INIT;
    ser_data *d, *dev;
    uint64_t whole;

    make_data();
    d = open_data(&e);
    whole = ser_data_hash(d);
    ck_assert_ptr_null(ser_data_split(d, "bob,carl", &e));
    ck_assert_ptr_nonnull(strstr(e.text, "no utterance of speaker \"carl\""));
    e = (base_error)BASE_ERROR_INIT;
    dev = ser_data_split(d, "bob", &e);
    ck_assert_int_eq(d->n, 2);
    ck_assert_int_eq(dev->n, 2);
    ck_assert_str_eq(dev->utt[0].key, "bob-2");
    ck_assert(ser_data_hash(d) != whole && ser_data_hash(d) != ser_data_hash(dev));
    ser_data_free(dev);
    ser_data_free(d);
    d = open_data(&e);
    ck_assert_ptr_null(ser_data_split(d, "bob,ann", &e));
    ck_assert_ptr_nonnull(strstr(e.text, "leaves nobody"));
    ser_data_free(d);
}
END_TEST

START_TEST(labels_file)
{
    base_error e = BASE_ERROR_INIT;
    ser_names n = { 0 }, back;

    for (int i = 0; i < 40; i++) {
        char name[8];

        snprintf(name, sizeof name, "l%d", i * 7 % 40);
        ck_assert_int_eq(ser_labels_add(&n.task[SER_STYLE], name, &e), BASE_OK);
        ck_assert_int_eq(ser_labels_add(&n.task[SER_STYLE], name, &e), BASE_OK);
    }
    ck_assert_int_eq(n.task[SER_STYLE].n, 40);
    for (int i = 1; i < 40; i++)
        ck_assert(strcmp(n.task[SER_STYLE].name[i - 1], n.task[SER_STYLE].name[i]) < 0);
    ck_assert_int_eq(ser_labels_find(&n.task[SER_STYLE], "l39"), 33);
    ck_assert_int_eq(ser_labels_find(&n.task[SER_STYLE], "l40"), -1);
    {
        char *text = ser_names_text(&n), *again;

        ck_assert_int_eq(ser_names_read(&back, files_write("labels.json", text, strlen(text)), &e), BASE_OK);
        again = ser_names_text(&back);
        ck_assert_str_eq(text, again);
        free(text);
        free(again);
        ser_names_free(&back);
    }
    ser_names_free(&n);
    table("labels.json", "{\"emotion\": [\"b\", \"a\"]}");
    ck_assert_int_eq(ser_names_read(&back, files_path("labels.json"), &e), BASE_FORMAT);
    ck_assert_ptr_nonnull(strstr(e.text, "\"a\", is not behind"));
}
END_TEST

/* ---- features ---------------------------------------------------------------------------------------------------- */

static ser_features *features(const ser_data *d, const char *cache)
{
    base_error e = BASE_ERROR_INIT;
    ser_front_config c = { .bins = 8, .stack = 3, .cmvn = SER_CMVN_GLOBAL };
    ser_front *front = ser_front_new(&c, NULL, &e);
    ser_features *f = ser_features_new(front, d, 0, d->n, 0.1, cache, NULL, NULL, &e);

    ck_assert_msg(f != NULL, "%s", e.text);
    ser_front_free(front);
    return f;
}

static uint64_t sum_of(const ser_features *f, int64_t i, int variant)
{
    base_error e = BASE_ERROR_INIT;
    int64_t rows = f->rows[i * 3 + variant];
    size_t bytes = sizeof(float) * (size_t)(rows * f->cols);
    float *x = malloc(bytes);
    uint64_t h = 0;

    ck_assert_msg(ser_features_copy(f, i, variant, x, &e) == BASE_OK, "%s", e.text);
    for (size_t j = 0; j < bytes / sizeof *x; j++) {
        uint32_t bits;

        memcpy(&bits, x + j, sizeof bits);
        h = h * 31 + bits;
    }
    free(x);
    return h;
}

START_TEST(cache_holds_what_memory_holds)
{
    base_error e = BASE_ERROR_INIT;
    ser_features *memory, *cache, *again;
    char *first;
    FILE *f;
    ser_data *d;

    make_data();
    d = open_data(&e);
    memory = features(d, "");
    cache = features(d, files_path("cache"));
    again = features(d, files_path("cache"));
    for (int64_t i = 0; i < UTTERANCES; i++)
        for (int v = 0; v < 3; v++) {
            int64_t at = i * 3 + v;
            double samples = ceil(1600.0 * (double)(i + 1) / (v == 0 ? 1 : v == 1 ? 0.9 : 1.1));

            ck_assert_double_eq_tol(memory->seconds[at], samples / SER_RATE, 1e-9);
            ck_assert_double_eq(memory->seconds[at], cache->seconds[at]);
            ck_assert_int_eq(memory->rows[at], (1 + (int64_t)(samples - 400) / 160 + 2) / 3);
            ck_assert_int_eq(memory->rows[at], again->rows[at]);
            ck_assert(sum_of(memory, i, v) == sum_of(cache, i, v));
            ck_assert(sum_of(memory, i, v) == sum_of(again, i, v));
        }
    ck_assert(sum_of(memory, 0, 0) != sum_of(memory, 0, 1));

    first = cache->file[0];     /* a byte of the values changes */
    f = fopen(first, "r+b");
    ck_assert(fseek(f, -1, SEEK_END) == 0 && fputc(0x55, f) == 0x55 && fclose(f) == 0);
    {
        float x[1000];

        ck_assert_int_eq(ser_features_copy(cache, 0, 0, x, &e), BASE_FORMAT);
        ck_assert_ptr_nonnull(strstr(e.text, first));
    }
    ser_features_free(again);
    again = features(d, files_path("cache"));       /* and is computed anew */
    ck_assert(sum_of(memory, 0, 0) == sum_of(again, 0, 0));
    ser_features_free(memory);
    ser_features_free(cache);
    ser_features_free(again);
    ser_data_free(d);
}
END_TEST

START_TEST(moments_normalise)
{
    base_error e = BASE_ERROR_INIT;
    float mean[24], scale[24];
    double sum = 0, square = 0;
    ser_features *f;
    ser_data *d;
    int64_t n = 0;

    make_data();
    d = open_data(&e);
    f = features(d, "");
    ck_assert_int_eq(ser_features_moments(f, mean, scale, &e), BASE_OK);
    for (int64_t i = 0; i < UTTERANCES; i++)
        for (int64_t r = 0; r < f->rows[i * 3]; r++, n++) {
            double y = ((double)f->x[i * 3][r * 24 + 5] - (double)mean[5]) * (double)scale[5];

            sum += y;
            square += y * y;
        }
    ck_assert_double_eq_tol(sum / (double)n, 0, 1e-5);
    ck_assert_double_eq_tol(square / (double)n, 1, 1e-4);
    ser_features_free(f);
    ser_data_free(d);
}
END_TEST

/* ---- plans ------------------------------------------------------------------------------------------------------- */

enum { MANY = 200 };

static ser_features *invent(int64_t *rows, double *seconds)
{
    static ser_features f;
    base_random r = base_random_at(5, 6, 7);

    for (int64_t i = 0; i < MANY * 3; i++) {
        rows[i] = 10 + base_random_below(&r, (uint64_t)i, 400);
        seconds[i] = (double)rows[i] * 0.03;
    }
    f = (ser_features){ .cols = 1, .variants = 3, .n = MANY, .rows = rows, .seconds = seconds };
    return &f;
}

START_TEST(plans)
{
    base_error e = BASE_ERROR_INIT;
    static int64_t rows[MANY * 3];
    static double seconds[MANY * 3];
    const ser_features *f = invent(rows, seconds);
    int64_t variants[3] = { 0 };
    ser_plan first;

    ck_assert_int_eq(ser_plan_make(&first, f, 20, 0, 16, 1, 0, &e), BASE_OK);
    for (int64_t epoch = 0; epoch < 3; epoch++) {
        ser_plan p, again;
        int heard[MANY] = { 0 }, same = 0;

        ck_assert_int_eq(ser_plan_make(&p, f, 20, 0, 16, 1, epoch, &e), BASE_OK);
        ck_assert_int_eq(ser_plan_make(&again, f, 20, 0, 16, 1, epoch, &e), BASE_OK);
        for (int64_t b = 0; b < p.batches; b++) {
            double sum = 0;

            ck_assert_int_lt(p.batch[b], p.batch[b + 1]);
            for (int64_t i = p.batch[b]; i < p.batch[b + 1]; i++) {
                sum += seconds[p.item[i].utt * 3 + p.item[i].variant];
                heard[p.item[i].utt]++;
                variants[p.item[i].variant]++;
            }
            ck_assert(sum <= 20 || p.batch[b + 1] - p.batch[b] == 1);
        }
        ck_assert_int_eq(p.batch[p.batches], MANY);
        for (int64_t i = 0; i < MANY; i++) {
            ck_assert_int_eq(heard[i], 1);
            ck_assert(p.item[i].utt == again.item[i].utt && p.item[i].variant == again.item[i].variant);
            same += p.item[i].utt == first.item[i].utt;
        }
        ck_assert(epoch ? same < MANY / 10 : same == MANY);
        ser_plan_free(&p);
        ser_plan_free(&again);
    }
    for (int v = 0; v < 3; v++)     /* 600 draws of 1/3 each: 5 standard deviations are 58 */
        ck_assert_int_lt(labs(variants[v] - MANY), 58);
    ser_plan_free(&first);

    for (int64_t epoch = 0; epoch < 2; epoch++) {      /* 7 to a batch, and the rest at the end */
        int heard[MANY] = { 0 };

        ck_assert_int_eq(ser_plan_make(&first, f, 1, 7, 16, 1, epoch, &e), BASE_OK);
        ck_assert_int_eq(first.batches, (MANY + 6) / 7);
        for (int64_t b = 0; b < first.batches; b++)
            ck_assert_int_eq(first.batch[b + 1] - first.batch[b], b < MANY / 7 ? 7 : MANY % 7);
        for (int64_t i = 0; i < MANY; i++)
            ck_assert_int_eq(heard[first.item[i].utt]++, 0);
        ser_plan_free(&first);
    }

    ck_assert_int_eq(ser_plan_make(&first, f, 20, 0, 16, 1, -1, &e), BASE_OK);
    for (int64_t i = 0; i < MANY; i++)
        ck_assert(first.item[i].utt == i && first.item[i].variant == 0);
    ser_plan_free(&first);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("data");

    files_add(s, directory_and_names);
    files_add(s, faulty_directories);
    files_add(s, speakers_split);
    files_add(s, labels_file);
    files_add(s, cache_holds_what_memory_holds);
    files_add(s, moments_normalise);
    unit_add(s, plans);
    return s;
}

UNIT_MAIN(suite)
