/* safetensors: files of the reference implementation (tests/parity/make_store.py), files that break each of its rules, and
 * what we write. */
#include <fcntl.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <signal.h>

#include "base/file.h"
#include "base/sanitizer.h"
#include "libnn/nn.h"
#include "tests/unit/files.h"
#include "tests/unit/unit.h"

static const char *source_path(const char *name)
{
    static char path[1000];

    snprintf(path, sizeof path, "%s/%s", getenv("srcdir") ? getenv("srcdir") : ".", name);
    return path;
}

/* A file of a header, whose length stands before it unless `length` says another, and n zero bytes. */
static const char *make_file(const char *header, int64_t length, int n)
{
    static unsigned char bytes[4096];
    size_t size = strlen(header);
    uint64_t said = length < 0 ? size : (uint64_t)length;

    for (int i = 0; i < 8; i++)
        bytes[i] = (unsigned char)(said >> 8 * i);
    memcpy(bytes + 8, header, size);
    memset(bytes + 8 + size, 0, (size_t)n);
    return files_write("made.safetensors", bytes, 8 + size + (size_t)n);
}

/* ---- files of the reference implementation ----------------------------------------------------------------------- */

static nn_safetensors *open_reference(void)
{
    base_error e = BASE_ERROR_INIT;
    nn_safetensors *s = nn_safetensors_open(source_path("tests/parity/store/types.safetensors"), &e);

    ck_assert_msg(s != NULL, "%s", e.text);
    return s;
}

START_TEST(reads_every_type)
{
    static const struct { const char *name; nn_dtype dtype; int ndim; int64_t shape[2]; } known[] = {
        { "f32", NN_F32, 2, { 3, 5 } }, { "f16", NN_F16, 2, { 3, 5 } }, { "bf16", NN_BF16, 2, { 3, 5 } },
        { "f64", NN_F64, 2, { 3, 5 } }, { "größe", NN_F32, 2, { 1, 5 } }, { "empty", NN_F32, 2, { 0, 4 } },
        { "scalar", NN_F32, 0, { 0 } }, { "i64", NN_I64, 1, { 2 } }, { "i32", NN_I32, 1, { 2 } },
        { "i16", NN_I16, 1, { 2 } }, { "i8", NN_I8, 1, { 2 } }, { "u8", NN_U8, 1, { 2 } }, { "bool", NN_BOOL, 1, { 3 } },
    };
    nn_safetensors *s = open_reference();

    ck_assert_int_eq(nn_safetensors_count(s), 15);
    ck_assert_int_eq(nn_safetensors_meta_count(s), 1);
    ck_assert_str_eq(nn_safetensors_meta(s, "format"), "pt");
    ck_assert_ptr_null(nn_safetensors_meta(s, "other"));
    ck_assert_ptr_null(nn_safetensors_find(s, "f3"));
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        const nn_file_tensor *t = nn_safetensors_find(s, known[i].name);
        ck_assert_msg(t != NULL, "%s", known[i].name);
        ck_assert_int_eq(t->dtype, known[i].dtype);
        ck_assert_str_eq(t->dtype_text, nn_dtype_name(known[i].dtype));
        ck_assert_int_eq(t->ndim, known[i].ndim);
        for (int d = 0; d < t->ndim; d++)
            ck_assert_int_eq(t->shape[d], known[i].shape[d]);
        ck_assert_uint_eq(t->bytes, (size_t)t->count * nn_dtype_size(t->dtype));
    }
    ck_assert_int_eq(nn_safetensors_find(s, "scalar")->count, 1);
    nn_safetensors_close(s);
}
END_TEST

/* What float16, bfloat16 and float64 mean is what torch made of them. */
START_TEST(converts_as_torch)
{
    static const struct { const char *from, *to; } pairs[] = {
        { "f16", "wide.f16" }, { "bf16", "wide.bf16" }, { "f64", "f32" }, { "f32", "f32" } };
    nn_safetensors *s = open_reference();
    base_error e = BASE_ERROR_INIT;
    float x[15];

    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        ck_assert_int_eq(nn_file_tensor_floats(nn_safetensors_find(s, pairs[i].from), x, NULL), BASE_OK);
        ck_assert_mem_eq(x, nn_safetensors_find(s, pairs[i].to)->data, sizeof x);
    }
    ck_assert_int_eq(nn_file_tensor_floats(nn_safetensors_find(s, "i64"), x, &e), BASE_UNSUPPORTED);
    ck_assert_str_eq(e.text, "tensor \"i64\": dtype I64, expected F32, F16, BF16 or F64");
    nn_safetensors_close(s);
}
END_TEST

