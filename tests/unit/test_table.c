/* Kaldi's tables: bytes laid out by hand after formats' description, round trips, malformed files. */
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <sys/resource.h>

#include "base/file.h"
#include "libnn/nn.h"
#include "tests/unit/files.h"
#include "tests/unit/unit.h"

/* Bytes under construction. */
static struct { unsigned char at[4096]; size_t n; } b;

static void put(const void *data, size_t n)
{
    memcpy(b.at + b.n, data, n);
    b.n += n;
}

#define put_text(text) put(text, sizeof(text) - 1)
#define put_value(type, value) put(&(type){ value }, sizeof(type))

static void put_int(int32_t x)
{
    put_text("\4");
    put_value(int32_t, x);
}

static const char *spec(const char *prefix, const char *path)
{
    static char text[4][700];
    static unsigned next;

    next = (next + 1) % 4;
    snprintf(text[next], sizeof text[next], "%s:%s", prefix, path);
    return text[next];
}

static const char *write_ark(void) { return spec("ark", files_write("t.ark", b.at, b.n)); }

static nn_table_reader *open_table(const char *rspecifier)
{
    base_error e = BASE_ERROR_INIT;
    nn_table_reader *r = nn_table_open(rspecifier, &e);

    ck_assert_msg(r != NULL, "%s", e.text);
    return r;
}

/* An archive from a pipe, whose size nobody knows. */
static nn_table_reader *open_pipe(const char *bytes, size_t n)
{
    char name[40];
    int ends[2];

    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_eq(write(ends[1], bytes, n), (ssize_t)n);
    close(ends[1]);
    snprintf(name, sizeof name, "/dev/fd/%d", ends[0]);
    nn_table_reader *r = open_table(spec("ark", name));
    close(ends[0]);
    return r;
}

