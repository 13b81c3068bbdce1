/* The recogniser: what it computes of a batch, its losses and their gradients, and its folder. */
#include <math.h>
#include <string.h>

#include "base/file.h"
#include "tests/unit/files.h"
#include "tests/unit/malloc_count.h"
#include "recipes/train.h"
#include "tests/unit/recogniser.h"

/* ---- forward ----------------------------------------------------------------------------------------------------- */

START_TEST(alone_and_in_company)
{
    ser_model *m = new_model(true, 0.1f, 5);
    ser_batch b = { 0 }, one = { 0 };
    nn_tape *t = new_tape(), *s = new_tape();
    ser_outputs all, o;

    fill(&b, m, NULL, UTTERANCES, NULL);
    nn_tape_begin(t, NN_INFER, 0);
    ser_forward(t, m, &b, &all);
    ck_assert_ptr_null(nn_tape_error(t));
    for (int i = 0; i < UTTERANCES; i++) {
        fill(&one, m, &(ser_item){ i, 0 }, 1, NULL);
        nn_tape_begin(s, NN_INFER, 0);
        ser_forward(s, m, &one, &o);
        for (int k = 0; k < 3; k++)
            ck_assert_float_eq_tol(o.task[SER_EMOTION]->x[k], all.task[SER_EMOTION]->x[i * 3 + k], 1e-4f);
        for (int64_t k = 0; k < rows[i] * 7; k++)
            ck_assert_float_eq_tol(o.ctc->x[k], all.ctc->x[b.begin[i] * 7 + k], 1e-4f);
    }
    ser_batch_free(&b);
    ser_batch_free(&one);
    nn_tape_free(t);
    nn_tape_free(s);
    ser_model_free(m);
}
END_TEST

/* ---- losses ------------------------------------------------------------------------------------------------------ */

static const float class_weight[3] = { 0.5f, 2, 1 };

static ser_weighting weighting(double gender_weight)
{
    return (ser_weighting){ .lambda = { 1, gender_weight, 0 }, .ctc = 0.7, .total = { 0.5 + 1 + 2 + 1 + 0.5, 5, 0 },
        .ctc_total = UTTERANCES, .class_weight = class_weight, .label_smoothing = 0.1, .reduction = NN_CTC_MEAN };
}

/* Adds the gradients of items first .. first + n - 1; returns the loss. */
static double backward(nn_tape *t, ser_model *m, int first, int n, const ser_weighting *w, bool gradients)
{
    ser_item item[UTTERANCES];
    ser_batch b = { 0 };
    ser_outputs o;
    ser_losses l;
    double loss;

    for (int i = 0; i < n; i++)
        item[i] = (ser_item){ first + i, 0 };
    fill(&b, m, item, n, NULL);
    nn_tape_begin(t, NN_RECORD, 0);
    ser_forward(t, m, &b, &o);
    ser_loss(t, m, &b, &o, w, &l);
    ck_assert_msg(!nn_tape_error(t), "%s", nn_tape_error(t) ? nn_tape_error(t)->text : "");
    loss = (double)l.total->x[0];
    if (gradients)
        ck_assert_int_eq(nn_tape_backward(t, l.total), BASE_OK);
    ser_batch_free(&b);
    return loss;
}

/* With every reduction of CTC, whose utterances have 2 and 3 labels, and one of them no loss. */
START_TEST(accumulated_batches_equal_one)
{
    static const nn_ctc_reduction reductions[] = { NN_CTC_MEAN, NN_CTC_SUM, NN_CTC_MEAN_UTTERANCE };
    ser_model *m = new_model(true, 0, 0);
    nn_tape *t = new_tape();
    ser_weighting w = weighting(0.4);
    int64_t n = nn_params_trainable(m->params);
    float *whole = malloc(sizeof *whole * (size_t)n), *g = nn_params_grads(m->params);
    double one, two, largest = 0;

    w.reduction = reductions[_i];
    nn_params_zero_grads(m->params);
    one = backward(t, m, 0, UTTERANCES, &w, true);
    memcpy(whole, g, sizeof *whole * (size_t)n);
    nn_params_zero_grads(m->params);
    two = backward(t, m, 0, 1, &w, true) + backward(t, m, 1, 4, &w, true) + backward(t, m, 5, 1, &w, true);
    ck_assert_double_eq_tol(one, two, 1e-5);
    for (int64_t i = 0; i < n; i++)
        largest = fmax(largest, fabs((double)whole[i]));
    ck_assert_double_gt(largest, 0.01);
    for (int64_t i = 0; i < n; i++)
        ck_assert_double_eq_tol((double)g[i], (double)whole[i], 1e-5 * largest);
    free(whole);
    nn_tape_free(t);
    ser_model_free(m);
}
END_TEST

