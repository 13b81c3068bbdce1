#!/usr/bin/env python3
"""HuBERT-large with CTC and BERT-base at full size, with random weights, in every container transformers and PyTorch
write, through serin-states and through transformers, side by side; HuBERT as fairseq saves it, too, which transformers
reads as what serin-convert makes of it.

    full_size.py --audio jfk.wav [--programs BUILD/recipes/bin] [--tiny] [--only hubert|bert] [--container NAME]
                 [--work DIR]

--audio is mono, 16 kHz, 16 bits; a clip of 20 s is made of it. Prints for every container the greatest difference of
the last hidden states, which must be at most 1e-3, on how many frames the CTC arg-max differs, which must be none, and
seconds and peak memory of both processes, start and reading included; of transformers also the seconds of its forward
passes alone. OMP_NUM_THREADS rules both. Exit status: 0 all agree, 1 not, 77 (a skip) without PyTorch and transformers.
Written with torch 2.13.0 and transformers 5.23. Needs 4 GB of memory, and 1.5 GB of disk below --work or TMPDIR.
"""
import argparse
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import wave
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

try:
    import numpy as np
    import torch
    from transformers import (BertConfig, BertModel, BertTokenizer, HubertConfig, HubertForCTC, HubertModel,
                              Wav2Vec2FeatureExtractor)
    from transformers.utils import logging
    import make_torch
except ImportError as e:
    print(f"SKIP: {e}")
    sys.exit(77)

SEED, RATE, SECONDS, MOST = 1, 16000, 20, 1e-3
TEXTS = {"long": "It's 1961, isn't it? " * 24, "one": "hello",       # keys rise, in tables of Serin's
         "short": "and so my fellow americans ask not what your country can do for you"}
LARGE = dict(hidden_size=1024, num_hidden_layers=24, num_attention_heads=16, intermediate_size=4096)
SMALL = dict(hidden_size=64, num_hidden_layers=2, num_attention_heads=4, intermediate_size=128)


# ---- models and inputs --------------------------------------------------------------------------------------------

def make_hubert(tiny):
    size = LARGE
    if tiny:
        size = dict(SMALL, conv_dim=[32] * 7, num_conv_pos_embeddings=16, num_conv_pos_embedding_groups=4)
    return HubertForCTC(HubertConfig(vocab_size=32, feat_extract_norm="layer", do_stable_layer_norm=True,
                                     conv_bias=True, **size))


def make_bert(tiny):
    return BertModel(BertConfig(**(SMALL if tiny else {})))


