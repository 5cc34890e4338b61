"""The original in float64, also where it is written for float32. Needs PyTorch."""

from __future__ import annotations

import sys
from contextlib import contextmanager

import torch


@contextmanager
def float64_throughout(model):
    """While it lasts, the original computes in float64 also where it calls `.float()`: norms, rotary, position tables.

    Only the tables of rotary are made in float32: those are the original's numbers, not its rounding.
    """
    rounding = torch.Tensor.float

    def widen(*_):
        torch.Tensor.float = torch.Tensor.double

    def restore(*_):
        torch.Tensor.float = rounding

    rotary = model.get_submodule("transformer.rotary_emb")
    handles = [rotary.register_forward_pre_hook(restore), rotary.register_forward_hook(widen)]
    widen()
    try:
        with masks_of_float32(sys.modules[type(model).__module__]):
            yield
    finally:
        restore()
        for handle in handles:
            handle.remove()


@contextmanager
def masks_of_float32(code):
    """While it lasts, causal masks are made in float32 and widened; what they hide weighs exactly nothing in both.

    Quirk: the original fills a mask with the least number of its dtype by `torch.full`, whose own dtype is float32.
    """
    made = getattr(code, "_make_causal_mask", None)  # early revisions have none

    def make(shape, dtype, *rest, **named):
        return made(shape, torch.float32, *rest, **named).to(dtype)

    if made:
        code._make_causal_mask = make
    try:
        yield
    finally:
        if made:
            code._make_causal_mask = made
