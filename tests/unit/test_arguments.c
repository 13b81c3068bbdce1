/* Arguments that nn.h says are errors: each call returns NULL or a status, and the message says what was wrong. Nothing
 * here may abort; under sanitizers nothing may be read that is not there. */
#include <math.h>
#include <string.h>

#include "libnn/nn.h"
#include "tests/unit/unit.h"

#define WIDTH 4

/* What the calls work on: two utterances of 2 and 1 rows, and matrices that fit them. */
typedef struct things {
    nn_tape   *t;
    nn_tensor *x, *y, *wide, *loose, *row, *square, *taps, *gain, *number;
} things;

static const int64_t begin[] = { 0, 2, 3 };
static const float values[64] = { 0.5f, -1.0f, 2.0f, 0.25f, 1.5f, -0.5f };
static nn_tape *tape;

static void setup(void)
{
    base_error e = BASE_ERROR_INIT;

    tape = nn_tape_new(&(nn_tape_options){ .memory = (size_t)1 << 24, .seed = 1 }, &e);
    ck_assert_msg(tape != NULL, "%s", e.text);
}

static void teardown(void) { nn_tape_free(tape); }

static things fresh(nn_mode mode)
{
    things k = { .t = tape };

    nn_tape_begin(tape, mode, 1);
    k.x = nn_input_grad(tape, values, 3, WIDTH, 2, begin);
    k.y = nn_input(tape, values, 3, WIDTH, 2, begin);
    k.wide = nn_input(tape, values, 3, 3 * WIDTH, 2, begin);
    k.loose = nn_input(tape, values, 3, WIDTH, 0, NULL);
    k.row = nn_input(tape, values, 1, WIDTH, 0, NULL);
    k.square = nn_input(tape, values, WIDTH, WIDTH, 0, NULL);
    k.taps = nn_input(tape, values, WIDTH, 2 * WIDTH, 0, NULL);
    k.gain = nn_input(tape, values, 1, 2, 0, NULL);
    k.number = nn_input_grad(tape, values, 1, 1, 0, NULL);
    ck_assert(!nn_tape_error(tape) && k.number);
    return k;
}

static const int labels[] = { 1, 2, 1, 3 }, wrong_labels[] = { 1, 2, WIDTH };
static const int64_t label_begin[] = { 0, 1, 2 }, index_out[] = { 0, 3 };
static const nn_mask_options mask = { 0.5f, 1, 1, 0.0f, 1, 0, NULL };

/* ---- values and shapes ------------------------------------------------------------------------------------------- */

#define CALL(name, expression)                                                                  \
    static nn_tensor *name(const things *k)                                                     \
    {                                                                                           \
        nn_tape *t = k->t;                                                                      \
        (void)t;                                                                                \
        return expression;                                                                      \
    }

