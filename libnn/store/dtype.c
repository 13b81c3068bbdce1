/* Number formats of files, and how each becomes float32. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/parallel.h"
#include "libnn/store/store.h"

#define GRAIN 65536
#define STRIDED 512     /* elements gathered at a time */

/* In the order of the reference implementation, which sorts a file's tensors from the last of these to the first. */
static const nn_dtype_row rows[] = {
    { "BOOL", 8, NN_BOOL },
    { "F4", 4, NN_DTYPE_OTHER },
    { "F6_E2M3", 6, NN_DTYPE_OTHER },
    { "F6_E3M2", 6, NN_DTYPE_OTHER },
    { "U8", 8, NN_U8 },
    { "I8", 8, NN_I8 },
    { "F8_E5M2", 8, NN_DTYPE_OTHER },
    { "F8_E4M3", 8, NN_DTYPE_OTHER },
    { "F8_E8M0", 8, NN_DTYPE_OTHER },
    { "F8_E4M3FNUZ", 8, NN_DTYPE_OTHER },
    { "F8_E5M2FNUZ", 8, NN_DTYPE_OTHER },
    { "I16", 16, NN_I16 },
    { "U16", 16, NN_DTYPE_OTHER },
    { "F16", 16, NN_F16 },
    { "BF16", 16, NN_BF16 },
    { "I32", 32, NN_I32 },
    { "U32", 32, NN_DTYPE_OTHER },
    { "F32", 32, NN_F32 },
    { "C64", 64, NN_DTYPE_OTHER },
    { "F64", 64, NN_F64 },
    { "I64", 64, NN_I64 },
    { "U64", 64, NN_DTYPE_OTHER },
};
#define ROWS (int)(sizeof rows / sizeof *rows)

const nn_dtype_row *nn_dtype_find(const char *name)
{
    for (int i = 0; i < ROWS; i++)
        if (!strcmp(rows[i].name, name))
            return &rows[i];
    return NULL;
}

int nn_dtype_rank(nn_dtype d)
{
    for (int i = 0; i < ROWS; i++)
        if (rows[i].dtype == d && d != NN_DTYPE_OTHER)
            return i;
    return -1;
}

const char *nn_dtype_name(nn_dtype d)
{
    int i = nn_dtype_rank(d);

    return i < 0 ? "other" : rows[i].name;
}

size_t nn_dtype_size(nn_dtype d)
{
    int i = nn_dtype_rank(d);

    return i < 0 ? 0 : (size_t)rows[i].bits / 8;
}

/* IEEE binary16. Scaling by 2^112 rebiases the exponent and makes subnormals normal; Inf and NaN keep all ones. */
static inline float half_to_float(uint16_t h)
{
    uint32_t bits = (uint32_t)(h & 0x7fff) << 13, scaled_bits;
    float f, scaled;

    memcpy(&f, &bits, sizeof f);
    scaled = f * 0x1p112f;
    memcpy(&scaled_bits, &scaled, sizeof scaled_bits);
    bits = (h & 0x7c00) == 0x7c00 ? bits | 0x7f800000u : scaled_bits;
    bits |= (uint32_t)(h & 0x8000) << 16;
    memcpy(&f, &bits, sizeof f);
    return f;
}

/* bfloat16 is the upper half of a float. */
static inline float brain_to_float(uint16_t h)
{
    uint32_t bits = (uint32_t)h << 16;
    float f;

    memcpy(&f, &bits, sizeof f);
    return f;
}

/* memcpy, because tensors of a file begin at any byte. */
#define CONVERT(type, expression)                                    \
    for (int64_t i = 0; i < n; i++) {                                \
        type value;                                                  \
        memcpy(&value, from + i * (int64_t)sizeof value, sizeof value); \
        out[i] = (float)(expression);                                \
    }                                                                \
    break

void nn_to_floats(nn_dtype d, const void *data, int64_t first, int64_t n, float *restrict out)
{
    const char *restrict from = (const char *)data + (size_t)first * nn_dtype_size(d);

    switch (d) {
    case NN_F32: CONVERT(float, value);
    case NN_F16: CONVERT(uint16_t, half_to_float(value));
    case NN_BF16: CONVERT(uint16_t, brain_to_float(value));
    case NN_F64: CONVERT(double, value);
    case NN_I64: CONVERT(int64_t, value);
    case NN_I32: CONVERT(int32_t, value);
    case NN_I16: CONVERT(int16_t, value);
    case NN_I8: CONVERT(int8_t, value);
    case NN_U8: CONVERT(uint8_t, value);
    case NN_BOOL: CONVERT(uint8_t, value != 0);
    case NN_DTYPE_OTHER: break;
    }
}

/* Elements first .. first + n - 1 in row-major order, wherever the strides put them. */
static void gather(const nn_file_tensor *f, int64_t first, int64_t n, char *out)
{
    const size_t size = nn_dtype_size(f->dtype);
    int64_t at[NN_FILE_MAX_DIMS], place = 0;

    for (int d = f->ndim; d-- > 0; first /= f->shape[d]) {
        at[d] = first % f->shape[d];
        place += at[d] * f->stride[d];
    }
    for (int64_t i = 0; i < n; i++, out += size) {
        memcpy(out, (const char *)f->data + (size_t)place * size, size);
        for (int d = f->ndim; d-- > 0; at[d] = 0) {
            place += f->stride[d];
            if (++at[d] < f->shape[d])
                break;
            place -= f->shape[d] * f->stride[d];
        }
    }
}

