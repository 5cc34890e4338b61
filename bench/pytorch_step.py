"""One training step of the small configuration in PyTorch, as a peer of bench/training.ts: forward, backward, clipping, AdamW.

Prints the median of the seconds of a step, as JSON. Layers as in MODEL.md, with PyTorch's own modules and weights by chance: their
speed is that of the original, whose modules they are.

    python3 bench/pytorch_step.py golden/tiny/config.json --conversations 32 --tokens 60 --threads 2 --steps 10
"""

import argparse
import json
import math
import statistics
import time

import torch
from torch import nn
from torch.nn import functional as F


def attend(q, k, v, heads, mask=None):
    """softmax(q kᵀ / √d) v, head by head. q [B, N, H·d], k and v [B, M, H·d]."""
    q, k, v = (x.view(x.shape[0], x.shape[1], heads, -1).transpose(1, 2) for x in (q, k, v))
    scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
    probabilities = torch.softmax(scores if mask is None else scores + mask, -1)
    return (probabilities @ v).transpose(1, 2).flatten(2)


class VisionBlock(nn.Module):
    def __init__(self, width, heads, hidden):
        super().__init__()
        self.heads = heads
        self.ln_1, self.ln_2 = nn.LayerNorm(width, 1e-6), nn.LayerNorm(width, 1e-6)
        self.in_proj, self.out_proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.c_fc, self.c_proj = nn.Linear(width, hidden), nn.Linear(hidden, width)

    def forward(self, x):
        x = x + self.out_proj(attend(*self.in_proj(self.ln_1(x)).chunk(3, -1), self.heads))
        return x + self.c_proj(F.gelu(self.c_fc(self.ln_2(x))))


class RMSNorm(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6) * self.weight


def rotate(x, cos, sin, heads):
    x = x.view(*x.shape[:2], heads, -1)
    a, b = x.chunk(2, -1)
    return (x * cos + torch.cat((-b, a), -1) * sin).flatten(2)


class DecoderBlock(nn.Module):
    def __init__(self, width, heads, hidden):
        super().__init__()
        self.heads = heads
        self.ln_1, self.ln_2 = RMSNorm(width), RMSNorm(width)
        self.c_attn, self.attn_proj = nn.Linear(width, 3 * width), nn.Linear(width, width, bias=False)
        self.w1, self.w2 = nn.Linear(width, hidden, bias=False), nn.Linear(width, hidden, bias=False)
        self.c_proj = nn.Linear(hidden, width, bias=False)

    def forward(self, x, cos, sin, mask):
        q, k, v = self.c_attn(self.ln_1(x)).chunk(3, -1)
        q, k = rotate(q, cos, sin, self.heads), rotate(k, cos, sin, self.heads)
        x = x + self.attn_proj(attend(q, k, v, self.heads, mask))
        normed = self.ln_2(x)
        return x + self.c_proj(self.w1(normed) * F.silu(self.w2(normed)))


class Model(nn.Module):
    def __init__(self, config):
        super().__init__()
        visual = config["visual"]
        width, patches = visual["width"], (visual["image_size"] // visual["patch_size"]) ** 2
        D, Q = config["hidden_size"], visual["n_queries"]
        self.heads, self.Q = config["num_attention_heads"], Q
        self.conv1 = nn.Conv2d(3, width, visual["patch_size"], visual["patch_size"], bias=False)
        self.positions = nn.Parameter(torch.randn(patches, width) * 0.02)
        self.ln_pre = nn.LayerNorm(width, 1e-6)
        hidden = int(width * visual["mlp_ratio"])
        self.resblocks = nn.ModuleList(VisionBlock(width, visual["heads"], hidden) for _ in range(visual["layers"]))
        self.kv_proj = nn.Linear(width, D, bias=False)
        self.query = nn.Parameter(torch.randn(Q, D) * 0.02)
        self.register_buffer("query_positions", torch.randn(Q, D))
        self.register_buffer("key_positions", torch.randn(patches, D))
        self.ln_q, self.ln_kv, self.ln_post = (nn.LayerNorm(D, 1e-6) for _ in range(3))
        self.q_proj, self.k_proj, self.v_proj, self.out_proj = (nn.Linear(D, D) for _ in range(4))
        self.proj = nn.Parameter(torch.randn(D, D) / math.sqrt(D))
        self.wte = nn.Embedding(config["vocab_size"], D)
        mlp = config["intermediate_size"] // 2
        self.h = nn.ModuleList(DecoderBlock(D, self.heads, mlp) for _ in range(config["num_hidden_layers"]))
        self.ln_f = RMSNorm(D)
        self.lm_head = nn.Linear(D, config["vocab_size"], bias=False)

    def forward(self, ids, pixels, first):
        """Scores of every position; the rows of the picture stand from `first` on."""
        x = self.ln_pre(self.conv1(pixels).flatten(2).transpose(1, 2) + self.positions)
        for block in self.resblocks:
            x = block(x)
        kv = self.ln_kv(self.kv_proj(x))
        q = self.q_proj(self.ln_q(self.query) + self.query_positions).expand(x.shape[0], -1, -1)
        read = attend(q, self.k_proj(kv + self.key_positions), self.v_proj(kv), kv.shape[-1] // 128)
        features = self.ln_post(self.out_proj(read)) @ self.proj
        x = self.wte(ids).clone()
        x[:, first : first + self.Q] = features
        T, d = x.shape[1], x.shape[2] // self.heads
        angles = torch.outer(torch.arange(T), 10000.0 ** (-torch.arange(0, d, 2) / d)).repeat(1, 2)
        cos, sin = angles.cos()[:, None], angles.sin()[:, None]
        mask = torch.full((T, T), float("-inf")).triu(1)
        for block in self.h:
            x = block(x, cos, sin, mask)
        return self.lm_head(self.ln_f(x))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("config")
    for name, value in {"conversations": 32, "tokens": 60, "threads": 2, "steps": 10}.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    with open(args.config, encoding="utf-8") as file:
        config = json.load(file)
    model = Model(config)
    decayed = [p for p in model.parameters() if p.dim() > 1]
    others = [p for p in model.parameters() if p.dim() == 1]
    groups = [{"params": decayed, "weight_decay": 0.05}, {"params": others, "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(groups, lr=1e-4, betas=(0.9, 0.98), eps=1e-6)
    B, T, size = args.conversations, args.tokens, config["visual"]["image_size"]
    text = 2 + model.Q  # <img>, the rows, </img>
    ids = torch.randint(0, 700, (B, T))
    labels = ids.clone()
    labels[:, :text] = -100
    pixels = torch.randn(B, 3, size, size)
    seconds = []
    for _ in range(args.steps + 2):
        start = time.perf_counter()
        scores = model(ids, pixels, 1)
        loss = F.cross_entropy(scores[:, :-1].flatten(0, 1), labels[:, 1:].flatten(), ignore_index=-100)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        seconds.append(time.perf_counter() - start)
    print(json.dumps({"seconds": statistics.median(seconds[2:]), "version": torch.__version__, "threads": args.threads}))


if __name__ == "__main__":
    main()
