/* .npy: numpy's own files (tests/parity/make_store.py), malformed ones, and what we write. */
#include <dirent.h>
#include <math.h>

#include "base/file.h"
#include "libnn/nn.h"
#include "tests/unit/files.h"
#include "tests/unit/unit.h"

static const char *source_path(const char *name)
{
    static char path[1000];

    snprintf(path, sizeof path, "%s/tests/parity/store/%s", getenv("srcdir") ? getenv("srcdir") : ".", name);
    return path;
}

/* Every type, order and version holds the same numbers. */
START_TEST(reads_numpy)
{
    DIR *d = opendir(source_path(""));
    int files = 0;

    ck_assert_ptr_nonnull(d);
    for (struct dirent *entry; (entry = readdir(d));) {
        const char *name = entry->d_name;
        base_error e = BASE_ERROR_INIT;
        nn_matrix m;
        if (!strstr(name, ".npy"))
            continue;
        files++;
        ck_assert_msg(nn_npy_read(source_path(name), &m, &e) == BASE_OK, "%s", e.text);
        ck_assert_int_eq(m.rows, strstr(name, "vector") ? 1 : strstr(name, "norows") ? 0 : 2);
        ck_assert_int_eq(m.cols, strstr(name, "vector") ? 6 : 3);
        for (int i = 0; i < m.rows * m.cols; i++)
            ck_assert_msg(m.x[i] == (float)(strstr(name, "bool") ? i > 2 : i), "%s: element %d is %g", name, i, (double)m.x[i]);
        nn_matrix_free(&m);
    }
    closedir(d);
    ck_assert_int_eq(files, 19);
}
END_TEST

START_TEST(writes_as_numpy)
{
    float x[] = { 0, 1, 2, 3, 4, 5 };
    const nn_matrix m = { x, 2, 3 }, none = { NULL, 0, 3 };
    const char *const names[] = { "matrix_le_f4.npy", "norows_le_f4.npy" };

    for (int i = 0; i < 2; i++) {
        base_map a, b;
        ck_assert_int_eq(nn_npy_write(files_path("out.npy"), i ? &none : &m, NULL), BASE_OK);
        ck_assert_int_eq(base_map_open(&a, source_path(names[i]), NULL), BASE_OK);
        ck_assert_int_eq(base_map_open(&b, files_path("out.npy"), NULL), BASE_OK);
        ck_assert_uint_eq(a.size, b.size);
        ck_assert_mem_eq(a.data, b.data, a.size);
        base_map_close(&a);
        base_map_close(&b);
    }
}
END_TEST

START_TEST(values_come_back)
{
    float x[] = { 1e-45f, -0.0f, INFINITY, -INFINITY, 3.4e38f, 0.1f };
    const nn_matrix m = { x, 3, 2 };
    nn_matrix back;

    ck_assert_int_eq(nn_npy_write(files_path("v.npy"), &m, NULL), BASE_OK);
    ck_assert_int_eq(nn_npy_read(files_path("v.npy"), &back, NULL), BASE_OK);
    ck_assert_int_eq(back.rows, 3);
    ck_assert_int_eq(back.cols, 2);
    ck_assert_mem_eq(back.x, x, sizeof x);
    nn_matrix_free(&back);
}
END_TEST

/* A version 1 file of this dict and n bytes of data. */
static const char *make_file(const char *dict, int n)
{
    static char bytes[2000];
    size_t size = strlen(dict);

    memcpy(bytes, "\x93NUMPY\1\0", 8);
    bytes[8] = (char)(size & 0xff);
    bytes[9] = (char)(size >> 8);
    memcpy(bytes + 10, dict, size);
    memset(bytes + 10 + size, 0, (size_t)n);
    return files_write("made.npy", bytes, 10 + size + (size_t)n);
}

#define DESCR "'descr': '<f4', "
#define ORDER "'fortran_order': False, "

