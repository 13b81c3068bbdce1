/* The door to checkpoints: files of PyTorch's and safetensors' own writers (tests/parity/make_torch.py) in every
 * container give the same values to the bit; which file of a folder counts; names; what is told when parameters and
 * file do not fit. */
#include <fcntl.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/file.h"
#include "libnn/nn.h"
#include "tests/unit/files.h"
#include "tests/unit/unit.h"

static const char *made(const char *name)
{
    static char path[4][1000];
    static unsigned next;

    next = (next + 1) % 4;
    snprintf(path[next], sizeof path[next], "%s/tests/parity/torch/%s", getenv("srcdir") ? getenv("srcdir") : ".",
        name);
    return path[next];
}

static nn_archive *open_archive(const char *path)
{
    base_error e = BASE_ERROR_INIT;
    nn_archive *a = nn_archive_open(path, &e);

    ck_assert_msg(a != NULL, "%s", e.text);
    return a;
}

/* ---- values ------------------------------------------------------------------------------------------------------ */

/* f's elements, row by row, are those of `expected`: floats as floats, others as they are. */
static void assert_same(const nn_file_tensor *f, const nn_file_tensor *expected)
{
    float *x = malloc((size_t)f->count * sizeof(double) + 1);

    ck_assert_int_eq(f->ndim, expected->ndim);
    ck_assert_mem_eq(f->shape, expected->shape, (size_t)f->ndim * sizeof *f->shape);
    ck_assert_int_eq(f->count, expected->count);
    ck_assert_uint_eq(f->bytes, (size_t)f->count * nn_dtype_size(f->dtype));
    if (expected->dtype == NN_F32) {
        ck_assert_int_eq(nn_file_tensor_floats(f, x, NULL), BASE_OK);
    } else {
        ck_assert_int_eq(f->dtype, expected->dtype);
        nn_file_tensor_bytes(f, x);
    }
    ck_assert_msg(!memcmp(x, expected->data, expected->bytes), "%s", f->name);
    free(x);
}

static const struct { const char *file, *format; int files; bool floats_only; } containers[] = {
    { "zip.bin", "PyTorch zip", 1, false },
    { "nocrc.bin", "PyTorch zip", 1, false },
    { "protocol4.bin", "PyTorch zip", 1, false },
    { "legacy.bin", "PyTorch legacy", 1, false },
    { "values.safetensors", "safetensors", 1, false },
    { "sharded", "safetensors, sharded", 2, true },
    { "sharded/model.safetensors.index.json", "safetensors, sharded", 2, true },
    { "sharded/pytorch_model.bin.index.json", "PyTorch zip, sharded", 2, true },
};

START_TEST(containers_agree)
{
    nn_archive *a = open_archive(made(containers[_i].file)), *values = open_archive(made("values.safetensors"));
    int n = 0;

    ck_assert_str_eq(nn_archive_format(a), containers[_i].format);
    ck_assert_int_eq(nn_archive_files(a), containers[_i].files);
    ck_assert(base_exists(nn_archive_file(a, containers[_i].files - 1)));
    ck_assert_int_eq(nn_archive_count(values), 23);
    for (int i = 0; i < nn_archive_count(values); i++) {
        const nn_file_tensor *expected = nn_archive_at(values, i), *f = nn_archive_find(a, expected->name);
        if (containers[_i].floats_only && expected->dtype != NN_F32)
            continue;
        ck_assert_msg(f != NULL, "%s", expected->name);
        assert_same(f, expected);
        ck_assert_ptr_eq(nn_archive_at(a, n++), f);
    }
    ck_assert_int_eq(nn_archive_count(a), n);
    ck_assert_ptr_null(nn_archive_find(a, "layer"));
    nn_archive_close(a);
    nn_archive_close(values);
}
END_TEST

/* What is shared stays shared, and what lies as in C needs no strides. */
START_TEST(storages_stay_in_place)
{
    const char *const files[] = { "zip.bin", "legacy.bin" },
        *const strided[] = { "transposed", "sliced", "permuted", "expanded" };

    for (int i = 0; i < 2; i++) {
        nn_archive *a = open_archive(made(files[i]));
        const nn_file_tensor *tied = nn_archive_find(a, "tied.a");
        ck_assert_ptr_eq(tied->data, nn_archive_find(a, "tied.b")->data);
        ck_assert_ptr_eq((const float *)tied->data + 2, nn_archive_find(a, "tied.part")->data);
        ck_assert_int_eq(nn_archive_find(a, "expanded")->stride[1], 0);
        for (int k = 0; k < 4; k++)
            ck_assert_ptr_nonnull(nn_archive_find(a, strided[k])->stride);
        ck_assert_ptr_null(nn_archive_find(a, "f32")->stride);
        ck_assert_ptr_null(nn_archive_find(a, "ids")->stride);
        nn_archive_close(a);
    }
}
END_TEST

