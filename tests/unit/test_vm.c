/* Vector maths against libm in double, over a fine grid, at the errors vm.h states; and at the edges. */
#include <math.h>

#include "libnn/core/vm.h"
#include "tests/unit/unit.h"

typedef struct range { double from, to; } range;

/* The largest |f(x) - g(x)| / (absolute + relative |g(x)|) over the range, which must stay below 1. */
static void check_function(const char *name, float (*f)(float), double (*g)(double), range r, double absolute, double relative)
{
    for (int i = 0; i <= 400000; i++) {
        float x = (float)(r.from + (r.to - r.from) * i / 400000.0);
        double want = g((double)x), error = fabs((double)f(x) - want);
        ck_assert_msg(error <= absolute + relative * fabs(want), "%s(%g) = %.9g, expected %.9g", name, x, f(x), want);
    }
}

static double cdf(double x) { return 0.5 * erfc(-x * sqrt(0.5)); }
static double pdf(double x) { return exp(-0.5 * x * x) / sqrt(2.0 * M_PI); }
static double sigmoid(double x) { return 1.0 / (1.0 + exp(-x)); }
static double gelu(double x) { return x * cdf(x); }

START_TEST(functions_are_accurate)
{
    check_function("exp", vm_exp, exp, (range){ -87.2, 88.7 }, 0.0, 2.5e-7);
    check_function("log", vm_log, log, (range){ 1e-6, 4.0 }, 1.2e-7, 1.2e-7);
    check_function("log", vm_log, log, (range){ 1.0, 1e30 }, 1.2e-7, 1.2e-7);
    check_function("tanh", vm_tanh, tanh, (range){ -12.0, 12.0 }, 0.0, 4e-7);
    check_function("sigmoid", vm_sigmoid, sigmoid, (range){ -80.0, 80.0 }, 0.0, 4e-7);
    check_function("normal_cdf", vm_normal_cdf, cdf, (range){ -10.0, 10.0 }, 2.5e-7, 0.0);
    check_function("normal_pdf", vm_normal_pdf, pdf, (range){ -12.0, 12.0 }, 1e-7, 1e-5);
    check_function("erf", vm_erf, erf, (range){ -6.0, 6.0 }, 5e-7, 0.0);
    check_function("gelu", vm_gelu, gelu, (range){ -20.0, 20.0 }, 1e-6, 2e-7);
}
END_TEST

START_TEST(edges_are_defined)
{
    ck_assert_float_eq(vm_exp(-INFINITY), 0.0f);
    ck_assert_float_eq(vm_exp(-100.0f), 0.0f);
    ck_assert_float_eq(vm_exp(0.0f), 1.0f);
    ck_assert(isinf(vm_exp(89.0f)) && isinf(vm_exp(INFINITY)));
    ck_assert(isinf(vm_log(0.0f)) && vm_log(0.0f) < 0 && isnan(vm_log(-1.0f)) && isinf(vm_log(INFINITY)));
    ck_assert_float_eq(vm_log(1.0f), 0.0f);
    ck_assert_float_eq(vm_tanh(100.0f), 1.0f);
    ck_assert_float_eq(vm_sigmoid(-200.0f), 0.0f);
    ck_assert_float_eq(vm_gelu(-100.0f), 0.0f);
    ck_assert_float_eq(vm_gelu(100.0f), 100.0f);
    ck_assert(isnan(vm_exp(NAN)) && isnan(vm_log(NAN)) && isnan(vm_tanh(NAN)) && isnan(vm_sigmoid(NAN)) &&
        isnan(vm_gelu(NAN)) && isnan(vm_normal_cdf(NAN)) && isnan(vm_normal_pdf(NAN)));
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("vector maths");

    unit_add(s, functions_are_accurate);
    unit_add(s, edges_are_defined);
    return s;
}

UNIT_MAIN(suite)
