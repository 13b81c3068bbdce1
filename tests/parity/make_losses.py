#!/usr/bin/env python3
"""Writes tests/unit/losses_reference.h: what PyTorch makes of the losses, in double, for inputs that
tests/unit/test_losses.c draws by the same formula (`deviates`). Written with PyTorch 2.13.0 and numpy 2; seeds are below.

    make_losses.py > tests/unit/losses_reference.h
"""
import textwrap

import numpy as np
import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)


def deviates(seed, count, scale):
    """count numbers in [-scale, scale), float32, by an integer hash."""
    u = (np.arange(1, count + 1, dtype=np.uint64) * 2654435761 + seed * 40503) & 0xFFFFFFFF
    u = ((u ^ (u >> np.uint64(15))) * 2246822519) & 0xFFFFFFFF
    u = u ^ (u >> np.uint64(13))
    return ((u >> np.uint64(8)).astype(np.float64) / 2 ** 23 * scale - scale).astype(np.float32)


def number(v):
    return {"inf": "INFINITY", "nan": "NAN"}.get(f"{v:.8g}", f"{v:.8g}")


def numbers(x):
    text = "{ " + ", ".join(number(v) for v in np.ravel(x)) + " }"
    return textwrap.fill(text, 112, subsequent_indent=" " * 10)


def ints(x):
    return "{ " + ", ".join(str(int(v)) for v in x) + " }"


# name, classes, blank, scale, frames, labels of each utterance
CTC = [
    ("ordinary", 6, 0, 3, [7, 4, 9], [[1, 2, 2], [3], [5, 1, 5, 4]]),
    ("a blank in the middle", 5, 2, 3, [6, 5], [[0, 1, 1], [4, 3]]),
    ("no labels", 4, 0, 2, [3, 5], [[], [1, 2]]),
    ("no frames", 4, 0, 2, [0, 3, 0], [[], [2], [1]]),
    ("too many labels", 4, 1, 2, [2, 3, 4], [[0, 2, 3], [2, 2, 0], [0, 2]]),
    ("repeats that just fit", 3, 0, 2, [5, 3], [[1, 1, 1], [2, 2]]),
    ("far from the labels", 4, 3, 60, [8], [[0, 1, 2]]),
    ("a frame for every label", 5, 4, 3, [3, 1], [[2, 0, 3], [1]]),
    ("only a blank", 1, 0, 2, [4], [[]]),
]


def ctc(seed, case, reduction, zero_infinity):
    name, v, blank, scale, frames, labels = case
    rows = sum(frames)
    packed = torch.tensor(deviates(seed, rows * v, scale).astype(np.float64).reshape(rows, v), requires_grad=True)
    padded = torch.zeros(max(frames), len(frames), v)
    first = 0
    for u, t in enumerate(frames):
        padded = padded.index_put((torch.arange(t), torch.full((t,), u)), packed[first:first + t])
        first += t
    args = (padded.log_softmax(2), torch.tensor([y for l in labels for y in l], dtype=torch.long), torch.tensor(frames),
            torch.tensor([len(l) for l in labels]), blank)
    losses = F.ctc_loss(*args, reduction="none")
    how = ["mean", "sum", "sum"][reduction]
    loss = F.ctc_loss(*args, reduction=how, zero_infinity=zero_infinity)
    if reduction == 2:
        loss = loss / len(frames)
    loss.backward()
    flat = [y for l in labels for y in l]
    print(f'    {{ "{name}", {seed}, {v}, {blank}, {scale}, {reduction}, {str(zero_infinity).lower()}, {len(frames)},')
    print(f"        {ints(frames)}, {ints([len(l) for l in labels])}, {ints(flat or [0])},")
    print(f"        {number(loss.item())}, {numbers(losses.detach().numpy())},")
    print(f"        {numbers(packed.grad.numpy())} }},")