static void expect(nn_table_reader *r, const char *key, int64_t rows, int cols, const float *x)
{
    base_error e = BASE_ERROR_INIT;
    const char *found;
    nn_matrix m;

    ck_assert_msg(nn_table_next(r, &found, &m, &e) == BASE_OK, "%s", e.text);
    if (!key) {
        ck_assert_ptr_null(found);
        return;
    }
    ck_assert_ptr_nonnull(found);
    ck_assert_str_eq(found, key);
    ck_assert_int_eq(m.rows, rows);
    ck_assert_int_eq(m.cols, cols);
    for (int64_t i = 0; i < rows * cols; i++)
        ck_assert_msg(m.x[i] == x[i], "%s: element %d is %.9g, expected %.9g", key, (int)i, (double)m.x[i], (double)x[i]);
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

START_TEST(reads_binary)
{
    const float x[] = { 1, -2, 0.5f, 4, 5, 1e-45f };
    nn_table_reader *r;

    b.n = 0;
    put_text("float \0BFM ");
    put_int(2);
    put_int(3);
    put(x, sizeof x);
    put_text("double \0BDM ");
    put_int(3);
    put_int(2);
    for (int i = 0; i < 6; i++)
        put_value(double, (double)x[i]);
    put_text("vector \0BFV ");
    put_int(3);
    put(x, 12);
    put_text("dvector \0BDV ");
    put_int(1);
    put_value(double, -2.0);
    put_text("nothing \0BFM ");
    put_int(0);
    put_int(0);
    put_text("novector \0BFV ");
    put_int(0);
    put_text("last \0BFM ");
    put_int(1);
    put_int(1);
    put(x, 4);
    r = open_table(write_ark());
    for (int piped = 0; piped < 2; piped++) {
        expect(r, "float", 2, 3, x);
        expect(r, "double", 3, 2, x);
        expect(r, "vector", 1, 3, x);
        expect(r, "dvector", 1, 1, x + 1);
        expect(r, "nothing", 0, 0, NULL);
        expect(r, "novector", 0, 0, NULL);
        expect(r, "last", 1, 1, x);
        expect(r, NULL, 0, 0, NULL);
        expect(r, NULL, 0, 0, NULL);
        nn_table_close(r);
        r = NULL;
        if (!piped)
            r = open_pipe((const char *)b.at, b.n);
    }
}
END_TEST

START_TEST(reads_text)
{
    const float x[] = { 1, 2.5f, -3e-5f, 4, 5, 6, INFINITY, -INFINITY };
    nn_table_reader *r;

    b.n = 0;
    put_text("s [ 1 2.5 -3e-05; 4 5 6;]\na  [\n  1 2.5 -3e-05 \n  4 5 6 ]\nb  [ 1 2.5 ]\n\nc [ ]\nd\t[\n1\t2.5\r\n]\ne [ inf -Infinity ]  \nf [1]");
    r = open_table(write_ark());
    expect(r, "s", 2, 3, x);
    expect(r, "a", 2, 3, x);
    expect(r, "b", 1, 2, x);
    expect(r, "c", 0, 0, NULL);
    expect(r, "d", 1, 2, x);
    expect(r, "e", 1, 2, x + 6);
    expect(r, "f", 1, 1, x);
    expect(r, NULL, 0, 0, NULL);
    nn_table_close(r);
}
END_TEST

/* compressed-matrix.h: words are least + span / 65535 v, bytes least + span / 255 v; the columns of CM have four quantiles. */
START_TEST(reads_compressed)
{
    const float least = -8, span = 16;
    const uint16_t quantiles[2][4] = { { 0, 1000, 40000, 65535 }, { 5, 10, 15, 20 } };
    const unsigned char bytes[2][5] = { { 0, 64, 192, 255, 100 }, { 1, 65, 193, 254, 128 } };
    float cm[10], cm2[4], cm3[4];
    nn_table_reader *r;

    b.n = 0;
    put_text("cm \0BCM ");
    put(&least, 4), put(&span, 4), put_value(int32_t, 5), put_value(int32_t, 2);
    put(quantiles, sizeof quantiles);
    put(bytes, sizeof bytes);
    for (int c = 0; c < 2; c++)
        for (int i = 0; i < 5; i++) {
            double q[4], v = bytes[c][i];
            for (int k = 0; k < 4; k++)
                q[k] = -8 + 16 * quantiles[c][k] / 65535.0;
            cm[i * 2 + c] = (float)(v <= 64 ? q[0] + (q[1] - q[0]) * v / 64
                : v <= 192 ? q[1] + (q[2] - q[1]) * (v - 64) / 128 : q[2] + (q[3] - q[2]) * (v - 192) / 63);
        }
    put_text("empty \0BCM ");       /* as Kaldi writes it, four bytes too many */
    put("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20);
    put_text("cm2 \0BCM2 ");
    put(&least, 4), put(&span, 4), put_value(int32_t, 2), put_value(int32_t, 2);
    for (int i = 0; i < 4; i++) {
        uint16_t v = (uint16_t)(i * 21845);
        put(&v, 2);
        cm2[i] = (float)(-8 + 16 * v / 65535.0);
    }
    put_text("cm3 \0BCM3 ");
    put(&least, 4), put(&span, 4), put_value(int32_t, 1), put_value(int32_t, 4);
    for (int i = 0; i < 4; i++) {
        put_value(unsigned char, (unsigned char)(85 * i));
        cm3[i] = (float)(-8 + 16 * (85 * i) / 255.0);
    }
    r = open_table(write_ark());
    const struct { const char *key; int rows, cols; const float *x; } all[] = {
        { "cm", 5, 2, cm }, { "empty", 0, 0, NULL }, { "cm2", 2, 2, cm2 }, { "cm3", 1, 4, cm3 } };
    for (int i = 0; i < 4; i++) {
        const char *key;
        nn_matrix m;
        ck_assert_int_eq(nn_table_next(r, &key, &m, NULL), BASE_OK);
        ck_assert_str_eq(key, all[i].key);
        ck_assert(m.rows == all[i].rows && m.cols == all[i].cols);
        for (int k = 0; k < m.rows * m.cols; k++)
            ck_assert_float_eq_tol(m.x[k], all[i].x[k], 2e-6f);
    }
    expect(r, NULL, 0, 0, NULL);
    nn_table_close(r);
}
END_TEST

START_TEST(reads_scripts)
{
    const float x[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 }, part[] = { 5, 6, 9, 10 }, end[] = { 8, 9, 10, 11 };
    const float tail[] = { 2, 3, 6, 7, 10, 11 };
    const char *ark;
    char text[4000];
    nn_table_reader *r;

    b.n = 0;
    put_text("k \0BFM ");
    put_int(3);
    put_int(4);
    put(x, sizeof x);
    ark = files_write("some.ark", b.at, b.n);
    const char *lone = files_write("lone.mat", b.at + 2, b.n - 2);      /* a file of one matrix has no key */
    snprintf(text, sizeof text, "u1 %s:2\nu2 %s:2[1:2,1:2]\nu3\t%s:2[2:2]\nu4 %s\nu5 %s[:,2:3]\nu6 %s:2[0:2,0:3]  \n"
        "u7 %s:2[,2:3]\n", ark, ark, ark, lone, lone, ark, ark);
    r = open_table(spec("scp", files_write("t.scp", text, strlen(text))));
    expect(r, "u1", 3, 4, x);
    expect(r, "u2", 2, 2, part);
    expect(r, "u3", 1, 4, end);
    expect(r, "u4", 3, 4, x);
    expect(r, "u5", 3, 2, tail);
    expect(r, "u6", 3, 4, x);
    expect(r, "u7", 3, 2, tail);
    expect(r, NULL, 0, 0, NULL);
    nn_table_close(r);
}
END_TEST

/* What kaldi-holder.cc takes and refuses. */
START_TEST(ranges_are_kaldis)
{
    const float x[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 };
    static const struct { const char *range; int rows, cols, first; } takes[] = {
        { "[3:5]", 2, 2, 6 }, { "[3:6]", 2, 2, 6 }, { "[3:7]", 2, 2, 6 }, { "[4:7,1:1]", 1, 1, 9 }, { "[:]", 5, 2, 0 }, { "[:,1:1]", 5, 1, 1 },
    }, vectors[] = { { "[1:2]", 1, 2, 1 }, { "[0:0]", 1, 1, 0 }, { "[7:9]", 1, 3, 7 }, { "[9:12]", 1, 1, 9 }, { "[:]", 1, 10, 0 } };
    char ark[600], text[2000];

    b.n = 0;
    put_text("k \0BFM ");
    put_int(5);
    put_int(2);
    put(x, sizeof x);
    strcpy(ark, files_write("m.ark", b.at, b.n));
    for (size_t i = 0; i < sizeof takes / sizeof *takes; i++) {
        snprintf(text, sizeof text, "k %s:2%s\n", ark, takes[i].range);
        nn_table_reader *r = open_table(spec("scp", files_write("t.scp", text, strlen(text))));
        float want[10];
        for (int k = 0; k < takes[i].rows * takes[i].cols; k++)
            want[k] = (float)(takes[i].first + (takes[i].cols == 2 ? k : 2 * k));
        expect(r, "k", takes[i].rows, takes[i].cols, want);
        nn_table_close(r);
    }
    for (int binary = 0; binary < 2; binary++) {
        b.n = 0;
        if (binary) {
            put_text("k \0BFV ");
            put_int(10);
            put(x, sizeof x);
        } else {
            put_text("k  [ 0 1 2 3 4 5 6 7 8 9 ]\n");
        }
        strcpy(ark, files_write("v.ark", b.at, b.n));
        for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
            snprintf(text, sizeof text, "k %s:2%s\nk2 %s:2[0:13]\nk3 %s:2[0:1,0:1]\n", ark, vectors[i].range, ark, ark);
            nn_table_reader *r = open_table(spec("scp", files_write("t.scp", text, strlen(text))));
            base_error e = BASE_ERROR_INIT;
            const char *key;
            nn_matrix m;
            expect(r, "k", 1, vectors[i].cols, x + vectors[i].first);
            ck_assert_int_eq(nn_table_next(r, &key, &m, &e), BASE_VALUE);
            ck_assert_msg(strstr(e.text, "range [0:13] of a vector of 10 elements") != NULL, "%s", e.text);
            ck_assert_int_eq(nn_table_next(r, &key, &m, NULL), BASE_VALUE);
            nn_table_close(r);
        }
    }
}
END_TEST

/* Nothing waits for a pipe that a script names, and a line without its end is told. */
START_TEST(scripts_name_files)
{
    base_error e = BASE_ERROR_INIT, f = BASE_ERROR_INIT;
    const char *key;
    char text[1000];
    nn_matrix m;

    ck_assert_int_eq(mkfifo(files_path("fifo"), 0600), 0);
    snprintf(text, sizeof text, "k %s\nl x", files_path("fifo"));
    nn_table_reader *r = open_table(spec("scp", files_write("t.scp", text, strlen(text))));
    ck_assert_int_eq(nn_table_next(r, &key, &m, &e), BASE_UNSUPPORTED);
    ck_assert_msg(strstr(e.text, "t.scp:1: ") && strstr(e.text, "not a regular file"), "%s", e.text);
    ck_assert_int_eq(nn_table_next(r, &key, &m, &f), BASE_FORMAT);
    ck_assert_msg(strstr(f.text, "t.scp:2: no newline at the end of the file") != NULL, "%s", f.text);
    nn_table_close(r);
}
END_TEST

/* ---- writing ----------------------------------------------------------------------------------------------------- */

START_TEST(tables_come_back)
{
    const char *const forms[] = { "ark", "ark,t", "ark,b,f" };
    float x[] = { 1, -2, 0.1f, 3.4e38f, 1e-45f, -0.0f, INFINITY, 16777215 };
    const nn_matrix m = { x, 2, 4 }, row = { x, 1, 8 }, none = { NULL, 0, 4 };

    for (int i = 0; i < 3; i++) {
        nn_table_writer *w = nn_table_create(spec(forms[i], files_path("w.ark")), NULL);
        ck_assert_ptr_nonnull(w);
        ck_assert_int_eq(nn_table_write(w, "a", &m, NULL), BASE_OK);
        ck_assert_int_eq(nn_table_write(w, "b\xc3\xa4", &row, NULL), BASE_OK);
        ck_assert_int_eq(nn_table_write(w, "c", &none, NULL), BASE_OK);
        ck_assert_int_eq(nn_table_write(w, "d", &m, NULL), BASE_OK);
        ck_assert(!base_exists(files_path("w.ark")) || i > 0);
        ck_assert_int_eq(nn_table_commit(w, NULL), BASE_OK);
        nn_table_reader *r = open_table(spec("ark", files_path("w.ark")));
        expect(r, "a", 2, 4, x);
        expect(r, "b\xc3\xa4", 1, 8, x);
        expect(r, "c", 0, 0, NULL);
        expect(r, "d", 2, 4, x);
        expect(r, NULL, 0, 0, NULL);
        nn_table_close(r);
    }
}
END_TEST

START_TEST(writes_kaldis_bytes)
{
    float x[] = { 1, 2, 3, 4, 5, 6 };
    const nn_matrix m = { x, 2, 3 };
    nn_table_writer *w;
    char *text;
    size_t size;

    b.n = 0;
    put_text("key \0BFM ");
    put_int(2);
    put_int(3);
    put(x, sizeof x);
    w = nn_table_create(spec("ark", files_path("b.ark")), NULL);
    ck_assert_int_eq(nn_table_write(w, "key", &m, NULL), BASE_OK);
    ck_assert_int_eq(nn_table_commit(w, NULL), BASE_OK);
    ck_assert_int_eq(base_read_file(files_path("b.ark"), 1000, &text, &size, NULL), BASE_OK);
    ck_assert_uint_eq(size, b.n);
    ck_assert_mem_eq(text, b.at, size);
    free(text);
    w = nn_table_create(spec("ark,t", files_path("t.ark")), NULL);
    ck_assert_int_eq(nn_table_write(w, "key", &m, NULL), BASE_OK);
    ck_assert_int_eq(nn_table_commit(w, NULL), BASE_OK);
    ck_assert_int_eq(base_read_file(files_path("t.ark"), 1000, &text, &size, NULL), BASE_OK);
    ck_assert_str_eq(text, "key  [\n  1 2 3\n  4 5 6 ]\n");
    free(text);
}
END_TEST

START_TEST(scripts_point_into_archives)
{
    const char *const forms[] = { "ark,scp", "ark,scp,t" };
    float x[] = { 1, 2, 3, 4, 5, 6 };
    const nn_matrix m = { x, 2, 3 }, n = { x, 3, 2 };
    char files[1300];

    snprintf(files, sizeof files, "%s,%s", files_path("s.ark"), files_path("s.scp"));
    for (int i = 0; i < 2; i++) {
        char text[1500];
        snprintf(text, sizeof text, "%s:%s", forms[i], files);
        nn_table_writer *w = nn_table_create(text, NULL);
        ck_assert_ptr_nonnull(w);
        ck_assert_int_eq(nn_table_write(w, "a", &m, NULL), BASE_OK);
        ck_assert_int_eq(nn_table_write(w, "b", &n, NULL), BASE_OK);
        ck_assert_int_eq(nn_table_commit(w, NULL), BASE_OK);
        nn_table_reader *r = open_table(spec("scp", files_path("s.scp")));
        expect(r, "a", 2, 3, x);
        expect(r, "b", 3, 2, x);
        expect(r, NULL, 0, 0, NULL);
        nn_table_close(r);
    }
}
END_TEST

START_TEST(nothing_half_written)
{
    static float x[40000];
    const nn_matrix m = { x, 200, 200 };
    char text[1400];
    struct rlimit before, limit;
    base_error e = BASE_ERROR_INIT;
    nn_table_writer *w;

    snprintf(text, sizeof text, "ark,scp:%s,%s", files_path("n.ark"), files_path("n.scp"));
    w = nn_table_create(text, NULL);
    ck_assert_int_eq(nn_table_write(w, "a", &m, NULL), BASE_OK);
    nn_table_abandon(w);
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
    limit = before;
    limit.rlim_cur = 100000;
    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    w = nn_table_create(text, NULL);
    base_status status = nn_table_write(w, "a", &m, &e), commit = nn_table_commit(w, NULL);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
    ck_assert_int_eq(status, BASE_IO);
    ck_assert_ptr_nonnull(strstr(e.text, "n.ark: cannot write: File too large"));
    ck_assert_int_eq(commit, BASE_IO);
    ck_assert_int_eq(rmdir(files_folder), 0);       /* empty */
    ck_assert_int_eq(mkdir(files_folder, 0700), 0);
}
END_TEST

START_TEST(bad_keys_are_not_written)
{
    static const char *const bad[] = { "", "a b", "a\n", "\001a" };
    float x = 1;
    const nn_matrix m = { &x, 1, 1 };
    nn_table_writer *w = nn_table_create(spec("ark", files_path("k.ark")), NULL);

    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(nn_table_write(w, bad[i], &m, NULL), BASE_VALUE);
    nn_table_abandon(w);
}
END_TEST

/* ---- what is refused --------------------------------------------------------------------------------------------- */

START_TEST(bad_specifiers)
{
    static const struct { const char *text; base_status status; const char *said; } bad[] = {
        { "", BASE_FORMAT, "expected ark:FILE or scp:FILE" },
        { "feats.ark", BASE_FORMAT, "expected ark:FILE or scp:FILE" },
        { "ark:", BASE_FORMAT, "expected ark:FILE" },
        { ":x", BASE_FORMAT, "expected ark:FILE" },
        { "t:x", BASE_FORMAT, "expected ark:FILE" },
        { "arc:x", BASE_UNSUPPORTED, "\"arc\" is no option of a table" },
        { "scp,p:x", BASE_UNSUPPORTED, "\"p\" is no option" },
        { "ark,scp:a,b", BASE_FORMAT, "expected ark:FILE or scp:FILE" },
        { "ark:cat x |", BASE_UNSUPPORTED, "a pipe runs a command" },
        { "ark:| cat", BASE_UNSUPPORTED, "a pipe runs a command" },
        { "ark:/nonexistent/x", BASE_MISSING, "/nonexistent/x: No such file" },
        { "ark:/tmp", BASE_IO, "/tmp: is a directory" },
    }, bad_out[] = {
        { "scp:x", BASE_FORMAT, "expected ark:FILE or ark,scp:ARCHIVE,SCRIPT" },
        { "ark,scp:x", BASE_FORMAT, "expected ark,scp:ARCHIVE,SCRIPT" },
        { "ark,scp:x,", BASE_FORMAT, "expected ark,scp:ARCHIVE,SCRIPT" },
        { "ark,scp:x,y,z", BASE_FORMAT, "expected ark,scp:ARCHIVE,SCRIPT" },
        { "ark,scp:-,y", BASE_FORMAT, "expected ark,scp:ARCHIVE,SCRIPT" },
        { "ark,scp:/dev/null,/tmp/y", BASE_UNSUPPORTED, "/dev/null: no file a script could point into" },
        { "ark:| gzip -c", BASE_UNSUPPORTED, "a pipe runs a command" },
        { "ark:/nonexistent/x", BASE_MISSING, "cannot create" },
    };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        base_error e = BASE_ERROR_INIT;
        ck_assert_ptr_null(nn_table_open(bad[i].text, &e));
        ck_assert_msg(e.status == bad[i].status && strstr(e.text, bad[i].said), "%s: said %d %s", bad[i].text, e.status, e.text);
    }
    for (size_t i = 0; i < sizeof bad_out / sizeof *bad_out; i++) {
        base_error e = BASE_ERROR_INIT;
        ck_assert_ptr_null(nn_table_create(bad_out[i].text, &e));
        ck_assert_msg(e.status == bad_out[i].status && strstr(e.text, bad_out[i].said), "%s: said %d %s", bad_out[i].text,
            e.status, e.text);
    }
}
END_TEST

