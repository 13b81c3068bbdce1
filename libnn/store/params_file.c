/* Parameters to safetensors, and from any checkpoint, by name. A file is checked as a whole before any parameter
 * changes, and everything that does not fit is told at once. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/parallel.h"
#include "libnn/core/core.h"
#include "libnn/store/store.h"

#define CHUNK 4096
#define GRAIN 65536
#define TAPS 256
#define NAMED 5         /* of each kind, in messages */

base_status nn_params_save(const nn_params *p, const char *path, const nn_meta *meta, int n_meta, base_error *e)
{
    int n = nn_params_count(p);
    nn_save_tensor *tensors = malloc(((size_t)n + 1) * sizeof *tensors);

    if (!tensors)
        return base_fail(e, BASE_NO_MEMORY, "%s: out of memory", path);
    for (int i = 0; i < n; i++) {
        const nn_param *q = nn_params_at(p, i);
        tensors[i] = (nn_save_tensor){ q->name, NN_F32, q->ndim, q->shape, q->x };
    }
    base_status status = nn_safetensors_save_summed(path, tensors, n, meta, n_meta, e);
    free(tensors);
    return status;
}

/* ---- names ------------------------------------------------------------------------------------------------------- */

#define UNASKED NN_FIT_UNEXPECTED       /* of a parameter: the caller does not want it */

/* What a parameter's values come from. */
typedef struct origin {
    const nn_file_tensor *f;        /* NULL: nothing */
    bool                  norm;     /* the norm of each tap of f, a convolution's weight that carries its weight norm */
    nn_fit                fit;
} origin;

/* What Hugging Face's classes put in front of their base model's names, or not; one kind reads the other's. */
static const struct { const char *text; char kind; } bases[] = {
    { "hubert.", 'w' }, { "wav2vec2.", 'w' }, { "bert.", 't' },
};
#define BASES (sizeof bases / sizeof *bases)

static const nn_file_tensor *find_joined(const nn_archive *a, const char *base, const char *stem, size_t length,
    const char *end)
{
    char text[512];
    int n = snprintf(text, sizeof text, "%s%.*s%s", base, (int)length, stem, end);

    return n > 0 && (size_t)n < sizeof text ? nn_archive_find(a, text) : NULL;
}

/* stem [length] with that end, as it is, without its base model's name, or with one in front. */
static const nn_file_tensor *find_with_base(const nn_archive *a, const char *stem, size_t length, const char *end)
{
    const nn_file_tensor *f = find_joined(a, "", stem, length, end);
    char kind = '\0';

    for (size_t i = 0; !kind && i < BASES; i++) {
        size_t n = strlen(bases[i].text);
        if (n <= length && !strncmp(stem, bases[i].text, n)) {
            kind = bases[i].kind;
            stem += n;
            length -= n;
        }
    }
    if (!f && kind)
        f = find_joined(a, "", stem, length, end);
    for (size_t i = 0; !f && i < BASES; i++)
        if (!kind || kind == bases[i].kind)
            f = find_joined(a, bases[i].text, stem, length, end);
    return f;
}

/* Published spellings: PyTorch's old and new weight norm, one multiplied out, TensorFlow's layer norm. */
static origin find_origin(const nn_archive *a, const char *name)
{
    static const struct { const char *ours, *theirs; bool fused, norm; } ends[] = {
        { "", "", false, false },
        { ".weight_g", ".parametrizations.weight.original0", false, false },
        { ".weight_v", ".parametrizations.weight.original1", false, false },
        { ".weight_v", ".weight", true, false },
        { ".weight_g", ".weight", true, true },
        { "LayerNorm.weight", "LayerNorm.gamma", false, false },
        { "LayerNorm.bias", "LayerNorm.beta", false, false },
    };
    size_t length = strlen(name);

    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        size_t n = strlen(ends[i].ours);
        if (n >= length || strcmp(name + length - n, ends[i].ours))
            continue;
        const nn_file_tensor *f = find_with_base(a, name, length - n, ends[i].theirs);
        if (f && (!ends[i].fused || f->ndim == 3))
            return (origin){ .f = f, .norm = ends[i].norm };
    }
    return (origin){ 0 };
}

/* Hugging Face's large models have biases in their convolutions, which fairseq's, of which they were made, do not. */
static bool may_be_zero(const char *name)
{
    const char *block = strstr(name, "feature_extractor.conv_layers."), *end = strrchr(name, '.');

    return block && end - name > 5 && !strcmp(end - 5, ".conv.bias");
}

