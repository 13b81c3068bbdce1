/* Opening data, filling batches, making, saving and loading a model, with the first allocation failing, the second, and so on
 * until none does: a clean error, and no memory lost. */
#include <assert.h>
#include <omp.h>

#include "base/file.h"
#include "recipes/checkpoint.h"
#include "recipes/score.h"
#include "tests/unit/files.h"
#include "tests/unit/malloc_fault.h"
#include "tests/unit/recogniser.h"

static const au_read_options ten_seconds = { 16000, 400, 10.0, 64, false, 0.0, false };
static ser_config config;
static ser_model *model;

static base_status try_data(base_error *e)
{
    ser_data *d = ser_data_open(files_path("data"), &ten_seconds, "upper", e), *dev = NULL;
    ser_names names = { 0 };

    if (d && !ser_data_names(d, &config, &names, e) && !ser_data_bind(d, &names, e))
        dev = ser_data_split(d, "bob", e);
    assert(e->status || (d->n == 2 && dev->n == 1));
    ser_names_free(&names);
    ser_data_free(dev);
    ser_data_free(d);
    return e->status;
}

static base_status try_make(base_error *e)
{
    ser_names names = { 0 };
    ser_model_config c = model->config;
    ser_model *m = NULL;

    if (!ser_labels_add(&names.task[SER_EMOTION], "b", e) && !ser_labels_add(&names.task[SER_EMOTION], "a", e))
        m = ser_model_new(&c, &names, SER_TRAIN_ALL, e);
    assert(!m == (e->status != BASE_OK));
    ser_names_free(&names);
    ser_model_free(m);
    return e->status;
}

/* What is saved is whole: it loads. */
static base_status try_save(base_error *e)
{
    if (!ser_model_save(model, files_path("saved"), e)) {
        base_error none = BASE_ERROR_INIT;
        long left = malloc_left;
        ser_model *m;

        malloc_left = -1;
        m = ser_model_load(files_path("saved"), &none);
        assert(m);
        ser_model_free(m);
        malloc_left = left;
    }
    return e->status;
}

static base_status try_load(base_error *e)
{
    ser_model *m = ser_model_load(files_path("folder"), e);

    assert(!m == (e->status != BASE_OK));
    ser_model_free(m);
    return e->status;
}

static base_status try_begin_with(base_error *e) { return ser_model_begin_with(model, files_path("folder"), false, false, e); }

/* Not the forward pass: OpenBLAS does not look at what malloc gives it. */
static base_status try_batch(base_error *e)
{
    ser_batch b = { 0 };
    ser_plan p;

    if (!ser_plan_make(&p, &inputs, 0.5, 0, 2, 1, 3, e) && !ser_batch_reserve(&b, &data, 0, &inputs, &p, e))
        ser_batch_fill(&b, model, &data, 0, &inputs, p.item, p.batch[1], NULL, e);
    ser_plan_free(&p);
    ser_batch_free(&b);
    return e->status;
}

static base_status try_features(base_error *e)
{
    ser_front *f = ser_front_new(&model->config.front, NULL, e);
    nn_matrix m = { 0 };
    float x[1000] = { 0.5f };

    if (f)
        ser_front_compute(f, x, 1000, &m, e);
    nn_matrix_free(&m);
    ser_front_free(f);
    return e->status;
}

/* A label that is lost on the way would be saved as if it had never been. */
static base_status try_print(base_error *e)
{
    char *text = ser_names_text(&model->names);
    ser_names n;

    if (!text)
        return base_fail(e, BASE_NO_MEMORY, "names");
    assert(strcmp(text, "{\"emotion\":[\"ang\",\"hap\",\"sad\"],\"gender\":[\"f\",\"m\"]}") == 0);
    free(text);
    if (!ser_names_read(&n, files_path("folder/labels.json"), e))
        ser_names_free(&n);
    return e->status;
}

/* What is printed, in room of its own: the first time is what it must be every time that says it is well. */
static char printed[2][1 << 16];
static FILE *printer[2];

static base_status same_print(int i, json_t *j, base_status status)
{
    static char first[2][1 << 16];

    fputc('\0', printer[i]);
    fflush(printer[i]);
    rewind(printer[i]);
    if (!*first[i])
        strcpy(first[i], printed[i]);
    assert(status != BASE_OK || (j && strcmp(first[i], printed[i]) == 0));
    json_decref(j);
    return status;
}

