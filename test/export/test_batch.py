"""Tests of the batches that golden/export.py --gradients reads. Plain Python."""

import json
import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "golden"))

from byte_tokenizer import ByteTokenizer  # noqa: E402
from exporter.batch import IGNORED, Conversation, Sequence, padded, read_batch, tokenized, without_paths  # noqa: E402
from exporter.failure import ExportError  # noqa: E402
from exporter.stages import STAGES  # noqa: E402
from in_folder import InFolder  # noqa: E402

VISUAL = {"image_start_id": 470, "n_queries": 4}
START, END, NOTHING = 470, 471, 472


def said(*texts):
    return [{"from": role, "value": text} for role, text in zip(("user", "assistant") * 2, texts)]


class Reading(InFolder):
    def read(self, items):
        return read_batch(self.put("b.json", json.dumps(items)), VISUAL)

    def test_conversations_and_sequences(self):
        picture = self.put("e\u0301 ü.png", "")
        talk = said(f"Picture 1: <img>{picture}</img>\nWhat?", "A dog.")
        found = self.read([{"id": "1", "conversations": talk}, {"ids": [1, 2], "labels": [-100, 2]}])
        expected = [("user", "Picture 1: <img></img>\nWhat?"), ("assistant", "A dog.")]
        self.assertEqual(found[0], Conversation(expected, [picture]))
        self.assertEqual(found[1], Sequence([1, 2], [-100, 2], []))

    def test_the_first_message_is_dropped_if_it_is_not_the_users(self):
        first, second = ({"from": "assistant", "value": text} for text in ("<img>nowhere.png</img>", "two"))
        (found,) = self.read([{"conversations": [first, second, *said("three")]}])
        self.assertEqual(found, Conversation([("assistant", "two"), ("user", "three")], []))

    def test_a_path_that_ids_spell(self):
        self.put("ab", "")
        path = self.path("ab")
        visual = {"image_start_id": 470, "n_queries": len(path) + 1}
        ids = [7, START, *path.encode(), NOTHING, END, 8]
        (found,) = read_batch(self.put("b.json", json.dumps([{"ids": ids, "labels": [-100] * len(ids)}])), visual)
        self.assertEqual(found.ids, [7, START, *[NOTHING] * (len(path) + 1), END, 8])
        self.assertEqual(found.pictures, [path])
        self.assertEqual(without_paths([1, START, 97, 98, 99, 100, END], VISUAL)[1], ["abcd"])

    def test_bad_batches_are_told_in_a_line(self):
        ids = [START, NOTHING, NOTHING, NOTHING, NOTHING, END]
        for items, message in (
            ({}, "no list of conversations; expected a list of"),
            ([], "no list of conversations"),
            ([3], "item 0: ValueError: a int; expected"),
            ([{}], "item 0: KeyError: 'ids'"),
            ([{"conversations": []}], "item 0: IndexError"),
            ([{"conversations": [{"from": "system", "value": ""}] * 2}], "a message from 'system'"),
            ([{"conversations": [{"from": "user", "value": 3}]}], "a message from 'user'"),
            ([{"conversations": [{"from": "user"}]}], "KeyError: 'value'"),
            ([{"conversations": said("<img>none.png</img>")}], "item 0: none.png: no such file"),
            ([{"ids": [1], "labels": [1]}, {"ids": [], "labels": []}], "item 1: ValueError: ids are no list of"),
            ([{"ids": [True], "labels": [1]}], "ids are no list of integers"),
            ([{"ids": [1], "labels": ["1"]}], "labels are no list"),
            ([{"ids": [1, 2], "labels": [1]}], "1 labels for 2 ids"),
            ([{"ids": [1, -2], "labels": [1, 1]}], "-2 is no id"),
            ([{"ids": [1, 2], "labels": [1, -1]}], "-1 is no label"),
            ([{"ids": [1, *ids[:3]], "labels": [1] * 4}], "the picture at token 1 has not its 4 rows and their end"),
            ([{"ids": [START, 300, *ids[2:]], "labels": [1] * 6}], "the picture at token 0 is not spelled in bytes"),
            ([{"ids": ids, "labels": [1] * 6}], "item 0: : no such file"),
        ):
            with self.assertRaises(ExportError) as caught:
                self.read(items)
            self.assertIn(message, str(caught.exception))
        with self.assertRaisesRegex(ExportError, "JSONDecodeError"):
            read_batch(self.put("c.json", "["), VISUAL)
        with self.assertRaisesRegex(ExportError, "No such file"):
            read_batch(self.path("none.json"), VISUAL)


class Tokens(unittest.TestCase):
    def test_a_conversation(self):
        tokenizer = ByteTokenizer(4)
        item = Conversation([("user", "<img></img>?"), ("assistant", "A<|im_end|>")], ["a.png"])
        ids, labels, pictures = tokenized(item, tokenizer, "S", VISUAL)
        picture = [START, NOTHING, NOTHING, NOTHING, NOTHING, END]
        question, answered = [*b"user\n", *picture, *b"?"], [*b"assistant\nA", 258]
        self.assertEqual(ids, [257, *b"system\nS", 258, 10, 257, *question, 258, 10, 257, *answered, 258, 10])
        self.assertEqual(pictures, ["a.png"])
        unsaid = [IGNORED] * 8
        question = [257, *[IGNORED] * 12, 258, 10]
        self.assertEqual(labels, [257, *unsaid, 258, 10, *question, 257, *[IGNORED] * 10, 65, 258, 258, 10])
        with self.assertRaisesRegex(ExportError, "2 pictures are given, of which the prompt shows 1; is the"):
            tokenized(Conversation(item.messages, ["a", "b"]), tokenizer, "S", VISUAL)

    def test_padding(self):
        self.assertEqual(padded([[1], [2, 3]], 0), [[1, 0], [2, 3]])


class Stages(unittest.TestCase):
    def test_they_are_those_of_the_golden(self):
        golden = json.loads((ROOT / "golden" / "train" / "stages-a.json").read_text(encoding="utf-8"))
        for stage, trained in STAGES.items():
            told = golden["stage-3-paper" if stage == "stage-3" else stage]
            self.assertEqual([name for name in told["trainable"] + told["frozen"] if trained(name)], told["trainable"])


if __name__ == "__main__":
    unittest.main()