static const struct {
    const char *dict;
    int         data;
    base_status status;
    const char *said;
} malformed[] = {
    { "", 0, BASE_FORMAT, "byte 10: expected '{'" },
    { "{", 0, BASE_FORMAT, "byte 11: expected a key and ':'" },
    { "{" DESCR ORDER "'shape': (2,)", 8, BASE_FORMAT, "expected a key and ':'" },
    { "{" DESCR ORDER "'shape': (2,)}  x", 8, BASE_FORMAT, "byte 67: expected descr, fortran_order and shape, and nothing else" },
    { "{" DESCR ORDER "'shape': (2,), 'more': 1}", 8, BASE_FORMAT, "expected only descr" },
    { "{" DESCR DESCR ORDER "'shape': (2,)}", 8, BASE_FORMAT, "each once" },
    { "{" DESCR "'shape': (2,)}", 8, BASE_FORMAT, "expected descr, fortran_order and shape" },
    { "{" ORDER "'shape': (2,)}", 8, BASE_FORMAT, "expected descr, fortran_order and shape" },
    { "{" DESCR ORDER "}", 8, BASE_FORMAT, "expected descr, fortran_order and shape" },
    { "{'descr: ", 8, BASE_FORMAT, "byte 11: expected a key and ':'" },
    { "{'des\\cr': '<f4'}", 8, BASE_FORMAT, "byte 11: expected a key and ':'" },
    { "{'descr' '<f4'}", 8, BASE_FORMAT, "expected a key and ':'" },
    { "{descr: '<f4'}", 8, BASE_FORMAT, "byte 11: expected a key and ':'" },
    { "{'descr, the type of the elements, whose name is longer than any': 1}", 8, BASE_FORMAT, "expected only descr" },
    { "{'descr': '', " ORDER "'shape': (2,)}", 8, BASE_UNSUPPORTED, "type ''" },
    { "{'descr': '?f4', " ORDER "'shape': (2,)}", 8, BASE_UNSUPPORTED, "type '?f4'" },
    { "{'descr': '<f4', more than any type's name has: '<f4'", 8, BASE_FORMAT, "expected a key and ':'" },
    { "{" DESCR ORDER "'shape': (x,)}", 8, BASE_FORMAT, "expected a size" },
    { "{" DESCR ORDER "'shape': (2", 8, BASE_FORMAT, "expected" },
    { "{" DESCR ORDER "'shape': (2,", 8, BASE_FORMAT, "expected" },
    { "{" DESCR ORDER "'shape': (", 8, BASE_FORMAT, "expected" },
    { "{" DESCR ORDER "'shape': (9223372036854775808,)}", 8, BASE_FORMAT, "expected a size below 2^63" },
    { "{" DESCR ORDER "'shape': (4611686018427387904,)}", 8, BASE_FORMAT, "8 bytes of data, but the header says" },
    { "{'descr': 7, " ORDER "'shape': (2,)}", 8, BASE_UNSUPPORTED, "byte 20: a structured type" },
    { "{'descr': [('x', '<f4')], " ORDER "'shape': (2,)}", 8, BASE_UNSUPPORTED, "byte 20: a structured type" },
    { "{'descr': '|O', " ORDER "'shape': (1,)}", 8, BASE_UNSUPPORTED, "type '|O', expected f2, f4" },
    { "{'descr': '<c8', " ORDER "'shape': (1,)}", 8, BASE_UNSUPPORTED, "type '<c8'" },
    { "{'descr': '<f4'" "\\" "', " ORDER "'shape': (2,)}", 8, BASE_FORMAT, "expected ',' or '}'" },
    { "{" DESCR "'fortran_order': 0, 'shape': (2,)}", 8, BASE_FORMAT, "expected True or False" },
    { "{" DESCR ORDER "'shape': 2}", 8, BASE_FORMAT, "expected '('" },
    { "{" DESCR ORDER "'shape': ()}", 4, BASE_UNSUPPORTED, "no dimension" },
    { "{" DESCR ORDER "'shape': (1, 2, 1)}", 8, BASE_UNSUPPORTED, "more than two dimensions" },
    { "{" DESCR ORDER "'shape': (-2,)}", 8, BASE_FORMAT, "expected a size" },
    { "{" DESCR ORDER "'shape': (2 3)}", 24, BASE_FORMAT, "expected ',' or ')'" },
    { "{" DESCR ORDER "'shape': (99999999999999999999,)}", 8, BASE_FORMAT, "expected a size below 2^63" },
    { "{" DESCR ORDER "'shape': (4611686018427387904, 4)}", 8, BASE_FORMAT, "8 bytes of data, but the header says" },
    { "{" DESCR ORDER "'shape': (3037000500, 3037000500)}", 8, BASE_FORMAT, "8 bytes of data, but the header says" },
    { "{" DESCR ORDER "'shape': (2,)}", 7, BASE_FORMAT, "byte 65: 7 bytes of data, but the header says [2] of F32" },
    { "{" DESCR ORDER "'shape': (2,)}", 9, BASE_FORMAT, "9 bytes of data, but the header says [2] of F32" },
    { "{" DESCR ORDER "'shape': (1000000000000, 0)}", 0, BASE_UNSUPPORTED, "0 columns, expected 1 to" },
};

