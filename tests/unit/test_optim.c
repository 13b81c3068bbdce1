/* Optimisers against torch's trajectories (tests/parity/make_store.py) and, for the variants torch does not have, against
 * their published formulas in double. */
#include <float.h>
#include <math.h>
#include <omp.h>
#include <string.h>
#include <time.h>

#include "base/hash.h"
#include "base/random.h"
#include "base/sanitizer.h"
#include "libnn/nn.h"
#include "tests/unit/unit.h"

static nn_safetensors *reference(void)
{
    char path[1000];
    base_error e = BASE_ERROR_INIT;

    snprintf(path, sizeof path, "%s/tests/parity/optim/optim.safetensors", getenv("srcdir") ? getenv("srcdir") : ".");
    nn_safetensors *s = nn_safetensors_open(path, &e);
    ck_assert_msg(s != NULL, "%s", e.text);
    return s;
}

/* The floats of a tensor; lives until the next four calls. */
static const float *floats(const nn_safetensors *s, const char *name)
{
    static float x[4][20000];
    static unsigned next;
    const nn_file_tensor *t = nn_safetensors_find(s, name);

    ck_assert_msg(t && t->count <= 20000, "%s", name);
    next = (next + 1) % 4;
    ck_assert_int_eq(nn_file_tensor_floats(t, x[next], NULL), BASE_OK);
    return x[next];
}

static nn_params *make_params(int n_names, const char *const *names, const int64_t *sizes, const char *frozen)
{
    nn_params *p = nn_params_new();

    for (int i = 0; i < n_names; i++) {
        int64_t shape[] = { sizes[i], 1 };
        nn_params_add(p, (nn_init){ NN_INIT_NORMAL, 1 }, names[i], 2, shape);
    }
    if (frozen)
        nn_params_freeze(p, frozen);
    ck_assert_int_eq(nn_params_build(p, NULL), BASE_OK);
    return p;
}

static nn_params *make_one(int64_t n) { return make_params(1, (const char *const[]){ "w" }, &n, NULL); }

/* ---- torch ------------------------------------------------------------------------------------------------------- */

/* Within 4 roundings of what torch has after each of its steps, starting each from torch's parameters before it. */
START_TEST(as_torch)
{
    enum { N = 37, STEPS = 12 };
    static const struct { const char *kind, *tensor; } kinds[] = { { "adamw", "p.adamw" }, { "adam", "p.adam" } };
    nn_safetensors *s = reference();
    const float *grad = floats(s, "grad");

    for (int k = 0; k < 2; k++) {
        const float *p = floats(s, kinds[k].tensor);
        nn_adam_options o = { .beta1 = 0.9, .beta2 = 0.98, .eps = 1e-6, .decay = 0.1 };
        nn_params *params = make_one(N);
        float *x = nn_params_at(params, 0)->x;
        ck_assert(nn_adam_kind_of(kinds[k].kind, &o.kind));
        nn_adam *a = nn_adam_new(params, &o, NULL);
        for (int t = 0; t < STEPS; t++) {
            memcpy(x, p + t * N, N * sizeof *x);
            for (int i = 0; i < N; i++)
                nn_params_at(params, 0)->dx[i] = 4 * grad[t * N + i];
            nn_adam_step(a, 3e-3, 0.25);
            for (int i = 0; i < N; i++)
                ck_assert_msg(fabsf(x[i] - p[(t + 1) * N + i]) <= 4 * 6e-8f * (fabsf(x[i]) + 3e-3f),
                    "%s step %d element %d: %.9g, torch %.9g", kinds[k].kind, t, i, (double)x[i], (double)p[(t + 1) * N + i]);
        }
        ck_assert_int_eq(*nn_adam_steps(a), STEPS);
        nn_adam_free(a);
        nn_params_free(params);
    }
    nn_safetensors_close(s);
}
END_TEST