/* All 65,536 float16 against their definition. */
START_TEST(halves)
{
    static uint16_t h[65536];
    static float x[65536];
    nn_file_tensor t = { .name = "h", .dtype = NN_F16, .dtype_text = "F16", .count = 65536, .data = h };

    for (int i = 0; i < 65536; i++)
        h[i] = (uint16_t)i;
    ck_assert_int_eq(nn_file_tensor_floats(&t, x, NULL), BASE_OK);
    for (int i = 0; i < 65536; i++) {
        int exponent = i >> 10 & 31, fraction = i & 1023;
        double value = exponent == 31 ? (fraction ? NAN : INFINITY) : exponent ? ldexp(1024 + fraction, exponent - 25)
                                                                              : ldexp(fraction, -24);
        if (isnan(value))
            ck_assert(isnan(x[i]));
        else
            ck_assert(x[i] == (float)(i & 0x8000 ? -value : value) && !signbit(x[i]) == !(i & 0x8000));
    }
}
END_TEST

/* Between each two neighbours of a narrow type: the nearer, of the middle the even. From double, where rounding to float first
 * would make a middle of what is a little beside it. */
static void check_rounding(nn_dtype d, int least_beyond, double beyond_value)
{
    for (int i = 0; i < least_beyond; i++) {
        uint16_t pair[2] = { (uint16_t)i, (uint16_t)(i + 1) }, out[8];
        nn_file_tensor narrow = { .name = "n", .dtype = d, .count = 2, .data = pair };
        float value[2];
        nn_file_tensor_floats(&narrow, value, NULL);
        double a = (double)value[0], b = i + 1 < least_beyond ? (double)value[1] : beyond_value, mid = (a + b) / 2;
        double x[8] = { a, nextafter(mid, a), mid, nextafter(mid, b), -a, -nextafter(mid, a), -mid, -nextafter(mid, b) };
        int beyond = i + 1 == least_beyond, even = i + (i & 1), expected[8] = { i, i, even, i + 1 };
        nn_file_tensor wide = { .name = "x", .dtype = NN_F64, .dtype_text = "F64", .count = 8, .data = x };
        base_error e = BASE_ERROR_INIT;

        for (int k = 0; k < 4; k++)
            expected[4 + k] = expected[k] | 0x8000;
        ck_assert_int_eq(nn_file_tensor_round(&wide, d, out, &e), beyond ? BASE_VALUE : BASE_OK);
        for (int k = 0; k < (beyond ? 2 : 8); k++)
            ck_assert_msg(out[k] == expected[k], "%.17g: %04x, expected %04x", x[k], out[k], expected[k]);
        if (beyond)
            ck_assert_ptr_nonnull(strstr(e.text, "tensor \"x\": element 2 is "));
    }
}

START_TEST(rounds_to_the_nearest)
{
    check_rounding(NN_F16, 0x7c00, 65536.0);
    check_rounding(NN_BF16, 0x7f80, 0x1p128);
}
END_TEST