static base_status try_describe(base_error *e)
{
    ser_checkpoint *c = ser_checkpoint_open(files_path("folder"), e);
    json_t *j = c ? ser_checkpoint_describe(c, e) : NULL;

    if (j)
        ser_checkpoint_print(j, printer[0], e);
    ser_checkpoint_free(c);
    return same_print(0, j, e->status);
}

static base_status try_scores(base_error *e)
{
    const ser_label_options o = { .ref = files_path("data/utt2emo"), .hyp = files_path("data/utt2emo"),
        .versus = files_path("hyp"), .folds = files_path("data/utt2spk"), .groups = "", .labels = "", .mode = "strict", .task = "emotion",
        .clusters = files_path("data/utt2spk"), .bootstrap = { 10, 1, NULL } };
    int64_t n;
    json_t *j = ser_score_labels(&o, printer[1], &n, e);

    if (j) {
        long left = malloc_left;

        malloc_left = -1;
        json_dumpf(j, printer[1], JSON_SORT_KEYS);
        malloc_left = left;
    }
    return same_print(1, j, e->status);
}

static const struct { const char *name; base_status (*run)(base_error *e); } tries[] = {
    { "data", try_data }, { "make", try_make }, { "save", try_save }, { "load", try_load }, { "begin_with", try_begin_with },
    { "batch", try_batch }, { "features", try_features }, { "print", try_print },
    { "describe", try_describe }, { "scores", try_scores },
};
#define TRIES (int)(sizeof tries / sizeof *tries)

static void set_up(void)
{
    base_error e = BASE_ERROR_INIT;

    omp_set_num_threads(1);
    invent();
    for (int i = 0; i < UTTERANCES; i++) {
        utterances[i].text = (char *)"A B";
        seconds[i] = 0.2;
    }
    for (int i = 0; i < 2; i++)
        printer[i] = fmemopen(printed[i], sizeof printed[i], "w");
    config = ser_config_defaults();
    model = new_model(true, 0, 4);
    ck_assert_int_eq(ser_model_save(model, files_path("folder"), &e), BASE_OK);
    ck_assert_int_eq(base_make_dirs(files_path("data"), &e), BASE_OK);
    files_write("data/wav.scp", "ann-0 x.wav\nann-1 y.wav\nbob-2 z.wav\n", 36);
    files_write("data/text", "ann-0 ab\nann-1\nbob-2 b a\n", 25);
    files_write("data/utt2spk", "ann-0 ann\nann-1 ann\nbob-2 bob\n", 30);
    files_write("data/utt2emo", "ann-0 sad\nann-1 -\nbob-2 hap\n", 28);
    files_write("hyp", "ann-0 sad\nann-1 sad\nbob-2 sad\n", 30);
}

static void tear_down(void)
{
    ser_model_free(model);
    for (int i = 0; i < 2; i++)
        fclose(printer[i]);
    for (int i = 0; i < UTTERANCES; i++)
        free(features[i]);
}

START_TEST(every_allocation_fails_once)
{
    base_error e = BASE_ERROR_INIT;
    long live;

    set_up();
    ck_assert_msg(tries[_i].run(&e) == BASE_OK, "%s: %s", tries[_i].name, e.text);      /* and makes what is made once */
    live = malloc_live;
    for (long n = 0; MALLOC_FAULTS; n++) {
        base_status status;
        bool failed;

        e = (base_error)BASE_ERROR_INIT;
        malloc_left = n;
        status = tries[_i].run(&e);
        failed = malloc_left < 0;
        malloc_left = -1;
        assert(malloc_live == live);        /* Check's own messages take memory */
        if (!failed) {
            ck_assert_msg(status == BASE_OK && n > 3, "%s: %s after %ld", tries[_i].name, e.text, n);
            break;
        }
        ck_assert_msg(status == BASE_OK || (status == e.status && e.text[0]), "%s, allocation %ld: %d \"%s\"", tries[_i].name, n,
            status, e.text);
    }
    tear_down();
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("recipes_faults");
    TCase *all = tcase_create("every_allocation_fails_once");

    tcase_set_timeout(all, 60);
    tcase_add_loop_test(all, every_allocation_fails_once, 0, TRIES);
    suite_add_tcase(s, all);
    return s;
}

UNIT_MAIN(suite)
