#!/usr/bin/env python3
"""What serin-convert writes, loaded by transformers' from_pretrained: tiny models with random weights in every container,
converted, must load without a missing or unexpected weight and give the states of the model they came from.

    python3 tests/parity/from_pretrained.py BUILD/recipes/bin

Needs PyTorch and transformers; says so and ends with 77 without them. Tried with torch 2.13.0 and transformers 5.24.
"""
import importlib.util
import json
import subprocess
import sys
import tempfile
from pathlib import Path

if not all(importlib.util.find_spec(m) for m in ("torch", "transformers", "safetensors")):
    print("skipped: needs PyTorch, transformers and safetensors")
    sys.exit(77)

import torch
from safetensors import safe_open
from transformers import (AutoFeatureExtractor, AutoTokenizer, BertConfig, BertForMaskedLM, BertModel, HubertConfig,
                          HubertForCTC, HubertModel)

SMALL = dict(hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=48)
CONV = dict(conv_dim=[8, 8, 8], conv_kernel=[10, 3, 2], conv_stride=[5, 2, 2], num_conv_pos_embeddings=16,
            num_conv_pos_embedding_groups=4, vocab_size=7)
LARGE = dict(feat_extract_norm="layer", do_stable_layer_norm=True, conv_bias=True)
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "box", "##es"]
LETTERS = {"<pad>": 0, "<s>": 1, "</s>": 2, "<unk>": 3, "|": 4, "A": 5, "B": 6}
MODELS = {
    "hubert": (HubertModel, HubertConfig(**SMALL, **CONV)),
    "hubert-large": (HubertModel, HubertConfig(**SMALL, **CONV, **LARGE)),
    "hubert-ctc": (HubertForCTC, HubertConfig(**SMALL, **CONV, **LARGE)),
    "bert": (BertModel, BertConfig(**SMALL, vocab_size=len(WORDS))),
    "bert-words": (BertForMaskedLM, BertConfig(**SMALL, vocab_size=len(WORDS))),
}
TOLERANCE = {"keep": 0.0, "f16": 4e-3, "bf16": 3e-2}


def old_names(state, spelling):
    """The spellings of published files."""
    pairs = [("parametrizations.weight.original0", "weight_g"), ("parametrizations.weight.original1", "weight_v")]
    if spelling == "tensorflow":
        pairs += [("LayerNorm.weight", "LayerNorm.gamma"), ("LayerNorm.bias", "LayerNorm.beta")]
    for new, old in pairs:
        state = {n.replace(new, old): v for n, v in state.items()}
    return state


def fused(model):
    """Weight norm multiplied out."""
    state = dict(model.state_dict())
    base = next(n for n in state if n.endswith("original0")).removesuffix("parametrizations.weight.original0")
    conv = model.get_submodule(base.rstrip("."))
    state = {n: v for n, v in state.items() if not n.startswith(base + "parametrizations")}
    return {**state, base + "weight": conv.weight.detach().clone()}


def without_biases(model):
    """As fairseq's large models, which have none in their convolutions; transformers' are 0."""
    for name, p in model.named_parameters():
        if "feature_extractor" in name and name.endswith("conv.bias"):
            torch.nn.init.zeros_(p)
    return {n: v for n, v in model.state_dict().items() if "feature_extractor" not in n or not n.endswith("conv.bias")}


def containers(model, folder):
    """Writes the model in each container; yields the folder of each."""
    state = model.state_dict()
    files = {
        "safetensors": lambda d: model.save_pretrained(d),
        "sharded": lambda d: model.save_pretrained(d, max_shard_size="20KB"),
        "zip": lambda d: torch.save(old_names(state, ""), d / "pytorch_model.bin"),
        "legacy": lambda d: torch.save(old_names(state, "tensorflow"), d / "pytorch_model.bin",
                                       _use_new_zipfile_serialization=False),
    }
    if isinstance(model, (HubertModel, HubertForCTC)):
        files["fused"] = lambda d: torch.save(fused(model), d / "pytorch_model.bin")
    if model.config.model_type == "hubert" and model.config.conv_bias:
        files["no-biases"] = lambda d: torch.save(without_biases(model), d / "pytorch_model.bin")
    for name, write in files.items():
        d = folder / name
        d.mkdir(parents=True)
        write(d)
        model.config.architectures = [type(model).__name__]
        model.config.save_pretrained(d)
        if model.config.model_type == "bert":
            (d / "vocab.txt").write_text("".join(w + "\n" for w in WORDS))
        elif isinstance(model, HubertForCTC):
            (d / "vocab.json").write_text(json.dumps(LETTERS))
        yield d


