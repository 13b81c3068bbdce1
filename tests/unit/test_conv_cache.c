/* The cached output of convolutions: what the model itself gives, once computed, and made anew when anything differs. */
#include <dirent.h>
#include <math.h>

#include "base/error.h"
#include "base/random.h"
#include "libaudio/au.h"
#include "recipes/conv.h"
#include "tests/unit/files.h"
#include "tests/unit/unit.h"

enum { SAMPLES = 5000 };

static const char config[] =
    "{\"hidden_size\": 8, \"num_hidden_layers\": 1, \"num_attention_heads\": 2, \"intermediate_size\": 8,"
    " \"feat_extract_norm\": \"layer\", \"conv_bias\": true, \"num_conv_pos_embeddings\": 4,"
    " \"num_conv_pos_embedding_groups\": 2, \"num_feat_extract_layers\": 2, \"conv_dim\": [6, 5], \"conv_kernel\": [10, 3],"
    " \"conv_stride\": [5, 2]}";

static void wave(float *x)
{
    base_random r = base_random_at(3, 0, 0);

    for (int i = 0; i < SAMPLES; i++)
        x[i] = (float)(0.2 + 0.1 * base_random_normal(&r, (uint64_t)i));
}

/* A folder with a model drawn from the seed. want receives what its convolutions make of the wave, NULL: not asked. */
static const char *model(const char *name, uint64_t seed, nn_matrix *want)
{
    base_error e = BASE_ERROR_INIT;
    nn_params *p = nn_params_new();
    nn_tape *t = nn_tape_new(NULL, &e);
    int64_t begin[2] = { 0, SAMPLES };
    nn_hubert_config c;
    float x[SAMPLES];
    char path[100];
    nn_hubert *h;
    nn_tensor *y;

    ck_assert(mkdir(files_path(name), 0700) == 0);
    snprintf(path, sizeof path, "%s/config.json", name);
    ck_assert_msg(nn_hubert_config_read(&c, files_write(path, config, sizeof config - 1), &e) == BASE_OK, "%s", e.text);
    h = nn_hubert_new(p, &c);
    ck_assert(nn_params_build(p, &e) == BASE_OK);
    nn_params_init(p, seed);
    snprintf(path, sizeof path, "%s/model.safetensors", name);
    ck_assert_msg(nn_params_save(p, files_path(path), NULL, 0, &e) == BASE_OK, "%s", e.text);
    if (want) {
        wave(x);
        au_normalize(x, SAMPLES, AU_NORMALIZE_EPS);
        nn_tape_begin(t, NN_INFER, 0);
        y = nn_hubert_features(t, h, nn_input(t, x, SAMPLES, 1, 1, begin));
        *want = (nn_matrix){ malloc(sizeof(float) * (size_t)nn_numel(y)), y->rows, y->cols };
        memcpy(want->x, y->x, sizeof(float) * (size_t)nn_numel(y));
    }
    nn_hubert_free(h);
    nn_params_free(p);
    nn_tape_free(t);
    return files_path(name);
}

static nn_matrix compute(const char *model_dir, const char *cache)
{
    base_error e = BASE_ERROR_INIT;
    ser_conv *c = ser_conv_open(model_dir, cache, &e);
    float x[SAMPLES];
    nn_matrix m;

    ck_assert_msg(c != NULL, "%s", e.text);
    wave(x);
    ck_assert_msg(ser_conv_compute(c, x, SAMPLES, &m, &e) == BASE_OK, "%s", e.text);
    ser_conv_close(c);
    return m;
}

/* The number of files in a folder; path receives the last one's. */
static int count(const char *folder, char *path, size_t room)
{
    DIR *d = opendir(folder);
    struct dirent *f;
    int n = 0;

    while (d && (f = readdir(d)))
        if (f->d_name[0] != '.') {
            snprintf(path, room, "%s/%s", folder, f->d_name);
            n++;
        }
    if (d)
        closedir(d);
    return n;
}

