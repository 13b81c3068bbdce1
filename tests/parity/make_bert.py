#!/usr/bin/env python3
"""Reference data of tests/unit/test_bert.c: a tiny BERT with random weights, its states, masked-word logits and loss, a
classifier on its pooled output, and all gradients, as PyTorch and transformers compute them.

    python3 tests/parity/make_bert.py tests/parity

Written with torch 2.13.0 and transformers 5.23. The folder bert/: config.json and model.safetensors as save_pretrained
writes a BertForPreTraining, and reference.safetensors:
    ids, types, begin          the batch, packed: three sentences of different lengths
    words                      the masked words, -100 where none is asked for
    states.0 .. states.N       of all tokens, packed
    pooled, logits             of sentences, of tokens
    loss                       cross-entropy of the masked words + cross-entropy of CLASSES on the pooled output
    grad.NAME                  of that loss
"""
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import BertConfig, BertForPreTraining

SENTENCES = [[2, 7, 9, 4, 11, 3], [2, 12, 3], [2, 5, 5, 6, 8, 10, 13, 1, 3]]
TYPES = [[0, 0, 0, 1, 1, 1], [0, 0, 0], [0] * 5 + [1] * 4]
WORDS = [[-100, 8, -100, 4, -100, -100], [-100, 1, -100], [-100] * 6 + [9, 2, -100]]
CLASSES = [3, 0, 7]


def main(directory):
    torch.manual_seed(1)
    config = BertConfig(vocab_size=14, hidden_size=20, num_hidden_layers=2, num_attention_heads=2, intermediate_size=36,
                        max_position_embeddings=12, attn_implementation="eager")
    model = BertForPreTraining(config).eval()
    with torch.no_grad():
        for name, p in model.named_parameters():
            p.copy_(torch.randn(p.shape) * (0.3 if p.dim() > 1 else 0.5))
            if name.endswith("LayerNorm.weight"):
                p.add_(1.0)
    pad = lambda rows, value: torch.nn.utils.rnn.pad_sequence([torch.tensor(r) for r in rows], batch_first=True, padding_value=value)
    lengths = [len(s) for s in SENTENCES]
    mask = (torch.arange(max(lengths))[None] < torch.tensor(lengths)[:, None]).long()
    out = model.bert(pad(SENTENCES, 0), attention_mask=mask, token_type_ids=pad(TYPES, 0), output_hidden_states=True)
    logits = model.cls.predictions(out.last_hidden_state)
    loss = (torch.nn.functional.cross_entropy(logits.flatten(0, 1), pad(WORDS, -100).flatten()) +
            torch.nn.functional.cross_entropy(out.pooler_output, torch.tensor(CLASSES)))
    loss.backward()
    pick = lambda x: torch.cat([x[u, :n].detach() for u, n in enumerate(lengths)])
    reference = dict(ids=torch.tensor(sum(SENTENCES, [])), types=torch.tensor(sum(TYPES, [])), words=torch.tensor(sum(WORDS, [])),
                     begin=torch.tensor([0] + lengths).cumsum(0), pooled=out.pooler_output.detach(), logits=pick(logits),
                     loss=loss.detach()[None], **{f"states.{i}": pick(h) for i, h in enumerate(out.hidden_states)},
                     **{"grad." + n: p.grad for n, p in model.named_parameters() if p.grad is not None})
    model.save_pretrained(directory)
    save_file({k: v.contiguous() for k, v in reference.items()}, directory / "reference.safetensors")
    for f in directory.iterdir():
        f.chmod(0o644)
    print(directory, float(loss), sum(f.stat().st_size for f in directory.iterdir()), "bytes")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    torch.set_num_threads(1)
    main(Path(sys.argv[1]) / "bert")