/* ---- does it fit? ------------------------------------------------------------------------------------------------ */

/* A convolution's bias is 0 where the file has the convolution, and not this. */
static nn_fit judge(const nn_archive *a, const nn_param *q, origin o)
{
    if (!o.f)
        return may_be_zero(q->name) && find_with_base(a, q->name, strlen(q->name) - strlen("bias"), "weight") ? NN_FIT_ZEROED : NN_FIT_MISSING;
    if (o.norm ? o.f->shape[2] != q->count
               : o.f->ndim != q->ndim || memcmp(o.f->shape, q->shape, (size_t)q->ndim * sizeof *q->shape))
        return NN_FIT_OTHER_SHAPE;
    return nn_is_float(o.f) ? NN_FIT_LOADED : NN_FIT_OTHER_DTYPE;
}

static int by_address(const void *a, const void *b)
{
    uintptr_t x = (uintptr_t)((const origin *)a)->f, y = (uintptr_t)((const origin *)b)->f;

    return (x > y) - (x < y);
}

/* Tables of numbers that transformers once saved beside the weights. */
static bool is_buffer(const char *name)
{
    const char *dot = strrchr(name, '.'), *last = dot ? dot + 1 : name;

    return !strcmp(last, "position_ids") || !strcmp(last, "token_type_ids");
}

static const char *without_base(const char *name)
{
    for (size_t i = 0; i < BASES; i++)
        if (!strncmp(name, bases[i].text, strlen(bases[i].text)))
            return name + strlen(bases[i].text);
    return name;
}

/* The part of an encoder that a name lies in, "encoder.layers.3." or "feature_projection.": its length; 0: in none. */
static size_t part_of(const char *name)
{
    static const char *const parts[] = { "encoder.", "feature_extractor.", "feature_projection.", "embeddings." };

    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        size_t n = strlen(parts[i]);
        const char *digit = name + strcspn(name, "0123456789");

        if (strncmp(name, parts[i], n))
            continue;
        if (*digit && digit[-1] == '.')
            return (size_t)(digit - name) + strspn(digit, "0123456789");
        return i ? n : n + strcspn(name + n, ".");
    }
    return 0;
}

/* Does p ask for any other tensor of the part of the encoder in which `name` lies? */
static bool is_stray(const char *name, const nn_params *p, const origin *from)
{
    const char *bare = without_base(name);
    size_t n = part_of(bare);

    for (int i = 0; n && i < nn_params_count(p); i++) {
        const char *own = without_base(nn_params_at(p, i)->name);

        if (from[i].fit != UNASKED && !strncmp(own, bare, n) && (own[n] == '.' || bare[n - 1] == '.'))
            return true;
    }
    return false;
}

/* ---- what is told ------------------------------------------------------------------------------------------------ */

static void BASE_PRINTF(2, 3) say(nn_load *l, const char *format, ...)
{
    size_t n = strlen(l->text);
    va_list a;

    va_start(a, format);
    vsnprintf(l->text + n, sizeof l->text - n, format, a);
    va_end(a);
}

/* "; 7 missing: "; k counts those named. */
static void say_kind(nn_load *l, int k, int n, const char *kind)
{
    if (k == 0)
        say(l, "; %d %s:", n, kind);
    if (k < NAMED)
        say(l, "%s ", k ? "," : "");
    else if (k == NAMED)
        say(l, ", …");
}

static void tell(const nn_load *l, nn_fit fit, const char *name)
{
    if (l->tell)
        l->tell(l->data, fit, name);
}

static void say_missing(nn_load *l, const nn_params *p, const origin *from, nn_fit v, int n, const char *kind)
{
    for (int i = 0, k = 0; i < nn_params_count(p); i++) {
        const nn_param *q = nn_params_at(p, i);
        if (from[i].fit != v)
            continue;
        tell(l, v, q->name);
        say_kind(l, k, n, kind);
        if (k++ < NAMED)
            say(l, "\"%s\" %s", q->name, nn_shape_print(q->ndim, q->shape).s);
    }
}

