/* Hidden states of a folder as Hugging Face writes it, against transformers (tests/parity/make_hubert.py). */
#include <math.h>
#include <sys/stat.h>

#include "recipes/ser.h"
#include "tests/unit/files.h"
#include "tests/unit/unit.h"

static const char *const variants[] = { "hubert-layer", "hubert-group" };

static const char *parity(const char *variant, const char *file)
{
    static char path[4096];

    snprintf(path, sizeof path, "%s/tests/parity/%s/%s", getenv("srcdir") ? getenv("srcdir") : ".", variant, file);
    return path;
}

/* The reference folder with another preprocessor_config.json. */
static const char *folder_with(const char *variant, const char *preprocessor)
{
    static const char *const files[] = { "config.json", "model.safetensors" };

    mkdir(files_path("model"), 0700);
    files_write("model/preprocessor_config.json", preprocessor, strlen(preprocessor));
    for (int i = 0; i < 2; i++) {
        char name[100], *target = realpath(parity(variant, files[i]), NULL);
        snprintf(name, sizeof name, "model/%s", files[i]);
        unlink(files_path(name));
        ck_assert_int_eq(symlink(target, files_path(name)), 0);
        free(target);
    }
    return files_path("model");
}

static void check(ser_states *s, float *x, int64_t n, const float *expected, int64_t rows)
{
    base_error e = BASE_ERROR_INIT;
    nn_matrix m;
    double worst = 0.0, scale = 0.0;

    ck_assert_msg(!ser_states_compute(s, x, n, &m, &e), "%s", e.text);
    ck_assert_int_eq(m.rows, rows);
    for (int64_t i = 0; i < m.rows * m.cols; i++) {
        worst = fmax(worst, fabs((double)m.x[i] - expected[i]));
        scale = fmax(scale, fabs((double)expected[i]));
    }
    ck_assert_double_le(worst, 1e-5 * scale);
}

START_TEST(states_are_those_of_transformers)
{
    base_error e = BASE_ERROR_INIT;
    const char *dir = folder_with(variants[_i], "{\"do_normalize\": false, \"sampling_rate\": 16000}");
    nn_safetensors *reference = nn_safetensors_open(parity(variants[_i], "reference.safetensors"), &e);

    ck_assert_msg(reference != NULL, "%s", e.text);
    for (int layer = -1; layer <= 2; layer++) {
        char name[20];
        snprintf(name, sizeof name, "states.%d", layer);
        const nn_file_tensor *wave = nn_safetensors_find(reference, "wave"), *states = nn_safetensors_find(reference, name);
        const int64_t *begin = nn_safetensors_find(reference, "wave_begin")->data;
        float x[2000];
        int64_t row = 0;
        ser_states *s = ser_states_open(dir, layer, false, &e);
        ck_assert_msg(s != NULL, "%s", e.text);
        for (int u = 0; u < 2; u++) {
            int64_t n = begin[u + 1] - begin[u], rows = u ? states->shape[0] - row : (((n - 10) / 5 + 1 - 3) / 2 + 1 - 2) / 2 + 1;
            memcpy(x, (const float *)wave->data + begin[u], (size_t)n * sizeof *x);
            check(s, x, n, (const float *)states->data + row * states->shape[1], rows);
            row += rows;
        }
        ser_states_free(s);
    }
    nn_safetensors_close(reference);
}
END_TEST

/* do_normalize: louder by 7 and shifted is the same; without it, or by default with it. */
START_TEST(the_preprocessor_is_honoured)
{
    static const char *const preprocessors[] = { "{\"do_normalize\": true}", "{\"do_normalize\": false}", "{}" };
    base_error e = BASE_ERROR_INIT;
    double difference = 0.0;
    float x[2][800], first[20];
    nn_matrix m;
    ser_states *s = ser_states_open(folder_with("hubert-layer", preprocessors[_i]), 0, false, &e);

    ck_assert_msg(s != NULL, "%s", e.text);
    for (int i = 0; i < 800; i++) {
        x[0][i] = (float)sin(i * i * 0.01);
        x[1][i] = 0.5f + x[0][i] / 7.0f;
    }
    for (int k = 0; k < 2; k++) {
        ck_assert_int_eq(ser_states_compute(s, x[k], 800, &m, &e), BASE_OK);
        for (int c = 0; c < 20; c++)
            difference += k ? fabs(m.x[c] - first[c]) : 0.0;
        memcpy(first, m.x, sizeof first);
    }
    ck_assert_msg((difference < 1e-3) == (_i != 1), "the difference is %g", difference);
    ser_states_free(s);
}
END_TEST

START_TEST(what_cannot_be_is_refused)
{
    base_error e = BASE_ERROR_INIT, why = BASE_ERROR_INIT;
    const char *dir = folder_with("hubert-layer", "{}");
    float x[20] = { 0 };
    nn_matrix m;

    ck_assert_ptr_null(ser_states_open(dir, 3, false, &e));
    ck_assert_int_eq(e.status, BASE_VALUE);
    ck_assert_ptr_nonnull(strstr(e.text, "layer 3 of a model with 2"));
    e.status = BASE_OK;
    ser_states *s = ser_states_open(dir, 2, false, &e);
    ck_assert_msg(s != NULL, "%s", e.text);
    ck_assert_int_eq(ser_states_compute(s, x, 20, &m, &e), BASE_LIMIT);
    ser_states_free(s);
    ck_assert_ptr_null(ser_states_open(files_path("absent"), 0, false, &why));
    ck_assert_int_eq(why.status, BASE_MISSING);
    folder_with("hubert-layer", "{\"sampling_rate\": 8000}");
    why.status = BASE_OK;
    ck_assert_ptr_null(ser_states_open(dir, 0, false, &why));
    ck_assert_int_eq(why.status, BASE_UNSUPPORTED);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("states");
    TCase *c = tcase_create("states");

    tcase_add_loop_test(c, states_are_those_of_transformers, 0, 2);
    tcase_add_loop_test(c, the_preprocessor_is_honoured, 0, 3);
    tcase_add_test(c, what_cannot_be_is_refused);
    suite_add_tcase(s, c);
    return s;
}

UNIT_MAIN(suite)
