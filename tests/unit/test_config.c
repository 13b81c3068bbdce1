/* Keys of a configuration: what is printed reads back, contradictions are refused, differences are named. */
#include <string.h>

#include "recipes/ser.h"
#include "tests/unit/files.h"
#include "tests/unit/unit.h"

static char *print(const ser_config *c, bool result_only)
{
    char *text;
    size_t n;
    FILE *f = open_memstream(&text, &n);

    ser_config_print(c, result_only, f);
    fclose(f);
    return text;
}

/* Every number changed to one that takes 17 digits, every choice and text to another. */
START_TEST(printed_reads_back)
{
    ser_config c = ser_config_defaults(), d = ser_config_defaults();
    char *before, *after, option[700];
    base_options *po = base_options_new("Usage: test\n");

    c.learning_rate = 0.1 + 0.2;
    c.average_share = 1.0 / 3;
    c.epochs = 77;
    c.pre_norm = false;
    c.schedule = "tri-stage";
    c.dev_speakers = "a,b";
    before = print(&c, false);
    ck_assert_ptr_nonnull(strstr(before, "learning-rate=0.30000000000000004\n"));
    ck_assert_ptr_nonnull(strstr(before, "dev-speakers=a,b\n"));
    snprintf(option, sizeof option, "--config=%s", files_write("config", before, strlen(before)));
    ser_config_options(&d, NULL, po);
    base_options_parse(po, 3, (char *[]){ (char *)"test", (char *)"--print-args=false", option, NULL }, 0, 0);
    after = print(&d, false);
    ck_assert_str_eq(before, after);
    free(before);
    free(after);
    base_options_free(po);
}
END_TEST

START_TEST(only_what_weights_depend_on)
{
    ser_config c = ser_config_defaults();
    char *text = print(&c, true);

    ck_assert_ptr_nonnull(strstr(text, "learning-rate="));
    ck_assert_ptr_null(strstr(text, "keep="));
    ck_assert_ptr_null(strstr(text, "cache-dir="));
    free(text);
}
END_TEST

static void refused(const ser_config *c, const char *what)
{
    base_error e = BASE_ERROR_INIT;

    ck_assert_int_eq(ser_config_check(c, &e), BASE_VALUE);
    ck_assert_msg(strstr(e.text, what), "\"%s\" does not hold \"%s\"", e.text, what);
}

START_TEST(contradictions)
{
    const ser_config good = ser_config_defaults();
    base_error e = BASE_ERROR_INIT;
    ser_config c;

    ck_assert_int_eq(ser_config_check(&good, &e), BASE_OK);
    c = good, c.lambda_emotion = c.lambda_ctc = 0, refused(&c, "nothing to learn");
    c = good, c.heads = 5, refused(&c, "heads=5");
    c = good, c.pos_groups = 7, refused(&c, "pos-groups=7");
    c = good, c.dev_dir = "x", c.dev_speakers = "y", refused(&c, "dev-speakers=y");
    c = good, c.select = "best", refused(&c, "dev-dir");
    c = good, c.patience = 2, refused(&c, "patience=2");
    c = good, c.select_by = "wer", c.lambda_ctc = 0, refused(&c, "select-by=wer");
    c = good, c.select_by = "ua", c.lambda_emotion = 0, refused(&c, "select-by=ua");
    c = good, c.gain_db = 6, c.cmvn = "utterance", refused(&c, "cmvn");
    c = good, c.text_norm = "uper", refused(&c, "uper");
}
END_TEST

START_TEST(differences_are_named)
{
    base_error e = BASE_ERROR_INIT;

    ck_assert_int_eq(ser_config_agree("a=1\nb=2\n", "b=2\na=1\n", &e), BASE_OK);
    ck_assert_int_eq(ser_config_agree("a=1\nab=2\nc=4\n", "a=12\nab=2\nc=4\nd=\n", &e), BASE_MISMATCH);
    ck_assert_str_eq(e.text, "a was 1, is 12; d was absent, is ");
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("config");

    unit_add(s, printed_reads_back);
    unit_add(s, only_what_weights_depend_on);
    unit_add(s, contradictions);
    unit_add(s, differences_are_named);
    return s;
}

UNIT_MAIN(suite)
