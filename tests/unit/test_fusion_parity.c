/* Values and gradients of what is the paper's own, against PyTorch (tests/parity/make_fusion.py): every form of fusion, adapters and LoRA
 * in a layer of BERT, the contrastive loss. */
#include "tests/unit/parity.h"

enum { FUSIONS = 25, LAYERS = 6, NAME = 120 };

typedef struct job { nn_safetensors *s; nn_params *params; nn_tape *tape; char prefix[8]; } job;

static job open_job(char kind, int which)
{
    base_error e = BASE_ERROR_INIT;
    job j = { parity_open("fusion"), nn_params_new(), nn_tape_new(NULL, &e), "" };

    ck_assert_msg(j.params && j.tape, "%s", e.text);
    snprintf(j.prefix, sizeof j.prefix, "%c%d.", kind, which);
    return j;
}

static void close_job(job *j)
{
    nn_tape_free(j->tape);
    nn_params_free(j->params);
    nn_safetensors_close(j->s);
}

static const nn_file_tensor *find(const job *j, const char *what, const char *name)
{
    char whole[2 * NAME];

    snprintf(whole, sizeof whole, "%s%s%s", j->prefix, what, name);
    return nn_safetensors_find(j->s, whole);
}

static const float *values(const job *j, const char *name)
{
    const nn_file_tensor *f = find(j, "", name);

    ck_assert_msg(f != NULL, "no %s%s", j->prefix, name);
    return f->data;
}

/* Weights as the reference has them; nothing of it may be left, nor anything lack but BERT's embeddings. */
static void take_weights(job *j)
{
    base_error e = BASE_ERROR_INIT;
    int taken = 0, there = 0;

    ck_assert_msg(!nn_params_build(j->params, &e), "%s", e.text);
    for (int i = 0; i < nn_params_count(j->params); i++) {
        const nn_param *p = nn_params_at(j->params, i);
        const nn_file_tensor *f = find(j, "", p->name);

        ck_assert_msg(f || !strncmp(p->name, "embeddings.", 11), "no %s%s", j->prefix, p->name);
        if (f) {
            ck_assert_int_eq(f->count, p->count);
            memcpy(p->x, f->data, f->bytes);
            taken++;
        }
    }
    for (int i = 0; i < nn_safetensors_count(j->s); i++) {
        const char *name = nn_safetensors_at(j->s, i)->name;

        there += !strncmp(name, j->prefix, strlen(j->prefix)) && strstr(name, ".grad.");
    }
    ck_assert_int_eq(taken, there);
}

static void check(const job *j, const nn_tensor *y)
{
    const nn_file_tensor *f = find(j, "", "y");

    ck_assert_msg(y != NULL, "%s%s", j->prefix, nn_tape_error(j->tape) ? nn_tape_error(j->tape)->text : "nothing");
    ck_assert_int_eq(nn_numel(y), f->count);
    ck_assert_msg(parity_distance(y->x, f, 1e-9) <= 1e-5, "%s: y differs by %g of its scale", j->prefix, parity_distance(y->x, f, 1e-9));
}

/* Of the sum of squares; what is below 0.1, like that of a bias of keys, which changes nothing, to 1e-5. */
static void check_gradients(const job *j, nn_tensor *y)
{
    nn_tensor *loss = nn_scale(j->tape, nn_mean_square(j->tape, y), (float)nn_numel(y));

    nn_params_zero_grads(j->params);
    ck_assert_int_eq(nn_tape_backward(j->tape, loss), BASE_OK);
    for (int i = 0; i < nn_params_count(j->params); i++) {
        const nn_param *p = nn_params_at(j->params, i);
        const nn_file_tensor *f = find(j, "grad.", p->name);

        if (f) {
            double d = parity_distance(p->dx, f, 0.1);

            ck_assert_msg(d <= 1e-4, "%s: the gradient of %s differs by %g of its scale", j->prefix, p->name, d);
        }
    }
}