def outputs(model):
    torch.manual_seed(5)
    if model.config.model_type == "bert":
        out = model(torch.randint(5, len(WORDS), (2, 9)), output_hidden_states=True)
    else:
        out = model(torch.randn(2, 4000), output_hidden_states=True)
    return [*out.hidden_states, *([out.logits] if hasattr(out, "logits") else [])]


def convert(bin_dir, *arguments):
    done = subprocess.run([bin_dir / "serin-convert", *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def check(bin_dir, model, folder, out, dtype, via_serin=False):
    expected = outputs(model)
    source = folder
    if via_serin:
        source = out.with_name(out.name + "-serin")
        convert(bin_dir, "--to=serin", folder, source)
    convert(bin_dir, f"--dtype={dtype}", source, out)
    back, info = type(model).from_pretrained(out, output_loading_info=True, dtype=torch.float32)
    for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        assert not info[kind], f"{out}: {kind}: {info[kind]}"
    with safe_open(out / "model.safetensors", "pt") as f:
        assert f.metadata()["format"] == "pt"
        assert not any(n.startswith("cls.predictions.decoder.") for n in f.keys()), "tied tensors are written twice"
    worst = max(float((a - b).abs().max() / a.abs().max()) for a, b in zip(expected, outputs(back.eval())))
    tolerance = 1e-5 if folder.name in ("fused", "no-biases") and dtype == "keep" else TOLERANCE[dtype]
    assert worst <= tolerance, f"{out}: {worst:g}, expected at most {tolerance:g}"
    if model.config.model_type == "hubert":
        assert AutoFeatureExtractor.from_pretrained(out).sampling_rate == 16000
    if isinstance(model, HubertForCTC):
        assert AutoTokenizer.from_pretrained(out).pad_token_id == 0
    elif model.config.model_type == "bert":
        assert AutoTokenizer.from_pretrained(out)("the boxes")["input_ids"] == [2, 5, 6, 7, 3]
    print(f"{out.parent.name}/{out.name}: {worst:.2g}")


def check_export(bin_dir, folder):
    """The BERT of a model that serin-train made: transformers gives the states of serin-states."""
    data, run = folder / "data", lambda program, *a: subprocess.run([bin_dir / program, *a], check=True, capture_output=True)
    data.mkdir(parents=True)
    texts = {f"s{i % 3}-{i:02d}": "the box boxes" if i % 2 else "box the" for i in range(12)}
    keys = sorted(texts)
    (data / "text").write_text("".join(f"{k} {texts[k]}\n" for k in keys))
    (data / "utt2emo").write_text("".join(f"{k} {'hap' if 'boxes' in texts[k] else 'sad'}\n" for k in keys))
    (data / "utt2spk").write_text("".join(f"{k} {k[:2]}\n" for k in keys))
    (folder / "vocab.txt").write_text("".join(w + "\n" for w in WORDS))
    run("serin-train", "--input=text", "--lambda-ctc=0", "--epochs=2", f"--pieces={folder}/vocab.txt", "--bert-width=16", "--bert-layers=2",
        "--bert-heads=2", "--bert-inner=32", data, folder / "exp")
    convert(bin_dir, folder / "exp", folder / "bert")
    run("serin-states", folder / "bert", data / "text", f"ark,t:{folder}/states.ark")
    model, words = BertModel.from_pretrained(folder / "bert").eval(), AutoTokenizer.from_pretrained(folder / "bert")
    rows = (folder / "states.ark").read_text().split("]")
    worst = 0.0
    for key, row in zip(keys, rows):
        states = model(**words(texts[key], return_tensors="pt")).last_hidden_state
        found = torch.tensor([float(x) for x in row.split("[")[1].split()]).view_as(states)
        worst = max(worst, float((states - found).abs().max() / states.abs().max()))
    assert worst <= 1e-5, f"{folder}: {worst:g}"
    print(f"{folder.name}: {worst:.2g}")


@torch.no_grad()
def main():
    bin_dir = Path(sys.argv[1])
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as tmp:
        for name, (kind, config) in MODELS.items():
            torch.manual_seed(3)
            model = kind(config).eval()
            for p in model.parameters():
                p.add_(torch.randn(p.shape) * 0.05)
            for folder in containers(model, Path(tmp) / name):
                for dtype in TOLERANCE:
                    check(bin_dir, model, folder, Path(tmp) / name / f"{folder.name}-{dtype}", dtype)
                if kind is HubertForCTC:
                    check(bin_dir, model, folder, Path(tmp) / name / f"{folder.name}-back", "keep", via_serin=True)
        check_export(bin_dir, Path(tmp) / "export")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main()
