/* What the files of this room share. */
#ifndef SERIN_NN_STORE_H
#define SERIN_NN_STORE_H

#include "base/error.h"
#include "libnn/nn.h"

/* Names out of files are cut to this in messages, so that the reason behind them stays readable. */
#define NN_NAME "%.120s"

/* A dtype of the safetensors format. */
typedef struct nn_dtype_row {
    const char *name;
    int         bits;
    nn_dtype    dtype;      /* NN_DTYPE_OTHER: known by name and size only */
} nn_dtype_row;

const nn_dtype_row *nn_dtype_find(const char *name);    /* NULL: no such dtype */
int nn_dtype_rank(nn_dtype d);                          /* place in the order in which a file's tensors are sorted */

/* Elements first .. first + n - 1 of data, which need not be aligned, as floats; of f in row-major order. Any dtype but
 * OTHER. */
void nn_to_floats(nn_dtype d, const void *data, int64_t first, int64_t n, float *out);
void nn_part_to_floats(const nn_file_tensor *f, int64_t first, int64_t n, float *out);
bool nn_is_float(const nn_file_tensor *f);              /* a type of which weights are made */

/* Bytes of its elements; SIZE_MAX: no such shape. */
size_t nn_save_bytes(const nn_save_tensor *t);

/* sums.c. Does it have checksums? Then every one must be right: of tensors and metadata; of files in the folder of path. */
bool        nn_sums_there(const nn_safetensors *s);
base_status nn_sums_check(const nn_safetensors *s, base_error *e);
base_status nn_sums_check_beside(const nn_safetensors *s, const char *path, base_error *e);

int nn_meta_compare(const void *a, const void *b);      /* two nn_meta by key, for qsort and bsearch */

/* "[768, 48, 128]" for messages. */
typedef struct nn_shape_text { char s[160]; } nn_shape_text;
nn_shape_text nn_shape_print(int ndim, const int64_t *shape);

#endif
