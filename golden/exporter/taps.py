"""Which taps are asked for. Plain Python."""

from __future__ import annotations

import fnmatch

# What stands between blocks, and the scores of what is decoded: enough to see which block goes wrong, at a small share
# of the size.
MAIN = (
    *(f"transformer.visual{part}" for part in (".conv1", ".ln_pre", ".attn_pool", ".ln_post", "")),
    *("transformer.wte", "transformer.ln_f", "logits", "decode.*"),
    *(f"{blocks}.{digits}" for blocks in ("transformer.visual.transformer.resblocks", "transformer.h")
      for digits in ("[0-9]", "[0-9][0-9]")),
)
GROUPS = {"main": MAIN, "all": ("*",)}


def wanted(name, patterns):
    """Whether a tap is asked for, by globs whose * matches dots too."""
    globs = [glob for pattern in patterns for glob in GROUPS.get(pattern, (pattern,))]
    return any(fnmatch.fnmatchcase(name, glob) for glob in globs)
