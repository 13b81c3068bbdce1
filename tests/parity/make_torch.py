#!/usr/bin/env python3
"""Checkpoints of tests/unit/test_archive.c, as PyTorch writes them.

    python3 tests/parity/make_torch.py tests/parity/torch

Written with torch 2.13.0 and safetensors 0.8.0; PyTorch puts random identifiers into its zip files, so they are not the same
bytes when made again.
    values.safetensors      every tensor of the files below as contiguous float32, or as it is when it is of another kind
    zip.bin legacy.bin      all of them: each element type, strides, offsets, shared storages, parameters, nested names
    nocrc.bin               zip without checksums
    protocol4.bin           zip, with the opcodes of pickle's protocol 4
    sharded/                the floats in two safetensors files, and in two of PyTorch's, with indexes
    fairseq.pt              names of fairseq's HuBERT, in `model`, beside an argparse.Namespace and an optimiser's state; zip
    fairseq-ctc.pt          names of a fine-tuned one, beside a configuration of omegaconf's; legacy
    fairseq.safetensors     the same under Hugging Face's names
    fairseq-group.pt        ../hubert-group without its head, its settings in an argparse.Namespace
    fairseq-layer.pt        ../hubert-layer, fine-tuned: settings in a dictionary, those of its pre-training omegaconf's
"""
import argparse
import json
import re
import sys
import types
from collections import OrderedDict
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file


def tensors():
    torch.manual_seed(23)
    x = torch.randn(3, 5, dtype=torch.float64)
    wide = torch.randn(4, 6)
    shared = torch.randn(7)
    return OrderedDict([
        ("f32", x.float()), ("f16", x.half()), ("bf16", x.bfloat16()), ("f64", x),
        ("i64", torch.tensor([-2**62, 7])), ("i32", torch.tensor([-5, 6], dtype=torch.int32)),
        ("i16", torch.tensor([-300, 300], dtype=torch.int16)), ("i8", torch.tensor([-128, 127], dtype=torch.int8)),
        ("u8", torch.tensor([0, 255], dtype=torch.uint8)), ("bool", torch.tensor([True, False, True])),
        ("scalar", torch.tensor(2.5)), ("empty", torch.zeros(0, 4)),
        ("transposed", wide.t()), ("sliced", wide[1:, 1::2]), ("permuted", torch.randn(2, 3, 4).permute(2, 0, 1)),
        ("expanded", torch.randn(3, 1).expand(3, 4)), ("ids", torch.arange(5).expand(1, -1)),
        ("tied.a", shared), ("tied.b", shared), ("tied.part", shared[2:5]),
        ("parameter", torch.nn.Parameter(torch.randn(2, 2))),
        ("layer", OrderedDict(weight=torch.randn(2, 3), norm={"bias": torch.randn(3)})),
    ])


def flat(state, prefix=""):
    for name, value in state.items():
        if isinstance(value, dict):
            yield from flat(value, prefix + name + ".")
        else:
            yield prefix + name, value.detach()


def containers(folder):
    state = tensors()
    torch.save(state, folder / "zip.bin")
    torch.save(state, folder / "legacy.bin", _use_new_zipfile_serialization=False)
    torch.save(state, folder / "protocol4.bin", pickle_protocol=4)
    torch.serialization.set_crc32_options(False)
    torch.save(state, folder / "nocrc.bin")
    torch.serialization.set_crc32_options(True)
    save_file({n: (v.float() if v.is_floating_point() else v).contiguous().clone() for n, v in flat(state)},
              folder / "values.safetensors")


def shards(folder):
    folder.mkdir(exist_ok=True)
    state = {n: v.contiguous().clone() for n, v in flat(tensors()) if v.is_floating_point()}
    for stem, suffix, save in [("model", "safetensors", save_file), ("pytorch_model", "bin", torch.save)]:
        parts = [f"{stem}-0000{i}-of-00002.{suffix}" for i in (1, 2)]
        where = {n: parts[i % 2] for i, n in enumerate(state)}
        for part in parts:
            save({n: v for n, v in state.items() if where[n] == part}, folder / part)
        index = {"metadata": {"total_size": sum(v.nbytes for v in state.values())}, "weight_map": where}
        (folder / f"{stem}.{suffix}.index.json").write_text(json.dumps(index, indent=2) + "\n")


