"""How fast workbooks are written, how large they are, and how much memory that takes.

    python benchmarks/workbook.py              # everything, about two minutes on two quiet cores
    python benchmarks/workbook.py --only peers # a million numbers, beside XlsxWriter and openpyxl
    python benchmarks/workbook.py --only whole # a whole model with the shape of GPT-2 small, in one file

Needs `workings` and openpyxl; 1.5 GB of disk under `build/benchmarks` for a while. Every run is a fresh process.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from fresh import peak_memory
from machine import facts, watch

FOLDER = Path(__file__).parent.parent / "build" / "benchmarks"
PACKAGES = ("workings", "numpy", "orjson", "isal", "XlsxWriter", "openpyxl")
SIDES = ("workings", "XlsxWriter", "XlsxWriter, constant memory", "openpyxl, write only")
TARGET_RATIO, TARGET_SECONDS, TARGET_BYTES, TARGET_PEAK = 40, 45, 800e6, 1.5e9
TARGET_MILLION_SECONDS, TARGET_MILLION_BYTES = 2, 12e6

BLOCKS, D_MODEL, D_MLP, D_VOCAB, N_CTX, TOKENS = 12, 768, 3072, 50257, 1024, 16
WEIGHTS = {
    "attn.W_QKV": (D_MODEL, 3 * D_MODEL),
    "attn.b_QKV": (1, 3 * D_MODEL),
    "attn.W_O": (D_MODEL, D_MODEL),
    "attn.b_O": (1, D_MODEL),
    "mlp.W_in": (D_MODEL, D_MLP),
    "mlp.b_in": (1, D_MLP),
    "mlp.W_out": (D_MLP, D_MODEL),
    "mlp.b_out": (1, D_MODEL),
    "ln": (4, D_MODEL),
}
TABLES = dict.fromkeys("ln1 q k v z attn_out resid_mid ln2 mlp_out resid_post".split(), D_MODEL)
TABLES |= {"pre": D_MLP, "post": D_MLP, "scores": 12 * TOKENS, "pattern": 12 * TOKENS}


def million() -> np.ndarray:
    return (np.random.default_rng(0).standard_normal((1000, 1000)) * 0.02).astype(np.float32)


def by_workings(path: Path, values: np.ndarray) -> None:
    from workings.workbook.package import write_package
    from workings.workbook.page import Block, Page

    write_package(path, [Page("Weights", blocks=[Block(0, 0, values)])], replace=True)


def by_xlsxwriter(path: Path, values: np.ndarray, constant_memory: bool = False) -> None:
    import xlsxwriter

    with xlsxwriter.Workbook(path, {"constant_memory": constant_memory}) as workbook:
        sheet = workbook.add_worksheet("Weights")
        number = workbook.add_format({"num_format": "0.0000"})
        for row, numbers in enumerate(values.tolist()):
            for column, value in enumerate(numbers):
                sheet.write_number(row, column, value, number)


def by_openpyxl(path: Path, values: np.ndarray) -> None:
    import openpyxl

    workbook = openpyxl.Workbook(write_only=True)
    sheet = workbook.create_sheet("Weights")
    for numbers in values.tolist():
        sheet.append(numbers)  # without a style, which would make it slower still
    workbook.save(path)


def write_million(side: str) -> dict:
    path = FOLDER / "million.xlsx"
    write = {
        "workings": by_workings,
        "XlsxWriter": by_xlsxwriter,
        "XlsxWriter, constant memory": lambda *these: by_xlsxwriter(*these, constant_memory=True),
        "openpyxl, write only": by_openpyxl,
    }[side]
    values = million()
    write(path, values[:2, :2])  # so that imports do not count
    with watch() as watched:
        write(path, values)
    size = path.stat().st_size
    path.unlink()
    return measured(watched, values.size, size)


def measured(watched, cells: int, size: int) -> dict:
    return {
        "seconds": watched.seconds,
        "cells": cells,
        "bytes": size,
        "peak": peak_memory(),
        "others": watched.cores_of_others,
    }


def mapped_weights() -> np.ndarray:
    """124 million random numbers in a file, of which views are taken as of a checkpoint's."""
    path, count = FOLDER / "weights.f32", n_weights()
    if not path.exists() or path.stat().st_size != 4 * count:
        rng = np.random.default_rng(0)
        with path.open("wb") as file:
            for start in range(0, count, 1 << 22):
                numbers = rng.standard_normal(min(1 << 22, count - start), dtype=np.float32)
                file.write((numbers * np.float32(0.02)).tobytes())
    return np.asarray(np.memmap(path, np.float32, "r"))