/* p = from + step d, d a random direction of length 1. Returns gradient . d. */
static double move(const nn_param *p, const float *from, const float *gradient, double step, uint64_t which)
{
    base_random r = base_random_at(11, which, 0);
    double norm = 0, along = 0;

    for (int64_t i = 0; i < p->count; i++)
        norm += pow(base_random_normal(&r, (uint64_t)i), 2);
    for (int64_t i = 0; i < p->count; i++) {
        double d = base_random_normal(&r, (uint64_t)i) / sqrt(norm);

        p->x[i] = from[i] + (float)(step * d);
        along += (double)gradient[i] * d;
    }
    return along;
}

/* For each parameter: (L(p + h d) - L(p - h d)) / 2h = gradient . d. */
START_TEST(gradients)
{
    ser_model *m = new_model(true, 0, 6);
    nn_tape *t = new_tape();
    ser_weighting w = weighting(0.4);
    const double h = 0.01;

    nn_params_zero_grads(m->params);
    backward(t, m, 0, UTTERANCES, &w, true);
    for (int i = 0; i < nn_params_count(m->params); i++) {
        const nn_param *p = nn_params_at(m->params, i);
        float *from = malloc(sizeof *from * (size_t)p->count * 2), *gradient = from + p->count;
        double along, slope;

        ck_assert_msg((p->dx == NULL) == (strncmp(p->name, "front.", 6) == 0), "%s", p->name);
        if (p->dx) {
            memcpy(from, p->x, sizeof *from * (size_t)p->count);
            memcpy(gradient, p->dx, sizeof *from * (size_t)p->count);
            move(p, from, gradient, h, (uint64_t)i);
            slope = backward(t, m, 0, UTTERANCES, &w, false);
            along = move(p, from, gradient, -h, (uint64_t)i);
            slope = (slope - backward(t, m, 0, UTTERANCES, &w, false)) / (2 * h);
            ck_assert_msg(fabs(slope - along) < 5e-4 + 5e-3 * fabs(along), "%s: %g, not %g", p->name, along, slope);
            move(p, from, gradient, 0, (uint64_t)i);
        }
        free(from);
    }
    nn_tape_free(t);
    ser_model_free(m);
}
END_TEST

/* An utterance whose label nobody knows counts for nothing: the loss of all is that of those with a label. */
START_TEST(unlabelled_are_masked)
{
    ser_model *m = new_model(true, 0, 0);
    nn_tape *t = new_tape();
    ser_weighting w = weighting(1);

    ck_assert_int_eq(utterances[4].label[SER_GENDER], NN_IGNORE);
    w.lambda[SER_EMOTION] = w.ctc = 0;
    ck_assert_double_eq_tol(backward(t, m, 0, UTTERANCES, &w, false), backward(t, m, 0, 4, &w, false) + backward(t, m, 5, 1, &w, false),
        1e-6);
    for (int label = 0; label < 2; label++) {       /* and would count if it were guessed */
        utterances[4].label[SER_GENDER] = label;
        ck_assert_double_gt(backward(t, m, 4, 1, &w, false), 1e-3);
    }
    utterances[4].label[SER_GENDER] = NN_IGNORE;
    nn_tape_free(t);
    ser_model_free(m);
}
END_TEST

