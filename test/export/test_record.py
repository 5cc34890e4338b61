"""Tests of golden/export.py on a stand-in for the original. They need PyTorch.

With a folder as argument, writes goldens of the stand-in there for other tests: whole, float64 and fingerprints.
"""

import contextlib
import functools
import io
import json
import os
import shutil
import sys
import tempfile
import types
import unittest
from pathlib import Path
from unittest import mock

import torch

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "golden"), str(Path(__file__).parent)]

import export  # noqa: E402
from exporter.formats import read_integers  # noqa: E402
from exporter.record import in_rows, record, run  # noqa: E402
from exporter.sources import sha256, versions  # noqa: E402
from stand_in import load_stand_in  # noqa: E402
from tensors import read_safetensors  # noqa: E402

QUIRKS = ROOT / "golden" / "quirks"


def nmse(found, expected):
    return float((found.double() - expected.double()).pow(2).sum() / expected.double().pow(2).sum())


def everything(_name):
    return True


class InFolder(unittest.TestCase):
    def setUp(self):
        held = tempfile.TemporaryDirectory()
        self.addCleanup(held.cleanup)
        self.folder = Path(held.name)
        self.paths = {"activations": str(self.folder / "a"), "fingerprints": str(self.folder / "f")}

    def record(self, model, ids, *options):
        record(model, ids, self.paths, {}, *options)
        return read_safetensors(self.paths["activations"])


class Goldens(InFolder):
    def test_every_golden_of_random_models_comes_out_again(self):
        for letter in "abe":
            with self.subTest(letter):
                model, golden = load_stand_in(QUIRKS / f"model-{letter}")
                ids, steps = golden["input.ids"][0].tolist(), len(golden["decode.tokens"])
                found = self.record(model, ids, everything, steps)
                self.assertEqual(found.keys(), golden.keys())
                for name, expected in golden.items():
                    same = (expected.shape, expected.dtype)
                    self.assertEqual((found[name].shape, found[name].dtype), same, name)
                    self.assertLess(nmse(found[name], expected), 1e-11, name)  # float32, summed in another order
                self.assertEqual(found["decode.tokens"].tolist(), golden["decode.tokens"].tolist())

                self.assertEqual(model.transformer.visual.opened, [""] * len(golden["input.pixels"]))

                exact = read_safetensors(QUIRKS / f"model-{letter}.activations.f64.safetensors")
                found = self.record(model.double(), ids, exact.__contains__)
                self.assertEqual(found.keys(), exact.keys() | {"input.ids", "input.pixels"})
                self.assertEqual(found["input.pixels"].dtype, torch.float32)
                for name, expected in exact.items():
                    self.assertEqual(found[name].dtype, torch.float64)
                    self.assertLess(nmse(found[name], expected), 1e-26, name)  # with one rounding to float32 1e-15
                self.assertEqual(torch.ones(1).float().dtype, torch.float32)  # as it was

    def test_bfloat16(self):
        model, golden = load_stand_in(QUIRKS / "model-b")
        found = self.record(model.bfloat16(), golden["input.ids"][0].tolist(), everything)
        self.assertEqual(found["input.pixels"].dtype, torch.float32)
        self.assertEqual(found["transformer.h.0"].dtype, torch.bfloat16)
        self.assertLess(nmse(found["logits"], golden["logits"]), 1e-2)

    def test_a_prompt_without_pictures(self):
        model, _ = load_stand_in(QUIRKS / "model-e")
        found = self.record(model, [1, 2, 3], everything, 1)
        self.assertEqual(list(found["input.pixels"].shape), [0, 3, 56, 56])
        self.assertEqual([name for name in found if "visual" in name], [])
        self.assertTrue(torch.equal(found["transformer.wte"], model.transformer.wte(torch.tensor([[1, 2, 3]]))))


    def test_tokens_that_are_given(self):
        model, golden = load_stand_in(QUIRKS / "model-b")
        found = self.record(model, golden["input.ids"][0].tolist(), everything, 2, None, [3, 4])
        self.assertEqual(found["decode.tokens"].tolist(), [3, 4])
        self.assertGreater(nmse(found["decode.0.logits"], golden["decode.0.logits"]), 1e-3)

    def test_rotary_has_no_twin(self):
        model, golden = load_stand_in(QUIRKS / "model-b")
        whole = self.record(model, golden["input.ids"][0].tolist(), everything)
        exact = self.record(model.double(), golden["input.ids"][0].tolist(), everything)
        self.assertEqual(whole.keys() - exact.keys(), {"transformer.rotary_emb"})


