"""Tests of golden/export.py on weights in 4 bits and on LoRA adapters, with the stand-in. They need PyTorch."""

import contextlib
import io
import json
import re
import shutil
import sys
import types
import unittest
from pathlib import Path
from unittest import mock

import torch

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "golden"))

import export  # noqa: E402
from exporter.adapter import of_pattern  # noqa: E402
from exporter.gptq import unpacked  # noqa: E402
from exporter.stored import read_weights, stored_tensors  # noqa: E402
from in_folder import InFolder, read  # noqa: E402
from stand_in import StandIn  # noqa: E402
from tensors import nmse, read_safetensors  # noqa: E402

GOLDEN = ROOT / "golden"
INT4, TINY, LORA = GOLDEN / "tiny-int4", GOLDEN / "tiny", GOLDEN / "tiny-lora"
NAMES = ("model.safetensors.index.json", "pytorch_model.bin.index.json")


class Command(InFolder):
    def export(self, folder, golden, *words):
        """Runs the command; transformers reads what is not packed, and leaves the rest as it happens to be."""
        config = json.loads((folder / "config.json").read_text())
        model = StandIn(config, golden["input.pixels"])
        stored = {name: tensor.float() for name, tensor in stored_tensors(folder, NAMES).items()}
        model.load_state_dict(stored, strict=False)
        model.eval().generation_config = types.SimpleNamespace(chat_format="chatml", max_window_size=99)
        self.config = types.SimpleNamespace(**config)
        ids = golden["input.ids"][0].tolist()
        loaded = {"AutoTokenizer": ids, "AutoConfig": self.config, "AutoModelForCausalLM": model}
        transformers = types.SimpleNamespace(
            __version__="4.32.0",
            **{name: mock.Mock(**{"from_pretrained.return_value": value}) for name, value in loaded.items()},
        )
        with contextlib.redirect_stderr(io.StringIO()) as said, mock.patch.dict(sys.modules, transformers=transformers):
            status = export.main([str(folder), self.path("demo"), "--prompt", "?", *map(str, words)])
        return status, said.getvalue()


class Goldens(Command):
    def test_they_come_out_again(self):
        for folder, home, name, adapter in (
            (INT4, INT4, "describe", None),
            (INT4 / "act-order", INT4 / "act-order", "describe", None),
            (TINY, LORA, "finetune", LORA / "finetune"),
            (TINY, LORA, "modern", LORA / "modern"),
            (INT4, LORA, "qlora", LORA / "qlora"),
        ):
            with self.subTest(name, folder=folder):
                files = (home / "activations" / f"{name}{end}.safetensors" for end in ("", ".f64"))
                golden, exact = map(read_safetensors, files)
                [answer] = [each for each in json.loads((home / "answers.json").read_text()) if each["name"] == name]
                words = ["--adapter", adapter] if adapter else []
                whole = [*words, "--steps", len(answer["token_ids"]), *(w for tap in golden for w in ("--tap", tap))]
                self.compare("demo.activations", self.export(folder, golden, *whole), golden, 1e-12)
                found = read_safetensors(self.path("demo.activations.safetensors"))
                self.assertEqual(found["decode.tokens"].tolist(), answer["token_ids"])
                metadata = read(self.path("demo.activations.safetensors"))[0]["__metadata__"]
                packed = INT4 in (folder, folder.parent)
                self.assertEqual(metadata["dtype"].split()[2], "4-bit" if packed else "bfloat16")
                hashed = [key for key in metadata if re.fullmatch(r"sha256 adapter_\S+ of the adapter", key)]
                self.assertEqual(len(hashed), 2 if adapter else 0)
                twin = [*words, "--dtype", "float64", *(w for tap in exact for w in ("--tap", tap))]
                self.compare("demo.activations.f64", self.export(folder, golden, *twin), exact, 1e-26)
                self.assertFalse(hasattr(self.config, "quantization_config"))  # or transformers would want a GPU

    def compare(self, name, ended, golden, bound):
        self.assertEqual(ended[0], 0, ended[1])
        found = read_safetensors(self.path(f"{name}.safetensors"))
        for tap, expected in golden.items():
            self.assertLess(nmse(found[tap], expected), bound, tap)

    def test_matrices_of_every_kind(self):
        stored = read_weights(str(INT4 / "matrices.safetensors"))
        groups = {"whole": -1, "partial": 128, "small_groups": 32}
        kinds = {name.split(".")[0] for name in stored}
        self.assertEqual(len(kinds), 7)
        for kind in kinds:
            parts = {part: stored[f"{kind}.{part}"] for part in ("qweight", "qzeros", "scales", "g_idx")}
            weight = unpacked(kind, parts, groups.get(kind, 64), int(kind != "v2"))
            self.assertTrue(torch.equal(weight, stored[f"{kind}.weight"]), kind)

    def test_patterns_are_of_whole_ends(self):
        patterns = {"proj": 3, r"h\.[01]\.c_proj": 4}
        ends = {"a.h.1.c_proj": 4, "h.0.c_proj": 4, "a.h.2.c_proj": 1, "a.proj": 3, "proj.b": 1}
        for module, expected in ends.items():
            self.assertEqual(of_pattern(patterns, module, 1), expected, module)


