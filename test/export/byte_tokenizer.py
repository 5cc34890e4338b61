"""The original's tokenizer with a vocabulary of single bytes, for tests: every text becomes its UTF-8. Plain Python."""

import re
import unicodedata

SPECIALS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", *(f"<|extra_{i}|>" for i in range(205)),
            "<ref>", "</ref>", "<box>", "</box>", "<quad>", "</quad>", "<img>", "</img>", "<imgpad>")
ANY = re.compile("|".join(map(re.escape, SPECIALS)))


class ByteTokenizer:
    def __init__(self, rows):
        self.rows = rows  # that an image has in a sequence
        self.im_start_id, self.im_end_id = 257, 258

    def encode(self, text, allowed_special):
        assert allowed_special == "all"
        text, ids, end = unicodedata.normalize("NFC", text), [], 0
        for found in ANY.finditer(text):
            ids += text[end : found.start()].encode()
            end = found.end()
            special = 256 + SPECIALS.index(found[0])
            if found[0] == "</img>":
                path = ids[ids.index(special - 1, -self.rows - 1 if len(ids) > self.rows else 0) + 1 :]
                ids += [special + 1] * (self.rows - len(path))
            ids.append(special)
        return [*ids, *text[end:].encode()]