START_TEST(rounds_no_other_thing)
{
    const double x[] = { 0.1, -0x1p-1074, 1e300, NAN, INFINITY };
    const float f[] = { 1.5f, 0.1f, NAN };
    nn_file_tensor wide = { .name = "x", .dtype = NN_F64, .dtype_text = "F64", .count = 2, .data = x };
    float out[3];
    uint16_t half[3];
    base_error e = BASE_ERROR_INIT;

    ck_assert_int_eq(nn_file_tensor_round(&wide, NN_F32, out, &e), BASE_OK);
    ck_assert(out[0] == 0.1f && out[1] == 0.0f && signbit(out[1]));
    for (int i = 2; i < 5; i++) {
        nn_file_tensor bad = { .name = "x", .dtype = NN_F64, .dtype_text = "F64", .count = 1, .data = x + i };
        ck_assert_int_eq(nn_file_tensor_round(&bad, NN_F32, out, NULL), BASE_VALUE);
        ck_assert_int_eq(nn_file_tensor_round(&bad, NN_BF16, half, NULL), BASE_VALUE);
    }
    nn_file_tensor single = { .name = "y", .dtype = NN_F32, .dtype_text = "F32", .count = 2, .data = f };
    ck_assert_int_eq(nn_file_tensor_round(&single, NN_F32, out, &e), BASE_OK);
    ck_assert_mem_eq(out, f, 2 * sizeof *f);
    single.count = 3;
    ck_assert_int_eq(nn_file_tensor_round(&single, NN_F16, half, &e), BASE_VALUE);
    ck_assert_str_eq(e.text, "tensor \"y\": element 2 is nan, no number that F16 has");
    nn_file_tensor whole = { .name = "i", .dtype = NN_I64, .dtype_text = "I64", .count = 1, .data = x };
    ck_assert_int_eq(nn_file_tensor_round(&whole, NN_F16, half, NULL), BASE_UNSUPPORTED);
}
END_TEST

/* The reference's file, read and written again, is the same file. */
START_TEST(writes_as_the_reference)
{
    nn_safetensors *s = open_reference();
    base_error e = BASE_ERROR_INIT;
    const char *path = files_path("again.safetensors");
    nn_save_tensor tensors[15];
    base_map a, b;

    for (int i = 0; i < 15; i++) {
        const nn_file_tensor *t = nn_safetensors_at(s, 14 - i);     /* our order must not matter */
        tensors[i] = (nn_save_tensor){ t->name, t->dtype, t->ndim, t->shape, t->data };
    }
    ck_assert_msg(nn_safetensors_save(path, tensors, 15, NULL, 0, &e) == BASE_OK, "%s", e.text);
    ck_assert_int_eq(base_map_open(&a, source_path("tests/parity/store/types.safetensors"), NULL), BASE_OK);
    ck_assert_int_eq(base_map_open(&b, path, NULL), BASE_OK);
    ck_assert_uint_eq(a.size, b.size);
    ck_assert_mem_eq(a.data, b.data, a.size);
    base_map_close(&a);
    base_map_close(&b);
    nn_safetensors_close(s);
}
END_TEST

/* ---- files that break the rules ---------------------------------------------------------------------------------- */

#define F32_2 "{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}"

