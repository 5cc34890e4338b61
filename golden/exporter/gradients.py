"""Runs a training step of the original backwards and writes every gradient. Needs PyTorch, nothing else."""

from __future__ import annotations

import math
from contextlib import contextmanager, nullcontext

import torch

from exporter.batch import IGNORED, padded
from exporter.failure import ExportError
from exporter.float64 import float64_throughout
from exporter.formats import safetensors_writer, sample_indices
from exporter.record import say_passing, writer
from exporter.stages import VISUAL

INPUTS = ("input.ids", "input.labels", "input.attention_mask")
SPLICED = "transformer.h.0:input"  # the sequence with the rows of the pictures in their places
WHOLE = 4096  # elements that are never too many


def record_gradients(model, sequences, path, provenance, wanted, trained, sampled=False):
    """Writes the loss of a batch and its gradients, in training mode, to the file `path`.

    `model` is called as the original is, and must be fresh: after an evaluation its rotary tables keep the NTK factor
    of that. `wanted` tells whether the gradient of a parameter or a module is asked for, `trained` which parameters
    have one. With `sampled`, of what has more than 4,096 elements only samples and moments are written. Returns what
    there is to tell of the run.
    """
    prepare(model, trained)
    parameters = dict(model.named_parameters())
    device, dtype = (getattr(parameters["lm_head.weight"], of) for of in ("device", "dtype"))
    batch = [tensor.to(device) for tensor in batch_of(sequences)]
    ids, labels, mask = batch
    # Quirk: a batch without a picture runs one of zeros, whose size is not the model's, for gradients of 0.
    shows = bool((ids == model.config.visual["image_start_id"]).any())
    modules = {
        name: module for name, module in model.named_modules() if name and (shows or not f"{name}.".startswith(VISUAL))
    }
    kinds = [f"{kind}.{name}" for kind in ("grad", "sample", "stats", "shape")
             for name in (*parameters, *modules, SPLICED, "logits")]
    names = []
    with safetensors_writer(path, [*INPUTS, "input.pixels", "loss", "token_loss", "logits", *kinds], provenance) as add:
        write = writer(add)

        def take(name, gradient):
            if not wanted(name):
                return
            say_passing(name, gradient)
            if sampled and gradient.numel() > WHOLE:
                for kind, tensor in summary(name, gradient).items():
                    write(f"{kind}.{name}", tensor)
            else:
                write(f"grad.{name}", gradient)
            names.append(name)

        for name, tensor in zip(INPUTS, batch):
            write(name, tensor)
        with float64_throughout(model) if dtype == torch.float64 else nullcontext():
            with watching(model, modules, take) as pixels:
                output = model(input_ids=ids, attention_mask=mask, labels=labels, use_cache=False, return_dict=True)
            loss = float(output.loss)
            if not math.isfinite(loss):
                raise ExportError(f"the loss is {loss}; is a weight, or a picture's value, no finite number?")
            output.logits.register_hook(lambda gradient: take("logits", gradient))
            output.loss.backward()
        if shows:
            write("input.pixels", pixels[0])
        write("loss", output.loss.reshape(1))
        write("token_loss", token_loss(output.logits, labels))
        if not sampled:
            write("logits", output.logits)
        gradients = {name: parameter.grad for name, parameter in parameters.items() if parameter.grad is not None}
        for name, gradient in gradients.items():
            take(name, gradient)
        if not names:
            raise ExportError("--tap: nothing is called what was asked for; transformer.h.0.mlp.w1.weight is something")
    norms = {name: float(gradient.double().norm()) for name, gradient in gradients.items()}
    return {
        "names": names,
        "loss": loss,
        "grad_norm": math.hypot(*norms.values()),
        "supervised_tokens": int((labels[:, 1:] != IGNORED).sum()),
        "no_gradient": [name for name in parameters if name not in gradients],
        "zero_gradient": [name for name, norm in norms.items() if norm == 0],
    }


def prepare(model, trained):
    """Training mode as the goldens have it: without dropout, which would draw another network in every run."""
    model.train()
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(trained(name)).grad = None


def batch_of(sequences):
    """Ids, labels and the mask that hides padding, each `[B, T]`.

    Quirk: the released script's mask hides every id that is the padding's, an <|endoftext|> within a text too. Here
    it hides padding alone, and nothing depends on which id that is.
    """
    filled = [
        padded([sequence.ids for sequence in sequences], 0),
        padded([sequence.labels for sequence in sequences], IGNORED),
        padded([[1] * len(sequence.ids) for sequence in sequences], 0),
    ]
    if all(label == IGNORED for row in filled[1] for label in row[1:]):
        raise ExportError("no token is supervised; give an answer, or a label beyond the first")
    return [torch.tensor(rows) for rows in filled]


@contextmanager
def watching(model, modules, take):
    """While it lasts, `take` is made to hear the gradient of each module's output; yields the pixels that were seen."""
    pixels = []

    def listen(name, output):
        first = output[0] if isinstance(output, (tuple, list)) else output
        if isinstance(first, torch.Tensor) and first.requires_grad:
            first.register_hook(lambda gradient: take(name, gradient))

    def hook(name):
        return lambda _module, _inputs, output: listen(name, output)

    handles = [module.register_forward_hook(hook(name)) for name, module in modules.items()]
    visual, first = (model.get_submodule(name) for name in ("transformer.visual", "transformer.h.0"))
    handles += [
        visual.register_forward_pre_hook(lambda _, inputs: pixels.append(inputs[0].to("cpu", torch.float32))),
        first.register_forward_pre_hook(lambda _, inputs: listen(SPLICED, inputs[0])),
    ]
    try:
        yield pixels
    finally:
        for handle in handles:
            handle.remove()


def token_loss(logits, labels):
    """`[B, T − 1]`: of position t how unlikely the label of t + 1 was, 0 where there is none."""
    shape = labels[:, 1:].shape
    scores, wanted = logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten()
    return torch.nn.functional.cross_entropy(scores, wanted, ignore_index=IGNORED, reduction="none").reshape(shape)


def summary(name, tensor):
    """What is kept of a tensor in place of its elements: some of them, as in fingerprints, moments and its shape."""
    flat = tensor.reshape(-1)
    wide = flat.double()
    if not torch.isfinite(wide).all():
        raise ExportError(f"the gradient of {name} has an element that is no finite number; export it whole to see it")
    moments = [wide.mean(), wide.std(unbiased=False), wide.abs().max(), wide.norm()]
    return {
        "sample": flat[sample_indices(name, flat.numel())],
        "stats": torch.stack(moments),
        "shape": torch.tensor(tensor.shape),
    }
