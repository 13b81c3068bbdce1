/* nn_archive_open on the index of a checkpoint in shards, beside the shards of tests/parity/torch/sharded. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libnn/nn.h"
#include "tests/fuzz/fuzz.h"

/* Links to the shards, made at the first call. */
static void link_shards(void)
{
    static const char *const shards[] = { "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors",
        "pytorch_model-00001-of-00002.bin", "pytorch_model-00002-of-00002.bin" };
    static char source[4096];
    const char *root = getenv("srcdir");

    if (*source)
        return;
    if (!realpath(root ? root : ".", source))
        abort();
    for (size_t i = 0; i < sizeof shards / sizeof *shards; i++) {
        char from[8192], to[200];

        snprintf(from, sizeof from, "%s/tests/parity/torch/sharded/%s", source, shards[i]);
        snprintf(to, sizeof to, "%s/%s", fuzz_folder(), shards[i]);
        if (symlink(from, to))
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    base_error e = BASE_ERROR_INIT;

    link_shards();
    nn_archive *a = nn_archive_open(fuzz_write("model.safetensors.index.json", data, size), &e);
    assert(!a == (e.status != BASE_OK) && !a == (*e.text != '\0'));
    for (int i = 0; a && i < nn_archive_count(a); i++)
        assert(nn_archive_find(a, nn_archive_at(a, i)->name) == nn_archive_at(a, i));
    nn_archive_close(a);
    return 0;
}
