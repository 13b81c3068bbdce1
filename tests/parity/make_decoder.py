#!/usr/bin/env python3
"""Reference data of tests/unit/test_decoder.c: a tiny BERT and a decoder over its states, with random weights and one
word table for both, their states, logits, loss, all gradients, as PyTorch and transformers compute them, and what beam
search finds.

    python3 tests/parity/make_decoder.py tests/parity

Written with torch 2.13.0 and transformers 5.23. The folder decoder/: config.json of the encoder (the decoder has the same
sizes), model.safetensors with the weights of a BertModel as "encoder.…" and of a BertLMHeadModel with cross-attention as
"decoder.…", and reference.safetensors:
    source, source_begin        the encoder's words, packed: three sentences of different lengths
    ids, begin, labels          the decoder's, and the word that is to follow each
    source_states               the encoder's last states, packed
    states.0 .. states.N, logits
    loss                        cross-entropy of the labels with SMOOTHING
    grad.NAME, grad.source_states
    beam, beam_begin            what beam search finds for each source, best first, packed, without start and end
    beam_score                  sum of log probabilities / (words with the end)
"""
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import BertConfig, BertLMHeadModel, BertModel

SOURCE = [[2, 7, 9, 4, 11, 3], [2, 12, 3], [2, 5, 5, 6, 8, 10, 13, 1, 3]]
TARGET = [[2, 7, 9, 5, 11, 3], [2, 12, 12, 6, 4, 13, 3], [2, 5, 3]]
PAD, START, END, SMOOTHING, BEAM, LEAST, MOST = 0, 2, 3, 0.1, 4, 2, 11


def pad(rows, value):
    rows = [torch.tensor(r) for r in rows]
    return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=value)


def offsets(rows):
    return torch.tensor([0] + [len(r) for r in rows]).cumsum(0)


def mask_of(rows):
    return (pad(rows, -1) >= 0).long()


def pick(x, rows):
    return torch.cat([x[u, :len(r)].detach() for u, r in enumerate(rows)])


def randomise(model):
    with torch.no_grad():
        for name, p in model.named_parameters():
            p.copy_(torch.randn(p.shape) * (0.3 if p.dim() > 1 else 0.5))
            if name.endswith("LayerNorm.weight"):
                p.add_(1.0)


def search(encoder, decoder):
    """fairseq's rules, sentence by sentence, every hypothesis anew at every word. (generate() with early_stopping differs in
    one: when more hypotheses end with a word than are still wanted it drops worse ones that ended before.)"""
    words, scores = [], []
    for sentence in SOURCE:
        with torch.no_grad():
            states = encoder(torch.tensor([sentence])).last_hidden_state
        live, done = [((), 0.0)], []
        for step in range(MOST + 1):
            with torch.no_grad():
                read = torch.tensor([(START,) + y for y, _ in live])
                out = decoder(read, encoder_hidden_states=states.expand(len(live), -1, -1))
            p = out.logits[:, -1].double().log_softmax(-1) + torch.tensor([s for _, s in live])[:, None]
            p[:, PAD] = -torch.inf
            if step == MOST:
                p[:, torch.arange(p.shape[1]) != END] = -torch.inf
            elif step < LEAST:
                p[:, END] = -torch.inf
            top = p.flatten().topk(min(2 * BEAM, p.numel()))
            found = [(live[i // p.shape[1]][0], i % p.shape[1], s)
                     for i, s in zip(top.indices.tolist(), top.values.tolist()) if s > -torch.inf]
            done += [(y, s / (step + 1)) for y, w, s in found[:BEAM] if w == END]
            live = [(y + (w,), s) for y, w, s in found if w != END][:BEAM]
            if len(done) >= BEAM:
                break
        done = sorted(done[:BEAM], key=lambda h: -h[1])
        words += [list(y) for y, _ in done]
        scores += [s for _, s in done]
    return dict(beam=torch.tensor(sum(words, [])), beam_begin=offsets(words), beam_score=torch.tensor(scores))


def main(directory):
    torch.manual_seed(1)
    size = dict(vocab_size=14, hidden_size=20, num_hidden_layers=2, num_attention_heads=2, intermediate_size=36,
                max_position_embeddings=12, attn_implementation="eager")
    encoder = BertModel(BertConfig(**size), add_pooling_layer=False).eval()
    decoder = BertLMHeadModel(BertConfig(**size, is_decoder=True, add_cross_attention=True)).eval()
    randomise(encoder)
    randomise(decoder)
    decoder.bert.embeddings.word_embeddings.weight = encoder.embeddings.word_embeddings.weight
    decoder.cls.predictions.decoder.weight = encoder.embeddings.word_embeddings.weight
    with torch.no_grad():
        decoder.cls.predictions.bias[PAD] = -20.0
        decoder.cls.predictions.bias[END] = 0.0
    inputs, labels = [y[:-1] for y in TARGET], [y[1:] for y in TARGET]
    source = encoder(pad(SOURCE, 0), attention_mask=mask_of(SOURCE)).last_hidden_state
    source.retain_grad()
    out = decoder(pad(inputs, 0), attention_mask=mask_of(inputs), encoder_hidden_states=source,
                  encoder_attention_mask=mask_of(SOURCE), output_hidden_states=True)
    loss = torch.nn.functional.cross_entropy(out.logits.flatten(0, 1), pad(labels, -100).flatten(),
                                             label_smoothing=SMOOTHING)
    loss.backward()
    named = {f"encoder.{n}": p for n, p in encoder.named_parameters()}
    named.update({f"decoder.{n}": p for n, p in decoder.named_parameters()
                  if p is not encoder.embeddings.word_embeddings.weight})
    reference = dict(source=torch.tensor(sum(SOURCE, [])), source_begin=offsets(SOURCE),
                     ids=torch.tensor(sum(inputs, [])), begin=offsets(inputs), labels=torch.tensor(sum(labels, [])),
                     loss=loss.detach()[None], logits=pick(out.logits, inputs),
                     source_states=pick(source, SOURCE),
                     **{f"states.{i}": pick(h, inputs) for i, h in enumerate(out.hidden_states)},
                     **{"grad." + n: p.grad for n, p in named.items()}, **{"grad.source_states": pick(source.grad, SOURCE)},
                     **search(encoder, decoder))
    directory.mkdir(exist_ok=True)
    encoder.config.save_pretrained(directory)
    save_file({n: p.detach().contiguous() for n, p in named.items()}, directory / "model.safetensors", {"format": "pt"})
    save_file({k: v.contiguous() for k, v in reference.items()}, directory / "reference.safetensors")
    for f in directory.iterdir():
        f.chmod(0o644)
    print(directory, loss.item(), sum(f.stat().st_size for f in directory.iterdir()), "bytes")
    print(reference["beam"].tolist(), reference["beam_begin"].tolist(), reference["beam_score"].tolist())


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    torch.set_num_threads(1)
    main(Path(sys.argv[1]) / "decoder")