CALL(input_falls, nn_input(t, values, 3, WIDTH, 2, ((const int64_t[]){ 0, 4, 3 })))
CALL(input_falls_below, nn_input(t, values, 3, WIDTH, 3, ((const int64_t[]){ 0, 2, -1, 3 })))
CALL(input_late, nn_input(t, values, 3, WIDTH, 1, ((const int64_t[]){ 1, 3 })))
CALL(input_short, nn_input(t, values, 3, WIDTH, 1, ((const int64_t[]){ 0, 2 })))
CALL(input_count, nn_input(t, values, 3, WIDTH, -1, begin))
CALL(input_no_offsets, nn_input(t, values, 3, WIDTH, 2, NULL))
CALL(input_rows, nn_input(t, values, -3, WIDTH, 0, NULL))
CALL(input_columns, nn_input(t, values, 3, -1, 0, NULL))
CALL(input_no_columns, nn_input(t, values, 3, 0, 0, NULL))
CALL(input_huge, nn_input(t, NULL, INT64_MAX / 2, 8, 0, NULL))
CALL(wrap_nothing, nn_input_wrap(t, NULL, 3, WIDTH, 2, begin))
CALL(wrap_falls, nn_input_wrap(t, k->x->x, 3, WIDTH, 2, ((const int64_t[]){ 0, 4, 3 })))
CALL(grad_falls, nn_input_grad(t, values, 3, WIDTH, 2, ((const int64_t[]){ 0, 4, 3 })))
CALL(linear_columns, nn_linear(t, k->x, k->taps, NULL))
CALL(linear_bias, nn_linear(t, k->x, k->square, k->gain))
CALL(linear_gelu_one, nn_linear_gelu(t, k->x, k->square, NULL, 1.0f, "s"))
CALL(linear_gelu_more, nn_linear_gelu(t, k->x, k->square, NULL, 1.5f, "s"))
CALL(linear_gelu_negative, nn_linear_gelu(t, k->x, k->square, NULL, -0.1f, "s"))
CALL(linear_gelu_nan, nn_linear_gelu(t, k->x, k->square, NULL, NAN, NULL))
CALL(dropout_one, nn_dropout(t, k->x, 1.0f, "s"))
CALL(dropout_nan, nn_dropout(t, k->x, NAN, "s"))
CALL(dropout_add_one, nn_dropout_add(t, k->x, k->y, 1.0f, "s"))
CALL(dropout_add_shape, nn_dropout_add(t, k->x, k->row, 0.1f, "s"))
CALL(add_shape, nn_add(t, k->x, k->square))
CALL(multiply_shape, nn_multiply(t, k->x, k->square))
CALL(concat_rows, nn_concat(t, k->x, k->square))
CALL(stack_columns, nn_stack(t, k->x, k->taps))
CALL(slice_nothing, nn_slice(t, k->x, 2, 2))
CALL(slice_before, nn_slice(t, k->x, -1, 2))
CALL(slice_after, nn_slice(t, k->x, 0, WIDTH + 1))
CALL(layer_norm_gain, nn_layer_norm(t, k->x, k->gain, k->row, 1e-5f))
CALL(group_norm_loose, nn_group_norm_time(t, k->loose, k->row, k->row, 1e-5f))
CALL(conv1d_loose, nn_conv1d(t, k->loose, k->taps, NULL, 2, 1))
CALL(conv1d_taps, nn_conv1d(t, k->x, k->taps, NULL, 3, 1))
CALL(conv1d_no_taps, nn_conv1d(t, k->x, k->taps, NULL, 0, 1))
CALL(conv1d_stride, nn_conv1d(t, k->x, k->taps, NULL, 2, 0))
CALL(conv1d_huge, nn_conv1d(t, k->x, k->taps, NULL, INT32_MAX, INT32_MAX))
CALL(pos_conv_groups, nn_pos_conv(t, k->x, k->taps, k->gain, NULL, 2, 3))
CALL(pos_conv_no_groups, nn_pos_conv(t, k->x, k->taps, k->gain, NULL, 2, 0))
CALL(embedding_nothing, nn_embedding(t, k->square, NULL, 3, 0, NULL))
CALL(embedding_count, nn_embedding(t, k->square, labels, 3, 2, NULL))
CALL(embedding_falls, nn_embedding(t, k->square, labels, 3, 2, ((const int64_t[]){ 0, 4, 3 })))
CALL(embedding_rows, nn_embedding(t, k->square, labels, -1, 0, NULL))
CALL(gather_nothing, nn_gather_rows(t, k->x, NULL, 2))
CALL(gather_rows, nn_gather_rows(t, k->x, begin, -2))
CALL(self_attention_loose, nn_self_attention(t, k->loose, 1, false, 0.0f, "s"))
CALL(self_attention_heads, nn_self_attention(t, k->wide, 0, false, 0.0f, "s"))
CALL(self_attention_columns, nn_self_attention(t, k->x, 1, false, 0.0f, "s"))
CALL(self_attention_p, nn_self_attention(t, k->wide, 1, false, 1.0f, "s"))
CALL(cross_attention_loose, nn_cross_attention(t, k->x, k->taps, 1, 0.0f, "s"))
CALL(cross_attention_columns, nn_cross_attention(t, k->x, k->y, 1, 0.0f, "s"))
CALL(mean_pool_loose, nn_mean_pool(t, k->loose))
CALL(cosine_shape, nn_cosine(t, k->x, k->row))
CALL(augment_nothing, nn_spec_augment(t, k->x, NULL, NULL, "s"))
CALL(augment_embed, nn_spec_augment(t, k->x, k->gain, &mask, "s"))
CALL(entropy_nothing, nn_cross_entropy(t, k->x, NULL, NULL))
CALL(ctc_nothing, nn_ctc_loss(t, k->x, NULL, label_begin, NULL, NULL))
CALL(ctc_no_offsets, nn_ctc_loss(t, k->x, labels, NULL, NULL, NULL))
CALL(ctc_loose, nn_ctc_loss(t, k->loose, labels, label_begin, NULL, NULL))
CALL(contrastive_shape, nn_contrastive_loss(t, k->x, k->row, 0.1f, NULL))
CALL(contrastive_cold, nn_contrastive_loss(t, k->x, k->y, 0.0f, NULL))
CALL(embedding_id, nn_embedding(t, k->square, wrong_labels, 3, 0, NULL))
CALL(gather_outside, nn_gather_rows(t, k->x, index_out, 2))
CALL(entropy_label, nn_cross_entropy(t, k->x, wrong_labels, NULL))
CALL(entropy_smoothing, nn_cross_entropy(t, k->x, labels, &((nn_cross_entropy_options){ .smoothing = 2.0f })))
CALL(ctc_blank, nn_ctc_loss(t, k->x, labels, label_begin, &((nn_ctc_options){ .blank = WIDTH }), NULL))
CALL(ctc_falls, nn_ctc_loss(t, k->x, labels, ((const int64_t[]){ 0, 2, 1 }), NULL, NULL))
CALL(ctc_below, nn_ctc_loss(t, k->x, labels, ((const int64_t[]){ -1, 0, 1 }), NULL, NULL))
CALL(augment_span, nn_spec_augment(t, k->x, NULL, &((nn_mask_options){ .time_prob = 0.5f }), "s"))
CALL(augment_nan, nn_spec_augment(t, k->x, NULL, &((nn_mask_options){ .time_prob = NAN, .time_length = 1 }), "s"))

