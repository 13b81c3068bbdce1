/* A whole training step, of HuBERT in both variants with CTC, emotion and BERT on the other side: it calls malloc
 * nowhere, its memory does not grow, it depends on seed and step alone, and with too little memory it fails cleanly at
 * every limit. */
#include <math.h>
#include <string.h>
#include <sys/resource.h>

#include "libnn/nn.h"
#include "tests/unit/malloc_count.h"
#include "tests/unit/unit.h"

#define UTTERANCES 4
#define WIDTH 24
#define VOCAB 8

typedef struct recogniser {
    nn_params *params;
    nn_hubert *hubert;
    nn_bert    *bert;
    nn_decoder *decoder;
    nn_tensor *ctc_w, *ctc_b, *emotion_w, *cross_q, *cross_kv;
    nn_adam   *adam;
} recogniser;

static nn_hubert_config config_of(bool large)
{
    return (nn_hubert_config){
        .encoder = { .width = WIDTH, .layers = 2, .heads = 3, .inner = 40, .eps = 1e-5f, .pre_norm = large,
            .dropout = 0.1f, .attention_dropout = 0.1f, .activation_dropout = 0.1f, .layer_drop = 0.2f, .init = 0.02f },
        .layer_norm_features = large, .conv_bias = large, .project_norm = true, .n_conv = 3, .conv_dim = { 8, 8, 8 },
        .conv_kernel = { 10, 3, 2 }, .conv_stride = { 5, 2, 2 }, .project_dropout = 0.1f, .final_dropout = 0.1f,
        .pos_kernel = 4, .pos_groups = 2, .spec_augment = true, .mask = { .time_prob = 0.2f, .time_length = 2, .time_min = 1,
            .feature_prob = 0.1f, .feature_length = 2, .feature_min = 1 },
        .vocab_size = VOCAB };
}

static const nn_bert_config bert_config = {
    .encoder = { .width = WIDTH, .layers = 1, .heads = 3, .inner = 40, .eps = 1e-12f, .dropout = 0.1f,
        .attention_dropout = 0.1f, .init = 0.02f },
    .vocab_size = 20, .max_positions = 5, .type_vocab_size = 2, .tied = true,
};

static nn_tensor *matrix(recogniser *k, const char *name, int rows, int cols)
{
    return nn_params_add(k->params, (nn_init){ NN_INIT_NORMAL, 0.1f }, name, 2, (const int64_t[]){ rows, cols });
}

static recogniser make(bool large)
{
    nn_hubert_config c = config_of(large);
    nn_adam_options o = NN_ADAM_DEFAULTS;
    base_error e = BASE_ERROR_INIT;
    recogniser k = { .params = nn_params_new() };

    k.hubert = nn_hubert_new(k.params, &c);
    k.ctc_w = matrix(&k, "lm_head.weight", VOCAB, WIDTH);
    k.ctc_b = nn_params_add(k.params, (nn_init){ NN_INIT_ZERO, 0 }, "lm_head.bias", 1, (const int64_t[]){ VOCAB });
    k.emotion_w = matrix(&k, "emotion.weight", 4, 2 * WIDTH);
    nn_params_push(k.params, "bert", 0);
    k.bert = nn_bert_new(k.params, &bert_config, true);
    nn_params_pop(k.params);
    nn_bert_add_word_head(k.params, k.bert);
    nn_params_push(k.params, "decoder", 0);
    k.decoder = nn_decoder_new(k.params, &bert_config, nn_bert_table(k.bert));
    nn_params_pop(k.params);
    k.cross_q = matrix(&k, "cross.q.weight", WIDTH, WIDTH);
    k.cross_kv = matrix(&k, "cross.{k,v}.weight", WIDTH, WIDTH);
    ck_assert_msg(k.hubert && k.bert && k.decoder && !nn_params_build(k.params, &e), "%s", e.text);
    nn_params_init(k.params, 1);
    k.adam = nn_adam_new(k.params, &o, &e);
    ck_assert_msg(k.adam != NULL, "%s", e.text);
    return k;
}

static void drop(recogniser *k)
{
    nn_adam_free(k->adam);
    nn_bert_free(k->bert);
    nn_hubert_free(k->hubert);
    nn_decoder_free(k->decoder);
    nn_params_free(k->params);
}

#define PLENTY ((size_t)64 << 20)       /* bytes */

