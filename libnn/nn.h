/* nn.h: the face of libserin-nn. Tensors of rows, a tape that records operators and runs them backward, named
 * parameters, optimisers, decoders, models and their files. docs/nn.md is a guided tour.
 *
 * Conventions. A batch is the rows of its utterances, one after another; nn_seqs says where each begins, and nothing
 * is ever padded. Matrices are row-major float32; [rows][cols] in a comment gives a pointer's shape. Operators take
 * the tape first, accept NULL tensors and then return NULL; the tape keeps the first error (nn_tape_error), so a model
 * is straight-line code and its caller looks once, at the loss. Functions that touch files report through base_error.
 * Nothing prints, nothing exits. A tape, with all that was made on it, belongs to one thread at a time; operators use
 * the threads of OpenMP inside. */
#ifndef SERIN_NN_H
#define SERIN_NN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

#ifdef __cplusplus
extern "C" {
#endif

#ifdef __GNUC__
#define NN_PRINTF(f, a) __attribute__((format(printf, f, a)))
#else
#define NN_PRINTF(f, a)
#endif

/* ---- tensors ---------------------------------------------------------------------------------------------------- */

/* Utterance u owns rows begin[u] .. begin[u + 1] - 1; begin has n + 1 entries, begin[0] = 0, and never decreases. */
typedef struct nn_seqs {
    int            n;
    const int64_t *begin;
} nn_seqs;

typedef struct nn_tensor {
    float         *x;          /* [rows][cols] values */
    float         *dx;         /* [rows][cols] gradient; NULL where none flows, or none has arrived yet */
    int64_t        rows;
    int            cols;
    bool           needs_grad; /* a trainable parameter, or computed from one */
    unsigned char  state;      /* the tape's own */
    const nn_seqs *seqs;       /* which rows belong to which utterance; NULL: rows stand alone */
    const char    *name;       /* for messages; NULL: anonymous */
} nn_tensor;

static inline int64_t nn_numel(const nn_tensor *x) { return x->rows * x->cols; }

/* ---- the tape --------------------------------------------------------------------------------------------------- */

typedef struct nn_tape nn_tape;

typedef struct nn_tape_options {
    size_t   memory;        /* most bytes of values and gradients at once; 0: the machine's memory, or, where address
                             * space is limited (ulimit -v), half of what is left */
    uint64_t seed;          /* of dropout and masks */
    bool     check_finite;  /* stop at the first operator that makes NaN or Inf, and name it; slow */
} nn_tape_options;

/* What is done besides computing values. Bits. */
typedef enum nn_mode {
    NN_INFER = 0,
    NN_RECORD = 1,                      /* remember operators, so that backward can run */
    NN_RANDOM = 2,                      /* dropout, masks and layer drop are on */
    NN_TRAIN = NN_RECORD | NN_RANDOM
} nn_mode;

/* o may be NULL for defaults. NULL: no memory, or no address space for BLAS (136 MiB a thread), in e. */
SERIN_API nn_tape *nn_tape_new(const nn_tape_options *o, base_error *e);
SERIN_API void     nn_tape_free(nn_tape *t);
/* Forgets everything recorded and every tensor made on the tape, and any error. step counts for random numbers. An operator
 * given a tensor of the step before fails with BASE_VALUE; older ones must not be touched. */
SERIN_API void        nn_tape_begin(nn_tape *t, nn_mode mode, uint64_t step);
SERIN_API nn_mode     nn_tape_mode(const nn_tape *t);
/* Adds d loss / d parameter to the dx of every trainable parameter loss [1][1] was computed from, and to inputs made
 * with nn_input_grad. Releases values as it goes: of this step's tensors only loss and retained ones stay readable. Once in
 * a step. BASE_SHAPE, BASE_VALUE: loss is no number, is of an earlier step, or backward ran already. */
SERIN_API base_status nn_tape_backward(nn_tape *t, nn_tensor *loss);
SERIN_API void        nn_tape_retain(nn_tape *t, nn_tensor *x);
/* The first error since begin, or NULL. */
SERIN_API const base_error *nn_tape_error(const nn_tape *t);
/* Sets the tape's error unless it has one, with the scope in front of the message, and returns NULL: for models, whose
 * input does not fit. */
SERIN_API nn_tensor *nn_tape_fail(nn_tape *t, base_status status, const char *format, ...) NN_PRINTF(3, 4);
SERIN_API size_t      nn_tape_peak(const nn_tape *t);       /* bytes of values and gradients, the most at once */

/* The name random numbers and messages are known by: "encoder.layers.3". %d in format takes index. At most 16 inside each
 * other, 255 bytes in all; more, and a pop too many, are errors. */
SERIN_API void nn_scope_push(nn_tape *t, const char *format, int index);
SERIN_API void nn_scope_pop(nn_tape *t);

/* A point on the tape; trim frees the values made since that neither backward nor `keep` needs. Models call it after
 * every layer: in inference, and below the lowest trainable layer, memory then does not grow with depth. */
typedef struct nn_mark { void *node, *tensor; } nn_mark;
SERIN_API nn_mark    nn_tape_mark(const nn_tape *t);
SERIN_API nn_tensor *nn_tape_trim(nn_tape *t, nn_mark mark, nn_tensor *keep);     /* returns keep */

/* Tensors from outside. input copies x [rows][cols]; with begin (n + 1 offsets, copied) it is a batch of n utterances,
 * with begin NULL and n 0 its rows stand alone; x NULL leaves the values
 * to be written by the caller. wrap refers to x, which must outlive the step. */
/* BASE_SHAPE: offsets that do not rise from 0 to rows, or n without them; less than one column. BASE_VALUE: nothing to wrap. */
SERIN_API nn_tensor *nn_input(nn_tape *t, const float *x, int64_t rows, int cols, int n, const int64_t *begin);
SERIN_API nn_tensor *nn_input_wrap(nn_tape *t, float *x, int64_t rows, int cols, int n, const int64_t *begin);
SERIN_API nn_tensor *nn_input_grad(nn_tape *t, const float *x, int64_t rows, int cols, int n, const int64_t *begin);

/* ---- operators -------------------------------------------------------------------------------------------------- *
 * Each is one file in libnn/ops, where its formula and source stand, and a page in docs/operators.md. x [rows][C]
 * unless stated; results have x's seqs unless stated. Integer arrays are copied. b may be NULL where a bias is named.
 * All fail with BASE_SHAPE when sizes do not fit or an array they need is NULL, BASE_VALUE when an option is out of range or
 * a tensor is of an earlier step, and BASE_NO_MEMORY when the tape is full. Numbers of rows above 2^31 - 1 are BASE_LIMIT in
 * products. */

/* y = x w' + b. x [rows][in], w [out][in], b [1][out] or NULL; y [rows][out]. */
SERIN_API nn_tensor *nn_linear(nn_tape *t, nn_tensor *x, nn_tensor *w, nn_tensor *b);
/* y = dropout(GELU(x w' + b)): one pass, keeps the input of GELU only. p 0 (or a tape without NN_RANDOM): no dropout. */
SERIN_API nn_tensor *nn_linear_gelu(nn_tape *t, nn_tensor *x, nn_tensor *w, nn_tensor *b, float p, const char *site);
SERIN_API nn_tensor *nn_gelu(nn_tape *t, nn_tensor *x);
SERIN_API nn_tensor *nn_relu(nn_tape *t, nn_tensor *x);
SERIN_API nn_tensor *nn_tanh(nn_tape *t, nn_tensor *x);
SERIN_API nn_tensor *nn_sigmoid(nn_tape *t, nn_tensor *x);
SERIN_API nn_tensor *nn_softmax(nn_tape *t, nn_tensor *x);          /* over the columns of each row */
SERIN_API nn_tensor *nn_log_softmax(nn_tape *t, nn_tensor *x);
SERIN_API nn_tensor *nn_dropout(nn_tape *t, nn_tensor *x, float p, const char *site);   /* kept values / (1 - p) */
SERIN_API nn_tensor *nn_dropout_add(nn_tape *t, nn_tensor *h, nn_tensor *x, float p, const char *site); /* x + drop(h) */
SERIN_API nn_tensor *nn_add(nn_tape *t, nn_tensor *a, nn_tensor *b);        /* b [rows][C], or [1][C] for every row */
SERIN_API nn_tensor *nn_multiply(nn_tape *t, nn_tensor *a, nn_tensor *b);   /* as add */
SERIN_API nn_tensor *nn_scale(nn_tape *t, nn_tensor *x, float a);
SERIN_API nn_tensor *nn_concat(nn_tape *t, nn_tensor *a, nn_tensor *b);     /* columns of a, then columns of b */
SERIN_API nn_tensor *nn_stack(nn_tape *t, nn_tensor *a, nn_tensor *b);      /* rows of a, then rows of b, each alone */
SERIN_API nn_tensor *nn_slice(nn_tape *t, nn_tensor *x, int begin, int end);        /* columns begin .. end - 1 */
/* (x - mean) / sqrt(var + eps) g + b over each row, biased variance (Ba et al. 2016). g, b [1][C]. */
SERIN_API nn_tensor *nn_layer_norm(nn_tape *t, nn_tensor *x, nn_tensor *g, nn_tensor *b, float eps);
/* Each channel over the frames of each utterance (Wu and He 2018 with as many groups as channels). g, b [1][C]. */
SERIN_API nn_tensor *nn_group_norm_time(nn_tape *t, nn_tensor *x, nn_tensor *g, nn_tensor *b, float eps);
/* Cross-correlation over time without padding: w [out][in * k] in PyTorch's order (out, in, k); an utterance of L rows
 * gives floor((L - k) / stride) + 1, and none when L < k. */
SERIN_API nn_tensor *nn_conv1d(nn_tape *t, nn_tensor *x, nn_tensor *w, nn_tensor *b, int k, int stride);
/* HuBERT's positional convolution: weight norm over the taps, w[o][i][j] = g[j] v[o][i][j] / |v[.][.][j]|, `groups`
 * groups, k / 2 zeros on both sides, the last frame dropped when k is even. v [C][C / groups * k], g [1][k]. */
SERIN_API nn_tensor *nn_pos_conv(nn_tape *t, nn_tensor *x, nn_tensor *v, nn_tensor *g, nn_tensor *b, int k, int groups);
/* Row i of the result is row ids[i] of table [V][C]; ids NULL: the row of i's place in its utterance. begin as in nn_input,
 * n 0 and NULL: no sequences. BASE_VALUE: an id or a place outside the table. */
SERIN_API nn_tensor *nn_embedding(nn_tape *t, nn_tensor *table, const int *ids, int64_t rows, int n, const int64_t *begin);
SERIN_API nn_tensor *nn_gather_rows(nn_tape *t, nn_tensor *x, const int64_t *index, int64_t rows);  /* no sequences */
/* Scaled dot-product attention inside each utterance; qkv [rows][3 C]: queries, keys, values, each `heads` heads.
 * p: dropout on the probabilities. causal: frame i sees frames 0 .. i (Vaswani et al. 2017). y [rows][C]. */
SERIN_API nn_tensor *nn_self_attention(nn_tape *t, nn_tensor *qkv, int heads, bool causal, float p, const char *site);
/* Queries q [rows][C] of utterance u attend to kv [rows'][2 C] of the same utterance; y [rows][C], 0 where it has no
 * keys. */
SERIN_API nn_tensor *nn_cross_attention(nn_tape *t, nn_tensor *q, nn_tensor *kv, int heads, float p, const char *site);
SERIN_API nn_tensor *nn_mean_pool(nn_tape *t, nn_tensor *x);        /* [utterances][C]: mean over time; 0 for no rows */
/* cos(a_i, b_i) = a.b / max(|a| |b|, 1e-8): [rows][1]. */
SERIN_API nn_tensor *nn_cosine(nn_tape *t, nn_tensor *a, nn_tensor *b);
/* x / max(|x|, 1e-8) for each row: the product of two such rows is their cosine. */
SERIN_API nn_tensor *nn_unit(nn_tape *t, nn_tensor *x);
/* SpecAugment as Hugging Face's HuBERT does it: spans of frames replaced by `embed` [1][C] (NULL: zeros), spans of
 * columns set to 0, drawn per utterance; utterances shorter than a span are left alone. Identity without NN_RANDOM. */
typedef struct nn_mask_options {
    float time_prob;    int time_length, time_min;
    float feature_prob; int feature_length, feature_min;
    const unsigned char *frames;    /* [rows]: the frames to replace, in any mode, instead of drawn ones; NULL: drawn */
} nn_mask_options;
SERIN_API nn_tensor *nn_spec_augment(nn_tape *t, nn_tensor *x, nn_tensor *embed, const nn_mask_options *o, const char *site);
/* The frames the operator would replace in one utterance of so many, drawn by seed, step and name alone: mask [frames] is 1
 * there and 0 elsewhere; returns how many. */
SERIN_API int64_t nn_mask_frames(const nn_mask_options *o, uint64_t seed, uint64_t step, const char *name, int64_t frames,
    unsigned char *mask);
/* Layer drop: true when the layer is to be skipped in this step (probability p; never without NN_RANDOM). */
SERIN_API bool nn_layer_drop(nn_tape *t, float p, const char *site);

/* Losses give [1][1]. */
typedef enum nn_reduction { NN_MEAN, NN_SUM } nn_reduction;

typedef struct nn_cross_entropy_options {
    float        smoothing;     /* PyTorch's: (1 - s) nll + s / C sum of -log p */
    const float *weight;        /* [C] class weights, NULL: 1 each; with NN_MEAN the divisor is the sum of weights */
    int          ignore;        /* rows with this label count for nothing; NN_IGNORE by default */
    nn_reduction reduction;     /* over the rows that count; no such row: loss 0, gradient 0 */
} nn_cross_entropy_options;
#define NN_IGNORE (-100)
#define NN_CROSS_ENTROPY_DEFAULTS { 0.0f, NULL, NN_IGNORE, NN_MEAN }
/* labels [rows] in 0 .. C-1 or ignore; anything else is BASE_VALUE. o NULL: defaults. */
SERIN_API nn_tensor *nn_cross_entropy(nn_tape *t, nn_tensor *logits, const int *labels, const nn_cross_entropy_options *o);

SERIN_API nn_tensor *nn_mean_square(nn_tape *t, nn_tensor *x);     /* over all elements; 0 where there are none */

/* CTC (Graves et al. 2006) with PyTorch's edge cases; takes logits, applies log-softmax itself. */
typedef enum nn_ctc_reduction {
    NN_CTC_MEAN,        /* mean over utterances of loss / max(labels, 1): PyTorch's "mean" */
    NN_CTC_SUM,
    NN_CTC_MEAN_UTTERANCE   /* sum / utterances */
} nn_ctc_reduction;
typedef struct nn_ctc_options {
    int              blank;
    bool             zero_infinity;     /* an utterance whose labels do not fit its frames: loss and gradient 0 */
    nn_ctc_reduction reduction;
} nn_ctc_options;
#define NN_CTC_DEFAULTS { 0, true, NN_CTC_MEAN }
/* logits [rows][V] with seqs; the labels of utterance u are labels[label_begin[u] .. label_begin[u + 1] - 1]; a label
 * outside 0 .. V-1 or equal to the blank is BASE_VALUE. losses [utterances]: NULL, or receives each one's loss (+Inf
 * where infeasible, whatever zero_infinity says). */
SERIN_API nn_tensor *nn_ctc_loss(nn_tape *t, nn_tensor *logits, const int *labels, const int64_t *label_begin,
    const nn_ctc_options *o, float *losses);
/* Contrastive loss of eq. 15 of the paper: mean over i of -log softmax_j(cos(a_i, b_j) / temperature) at j = i.
 * same [n] or NULL: rows with equal values (identical texts) are no negatives of each other. */
SERIN_API nn_tensor *nn_contrastive_loss(nn_tape *t, nn_tensor *a, nn_tensor *b, float temperature, const int *same);

/* ---- parameters ------------------------------------------------------------------------------------------------- */

typedef struct nn_params nn_params;

typedef enum nn_init_kind { NN_INIT_ZERO, NN_INIT_ONE, NN_INIT_NORMAL, NN_INIT_UNIFORM, NN_INIT_POSITIVE, NN_INIT_CONSTANT } nn_init_kind;
typedef struct nn_init {
    nn_init_kind kind;
    float        scale;     /* NORMAL: standard deviation; UNIFORM: [-scale, scale); POSITIVE: [0, scale); CONSTANT: the value */
} nn_init;

/* One tensor as a checkpoint knows it. Shapes are Hugging Face's; x is row-major [shape[0]][the rest]. */
#define NN_MAX_DIMS 4
typedef struct nn_param {
    const char *name;
    int         ndim;
    int64_t     shape[NN_MAX_DIMS];
    int64_t     count;          /* elements */
    float      *x;
    float      *dx;             /* NULL: frozen */
    nn_init     init;
} nn_param;

SERIN_API nn_params *nn_params_new(void);
SERIN_API void       nn_params_free(nn_params *p);
/* Names are put behind the scopes pushed: push("encoder.layers.%d", 3) makes "encoder.layers.3.". More than 16 inside each
 * other, or a pop too many, is an error that build tells. */
SERIN_API void nn_params_push(nn_params *p, const char *format, int index);
SERIN_API void nn_params_pop(nn_params *p);
/* Declares a parameter and returns the tensor models use, [shape[0]][the rest]; [1][n] for a vector. "{q,k,v}_proj.weight"
 * declares three of that shape, stored one behind another and returned as one tensor of three times the rows (columns
 * for vectors). NULL when memory ran out, a name is taken or too long, a shape is none, or after build: build fails then,
 * with the first mistake's message. */
SERIN_API nn_tensor *nn_params_add(nn_params *p, nn_init init, const char *name, int ndim, const int64_t *shape);
/* Parameters whose names begin with prefix get no gradient, also one or two of several that make a tensor. Before build;
 * afterwards it does nothing. */
SERIN_API void nn_params_freeze(nn_params *p, const char *prefix);
/* Parameters whose names hold this get a gradient all the same: nn_params_thaw(p, ".adapter."). As freeze. */
SERIN_API void nn_params_thaw(nn_params *p, const char *part);
/* Allocates: trainable values, then their gradients, each one flat array; frozen values apart. Once; BASE_VALUE,
 * BASE_SHAPE, BASE_LIMIT: a declaration was wrong. */
SERIN_API base_status nn_params_build(nn_params *p, base_error *e);
/* Draws every parameter by its init; a value depends on seed and name only. After build; before, it does nothing. */
SERIN_API void nn_params_init(nn_params *p, uint64_t seed);
SERIN_API int             nn_params_count(const nn_params *p);
SERIN_API const nn_param *nn_params_at(const nn_params *p, int i);              /* in the order of declaration */
SERIN_API const nn_param *nn_params_find(const nn_params *p, const char *name); /* NULL: no such parameter */
/* The flat arrays of all trainable parameters, and of what stands in one tensor with them: values, gradients, their length. Parameter i's share begins at
 * nn_params_at(p, i)->x - values. */
SERIN_API float  *nn_params_values(const nn_params *p);
SERIN_API float  *nn_params_grads(const nn_params *p);
SERIN_API int64_t nn_params_trainable(const nn_params *p);
SERIN_API void    nn_params_zero_grads(nn_params *p);

/* Whether parameters, moments and tapes made from now on ask the system for huge pages. Off at start: products of large
 * models gain a tenth, but the first touch of memory may take several times as long. */
SERIN_API void nn_huge_pages(bool on);

/* ---- threads ---------------------------------------------------------------------------------------------------- */

/* A sentence on the BLAS in use, its threading and kernel; *good false when it is known to be slow beside OpenMP (the
 * pthreads build of OpenBLAS). The string is static. */
SERIN_API const char *nn_blas(bool *good);

/* ---- optimisers ------------------------------------------------------------------------------------------------- */

/* Five variants that differ where models.md 5.1 says: torch's AdamW and Adam, Hugging Face's old AdamW, fairseq's Adam
 * and Google's BERT optimiser. */
typedef enum nn_adam_kind { NN_ADAMW, NN_ADAM, NN_ADAMW_HF, NN_ADAM_FAIRSEQ, NN_ADAM_BERT } nn_adam_kind;

/* Parameters whose names begin with prefix have their own learning rate and decay; "*.lora." are those with this anywhere in them. */
typedef struct nn_group {
    const char *prefix;
    double      factor;         /* on the learning rate of the schedule; 0 leaves them as they are */
    double      decay;          /* weight decay; < 0: the optimiser's */
} nn_group;

typedef struct nn_adam_options {
    nn_adam_kind kind;
    double beta1, beta2, eps, decay;
    bool   decay_vectors;       /* biases and norm weights (ndim < 2) decay too */
    const nn_group *groups;     /* the last that fits counts */
    int    n_groups;
} nn_adam_options;
#define NN_ADAM_DEFAULTS { NN_ADAMW, 0.9, 0.999, 1e-8, 0.01, false, NULL, 0 }

typedef struct nn_adam nn_adam;
SERIN_API bool     nn_adam_kind_of(const char *name, nn_adam_kind *kind);  /* "adamw", "adam", "adamw-hf", "adam-fairseq", "adam-bert" */
/* After build. BASE_VALUE: an option out of range; BASE_MISSING: a group's prefix that no parameter has. */
SERIN_API nn_adam *nn_adam_new(nn_params *p, const nn_adam_options *o, base_error *e);
SERIN_API void     nn_adam_free(nn_adam *a);
/* One update from the gradients, which are multiplied by grad_scale first. rate: the schedule's, before groups. BASE_VALUE, and
 * nothing is changed: a rate or grad_scale that is NaN or infinite. */
SERIN_API base_status nn_adam_step(nn_adam *a, double rate, double grad_scale);
/* State for checkpoints: updates done, first and second moments [nn_params_trainable]. */
SERIN_API int64_t *nn_adam_steps(nn_adam *a);
SERIN_API float   *nn_adam_m(nn_adam *a);
SERIN_API float   *nn_adam_v(nn_adam *a);

/* The global L2 norm of the gradients, in double; and the factor clip_grad_norm_ would multiply by: min(1, most / (norm + 1e-6)). */
SERIN_API double nn_grad_norm(const nn_params *p);
SERIN_API double nn_clip_factor(double norm, double most);

/* Learning rate at update `step` (0 is the first), as transformers and, TRI_STAGE, fairseq define them; docs/optim.md. */
typedef enum nn_schedule_kind { NN_CONSTANT, NN_LINEAR, NN_COSINE, NN_POLYNOMIAL, NN_INVERSE_SQRT, NN_TRI_STAGE } nn_schedule_kind;
typedef struct nn_schedule {
    nn_schedule_kind kind;
    double  rate;               /* the peak */
    int64_t warmup, hold, total;
    double  final_rate;         /* POLYNOMIAL's end; TRI_STAGE's final factor */
    double  power;              /* POLYNOMIAL */
} nn_schedule;
SERIN_API bool   nn_schedule_kind_of(const char *name, nn_schedule_kind *kind);  /* "constant", "linear", "cosine", "polynomial", "inverse-sqrt", "tri-stage" */
SERIN_API double nn_schedule_rate(const nn_schedule *s, int64_t step);

/* Averages of parameters over steps: exponential with decay d, or plain (d = 0: the mean of all added). */
typedef struct nn_average nn_average;
SERIN_API nn_average *nn_average_new(const nn_params *p, double d, base_error *e);
SERIN_API void   nn_average_free(nn_average *a);
SERIN_API void   nn_average_add(nn_average *a);
SERIN_API void   nn_average_swap(nn_average *a);    /* exchanges parameters and average; again: back. Before add: nothing */
SERIN_API float *nn_average_values(nn_average *a);  /* [nn_params_trainable], for checkpoints */
SERIN_API int64_t *nn_average_count(nn_average *a);

/* ---- decoding CTC ----------------------------------------------------------------------------------------------- */

typedef struct nn_hypothesis {
    int   *labels;      /* [n] */
    int   *frames;      /* [n] the first frame of each label on the best path (beam: of those with these labels) */
    int    n;
    double score;       /* log probability */
} nn_hypothesis;

/* log_probs [frames][V], from log-softmax; -Inf is an impossible label. BASE_VALUE, with frame and label: NaN, a number
 * above 0, a frame in which every label is impossible. Arg-max per frame (ties: the lowest label), equal neighbours
 * merged, blanks dropped; score: of that path. */
SERIN_API base_status nn_ctc_greedy(const float *log_probs, int64_t frames, int v, int blank, nn_hypothesis *out, base_error *e);
/* Prefix beam search (Hannun et al. 2014 without a language model): the `nbest` best of `beam` prefixes, best first;
 * order on ties: shorter, then smaller labels. Receives nbest entries at most; *n says how many. With a beam as wide as
 * there are prefixes a score is exactly the CTC log probability of its labels. */
typedef struct nn_beam_options {
    int  beam, nbest, blank;
    bool unaligned;             /* frames are not set before nn_ctc_align: aligning many costs more than the search */
} nn_beam_options;
SERIN_API base_status nn_ctc_beam(const float *log_probs, int64_t frames, int v, const nn_beam_options *o,
    nn_hypothesis *out, int *n, base_error *e);
/* Sets the frames of h, labels that are possible in log_probs. */
SERIN_API base_status nn_ctc_align(const float *log_probs, int64_t frames, int v, int blank, nn_hypothesis *h, base_error *e);
SERIN_API void nn_hypothesis_free(nn_hypothesis *h);

/* ---- decoding sequences ----------------------------------------------------------------------------------------- */

/* What a search asks: the log probabilities of the next word. */
typedef struct nn_sequence_model {
    int            sentences, vocab;
    const int64_t *source;      /* [sentences + 1] offsets of their sources: lengths are limited by them */
    int            limit;       /* most words a hypothesis may have, the start included */
    void          *self;
    /* Hypotheses begin[u] .. begin[u + 1] - 1 of sentence u each read one more word: hypothesis i goes on from number
     * from[i] of the call before (at the first call: from nothing) with words[i]. Returns [begin[sentences]][vocab], valid
     * until the next call; NULL: the reason is in e. */
    const float *(*next)(void *self, const int64_t *begin, const int *from, const int *words, base_error *e);
} nn_sequence_model;

typedef struct nn_sequence_options {
    int    beam, nbest;         /* nbest <= beam */
    int    start, end;          /* words every hypothesis begins and ends with; the results hold neither */
    int    pad, unknown;        /* pad is never chosen; < 0: there is none */
    double unknown_penalty;     /* taken from the log probability of `unknown` */
    double length_penalty;      /* a score is the log probability / (words, with the end) ^ this */
    int    shortest;            /* fewest words */
    double longest_factor;      /* most words: factor * rows of the source + longest, within the model's limit; there only */
    int    longest;             /* the end may follow */
} nn_sequence_options;
#define NN_SEQUENCE_DEFAULTS { 5, 1, 101, 102, 0, -1, 0.0, 1.0, 1, 0.0, 200 }

/* Beam search by the rules of fairseq's SequenceGenerator: of each sentence's extensions the 2 beam best are looked at; an
 * end among the first `beam` of them finishes its hypothesis, the `beam` best others go on; a sentence is done with `beam`
 * finished hypotheses or at its greatest length. A log probability that is no number is impossible. Ties: the better
 * hypothesis so far, then the smaller word; among results the one found first. out [sentences * nbest] receives the
 * nbest best of sentence u from out[u * nbest], best first, without frames; found [sentences] says how many. BASE_VALUE:
 * options out of range; a sentence for which no word is possible before any hypothesis is finished. */
SERIN_API base_status nn_sequence_beam(const nn_sequence_model *m, const nn_sequence_options *o, nn_hypothesis *out, int *found,
    base_error *e);

/* ---- files ------------------------------------------------------------------------------------------------------ */

typedef enum nn_dtype { NN_F32, NN_F16, NN_BF16, NN_F64, NN_I64, NN_I32, NN_I16, NN_I8, NN_U8, NN_BOOL, NN_DTYPE_OTHER } nn_dtype;
SERIN_API const char *nn_dtype_name(nn_dtype d);    /* "F32", safetensors' names */
SERIN_API size_t      nn_dtype_size(nn_dtype d);    /* bytes; 0 for OTHER */

/* A tensor in a file, mapped, not copied. */
#define NN_FILE_MAX_DIMS 8
typedef struct nn_file_tensor {
    const char    *name;
    nn_dtype       dtype;
    const char    *dtype_text;
    int            ndim;
    int64_t        shape[NN_FILE_MAX_DIMS];
    const int64_t *stride;      /* [ndim] elements from one to the next; NULL: rows one behind another, as in C */
    int64_t        count;
    size_t         bytes;       /* count elements' */
    const void    *data;        /* at any byte, aligned or not; NULL: a type we only know by name */
} nn_file_tensor;
/* F32, F16, BF16, F64 as float [count], in row-major order; other types are BASE_UNSUPPORTED. */
SERIN_API base_status nn_file_tensor_floats(const nn_file_tensor *f, float *out, base_error *e);
/* The elements as they are, in row-major order: out [bytes]. data is not NULL. */
SERIN_API void        nn_file_tensor_bytes(const nn_file_tensor *f, void *out);
/* F32, F16, BF16, F64 as F32, F16 or BF16: each value the nearest that d has, of two equally near ones the even; out
 * [count] in row-major order. BASE_VALUE names the first element that is no number or beyond d's range; BASE_UNSUPPORTED:
 * another type. */
SERIN_API base_status nn_file_tensor_round(const nn_file_tensor *f, nn_dtype d, void *out, base_error *e);

/* A checkpoint of any kind that Serin reads, told by its content: safetensors, PyTorch's zip and legacy files, any of them in
 * shards with an index. path: a file, a *.index.json, or a folder that holds model.safetensors, model.safetensors.index.json,
 * pytorch_model.bin or pytorch_model.bin.index.json; the first of these counts. The names of fairseq's models become Hugging
 * Face's. Nothing in a file is executed. What is refused: docs/store.md. Files stay mapped until close. */
typedef struct nn_archive nn_archive;
SERIN_API nn_archive *nn_archive_open(const char *path, base_error *e);
SERIN_API void nn_archive_close(nn_archive *a);
SERIN_API int  nn_archive_count(const nn_archive *a);
SERIN_API const nn_file_tensor *nn_archive_at(const nn_archive *a, int i);      /* names rising */
SERIN_API const nn_file_tensor *nn_archive_find(const nn_archive *a, const char *name);     /* NULL: absent */
SERIN_API const char *nn_archive_meta(const nn_archive *a, const char *key);    /* safetensors' __metadata__; NULL: absent */
typedef struct nn_meta { const char *key, *value; } nn_meta;
SERIN_API const nn_meta *nn_archive_meta_at(const nn_archive *a, int i);        /* by key, rising; NULL: no more */
/* Compares every checksum that is there, over all threads: those of nn_safetensors_save_summed, and a PyTorch zip file's.
 * BASE_FORMAT names the tensor or member, BASE_MISMATCH a file beside it that is another now. nn_params_load does this
 * first, unless nn_no_verify is set, for the whole process. */
SERIN_API base_status nn_archive_verify(const nn_archive *a, base_error *e);
SERIN_API extern bool nn_no_verify;
SERIN_API const char *nn_archive_format(const nn_archive *a);                   /* "PyTorch zip, sharded" */
SERIN_API int         nn_archive_files(const nn_archive *a);
SERIN_API const char *nn_archive_file(const nn_archive *a, int i);
/* A config.json out of the settings that a checkpoint of fairseq's keeps beside its weights; free it. NULL: BASE_MISSING,
 * BASE_FORMAT. */
SERIN_API char       *nn_archive_config(const nn_archive *a, base_error *e);

/* safetensors, checked as libnn/store/safetensors.c says. Open keeps the file mapped until close. */
typedef struct nn_safetensors nn_safetensors;
SERIN_API nn_safetensors *nn_safetensors_open(const char *path, base_error *e);
SERIN_API void nn_safetensors_close(nn_safetensors *s);
SERIN_API int  nn_safetensors_count(const nn_safetensors *s);
SERIN_API const nn_file_tensor *nn_safetensors_at(const nn_safetensors *s, int i);
SERIN_API const nn_file_tensor *nn_safetensors_find(const nn_safetensors *s, const char *name);
SERIN_API const char *nn_safetensors_meta(const nn_safetensors *s, const char *key);   /* __metadata__, NULL: absent */
SERIN_API int            nn_safetensors_meta_count(const nn_safetensors *s);
SERIN_API const nn_meta *nn_safetensors_meta_at(const nn_safetensors *s, int i);        /* by key, rising */

/* Writing: tensors in any order, data NULL where there are no elements; the file appears whole or not at all. Names and
 * texts are UTF-8. BASE_VALUE: a name or key appears twice; BASE_IO: too little space, or the system refuses. */
typedef struct nn_save_tensor {
    const char    *name;
    nn_dtype       dtype;
    int            ndim;
    const int64_t *shape;
    const void    *data;
} nn_save_tensor;
SERIN_API base_status nn_safetensors_save(const char *path, const nn_save_tensor *tensors, int n, const nn_meta *meta,
    int n_meta, base_error *e);

/* The same with checksums in the metadata: of the tensors, of the metadata, and of the files beside path that keys
 * NN_BESIDE "config.json" name, whose values are not looked at. */
#define NN_BESIDE "serin.file."
SERIN_API base_status nn_safetensors_save_summed(const char *path, const nn_save_tensor *tensors, int n, const nn_meta *meta,
    int n_meta, base_error *e);

/* Parameters to safetensors, under their names, with checksums. */
SERIN_API base_status nn_params_save(const nn_params *p, const char *path, const nn_meta *meta, int n_meta, base_error *e);

/* How a parameter fits what the file holds. */
typedef enum nn_fit {
    NN_FIT_LOADED,
    NN_FIT_MISSING,
    NN_FIT_ZEROED,          /* a bias of convolutions, which fairseq's files lack: 0 */
    NN_FIT_OTHER_SHAPE,
    NN_FIT_OTHER_DTYPE,
    NN_FIT_UNEXPECTED       /* a tensor that no parameter asks for */
} nn_fit;
/* How a file's tensors and the parameters fit. */
typedef struct nn_load {
    const char *only;       /* set by the caller: the parameters whose names begin so; NULL: all */
    bool allow_missing;     /* set by the caller: parameters that the file lacks keep their values */
    void (*tell)(void *data, nn_fit fit, const char *name);     /* set by the caller: told of all but the loaded; or NULL */
    void *data;             /* set by the caller: tell's */
    int  loaded, missing, mismatched;   /* parameters */
    int  zeroed, unexpected;            /* no error */
    int  strays;                        /* of the unexpected those inside a part of an encoder of which p asks for others: what they were
                                         * saved from computes something else, unmerged LoRA, say. For the caller to refuse */
    char text[1000];        /* all of it in a sentence that names the first ones of each kind */
} nn_load;
/* Parameters from a checkpoint (nn_archive_open), by name. Frozen ones that the file holds as float32 stay in the mapped
 * file, which lives as long as p. The spellings of published ones are understood: "hubert.",
 * "wav2vec2.", "bert." in front or not; PyTorch's weight norm old, new, and multiplied out; gamma and beta. l may be NULL.
 * BASE_MISSING, BASE_SHAPE, BASE_UNSUPPORTED (an integer dtype): the message is l's text; BASE_VALUE: a NaN or Inf, named by
 * tensor and element. No parameter has changed then. */
SERIN_API base_status nn_params_load(nn_params *p, const char *path, nn_load *l, base_error *e);
/* What loading would find: fails as it does, but looks at no value. p need not be built. */
SERIN_API base_status nn_params_match(const nn_params *p, const nn_archive *a, nn_load *l, base_error *e);

/* A training checkpoint: parameters, moments, average, counters and texts (seed, data position, configuration hash, label
 * names) in one safetensors file with checksums. The directory is the caller's alone (base_lock). */
typedef struct nn_checkpoint {
    nn_params  *params;
    nn_adam    *adam;           /* may be NULL */
    nn_average *average;        /* may be NULL */
    nn_meta     meta[32];       /* keys do not begin with "serin." */
    int         n_meta;
    char       *texts;          /* of the last load; start with NULL */
} nn_checkpoint;
/* Sweeps temporary files of killed processes, writes <dir>/checkpoint-<step>.safetensors, makes it durable, then removes
 * all but the newest `keep` (>= 1) and those of later steps, which load has passed over. When it fails, the older
 * files are there as before. */
SERIN_API base_status nn_checkpoint_save(const nn_checkpoint *c, const char *dir, int64_t step, int keep, base_error *e);
/* Takes the newest that is whole; *step says which, -1 that dir holds none, or is not there. Fills in the values of the
 * texts whose keys stand in meta (NULL: the file has none), valid until the next load or free. A damaged file is passed
 * over and told in note (NULL: not told): `…/checkpoint-30.safetensors: tensor "x": …; using checkpoint-20`.
 * BASE_FORMAT and the like: none is whole. BASE_MISMATCH, BASE_SHAPE: of another model or optimiser. Nothing has changed
 * after an error. */
SERIN_API base_status nn_checkpoint_load(nn_checkpoint *c, const char *dir, int64_t *step, base_error *note, base_error *e);
SERIN_API void        nn_checkpoint_free(nn_checkpoint *c);     /* the texts */

/* A matrix that owns its memory. */
typedef struct nn_matrix { float *x; int64_t rows; int cols; } nn_matrix;
SERIN_API void nn_matrix_free(nn_matrix *m);

/* numpy .npy, versions 1 to 3, f2 f4 f8 i1 i2 i4 i8 u1 b1, one or two dimensions, either order; written as '<f4'. */
SERIN_API base_status nn_npy_read(const char *path, nn_matrix *m, base_error *e);
SERIN_API base_status nn_npy_write(const char *path, const nn_matrix *m, base_error *e);

/* Kaldi's tables of matrices. rspecifier: ark:FILE, ark:-, scp:FILE (binary or text, FM DM CM CM2 CM3 and vectors as
 * one row); a pipe ("cmd |") is refused. wspecifier: ark:FILE, ark,t:FILE, ark,scp:A,S, "-" for standard output.
 * next: BASE_OK with *key set, or *key NULL at the end. The key and matrix stay valid until the next call. */
typedef struct nn_table_reader nn_table_reader;
SERIN_API nn_table_reader *nn_table_open(const char *rspecifier, base_error *e);
SERIN_API base_status nn_table_next(nn_table_reader *r, const char **key, nn_matrix *m, base_error *e);
SERIN_API void        nn_table_close(nn_table_reader *r);
typedef struct nn_table_writer nn_table_writer;
SERIN_API nn_table_writer *nn_table_create(const char *wspecifier, base_error *e);
SERIN_API base_status nn_table_write(nn_table_writer *w, const char *key, const nn_matrix *m, base_error *e);
SERIN_API base_status nn_table_commit(nn_table_writer *w, base_error *e);   /* finishes the files; frees w in any case */
SERIN_API void        nn_table_abandon(nn_table_writer *w);                 /* removes what was written; frees w */

/* ---- models ----------------------------------------------------------------------------------------------------- */

/* A Transformer encoder (Vaswani et al. 2017), post-norm as in BERT and HuBERT base or pre-norm as in HuBERT large.
 * Layer i of it is named as `names` says. */
typedef struct nn_encoder_config {
    int   width, layers, heads, inner;      /* inner: of the feed-forward */
    float eps;                              /* of layer norm */
    bool  pre_norm;
    float dropout, attention_dropout, activation_dropout, layer_drop;
    float init;                             /* standard deviation of new weights */
    int   adapter;                          /* columns of an adapter behind each feed-forward, inside its residual; 0: none */
    bool  adapter_attention, adapter_gelu;  /* behind attention, too; GELU, else ReLU */
    int   lora;                             /* rank of what is added to queries, keys and values; 0: none */
    float lora_alpha;                       /* it is multiplied by alpha / rank, as in peft; 0: by 1 */
    int   adapter_layers;                   /* the upper layers that have these; 0: all. In a frozen encoder nothing flows back
                                             * below them (Rueckle et al., AdapterDrop, 2021) */
} nn_encoder_config;

/* The text of a config.json; where path is a checkpoint of fairseq's, nn_archive_config of it. Free it; NULL: it cannot be
 * read. */
SERIN_API char *nn_config_text(const char *path, base_error *e);

/* HuBERT, in both published variants, from the keys of Hugging Face's config.json (unknown keys are ignored, missing
 * ones take HubertConfig's defaults). */
typedef struct nn_hubert_config {
    nn_encoder_config encoder;
    bool  layer_norm_features;              /* feat_extract_norm == "layer" */
    bool  conv_bias, project_norm;
    int   n_conv, conv_dim[16], conv_kernel[16], conv_stride[16];
    float project_dropout, final_dropout;
    int   pos_kernel, pos_groups;
    bool  spec_augment;
    nn_mask_options mask;
    bool  masked;                           /* masked_spec_embed is there for nn_hubert_encode_masked, whatever mask says */
    int   vocab_size, pad_id;
    /* Serin's own front end for small models trained from scratch, "serin_front_end": "logmel": frames of log-mel
     * energies instead of waveforms take the place of the convolutions. 0: the convolutional one. */
    int   mel_bins, mel_stack;              /* columns of a frame of input = mel_bins * mel_stack */
} nn_hubert_config;
SERIN_API base_status nn_hubert_config_read(nn_hubert_config *c, const char *path, base_error *e);  /* as nn_config_text */
/* Frames the encoder gets from so many samples, 0: too short; with the log-mel front end, from so many rows of input. */
SERIN_API int64_t     nn_hubert_frames(const nn_hubert_config *c, int64_t samples);

typedef struct nn_hubert nn_hubert;
/* Declares the parameters in p under Hugging Face's names (with the scopes pushed in front). */
SERIN_API nn_hubert *nn_hubert_new(nn_params *p, const nn_hubert_config *c);
SERIN_API void       nn_hubert_free(nn_hubert *m);
/* wave [samples][1] with seqs, normalised as the model's preprocessor asks -> conv features [frames][512]. With the
 * log-mel front end there is nothing to do, and the input is the result. */
SERIN_API nn_tensor *nn_hubert_features(nn_tape *t, const nn_hubert *m, nn_tensor *wave);
/* Convolution or log-mel features -> hidden states [frames][width]. layer -1: the last, with the final norm of pre-norm
 * models; i >= 0: transformers' hidden_states[i], later layers not computed: 0 is the first layer's input, the number of
 * layers the last one's output before the final norm. */
SERIN_API nn_tensor *nn_hubert_encode(nn_tape *t, const nn_hubert *m, nn_tensor *features, int layer);

/* The same to the last layer, with the frames replaced that mask [rows] does not hold 0 for, in any mode, as pre-training by
 * masked prediction has it; masks of columns are drawn as ever. BASE_VALUE: the model has no masked_spec_embed. */
SERIN_API nn_tensor *nn_hubert_encode_masked(nn_tape *t, const nn_hubert *m, nn_tensor *features, const unsigned char *mask);

/* BERT, from the keys of Hugging Face's config.json (missing ones take BertConfig's defaults). */
typedef struct nn_bert_config {
    nn_encoder_config encoder;
    int  vocab_size, max_positions, type_vocab_size, pad_id;
    bool tied;                              /* the masked-word head's matrix is the table of words */
} nn_bert_config;
SERIN_API base_status nn_bert_config_read(nn_bert_config *c, const char *path, base_error *e);

typedef struct nn_bert nn_bert;
/* Declares the parameters under Hugging Face's names; pooler: of the first token, too. */
SERIN_API nn_bert   *nn_bert_new(nn_params *p, const nn_bert_config *c, bool pooler);
/* The masked-word head, "cls.predictions". Declared apart because Hugging Face keeps it beside "bert.", not in it. */
SERIN_API void       nn_bert_add_word_head(nn_params *p, nn_bert *m);
SERIN_API void       nn_bert_free(nn_bert *m);
/* Sentence u's tokens are ids[begin[u]] .. ids[begin[u + 1] - 1]; types likewise, NULL: all 0. -> [tokens][width].
 * BASE_VALUE: an id outside the vocabulary, or a sentence longer than max_positions. */
SERIN_API nn_tensor *nn_bert_embed(nn_tape *t, const nn_bert *m, const int *ids, const int *types, int n, const int64_t *begin);
/* Embeddings -> hidden states [tokens][width]; layer -1: all; i >= 0: hidden_states[i] of Hugging Face. */
SERIN_API nn_tensor *nn_bert_encode(nn_tape *t, const nn_bert *m, nn_tensor *x, int layer);
/* States -> tanh(W first token + b) of each sentence [sentences][width]. BASE_SHAPE: an empty sentence, or m has no pooler. */
SERIN_API nn_tensor *nn_bert_pool(nn_tape *t, const nn_bert *m, nn_tensor *states);
/* States -> logits of words [tokens][vocab_size]. BASE_VALUE: m has no head. */
SERIN_API nn_tensor *nn_bert_words(nn_tape *t, const nn_bert *m, nn_tensor *states);
SERIN_API nn_tensor *nn_bert_table(const nn_bert *m);      /* of words [vocab_size][width], for a decoder to share */
SERIN_API nn_bert   *nn_bert_bare(const nn_bert *m);       /* the same weights without adapters; NULL: no memory. Free it first */

/* A Transformer decoder over an encoder's states, as Hugging Face's BertLMHeadModel with cross-attention computes it: BERT's
 * post-norm layers with causal attention, and attention to the states before the feed-forward. The output matrix is the
 * word table. */
typedef struct nn_decoder nn_decoder;
/* Declares the parameters under Hugging Face's names, "bert.…" and "cls.predictions.…". table: that of another model with
 * the same vocabulary and width, nn_bert_table's, to be shared; NULL: one of its own. c's adapters are the encoder's. */
SERIN_API nn_decoder *nn_decoder_new(nn_params *p, const nn_bert_config *c, nn_tensor *table);
SERIN_API void        nn_decoder_free(nn_decoder *m);
/* Teacher forcing. Sentence u's words, the start in front, are ids[begin[u]] .. ids[begin[u + 1] - 1]; source [rows][width]
 * are the encoder's states of as many sentences -> hidden states [words][width], after `layer` layers (-1: all).
 * BASE_VALUE: an id outside the vocabulary, or a sentence longer than max_positions. */
SERIN_API nn_tensor *nn_decoder_states(nn_tape *t, const nn_decoder *m, const int *ids, int n, const int64_t *begin,
    nn_tensor *source, int layer);
/* States -> logits of the word that follows each [words][vocab_size]. */
SERIN_API nn_tensor *nn_decoder_words(nn_tape *t, const nn_decoder *m, nn_tensor *states);

/* Decoding word by word, with keys and values of all words before kept. new computes those of the source and forgets
 * nothing on the tape; every later word begins the tape anew. NULL: no memory, or the tape's error, in e. */
typedef struct nn_decoding nn_decoding;
SERIN_API nn_decoding *nn_decoding_new(nn_tape *t, const nn_decoder *m, nn_tensor *source, base_error *e);
SERIN_API void         nn_decoding_free(nn_decoding *d);
SERIN_API nn_sequence_model nn_decoding_model(nn_decoding *d);     /* for one search; refers to d */

/* Fusion of acoustic and linguistic features (section 3.2 of the paper). Every kind but concat begins with self-attention
 * in each side; cross, tgf and tgf-gate go on with cross-attention between the sides. */
typedef enum nn_fusion_kind {
    NN_FUSE_CONCAT,     /* eq. 2: pooled vectors side by side */
    NN_FUSE_SELF,
    NN_FUSE_CROSS,      /* self- and cross-attended features side by side, pooled */
    NN_FUSE_GATE,       /* eq. 6 and 7: pooled vectors, each weighed by a gate that sees both */
    NN_FUSE_TGF,        /* eq. 8 to 14: a gate for every frame and column, then pooled */
    NN_FUSE_TGF_GATE    /* both gates */
} nn_fusion_kind;
SERIN_API bool        nn_fusion_kind_of(const char *name, nn_fusion_kind *kind);     /* "concat", "self", … "tgf-gate" */
SERIN_API const char *nn_fusion_name(nn_fusion_kind kind);

typedef struct nn_fusion_config {
    nn_fusion_kind kind;
    int   acoustic, linguistic;     /* columns of the features */
    int   width, heads;             /* columns all are projected to, and of the result */
    bool  residual;                 /* attention's result is added to what it attends from, and normed; eq. 8 and 9 have neither */
    bool  one_sided;                /* the gate weighs the cross-attended features only, as eq. 11 and 12 are printed; else
                                     * g weighs the self-attended and 1 - g the cross-attended ones */
    bool  sigmoid_first;            /* W s(x) + b; else s(W x + b) */
    float dropout, attention_dropout, eps, init;
} nn_fusion_config;

typedef struct nn_fusion nn_fusion;
/* Declares "acoustic.…", "linguistic.…" and "out.…" in the present scope. */
SERIN_API nn_fusion *nn_fusion_new(nn_params *p, const nn_fusion_config *c);
SERIN_API void       nn_fusion_free(nn_fusion *m);
/* acoustic [frames][.], linguistic [tokens][.], the same utterances in both -> F [utterances][width]. gates: NULL, or
 * receives each side's gate [frames or tokens][width] of the temporal kinds, NULL for others. */
SERIN_API nn_tensor *nn_fusion_apply(nn_tape *t, const nn_fusion *m, nn_tensor *acoustic, nn_tensor *linguistic,
    nn_tensor *gates[2]);

#ifdef __cplusplus
}
#endif
#endif