/* Strided tensors longer than what is gathered at a time, of an element type that needs converting. */
START_TEST(large_strides)
{
    enum { ROWS = 700, COLS = 300 };
    static double x[ROWS * COLS];
    static float y[ROWS * COLS];
    const int64_t stride[] = { 1, ROWS };
    const nn_file_tensor t = { .name = "t", .dtype = NN_F64, .dtype_text = "F64", .ndim = 2, .shape = { ROWS, COLS },
        .stride = stride, .count = ROWS * COLS, .bytes = sizeof x, .data = x };

    for (int i = 0; i < ROWS * COLS; i++)
        x[i] = i;
    ck_assert_int_eq(nn_file_tensor_floats(&t, y, NULL), BASE_OK);
    int wrong = 0;
    for (int r = 0; r < ROWS; r++)
        for (int c = 0; c < COLS; c++)
            wrong += y[r * COLS + c] != (float)(c * ROWS + r);
    ck_assert_int_eq(wrong, 0);
}
END_TEST

/* ---- fairseq ----------------------------------------------------------------------------------------------------- */

START_TEST(fairseq_names)
{
    nn_archive *a = open_archive(made("fairseq.pt")), *tuned = open_archive(made("fairseq-ctc.pt")),
               *expected = open_archive(made("fairseq.safetensors"));

    ck_assert_str_eq(nn_archive_format(a), "PyTorch zip, of fairseq");
    ck_assert_str_eq(nn_archive_format(tuned), "PyTorch legacy, of fairseq");
    for (int i = 0; i < nn_archive_count(expected); i++) {
        const nn_file_tensor *f = nn_archive_at(expected, i);
        char name[200];
        bool head = !strncmp(f->name, "lm_head.", 8);
        snprintf(name, sizeof name, "%s%s", head ? "" : "hubert.", f->name);
        ck_assert_msg(nn_archive_find(tuned, name) != NULL, "%s", name);
        assert_same(nn_archive_find(tuned, name), f);
        ck_assert_msg(head || nn_archive_find(a, f->name), "%s", f->name);
        if (!head)
            assert_same(nn_archive_find(a, f->name), f);
    }
    ck_assert_int_eq(nn_archive_count(tuned), nn_archive_count(expected));
    /* two heads less, two of pre-training more */
    ck_assert_int_eq(nn_archive_count(a), nn_archive_count(expected));
    ck_assert_ptr_nonnull(nn_archive_find(a, "final_proj.weight"));
    nn_archive_close(a);
    nn_archive_close(tuned);
    nn_archive_close(expected);
}
END_TEST

/* ---- folders ----------------------------------------------------------------------------------------------------- */

static void copy(const char *from, const char *to)
{
    char *text;
    size_t size;

    ck_assert_int_eq(base_read_file(from, 1 << 20, &text, &size, NULL), BASE_OK);
    files_write(to, text, size);
    free(text);
}

START_TEST(files_of_a_folder_in_order)
{
    base_error e = BASE_ERROR_INIT;
    nn_archive *a;

    ck_assert_ptr_null(nn_archive_open(files_path("."), &e));
    ck_assert_int_eq(e.status, BASE_MISSING);
    ck_assert_ptr_nonnull(strstr(e.text, "no model.safetensors, no pytorch_model.bin"));
    ck_assert_ptr_null(nn_archive_open(files_path("absent"), NULL));
    copy(made("sharded/pytorch_model.bin.index.json"), "pytorch_model.bin.index.json");
    e = (base_error)BASE_ERROR_INIT;
    ck_assert_ptr_null(nn_archive_open(files_path("."), &e));
    ck_assert_int_eq(e.status, BASE_MISSING);
    ck_assert_ptr_nonnull(strstr(e.text, "pytorch_model.bin.index.json: "));
    ck_assert_ptr_nonnull(strstr(e.text, "-of-00002.bin: No such file"));
    copy(made("legacy.bin"), "pytorch_model.bin");
    a = open_archive(files_path("."));
    ck_assert_str_eq(nn_archive_format(a), "PyTorch legacy");
    nn_archive_close(a);
    copy(made("values.safetensors"), "model.safetensors");
    a = open_archive(files_path("."));
    ck_assert_str_eq(nn_archive_format(a), "safetensors");
    nn_archive_close(a);
    copy(made("zip.bin"), "model.safetensors");     /* content counts, not names */
    a = open_archive(files_path("model.safetensors"));
    ck_assert_str_eq(nn_archive_format(a), "PyTorch zip");
    ck_assert_ptr_null(nn_archive_meta(a, "format"));
    nn_archive_close(a);
}
END_TEST

