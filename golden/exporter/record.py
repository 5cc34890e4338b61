"""Runs a prompt through the original's modules and writes what each of them computes. Needs PyTorch, nothing else."""

from __future__ import annotations

import ctypes
import sys
import time
from contextlib import contextmanager, nullcontext

import torch

from exporter.failure import ExportError
from exporter.float64 import float64_throughout
from exporter.formats import fingerprint, safetensors_writer, top, write_json

CODES = {torch.float64: "F64", torch.int64: "I64", torch.float32: "F32", torch.bfloat16: "BF16"}
ROTARY = "transformer.rotary_emb"  # whose tables stay in float32: in float64 it would be no twin, but the same again
INPUTS = ("input.ids", "input.pixels", "decode.tokens")


def record(model, ids, paths, provenance, wanted, steps=0, said=None, fed=None):
    """Writes the activations of a prompt, and of `steps` tokens after it, as they come about.

    `model` is called as the original is and has its module paths. `paths` are the files to write, by what they are.
    `wanted` tells whether a tap is asked for. With `said`, what the fingerprints say of the input, taps become
    fingerprints and only the inputs stay whole. The tokens are those `fed`, else decoded greedily. Returns the names of
    the taps.
    """
    started = time.monotonic()
    float64 = next(model.parameters()).dtype == torch.float64
    if float64:
        asked, wanted = wanted, lambda name: name != ROTARY and asked(name)
    modules = {name: module for name, module in model.named_modules() if name and wanted(name)}
    beyond = ["logits", "cache.0.key", "cache.0.value", *(f"decode.{step}.logits" for step in range(steps))]
    summaries = {}
    names = []
    if not modules and not any(map(wanted, beyond)):
        raise ExportError("--tap: nothing is called what was asked for; transformer.h.0.mlp.w1 is something")
    with safetensors_writer(paths["activations"], [*INPUTS, *modules, *beyond], provenance) as add, torch.no_grad():
        write = writer(add)

        def take(name, tensor):
            if not wanted(name):
                return
            say_passing(name, tensor)
            if said is None:
                write(name, tensor)
            else:
                summarise(name, tensor, summaries)
            names.append(name)

        write("input.ids", torch.tensor([ids]))
        pixels = []
        with float64_throughout(model) if float64 else nullcontext():
            with watching(model, modules, take, pixels, spliced=said is not None):
                output = run(model, ids)
            write("input.pixels", pixels[0] if pixels else torch.zeros(0, 3, *[model.config.visual["image_size"]] * 2))
            take("logits", output.logits)
            for part, tensor in zip(("key", "value"), output.past_key_values[0]):
                take(f"cache.0.{part}", tensor)
            tokens = []
            for step in range(steps):
                tokens.append(fed[step] if fed else int(output.logits[0, -1].argmax()))
                output = run(model, tokens[-1:], output.past_key_values)
                take(f"decode.{step}.logits", output.logits)
        if steps > 0:
            write("decode.tokens", torch.tensor(tokens))
        if said is not None:
            write_json(paths["fingerprints"], {
                "producer": provenance,
                "seconds": time.monotonic() - started,
                "taps": {**summaries, "_input": {"ids": ids, "tokens": tokens, **said}},
            })
    return names


def writer(add):
    """What writes a tensor under its name with `add`, that of a `safetensors_writer`."""

    def write(name, tensor):
        if tensor.dtype not in CODES:
            raise ValueError(f"{name}: {tensor.dtype}, expected one of {', '.join(map(str, CODES))}")
        with elements(tensor) as data:
            add(name, CODES[tensor.dtype], tensor.shape, data)

    return write


def say_passing(name, tensor):
    """Tells on a terminal how far it is, in one line that the next replaces."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{name} {list(tensor.shape)}", end="", file=sys.stderr, flush=True)


def run(model, ids, cache=None):
    """One pass as `generate` makes it: all positions are seen, those of the cache `[1, positions, heads, d]` too."""
    device = next(model.parameters()).device
    seen = len(ids) + (0 if cache is None else cache[0][0].shape[1])
    return model(
        input_ids=torch.tensor([ids], device=device),
        attention_mask=torch.ones(1, seen, dtype=torch.long, device=device),
        past_key_values=cache,
        use_cache=True,
        return_dict=True,
    )


@contextmanager
def watching(model, modules, take, pixels, spliced):
    """While it lasts, `take` hears each module's output as soon as it is there: later steps may change it in place.

    `spliced`: transformer.drop is heard where the first block takes it, with the rows of the pictures in their places.
    """

    def hook(name):
        def hear(_module, _inputs, output):
            first = output[0] if isinstance(output, (tuple, list)) else output
            if isinstance(first, torch.Tensor):  # a whole model's output is a dictionary of what was heard already
                take(name, first)

        return hear

    def hear_spliced(_module, inputs):
        take("transformer.drop", inputs[0])

    def hear_pixels(_module, inputs):
        pixels.append(inputs[0].to("cpu", torch.float32))

    handles = [model.get_submodule("transformer.visual").register_forward_pre_hook(hear_pixels)]
    for name, module in modules.items():
        if spliced and name == "transformer.drop":
            handles.append(model.get_submodule("transformer.h.0").register_forward_pre_hook(hear_spliced))
        else:
            handles.append(module.register_forward_hook(hook(name)))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def elements(tensor):
    """A tensor's elements as bytes, row-major, without a copy where it has them so. NumPy does not know bfloat16."""
    tensor = tensor.detach().cpu().contiguous()  # held until `with` ends
    size = tensor.numel() * tensor.element_size()
    yield memoryview((ctypes.c_char * size).from_address(tensor.data_ptr())).cast("B") if size > 0 else memoryview(b"")


def summarise(name, tensor, summaries):
    """Adds a tap's fingerprint. Of scores only the last row's is kept; `logits` are those of `lm_head` once more."""
    scores = name in ("lm_head", "logits") or name.startswith("decode.")
    name = "lm_head.last" if name in ("lm_head", "logits") else name
    if name in summaries:
        return
    rows = tensor[0, -1] if scores else in_rows(name, tensor)
    rows = rows if rows.dtype in (torch.float32, torch.float64) else rows.to(torch.float32)
    with elements(rows) as data:
        values = data.cast("d" if rows.dtype == torch.float64 else "f")
        summaries[name] = {**fingerprint(name, rows.shape, values), **({"top": top(values)} if scores else {})}


def in_rows(name, tensor):
    """Without batch axes: the rows of one picture below those of another, patches in the order of reading."""
    if name == "transformer.visual.conv1":  # [images, D, rows, columns]
        return tensor.permute(0, 2, 3, 1).flatten(0, 2)
    if name == "transformer.visual.attn_pool.ln_q":  # [Q, C]
        return tensor
    if name.startswith("transformer.visual.transformer") or name == "transformer.visual.attn_pool.attn":
        return tensor.transpose(0, 1).flatten(0, 1)  # Quirk: these have the batch second
    return tensor.flatten(0, 1) if name.startswith("transformer.visual") else tensor[0]

