"""Tests of what golden/export.py does before PyTorch is needed."""

import contextlib
import hashlib
import io
import json
import os
import sys
import unittest
from pathlib import Path
from unittest import mock

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "golden"))

import export  # noqa: E402
from exporter.failure import ExportError, blaming  # noqa: E402
from exporter.lines import one_line, quoted  # noqa: E402
from exporter.original import pictures_from, prompt_text  # noqa: E402
from exporter.sources import hash_sources  # noqa: E402
from in_folder import InFolder, read  # noqa: E402


class Names(unittest.TestCase):
    def test_globs(self):
        self.assertTrue(export.wanted("transformer.h.0.mlp.w1", ["transformer.h.*"]))
        self.assertFalse(export.wanted("transformer.h.10", ["transformer.h.[0-9]", "lm_head"]))
        self.assertTrue(export.wanted("decode.0.logits", ["nothing", "decode.*"]))
        self.assertTrue(export.wanted("decode.11.logits", ["main"]))
        self.assertFalse(export.wanted("lm_head", ["main"]))
        self.assertTrue(export.wanted("lm_head", ["all"]))

    def test_main_is_what_the_float64_goldens_have(self):
        for golden in ("quirks/model-a.activations.f64", "tiny/activations/describe.f64"):
            names = read(ROOT / "golden" / f"{golden}.safetensors")[0].keys() - {"__metadata__"}
            every = read(ROOT / "golden" / f"{golden.replace('.f64', '')}.safetensors")[0].keys() - {"__metadata__"}
            self.assertLessEqual(names, {name for name in every if export.wanted(name, ["main"])})

    def test_paths_of_gradients(self):
        for name in ("a", "grad-a"):
            found = export.gradient_paths(f"goldens/{name}", exact=False)
            self.assertEqual(found, {"gradients": "goldens/grad-a.safetensors", "facts": "goldens/grad-a.json"})
        self.assertEqual(export.gradient_paths("a", exact=True)["gradients"], "grad-a.f64.safetensors")

    def test_paths(self):
        self.assertEqual(
            export.golden_paths("goldens/a", "model", exact=False),
            {
                "activations": "goldens/a.activations.safetensors",
                "fingerprints": "goldens/a.fingerprints.json",
                "config": "goldens/a.config.json",
            },
        )
        twin = export.golden_paths("goldens/a", "model", exact=True)
        self.assertEqual(twin["activations"], "goldens/a.activations.f64.safetensors")
        for exact, name in ((False, "a.safetensors"), (True, "a.f64.safetensors")):
            at_home = export.golden_paths("model/activations/a", "./x/../model/", exact)
            self.assertEqual(at_home["activations"], f"model/activations/{name}")
            self.assertNotIn("config", at_home)


class Provenance(InFolder):
    def test_one_line(self):
        hostile = "a\n\x1b[2J\x9b\u202e\u2028\x7f\udcff" + "框" * 2000
        for line in (quoted(hostile), one_line(hostile)):
            self.assertTrue(line.isprintable())
            self.assertEqual(len(line), 1000)
        self.assertEqual(json.loads(quoted('框 "\n\u202e  ')), '框 "\n\u202e  ')
        self.assertEqual(one_line(" size mismatch:\n\tcopying"), "size mismatch: copying")

    def test_hashes_of_what_decides(self):
        for name in ("config.json", "a.bin", "notes.txt"):
            self.put(name, name)
        progress = []
        hashes = hash_sources(self.folder, [self.put("p.png", "picture")], progress.append)
        expected = {"sha256 a.bin": "a.bin", "sha256 config.json": "config.json", "sha256 picture 1": "picture"}
        self.assertEqual(hashes, {name: hashlib.sha256(text.encode()).hexdigest() for name, text in expected.items()})
        self.assertEqual(progress, ["hashing a.bin, 0.0 MB", "hashing config.json, 0.0 MB"])


class Pictures(unittest.TestCase):
    def test_prompt(self):
        expected = "Picture 1: <img></img>\nPicture 2: <img></img>\nWhat?"
        self.assertEqual(prompt_text("What?", ["a.png", "b.png"]), expected)
        self.assertEqual(prompt_text("What?", []), "What?")

    def test_files_take_the_place_of_the_first_names(self):
        class Visual:
            def encode(self, names):
                return names

        class Model:
            def get_submodule(self, _name, visual=Visual()):
                return visual

        visual = Model().get_submodule("transformer.visual")
        given = ["a\u0308.png", "p\udcff", "</img>" * 99]
        with pictures_from(Model(), given):
            self.assertEqual(visual.encode(["", "", "", "in the prompt.png"]), [*given, "in the prompt.png"])
        self.assertEqual(visual.encode([""]), [""])