static const struct hostile { nn_tensor *(*call)(const things *k); base_status status; const char *text; } hostile[] = {
    { input_falls, BASE_SHAPE, "utterance 1 begins at row 4 and ends at row 3" },
    { input_falls_below, BASE_SHAPE, "utterance 1 begins at row 2 and ends at row -1" },
    { input_late, BASE_SHAPE, "the first at row 1" },
    { input_short, BASE_SHAPE, "end at row 2, 3 rows are asked for" },
    { input_count, BASE_SHAPE, "-1 utterances" },
    { input_no_offsets, BASE_SHAPE, "2 utterances without offsets" },
    { input_rows, BASE_SHAPE, "[-3][4]" },
    { input_columns, BASE_SHAPE, "[3][-1]" },
    { input_no_columns, BASE_SHAPE, "[3][0]" },
    { input_huge, BASE_SHAPE, "[4611686018427387903][8]" },
    { wrap_nothing, BASE_VALUE, "no values to wrap" },
    { wrap_falls, BASE_SHAPE, "utterance 1" },
    { grad_falls, BASE_SHAPE, "utterance 1" },
    { linear_columns, BASE_SHAPE, "the columns differ" },
    { linear_bias, BASE_SHAPE, "and not [1][4]" },
    { linear_gelu_one, BASE_VALUE, "linear_gelu: probability 1" },
    { linear_gelu_more, BASE_VALUE, "linear_gelu: probability 1.5" },
    { linear_gelu_negative, BASE_VALUE, "linear_gelu: probability -0.1" },
    { linear_gelu_nan, BASE_VALUE, "linear_gelu: probability nan" },
    { dropout_one, BASE_VALUE, "probability 1" },
    { dropout_nan, BASE_VALUE, "probability nan" },
    { dropout_add_one, BASE_VALUE, "probability 1" },
    { dropout_add_shape, BASE_SHAPE, "[3][4] onto [1][4]" },
    { add_shape, BASE_SHAPE, "[4][4] to [3][4]" },
    { multiply_shape, BASE_SHAPE, "[3][4] by [4][4]" },
    { concat_rows, BASE_SHAPE, "[3][4] beside [4][4]" },
    { stack_columns, BASE_SHAPE, "[3][4] on [4][8]" },
    { slice_nothing, BASE_SHAPE, "columns 2 .. 1" },
    { slice_before, BASE_SHAPE, "columns -1 .. 1" },
    { slice_after, BASE_SHAPE, "columns 0 .. 4" },
    { layer_norm_gain, BASE_SHAPE, "gain [1][2]" },
    { group_norm_loose, BASE_SHAPE, "loose rows" },
    { conv1d_loose, BASE_SHAPE, "loose rows" },
    { conv1d_taps, BASE_SHAPE, "3 taps" },
    { conv1d_no_taps, BASE_SHAPE, "0 taps" },
    { conv1d_stride, BASE_SHAPE, "stride 0" },
    { conv1d_huge, BASE_SHAPE, "2147483647 taps" },
    { pos_conv_groups, BASE_SHAPE, "3 groups" },
    { pos_conv_no_groups, BASE_SHAPE, "0 groups" },
    { embedding_nothing, BASE_SHAPE, "without ids" },
    { embedding_count, BASE_SHAPE, "without offsets" },
    { embedding_falls, BASE_SHAPE, "utterance 1 begins at row 4" },
    { embedding_rows, BASE_SHAPE, "-1 rows" },
    { embedding_id, BASE_VALUE, "id 4 at row 2" },
    { gather_nothing, BASE_SHAPE, "without numbers" },
    { gather_rows, BASE_SHAPE, "-2 rows" },
    { gather_outside, BASE_VALUE, "index 1 is 3" },
    { self_attention_loose, BASE_SHAPE, "loose rows" },
    { self_attention_heads, BASE_SHAPE, "0 heads" },
    { self_attention_columns, BASE_SHAPE, "4 columns" },
    { self_attention_p, BASE_SHAPE, "dropout 1" },
    { cross_attention_loose, BASE_SHAPE, "queries of 2 utterances, keys of 0" },
    { cross_attention_columns, BASE_SHAPE, "4 and 4 columns" },
    { mean_pool_loose, BASE_SHAPE, "no utterances" },
    { cosine_shape, BASE_SHAPE, "[3][4] and [1][4]" },
    { augment_nothing, BASE_SHAPE, "no options" },
    { augment_embed, BASE_SHAPE, "embed [1][2]" },
    { augment_span, BASE_VALUE, "spans of 0 frames" },
    { augment_nan, BASE_VALUE, "probabilities nan" },
    { entropy_nothing, BASE_SHAPE, "without labels" },
    { entropy_label, BASE_VALUE, "label 4 of row 2" },
    { entropy_smoothing, BASE_VALUE, "smoothing 2" },
    { ctc_nothing, BASE_SHAPE, "without labels" },
    { ctc_no_offsets, BASE_SHAPE, "without labels" },
    { ctc_loose, BASE_SHAPE, "no utterances" },
    { ctc_blank, BASE_VALUE, "blank 4" },
    { ctc_falls, BASE_VALUE, "labels 2 .. 1" },
    { ctc_below, BASE_VALUE, "labels -1 .. 0" },
    { contrastive_shape, BASE_SHAPE, "[3][4] and [1][4]" },
    { contrastive_cold, BASE_VALUE, "temperature 0" },
};
#define N_HOSTILE ((int)(sizeof hostile / sizeof *hostile))

