"""Reads what golden/export.py writes, for tests."""

import json

import torch

DTYPES = {"F32": torch.float32, "I64": torch.int64, "F64": torch.float64, "BF16": torch.bfloat16}


def read_safetensors(path):
    """All tensors of a small file, by name."""
    with open(path, "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        data = bytearray(file.read())
    header.pop("__metadata__", None)
    tensors = {}
    for name, entry in header.items():
        (start, end), shape = entry["data_offsets"], entry["shape"]
        dtype = DTYPES[entry["dtype"]]
        flat = torch.frombuffer(data[start:end], dtype=dtype) if end > start else torch.zeros(0, dtype=dtype)
        tensors[name] = flat.reshape(shape)
    return tensors


def nmse(found, expected):
    return float((found.double() - expected.double()).pow(2).sum() / expected.double().pow(2).sum())