START_TEST(clips_as_torch)
{
    nn_safetensors *s = reference();
    const float *grad = floats(s, "grad"), *norm = floats(s, "norm"), *clipped = floats(s, "clipped");
    nn_params *p = make_one(37);
    double factor;

    memcpy(nn_params_at(p, 0)->dx, grad, 37 * sizeof *grad);
    ck_assert_double_eq_tol(nn_grad_norm(p), (double)*norm, 1e-6 * (double)*norm);
    factor = nn_clip_factor(nn_grad_norm(p), 1.5);
    ck_assert_double_lt(factor, 1);
    for (int i = 0; i < 37; i++)
        ck_assert_float_eq_tol((float)(factor * (double)grad[i]), clipped[i], 1e-6f * fabsf(clipped[i]));
    ck_assert_double_eq(nn_clip_factor(1.0, 1.5), 1);
    ck_assert_double_eq(nn_clip_factor(0.0, 1.5), 1);
    ck_assert_double_eq(nn_clip_factor(INFINITY, 1.5), 0);
    ck_assert(isnan(nn_clip_factor(NAN, 1.5)));
    nn_params_free(p);
    nn_safetensors_close(s);
}
END_TEST

START_TEST(schedules_as_transformers)
{
    static const char *const kinds[] = { "constant", "linear", "cosine", "polynomial", "inverse-sqrt" };
    nn_safetensors *s = reference();

    for (int k = 0; k < 5; k++) {
        char name[40];
        nn_schedule o = { .rate = 2e-3, .warmup = 7, .total = 40, .final_rate = 1e-5, .power = 2 };
        snprintf(name, sizeof name, "rate.%s", kinds[k]);
        const nn_file_tensor *t = nn_safetensors_find(s, name);
        ck_assert(t && t->count == 50 && nn_schedule_kind_of(kinds[k], &o.kind));
        for (int i = 0; i < 50; i++) {
            double rate;
            memcpy(&rate, (const char *)t->data + 8 * i, sizeof rate);
            if (o.kind == NN_COSINE && i > 40)
                rate = 0;       /* transformers' cosine rises again behind the end; ours stays */
            ck_assert_msg(fabs(nn_schedule_rate(&o, i) - rate) <= 1e-12 * 2e-3, "%s update %d: %.15g, transformers %.15g",
                kinds[k], i, nn_schedule_rate(&o, i), rate);
        }
    }
    nn_safetensors_close(s);
}
END_TEST

/* ---- formulas ---------------------------------------------------------------------------------------------------- */

/* One update of each variant as its source writes it. */
static void reference_step(nn_adam_kind kind, double *p, double *m, double *v, double g, int t, double rate, double b1,
    double b2, double eps, double decay)
{
    double c1 = 1 - pow(b1, t), c2 = 1 - pow(b2, t);

    if (kind == NN_ADAM)
        g += decay * *p;
    *m = b1 * *m + (1 - b1) * g;
    *v = b2 * *v + (1 - b2) * g * g;
    switch (kind) {
    case NN_ADAMW:
        *p -= rate * decay * *p;
        *p -= rate * (*m / c1) / (sqrt(*v / c2) + eps);
        break;
    case NN_ADAM:
        *p -= rate * (*m / c1) / (sqrt(*v / c2) + eps);
        break;
    case NN_ADAMW_HF:
        *p -= rate * sqrt(c2) / c1 * *m / (sqrt(*v) + eps);
        *p -= rate * decay * *p;
        break;
    case NN_ADAM_FAIRSEQ:
        *p -= rate * decay * *p;
        *p -= rate * sqrt(c2) / c1 * *m / (sqrt(*v) + eps);
        break;
    case NN_ADAM_BERT:
        *p -= rate * (*m / (sqrt(*v) + eps) + decay * *p);
        break;
    }
}

START_TEST(variants_as_published)
{
    static const char *const names[] = { "adamw", "adam", "adamw-hf", "adam-fairseq", "adam-bert" };
    enum { N = 100, STEPS = 20 };
    base_random r = base_random_at(7, 0, base_hash_text(BASE_HASH_INIT, "variants"));
    double ends[5];

    for (int k = 0; k < 5; k++) {
        nn_params *params = make_one(N);
        nn_adam_options o = { .beta1 = 0.85, .beta2 = 0.97, .eps = 1e-3, .decay = 0.2 };
        double p[N], m[N] = { 0 }, v[N] = { 0 };
        float *x = nn_params_at(params, 0)->x;
        ck_assert(nn_adam_kind_of(names[k], &o.kind));
        ck_assert_int_eq(o.kind, k);
        nn_adam *a = nn_adam_new(params, &o, NULL);
        for (int i = 0; i < N; i++)
            x[i] = (float)(p[i] = (double)(float)base_random_normal(&r, (uint64_t)i));
        for (int t = 1; t <= STEPS; t++) {
            for (int i = 0; i < N; i++) {
                float g = (float)base_random_normal(&r, (uint64_t)(t * N + i));
                nn_params_at(params, 0)->dx[i] = g;
                reference_step(o.kind, &p[i], &m[i], &v[i], (double)g, t, 0.01 * t, 0.85, 0.97, 1e-3, 0.2);
            }
            nn_adam_step(a, 0.01 * t, 1);
            for (int i = 0; i < N; i++)
                ck_assert_msg(fabs((double)x[i] - p[i]) < 2e-6 * t, "%s step %d element %d: %.9g, formula %.9g", names[k], t,
                    i, (double)x[i], p[i]);
        }
        ends[k] = p[0];
        for (int j = 0; j < k; j++)
            ck_assert(fabs(ends[j] - ends[k]) > 1e-4);      /* five different optimisers, or the test is blind */
        nn_adam_free(a);
        nn_params_free(params);
    }
    nn_adam_kind kind;
    ck_assert(!nn_adam_kind_of("adamx", &kind) && !nn_adam_kind_of("", &kind));
}
END_TEST

