/* Parameters to and from safetensors, by name. A file is checked as a whole before any parameter changes. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libnn/store/store.h"

#define CHUNK 4096

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
    base_status status = nn_safetensors_save(path, tensors, n, meta, n_meta, e);
    free(tensors);
    return status;
}

/* A name with one of its ends exchanged, looked up; NULL when the end is another or the name too long. */
static const nn_file_tensor *find_respelled(const nn_safetensors *s, const char *prefix, const char *name, size_t length,
    const char *suffix)
{
    char text[512];
    int n = snprintf(text, sizeof text, "%s%.*s%s", prefix, (int)length, name, suffix);

    return n > 0 && (size_t)n < sizeof text ? nn_safetensors_find(s, text) : NULL;
}

/* Hugging Face's models put their base model's name in front or not, depending on the class that was saved. */
static const nn_file_tensor *find_with_base(const nn_safetensors *s, const char *name, size_t length, const char *suffix)
{
    static const char *const bases[] = { "hubert.", "bert." };
    const nn_file_tensor *f = find_respelled(s, "", name, length, suffix);

    for (size_t i = 0; !f && i < sizeof bases / sizeof *bases; i++) {
        size_t n = strlen(bases[i]);
        f = n <= length && !strncmp(name, bases[i], n) ? find_respelled(s, "", name + n, length - n, suffix)
                                                      : find_respelled(s, bases[i], name, length, suffix);
    }
    return f;
}

/* A parameter under the spellings that published checkpoints use: PyTorch's new weight norm, TensorFlow's layer norm. */
static const nn_file_tensor *find_parameter(const nn_safetensors *s, const char *name)
{
    static const struct { const char *ours, *theirs; } ends[] = {
        { ".weight_g", ".parametrizations.weight.original0" },
        { ".weight_v", ".parametrizations.weight.original1" },
        { "LayerNorm.weight", "LayerNorm.gamma" },
        { "LayerNorm.bias", "LayerNorm.beta" },
    };
    size_t length = strlen(name);
    const nn_file_tensor *f = find_with_base(s, name, length, "");

    for (size_t i = 0; !f && i < sizeof ends / sizeof *ends; i++) {
        size_t n = strlen(ends[i].ours);
        if (n < length && !strcmp(name + length - n, ends[i].ours))
            f = find_with_base(s, name, length - n, ends[i].theirs);
    }
    return f;
}

static base_status check_finite(const nn_file_tensor *f, base_error *e)
{
    float x[CHUNK];

    for (int64_t i = 0; i < f->count; i += CHUNK) {
        int64_t n = f->count - i < CHUNK ? f->count - i : CHUNK;
        bool finite = true;
        nn_to_floats(f->dtype, f->data, i, n, x);
        for (int64_t k = 0; k < n; k++)
            finite &= fabsf(x[k]) < INFINITY;
        for (int64_t k = 0; !finite && k < n; k++)
            if (!isfinite(x[k]))
                return base_fail(e, BASE_VALUE, "tensor \"" NN_NAME "\": element %lld is %g", f->name, (long long)(i + k),
                    (double)x[k]);
    }
    return BASE_OK;
}

static base_status check_tensor(const nn_file_tensor *f, const nn_param *q, base_error *e)
{
    if (f->ndim != q->ndim || memcmp(f->shape, q->shape, (size_t)f->ndim * sizeof *f->shape))
        return base_fail(e, BASE_SHAPE, "tensor \"" NN_NAME "\": shape %s, expected %s", f->name,
            nn_shape_print(f->ndim, f->shape).s, nn_shape_print(q->ndim, q->shape).s);
    if (f->dtype != NN_F32 && f->dtype != NN_F16 && f->dtype != NN_BF16 && f->dtype != NN_F64)
        return nn_file_tensor_floats(f, NULL, e);       /* which refuses */
    return check_finite(f, e);
}

/* found [count] receives each parameter's tensor, NULL where a partial file has none. */
static base_status match(const nn_params *p, const nn_safetensors *s, bool partial, const nn_file_tensor **found,
    base_error *e)
{
    for (int i = 0; i < nn_params_count(p); i++) {
        const nn_param *q = nn_params_at(p, i);
        found[i] = find_parameter(s, q->name);
        if (!found[i] && !partial)
            return base_fail(e, BASE_MISSING, "no tensor \"%s\" of shape %s", q->name, nn_shape_print(q->ndim, q->shape).s);
        base_status status = found[i] ? check_tensor(found[i], q, e) : BASE_OK;
        if (status)
            return status;
    }
    return BASE_OK;
}

base_status nn_params_load(nn_params *p, const char *path, bool partial, base_error *e)
{
    base_error why = BASE_ERROR_INIT;
    nn_safetensors *s = nn_safetensors_open(path, &why);
    int n = nn_params_count(p);
    const nn_file_tensor **found = s ? calloc((size_t)n + 1, sizeof *found) : NULL;

    if (s && !found)
        base_fail(&why, BASE_NO_MEMORY, "%s: out of memory", path);
    else if (s && match(p, s, partial, found, &why))
        base_fail_in(&why, "%s", path);
    for (int i = 0; !why.status && i < n; i++)
        if (found[i])
            nn_file_tensor_floats(found[i], nn_params_at(p, i)->x, NULL);
    free(found);
    nn_safetensors_close(s);
    return why.status ? base_fail(e, why.status, "%s", why.text) : BASE_OK;
}