#define BYTES(text) text, sizeof(text) - 1

static const struct {
    const char *bytes;
    size_t      n;
    base_status status;
    const char *said;
} malformed[] = {
    { BYTES("k"), BASE_FORMAT, "byte 1: the file ends, expected a key and a space" },
    { BYTES("k\n"), BASE_FORMAT, "byte 2: expected a key and a space" },
    { BYTES("\1k [ ]"), BASE_FORMAT, "byte 1: expected a key and a space" },
    { BYTES("\0B"), BASE_FORMAT, "byte 1: expected a key" },
    { BYTES("k "), BASE_FORMAT, "key \"k\": byte 2: the file ends, expected a matrix" },
    { BYTES("k x"), BASE_FORMAT, "key \"k\": byte 3: expected a matrix: '[' or a NUL byte" },
    { BYTES("k \0"), BASE_FORMAT, "byte 3: the file ends, expected 'B'" },
    { BYTES("k \0C"), BASE_FORMAT, "byte 4: expected 'B' after a NUL byte" },
    { BYTES("k \0BFM"), BASE_FORMAT, "the file ends, expected the name of a type" },
    { BYTES("k \0BFMFMFMFM "), BASE_FORMAT, "expected the name of a type and a space" },
    { BYTES("k \0BSM "), BASE_UNSUPPORTED, "byte 4: type \"SM\", expected FM, DM, FV" },
    { BYTES("k \0BCM4 "), BASE_UNSUPPORTED, "type \"CM4\"" },
    { BYTES("k \0BFM "), BASE_FORMAT, "byte 7: 5 bytes of data, but only 0 follow" },
    { BYTES("k \0BFM \4\1\0\0"), BASE_FORMAT, "byte 7: 5 bytes of data, but only 4 follow" },
    { BYTES("k \0BFM \10\1\0\0\0\4\1\0\0\0abcd"), BASE_FORMAT, "byte 7: integer of 8 bytes, expected 4" },
    { BYTES("k \0BFM \4\377\377\377\377\4\1\0\0\0abcd"), BASE_FORMAT, "-1 rows of 1 columns" },
    { BYTES("k \0BFM \4\1\0\0\0\4\0\0\0\0abcd"), BASE_FORMAT, "1 rows of 0 columns" },
    { BYTES("k \0BFM \4\1\0\0\0\4\1\0\0\0abc"), BASE_FORMAT, "byte 17: 4 bytes of data, but only 3 follow" },
    { BYTES("k \0BFM \4\377\377\377\177\4\377\377\377\177abc"), BASE_FORMAT, "bytes of data, but only 3 follow" },
    { BYTES("k \0BDM \4\377\377\377\177\4\377\377\377\177abc"), BASE_LIMIT, "2147483647 rows of 2147483647 columns" },
    { BYTES("k \0BFV \4\377\377\377\177abc"), BASE_FORMAT, "byte 12: 8589934588 bytes of data, but only 3 follow" },
    { BYTES("k \0BCM abcdefghijklmno"), BASE_FORMAT, "byte 7: 16 bytes of data, but only 15 follow" },
    { BYTES("k \0BCM \0\0\0\0\0\0\0\0\1\0\0\0\1\0\0\0abcdefgh"), BASE_FORMAT, "byte 23: 9 bytes of data, but only 8" },
    { BYTES("k \0BCM2 \0\0\0\0\0\0\0\0\1\0\0\0\2\0\0\0abc"), BASE_FORMAT, "byte 24: 4 bytes of data, but only 3" },
    { BYTES("k \0BCM3 \0\0\200\177\0\0\0\0\1\0\0\0\1\0\0\0a"), BASE_FORMAT, "byte 24: range inf + 0" },
    { BYTES("k ["), BASE_FORMAT, "byte 3: the file ends, expected ']'" },
    { BYTES("k [ 1 2"), BASE_FORMAT, "the file ends, expected ']'" },
    { BYTES("k [ 1 x ]"), BASE_FORMAT, "byte 6: \"x\", expected a number or ']'" },
    { BYTES("k [ 0x10 ]"), BASE_FORMAT, "byte 4: \"0x10\", expected a number" },
    { BYTES("k [ 1,5 ]"), BASE_FORMAT, "byte 4: \"1,5\", expected a number" },
    { BYTES("k [ nan(1) ]"), BASE_FORMAT, "byte 4: \"nan(1)\", expected a number" },
    { BYTES("k [ 1e99 ]"), BASE_FORMAT, "byte 4: 1e99 is too large" },
    { BYTES("k [\n 1 2\n 3 ]"), BASE_FORMAT, "row 1 of 1 numbers, expected 2" },
    { BYTES("k [ 1 ] 2\n"), BASE_FORMAT, "expected the end of the line" },
    { BYTES("k \0BDV \4\2\0\0\0\0\0\0\0\0\0\360\77\234\165\0\210\74\344\67\176"), BASE_VALUE, "element 1: 1e+300 is too large for a float" },
    { BYTES("k \0B\4\2\0\0\0\4\7\0\0\0\4\7\0\0\0"), BASE_UNSUPPORTED, "byte 5: an integer or a vector of integers" },
    { BYTES("k 1 2 3\n"), BASE_UNSUPPORTED, "byte 3: a number or a vector of integers" },
    { BYTES("\37\213\10\0\0\0\0\0"), BASE_UNSUPPORTED, "byte 1: packed by gzip" },
    { BYTES("\xef\xbb\xbfk [ 1 ]\n"), BASE_UNSUPPORTED, "byte 1: byte order mark before the key" },
    { BYTES("k [ 1 ; 2 3 ]\n"), BASE_FORMAT, "row 1 of 2 numbers, expected 1" },
    { BYTES("k [ 1 [ 2 ]"), BASE_FORMAT, "\"[\", expected a number" },
    { BYTES("k [ 0000000000000000000000000000000000000000000000000000000000000000000000001 ]"), BASE_FORMAT,
      "byte 69: expected a number of up to 64 bytes" },
    { BYTES("\37k [ 1 ]\n"), BASE_FORMAT, "byte 1: expected a key and a space" },
    { BYTES("\357k [ 1 ]\n"), BASE_FORMAT, "expected UTF-8 without control characters" },
    { BYTES(" \t\r\nk x"), BASE_FORMAT, "key \"k\": byte 7: expected a matrix" },
    { BYTES("k\xff [ 1 ]\n"), BASE_FORMAT, "expected UTF-8 without control characters" },
    { BYTES("k\xc2\x85 [ 1 ]\n"), BASE_FORMAT, "expected UTF-8 without control characters" },
    { BYTES("k [ 1 ]\t\r x\n"), BASE_FORMAT, "expected the end of the line" },
    { BYTES("k \0BCM2 \0\0\0\0\0\0\0\0\377\377\377\377\1\0\0\0"), BASE_FORMAT, "-1 rows of 1 columns" },
    { BYTES("k \0BCM3 \0\0\0\0\0\0\200\177\1\0\0\0\1\0\0\0a"), BASE_FORMAT, "byte 24: range 0 + inf" },
    { BYTES("k \0BCM3 \0\0\177\177\0\0\177\177\1\0\0\0\1\0\0\0a"), BASE_FORMAT, "byte 24: range 3.38953e+38 + 3.38953e+38" },
};

