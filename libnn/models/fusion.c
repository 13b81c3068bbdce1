/* How acoustic and linguistic features become one vector (section 3.2 of the paper): concatenation (eq. 2), self-attention,
 * cross-attention, the conventional gate (eq. 6 and 7) and temporal gated fusion (eq. 8 to 14). */
#include <stdlib.h>
#include <string.h>

#include "libnn/models/encoder.h"

enum { ACOUSTIC, LINGUISTIC, SIDES };

static const char *const side_name[SIDES] = { "acoustic", "linguistic" };

/* y = attention, or LN(x + dropout(attention)) with a residual; w NULL: not built. */
typedef struct attention { nn_dense q, kv, out; nn_norm norm; } attention;

typedef struct side {
    nn_dense  project;      /* to the common width; w NULL: it is that wide already */
    attention self, cross;
    nn_dense  gate;         /* of frames, 2 D -> D */
    nn_dense  pooled_gate;  /* of pooled vectors */
} side;

struct nn_fusion {
    nn_fusion_config c;
    side     side[SIDES];
    nn_dense out;
};

bool nn_fusion_kind_of(const char *name, nn_fusion_kind *kind)
{
    for (int i = 0; i <= NN_FUSE_TGF_GATE; i++)
        if (!strcmp(name, nn_fusion_name((nn_fusion_kind)i))) {
            *kind = (nn_fusion_kind)i;
            return true;
        }
    return false;
}

const char *nn_fusion_name(nn_fusion_kind kind)
{
    static const char *const names[] = { "concat", "self", "cross", "gate", "tgf", "tgf-gate" };

    return names[kind];
}

/* ---- parameters ------------------------------------------------------------------------------------------------- */

static bool attends(const nn_fusion_config *c) { return c->kind != NN_FUSE_CONCAT; }
static bool crosses(const nn_fusion_config *c) { return c->kind == NN_FUSE_CROSS || c->kind >= NN_FUSE_TGF; }
static bool gates_frames(const nn_fusion_config *c) { return c->kind >= NN_FUSE_TGF; }
static bool gates_pooled(const nn_fusion_config *c) { return c->kind == NN_FUSE_GATE || c->kind == NN_FUSE_TGF_GATE; }

/* Columns of a side's pooled vector: self-attended features beside cross-attended ones, where there are both. */
static int pooled_width(const nn_fusion_config *c) { return crosses(c) ? 2 * c->width : c->width; }

static attention add_attention(nn_params *p, const nn_fusion_config *c, const char *name)
{
    attention a = { 0 };

    nn_params_push(p, name, 0);
    a.q = nn_dense_add(p, "query", c->width, c->width, c->init);
    a.kv = nn_dense_add(p, "{key,value}", c->width, c->width, c->init);
    a.out = nn_dense_add(p, "out", c->width, c->width, c->init);
    if (c->residual)
        a.norm = nn_norm_add(p, "norm", c->width);
    nn_params_pop(p);
    return a;
}

static side add_side(nn_params *p, const nn_fusion_config *c, int which)
{
    int in = which == ACOUSTIC ? c->acoustic : c->linguistic, pooled = pooled_width(c);
    side s = { 0 };

    nn_params_push(p, side_name[which], 0);
    if (in != c->width)
        s.project = nn_dense_add(p, "project", in, c->width, c->init);
    if (attends(c))
        s.self = add_attention(p, c, "self");
    if (crosses(c))
        s.cross = add_attention(p, c, "cross");
    if (gates_frames(c))
        s.gate = nn_dense_add(p, "gate", 2 * c->width, c->width, c->init);
    if (gates_pooled(c))
        s.pooled_gate = nn_dense_add(p, "pooled_gate", 2 * pooled, pooled, c->init);
    nn_params_pop(p);
    return s;
}

nn_fusion *nn_fusion_new(nn_params *p, const nn_fusion_config *c)
{
    nn_fusion *m = calloc(1, sizeof *m);

    if (!m)
        return NULL;
    m->c = *c;
    for (int i = 0; i < SIDES; i++)
        m->side[i] = add_side(p, c, i);
    m->out = nn_dense_add(p, "out", 2 * pooled_width(c), c->width, c->init);
    return m;
}

void nn_fusion_free(nn_fusion *m) { free(m); }

