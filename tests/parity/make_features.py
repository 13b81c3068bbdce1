#!/usr/bin/env python3
"""Reference data of tests/unit/test_audio_features.c: Kaldi's features by another implementation.

    python3 tests/parity/make_features.py tests/parity

Written with transformers 5.24.0 (audio_utils, what its AST and Speech2Text models compute), scipy 1.17.1 and numpy 2.4.6.
    features/reference.safetensors
        x [2400]            a voice-like sound with noise, 16 kHz, full scale 1, not 0 at its beginning
        logmel [13, 40]     log-mel energies, 20 to 8000 Hz, Povey's window, pre-emphasis 0.97, without dither
        hamming [13, 23]    the same with a Hamming window, which does not hide the first sample, and 23 bins
        mfcc [13, 13]       23 bins, scipy's orthonormal DCT, lifter 22, C0
"""
import sys
from pathlib import Path

import numpy as np
import scipy
import transformers
from safetensors.numpy import save_file
from transformers.audio_utils import mel_filter_bank, spectrogram, window_function

RATE, FRAME, SHIFT, FFT = 16000, 400, 160, 512


def sound():
    draw = np.random.default_rng(17)
    t = np.arange(2400) / RATE
    x = sum(np.cos(2 * np.pi * 137 * k * t * (1 + 0.3 * t) + k) / k for k in range(1, 30))
    return (0.1 * x * (1 + 0.5 * np.sin(2 * np.pi * 5 * t)) + 0.003 * draw.standard_normal(2400) + 0.01).astype(np.float32)


def log_mel(x, bins, window, preemphasis):
    filters = mel_filter_bank(FFT // 2 + 1, bins, 20.0, RATE / 2, RATE, norm=None, mel_scale="kaldi", triangularize_in_mel_space=True)
    return spectrogram(32768.0 * x.astype(np.float64), window_function(FRAME, window, periodic=False), FRAME, SHIFT, FFT, power=2.0,
                       center=False, preemphasis=preemphasis, mel_filters=filters, log_mel="log",
                       mel_floor=float(np.finfo(np.float32).eps), remove_dc_offset=True, dtype=np.float64).T


def main(folder):
    folder.mkdir(exist_ok=True)
    x = sound()
    cepstra = scipy.fft.dct(log_mel(x, 23, "povey", 0.97), type=2, norm="ortho", axis=1)[:, :13]
    cepstra *= 1 + 11 * np.sin(np.pi * np.arange(13) / 22)
    parts = {"x": x, "logmel": log_mel(x, 40, "povey", 0.97), "hamming": log_mel(x, 23, "hamming", 0.97), "mfcc": cepstra}
    save_file({k: np.ascontiguousarray(v, np.float32) for k, v in parts.items()}, folder / "reference.safetensors",
              metadata={"made_with": f"transformers {transformers.__version__}, scipy {scipy.__version__}, numpy {np.__version__}"})


main(Path(sys.argv[1]) / "features")
