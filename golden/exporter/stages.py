"""Which parameters the stages of training change. Plain Python."""

from __future__ import annotations

VISUAL = "transformer.visual."
POOL = VISUAL + "attn_pool."
TABLE = POOL + "pos_embed"  # of positions, which the original makes frozen
AFTER_POOL = (VISUAL + "ln_post.", VISUAL + "proj")

# Quirk: the released script, whose default is the last, freezes what stands after the adapter's attention with the
# vision encoder, and trains the table.
STAGES = {
    "stage-1": lambda name: name.startswith(VISUAL) and name != TABLE,
    "stage-2": lambda name: name != TABLE,
    "stage-3": lambda name: name != TABLE and (not name.startswith(VISUAL) or name.startswith((POOL, *AFTER_POOL))),
    "stage-3-script": lambda name: not name.startswith(VISUAL) or name.startswith(POOL),
}