/* ---- parameters -------------------------------------------------------------------------------------------------- */

static nn_params *make_params(int n, const char *const *names, int ndim, const int64_t *shape)
{
    nn_params *p = nn_params_new();

    for (int i = 0; i < n; i++)
        nn_params_add(p, (nn_init){ NN_INIT_CONSTANT, 9 }, names[i], ndim, shape);
    ck_assert_int_eq(nn_params_build(p, NULL), BASE_OK);
    nn_params_init(p, 1);
    return p;
}

START_TEST(parameters_of_every_type)
{
    const char *const names[] = { "f16", "bf16", "f64", "f32" };
    const int64_t shape[] = { 3, 5 };
    nn_params *p = make_params(4, names, 2, shape);
    nn_archive *values = open_archive(made("values.safetensors"));
    nn_load l = { 0 };
    base_error e = BASE_ERROR_INIT;

    ck_assert_msg(nn_params_load(p, made("legacy.bin"), &l, &e) == BASE_OK, "%s", e.text);
    for (int i = 0; i < 4; i++)
        ck_assert_mem_eq(nn_params_at(p, i)->x, nn_archive_find(values, names[i])->data, 15 * sizeof(float));
    ck_assert_int_eq(l.loaded, 4);
    ck_assert_int_eq(l.unexpected, 19);
    ck_assert_str_eq(l.text,
        "4 of 4 parameters found; unexpected: \"bool\", \"empty\", \"expanded\", \"i16\", \"i32\", … (19)");
    nn_archive_close(values);
    nn_params_free(p);
}
END_TEST

/* All that does not fit stands in one message, and nothing has changed. */
START_TEST(everything_is_told_at_once)
{
    const char *const names[] = { "f32", "absent", "i64", "f16", "scalar", "gone" };
    const int64_t shape[] = { 5, 3 };
    nn_params *p = make_params(6, names, 2, shape);
    nn_load l = { 0 };
    base_error e = BASE_ERROR_INIT;

    ck_assert_int_eq(nn_params_load(p, made("zip.bin"), &l, &e), BASE_MISSING);
    const char *const said[] = { "zip.bin: 0 of 6 parameters found; 2 missing: \"absent\" [5, 3], \"gone\" [5, 3]; ",
        "4 of another kind: \"f32\" is [3, 5], expected [5, 3], \"i64\" is [2], expected [5, 3], \"f16\" is [3, 5]",
        "\"scalar\" is [], expected [5, 3]; unexpected: \"bf16\", \"bool\", \"empty\", \"expanded\", \"f64\", … (19)" };
    for (int i = 0; i < 3; i++)
        ck_assert_msg(strstr(e.text, said[i]) != NULL, "%s\nin %s", said[i], e.text);
    ck_assert_ptr_nonnull(strstr(e.text, l.text));
    ck_assert_int_eq(l.loaded * 1000 + l.missing * 100 + l.mismatched * 10, 240);
    l.allow_missing = true;
    ck_assert_int_eq(nn_params_load(p, made("zip.bin"), &l, NULL), BASE_SHAPE);
    for (int i = 0; i < 6; i++)
        ck_assert_float_eq(nn_params_at(p, i)->x[14], 9);
    nn_params_free(p);
}
END_TEST

/* A parameter `name` [2] from a file that spells it `other`. */
static bool loads(const char *name, const char *other)
{
    const int64_t shape[] = { 2 };
    const float x[] = { 3, 4 };
    const nn_save_tensor t = { other, NN_F32, 1, shape, x };
    nn_params *p = make_params(1, &name, 1, shape);

    ck_assert_int_eq(nn_safetensors_save(files_path("spelling"), &t, 1, NULL, 0, NULL), BASE_OK);
    bool good = nn_params_load(p, files_path("spelling"), NULL, NULL) == BASE_OK;
    ck_assert_float_eq(nn_params_at(p, 0)->x[1], good ? 4.0f : 9.0f);
    nn_params_free(p);
    return good;
}

