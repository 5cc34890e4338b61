#!/usr/bin/env python3
"""Writes what the original Qwen-VL computes, module by module, as a golden to compare other implementations with.

It is for the Python in which the original checkpoint runs: PyTorch, transformers 4.31 to 4.33, and what the
checkpoint's code imports. It runs that code (trust_remote_code): use a checkpoint that you trust.

    python3 golden/export.py Qwen-VL-Chat goldens/demo --picture demo.jpeg --prompt "What is in the picture?"

writes goldens/demo.config.json and goldens/demo.activations.safetensors. The same with --dtype float64 adds the
float64 twin, which tells rounding noise from errors. An output in the checkpoint's own folder, as in
Qwen-VL-Chat/activations/demo, is laid out as in golden/tiny. With --gradients FILE in place of --prompt it writes the
gradients of a training step: grad-demo.safetensors and grad-demo.json, in Qwen-VL-Chat/gradients or elsewhere.

All activations of the published model with one picture are about 10 GB; with --tap main 0.7 GB; with --fingerprint
10 MB. Its weights take 39 GB of memory in float32, 77 GB in float64; with gradients twice that.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import sys
import traceback

from exporter.batch import read_batch, tokenized
from exporter.failure import ExportError, blaming, happened
from exporter.formats import read_integers, write_json
from exporter.lines import one_line, quoted
from exporter.original import load, pictures_from, prompt_text, tokenize
from exporter.places import golden_paths, gradient_paths, make_folder, read_config, read_facts
from exporter.quantisation import quantisation_of
from exporter.sources import hash_folder, hash_sources, sha256, versions
from exporter.stages import STAGES
from exporter.taps import wanted

DTYPES = ("float32", "bfloat16", "float64")
RUNS_HERE = "does it run in this Python? --debug shows where"
SEED = 0  # greedy decoding draws nothing; this is for what should not be there


def parse(words):
    about, _, details = __doc__.partition("\n\n")
    parser = argparse.ArgumentParser(
        description=about, epilog=details, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("checkpoint", help="folder of the checkpoint: config.json, shards, *.py, qwen.tiktoken")
    parser.add_argument("output", help="FOLDER/NAME of the golden")
    parser.add_argument("--prompt", help="the question, or for the base model the text to continue")
    parser.add_argument("--picture", action="append", default=[], help="a picture before the prompt; may be repeated")
    parser.add_argument("--adapter", metavar="FOLDER", help="a LoRA adapter to put on, as PEFT saves it; not merged")
    parser.add_argument("--system", default="You are a helpful assistant.", help="a chat's system prompt (%(default)s)")
    parser.add_argument("--dtype", choices=DTYPES, default="float32", help="of weights and arithmetic (%(default)s)")
    parser.add_argument("--device", default="cpu", help="PyTorch's name of it: cpu, cuda, mps (%(default)s)")
    parser.add_argument(
        "--steps",
        type=int,
        default=0,
        help="tokens to decode greedily; with float64 those of the golden it is the twin of (%(default)s)",
    )
    parser.add_argument(
        "--tap",
        action="append",
        metavar="GLOB",
        help="modules to write, of gradients parameters too, such as 'transformer.h.0.*'; may be repeated; main stands"
        " for what is between blocks, all for everything (float64 activations: main, otherwise all)",
    )
    parser.add_argument("--fingerprint", action="store_true", help="of each tap only moments and 256 samples, as JSON")
    parser.add_argument(
        "--gradients",
        metavar="FILE",
        help="in place of activations the loss and gradients of a training step: JSON, a list of conversations as the"
        " released fine-tuning script reads them, or of objects with ids and labels; pictures as paths in <img> tags",
    )
    parser.add_argument("--stage", choices=STAGES, help="of --gradients: what is trained (stage-2, everything)")
    parser.add_argument("--debug", action="store_true", help="show where in the code a failure came about")
    args = parser.parse_args(words)
    if args.steps < 0:
        parser.error("--steps: expected a number from 0 on")
    forwards = args.gradients is None
    others = {"--stage": args.stage}
    if not forwards:
        others = {"--prompt": args.prompt, "--adapter": args.adapter, "--picture": args.picture, "--steps": args.steps}
    for option, value in others.items():
        if value not in (None, [], 0):
            parser.error(f"{option}: {'only' if forwards else 'not'} for --gradients; leave it out")
    if forwards and args.prompt is None:
        parser.error("--prompt: expected a text; or give --gradients")
    if not forwards and args.dtype == "bfloat16":
        parser.error("--dtype: gradients are compared in float32 and float64")
    args.tap = args.tap or (["main"] if args.dtype == "float64" and forwards else ["all"])
    args.stage = args.stage or "stage-2"
    return args


def say(text):
    start = "\r\x1b[K" if sys.stderr.isatty() else ""  # over the line that shows how far it is
    print(start + one_line(text), file=sys.stderr, flush=True)


def export(args):
    config = read_config(args.checkpoint)
    if args.gradients is None:
        export_activations(args, config)
    else:
        export_gradients(args, config)


def export_activations(args, config):
    for path in args.picture:
        if not os.path.isfile(path):
            raise ExportError(f"{path}: no such file; give a picture on this machine")
    paths = golden_paths(args.output, args.checkpoint, exact=args.dtype == "float64")
    if args.adapter and "config" not in paths:
        raise ExportError(f"{args.output}: goldens in a checkpoint's folder are of it alone; name another place")
    make_folder(os.path.dirname(os.path.abspath(args.output)))
    tokenizer, model, provenance = open_original(args, config, args.picture)
    from exporter.record import record

    with blaming(args.checkpoint, RUNS_HERE):
        prompt, ids = tokenize(tokenizer, model, prompt_text(args.prompt, args.picture), args.system)
    images = ids.count(config["visual"]["image_start_id"])
    if images < len(args.picture):
        found = f"{len(args.picture)} pictures are given, of which its prompt shows {images}"
        raise ExportError(f"{args.checkpoint}: {found}; is its vocabulary that of its config.json?")
    fed = tokens_of(args, ids) if args.dtype == "float64" and args.steps > 0 else None
    say(f"running {len(ids)} tokens with {images} pictures")
    provenance = {**provenance, "prompt": quoted(prompt)}
    said = {"text": prompt, "image": ", ".join(args.picture)} if args.fingerprint else None
    with blaming(args.output, "--debug shows where"), pictures_from(model, args.picture):
        names = record(model, ids, paths, provenance, lambda name: wanted(name, args.tap), args.steps, said, fed)
    if "config" in paths:
        shutil.copyfile(os.path.join(args.checkpoint, "config.json"), paths["config"])
    kept = "fingerprints" if args.fingerprint else "activations"
    say_written(args, names, paths[kept], golden_paths(args.output, args.checkpoint, exact=True)[kept])


def export_gradients(args, config):
    exact = args.dtype == "float64"
    items = read_batch(args.gradients, config["visual"])
    pictures = [picture for item in items for picture in item.pictures]
    paths = gradient_paths(args.output, exact)
    make_folder(os.path.dirname(os.path.abspath(args.output)))
    tokenizer, model, provenance = open_original(args, config, pictures)
    from exporter.gradients import record_gradients

    with blaming(args.checkpoint, RUNS_HERE):
        sequences = [tokenized(item, tokenizer, args.system, config["visual"]) for item in items]
    facts = facts_of_twin(args, sequences) if exact else {}
    lengths = ", ".join(str(len(sequence.ids)) for sequence in sequences)
    say(f"running {len(sequences)} sequences of {lengths} tokens with {len(pictures)} pictures")
    origin = {"batch": quoted(args.gradients), "sha256 batch": sha256(args.gradients), "stage": args.stage}
    with blaming(args.output, "--debug shows where"), pictures_from(model, pictures):
        found = record_gradients(
            *(model, sequences, paths["gradients"], {**provenance, **origin}),
            *(lambda name: wanted(name, args.tap), STAGES[args.stage], args.fingerprint),
        )
    names = found.pop("names")
    for measured in ("loss", "grad_norm"):
        found[measured] = {**facts.get(measured, {}), args.dtype: found[measured]}
    made = f"the checkpoint's own code, training mode, PyTorch {provenance['torch']}, {args.device}"
    model_name = os.path.basename(os.path.realpath(args.checkpoint))
    write_json(paths["facts"], {"model": model_name, "provenance": made, "stage": args.stage, **found})
    say_written(args, names, paths["gradients"], gradient_paths(args.output, exact=True)["gradients"])


def open_original(args, config, pictures):
    """The tokenizer, the model, and what the golden tells of where it comes from."""
    quantisation = quantisation_of(args.checkpoint, config)
    say("importing PyTorch and transformers")
    with blaming(sys.executable, "use the Python in which the original checkpoint runs"):
        import torch
        import transformers
    if not re.match(r"4\.3[123]\b", transformers.__version__):
        say(f"note: the original's code is for transformers 4.31 to 4.33, this is {transformers.__version__}")
    adapter, of_adapter = None, {}
    if args.adapter:
        from exporter.adapter import read_adapter

        adapter = read_adapter(args.adapter)
        files = hash_folder(args.adapter, say)
        of_adapter = {"adapter": quoted(args.adapter), **{f"{name} of the adapter": files[name] for name in files}}
    hashes = hash_sources(args.checkpoint, pictures, say)
    torch.manual_seed(SEED)
    # TensorFloat-32 keeps 10 of a float32's 23 bits; for convolutions PyTorch has it on.
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    say(f"loading {args.checkpoint}, {args.dtype} on {args.device}")
    with blaming(args.checkpoint, RUNS_HERE):
        tokenizer, model = load(
            *(args.checkpoint, args.dtype, args.device, torch, transformers), quantisation, adapter
        )
    stored = "4-bit" if quantisation else config.get("torch_dtype", "unnamed")
    rotary = "; rotary tables float32" if args.dtype == "float64" else ""
    return tokenizer, model, {
        **versions(),
        "dtype": f"{args.dtype} from {stored} weights{rotary}",
        **{"device": args.device, "seed": str(SEED)},
        **{f"picture {i}": quoted(path) for i, path in enumerate(pictures, 1)},
        **of_adapter,
        **hashes,
    }


def say_written(args, names, path, twin):
    say(f"{len(names)} taps written to {path}")
    for glob in args.tap:
        if not any(wanted(name, [glob]) for name in names):
            say(f"note: --tap {glob}: nothing that was computed is called so")
    if args.dtype != "float64" and os.path.exists(twin):
        say(f"note: {twin} is of an earlier run; if anything but --tap has changed, repeat with --dtype float64")


def tokens_of(args, ids):
    """What was decoded in the golden that this is the twin of: float64 itself could choose other tokens."""
    path = golden_paths(args.output, args.checkpoint, exact=False)["activations"]
    with blaming(path, "run without --dtype float64 before, with as many --steps"):
        if read_integers(path, "input.ids") != ids:
            raise ValueError("of another prompt")
        tokens = read_integers(path, "decode.tokens")[: args.steps]
        if len(tokens) < args.steps:
            raise ValueError(f"{len(tokens)} tokens were decoded")
        return tokens


def facts_of_twin(args, sequences):
    """What the float32 run told that this is the twin of."""
    paths = gradient_paths(args.output, exact=False)
    with blaming(paths["gradients"], "run without --dtype float64 before, with the same batch and --stage"):
        for name, rows in (("input.ids", [s.ids for s in sequences]), ("input.labels", [s.labels for s in sequences])):
            found = read_integers(paths["gradients"], name)
            width = len(found) // len(rows)
            if any(found[i * width : i * width + len(row)] != row for i, row in enumerate(rows)):
                raise ValueError("of another batch")
        facts = read_facts(paths["facts"])
        if facts.get("stage") != args.stage:
            raise ValueError(f"of {facts.get('stage')}")
        return facts


def main(words=None):
    args = parse(words)
    try:
        export(args)
    except KeyboardInterrupt:
        say("export.py: stopped; what was half written is removed")
        return 130
    except Exception as failure:
        if args.debug:
            traceback.print_exc()
        say(f"export.py: {failure if isinstance(failure, ExportError) else happened(failure)}")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
