#include <math.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "libtext/tx.h"
#include "tests/unit/unit.h"

static const char path[] = "test_text_table.tmp";

static void write_file(const char *text, size_t size)
{
    FILE *f = fopen(path, "wb");

    ck_assert(f && fwrite(text, 1, size, f) == size && fclose(f) == 0);
}

static void expect_fault(tx_values values, const char *text, const char *wanted)
{
    base_error e = BASE_ERROR_INIT;
    char message[1000];
    tx_table t;

    write_file(text, strlen(text));
    snprintf(message, sizeof(message), "%s:%s", path, wanted);
    ck_assert_int_eq(tx_table_read(&t, path, values, &e), BASE_FORMAT);
    ck_assert_str_eq(e.text, message);
    ck_assert_ptr_null(t.entry);
    unlink(path);
}

static void read_text(tx_table *t, tx_values values, const char *text)
{
    base_error e = BASE_ERROR_INIT;

    write_file(text, strlen(text));
    ck_assert_msg(tx_table_read(t, path, values, &e) == BASE_OK, "%s", e.text);
    unlink(path);
}

START_TEST(reads_and_finds)
{
    tx_table t;

    read_text(&t, TX_ANY, "B x\na  two\t words \t\nc\nd \n\u00e4 \u00fc\n");
    ck_assert_int_eq(t.n, 5);
    ck_assert_str_eq(tx_table_value(&t, "a"), "two\t words");
    ck_assert_str_eq(tx_table_value(&t, "c"), "");
    ck_assert_str_eq(tx_table_value(&t, "d"), "");
    ck_assert_str_eq(tx_table_value(&t, "\u00e4"), "\u00fc");
    ck_assert_int_eq(tx_table_find(&t, "\u00e4")->line, 5);
    ck_assert_ptr_null(tx_table_value(&t, "b"));
    tx_table_free(&t);
    read_text(&t, TX_SOME, "");
    ck_assert_int_eq(t.n, 0);
    ck_assert_ptr_null(tx_table_find(&t, ""));
    tx_table_free(&t);
    tx_table_free(NULL);
}
END_TEST

START_TEST(faults)
{
    expect_fault(TX_ANY, "a 1\na 2\n", "2: key \"a\" appears twice (first on line 1)");
    expect_fault(TX_ANY, "a 1\nb 1\nc 1\nb 2\n", "4: key \"b\" appears twice (first on line 2)");
    expect_fault(TX_ANY, "b 1\na 2\n", "2: key \"a\" comes after \"b\" (sort with LC_ALL=C)");
    expect_fault(TX_ANY, "a 1\nB 2\n", "2: key \"B\" comes after \"a\" (sort with LC_ALL=C)");
    expect_fault(TX_ANY, "a 1\n\nb 2\n", "2: empty line");
    expect_fault(TX_ANY, "a 1\n b 2\n", "2: white space before the key");
    expect_fault(TX_ANY, "a 1\r\n", "1: carriage return in column 4 (lines end with a newline alone)");
    expect_fault(TX_ANY, "a 1\nb 2", "2: no newline at the end of the file (cut off?)");
    expect_fault(TX_ANY, "a \xc3(\n", "1: invalid UTF-8, bytes c3 28 in column 3");
    expect_fault(TX_ANY, "a\u00a0b x\n", "1: character U+00A0 in column 2");
    expect_fault(TX_ANY, "a x\x07\n", "1: character U+0007 in column 4");
    expect_fault(TX_ANY, "\ufeff" "a x\n", "1: byte order mark before the key");
    expect_fault(TX_SOME, "a 1\nb \n", "2: key \"b\" has no value");
    expect_fault(TX_ONE_WORD, "a happy sad\n", "1: \"a\" has the value \"happy sad\", one word expected");
}
END_TEST

START_TEST(nul_byte)
{
    base_error e = BASE_ERROR_INIT;
    tx_table t;

    write_file("a 1\nb \0c\n", 9);
    ck_assert_int_eq(tx_table_read(&t, path, TX_ANY, &e), BASE_FORMAT);
    ck_assert_str_eq(e.text, "test_text_table.tmp:2: NUL byte in text in column 3");
    unlink(path);
    e = (base_error)BASE_ERROR_INIT;
    ck_assert_int_eq(tx_table_read(&t, "no/such/file", TX_ANY, &e), BASE_MISSING);
    ck_assert(strstr(e.text, "no/such/file") != NULL);
}
END_TEST

static void collect(void *data, const char *file, int64_t line, const char *reason)
{
    char *all = data;

    ck_assert_str_eq(file, path);
    sprintf(all + strlen(all), "%lld %s\n", (long long)line, reason);
}

