/* The random operators' statistics: SpecAugment's rules about spans, layer drop's and dropout's rates. */
#include "tests/unit/weigh.h"

enum { C = 40 };

/* 1000, 0, 9, 10, 57 frames. */
static const int64_t begin[] = { 0, 1000, 1000, 1009, 1019, 1076 };
static const int utterances = 5;

static nn_tensor *ones(nn_tape *t, float value)
{
    nn_tensor *x = nn_input_grad(t, NULL, begin[utterances], C, utterances, begin);

    for (int64_t i = 0; i < nn_numel(x); i++)
        x->x[i] = value;
    return x;
}

/* Masked frames of utterance u of y, whose columns are all alike. */
static int64_t masked_frames(const nn_tensor *y, int u)
{
    int64_t n = 0;

    for (int64_t r = begin[u]; r < begin[u + 1]; r++)
        n += y->x[r * C] != 1.0f;
    return n;
}

START_TEST(spans_follow_the_rules)
{
    nn_tape *t = new_tape();
    nn_mask_options o = { 0.3f, 10, 2, 0.0f, 10, 0, NULL };
    double frames = 0.0;

    for (uint64_t step = 0; step < 50; step++) {
        nn_tape_begin(t, NN_RANDOM, step);
        nn_tensor *embed = nn_input(t, NULL, 1, C, 0, NULL), *x = ones(t, 1.0f);
        for (int c = 0; c < C; c++)
            embed->x[c] = 7.0f;
        nn_tensor *y = nn_spec_augment(t, x, embed, &o, "site");
        ck_assert_ptr_nonnull(y);
        for (int64_t i = 0; i < nn_numel(y); i++)
            ck_assert_msg(y->x[i] == (y->x[i / C * C] == 1.0f ? 1.0f : 7.0f), "frame %ld is mixed", (long)(i / C));
        int64_t n = masked_frames(y, 0);
        ck_assert_int_ge(n, 10 + 29);       /* 30 distinct starts at least */
        ck_assert_int_le(n, 310);           /* 31 spans of 10 frames at most */
        frames += (double)n;
        ck_assert_int_eq(masked_frames(y, 2), 0);       /* shorter than a span */
        ck_assert_int_eq(masked_frames(y, 3), 10);      /* one span fits, though two are the least */
        ck_assert_int_ge(masked_frames(y, 4), 11);      /* two distinct starts at least */
    }
    /* A frame stays when none of its 10 starts is among the 30 of 991: (1 - 10 / 991)^30, a little more at the ends. */
    ck_assert_double_eq_tol(frames / 50, 1000 * (1 - 0.738), 8);
    nn_tape_free(t);
}
END_TEST

START_TEST(columns_become_zero_by_utterance)
{
    nn_tape *t = new_tape();
    nn_mask_options o = { 0.0f, 10, 2, 0.5f, 4, 1, NULL };
    bool differ = false;

    nn_tape_begin(t, NN_RANDOM, 0);
    nn_tensor *y = nn_spec_augment(t, ones(t, 1.0f), NULL, &o, "site");
    for (int u = 0; u < utterances; u++) {
        int zero = 0;
        for (int c = 0; c < C && begin[u] < begin[u + 1]; c++) {
            zero += y->x[begin[u] * C + c] == 0.0f;
            differ = differ || y->x[begin[u] * C + c] != y->x[c];
            for (int64_t r = begin[u]; r < begin[u + 1]; r++)
                ck_assert_float_eq(y->x[r * C + c], y->x[begin[u] * C + c]);
        }
        ck_assert(begin[u] == begin[u + 1] || (zero >= 4 + 4 && zero <= 24));      /* 5 or 6 spans of 4 */
    }
    ck_assert(differ);
    nn_tape_free(t);
}
END_TEST

START_TEST(identity_unless_random)
{
    nn_tape *t = new_tape();
    nn_mask_options o = { 0.5f, 2, 1, 0.5f, 2, 1, NULL };

    nn_tape_begin(t, NN_RECORD, 0);
    nn_tensor *x = ones(t, 1.0f);
    ck_assert_ptr_eq(nn_spec_augment(t, x, NULL, &o, "site"), x);
    ck_assert_ptr_eq(nn_dropout(t, x, 0.5f, "site"), x);
    ck_assert(!nn_layer_drop(t, 1.0f, "site"));
    nn_tape_begin(t, NN_RANDOM, 0);
    x = ones(t, 1.0f);
    o = (nn_mask_options){ 0.0f, 10, 2, 0.0f, 10, 2, NULL };      /* probability 0 means none, whatever the least */
    ck_assert_ptr_eq(nn_spec_augment(t, x, NULL, &o, "site"), x);
    o.time_prob = 0.1f;
    o.time_length = 0;
    ck_assert_ptr_null(nn_spec_augment(t, x, NULL, &o, "site"));
    ck_assert_int_eq(nn_tape_error(t)->status, BASE_VALUE);
    nn_tape_free(t);
}
END_TEST

