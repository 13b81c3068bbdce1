/* Numbers in files do not change with the locale of the program that links the libraries. A locale with a comma is made by
 * localedef where the system has none. */
#include <locale.h>
#include <math.h>
#include <sndfile.h>
#include <stdlib.h>
#include <string.h>

#include "base/c_locale.h"
#include "libaudio/au.h"
#include "libnn/nn.h"
#include "libtext/tx.h"
#include "tests/unit/files.h"
#include "tests/unit/unit.h"

/* False: there is no such locale here, and none can be made. */
static bool set_comma(void)
{
    char command[1000], text[20];

    if (!setlocale(LC_ALL, "de_DE.UTF-8") && !setlocale(LC_ALL, "de_DE.utf8")) {
        snprintf(command, sizeof command, "localedef -i de_DE -f UTF-8 '%s' > '%s' 2>&1", files_path("de_DE.UTF-8"), files_path("said"));
        if (system(command) == -1)
            return false;
        setenv("LOCPATH", files_folder, 1);
        if (!setlocale(LC_ALL, "de_DE.UTF-8"))
            return false;
    }
    snprintf(text, sizeof text, "%.1f", 0.5);
    return !strcmp(text, "0,5");
}

START_TEST(numbers)
{
    char text[100] = "", *end;
    FILE *f = fmemopen(text, sizeof text, "w");

    ck_assert_double_eq(base_strtod("0.25x", &end), 0.25);
    ck_assert_str_eq(end, "x");
    ck_assert_float_eq(base_strtof("0.25", &end), 0.25f);
    base_fprintf(f, "%.2f %s", 0.25, "x");
    fclose(f);
    ck_assert_str_eq(text, "0.25 x");
}
END_TEST

START_TEST(tables_and_segments)
{
    float x[] = { 0.5f, -1.25e-7f };
    nn_matrix m = { x, 1, 2 }, back;
    char spec[600], text[2000], *found;
    base_error e = BASE_ERROR_INIT;
    const char *key;

    snprintf(spec, sizeof spec, "ark,t:%s", files_path("t.ark"));
    nn_table_writer *w = nn_table_create(spec, &e);
    ck_assert_int_eq(nn_table_write(w, "k", &m, &e), BASE_OK);
    ck_assert_int_eq(nn_table_commit(w, &e), BASE_OK);
    FILE *f = fopen(files_path("t.ark"), "r");
    found = fgets(text, sizeof text, f) ? fgets(text, sizeof text, f) : NULL;
    fclose(f);
    ck_assert_str_eq(found, "  0.5 -1.25e-07 ]\n");
    nn_table_reader *r = nn_table_open(spec, &e);
    ck_assert_msg(nn_table_next(r, &key, &back, &e) == BASE_OK, "%s", e.text);
    ck_assert_mem_eq(back.x, x, sizeof x);
    nn_table_close(r);

    SF_INFO info = { .samplerate = 8000, .channels = 1, .format = SF_FORMAT_WAV | SF_FORMAT_FLOAT };
    SNDFILE *s = sf_open(files_path("a.wav"), SFM_WRITE, &info);
    static float sound[8000];
    sf_writef_float(s, sound, 8000);
    sf_close(s);
    snprintf(text, sizeof text, "a %s\n", files_path("a.wav"));
    snprintf(spec, sizeof spec, "%s", files_write("wav.scp", text, strlen(text)));
    au_reader *a = au_reader_open(spec, files_write("segments", "u a 0.25 0.5\n", 13), &(au_read_options){ 0, 0, 60, 64, true, 0, false }, &e);
    au_audio cut;
    ck_assert_msg(a && au_reader_read(a, 0, &cut, &e) == BASE_OK, "%s", e.text);
    ck_assert_int_eq(cut.n, 2000);
    au_audio_free(&cut);
    au_reader_close(a);
}
END_TEST

START_TEST(ctm)
{
    base_error e = BASE_ERROR_INIT;
    char text[200] = "";
    tx_table t;
    FILE *f = fmemopen(text, sizeof text, "w");

    tx_ctm_write(f, "u", "1", 0.25, 1.5, "YES", 0.125);
    tx_ctm_write(f, "u", "1", 1.75, 0.5, "NO", NAN);
    fclose(f);
    ck_assert_str_eq(text, "u 1 0.25 1.50 YES 0.125\nu 1 1.75 0.50 NO\n");
    ck_assert_msg(tx_ctm_read(&t, files_write("c.ctm", text, strlen(text)), &e) == BASE_OK, "%s", e.text);
    ck_assert_str_eq(tx_table_value(&t, "u"), "YES NO");
    tx_table_free(&t);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("c_locale");

    unit_add(s, numbers);
    unit_add(s, tables_and_segments);
    unit_add(s, ctm);
    return s;
}

int main(void)
{
    if (!set_comma())
        return puts("1..0 # SKIP no locale with a decimal comma, and localedef makes none"), 0;
    setenv("CK_FORK", UNIT_FORK, 0);
    SRunner *r = srunner_create(suite());
    srunner_set_tap(r, "-");
    srunner_run_all(r, CK_SILENT);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
