"""What a golden was made of, and by. Plain Python."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import platform

# What decides what is computed: configuration, code, vocabulary and weights.
ENDINGS = (".json", ".py", ".tiktoken", ".bin", ".safetensors")


def hash_sources(checkpoint, pictures, say):
    """SHA-256 of every file of the checkpoint that decides what is computed, and of every picture."""
    return {
        **hash_folder(checkpoint, say),
        **{f"sha256 picture {i}": sha256(path) for i, path in enumerate(pictures, 1)},
    }


def hash_folder(folder, say):
    hashes = {}
    for name in sorted(name for name in os.listdir(folder) if name.endswith(ENDINGS)):
        path = os.path.join(folder, name)
        say(f"hashing {name}, {os.path.getsize(path) / 1e6:.1f} MB")
        hashes[f"sha256 {name}"] = sha256(path)
    return hashes


def sha256(path):
    state = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 22), b""):
            state.update(block)
    return state.hexdigest()


def versions():
    """Of Python and of the packages that take part, those that are installed."""
    found = {"producer": "golden/export.py", "python": platform.python_version(), "platform": platform.platform()}
    for package in ("torch", "transformers", "torchvision", "pillow", "tiktoken"):
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
