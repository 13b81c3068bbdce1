#!/usr/bin/env python3
"""The yardstick of egs/emodb: its network, data, folds, epochs and augmentation in PyTorch.

    cd egs/emodb && . ./path.sh && ./run.sh --emodb DIR        (makes data/folds; serin-features is used here, too)
    python3 ../../tests/parity/emodb_torch.py --seed 1 data/folds

Written with torch 2.13.0. Prints UA of every fold and pooled, as serin-score-labels does. Keys and defaults are those of
recipes/config.def and egs/emodb/conf/train.conf; the batches are padded, everything else is as there.
"""
import argparse
import math
import subprocess
import sys
import tempfile
import wave
from pathlib import Path

import numpy as np
import torch
from torch import nn
import torch.nn.functional as F

EPOCHS, BATCH_SECONDS, RATE, WARMUP, CLIP, AVERAGE = 20, 20.0, 1e-3, 0.1, 1.0, 0.05
BINS, STACK, WIDTH, LAYERS, HEADS, INNER, KERNEL, GROUPS, DROP, STD = 40, 3, 144, 4, 4, 576, 31, 16, 0.1, 0.05
SPEEDS = (1.0, 0.9, 1.1)
LAMBDA_CTC, LAMBDA_GENDER = 1.0, 0.1


# ---- data ---------------------------------------------------------------------------------------------------------

def table(path):
    return dict((line.split(None, 1) + [""])[:2] for line in path.read_text().splitlines())


def read_wave(path):
    with wave.open(path) as f:
        return np.frombuffer(f.readframes(f.getnframes()), "<i2").astype(np.float64), f.getframerate()