static void check(nn_matrix m, const nn_matrix *want)
{
    ck_assert_int_eq(m.rows, want->rows);
    ck_assert_int_eq(m.cols, want->cols);
    for (int64_t i = 0; i < m.rows * m.cols; i++)
        ck_assert_float_eq_tol(m.x[i], want->x[i], 1e-6f);
    nn_matrix_free(&m);
}

START_TEST(gives_what_the_model_gives)
{
    nn_matrix want;
    const char *dir = model("m", 1, &want);

    ck_assert_int_eq(want.rows, 499);   /* ((5000 - 10) / 5 + 1 - 3) / 2 + 1 */
    check(compute(dir, ""), &want);
    nn_matrix_free(&want);
}
END_TEST

START_TEST(reads_from_the_cache)
{
    nn_matrix want, m;
    const char *dir = model("cached", 1, &want), *cache = files_path("some/cache");
    char path[1000];
    float mark = 12345.0f;
    FILE *f;

    check(compute(dir, cache), &want);
    ck_assert_int_eq(count(cache, path, sizeof path), 1);
    check(compute(dir, cache), &want);
    ck_assert_int_eq(count(cache, path, sizeof path), 1);
    f = fopen(path, "r+b");             /* damage is noticed, and the file made anew */
    fseek(f, -4, SEEK_END);
    fwrite(&mark, 4, 1, f);
    fclose(f);
    for (int i = 0; i < 2; i++)
        check(compute(dir, cache), &want);
    m = compute(model("other", 2, NULL), cache);
    ck_assert_int_eq(count(cache, path, sizeof path), 2);
    ck_assert(memcmp(m.x, want.x, sizeof(float) * 100) != 0);
    nn_matrix_free(&m);
    files_write("cached/preprocessor_config.json", "{\"do_normalize\": false}", 23);
    m = compute(dir, cache);
    ck_assert_int_eq(count(cache, path, sizeof path), 3);
    ck_assert(memcmp(m.x, want.x, sizeof(float) * 100) != 0);
    nn_matrix_free(&m);
    nn_matrix_free(&want);
}
END_TEST

START_TEST(refusals)
{
    base_error e = BASE_ERROR_INIT;
    const char *dir = model("refused", 1, NULL);
    static const char large[] = "{\"conv_dim\": [6, 5], \"conv_kernel\": [10, 3], \"conv_stride\": [5, 2]}";
    char logmel[sizeof config + 100];
    float x[SAMPLES];
    ser_conv *c = ser_conv_open(dir, "", &e);
    nn_matrix m;

    wave(x);
    ck_assert_int_eq(ser_conv_compute(c, x, 19, &m, &e), BASE_LIMIT);
    ck_assert_ptr_null(m.x);
    ser_conv_close(c);
    e = (base_error)BASE_ERROR_INIT;
    snprintf(logmel, sizeof logmel, "{\"serin_front_end\": \"logmel\", \"mel_bins\": 40, \"mel_stack\": 3, %s", config + 1);
    files_write("refused/config.json", logmel, strlen(logmel));
    ck_assert_ptr_null(ser_conv_open(dir, "", &e));
    ck_assert_msg(e.status == BASE_UNSUPPORTED, "%s", e.text);
    e = (base_error)BASE_ERROR_INIT;
    files_write("refused/config.json", large, sizeof large - 1);
    ck_assert_ptr_null(ser_conv_open(dir, "", &e));     /* Hugging Face's default sizes are not this file's */
    ck_assert_msg(e.status == BASE_SHAPE && strstr(e.text, "refused/model.safetensors"), "%s", e.text);
    e = (base_error)BASE_ERROR_INIT;
    ck_assert_ptr_null(ser_conv_open(files_path("absent"), "", &e));
    ck_assert_int_eq(e.status, BASE_MISSING);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("conv_cache");

    unit_add(s, gives_what_the_model_gives);
    unit_add(s, reads_from_the_cache);
    unit_add(s, refusals);
    return s;
}

UNIT_MAIN(suite)
