"""Tests of the two forms of goldens, which need no PyTorch."""

import array
import json
import math
import os
import random
import struct
import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "golden"))

from exporter.formats import (  # noqa: E402
    fingerprint,
    fmix32,
    fnv1a,
    read_integers,
    safetensors_writer,
    sample_indices,
    top,
    write_json,
)
from in_folder import InFolder, read  # noqa: E402


class Safetensors(InFolder):
    def test_round_trip_of_any_tensors(self):
        chance = random.Random(1)
        for _ in range(100):
            tensors = {}
            for number in range(chance.randrange(6)):
                dtype, size = chance.choice([("F64", 8), ("I64", 8), ("F32", 4), ("BF16", 2)])
                shape = [chance.randrange(5) for _ in range(chance.randrange(6))]
                data = bytes(chance.randrange(256) for _ in range(math.prod(shape) * size))
                tensors[f'{number} "名" \\'] = (dtype, shape, data)
            metadata = {"prompt": "框\n", "dtype": "float32"}
            unused = ["x" * chance.randrange(50) for _ in range(chance.randrange(3))]
            with safetensors_writer(self.path("a"), [*tensors, *unused], metadata) as add:
                for name, (dtype, shape, data) in tensors.items():
                    add(name, dtype, shape, data)
            header, content, length = read(self.path("a"))
            self.assertEqual(length % 8, 0)
            self.assertEqual(header.pop("__metadata__"), metadata)
            self.assertEqual(list(header), list(tensors))
            end = 0
            for name, (dtype, shape, data) in tensors.items():
                start, end = end, end + len(data)
                self.assertEqual(header[name], {"dtype": dtype, "shape": shape, "data_offsets": [start, end]})
                self.assertEqual(content[start:end], data)
            self.assertEqual(end, len(content))

    def test_room_for_the_largest_header(self):
        names = [f"transformer.h.{number}" for number in range(100)]
        with safetensors_writer(self.path("a"), names, {}) as add:
            for name in names:
                add(name, "BF16", [0] + [2**53 - 1] * 7, b"")
        self.assertEqual(len(read(self.path("a"))[0]), 101)

    def test_integers_are_read_back(self):
        with safetensors_writer(self.path("a"), ["x", "y"], {"prompt": "框"}) as add:
            add("x", "F32", [3], bytes(12))
            add("y", "I64", [1, 2], struct.pack("<2q", -1, 2**40))
        self.assertEqual(read_integers(self.path("a"), "y"), [-1, 2**40])
        with self.assertRaises(KeyError):
            read_integers(self.path("a"), "z")

    def test_refuses_what_does_not_fit_and_leaves_nothing(self):
        def twice(add):
            add("a", "F32", [1], bytes(4))
            add("a", "F32", [1], bytes(4))

        def stopped(_add):
            raise KeyboardInterrupt

        def beyond_room(add):
            for number in range(1000):
                add(str(number), "F32", [0], b"")

        for work, failure in [
            (lambda add: add("a", "F32", [2], bytes(4)), ValueError),
            (lambda add: add("__metadata__", "F32", [1], bytes(4)), ValueError),
            (twice, ValueError),
            (beyond_room, ValueError),
            (stopped, KeyboardInterrupt),
        ]:
            with self.assertRaises(failure), safetensors_writer(self.path("a"), ["a"], {}) as add:
                work(add)
            self.assertEqual(os.listdir(self.folder), [])

    def test_a_failure_keeps_what_was_there(self):
        write_json(self.path("a"), {"框": 1})
        with self.assertRaises(ValueError):
            write_json(self.path("a"), math.nan)
        self.assertEqual(os.listdir(self.folder), ["a"])
        self.assertEqual(Path(self.path("a")).read_text(encoding="utf-8"), '{"框": 1}')


class Fingerprints(unittest.TestCase):
    def test_hashes(self):
        self.assertEqual([fnv1a(text) for text in ("", "a", "foobar")], [0x811C9DC5, 0xE40C292C, 0xBF9CF968])
        self.assertEqual([fmix32(state) for state in (0, 1, 0xFFFFFFFF)], [0, 0x514E28B7, 0x81F16F39])

    def test_samples_stand_where_the_goldens_of_full_size_have_them(self):
        for name in ("full", "wide"):
            taps = json.loads((ROOT / "golden" / "full-size" / f"{name}.json").read_text(encoding="utf-8"))["taps"]
            taps.pop("_input", None)
            self.assertGreater(len(taps), 30)
            for tap, golden in taps.items():
                self.assertEqual(sample_indices(tap, math.prod(golden["shape"])), golden["index"])
                self.assertEqual(golden.keys() - {"top"}, fingerprint(tap, [1], [1.0]).keys())

    def test_moments(self):
        values = array.array("d", [3, -4, 0, 12])
        found = fingerprint("tap", [2, 2], values)
        self.assertEqual((found["shape"], found["mean"], found["absmax"], found["l2"]), ([2, 2], 2.75, 12, 13))
        self.assertEqual(found["std"], math.sqrt((0.25**2 + 6.75**2 + 2.75**2 + 9.25**2) / 4))
        self.assertEqual(found["value"], [values[at] for at in found["index"]])
        self.assertEqual(set(found["index"]), {0, 1, 2, 3})

    def test_sums_are_rounded_once(self):
        self.assertEqual(fingerprint("tap", [3], [1e100, 1.0, -1e100])["mean"], 1 / 3)

    def test_refuses_what_is_not_finite(self):
        for bad in ([], [math.nan, 1.0], [1.0, math.nan, 2.0], [math.inf], [-math.inf, math.inf]):
            with self.assertRaisesRegex(ValueError, "^tap: .*finite"):
                fingerprint("tap", [len(bad)], bad)

    def test_top(self):
        self.assertEqual(top([1.0, 3.0, 2.0, 3.0], 3), [[1, 3.0], [3, 3.0], [2, 2.0]])


if __name__ == "__main__":
    unittest.main()
