/* Zip archives as PyTorch writes them, read in place. */
#ifndef SERIN_NN_ZIP_H
#define SERIN_NN_ZIP_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

typedef struct nn_zip_member {
    const char    *name;
    const uint8_t *data;        /* [size] inside the archive's bytes */
    size_t         size;
    size_t         header;      /* the byte at which its local header begins */
    uint32_t       crc;         /* 0: the writer computed none */
} nn_zip_member;

typedef struct nn_zip {
    nn_zip_member *member;      /* [n], names rising */
    int            n;
    char          *names;
} nn_zip;

/* data [size]: a whole archive, which must outlive *z. Refused, with byte or member: what is cut short; several disks;
 * encryption; members that are compressed, lie outside the file, over one another or over the directory; two of one
 * name; names that are empty, absolute, or hold "..", "\" or control characters; local headers that contradict the
 * directory. */
base_status nn_zip_open(nn_zip *z, const uint8_t *data, size_t size, base_error *e);
void        nn_zip_close(nn_zip *z);

const nn_zip_member *nn_zip_find(const nn_zip *z, const char *name);    /* NULL: absent */
/* Compares its bytes with its checksum, if it has one. */
base_status nn_zip_check(const nn_zip_member *m, base_error *e);
base_status nn_zip_check_all(const nn_zip *z, base_error *e);      /* every member's, over all threads */

#endif
