"""How a checkpoint's weights were packed. Plain Python."""

from __future__ import annotations

import json
import os

from exporter.failure import ExportError, blaming

# Where transformers looks, so that what is not packed comes from the same files.
WEIGHTS = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json")


def quantisation_of(checkpoint, config):
    """What a checkpoint says of how GPTQ packed it; None where it was not. ExportError for any other way."""
    with blaming(checkpoint, "give a checkpoint of GPTQ in 4 bits, or the one that it was made from"):
        said = config.get("quantization_config")
        beside = os.path.join(checkpoint, "quantize_config.json")
        if said is None and os.path.isfile(beside):  # AutoGPTQ's own, which does not name a method
            with open(beside, encoding="utf-8") as file:
                said = {"quant_method": "gptq", **json.load(file)}
        if said is None:
            return None
        method = said.get("quant_method", said.get("method"))
        layout = said.get("checkpoint_format", said.get("format", "gptq"))
        if (method, said["bits"]) != ("gptq", 4) or layout not in ("gptq", "gptq_v2") or said.get("dynamic"):
            raise ValueError(f"quantised by {method} in {said['bits']} bits, {layout}")
        if not any(os.path.isfile(os.path.join(checkpoint, name)) for name in WEIGHTS):
            raise ExportError(f"{checkpoint}: its weights are called otherwise; link AutoGPTQ's file as {WEIGHTS[0]}")
        return {"group_size": said["group_size"], "symmetric": said.get("sym", True), "added": int(layout == "gptq")}