static void check_error(int i, base_status status, const char *text)
{
    const base_error *e = nn_tape_error(tape);

    ck_assert_msg(e != NULL, "case %d (%s): no error", i, text);
    ck_assert_msg(e->status == status && strstr(e->text, text), "case %d: status %d, \"%s\", expected %d and \"%s\"", i,
        e->status, e->text, status, text);
}

START_TEST(what_does_not_fit_is_an_error)
{
    for (int i = 0; i < N_HOSTILE; i++) {
        things k = fresh(NN_TRAIN);

        ck_assert_msg(hostile[i].call(&k) == NULL, "case %d (%s): a result", i, hostile[i].text);
        check_error(i, hostile[i].status, hostile[i].text);
        ck_assert_int_eq(nn_tape_backward(tape, k.number), hostile[i].status);
    }
}
END_TEST

/* ---- the order of calls ------------------------------------------------------------------------------------------ */

/* Every operator, with everything that fits. */
CALL(op_linear, nn_linear(t, k->x, k->square, k->row))
CALL(op_linear_gelu, nn_linear_gelu(t, k->x, k->square, k->row, 0.1f, "s"))
CALL(op_gelu, nn_gelu(t, k->x))
CALL(op_relu, nn_relu(t, k->x))
CALL(op_tanh, nn_tanh(t, k->x))
CALL(op_sigmoid, nn_sigmoid(t, k->x))
CALL(op_softmax, nn_softmax(t, k->x))
CALL(op_log_softmax, nn_log_softmax(t, k->x))
CALL(op_dropout, nn_dropout(t, k->x, 0.1f, "s"))
CALL(op_dropout_add, nn_dropout_add(t, k->x, k->y, 0.1f, "s"))
CALL(op_add, nn_add(t, k->x, k->y))
CALL(op_multiply, nn_multiply(t, k->x, k->y))
CALL(op_scale, nn_scale(t, k->x, 2.0f))
CALL(op_concat, nn_concat(t, k->x, k->y))
CALL(op_stack, nn_stack(t, k->x, k->y))
CALL(op_slice, nn_slice(t, k->x, 0, 2))
CALL(op_layer_norm, nn_layer_norm(t, k->x, k->row, k->row, 1e-5f))
CALL(op_group_norm_time, nn_group_norm_time(t, k->x, k->row, k->row, 1e-5f))
CALL(op_conv1d, nn_conv1d(t, k->x, k->taps, k->row, 2, 1))
CALL(op_pos_conv, nn_pos_conv(t, k->x, k->taps, k->gain, k->row, 2, 1))
CALL(op_embedding, nn_embedding(t, k->square, labels, 3, 2, begin))
CALL(op_gather_rows, nn_gather_rows(t, k->x, begin, 1))
CALL(op_self_attention, nn_self_attention(t, k->wide, 2, true, 0.1f, "s"))
CALL(op_cross_attention, nn_cross_attention(t, k->x, nn_concat(t, k->y, k->y), 2, 0.1f, "s"))
CALL(op_mean_pool, nn_mean_pool(t, k->x))
CALL(op_cosine, nn_cosine(t, k->x, k->y))
CALL(op_unit, nn_unit(t, k->x))
CALL(op_spec_augment, nn_spec_augment(t, k->x, k->row, &mask, "s"))
CALL(op_cross_entropy, nn_cross_entropy(t, k->x, labels, NULL))
CALL(op_mean_square, nn_mean_square(t, k->x))
CALL(op_ctc_loss, nn_ctc_loss(t, k->x, labels, label_begin, NULL, NULL))
CALL(op_contrastive_loss, nn_contrastive_loss(t, k->x, k->y, 0.1f, NULL))
CALL(op_trim, nn_tape_trim(t, nn_tape_mark(t), k->x))
CALL(op_retain, (nn_tape_retain(t, k->x), nn_tape_error(t) ? NULL : k->x))
CALL(op_backward, nn_tape_backward(t, k->number) ? NULL : k->number)