static const struct {
    const char *header;
    int64_t     length;     /* -1: the header's own */
    int         data;
    base_status status;
    const char *said;
} malformed[] = {
    { "", -1, 0, BASE_FORMAT, "byte 8: expected '{', found the header's end" },
    { "{", 100000001, 0, BASE_LIMIT, "byte 0: a header of 100000001 bytes, expected 100000000 at most" },
    { "{", INT64_MAX, 0, BASE_LIMIT, "byte 0: a header of 9223372036854775807 bytes" },
    { "{}", 3, 0, BASE_FORMAT, "byte 0: a header of 3 bytes, but only 2 follow" },
    { "[]", -1, 0, BASE_FORMAT, "byte 8: expected '{'" },
    { "{\"a\":" F32_2, -1, 8, BASE_FORMAT, "byte 61: expected ',' or '}', found the header's end" },
    { "{\"a\":" F32_2 "}x", -1, 8, BASE_FORMAT, "byte 62: expected nothing behind the header's '}'" },
    { "{\"a\":" F32_2 "}{}", -1, 8, BASE_FORMAT, "byte 62: expected nothing behind the header's '}'" },
    { "{\"a\xff\":" F32_2 "}", -1, 8, BASE_FORMAT, "byte 11: expected a character in UTF-8" },
    { "{\"a\\u0000\":" F32_2 "}", -1, 8, BASE_FORMAT, "byte 17: expected the code of a character, not 0" },
    { "{\"a\":" F32_2 ",\"a\":" F32_2 "}", -1, 8, BASE_FORMAT, "tensor \"a\" appears twice" },
    { "{\"a\":" F32_2 ",\"__metadata__\":{\"k\":\"v\",\"k\":\"v\"}}", -1, 8, BASE_FORMAT, "__metadata__: \"k\" appears twice" },
    { "{\"__metadata__\":{\"k\":1}}", -1, 0, BASE_FORMAT, "byte 29: expected a string" },
    { "{\"__metadata__\":[]}", -1, 0, BASE_FORMAT, "byte 24: expected '{'" },
    { "{\"__metadata__\":{\"k\":null}}", -1, 0, BASE_FORMAT, "byte 29: expected a string" },
    { "{\"a\":[]}", -1, 0, BASE_FORMAT, "tensor \"a\": byte 13: expected '{'" },
    { "{\"a\":{\"dtype\":7,\"shape\":[2],\"data_offsets\":[0,8]}}", -1, 8, BASE_FORMAT, "tensor \"a\": byte 22: expected a string" },
    { "{\"a\":{\"dtype\":\"F31\",\"shape\":[2],\"data_offsets\":[0,8]}}", -1, 8, BASE_UNSUPPORTED,
      "tensor \"a\": unknown dtype \"F31\"" },
    { "{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,8]}}", -1, 8, BASE_FORMAT, "byte 49: expected dtype, shape and two" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":2,\"data_offsets\":[0,8]}}", -1, 8, BASE_FORMAT, "tensor \"a\": byte 36: expected '['" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[\"2\"],\"data_offsets\":[0,8]}}", -1, 8, BASE_FORMAT,
      "tensor \"a\": byte 37: expected an unsigned integer" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[-2],\"data_offsets\":[0,8]}}", -1, 8, BASE_FORMAT, "byte 37: expected an unsigned integer" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[-0],\"data_offsets\":[0,0]}}", -1, 0, BASE_FORMAT, "byte 37: expected an unsigned integer" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[2.0],\"data_offsets\":[0,8]}}", -1, 8, BASE_FORMAT, "byte 38: expected ',' or ']'" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[2e0],\"data_offsets\":[0,8]}}", -1, 8, BASE_FORMAT, "byte 38: expected ',' or ']'" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[02],\"data_offsets\":[0,8]}}", -1, 8, BASE_FORMAT, "byte 39: expected a number without leading zero" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[18446744073709551618],\"data_offsets\":[0,8]}}", -1, 8, BASE_FORMAT, "byte 56: expected a number below 2^63" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[[2]],\"data_offsets\":[0,8]}}", -1, 8, BASE_FORMAT, "byte 37: expected an unsigned integer" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,8]}}", -1, 8, BASE_FORMAT,
      "tensor \"a\": the product of its shape is too large" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904,2],\"data_offsets\":[0,0]}}", -1, 0, BASE_FORMAT,
      "tensor \"a\": the product of its shape is too large" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387906],\"data_offsets\":[0,8]}}", -1, 8, BASE_FORMAT,
      "tensor \"a\": the product of its shape is too large" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,4]}}", -1, 4, BASE_FORMAT,
      "tensor \"a\": byte 53: expected up to 8 numbers" },
    { "{\"a\":{\"dtype\":\"F4\",\"shape\":[3],\"data_offsets\":[0,2]}}", -1, 2, BASE_FORMAT,
      "tensor \"a\": 12 bits, expected whole bytes" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0]}}", -1, 8, BASE_FORMAT, "byte 59: expected dtype, shape and two" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8,8]}}", -1, 8, BASE_FORMAT, "byte 60: expected two numbers" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[2]}}", -1, 8, BASE_FORMAT, "byte 40: expected dtype, shape and two" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]}}", -1, 8, BASE_FORMAT,
      "tensor \"a\": data_offsets [8, 0] do not lie inside the 8 bytes of data" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,16]}}", -1, 8, BASE_FORMAT,
      "tensor \"a\": data_offsets [8, 16] do not lie inside the 8 bytes of data" },
    { "{\"a\":" F32_2 "}", -1, 7, BASE_FORMAT, "tensor \"a\": data_offsets [0, 8] do not lie inside the 7 bytes of data" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,8]}}", -1, 8, BASE_FORMAT,
      "tensor \"a\": 8 bytes, expected 12 for F32 [3]" },
    { "{\"a\":" F32_2 "}", -1, 9, BASE_FORMAT, "1 bytes behind the last tensor" },
    { "{}", -1, 1, BASE_FORMAT, "1 bytes behind the last tensor" },
    { "{\"a\":" F32_2 ",\"b\":" F32_2 "}", -1, 8, BASE_FORMAT, "begins at byte 0 of the data, expected 8: no holes, no overl" },
    { "{\"a\":" F32_2 ",\"b\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[6,10]}}", -1, 10, BASE_FORMAT,
      "tensor \"b\" begins at byte 6 of the data, expected 8" },
    { "{\"a\":" F32_2 ",\"b\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[9,10]}}", -1, 10, BASE_FORMAT,
      "tensor \"b\" begins at byte 9 of the data, expected 8" },
    { "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,2]}}", -1, 2, BASE_FORMAT,
      "tensor \"a\" begins at byte 1 of the data, expected 0" },
    { "{\"a\":" F32_2 ",}", -1, 8, BASE_FORMAT, "byte 62: expected a key" },
    { "{,}", -1, 0, BASE_FORMAT, "byte 9: expected a string" },
    { "{\"a\"}", -1, 0, BASE_FORMAT, "byte 12: expected ':'" },
    { "{\"a", -1, 0, BASE_FORMAT, "expected '\"', found the header's end" },
    { "{\"a\\", -1, 0, BASE_FORMAT, "expected a character that may follow a backslash, found the header's end" },
    { "{\"\\x\"", -1, 0, BASE_FORMAT, "byte 11: expected a character that may follow a backslash" },
    { "{\"\\u12g4\"", -1, 0, BASE_FORMAT, "expected the code of a character" },
    { "{\"\\ud800\"", -1, 0, BASE_FORMAT, "expected the code of a character" },
    { "{\"\\ud800\\u0041\"", -1, 0, BASE_FORMAT, "expected the code of a character" },
    { "{\"\\udc00\"", -1, 0, BASE_FORMAT, "expected the code of a character" },
    { "{\"\n\"", -1, 0, BASE_FORMAT, "byte 10: expected a character in UTF-8" },
    { "{\"\xed\xa0\x80\"", -1, 0, BASE_FORMAT, "byte 10: expected a character in UTF-8" },
    { "{\"\xc0\x80\"", -1, 0, BASE_FORMAT, "byte 10: expected a character in UTF-8" },
    { "{\"\xc1\xbf\"", -1, 0, BASE_FORMAT, "byte 10: expected a character in UTF-8" },         /* longer than need be */
    { "{\"\xe0\x80\x80\"", -1, 0, BASE_FORMAT, "byte 10: expected a character in UTF-8" },
    { "{\"\xe0\x9f\xbf\"", -1, 0, BASE_FORMAT, "byte 10: expected a character in UTF-8" },
    { "{\"\xf0\x80\x80\x80\"", -1, 0, BASE_FORMAT, "byte 10: expected a character in UTF-8" },
    { "{\"\xf0\x8f\xbf\xbf\"", -1, 0, BASE_FORMAT, "byte 10: expected a character in UTF-8" },
    { "{\"\xf5\x80\x80\x80\"", -1, 0, BASE_FORMAT, "byte 10: expected a character in UTF-8" },
    { "{\"\x80\"", -1, 0, BASE_FORMAT, "byte 10: expected a character in UTF-8" },
    { "{\"\xc2\x41\"", -1, 0, BASE_FORMAT, "byte 10: expected a character in UTF-8" },
    { "{\"\xe1\x80\x41\"", -1, 0, BASE_FORMAT, "byte 10: expected a character in UTF-8" },
    { "{\"\xf4\x90\x80\x80\"", -1, 0, BASE_FORMAT, "byte 10: expected a character in UTF-8" },
    { "{\"\xe4\xbd", -1, 0, BASE_FORMAT, "byte 10: expected a character in UTF-8" },
    { "{\"__metadata__\":{},\"__metadata__\":{}}", -1, 0, BASE_FORMAT, "expected __metadata__ once only" },
    { "{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\"}}", -1, 0, BASE_FORMAT, "expected only dtype, shape and data_offsets" },
    { "{\"a\":{\"size\":\"F32\"}}", -1, 0, BASE_FORMAT, "expected only dtype, shape and data_offsets, each once" },
    { "{\"a\":{}}", -1, 0, BASE_FORMAT, "tensor \"a\": byte 15: expected dtype, shape and two data_offsets" },
};