/* ---- forward ---------------------------------------------------------------------------------------------------- */

static nn_tensor *attend(nn_tape *t, const nn_fusion_config *c, const attention *a, nn_tensor *x, nn_tensor *from, const char *site)
{
    nn_tensor *h = nn_cross_attention(t, nn_dense_apply(t, x, a->q), nn_dense_apply(t, from, a->kv), c->heads,
        c->attention_dropout, site);

    h = nn_dense_apply(t, h, a->out);
    return c->residual ? nn_norm_apply(t, nn_dropout_add(t, h, x, c->dropout, "dropout"), a->norm, c->eps) : h;
}

/* s(W x + b), or W s(x) + b; the paper writes no W, but its gate must be as wide as what it weighs. */
static nn_tensor *gate_of(nn_tape *t, const nn_fusion_config *c, nn_dense d, nn_tensor *x)
{
    return c->sigmoid_first ? nn_dense_apply(t, nn_sigmoid(t, x), d) : nn_sigmoid(t, nn_dense_apply(t, x, d));
}

/* 1 - g. */
static nn_tensor *rest_of(nn_tape *t, nn_tensor *g)
{
    static const float one = 1.0f;
    nn_tensor *x = nn_scale(t, g, -1.0f);
    nn_tensor *ones = x ? nn_input(t, NULL, 1, x->cols, 0, NULL) : NULL;

    for (int i = 0; ones && i < ones->cols; i++)
        ones->x[i] = one;
    return nn_add(t, x, ones);
}

/* Eq. 10 to 12, frame by frame. Complementary: (s g) + (c (1 - g)) side by side, as figure 3 reads; one-sided: as the
 * equations are printed. */
static nn_tensor *gate_frames(nn_tape *t, const nn_fusion_config *c, const side *d, nn_tensor *cross, nn_tensor *self,
    nn_tensor **gate)
{
    nn_tensor *g = gate_of(t, c, d->gate, nn_concat(t, cross, self));

    *gate = g;
    if (c->one_sided)
        return nn_concat(t, nn_multiply(t, cross, g), self);
    return nn_concat(t, nn_multiply(t, cross, rest_of(t, g)), nn_multiply(t, self, g));
}

nn_tensor *nn_fusion_apply(nn_tape *t, const nn_fusion *m, nn_tensor *acoustic, nn_tensor *linguistic, nn_tensor *gates[2])
{
    const nn_fusion_config *c = &m->c;
    nn_tensor *x[SIDES] = { acoustic, linguistic }, *cross[SIDES], *pooled[SIDES], *gated[SIDES], *unused[SIDES];
    nn_tensor **gate = gates ? gates : unused;

    for (int i = 0; i < SIDES; i++) {
        nn_scope_push(t, i == ACOUSTIC ? "fusion.acoustic" : "fusion.linguistic", 0);
        gate[i] = NULL;
        if (m->side[i].project.w)
            x[i] = nn_dense_apply(t, x[i], m->side[i].project);
        if (attends(c))
            x[i] = attend(t, c, &m->side[i].self, x[i], x[i], "self");
        nn_scope_pop(t);
    }
    for (int i = 0; i < SIDES; i++) {
        nn_scope_push(t, i == ACOUSTIC ? "fusion.acoustic.cross" : "fusion.linguistic.cross", 0);
        cross[i] = crosses(c) ? attend(t, c, &m->side[i].cross, x[i], x[1 - i], "cross") : NULL;
        nn_scope_pop(t);
    }
    for (int i = 0; i < SIDES; i++) {
        if (gates_frames(c))
            x[i] = gate_frames(t, c, &m->side[i], cross[i], x[i], &gate[i]);
        else if (crosses(c))
            x[i] = nn_concat(t, cross[i], x[i]);
        pooled[i] = nn_mean_pool(t, x[i]);
    }
    for (int i = 0; i < SIDES; i++)
        gated[i] = gates_pooled(c) ? nn_multiply(t, pooled[i], gate_of(t, c, m->side[i].pooled_gate, nn_concat(t, pooled[i], pooled[1 - i])))
                                   : pooled[i];
    return nn_dense_apply(t, nn_concat(t, gated[ACOUSTIC], gated[LINGUISTIC]), m->out);
}