class Demands(unittest.TestCase):
    """What the original refuses, the stand-in does too: else the exporter could not be tested on it."""

    def setUp(self):
        self.model, golden = load_stand_in(QUIRKS / "model-b")
        self.ids = golden["input.ids"]

    def call(self, ids, **options):
        with torch.no_grad():
            return self.model(ids, return_dict=True, **options)

    def test_a_mask_after_a_cache(self):
        cache = self.call(self.ids).past_key_values
        for wrong in ({}, {"attention_mask": torch.ones(1, 2)}):
            with self.assertRaises((TypeError, RuntimeError)):
                self.call(torch.tensor([[1]]), past_key_values=cache, **wrong)
        self.assertEqual(len(run(self.model, [1], cache).past_key_values), len(self.model.transformer.h))

    def test_single_tokens_after_a_cache(self):
        cache = self.call(self.ids).past_key_values
        with self.assertRaises(RuntimeError):
            run(self.model, [1, 2], cache)

    def test_masks_in_float32(self):
        self.model.double()
        with self.assertRaisesRegex(RuntimeError, "overflow"):
            self.call(self.ids)

    def test_being_asked_for_a_cache_and_for_names(self):
        self.assertIsNone(self.call(self.ids, use_cache=False).past_key_values)
        self.assertIsInstance(self.model(self.ids), tuple)


class Fingerprints(InFolder):
    def test_they_are_of_the_whole_tensors_in_rows(self):
        model, golden = load_stand_in(QUIRKS / "model-a")
        ids = golden["input.ids"][0].tolist()
        whole = self.record(model, ids, everything, 2)
        inputs = self.record(model, ids, everything, 2, {"text": "框", "image": "a.png"})
        self.assertEqual(inputs.keys(), {"input.ids", "input.pixels", "decode.tokens"})
        taps = json.loads(Path(self.paths["fingerprints"]).read_text())["taps"]
        tokens = whole["decode.tokens"].tolist()
        self.assertEqual(taps.pop("_input"), {"ids": ids, "tokens": tokens, "text": "框", "image": "a.png"})
        self.assertEqual(taps.keys() ^ whole.keys(), inputs.keys() | {"lm_head", "logits", "lm_head.last"})
        last = taps.pop("lm_head.last")
        self.assertEqual((last["shape"], len(last["top"]), last["top"][0][0]), ([300], 20, tokens[0]))
        self.assertEqual(taps["decode.0.logits"]["top"][0][0], tokens[1])
        for name, found in taps.items():
            if name == "transformer.drop" or name.startswith("decode."):
                continue
            rows = in_rows(name, whole[name])
            self.assertEqual(found["shape"], list(rows.shape))
            self.assertEqual(found["value"], rows.flatten()[found["index"]].tolist())
            wide = rows.double()
            measured = [wide.mean(), wide.std(unbiased=False), wide.abs().max(), wide.norm()]
            for part, expected in zip(("mean", "std", "absmax", "l2"), measured):
                self.assertAlmostEqual(found[part], float(expected), delta=1e-12 * float(wide.norm() + 1))
        self.assertEqual(taps["transformer.visual.conv1"]["shape"], [72, 80])
        # The sequence with the pictures' rows in it, where whole goldens have it without.
        self.assertNotEqual(taps["transformer.drop"]["l2"], taps["transformer.wte"]["l2"])


