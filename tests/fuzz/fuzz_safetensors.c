/* nn_safetensors_open and what reads the tensors. Bit 0 of the first byte: the rest is a file as it stands; else it lacks
 * the 8 bytes of length, which are made to fit, so that mutations reach behind them. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "libnn/nn.h"
#include "tests/fuzz/fuzz.h"

static void check(const nn_safetensors *s)
{
    for (int i = 0; i < nn_safetensors_count(s); i++) {
        const nn_file_tensor *t = nn_safetensors_at(s, i);
        unsigned char sum = 0;
        assert(nn_safetensors_find(s, t->name) == t);
        assert(i == 0 || t->data == (const char *)t[-1].data + t[-1].bytes);
        for (size_t k = 0; k < t->bytes; k++)
            sum ^= ((const unsigned char *)t->data)[k];
        float *x = malloc((size_t)t->count * sizeof *x + sum % 2 + 1);
        assert(x && (nn_file_tensor_floats(t, x, NULL) == BASE_OK || (t->dtype != NN_F32 && t->dtype != NN_F16 &&
            t->dtype != NN_BF16 && t->dtype != NN_F64)));
        free(x);
    }
    for (int i = 0; i < nn_safetensors_meta_count(s); i++)
        assert(nn_safetensors_meta(s, nn_safetensors_meta_at(s, i)->key) == nn_safetensors_meta_at(s, i)->value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t header = size;
    uint8_t *bytes;
    base_error e = BASE_ERROR_INIT;

    if (size < 1 || !(bytes = malloc(size + 8)))
        return 0;
    while (header > 1 && data[header - 1] != '}')
        header--;
    for (int i = 0; i < 8; i++)
        bytes[i] = (uint8_t)((header - 1) >> 8 * i);
    memcpy(bytes + 8, data + 1, size - 1);
    nn_safetensors *s = nn_safetensors_open(data[0] & 1 ? fuzz_file(data + 1, size - 1) : fuzz_file(bytes, size + 7), &e);
    free(bytes);
    assert(!s == (e.status != BASE_OK) && !s == (*e.text != '\0'));
    if (s)
        check(s);
    nn_safetensors_close(s);
    return 0;
}