START_TEST(malformed_files_are_refused)
{
    base_error e = BASE_ERROR_INIT;
    const char *path = make_file(malformed[_i].header, malformed[_i].length, malformed[_i].data);

    ck_assert_ptr_null(nn_safetensors_open(path, &e));
    ck_assert_msg(e.status == malformed[_i].status && strstr(e.text, malformed[_i].said) && strstr(e.text, path) == e.text,
        "%s: said %d %s", malformed[_i].header, e.status, e.text);
    ck_assert_ptr_null(nn_safetensors_open(path, NULL));
}
END_TEST

START_TEST(short_files_are_refused)
{
    static const unsigned char bytes[8] = { 2 };

    for (size_t n = 0; n < 8; n++) {
        base_error e = BASE_ERROR_INIT;
        ck_assert_ptr_null(nn_safetensors_open(files_write("short", bytes, n), &e));
        ck_assert_int_eq(e.status, BASE_FORMAT);
        ck_assert_ptr_nonnull(strstr(e.text, "expected at least the 8"));
    }
    base_error e = BASE_ERROR_INIT;
    ck_assert_ptr_null(nn_safetensors_open(files_path("absent"), &e));
    ck_assert_int_eq(e.status, BASE_MISSING);
}
END_TEST

/* A file that opens at every cut would be believed when it is not whole; none does. */
START_TEST(every_cut_is_noticed)
{
    char *text;
    size_t size;

    ck_assert_int_eq(base_read_file(source_path("tests/parity/store/types.safetensors"), 1 << 20, &text, &size, NULL), 0);
    for (size_t n = 0; n < size; n += n < 1500 ? 7 : 1)
        ck_assert_ptr_null(nn_safetensors_open(files_write("cut", text, n), NULL));
    free(text);
}
END_TEST

