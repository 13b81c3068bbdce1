/* Settings of fairseq's checkpoints, which become config.json of this project's: values of every kind, and the text of
 * convolutions, which is Python's. */
#include "libnn/nn.h"
#include "tests/unit/malformed.h"

static size_t add_bytes(char *p, const char *bytes, size_t n)
{
    memcpy(p, bytes, n);
    return n;
}

static size_t add_text(char *p, const char *s)
{
    size_t n = strlen(s);
    const char head[5] = { 'X', (char)n, (char)(n >> 8), 0, 0 };

    memcpy(p, head, sizeof head);
    return sizeof head + add_bytes(p + sizeof head, s, n);
}

#define ADD(literal) n += add_bytes(p + n, literal, sizeof(literal) - 1)

/* A model of fairseq's whose settings are `size`, a pickled value, and a text of convolutions. */
static piece fairseq_pickle(piece size, const char *convolutions)
{
    static char p[4000];
    static const char tensor[] = WHOLE;
    size_t n = 0;

    ADD("\200\2}(");
    n += add_text(p + n, "model");
    ADD("}(");
    n += add_text(p + n, "post_extract_proj.weight");
    n += add_bytes(p + n, tensor, sizeof tensor - 1);
    ADD("u");
    n += add_text(p + n, "cfg");
    ADD("}(");
    n += add_text(p + n, "model");
    ADD("}(");
    n += add_text(p + n, "encoder_embed_dim");
    n += add_bytes(p + n, size.bytes, size.n);
    n += add_text(p + n, "conv_feature_layers");
    n += add_text(p + n, convolutions);
    ADD("uuu.");
    return (piece){ p, n };
}

static const struct { const char *text; int n; } convolutions[] = {     /* n 0: refused */
    { "[(4, 3, 2)]", 1 }, { " [ ( 4 , 3 , 2 ) ] ", 1 }, { "[(4,3,2,)]", 1 }, { "[(4,3,2),]", 1 }, { "[(4,3,2)] * 16", 16 },
    { "[(4,3,2), (5,3,2)] * 8", 16 }, { "[(4,3,2)]+[(65536,3,2)]*2", 3 }, { "[] + [(4,3,2)]", 1 },
    { "", 0 }, { "[]", 0 }, { "(4,3,2)", 0 }, { "[(4,3,2)", 0 }, { "[(4,3,2]", 0 }, { "[(4,3)]", 0 }, { "[(0,3,2)]", 0 },
    { "[(4,0,2)]", 0 }, { "[(4,3,0)]", 0 }, { "[(4,3,65537)]", 0 }, { "[(4,3,99999999999999999999)]", 0 }, { "[(-4,3,2)]", 0 },
    { "[(4 3,2)]", 0 }, { "[(4,3 2)]", 0 }, { "[4,3,2]", 0 }, { "[(4,3,2)] * 0", 0 }, { "[(4,3,2)] * 17", 0 }, { "[(4,3,2)] * x", 0 },
    { "[(4,3,2)] +", 0 }, { "[(4,3,2)] x", 0 }, { "[(4,3,2)(4,3,2)]", 0 }, { "[(4,3,2),(4,3,2)] * 9", 0 },
    { "[(4,3,2)] * 16 + [(4,3,2)]", 0 }, { "[(4,3,2)] * 65536", 0 }, { "__import__('os')", 0 },
};

START_TEST(fairseq_convolutions)
{
    const char *text = convolutions[_i].text;
    base_error e = BASE_ERROR_INIT;
    char expected[60];

    zip_reset(fairseq_pickle((piece)TEXT("K\10"), text));
    zip_build();
    nn_archive *a = nn_archive_open(files_write("f", made, made_n), &e);
    ck_assert_msg(a != NULL, "%s", e.text);
    char *config = nn_archive_config(a, &e);
    snprintf(expected, sizeof expected, "\"num_feat_extract_layers\": %d", convolutions[_i].n);
    if (convolutions[_i].n)
        ck_assert_msg(config && strstr(config, expected) && strstr(config, "\"hidden_size\": 8"), "%s: %s", text, e.text);
    else
        ck_assert_msg(!config && e.status == BASE_FORMAT && strstr(e.text, "conv_feature_layers is \""), "%s: %s", text, e.text);
    free(config);
    nn_archive_close(a);
}
END_TEST

/* Values of every kind stand under the key of config.json, for its reader to judge. */
START_TEST(fairseq_values)
{
    static const struct { piece value; const char *said; } kinds[] = {
        { TEXT("K\7"), "\"hidden_size\": 7" }, { TEXT("\210"), "\"hidden_size\": true" }, { TEXT("G\77\340\0\0\0\0\0\0"), "\"hidden_size\": 0.5" },
        { TEXT("X\1\0\0\0x"), "\"hidden_size\": \"of no kind that fits\"" }, { TEXT("]"), "of no kind that fits" },
    };

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        base_error e = BASE_ERROR_INIT;
        zip_reset(fairseq_pickle(kinds[i].value, "[(4,3,2)]"));
        zip_build();
        nn_archive *a = nn_archive_open(files_write("f", made, made_n), &e);
        ck_assert_msg(a != NULL, "%s", e.text);
        char *config = nn_archive_config(a, &e);
        ck_assert_msg(config && strstr(config, kinds[i].said), "%s %s", config ? config : "", e.text);
        free(config);
        nn_archive_close(a);
    }
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("libnn/store/malformed_fairseq");

    unit_add(s, fairseq_values);
    unit_add_loop(s, fairseq_convolutions, (int)(sizeof convolutions / sizeof *convolutions));
    return s;
}

UNIT_MAIN(suite)
