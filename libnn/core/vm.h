/* Vector maths: branch-free float functions that GCC turns into vector code inside a loop (libm's are called one value
 * at a time). Errors against libm in double are stated and tested in tests/unit/test_vm.c. NaN gives NaN throughout.
 * The polynomials and rationals were fitted for this project, weighted least squares iterated to equal errors. */
#ifndef SERIN_NN_VM_H
#define SERIN_NN_VM_H

#include <stdint.h>
#include <string.h>

static inline float vm_float_of(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static inline uint32_t vm_bits_of(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

/* exp(x): relative error below 2.5e-7; exactly 0 below -87.3, +Inf above 88.7. */
static inline float vm_exp(float x)
{
    const float shift = 12582912.0f;    /* 1.5 * 2^23: adding it rounds to an integer, left in the low bits */
    float c = x < -87.3f ? -87.3f : x > 88.7f ? 88.7f : x;
    float t = c * 1.44269504f + shift;
    float n = t - shift;
    float r = (c - n * 0.693145752f) - n * 1.42860677e-6f;      /* ln 2 in two parts */
    float p = ((0.0013941353f * r + 0.0083687473f) * r + 0.0416663960f) * r + 0.1666652113f;
    float e = 1.0f + (r + r * r * (0.5f + r * p));
    /* 2^n in two halves: n reaches 128, one exponent field does not. */
    uint32_t k = vm_bits_of(t) - vm_bits_of(shift);
    int32_t  half = (int32_t)k >> 1;
    float y = e * vm_float_of((uint32_t)(half + 127) << 23) * vm_float_of((uint32_t)((int32_t)k - half + 127) << 23);
    return x < -87.3f ? 0.0f : x > 88.7228f ? vm_float_of(0x7f800000u) : y;
}

/* ln x for normal x > 0: absolute error below 1.2e-7 + 1e-7 |ln x|. 0 and denormals give -Inf, x < 0 NaN. */
static inline float vm_log(float x)
{
    uint32_t bits = vm_bits_of(x);
    uint32_t e = bits - 0x3f3504f3u;                    /* so that the mantissa lies in [sqrt(1/2), sqrt(2)) */
    float n = (float)((int32_t)e >> 23);
    float f = vm_float_of((e & 0x007fffffu) + 0x3f3504f3u) - 1.0f;
    float p = -0.0762734562f;
    p = p * f + 0.1285211146f;
    p = p * f - 0.1320800930f;
    p = p * f + 0.1419041753f;
    p = p * f - 0.1661655307f;
    p = p * f + 0.2000159770f;
    p = p * f - 0.2500105798f;
    p = p * f + 0.3333332837f;
    float y = n * 0.693145752f + (n * 1.42860677e-6f + (f - f * f * (0.5f - f * p)));
    y = x < 1.17549435e-38f ? vm_float_of(0xff800000u) : y;
    y = x < 0.0f ? vm_float_of(0x7fc00000u) : y;
    return x > 3.4028234e38f || x != x ? x : y;
}

/* tanh x: relative error below 4e-7. */
static inline float vm_tanh(float x)
{
    float a = x < 0.0f ? -x : x;
    float u = x * x;
    float p = (((-0.0061049373f * u + 0.0210036319f) * u - 0.0538524948f) * u + 0.1333278269f) * u - 0.3333332837f;
    float small = x + x * (u * p);
    float large = 1.0f - 2.0f / (vm_exp(2.0f * a) + 1.0f);
    return a < 0.625f ? small : x < 0.0f ? -large : large;
}

/* 1 / (1 + exp(-x)): relative error below 4e-7 down to x = -87. */
static inline float vm_sigmoid(float x) { return 1.0f / (1.0f + vm_exp(-x)); }

/* The normal distribution function: 1/2 + x R(x^2), R rational; absolute error below 2.5e-7. */
static inline float vm_normal_cdf(float x)
{
    float c = x < -5.6f ? -5.6f : x > 5.6f ? 5.6f : x;
    float u = c * c;
    float p = ((((2.21519070e-8f * u + 6.35359538e-6f) * u + 1.73635926e-4f) * u + 4.70595947e-3f) * u + 3.43565866e-2f) * u +
        3.98942232e-1f;
    float q = ((((1.18018420e-6f * u + 7.50249892e-5f) * u + 1.91178208e-3f) * u + 2.89286356e-2f) * u + 2.52784938e-1f) * u +
        1.0f;
    float y = 0.5f + c * (p / q);
    return x < -5.6f ? 0.0f : x > 5.6f ? 1.0f : y;
}

/* The normal density. */
static inline float vm_normal_pdf(float x) { return 0.398942280f * vm_exp(-0.5f * x * x); }

/* The error function, from the normal distribution: absolute error below 5e-7. */
static inline float vm_erf(float x) { return 2.0f * vm_normal_cdf(1.41421356f * x) - 1.0f; }

/* GELU in its exact form (Hendrycks and Gimpel 2016) and its derivative. */
static inline float vm_gelu(float x) { return x * vm_normal_cdf(x); }
static inline float vm_gelu_slope(float x) { return vm_normal_cdf(x) + x * vm_normal_pdf(x); }

#endif