def ctc_long(seed, frames, v, n_labels, scale):
    """One utterance; the gradient's product with other deviates stands for the gradient."""
    x = torch.tensor(deviates(seed, frames * v, scale).astype(np.float64).reshape(frames, v), requires_grad=True)
    labels = 1 + (torch.arange(n_labels) * 7 // 3) % (v - 1)
    loss = F.ctc_loss(x.log_softmax(1), labels, torch.tensor(frames), torch.tensor(n_labels), reduction="sum")
    loss.backward()
    along = (x.grad.numpy().ravel() * deviates(seed + 1, frames * v, 1.0).astype(np.float64)).sum()
    print(f"    {{ {seed}, {frames}, {v}, {n_labels}, {scale}, {number(loss.item())}, {number(along)} }},")


# name, smoothing, weights, ignored label, labels
CROSS = [
    ("plain", 0.0, None, -100, [0, 4, 2, 2, 1, 3]),
    ("ignored rows", 0.0, None, -100, [0, -100, 2, -100, 1, 3]),
    ("weights", 0.0, [0.5, 2.0, 1.0, 0.0, 3.0], -100, [0, 4, 2, 2, 1, 3]),
    ("smoothing", 0.1, None, -100, [0, 4, 2, 2, 1, 3]),
    ("nothing but smoothing", 1.0, None, -100, [0, 4, 2, 2, 1, 3]),
    ("smoothing and ignored rows", 0.1, None, -100, [-100, 4, 2, -100, 1, 3]),
    ("weights, one of them 0, and smoothing", 0.1, [0.5, 2.0, 1.0, 0.0, 3.0], -100, [3, 4, 2, 2, 1, 3]),
    ("weights and an ignored label", 0.0, [0.5, 2.0, 1.0, 0.0, 3.0], 4, [0, 4, 2, 2, 4, 3]),
    ("all of it", 0.3, [0.5, 2.0, 1.0, 0.25, 3.0], 2, [0, 4, 2, 2, 1, 3]),
]


def cross(seed, case, how):
    name, smoothing, weight, ignore, labels = case
    x = torch.tensor(deviates(seed, 30, 4).astype(np.float64).reshape(6, 5), requires_grad=True)
    loss = F.cross_entropy(x, torch.tensor(labels), weight=torch.tensor(weight) if weight else None, ignore_index=ignore,
                           label_smoothing=smoothing, reduction=how)
    loss.backward()
    print(f'    {{ "{name}", {seed}, {smoothing}f, {str(bool(weight)).lower()}, {numbers(weight or [1] * 5)}, {ignore},')
    print(f"        {'NN_MEAN' if how == 'mean' else 'NN_SUM'}, {ints(labels)}, {number(loss.item())},")
    print(f"        {numbers(x.grad.numpy())} }},")


def contrastive(seed, temperature, same):
    a, b = (torch.tensor(deviates(seed + k, 20, 2).astype(np.float64).reshape(4, 5), requires_grad=True) for k in (0, 1))
    scores = F.cosine_similarity(a[:, None], b[None], dim=2) / temperature
    for i in range(4):
        for j in range(4):
            if same and i != j and same[i] == same[j]:
                scores = scores.index_put((torch.tensor(i), torch.tensor(j)), torch.tensor(-np.inf))
    loss = F.cross_entropy(scores, torch.arange(4))
    loss.backward()
    print(f"    {{ {seed}, {temperature}f, {str(bool(same)).lower()}, {ints(same or [0] * 4)}, {number(loss.item())},")
    print(f"        {numbers(a.grad.numpy())},")
    print(f"        {numbers(b.grad.numpy())} }},")


print(f"/* Written by tests/parity/make_losses.py with PyTorch {torch.__version__.split('+')[0]} and numpy {np.__version__}. */")
print("static const ctc_case ctc_cases[] = {")
for k, one in enumerate(CTC):
    for r in range(3):
        ctc(100 + k, one, r, True)
        ctc(100 + k, one, r, False)
print("};\n\nstatic const long_case long_cases[] = {")
ctc_long(120, 300, 32, 60, 3)
ctc_long(122, 400, 12, 70, 40)
ctc_long(124, 500, 32, 1, 1)
print("};\n\nstatic const cross_case cross_cases[] = {")
for k, one in enumerate(CROSS):
    for r in ("mean", "sum"):
        cross(200 + k, one, r)
print("};\n\nstatic const contrastive_case contrastive_cases[] = {")
contrastive(300, 0.1, None)
contrastive(302, 1.0, [7, 3, 7, 3])
contrastive(304, 0.05, [1, 2, 3, 3])
print("};")