START_TEST(fusion)
{
    static const int64_t frames[] = { 0, 5, 6, 13 }, tokens[] = { 0, 3, 7, 9 };
    job j = open_job('f', _i);
    const float *form = values(&j, "form");
    nn_fusion_config c = { .kind = (nn_fusion_kind)form[0], .acoustic = 6, .linguistic = 4, .width = 4, .heads = 2, .residual = form[1] > 0,
        .one_sided = form[2] > 0, .sigmoid_first = form[3] > 0, .eps = 1e-5f, .init = 1 };
    nn_fusion *m = nn_fusion_new(j.params, &c);
    nn_tensor *y;

    take_weights(&j);
    nn_tape_begin(j.tape, NN_RECORD, 0);
    y = nn_fusion_apply(j.tape, m, nn_input(j.tape, values(&j, "speech"), 13, 6, 3, frames), nn_input(j.tape, values(&j, "words"), 9, 4, 3, tokens),
        NULL);
    check(&j, y);
    check_gradients(&j, y);
    nn_fusion_free(m);
    close_job(&j);
}
END_TEST

START_TEST(adapters_and_lora)
{
    static const int64_t begin[] = { 0, 3, 8 };
    job j = open_job('l', _i);
    const float *form = values(&j, "form");
    nn_bert_config c = { .encoder = { .width = 4, .layers = 1, .heads = 2, .inner = 6, .eps = 1e-5f, .init = 1, .adapter = form[0] > 0 ? 3 : 0,
        .adapter_attention = form[0] > 1, .adapter_gelu = form[1] > 0, .lora = form[2] > 0 ? 2 : 0, .lora_alpha = form[2] }, .max_positions = 4,
        .type_vocab_size = 1, .vocab_size = 2 };
    nn_bert *m = nn_bert_new(j.params, &c, false);
    nn_tensor *y;

    take_weights(&j);
    nn_tape_begin(j.tape, NN_RECORD, 0);
    y = nn_bert_encode(j.tape, m, nn_input(j.tape, values(&j, "x"), 8, 4, 2, begin), -1);
    check(&j, y);
    check_gradients(&j, y);
    nn_bert_free(m);
    close_job(&j);
}
END_TEST

/* Without an alpha LoRA is multiplied by 1, which an alpha as large as the rank says. */
START_TEST(no_alpha_is_the_rank)
{
    static const int64_t begin[] = { 0, 3, 8 };
    job j = open_job('l', 4);
    nn_bert_config c = { .encoder = { .width = 4, .layers = 1, .heads = 2, .inner = 6, .eps = 1e-5f, .init = 1, .lora = 2 }, .max_positions = 4,
        .type_vocab_size = 1, .vocab_size = 2 };
    nn_bert *m = nn_bert_new(j.params, &c, false);

    ck_assert_float_eq(values(&j, "form")[2], 2);
    take_weights(&j);
    nn_tape_begin(j.tape, NN_RECORD, 0);
    check(&j, nn_bert_encode(j.tape, m, nn_input(j.tape, values(&j, "x"), 8, 4, 2, begin), -1));
    nn_bert_free(m);
    close_job(&j);
}
END_TEST

START_TEST(contrastive_loss)
{
    job j = open_job('c', 0);
    nn_tensor *x[2], *loss;

    snprintf(j.prefix, sizeof j.prefix, "c.");
    for (int k = 0; k < 2; k++)
        x[k] = nn_params_add(j.params, (nn_init){ NN_INIT_ZERO, 0 }, k ? "heard" : "text", 2, (const int64_t[]){ 5, 3 });
    take_weights(&j);
    nn_tape_begin(j.tape, NN_RECORD, 0);
    loss = nn_contrastive_loss(j.tape, x[0], x[1], 0.2f, (const int[]){ 0, 1, 2, 0, 4 });
    check(&j, loss);
    nn_params_zero_grads(j.params);
    ck_assert_int_eq(nn_tape_backward(j.tape, loss), BASE_OK);
    for (int k = 0; k < 2; k++)
        ck_assert(parity_distance(nn_params_at(j.params, k)->dx, find(&j, "grad.", nn_params_at(j.params, k)->name), 1e-9) <= 1e-4);
    close_job(&j);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("fusion_parity");

    unit_add_loop(s, fusion, FUSIONS);
    unit_add_loop(s, adapters_and_lora, LAYERS);
    unit_add(s, no_alpha_is_the_rank);
    unit_add(s, contrastive_loss);
    return s;
}

UNIT_MAIN(suite)
