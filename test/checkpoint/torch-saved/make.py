"""Files as PyTorch itself writes them, for torch-saved.test.ts. Made with torch 1.13 under Python 3.11."""

from pathlib import Path

import torch

FOLDER = Path(__file__).parent
torch.manual_seed(0)


def training_state():
    """What a training run keeps: weights of every type at the top, and all else that it needs to go on."""
    layer = torch.nn.Linear(2, 1)
    optimizer = torch.optim.Adam(layer.parameters())
    layer(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    values = [0, 1, 2]
    dtypes = ("float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool")
    tensors = {name: torch.tensor(values, dtype=getattr(torch, name)) for name in dtypes}
    with_attribute = torch.ones(1)
    with_attribute.note = "an attribute"
    return {
        **tensors,
        "parameter": torch.nn.Parameter(torch.tensor([3.0])),
        "with attribute": with_attribute,
        "complex": torch.tensor([1 + 2j]),
        "sparse": torch.eye(2).to_sparse(),
        "quantised": torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8),
        "optimizer": optimizer.state_dict(),
        "epoch": 3,
        "loss": 0.25,
        "seed": 2**70,
        "nothing": None,
        "flags": (True, False, -1, 70_000, -(2**40), "text"),
        "set": {1, 2},
        "frozen": frozenset([1]),
        "bytes": b"abc",
        "bytearray": bytearray(b"xyz"),
        "dtype": torch.float16,
        "device": torch.device("cuda:0"),
        "size": torch.Size([1, 2]),
    }


state = training_state()
for protocol in (2, 3, 4, 5):
    torch.save(state, FOLDER / f"protocol-{protocol}.bin", pickle_protocol=protocol)
small = torch.nn.Linear(2, 1)
torch.save(small.state_dict(), FOLDER / "legacy.bin", _use_new_zipfile_serialization=False)
torch.save(small, FOLDER / "module.bin")
torch.save({"model": small.state_dict(), "epoch": 3}, FOLDER / "nested.bin")
torch.jit.script(small).save(str(FOLDER / "script.bin"))
