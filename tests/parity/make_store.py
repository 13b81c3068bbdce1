#!/usr/bin/env python3
"""Reference data of tests/unit/test_safetensors.c, test_npy.c and test_optim.c, as other implementations write it.

    python3 tests/parity/make_store.py tests/parity

Written with torch 2.13.0, transformers 5.23.0, safetensors 0.8.0 and numpy 2.4.6.
    store/types.safetensors     a tensor of each type that we read or write, an empty one, one of rank 0, a name with
                                an umlaut; metadata format=pt
    store/*.npy                 the matrix [[0, 1, 2], [3, 4, 5]] in each type, order and version; a vector
    optim/optim.safetensors     p.KIND [steps + 1, n] parameters before and after each step of torch's AdamW and Adam on the
                                gradients grad [steps, n]; norm [1] and clipped [n] of grad[0] by clip_grad_norm_;
                                rate.KIND [updates] learning rates of transformers' schedules
"""
import sys
from pathlib import Path

import numpy as np
import torch
import transformers
from safetensors.torch import save_file

N, STEPS = 37, 12
RATE, BETAS, EPS, DECAY = 3e-3, (0.9, 0.98), 1e-6, 0.1
PEAK, WARMUP, TOTAL, UPDATES = 2e-3, 7, 40, 50


def types(path):
    torch.manual_seed(11)
    x = torch.randn(3, 5, dtype=torch.float64)
    x[0, 0], x[0, 1], x[0, 2] = 0.0, -0.0, 6e-6     # 6e-6 is subnormal in float16
    save_file({
        "f32": x.float(), "f16": x.half(), "bf16": x.bfloat16(), "f64": x, "größe": x[:1].float(), "empty": torch.zeros(0, 4),
        "scalar": torch.tensor(2.5), "i64": torch.tensor([-2**62, 7]), "i32": torch.tensor([-5, 6], dtype=torch.int32),
        "i16": torch.tensor([-300, 300], dtype=torch.int16), "i8": torch.tensor([-128, 127], dtype=torch.int8),
        "u8": torch.tensor([0, 255], dtype=torch.uint8), "bool": torch.tensor([True, False, True]),
        "wide.f16": x.half().float(), "wide.bf16": x.bfloat16().float(),
    }, path, metadata={"format": "pt"})


def arrays(folder):
    x = np.arange(6).reshape(2, 3)
    for code in "<f4 >f4 <f8 >f8 <f2 >f2 |i1 <i2 >i2 <i4 <i8 >i8 |u1".split():
        np.save(folder / f"matrix_{code.replace('<', 'le_').replace('>', 'be_').replace('|', '')}.npy", x.astype(code))
    np.save(folder / "bool_b1.npy", x > 2)
    np.save(folder / "fortran_le_f4.npy", np.asfortranarray(x.astype("<f4")))
    np.save(folder / "vector_le_f4.npy", x.astype("<f4").ravel())
    np.save(folder / "norows_le_f4.npy", np.zeros((0, 3), "<f4"))
    for version in [(2, 0), (3, 0)]:
        with open(folder / f"matrix_v{version[0]}.npy", "wb") as f:
            np.lib.format.write_array(f, x.astype("<f4"), version=version)


def trajectory(kind, grad, start):
    p = torch.nn.Parameter(start.clone())
    o = kind([p], lr=RATE, betas=BETAS, eps=EPS, weight_decay=DECAY, foreach=False)
    steps = [p.detach().clone()]
    for g in grad:
        p.grad = g.clone()
        o.step()
        steps.append(p.detach().clone())
    return torch.stack(steps)


def rates(make):
    p = torch.nn.Parameter(torch.zeros(1))
    o = torch.optim.SGD([p], lr=PEAK)
    schedule = make(o)
    out = []
    for _ in range(UPDATES):
        out.append(o.param_groups[0]["lr"])
        o.step()
        schedule.step()
    return torch.tensor(out, dtype=torch.float64)


def optim(path):
    torch.manual_seed(5)
    start, grad = torch.randn(N), torch.randn(STEPS, N) * torch.logspace(-4, 1, N)
    clipped = torch.nn.Parameter(torch.zeros(N))
    clipped.grad = grad[0].clone()
    norm = torch.nn.utils.clip_grad_norm_([clipped], 1.5)
    save_file({
        "grad": grad, "norm": norm.reshape(1), "clipped": clipped.grad,
        "p.adamw": trajectory(torch.optim.AdamW, grad, start), "p.adam": trajectory(torch.optim.Adam, grad, start),
        "rate.constant": rates(lambda o: transformers.get_constant_schedule_with_warmup(o, WARMUP)),
        "rate.linear": rates(lambda o: transformers.get_linear_schedule_with_warmup(o, WARMUP, TOTAL)),
        "rate.cosine": rates(lambda o: transformers.get_cosine_schedule_with_warmup(o, WARMUP, TOTAL)),
        "rate.polynomial": rates(lambda o: transformers.get_polynomial_decay_schedule_with_warmup(o, WARMUP, TOTAL, 1e-5, 2.0)),
        "rate.inverse-sqrt": rates(lambda o: transformers.get_inverse_sqrt_schedule(o, WARMUP)),
    }, path)


def main():
    folder = Path(sys.argv[1])
    (folder / "store").mkdir(parents=True, exist_ok=True)
    (folder / "optim").mkdir(parents=True, exist_ok=True)
    types(folder / "store" / "types.safetensors")
    arrays(folder / "store")
    optim(folder / "optim" / "optim.safetensors")


main()
