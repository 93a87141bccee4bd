"""Path patching: what one part of the model tells another directly, and not by way of the parts between.

Sources: Wang et al. 2022, Interpretability in the Wild, section 3.1 and appendix B; Goldowsky-Dill et al. 2023, Localizing
Model Behavior with Path Patching, section 3.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial

import numpy as np

from workings.anatomy.cells import Positions, places
from workings.anatomy.choice import Token
from workings.anatomy.contrast import Contrast, PatchingSweep, Progress, contrast
from workings.anatomy.patching import swept
from workings.checkpoints.model import Model, Prompt
from workings.engine.trace import Trace
from workings.errors import InputError

End = str | tuple[str, int]
"""A table, or one head of it: `"blocks.0.mlp_out"`, `("blocks.0.attn.z", 3)`."""

_WRITER = re.compile(r"(?:decoder\.)?blocks\.\d+\.(?:attn_out|mlp_out)")
_ATTENTION = re.compile(r"(?:decoder\.)?blocks\.\d+\.attn_out")
THROUGH_MLPS = ", through MLPs"
"""How the method of a sweep ends in which MLPs answer."""
_SPELLED = re.compile(r"(\d+)\.(\d+)\.([qkv])")
_LIKE_HEADS = re.compile(r"L?\d+([.H]\w*)*", re.IGNORECASE)
_HEADS = re.compile(r"blocks\.(\d+)\.attn\.([qkv])")
_ROLES = {"q": "queries", "k": "keys", "v": "values"}
_INSIDE = re.compile(r"((?:decoder\.)?blocks\.\d+\.)(attn|mlp)\.\w+")


@dataclass(frozen=True)
class PathPatch:
    """What a sender's new numbers do along direct paths to a receiver. Made by `path_patch`.

    `difference` is the answer's logit less the other token's, `value` the same with 0 for the corrupted prompt and 1 for the clean
    one; `trace` the patched trace, in which the receiver has what the sender alone told it.
    """

    contrast: Contrast
    sender: End
    receiver: End
    trace: Trace

    @property
    def difference(self) -> float:
        """The difference of the two logits with the path patched."""
        return self.contrast.difference(self.trace)

    @property
    def value(self) -> float:
        """What the path restores of the clean difference: 0 is the corrupted prompt, 1 the clean one."""
        return self.contrast.share(self.difference)


def path_patch(
    model: Model,
    clean: Prompt | Trace,
    corrupted: Prompt | Trace,
    sender: End,
    receiver: End = "logits",
    answer: Token | None = None,
    against: Token | None = None,
    position: int = -1,
    sender_positions: Positions = None,
    receiver_positions: Positions = None,
    direction: str = "denoising",
    dtype: str = "float32",
    through_mlps: bool = False,
) -> PathPatch:
    """Let a sender tell one receiver what it says on the other prompt, all else being as it is, and see what that does.

    `sender` writes into the residual stream: `embed`, a head's `("blocks.0.attn.z", 3)`, `"blocks.0.mlp_out"`. `receiver`
    reads from it: a head's `("blocks.1.attn.q", 2)`, `k` or `v`, an MLP's `"blocks.1.mlp.pre"`, or `"logits"`. Positions are
    all unless given. The other options are those of `patching_sweep`, which also says how edited traces are taken.

    First the sender's numbers are put in while every attention and every MLP between it and the receiver keeps what it
    wrote before, so that the change comes through the stream alone; then what the receiver makes of that is put in,
    and all that follows from the receiver is new. With `through_mlps` the MLPs between answer the change, and only attention is
    kept, as Wang et al. do: then what MLPs make of the sender counts as said by the sender. Norms take the changed stream as it is.

    What it means: what this receiver gets from that sender, of what tells the prompts apart. What it does not mean: the
    whole effect of the sender; ways through other parts are left out on purpose.

    Source: Wang et al. 2022, Interpretability in the Wild, section 3.1 and appendix B. Raises `InputError` as `contrast` does, where the sender comes after the receiver, and where it says the same on both
    prompts, so that nothing would be sent; `UnknownTable`; `OutsideTable`.
    """
    pair = contrast(model, clean, corrupted, answer, against, position, direction, dtype)
    _check_order(pair.base, sender, receiver)
    sent = _sent(pair, _kept(pair.base, sender, receiver, through_mlps), sender, sender_positions)
    return PathPatch(pair, sender, receiver, _received(pair.base, sent, receiver, receiver_positions))


def path_patching_sweep(
    model: Model,
    clean: Prompt | Trace,
    corrupted: Prompt | Trace,
    receiver: End = "logits",
    answer: Token | None = None,
    against: Token | None = None,
    position: int = -1,
    receiver_positions: Positions = None,
    direction: str = "denoising",
    dtype: str = "float32",
    progress: Progress | None = None,
    through_mlps: bool = False,
) -> PatchingSweep:
    """`path_patch` from every head before a receiver in turn, at all positions: who tells the receiver what matters.

    Gives a sweep over blocks and heads, the blocks being those before the receiver. What a cell means and does not mean, and
    the source, are those of `path_patch`. Raises as `path_patch` does, and
    where no head comes before the receiver.
    """
    pair = contrast(model, clean, corrupted, answer, against, position, direction, dtype)
    tables, cells = path_cells(pair, receiver, receiver_positions, through_mlps)
    found = pair.sweep([cell for row in cells for cell in row], progress)
    differences = np.array(found).reshape(len(tables), -1)
    method = f"path patching into {_spelled(receiver)}{THROUGH_MLPS if through_mlps else ''}"
    return PatchingSweep("heads", method, pair, tables, True, differences, lambda b, h: cells[b][h]())


def path_cells(
    pair: Contrast, receiver: End, positions: Positions = None, through_mlps: bool = False
) -> tuple[tuple[str, ...], list[list[Callable[[], Trace]]]]:
    """The `z` of every block before a receiver, and what makes the patched trace of every head of it: a row a block.

    A trace is the base itself where the head says the same on both prompts. Raises `InputError`, `UnknownTable`, `OutsideTable`.
    """
    name, head = _split(receiver)
    list(places(pair.base, name, head, positions))  # so that a receiver that there is none of is refused now
    if pair.base.table(name).number > pair.base.table("logits").number:
        raise InputError(f"{name} comes after the logits, by which a path is measured; give a receiver before them")
    tables = tuple(table for table in swept(pair.base, "heads")[0] if _is_before(pair.base, table, name))
    if not tables:
        raise InputError(f"no head comes before {name}, so none can tell it anything")
    kept = cache(lambda table: _kept(pair.base, table, receiver, through_mlps))

    def make(table: str, sender: int) -> Trace:
        if np.array_equal(pair.source[table][sender], pair.base[table][sender]):
            return pair.base
        sent = _sent(pair, kept(table), (table, sender), None)
        return _received(pair.base, sent, receiver, positions)

    n_heads = pair.base.shape(tables[0])[0]
    return tables, [[partial(make, table, sender) for sender in range(n_heads)] for table in tables]


def read_receiver(model: Model, text: str) -> End:
    """A receiver as people write it: `2.0.q` is the queries of head 0 of block 2 (`k`, `v`), anything else a table's name.

    Raises `InputError` for what is neither, and for a block or a head that the model does not have.
    """
    trace, text = model.trace([0]), text.strip()
    blocks = {int(found[1]): trace.shape(name)[0] for name in trace.names() if (found := _HEADS.fullmatch(name))}
    if (found := _SPELLED.fullmatch(text)) and int(found[2]) < blocks.get(int(found[1]), 0):
        return f"blocks.{found[1]}.attn.{found[3]}", int(found[2])
    if not blocks or not _LIKE_HEADS.fullmatch(text):
        return text  # where it is no table's name, the right one is named where it is looked up
    last = max(blocks)
    raise InputError(
        f"the receiver of a path is BLOCK.HEAD.q, .k or .v (queries, keys, values), such as {last}.0.q, a table's name, or logits; "
        f"{text[:40]!r} came. This model has the blocks 0 to {last}, with the heads 0 to {blocks[last] - 1}"
    )


def receiver_said(end: End) -> str:
    """A receiver in words: "head 0 of block 2 (its queries)", "the MLP of block 1", "the scores"."""
    name, head = _split(end)
    found = _HEADS.fullmatch(name)
    if found and head is not None:
        return f"head {head} of block {found[1]} (its {_ROLES[found[2]]})"
    if name.endswith(".mlp.pre"):
        return f"the MLP of block {name.split('.')[-3]}"
    return "the scores" if name == "logits" else _spelled(end)


def _split(end: End) -> tuple[str, int | None]:
    if isinstance(end, str):
        return end, None
    if isinstance(end, tuple | list) and len(end) == 2 and isinstance(end[0], str):
        return end[0], end[1]
    raise InputError(
        f"a sender or receiver is a table's name, or a head of one, such as ('blocks.2.attn.q', 0); {end!r:.80} came"
    )


def _spelled(end: End) -> str:
    name, head = _split(end)
    return name if head is None else f"{name}, head {head}"


def _is_before(trace: Trace, sender: str, receiver: str) -> bool:
    return trace.table(_written_by(trace, sender)).number < trace.table(receiver).number


def _check_order(trace: Trace, sender: End, receiver: End) -> None:
    if not _is_before(trace, _split(sender)[0], _split(receiver)[0]):
        raise InputError(f"{_spelled(sender)} does not come before {_spelled(receiver)}, so it cannot tell it anything")


def _written_by(trace: Trace, name: str) -> str:
    """The table by which a part writes into the residual stream: `blocks.0.attn_out` for `blocks.0.attn.z`."""
    known = trace.table(name).name or name
    found = _INSIDE.fullmatch(known)
    return f"{found[1]}{found[2]}_out" if found else known


def _kept(base: Trace, sender: End, receiver: End, through_mlps: bool) -> Trace:
    """The base trace with everything that is written between sender and receiver held as it is, but perhaps by MLPs."""
    own, end = base.table(_written_by(base, _split(sender)[0])), base.table(_split(receiver)[0])
    kept, held = base, _ATTENTION if through_mlps else _WRITER
    for name in base.names():
        if held.fullmatch(name) and own.number < base.table(name).number < end.number:
            kept = kept.edit(name, value=base[name])
    return kept


def _sent(pair: Contrast, kept: Trace, sender: End, positions: Positions) -> Trace:
    name, head = _split(sender)
    theirs, ours, sent = pair.source[name], pair.base[name], kept
    for place in places(pair.base, name, head, positions):
        if not np.array_equal(theirs[place], ours[place]):
            sent = sent.edit(name, place, value=theirs[place])
    if sent is kept:
        raise InputError(f"{_spelled(sender)} says the same on both prompts there, so nothing would be sent")
    return sent


def _received(base: Trace, sent: Trace, receiver: End, positions: Positions) -> Trace:
    """The base trace with what the receiver makes of what was sent."""
    name, head = _split(receiver)
    if name == "logits" and positions is None:
        return sent
    new, numbers = base, sent[name]
    for place in places(base, name, head, positions):
        new = new.edit(name, place, value=numbers[place])
    return new


__all__ = ["PathPatch", "path_cells", "path_patch", "path_patching_sweep", "read_receiver", "receiver_said"]
