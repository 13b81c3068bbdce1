/* The kernel of self- and cross-attention: y = dropout(softmax(q k' / sqrt(width))) v for every head of every utterance
 * (Vaswani et al. 2017), never holding more than a tile of scores (Rabe and Staats 2021, Dao et al. 2022). */
#ifndef SERIN_NN_OPS_ATTENTION_H
#define SERIN_NN_OPS_ATTENTION_H

#include "libnn/ops/op.h"

typedef struct nn_attention_task nn_attention_task;

typedef struct nn_attention {
    const float   *q, *k, *v;       /* [rows][heads * width], rows ld_q and ld_kv floats apart */
    int64_t        ld_q, ld_kv;
    const nn_seqs *queries, *keys;  /* utterance u of the one belongs to utterance u of the other */
    int            heads, width;    /* width: columns of a head */
    bool           causal;          /* query i sees keys 0 .. i */
    float          p;               /* dropout on the probabilities */
    base_random    random;
    const nn_attention_task *tasks; /* made by nn_attention_run */
    int64_t        n_tasks;
} nn_attention;

/* Fills in what the tape knows (p and random; p 0 without NN_RANDOM), computes g's result, and keeps a copy of *a as
 * the node's data and the log of each softmax's sum as its saved block. Returns nn_result(g); g may be NULL. */
nn_tensor *nn_attention_run(nn_node *g, nn_attention *a, float p, const char *site);

/* Gradients from g->out->dx, laid out as q, k and v; NULL where none is wanted. add: to what is there already. */
void nn_attention_backward(nn_node *g, float *dq, bool add_q, float *dk, float *dv, bool add_kv);

/* Multiplications and additions of the forward pass. */
double nn_attention_flop(const nn_node *g);

#endif