class Failures(unittest.TestCase):
    def told(self, work):
        with self.assertRaises(ExportError) as caught, blaming("goldens/a", "do this"):
            work()
        self.assertIsNotNone(caught.exception.__cause__)
        return str(caught.exception)

    def test_whatever_fails_is_told_with_its_kind_and_what_to_do(self):
        def silent():
            assert [] == [1]

        def absent():
            open("goldens/b/c", "rb")

        self.assertEqual(self.told(lambda: {}["x"]), "goldens/a: KeyError: 'x'; do this")
        self.assertRegex(self.told(silent), r"^goldens/a: AssertionError: at test_export\.py:\d+; do this$")
        self.assertEqual(self.told(absent), "goldens/a: goldens/b/c: No such file or directory; do this")
        self.assertEqual(self.told(lambda: sys.exit("no GPU")), "goldens/a: SystemExit: no GPU; do this")
        with self.assertRaisesRegex(ExportError, "^as it is$"), blaming("goldens/a", "do this"):
            raise ExportError("as it is")
        with self.assertRaises(KeyboardInterrupt), blaming("goldens/a", "do this"):
            raise KeyboardInterrupt


class CommandLine(InFolder):
    def run_main(self, *words):
        with contextlib.redirect_stderr(io.StringIO()) as said:
            try:
                status = export.main([str(word) for word in words])
            except SystemExit as ended:
                status = ended.code
        return status, said.getvalue()

    def test_bad_input_ends_with_one_line_and_status_2(self):
        good = self.put("good/config.json", '{"visual": {"image_start_id": 1}}')
        for name, text in (("list", "[]"), ("text", "{"), ("plain", "{}"), ("odd", '{"visual": 3}')):
            self.put(f"{name}/config.json", text)
            status, said = self.run_main(self.path(name), self.path("x"), "--prompt", "a")
            self.assertEqual((status, said.count("\n")), (2, 1), said)
            self.assertIn("no configuration of Qwen-VL", said)
        status, said = self.run_main(self.path("none"), self.path("x"), "--prompt", "a")
        self.assertEqual(status, 2)
        self.assertRegex(said, "^export.py: .*No such file or directory; give the folder of a Qwen-VL checkpoint\n$")
        words = ["--prompt", "a", "--picture", self.path("p")]
        status, said = self.run_main(os.path.dirname(good), self.path("x"), *words)
        self.assertEqual(status, 2)
        self.assertEqual(said, f"export.py: {self.path('p')}: no such file; give a picture on this machine\n")
        no_name = "no name of a golden; give FOLDER/NAME, to which endings are added"
        no_folder = "(File exists|Not a directory); give an output that can be written"
        outputs = {"good": no_name, "good/": no_name, "x.f64": no_name, "good/config.json/x": no_folder}
        for output, said_of_it in outputs.items():
            status, said = self.run_main(os.path.dirname(good), self.path(output), "--prompt", "a")
            self.assertEqual(status, 2)
            self.assertRegex(said, f"^export.py: /.*: {said_of_it}\n$")
        unfit = ["--prompt", "", "--gradients", "g"]
        for words in (["--steps", "-1"], ["--dtype", "int8"], ["--stage", "stage-1"], unfit):
            status, said = self.run_main(self.folder, self.path("x"), "--prompt", "a", *words)
            self.assertEqual(status, 2)
            self.assertIn(words[0], said)
        for words in (["--steps", "1"], ["--picture", "p"], ["--dtype", "bfloat16"], ["--stage", "stage-4"]):
            status, said = self.run_main(self.folder, self.path("x"), "--gradients", "g", *words)
            self.assertEqual(status, 2)
            self.assertIn(words[0], said)
        self.assertIn("--prompt: expected a text; or give --gradients", self.run_main(self.folder, self.path("x"))[1])
        status, said = self.run_main(os.path.dirname(good), self.path("x"), "--gradients", self.path("none.json"))
        self.assertEqual((status, said.count("\n")), (2, 1), said)
        self.assertRegex(said, "^export.py: .*none.json: No such file or directory; expected a list of")
        self.assertEqual([name for name in os.listdir(self.folder) if name.startswith("x")], [])

    def test_what_nobody_thought_of_ends_with_one_line_too(self):
        with mock.patch.object(export, "read_config", side_effect=MemoryError("no room\nat all")):
            self.assertEqual(self.run_main("a", "b", "--prompt", "?"), (2, "export.py: MemoryError: no room at all\n"))

    def test_help_needs_no_pytorch(self):
        with contextlib.redirect_stdout(io.StringIO()) as said:
            self.assertEqual(self.run_main("--help")[0], 0)
        for word in ("--fingerprint", "--tap", "float64", "trust_remote_code"):
            self.assertIn(word, said.getvalue())


if __name__ == "__main__":
    unittest.main()