static nn_tensor *(*const operators[])(const things *k) = { op_linear, op_linear_gelu, op_gelu, op_relu, op_tanh, op_sigmoid,
    op_softmax, op_log_softmax, op_dropout, op_dropout_add, op_add, op_multiply, op_scale, op_concat, op_stack, op_slice,
    op_layer_norm, op_group_norm_time, op_conv1d, op_pos_conv, op_embedding, op_gather_rows, op_self_attention,
    op_cross_attention, op_mean_pool, op_cosine, op_unit, op_spec_augment, op_cross_entropy, op_mean_square, op_ctc_loss,
    op_contrastive_loss, op_trim, op_retain, op_backward };
#define N_OPERATORS ((int)(sizeof operators / sizeof *operators))

START_TEST(what_fits_is_computed)
{
    for (int i = 0; i < N_OPERATORS; i++) {
        things k = fresh(NN_TRAIN);

        ck_assert_msg(operators[i](&k) != NULL, "operator %d: %s", i, nn_tape_error(tape) ? nn_tape_error(tape)->text : "");
    }
}
END_TEST

/* A tensor of the step before is told, whether its place was taken by another one or not. */
START_TEST(a_tensor_of_an_earlier_step_is_an_error)
{
    for (int i = 0; i < N_OPERATORS; i++)
        for (int crowded = 0; crowded < 2; crowded++) {
            things k = fresh(NN_TRAIN);

            nn_tape_begin(tape, NN_TRAIN, 2);
            for (int n = 0; crowded && n < 40; n++)
                ck_assert_ptr_nonnull(nn_input(tape, values, 3, WIDTH, 2, begin));
            ck_assert_msg(operators[i](&k) == NULL, "operator %d: a result", i);
            check_error(i, BASE_VALUE, "of an earlier step");
        }
}
END_TEST

START_TEST(null_in_null_out)
{
    for (int i = 0; i < N_OPERATORS - 2; i++) {
        things k = { .t = tape };

        nn_tape_begin(tape, NN_TRAIN, 1);
        ck_assert_msg(operators[i](&k) == NULL, "operator %d: a result", i);
    }
}
END_TEST

START_TEST(trimming_after_backward_frees_what_is_left)
{
    things k = fresh(NN_TRAIN);
    nn_mark mark = nn_tape_mark(tape);
    nn_tensor *h = nn_gelu(tape, nn_linear(tape, k.x, k.square, k.row)), *loss = nn_mean_square(tape, h);
    nn_mark inside = nn_tape_mark(tape);

    ck_assert_int_eq(nn_tape_backward(tape, loss), BASE_OK);
    ck_assert_ptr_eq(nn_tape_trim(tape, inside, loss), loss);
    ck_assert_ptr_eq(nn_tape_trim(tape, mark, loss), loss);
    ck_assert(isfinite(loss->x[0]) && k.x->dx != NULL && !nn_tape_error(tape));
    ck_assert_ptr_null(nn_relu(tape, h));
    check_error(0, BASE_VALUE, "was freed");
}
END_TEST

START_TEST(backward_runs_once_and_from_a_number)
{
    things k = fresh(NN_TRAIN);
    nn_tensor *loss = nn_mean_square(tape, k.x);

    ck_assert_int_eq(nn_tape_backward(tape, loss), BASE_OK);
    ck_assert_int_eq(nn_tape_backward(tape, loss), BASE_VALUE);
    check_error(0, BASE_VALUE, "ran already");
    fresh(NN_TRAIN);
    ck_assert_int_eq(nn_tape_backward(tape, NULL), BASE_SHAPE);
    k = fresh(NN_TRAIN);
    ck_assert_int_eq(nn_tape_backward(tape, k.x), BASE_SHAPE);
    k = fresh(NN_INFER);
    ck_assert_int_eq(nn_tape_backward(tape, nn_mean_square(tape, k.x)), BASE_OK);     /* no gradient was asked for */
}
END_TEST