START_TEST(malformed_archives_are_refused)
{
    base_error e = BASE_ERROR_INIT;
    const char *path = files_write("bad.ark", malformed[_i].bytes, malformed[_i].n), *key = "before";
    nn_table_reader *r = open_table(spec("ark", path));
    nn_matrix m;
    base_status status = nn_table_next(r, &key, &m, &e);

    ck_assert_msg(status == malformed[_i].status && strstr(e.text, malformed[_i].said) && strstr(e.text, path) == e.text,
        "%d: said %d %s", _i, status, e.text);
    ck_assert_ptr_null(key);
    nn_table_close(r);
    e = (base_error)BASE_ERROR_INIT;
    r = open_pipe(malformed[_i].bytes, malformed[_i].n);
    status = nn_table_next(r, &key, &m, &e);
    ck_assert_msg(status == malformed[_i].status && (strstr(e.text, malformed[_i].said) || strstr(e.text, "the file ends, expected more data")),
        "%d: of a pipe said %d %s", _i, status, e.text);
    nn_table_close(r);
}
END_TEST

START_TEST(malformed_scripts_are_refused)
{
    static const struct { const char *line; base_status status; const char *said; } bad[] = {
        { "k", BASE_FORMAT, "t.scp:2: expected a key and a file" },
        { "", BASE_FORMAT, "t.scp:2: expected a key and a file" },
        { "\1 x", BASE_FORMAT, "t.scp:2: character U+0001 in column 1" },
        { "k x\r", BASE_FORMAT, "t.scp:2: carriage return in column 4 (lines end with a newline alone)" },
        { "\xef\xbb\xbfk x", BASE_FORMAT, "t.scp:2: byte order mark before the key" },
        { " k x", BASE_FORMAT, "t.scp:2: white space before the key" },
        { "k\xff x", BASE_FORMAT, "t.scp:2: invalid UTF-8" },
        { "k cat x |", BASE_UNSUPPORTED, "t.scp:2: key \"k\": a pipe, expected a file" },
        { "k | cat", BASE_UNSUPPORTED, "a pipe, expected a file" },
        { "k -", BASE_UNSUPPORTED, "a pipe, expected a file" },
        { "k /nonexistent:7", BASE_MISSING, "t.scp:2: key \"k\": /nonexistent: No such file" },
        { "k ARK:99999", BASE_FORMAT, "byte 99999: the file has" },
        { "k ARK:99999999999999999999", BASE_FORMAT, "expected file[:offset][range]" },
        { "k ARK:3", BASE_FORMAT, "ark: byte 4: expected a matrix" },
        { "k ARK:2[0:6]", BASE_VALUE, "range [0:6,0:1] of a matrix of 3 rows and 2 columns" },
        { "k ARK:2[3:4]", BASE_VALUE, "range [3:4,0:1] of a matrix of 3 rows and 2 columns" },
        { "k ARK:2[0:2,0:2]", BASE_VALUE, "range [0:2,0:2] of a matrix" },
        { "k ARK:2[0:2,2:2]", BASE_VALUE, "range [0:2,2:2] of a matrix" },
        { "k ARK:2[2:1]", BASE_VALUE, "range [2:1,0:1]" },
        { "k ARK:2[x]", BASE_FORMAT, "expected file[:offset][range]" },
        { "k ARK:2[0-1]", BASE_FORMAT, "expected file[:offset][range]" },
        { "k ARK:2[0:1,0:1,0:1]", BASE_FORMAT, "expected file[:offset][range]" },
        { "k ARK:2[0:99999999999999999999]", BASE_FORMAT, "expected file[:offset][range]" },
        { "k ARK:2[0:1,x]", BASE_FORMAT, "expected file[:offset][range]" },
        { "k ARK:2[0:1,1]", BASE_FORMAT, "expected file[:offset][range]" },
        { "k ARK:2[0:1,99999999999999999999:1]", BASE_FORMAT, "expected file[:offset][range]" },
        { "k ARK:2[0:x]", BASE_FORMAT, "expected file[:offset][range]" },
        { "k ARK:2[1]", BASE_FORMAT, "expected file[:offset][range]" },
        { "k ARK:2[:1]", BASE_FORMAT, "expected file[:offset][range]" },
        { "k ARK:9223372036854775808", BASE_FORMAT, "expected file[:offset][range]" },
        { "k ]", BASE_MISSING, "t.scp:2: key \"k\": ]: No such file" },
        { "k x:", BASE_MISSING, "t.scp:2: key \"k\": x:: No such file" },
        { "k x:1a", BASE_MISSING, "t.scp:2: key \"k\": x:1a: No such file" },
    };
    static const char good[] = "k [\n 1 2\n 3 4\n 5 6 ]\n";
    char ark[600];

    strcpy(ark, files_write("good.ark", good, sizeof good - 1));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        base_error e = BASE_ERROR_INIT;
        const char *key, *name = strstr(bad[i].line, "ARK");
        char text[3000];
        nn_matrix m;
        if (name)
            snprintf(text, sizeof text, "first %s:2\n%.*s%s%s\n", ark, (int)(name - bad[i].line), bad[i].line, ark, name + 3);
        else
            snprintf(text, sizeof text, "first %s:2\n%s\n", ark, bad[i].line);
        nn_table_reader *r = open_table(spec("scp", files_write("t.scp", text, strlen(text))));
        ck_assert_int_eq(nn_table_next(r, &key, &m, NULL), BASE_OK);
        ck_assert_int_ne(nn_table_next(r, &key, &m, &e), BASE_OK);
        ck_assert_msg(e.status == bad[i].status && strstr(e.text, bad[i].said), "%s: said %d %s", bad[i].line, e.status, e.text);
        nn_table_close(r);
    }
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("libnn/store/table");
    TCase *table = tcase_create("malformed");

    unit_add(s, reads_binary);
    unit_add(s, reads_text);
    unit_add(s, reads_compressed);
    unit_add(s, reads_scripts);
    unit_add(s, ranges_are_kaldis);
    unit_add(s, scripts_name_files);
    files_add(s, tables_come_back);
    unit_add(s, writes_kaldis_bytes);
    unit_add(s, scripts_point_into_archives);
    files_add(s, nothing_half_written);
    unit_add(s, bad_keys_are_not_written);
    unit_add(s, bad_specifiers);
    tcase_add_loop_test(table, malformed_archives_are_refused, 0, (int)(sizeof malformed / sizeof *malformed));
    suite_add_tcase(s, table);
    unit_add(s, malformed_scripts_are_refused);
    return s;
}

UNIT_MAIN(suite)