NAMES = {       # fairseq's and Hugging Face's
    "mask_emb": "masked_spec_embed",
    "feature_extractor.conv_layers.0.0.weight": "feature_extractor.conv_layers.0.conv.weight",
    "feature_extractor.conv_layers.0.2.weight": "feature_extractor.conv_layers.0.layer_norm.weight",
    "feature_extractor.conv_layers.3.0.bias": "feature_extractor.conv_layers.3.conv.bias",
    "feature_extractor.conv_layers.3.2.1.bias": "feature_extractor.conv_layers.3.layer_norm.bias",
    "post_extract_proj.weight": "feature_projection.projection.weight",
    "layer_norm.bias": "feature_projection.layer_norm.bias",
    "encoder.pos_conv.0.bias": "encoder.pos_conv_embed.conv.bias",
    "encoder.pos_conv.0.weight_g": "encoder.pos_conv_embed.conv.weight_g",
    "encoder.pos_conv.0.weight_v": "encoder.pos_conv_embed.conv.weight_v",
    "encoder.layers.11.self_attn.k_proj.weight": "encoder.layers.11.attention.k_proj.weight",
    "encoder.layers.11.self_attn.v_proj.weight": "encoder.layers.11.attention.v_proj.weight",
    "encoder.layers.11.self_attn.q_proj.weight": "encoder.layers.11.attention.q_proj.weight",
    "encoder.layers.11.self_attn.out_proj.bias": "encoder.layers.11.attention.out_proj.bias",
    "encoder.layers.11.self_attn_layer_norm.weight": "encoder.layers.11.layer_norm.weight",
    "encoder.layers.11.fc1.weight": "encoder.layers.11.feed_forward.intermediate_dense.weight",
    "encoder.layers.11.fc2.bias": "encoder.layers.11.feed_forward.output_dense.bias",
    "encoder.layers.11.final_layer_norm.weight": "encoder.layers.11.final_layer_norm.weight",
    "encoder.layer_norm.weight": "encoder.layer_norm.weight",
}


def fake_omegaconf():
    """Classes under omegaconf's names, which need not be installed to write such a file."""
    sys.modules["omegaconf"] = types.ModuleType("omegaconf")
    for file, name in [("dictconfig", "DictConfig"), ("nodes", "AnyNode")]:
        module = types.ModuleType("omegaconf." + file)
        setattr(module, name, type(name, (), {"__module__": "omegaconf." + file}))
        sys.modules["omegaconf." + file] = module


def omegaconf(value):
    """As OmegaConf keeps a tree: a DictConfig with its members as nodes."""
    if isinstance(value, dict):
        node = sys.modules["omegaconf.dictconfig"].DictConfig()
        node.__dict__.update(_metadata={"ref_type": None, "object_type": dict}, _parent=None,
                             _content={k: omegaconf(v) for k, v in value.items()})
    else:
        node = sys.modules["omegaconf.nodes"].AnyNode()
        node.__dict__.update(_metadata={"ref_type": None}, _val=value)
    return node


def fairseq(folder):
    torch.manual_seed(29)
    state = {n: torch.randn(2, 1 + i % 3) for i, n in enumerate(NAMES)}
    extra = {"final_proj.weight": torch.randn(2, 2), "label_embs_concat": torch.randn(2, 2)}
    torch.save({
        "args": argparse.Namespace(arch="hubert", encoder_layers=12, conv_bias=False, dropout=0.1, seeds=[1, 2]),
        "model": {**state, **extra}, "criterion": None, "optimizer_history": [{"num_updates": 7, "loss": 2.5}],
        "extra_state": {"train_iterator": {"epoch": 1}}, "last_optimizer_state": {"state": {0: {"exp_avg": torch.zeros(2)}}},
    }, folder / "fairseq.pt")
    tuned = {"w2v_encoder.w2v_model." + n: v for n, v in state.items()}
    tuned.update({"w2v_encoder.proj.weight": torch.randn(4, 2), "w2v_encoder.proj.bias": torch.randn(4)})
    torch.save({"args": None, "cfg": omegaconf({"_name": "hubert_ctc"}), "model": tuned}, folder / "fairseq-ctc.pt",
               _use_new_zipfile_serialization=False)
    named = {NAMES[n]: v for n, v in state.items()}
    named.update({"lm_head.weight": tuned["w2v_encoder.proj.weight"], "lm_head.bias": tuned["w2v_encoder.proj.bias"]})
    save_file(named, folder / "fairseq.safetensors")