/* fairseq's tri_stage_lr_scheduler.py, its branches written out. */
START_TEST(tri_stage_as_fairseq)
{
    nn_schedule o = { .kind = NN_TRI_STAGE, .rate = 2e-5, .warmup = 10, .hold = 5, .total = 40, .final_rate = 0.05 };
    double factor = -log(0.05) / 25;

    for (int i = 0; i < 60; i++) {
        double rate = i < 10 ? 2e-7 + (2e-5 - 2e-7) / 10 * i : i < 15 ? 2e-5 : i <= 40 ? 2e-5 * exp(-factor * (i - 15)) : 2e-5 * 0.05;
        ck_assert_double_eq_tol(nn_schedule_rate(&o, i), rate, 1e-17);
    }
    o.warmup = o.hold = 0;
    ck_assert_double_eq_tol(nn_schedule_rate(&o, 0), 2e-5, 1e-17);
    nn_schedule_kind kind;
    ck_assert(nn_schedule_kind_of("tri-stage", &kind) && kind == NN_TRI_STAGE && !nn_schedule_kind_of("tri", &kind));
}
END_TEST

/* No updates, one, a few; no warm-up, one update of it, nothing else; hold all, or more than there is; an end of 0 and of the peak. */
START_TEST(schedules_at_their_edges)
{
    static const int64_t some[] = { 0, 1, 7, 8 };
    static const double ends[] = { 0, 0.5, 1 }, powers[] = { 0, 0.5, 1 };

    for (int k = NN_CONSTANT; k <= NN_TRI_STAGE; k++)
        for (int i = 0; i < 4 * 4 * 4 * 3 * 3; i++) {
            nn_schedule o = { .kind = (nn_schedule_kind)k, .rate = 1, .total = some[i % 4], .warmup = some[i / 4 % 4],
                .hold = some[i / 16 % 4], .final_rate = ends[i / 64 % 3], .power = powers[i / 192] };

            for (int64_t step = 0; step < 12; step++) {
                double rate = nn_schedule_rate(&o, step);

                ck_assert_msg(rate >= 0 && rate <= 1, "kind %d, warm-up %d, hold %d, %d updates, end %g, power %g: rate %g at %d", k,
                    (int)o.warmup, (int)o.hold, (int)o.total, o.final_rate, o.power, rate, (int)step);
            }
        }
}
END_TEST

/* An exponential way to 0 is 0 behind its first update, which is at the peak. */
START_TEST(tri_stage_to_nothing)
{
    nn_schedule o = { .kind = NN_TRI_STAGE, .rate = 1, .hold = 2, .total = 6 };

    ck_assert_double_eq(nn_schedule_rate(&o, 2), 1);
    ck_assert_double_eq(nn_schedule_rate(&o, 3), 0);
    ck_assert_double_eq(nn_schedule_rate(&o, 6), 0);
}
END_TEST

/* Nothing is touched. */
START_TEST(a_rate_that_is_no_number_is_refused)
{
    static const double bad[] = { NAN, INFINITY, -INFINITY };
    nn_adam_options o = NN_ADAM_DEFAULTS;
    nn_params *p = make_one(3);
    nn_adam *a = nn_adam_new(p, &o, NULL);

    for (int i = 0; i < 3; i++)
        nn_params_at(p, 0)->x[i] = nn_params_at(p, 0)->dx[i] = 1;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ck_assert_int_eq(nn_adam_step(a, bad[i], 1), BASE_VALUE);
        ck_assert_int_eq(nn_adam_step(a, 0.1, bad[i]), BASE_VALUE);
    }
    ck_assert_int_eq(*nn_adam_steps(a), 0);
    ck_assert_float_eq(nn_params_at(p, 0)->x[1], 1);
    ck_assert_float_eq(nn_adam_m(a)[1], 0);
    nn_adam_free(a);
    nn_params_free(p);
}
END_TEST

