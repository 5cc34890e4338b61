"""What a training step is fed: conversations of the released fine-tuning format, or ids with labels. Plain Python."""

from __future__ import annotations

import json
import os
import re
from typing import NamedTuple

from exporter.failure import ExportError, blaming

IGNORED = -100  # the label of a token that is not supervised
PICTURE = re.compile("<img>(.*?)</img>", re.DOTALL)
ADVICE = 'expected a list of {"conversations": [{"from": "user", "value": "…"}, …]} or {"ids": […], "labels": […]}'


class Sequence(NamedTuple):
    """Pictures are files, in reading order; their places in the ids name none."""

    ids: list[int]
    labels: list[int]
    pictures: list[str]


class Conversation(NamedTuple):
    """What was said by whom; pictures are files, in reading order, whose tags in the text are empty."""

    messages: list[tuple[str, str]]
    pictures: list[str]


def read_batch(path: str, visual: dict) -> list[Conversation | Sequence]:
    """The items of a JSON file. ExportError for one that is neither kind, or shows a picture that is not there."""
    with blaming(path, ADVICE):
        with open(path, encoding="utf-8") as file:
            items = json.load(file)
        if not isinstance(items, list) or not items:
            raise ValueError("no list of conversations")
    return [read_item(f"{path}: item {number}", item, visual) for number, item in enumerate(items)]


def read_item(where: str, item, visual: dict) -> Conversation | Sequence:
    with blaming(where, ADVICE):
        if not isinstance(item, dict):
            raise ValueError(f"a {type(item).__name__}")
        read = read_conversation(item) if "conversations" in item else read_sequence(item, visual)
    for picture in read.pictures:
        if not os.path.isfile(picture):
            raise ExportError(f"{where}: {picture}: no such file; give pictures on this machine")
    return read


def read_conversation(item: dict) -> Conversation:
    said, messages, pictures = item["conversations"], [], []
    if said[0]["from"] != "user":
        said = said[1:]  # Quirk: the script drops a first message that is not the user's, but only one
    for message in said:
        role, text = message["from"], message["value"]
        if role not in ("user", "assistant") or not isinstance(text, str):
            raise ValueError(f"a message from {role!r}")
        pictures += PICTURE.findall(text)
        messages.append((role, PICTURE.sub("<img></img>", text)))
    return Conversation(messages, pictures)


def read_sequence(item: dict, visual: dict) -> Sequence:
    ids, labels = item["ids"], item["labels"]
    for name, values in (("ids", ids), ("labels", labels)):
        if not isinstance(values, list) or not values or not all(type(value) is int for value in values):
            raise ValueError(f"{name} are no list of integers")
    if len(ids) != len(labels):
        raise ValueError(f"{len(labels)} labels for {len(ids)} ids")
    for value in ids:
        if value < 0:
            raise ValueError(f"{value} is no id")
    for value in labels:
        if value < 0 and value != IGNORED:
            raise ValueError(f"{value} is no label, nor {IGNORED}")
    ids, pictures = without_paths(ids, visual)
    return Sequence(ids, labels, pictures)


def without_paths(ids: list[int], visual: dict) -> tuple[list[int], list[str]]:
    """Ids with an empty path in the place of every picture, and the paths: the original spells them, a byte an id."""
    start, rows = visual["image_start_id"], visual.get("n_queries", 256)
    end, nothing = start + 1, start + 2
    ids, paths, at = list(ids), [], 0
    while start in ids[at:]:
        first = ids.index(start, at) + 1
        at = first + rows
        if ids[at : at + 1] != [end]:
            raise ValueError(f"the picture at token {first - 1} has not its {rows} rows and their end")
        spelled = ids[first:at]
        spelled = spelled[: spelled.index(nothing)] if nothing in spelled else spelled
        if any(value > 255 for value in spelled):
            raise ValueError(f"the picture at token {first - 1} is not spelled in bytes")
        paths.append(os.fsdecode(bytes(spelled)))
        ids[first:at] = [nothing] * rows
    return ids, paths


def tokenized(item: Conversation | Sequence, tokenizer, system: str, visual: dict) -> Sequence:
    """A conversation with the labels of the released script; a sequence as it is.

    Of every message <|im_start|>, <|im_end|> and the newline after it are supervised, of the assistant's the content
    too; roles never are. Quirk: special tokens are recognised wherever they stand, in a user's text too.
    """
    if isinstance(item, Sequence):
        return item

    def encode(text: str) -> list[int]:
        return list(tokenizer.encode(text, allowed_special="all"))

    newline, ids, labels = encode("\n"), [], []
    for role, text in [("system", system), *item.messages]:
        content = encode(text)
        for tokens, supervised in (
            ([tokenizer.im_start_id], True),
            (encode(role) + newline, False),
            (content, role == "assistant"),
            ([tokenizer.im_end_id, *newline], True),
        ):
            ids += tokens
            labels += tokens if supervised else [IGNORED] * len(tokens)
    ids, spelled = without_paths(ids, visual)
    if len(spelled) != len(item.pictures):
        found = f"{len(item.pictures)} pictures are given, of which the prompt shows {len(spelled)}"
        raise ExportError(f"{found}; is the vocabulary that of config.json?")
    return Sequence(ids, labels, item.pictures)


def padded(rows: list[list[int]], value: int) -> list[list[int]]:
    """Rows of one length, filled on the right."""
    width = max(map(len, rows))
    return [row + [value] * (width - len(row)) for row in rows]
