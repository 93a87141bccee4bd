"""Where SAELens says that a sparse autoencoder reads, as a table here: one with the same numbers, or an error.

TransformerLens's names are ours with `hook_`; `attn.hook_z` is read head after head as one row, and so is `attn.z` here. Its newer `TransformerBridge` names what goes into a module and what comes
out of it, and a Hugging Face model has the names of its modules, which stand for what comes out of them.
"""

from __future__ import annotations

import re

from workings.engine.lookup import plain_name
from workings.errors import InputError

_BRIDGE = {
    "hook_in": "resid_pre", "hook_out": "resid_post", "ln2.hook_in": "resid_mid",
    "ln1.hook_out": "ln1.normalized", "ln2.hook_out": "ln2.normalized",
    "attn.hook_in": "ln1.normalized", "attn.hook_out": "attn_out",
    "mlp.hook_in": "ln2.normalized", "mlp.hook_out": "mlp_out",
}  # fmt: skip
"""TransformerBridge's names within a block."""
_MODULES = {
    "": "resid_post", ".ln_1": "ln1.normalized", ".attn": "attn_out", ".attn.c_proj": "attn_out", ".ln_2": "ln2.normalized",
    ".mlp.c_fc": "mlp.pre", ".mlp.act": "mlp.post", ".mlp": "mlp_out", ".mlp.c_proj": "mlp_out",
}  # fmt: skip
"""What comes out of the modules of a Hugging Face GPT-2's block."""
_OTHERS = {
    "hook_normalized": (
        "rows that TransformerLens takes before or after the learnt stretch and shift, by its version and settings; the table "
        "here is after it. If this one was trained on rows after it, write {plain} in its place"
    ),
    "hook_mlp_in": "a copy of resid_mid that the MLP alone reads; to see its features only, write blocks.N.hook_resid_mid",
    "hook_attn_in": "copies of resid_pre for each head, which no table here is",
}
"""Names that stand for other numbers than those of any table, or reach less far; and why."""
_OURS = re.compile(r"(encoder\.|decoder\.)?(blocks\.\d+\.|embed$|pos_embed$|ln_final\.)")
UNDERSTOOD = (
    "blocks.N. with hook_resid_pre, hook_resid_mid, hook_resid_post, hook_attn_out, hook_mlp_out, attn.hook_z, mlp.hook_pre, mlp.hook_post, "
    "hook_in, hook_out, attn.hook_in, attn.hook_out, mlp.hook_in, mlp.hook_out; hook_embed; and transformer.h.N with nothing, .ln_1, "
    ".attn, .ln_2, .mlp, .mlp.c_fc, .mlp.act"
)


def table_of(hook: str) -> str:
    """The table that a hook's name stands for. Raises `InputError`, with the names that are understood."""
    if (found := re.fullmatch(r"(blocks\.\d+)\.(.+)", hook)) and found[2] in _BRIDGE:
        return f"{found[1]}.{_BRIDGE[found[2]]}"
    if (found := re.fullmatch(r"(?:transformer\.)?h\.(\d+)(.*)", hook)) and found[2] in _MODULES:
        return f"blocks.{found[1]}.{_MODULES[found[2]]}"
    plain = plain_name(hook)
    if why := _OTHERS.get(hook.rsplit(".", 1)[-1]):
        raise InputError(f"hook_name {hook} stands for {why.format(plain=plain)}. Understood are {UNDERSTOOD}")
    if not _OURS.match(plain):
        raise InputError(f"hook_name {hook!r:.80} stands for no table here. Understood are {UNDERSTOOD}")
    return plain


def hook_of(table: str) -> str:
    """The name that SAELens knows a table by, or the table's own where it knows none for the same numbers."""
    before, _, last = table.rpartition(".")
    if f"hook_{last}" in _OTHERS:
        return table
    return f"{before}.hook_{last}" if before else f"hook_{last}"
