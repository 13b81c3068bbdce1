#include "libnn/models/encoder.h"

#include <math.h>
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

static nn_adapter add_adapter(nn_params *p, const char *name, const nn_encoder_config *c)
{
    nn_init bound = { NN_INIT_UNIFORM, 1.0f / sqrtf((float)c->width) }, zero = { NN_INIT_ZERO, 0 };
    nn_adapter a;

    nn_params_push(p, name, 0);
    a.down.w = nn_params_add(p, bound, "down.weight", 2, (const int64_t[]){ c->adapter, c->width });
    a.down.b = nn_params_add(p, zero, "down.bias", 1, (const int64_t[]){ c->adapter });
    a.up.w = nn_params_add(p, zero, "up.weight", 2, (const int64_t[]){ c->width, c->adapter });
    a.up.b = nn_params_add(p, zero, "up.bias", 1, (const int64_t[]){ c->width });
    nn_params_pop(p);
    return a;
}

static nn_lora add_lora(nn_params *p, const nn_encoder_config *c)
{
    static const char *const names[] = { "lora.query_b.weight", "lora.key_b.weight", "lora.value_b.weight" };
    nn_init bound = { NN_INIT_UNIFORM, 1.0f / sqrtf((float)c->width) };
    nn_lora l;

    l.a = nn_params_add(p, bound, "lora.{query,key,value}_a.weight", 2, (const int64_t[]){ c->lora, c->width });
    for (int i = 0; i < 3; i++)
        l.b[i] = nn_params_add(p, (nn_init){ NN_INIT_ZERO, 0 }, names[i], 2, (const int64_t[]){ c->width, c->lora });
    return l;
}

nn_layer nn_layer_add(nn_params *p, const nn_encoder_config *c, const nn_layer_names *names, int index)
{
    bool adapted = c->adapter_layers == 0 || index >= c->layers - c->adapter_layers;
    nn_layer l = { 0 };

    nn_params_push(p, names->layer, index);
    l.qkv = nn_dense_add(p, names->qkv, c->width, c->width, c->init);
    l.out = nn_dense_add(p, names->out, c->width, c->width, c->init);
    l.attention_norm = nn_norm_add(p, names->attention_norm, c->width);
    l.up = nn_dense_add(p, names->up, c->width, c->inner, c->init);
    l.down = nn_dense_add(p, names->down, c->inner, c->width, c->init);
    l.norm = nn_norm_add(p, names->norm, c->width);
    if (adapted && c->adapter && c->adapter_attention)
        l.attention_adapter = add_adapter(p, "attention_adapter", c);
    if (adapted && c->adapter)
        l.adapter = add_adapter(p, "adapter", c);
    if (adapted && c->lora)
        l.lora = add_lora(p, c);
    nn_params_pop(p);
    return l;
}

static nn_tensor *adapt(nn_tape *t, const nn_adapter *a, const nn_encoder_config *c, nn_tensor *h)
{
    nn_tensor *x;

    if (!a->down.w)
        return h;
    if (c->adapter_gelu)
        x = nn_linear_gelu(t, h, a->down.w, a->down.b, 0.0f, "adapter");
    else
        x = nn_relu(t, nn_dense_apply(t, h, a->down));
    return nn_add(t, h, nn_dense_apply(t, x, a->up));
}

static nn_tensor *add_low_rank(nn_tape *t, const nn_lora *l, const nn_encoder_config *c, nn_tensor *qkv, nn_tensor *x)
{
    int rank = c->lora;
    nn_tensor *low, *part[3];

    if (!l->a)
        return qkv;
    low = nn_linear(t, x, l->a, NULL);
    if (c->lora_alpha > 0)
        low = nn_scale(t, low, c->lora_alpha / (float)rank);
    for (int i = 0; i < 3; i++)
        part[i] = nn_linear(t, nn_slice(t, low, i * rank, (i + 1) * rank), l->b[i], NULL);
    return nn_add(t, qkv, nn_concat(t, nn_concat(t, part[0], part[1]), part[2]));
}

static nn_tensor *attend(nn_tape *t, const nn_layer *l, const nn_encoder_config *c, nn_tensor *x)
{
    nn_tensor *qkv = add_low_rank(t, &l->lora, c, nn_dense_apply(t, x, l->qkv), x);

    x = nn_self_attention(t, qkv, c->heads, false, c->attention_dropout, "attention");
    return adapt(t, &l->attention_adapter, c, nn_dense_apply(t, x, l->out));
}

static nn_tensor *feed_forward(nn_tape *t, const nn_layer *l, const nn_encoder_config *c, nn_tensor *x)
{
    x = nn_linear_gelu(t, x, l->up.w, l->up.b, c->activation_dropout, "activation");
    return adapt(t, &l->adapter, c, nn_dense_apply(t, x, l->down));
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
