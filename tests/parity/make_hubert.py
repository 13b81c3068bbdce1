#!/usr/bin/env python3
"""Reference data of tests/unit/test_hubert.c: tiny HuBERTs in both published variants with random weights, their
states, CTC loss and gradients as PyTorch and transformers compute them.

    python3 tests/parity/make_hubert.py tests/parity

Written with torch 2.13.0 and transformers 5.23. A folder per variant: config.json, model.safetensors and
preprocessor_config.json as save_pretrained writes them, and reference.safetensors:
    wave [samples], wave_begin, labels, label_begin    the batch, packed
    features, states.0 .. states.N, states.-1, logits  of all frames, packed; states.-1 has passed the final norm of the
                                                       "layer" variant, states.N not (up to transformers 4 it had, too)
    losses                                             per utterance
    grad.NAME                                          of the sum of the losses; NAME as old checkpoints spell it
"""
import json
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import HubertConfig, HubertForCTC, Wav2Vec2FeatureExtractor

LENGTHS = [811, 497]
LABELS = [[3, 3, 5, 1, 6], [2, 4]]

COMMON = dict(
    vocab_size=7, hidden_size=20, num_hidden_layers=2, num_attention_heads=2, intermediate_size=36, conv_dim=[6, 8, 10],
    conv_kernel=[10, 3, 2], conv_stride=[5, 2, 2], num_conv_pos_embedding_groups=4, ctc_loss_reduction="sum",
    ctc_zero_infinity=False, attn_implementation="eager")
VARIANTS = {
    "hubert-layer": dict(feat_extract_norm="layer", do_stable_layer_norm=True, conv_bias=True, num_conv_pos_embeddings=20),
    "hubert-group": dict(feat_extract_norm="group", do_stable_layer_norm=False, conv_bias=False, num_conv_pos_embeddings=15),
}


def old_name(name):
    """weight_g and weight_v are the spelling that both generations of files know."""
    return name.replace("parametrizations.weight.original0", "weight_g").replace("parametrizations.weight.original1", "weight_v")


def randomise(model):
    with torch.no_grad():
        for name, p in model.named_parameters():
            p.copy_(torch.randn(p.shape) * (0.2 if p.dim() > 1 else 0.5))
            if p.dim() == 1 and name.endswith("norm.weight") or name.endswith("original0"):
                p.add_(1.0)


def run(model, waves, labels, mask):
    """One forward pass: features, states, logits of each utterance's own frames; adds to the gradients."""
    batch = torch.nn.utils.rnn.pad_sequence(waves, batch_first=True)
    targets = torch.nn.utils.rnn.pad_sequence([torch.tensor(y) for y in labels], batch_first=True, padding_value=-100)
    attention = (torch.arange(batch.shape[1])[None] < torch.tensor([len(w) for w in waves])[:, None]).long() if mask else None
    out = model(batch, attention_mask=attention, labels=targets)
    out.loss.backward()
    with torch.no_grad():
        features = model.hubert.feature_extractor(batch).transpose(1, 2)
        hubert = model.hubert(batch, attention_mask=attention, output_hidden_states=True)
    frames = [int(model._get_feat_extract_output_lengths(torch.tensor(len(w)))) for w in waves]
    pick = lambda x: [x[u, :n].detach() for u, n in enumerate(frames)]
    log_probs = out.logits.float().log_softmax(-1)
    losses = [torch.nn.functional.ctc_loss(log_probs[u, :n, None], torch.tensor([labels[u]]), [n], [len(labels[u])],
                                           blank=0, reduction="sum").detach() for u, n in enumerate(frames)]
    return dict(features=pick(features), logits=pick(out.logits), losses=losses,
                **{f"states.{i}": pick(h) for i, h in enumerate(hubert.hidden_states)},
                **{"states.-1": pick(hubert.last_hidden_state)})


def make(directory, options):
    torch.manual_seed(1)
    model = HubertForCTC(HubertConfig(**COMMON, **options)).eval()
    randomise(model)
    waves = [torch.randn(n) for n in LENGTHS]
    if options["feat_extract_norm"] == "layer":
        parts = [run(model, waves, LABELS, True)]
    else:       # the group norm would see the padding: one by one
        parts = [run(model, [w], [y], False) for w, y in zip(waves, LABELS)]
    offsets = lambda sizes: torch.tensor([0] + sizes).cumsum(0)
    out = dict(wave=torch.cat(waves), wave_begin=offsets(LENGTHS), labels=torch.tensor(sum(LABELS, [])),
               label_begin=offsets([len(y) for y in LABELS]))
    for key in parts[0]:
        rows = sum((p[key] for p in parts), [])
        out[key] = torch.stack(rows) if key == "losses" else torch.cat(rows)
    out.update({"grad." + old_name(n): p.grad for n, p in model.named_parameters() if p.grad is not None})
    model.save_pretrained(directory)
    Wav2Vec2FeatureExtractor(do_normalize=True, return_attention_mask=options["feat_extract_norm"] == "layer").save_pretrained(directory)
    save_file({k: v.contiguous() for k, v in out.items()}, directory / "reference.safetensors")
    for f in directory.iterdir():
        f.chmod(0o644)
    size = sum(f.stat().st_size for f in directory.iterdir())
    print(directory, [round(float(x), 4) for x in out["losses"]], f"{size} bytes")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    torch.set_num_threads(1)
    for variant, options in VARIANTS.items():
        make(Path(sys.argv[1]) / variant, options)
