"""Writes FOLDER/sample.safetensors, and beside it as JSON what is in it: for another reader to agree.

Also FOLDER/sequences.json: the conversations of golden/train with a vocabulary of single bytes.
"""

import array
import json
import math
import random
import sys
from pathlib import Path

GOLDEN = Path(__file__).parents[2] / "golden"
sys.path.insert(0, str(GOLDEN))

from byte_tokenizer import ByteTokenizer  # noqa: E402
from exporter.batch import read_conversation, tokenized  # noqa: E402
from exporter.formats import fingerprint, safetensors_writer, top, write_json  # noqa: E402

FORMATS = {"F64": "d", "F32": "f"}


def main(folder):
    chance = random.Random(2)
    expected, summaries = {}, {}
    names = [f"transformer.h.{number}.框" for number in range(60)]
    with safetensors_writer(f"{folder}/sample.safetensors", names, {"prompt": "框出\n\"", "seed": "0"}) as add:
        for name in names:
            dtype = chance.choice(["F64", "F32", "I64", "BF16"])
            shape = [chance.randrange(8) for _ in range(chance.randrange(5))]
            count = math.prod(shape)
            if dtype in FORMATS:
                scale = 2.0 ** chance.randrange(-60, 60)
                drawn = (chance.gauss(chance.choice([0, 9]), 1) * scale for _ in range(count))
                values = array.array(FORMATS[dtype], drawn)
                data = values.tobytes()
                if count > 0:
                    summaries[name] = {**fingerprint(name, shape, values), "top": top(values)}
            else:
                data = bytes(chance.randrange(256) for _ in range(count * (8 if dtype == "I64" else 2)))
            add(name, dtype, shape, data)
            expected[name] = {"dtype": dtype, "shape": shape, "hex": data.hex()}
    write_json(f"{folder}/expected.json", expected)
    write_json(f"{folder}/fingerprints.json", summaries)
    write_json(f"{folder}/sequences.json", sequences(16))


def sequences(rows):
    visual = {"image_start_id": 470, "n_queries": rows}
    cases = json.loads((GOLDEN / "train" / "sft-mask.json").read_text(encoding="utf-8"))["cases"]
    told = [tokenized(read_conversation(case), ByteTokenizer(rows), case["system"], visual) for case in cases]
    return [{"ids": ids, "labels": labels, "pictures": pictures} for ids, labels, pictures in told]


main(sys.argv[1])