def vocabulary():
    """As many lines as bert-base-uncased's, the special ones in its places, and enough pieces to spell anything."""
    letters = [chr(c) for c in range(33, 127) if not chr(c).isupper()]
    words = ["[PAD]"] + [f"[unused{i}]" for i in range(99)] + ["[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    words += letters + ["##" + c for c in letters]
    words += ["and", "so", "my", "ask", "not", "country", "##icans", "you", "##llo"]
    return words + [f"[more{i}]" for i in range(30522 - len(words))]


def write_wave(path, samples):
    with wave.open(str(path), "wb") as w:
        w.setnchannels(1), w.setsampwidth(2), w.setframerate(RATE)
        w.writeframes(samples.astype("<i2").tobytes())


def make_inputs(audio, directory):
    with wave.open(audio) as w:
        if (w.getnchannels(), w.getsampwidth(), w.getframerate()) != (1, 2, RATE):
            sys.exit(f"{audio}: expected mono, 16 bits, {RATE} Hz, found {w.getparams()}")
        samples = np.frombuffer(w.readframes(w.getnframes()), "<i2")
    write_wave(directory / "whole.wav", samples)
    write_wave(directory / "clip.wav", np.resize(samples, SECONDS * RATE))
    (directory / "wav.scp").write_text("".join(f"{k} {directory / k}.wav\n" for k in ("clip", "whole")))
    (directory / "text").write_text("".join(f"{k} {t.strip()}\n" for k, t in TEXTS.items()))


# ---- containers ---------------------------------------------------------------------------------------------------

def save_zip(model, directory, **options):
    torch.save(model.state_dict(), directory / "pytorch_model.bin", **options)


def save_zip_shards(model, directory):
    state = model.state_dict()
    names, total = list(state), sum(t.numel() * t.element_size() for t in state.values())
    shards, size = [[]], 0
    for n in names:
        bytes_ = state[n].numel() * state[n].element_size()
        if shards[-1] and size + bytes_ > total / 3:
            shards.append([])
            size = 0
        shards[-1].append(n)
        size += bytes_
    where = {}
    for i, shard in enumerate(shards):
        file = f"pytorch_model-{i + 1:05}-of-{len(shards):05}.bin"
        torch.save({n: state[n] for n in shard}, directory / file)
        where.update({n: file for n in shard})
    index = dict(metadata=dict(total_size=total), weight_map=where)
    (directory / "pytorch_model.bin.index.json").write_text(json.dumps(index, indent=2))


def save_safetensors(model, directory, shards):
    size = sum(p.numel() for p in model.parameters()) * 4
    model.save_pretrained(directory, max_shard_size=size // 3 if shards else 2 * size)


def save_fairseq(model, path):
    """Fine-tuned, with all its settings in the file."""
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        model.save_pretrained(folder)
        state, head, settings = make_torch.fairseq_model(Path(folder))
    state = {"w2v_encoder.w2v_model." + n: v for n, v in state.items()}
    state.update({"w2v_encoder." + n: v for n, v in head.items()})
    task = {"normalize": True}
    torch.save({"args": None, "model": state, "cfg": {"task": task, "model": {
        "_name": "hubert_ctc", "w2v_args": {"model": settings, "task": task}, "normalize": True}}}, path)


CONTAINERS = {
    "safetensors": lambda m, d: save_safetensors(m, d, False),
    "safetensors, sharded": lambda m, d: save_safetensors(m, d, True),
    "PyTorch zip": save_zip,
    "PyTorch zip, sharded": save_zip_shards,
    "PyTorch legacy": lambda m, d: save_zip(m, d, _use_new_zipfile_serialization=False),
    "fairseq": None,
}


def save(kind, model, container, directory):
    directory.mkdir()
    CONTAINERS[container](model, directory)
    model.config.save_pretrained(directory)
    if kind == "hubert":
        Wav2Vec2FeatureExtractor(do_normalize=True, return_attention_mask=True).save_pretrained(directory)
    else:
        (directory / "vocab.txt").write_text("".join(w + "\n" for w in vocabulary()))


# ---- transformers, in a process of its own ------------------------------------------------------------------------

def hear(model, directory, path):
    with wave.open(str(path)) as w:
        samples = np.frombuffer(w.readframes(w.getnframes()), "<i2").astype(np.float32) / 32768
    extractor = Wav2Vec2FeatureExtractor.from_pretrained(directory)
    x = extractor(samples, sampling_rate=RATE, return_tensors="pt", return_attention_mask=False)
    return model(x.input_values)


def reference(kind, directory, inputs, out):
    model = (HubertModel if kind == "hubert" else BertModel).from_pretrained(directory).eval()
    states, seconds = {}, 0.0
    with torch.no_grad():
        if kind == "hubert":
            feeds = {k: lambda k=k: hear(model, directory, inputs / f"{k}.wav") for k in ("clip", "whole")}
        else:
            tokenizer = BertTokenizer(str(directory / "vocab.txt"))
            feeds = {k: lambda t=t: model(**tokenizer(t, return_tensors="pt")) for k, t in TEXTS.items()}
        for k, feed in feeds.items():
            start = time.perf_counter()
            states[k] = feed().last_hidden_state[0].numpy()
            seconds += time.perf_counter() - start
    np.savez(out, seconds=seconds, **states)


# ---- both ---------------------------------------------------------------------------------------------------------

def run(command):
    """Seconds and peak resident GB of a process that must succeed. The peak is read while it runs: what the system
    tells at its end counts this process, too, from which it was forked."""
    peak = 0
    with tempfile.TemporaryFile() as told:
        start = time.perf_counter()
        process = subprocess.Popen([str(c) for c in command], stderr=told)
        while process.poll() is None:
            status = Path(f"/proc/{process.pid}/status").read_text()
            peak = max([peak] + [int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")])
            time.sleep(0.005)
        seconds = time.perf_counter() - start
        if process.returncode:
            told.seek(0)
            sys.exit(f"{' '.join(map(str, command))}: {told.read().decode()}")
    return seconds, peak / 1e6


def read_matrices(path):
    """A Kaldi archive of float matrices."""
    data, at, out = path.read_bytes(), 0, {}
    while at < len(data):
        end = data.index(b" ", at)
        if data[end:end + 6] != b" \0BFM ":
            sys.exit(f"{path}: byte {end}: no float matrix")
        rows, cols = struct.unpack_from("<xixi", data, end + 6)
        begin = end + 16
        out[data[at:end].decode()] = np.frombuffer(data, "<f4", rows * cols, begin).reshape(rows, cols)
        at = begin + 4 * rows * cols
    return out


def compare(got, want, head):
    """The greatest difference, and of how many frames the arg-max differs."""
    worst, frames, other = 0.0, 0, 0
    for key in want:
        if key == "seconds":
            continue
        if key not in got or got[key].shape != want[key].shape:
            sys.exit(f"{key}: {got[key].shape if key in got else 'nothing'}, transformers {want[key].shape}")
        worst = max(worst, float(np.abs(got[key] - want[key]).max()))
        if head is not None:
            a, b = ((x @ head[0].T + head[1]).argmax(1) for x in (got[key], want[key]))
            frames, other = frames + len(a), other + int((a != b).sum())
    return worst, frames, other


def measure(kind, model, container, o, work):
    directory, inputs = work / "model", work / "inputs"
    source, converting = directory, ""
    if container == "fairseq":
        source = work / "fairseq.pt"
        save_fairseq(model, source)
        seconds, peak = run([o.programs / "serin-convert", "--to=hf", source, directory])
        converting = f"; serin-convert {seconds:.2f} s, {peak:.2f} GB"
    else:
        save(kind, model, container, directory)
    input_ = f"scp:{inputs / 'wav.scp'}" if kind == "hubert" else inputs / "text"
    ours = run([o.programs / "serin-states", source, input_, f"ark:{work / 'states.ark'}"])
    theirs = run([sys.executable, __file__, "--reference", kind, directory, inputs, work / "reference.npz"])
    shutil.rmtree(directory)
    want = dict(np.load(work / "reference.npz"))
    head = [p.detach().numpy() for p in (model.lm_head.weight, model.lm_head.bias)] if kind == "hubert" else None
    worst, frames, other = compare(read_matrices(work / "states.ark"), want, head)
    good = worst <= MOST and other == 0
    print(f"{kind:6}  {container:20}  {'good' if good else 'BAD':4}  differ by {worst:.1e}"
          + (f", arg-max on {other} of {frames} frames" if frames else "")
          + f"; Serin {ours[0]:.2f} s, {ours[1]:.2f} GB; transformers {theirs[0]:.2f} s"
            f" ({want['seconds']:.2f} s forward), {theirs[1]:.2f} GB{converting}", flush=True)
    return good


def main():
    if sys.argv[1:2] == ["--reference"]:
        kind, *paths = sys.argv[2:]
        return reference(kind, *map(Path, paths))
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--audio", required=True)
    p.add_argument("--programs", type=Path, default=Path(shutil.which("serin-states") or "serin-states").parent)
    p.add_argument("--tiny", action="store_true")
    p.add_argument("--only", choices=["hubert", "bert"])
    p.add_argument("--container", choices=list(CONTAINERS))
    p.add_argument("--work", type=Path)
    o = p.parse_args()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    torch.manual_seed(SEED)
    with tempfile.TemporaryDirectory(dir=o.work) as work:
        (Path(work) / "inputs").mkdir()
        make_inputs(o.audio, Path(work) / "inputs")
        good = True
        for kind in [o.only] if o.only else ["hubert", "bert"]:
            model = (make_hubert if kind == "hubert" else make_bert)(o.tiny).eval()
            for container in [o.container] if o.container else CONTAINERS:
                if container == "fairseq" and kind == "bert":
                    continue
                good = measure(kind, model, container, o, Path(work)) and good
            del model
    sys.exit(not good)


if __name__ == "__main__":
    main()
