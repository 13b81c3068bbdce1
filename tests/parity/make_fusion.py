#!/usr/bin/env python3
"""Reference values for fusion, adapters, LoRA and the contrastive loss: makes tests/parity/fusion/reference.safetensors.

Written from the paper's equations with torch alone (attention is torch.nn.functional.scaled_dot_product_attention), in
double and stored as float32: values, and the gradients of their sum of squares with respect to every weight. The layers of
the encoder are BERT's, operator by operator, with adapters, or LoRA, which is compared with peft's own (alpha / r).

Made with torch 2.13.0 and peft 0.21.2: python3 tests/parity/make_fusion.py tests/parity/fusion
"""
import sys
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

torch.manual_seed(20)
torch.set_default_dtype(torch.float64)
A, L, D, H = 6, 4, 4, 2                        # columns of speech and words, of the fusion, heads
FRAMES, TOKENS = [5, 1, 7], [3, 4, 2]
out = {}


def rand(*shape):
    return (torch.randn(*shape) * 0.5).requires_grad_()


def lin(p, name, x):
    return F.linear(x, p[name + ".weight"], p[name + ".bias"])


def dense(p, name, i, o):
    p[name + ".weight"], p[name + ".bias"] = rand(o, i), rand(o)


def attend(p, name, x, source, residual):
    def heads(t):
        return t.view(t.shape[0], H, D // H).transpose(0, 1)
    y = F.scaled_dot_product_attention(heads(lin(p, name + ".query", x)), heads(lin(p, name + ".key", source)),
                                       heads(lin(p, name + ".value", source)))
    y = lin(p, name + ".out", y.transpose(0, 1).reshape(x.shape[0], D))
    if residual:
        y = F.layer_norm(x + y, (D,), p[name + ".norm.weight"], p[name + ".norm.bias"], 1e-5)
    return y


def gate(p, name, x, sigmoid_first):
    return lin(p, name, torch.sigmoid(x)) if sigmoid_first else torch.sigmoid(lin(p, name, x))


def fuse(p, c, speech, words):
    x = [lin(p, "acoustic.project", speech), words]         # words are as wide as the fusion
    names = ["acoustic", "linguistic"]
    crosses, frames = c["kind"] in ("cross", "tgf", "tgf-gate"), c["kind"] in ("tgf", "tgf-gate")
    if c["kind"] != "concat":
        s = [attend(p, names[i] + ".self", x[i], x[i], c["residual"]) for i in (0, 1)]
    else:
        s = x
    y = s
    if crosses:                                             # eq. 8 and 9
        k = [attend(p, names[i] + ".cross", s[i], s[1 - i], c["residual"]) for i in (0, 1)]
        y = [torch.cat([k[i], s[i]], 1) for i in (0, 1)]
        if frames:                                          # eq. 10 to 12
            g = [gate(p, names[i] + ".gate", y[i], c["sigmoid_first"]) for i in (0, 1)]
            y = [torch.cat([k[i] * g[i], s[i]], 1) if c["one_sided"] else torch.cat([k[i] * (1 - g[i]), s[i] * g[i]], 1)
                 for i in (0, 1)]
    pooled = [t.mean(0, keepdim=True) for t in y]           # eq. 13
    if c["kind"] in ("gate", "tgf-gate"):                   # eq. 6 and 7
        pooled = [pooled[i] * gate(p, names[i] + ".pooled_gate", torch.cat([pooled[i], pooled[1 - i]], 1), c["sigmoid_first"])
                  for i in (0, 1)]
    return lin(p, "out", torch.cat(pooled, 1))              # eq. 2 and 14


def weights(c):
    p, wide = {}, 2 * D if c["kind"] in ("cross", "tgf", "tgf-gate") else D
    dense(p, "acoustic.project", A, D)
    for side in ("acoustic", "linguistic"):
        for which in ["self"] * (c["kind"] != "concat") + ["cross"] * (wide == 2 * D):
            for part in ("query", "key", "value", "out"):
                dense(p, f"{side}.{which}.{part}", D, D)
            if c["residual"]:
                p[f"{side}.{which}.norm.weight"], p[f"{side}.{which}.norm.bias"] = rand(D), rand(D)
        if c["kind"] in ("tgf", "tgf-gate"):
            dense(p, f"{side}.gate", 2 * D, D)
        if c["kind"] in ("gate", "tgf-gate"):
            dense(p, f"{side}.pooled_gate", 2 * wide, wide)
    dense(p, "out", 2 * wide, D)
    return p


def keep(prefix, p, inputs, y):
    for (name, t), g in zip(p.items(), torch.autograd.grad((y * y).sum(), list(p.values()))):
        out[f"{prefix}.{name}"], out[f"{prefix}.grad.{name}"] = t.detach(), g
    out.update({f"{prefix}.{name}": t.detach() for name, t in {**inputs, "y": y}.items()})


def fusions():
    n = 0
    for kind in ("concat", "self", "cross", "gate", "tgf", "tgf-gate"):
        for residual in ((False, True) if kind != "concat" else (False,)):
            for one_sided in ((False, True) if kind.startswith("tgf") else (False,)):
                for sigmoid_first in ((False, True) if "gate" in kind or "tgf" in kind else (False,)):
                    c = dict(kind=kind, residual=residual, one_sided=one_sided, sigmoid_first=sigmoid_first)
                    p, speech, words = weights(c), rand(sum(FRAMES), A), rand(sum(TOKENS), L)
                    y = torch.cat([fuse(p, c, s, w) for s, w in zip(speech.split(FRAMES), words.split(TOKENS))])
                    keep(f"f{n}", p, {"speech": speech, "words": words}, y)
                    out[f"f{n}.form"] = torch.tensor([("concat", "self", "cross", "gate", "tgf", "tgf-gate").index(kind),
                                                      residual, one_sided, sigmoid_first], dtype=torch.float64)
                    n += 1


W, I, B, R = 4, 6, 3, 2                         # columns of a layer's states, inside it, of an adapter; rank
ROWS = [3, 5]
NAMES = {"query": "attention.self.query", "key": "attention.self.key", "value": "attention.self.value", "out": "attention.output.dense",
         "attention_norm": "attention.output.LayerNorm", "up": "intermediate.dense", "down": "output.dense", "norm": "output.LayerNorm"}


def layer(p, c, x):
    def norm(name, t):
        return F.layer_norm(t, (W,), p[name + ".weight"], p[name + ".bias"], 1e-5)

    def heads(t):
        return t.view(t.shape[0], 2, W // 2).transpose(0, 1)

    def low_rank(name, t):
        y = lin(p, name, t)
        if c["alpha"]:
            y = y + F.linear(F.linear(t, p[f"lora.{name}_a.weight"]), p[f"lora.{name}_b.weight"]) * (c["alpha"] / R)
        return y

    def adapt(name, h):
        if name + ".down.weight" not in p:
            return h
        f = F.gelu if c["gelu"] else F.relu
        return h + lin(p, name + ".up", f(lin(p, name + ".down", h)))

    y = F.scaled_dot_product_attention(*(heads(low_rank(k, x)) for k in ("query", "key", "value")))
    x = norm("attention_norm", x + adapt("attention_adapter", lin(p, "out", y.transpose(0, 1).reshape(x.shape[0], W))))
    return norm("norm", x + adapt("adapter", lin(p, "down", F.gelu(lin(p, "up", x)))))


def layers():
    forms = [dict(places=places, gelu=gelu, alpha=0) for places in (1, 2) for gelu in (False, True)]
    for n, c in enumerate(forms + [dict(places=0, gelu=False, alpha=alpha) for alpha in (R, 5)]):
        p = {}
        for name, i, o in (("query", W, W), ("key", W, W), ("value", W, W), ("out", W, W), ("up", W, I), ("down", I, W)):
            dense(p, name, i, o)
        for name in ("attention_norm", "norm"):
            p[name + ".weight"], p[name + ".bias"] = rand(W), rand(W)
        for name in ("adapter", "attention_adapter")[:c["places"]]:
            dense(p, name + ".down", W, B)
            dense(p, name + ".up", B, W)
        for k in ("query", "key", "value") if c["alpha"] else ():
            p[f"lora.{k}_a.weight"], p[f"lora.{k}_b.weight"] = rand(R, W), rand(W, R)
        x = rand(sum(ROWS), W)
        y = torch.cat([layer(p, c, t) for t in x.split(ROWS)])
        keep(f"l{n}", {"encoder.layer.0." + NAMES.get(k.rsplit(".", 1)[0], k.rsplit(".", 1)[0]) + "." + k.rsplit(".", 1)[1]: v
                       for k, v in p.items()}, {"x": x}, y)
        out[f"l{n}.form"] = torch.tensor([c["places"], c["gelu"], c["alpha"]], dtype=torch.float64)


def lora_of_peft():
    """That peft's LoRA is what `layer` takes for it."""
    import peft
    net = torch.nn.Sequential(torch.nn.Linear(W, W))
    model = peft.get_peft_model(net, peft.LoraConfig(r=R, lora_alpha=5, target_modules=["0"], init_lora_weights=False)).double()
    x, own = torch.randn(7, W), model.base_model.model[0]
    a, b = own.lora_A["default"].weight, own.lora_B["default"].weight
    expected = own.base_layer(x) + F.linear(F.linear(x, a), b) * (5 / R)
    assert torch.allclose(model(x), expected, atol=1e-12)


def contrast():
    """Eq. 15: -log of exp(cos(t_i, h_i) / tau) over the sum of exp(cos(t_i, h_j) / tau), mean over i; the same text is no negative."""
    n, same, tau = 5, [0, 1, 2, 0, 4], 0.2
    t, h = rand(n, 3), rand(n, 3)
    s = F.cosine_similarity(t[:, None], h[None], dim=2) / tau
    drop = torch.tensor([[i != j and same[i] == same[j] for j in range(n)] for i in range(n)])
    loss = F.cross_entropy(s.masked_fill(drop, float("-inf")), torch.arange(n))
    g = torch.autograd.grad(loss, [t, h])
    out.update({"c.text": t.detach(), "c.heard": h.detach(), "c.y": loss.detach().view(1), "c.grad.text": g[0], "c.grad.heard": g[1]})


fusions()
layers()
lora_of_peft()
contrast()
save_file({k: v.to(torch.float32).contiguous() for k, v in out.items()}, sys.argv[1] + "/reference.safetensors",
          metadata={"format": "pt", "torch": torch.__version__})
print(len(out), "tensors")
