#!/usr/bin/env python3
"""Intervals of speakers drawn first, and of each one drawn its utterances, by numpy; metrics by scikit-learn.

    make_bootstrap.py DIR       writes tables as Kaldi has them and DIR/reference: what, metric, value, low, high, p
    make_bootstrap.py --coverage

The latter prints how often 95 % intervals hold the value of all speakers there could be, when utterances are drawn, or
speakers whole, or speakers and then their utterances. Made with numpy 2.4.6, scikit-learn 1.9.1, seed 7.
"""
import os
import sys

import numpy as np
from sklearn.metrics import accuracy_score, f1_score, recall_score

DRAWS = 100000
LABELS = ['ang', 'hap', 'neu', 'sad']


def metrics(ref, hyp):
    """UA, WA, WF1, MF1 in percent."""
    return [100 * recall_score(ref, hyp, average='macro'), 100 * accuracy_score(ref, hyp),
            100 * f1_score(ref, hyp, average='weighted'), 100 * f1_score(ref, hyp, average='macro')]


def weighted_metrics(confusion):
    """The same from confusion matrices [draws][4][4]."""
    hits = np.einsum('dii->di', confusion)
    truth, answers, n = confusion.sum(2), confusion.sum(1), confusion.sum((1, 2))
    recall = hits / truth
    f1 = 2 * hits / (truth + answers)
    return 100 * np.stack([recall.mean(1), hits.sum(1) / n, (truth * f1).sum(1) / n, f1.mean(1)])


def draw_weights(rng, speaker, draws):
    """How often each utterance is drawn, [draws][utterances]."""
    members = [np.flatnonzero(speaker == s) for s in np.unique(speaker)]
    times = rng.multinomial(len(members), [1 / len(members)] * len(members), size=draws)
    weight = np.zeros((draws, len(speaker)), dtype=np.int64)
    for m, column in zip(members, times.T):
        for k in np.unique(column[column > 0]):
            rows = np.flatnonzero(column == k)
            weight[np.ix_(rows, m)] = rng.multinomial(k * len(m), [1 / len(m)] * len(m), size=len(rows))
    return weight


def interval(x):
    low, high = np.quantile(x, [0.025, 0.975])
    side = min((x <= 0).sum(), (x >= 0).sum())
    return low, high, min(1, 2 * (1 + side) / (len(x) + 1))


def confusions(weight, ref, hyp):
    cell = np.zeros((len(ref), 16))
    cell[np.arange(len(ref)), 4 * ref + hyp] = 1
    return (weight @ cell).reshape(-1, 4, 4)


def make(folder):
    rng = np.random.default_rng(7)
    sizes = [14, 20, 31, 26, 17, 40, 22, 28, 19, 33, 12, 24]
    speaker = np.repeat(np.arange(len(sizes)), sizes)
    n = len(speaker)
    ref = rng.choice(4, n, p=[0.35, 0.2, 0.25, 0.2])

    def answer(skill, spread):
        right = 1 / (1 + np.exp(-(skill + spread * rng.standard_normal(len(sizes))[speaker])))
        return np.where(rng.random(n) < right, ref, rng.choice(4, n))
    first, second, other = answer(1.2, 0.8), answer(1.2, 0.8), answer(0.6, 0.8)
    words = rng.integers(3, 9, n)
    wrong = rng.binomial(words, (1 / (1 + np.exp(-rng.standard_normal(len(sizes)) + 1)))[speaker])

    os.makedirs(folder, exist_ok=True)

    def write(name, values):
        with open(os.path.join(folder, name), 'w') as f:
            f.writelines(f's{s:02d}-u{i:03d} {v}\n' for i, (s, v) in enumerate(zip(speaker, values)))
    write('utt2spk', [f's{s:02d}' for s in speaker])
    for name, labels in (('utt2emo', ref), ('first', first), ('second', second), ('other', other)):
        write(name, [LABELS[x] for x in labels])
    write('text', [' '.join('A' * w) for w in words])
    write('text_hyp', [' '.join('X' * e + 'A' * (w - e)) for w, e in zip(words, wrong)])

    weight = draw_weights(rng, speaker, DRAWS)
    one = confusions(weight, ref, first)
    both = one + confusions(weight, ref, second)
    versus = weighted_metrics(both) - weighted_metrics(confusions(weight, ref, other))
    twice = np.concatenate([ref, ref])
    pooled = metrics(twice, np.concatenate([first, second]))
    rows = [('first', weighted_metrics(one), metrics(ref, first)), ('pooled', weighted_metrics(both), pooled),
            ('versus', versus, [a - b for a, b in zip(pooled, metrics(ref, other))])]
    with open(os.path.join(folder, 'reference'), 'w') as f:
        for what, x, value in rows:
            for name, xs, v in zip(('UA', 'WA', 'WF1', 'MF1'), x, value):
                low, high, p = interval(xs)
                f.write(f'{what} {name} {v:.4f} {low:.4f} {high:.4f} {p:.5f}\n')
        low, high, p = interval(100 * (weight @ wrong) / (weight @ words))
        f.write(f'text WER {100 * wrong.sum() / words.sum():.4f} {low:.4f} {high:.4f} {p:.5f}\n')


def coverage():
    rng = np.random.default_rng(7)
    spread, trials, draws = 0.8, 1000, 500
    population = 1 / (1 + np.exp(-(1.2 + spread * rng.standard_normal(1000000))))
    truth = population.mean()
    print('speakers utterances | utterances drawn, speakers whole, speakers and utterances')
    for speakers, size in ((4, 40), (6, 40), (8, 40), (10, 34), (30, 30), (280, 9)):
        held = np.zeros(3)
        for _ in range(trials if speakers < 100 else 200):
            right = rng.binomial(size, rng.choice(population, speakers))
            n = speakers * size
            drawn = rng.integers(speakers, size=(draws, speakers))
            means = [rng.binomial(n, right.sum() / n, draws) / n, right[drawn].sum(1) / n,
                     rng.binomial(size, right[drawn] / size).sum(1) / n]
            for i, m in enumerate(means):
                low, high = np.quantile(m, [0.025, 0.975])
                held[i] += low <= truth <= high
        held *= 100 / (trials if speakers < 100 else 200)
        print(f'{speakers:8d} {size:10d} | ' + '  '.join(f'{h:.1f}' for h in held))


if len(sys.argv) != 2:
    sys.exit(__doc__)
coverage() if sys.argv[1] == '--coverage' else make(sys.argv[1])
