/* Inside libnn: the tape's records, what an operator is, and the help operators get. Included by libnn/core, ops and
 * tests; models and everything else use nn.h only. */
#ifndef SERIN_NN_CORE_H
#define SERIN_NN_CORE_H

#include "base/arena.h"
#include "base/error.h"
#include "base/parallel.h"
#include "base/random.h"
#include "libnn/nn.h"

#define NN_MAX_INPUTS 6

typedef struct nn_node nn_node;
typedef struct nn_sampler nn_sampler;

/* What backward reads besides gradients; the tape frees every other value as soon as the forward pass allows. */
enum {
    NN_KEEPS_NOTHING = 0,
    NN_KEEPS_OUTPUT = 1 << NN_MAX_INPUTS,
    NN_KEEPS_INPUT = 1,                 /* input 0 */
    NN_KEEPS_INPUTS = NN_KEEPS_OUTPUT - 1
};
#define NN_KEEPS(i) (1u << (i))         /* input i */

/* An operator: one file, one line in libnn/ops/ops.def. */
typedef struct nn_op {
    const char *name;
    void       (*backward)(nn_node *g);         /* adds to the gradients of the inputs that need one */
    nn_tensor *(*sample)(nn_tape *t, nn_sampler *s);    /* a small random instance, for tests and bench */
    double     (*flop)(const nn_node *g);       /* of the forward pass; NULL: measured in bytes moved */
    unsigned    keeps;
    bool        random;                         /* draws random numbers when NN_RANDOM is on */
    double      tolerance;                      /* of the gradient check, in the gradient's norm; 0: 2e-3 */
} nn_op;

struct nn_node {
    const nn_op *op;
    nn_tape     *tape;
    nn_tensor   *out;
    nn_tensor   *in[NN_MAX_INPUTS];
    int          n_in;
    unsigned     keeps;         /* op->keeps; a constructor may clear what this instance does not need */
    void        *data;          /* the operator's own, from nn_node_data */
    float       *saved;         /* floats of the operator's own, from nn_node_save */
    nn_node     *before;
};

#define NN_IS_PARAMETER 128     /* a bit of nn_tensor.state; the others are the tape's */

/* ---- recording -------------------------------------------------------------------------------------------------- */

typedef struct nn_shape { int64_t rows; int cols; const nn_seqs *seqs; } nn_shape;
static inline nn_shape nn_like(const nn_tensor *x) { return x ? (nn_shape){ x->rows, x->cols, x->seqs } : (nn_shape){ 0, 0, NULL }; }
static inline nn_shape nn_like_cols(const nn_tensor *x, int cols) { return x ? (nn_shape){ x->rows, cols, x->seqs } : (nn_shape){ 0, 0, NULL }; }

/* Makes the result (values uninitialised) and a node for it. Inputs after the first may be NULL where the operator
 * allows them to be absent. NULL when the tape has an error, input 0 is NULL, or memory is out. The node is linked into
 * the record only when the tape records and an input needs a gradient; otherwise it serves the constructor alone. */
nn_node *nn_record_n(nn_tape *t, const nn_op *op, nn_shape shape, nn_tensor *const *in, int n);
#define nn_record(t, op, shape, ...) \
    nn_record_n(t, op, shape, (nn_tensor *const[]){ __VA_ARGS__ }, (int)(sizeof((nn_tensor *const[]){ __VA_ARGS__ }) / sizeof(nn_tensor *)))
/* The result of a finished constructor; with check_finite on, the place where NaN and Inf are found. */
nn_tensor *nn_result(nn_node *g);

/* True when the tape has no error, and none of the tensors is NULL or of an earlier step (an error): what a constructor
 * asks before it looks at their shapes. */
bool nn_ready_n(nn_tape *t, nn_tensor *const *x, int n);
#define nn_ready(t, ...) \
    nn_ready_n(t, (nn_tensor *const[]){ __VA_ARGS__ }, (int)(sizeof((nn_tensor *const[]){ __VA_ARGS__ }) / sizeof(nn_tensor *)))

/* Memory that lives until the next begin. For structs, offsets, copies of labels: small things. NULL: tape error set. */
void          *nn_tape_keep(nn_tape *t, size_t bytes);
const int     *nn_tape_keep_ints(nn_tape *t, const int *x, int64_t n);
/* Copies begin [n + 1], the offsets of rows that `what` asks for; BASE_SHAPE where they are none. */
const nn_seqs *nn_tape_keep_seqs(nn_tape *t, const char *what, int64_t rows, int n, const int64_t *begin);
void          *nn_node_data(nn_node *g, size_t bytes);      /* = g->data, zeroed */
/* A block of floats backward will need (g->saved); freed with the node. */
float         *nn_node_save(nn_node *g, int64_t count);
/* Scratch of one operator: taken after nn_record, released when the operator returns to the tape (nn_result, or the end
 * of its backward). */
float         *nn_scratch(nn_tape *t, int64_t count);

/* ---- gradients -------------------------------------------------------------------------------------------------- */

/* The gradient of input i to add to, zero-filled when it is new; NULL when none is wanted. */
float *nn_grad(nn_node *g, int i);
/* The same without zero-filling: *add tells whether to add (true) or to write every element (false). */
float *nn_grad_fresh(nn_node *g, int i, bool *add);
/* Hands the result's gradient over to input i, when input i has the same size and none yet; false: add it yourself.
 * The last thing a backward does. */
