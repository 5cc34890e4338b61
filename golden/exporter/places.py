"""Where a checkpoint and the files of a golden are. Plain Python."""

from __future__ import annotations

import json
import os
import re
import tempfile

from exporter.failure import ExportError, blaming


def read_config(checkpoint):
    path = os.path.join(checkpoint, "config.json")
    try:
        with open(path, encoding="utf-8") as file:
            config = json.load(file)
        config["visual"]["image_start_id"]
        return config
    except OSError as cause:
        raise ExportError(f"{path}: {cause.strerror}; give the folder of a Qwen-VL checkpoint") from cause
    except (ValueError, KeyError, TypeError, RecursionError) as cause:
        raise ExportError(f"{path}: no configuration of Qwen-VL; give the folder of a Qwen-VL checkpoint") from cause


def golden_paths(output, checkpoint, exact):
    """The files of the golden FOLDER/NAME; `exact`: of its float64 twin.

    In `activations` within the checkpoint's folder, as in golden/tiny, the place tells the model. Anywhere else the
    model's configuration is copied beside the golden.
    """
    require_name(output)
    twin = ".f64" if exact else ""
    home = os.path.join(os.path.realpath(checkpoint), "activations")
    fingerprints = f"{output}.fingerprints{twin}.json"
    if os.path.realpath(os.path.dirname(output)) == home:
        return {"activations": f"{output}{twin}.safetensors", "fingerprints": fingerprints}
    activations = f"{output}.activations{twin}.safetensors"
    return {"activations": activations, "fingerprints": fingerprints, "config": f"{output}.config.json"}


def read_facts(path):
    """What an earlier run told of a golden of gradients. ValueError when it is no object."""
    with open(path, encoding="utf-8") as file:
        facts = json.load(file)
    if not isinstance(facts, dict) or not all(isinstance(facts.get(name), dict) for name in ("loss", "grad_norm")):
        raise ValueError(f"{path}: not of this exporter")
    return facts


def require_name(output):
    ends_as_ours = re.search(r"\.(f64|activations|weights|config|fingerprints|safetensors|json)$", output)
    if ends_as_ours or not os.path.basename(output) or os.path.isdir(output):
        raise ExportError(f"{output}: no name of a golden; give FOLDER/NAME, to which endings are added")


def gradient_paths(output, exact):
    """The files of the golden of gradients FOLDER/grad-NAME; `exact`: of its float64 twin."""
    require_name(output)
    folder, name = os.path.split(output)
    base = os.path.join(folder, name if name.startswith("grad-") else f"grad-{name}")
    return {"gradients": f"{base}{'.f64' if exact else ''}.safetensors", "facts": f"{base}.json"}


def make_folder(folder):
    """Makes it, and makes sure that it can be written to before hours of work are."""
    with blaming(folder, "give an output that can be written"):
        os.makedirs(folder, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
