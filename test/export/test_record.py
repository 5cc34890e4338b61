"""Tests of what golden/exporter records of a stand-in for the original. They need PyTorch."""

import json
import sys
import unittest
from pathlib import Path

import torch

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "golden"))

from exporter.record import in_rows, record, run  # noqa: E402
from in_folder import InFolder  # noqa: E402
from stand_in import load_stand_in  # noqa: E402
from tensors import nmse, read_safetensors  # noqa: E402

QUIRKS = ROOT / "golden" / "quirks"


def everything(_name):
    return True


class Recording(InFolder):
    def record(self, model, ids, *options):
        self.paths = {"activations": self.path("a"), "fingerprints": self.path("f")}
        record(model, ids, self.paths, {}, *options)
        return read_safetensors(self.paths["activations"])


class Goldens(Recording):
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


class Fingerprints(Recording):
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


if __name__ == "__main__":
    unittest.main()