void nn_file_tensor_bytes(const nn_file_tensor *f, void *out)
{
    if (f->stride)
        gather(f, 0, f->count, out);
    else if (f->bytes)
        memcpy(out, f->data, f->bytes);
}

void nn_part_to_floats(const nn_file_tensor *f, int64_t first, int64_t n, float *out)
{
    char part[STRIDED * sizeof(double)];

    if (!f->stride)
        nn_to_floats(f->dtype, f->data, first, n, out);
    for (int64_t i = 0; f->stride && i < n; i += STRIDED) {
        int64_t m = base_min_i64(n - i, STRIDED);
        gather(f, first + i, m, part);
        nn_to_floats(f->dtype, part, 0, m, out + i);
    }
}

bool nn_is_float(const nn_file_tensor *f)
{
    return f->dtype == NN_F32 || f->dtype == NN_F16 || f->dtype == NN_BF16 || f->dtype == NN_F64;
}

base_status nn_file_tensor_floats(const nn_file_tensor *f, float *out, base_error *e)
{
    if (!nn_is_float(f))
        return base_fail(e, BASE_UNSUPPORTED,
            "tensor \"" NN_NAME "\": dtype " NN_NAME ", expected F32, F16, BF16 or F64", f->name, f->dtype_text);
    base_parallel_for(f->count, GRAIN, i, end)
        nn_part_to_floats(f, i, end - i, out + i);
    return BASE_OK;
}

/* ---- rounding ---------------------------------------------------------------------------------------------------- */

/* digits: of the fraction; least: the exponent of the smallest subnormal. */
typedef struct narrow { int digits, least; double most; } narrow;

static const narrow half = { 10, -24, 65504.0 }, brain = { 7, -133, 0x1.fep127 }, single = { 23, -149, 0x1.fffffep127 };

/* The nearest multiple of the last place that x has in the narrow type, a tie to the even one: what is added leaves no
 * bits below that place, and the processor rounds so. From double, since from float a double would be rounded twice. */
static inline double round_to(double x, narrow type)
{
    uint64_t bits;
    int place;
    double shift;

    memcpy(&bits, &x, sizeof bits);
    place = (int)(bits >> 52 & 0x7ff) - 1023 - type.digits;
    place = place < type.least ? type.least : place > 128 ? 128 : place;
    bits = (uint64_t)(place + 52 + 1023) << 52 | (uint64_t)1 << 51;
    memcpy(&shift, &bits, sizeof shift);
    return (x + shift) - shift;
}

/* The inverse of half_to_float and brain_to_float, for values that the types have. */
static inline uint16_t float_to_half(float f)
{
    uint32_t sign, bits;
    float scaled = f * 0x1p-112f;

    memcpy(&sign, &f, sizeof sign);
    memcpy(&bits, &scaled, sizeof bits);
    return (uint16_t)((sign >> 16 & 0x8000) | (bits >> 13 & 0x7fff));
}

static inline uint16_t float_to_brain(float f)
{
    uint32_t bits;

    memcpy(&bits, &f, sizeof bits);
    return (uint16_t)(bits >> 16);
}

/* Element i of f, a type of which weights are made. */
static double element(const nn_file_tensor *f, int64_t i)
{
    double wide;
    float x;

    if (f->dtype != NN_F64) {
        nn_part_to_floats(f, i, 1, &x);
        return (double)x;
    }
    if (f->stride)
        gather(f, i, 1, (char *)&wide);
    else
        memcpy(&wide, (const char *)f->data + (size_t)i * sizeof wide, sizeof wide);
    return wide;
}

static bool round_one(double x, nn_dtype d, int64_t i, void *out)
{
    const narrow type = d == NN_F16 ? half : d == NN_BF16 ? brain : single;
    double y = round_to(x, type);
    float f;

    if (!(y <= type.most && y >= -type.most))
        return false;
    f = copysignf((float)y, (float)x);      /* a negative number that is rounded to 0 stays negative */
    if (d == NN_F32)
        ((float *)out)[i] = f;
    else
        ((uint16_t *)out)[i] = d == NN_F16 ? float_to_half(f) : float_to_brain(f);
    return true;
}

base_status nn_file_tensor_round(const nn_file_tensor *f, nn_dtype d, void *out, base_error *e)
{
    int64_t bad = f->count;

    if (!nn_is_float(f))
        return base_fail(e, BASE_UNSUPPORTED,
            "tensor \"" NN_NAME "\": dtype " NN_NAME ", expected F32, F16, BF16 or F64", f->name, f->dtype_text);
    for (int64_t i = 0; i < f->count && bad == f->count; i++)
        if (!round_one(element(f, i), d, i, out))
            bad = i;
    if (bad < f->count)
        return base_fail(e, BASE_VALUE, "tensor \"" NN_NAME "\": element %lld is %g, no number that %s has", f->name,
            (long long)bad, element(f, bad), nn_dtype_name(d));
    return BASE_OK;
}

nn_shape_text nn_shape_print(int ndim, const int64_t *shape)
{
    nn_shape_text t = { "[" };
    size_t n = 1;

    for (int d = 0; d < ndim && n < sizeof t.s - 24; d++)
        n += (size_t)snprintf(t.s + n, sizeof t.s - n, "%s%lld", d ? ", " : "", (long long)shape[d]);
    snprintf(t.s + n, sizeof t.s - n, "]");
    return t;
}