static void say_mismatched(nn_load *l, const nn_params *p, const origin *from)
{
    for (int i = 0, k = 0; i < nn_params_count(p); i++) {
        const nn_param *q = nn_params_at(p, i);
        const nn_file_tensor *f = from[i].f;
        if (from[i].fit != NN_FIT_OTHER_SHAPE && from[i].fit != NN_FIT_OTHER_DTYPE)
            continue;
        tell(l, from[i].fit, q->name);
        say_kind(l, k, l->mismatched, "of another kind");
        if (k++ >= NAMED)
            continue;
        if (from[i].fit == NN_FIT_OTHER_SHAPE)
            say(l, "\"" NN_NAME "\" is %s, expected %s", f->name, nn_shape_print(f->ndim, f->shape).s,
                nn_shape_print(q->ndim, q->shape).s);
        else
            say(l, "\"" NN_NAME "\" is " NN_NAME ", expected F32, F16, BF16 or F64", f->name, f->dtype_text);
    }
}

static void say_unexpected(nn_load *l, const nn_file_tensor *f)
{
    tell(l, NN_FIT_UNEXPECTED, f->name);
    if (l->unexpected == 0)
        say(l, "; unexpected:");
    if (l->unexpected < NAMED)
        say(l, "%s \"" NN_NAME "\"", l->unexpected ? "," : "", f->name);
    l->unexpected++;
}

/* used [n]: the origins, by address. Strays first, which matter most. */
static void count_unexpected(nn_load *l, const nn_archive *a, const nn_params *p, const origin *from, const origin *used, int n)
{
    for (int strays = 1; strays >= 0; strays--)
        for (int i = 0; i < nn_archive_count(a); i++) {
            const nn_file_tensor *f = nn_archive_at(a, i);

            if (is_buffer(f->name) || (n && bsearch(&(origin){ .f = f }, used, (size_t)n, sizeof *used, by_address)) ||
                is_stray(f->name, p, from) != strays)
                continue;
            l->strays += strays;
            say_unexpected(l, f);
        }
    if (l->unexpected > NAMED)
        say(l, ", … (%d)", l->unexpected);
}

/* from [count of p] receives what each parameter is loaded from. */
static base_status match(const nn_params *p, const nn_archive *a, origin *from, nn_load *l, base_error *e)
{
    int n = nn_params_count(p), count[UNASKED + 1] = { 0 };
    origin *used = malloc(((size_t)n + 1) * sizeof *used);

    if (!used)
        return base_fail(e, BASE_NO_MEMORY, "no memory for %d parameters", n);
    for (int i = 0; i < n; i++) {
        const nn_param *q = nn_params_at(p, i);
        bool asked = !l->only || !strncmp(q->name, l->only, strlen(l->only));
        from[i] = asked ? find_origin(a, q->name) : (origin){ 0 };
        from[i].fit = asked ? judge(a, q, from[i]) : UNASKED;
        count[from[i].fit]++;
        used[i] = from[i];
    }
    *l = (nn_load){ .only = l->only, .allow_missing = l->allow_missing, .tell = l->tell, .data = l->data,
        .loaded = count[NN_FIT_LOADED], .missing = count[NN_FIT_MISSING], .zeroed = count[NN_FIT_ZEROED],
        .mismatched = count[NN_FIT_OTHER_SHAPE] + count[NN_FIT_OTHER_DTYPE] };
    say(l, "%d of %d parameters found", l->loaded, n - count[UNASKED]);
    say_missing(l, p, from, NN_FIT_MISSING, l->missing, "missing");
    say_mismatched(l, p, from);
    say_missing(l, p, from, NN_FIT_ZEROED, l->zeroed, "taken as 0");
    qsort(used, (size_t)n, sizeof *used, by_address);
    count_unexpected(l, a, p, from, used, n);
    free(used);
    bool lacking = l->missing && !l->allow_missing;
    return !lacking && !l->mismatched ? BASE_OK
        : base_fail(e, lacking ? BASE_MISSING : count[NN_FIT_OTHER_SHAPE] ? BASE_SHAPE : BASE_UNSUPPORTED, "%s", l->text);
}

/* ---- values ------------------------------------------------------------------------------------------------------ */

/* The first element of first .. end - 1 that is no number; end: there is none. */
static int64_t find_bad(const nn_file_tensor *f, int64_t first, int64_t end, float *value)
{
    float x[CHUNK];

    for (int64_t i = first; i < end; i += CHUNK) {
        int64_t n = base_min_i64(end - i, CHUNK);
        bool finite = true;
        nn_part_to_floats(f, i, n, x);
        for (int64_t k = 0; k < n; k++)
            finite &= fabsf(x[k]) < INFINITY;
        for (int64_t k = 0; !finite && k < n; k++)
            if (!isfinite(x[k])) {
                *value = x[k];
                return i + k;
            }
    }
    return end;
}

