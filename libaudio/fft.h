/* The discrete Fourier transform of real signals. Inside libaudio only. */
#ifndef SERIN_AU_FFT_H
#define SERIN_AU_FFT_H

typedef struct au_fft au_fft;

/* n: a power of two, 4 or more. NULL: no memory. Constant afterwards. */
au_fft *au_fft_new(int n);
void    au_fft_free(au_fft *f);
/* X[k] = sum over t of x[t] exp(-2 pi i k t / n), k = 0 .. n / 2, as |X[k]|^2. x [n] is overwritten, power [n / 2 + 1],
 * scratch [n]. */
void    au_fft_power(const au_fft *f, float *x, float *power, float *scratch);

#endif
