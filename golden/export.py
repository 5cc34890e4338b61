#!/usr/bin/env python3
"""Writes what the original Qwen-VL computes, module by module, as a golden to compare other implementations with.

It is for the Python in which the original checkpoint runs: transformers 4.31 to 4.37, PyTorch 2, and what the
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
import hashlib
import importlib.metadata
import json
import os
import platform
import re
import shutil
import sys

DTYPES = ("float32", "bfloat16", "float64")
SEED = 0  # greedy decoding draws nothing; this is for what should not be there

# What stands between blocks: enough to see which block goes wrong, at a small share of the size.
MAIN = (
    *(f"transformer.visual{part}" for part in (".conv1", ".ln_pre", ".attn_pool", ".ln_post", "")),
    *("transformer.wte", "transformer.ln_f", "logits"),
    *(f"{blocks}.{digits}" for blocks in ("transformer.visual.transformer.resblocks", "transformer.h")
      for digits in ("[0-9]", "[0-9][0-9]")),
)


class ExportError(Exception):
    """One line: where, what was found, what to do."""


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
    parser.add_argument("--steps", type=int, default=0, help="tokens to decode greedily after the prompt (%(default)s)")
    parser.add_argument(
        "--tap",
        action="append",
        metavar="GLOB",
        help="modules to write, such as 'transformer.h.0.*'; may be repeated; main stands for what is between blocks"
        " (float64: main, otherwise all)",
    )
    parser.add_argument("--fingerprint", action="store_true", help="of each tap only moments and 256 samples, as JSON")
    args = parser.parse_args(words)
    args.tap = args.tap or (["main"] if args.dtype == "float64" else ["*"])
    if args.steps < 0 or (args.steps > 0 and args.dtype == "float64"):
        parser.error("--steps: expected a number from 0 on, and none with float64, which could choose other tokens")
    return args


def say(text):
    start = "\r\x1b[K" if sys.stderr.isatty() else ""  # over the line that shows how far it is
    print(start + text, file=sys.stderr, flush=True)


def export(args):
    config = read_config(args.checkpoint)
    text = prompt_text(args.prompt, args.picture, config["visual"].get("n_queries", 256))
    paths = golden_paths(args.output, args.checkpoint, exact=args.dtype == "float64")
    os.makedirs(os.path.dirname(os.path.abspath(args.output)), exist_ok=True)
    say("importing PyTorch and transformers")
    try:
        import torch
        import transformers
        from exporter.record import record
    except ImportError as cause:
        raise ExportError(f"{sys.executable}: {cause}; use the Python in which the original checkpoint runs") from cause
    if not (4, 31) <= tuple(int(part) for part in transformers.__version__.split(".")[:2]) <= (4, 37):
        say(f"note: the original's code is for transformers 4.31 to 4.37, this is {transformers.__version__}")
    hashes = hash_sources(args.checkpoint, args.picture)
    torch.manual_seed(SEED)
    # TensorFloat-32 keeps 10 of a float32's 23 bits; for convolutions PyTorch has it on.
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    say(f"loading {args.checkpoint}, {args.dtype} on {args.device}")
    model, prompt, ids = load(args, text, torch, transformers)
    say(f"running {len(ids)} tokens with {len(args.picture)} pictures")
    rotary = "; rotary tables float32" if args.dtype == "float64" else ""
    provenance = {
        **versions(),
        "dtype": f"{args.dtype} from {config.get('torch_dtype', 'unnamed')} weights{rotary}",
        **{"device": args.device, "seed": str(SEED), "prompt": one_line(prompt), **hashes},
    }
    said = {"text": prompt, "image": ", ".join(args.picture)} if args.fingerprint else None
    try:
        names = record(model, ids, paths, provenance, lambda name: wanted(name, args.tap), args.steps, said)
    except (ValueError, RuntimeError) as cause:  # what PyTorch throws, such as for want of memory, says what happened
        raise ExportError(f"{args.output}: {cause}") from cause
    if "config" in paths:
        shutil.copyfile(os.path.join(args.checkpoint, "config.json"), paths["config"])
    say(f"{len(names)} taps written to {paths['fingerprints' if args.fingerprint else 'activations']}")
    twin = golden_paths(args.output, args.checkpoint, exact=True)["activations"]
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
    except (ValueError, KeyError, TypeError) as cause:
        raise ExportError(f"{path}: no configuration of Qwen-VL; give the folder of a Qwen-VL checkpoint") from cause


def prompt_text(prompt, pictures, queries):
    """The prompt with its pictures before it, as the original's from_list_format writes them."""
    most = queries - 2  # Quirk: the original fails on a path that is one or two bytes longer
    for path in pictures:
        if not os.path.isfile(path):
            raise ExportError(f"{path}: no such file; give a picture on this machine")
        if len(path.encode()) > most:
            raise ExportError(f"{path}: longer than {most} bytes; a path stands in the prompt, give a shorter one")
    return "".join(f"Picture {i}: <img>{path}</img>\n" for i, path in enumerate(pictures, 1)) + prompt


