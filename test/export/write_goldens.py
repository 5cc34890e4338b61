"""Writes goldens of the stand-in to a folder for other tests: whole, float64, fingerprints, gradients. Needs PyTorch."""

import functools
import os
import sys
from pathlib import Path

import torch

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "golden"))

import export  # noqa: E402
from exporter.batch import Sequence  # noqa: E402
from exporter.formats import read_integers, write_json  # noqa: E402
from exporter.gradients import record_gradients  # noqa: E402
from exporter.record import record  # noqa: E402
from exporter.places import gradient_paths  # noqa: E402
from exporter.sources import versions  # noqa: E402
from exporter.stages import STAGES  # noqa: E402
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
    write_gradients(os.path.join(folder, "train"))


def write_gradients(folder):
    """Of model-e: two sequences, one with a picture, whole; as samples with all that the script's last stage trains."""
    os.makedirs(folder)
    for name, stage, sampled in (("whole", "stage-2", False), ("samples", "stage-3-script", True)):
        for dtype in (torch.float32, torch.float64):
            model, golden = load_stand_in(QUIRKS / "model-e")
            ids = golden["input.ids"][0].tolist()
            batch = [Sequence(ids, ids, []), Sequence([5, 6, 7, 8], [-100, 6, -100, 8], [])]
            paths = gradient_paths(os.path.join(folder, name), exact=dtype == torch.float64)
            everything = functools.partial(export.wanted, patterns=["all"])
            record_gradients(model.to(dtype), batch, paths["gradients"], {}, everything, STAGES[stage], sampled)
        write_json(paths["facts"], {"model": "model-e"})


main(sys.argv[1])