/* A part whose weight is 0 is absent to the bit. */
START_TEST(lambda_zero_is_absent)
{
    ser_model *with = new_model(true, 0.1f, 0), *without = new_model(false, 0.1f, 0);
    nn_tape *t = new_tape();
    ser_weighting w = weighting(0);

    nn_params_zero_grads(with->params);
    nn_params_zero_grads(without->params);
    ck_assert_double_eq(backward(t, with, 0, UTTERANCES, &w, true), backward(t, without, 0, UTTERANCES, &w, true));
    for (int i = 0; i < nn_params_count(without->params); i++) {
        const nn_param *a = nn_params_at(without->params, i), *b = nn_params_find(with->params, a->name);

        ck_assert_mem_eq(a->x, b->x, sizeof(float) * (size_t)a->count);
        if (a->dx)
            ck_assert_mem_eq(a->dx, b->dx, sizeof(float) * (size_t)a->count);
    }
    nn_tape_free(t);
    ser_model_free(with);
    ser_model_free(without);
}
END_TEST

START_TEST(a_step_calls_malloc_nowhere)
{
    base_error e = BASE_ERROR_INIT;
    ser_model *m = new_model(true, 0.1f, 5);
    nn_tape *t = new_tape();
    nn_adam_options o = NN_ADAM_DEFAULTS;
    nn_adam *adam = nn_adam_new(m->params, &o, &e);
    ser_augment a = { .gain_db = 3, .bin_masks = 2, .bin_width = 2, .time_masks = 2, .time_width = 5 };
    ser_item item[UTTERANCES];
    ser_weighting w = weighting(0.4);
    ser_batch b = { 0 };
    long before = 0, after;
    base_status status = BASE_OK;

    fill(&b, m, NULL, UTTERANCES, NULL);
    for (int i = 0; i < UTTERANCES; i++)
        item[i] = (ser_item){ i, 0 };
    for (uint64_t step = 0; step < 4; step++) {
        ser_outputs out;
        ser_losses l;

        if (step == 1)      /* the first one starts the threads */
            before = malloc_count;
        a.step = step;
        status = ser_batch_fill(&b, m, &data, 0, &inputs, item, UTTERANCES, &a, &e);
        nn_params_zero_grads(m->params);
        nn_tape_begin(t, NN_TRAIN, step);
        ser_forward(t, m, &b, &out);
        ser_loss(t, m, &b, &out, &w, &l);
        status = status ? status : nn_tape_backward(t, l.total);
        nn_adam_step(adam, 1e-3, nn_clip_factor(nn_grad_norm(m->params), 1));
    }
    after = malloc_count;
    ck_assert_int_eq(status, BASE_OK);
    ck_assert(!MALLOC_COUNTED || before > 0);
    ck_assert_int_eq(after - before, 0);
    ser_batch_free(&b);
    nn_adam_free(adam);
    nn_tape_free(t);
    ser_model_free(m);
}
END_TEST

/* A checkpoint whose moments or average are no numbers is refused by the tensor's name. */
START_TEST(moments_are_numbers)
{
    base_error e = BASE_ERROR_INIT;
    ser_model *m = new_model(true, 0, 0);
    nn_adam_options o = NN_ADAM_DEFAULTS;
    nn_checkpoint c = { .params = m->params, .adam = nn_adam_new(m->params, &o, &e), .average = nn_average_new(m->params, 0, &e) };
    const nn_param *p = nn_params_find(m->params, "gender.out.weight");
    const struct { float *x, bad; const char *what; } cases[] = { { nn_adam_m(c.adam), NAN, "first moment of \"gender.out.weight\" is nan" },
        { nn_adam_v(c.adam), INFINITY, "second moment of \"gender.out.weight\" is inf" },
        { nn_adam_v(c.adam), -1, "second moment of \"gender.out.weight\" is -1 at element 3" },
        { nn_average_values(c.average), NAN, "average of \"gender.out.weight\" is nan" } };

    ck_assert_int_eq(ser_checkpoint_finite(&c, "dir", 7, &e), BASE_OK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        float *x = cases[i].x + (p->x - nn_params_values(m->params)) + 3;
        base_error why = BASE_ERROR_INIT;

        *x = cases[i].bad;
        ck_assert_int_eq(ser_checkpoint_finite(&c, "dir", 7, &why), BASE_VALUE);
        ck_assert_msg(strstr(why.text, cases[i].what) && strstr(why.text, "dir: update 7"), "%s", why.text);
        *x = 0;
    }
    nn_average_free(c.average);
    nn_adam_free(c.adam);
    ser_model_free(m);
}
END_TEST