def golden_paths(output, checkpoint, exact):
    """The files of the golden FOLDER/NAME; `exact`: of its float64 twin.

    In `activations` within the checkpoint's folder, as in golden/tiny, the place tells the model. Anywhere else the
    model's configuration is copied beside the golden.
    """
    twin = ".f64" if exact else ""
    home = os.path.join(os.path.realpath(checkpoint), "activations")
    fingerprints = f"{output}.fingerprints{twin}.json"
    if os.path.realpath(os.path.dirname(output)) == home:
        return {"activations": f"{output}{twin}.safetensors", "fingerprints": fingerprints}
    activations = f"{output}.activations{twin}.safetensors"
    return {"activations": activations, "fingerprints": fingerprints, "config": f"{output}.config.json"}


def wanted(name, patterns):
    """Whether a tap is asked for, by globs whose * matches dots too."""
    globs = [glob for pattern in patterns for glob in (MAIN if pattern == "main" else (pattern,))]
    return any(fnmatch.fnmatchcase(name, glob) for glob in globs)


def hash_sources(checkpoint, pictures):
    """SHA-256 of every file that decides what is computed: configuration, code, vocabulary, weights and pictures."""
    endings = (".json", ".py", ".tiktoken", ".bin", ".safetensors")
    hashes = {}
    for name in sorted(name for name in os.listdir(checkpoint) if name.endswith(endings)):
        path = os.path.join(checkpoint, name)
        say(f"hashing {name}, {os.path.getsize(path) / 1e6:.1f} MB")
        hashes[f"sha256 {name}"] = sha256(path)
    return {**hashes, **{f"sha256 picture {i}": sha256(path) for i, path in enumerate(pictures, 1)}}


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


def one_line(text):
    """A text in quotes, in one line of at most 1,000 characters, none of which commands a terminal."""
    quoted = json.dumps(text, ensure_ascii=False)
    quoted = re.sub("[\x7f-\x9f\u2028-\u202e\u2066-\u2069]", lambda found: f"\\u{ord(found[0]):04x}", quoted)
    return quoted if len(quoted) <= 1000 else quoted[:998] + '…"'


def load(args, text, torch, transformers):
    """The model, the prompt as it is given to it, and its ids."""
    options = {"trust_remote_code": True, "local_files_only": True}
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(args.checkpoint, **options)
        config = transformers.AutoConfig.from_pretrained(args.checkpoint, **options)
        # Quirk: unless told, the original chooses its precision by the machine. Flash attention shows no probabilities.
        config.use_flash_attn = False
        config.bf16, config.fp16, config.fp32 = args.dtype == "bfloat16", False, args.dtype != "bfloat16"
        # Float64 begins as float32: log-n factors are made on loading, and those of the original are float32.
        dtype = torch.bfloat16 if args.dtype == "bfloat16" else torch.float32
        model = transformers.AutoModelForCausalLM.from_pretrained(
            args.checkpoint, config=config, torch_dtype=dtype, **options
        )
        model = model.eval().to(device=args.device, dtype=getattr(torch, args.dtype))
        generation = model.generation_config
        prompt, ids = sys.modules[type(model).__module__].make_context(
            tokenizer,
            text,
            system=args.system,
            max_window_size=getattr(generation, "max_window_size", 6144),
            chat_format=getattr(generation, "chat_format", "raw"),
        )
    except Exception as cause:  # the checkpoint's own code: anything can happen
        raise ExportError(f"{args.checkpoint}: {type(cause).__name__}: {cause}; does it run in this Python?") from cause
    return model, prompt, ids


def main(words=None):
    args = parse(words)
    try:
        export(args)
    except (ExportError, OSError, UnicodeError) as failure:
        say(f"export.py: {failure}")
        return 2
    except KeyboardInterrupt:
        say("\nexport.py: stopped; what was half written is removed")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