class CommandLine(InFolder):
    """The whole command, with the stand-in in the place of what transformers would load."""

    def run_main(self, *words, failure=None, **loads):
        model, golden = load_stand_in(QUIRKS / "model-a")
        config = types.SimpleNamespace(use_flash_attn="auto", bf16=True)
        model.generation_config = types.SimpleNamespace(chat_format="chatml", max_window_size=99)
        if failure:
            model.transformer.h[1].register_forward_hook(mock.Mock(side_effect=failure))
        modules = types.SimpleNamespace(
            __version__="4.32.0",
            AutoTokenizer=mock.Mock(**{"from_pretrained.return_value": golden["input.ids"][0].tolist()}),
            AutoConfig=mock.Mock(**{"from_pretrained.return_value": config}),
            AutoModelForCausalLM=mock.Mock(**{"from_pretrained.return_value": model}),
        )
        vars(modules).update(loads)
        checkpoint = self.folder / "checkpoint"
        checkpoint.mkdir(exist_ok=True)
        shutil.copy(QUIRKS / "model-a.config.json", checkpoint / "config.json")
        with contextlib.redirect_stderr(io.StringIO()) as said, mock.patch.dict(sys.modules, transformers=modules):
            status = export.main([str(checkpoint), *map(str, words)])
        self.config, self.opened = config, getattr(model.transformer.visual, "opened", None)
        return status, said.getvalue()

    def test_whole_and_twin(self):
        words = [self.folder / "goldens" / "demo", "--prompt", "框\n?", "--system", "S"]
        status, said = self.run_main(*words, "--steps", "2")
        self.assertEqual(status, 0, said)
        self.assertIn("hashing config.json", said)
        self.assertEqual((self.config.use_flash_attn, self.config.bf16, self.config.fp32), (False, False, True))
        status, said = self.run_main(*words, "--steps", "2", "--dtype", "float64")
        self.assertEqual(status, 0, said)
        self.assertRegex(self.run_main(*words, "--steps", "2")[1], "note: .*f64.safetensors is of an earlier run")
        self.assertEqual(self.opened, ["", ""])
        names = ["demo.activations.f64.safetensors", "demo.activations.safetensors", "demo.config.json"]
        self.assertEqual(sorted(os.listdir(self.folder / "goldens")), names)
        content = (self.folder / "goldens" / names[1]).read_bytes()
        whole, exact = (read_safetensors(self.folder / "goldens" / name) for name in (names[1], names[0]))
        self.assertLess(nmse(whole["logits"], exact["logits"]), 1e-11)
        self.assertLess(nmse(whole["decode.1.logits"], exact["decode.1.logits"]), 1e-11)
        self.assertEqual(exact["decode.tokens"].tolist(), whole["decode.tokens"].tolist())
        self.assertNotIn("lm_head", exact)
        self.assertIn("2 tokens were decoded", self.run_main(*words, "--steps", "3", "--dtype", "float64")[1])
        whole_of_another = self.folder / "goldens" / "demo.activations.safetensors"
        shutil.copy(QUIRKS / "model-b.activations.safetensors", whole_of_another)
        self.assertIn("of another prompt", self.run_main(*words, "--steps", "2", "--dtype", "float64")[1])
        whole_of_another.unlink()
        status, said = self.run_main(*words, "--steps", "2", "--dtype", "float64")
        self.assertEqual(status, 2)
        self.assertRegex(said, "demo.activations.safetensors: No such file or directory; run without --dtype float64")
        metadata = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])["__metadata__"]
        self.assertEqual(metadata["dtype"], "float32 from unnamed weights")
        self.assertEqual(json.loads(metadata["prompt"]), "chatml, 99, S: 框\n?")
        self.assertEqual(metadata["sha256 config.json"], sha256(QUIRKS / "model-a.config.json"))
        self.assertTrue({"python", "platform", "device", "seed", "torch"} <= metadata.keys())

    def test_pictures_by_any_name(self):
        pictures = [self.folder / "a\u0308 b.png", self.folder / ("long" * 50)]
        for picture in pictures:
            picture.write_bytes(b"")
        options = [word for picture in pictures for word in ("--picture", picture)]
        words = [self.folder / "goldens" / "demo", "--prompt", "?", "--tap", "main", "--steps", "1", "--tap", "h.0"]
        status, said = self.run_main(*words, *options)
        self.assertEqual(status, 0, said)
        self.assertEqual(self.opened, [str(picture) for picture in pictures])
        self.assertIn("note: --tap h.0: nothing that was computed is called so", said)
        whole = read_safetensors(self.folder / "goldens" / "demo.activations.safetensors")
        self.assertIn("decode.0.logits", whole)
        self.assertNotIn("lm_head", whole)
        status, said = self.run_main(*words, *options, *options)
        self.assertEqual(status, 2)
        self.assertIn("4 pictures are given, of which its prompt shows 2; is its vocabulary that of", said)

    def test_failures_leave_nothing_and_end_in_one_line(self):
        output = [self.folder / "goldens" / "demo", "--prompt", "?"]

        def odd_code(*_words, **_options):
            assert False, "two\nlines\x1b[2J"

        broken = types.SimpleNamespace(from_pretrained=odd_code)
        for words, failure, loads, status, message in (
            (["--tap", "h.0"], None, {}, 2, "--tap: nothing is called what was asked for; transformer.h.0.mlp.w1 is"),
            ([], RuntimeError("out of memory"), {}, 2, "demo: RuntimeError: out of memory; --debug shows where"),
            ([], TypeError(), {}, 2, "demo: TypeError: at mock.py:"),
            ([], OSError(28, "No space left on device"), {}, 2, "demo: No space left on device; --debug"),
            ([], SystemExit(0), {}, 2, "demo: SystemExit: 0; --debug"),
            ([], None, {"AutoTokenizer": broken}, 2, "AssertionError: two lines\\u001b[2J; does it run in this Python?"),
            ([], None, {"__version__": "nightly"}, 0, "for transformers 4.31 to 4.33, this is nightly"),
            ([], KeyboardInterrupt(), {}, 130, "stopped; what was half written is removed"),
        ):
            found, said = self.run_main(*output, *words, failure=failure, **loads)
            self.assertEqual(found, status, said)
            self.assertIn(message, said)
            self.assertNotIn("Traceback", said)
            if status > 0:
                self.assertEqual(os.listdir(self.folder / "goldens"), [])
            shutil.rmtree(self.folder / "goldens")
        _, said = self.run_main(*output, "--debug", failure=TypeError("odd"))
        self.assertRegex(said, r"(?s)Traceback.*record\.py.*TypeError: odd.*export\.py: [^\n]*TypeError: odd[^\n]*\n$")


def write_goldens(folder):
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


if __name__ == "__main__":
    write_goldens(sys.argv[1]) if len(sys.argv) > 1 else unittest.main()
