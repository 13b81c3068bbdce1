/* Fusion: gradients of every kind, what its parts are, and company. */
#include <string.h>

#include "base/error.h"
#include "tests/unit/derivative.h"

enum { N = 3, ACOUSTIC = 12, LINGUISTIC = 8, CLASSES = 4 };

static const int64_t frames[N + 1] = { 0, 5, 6, 13 }, tokens[N + 1] = { 0, 3, 7, 9 };
static float sound[13 * ACOUSTIC], words[9 * LINGUISTIC];

typedef struct model {
    nn_fusion_config c;
    nn_params *params;
    nn_fusion *fusion;
    nn_tape   *tape;
    nn_tensor *gates[2];
} model;

static const nn_fusion_config shape = { .acoustic = ACOUSTIC, .linguistic = LINGUISTIC, .width = 8, .heads = 2, .eps = 1e-5f,
    .init = 0.4f, .dropout = 0.2f, .attention_dropout = 0.2f };

static model open_model(nn_fusion_config c)
{
    base_random r = base_random_at(1, 2, 3);
    base_error e = BASE_ERROR_INIT;
    model m = { .c = c, .params = nn_params_new() };

    for (int i = 0; i < 13 * ACOUSTIC; i++)
        sound[i] = (float)base_random_normal(&r, (uint64_t)i);
    for (int i = 0; i < 9 * LINGUISTIC; i++)
        words[i] = (float)base_random_normal(&r, (uint64_t)(i + 1000));
    nn_params_push(m.params, "fusion", 0);
    m.fusion = nn_fusion_new(m.params, &c);
    nn_params_pop(m.params);
    ck_assert_msg(!nn_params_build(m.params, &e), "%s", e.text);
    nn_params_init(m.params, 11);
    m.tape = nn_tape_new(NULL, &e);
    ck_assert_msg(m.tape != NULL, "%s", e.text);
    return m;
}

static void close_model(model *m)
{
    nn_tape_free(m->tape);
    nn_fusion_free(m->fusion);
    nn_params_free(m->params);
}

static nn_tensor *fuse(model *m)
{
    return nn_fusion_apply(m->tape, m->fusion, nn_input(m->tape, sound, 13, ACOUSTIC, N, frames),
        nn_input(m->tape, words, 9, LINGUISTIC, N, tokens), m->gates);
}

static nn_tensor *loss(nn_tape *t, void *data)
{
    return nn_cross_entropy(t, fuse(data), (const int[]){ 1, 7, 2 }, NULL);
}

/* Every kind, with every reading of the gate. */
static nn_fusion_config variant(int i)
{
    nn_fusion_config c = shape;

    c.kind = (nn_fusion_kind)(i % 6);
    c.one_sided = i / 6 & 1;
    c.sigmoid_first = i / 12 & 1;
    c.residual = i / 24;
    return c;
}

START_TEST(gradients_agree_with_differences)
{
    model m = open_model(variant(_i));

    derivative_check(m.tape, m.params, NN_RECORD, loss, &m, 2e-3);
    derivative_check(m.tape, m.params, NN_TRAIN, loss, &m, 2e-3);
    close_model(&m);
}
END_TEST

START_TEST(an_utterance_fuses_the_same_alone)
{
    model m = open_model(variant(_i));
    float together[N * 8];

    nn_tape_begin(m.tape, NN_INFER, 0);
    memcpy(together, fuse(&m)->x, sizeof together);
    for (int u = 0; u < N; u++) {
        int64_t f[] = { 0, frames[u + 1] - frames[u] }, w[] = { 0, tokens[u + 1] - tokens[u] };

        nn_tape_begin(m.tape, NN_INFER, 0);
        nn_tensor *y = nn_fusion_apply(m.tape, m.fusion, nn_input(m.tape, sound + frames[u] * ACOUSTIC, f[1], ACOUSTIC, 1, f),
            nn_input(m.tape, words + tokens[u] * LINGUISTIC, w[1], LINGUISTIC, 1, w), NULL);
        ck_assert_ptr_nonnull(y);
        for (int i = 0; i < 8; i++)
            ck_assert_float_eq_tol(y->x[i], together[u * 8 + i], 1e-5f);
    }
    close_model(&m);
}
END_TEST

