"""Tests of the whole command golden/export.py on a stand-in for the original. They need PyTorch."""

import contextlib
import io
import json
import os
import shutil
import sys
import types
import unittest
from pathlib import Path
from unittest import mock

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "golden"))

import export  # noqa: E402
from exporter.sources import sha256  # noqa: E402
from in_folder import InFolder  # noqa: E402
from stand_in import load_stand_in  # noqa: E402
from tensors import nmse, read_safetensors  # noqa: E402

QUIRKS = ROOT / "golden" / "quirks"


class CommandLine(InFolder):
    """The stand-in takes the place of what transformers would load."""

    def setUp(self):
        super().setUp()
        self.home = Path(self.folder)

    def run_main(self, *words, failure=None, tokenizer=None, **loads):
        model, golden = load_stand_in(QUIRKS / "model-a")
        config = types.SimpleNamespace(use_flash_attn="auto", bf16=True)
        model.generation_config = types.SimpleNamespace(chat_format="chatml", max_window_size=99)
        if failure:
            model.transformer.h[1].register_forward_hook(mock.Mock(side_effect=failure))
        modules = types.SimpleNamespace(
            __version__="4.32.0",
            AutoTokenizer=mock.Mock(**{"from_pretrained.return_value": tokenizer or golden["input.ids"][0].tolist()}),
            AutoConfig=mock.Mock(**{"from_pretrained.return_value": config}),
            AutoModelForCausalLM=mock.Mock(**{"from_pretrained.return_value": model}),
        )
        vars(modules).update(loads)
        checkpoint = self.home / "checkpoint"
        checkpoint.mkdir(exist_ok=True)
        shutil.copy(QUIRKS / "model-a.config.json", checkpoint / "config.json")
        with contextlib.redirect_stderr(io.StringIO()) as said, mock.patch.dict(sys.modules, transformers=modules):
            status = export.main([str(checkpoint), *map(str, words)])
        self.config, self.opened = config, getattr(model.transformer.visual, "opened", None)
        return status, said.getvalue()

    def test_whole_and_twin(self):
        words = [self.home / "goldens" / "demo", "--prompt", "框\n?", "--system", "S"]
        status, said = self.run_main(*words, "--steps", "2")
        self.assertEqual(status, 0, said)
        self.assertIn("hashing config.json", said)
        self.assertEqual((self.config.use_flash_attn, self.config.bf16, self.config.fp32), (False, False, True))
        status, said = self.run_main(*words, "--steps", "2", "--dtype", "float64")
        self.assertEqual(status, 0, said)
        self.assertRegex(self.run_main(*words, "--steps", "2")[1], "note: .*f64.safetensors is of an earlier run")
        self.assertEqual(self.opened, ["", ""])
        names = ["demo.activations.f64.safetensors", "demo.activations.safetensors", "demo.config.json"]
        self.assertEqual(sorted(os.listdir(self.home / "goldens")), names)
        content = (self.home / "goldens" / names[1]).read_bytes()
        whole, exact = (read_safetensors(self.home / "goldens" / name) for name in (names[1], names[0]))
        self.assertLess(nmse(whole["logits"], exact["logits"]), 1e-11)
        self.assertLess(nmse(whole["decode.1.logits"], exact["decode.1.logits"]), 1e-11)
        self.assertEqual(exact["decode.tokens"].tolist(), whole["decode.tokens"].tolist())
        self.assertNotIn("lm_head", exact)
        self.assertIn("2 tokens were decoded", self.run_main(*words, "--steps", "3", "--dtype", "float64")[1])
        whole_of_another = self.home / "goldens" / "demo.activations.safetensors"
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
        pictures = [self.home / "a\u0308 b.png", self.home / ("long" * 50)]
        for picture in pictures:
            picture.write_bytes(b"")
        options = [word for picture in pictures for word in ("--picture", picture)]
        words = [self.home / "goldens" / "demo", "--prompt", "?", "--tap", "main", "--steps", "1", "--tap", "h.0"]
        status, said = self.run_main(*words, *options)
        self.assertEqual(status, 0, said)
        self.assertEqual(self.opened, [str(picture) for picture in pictures])
        self.assertIn("note: --tap h.0: nothing that was computed is called so", said)
        whole = read_safetensors(self.home / "goldens" / "demo.activations.safetensors")
        self.assertIn("decode.0.logits", whole)
        self.assertNotIn("lm_head", whole)
        status, said = self.run_main(*words, *options, *options)
        self.assertEqual(status, 2)
        self.assertIn("4 pictures are given, of which its prompt shows 2; is its vocabulary that of", said)

    def test_gradients(self):
        picture = self.put("a b.png", "")
        shown = [290, *[292] * 9, 291]
        batch = self.put("batch.json", json.dumps([
            {"conversations": [{"from": "user", "value": f"1<img>{picture}</img>2<img>{picture}</img>"},
                               {"from": "assistant", "value": "3"}]},
            {"ids": [4, 5, 6], "labels": [-100, 5, 6]},
        ]))
        tokens = mock.Mock(im_start_id=7, im_end_id=8)

        def encode(text, allowed_special):
            """A token for each stretch between pictures."""
            parts = text.replace("<img></img>", "|").split("|")
            return [id for part in parts for id in [ord(part[-1]) % 99 if part else 9, *shown]][: -len(shown)]

        tokens.encode = encode
        words = [self.home / "goldens" / "demo", "--gradients", batch]
        status, said = self.run_main(*words, tokenizer=tokens)
        self.assertEqual(status, 0, said)
        self.assertRegex(said, "running 2 sequences of 42, 3 tokens with 2 pictures\n.* taps written to .*grad-demo")
        self.assertEqual(self.opened, [picture, picture])
        found = read_safetensors(self.home / "goldens" / "grad-demo.safetensors")
        self.assertEqual(found["input.attention_mask"].sum(1).tolist(), [42, 3])
        status, said = self.run_main(*words, "--dtype", "float64", "--fingerprint", tokenizer=tokens)
        self.assertEqual(status, 0, said)
        exact = read_safetensors(self.home / "goldens" / "grad-demo.f64.safetensors")
        self.assertLess(nmse(found["grad.transformer.ln_f.weight"], exact["grad.transformer.ln_f.weight"]), 1e-10)
        self.assertIn("sample.lm_head.weight", exact)
        facts = json.loads((self.home / "goldens" / "grad-demo.json").read_text(encoding="utf-8"))
        self.assertEqual((facts["model"], facts["stage"]), ("checkpoint", "stage-2"))
        self.assertEqual(list(facts["loss"]), ["float32", "float64"])
        self.assertAlmostEqual(facts["loss"]["float32"], facts["loss"]["float64"], delta=1e-5)
        self.assertRegex(self.run_main(*words, tokenizer=tokens)[1], "note: .*f64.safetensors is of an earlier run")
        content = (self.home / "goldens" / "grad-demo.safetensors").read_bytes()
        metadata = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])["__metadata__"]
        self.assertEqual((metadata["stage"], metadata["sha256 batch"]), ("stage-2", sha256(batch)))
        status, said = self.run_main(*words, "--dtype", "float64", "--stage", "stage-1", tokenizer=tokens)
        self.assertEqual(status, 2)
        self.assertIn("ValueError: of stage-2; run without --dtype float64 before, with the same batch", said)
        self.put("batch.json", '[{"ids": [4, 5, 6], "labels": [-100, 5, 7]}]')
        status, said = self.run_main(*words, "--dtype", "float64", tokenizer=tokens)
        self.assertEqual(status, 2)
        self.assertRegex(said, "grad-demo.safetensors: ValueError: of another batch; run without --dtype float64")
        before = sorted(os.listdir(self.home / "goldens"))
        status, said = self.run_main(*words, tokenizer=tokens, failure=OSError(28, "No space left on device"))
        self.assertEqual((status, sorted(os.listdir(self.home / "goldens"))), (2, before))
        self.assertIn("demo: No space left on device; --debug", said)

    def test_failures_leave_nothing_and_end_in_one_line(self):
        output = [self.home / "goldens" / "demo", "--prompt", "?"]

        def odd_code(*_words, **_options):
            assert False, "two\nlines\x1b[2J"

        broken = types.SimpleNamespace(from_pretrained=odd_code)
        for words, failure, loads, status, message in (
            (["--tap", "h.0"], None, {}, 2, "--tap: nothing is called what was asked for; transformer.h.0.mlp.w1 is"),
            ([], RuntimeError("out of memory"), {}, 2, "demo: RuntimeError: out of memory; --debug shows where"),
            ([], TypeError(), {}, 2, "demo: TypeError: at mock.py:"),
            ([], OSError(28, "No space left on device"), {}, 2, "demo: No space left on device; --debug"),
            ([], SystemExit(0), {}, 2, "demo: SystemExit: 0; --debug"),
            ([], None, {"AutoTokenizer": broken}, 2, "two lines\\u001b[2J; does it run in this Python?"),
            ([], None, {"__version__": "nightly"}, 0, "for transformers 4.31 to 4.33, this is nightly"),
            ([], KeyboardInterrupt(), {}, 130, "stopped; what was half written is removed"),
        ):
            found, said = self.run_main(*output, *words, failure=failure, **loads)
            self.assertEqual(found, status, said)
            self.assertIn(message, said)
            self.assertNotIn("Traceback", said)
            if status > 0:
                self.assertEqual(os.listdir(self.home / "goldens"), [])
            shutil.rmtree(self.home / "goldens")
        _, said = self.run_main(*output, "--debug", failure=TypeError("odd"))
        self.assertRegex(said, r"(?s)Traceback.*record\.py.*TypeError: odd.*export\.py: [^\n]*TypeError: odd[^\n]*\n$")


if __name__ == "__main__":
    unittest.main()
