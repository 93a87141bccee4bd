"""A trace as a notebook shows it: the tokens, what comes next, edits in force, and which tables there are."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from workings.display import parts
from workings.display.words import visible
from workings.engine.no_numbers import NO_NUMBERS, has_likeliest

if TYPE_CHECKING:
    from workings.display.plots import Picture
    from workings.engine.edits import Edit
    from workings.engine.trace import Trace

MOST_LIKELY = 8
MOST_EDITS = 20


def trace_html(trace: Trace) -> str:
    """HTML that needs nothing else; only the last row of the probabilities is worked out for it."""
    return parts.fragment(
        parts.token_chips(trace.tokens, trace.ids),
        _next(trace),
        _edits(trace.edits),
        _tables(trace),
        title=f"A trace of {parts.count(len(trace), 'token')}",
    )


def trace_plot(trace: Trace) -> Picture:
    """The likeliest next tokens as a figure."""
    from workings.display.plots import bars_plot

    known = has_likeliest(trace.rows("probabilities", -1)[0])
    words, shares = _likeliest(trace) if known else (["–"], [0.0])
    title = "What comes next" if known else NO_NUMBERS
    return bars_plot(words, [100 * share for share in shares], title, "share, percent")


def _likeliest(trace: Trace) -> tuple[list[str], list[float]]:
    best = trace.top(min(MOST_LIKELY, trace.shape("probabilities")[-1]))
    return [visible(word) for word, _ in best], [share for _, share in best]


def _next(trace: Trace) -> str:
    if "probabilities" not in trace:
        return ""
    heading = parts.heading("What comes next, by its share")
    if not has_likeliest(trace.rows("probabilities", -1)[0]):
        return heading + parts.paragraph(NO_NUMBERS, "note")
    return heading + parts.bars(*_likeliest(trace))


def _edits(edits: tuple[Edit, ...]) -> str:
    if not edits:
        return ""
    said = [_said(edit) for edit in edits[:MOST_EDITS]]
    more = [f"and {len(edits) - MOST_EDITS} more, in `.edits`"] if len(edits) > MOST_EDITS else []
    return parts.heading("Changed by hand") + parts.lines([*said, *more])


def _said(edit: Edit) -> str:
    amount = f"{float(edit.amount.ravel()[0]):.4g}" if edit.amount.size == 1 else f"{edit.amount.size:,} numbers"
    verb = {"value": "set to", "add": "added to by", "scale": "multiplied by"}[edit.kind]
    return f"{edit.name}{_index(edit.index)} {verb} {amount.replace('-', '−')}"


def _index(index: tuple[object, ...]) -> str:
    return f"[{', '.join(_place(part) for part in index)}]"


def _place(part: object) -> str:
    if not isinstance(part, slice):
        return " ".join(str(part).split())[:40]
    ends = ("" if end is None else str(end) for end in (part.start, part.stop))
    return ":".join(ends)


def _tables(trace: Trace) -> str:
    names = trace.names()
    shapes = [parts.shape_of(trace.shape(name)) for name in names]
    blocks = Counter(".".join(name.split(".")[:2]) for name in names if name.startswith("blocks."))
    # Blocks are alike: the first stands for all of them.
    kept = [place for place, name in enumerate(names) if not name.startswith("blocks.") or name.startswith("blocks.0.")]
    like = f"Blocks 1 to {len(blocks) - 1} have the same tables as block 0." if len(blocks) > 1 else ""
    title = (
        f"Its {len(names):,} tables: trace[name] is a NumPy array, trace.explain(name, ...) says how a number was made"
    )
    listed = parts.names([names[place] for place in kept], [shapes[place] for place in kept])
    return parts.folded(title, parts.paragraph(like, "note"), listed)