/* Eq. 2, by hand: W (mean of sound (+) mean of words) + b; of equal width, nothing is projected. */
START_TEST(concatenation_is_equation_2)
{
    nn_fusion_config c = shape;
    c.kind = NN_FUSE_CONCAT;
    c.acoustic = c.width = c.linguistic;
    model m = open_model(c);
    const nn_param *w = nn_params_find(m.params, "fusion.out.weight");

    ck_assert_int_eq(nn_params_count(m.params), 2);
    nn_tape_begin(m.tape, NN_INFER, 0);
    nn_tensor *y = nn_fusion_apply(m.tape, m.fusion, nn_input(m.tape, sound, 13, 8, N, frames),
        nn_input(m.tape, words, 9, 8, N, tokens), NULL);
    for (int u = 0; u < N; u++)
        for (int o = 0; o < 8; o++) {
            double sum = 0;

            for (int i = 0; i < 8; i++) {
                double a = 0, l = 0;

                for (int64_t f = frames[u]; f < frames[u + 1]; f++)
                    a += (double)sound[f * 8 + i] / (double)(frames[u + 1] - frames[u]);
                for (int64_t k = tokens[u]; k < tokens[u + 1]; k++)
                    l += (double)words[k * 8 + i] / (double)(tokens[u + 1] - tokens[u]);
                sum += a * w->x[o * 16 + i] + l * w->x[o * 16 + 8 + i];
            }
            ck_assert_float_eq_tol(y->x[u * 8 + o], (float)sum, 1e-5f);
        }
    close_model(&m);
}
END_TEST

/* Gates that are 1 everywhere leave the self-attended features and nothing of the cross-attended ones, and the other way
 * round; so what the gate values mean is what figure 3 says. */
START_TEST(a_gate_chooses_between_the_sides)
{
    nn_fusion_config c = shape;
    c.kind = NN_FUSE_TGF;
    model m = open_model(c);

    for (int side = 0; side < 2; side++) {
        const char *name = side ? "linguistic" : "acoustic";
        char key[80];
        float open[N * 8];

        snprintf(key, sizeof key, "fusion.%s.gate.bias", name);
        for (int i = 0; i < 8; i++)
            nn_params_find(m.params, key)->x[i] = 50;
        nn_tape_begin(m.tape, NN_INFER, 0);
        memcpy(open, fuse(&m)->x, sizeof open);
        nn_tape_begin(m.tape, NN_RECORD, 0);
        ck_assert_ptr_nonnull(fuse(&m));
        ck_assert_float_eq_tol(m.gates[side]->x[0], 1, 1e-6f);
        snprintf(key, sizeof key, "fusion.%s.cross.out.weight", name);      /* what is shut out may be anything */
        for (int i = 0; i < 64; i++)
            nn_params_find(m.params, key)->x[i] *= -3;
        nn_tape_begin(m.tape, NN_INFER, 0);
        ck_assert_mem_eq(fuse(&m)->x, open, sizeof open);
    }
    close_model(&m);
}
END_TEST

START_TEST(kinds_have_names)
{
    nn_fusion_kind kind;

    for (int i = 0; i <= NN_FUSE_TGF_GATE; i++) {
        ck_assert(nn_fusion_kind_of(nn_fusion_name((nn_fusion_kind)i), &kind));
        ck_assert_int_eq(kind, i);
    }
    ck_assert(!nn_fusion_kind_of("sum", &kind));
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("fusion");
    TCase *c = tcase_create("fusion");

    tcase_add_loop_test(c, gradients_agree_with_differences, 0, 48);
    tcase_add_loop_test(c, an_utterance_fuses_the_same_alone, 0, 48);
    tcase_add_test(c, concatenation_is_equation_2);
    tcase_add_test(c, a_gate_chooses_between_the_sides);
    tcase_add_test(c, kinds_have_names);
    suite_add_tcase(s, c);
    return s;
}

UNIT_MAIN(suite)