def n_weights() -> int:
    return (D_VOCAB + N_CTX + 2) * D_MODEL + BLOCKS * sum(rows * columns for rows, columns in WEIGHTS.values())


def whole_model(weights: np.ndarray) -> Iterator:
    """Pages with GPT-2 small's weights, and array formulas over the tables of 16 tokens."""
    from workings.workbook.page import Block, Page
    from workings.workbook.references import span

    taken = 0

    def take(rows: int, columns: int) -> np.ndarray:
        nonlocal taken
        taken += rows * columns
        return weights[taken - rows * columns : taken].reshape(rows, columns)

    embedding = Page("Embedding", frozen=(1, 1))
    logits = {
        (row, 0): (f"MMULT('Embedding'!{span(row + 1, 1, 1, D_MODEL)},final)", 1, TOKENS) for row in range(D_VOCAB)
    }
    values = weights[: D_VOCAB * TOKENS].reshape(D_VOCAB, TOKENS)
    embedding.blocks = [Block(1, 1, take(D_VOCAB, D_MODEL)), Block(1, D_MODEL + 2, values, logits)]
    for token in range(D_VOCAB):
        embedding.write(token + 1, 0, f" token{token}", style="label")
    yield embedding
    yield Page("Positions", blocks=[Block(1, 0, take(N_CTX, D_MODEL)), Block(N_CTX + 2, 0, take(2, D_MODEL))])
    for index in range(BLOCKS):
        page, row = Page(f"Block {index}", frozen=(1, 1)), 1
        for name, columns in TABLES.items():
            page.write(row, 0, name, style="heading")
            formulas = {(r, 0): (f"MMULT({span(row, 1, 1, D_MODEL)},W_{name})", 1, columns) for r in range(TOKENS)}
            page.blocks.append(Block(row + 1, 1, weights[: TOKENS * columns].reshape(TOKENS, columns), formulas))
            row += TOKENS + 2
        for name, shape in WEIGHTS.items():
            page.write(row, 0, name, style="heading")
            page.blocks.append(Block(row + 1, 1, take(*shape)))
            row += shape[0] + 2
        yield page
    assert taken == n_weights()


def write_whole() -> dict:
    from workings.workbook.package import write_package

    path = FOLDER / "whole.xlsx"
    pages = list(whole_model(mapped_weights()))
    cells = sum(len(page.cells) + sum(block.values.size for block in page.blocks) for page in pages)
    covered = sum(
        rows * columns for page in pages for block in page.blocks for _, rows, columns in block.formulas.values()
    )
    try:
        with watch() as watched:
            write_package(path, pages, replace=True)
        return measured(watched, cells, path.stat().st_size) | {"covered": covered}
    finally:
        path.unlink(missing_ok=True)


