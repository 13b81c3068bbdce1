#!/usr/bin/env python3
"""Reference data of tests/unit/test_training_parity.c: 100 updates of a tiny HuBERT with CTC and a tiny BERT, a
classifier on both, as PyTorch and transformers make them: AdamW, clipping, linear schedule with warm-up, dropout off.

    python3 tests/parity/make_training.py tests/parity

Written with torch 2.13.0 and transformers 5.23, float32. The models are those of hubert-layer/ and bert/. training/ has
reference.safetensors only:
    wave.B, wave_begin.B, labels.B, label_begin.B       batch B of BATCHES, packed; update i takes batch i modulo BATCHES
    ids.B, begin.B, classes.B
    classifier.weight, classifier.bias                  before the first update
    loss, norm                                          of each update, before it; norm of the gradient before clipping
    final.NAME                                          parameters after the last; NAME as old checkpoints spell it
A second run in double tells how far rounding alone takes the parameters.
"""
import sys
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from transformers import BertModel, HubertForCTC, get_linear_schedule_with_warmup
from transformers.utils import logging

UPDATES, WARMUP, RATE, CLIP, CTC_WEIGHT, SMOOTHING, CLASSES = 100, 10, 1e-3, 1.0, 0.1, 0.1, 4
BATCHES = [     # samples, labels, ids, classes
    ([811, 497], [[3, 3, 5, 1, 6], [2, 4]], [[2, 7, 9, 4, 3], [2, 12, 3]], [3, 0]),
    ([640, 902, 555], [[1, 2], [6, 5, 4, 3], [2]], [[2, 5, 3], [2, 8, 10, 13, 1, 3], [2, 6, 3]], [1, 2, 0]),
    ([700], [[4, 4, 1]], [[2, 11, 5, 5, 3]], [3]),
]


def pad(rows, value=0):
    return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=value)


def mask_of(lengths):
    return (torch.arange(max(lengths))[None] < torch.tensor(lengths)[:, None]).long()


def offsets(rows):
    return torch.tensor([0] + [len(r) for r in rows]).cumsum(0)


def old_name(name):
    return (name.replace("parametrizations.weight.original0", "weight_g")
            .replace("parametrizations.weight.original1", "weight_v"))


def loss_of(hubert, bert, classifier, waves, labels, ids, classes):
    out = hubert.hubert(pad(waves), attention_mask=mask_of([len(w) for w in waves]))
    frames = [int(hubert._get_feat_extract_output_lengths(torch.tensor(len(w)))) for w in waves]
    logits = hubert.lm_head(out.last_hidden_state)
    ctc = F.ctc_loss(logits.log_softmax(-1).transpose(0, 1), torch.tensor(sum(labels, [])), torch.tensor(frames),
                     torch.tensor([len(y) for y in labels]), blank=0, reduction="mean", zero_infinity=True)
    pooled = torch.stack([out.last_hidden_state[u, :n].mean(0) for u, n in enumerate(frames)])
    text = bert(pad([torch.tensor(s) for s in ids]), attention_mask=mask_of([len(s) for s in ids])).pooler_output
    scores = classifier(torch.cat([pooled, text], 1))
    return F.cross_entropy(scores, torch.tensor(classes), label_smoothing=SMOOTHING) + CTC_WEIGHT * ctc


def train(directory, waves, dtype):
    hubert = HubertForCTC.from_pretrained(directory / "hubert-layer", attn_implementation="eager").to(dtype).eval()
    bert = BertModel.from_pretrained(directory / "bert", attn_implementation="eager").to(dtype).eval()
    torch.manual_seed(3)
    classifier = torch.nn.Linear(hubert.config.hidden_size + bert.config.hidden_size, CLASSES).to(dtype)
    named = {**{old_name(n): p for n, p in hubert.named_parameters()},
             **{"bert." + n: p for n, p in bert.named_parameters()},
             **{"classifier." + n: p for n, p in classifier.named_parameters()}}
    start = {n: named[n].detach().clone() for n in ("classifier.weight", "classifier.bias")}
    optimiser = torch.optim.AdamW([
        dict(params=[p for p in named.values() if p.dim() > 1], weight_decay=0.01),
        dict(params=[p for p in named.values() if p.dim() < 2], weight_decay=0.0)], lr=RATE)
    schedule = get_linear_schedule_with_warmup(optimiser, WARMUP, UPDATES)
    losses, norms = [], []
    for i in range(UPDATES):
        _, labels, ids, classes = BATCHES[i % len(BATCHES)]
        optimiser.zero_grad()
        loss = loss_of(hubert, bert, classifier, [w.to(dtype) for w in waves[i % len(BATCHES)]], labels, ids, classes)
        loss.backward()
        norms.append(torch.nn.utils.clip_grad_norm_(named.values(), CLIP).item())
        losses.append(loss.item())
        optimiser.step()
        schedule.step()
    return dict(**start, loss=torch.tensor(losses), norm=torch.tensor(norms),
                **{"final." + n: p.detach() for n, p in named.items()})


def distance(a, b):
    return float((a.double() - b.double()).abs().max() / b.double().abs().max().clamp(min=1e-9))


def main(directory):
    torch.manual_seed(2)
    waves = [[torch.randn(n) for n in batch[0]] for batch in BATCHES]
    out, exact = train(directory, waves, torch.float32), train(directory, waves, torch.float64)
    far = sorted(((distance(out[n], exact[n]), n) for n in out), reverse=True)[:5]
    print("from double:", ", ".join(f"{n} {d:.1e}" for d, n in far))
    for b, (_, labels, ids, classes) in enumerate(BATCHES):
        out.update({f"wave.{b}": torch.cat(waves[b]), f"wave_begin.{b}": offsets(waves[b]),
                    f"labels.{b}": torch.tensor(sum(labels, [])), f"label_begin.{b}": offsets(labels),
                    f"ids.{b}": torch.tensor(sum(ids, [])), f"begin.{b}": offsets(ids),
                    f"classes.{b}": torch.tensor(classes)})
    path = directory / "training" / "reference.safetensors"
    path.parent.mkdir(exist_ok=True)
    save_file({k: v.contiguous() for k, v in out.items()}, path)
    path.chmod(0o644)
    print(path, [round(float(x), 4) for x in out["loss"][[0, 1, 2, 49, -3, -2, -1]]], out["norm"][:3].tolist(),
          path.stat().st_size, "bytes")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    torch.set_num_threads(1)
    logging.set_verbosity_error()
    main(Path(sys.argv[1]))
