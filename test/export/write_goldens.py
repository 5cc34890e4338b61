"""Writes goldens of the stand-in to a folder, for other tests: whole, float64 and fingerprints. Needs PyTorch."""

import functools
import os
import sys
from pathlib import Path

import torch

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "golden"))

import export  # noqa: E402
from exporter.formats import read_integers  # noqa: E402
from exporter.record import record  # noqa: E402
from exporter.sources import versions  # noqa: E402
from stand_in import load_stand_in  # noqa: E402

QUIRKS = ROOT / "golden" / "quirks"


def main(folder):
    _, golden = load_stand_in(QUIRKS / "model-a")
    prompt, steps = golden["input.ids"][0].tolist(), len(golden["decode.tokens"])

    def write(ids, name, dtype, patterns, *options):
        paths = export.golden_paths(os.path.join(folder, name), "elsewhere", exact=dtype == torch.float64)
        wanted = functools.partial(export.wanted, patterns=patterns)
        record(model.to(dtype), ids, paths, versions(), wanted, *options)
        return read_integers(paths["activations"], "decode.tokens")

    for name, ids, taps, said in (
        ("model-a", prompt, "main", None),
        ("summaries", prompt, "all", {"text": "", "image": ""}),
        ("text", [5, 6, 7], "main", None),
    ):
        model, _ = load_stand_in(QUIRKS / "model-a")  # anew: weights that were float64 once are not the same
        tokens = write(ids, name, torch.float32, ["all"], steps, said)
        write(ids, name, torch.float64, [taps], steps, said, tokens)

    model, golden = load_stand_in(QUIRKS / "model-b")
    write(golden["input.ids"][0].tolist(), "model-b", torch.bfloat16, ["all"], 1)


main(sys.argv[1])