bool nn_grad_pass(nn_node *g, int i);

/* ---- random numbers --------------------------------------------------------------------------------------------- */

bool        nn_is_random(const nn_tape *t);                 /* NN_RANDOM is on */
base_random nn_tape_random(const nn_tape *t, const char *site);     /* keyed by seed, step, scope and site */
/* m[i] for i in 0 .. n-1: 0 with probability p, else 1 / (1 - p); element `first + i` of the stream. first is a multiple
 * of BASE_RANDOM_LANES. */
void nn_dropout_mask(const base_random *r, float p, int64_t first, int64_t n, float *m);
#define NN_DROPOUT_BLOCK 1024   /* what kernels process at a time with a mask on the stack */

/* ---- matrix products: the only door to BLAS ---------------------------------------------------------------------- */

/* c [m][n] (ldc) = alpha op(a) op(b) + beta c; op transposes when the flag is set. Large products are split over the
 * threads; inside a parallel region one thread does all. */
void nn_gemm(bool trans_a, bool trans_b, int64_t m, int64_t n, int64_t k, float alpha, const float *a, int64_t lda,
    const float *b, int64_t ldb, float beta, float *c, int64_t ldc);

/* ---- what operators make of weights (derived.c) ------------------------------------------------------------------ */

/* `count` floats that make writes, out of a parameter's values and whatever else hash holds the values of. */
typedef struct nn_derivation {
    int64_t     count;
    uint64_t    hash;
    void      (*make)(const void *self, float *x);
    const void *self;
} nn_derivation;

/* One of a parameter's; users: derived.c. */
typedef struct nn_derived {
    float      *x;
    int64_t     count;
    uint64_t    hash;
    _Atomic int users;
} nn_derived;
#define NN_FORMS 2      /* a parameter has so many */

/* x: the values, good until done; NULL: the tape has an error. Of a parameter they are kept beside it, as form number `form`,
 * and made anew only when the hash is another; of other tensors they are scratch. After nn_record, before nn_result. */
typedef struct nn_derived_values { const float *x; nn_derived *of; } nn_derived_values;
nn_derived_values nn_derive(nn_tape *t, nn_tensor *w, int form, const nn_derivation *how);
void              nn_derive_done(nn_derived_values v);
nn_derived       *nn_params_derived(nn_tensor *w, int form);    /* params.c; NULL: w is no parameter */
/* A hash of n floats, continued from h; the same at any number of threads. */
uint64_t          nn_hash_floats(uint64_t h, const float *x, int64_t n);

/* ---- samples for tests and bench --------------------------------------------------------------------------------- */

/* Sizes a sample is built with: tiny and odd in tests, HuBERT-large's or BERT-base's in the bench. */
struct nn_sampler {
    base_random random;
    uint64_t    drawn;
    int         n;              /* utterances */
    const int64_t *begin;       /* [n + 1] rows of each; the tests include empty ones */
    const int64_t *text_begin;  /* [n + 1] the other side of a pair: text rows, label lengths */
    struct nn_window {          /* where these rows lie in a larger batch, of which the same is then drawn for them */
        int64_t first, all;     /* all 0: no larger one */
    } window, text_window;
    int         model, inner, heads, vocab, kernel, groups;
    bool        plain;          /* the bench: the usual kind where a sample would draw among several */
    float      *reservoir;      /* the bench: leaves refer to these values; NULL: each gets normal deviates of its own */
    nn_params  *params;
    nn_tensor  *leaves[NN_MAX_INPUTS];      /* what a sample asked for, in order: the tests perturb these */
    int         n_leaves;
    float       gap;            /* normal deviates keep this far from 0, for operators with a kink there */
    float       bad;            /* NaN: put into the first leaf, to see it arrive */
    int         nudged;         /* leaf number: moved by nudge times a direction of normal deviates; for derivatives */
    float       nudge;
    base_random direction;
};

/* ---- weights that live elsewhere (params.c) ---------------------------------------------------------------------- */

/* Frozen parameter i has its values at x [count] from now on; what p held of it costs nothing any more. False, and nothing
 * happens, when it is trained, or one of several that make a tensor. x NULL: only tells. */
bool nn_params_borrow(nn_params *p, int i, float *x);
/* The owner of borrowed values lives until p is freed, which calls release(owner). False: no memory. */
bool nn_params_keep(nn_params *p, void *owner, void (*release)(void *owner));

/* Gradients of frozen parameters that share a tensor with trained ones become 0. */
void nn_params_clear_frozen(const nn_params *p);

nn_tensor *nn_sample_rows(nn_tape *t, nn_sampler *s, int cols);             /* a packed batch, normal deviates */
nn_tensor *nn_sample_text_rows(nn_tape *t, nn_sampler *s, int cols);        /* the same over text_begin */
nn_tensor *nn_sample_matrix(nn_tape *t, nn_sampler *s, int64_t rows, int cols);     /* rows that stand alone: weights, tables */
int        nn_sample_below(nn_sampler *s, int n);                           /* an integer in 0 .. n-1 */
const int *nn_sample_ints(nn_tape *t, nn_sampler *s, int64_t count, int n); /* count of them */
const int *nn_sample_text_ints(nn_tape *t, nn_sampler *s, int n);           /* one for each text row */

/* The table of operators, made of ops.def. */
extern const nn_op *const nn_ops[];
extern const int nn_ops_count;

#endif
