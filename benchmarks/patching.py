"""Measure a whole patching sweep beside TransformerLens's: `python benchmarks/patching.py --help`.

Every residual stream before a block, at every position, is patched in turn from one random prompt into another; asked
is the difference of two logits after the last token. Each library does all of it in a fresh process, in turns; loading
the model and tracing the two prompts once are not timed, nor is a first sweep of a few tokens, which wakes threads
and caches.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from checkpoint import make_checkpoint
from machine import cores, facts, watch
from measure import random_ids
from report import markdown

TARGET = 4.0
FOLDER = Path("build/benchmarks")
ANSWER, AGAINST = 11, 22


def by_workings(folder, pairs):
    """Differences of logits [block, position] and seconds, for each pair of prompts."""
    import workings

    model = workings.load(folder)
    for clean, corrupted in pairs:
        began = time.perf_counter()
        sweep = workings.patching_sweep(model, clean, corrupted, ANSWER, AGAINST, over="resid_pre")
        yield time.perf_counter() - began, sweep.differences


def by_forks_alone(folder, pairs):
    """The same, each fork by itself: what working them out side by side is worth."""
    import workings

    model = workings.load(folder)
    for clean, corrupted in pairs:
        began = time.perf_counter()
        source, base = model.trace(clean), model.trace(corrupted)
        found = []
        for block in range(model.config.n_layers):
            name = f"blocks.{block}.resid_pre"
            for position in range(len(base)):
                patched = base.edit(name, (position, slice(None)), value=source[name][position])
                logits = patched.rows("logits", -1)[0]
                found.append(logits[ANSWER] - logits[AGAINST])
        yield time.perf_counter() - began, np.reshape(found, (model.config.n_layers, -1))


def by_transformer_lens(folder, pairs):
    """`get_act_patch_resid_pre`, as its documentation calls it; the clean prompt's cache is timed, as our trace is."""
    import torch
    from transformer_lens import patching
    from transformer_lens.model_bridge import TransformerBridge

    model = TransformerBridge.boot_transformers(str(folder), device="cpu").eval()
    for clean, corrupted in pairs:
        clean, corrupted = torch.tensor([clean]), torch.tensor([corrupted])
        with torch.inference_mode():
            began = time.perf_counter()
            _, cache = model.run_with_cache(clean)
            found = patching.get_act_patch_resid_pre(
                model, corrupted, cache, lambda logits: logits[0, -1, ANSWER] - logits[0, -1, AGAINST]
            )
            seconds = time.perf_counter() - began
        yield seconds, found.numpy()


SIDES = {
    "workings": by_workings,
    "TransformerLens": by_transformer_lens,
    "workings, fork by fork": by_forks_alone,
}


def work(side, folder, tokens, repeat):
    """In a fresh process: a short sweep that is not counted, then the one that is."""
    short, counted = ([random_ids(length, 2 * repeat), random_ids(length, 2 * repeat + 1)] for length in (2, tokens))
    sweeps = SIDES[side](folder, [short, counted])
    next(sweeps)
    with watch() as watched:
        began = time.process_time()
        seconds, differences = next(sweeps)
        worked = time.process_time() - began
    measured = {"seconds": seconds, "processor": worked, "others": watched.cores_of_others}
    print(json.dumps({**measured, "differences": differences.tolist()}))


def fresh(*words):
    command = [sys.executable, __file__, "--fresh", *map(str, words)]
    run = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return json.loads(run.stdout.splitlines()[-1])


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--tokens", type=int, default=32, help="how many tokens each prompt has (default: 32)")
    options.add_argument("--repeats", type=int, default=3, help="how often each side does it all (default: 3)")
    options.add_argument("--threads", type=int, default=cores(), help="cores for every side (default: all)")
    options.add_argument("--sides", nargs="+", choices=SIDES, default=list(SIDES)[:2], help="who takes part")
    options.add_argument("--checkpoint", type=Path, help="a GPT-2 small folder, instead of the random one")
    options.add_argument("--fresh", nargs=4, help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.fresh:
        side, folder, tokens, repeat = given.fresh
        return work(side, folder, int(tokens), int(repeat))
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(given.threads)
    os.environ |= {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_VERBOSITY": "error"}
    folder = given.checkpoint or make_checkpoint(FOLDER / "gpt2-small-random")
    print(markdown(["machine", ""], facts().items()), flush=True)
    runs = {side: [] for side in given.sides}
    for repeat in range(given.repeats):
        for side in given.sides if repeat % 2 == 0 else given.sides[::-1]:
            runs[side].append(fresh(side, folder, given.tokens, repeat))
            one = runs[side][-1]
            print(
                f"{side}: {one['seconds']:.1f} s, of processors {one['processor']:.1f} s; cores of others: {one['others']}",
                flush=True,
            )
    report(runs, given.tokens)
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "patching.json").write_text(json.dumps({"machine": facts(), "tokens": given.tokens, "runs": runs}))


def report(runs, tokens):
    ours = runs.get("workings")
    rows = []
    for side, these in runs.items():
        medians = [statistics.median(run[what] for run in these) for what in ("seconds", "processor")]
        shortest = min(run["seconds"] for run in these)
        rows.append([side, f"{medians[0]:.1f} s ({shortest:.1f} s)", f"{medians[1]:.1f} s", *_beside(ours, these)])
    headings = [
        "",
        "median (shortest)",
        "processor time",
        "ours is faster",
        "by processor time",
        "differences differ by",
    ]
    print(f"\nA sweep over blocks and positions, {tokens} tokens, {len(these)} repeats:\n")
    print(markdown(headings, rows))
    if ours and "TransformerLens" in runs:
        ratio = _ratio(ours, runs["TransformerLens"], "seconds")
        print(f"\n{'met' if ratio >= TARGET else 'MISSED'}: {ratio:.1f}x TransformerLens, must be {TARGET}x")


def _ratio(ours, theirs, what):
    """How many times less we took, by medians."""
    return statistics.median(run[what] for run in theirs) / statistics.median(run[what] for run in ours)


def _beside(ours, these):
    if not ours or ours is these:
        return ["", "", ""]
    pairs = zip(ours, these, strict=True)
    apart = max(np.abs(np.subtract(a["differences"], b["differences"])).max() for a, b in pairs)
    return [f"{_ratio(ours, these, 'seconds'):.1f}x", f"{_ratio(ours, these, 'processor'):.1f}x", f"{apart:.0e}"]


if __name__ == "__main__":
    main()