static base_status check_finite(const nn_file_tensor *f, base_error *e)
{
    bool finite = true;
    float value = 0;

    base_parallel_for(f->count, GRAIN, i, end)
        if (find_bad(f, i, end, &(float){ 0 }) < end)
            __atomic_store_n(&finite, false, __ATOMIC_RELAXED);
    if (finite)
        return BASE_OK;
    int64_t at = find_bad(f, 0, f->count, &value);
    return base_fail(e, BASE_VALUE, "tensor \"" NN_NAME "\": element %lld is %g", f->name, (long long)at,
        (double)value);
}

/* g of weight norm: g[k] = sqrt(sum over o, i of w[o][i][k]^2), so that g v / |v| = w for v = w. */
static void compute_norm(const nn_file_tensor *f, float *g)
{
    double sum[TAPS];
    float x[CHUNK];

    for (int64_t k = 0; k < f->shape[2]; k += TAPS) {
        int64_t n = base_min_i64(f->shape[2] - k, TAPS);
        memset(sum, 0, sizeof sum);
        for (int64_t i = 0; i < f->count; i += CHUNK) {
            int64_t m = base_min_i64(f->count - i, CHUNK);
            nn_part_to_floats(f, i, m, x);
            for (int64_t j = 0, tap; j < m; j++)
                if ((tap = (i + j) % f->shape[2] - k) >= 0 && tap < n)
                    sum[tap] += (double)x[j] * (double)x[j];
        }
        for (int64_t j = 0; j < n; j++)
            g[k + j] = (float)sqrt(sum[j]);
    }
}

/* A weight that stays as it is may stay where it is: does the file hold parameter i's values as they are needed? */
static bool may_borrow(nn_params *p, int i, const origin *o)
{
    return o->f && !o->norm && o->f->dtype == NN_F32 && !o->f->stride && (uintptr_t)o->f->data % sizeof(float) == 0 &&
           o->f->count > 0 && nn_params_borrow(p, i, NULL);
}

static bool borrows(nn_params *p, const origin *from)
{
    for (int i = 0; i < nn_params_count(p); i++)
        if (may_borrow(p, i, &from[i]))
            return true;
    return false;
}

static base_status take_values(nn_params *p, const origin *from, base_error *e)
{
    base_status status = BASE_OK;

    for (int i = 0; !status && i < nn_params_count(p); i++)
        if (from[i].f)
            status = check_finite(from[i].f, e);
    for (int i = 0; !status && i < nn_params_count(p); i++) {
        const nn_param *q = nn_params_at(p, i);
        if (may_borrow(p, i, &from[i]))
            nn_params_borrow(p, i, (float *)from[i].f->data);
        else if (from[i].norm)
            compute_norm(from[i].f, q->x);
        else if (from[i].f)
            nn_file_tensor_floats(from[i].f, q->x, NULL);
        else if (from[i].fit == NN_FIT_ZEROED)
            memset(q->x, 0, (size_t)q->count * sizeof *q->x);
    }
    return status;
}

static void release(void *archive) { nn_archive_close(archive); }

base_status nn_params_load(nn_params *p, const char *path, nn_load *l, base_error *e)
{
    base_error why = BASE_ERROR_INIT;
    nn_archive *a = nn_archive_open(path, &why);
    origin *from = a ? calloc((size_t)nn_params_count(p) + 1, sizeof *from) : NULL;
    nn_load own = { 0 };
    bool kept = false;

    if (a && !from)
        base_fail(&why, BASE_NO_MEMORY, "%s: out of memory", path);
    else if (a && (nn_no_verify || !nn_archive_verify(a, &why)) && !match(p, a, from, l ? l : &own, &why) && borrows(p, from) && !(kept = nn_params_keep(p, a, release)))
        base_fail(&why, BASE_NO_MEMORY, "%s: out of memory", path);
    if (a && from && (why.status || take_values(p, from, &why)))
        base_fail_in(&why, "%s", nn_archive_files(a) == 1 ? nn_archive_file(a, 0) : path);
    free(from);
    if (!kept)      /* else p's values may be in it */
        nn_archive_close(a);
    return why.status ? base_fail(e, why.status, "%s", why.text) : BASE_OK;
}

base_status nn_params_match(const nn_params *p, const nn_archive *a, nn_load *l, base_error *e)
{
    origin *from = calloc((size_t)nn_params_count(p) + 1, sizeof *from);
    base_status status = from ? match(p, a, from, l, e) : base_fail(e, BASE_NO_MEMORY, "no memory for parameters");

    free(from);
    return status;
}