/* A header of 20 MB costs a small multiple of that, whatever it says. */
START_TEST(bombs_are_refused)
{
    static const struct { const char *begin, *repeated, *said; } bombs[] = {
        { "{\"a\":", "[", "byte 13: expected '{'" },
        { "{\"a\":{\"shape\":[1", ",1", "expected up to 8 numbers" },
        { "", "{\"\":", "byte 16: expected only dtype" },
        { "{\"__metadata__\":{", "\"k\":\"\",", "header's end" },
    };
    const size_t n = 20000000;
    char *text = malloc(n + 8);
    struct rlimit before, limit;

    ck_assert_int_eq(getrlimit(RLIMIT_DATA, &before), 0);
    for (size_t i = 0; i < sizeof bombs / sizeof *bombs; i++) {
        base_error e = BASE_ERROR_INIT;
        size_t at = 8;
        for (int k = 0; k < 8; k++)
            text[k] = (char)(n >> 8 * k & 0xff);
        for (const char *p = bombs[i].begin; *p; p++)
            text[at++] = *p;
        for (size_t k = 0, length = strlen(bombs[i].repeated); at < n + 8; at++)
            text[at] = bombs[i].repeated[k++ % length];
        const char *path = files_write("bomb", text, n + 8);
        limit = before;
#ifndef BASE_ASAN       /* which reserves far more */
        limit.rlim_cur = 300 << 20;
#endif
        ck_assert_int_eq(setrlimit(RLIMIT_DATA, &limit), 0);
        ck_assert_ptr_null(nn_safetensors_open(path, &e));
        ck_assert_int_eq(setrlimit(RLIMIT_DATA, &before), 0);
        ck_assert_msg(e.status == BASE_FORMAT && strstr(e.text, bombs[i].said), "%zu: said %d %s", i, e.status, e.text);
    }
    free(text);
}
END_TEST