/* ---- groups ------------------------------------------------------------------------------------------------------ */

/* With gradient 0 an update is the decay alone: p (1 - rate factor decay). */
START_TEST(the_last_group_that_fits_decides)
{
    enum { N = 6 };
    static const char *const names[N] = { "encoder.a", "encoder.head", "other", "ice", "still", "encoder.h.lora.a" };
    const int64_t sizes[N] = { 7, 300, 1, 5, 3, 4 };
    const nn_group groups[] = { { "encoder.", 0.5, -1 }, { "encoder.h", 2, 0.25 }, { "still", 0, -1 }, { "*.lora.", 4, -1 } };
    const nn_adam_options o = { .kind = NN_ADAMW, .beta1 = 0.9, .beta2 = 0.99, .eps = 1e-8, .decay = 0.1, .groups = groups,
                                .n_groups = 4 };
    const double expected[N] = { 1 - 0.01 * 0.5 * 0.1, 1 - 0.01 * 2 * 0.25, 1 - 0.01 * 0.1, 1, 1, 1 - 0.01 * 4 * 0.1 };
    nn_params *p = make_params(N, names, sizes, "ice");
    nn_adam *a = nn_adam_new(p, &o, NULL);

    for (int i = 0; i < N; i++)
        for (int64_t k = 0; k < sizes[i]; k++)
            nn_params_at(p, i)->x[k] = 8;
    ck_assert_int_eq(nn_adam_step(a, 0.01, 1), BASE_OK);
    for (int i = 0; i < N; i++)
        for (int64_t k = 0; k < sizes[i]; k++)
            ck_assert_float_eq_tol(nn_params_at(p, i)->x[k], (float)(8 * expected[i]), 1e-6f);
    nn_adam_free(a);
    nn_params_free(p);
}
END_TEST

START_TEST(vectors_decay_only_when_told)
{
    for (int told = 0; told < 2; told++) {
        nn_params *p = nn_params_new();
        const int64_t shape[] = { 4, 1 };
        nn_adam_options o = NN_ADAM_DEFAULTS;
        nn_params_add(p, (nn_init){ NN_INIT_ONE, 0 }, "bias", 1, shape);
        nn_params_add(p, (nn_init){ NN_INIT_ONE, 0 }, "weight", 2, shape);
        ck_assert_int_eq(nn_params_build(p, NULL), BASE_OK);
        nn_params_init(p, 1);
        o.decay_vectors = told;
        o.decay = 0.5;
        nn_adam *a = nn_adam_new(p, &o, NULL);
        nn_adam_step(a, 0.5, 1);
        ck_assert_float_eq(nn_params_find(p, "bias")->x[3], told ? 0.75f : 1.0f);
        ck_assert_float_eq(nn_params_find(p, "weight")->x[3], 0.75f);
        nn_adam_free(a);
        nn_params_free(p);
    }
}
END_TEST

START_TEST(bad_options_are_refused)
{
    const nn_group unknown = { "nobody", 1, -1 }, negative = { "w", -1, -1 }, nan_rate = { "w", NAN, -1 };
    nn_params *p = make_one(3);
    const nn_adam_options bad[] = {
        { .beta1 = 1, .beta2 = 0.9, .eps = 1e-8 }, { .beta1 = 0.9, .beta2 = -0.1, .eps = 1e-8 },
        { .beta1 = NAN, .beta2 = 0.9, .eps = 1e-8 }, { .beta1 = 0.9, .beta2 = 0.9, .eps = 0 },
        { .beta1 = 0.9, .beta2 = 0.9, .eps = 1e-8, .decay = -1 },
        { .beta1 = 0.9, .beta2 = 0.9, .eps = 1e-8, .groups = &negative, .n_groups = 1 },
        { .beta1 = 0.9, .beta2 = 0.9, .eps = 1e-8, .groups = &nan_rate, .n_groups = 1 },
    };
    nn_adam_options o = NN_ADAM_DEFAULTS;
    base_error e = BASE_ERROR_INIT;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        base_error why = BASE_ERROR_INIT;
        ck_assert_ptr_null(nn_adam_new(p, &bad[i], &why));
        ck_assert_int_eq(why.status, BASE_VALUE);
    }
    o.groups = &unknown;
    o.n_groups = 1;
    ck_assert_ptr_null(nn_adam_new(p, &o, &e));
    ck_assert_int_eq(e.status, BASE_MISSING);
    ck_assert_str_eq(e.text, "optimiser: group \"nobody\": no parameter's name begins so");
    ck_assert_ptr_null(nn_average_new(p, 1, NULL));
    nn_params_free(p);
}
END_TEST

