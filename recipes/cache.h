/* Computed features in files, one for each sound and way to compute it. A file is named by the hash of both, so runs may
 * share a folder, and carries a hash of its contents, so damage is noticed. */
#ifndef SERIN_SER_CACHE_H
#define SERIN_SER_CACHE_H

#include "libnn/nn.h"

/* The file in dir of what a front (ser_front_hash) makes of x [n] at `speed`, malloc'd; NULL: no memory. */
char       *ser_cache_path(const char *dir, uint64_t front, const float *x, int64_t n, double speed);
/* Its number of rows, and its values when out is not NULL. BASE_MISSING: not there; BASE_FORMAT: damaged, or not cols
 * columns wide. */
base_status ser_cache_read(const char *path, int cols, int64_t *rows, float *out, base_error *e);
base_status ser_cache_write(const char *path, const nn_matrix *m, base_error *e);

#endif