START_TEST(oddities_are_accepted)
{
    static const struct { const char *header; int data, count; } odd[] = {
        { "{}", 0, 0 },
        { " \n{\"a\":" F32_2 "} \t", 8, 1 },
        { "{\"b\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[8,8]},\"a\":" F32_2 "}", 8, 2 },
        { "{\"z\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]},\"a\":" F32_2 "}", 8, 2 },
        { "{\"q\":{\"dtype\":\"F4\",\"shape\":[2],\"data_offsets\":[0,1]}}", 1, 1 },
        { "{\"\\u00e4\\ud83d\\ude00\\n\":{\"shape\":[1],\"data_offsets\":[0,1],\"dtype\":\"I8\"}}", 1, 1 },
        { "{\"\":{\"dtype\":\"BOOL\",\"shape\":[],\"data_offsets\":[0,1]}}", 1, 1 },
    };

    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        base_error e = BASE_ERROR_INIT;
        nn_safetensors *s = nn_safetensors_open(make_file(odd[i].header, -1, odd[i].data), &e);
        ck_assert_msg(s != NULL, "%s: %s", odd[i].header, e.text);
        ck_assert_int_eq(nn_safetensors_count(s), odd[i].count);
        for (int k = 0; k < odd[i].count; k++)
            ck_assert_ptr_eq(nn_safetensors_find(s, nn_safetensors_at(s, k)->name), nn_safetensors_at(s, k));
        if (strstr(odd[i].header, "\\u00e4"))
            ck_assert_str_eq(nn_safetensors_at(s, 0)->name, "\xc3\xa4\xf0\x9f\x98\x80\n");
        nn_safetensors_close(s);
    }
}
END_TEST

/* ---- writing ----------------------------------------------------------------------------------------------------- */

START_TEST(metadata_and_alignment)
{
    static const nn_meta meta[] = { { "format", "np" }, { "sch\xc3\xb6n", "\"\\\n" } };
    const float x[3] = { 1, 2, 3 };
    const uint8_t y[3] = { 1, 2, 3 };
    const int64_t shape[] = { 3 };
    const nn_save_tensor tensors[] = { { "y", NN_U8, 1, shape, y }, { "x", NN_F32, 1, shape, x } };
    nn_safetensors *s;

    ck_assert_int_eq(nn_safetensors_save(files_path("m"), tensors, 2, meta, 2, NULL), BASE_OK);
    s = nn_safetensors_open(files_path("m"), NULL);
    ck_assert_ptr_nonnull(s);
    ck_assert_int_eq(nn_safetensors_meta_count(s), 2);
    ck_assert_str_eq(nn_safetensors_meta(s, "format"), "np");
    ck_assert_str_eq(nn_safetensors_meta(s, "sch\xc3\xb6n"), "\"\\\n");
    ck_assert_str_eq(nn_safetensors_at(s, 0)->name, "x");       /* wide before narrow, on a multiple of 8 */
    ck_assert_uint_eq((uintptr_t)nn_safetensors_at(s, 0)->data % 8, 0);
    ck_assert_mem_eq(nn_safetensors_find(s, "x")->data, x, sizeof x);
    ck_assert_mem_eq(nn_safetensors_find(s, "y")->data, y, sizeof y);
    nn_safetensors_close(s);
}
END_TEST

START_TEST(bad_names_are_refused)
{
    const float x[3] = { 1, 2, 3 };
    const int64_t shape[] = { 3 }, wrong[] = { -3 };
    const nn_save_tensor twice[] = { { "x", NN_F32, 1, shape, x }, { "x", NN_I32, 1, shape, x } },
        reserved = { "__metadata__", NN_F32, 1, shape, x }, bytes = { "\xff", NN_F32, 1, shape, x },
        other = { "x", NN_DTYPE_OTHER, 1, shape, x }, negative = { "x", NN_F32, 1, wrong, x };
    const nn_meta meta[] = { { "k", "v" }, { "k", "w" } };
    const char *path = files_path("refused");
    base_error e = BASE_ERROR_INIT;

    ck_assert_int_eq(nn_safetensors_save(path, twice, 2, NULL, 0, &e), BASE_VALUE);
    ck_assert_ptr_nonnull(strstr(e.text, "\"x\" appears twice"));
    ck_assert_int_eq(nn_safetensors_save(path, &reserved, 1, NULL, 0, NULL), BASE_VALUE);
    ck_assert_int_eq(nn_safetensors_save(path, &bytes, 1, NULL, 0, NULL), BASE_VALUE);
    ck_assert_int_eq(nn_safetensors_save(path, &other, 1, NULL, 0, NULL), BASE_VALUE);
    ck_assert_int_eq(nn_safetensors_save(path, &negative, 1, NULL, 0, NULL), BASE_VALUE);
    ck_assert_int_eq(nn_safetensors_save(path, twice, 1, meta, 2, NULL), BASE_VALUE);
    ck_assert(!base_exists(path));
}
END_TEST

