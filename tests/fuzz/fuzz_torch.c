/* nn_archive_open on one file of any kind, by its content: PyTorch's zip and legacy files, safetensors, fairseq's. What
 * opens is read to the last element, and its settings. */
#include <assert.h>
#include <stdlib.h>

#include "libnn/nn.h"
#include "tests/fuzz/fuzz.h"

static void check(const nn_archive *a)
{
    for (int i = 0; i < nn_archive_count(a); i++) {
        const nn_file_tensor *t = nn_archive_at(a, i);
        base_error e = BASE_ERROR_INIT;

        assert(nn_archive_find(a, t->name) != NULL && t->count >= 0);
        if (!t->data || t->count > 1 << 22)     /* strides of 0 may make much of little; that is allowed */
            continue;
        float *x = malloc((size_t)t->count * sizeof *x + 1);
        char *raw = malloc(t->bytes + 1);
        assert(x && raw);
        nn_file_tensor_bytes(t, raw);
        assert(!nn_file_tensor_floats(t, x, &e) == !e.status);
        free(raw);
        free(x);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    base_error e = BASE_ERROR_INIT;
    nn_archive *a = nn_archive_open(fuzz_file(data, size), &e);

    assert(!a == (e.status != BASE_OK) && !a == (*e.text != '\0'));
    if (a) {
        check(a);
        e = (base_error)BASE_ERROR_INIT;
        char *config = nn_archive_config(a, &e);
        assert(!config == (e.status != BASE_OK));
        free(config);
    }
    nn_archive_close(a);
    return 0;
}
