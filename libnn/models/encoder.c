#include "libnn/models/encoder.h"

#include <stdio.h>

#define NAME_BYTES 200

static const char *join(char *room, const char *name, const char *part)
{
    snprintf(room, NAME_BYTES, "%s.%s", name, part);
    return room;
}

nn_dense nn_dense_add(nn_params *p, const char *name, int in, int out, float std)
{
    char room[NAME_BYTES];
    nn_dense d;

    d.w = nn_params_add(p, (nn_init){ NN_INIT_NORMAL, std }, join(room, name, "weight"), 2, (const int64_t[]){ out, in });
    d.b = nn_params_add(p, (nn_init){ NN_INIT_ZERO, 0 }, join(room, name, "bias"), 1, (const int64_t[]){ out });
    return d;
}

nn_norm nn_norm_add(nn_params *p, const char *name, int width)
{
    char room[NAME_BYTES];
    nn_norm n;

    n.g = nn_params_add(p, (nn_init){ NN_INIT_ONE, 0 }, join(room, name, "weight"), 1, (const int64_t[]){ width });
    n.b = nn_params_add(p, (nn_init){ NN_INIT_ZERO, 0 }, join(room, name, "bias"), 1, (const int64_t[]){ width });
    return n;
}

nn_layer nn_layer_add(nn_params *p, const nn_encoder_config *c, const nn_layer_names *names, int index)
{
    nn_layer l;

    nn_params_push(p, names->layer, index);
    l.qkv = nn_dense_add(p, names->qkv, c->width, c->width, c->init);
    l.out = nn_dense_add(p, names->out, c->width, c->width, c->init);
    l.attention_norm = nn_norm_add(p, names->attention_norm, c->width);
    l.up = nn_dense_add(p, names->up, c->width, c->inner, c->init);
    l.down = nn_dense_add(p, names->down, c->inner, c->width, c->init);
    l.norm = nn_norm_add(p, names->norm, c->width);
    nn_params_pop(p);
    return l;
}

static nn_tensor *attend(nn_tape *t, const nn_layer *l, const nn_encoder_config *c, nn_tensor *x)
{
    x = nn_self_attention(t, nn_dense_apply(t, x, l->qkv), c->heads, false, c->attention_dropout, "attention");
    return nn_dense_apply(t, x, l->out);
}

static nn_tensor *feed_forward(nn_tape *t, const nn_layer *l, const nn_encoder_config *c, nn_tensor *x)
{
    x = nn_linear_gelu(t, x, l->up.w, l->up.b, c->activation_dropout, "activation");
    return nn_dense_apply(t, x, l->down);
}

nn_tensor *nn_layer_apply(nn_tape *t, const nn_layer *l, const nn_encoder_config *c, nn_tensor *x)
{
    nn_tensor *h;

    if (c->pre_norm) {
        h = attend(t, l, c, nn_norm_apply(t, x, l->attention_norm, c->eps));
        x = nn_dropout_add(t, h, x, c->dropout, "attention_dropout");
        h = feed_forward(t, l, c, nn_norm_apply(t, x, l->norm, c->eps));
        return nn_dropout_add(t, h, x, c->dropout, "dropout");
    }
    h = attend(t, l, c, x);
    x = nn_norm_apply(t, nn_dropout_add(t, h, x, c->dropout, "attention_dropout"), l->attention_norm, c->eps);
    h = feed_forward(t, l, c, x);
    return nn_norm_apply(t, nn_dropout_add(t, h, x, c->dropout, "dropout"), l->norm, c->eps);
}

nn_tensor *nn_layers_apply(nn_tape *t, const nn_layer *layers, int n, const nn_encoder_config *c, const nn_layer_names *names,
    nn_tensor *x)
{
    nn_mark mark = nn_tape_mark(t);

    for (int i = 0; i < n; i++) {
        nn_scope_push(t, names->layer, i);
        if (!nn_layer_drop(t, c->layer_drop, "layer_drop"))
            x = nn_layer_apply(t, &layers[i], c, x);
        nn_scope_pop(t);
        x = nn_tape_trim(t, mark, x);
    }
    return x;
}