/* ---- what happens to rows on their way into a batch ----------------------------------------------------------------- */

START_TEST(augmentation)
{
    ser_model *m = new_model(false, 0, 0);
    ser_batch plain = { 0 }, b = { 0 }, again = { 0 };
    ser_augment none = { .seed = 1, .step = 2 }, masks = { .bin_masks = 1, .bin_width = 2, .time_masks = 1, .time_width = 8,
        .seed = 1, .step = 2 }, gain = { .gain_db = 6, .seed = 1, .step = 2 };
    int64_t zeros = 0;

    fill(&plain, m, NULL, UTTERANCES, NULL);
    ck_assert_float_eq_tol(plain.x[COLS + 3], (features[0][COLS + 3] - m->mean->x[3]) * m->scale->x[3], 1e-6f);
    fill(&b, m, NULL, UTTERANCES, &none);
    ck_assert_mem_eq(plain.x, b.x, sizeof *b.x * (size_t)(plain.begin[UTTERANCES] * COLS));
    fill(&b, m, NULL, UTTERANCES, &masks);
    fill(&again, m, NULL, UTTERANCES, &masks);
    ck_assert_mem_eq(again.x, b.x, sizeof *b.x * (size_t)(plain.begin[UTTERANCES] * COLS));
    for (int64_t i = 0; i < plain.begin[UTTERANCES] * COLS; i++) {
        ck_assert(b.x[i] == plain.x[i] || b.x[i] == 0);
        zeros += b.x[i] == 0;
    }
    ck_assert(zeros > 0 && zeros < plain.begin[UTTERANCES] * COLS * 3 / 4);
    fill(&b, m, NULL, UTTERANCES, &gain);   /* one shift of the log power for a whole utterance */
    for (int i = 0; i < UTTERANCES; i++) {
        float *x = b.x + b.begin[i] * COLS, *y = plain.x + b.begin[i] * COLS, shift = (x[0] - y[0]) / m->scale->x[0];

        ck_assert(fabsf(shift) <= 0.6f * logf(10) && shift != 0);
        ck_assert_float_eq_tol((x[5] - y[5]) / m->scale->x[5], shift, 1e-4f);
    }
    ser_batch_free(&plain);
    ser_batch_free(&b);
    ser_batch_free(&again);
    ser_model_free(m);
}
END_TEST

/* ---- the folder -------------------------------------------------------------------------------------------------- */

static char *read_text(const char *path)
{
    static char text[20000];
    FILE *f = fopen(path, "r");
    size_t n = fread(text, 1, sizeof text - 1, f);

    text[n] = '\0';
    fclose(f);
    return text;
}