static nn_tape *tape_of(size_t memory)
{
    base_error e = BASE_ERROR_INIT;
    nn_tape *t = nn_tape_new(&(nn_tape_options){ .memory = memory, .seed = 1 }, &e);

    ck_assert_msg(t != NULL, "%s", e.text);
    return t;
}

/* Speech of a batch: which one changes every length. */
static nn_tensor *speech(nn_tape *t, int which)
{
    static float wave[8000];
    int64_t begin[] = { 0, 400, 1200 + 100 * which, 2000 + 150 * which, 2700 };

    for (int i = 0; i < 8000; i++)
        wave[i] = sinf((float)(i % 97 * (i % 13)));
    return nn_input_wrap(t, wave, begin[UTTERANCES], 1, UTTERANCES, begin);
}

/* The loss of a batch: CTC, a masked word, the words written, the emotion of speech and of its words, the likeness of both. */
static nn_tensor *loss_of(nn_tape *t, const recogniser *k, int which)
{
    static const int labels[] = { 1, 2, 2, 3, 4, 7, 5 }, emotions[] = { 0, 3, 1, 1 };
    static const int words[] = { 3, 1, 4, 1, 5, 9, 6 }, masked[] = { -100, 7, -100, -100, 2, -100, 6 };
    static const int64_t label_begin[] = { 0, 3, 3, 6, 7 }, word_begin[] = { 0, 2, 3, 6, 7 };
    nn_tensor *x = nn_hubert_features(t, k->hubert, speech(t, which)), *text, *h, *loss;

    x = nn_hubert_encode(t, k->hubert, x, -1);
    loss = nn_ctc_loss(t, nn_linear(t, x, k->ctc_w, k->ctc_b), labels, label_begin, NULL, NULL);
    text = nn_bert_encode(t, k->bert, nn_bert_embed(t, k->bert, words, NULL, UTTERANCES, word_begin), -1);
    loss = nn_add(t, loss, nn_cross_entropy(t, nn_bert_words(t, k->bert, text), masked, NULL));
    h = nn_decoder_words(t, k->decoder, nn_decoder_states(t, k->decoder, words, UTTERANCES, word_begin, x, -1));
    loss = nn_add(t, loss, nn_cross_entropy(t, h, words, NULL));
    h = nn_linear(t, text, k->cross_kv, NULL);
    h = nn_mean_pool(t, nn_cross_attention(t, nn_linear(t, x, k->cross_q, NULL), h, 3, 0.1f, "cross"));
    loss = nn_add(t, loss, nn_contrastive_loss(t, h, nn_bert_pool(t, k->bert, text), 0.1f, NULL));
    h = nn_linear(t, nn_concat(t, h, nn_mean_pool(t, x)), k->emotion_w, NULL);
    return nn_add(t, loss, nn_cross_entropy(t, h, emotions, NULL));
}

/* No assertion inside: Check's call malloc. BASE_VALUE: the loss is not finite. */
static base_status step(nn_tape *t, const recogniser *k, int i)
{
    nn_tensor *loss;
    base_status status;

    nn_params_zero_grads(k->params);
    nn_tape_begin(t, NN_TRAIN, (uint64_t)i);
    loss = loss_of(t, k, i % 3);
    status = nn_tape_backward(t, loss);
    if (status)
        return status;
    nn_adam_step(k->adam, 1e-3, nn_clip_factor(nn_grad_norm(k->params), 1.0));
    return isfinite(loss->x[0]) ? BASE_OK : BASE_VALUE;
}

/* Where malloc cannot be counted (sanitizers), the count stays 0 and this test says nothing. */
START_TEST(a_step_calls_no_malloc)
{
    recogniser k = make(_i);
    nn_tape *t = tape_of(PLENTY);
    base_status status = step(t, &k, 0);
    long before = malloc_count, after;

    for (int i = 1; i < 13 && !status; i++)
        status = step(t, &k, i);
    after = malloc_count;
    ck_assert_msg(!status, "%s", nn_tape_error(t) ? nn_tape_error(t)->text : "");
    ck_assert(!MALLOC_COUNTED || before > 0);
    ck_assert_int_eq(after - before, 0);
    nn_tape_free(t);
    drop(&k);
}
END_TEST

