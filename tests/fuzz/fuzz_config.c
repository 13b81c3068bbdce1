/* config.json and preprocessor_config.json of a model's folder; the first byte says which of them the rest is. */
#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "recipes/ser.h"
#include "tests/fuzz/fuzz.h"

static void check_encoder(const nn_encoder_config *c)
{
    assert(c->layers >= 0 && c->heads > 0 && c->width > 0 && c->width % c->heads == 0);
}

static void read_all(const char *path)
{
    base_error e[4] = { BASE_ERROR_INIT, BASE_ERROR_INIT, BASE_ERROR_INIT, BASE_ERROR_INIT };
    nn_hubert_config hubert;
    nn_bert_config bert;
    ser_model_config model;
    bool text;

    if (!nn_hubert_config_read(&hubert, path, &e[0])) {
        check_encoder(&hubert.encoder);
        for (int64_t n = 0; n < 100000; n += 12345)
            assert(nn_hubert_frames(&hubert, n) >= 0);
    }
    if (!nn_bert_config_read(&bert, path, &e[1]))
        check_encoder(&bert.encoder);
    ser_folder_read_config(fuzz_folder(), &model, &e[2]);
    ser_folder_reads_text(fuzz_folder(), &text, &e[3]);
    for (int i = 0; i < 4; i++)
        assert(!e[i].status == !*e[i].text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char good[] = "{\"model_type\": \"hubert\", \"hidden_size\": 16, \"num_attention_heads\": 2, \"num_hidden_layers\": 1}";
    char path[200];

    if (!size)
        return 0;
    snprintf(path, sizeof path, "%s/config.json", fuzz_folder());
    fuzz_write(data[0] % 2 ? "preprocessor_config.json" : "config.json", data + 1, size - 1);
    if (data[0] % 2)
        fuzz_write("config.json", (const uint8_t *)good, strlen(good));
    else
        fuzz_write("preprocessor_config.json", (const uint8_t *)"{}", 2);
    read_all(path);
    return 0;
}
