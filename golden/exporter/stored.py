"""The tensors of a folder as its files have them: safetensors, or torch's archives. Needs PyTorch."""

from __future__ import annotations

import json
import math
import mmap
import os
import struct

import torch

from exporter.failure import ExportError

DTYPES = {
    **{"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16},
    **{"I64": torch.int64, "I32": torch.int32},
}


def stored_tensors(folder, names):
    """Every tensor of the first weight file of these `names` that the folder has, or of the shards of its index."""
    name = next((name for name in names if os.path.isfile(os.path.join(folder, name))), None)
    if name is None:
        raise ExportError(f"{folder}: there is none of {', '.join(names)}; give a folder that has its weights so")
    files = [name]
    if name.endswith(".index.json"):
        with open(os.path.join(folder, name), encoding="utf-8") as file:
            files = sorted(set(json.load(file)["weight_map"].values()))
    tensors = {}
    for file in files:
        tensors.update(read_weights(os.path.join(folder, file)))
    return tensors


def read_weights(path):
    """The tensors of one file. Those of safetensors stay on disk until they are used; a pickle runs no code."""
    if not path.endswith(".safetensors"):
        return torch.load(path, map_location="cpu", weights_only=True)
    with open(path, "rb") as file:
        data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)  # PyTorch wants what can be written to
    (length,) = struct.unpack_from("<Q", data)
    entries = json.loads(data[8 : 8 + length])
    entries.pop("__metadata__", None)
    return {name: tensor_at(data, 8 + length, entry) for name, entry in entries.items()}


def tensor_at(data, start, entry):
    dtype, shape = DTYPES[entry["dtype"]], entry["shape"]
    count = math.prod(shape)
    if count == 0:
        return torch.zeros(shape, dtype=dtype)
    offset = start + entry["data_offsets"][0]
    return torch.frombuffer(data, dtype=dtype, count=count, offset=offset).reshape(shape)