class Refused(Command):
    def setUp(self):
        super().setUp()
        self.golden = read_safetensors(INT4 / "activations" / "describe.safetensors")

    def expect(self, found, said):
        self.assertEqual(found[0], 2)
        self.assertIn(said, found[1])
        self.assertNotIn("Traceback", found[1])
        self.assertFalse(Path(self.path("demo.activations.safetensors")).exists())

    def test_other_packings(self):
        folder = Path(self.path("int4"))
        shutil.copytree(INT4, folder, ignore=shutil.ignore_patterns("act-order", "activations"))
        config = json.loads((folder / "config.json").read_text())
        for said, message in (
            ({"bits": 8}, "quantised by gptq in 8 bits, gptq; give a checkpoint of GPTQ in 4 bits"),
            ({"quant_method": "awq"}, "quantised by awq in 4 bits"),
            ({"checkpoint_format": "marlin"}, "4 bits, marlin"),
        ):
            changed = {**config, "quantization_config": {**config["quantization_config"], **said}}
            (folder / "config.json").write_text(json.dumps(changed))
            self.expect(self.export(folder, self.golden), message)
        (folder / "config.json").write_text(json.dumps(config))
        shard = folder / "model-00001-of-00002.safetensors"
        header, data, length = read(shard)
        start = header["transformer.h.1.mlp.w1.g_idx"]["data_offsets"][0]
        content = bytearray(shard.read_bytes())
        for group in (2, -1):
            content[8 + length + start : 12 + length + start] = group.to_bytes(4, "little", signed=True)
            shard.write_bytes(content)
            self.expect(self.export(folder, self.golden), "h.1.mlp.w1.g_idx: there are 2 groups of 256 inputs")
        index = json.loads((folder / NAMES[0]).read_text())
        index["weight_map"] = {name: file for name, file in index["weight_map"].items() if "model-00002" in file}
        (folder / NAMES[0]).write_text(json.dumps(index))
        self.expect(self.export(folder, self.golden), "weights are missing, such as transformer.h.0.ln_1.weight; get")
        (folder / NAMES[0]).rename(folder / "gptq_model-4bit-128g.safetensors")
        with contextlib.redirect_stderr(io.StringIO()) as said:
            status = export.main([str(folder), self.path("demo"), "--prompt", "?"])
        self.expect((status, said.getvalue()), "called otherwise; link AutoGPTQ's file as model.safetensors")

    def test_other_adapters(self):
        folder = Path(self.path("adapter"))
        folder.mkdir()
        plain = {"peft_type": "LORA", "r": 2, "lora_alpha": 4}
        at = "base_model.model.transformer.h.0.attn.c_attn.lora_"
        pair = {f"{at}A.weight": torch.ones(2, 256), f"{at}B.weight": torch.ones(768, 2)}
        out = {name.replace("h.0.attn.c_attn", "visual.attn_pool.attn.out_proj"): torch.ones(*shape)
               for name, shape in zip(pair, ((2, 256), (256, 2)))}
        for config, tensors, message in (
            ({"use_dora": True}, pair, "its configuration means other mathematics"),
            ({"init_lora_weights": "pissa_niter_4"}, pair, "its configuration means other mathematics"),
            ({"peft_type": "IA3"}, pair, "its configuration means other mathematics"),
            ({"r": 3}, pair, "transformer.h.0.attn.c_attn: its rank is 2, its configuration says 3"),
            ({}, {f"{at}A.weight": torch.ones(2, 256)}, "its lora_A and lora_B do not belong together"),
            ({}, {**pair, f"{at}B.weight": torch.ones(700, 2)}, "the model has no layer of 256 to 700"),
            ({}, out, "attn_pool.attn.out_proj: the model has no layer of 256 to 256 there that can be"),
            ({}, {"lm_head.weight": torch.ones(3, 256)}, "lm_head.weight: the model has no such tensor of [3, 256]"),
            ({}, {"x.lora_magnitude_vector": torch.ones(3)}, "x.lora_magnitude_vector: the model has no such tensor"),
        ):
            (folder / "adapter_config.json").write_text(json.dumps({**plain, **config}))
            torch.save(tensors, folder / "adapter_model.bin")
            self.expect(self.export(TINY, self.golden, "--adapter", folder), message)
        nowhere = self.export(TINY, self.golden, "--adapter", self.path("nowhere"))
        self.expect(nowhere, "adapter_config.json: No such file")
        with contextlib.redirect_stderr(io.StringIO()) as said:
            at_home = str(TINY / "activations" / "x")
            status = export.main([str(TINY), at_home, "--prompt", "?", "--adapter", str(folder)])
        self.expect((status, said.getvalue()), "goldens in a checkpoint's folder are of it alone")


if __name__ == "__main__":
    unittest.main()