START_TEST(spellings_of_published_files)
{
    ck_assert(loads("encoder.w", "encoder.w"));
    ck_assert(loads("encoder.w", "hubert.encoder.w") && loads("hubert.encoder.w", "encoder.w"));
    ck_assert(loads("hubert.encoder.w", "wav2vec2.encoder.w") && loads("encoder.w", "wav2vec2.encoder.w"));
    ck_assert(loads("pooler.w", "bert.pooler.w") && loads("bert.pooler.w", "pooler.w"));
    ck_assert(!loads("bert.encoder.w", "hubert.encoder.w") && !loads("hubert.encoder.w", "bert.encoder.w"));
    ck_assert(loads("conv.weight_g", "conv.parametrizations.weight.original0"));
    ck_assert(loads("hubert.conv.weight_v", "wav2vec2.conv.parametrizations.weight.original1"));
    ck_assert(loads("x.LayerNorm.weight", "x.LayerNorm.gamma") && loads("x.LayerNorm.bias", "bert.x.LayerNorm.beta"));
    ck_assert(!loads("encoder.w", "bart.encoder.w") && !loads("encoder.w", "ncoder.w") &&
        !loads("w.weight", "w.gamma"));
    ck_assert(!loads("conv.weight_g", "conv.parametrizations.weight.original1"));
    ck_assert(!loads("conv.weight_v", "conv.weight"));      /* a convolution's has three dimensions */
}
END_TEST

/* Weight norm that was multiplied out: v = w and g = the norms, so that g v / |v| = w. */
START_TEST(fused_weight_norm)
{
    enum { OUT = 3, IN = 2, TAPS = 5 };
    const int64_t full[] = { OUT, IN, TAPS }, norms[] = { 1, 1, TAPS }, other[] = { 1, 1, TAPS - 1 };
    float w[OUT * IN * TAPS];
    const nn_save_tensor t = { "wav2vec2.encoder.pos_conv_embed.conv.weight", NN_F32, 3, full, w };
    nn_init nine = { NN_INIT_CONSTANT, 9 };

    for (int i = 0; i < OUT * IN * TAPS; i++)
        w[i] = (float)(i * i % 11) - 4.5f;
    ck_assert_int_eq(nn_safetensors_save(files_path("fused"), &t, 1, NULL, 0, NULL), BASE_OK);
    for (int good = 0; good < 2; good++) {
        nn_params *p = nn_params_new();
        nn_params_add(p, nine, "hubert.encoder.pos_conv_embed.conv.weight_g", 3, good ? norms : other);
        nn_params_add(p, nine, "hubert.encoder.pos_conv_embed.conv.weight_v", 3, full);
        ck_assert_int_eq(nn_params_build(p, NULL), BASE_OK);
        ck_assert_int_eq(nn_params_load(p, files_path("fused"), NULL, NULL), good ? BASE_OK : BASE_SHAPE);
        for (int k = 0; good && k < TAPS; k++) {
            double sum = 0;
            for (int i = k; i < OUT * IN * TAPS; i += TAPS)
                sum += (double)w[i] * (double)w[i];
            ck_assert_float_eq_tol(nn_params_at(p, 0)->x[k], (float)sqrt(sum), 1e-6f);
        }
        if (good)
            ck_assert_mem_eq(nn_params_at(p, 1)->x, w, sizeof w);
        nn_params_free(p);
    }
}
END_TEST