START_TEST(malformed_files_are_refused)
{
    base_error e = BASE_ERROR_INIT;
    const char *path = make_file(malformed[_i].dict, malformed[_i].data);
    nn_matrix m;

    ck_assert_int_ne(nn_npy_read(path, &m, &e), BASE_OK);
    ck_assert_msg(e.status == malformed[_i].status && strstr(e.text, malformed[_i].said) && strstr(e.text, path) == e.text,
        "%s: said %d %s", malformed[_i].dict, e.status, e.text);
    ck_assert_ptr_null(m.x);
}
END_TEST

START_TEST(bad_beginnings_are_refused)
{
    static const struct { const char *bytes; size_t n; base_status status; const char *said; } bad[] = {
        { "", 0, BASE_FORMAT, "byte 0: no .npy file" },
        { "\x93NUMPX\1\0\0\0", 10, BASE_FORMAT, "byte 0: no .npy file" },
        { "\x93NUMPY\1", 7, BASE_FORMAT, "byte 0: no .npy file" },
        { "\x93NUMPY\0\0\0\0", 10, BASE_UNSUPPORTED, "byte 6: version 0.0" },
        { "\x93NUMPY\4\0\0\0", 10, BASE_UNSUPPORTED, "byte 6: version 4.0" },
        { "\x93NUMPY\1\1\0\0", 10, BASE_UNSUPPORTED, "byte 6: version 1.1" },
        { "\x93NUMPY\2\0\0\0", 10, BASE_FORMAT, "byte 10: the file ends inside the header" },
        { "\x93NUMPY\1\0\2\0{", 11, BASE_FORMAT, "byte 8: a header of 2 bytes, but only 1 follow" },
        { "\x93NUMPY\2\0\xff\xff\xff\xff{", 13, BASE_LIMIT, "byte 8: a header of 4294967295 bytes" },
    };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        base_error e = BASE_ERROR_INIT;
        nn_matrix m;
        ck_assert_int_ne(nn_npy_read(files_write("bad.npy", bad[i].bytes, bad[i].n), &m, &e), BASE_OK);
        ck_assert_msg(e.status == bad[i].status && strstr(e.text, bad[i].said), "%zu: said %d %s", i, e.status, e.text);
    }
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("libnn/store/npy");
    TCase *table = tcase_create("malformed");

    unit_add(s, reads_numpy);
    unit_add(s, writes_as_numpy);
    unit_add(s, values_come_back);
    tcase_add_loop_test(table, malformed_files_are_refused, 0, (int)(sizeof malformed / sizeof *malformed));
    suite_add_tcase(s, table);
    unit_add(s, bad_beginnings_are_refused);
    return s;
}

UNIT_MAIN(suite)