/* ---- averages ---------------------------------------------------------------------------------------------------- */

START_TEST(averages)
{
    for (int kind = 0; kind < 2; kind++) {
        double d = kind ? 0.75 : 0, expected = 0;
        nn_params *p = make_one(5);
        nn_average *a = nn_average_new(p, d, NULL);
        float *x = nn_params_at(p, 0)->x;
        x[0] = 5;
        nn_average_swap(a);     /* nothing to swap with */
        ck_assert_float_eq(x[0], 5);
        for (int t = 1; t <= 6; t++) {
            x[0] = (float)(t * t);
            nn_average_add(a);
            expected = t == 1 ? 1 : kind ? d * expected + (1 - d) * t * t : expected + (t * t - expected) / t;
        }
        ck_assert_int_eq(*nn_average_count(a), 6);
        ck_assert_float_eq_tol(nn_average_values(a)[0], (float)expected, 1e-5f);
        nn_average_swap(a);
        ck_assert_float_eq_tol(x[0], (float)expected, 1e-5f);
        nn_average_swap(a);
        ck_assert_float_eq(x[0], 36);
        nn_average_swap(a);
        nn_average_add(a);      /* of the parameters, which are where the average was */
        nn_average_swap(a);
        expected = kind ? d * expected + (1 - d) * 36 : expected + (36 - expected) / 7;
        ck_assert_float_eq(x[0], 36);
        ck_assert_float_eq_tol(nn_average_values(a)[0], (float)expected, 1e-5f);
        nn_average_free(a);
        nn_params_free(p);
    }
}
END_TEST

/* ---- threads and time -------------------------------------------------------------------------------------------- */

START_TEST(threads_change_nothing)
{
    enum { N = 200003 };
    static float first[N];
    double norm = 0;

    for (int threads = 1; threads <= 4; threads *= 2) {
        nn_params *p = make_one(N);
        nn_adam_options o = NN_ADAM_DEFAULTS;
        nn_adam *a = nn_adam_new(p, &o, NULL);
        nn_average *mean = nn_average_new(p, 0.5, NULL);
        omp_set_num_threads(threads);
        nn_params_init(p, 3);
        memcpy(nn_params_grads(p), nn_params_values(p), (size_t)nn_params_trainable(p) * sizeof(float));
        for (int t = 0; t < 3; t++) {
            nn_adam_step(a, 0.1, 1);
            nn_average_add(mean);
        }
        nn_average_swap(mean);
        if (threads == 1) {
            memcpy(first, nn_params_at(p, 0)->x, sizeof first);
            norm = nn_grad_norm(p);
        }
        ck_assert_mem_eq(first, nn_params_at(p, 0)->x, sizeof first);
        ck_assert_double_eq(norm, nn_grad_norm(p));
        nn_average_free(mean);
        nn_adam_free(a);
        nn_params_free(p);
    }
    omp_set_num_threads(2);
    ck_assert_double_eq_tol(norm, sqrt(N), 2);
}
END_TEST

/* What an update costs; a scalar square root or logarithm in the loop would take ten times as long. */
START_TEST(update_is_fast)
{
    enum { N = 2000000 };
    nn_params *p = make_one(N);
    nn_adam_options o = NN_ADAM_DEFAULTS;
    nn_adam *a = nn_adam_new(p, &o, NULL);
    double best = 1e9;

    nn_params_init(p, 1);
    omp_set_num_threads(1);
    for (int t = 0; t < 5; t++) {
        clock_t begin = clock();
        nn_adam_step(a, 1e-3, 1);
        best = fmin(best, (double)(clock() - begin) / CLOCKS_PER_SEC);
    }
    printf("# AdamW, 1 thread: %.2f ns a parameter\n", 1e9 * best / N);
#ifndef BASE_ASAN
    ck_assert_double_lt(best / N, 20e-9);
#endif
    nn_adam_free(a);
    nn_params_free(p);
}
END_TEST