START_TEST(scopes_are_bounded)
{
    fresh(NN_TRAIN);
    for (int i = 0; i < 20; i++)
        nn_scope_push(tape, "layer.%d", i);
    check_error(0, BASE_LIMIT, "more than 16 names");
    for (int i = 0; i < 20; i++)
        nn_scope_pop(tape);
    fresh(NN_TRAIN);
    nn_scope_pop(tape);
    check_error(0, BASE_VALUE, "taken off");
    fresh(NN_TRAIN);
    for (int i = 0; i < 3; i++)
        nn_scope_push(tape, "a.name.of.a.hundred.bytes.a.name.of.a.hundred.bytes.a.name.of.a.hundred.bytes.a.name.of.a.hundred.b.%d", i);
    check_error(0, BASE_LIMIT, "longer than 255 bytes");
}
END_TEST

/* ---- parameters -------------------------------------------------------------------------------------------------- */

static const int64_t shape[] = { 2, 3, 1, 1, 1 };

static void declare_twice(nn_params *p) { nn_params_add(p, (nn_init){ 0 }, "w", 2, shape); }
static void declare_part_twice(nn_params *p) { nn_params_add(p, (nn_init){ 0 }, "{v,w}", 2, shape); }
static void no_dimension(nn_params *p) { nn_params_add(p, (nn_init){ 0 }, "x", 0, shape); }
static void many_dimensions(nn_params *p) { nn_params_add(p, (nn_init){ 0 }, "x", 5, shape); }
static void negative(nn_params *p) { nn_params_add(p, (nn_init){ 0 }, "x", 2, (const int64_t[]){ 2, -1 }); }
static void enormous(nn_params *p) { nn_params_add(p, (nn_init){ 0 }, "x", 2, (const int64_t[]){ INT64_MAX, 2 }); }
static void open_brace(nn_params *p) { nn_params_add(p, (nn_init){ 0 }, "{a,b.x", 2, shape); }
static void pop_too_many(nn_params *p) { nn_params_pop(p); }

static void push_too_many(nn_params *p)
{
    for (int i = 0; i < 20; i++)
        nn_params_push(p, "s%d", i);
    for (int i = 0; i < 20; i++)
        nn_params_pop(p);
}

static void long_name(nn_params *p)
{
    for (int i = 0; i < 3; i++)
        nn_params_push(p, "a.name.of.a.hundred.bytes.a.name.of.a.hundred.bytes.a.name.of.a.hundred.bytes.a.name.of.a.hundred.b.%d", i);
}

static const struct mistake { void (*make)(nn_params *p); base_status status; const char *text; } mistakes[] = {
    { declare_twice, BASE_VALUE, "\"w\" is declared twice" },
    { declare_part_twice, BASE_VALUE, "\"w\" is declared twice" },
    { no_dimension, BASE_SHAPE, "0 dimensions" },
    { many_dimensions, BASE_SHAPE, "5 dimensions" },
    { negative, BASE_SHAPE, "dimension 1 is -1" },
    { enormous, BASE_SHAPE, "dimension 0 is 9223372036854775807" },
    { open_brace, BASE_VALUE, "braces" },
    { pop_too_many, BASE_VALUE, "taken off" },
    { push_too_many, BASE_LIMIT, "more than 16" },
    { long_name, BASE_LIMIT, "longer than" },
};

START_TEST(wrong_declarations_fail_the_build)
{
    base_error e = BASE_ERROR_INIT;
    nn_params *p = nn_params_new();

    ck_assert_ptr_nonnull(nn_params_add(p, (nn_init){ 0 }, "w", 2, shape));
    mistakes[_i].make(p);
    ck_assert_int_eq(nn_params_build(p, &e), mistakes[_i].status);
    ck_assert_msg(strstr(e.text, mistakes[_i].text) != NULL, "%s", e.text);
    ck_assert_int_eq(nn_params_build(p, NULL), mistakes[_i].status);
    nn_params_free(p);
}
END_TEST

START_TEST(parameters_are_built_once)
{
    base_error e = BASE_ERROR_INIT;
    nn_params *p = nn_params_new();

    ck_assert_ptr_nonnull(nn_params_add(p, (nn_init){ 0 }, "w", 2, shape));
    nn_params_init(p, 1);
    ck_assert_int_eq(nn_params_build(p, &e), BASE_OK);
    ck_assert_int_eq(nn_params_build(p, &e), BASE_VALUE);
    ck_assert_ptr_null(nn_params_add(p, (nn_init){ 0 }, "late", 2, shape));
    nn_params_freeze(p, "");
    ck_assert_ptr_nonnull(nn_params_find(p, "w")->dx);
    nn_params_free(p);
}
END_TEST

/* ---- functions without a tape ------------------------------------------------------------------------------------ */

