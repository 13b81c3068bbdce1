/* k-means: which of k centres a frame is nearest to. What comes out depends on the frames, their order and the seed, and
 * not on the number of threads. */
#ifndef SERIN_SER_KMEANS_H
#define SERIN_SER_KMEANS_H

#include "base/error.h"
#include "libnn/nn.h"

/* An even sample of a stream of frames in bounded memory: each frame seen is in it with the same probability (Vitter's
 * algorithm R, 1985). */
typedef struct ser_sample {
    float   *x;             /* [kept][cols] */
    int      cols;
    int64_t  kept, most;
    int64_t  seen;
    uint64_t seed;
} ser_sample;
/* Adds the rows of m. BASE_SHAPE: other columns than before; BASE_VALUE: a value that is not finite, named by row. */
base_status ser_sample_add(ser_sample *s, const nn_matrix *m, base_error *e);
void        ser_sample_free(ser_sample *s);

typedef struct ser_kmeans_options {
    int      clusters, iterations;
    double   tolerance;     /* ends when an iteration lowers the inertia by less than this share */
    uint64_t seed;
    const float *first;     /* [clusters][cols] centres to begin with; NULL: drawn */
} ser_kmeans_options;
#define SER_KMEANS_DEFAULTS { 100, 100, 1e-4, 1, NULL }

typedef struct ser_kmeans_course { int iterations, reseeded; double first, inertia; } ser_kmeans_course;

/* centres [clusters][x->cols], to be freed: k-means++ (Arthur and Vassilvitskii 2007), then Lloyd's iterations; a centre that
 * loses all its frames moves to the one farthest from its own. The inertia is the mean over the frames of the squared
 * distance to the nearest centre. BASE_LIMIT: fewer frames than clusters, or fewer that differ. */
base_status ser_kmeans_train(const nn_matrix *x, const ser_kmeans_options *o, nn_matrix *centres, ser_kmeans_course *course,
    base_error *e);
/* nearest [x->rows], of equals the first; distance [x->rows]: squared, NULL: not wanted. BASE_SHAPE: other columns than
 * the centres'; BASE_VALUE as above; BASE_NO_MEMORY. */
base_status ser_kmeans_assign(const nn_matrix *centres, const nn_matrix *x, int *nearest, float *distance, base_error *e);

#endif