/* fairseq's convolutions have no biases where Hugging Face's copies of them do. */
START_TEST(biases_that_are_not_there)
{
    const char *const names[] = { "hubert.feature_extractor.conv_layers.6.conv.bias",
        "hubert.encoder.layer_norm.bias" };
    const int64_t shape[] = { 2 };
    const float x[] = { 3, 4 };
    const nn_save_tensor t[] = { { "encoder.layer_norm.bias", NN_F32, 1, shape, x },
        { "feature_extractor.conv_layers.6.conv.weight", NN_F32, 1, shape, x } };
    nn_params *p = make_params(2, names, 1, shape);
    nn_load l = { 0 };

    ck_assert_int_eq(nn_safetensors_save(files_path("none"), t, 1, NULL, 0, NULL), BASE_OK);
    ck_assert_int_eq(nn_params_load(p, files_path("none"), &l, NULL), BASE_MISSING);     /* the convolution is not there */
    l = (nn_load){ 0 };
    ck_assert_int_eq(nn_safetensors_save(files_path("short"), t, 2, NULL, 0, NULL), BASE_OK);
    ck_assert_int_eq(nn_params_load(p, files_path("short"), &l, NULL), BASE_OK);
    ck_assert_int_eq(l.zeroed, 1);
    ck_assert_str_eq(l.text,
        "1 of 2 parameters found; 1 taken as 0: \"hubert.feature_extractor.conv_layers.6.conv.bias\" [2]; unexpected: "
        "\"feature_extractor.conv_layers.6.conv.weight\"");
    ck_assert_float_eq(nn_params_at(p, 0)->x[1], 0);
    ck_assert_float_eq(nn_params_at(p, 1)->x[1], 4);
    nn_params_free(p);
}
END_TEST

/* A number that is none is found wherever it stands, also in what is read by strides or would not fit a float. */
START_TEST(no_numbers_are_refused)
{
    enum { N = 200000 };
    static float x[N];
    const int64_t shape[] = { N };
    const nn_save_tensor t = { "w", NN_F32, 1, shape, x };
    const char *const name = "w";
    nn_params *p = make_params(1, &name, 1, shape);

    for (int i = 0; i < 3; i++) {
        const int at = i == 0 ? 0 : i == 1 ? 131072 : N - 1;
        base_error e = BASE_ERROR_INIT;
        char said[80];
        x[at] = i == 1 ? INFINITY : NAN;
        ck_assert_int_eq(nn_safetensors_save(files_path("nan"), &t, 1, NULL, 0, NULL), BASE_OK);
        ck_assert_int_eq(nn_params_load(p, files_path("nan"), NULL, &e), BASE_VALUE);
        snprintf(said, sizeof said, "nan: tensor \"w\": element %d is %s", at, i == 1 ? "inf" : "nan");
        ck_assert_msg(strstr(e.text, said) != NULL, "%s", e.text);
        ck_assert_float_eq(nn_params_at(p, 0)->x[1], 9);
        x[at] = 0;
    }
    nn_params_free(p);
}
END_TEST

/* A frozen weight is read where the file has it, may be changed without changing the file, and outlives the archive; a
 * trained one, and the joined parts of one tensor, are copies. */
START_TEST(frozen_weights_stay_in_the_file)
{
    static const float w[6] = { 1, 2, 3, 4, 5, 6 }, part[2] = { 7, 8 };
    const nn_save_tensor saved[] = { { "frozen", NN_F32, 2, (const int64_t[]){ 2, 3 }, w },
        { "q.b", NN_F32, 1, (const int64_t[]){ 2 }, part }, { "k.b", NN_F32, 1, (const int64_t[]){ 2 }, part },
        { "trained", NN_F32, 2, (const int64_t[]){ 2, 3 }, w } };
    base_error e = BASE_ERROR_INIT;
    const float *before[2];

    ck_assert_int_eq(nn_safetensors_save(files_path("frozen"), saved, 4, NULL, 0, &e), BASE_OK);
    for (int again = 0; again < 2; again++) {
        nn_params *p = nn_params_new();
        nn_init zero = { NN_INIT_ZERO, 0 };

        nn_params_add(p, zero, "trained", 2, (const int64_t[]){ 2, 3 });
        nn_tensor *t = nn_params_add(p, zero, "frozen", 2, (const int64_t[]){ 2, 3 });
        nn_params_add(p, zero, "{q,k}.b", 1, (const int64_t[]){ 2 });
        nn_params_freeze(p, "frozen");
        nn_params_freeze(p, "q.");
        ck_assert_int_eq(nn_params_build(p, &e), BASE_OK);
        before[0] = t->x;
        before[1] = nn_params_at(p, 2)->x;
        ck_assert_msg(nn_params_load(p, files_path("frozen"), NULL, &e) == BASE_OK, "%s", e.text);
        ck_assert_ptr_ne(t->x, before[0]);
        ck_assert_ptr_eq(t->x, nn_params_find(p, "frozen")->x);
        ck_assert_ptr_eq(nn_params_at(p, 2)->x, before[1]);
        ck_assert_mem_eq(t->x, w, sizeof w);
        ck_assert_mem_eq(nn_params_find(p, "k.b")->x, part, sizeof part);
        ck_assert_ptr_eq(nn_params_find(p, "trained")->x, nn_params_values(p));
        t->x[0] = 9;        /* a page of its own: the next round finds the file as it was */
        nn_params_free(p);
    }
}
END_TEST

