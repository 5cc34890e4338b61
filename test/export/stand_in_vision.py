"""The vision encoder and the adapter of the stand-in for the original, see stand_in.py."""

import math

import torch
from torch import nn
from torch.nn import functional as F


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
        self.pos_embed = nn.Parameter(torch.zeros(queries, channels), requires_grad=False)
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

    def encode(self, names):
        """Takes the original's place, which reads files: what it would open is kept for tests to see."""
        self.opened = names
        return self(self.pixels)

    def forward(self, pixels):
        patches = self.conv1(pixels.to(self.proj.dtype)).flatten(2).transpose(1, 2)
        x = self.ln_pre(patches + resize(self.positional_embedding, math.isqrt(patches.shape[1])))
        x = self.transformer(x.transpose(0, 1)).transpose(0, 1)
        return self.ln_post(self.attn_pool(x)) @ self.proj
