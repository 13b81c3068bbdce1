/* What operators make of weights, a convolution's in another order, say: made once and kept beside the parameter until its
 * values change. Whether they did is read off the values themselves, by a hash of all of them, so that nobody who writes
 * weights (an optimiser, a checkpoint, an average, a test) has to tell; that costs what reading them once does.
 *
 * Tapes of several threads may share parameters: values are renewed by one thread while nobody reads them; who comes at that
 * moment makes its own in scratch. */
#include <stdatomic.h>

#include "libnn/core/core.h"

#define LANES 64
#define BLOCK 65536     /* floats hashed by one thread at a time; a multiple of LANES */
#define MOST_BLOCKS 64  /* hashes on the stack */

typedef uint32_t __attribute__((may_alias)) bits;

/* A bijection of the lane: one changed value is always seen. */
static inline uint32_t mix(uint32_t lane, uint32_t x)
{
    uint32_t k = (lane ^ x) * 0x9e3779b1u;

    return k ^ k >> 15;
}

BASE_CLONES static uint64_t hash_block(const float *x, int64_t n)
{
    const bits *word = (const bits *)x;
    uint32_t lane[LANES];
    uint64_t h = (uint64_t)n;

    for (int l = 0; l < LANES; l++)
        lane[l] = (uint32_t)l;
    for (; n >= LANES; n -= LANES, word += LANES)
        for (int l = 0; l < LANES; l++)
            lane[l] = mix(lane[l], word[l]);
    for (int l = 0; l < n; l++)
        lane[l] = mix(lane[l], word[l]);
    for (int l = 0; l < LANES; l++) {
        h = (h ^ lane[l]) * UINT64_C(0x9fb21c651e98df25);
        h ^= h >> 35;
    }
    return h;
}

uint64_t nn_hash_floats(uint64_t h, const float *x, int64_t n)
{
    uint64_t part[MOST_BLOCKS];

    for (int64_t from = 0; from < n; from += (int64_t)MOST_BLOCKS * BLOCK) {
        int64_t count = base_min_i64((int64_t)MOST_BLOCKS * BLOCK, n - from);

        base_parallel_for(count, BLOCK, i, end)
            part[i / BLOCK] = hash_block(x + from + i, end - i);
        for (int64_t k = 0; k < base_blocks(count, BLOCK); k++) {
            h = (h ^ part[k]) * UINT64_C(0x9fb21c651e98df25);
            h ^= h >> 35;
        }
    }
    return h;
}

/* users: how many read x; RENEWING: one thread writes it. */
enum { RENEWING = -1 };

static bool renew(nn_derived *d, const nn_derivation *how)
{
    if (d->count != how->count) {
        base_pages_free(d->x, (size_t)d->count * sizeof *d->x);
        d->x = base_pages_new((size_t)how->count * sizeof *d->x);
        d->count = d->x ? how->count : 0;
    }
    if (d->x)
        how->make(how->self, d->x);
    d->hash = how->hash;
    return d->x != NULL;
}

/* Becomes a reader of d's values as `how` says them; false: somebody else is in the way, or there is no memory. */
static bool enter(nn_derived *d, const nn_derivation *how)
{
    int users = atomic_load(&d->users), alone = 1;
    bool good;

    do
        if (users == RENEWING)
            return false;
    while (!atomic_compare_exchange_weak(&d->users, &users, users + 1));
    if (d->x && d->hash == how->hash && d->count == how->count)
        return true;
    if (!atomic_compare_exchange_strong(&d->users, &alone, RENEWING)) {
        atomic_fetch_sub(&d->users, 1);
        return false;
    }
    good = renew(d, how);
    atomic_store(&d->users, good ? 1 : 0);
    return good;
}

nn_derived_values nn_derive(nn_tape *t, nn_tensor *w, int form, const nn_derivation *how)
{
    nn_derived *d = nn_params_derived(w, form);
    float *x;

    if (d && enter(d, how))
        return (nn_derived_values){ d->x, d };
    if ((x = nn_scratch(t, how->count)))
        how->make(how->self, x);
    return (nn_derived_values){ x, NULL };
}

void nn_derive_done(nn_derived_values v)
{
    if (v.of)
        atomic_fetch_sub(&v.of->users, 1);
}