/* The checksum of every member of a zip file is compared, wherever in it a bit was flipped; the legacy form has none. */
START_TEST(damaged_members_are_noticed)
{
    base_error e = BASE_ERROR_INIT;
    nn_archive *a = nn_archive_open(made("zip.bin"), &e);
    char *bytes;
    size_t size, noticed = 0, whole = 0;

    ck_assert_int_eq(base_read_file(made("zip.bin"), 1 << 20, &bytes, &size, &e), BASE_OK);
    ck_assert_int_eq(nn_archive_verify(a, &e), BASE_OK);
    for (int i = 0; i < nn_archive_count(a); i++) {
        /* Where the tensor's bytes are in the file. */
        const nn_file_tensor *f = nn_archive_at(a, i);
        char *at = f->bytes ? memmem(bytes, size, f->data, f->bytes) : NULL;
        if (!at || f->bytes < 16 || f->stride || memmem(at + 1, size - (size_t)(at + 1 - bytes), f->data, f->bytes))
            continue;
        for (size_t k = 0; k < f->bytes; k += 1 + f->bytes / 7) {
            base_error why = BASE_ERROR_INIT;
            at[k] = (char)(at[k] ^ 1 << k % 8);
            nn_archive *b = nn_archive_open(files_write("damaged.bin", bytes, size), NULL);
            at[k] = (char)(at[k] ^ 1 << k % 8);
            ck_assert_ptr_nonnull(b);
            ck_assert_msg(nn_archive_verify(b, &why) == BASE_FORMAT && strstr(why.text, "damaged.bin: member \"") &&
                strstr(why.text, "its checksum is"), "%s: byte %zu: %s", f->name, k, why.text);
            noticed++;
            nn_archive_close(b);
        }
        whole++;
    }
    ck_assert_uint_gt(whole, 3);
    ck_assert_uint_gt(noticed, 20);
    free(bytes);
    nn_archive_close(a);
    a = nn_archive_open(made("legacy.bin"), NULL);
    ck_assert_int_eq(nn_archive_verify(a, NULL), BASE_OK);
    nn_archive_close(a);
}
END_TEST

/* Checksums of tensors, of metadata and of files beside are all there or the file is refused. */
START_TEST(checksums_are_whole)
{
    static const float x[4] = { 1, 2, 3, 4 };
    static const int64_t shape[] = { 4 };
    const nn_save_tensor t[] = { { "a", NN_F32, 1, shape, x }, { "b", NN_F32, 1, shape, x } };
    const nn_meta with[] = { { NN_BESIDE "beside.txt", "" }, { "serin.xxh64.old", "of another file" } };
    static const struct { nn_meta meta[3]; int n; const char *said; } bad[] = {
        { { { "serin.xxh64.a", "0" } }, 1, "metadata: checksum" },
        { { { "serin.checksum", "0000000000000000" } }, 1, "metadata: checksum" },
        { { { "serin.crc32.a", "0" } }, 1, "metadata: checksum" },
    };
    base_error e = BASE_ERROR_INIT;

    files_write("beside.txt", "", 0);
    ck_assert_int_eq(nn_safetensors_save_summed(files_path("w"), t, 2, with, 2, &e), BASE_OK);
    nn_archive *a = nn_archive_open(files_path("w"), &e);
    ck_assert_str_eq(nn_archive_meta(a, "format"), "pt");
    ck_assert_str_eq(nn_archive_meta(a, NN_BESIDE "beside.txt"), "ef46db3751d8e999");       /* XXH64 of nothing */
    ck_assert_ptr_null(nn_archive_meta(a, "serin.xxh64.old"));
    ck_assert_int_eq(nn_archive_verify(a, &e), BASE_OK);
    files_write("beside.txt", "texu", 4);
    ck_assert_int_eq(nn_archive_verify(a, &e), BASE_MISMATCH);
    ck_assert_msg(strstr(e.text, "w: beside.txt, which lies beside it, has changed since: checksum ") != NULL, "%s", e.text);
    unlink(files_path("beside.txt"));
    ck_assert_int_eq(nn_archive_verify(a, NULL), BASE_MISSING);
    nn_archive_close(a);
    ck_assert_int_eq(nn_safetensors_save_summed(files_path("w2"), t, 2, with, 1, NULL), BASE_MISSING);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        e = (base_error)BASE_ERROR_INIT;
        ck_assert_int_eq(nn_safetensors_save(files_path("w"), t, 2, bad[i].meta, bad[i].n, NULL), BASE_OK);
        a = nn_archive_open(files_path("w"), NULL);
        ck_assert_int_eq(nn_archive_verify(a, &e), BASE_FORMAT);
        ck_assert_msg(strstr(e.text, bad[i].said) != NULL, "%s", e.text);
        nn_archive_close(a);
    }
}
END_TEST