/* One of three that make a tensor: its gradient is neither in the norm nor in an update. */
START_TEST(parts_of_a_tensor_are_frozen)
{
    static const char *const names[] = { "q_proj", "k_proj", "v_proj" };

    for (int part = 0; part < 3; part++)        /* the one that is frozen, or, with thaw, the only one that learns */
        for (int thaw = 0; thaw < 2; thaw++) {
            nn_params *p = nn_params_new();
            nn_adam_options o = NN_ADAM_DEFAULTS;
            nn_tensor *w = nn_params_add(p, (nn_init){ NN_INIT_NORMAL, 1 }, "{q,k,v}_proj", 2, (const int64_t[]){ 2, 3 });
            float before[18];

            nn_params_freeze(p, thaw ? "" : names[part]);
            if (thaw)
                nn_params_thaw(p, names[part]);
            ck_assert_int_eq(nn_params_build(p, NULL), BASE_OK);
            nn_params_init(p, 1);
            nn_adam *a = nn_adam_new(p, &o, NULL);
            ck_assert(w->dx && w->needs_grad);
            memcpy(before, w->x, sizeof before);
            for (int i = 0; i < 18; i++)
                w->dx[i] = 2;
            ck_assert_double_eq_tol(nn_grad_norm(p), sqrt(thaw ? 6 * 4 : 12 * 4), 1e-6);
            nn_adam_step(a, 0.1, 1);
            for (int k = 0; k < 3; k++) {
                const nn_param *q = nn_params_find(p, names[k]);
                bool learns = (k == part) == (thaw == 1);
                ck_assert(q->x == w->x + 6 * k && (q->dx != NULL) == learns);
                for (int i = 6 * k; i < 6 * k + 6; i++)
                    ck_assert((w->x[i] != before[i]) == learns);
            }
            nn_adam_free(a);
            nn_params_free(p);
        }
}
END_TEST

static bool is_subnormal(float x) { return x != 0.0f && fabsf(x) < FLT_MIN; }

/* Without gradients moments decay to 0 in every variant, and are never subnormal on the way. */
START_TEST(moments_decay_to_zero)
{
    enum { N = 1000, STEPS = 700 };
    nn_params *p = make_one(N);
    nn_adam_options o = { .kind = (nn_adam_kind)_i, .beta1 = 0.9, .beta2 = 0.98, .eps = 1e-8 };
    nn_adam *a = nn_adam_new(p, &o, NULL);
    float *m = nn_adam_m(a), *v = nn_adam_v(a);

    for (int i = 0; i < N; i++) {
        m[i] = (i % 2 ? -1e-25f : 1e-25f) * (float)(i + 1);
        v[i] = 1e-35f * (float)(i + 1);
    }
    for (int t = 0; t < STEPS; t++) {
        nn_adam_step(a, 1e-3, 1);
        for (int i = 0; i < N; i++)
            ck_assert_msg(!is_subnormal(m[i]) && !is_subnormal(v[i]), "step %d: %g, %g", t, (double)m[i], (double)v[i]);
    }
    for (int i = 0; i < N; i++)
        ck_assert(m[i] == 0.0f && v[i] == 0.0f);
    nn_adam_free(a);
    nn_params_free(p);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("libnn/optim");

    unit_add(s, as_torch);
    unit_add(s, clips_as_torch);
    unit_add(s, schedules_as_transformers);
    unit_add(s, variants_as_published);
    unit_add(s, tri_stage_as_fairseq);
    unit_add(s, schedules_at_their_edges);
    unit_add(s, tri_stage_to_nothing);
    unit_add(s, a_rate_that_is_no_number_is_refused);
    unit_add(s, the_last_group_that_fits_decides);
    unit_add(s, vectors_decay_only_when_told);
    unit_add(s, bad_options_are_refused);
    unit_add(s, averages);
    unit_add(s, threads_change_nothing);
    unit_add(s, update_is_fast);
    unit_add(s, parts_of_a_tensor_are_frozen);
    TCase *decay = tcase_create("moments_decay_to_zero");
    tcase_add_loop_test(decay, moments_decay_to_zero, NN_ADAMW, NN_ADAM_BERT + 1);
    suite_add_tcase(s, decay);
    return s;
}

UNIT_MAIN(suite)