/* Replaces a text in a file of the folder, expects the model to be refused with `what`, and puts the file back. */
static void tamper(const char *name, const char *from, const char *to, base_status status, const char *what)
{
    char *text = strdup(read_text(files_path(name))), *at = strstr(text, from), changed[20000];
    base_error e = BASE_ERROR_INIT;

    ck_assert_msg(at != NULL, "no %s in %s", from, text);
    snprintf(changed, sizeof changed, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
    files_write(name, changed, strlen(changed));
    ck_assert_ptr_null(ser_model_load(files_path(""), &e));
    ck_assert_msg(e.status == status && strstr(e.text, what), "%d \"%s\", expected %d \"%s\"", e.status, e.text, status, what);
    files_write(name, text, strlen(text));
    free(text);
}

START_TEST(folder)
{
    base_error e = BASE_ERROR_INIT;
    ser_model *m = new_model(true, 0.1f, 5), *back;

    ck_assert_msg(ser_model_save(m, files_path(""), &e) == BASE_OK, "%s", e.text);
    back = ser_model_load(files_path(""), &e);
    ck_assert_msg(back != NULL, "%s", e.text);
    ck_assert_int_eq(nn_params_count(m->params), nn_params_count(back->params));
    for (int i = 0; i < nn_params_count(m->params); i++) {
        const nn_param *a = nn_params_at(m->params, i), *b = nn_params_find(back->params, a->name);

        ck_assert_mem_eq(a->x, b->x, sizeof(float) * (size_t)a->count);
    }
    ck_assert_ptr_nonnull(nn_params_find(back->params, "hubert.encoder.layers.1.attention.k_proj.weight"));
    ck_assert_int_eq(back->config.front.bins, BINS);
    ck_assert_int_eq(back->config.front.cmvn, SER_CMVN_GLOBAL);
    ck_assert_float_eq(back->config.encoder.encoder.dropout, 0.1f);
    ser_model_free(back);
    ser_model_free(m);

    tamper("labels.json", "\"hap\"", "\"joy\"", BASE_MISMATCH, "saved with labels {\"emotion\":[\"ang\",\"hap\",\"sad\"]");
    tamper("vocab.json", "\"A\"", "\"C\"", BASE_MISMATCH, "vocabulary");
    tamper("config.json", "\"hidden_dropout\": 0.1", "\"hidden_dropout\": 0.2", BASE_MISMATCH, "configuration");
    tamper("config.json", "\"version\": 1", "\"version\": 2", BASE_UNSUPPORTED, "version 2, this program reads version 1");
    tamper("config.json", "\"serin\"", "\"seri\"", BASE_MISMATCH, "config.json has no \"serin\"");
    tamper("preprocessor_config.json", "16000", "8000", BASE_UNSUPPORTED, "sampling_rate is 8000, expected 16000");
    tamper("preprocessor_config.json", "\"global\"", "\"local\"", BASE_VALUE, "serin_cmvn is \"local\"");
    tamper("config.json", "\"hidden_size\": 8", "\"hidden_size\": 16", BASE_MISMATCH, "configuration");
    unlink(files_path("model.safetensors"));
    ck_assert_ptr_null(ser_model_load(files_path(""), &e));
    ck_assert_int_eq(e.status, BASE_MISSING);
}
END_TEST

/* A bit flipped anywhere in any file of a model is noticed; --no-verify's switch takes all but what cannot be
 * read. */
START_TEST(flipped_bits_are_noticed)
{
    static const char *const names[] = { "config.json", "preprocessor_config.json", "labels.json", "vocab.json",
        "model.safetensors" };
    base_random r = base_random_at(11, 12, 13);
    base_error e = BASE_ERROR_INIT;
    ser_model *m = new_model(true, 0.1f, 5), *back;
    uint64_t drawn = 0;
    int taken = 0;

    ck_assert_int_eq(ser_model_save(m, files_path(""), &e), BASE_OK);
    ser_model_free(m);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *path = strdup(files_path(names[i]));
        char *bytes;
        size_t size;
        ck_assert_int_eq(base_read_file(path, 1 << 20, &bytes, &size, &e), BASE_OK);
        for (int k = 0; k < 100; k++) {
            base_error why = BASE_ERROR_INIT;
            size_t at = base_random_below(&r, drawn++, size), bit = base_random_below(&r, drawn++, 8);
            bytes[at] = (char)(bytes[at] ^ 1 << bit);
            files_write(names[i], bytes, size);
            ck_assert_msg(!ser_model_load(files_path(""), &why), "%s: bit %zu of byte %zu passed unnoticed", names[i], bit, at);
            ck_assert(why.status && *why.text);
            nn_no_verify = true;
            back = ser_model_load(files_path(""), &(base_error)BASE_ERROR_INIT);
            nn_no_verify = false;
            taken += back != NULL;
            ser_model_free(back);
            bytes[at] = (char)(bytes[at] ^ 1 << bit);
        }
        files_write(names[i], bytes, size);
        free(bytes);
        free((char *)(uintptr_t)path);
    }
    ck_assert_int_gt(taken, 50);
    back = ser_model_load(files_path(""), &e);
    ck_assert_msg(back != NULL, "%s", e.text);
    ser_model_free(back);
    unlink(files_path("preprocessor_config.json"));     /* which would be guessed at */
    ck_assert_ptr_null(ser_model_load(files_path(""), &e));
}
END_TEST

