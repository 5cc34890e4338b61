"""Weights that GPTQ packed in 4 bits, unpacked for the original's own layers. Needs PyTorch.

The library that packed them would round every weight to float16 and wants its GPU; unpacked in float32 they are exact.
"""

from __future__ import annotations

import torch

from exporter.failure import ExportError
from exporter.quantisation import WEIGHTS
from exporter.stored import stored_tensors

PARTS = ("qweight", "qzeros", "scales", "g_idx")


def unpack_into(model, checkpoint, quantisation):
    """Gives packed layers their weights, and biases where the original has none. ExportError for what does not fit."""
    stored = stored_tensors(checkpoint, WEIGHTS)
    packed = {}
    for name, tensor in stored.items():
        layer, _, part = name.rpartition(".")
        if part in PARTS:
            packed.setdefault(layer, {})[part] = tensor
    added = added_to_zeros(packed, quantisation)
    with torch.no_grad():
        for name, parts in packed.items():
            layer = model.get_submodule(name)
            weight = unpacked(name, parts, quantisation["group_size"], added)
            if weight.shape != layer.weight.shape:
                raise ExportError(f"{name}: {list(weight.shape)} packed, the model has {list(layer.weight.shape)}")
            layer.weight.copy_(weight)
            # Quirk: AutoGPTQ up to 0.6 packs every layer with a bias, also those that have none in the original.
            if layer.bias is None and f"{name}.bias" in stored:
                layer.bias = torch.nn.Parameter(stored[f"{name}.bias"].to(layer.weight))
    known = {*stored, *(f"{name}.weight" for name in packed)}
    missing = [name for name, _ in model.named_parameters() if name not in known]
    if missing:
        found = f"{len(missing)} weights are missing, such as {missing[0]}"
        raise ExportError(f"{checkpoint}: {found}; get its files again")


def added_to_zeros(packed, quantisation):
    """What is added to a stored zero.

    Quirk: there are files that store them as they are and say nothing of it; where all are 8, one sees it.
    """
    if quantisation["symmetric"]:
        found = {int(zero) for parts in packed.values() for zero in nibbles(parts["qzeros"]).unique()}
        if found in ({7}, {8}):
            return 8 - found.pop()
    return quantisation["added"]


def unpacked(name, parts, group_size, added):
    """A layer's weight `[out, in]` in float32, exact: (number − zero) · scale of the input's group."""
    numbers = nibbles(parts["qweight"]).transpose(1, 2).flatten(0, 1)  # [in, out]: eight inputs a word, low bits first
    zeros = nibbles(parts["qzeros"]).flatten(1) + added & 15  # [groups, out]: eight outputs a word
    scales = parts["scales"].float()
    inputs = len(numbers)
    groups = parts.get("g_idx", torch.arange(inputs) // (inputs if group_size == -1 else group_size)).long()
    if len(groups) != inputs or int(groups.min()) < 0 or int(groups.max()) >= len(scales):
        raise ExportError(f"{name}.g_idx: there are {len(scales)} groups of {inputs} inputs, and it names others")
    return ((numbers - zeros[groups]) * scales[groups]).T


def nibbles(words):
    """The eight 4-bit numbers of each word, in a last axis, the lowest first."""
    return words[..., None] >> torch.arange(0, 32, 4, dtype=torch.int32) & 15
