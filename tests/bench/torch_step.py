#!/usr/bin/env python3
"""The yardstick of `tests/bench/bench --step`: the same training step in PyTorch and transformers.

    OMP_NUM_THREADS=2 python3 tests/bench/torch_step.py [--batch 2] [--steps 2]

Written with torch 2.13.0 and transformers 5.23. HuBERT-large with CTC and emotion, random weights, the 16 utterances of
step.c padded to the longest of their batch, dropout and SpecAugment on, convolutions frozen, clipping, fused AdamW.
Prints seconds a step and the memory it held at most.
"""
import argparse
import resource
import time

import torch
from transformers import HubertConfig, HubertForCTC

LENGTHS = [44467, 32156, 107325, 19422, 40714, 22779, 170820, 145646, 17415, 59945, 29651, 27049, 53889, 49705, 48363, 28366]

options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
options.add_argument("--batch", type=int, default=2, help="utterances at once")
options.add_argument("--steps", type=int, default=2, help="steps timed, after one to warm up")
args = options.parse_args()

torch.manual_seed(1)
config = HubertConfig(
    hidden_size=1024, num_hidden_layers=24, num_attention_heads=16, intermediate_size=4096, feat_extract_norm="layer",
    do_stable_layer_norm=True, conv_bias=True, layerdrop=0.0, hidden_dropout=0.1, attention_dropout=0.1, activation_dropout=0.1,
    feat_proj_dropout=0.1, final_dropout=0.1, vocab_size=32, ctc_loss_reduction="mean", ctc_zero_infinity=True,
    attn_implementation="sdpa")
model = HubertForCTC(config).train()
model.freeze_feature_encoder()
emotion = torch.nn.Linear(1024, 4)
parameters = [p for p in [*model.parameters(), *emotion.parameters()] if p.requires_grad]
adam = torch.optim.AdamW(parameters, lr=1e-5, fused=True)
waves = [torch.randn(n) for n in LENGTHS]
labels = [torch.randint(1, 32, (n * 12 // 16000,)) for n in LENGTHS]
print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, {sum(p.numel() for p in parameters)} trainable parameters")


def step():
    adam.zero_grad(set_to_none=True)
    for i in range(0, len(waves), args.batch):
        part = slice(i, i + args.batch)
        batch = torch.nn.utils.rnn.pad_sequence(waves[part], batch_first=True)
        mask = torch.nn.utils.rnn.pad_sequence([torch.ones(len(w), dtype=torch.long) for w in waves[part]], batch_first=True)
        targets = torch.nn.utils.rnn.pad_sequence(labels[part], batch_first=True, padding_value=-100)
        out = model(batch, attention_mask=mask, labels=targets, output_hidden_states=True)
        logits = emotion(out.hidden_states[-1].mean(1))
        loss = out.loss + torch.nn.functional.cross_entropy(logits, torch.arange(len(logits)) % 4)
        (loss * args.batch / len(waves)).backward()
    torch.nn.utils.clip_grad_norm_(parameters, 1.0)
    adam.step()


step()
begin = time.perf_counter()
for _ in range(args.steps):
    step()
seconds = (time.perf_counter() - begin) / args.steps
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
print(f"{len(waves) // args.batch:2} x {args.batch:2}  {seconds:9.3f} s  {peak:6.2f} GiB at most")
