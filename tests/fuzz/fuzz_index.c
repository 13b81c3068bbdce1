/* nn_archive_open on the index of a checkpoint in shards, beside the shards of tests/parity/torch/sharded. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libnn/nn.h"
#include "tests/fuzz/fuzz.h"

/* A folder with links to the shards, made at the first call. */
static const char *folder(void)
{
    static const char *const shards[] = { "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors",
        "pytorch_model-00001-of-00002.bin", "pytorch_model-00002-of-00002.bin" };
    static char path[] = "/dev/shm/serin-fuzz-XXXXXX";
    static char source[4096];
    const char *root = getenv("srcdir");

    if (*source)
        return path;
    if (!mkdtemp(path) || !realpath(root ? root : ".", source))
        abort();
    for (size_t i = 0; i < sizeof shards / sizeof *shards; i++) {
        char from[8192], to[200];

        snprintf(from, sizeof from, "%s/tests/parity/torch/sharded/%s", source, shards[i]);
        snprintf(to, sizeof to, "%s/%s", path, shards[i]);
        if (symlink(from, to))
            abort();
    }
    return path;
}

static void clean(void)
{
    char command[200];

    snprintf(command, sizeof command, "rm -rf %s", folder());
    if (system(command))
        perror(command);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool registered;
    base_error e = BASE_ERROR_INIT;
    char path[200];

    snprintf(path, sizeof path, "%s/model.safetensors.index.json", folder());
    if (!registered)
        atexit(clean);
    registered = true;
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(data, 1, size, f) != size || fclose(f))
        abort();
    nn_archive *a = nn_archive_open(path, &e);
    assert(!a == (e.status != BASE_OK) && !a == (*e.text != '\0'));
    for (int i = 0; a && i < nn_archive_count(a); i++)
        assert(nn_archive_find(a, nn_archive_at(a, i)->name) == nn_archive_at(a, i));
    nn_archive_close(a);
    return 0;
}
