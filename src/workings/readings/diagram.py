"""The diagram reading: the architecture as a picture, with every table's shape and every part's parameter count.

Drawn from the graph alone, so that any model in the language has one. Blocks that are alike are drawn once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape

from workings.language.glossary import sentence
from workings.language.tables import Graph, Table, axis_labels

WIDTH, MARGIN, GAP, LINE, PAD = 600, 90, 26, 19, 12

STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1f2937 }
.title { font-weight: 600 } .shape { font: 12px ui-monospace, monospace; fill: #64748b }
.count { font-size: 12px; fill: #b45309 } .repeat { font-size: 13px; font-weight: 600; fill: #0f766e; paint-order: stroke; stroke: #f8fafc; stroke-width: 6px }
.box { fill: #ffffff; stroke: #94a3b8 } .stream { fill: #ecfdf5; stroke: #0f766e }
.frame { fill: #f8fafc; stroke: #cbd5e1; stroke-dasharray: 5 4 }
.flow { stroke: #64748b; fill: none } .skip { stroke: #0f766e; fill: none; stroke-width: 1.6 }
.paper { fill: #ffffff } .tip { fill: #64748b } .skiptip { fill: #0f766e }
@media (prefers-color-scheme: dark) {
  text { fill: #e2e8f0 } .shape { fill: #94a3b8 } .count { fill: #fbbf24 } .repeat { fill: #5eead4; stroke: #0f172a }
  .box { fill: #1e293b; stroke: #64748b } .stream { fill: #134e4a; stroke: #5eead4 } .frame { fill: #0f172a; stroke: #475569 }
  .flow { stroke: #94a3b8 } .skip { stroke: #5eead4 } .paper { fill: #020617 } .tip { fill: #94a3b8 } .skiptip { fill: #5eead4 }
}
"""


@dataclass
class _Box:
    """One box: a named table of its own, or a group of tables with one prefix, such as `blocks.0.attn`."""

    name: str
    block: str | None
    tables: list[Table] = field(default_factory=list)
    n_parameters: int = 0
    top: int = 0

    @property
    def is_group(self) -> bool:
        return self.tables[0].name != self.name

    @property
    def height(self) -> int:
        return 2 * PAD + LINE * (len(self.tables) + 1 if self.is_group else 1)

    @property
    def middle(self) -> int:
        return self.top + self.height // 2