def faster(x, speed):
    """Resampled in the frequency domain: 1 / speed times as long."""
    n = int(round(len(x) / speed))
    spectrum = np.fft.rfft(x)
    out = np.zeros(n // 2 + 1, complex)
    m = min(len(out), len(spectrum))
    out[:m] = spectrum[:m]
    return np.fft.irfft(out, n) * n / len(x)


def read_ark(path):
    data, at, out = path.read_bytes(), 0, {}
    while at < len(data):
        end = data.index(b" ", at)
        key, at = data[at:end].decode(), end + 1
        assert data[at:at + 5] == b"\0BFM ", key
        rows, cols = (int.from_bytes(data[i:i + 4], "little") for i in (at + 6, at + 11))
        at += 15
        out[key] = np.frombuffer(data, "<f4", rows * cols, at).reshape(rows, cols)
        at += 4 * rows * cols
    return out


def features(folder, speed):
    """Log-mel rows of every utterance of a data directory, STACK frames to a row."""
    with tempfile.TemporaryDirectory() as tmp:
        tmp = Path(tmp)
        with open(tmp / "wav.scp", "w") as scp:
            for key, path in table(folder / "wav.scp").items():
                x, rate = read_wave(path.strip())
                with wave.open(str(tmp / f"{key}.wav"), "wb") as f:
                    f.setparams((1, 2, rate, 0, "NONE", ""))
                    f.writeframes(np.clip(np.round(x if speed == 1 else faster(x, speed)), -32768, 32767).astype("<i2").tobytes())
                print(key, tmp / f"{key}.wav", file=scp)
        subprocess.run(["serin-features", "--print-args=false", f"scp:{tmp}/wav.scp", f"ark:{tmp}/out.ark"], check=True,
                       stderr=subprocess.DEVNULL)
        return {k: torch.tensor(x[:len(x) // STACK * STACK].reshape(-1, BINS * STACK)) for k, x in read_ark(tmp / "out.ark").items()}


class Data:
    def __init__(self, folder, speeds, letters=None):
        text, emotion, gender = (table(folder / name) for name in ("text", "utt2emo", "utt2gender"))
        self.keys = sorted(emotion)
        self.x = [features(folder, s) for s in speeds]
        self.emotion = {k: ["ang", "hap", "neu", "sad"].index(emotion[k].strip()) for k in self.keys}
        self.gender = {k: "fm".index(gender[k].strip()) for k in self.keys}
        self.letters = letters or ["<blank>"] + sorted({c for t in text.values() for c in t.strip()})
        self.text = {k: [self.letters.index(c) for c in text[k].strip() if c in self.letters] for k in self.keys}


# ---- network ------------------------------------------------------------------------------------------------------

class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.qkv, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.up, self.down = nn.Linear(WIDTH, INNER), nn.Linear(INNER, WIDTH)

    def forward(self, x, mask, drop):
        b, t, _ = x.shape
        q, k, v = self.qkv(self.norm1(x)).view(b, t, 3, HEADS, -1).permute(2, 0, 3, 1, 4)
        h = F.scaled_dot_product_attention(q, k, v, attn_mask=mask[:, None, None], dropout_p=DROP if self.training else 0.0)
        x = x + drop(self.out(h.transpose(1, 2).reshape(b, t, WIDTH)))
        return x + drop(self.down(drop(F.gelu(self.up(self.norm2(x))))))


class Network(nn.Module):
    def __init__(self, letters):
        super().__init__()
        self.project = nn.Linear(BINS * STACK, WIDTH)
        self.pos = nn.Conv1d(WIDTH, WIDTH, KERNEL, padding=KERNEL // 2, groups=GROUPS)
        self.layers = nn.ModuleList(Layer() for _ in range(LAYERS))
        self.norm = nn.LayerNorm(WIDTH)
        self.ctc, self.emotion, self.gender = nn.Linear(WIDTH, letters), nn.Linear(WIDTH, 4), nn.Linear(WIDTH, 2)
        for m in self.modules():
            if isinstance(m, nn.Linear):
                nn.init.normal_(m.weight, std=STD)
                nn.init.zeros_(m.bias)
        nn.init.normal_(self.pos.weight, std=math.sqrt(4 / (KERNEL * WIDTH)))
        nn.init.zeros_(self.pos.bias)
        nn.utils.parametrizations.weight_norm(self.pos, dim=2)

    def forward(self, x, rows):
        drop = nn.Dropout(DROP).train(self.training)
        mask = torch.arange(x.shape[1])[None] < rows[:, None]
        x = drop(self.project(x)) * mask[..., None]
        x = drop(x + F.gelu(self.pos(x.transpose(1, 2)).transpose(1, 2)))
        for layer in self.layers:
            x = layer(x, mask, drop)
        x = self.norm(x)
        mean = (x * mask[..., None]).sum(1) / rows[:, None]
        return self.ctc(drop(x)), self.emotion(drop(mean)), self.gender(drop(mean))


# ---- training -----------------------------------------------------------------------------------------------------

def blank_out(x, rng):
    """SpecAugment: two bands of up to 8 bins, two stretches of up to 10 rows and a fifth of the whole."""
    x = x.clone()
    frames = x.view(-1, BINS)
    for _ in range(2):
        width = rng.integers(0, 9)
        begin = rng.integers(0, BINS - width + 1)
        frames[:, begin:begin + width] = 0
    for _ in range(2):
        width = rng.integers(0, min(10, len(x) // 5) + 1)
        begin = rng.integers(0, len(x) - width + 1)
        x[begin:begin + width] = 0
    return x


def batches(data, rng):
    items = [(k, data.x[rng.integers(len(data.x))][k]) for k in rng.permutation(data.keys)]
    items = [i for w in range(0, len(items), 64) for i in sorted(items[w:w + 64], key=lambda i: len(i[1]))]
    out, seconds = [[]], 0.0
    for key, x in items:
        s = len(x) * STACK * 0.01
        if out[-1] and seconds + s > BATCH_SECONDS:
            out.append([])
            seconds = 0.0
        out[-1].append((key, x))
        seconds += s
    return [out[i] for i in rng.permutation(len(out))]


def loss_of(net, data, batch, mean, std, rng):
    x = [blank_out((x - mean) / std, rng) for _, x in batch]
    rows = torch.tensor([len(i) for i in x])
    ctc, emotion, gender = net(nn.utils.rnn.pad_sequence(x, batch_first=True), rows)
    targets = [data.text[k] for k, _ in batch]
    return (F.cross_entropy(emotion, torch.tensor([data.emotion[k] for k, _ in batch]))
            + LAMBDA_GENDER * F.cross_entropy(gender, torch.tensor([data.gender[k] for k, _ in batch]))
            + LAMBDA_CTC * F.ctc_loss(F.log_softmax(ctc, -1).transpose(0, 1), torch.tensor(sum(targets, [])), rows,
                                      torch.tensor([len(t) for t in targets]), zero_infinity=True))


def train(data, seed):
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    net = Network(len(data.letters))
    average = {n: p.detach().clone() for n, p in net.named_parameters()}
    everything = torch.cat([x for variant in data.x for x in variant.values()])
    mean, std = everything.mean(0), everything.std(0)
    plan = [b for _ in range(EPOCHS) for b in batches(data, rng)]
    groups = [{"params": [p for p in net.parameters() if (p.dim() > 1) == matrix], "weight_decay": 0.01 * matrix}
              for matrix in (True, False)]
    adam = torch.optim.AdamW(groups, lr=RATE, betas=(0.9, 0.98), eps=1e-8)
    warmup, keep = int(WARMUP * len(plan)), 1 - 1 / max(1.0, AVERAGE * len(plan))
    for step, batch in enumerate(plan):
        part = (step - warmup) / max(1, len(plan) - warmup)
        for g in adam.param_groups:
            g["lr"] = RATE * (step / warmup if step < warmup else 0.5 * (1 + math.cos(math.pi * part)))
        adam.zero_grad()
        loss_of(net, data, batch, mean, std, rng).backward()
        nn.utils.clip_grad_norm_(net.parameters(), CLIP)
        adam.step()
        with torch.no_grad():
            for n, p in net.named_parameters():
                average[n].lerp_(p, max(1 - keep, 1 / (step + 1)))
    with torch.no_grad():
        for n, p in net.named_parameters():
            p.copy_(average[n])
    return net.eval(), mean, std


def recall(pairs):
    """UA in percent: the mean over the classes that occur."""
    return 100 * np.mean([np.mean([h == c for r, h in pairs if r == c]) for c in {r for r, _ in pairs}])


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("folds", type=Path)
    args = options.parse_args()
    torch.set_num_threads(1)
    pooled = []
    for fold in sorted(args.folds.iterdir()):
        data = Data(fold / "train", SPEEDS)
        test = Data(fold / "test", (1.0,), data.letters)
        net, mean, std = train(data, args.seed)
        with torch.no_grad():
            pairs = [(test.emotion[k], int(net(((test.x[0][k] - mean) / std)[None], torch.tensor([len(test.x[0][k])]))[1].argmax()))
                     for k in test.keys]
        pooled += pairs
        print(f"seed {args.seed} fold {fold.name} {len(pairs)} utterances UA {recall(pairs):.2f}", flush=True)
    print(f"seed {args.seed} pooled {len(pooled)} utterances UA {recall(pooled):.2f}")


if __name__ == "__main__":
    sys.exit(main())