static const float *refuse(void *self, const int64_t *n, const int *from, const int *words, base_error *e)
{
    (void)n;
    (void)from;
    (void)words;
    return *(int *)self ? NULL : (e->status = BASE_IO, NULL);
}

START_TEST(searches_without_a_place_for_the_error)
{
    int self = _i, found[1];
    nn_hypothesis out[1];
    const float bad[] = { 1.0f, NAN };
    nn_sequence_options o = { .beam = 1, .nbest = 1, .start = 0, .end = 1, .pad = -1, .unknown = -1, .longest = 3 };
    nn_sequence_model m = { .sentences = 1, .vocab = 2, .source = label_begin, .limit = 5, .self = &self, .next = refuse };

    ck_assert_int_eq(nn_sequence_beam(&m, &o, out, found, NULL), _i ? BASE_VALUE : BASE_IO);
    m.next = NULL;
    ck_assert_int_eq(nn_sequence_beam(&m, &o, out, found, NULL), BASE_VALUE);
    m = (nn_sequence_model){ .sentences = -1, .vocab = 2, .limit = 5, .self = &self, .next = refuse };
    ck_assert_int_eq(nn_sequence_beam(&m, &o, out, found, NULL), BASE_VALUE);
    ck_assert_int_eq(nn_ctc_greedy(NULL, 2, 2, 0, out, NULL), BASE_SHAPE);
    ck_assert_int_eq(nn_ctc_greedy(bad, 1, 2, 0, out, NULL), BASE_VALUE);
    ck_assert_int_eq(nn_mask_frames(&(nn_mask_options){ .time_prob = 0.5f }, 1, 1, "", -1, NULL), 0);
}
END_TEST

/* ---- models ------------------------------------------------------------------------------------------------------ */

typedef struct models {
    nn_params  *params;
    nn_bert    *bert, *poolless;
    nn_hubert  *hubert;
    nn_decoder *decoder;
} models;

static models make_models(void)
{
    nn_bert_config b = { .encoder = { .width = 8, .layers = 1, .heads = 2, .inner = 8, .eps = 1e-12f, .init = 0.1f },
        .vocab_size = 10, .max_positions = 6, .type_vocab_size = 2, .tied = true };
    nn_hubert_config h = { .encoder = { .width = 8, .layers = 1, .heads = 2, .inner = 8, .eps = 1e-5f, .init = 0.1f },
        .n_conv = 2, .conv_dim = { 8, 8 }, .conv_kernel = { 4, 2 }, .conv_stride = { 2, 2 }, .pos_kernel = 4, .pos_groups = 2 };
    base_error e = BASE_ERROR_INIT;
    models m = { .params = nn_params_new() };

    m.bert = nn_bert_new(m.params, &b, true);
    nn_params_push(m.params, "other", 0);
    m.poolless = nn_bert_new(m.params, &b, false);
    m.decoder = nn_decoder_new(m.params, &b, NULL);
    nn_params_pop(m.params);
    nn_params_push(m.params, "hubert", 0);
    m.hubert = nn_hubert_new(m.params, &h);
    nn_params_pop(m.params);
    ck_assert_msg(nn_params_build(m.params, &e) == BASE_OK, "%s", e.text);
    nn_params_init(m.params, 1);
    return m;
}

static void drop_models(models *m)
{
    nn_bert_free(m->bert);
    nn_bert_free(m->poolless);
    nn_decoder_free(m->decoder);
    nn_hubert_free(m->hubert);
    nn_params_free(m->params);
}

static void begin_step(void) { nn_tape_begin(tape, NN_TRAIN, 1); }

START_TEST(models_refuse_what_they_lack)
{
    static const int words[] = { 1, 2, 3 };
    static const int64_t some[] = { 0, 2, 2, 3 };
    models m = make_models();
    nn_tensor *x;

    begin_step();
    x = nn_bert_encode(tape, m.bert, nn_bert_embed(tape, m.bert, words, NULL, 3, some), -1);
    ck_assert_ptr_null(nn_bert_pool(tape, m.bert, x));
    check_error(0, BASE_SHAPE, "sentence 1 has no words");
    begin_step();
    ck_assert_ptr_null(nn_bert_pool(tape, m.bert, nn_input(tape, values, 2, 8, 0, NULL)));
    check_error(1, BASE_SHAPE, "no sentences");
    begin_step();
    ck_assert_ptr_null(nn_bert_pool(tape, m.poolless, nn_input(tape, values, 2, 8, 1, (const int64_t[]){ 0, 2 })));
    check_error(2, BASE_SHAPE, "BERT has none");
    begin_step();
    ck_assert_ptr_null(nn_bert_words(tape, m.bert, nn_input(tape, values, 2, 8, 0, NULL)));
    check_error(3, BASE_VALUE, "no word head");
    begin_step();
    ck_assert_ptr_null(nn_hubert_encode_masked(tape, m.hubert, nn_input(tape, values, 2, 8, 1, (const int64_t[]){ 0, 2 }), NULL));
    check_error(4, BASE_VALUE, "masked_spec_embed");
    begin_step();
    ck_assert_ptr_null(nn_bert_embed(tape, m.bert, NULL, NULL, 3, some));
    check_error(5, BASE_SHAPE, "without words");
    begin_step();
    ck_assert_ptr_null(nn_bert_embed(tape, m.bert, words, NULL, 3, NULL));
    check_error(6, BASE_SHAPE, "without words");
    begin_step();
    ck_assert_ptr_null(nn_bert_embed(tape, m.bert, words, NULL, -1, some));
    check_error(7, BASE_SHAPE, "-1 utterances");
    begin_step();
    ck_assert_ptr_null(nn_hubert_features(tape, m.hubert, nn_input(tape, values, 3, 2, 1, (const int64_t[]){ 0, 3 })));
    check_error(8, BASE_SHAPE, "conv1d");
    drop_models(&m);
}
END_TEST

