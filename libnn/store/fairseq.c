/* The table of names, after transformers' script that converts HuBERT. */
#include "libnn/store/fairseq.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

typedef struct row { const char *theirs, *ours; } row;

static const row of_model[] = {
    { "layer_norm.", "feature_projection.layer_norm." },
    { "post_extract_proj.", "feature_projection.projection." },
    { "encoder.pos_conv.0.", "encoder.pos_conv_embed.conv." },
    { "encoder.layer_norm.", "encoder.layer_norm." },
    { "mask_emb", "masked_spec_embed" },
    { NULL, NULL },
};

/* Behind "feature_extractor.conv_layers.3."; the norm is the third of a block, alone or inside of two
 * transpositions. */
static const row of_convolution[] = {
    { "0.", "conv." },
    { "2.1.", "layer_norm." },
    { "2.", "layer_norm." },
    { NULL, NULL },
};

/* Behind "encoder.layers.3.". */
static const row of_layer[] = {
    { "self_attn.k_proj.", "attention.k_proj." },
    { "self_attn.v_proj.", "attention.v_proj." },
    { "self_attn.q_proj.", "attention.q_proj." },
    { "self_attn.out_proj.", "attention.out_proj." },
    { "self_attn_layer_norm.", "layer_norm." },
    { "fc1.", "feed_forward.intermediate_dense." },
    { "fc2.", "feed_forward.output_dense." },
    { "final_layer_norm.", "final_layer_norm." },
    { NULL, NULL },
};

/* What stands behind the beginning; NULL: s begins otherwise. */
static const char *behind(const char *s, const char *beginning)
{
    size_t n = strlen(beginning);

    return strncmp(s, beginning, n) ? NULL : s + n;
}

static bool join(char *out, const char *a, size_t n, const char *b, const char *c)
{
    int length = snprintf(out, NN_FAIRSEQ_NAME, "%.*s%s%s", (int)n, a, b, c);

    return length >= 0 && length < NN_FAIRSEQ_NAME;
}

/* name's first n bytes stay, the rest is looked up. */
static bool look_up(const row *r, const char *name, size_t n, char *out)
{
    const char *rest = NULL;

    while (r->theirs && !(rest = behind(name + n, r->theirs)))
        r++;
    return rest && join(out, name, n, r->ours, rest);
}

/* The length of "PREFIX3."; 0: name begins otherwise. */
static size_t numbered(const char *name, const char *prefix)
{
    const char *rest = behind(name, prefix);
    size_t digits = rest ? strspn(rest, "0123456789") : 0;

    return digits && rest[digits] == '.' ? (size_t)(rest - name) + digits + 1 : 0;
}

static bool rename_plain(const char *name, char *out)
{
    size_t n = numbered(name, "feature_extractor.conv_layers.");

    if (n)
        return look_up(of_convolution, name, n, out);
    n = numbered(name, "encoder.layers.");
    return look_up(n ? of_layer : of_model, name, n, out);
}

bool nn_fairseq_rename(const char *name, char out[NN_FAIRSEQ_NAME])
{
    const char *rest = behind(name, "w2v_encoder.w2v_model.");
    char plain[NN_FAIRSEQ_NAME];

    if (rest)
        return rename_plain(rest, plain) && join(out, "hubert.", 7, plain, "");
    rest = behind(name, "w2v_encoder.proj.");
    return rest ? join(out, "lm_head.", 8, rest, "") : rename_plain(name, out);
}
