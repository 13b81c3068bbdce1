#include <math.h>

#include "base/number.h"
#include "tests/unit/unit.h"

START_TEST(counts)
{
    ck_assert_str_eq(base_count(0, "fault"), "0 faults");
    ck_assert_str_eq(base_count(1, "fault"), "1 fault");
    ck_assert_str_eq(base_count(2, "fault"), "2 faults");
    ck_assert_str_eq(base_count(999, "fault"), "999 faults");
    ck_assert_str_eq(base_count(1300, "utterance"), "1,300 utterances");
    ck_assert_str_eq(base_count(1, "matrix|matrices"), "1 matrix");
    ck_assert_str_eq(base_count(-1234567, "matrix|matrices"), "-1,234,567 matrices");
    ck_assert_str_eq(base_count(INT64_MIN, "key"), "-9,223,372,036,854,775,808 keys");
}
END_TEST

START_TEST(amounts)
{
    static const struct { double x; const char *text; } cases[] = {
        { 0, "0" }, { 40, "40" }, { 39.96, "40" }, { 1304.2, "1,300" }, { 12345, "12,300" }, { 999.6, "1,000" },
        { 123456789, "123,000,000" }, { 12.34, "12.3" }, { 1.005, "1" }, { 0.01234, "0.0123" }, { 0.5, "0.5" },
        { -1300, "-1,300" }, { 1e-9, "0" }, { 9.999, "10" }, { 100, "100" }, { 1e15, "1e+15" }, { INFINITY, "inf" },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        ck_assert_str_eq(base_amount(cases[i].x), cases[i].text);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("number");

    unit_add(s, counts);
    unit_add(s, amounts);
    return s;
}

UNIT_MAIN(suite)