def diagram(graph: Graph, title: str = "") -> str:
    """The model's architecture as SVG text, readable by itself or inside a page, in light and dark."""
    boxes, repeats = _boxes(graph)
    bottom = _place(boxes, bool(title))
    parts = [f'<rect class="paper" width="{WIDTH}" height="{bottom}"/>']
    if title:
        parts.append(_text(WIDTH // 2, 28, title, "title", "middle"))
    frames = list(_frames(boxes, repeats))
    parts += [frame for frame, _ in frames] + list(_arrows(boxes, graph)) + [words for _, words in frames]
    parts += [line for box in boxes for line in _draw(box)]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {bottom}" width="{WIDTH}" height="{bottom}" '
        f'role="img" aria-label="{escape(title or "architecture", quote=True)}"><style>{STYLE}</style>{"".join(parts)}</svg>\n'
    )


def _boxes(graph: Graph) -> tuple[list[_Box], dict[str, int]]:
    """Boxes in order of working, of blocks that are alike only the first; and how many each drawn block stands for."""
    boxes: dict[str, _Box] = {}
    for table in graph.named.values():
        name = table.name or ""
        block = _block(name)
        rest = name.removeprefix(f"{block}.") if block else name
        home = name if "." not in rest else name[: len(name) - len(rest)] + rest.rsplit(".", 1)[0]
        boxes.setdefault(home, _Box(home, block)).tables.append(table)
    for name, weight in graph.weights.items():
        if weight.row_axis is None:
            owners = [home for home in boxes if name.startswith(f"{home}.")]
            owner = max(owners, key=len) if owners else _reader_box(graph, weight, boxes)
            if owner:
                boxes[owner].n_parameters += _size(weight)
    return _first_of_each(list(boxes.values()))


def _first_of_each(boxes: list[_Box]) -> tuple[list[_Box], dict[str, int]]:
    looks: dict[str, list[tuple[str, ...]]] = {}
    for box in boxes:
        if box.block:
            short = tuple(f"{(t.name or '').removeprefix(box.block)}{_shape(t)}" for t in box.tables)
            looks.setdefault(box.block, []).append((*short, str(box.n_parameters)))
    repeats: dict[str, int] = {}
    first: dict[str, str] = {}
    for block, look in looks.items():
        drawn = first.setdefault(f"{re.sub(r'[0-9]+$', '', block)}{look}", block)
        repeats[drawn] = repeats.get(drawn, 0) + 1
    return [box for box in boxes if box.block is None or box.block in repeats], repeats


def _block(name: str) -> str | None:
    found = re.match(r"(.*?blocks\.\d+)\.", name)
    return found.group(1) if found else None


def _reader_box(graph: Graph, weight: Table, boxes: dict[str, _Box]) -> str | None:
    """The first box with a table that reads a weight which lies in no box's own group."""
    for home, box in boxes.items():
        if any(weight in _before(table) for table in box.tables):
            return home
    return None


def _before(table: Table) -> list[Table]:
    """The nearest named tables and weights that a table follows from."""
    found: dict[Table, None] = {}
    todo = list(table.inputs)
    while todo:
        here = todo.pop()
        if here.name is not None:
            found[here] = None
        else:
            todo.extend(here.inputs)
    return list(found)


def _size(weight: Table) -> int:
    size = 1
    for axis in weight.axes:
        size *= axis.size or 1
    return size


def _place(boxes: list[_Box], titled: bool) -> int:
    top, block = 48 if titled else 20, None
    for box in boxes:
        if box.block != block:
            top += GAP if box.block or block else 0
            block = box.block
        box.top = top
        top += box.height + GAP
    return top


def _frames(boxes: list[_Box], repeats: dict[str, int]) -> Iterator[tuple[str, str]]:
    """The frame around each drawn block, and the words on it."""
    for block, count in repeats.items():
        inside = [box for box in boxes if box.block == block]
        top, bottom = inside[0].top - 30, inside[-1].top + inside[-1].height + 12
        total = sum(box.n_parameters for box in inside)
        said = f"{block}: {total:,} parameters" + (f", and {count - 1} more blocks like it" if count > 1 else "")
        frame = f'<rect class="frame" x="20" y="{top}" width="{WIDTH - 40}" height="{bottom - top}" rx="10"/>'
        yield frame, _text(34, top + 19, said, "repeat")


def _arrows(boxes: list[_Box], graph: Graph) -> Iterator[str]:
    """Straight arrows to the next box, bows on the left where a table is carried past boxes in between."""
    home = {table: place for place, box in enumerate(boxes) for table in box.tables}
    bows: list[tuple[int, int]] = []
    for place, box in enumerate(boxes):
        before = {home[t] for table in box.tables for t in _before(table) if t in home} - {place}
        for other in before:
            if other == place - 1:
                yield _down(boxes[other], box)
            else:
                bows.append((other, place))
        if (
            place
            and not before
            and box.block is None
            and any(graph.weights.get("ids") in _before(t) for t in box.tables)
        ):
            continue
        if place and place - 1 not in before and box.block != boxes[place - 1].block:
            yield _down(boxes[place - 1], box)
    for start, stop in bows:
        a, b = boxes[start], boxes[stop]
        reach = min(MARGIN - 34, 18 + 5 * (stop - start))
        left = MARGIN - reach
        yield (
            f'<path class="skip" d="M {MARGIN} {a.middle} C {left} {a.middle}, {left} {b.middle}, {MARGIN - 7} {b.middle}"/>'
            f'<path class="skiptip" d="M {MARGIN} {b.middle} l -8 -4 v 8 z"/>'
        )


def _down(a: _Box, b: _Box) -> str:
    x = WIDTH // 2
    return f'<path class="flow" d="M {x} {a.top + a.height} V {b.top - 7}"/><path class="tip" d="M {x} {b.top} l -4 -8 h 8 z"/>'


def _draw(box: _Box) -> Iterator[str]:
    stream = " stream" if (box.tables[0].name or "").rsplit(".", 1)[-1].startswith("resid") else ""
    yield f"<g><title>{escape(_tip(box))}</title>"
    yield f'<rect class="box{stream}" x="{MARGIN}" y="{box.top}" width="{WIDTH - 2 * MARGIN}" height="{box.height}" rx="7"/>'
    y = box.top + PAD + 13
    short = box.name.removeprefix(f"{box.block}.") if box.block else box.name
    yield _text(MARGIN + 12, y, short, "title")
    if box.n_parameters:
        beside = 0 if box.is_group else 14 + round(7.3 * len(_shape(box.tables[0])))
        yield _text(WIDTH - MARGIN - 12 - beside, y, f"{box.n_parameters:,} parameters", "count", "end")
    if not box.is_group:
        yield _text(WIDTH - MARGIN - 12, y, _shape(box.tables[0]), "shape", "end")
    for table in box.tables if box.is_group else ():
        y += LINE
        yield _text(MARGIN + 28, y, (table.name or "").rsplit(".", 1)[-1])
        yield _text(WIDTH - MARGIN - 12, y, _shape(table), "shape", "end")
    yield "</g>"


def _tip(box: _Box) -> str:
    return "\n".join(f"{table.name}: {sentence(table.name or '')}" for table in box.tables)


def _shape(table: Table) -> str:
    words = axis_labels(table.axes)
    return (
        "["
        + ", ".join(w if a.size in (None, 1) else f"{w} {a.size}" for w, a in zip(words, table.axes, strict=True))
        + "]"
    )


def _text(x: int, y: int, content: str, kind: str = "", anchor: str = "start") -> str:
    return f'<text x="{x}" y="{y}" class="{kind}" text-anchor="{anchor}">{escape(content)}</text>'
