"""Text that anybody wrote, in one line that can be printed. Plain Python."""

from __future__ import annotations

import json
import re

MOST = 1000  # characters
# What moves a terminal's cursor or turns the direction of text, and halves of characters, which no encoding has.
UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str) -> str:
    """A text of at most 1,000 characters, none of which commands a terminal."""
    text = UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
    return text if len(text) <= MOST else text[: MOST - 1] + "…"


def quoted(text: str) -> str:
    """A text as JSON, shortened to 1,000 characters."""
    return printable(json.dumps(text, ensure_ascii=False))


def one_line(text: str) -> str:
    """A text with its lines in one, shortened to 1,000 characters."""
    return printable(" ".join(text.split()))
