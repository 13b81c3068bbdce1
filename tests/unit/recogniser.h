/* Six utterances of invented log-mel rows and a recogniser for them, small enough for a test to try everything. */
#ifndef SERIN_TESTS_RECOGNISER_H
#define SERIN_TESTS_RECOGNISER_H

#include <math.h>
#include <string.h>

#include "base/random.h"
#include "recipes/ser.h"
#include "tests/unit/unit.h"

enum { UTTERANCES = 6, BINS = 4, STACK = 2, COLS = BINS * STACK };

static int64_t rows[UTTERANCES] = { 9, 30, 1, 17, 44, 12 };
static double  seconds[UTTERANCES];
static float  *features[UTTERANCES];
static ser_features inputs = { .cols = COLS, .variants = 1, .n = UTTERANCES, .rows = rows, .seconds = seconds, .x = features };
static const char *const key[UTTERANCES] = { "u0", "u1", "u2", "u3", "u4", "u5" };
static const int emotion[UTTERANCES] = { 0, 2, 1, NN_IGNORE, 2, 0 }, gender[UTTERANCES] = { 0, 1, 1, 0, NN_IGNORE, 1 };
static ser_utterance utterances[UTTERANCES];
static ser_data data = { .n = UTTERANCES, .utt = utterances };
static int characters[] = { 5, 6, 5, 5, 4, 6 };

/* Log-mel-like rows, labels, and texts of 2 or 3 characters (too many for the one row of u2). */
static inline void invent(void)
{
    base_random r = base_random_at(7, 8, 9);
    uint64_t drawn = 0;

    for (int i = 0; i < UTTERANCES; i++) {
        features[i] = malloc(sizeof(float) * (size_t)rows[i] * COLS);
        for (int64_t j = 0; j < rows[i] * COLS; j++)
            features[i][j] = (float)(10 + 3 * base_random_normal(&r, drawn++));
        utterances[i] = (ser_utterance){ .key = key[i], .speaker = "", .label = { emotion[i], gender[i], NN_IGNORE },
            .ctc = { .label = characters + i % 3, .n = 2 + i % 2 } };
    }
}

static inline tx_vocab *vocabulary(void)
{
    tx_entry entry = { "u", "A B", 1 };
    base_error e = BASE_ERROR_INIT;
    tx_vocab *v = tx_vocab_build(&(tx_table){ .entry = &entry, .n = 1 }, &e);

    ck_assert_msg(v != NULL, "%s", e.text);
    ck_assert_int_eq(tx_vocab_size(v), 7);
    return v;
}

static inline ser_model *new_model(bool with_gender, float dropout, int hidden)
{
    base_error e = BASE_ERROR_INIT;
    ser_config c = ser_config_defaults();
    ser_names names = { .vocab = vocabulary() };
    ser_model_config mc;
    ser_model *m;

    c.width = 8, c.heads = 2, c.inner = 16, c.layers = 2, c.pos_kernel = 3, c.pos_groups = 2, c.bins = BINS, c.stack = STACK;
    c.dropout = c.attention_dropout = c.activation_dropout = c.head_dropout = (double)dropout;
    c.init = 0.3;
    c.head_hidden = hidden;
    for (int i = 0; i < 3; i++)
        ser_labels_add(&names.task[SER_EMOTION], (const char *[]){ "ang", "hap", "sad" }[i], &e);
    for (int i = 0; i < 2 && with_gender; i++)
        ser_labels_add(&names.task[SER_GENDER], (const char *[]){ "f", "m" }[i], &e);
    ck_assert_int_eq(ser_model_configure(&c, &mc, &e), BASE_OK);
    m = ser_model_new(&mc, &names, SER_TRAIN_ALL, &e);
    ck_assert_msg(m != NULL, "%s", e.text);
    nn_params_init(m->params, 3);
    ck_assert_int_eq(ser_features_moments(&inputs, m->mean->x, m->scale->x, &e), BASE_OK);
    return m;
}

static inline void fill(ser_batch *b, const ser_model *m, const ser_item *item, int64_t n, const ser_augment *a)
{
    base_error e = BASE_ERROR_INIT;
    ser_plan all;

    ck_assert_int_eq(ser_plan_make(&all, &inputs, 1000, 0, 1, 0, -1, &e), BASE_OK);
    ck_assert_int_eq(ser_batch_reserve(b, &data, 0, &inputs, &all, &e), BASE_OK);
    ck_assert_int_eq(ser_batch_fill(b, m, &data, 0, &inputs, item ? item : all.item, n, a, &e), BASE_OK);
    ser_plan_free(&all);
}

static inline nn_tape *new_tape(void)
{
    base_error e = BASE_ERROR_INIT;
    nn_tape *t = nn_tape_new(NULL, &e);

    ck_assert_msg(t != NULL, "%s", e.text);
    return t;
}

#endif