/* All faults of a file, and what can still be used of it. */
START_TEST(every_fault)
{
    static const char text[] = "b 1\na 2\n\nc 3\nb 4\n\xff\nd 5\nd 6";
    char all[1000] = "";
    tx_table t;

    write_file(text, sizeof(text) - 1);
    ck_assert_int_eq(tx_table_read_faults(&t, path, TX_ANY, collect, all, NULL), BASE_OK);
    ck_assert_str_eq(all,
        "2 key \"a\" comes after \"b\" (sort with LC_ALL=C)\n"
        "3 empty line\n"
        "5 key \"b\" comes after \"c\" (sort with LC_ALL=C)\n"
        "6 invalid UTF-8, byte ff at the end in column 1\n"
        "8 no newline at the end of the file (cut off?)\n"
        "5 key \"b\" appears twice (first on line 1)\n"
        "8 key \"d\" appears twice (first on line 7)\n");
    ck_assert_int_eq(t.n, 4);
    ck_assert_str_eq(tx_table_value(&t, "b"), "1");
    ck_assert_str_eq(tx_table_value(&t, "d"), "5");
    tx_table_free(&t);
    unlink(path);
}
END_TEST

START_TEST(same_keys)
{
    base_error e = BASE_ERROR_INIT;
    tx_table a, b;

    read_text(&a, TX_ANY, "a\nb\nc\n");
    read_text(&b, TX_ANY, "a\nb\nc\n");
    ck_assert_int_eq(tx_table_same_keys(&a, &b, &e), BASE_OK);
    tx_table_free(&b);
    read_text(&b, TX_ANY, "b\nc\nd\n");
    ck_assert_int_eq(tx_table_same_keys(&a, &b, &e), BASE_MISSING);
    ck_assert_str_eq(e.text,
                     "key \"a\" is in test_text_table.tmp but not in test_text_table.tmp, and 1 more keys differ");
    tx_table_free(&a);
    tx_table_free(&b);
}
END_TEST

START_TEST(trn)
{
    base_error e = BASE_ERROR_INIT;
    tx_table t;
    FILE *f = fopen(path, "w");

    tx_trn_write(f, "u2", "HELLO (WORLD");
    tx_trn_write(f, "u1", "");
    fputs(";; comment\r\n\n", f);
    fclose(f);
    ck_assert_int_eq(tx_trn_read(&t, path, &e), BASE_OK);
    ck_assert_int_eq(t.n, 2);
    ck_assert_str_eq(tx_table_value(&t, "u2"), "HELLO (WORLD");
    ck_assert_str_eq(tx_table_value(&t, "u1"), "");
    tx_table_free(&t);
    write_file("HELLO\n", 6);
    ck_assert_int_eq(tx_trn_read(&t, path, &e), BASE_FORMAT);
    ck_assert_str_eq(e.text, "test_text_table.tmp:1: a key in parentheses expected at the end");
    write_file("A (u)\nB (u)\n", 12);
    e = (base_error)BASE_ERROR_INIT;
    ck_assert_int_eq(tx_trn_read(&t, path, &e), BASE_FORMAT);
    ck_assert_str_eq(e.text, "test_text_table.tmp:2: key \"u\" appears twice (first on line 1)");
    unlink(path);
}
END_TEST

START_TEST(ctm)
{
    base_error e = BASE_ERROR_INIT;
    tx_table t;
    FILE *f = fopen(path, "w");

    tx_ctm_write(f, "u2", "1", 0.5, 0.25, "WORLD", NAN);
    tx_ctm_write(f, "u2", "1", 0.1, 0.25, "HELLO", 0.75);
    tx_ctm_write(f, "u1", "1", 10, 0.25, "YES", NAN);
    fclose(f);
    ck_assert_int_eq(tx_ctm_read(&t, path, &e), BASE_OK);
    ck_assert_int_eq(t.n, 2);
    ck_assert_str_eq(tx_table_value(&t, "u2"), "HELLO WORLD");
    ck_assert_str_eq(tx_table_value(&t, "u1"), "YES");
    tx_table_free(&t);
    write_file("u 1 0.1 nan A\n", 14);
    ck_assert_int_eq(tx_ctm_read(&t, path, &e), BASE_FORMAT);
    ck_assert_str_eq(e.text, "test_text_table.tmp:1: \"0.1 nan\" found, begin and duration in seconds expected");
    write_file("u 1 0.1 1 A 1 2\n", 16);
    e = (base_error)BASE_ERROR_INIT;
    ck_assert_int_eq(tx_ctm_read(&t, path, &e), BASE_FORMAT);
    unlink(path);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("text_table");

    unit_add(s, reads_and_finds);
    unit_add(s, faults);
    unit_add(s, nul_byte);
    unit_add(s, every_fault);
    unit_add(s, same_keys);
    unit_add(s, trn);
    unit_add(s, ctm);
    return s;
}

UNIT_MAIN(suite)
