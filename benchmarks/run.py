"""Measure workings beside its peers, in one run: `python benchmarks/run.py --help`."""

import argparse
import os
import signal
import sys
from pathlib import Path

import machine
import report
import suite
from checkpoint import make_checkpoint

PARTS = ("tables", "edit", "generate", "cold", "start", "memory", "limits")


def options():
    parser = argparse.ArgumentParser(
        description="Measure workings beside its peers, in one run. See benchmarks/README.md."
    )
    parser.add_argument("--quick", action="store_true", help="only 16 and 64 tokens")
    parser.add_argument(
        "--only", nargs="+", choices=PARTS, default=PARTS, metavar="PART", help=f"only these of {', '.join(PARTS)}"
    )
    parser.add_argument("--lengths", nargs="+", type=int, help="how many tokens (default: 16 64 256 1024)")
    parser.add_argument(
        "--repeats", type=int, default=5, help="repeats of everything, at least 5 for figures to keep (default: 5)"
    )
    parser.add_argument("--threads", type=int, default=machine.cores(), help="cores for every library (default: all)")
    parser.add_argument(
        "--cache", type=Path, default=Path("build/benchmarks"), help="folder for checkpoint and results"
    )
    parser.add_argument(
        "--checkpoint", type=Path, help="a GPT-2 small folder to measure with, instead of the random one"
    )
    given = parser.parse_args()
    given.lengths = given.lengths or ([16, 64] if given.quick else [16, 64, 256, 1024])
    return given


def same_for_everyone(threads):
    """Settings that every library finds in its environment when its process starts."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(threads)
    os.environ |= {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_VERBOSITY": "error", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}


def main():
    given = options()
    # Being told to end must go the way of an error, so that no suspended worker is left behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped before everything was measured"))
    same_for_everyone(given.threads)
    folder = given.checkpoint or make_checkpoint(given.cache / "gpt2-small-random")
    plan = suite.Plan(folder, tuple(given.lengths), given.repeats)
    facts = machine.facts() | {"threads": given.threads, "repeats": given.repeats}
    print(report.markdown(["machine", ""], facts.items()), flush=True)

    comparisons, thresholds, limits, facts["cores that others kept busy"] = [], [], None, {}
    for part in given.only:
        with machine.watch() as watched:
            measured = list(getattr(suite, part)(plan))
        facts["cores that others kept busy"][part] = watched.cores_of_others
        print(f"\n{part}: {watched.seconds:.0f} s; cores that other programs kept busy: {watched.cores_of_others}\n")
        if part == "limits":
            [limits] = measured
            print(report.limits_table(limits), flush=True)
            continue
        (thresholds if part == "start" else comparisons).extend(measured)
        print(report.part(measured), flush=True)

    print()
    if limits and comparisons:
        print(report.shares_table(comparisons, limits), end="\n\n")
    if "memory" in given.only:
        print(report.memory_table(comparisons, (folder / "model.safetensors").stat().st_size), end="\n\n")
    print(report.targets_table(comparisons, thresholds))
    results = given.cache / "results.json"
    report.save(results, facts, comparisons, thresholds, limits)
    print(f"\nEverything measured is in {results}.")


if __name__ == "__main__":
    main()