def fairseq_name(name):
    """fairseq's name of a tensor of Hugging Face's."""
    name = name.replace("feature_projection.layer_norm", "layer_norm").replace("feature_projection.projection", "post_extract_proj")
    name = name.replace("masked_spec_embed", "mask_emb").replace("pos_conv_embed.conv.", "pos_conv.0.")
    name = name.replace("parametrizations.weight.original0", "weight_g").replace("parametrizations.weight.original1", "weight_v")
    if name.startswith("feature_extractor"):
        return name.replace(".conv.", ".0."), ".layer_norm."
    if name.startswith("encoder.layers"):
        name = name.replace("attention.", "self_attn.").replace("feed_forward.intermediate_dense", "fc1")
        name = name.replace("feed_forward.output_dense", "fc2")
        return re.sub(r"(layers\.\d+\.)layer_norm", r"\1self_attn_layer_norm", name), None
    return name, None


def fairseq_model(folder):
    """The weights and settings of a HuBERT as fairseq has them."""
    config = json.loads((folder / "config.json").read_text())
    layer = config["feat_extract_norm"] == "layer"
    model, head = {}, {}
    for name, value in load_file(folder / "model.safetensors").items():
        if name.startswith("lm_head."):
            head["proj." + name.removeprefix("lm_head.")] = value
            continue
        name, norm = fairseq_name(name.removeprefix("hubert."))
        model[name.replace(norm, ".2.1." if layer else ".2.") if norm else name] = value
    convolutions = zip(config["conv_dim"], config["conv_kernel"], config["conv_stride"])
    settings = dict(
        _name="hubert", arch="hubert", extractor_mode="layer_norm" if layer else "default", layer_norm_first=layer,
        encoder_layers=config["num_hidden_layers"], encoder_embed_dim=config["hidden_size"],
        encoder_ffn_embed_dim=config["intermediate_size"], encoder_attention_heads=config["num_attention_heads"],
        conv_bias=config["conv_bias"], conv_pos=config["num_conv_pos_embeddings"],
        conv_pos_groups=config["num_conv_pos_embedding_groups"], dropout=0.1, attention_dropout=0.1,
        activation_dropout=0.0, encoder_layerdrop=0.05, dropout_input=0.1, mask_prob=0.8, mask_length=10,
        conv_feature_layers=" + ".join(f"[({d},{k}, {s})] * 1" for d, k, s in convolutions))
    return model, head, settings


def fairseq_small(folder):
    parity = Path(__file__).resolve().parent
    model, _, settings = fairseq_model(parity / "hubert-group")
    torch.save({"args": argparse.Namespace(**settings, normalize=False), "cfg": None, "model": model},
               folder / "fairseq-group.pt", _use_new_zipfile_serialization=False)
    model, head, settings = fairseq_model(parity / "hubert-layer")
    tuned = {"w2v_encoder.w2v_model." + n: v for n, v in model.items()}
    tuned.update({"w2v_encoder." + n: v for n, v in head.items()})
    inner = omegaconf({"_name": None, "model": settings, "task": {"_name": "hubert_pretraining", "normalize": True}})
    torch.save({"args": None, "cfg": {
        "model": {"_name": "hubert_ctc", "w2v_args": inner, "apply_mask": True, "mask_prob": 0.25, "mask_length": 4,
                  "mask_channel_prob": 0.125, "mask_channel_length": 3, "dropout": 0, "attention_dropout": 0.0625,
                  "activation_dropout": 0.5, "final_dropout": 0.25, "layerdrop": 0.375, "dropout_input": 0.0,
                  "normalize": True},
        "task": {"_name": "audio_finetuning", "normalize": True}}, "model": tuned}, folder / "fairseq-layer.pt")


def main():
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    containers(folder)
    shards(folder / "sharded")
    fake_omegaconf()
    fairseq(folder)
    fairseq_small(folder)


if __name__ == "__main__":
    main()