START_TEST(memory_does_not_grow)
{
    recogniser k = make(_i);
    nn_tape *t = tape_of(PLENTY);
    size_t peak = 0;

    for (int i = 0; i < 120; i++) {
        ck_assert_int_eq(step(t, &k, i), BASE_OK);
        if (i == 59)
            peak = nn_tape_peak(t);
    }
    ck_assert_uint_eq(nn_tape_peak(t), peak);
    nn_tape_free(t);
    drop(&k);
}
END_TEST

/* Steps on one tape do not see each other: a step on a new tape makes the same bytes. */
START_TEST(a_step_depends_on_nothing_before_it)
{
    recogniser a = make(_i), b = make(_i);
    nn_tape *t = tape_of(PLENTY);

    for (int i = 0; i < 5; i++) {
        nn_tape *other = tape_of(PLENTY);
        ck_assert_int_eq(step(t, &a, i), BASE_OK);
        ck_assert_int_eq(step(other, &b, i), BASE_OK);
        nn_tape_free(other);
    }
    ck_assert_mem_eq(nn_params_values(a.params), nn_params_values(b.params),
        (size_t)nn_params_trainable(a.params) * sizeof(float));
    nn_tape_free(t);
    drop(&a);
    drop(&b);
}
END_TEST

/* After the failure the tape is as good as new. */
static void use_after_failure(nn_tape *t)
{
    float x[] = { -1, 2 };
    nn_tensor *y;

    nn_tape_begin(t, NN_INFER, 0);
    y = nn_relu(t, nn_input_wrap(t, x, 1, 2, 0, NULL));
    ck_assert_msg(y && y->x[0] == 0.0f && y->x[1] == 2.0f, "%s", nn_tape_error(t) ? nn_tape_error(t)->text : "");
}

START_TEST(too_little_memory_is_an_error_at_every_limit)
{
    recogniser k = make(_i);
    base_status status = BASE_NO_MEMORY;
    int failures = 0;

    for (size_t memory = 1024; status; memory += 1024) {
        nn_tape *t = tape_of(memory);

        status = step(t, &k, 0);
        ck_assert_msg(status == BASE_OK || status == BASE_NO_MEMORY, "%zu bytes: %s", memory,
            nn_tape_error(t) ? nn_tape_error(t)->text : "");
        if (status)
            use_after_failure(t);
        failures += status != BASE_OK;
        nn_tape_free(t);
    }
    ck_assert_int_gt(failures, 20);
    drop(&k);
}
END_TEST

#if MALLOC_COUNTED      /* sanitizers need more address space than there is */
/* Where the system allows less than the machine has, a default tape takes less, computes, and names that limit when it is
 * full. _i: address space is limited, as by Grid Engine; or what may be written, as where nothing is overcommitted. */
START_TEST(a_default_tape_takes_what_the_system_leaves)
{
    rlim_t most = (rlim_t)3 << 30;
    recogniser k = make(true);
    base_error e = BASE_ERROR_INIT;
    nn_tape *t;

    ck_assert_int_eq(setrlimit(_i ? RLIMIT_DATA : RLIMIT_AS, &(struct rlimit){ most, most }), 0);
    t = nn_tape_new(NULL, &e);
    ck_assert_msg(t != NULL, "%s", e.text);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(step(t, &k, i), BASE_OK);
    nn_tape_begin(t, NN_INFER, 0);
    ck_assert_ptr_null(nn_input(t, NULL, (int64_t)most / 4, 1, 0, NULL));
    ck_assert_int_eq(nn_tape_error(t)->status, BASE_NO_MEMORY);
    ck_assert_msg(strstr(nn_tape_error(t)->text, _i ? "ulimit -d" : "ulimit -v") != NULL, "%s", nn_tape_error(t)->text);
    use_after_failure(t);
    nn_tape_free(t);
    drop(&k);
}
END_TEST
#endif

static Suite *suite(void)
{
    Suite *s = suite_create("step");
    TCase *c = tcase_create("step");

    tcase_set_timeout(c, 60);
    tcase_add_loop_test(c, a_step_calls_no_malloc, 0, 2);
    tcase_add_loop_test(c, memory_does_not_grow, 0, 2);
    tcase_add_loop_test(c, a_step_depends_on_nothing_before_it, 0, 2);
    tcase_add_loop_test(c, too_little_memory_is_an_error_at_every_limit, 0, 2);
#if MALLOC_COUNTED
    tcase_add_loop_test(c, a_default_tape_takes_what_the_system_leaves, 0, 2);
#endif
    suite_add_tcase(s, c);
    return s;
}

UNIT_MAIN(suite)
