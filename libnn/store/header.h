/* The JSON header of a safetensors file: syntax only. */
#ifndef SERIN_NN_HEADER_H
#define SERIN_NN_HEADER_H

#include "libnn/store/store.h"

#define NN_MOST_HEADER 100000000u      /* bytes; the format's own limit */
#define NN_MOST_ENTRIES 200000         /* tensors; of the largest models there are, one file has a tenth */
#define NN_MOST_META 4000000           /* texts of __metadata__ */

typedef struct nn_header_entry {
    const char *name, *dtype;
    int         ndim;
    int64_t     shape[NN_FILE_MAX_DIMS], offsets[2];
} nn_header_entry;

typedef struct nn_header {
    nn_header_entry *entry;     /* [n], names rising */
    int              n;
    nn_meta         *meta;      /* [n_meta], keys rising */
    int              n_meta;
    char            *texts;     /* what names and texts point into */
} nn_header;

/* text [size] stands at byte `at` of the file, for messages. What it refuses is BASE_FORMAT with the byte and what was
 * expected there, BASE_LIMIT more entries than above. Memory is little more than size, whatever the text says. */
base_status nn_header_parse(nn_header *h, const char *text, size_t size, size_t at, base_error *e);
void        nn_header_free(nn_header *h);

#endif
