/* Augmentation. What is drawn depends on seed, step and the utterance's key only, so that a resumed run hears what an
 * uninterrupted one hears. */
#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/random.h"
#include "libaudio/au.h"

void au_gain(float *x, int64_t n, double db)
{
    float g = (float)pow(10.0, db / 20.0);

    for (int64_t i = 0; i < n; i++)
        x[i] *= g;
}

void au_add_noise(float *x, int64_t n, const float *noise, int64_t m, int64_t offset, double snr_db)
{
    double speech = 0.0, other = 0.0, g;

    for (int64_t i = 0; i < n && m > 0; i++) {
        double v = noise[(offset + i) % m];
        speech += (double)x[i] * x[i];
        other += v * v;
    }
    if (speech <= 0 || other <= 0)
        return;
    g = sqrt(speech / other * pow(10.0, -snr_db / 10.0));
    for (int64_t i = 0; i < n; i++)
        x[i] += (float)(g * noise[(offset + i) % m]);
}

/* The numbers of one utterance's stream: a few decisions, then white noise from WHITE on. */
enum { SPEED, GAIN, NOISE, SNR, WHICH, OFFSET, WHITE = 16 };

static base_status add_white(au_audio *a, const base_random *r, double snr, base_error *e)
{
    float *noise = malloc((size_t)(a->n ? a->n : 1) * sizeof(float));

    if (!noise)
        return base_fail(e, BASE_NO_MEMORY, "out of memory for noise");
    for (int64_t i = 0; i < a->n; i++)
        noise[i] = (float)base_random_normal(r, (uint64_t)(WHITE + i));
    au_add_noise(a->x, a->n, noise, a->n, 0, snr);
    free(noise);
    return BASE_OK;
}

base_status au_augment(au_audio *a, const au_augment_options *o, uint64_t seed, uint64_t step, const char *key, base_error *e)
{
    base_random r = base_random_at(seed, step, base_hash_text(base_hash_text(BASE_HASH_INIT, "augment "), key));
    double snr = o->snr_low + (o->snr_high - o->snr_low) * base_random_uniform(&r, SNR);
    double factor = 1.0 + o->speed * (double)(base_random_below(&r, SPEED, 3) - 1);
    base_status status = BASE_OK;

    if (factor != 1.0 && (status = au_speed(a, factor, e)))
        return status;
    if (base_random_uniform(&r, NOISE) < o->noise_prob) {
        const au_audio *n = o->n_noise ? &o->noise[base_random_below(&r, WHICH, o->n_noise)] : NULL;

        if (n && n->n > 0)
            au_add_noise(a->x, a->n, n->x, n->n, base_random_below(&r, OFFSET, n->n), snr);
        else if (!n)
            status = add_white(a, &r, snr, e);
    }
    if (o->gain_db > 0)
        au_gain(a->x, a->n, o->gain_db * (2.0 * base_random_uniform(&r, GAIN) - 1.0));
    return status;
}
