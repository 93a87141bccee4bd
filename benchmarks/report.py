"""Print what was measured as Markdown tables, and keep it as JSON."""

import json

from limits import READ_BYTES
from suite import Threshold


def quantity(value, work):
    """A measured number with its unit."""
    if work == "peak memory":
        return f"{value / 1e6:,.0f} MB"
    return f"{value:.2f} s" if value >= 1 else f"{1000 * value:.1f} ms"


def markdown(headings, rows):
    """A Markdown table whose columns line up."""
    rows = [headings, *([str(cell) for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(headings))]
    padded = [[cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in rows]
    lines = [f"| {' | '.join(row)} |" for row in padded]
    return "\n".join([lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]])


def _side(measured, work):
    if not measured.values:
        return "not measured"
    return f"{quantity(measured.median, work)} ({quantity(measured.smallest, work)})"


def comparisons_table(comparisons):
    headings = [
        "what",
        "prompt",
        "ours: median (min)",
        "peer",
        "peer: median (min)",
        "ratio",
        "ratio of min",
        "numbers differ by",
    ]
    rows = []
    for line in comparisons:
        ratios = (f"{line.ratio:.2f}x", f"{line.ratio_of_smallest:.2f}x") if line.complete else ("", "")
        ours, peer = _side(line.ours, line.work), _side(line.peer, line.work)
        rows.append([line.work, line.length, ours, line.peer.label, peer, *ratios, line.agreement])
    return markdown(headings, rows)


def memory_table(comparisons, weights_bytes):
    """The same peaks less the weights, which both sides must hold."""
    sides = {side.label: side for line in comparisons if line.work == "peak memory" for side in (line.ours, line.peer)}
    rows = [
        [label, quantity(side.median, "peak memory"), quantity(side.median - weights_bytes, "peak memory")]
        for label, side in sides.items()
        if side.values
    ]
    return markdown(["peak memory", "whole process", "less the weights"], rows)


def limits_table(limits):
    rows = []
    for length, measured in limits.products.items():
        rates = [
            f"{2 * length * limits.shape.weights / side.smallest / 1e9:.0f}" if side.values else ""
            for side in measured.values()
        ]
        rows.append([f"matrix products of {length} rows, GFLOP/s", *rates])
    rates = [f"{READ_BYTES / side.smallest / 1e9:.1f}" if side.values else "" for side in limits.reading.values()]
    return markdown(["limit (by the shortest time)", "numpy", "torch"], [*rows, ["reading memory, GB/s", *rates]])


def shares(comparisons, limits):
    """(what, tokens, library, least seconds, share of the limit reached) for what the limits speak about, used as documented."""
    least = {
        "every table": limits.seconds_of_tables,
        "change one row": limits.seconds_of_edit,
        "generate 64 tokens": limits.seconds_of_generating,
    }
    done = set()
    for line in comparisons:
        if line.work not in least or line.target is None:
            continue
        seconds = least[line.work](line.length)
        for side in (line.ours, line.peer):
            if side.values and (line.work, line.length, side.label) not in done:
                done.add((line.work, line.length, side.label))
                yield line.work, line.length, side.label, seconds, seconds / side.median


def shares_table(comparisons, limits):
    rows = [
        [work, length, label, quantity(seconds, work), f"{share:.0%}"]
        for work, length, label, seconds, share in shares(comparisons, limits)
    ]
    return markdown(["what", "prompt", "library", "least time by the limit", "share of the limit reached"], rows)


def targets(comparisons, thresholds):
    """(what, target, measured, met or not) for everything that has a target."""
    for line in comparisons:
        if line.target:
            what = f"{line.work}, prompt of {line.length:,}, against {line.peer.label}"
            measured = f"{line.ratio:.2f}x" if line.complete else "not measured"
            yield what, f"{line.target:g}x", measured, "met" if line.met else "not met" if line.complete else ""
    for line in thresholds:
        if line.at_most < float("inf"):
            measured = quantity(line.measured.median, "") if line.measured.values else "not measured"
            verdict = "met" if line.met else "not met" if line.measured.values else ""
            yield (
                line.work,
                f"under {line.at_most:g} s, without torch",
                measured + (", torch" if line.imports_torch else ""),
                verdict,
            )


def targets_table(comparisons, thresholds):
    return markdown(["target of", "must be", "measured", ""], targets(comparisons, thresholds))


def starts_table(thresholds):
    rows = [[line.work, _side(line.measured, ""), "yes" if line.imports_torch else "no"] for line in thresholds]
    return markdown(["start", "median (min)", "imports torch"], rows)


def part(measured):
    """What to print when one part of the suite is done: its table, and why something could not be measured."""
    if isinstance(measured[0], Threshold):
        return "\n\n".join([starts_table(measured), *problems(line.measured for line in measured)])
    both = (side for line in measured for side in (line.ours, line.peer))
    return "\n\n".join([comparisons_table(measured), *problems(both)])


def problems(measured):
    """Why something could not be measured, each reason once."""
    return list(
        {
            side.problem: f"{side.label} could not be measured:\n{side.problem}" for side in measured if side.problem
        }.values()
    )


def save(path, facts, comparisons, thresholds, limits):
    """Everything measured, every repeat, as JSON."""
    kept = {"machine": facts, "comparisons": [_kept(line) for line in comparisons]}
    kept["starts"] = [
        {"what": line.work, "seconds": line.measured.values, "torch": line.imports_torch} for line in thresholds
    ]
    kept["targets"] = [list(row) for row in targets(comparisons, thresholds)]
    if limits:
        kept["limits"] = {
            "flops_per_second": {rows: limits.flops_per_second(rows) for rows in limits.products},
            "bytes_per_second": limits.bytes_per_second(),
            "shares": [list(row) for row in shares(comparisons, limits)],
        }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(kept, indent=1) + "\n")


def _kept(line):
    kept = {"what": line.work, "tokens": line.length, "unit": "bytes" if line.work == "peak memory" else "seconds"}
    for key, side in (("ours", line.ours), ("peer", line.peer)):
        kept[key] = {"label": side.label, "values": side.values, "problem": side.problem}
    if line.complete:
        kept |= {"ratio": line.ratio, "ratio_of_smallest": line.ratio_of_smallest, "difference": line.agreement}
    return kept
