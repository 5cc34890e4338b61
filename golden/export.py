#!/usr/bin/env python3
"""Writes what the original Qwen-VL computes, module by module, as a golden to compare other implementations with.

It is for the Python in which the original checkpoint runs: PyTorch, transformers 4.31 to 4.33, and what the
checkpoint's code imports. It runs that code (trust_remote_code): use a checkpoint that you trust.

    python3 golden/export.py Qwen-VL-Chat goldens/demo --picture demo.jpeg --prompt "What is in the picture?"

writes goldens/demo.config.json and goldens/demo.activations.safetensors. The same with --dtype float64 adds the
float64 twin, which tells rounding noise from errors. An output in the checkpoint's own folder, as in
Qwen-VL-Chat/activations/demo, is laid out as in golden/tiny. All activations of the published model with one picture
are about 10 GB; with --tap main 0.7 GB; with --fingerprint 10 MB. Its weights take 39 GB of memory in float32, 77 GB in
float64.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import os
import re
import shutil
import sys
import tempfile
import traceback

from exporter.failure import ExportError, blaming, happened
from exporter.formats import read_integers
from exporter.lines import one_line, quoted
from exporter.original import load, pictures_from, prompt_text, tokenize
from exporter.sources import hash_sources, versions

DTYPES = ("float32", "bfloat16", "float64")
SEED = 0  # greedy decoding draws nothing; this is for what should not be there

# What stands between blocks, and the scores of what is decoded: enough to see which block goes wrong, at a small share
# of the size.
MAIN = (
    *(f"transformer.visual{part}" for part in (".conv1", ".ln_pre", ".attn_pool", ".ln_post", "")),
    *("transformer.wte", "transformer.ln_f", "logits", "decode.*"),
    *(f"{blocks}.{digits}" for blocks in ("transformer.visual.transformer.resblocks", "transformer.h")
      for digits in ("[0-9]", "[0-9][0-9]")),
)
GROUPS = {"main": MAIN, "all": ("*",)}


def parse(words):
    about, _, details = __doc__.partition("\n\n")
    parser = argparse.ArgumentParser(
        description=about, epilog=details, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("checkpoint", help="folder of the checkpoint: config.json, shards, *.py, qwen.tiktoken")
    parser.add_argument("output", help="FOLDER/NAME of the golden")
    parser.add_argument("--prompt", required=True, help="the question, or for the base model the text to continue")
    parser.add_argument("--picture", action="append", default=[], help="a picture before the prompt; may be repeated")
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
        help="modules to write, such as 'transformer.h.0.*'; may be repeated; main stands for what is between blocks,"
        " all for everything (float64: main, otherwise all)",
    )
    parser.add_argument("--fingerprint", action="store_true", help="of each tap only moments and 256 samples, as JSON")
    parser.add_argument("--debug", action="store_true", help="show where in the code a failure came about")
    args = parser.parse_args(words)
    args.tap = args.tap or (["main"] if args.dtype == "float64" else ["all"])
    if args.steps < 0:
        parser.error("--steps: expected a number from 0 on")
    return args


def say(text):
    start = "\r\x1b[K" if sys.stderr.isatty() else ""  # over the line that shows how far it is
    print(start + one_line(text), file=sys.stderr, flush=True)


def export(args):
    config = read_config(args.checkpoint)
    for path in args.picture:
        if not os.path.isfile(path):
            raise ExportError(f"{path}: no such file; give a picture on this machine")
    paths = golden_paths(args.output, args.checkpoint, exact=args.dtype == "float64")
    make_folder(os.path.dirname(os.path.abspath(args.output)))
    say("importing PyTorch and transformers")
    with blaming(sys.executable, "use the Python in which the original checkpoint runs"):
        import torch
        import transformers
        from exporter.record import record
    if not re.match(r"4\.3[123]\b", transformers.__version__):
        say(f"note: the original's code is for transformers 4.31 to 4.33, this is {transformers.__version__}")
    hashes = hash_sources(args.checkpoint, args.picture, say)
    torch.manual_seed(SEED)
    # TensorFloat-32 keeps 10 of a float32's 23 bits; for convolutions PyTorch has it on.
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    say(f"loading {args.checkpoint}, {args.dtype} on {args.device}")
    with blaming(args.checkpoint, "does it run in this Python? --debug shows where"):
        tokenizer, model = load(args.checkpoint, args.dtype, args.device, torch, transformers)
        prompt, ids = tokenize(tokenizer, model, prompt_text(args.prompt, args.picture), args.system)
    images = ids.count(config["visual"]["image_start_id"])
    if images < len(args.picture):
        found = f"{len(args.picture)} pictures are given, of which its prompt shows {images}"
        raise ExportError(f"{args.checkpoint}: {found}; is its vocabulary that of its config.json?")
    fed = tokens_of(args, ids) if args.dtype == "float64" and args.steps > 0 else None
    say(f"running {len(ids)} tokens with {images} pictures")
    rotary = "; rotary tables float32" if args.dtype == "float64" else ""
    provenance = {
        **versions(),
        "dtype": f"{args.dtype} from {config.get('torch_dtype', 'unnamed')} weights{rotary}",
        **{"device": args.device, "seed": str(SEED), "prompt": quoted(prompt)},
        **{f"picture {i}": quoted(path) for i, path in enumerate(args.picture, 1)},
        **hashes,
    }
    said = {"text": prompt, "image": ", ".join(args.picture)} if args.fingerprint else None
    with blaming(args.output, "--debug shows where"), pictures_from(model, args.picture):
        names = record(model, ids, paths, provenance, lambda name: wanted(name, args.tap), args.steps, said, fed)
    if "config" in paths:
        shutil.copyfile(os.path.join(args.checkpoint, "config.json"), paths["config"])
    kept = "fingerprints" if args.fingerprint else "activations"
    say(f"{len(names)} taps written to {paths[kept]}")
    for glob in args.tap:
        if not any(wanted(name, [glob]) for name in names):
            say(f"note: --tap {glob}: nothing that was computed is called so")
    twin = golden_paths(args.output, args.checkpoint, exact=True)[kept]
    if args.dtype != "float64" and os.path.exists(twin):
        say(f"note: {twin} is of an earlier run; if anything but --tap has changed, repeat with --dtype float64")


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
    ends_as_ours = re.search(r"\.(f64|activations|weights|config|fingerprints|safetensors|json)$", output)
    if ends_as_ours or not os.path.basename(output) or os.path.isdir(output):
        raise ExportError(f"{output}: no name of a golden; give FOLDER/NAME, to which endings are added")
    twin = ".f64" if exact else ""
    home = os.path.join(os.path.realpath(checkpoint), "activations")
    fingerprints = f"{output}.fingerprints{twin}.json"
    if os.path.realpath(os.path.dirname(output)) == home:
        return {"activations": f"{output}{twin}.safetensors", "fingerprints": fingerprints}
    activations = f"{output}.activations{twin}.safetensors"
    return {"activations": activations, "fingerprints": fingerprints, "config": f"{output}.config.json"}


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


def make_folder(folder):
    """Makes it, and makes sure that it can be written to before hours of work are."""
    with blaming(folder, "give an output that can be written"):
        os.makedirs(folder, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass


def wanted(name, patterns):
    """Whether a tap is asked for, by globs whose * matches dots too."""
    globs = [glob for pattern in patterns for glob in GROUPS.get(pattern, (pattern,))]
    return any(fnmatch.fnmatchcase(name, glob) for glob in globs)


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
