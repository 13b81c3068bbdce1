#!/usr/bin/env python3
"""Reference data of tests/unit/test_masked.c: the losses of pre-training by masked prediction, and every gradient.

    python3 tests/parity/make_masked.py tests/parity

Written with torch 2.13.0 and transformers 5.23, float32; the encoder and BERT are those of hubert-layer/ and bert/.
HuBERT's head and loss are put down here as fairseq has them (HubertModel.compute_nce, hubert_criterion): logits are
cosines with the true code in front and every other code behind, divided by the temperature; sums over masked frames and,
weighed, over the others, divided by all that count; the mean square of the convolutions' output on top. BERT's loss is
BertForMaskedLM's. masked/reference.safetensors:
    wave [samples], wave_begin, mask [frames], truth [frames]       final_proj.weight, .bias, label_embs_concat
    frames.loss_masked, frames.loss, frames.right, frames.grad.NAME
    ids [pieces] as BERT reads them, begin, chosen [pieces], pieces [pieces] as they were, words.loss, words.right, words.grad.NAME
"""
import sys
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from transformers import BertForMaskedLM, HubertModel

LENGTHS, CODES, DIM, TEMPERATURE, UNMASKED, PENALTY = [811, 497], 9, 6, 0.1, 0.5, 10.0
SPANS = [[(3, 13), (9, 19), (30, 40)], [(0, 10)]]
TEXTS = [[2, 7, 9, 4, 5, 10, 3], [2, 12, 6, 3], [2, 8, 8, 11, 13, 3]]
HIDDEN = [{2: 1, 4: 5}, {1: 7}, {3: 1, 4: 1}]       # place: what stands there instead


def old_name(name):
    return (name.replace("parametrizations.weight.original0", "weight_g")
            .replace("parametrizations.weight.original1", "weight_v"))


def offsets(sizes):
    return torch.tensor([0] + sizes).cumsum(0)


def nce(x, codes, truth):
    positive = codes[truth]
    logits = torch.cosine_similarity(x[None], torch.cat([positive[None], codes[:, None].expand(-1, len(x), -1)]), dim=-1) / TEMPERATURE
    same = (codes[:, None] == positive[None]).all(-1)
    logits[1:][same] = float("-inf")
    return logits.t()


def frames(parity, out):
    model = HubertModel.from_pretrained(parity / "hubert-layer").eval()
    project = torch.nn.Linear(model.config.hidden_size, DIM)
    codes = torch.nn.Parameter(torch.rand(CODES, DIM))
    waves = [torch.randn(n) for n in LENGTHS]
    loss = {True: 0, False: 0}
    count = {True: 0, False: 0}
    squares, elements, right, masks, truths = 0, 0, 0, [], []
    for wave, spans in zip(waves, SPANS):
        n = int(model._get_feat_extract_output_lengths(torch.tensor(len(wave))))
        mask = torch.zeros(n, dtype=torch.bool)
        for begin, end in spans:
            mask[begin:end] = True
        truth = torch.randint(CODES, (n,))
        features = model.feature_extractor(wave[None])
        states = model(wave[None], mask_time_indices=mask[None]).last_hidden_state[0]
        squares, elements = squares + features.pow(2).sum(), elements + features.numel()
        for wanted in loss:
            at = mask == wanted
            logits = nce(project(states[at]), codes, truth[at])
            loss[wanted] += F.cross_entropy(logits, torch.zeros(len(logits), dtype=torch.long), reduction="sum")
            count[wanted] += len(logits)
            right += int((logits.argmax(1) == 0).sum()) if wanted else 0
        masks.append(mask)
        truths.append(truth)
    total = (loss[True] + UNMASKED * loss[False]) / (count[True] + count[False]) + PENALTY * squares / elements
    total.backward()
    out.update({"wave": torch.cat(waves), "wave_begin": offsets(LENGTHS), "mask": torch.cat(masks).long(),
                "truth": torch.cat(truths), "final_proj.weight": project.weight.detach(), "final_proj.bias": project.bias.detach(),
                "label_embs_concat": codes.detach(), "frames.loss_masked": (loss[True] / (count[True] + count[False])).detach()[None],
                "frames.loss": total.detach()[None], "frames.right": torch.tensor([right])})
    out.update({"frames.grad.hubert." + old_name(n): p.grad for n, p in model.named_parameters() if p.grad is not None})
    out.update({"frames.grad.final_proj.weight": project.weight.grad, "frames.grad.final_proj.bias": project.bias.grad,
                "frames.grad.label_embs_concat": codes.grad})


def words(parity, out):
    model = BertForMaskedLM.from_pretrained(parity / "bert").eval()
    ids = [[hidden.get(i, x) for i, x in enumerate(t)] for t, hidden in zip(TEXTS, HIDDEN)]
    longest = max(map(len, TEXTS))
    pad = lambda rows, value: torch.tensor([r + [value] * (longest - len(r)) for r in rows])
    labels = pad([[x if i in hidden else -100 for i, x in enumerate(t)] for t, hidden in zip(TEXTS, HIDDEN)], -100)
    result = model(pad(ids, 0), attention_mask=pad([[1] * len(t) for t in TEXTS], 0), labels=labels)
    result.loss.backward()
    out.update({"ids": torch.tensor(sum(ids, [])), "begin": offsets([len(t) for t in TEXTS]),
                "chosen": torch.tensor([int(i in hidden) for t, hidden in zip(TEXTS, HIDDEN) for i in range(len(t))]),
                "pieces": torch.tensor(sum(TEXTS, [])), "words.loss": result.loss.detach()[None],
                "words.right": (result.logits.argmax(-1) == labels).sum()[None]})
    out.update({"words.grad." + n: p.grad for n, p in model.named_parameters() if p.grad is not None})


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    torch.set_num_threads(1)
    torch.manual_seed(4)
    parity, out = Path(sys.argv[1]), {}
    frames(parity, out)
    words(parity, out)
    (parity / "masked").mkdir(exist_ok=True)
    save_file({k: v.contiguous() for k, v in out.items()}, parity / "masked" / "reference.safetensors")
    (parity / "masked" / "reference.safetensors").chmod(0o644)
    print({k: out[k].item() for k in ("frames.loss_masked", "frames.loss", "frames.right", "words.loss", "words.right")})
