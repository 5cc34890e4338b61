"""A tree of PyTorch modules with the original's module paths, written from MODEL.md, to run golden/export.py on.

It computes the same, so that what the exporter writes of it can be compared with the goldens.
"""

import json
import math
from types import SimpleNamespace

import torch
from torch import nn
from torch.nn import functional as F

from tensors import read_safetensors


def resize(table, side):
    """A square table of positions `[A·A, C]` as `[side·side, C]`."""
    old = math.isqrt(len(table))
    if old == side:
        return table
    grid = table.float().reshape(1, old, old, -1).permute(0, 3, 1, 2)
    grid = F.interpolate(grid, size=(side, side), mode="bicubic", align_corners=False)
    return grid.permute(0, 2, 3, 1).flatten(0, 2).to(table.dtype)


class VisionAttention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.in_proj = nn.Linear(width, 3 * width)
        self.out_proj = nn.Linear(width, width)

    def forward(self, x):  # [L, images, D]
        length, images, width = x.shape
        joint = self.in_proj(x).reshape(length, images, self.heads, 3, width // self.heads)
        q, k, v = joint.permute(3, 1, 2, 0, 4)  # each [images, heads, L, d]
        probabilities = (q / math.sqrt(width // self.heads) @ k.transpose(-1, -2)).softmax(-1)
        return self.out_proj((probabilities @ v).permute(2, 0, 1, 3).reshape(length, images, width))


class VisionBlock(nn.Module):
    def __init__(self, width, heads, hidden):
        super().__init__()
        self.ln_1 = nn.LayerNorm(width, eps=1e-6)
        self.attn = VisionAttention(width, heads)
        self.ln_2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = nn.Sequential()
        self.mlp.add_module("c_fc", nn.Linear(width, hidden))
        self.mlp.add_module("gelu", nn.GELU())
        self.mlp.add_module("c_proj", nn.Linear(hidden, width))

    def forward(self, x):
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class VisionBlocks(nn.Module):
    def __init__(self, visual):
        super().__init__()
        width = visual["width"]
        hidden = int(width * visual["mlp_ratio"])
        self.resblocks = nn.ModuleList(VisionBlock(width, visual["heads"], hidden) for _ in range(visual["layers"]))

    def forward(self, x):
        for block in self.resblocks:
            x = block(x)
        return x


class Adapter(nn.Module):
    def __init__(self, queries, width, channels):
        super().__init__()
        self.query = nn.Parameter(torch.zeros(queries, channels))
        self.pos_embed = nn.Parameter(torch.zeros(queries, channels))
        self.kv_proj = nn.Linear(width, channels, bias=False) if width != channels else nn.Identity()
        self.ln_q = nn.LayerNorm(channels, eps=1e-6)
        self.ln_kv = nn.LayerNorm(channels, eps=1e-6)
        self.attn = nn.MultiheadAttention(channels, channels // 128)

    def forward(self, x):  # [images, L, D]
        positions = resize(self.pos_embed, math.isqrt(x.shape[1])).unsqueeze(1)
        kv = self.ln_kv(self.kv_proj(x)).transpose(0, 1)
        q = (self.ln_q(self.query) + self.pos_embed).unsqueeze(1).repeat(1, len(x), 1)
        return self.attn(q, kv + positions, kv)[0].transpose(0, 1)


class Visual(nn.Module):
    def __init__(self, visual):
        super().__init__()
        width, channels, patch = visual["width"], visual["output_dim"], visual["patch_size"]
        self.conv1 = nn.Conv2d(3, width, patch, stride=patch, bias=False)
        self.positional_embedding = nn.Parameter(torch.zeros(256, width))
        self.ln_pre = nn.LayerNorm(width, eps=1e-6)
        self.transformer = VisionBlocks(visual)
        self.attn_pool = Adapter(visual["n_queries"], width, channels)
        self.ln_post = nn.LayerNorm(channels, eps=1e-6)
        self.proj = nn.Parameter(torch.zeros(channels, channels))

    def forward(self, pixels):
        patches = self.conv1(pixels.to(self.proj.dtype)).flatten(2).transpose(1, 2)
        x = self.ln_pre(patches + resize(self.positional_embedding, math.isqrt(patches.shape[1])))
        x = self.transformer(x.transpose(0, 1)).transpose(0, 1)
        return self.ln_post(self.attn_pool(x)) @ self.proj


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
        self.config = config

    def forward(self, length, alpha):
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

    def forward(self, x, tables, cache):
        batch, length, _ = x.shape
        heads = (batch, length, self.config.num_attention_heads, -1)
        q, k, v = (part.reshape(heads) for part in self.c_attn(x).chunk(3, -1))
        q, k = rotate(q, tables), rotate(k, tables)
        if cache:
            k, v = torch.cat((cache[0], k), 1), torch.cat((cache[1], v), 1)
        present, total, seq_length = (k, v), k.shape[1], self.config.seq_length
        logn = torch.tensor([max(1.0, math.log(p, seq_length)) for p in range(1, total + 1)], dtype=torch.float32)
        q = q * logn[-length:, None, None].type_as(q) if self.config.use_logn_attn else q
        q, k, v = (part.transpose(1, 2) for part in (q, k, v))
        scores = q @ k.transpose(-1, -2) / math.sqrt(v.shape[-1])
        hidden = torch.ones(length, total, dtype=torch.bool).triu(total - length + 1)
        probabilities = self.attn_dropout(scores.masked_fill(hidden, -math.inf).softmax(-1))
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

    def forward(self, x, tables, cache):
        attended, present = self.attn(self.ln_1(x), tables, cache)
        x = x + attended
        return x + self.mlp(self.ln_2(x)), present


class Output(dict):
    """The original's outputs too are dictionaries with attributes."""

    __getattr__ = dict.__getitem__


class Decoder(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config, self.alpha = config, 1
        self.visual = Visual(config.visual)
        self.wte = nn.Embedding(config.vocab_size, config.hidden_size)
        self.rotary_emb = Rotary(config)
        self.drop = nn.Dropout(0)
        self.h = nn.ModuleList(Block(config) for _ in range(config.num_hidden_layers))
        self.ln_f = RMSNorm(config.hidden_size)

    def forward(self, ids, pixels, cache):
        config, past, length = self.config, cache[0][0].shape[1] if cache else 0, ids.shape[1]
        starts = [] if cache else (ids[0] == config.visual["image_start_id"]).nonzero()[:, 0].tolist()
        features = self.visual(pixels) if starts else []
        embedded = self.wte(ids)
        if not cache and config.use_dynamic_ntk:
            self.alpha = max(1, 2 ** math.ceil(math.log2(length / config.seq_length) + 1) - 1)
        tables = self.rotary_emb(past + length, self.alpha)
        x = self.drop(embedded)
        for start, rows in zip(starts, features):
            x[0, start + 1 : start + 1 + len(rows)] = rows  # in place, as in the original
        presents = []
        for block, kept in zip(self.h, cache or [None] * len(self.h)):
            x, present = block(x, tables, kept)
            presents.append(present)
        return Output(last_hidden_state=self.ln_f(x), past_key_values=tuple(presents))


class StandIn(nn.Module):
    """`pixels` are what the original reads itself from the paths in the prompt."""

    def __init__(self, config, pixels):
        super().__init__()
        self.config, self.pixels = SimpleNamespace(**config), pixels
        self.transformer = Decoder(self.config)
        self.lm_head = nn.Linear(self.config.hidden_size, self.config.vocab_size, bias=False)

    def forward(self, input_ids, past_key_values=None, use_cache=True, return_dict=True):
        output = self.transformer(input_ids, self.pixels, past_key_values)
        return Output(logits=self.lm_head(output.last_hidden_state), past_key_values=output.past_key_values)


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