/* HuBERT's masks for pre-training, 8 % of the frames as starts of spans of 10: drawn the same by name, as many as they cover,
 * and put where they say in any mode, with gradients for what replaces the frames and for the frames left. */
START_TEST(given_frames_are_replaced)
{
    nn_tape *t = new_tape();
    nn_mask_options o = { 0.8f, 10, 2, 0.0f, 10, 0, NULL };
    unsigned char mask[1076], again[1000];
    double share = 0.0;

    for (uint64_t step = 0; step < 100; step++) {
        int64_t n = nn_mask_frames(&o, 5, step, "utt", 1000, mask), counted = 0;

        for (int i = 0; i < 1000; i++) {
            ck_assert(mask[i] <= 1);
            counted += mask[i];
        }
        ck_assert_int_eq(n, counted);
        ck_assert_int_eq(nn_mask_frames(&o, 5, step, "utt", 1000, again), n);
        ck_assert_mem_eq(mask, again, 1000);
        nn_mask_frames(&o, 5, step, "other", 1000, again);
        ck_assert(memcmp(mask, again, 1000) != 0);
        share += (double)n / 1000;
    }
    /* A frame stays when none of its 10 starts is among the 80 of 991: about (1 - 80 / 991)^10, a little more at the ends. */
    ck_assert_double_eq_tol(share / 100, 1 - 0.4325, 0.005);
    ck_assert_int_eq(nn_mask_frames(&o, 5, 1, "utt", 9, again), 0);
    memset(mask, 0, sizeof mask);
    mask[3] = mask[1075] = 1;
    o.frames = mask;
    nn_tape_begin(t, NN_RECORD, 0);
    nn_tensor *embed = nn_input_grad(t, NULL, 1, C, 0, NULL), *x = ones(t, 1.0f);
    for (int c = 0; c < C; c++)
        embed->x[c] = 7.0f;
    nn_tensor *y = nn_spec_augment(t, x, embed, &o, "site");
    nn_tape_retain(t, y);
    weigh(t, y);
    for (int64_t i = 0; i < nn_numel(y); i++) {
        bool masked = i / C == 3 || i / C == 1075;
        ck_assert_float_eq(y->x[i], masked ? 7.0f : 1.0f);
        ck_assert_float_eq(x->dx[i], masked ? 0.0f : weigh_weight(i));
    }
    for (int c = 0; c < C; c++)
        ck_assert_double_eq_tol(embed->dx[c], weigh_weight(3 * C + c) + weigh_weight(1075 * C + c), 1e-5);
    nn_tape_free(t);
}
END_TEST

/* Backward draws the mask of forward; another site and another step draw other masks. */
START_TEST(dropout_repeats_itself_by_name)
{
    nn_tape *t = new_tape();
    float *first = normals(1, begin[utterances] * C, 0.0);
    int64_t n = begin[utterances] * C, kept = 0;

    for (uint64_t step = 0; step < 3; step++) {
        nn_tape_begin(t, NN_TRAIN, step / 2);
        nn_tensor *x = ones(t, 1.0f), *y = nn_dropout(t, x, 0.2f, step == 1 ? "other" : "site");
        int64_t same = 0;
        nn_tape_retain(t, y);
        weigh(t, y);
        for (int64_t i = 0; i < n; i++) {
            ck_assert(y->x[i] == 0.0f || y->x[i] == 1.25f);
            ck_assert_float_eq(x->dx[i], y->x[i] * weigh_weight(i));
            same += y->x[i] == first[i];
            kept += step == 0 && y->x[i] > 0.0f;
        }
        if (step == 0)
            memcpy(first, y->x, (size_t)n * sizeof *first);
        else
            ck_assert_double_eq_tol((double)same / (double)n, 0.68, 0.015);     /* 0.8^2 + 0.2^2 */
    }
    ck_assert_double_eq_tol((double)kept / (double)n, 0.8, 5 * sqrt(0.16 / (double)n));
    free(first);
    nn_tape_free(t);
}
END_TEST

START_TEST(layers_are_dropped_at_their_rate)
{
    nn_tape *t = new_tape();
    int dropped = 0;

    for (uint64_t step = 0; step < 1000; step++) {
        nn_tape_begin(t, NN_RANDOM, step);
        dropped += nn_layer_drop(t, 0.1f, "layer_drop");
        ck_assert(!nn_layer_drop(t, 0.0f, "layer_drop"));
    }
    ck_assert_int_ge(dropped, 100 - 48);        /* five standard deviations */
    ck_assert_int_le(dropped, 100 + 48);
    nn_tape_free(t);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("random operators");

    unit_add(s, spans_follow_the_rules);
    unit_add(s, columns_become_zero_by_utterance);
    unit_add(s, identity_unless_random);
    unit_add(s, given_frames_are_replaced);
    unit_add(s, dropout_repeats_itself_by_name);
    unit_add(s, layers_are_dropped_at_their_rate);
    return s;
}

UNIT_MAIN(suite)