def limits() -> dict:
    """What one core does of it at best: the decimals alone, and packing alone, for the first tenth of the weights."""
    import orjson

    from workings.workbook.package.packing import Piece, pack

    values = mapped_weights()[: n_weights() // 10 // D_MODEL * D_MODEL].reshape(-1, D_MODEL)
    decimals = packing = 0.0
    for start in range(0, len(values), 42):
        began = time.perf_counter()
        text = orjson.dumps(values[start : start + 42], option=orjson.OPT_SERIALIZE_NUMPY)
        made = time.perf_counter()
        piece = Piece(text.replace(b",", b'</v></c><c s="3"><v>'), only_numbers=True)
        pack_from = time.perf_counter()
        pack(piece)
        decimals, packing = decimals + made - began, packing + time.perf_counter() - pack_from
    return {"decimals": values.size / decimals, "packing": values.size / packing}


def fresh(*work: str) -> dict:
    run = subprocess.run([sys.executable, __file__, "--fresh", *work], check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(run.stdout)


def peers(repeats: int) -> dict:
    rounds = [{side: fresh("million", side) for side in SIDES} for _ in range(repeats)]
    results = {side: [one[side] for one in rounds] for side in SIDES}
    rate = {side: [run["cells"] / run["seconds"] for run in runs] for side, runs in results.items()}
    print(f"\nA million numbers, median of {repeats}:\n")
    print("| | cells a second | seconds | MB | peak MB | ours is faster |\n|---|---|---|---|---|---|")
    for side, runs in results.items():
        ratio = statistics.median(rate["workings"]) / statistics.median(rate[side])
        seconds = statistics.median(run["seconds"] for run in runs)
        print(
            f"| {side} | {statistics.median(rate[side]):,.0f} | {seconds:.2f} | {runs[0]['bytes'] / 1e6:.1f} "
            f"| {max(run['peak'] for run in runs) / 1e6:,.0f} | {ratio:.1f}x |"
        )
    ratio = statistics.median(rate["workings"]) / statistics.median(rate["XlsxWriter"])
    ours = results["workings"]
    print(f"\n{verdict(ratio >= TARGET_RATIO)}: {ratio:.0f}x XlsxWriter, must be {TARGET_RATIO}x")
    seconds = statistics.median(run["seconds"] for run in ours)
    print(f"{verdict(seconds <= TARGET_MILLION_SECONDS)}: {seconds:.2f} s, must be under {TARGET_MILLION_SECONDS} s")
    size = ours[0]["bytes"]
    print(
        f"{verdict(size <= TARGET_MILLION_BYTES)}: {size / 1e6:.1f} MB, must be under {TARGET_MILLION_BYTES / 1e6:.0f}"
    )
    print(
        f"Cores that other programs kept busy: {max(run['others'] or 0 for runs in results.values() for run in runs)}"
    )
    return results


def whole(repeats: int) -> dict:
    mapped_weights()
    runs, at_best = [fresh("whole") for _ in range(repeats)], fresh("limits")
    for run in runs:
        rate = run["cells"] / run["seconds"]
        print(
            f"\nA whole model, {run['cells'] / 1e6:.1f} million cells, {run['covered'] / 1e6:.1f} million of them under "
            f"array formulas: {run['seconds']:.1f} s ({rate / 1e6:.1f} million cells a second), {run['bytes'] / 1e6:.0f} MB, "
            f"peak {run['peak'] / 1e6:,.0f} MB; cores that other programs kept busy: {run['others']}"
        )
    run = min(runs, key=lambda run: run["seconds"])
    one_core = {what: run["cells"] / rate for what, rate in at_best.items()}
    print(
        f"\nOne core needs {one_core['decimals']:.1f} s for the decimals alone (orjson) and {one_core['packing']:.1f} s for packing "
        f"alone (isal): {100 * one_core['decimals'] / run['seconds']:.0f}% and {100 * one_core['packing'] / run['seconds']:.0f}% "
        "of our time.\n"
    )
    print(f"{verdict(run['seconds'] <= TARGET_SECONDS)}: must be under {TARGET_SECONDS} s")
    print(f"{verdict(run['bytes'] <= TARGET_BYTES)}: must be under {TARGET_BYTES / 1e6:.0f} MB")
    print(f"{verdict(run['peak'] <= TARGET_PEAK)}: must take less than {TARGET_PEAK / 1e6:,.0f} MB of memory")
    return {"runs": runs, "limits": at_best}


def verdict(met: bool) -> str:
    return "met" if met else "MISSED"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--only", choices=["peers", "whole"])
    options.add_argument("--repeats", type=int, default=3)
    options.add_argument("--fresh", nargs="+", help=argparse.SUPPRESS)
    asked = options.parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    if asked.fresh:
        work = {"million": write_million, "whole": write_whole, "limits": limits}[asked.fresh[0]]
        print(json.dumps(work(*asked.fresh[1:])))
        return
    results = {"machine": facts(PACKAGES)}
    print("\n".join(f"- {what}: {value}" for what, value in results["machine"].items()))
    try:
        results |= {
            part.__name__: part(asked.repeats) for part in (peers, whole) if asked.only in (None, part.__name__)
        }
    finally:
        (FOLDER / "weights.f32").unlink(missing_ok=True)
    (FOLDER / "workbook.json").write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
