"""The two forms of goldens: activations whole, in safetensors, or as fingerprints, in JSON. Plain Python."""

from __future__ import annotations

import heapq
import json
import math
import os
import struct
from contextlib import contextmanager
from operator import mul

ELEMENT_BYTES = {"F64": 8, "I64": 8, "F32": 4, "BF16": 2}

# What an entry of the header takes beside its name: its dtype, at most 8 sizes, two offsets, each of at most 16 digits.
ENTRY_ROOM = 240


@contextmanager
def replacing(path: str):
    """A file called `PATH.part` that takes the name PATH when `with` ends well, and is removed when it does not."""
    try:
        with open(path + ".part", "wb") as file:
            yield file
        os.replace(path + ".part", path)
    except BaseException:  # Ctrl-C too
        if os.path.exists(path + ".part"):
            os.remove(path + ".part")
        raise


@contextmanager
def safetensors_writer(path: str, most_names, metadata: dict[str, str]):
    """Writes tensors to a safetensors file as they come and keeps none: yields `add(name, dtype, shape, data)`.

    `data` are the elements as bytes, row-major, little-endian; ValueError when they do not fit. `most_names`: every name
    that may be added. The header stands first in the file and is known last, so room is left for it; spaces fill what it
    does not need, as the format allows (https://github.com/huggingface/safetensors#format).
    """
    entries: dict[str, dict] = {"__metadata__": metadata}
    room = len(encode(entries)) + sum(len(encode(name)) + ENTRY_ROOM for name in most_names)
    room = (room + 7) // 8 * 8  # data begins at a multiple of 8
    end = 0

    with replacing(path) as file:

        def add(name: str, dtype: str, shape, data) -> None:
            nonlocal end
            sizes = [int(size) for size in shape]
            expected = math.prod(sizes) * ELEMENT_BYTES[dtype]
            if len(data) != expected:
                raise ValueError(f"{name}: {len(data)} bytes, expected {expected} for {sizes} {dtype}")
            if name in entries:
                raise ValueError(f"{name}: written twice, expected every module to run once in a pass")
            file.write(data)
            entries[name] = {"dtype": dtype, "shape": sizes, "data_offsets": [end, end + expected]}
            end += expected

        file.seek(8 + room)
        yield add
        header = encode(entries)
        if len(header) > room:
            raise ValueError(f"{path}: a header of {len(header)} bytes, room was left for {room}")
        file.seek(0)
        file.write(struct.pack("<Q", room) + header.ljust(room))


def read_integers(path: str, name: str) -> list[int]:
    """A tensor of 64-bit integers out of a safetensors file, flat. KeyError when it has none of that name."""
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        entry = json.loads(file.read(length))[name]
        start, end = entry["data_offsets"]
        file.seek(8 + length + start)
        return list(struct.unpack(f"<{(end - start) // ELEMENT_BYTES['I64']}q", file.read(end - start)))


def write_json(path: str, value) -> None:
    with replacing(path) as file:
        file.write(json.dumps(value, ensure_ascii=False, allow_nan=False).encode())


def encode(value) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


SAMPLES = 256
MASK = 0xFFFFFFFF


def fnv1a(text: str) -> int:
    """The 32-bit FNV-1a hash of a text's UTF-8."""
    state = 0x811C9DC5
    for byte in text.encode():
        state = (state ^ byte) * 0x01000193 & MASK
    return state


def fmix32(state: int) -> int:
    """MurmurHash3's finaliser: mixes 32 bits."""
    state = (state ^ state >> 16) * 0x85EBCA6B & MASK
    state = (state ^ state >> 13) * 0xC2B2AE35 & MASK
    return state ^ state >> 16


def sample_indices(tap: str, count: int) -> list[int]:
    """Which of `count` elements are kept: spread by hashes, the same for everybody who knows the tap's name."""
    start = fnv1a("sample:" + tap)
    return [fmix32(j * 0x9E3779B1 + start & MASK) * count >> 32 for j in range(SAMPLES)]


def fingerprint(tap: str, shape, values) -> dict:
    """What is kept of an activation in place of its elements: moments (exactly rounded sums in float64) and samples.

    `values` are its elements, row-major. Raises ValueError when there are none, or one is no finite number.
    """
    count = len(values)
    largest = max(map(abs, values), default=math.nan)
    squares = math.fsum(map(mul, values, values)) if math.isfinite(largest) else math.nan
    if not math.isfinite(squares):  # `max` can overlook a NaN, their sum cannot
        raise ValueError(f"{tap}: a fingerprint is made of finite numbers only, and of at least one")
    mean = math.fsum(values) / count
    index = sample_indices(tap, count)
    return {
        "shape": [int(size) for size in shape],
        "mean": mean,
        "std": math.sqrt(math.fsum((off := value - mean) * off for value in values) / count),
        "absmax": largest,
        "l2": math.sqrt(squares),
        "index": index,
        "value": [values[at] for at in index],
    }


def top(values, count: int = 20) -> list[list]:
    """The highest scores with their ids, the highest first."""
    return [[at, values[at]] for at in heapq.nlargest(count, range(len(values)), key=values.__getitem__)]
