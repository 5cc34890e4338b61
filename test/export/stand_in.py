"""A tree of PyTorch modules with the original's module paths, written from MODEL.md, to run golden/export.py on.

It computes the same, so that what the exporter writes of it can be compared with the goldens. It demands the same of
who calls it, as far as that was seen in a run of the original: a mask for every pass that is not a whole prompt, the
least number of its dtype in a mask, one token at a time after a cache, pictures by the names in the prompt. In training
it does what golden/train/README.md says: no NTK, no log-n, and an image of zeros for a batch without any.
"""

import json
import math
from types import SimpleNamespace

import torch
from torch import nn
from torch.nn import functional as F

from stand_in_vision import Visual
from tensors import read_safetensors


class RMSNorm(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x):
        wide = x.float()  # as in the original
        return (wide * (wide.pow(2).mean(-1, keepdim=True) + 1e-6).rsqrt()).type_as(x) * self.weight


class Rotary(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config, self.alpha = config, 1.0

    def forward(self, length, alpha):
        self.alpha = alpha  # what follows a prompt keeps the prompt's
        d = self.config.kv_channels
        base = self.config.rotary_emb_base * alpha ** (d / (d - 2))
        angles = torch.outer(torch.arange(length).float(), 1 / base ** (torch.arange(0, d, 2).float() / d))
        angles = torch.cat((angles, angles), -1)[None, :, None]
        return [angles.cos(), angles.sin()]


def rotate(x, tables):
    cos, sin = (table[:, -x.shape[1] :] for table in tables)
    first, second = x.float().chunk(2, -1)
    return (x.float() * cos + torch.cat((-second, first), -1) * sin).type_as(x)


class Attention(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        width = config.num_attention_heads * config.kv_channels
        self.c_attn = nn.Linear(config.hidden_size, 3 * width)
        self.c_proj = nn.Linear(width, config.hidden_size, bias=False)
        self.attn_dropout = nn.Dropout(0)

    def forward(self, x, tables, mask, cache):
        batch, length, _ = x.shape
        heads = (batch, length, self.config.num_attention_heads, -1)
        q, k, v = (part.reshape(heads) for part in self.c_attn(x).chunk(3, -1))
        q, k = rotate(q, tables), rotate(k, tables)
        if cache:
            k, v = torch.cat((cache[0], k), 1), torch.cat((cache[1], v), 1)
        present, total, seq_length = (k, v), k.shape[1], self.config.seq_length
        logn = torch.tensor([max(1.0, math.log(p, seq_length)) for p in range(1, total + 1)], dtype=torch.float32)
        logn = logn[-length:, None, None].type_as(q)
        q = q * logn if self.config.use_logn_attn and not self.training else q
        q, k, v = (part.transpose(1, 2) for part in (q, k, v))
        scores = q @ k.transpose(-1, -2) / math.sqrt(v.shape[-1])
        probabilities = self.attn_dropout((scores + mask).softmax(-1))
        return self.c_proj((probabilities @ v).transpose(1, 2).flatten(2)), present


class MLP(nn.Module):
    def __init__(self, config):
        super().__init__()
        width, hidden = config.hidden_size, config.intermediate_size // 2
        self.w1, self.w2 = nn.Linear(width, hidden, bias=False), nn.Linear(width, hidden, bias=False)
        self.c_proj = nn.Linear(hidden, width, bias=False)

    def forward(self, x):
        return self.c_proj(self.w1(x) * F.silu(self.w2(x)))


class Block(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.ln_1, self.ln_2 = RMSNorm(config.hidden_size), RMSNorm(config.hidden_size)
        self.attn, self.mlp = Attention(config), MLP(config)

    def forward(self, x, tables, mask, cache):
        attended, present = self.attn(self.ln_1(x), tables, mask, cache)
        x = x + attended
        return x + self.mlp(self.ln_2(x)), present


class Output(dict):
    """The original's outputs too are dictionaries with attributes."""

    __getattr__ = dict.__getitem__


class Decoder(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        self.visual = Visual(config.visual)
        self.wte = nn.Embedding(config.vocab_size, config.hidden_size)
        self.rotary_emb = Rotary(config)
        self.drop = nn.Dropout(0)
        self.h = nn.ModuleList(Block(config) for _ in range(config.num_hidden_layers))
        self.ln_f = RMSNorm(config.hidden_size)

    def names(self, ids):
        """What stands in the places of pictures, as text: where they begin, and which file each is."""
        start, places = self.config.visual["image_start_id"], []
        for row, at in (ids == start).nonzero().tolist():
            held = ids[row, at + 1 :].tolist()
            places.append((row, at, bytes(held[: held.index(start + 2)]).decode()))
        return places

    def forward(self, ids, mask, cache, use_cache):
        config, past, length = self.config, cache[0][0].shape[1] if cache else 0, ids.shape[1]
        places = [] if cache else self.names(ids)
        features = self.visual.encode([name for _, _, name in places]) if places else []
        embedded = self.wte(ids)
        mask = joint_mask(mask, embedded, cache)
        alpha = self.rotary_emb.alpha
        if not cache and config.use_dynamic_ntk and not self.training:
            alpha = max(1, 2 ** math.ceil(math.log2(length / config.seq_length) + 1) - 1)
        tables = self.rotary_emb(past + length, alpha)
        x = self.drop(embedded).clone()
        if self.training and not places:
            x = x + self.visual(torch.zeros(1, 3, 224, 224)).mean() * 0
        for (row, start, _), rows in zip(places, features):
            x[row, start + 1 : start + 1 + len(rows)] = rows  # in place, as in the original
        presents = []
        for block, kept in zip(self.h, cache or [None] * len(self.h)):
            x, present = block(x, tables, mask, kept)
            presents.append(present)
        return Output(last_hidden_state=self.ln_f(x), past_key_values=tuple(presents) if use_cache else None)


def _make_causal_mask(shape, dtype, device, past_key_values_length=0):
    """Has the original's name, by which the exporter finds it."""
    _, length = shape
    least = torch.full((length, length), torch.finfo(dtype).min, device=device)  # Quirk: of PyTorch's default dtype
    mask = least.triu(1).to(dtype)
    return torch.cat((torch.zeros(length, past_key_values_length, dtype=dtype), mask), -1)[None, None]


def joint_mask(given, embedded, cache):
    """What is added to the scores: the causal mask of a prompt, and the given one; nothing at all where both lack."""
    length, dtype = embedded.shape[1], embedded.dtype
    past = cache[0][0].shape[-2] if cache else 0  # Quirk: those are the heads, so that only single tokens work
    mask = _make_causal_mask((1, length), dtype, embedded.device, past) if length > 1 else None
    if given is None:
        return mask
    unseen = (1 - given[:, None, None].to(dtype)).bool()
    given = torch.zeros(unseen.shape, dtype=dtype).masked_fill(unseen, torch.finfo(dtype).min)
    return given if mask is None else given + mask


class StandIn(nn.Module):
    """`pixels` are what the original reads itself from the paths in the prompt."""

    def __init__(self, config, pixels):
        super().__init__()
        self.config = SimpleNamespace(**config)
        self.transformer = Decoder(self.config)
        self.transformer.visual.pixels = pixels
        self.lm_head = nn.Linear(self.config.hidden_size, self.config.vocab_size, bias=False)

    def forward(
        self, input_ids, past_key_values=None, attention_mask=None, labels=None, use_cache=None, return_dict=None
    ):
        use_cache = self.config.use_cache if use_cache is None else use_cache
        output = self.transformer(input_ids, attention_mask, past_key_values, use_cache)
        logits = self.lm_head(output.last_hidden_state)
        if not return_dict:
            return (logits,)
        loss = None if labels is None else F.cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten())
        return Output(loss=loss, logits=logits, past_key_values=output.past_key_values)


def load_stand_in(base):
    """The model of `BASE.config.json` and `BASE.weights.safetensors`, and the golden activations beside them."""
    golden = read_safetensors(f"{base}.activations.safetensors")
    with open(f"{base}.config.json", encoding="utf-8") as file:
        model = StandIn(json.load(file), golden["input.pixels"])
    model.load_state_dict(read_safetensors(f"{base}.weights.safetensors"))
    return model.eval(), golden


def make_context(tokenizer, query, system, max_window_size, chat_format):
    """Stands for the original's: the module of a checkpoint's model has it."""
    return f"{chat_format}, {max_window_size}, {system}: {query}", tokenizer