/* Nothing to read and sentences without words go through every model, and back. */
START_TEST(models_take_nothing)
{
    static const int64_t nothing[] = { 0, 0, 0 };
    models m = make_models();
    base_error e = BASE_ERROR_INIT;

    for (int n = 0; n <= 2; n++) {
        nn_tensor *source, *x, *wave;
        nn_decoding *d;

        begin_step();
        source = nn_bert_encode(tape, m.bert, nn_bert_embed(tape, m.bert, NULL, NULL, n, nothing), -1);
        x = nn_decoder_words(tape, m.decoder, nn_decoder_states(tape, m.decoder, NULL, n, nothing, source, -1));
        ck_assert_msg(x && x->rows == 0, "%s", nn_tape_error(tape) ? nn_tape_error(tape)->text : "");
        ck_assert_int_eq(nn_tape_backward(tape, nn_mean_square(tape, x)), BASE_OK);
        begin_step();
        wave = nn_input(tape, values, 0, 1, n, nothing);
        x = nn_hubert_encode(tape, m.hubert, nn_hubert_features(tape, m.hubert, wave), -1);
        ck_assert_msg(x && x->rows == 0, "%s", nn_tape_error(tape) ? nn_tape_error(tape)->text : "");
        ck_assert_int_eq(nn_tape_backward(tape, nn_mean_square(tape, nn_mean_pool(tape, x))), BASE_OK);
        begin_step();
        nn_tape_begin(tape, NN_INFER, 1);
        d = nn_decoding_new(tape, m.decoder, nn_input(tape, values, 0, 8, n, nothing), &e);
        ck_assert_msg(d != NULL, "%s", e.text);
        nn_sequence_model model = nn_decoding_model(d);
        nn_sequence_options o = { .beam = 2, .nbest = 1, .start = 0, .end = 1, .pad = -1, .unknown = -1, .longest = 3 };
        nn_hypothesis out[2];
        int found[2];
        ck_assert_msg(nn_sequence_beam(&model, &o, out, found, &e) == BASE_OK, "%s", e.text);
        for (int u = 0; u < n; u++)
            if (found[u])
                nn_hypothesis_free(&out[u]);
        nn_decoding_free(d);
    }
    begin_step();
    ck_assert_ptr_null(nn_decoding_new(tape, m.decoder, NULL, NULL));
    ck_assert_ptr_null(nn_decoding_new(tape, m.decoder, nn_input(tape, values, 2, 8, 0, NULL), NULL));
    drop_models(&m);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("libnn/arguments");
    TCase *c = tcase_create("arguments");

    tcase_add_checked_fixture(c, setup, teardown);
    tcase_set_timeout(c, 60);
    tcase_add_test(c, what_does_not_fit_is_an_error);
    tcase_add_test(c, what_fits_is_computed);
    tcase_add_test(c, a_tensor_of_an_earlier_step_is_an_error);
    tcase_add_test(c, null_in_null_out);
    tcase_add_test(c, trimming_after_backward_frees_what_is_left);
    tcase_add_test(c, backward_runs_once_and_from_a_number);
    tcase_add_test(c, scopes_are_bounded);
    tcase_add_loop_test(c, wrong_declarations_fail_the_build, 0, (int)(sizeof mistakes / sizeof *mistakes));
    tcase_add_test(c, parameters_are_built_once);
    tcase_add_loop_test(c, searches_without_a_place_for_the_error, 0, 2);
    tcase_add_test(c, models_refuse_what_they_lack);
    tcase_add_test(c, models_take_nothing);
    suite_add_tcase(s, c);
    return s;
}

UNIT_MAIN(suite)