/* When the disk is full, or a file may grow no further, the old file stays and nothing else is left. */
START_TEST(failed_writes_leave_the_old_file)
{
    static float x[40000];
    const int64_t small[] = { 3 }, large[] = { 40000 };
    const nn_save_tensor a = { "x", NN_F32, 1, small, x }, b = { "x", NN_F32, 1, large, x };
    struct rlimit before, limit;
    base_error e = BASE_ERROR_INIT;
    nn_safetensors *s;

    ck_assert_int_eq(nn_safetensors_save(files_path("full"), &a, 1, NULL, 0, NULL), BASE_OK);
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
    limit = before;
    limit.rlim_cur = 50000;
    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    base_status status = nn_safetensors_save(files_path("full"), &b, 1, NULL, 0, &e);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
    ck_assert_int_eq(status, BASE_IO);
    ck_assert_ptr_nonnull(strstr(e.text, "full: cannot write"));
    s = nn_safetensors_open(files_path("full"), NULL);
    ck_assert_ptr_nonnull(s);
    ck_assert_int_eq(nn_safetensors_find(s, "x")->count, 3);
    nn_safetensors_close(s);
    ck_assert_int_eq(remove(files_path("full")), 0);
    ck_assert_int_eq(rmdir(files_folder), 0);       /* empty again */
    ck_assert_int_eq(mkdir(files_folder, 0700), 0);
    e = (base_error)BASE_ERROR_INIT;
    ck_assert_int_eq(nn_safetensors_save("/dev/full", &b, 1, NULL, 0, &e), BASE_IO);
}
END_TEST

/* Text that grows. */
typedef struct growing { char *s; size_t n; } growing;

static void grow(growing *g, const char *format, int i)
{
    g->n += (size_t)sprintf(g->s + g->n, format, i);
}

/* More entries than any model has would cost many times the header's size; both limits are told. */
START_TEST(entries_are_bounded)
{
    static const struct { const char *begin, *entry, *end, *said; int n; } tables[] = {
        { "{\"__metadata__\":{}", ",\"%d\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}", "}", "more than 200000 tensors", 200001 },
        { "{\"__metadata__\":{\"a\":\"\"", ",\"%x\":\"\"", "}}", "__metadata__ of more than 4000000 texts", 4000000 },
    };

    for (size_t t = 0; t < sizeof tables / sizeof *tables; t++) {
        growing g = { malloc((size_t)tables[t].n * (t ? 13 : 64) + 200), 8 };
        base_error e = BASE_ERROR_INIT;

        ck_assert_ptr_nonnull(g.s);
        grow(&g, tables[t].begin, 0);
        for (int i = 0; i < tables[t].n; i++)
            grow(&g, tables[t].entry, i);
        grow(&g, tables[t].end, 0);
        for (int i = 0; i < 8; i++)
            g.s[i] = (char)((g.n - 8) >> 8 * i);
        ck_assert_ptr_null(nn_safetensors_open(files_write("many.safetensors", g.s, g.n), &e));
        ck_assert_msg(e.status == BASE_LIMIT && strstr(e.text, tables[t].said), "%s", e.text);
        free(g.s);
    }
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("libnn/store/safetensors");
    TCase *table = tcase_create("malformed");

    unit_add(s, reads_every_type);
    unit_add(s, converts_as_torch);
    unit_add(s, halves);
    unit_add(s, rounds_to_the_nearest);
    unit_add(s, rounds_no_other_thing);
    unit_add(s, writes_as_the_reference);
    tcase_add_loop_test(table, malformed_files_are_refused, 0, (int)(sizeof malformed / sizeof *malformed));
    suite_add_tcase(s, table);
    unit_add(s, short_files_are_refused);
    unit_add(s, every_cut_is_noticed);
    unit_add(s, bombs_are_refused);
    unit_add(s, oddities_are_accepted);
    unit_add(s, metadata_and_alignment);
    unit_add(s, bad_names_are_refused);
    files_add(s, failed_writes_leave_the_old_file);
    files_add(s, entries_are_bounded);
    return s;
}

UNIT_MAIN(suite)