/* What an index may name: files beside it, plainly, and not more than there can be. */
START_TEST(indexes_are_checked)
{
    static const char *const names[] = { "7", "null", "\"\"", "\".\"", "\"..\"", "\"a/b\"", "\"a\\\\b\"", "[\"a\"]" };
    static const int64_t shape[] = { 1 };
    static const float x[] = { 1 };
    static const char own[] = "{\"weight_map\": {\"w\": \"0\"}}";
    const nn_save_tensor t = { "w", NN_F32, 1, shape, x };
    char *text = malloc(100000);
    base_error e;

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        e = (base_error)BASE_ERROR_INIT;
        int n = sprintf(text, "{\"weight_map\": {\"w\": %s}}", names[i]);
        ck_assert_ptr_null(nn_archive_open(files_write("x.index.json", text, (size_t)n), &e));
        ck_assert_msg(e.status == BASE_FORMAT && strstr(e.text, "the file of tensor \"w\" is not named plainly"), "%s: %s", names[i], e.text);
    }
    ck_assert_int_eq(nn_safetensors_save(files_path("0"), &t, 1, NULL, 0, NULL), BASE_OK);
    int n = sprintf(text, "{\"weight_map\": {\"w\": \"0\"");
    for (int i = 1; i <= 200; i++) {
        char name[20];
        snprintf(name, sizeof name, "%d", i);
        ck_assert_int_eq(link(files_path("0"), files_path(name)), 0);
        n += sprintf(text + n, ", \"w%d\": \"%d\"", i, i);
    }
    n += sprintf(text + n, "}}");
    e = (base_error)BASE_ERROR_INIT;
    ck_assert_ptr_null(nn_archive_open(files_write("x.index.json", text, (size_t)n), &e));
    ck_assert_msg(e.status == BASE_LIMIT && strstr(e.text, "x.index.json: more than 200 files"), "%s", e.text);
    free(text);
    nn_archive *a = open_archive(made("zip.bin"));
    ck_assert_ptr_null(nn_archive_meta_at(a, 0));
    nn_archive_close(a);
    /* Named from its own folder. */
    int here = open(".", O_RDONLY | O_DIRECTORY);
    ck_assert_int_eq(chdir(files_folder), 0);
    files_write("own.index.json", own, strlen(own));
    a = open_archive("own.index.json");
    ck_assert_str_eq(nn_archive_file(a, 0), "0");
    ck_assert_ptr_nonnull(nn_archive_meta_at(a, 0));
    ck_assert_ptr_null(nn_archive_meta_at(a, 1));
    ck_assert_ptr_null(nn_archive_config(a, NULL));
    nn_archive_close(a);
    ck_assert_int_eq(fchdir(here), 0);
    close(here);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("libnn/store/archive");
    TCase *table = tcase_create("containers");

    tcase_add_loop_test(table, containers_agree, 0, (int)(sizeof containers / sizeof *containers));
    suite_add_tcase(s, table);
    unit_add(s, storages_stay_in_place);
    unit_add(s, large_strides);
    unit_add(s, fairseq_names);
    files_add(s, files_of_a_folder_in_order);
    unit_add(s, parameters_of_every_type);
    unit_add(s, everything_is_told_at_once);
    unit_add(s, spellings_of_published_files);
    unit_add(s, fused_weight_norm);
    unit_add(s, biases_that_are_not_there);
    unit_add(s, no_numbers_are_refused);
    files_add(s, frozen_weights_stay_in_the_file);
    files_add(s, indexes_are_checked);
    files_add(s, damaged_members_are_noticed);
    files_add(s, checksums_are_whole);
    return s;
}

UNIT_MAIN(suite)
