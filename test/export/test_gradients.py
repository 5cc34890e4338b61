"""Tests of what golden/exporter records of a training step of a stand-in for the original. They need PyTorch."""

import sys
import unittest
from pathlib import Path

import torch

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "golden"))

from exporter.batch import IGNORED, Sequence  # noqa: E402
from exporter.failure import ExportError  # noqa: E402
from exporter.formats import sample_indices  # noqa: E402
from exporter.gradients import record_gradients  # noqa: E402
from exporter.stages import STAGES  # noqa: E402
from in_folder import InFolder  # noqa: E402
from stand_in import load_stand_in  # noqa: E402
from tensors import nmse, read_safetensors  # noqa: E402

GOLDEN = ROOT / "golden"
TABLE = "transformer.visual.attn_pool.pos_embed"


def everything(_name):
    return True


def trained_model(name):
    """The stand-in of a golden of golden/train, and the golden's batch."""
    golden = read_safetensors(GOLDEN / "train" / f"{name}.safetensors")
    model, _ = load_stand_in(GOLDEN / "quirks" / f"model-{name.split('-')[1]}")
    model.transformer.visual.pixels = golden.get("input.pixels")
    rows = zip(golden["input.ids"], golden["input.labels"], golden["input.attention_mask"].bool())
    return model, [Sequence(ids[real].tolist(), labels[real].tolist(), []) for ids, labels, real in rows], golden


class Recording(InFolder):
    def record(self, model, batch, *options, trained=STAGES["stage-2"], sampled=False):
        told = record_gradients(model, batch, self.path("g"), {}, *(options or [everything]), trained, sampled)
        return read_safetensors(self.path("g")), told


class Goldens(Recording):
    def compare(self, golden, found, bound):
        """Each tensor of the golden with ours, where it is whole or sampled, without rows of padding."""
        real = found["input.attention_mask"].bool()
        compared = 0
        for key, expected in golden.items():
            kind, _, name = key.partition(".")
            ours = found.get(key)
            if kind == "sample":
                whole = found[f"grad.{name}"].flatten()
                ours = whole[sample_indices(name, len(whole))]
            elif kind not in ("grad", "loss", "logits", "token_loss"):
                continue
            if key == "logits":
                ours, expected = ours[real], expected[real]
            if expected.any():
                self.assertLess(nmse(ours, expected), bound, key)
            else:
                self.assertFalse(ours.any(), key)
            compared += 1
        return compared

    def test_the_goldens_of_gradients_come_out_again(self):
        for name, count in (("grad-a", 98), ("grad-b", 75), ("grad-e", 99), ("grad-e-text", 57)):
            with self.subTest(name):
                model, batch, golden = trained_model(name)
                exact = read_safetensors(GOLDEN / "train" / f"{name}.f64.safetensors")
                if name == "grad-e-text":  # the image of zeros is not shown: its size is not the model's
                    hidden = {f"{kind}.{module}" for module, _ in model.named_modules() for kind in ("grad", "sample")
                              if f"{module}.".startswith("transformer.visual.")}
                    for each in (golden, exact):
                        [each.pop(key) for key in hidden & each.keys()]
                found, told = self.record(model, batch)
                self.assertEqual(self.compare(golden, found, 1e-9), count)
                self.assertEqual(told["no_gradient"], [TABLE])
                self.assertEqual("input.pixels" in found, name != "grad-e-text")
                model, batch, _ = trained_model(name)
                found, again = self.record(model.double(), batch)
                self.assertEqual(self.compare(exact, found, 1e-26), count)
                self.assertEqual(found["input.labels"].dtype, torch.int64)
                self.assertAlmostEqual(told["loss"], again["loss"], delta=1e-5)
                self.assertAlmostEqual(told["grad_norm"], again["grad_norm"], delta=1e-4)
                self.assertEqual(told["supervised_tokens"], int((golden["input.labels"][:, 1:] != IGNORED).sum()))
                zeros = [key for key in found if key.startswith("grad.") and not found[key].any()]
                self.assertEqual({f"grad.{each}" for each in told["zero_gradient"]}, set(zeros))
                self.assertEqual(len(zeros) > 0, name == "grad-e-text")

    def test_stages(self):
        model, batch, _ = trained_model("grad-e")
        full, _ = self.record(model, batch)
        for stage, trained in STAGES.items():
            found, told = self.record(trained_model("grad-e")[0], batch, trained=trained)
            names = {name for name, _ in model.named_parameters() if trained(name)}
            self.assertEqual(names, {name for name, _ in model.named_parameters() if f"grad.{name}" in found}, stage)
            self.assertEqual(set(told["no_gradient"]), {name for name, _ in model.named_parameters()} - names)
            for name in names - {TABLE}:
                self.assertTrue(torch.equal(found[f"grad.{name}"], full[f"grad.{name}"]), name)
            self.assertEqual("grad.transformer.visual.conv1" in found, stage in ("stage-1", "stage-2"))


class Parts(Recording):
    def test_what_is_asked_for_and_samples_of_it(self):
        model, batch, _ = trained_model("grad-e")
        whole, _ = self.record(model, batch)
        asked = {"transformer.h.0.mlp.w1.weight", "transformer.h.0:input", "transformer.wte", "transformer.ln_f.weight"}
        found, told = self.record(model.eval(), batch, asked.__contains__, sampled=True)
        self.assertEqual(set(told["names"]), asked)
        large = asked - {"transformer.ln_f.weight"}
        kinds = {f"{kind}.{name}" for name in large for kind in ("sample", "stats", "shape")}
        self.assertEqual({key for key in found if "transformer" in key}, kinds | {"grad.transformer.ln_f.weight"})
        for name in large:
            flat = whole[f"grad.{name}"].flatten()
            self.assertEqual(found[f"shape.{name}"].tolist(), list(whole[f"grad.{name}"].shape))
            self.assertTrue(torch.equal(found[f"sample.{name}"], flat[sample_indices(name, len(flat))]))
            wide = flat.double()
            moments = [wide.mean(), wide.std(unbiased=False), wide.abs().max(), wide.norm()]
            self.assertTrue(torch.allclose(found[f"stats.{name}"], torch.stack(moments), rtol=1e-12))
        self.assertNotIn("logits", found)

    def test_dropout_is_off(self):
        model, batch, golden = trained_model("grad-e")
        model.transformer.drop.p = model.transformer.h[0].attn.attn_dropout.p = 0.5
        found, _ = self.record(model, batch)
        self.assertLess(nmse(found["loss"], golden["loss"]), 1e-12)

    def test_refused_with_no_file_left(self):
        model, batch, _ = trained_model("grad-e-text")
        silent = [Sequence(row.ids, [row.labels[0], *[IGNORED] * (len(row.ids) - 1)], []) for row in batch]
        broken, _, _ = trained_model("grad-e-text")
        broken.lm_head.weight.data[0, 0] = float("nan")
        for model, rows, asked, said in (
            (model, silent, everything, "no token is supervised"),
            (broken, batch, everything, "the loss is nan"),
            (model, batch, set().__contains__, "--tap: nothing is called"),
        ):
            with self.assertRaisesRegex(ExportError, said):
                self.record(model, rows, asked)
            self.assertFalse(Path(self.path("g")).exists())
            self.assertFalse(Path(self.path("g.part")).exists())


if __name__ == "__main__":
    unittest.main()
