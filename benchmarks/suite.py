"""What is measured against whom, and what must come out: one function for each part of the suite.

Each takes the plan of the run and yields what it measured.
"""

import json
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import sides
from limits import Limits, NumPyLimit, Shape, TorchLimit
from measure import Comparison, Measured, interleave, random_ids
from workers import Unavailable, workers

HERE = Path(__file__).parent
PROMPT_LENGTH = 8
MEMORY_LENGTH = 1024


@dataclass(frozen=True)
class Plan:
    """How much to measure, and with which checkpoint."""

    folder: Path
    lengths: tuple = (16, 64, 256, 1024)
    repeats: int = 5


@dataclass
class Threshold:
    """A time of ours that must stay under a limit, whatever others take."""

    work: str
    measured: Measured
    at_most: float
    imports_torch: bool

    @property
    def met(self):
        return bool(self.measured.values) and self.measured.median < self.at_most and not self.imports_torch


def _in_workers(plan, contestants, lengths):
    """Yield (length, {label: Measured}) for every length; contestants are {label: (class, work)}."""
    with workers({side for side, _ in contestants.values()}, plan.folder) as started:
        turns = {label: partial(started[side].turn, work) for label, (side, work) in contestants.items()}
        for length in lengths:
            inputs = [random_ids(length, repeat) for repeat in range(plan.repeats)]
            yield length, interleave(turns, inputs)


def tables(plan):
    """Every named table and all logits."""
    contestants = {
        "workings": (sides.Workings, "tables"),
        "TransformerLens": (sides.TransformerLens, "tables"),
        "TransformerLens, tuned": (sides.TransformerLens, "tables_tuned"),
    }
    for length, measured in _in_workers(plan, contestants, plan.lengths):
        ours, peer, tuned = measured.values()
        yield Comparison("every table", length, ours, peer, target=1.4)
        yield Comparison("every table", length, ours, tuned)


def edit(plan):
    """Change one row at block 6 in the middle, then the next-token logits."""
    contestants = {
        "workings": (sides.Workings, "edit"),
        "workings, from scratch": (sides.Workings, "edit_from_scratch"),
        "TransformerLens": (sides.TransformerLens, "edit"),
        "TransformerLens, tuned": (sides.TransformerLens, "edit_tuned"),
        "nnsight": (sides.NNsight, "edit"),
        "nnsight, tuned": (sides.NNsight, "edit_tuned"),
    }
    for length, measured in _in_workers(plan, contestants, plan.lengths):
        ours, scratch, *peers = measured.values()
        target = 5.0 if length >= 256 else 2.5
        for peer in peers:
            yield Comparison("change one row", length, ours, peer, target=None if "tuned" in peer.label else target)
        for peer in peers:
            yield Comparison("change one row, from scratch", length, scratch, peer)


def generate(plan):
    """64 tokens, greedily, after a prompt of 8."""
    contestants = {
        "workings": (sides.Workings, "generate"),
        "transformers, sdpa": (sides.Transformers, "generate"),
        "transformers, eager": (sides.TransformersEager, "generate"),
    }
    for length, measured in _in_workers(plan, contestants, [PROMPT_LENGTH]):
        ours, *peers = measured.values()
        for peer in peers:
            yield Comparison("generate 64 tokens", length, ours, peer, target=2.0)


def _run(command):
    """Run a process to its end: (seconds, what it printed)."""
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True)
    seconds = time.perf_counter() - start
    if done.returncode:
        raise Unavailable(f"{' '.join(map(str, command))}\n{done.stderr[-2000:]}")
    return seconds, done


def _fresh(plan, library, work, length):
    seconds, done = _run([sys.executable, HERE / "fresh.py", library, work, plan.folder, str(length)])
    return seconds, json.loads(done.stdout.splitlines()[-1])


def cold(plan):
    """A whole process: import, load the model, and the first next token of a prompt."""

    def turn(library, _):
        seconds, said = _fresh(plan, library, "next_token", PROMPT_LENGTH)
        return seconds, {"ids": np.array([said["answer"]])}

    contestants = {"workings": partial(turn, "Workings"), "transformers": partial(turn, "Transformers")}
    interleave(contestants, [None])  # once uncounted: compiles bytecode, brings files into memory
    ours, peer = interleave(contestants, range(plan.repeats)).values()
    yield Comparison("whole process, cold", PROMPT_LENGTH, ours, peer, target=4.0)


def memory(plan):
    """The peak of a whole process that traces 1,024 tokens for the next token and one attention pattern."""

    def turn(library, work, _):
        return _fresh(plan, library, work, MEMORY_LENGTH)[1]["peak"], {}

    contestants = {
        "workings": partial(turn, "Workings", "next_token_and_pattern"),
        "TransformerLens": partial(turn, "TransformerLens", "next_token_and_pattern"),
        "TransformerLens, tuned": partial(turn, "TransformerLens", "next_token_and_pattern_tuned"),
    }
    ours, peer, tuned = interleave(contestants, range(min(plan.repeats, 3))).values()
    yield Comparison("peak memory", MEMORY_LENGTH, ours, peer, target=2.0)
    yield Comparison("peak memory", MEMORY_LENGTH, ours, tuned)


def start(plan):
    """How soon the package is imported and the command answers."""
    python = [sys.executable, "-c"]
    installed = shutil.which("workings", path=str(Path(sys.executable).parent))
    command = [sys.executable, installed] if installed else [sys.executable, "-m", "workings"]
    runs = {
        "python alone": ([*python, "pass"], float("inf")),
        "import workings": ([*python, "import workings"], 0.2),
        "workings --help": ([*command, "--help"], 0.4),
    }
    contestants = {work: lambda _, run=run: (_run(run)[0], {}) for work, (run, _) in runs.items()}
    interleave(contestants, [None])
    measured = interleave(contestants, range(2 * plan.repeats))
    for work, (run, at_most) in runs.items():
        yield Threshold(work, measured[work], at_most, _imports_torch(run))


def _imports_torch(command):
    """Ask Python itself for the list of what a command imports."""
    done = subprocess.run([command[0], "-X", "importtime", *command[1:]], capture_output=True, text=True)
    return any(line.split("|")[-1].strip() == "torch" for line in done.stderr.splitlines())


def limits(plan):
    """The machine's own limit, for the row counts that the other parts work with."""
    rows_of_edits = [length - length // 2 for length in plan.lengths]
    contestants = {"numpy": (NumPyLimit, "products"), "torch": (TorchLimit, "products")}
    products = dict(_in_workers(plan, contestants, sorted({*plan.lengths, *rows_of_edits})))
    contestants = {"numpy": (NumPyLimit, "reading"), "torch": (TorchLimit, "reading")}
    [(_, reading)] = _in_workers(plan, contestants, [1])
    yield Limits(Shape(plan.folder), products, reading)