START_TEST(encoder_from_a_folder)
{
    base_error e = BASE_ERROR_INIT;
    ser_model *m = new_model(true, 0.1f, 5), *other = new_model(false, 0, 0);

    ck_assert_int_eq(ser_model_save(m, files_path(""), &e), BASE_OK);
    nn_params_init(other->params, 99);
    ck_assert_msg(ser_model_begin_with(other, files_path(""), false, false, &e) == BASE_OK, "%s", e.text);
    for (int i = 0; i < nn_params_count(other->params); i++) {
        const nn_param *a = nn_params_at(other->params, i), *b = nn_params_find(m->params, a->name);
        bool same = memcmp(a->x, b->x, sizeof(float) * (size_t)a->count) == 0;

        if (a->ndim > 1)
            ck_assert_msg(same == (strncmp(a->name, "hubert.", 7) == 0), "%s", a->name);
    }
    ser_model_free(m);
    ser_model_free(other);
}
END_TEST

/* Every weight of the encoder must be there, unless what is drawn may stand in; the heads are nobody's concern. */
START_TEST(encoder_that_lacks_a_weight)
{
    const char *const lacking = "hubert.encoder.layers.1.attention.v_proj.bias";
    base_error e = BASE_ERROR_INIT;
    ser_model *m = new_model(false, 0, 0), *other = new_model(true, 0, 5);
    nn_save_tensor t[100];
    int n = 0;

    for (int i = 0; i < nn_params_count(m->params); i++) {
        const nn_param *q = nn_params_at(m->params, i);
        if (!strncmp(q->name, "hubert.", 7) && strcmp(q->name, lacking))
            t[n++] = (nn_save_tensor){ q->name, NN_F32, q->ndim, q->shape, q->x };
    }
    ck_assert_int_eq(nn_safetensors_save(files_path("model.safetensors"), t, n, NULL, 0, &e), BASE_OK);
    nn_params_init(other->params, 99);
    nn_params_find(other->params, lacking)->x[0] = 17;
    ck_assert_int_eq(ser_model_begin_with(other, files_path(""), false, false, &e), BASE_MISSING);
    ck_assert_ptr_nonnull(strstr(e.text, "1 missing: \"hubert.encoder.layers.1.attention.v_proj.bias\" [8]"));
    e.status = BASE_OK;
    ck_assert_int_eq(ser_model_begin_with(other, files_path(""), false, true, &e), BASE_OK);
    ck_assert_float_eq(nn_params_find(other->params, lacking)->x[0], 17);
    ck_assert_mem_eq(nn_params_find(other->params, t[n - 1].name)->x, t[n - 1].data, sizeof(float));
    ser_model_free(m);
    ser_model_free(other);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("recogniser");

    invent();
    unit_add(s, alone_and_in_company);
    unit_add_loop(s, accumulated_batches_equal_one, 3);
    unit_add(s, gradients);
    unit_add(s, unlabelled_are_masked);
    unit_add(s, lambda_zero_is_absent);
    unit_add(s, a_step_calls_malloc_nowhere);
    unit_add(s, moments_are_numbers);
    unit_add(s, augmentation);
    files_add(s, folder);
    files_add(s, flipped_bits_are_noticed);
    files_add(s, encoder_from_a_folder);
    files_add(s, encoder_that_lacks_a_weight);
    return s;
}

UNIT_MAIN(suite)
