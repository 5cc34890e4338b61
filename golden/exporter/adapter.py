"""A LoRA adapter as PEFT saves it, put on the original's own layers. Needs PyTorch, nothing of PEFT."""

from __future__ import annotations

import json
import math
import os
import re
from typing import NamedTuple

import torch

from exporter.failure import ExportError, blaming
from exporter.stored import stored_tensors

CONFIG = "adapter_config.json"
WEIGHTS = ("adapter_model.safetensors", "adapter_model.bin")
ADVICE = "give the folder of a plain LoRA adapter, as PEFT saves it"

# What PEFT can be told and means other mathematics, unless it is null, false or empty.
OTHER = (
    *("use_dora", "use_qalora", "use_bdlora", "alora_invocation_tokens", "arrow_config", "target_parameters"),
    *("trainable_token_indices", "layer_replication", "lora_bias", "velora_config", "monteclora_config", "kasa_config"),
)
CHANGES_THE_BASE = re.compile("pissa|corda|olora|lora_ga|loftq|eva", re.IGNORECASE)
FACTOR = re.compile(r"(.+)\.lora_([AB])(?:\.[^.]+)?\.weight")


class Adapter(NamedTuple):
    """Factors A `[r, in]` and B `[out, r]` with their scale by layer, and tensors in place of the model's by name."""

    changes: dict[str, tuple[torch.Tensor, torch.Tensor, float]]
    whole: dict[str, torch.Tensor]


def read_adapter(folder):
    """Opens nothing that its configuration names. ExportError for what is no plain LoRA."""
    with blaming(folder, ADVICE):
        with open(os.path.join(folder, CONFIG), encoding="utf-8") as file:
            config = json.load(file)
        other = [name for name in OTHER if config.get(name)]
        if config["peft_type"] != "LORA" or CHANGES_THE_BASE.match(str(config.get("init_lora_weights"))) or other:
            raise ExportError(f"{folder}: its configuration means other mathematics; {ADVICE}")
        factors, whole = {}, {}
        for full, tensor in stored_tensors(folder, WEIGHTS).items():
            name = re.sub(r"^base_model\.model\.", "", full)
            found = FACTOR.fullmatch(name)
            if found:
                factors.setdefault(found[1], {})[found[2]] = tensor
            elif ".original_module." not in name:  # which training did not use
                whole[re.sub(r"\.(modules_to_save\.[^.]+|base_layer)\.(weight|bias)$", r".\2", name)] = tensor
        changes = {module: change_of(module, pair, config) for module, pair in factors.items()}
    return Adapter(changes, whole)


def change_of(module, pair, config):
    if pair.keys() != {"A", "B"} or len(pair["A"]) != pair["B"].shape[1]:
        raise ExportError(f"{module}: its lora_A and lora_B do not belong together; {ADVICE}")
    alpha = of_pattern(config.get("alpha_pattern"), module, config["lora_alpha"])
    rank = of_pattern(config.get("rank_pattern"), module, config["r"])
    if rank != len(pair["A"]):
        raise ExportError(f"{module}: its rank is {len(pair['A'])}, its configuration says {rank}; {ADVICE}")
    return pair["A"], pair["B"], alpha / (math.sqrt(rank) if config.get("use_rslora") else rank)


def of_pattern(patterns, module, otherwise):
    """As in PEFT: keys are regular expressions for the end of a layer's name, behind a dot."""
    fitting = (value for key, value in (patterns or {}).items() if re.match(rf"(?:.*\.)?(?:{key})$", module))
    return next(fitting, otherwise)


def put_on(model, adapter):
    """Makes each of its layers y = W x + b + s·B(A x), as PEFT computes it, unmerged, and replaces whole tensors."""
    for name, (A, B, scale) in adapter.changes.items():
        layer = dict(model.named_modules()).get(name)
        # Quirk: nn.MultiheadAttention reads its projection's weight and never calls it: a change there has no effect.
        if type(layer) is not torch.nn.Linear or layer.weight.shape != (len(B), A.shape[1]):
            raise ExportError(f"{name}: the model has no layer of {A.shape[1]} to {len(B)} there that can be changed")
        layer.register_forward_hook(changing(A.to(layer.weight), B.to(layer.weight), scale))
    parameters = dict(model.named_parameters())
    with torch.no_grad():
        for name, tensor in adapter.whole.items():
            if name not in parameters or parameters[name].shape != tensor.shape:
                raise ExportError(f"{name}: the model has no such tensor of {list(tensor.shape)}")
            parameters[name].copy_(tensor)


def changing(A, B, scale):
    def hook(_layer, inputs, output):
        low = torch.nn.functional.linear(inputs[0], A)
        return output + scale * torch.nn.functional.linear(low, B)

    return hook
