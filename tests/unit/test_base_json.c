/* JSON as transformers writes it: integers of any length, byte order marks named, and no value made of half a string when
 * memory ends. */
#include "tests/unit/malloc_fault.h"
#include "base/json.h"
#include "tests/unit/files.h"
#include "tests/unit/unit.h"

static json_t *parse(const char *text, base_error *e)
{
    char *copy = strdup(text);
    json_t *j = base_json_parse(copy, strlen(text), "x.json", e);

    free(copy);
    return j;
}

/* kind: i, r or s; value: of the number. */
static const struct { const char *text; char kind; double value; } values[] = {
    { "1000000000000000019884624838656", 'r', 1e30 },
    { "9223372036854775807", 'i', 9223372036854775807.0 },
    { "9223372036854775808", 'r', 9223372036854775808.0 },
    { "-9223372036854775808", 'i', -9223372036854775808.0 },
    { "-9223372036854775809", 'r', -9223372036854775808.0 },
    { "18446744073709551616", 'r', 18446744073709551616.0 },
    { "0.12345678901234567890123", 'r', 0.12345678901234567890123 },
    { "12345678901234567890123.5", 'r', 12345678901234567890123.5 },
    { "1e-0000000000000000000000003", 'r', 1e-3 },
    { "1E+0000000000000000000000003", 'r', 1e3 },
    { "-1000000000000000019884624838656", 'r', -1e30 },
    { "\"1000000000000000019884624838656\"", 's', 0 },
    { "\"\\\"1000000000000000019884624838656\"", 's', 0 },
};

START_TEST(numbers_of_any_length)
{
    base_error e = BASE_ERROR_INIT;
    char text[200];

    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        snprintf(text, sizeof text, "{\"a\": [%s, {\"b\":%s}], \"c\\\\\": %s}", values[i].text, values[i].text, values[i].text);
        json_t *j = parse(text, &e);
        ck_assert_msg(j != NULL, "%s: %s", text, e.text);
        const json_t *found[] = { json_array_get(json_object_get(j, "a"), 0),
            json_object_get(json_array_get(json_object_get(j, "a"), 1), "b"), json_object_get(j, "c\\") };
        for (int k = 0; k < 3; k++) {
            char kind = json_is_integer(found[k]) ? 'i' : json_is_real(found[k]) ? 'r' : 's';
            ck_assert_int_eq(kind, values[i].kind);
            if (kind == 's')
                ck_assert_ptr_nonnull(strstr(json_string_value(found[k]), "1000000000000000019884624838656"));
            else
                ck_assert_double_eq_tol(json_number_value(found[k]), values[i].value, fabs(values[i].value) * 1e-14);
        }
        json_decref(j);
    }
}
END_TEST

START_TEST(a_number_beyond_doubles_is_the_largest_of_its_kind)
{
    base_error e = BASE_ERROR_INIT;
    char text[600] = "[-1";

    memset(text + 3, '0', 400);
    strcpy(text + 403, "]");
    json_t *j = parse(text, &e);
    ck_assert_msg(j != NULL, "%s", e.text);
    ck_assert_double_eq_tol(json_real_value(json_array_get(j, 0)), -1e308, 1e294);
    json_decref(j);
}
END_TEST

static const struct { const char *text, *message; } bad[] = {
    { "\xEF\xBB\xBF{}", "x.json: begins with a byte order mark of UTF-8" },
    { "\xFF\xFE{", "x.json: begins with a byte order mark of UTF-16" },
    { "\xFE\xFF", "x.json: begins with a byte order mark of UTF-16" },
    { "{\"a\": 1, \"a\": 2}", "duplicate" },
    { "{\"a\": 99999999999999999999x}", "x.json:1:" },
    { "{\"a\": 0099999999999999999999}", "x.json:1:" },
    { "\n\n{\"a\"", "x.json:3:" },
    { "", "x.json:1:0" },
};

START_TEST(what_is_wrong_is_named)
{
    base_error e = BASE_ERROR_INIT;

    ck_assert_ptr_null(parse(bad[_i].text, &e));
    ck_assert_msg(e.status == BASE_FORMAT && strstr(e.text, bad[_i].message), "%s", e.text);
}
END_TEST

START_TEST(an_object_is_asked_for)
{
    base_error e = BASE_ERROR_INIT;

    ck_assert_ptr_null(base_json_read_object(files_write("a.json", "[1]", 3), 100, &e));
    ck_assert_msg(e.status == BASE_FORMAT && strstr(e.text, "a.json: a JSON object expected"), "%s", e.text);
}
END_TEST

/* jansson itself goes on with what it has of a string. */
START_TEST(memory_that_ends_is_no_other_value)
{
#if MALLOC_FAULTS
    static const char text[] = "{\"a name of more than sixteen bytes\": \"a text of more than sixteen bytes, and long enough "
        "for a buffer to grow more than once while it is read\", \"n\": 0.12345678901234567}";
    base_error e = BASE_ERROR_INIT;
    json_t *whole = parse(text, &e);
    int failures = 0;

    for (long n = 0; n < 100; n++) {
        char *copy = strdup(text);
        e = (base_error)BASE_ERROR_INIT;
        malloc_left = n;
        json_t *j = base_json_parse(copy, strlen(text), "x.json", &e);
        bool reached = malloc_left < 0;
        malloc_left = -1;
        ck_assert_msg(j ? json_equal(j, whole) : e.status == BASE_NO_MEMORY, "allocation %ld: %s", n, e.text);
        failures += !j;
        json_decref(j);
        free(copy);
        if (!reached)
            break;
    }
    json_decref(whole);
    ck_assert_int_gt(failures, 10);
#endif
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("base_json");
    TCase *c = tcase_create("bad");

    unit_add(s, numbers_of_any_length);
    unit_add(s, a_number_beyond_doubles_is_the_largest_of_its_kind);
    tcase_add_loop_test(c, what_is_wrong_is_named, 0, (int)(sizeof bad / sizeof *bad));
    suite_add_tcase(s, c);
    files_add(s, an_object_is_asked_for);
    unit_add(s, memory_that_ends_is_no_other_value);
    return s;
}

UNIT_MAIN(suite)
