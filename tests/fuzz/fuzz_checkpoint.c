/* nn_checkpoint_load. Bit 0 of the first byte: the rest is a checkpoint as it stands; else its checksums are made to fit
 * first, so that mutations reach behind them. A load that fails changes nothing. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "libnn/nn.h"
#include "tests/fuzz/fuzz.h"

#define CRC "serin.crc32."

/* Saving waits for the disk, which is not what is tried here. */
int fsync(int fd) { return fd < 0; }

static nn_params *params;
static nn_checkpoint checkpoint;
static char dir[60], path[100];

static void clean_up(void)
{
    nn_checkpoint_free(&checkpoint);
    nn_adam_free(checkpoint.adam);
    nn_average_free(checkpoint.average);
    nn_params_free(params);
    unlink(path);
    rmdir(dir);
}

static void set_up(void)
{
    const int64_t matrix[] = { 2, 3 }, vector[] = { 3 };
    nn_adam_options o = NN_ADAM_DEFAULTS;

    strcpy(dir, "/tmp/serin-fuzz-XXXXXX");
    params = nn_params_new();
    nn_params_add(params, (nn_init){ NN_INIT_ONE, 0 }, "w", 2, matrix);
    nn_params_add(params, (nn_init){ NN_INIT_ONE, 0 }, "b", 1, vector);
    if (!mkdtemp(dir) || nn_params_build(params, NULL))
        abort();
    snprintf(path, sizeof path, "%s/checkpoint-1.safetensors", dir);
    checkpoint = (nn_checkpoint){ .params = params, .adam = nn_adam_new(params, &o, NULL),
                                  .average = nn_average_new(params, 0.5, NULL), .n_meta = 2 };
    checkpoint.meta[0].key = "seed";
    checkpoint.meta[1].key = "format";
    atexit(clean_up);
}

static void write_plainly(const uint8_t *data, size_t size)
{
    FILE *f = fopen(path, "wb");

    if (!f || fwrite(data, 1, size, f) != size || fclose(f)) {
        perror(path);
        abort();
    }
}

static int by_key(const void *a, const void *b) { return strcmp(((const nn_meta *)a)->key, ((const nn_meta *)b)->key); }

/* The file again, its checksums right. */
static void repair(void)
{
    nn_safetensors *s = nn_safetensors_open(path, NULL);
    int n = s ? nn_safetensors_count(s) : 0, n_meta = 0;
    nn_save_tensor *tensors = calloc((size_t)n + 1, sizeof *tensors);
    nn_meta *meta = calloc((size_t)n + (size_t)(s ? nn_safetensors_meta_count(s) : 0) + 1, sizeof *meta);
    char (*crc)[9] = calloc((size_t)n + 1, sizeof *crc), **keys = calloc((size_t)n + 1, sizeof *keys);
    unsigned long sum = 0;

    if (!tensors || !meta || !crc || !keys)
        abort();
    for (int i = 0; s && i < nn_safetensors_meta_count(s); i++) {
        const nn_meta *m = nn_safetensors_meta_at(s, i);
        if (strncmp(m->key, CRC, strlen(CRC)) && strcmp(m->key, "serin.checksum"))
            meta[n_meta++] = *m;
    }
    for (int i = 0; i < n; i++) {
        const nn_file_tensor *t = nn_safetensors_at(s, i);
        tensors[i] = (nn_save_tensor){ t->name, t->dtype, t->ndim, t->shape, t->data };
        snprintf(crc[i], sizeof crc[i], "%08lx", crc32_z(0, t->data, t->bytes));
        if (asprintf(&keys[i], CRC "%s", t->name) < 0)
            abort();
        meta[n_meta++] = (nn_meta){ keys[i], crc[i] };
    }
    qsort(meta, (size_t)n_meta, sizeof *meta, by_key);
    for (int i = 0; i < n_meta; i++) {
        sum = crc32_z(sum, (const Bytef *)meta[i].key, strlen(meta[i].key) + 1);
        sum = crc32_z(sum, (const Bytef *)meta[i].value, strlen(meta[i].value) + 1);
    }
    snprintf(crc[n], sizeof crc[n], "%08lx", sum);
    meta[n_meta++] = (nn_meta){ "serin.checksum", crc[n] };
    if (s)
        nn_safetensors_save(path, tensors, n, meta, n_meta, NULL);
    nn_safetensors_close(s);
    for (int i = 0; i < n; i++)
        free(keys[i]);
    free(keys);
    free(crc);
    free(meta);
    free(tensors);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    base_error note = BASE_ERROR_INIT, e = BASE_ERROR_INIT;
    int64_t step;

    if (size < 1)
        return 0;
    if (!params)
        set_up();
    nn_params_init(params, 1);
    write_plainly(data + 1, size - 1);
    if (!(data[0] & 1))
        repair();
    base_status status = nn_checkpoint_load(&checkpoint, dir, &step, &note, &e);
    assert(status == e.status && !status == !*e.text && step == (status ? -1 : 1) && !note.status);
    for (int64_t i = 0; status && i < 6; i++)
        assert(nn_params_values(params)[i] == 1);
    return 0;
}
