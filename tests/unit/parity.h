/* Comparison with reference.safetensors of a folder of tests/parity. */
#ifndef SERIN_TESTS_PARITY_H
#define SERIN_TESTS_PARITY_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "libnn/nn.h"
#include "tests/unit/unit.h"

static inline const char *parity_path(const char *folder, const char *file)
{
    static char path[4096];

    snprintf(path, sizeof path, "%s/tests/parity/%s/%s", getenv("srcdir") ? getenv("srcdir") : ".", folder, file);
    return path;
}

static inline nn_safetensors *parity_open(const char *folder)
{
    base_error e = BASE_ERROR_INIT;
    nn_safetensors *s = nn_safetensors_open(parity_path(folder, "reference.safetensors"), &e);

    ck_assert_msg(s != NULL, "%s", e.text);
    return s;
}

static inline const nn_file_tensor *parity_find(const nn_safetensors *s, const char *name)
{
    const nn_file_tensor *f = nn_safetensors_find(s, name);

    ck_assert_msg(f != NULL, "reference.safetensors has no %s", name);
    return f;
}

/* The integers of a reference, as int; at most `room`. */
static inline void parity_ints(const nn_safetensors *s, const char *name, int *out, int64_t room)
{
    const nn_file_tensor *f = parity_find(s, name);

    ck_assert_int_le(f->count, room);
    for (int64_t i = 0; i < f->count; i++)
        out[i] = (int)((const int64_t *)f->data)[i];
}

/* The largest difference, relative to the largest value or to `scale`. */
static inline double parity_distance(const float *x, const nn_file_tensor *f, double scale)
{
    const float *y = f->data;
    double worst = 0.0;

    for (int64_t i = 0; i < f->count; i++) {
        worst = fmax(worst, fabs((double)x[i] - y[i]));
        scale = fmax(scale, fabs((double)y[i]));
        ck_assert(isfinite(x[i]));
    }
    return worst / scale;
}

static inline void parity_close(const nn_safetensors *s, const nn_tape *t, const nn_tensor *x, const char *name, double tolerance)
{
    const nn_file_tensor *f = parity_find(s, name);

    ck_assert_msg(x != NULL, "%s: %s", name, nn_tape_error(t) ? nn_tape_error(t)->text : "no result");
    ck_assert_int_eq(nn_numel(x), f->count);
    ck_assert_msg(parity_distance(x->x, f, 1e-9) <= tolerance, "%s differs by %g of its scale", name, parity_distance(x->x, f, 1e-9));
}

/* Every gradient, to 1e-4 of its scale. A bias of keys shifts all scores of a query and changes nothing: its gradient is
 * rounding. `without`: part of the name of a parameter that nothing uses. */
static inline void parity_gradients(const nn_safetensors *s, const nn_params *params, const char *keys, const char *without)
{
    for (int i = 0; i < nn_params_count(params); i++) {
        const nn_param *p = nn_params_at(params, i);
        char name[256];

        if (!p->dx || (without && strstr(p->name, without)))
            continue;       /* frozen */
        snprintf(name, sizeof name, "grad.%s", p->name);
        const nn_file_tensor *f = parity_find(s, name);
        ck_assert_int_eq(f->count, p->count);
        double d = parity_distance(p->dx, f, strstr(name, keys) ? 0.1 : 1e-9);
        ck_assert_msg(d <= 1e-4, "%s differs by %g of its scale", name, d);
    }
}

#endif
