"""The facts about this machine that figures depend on, and how busy other programs keep it."""

import os
import platform
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

PACKAGES = ("workings", "numpy", "torch", "transformers", "transformer-lens", "nnsight")


def facts(packages=PACKAGES):
    """{what: value}."""
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return {
        "date": datetime.now(UTC).isoformat(timespec="minutes"),
        "processor": _processor(),
        "cores": cores(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "blas of numpy": f"{blas['name']} {blas['version']}",
        **{package: _version(package) for package in packages},
    }


def cores():
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def _processor():
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (FileNotFoundError, StopIteration):
        return platform.processor()


def _version(package):
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


class Watch:
    """How long something took, and how many cores programs other than ours kept busy meanwhile (None where unknown)."""

    seconds = 0.0
    cores_of_others = None


@contextmanager
def watch():
    """Watch what is done inside. Other programs on the same cores make every figure worse, and not evenly."""
    watched, began, busy, ours = Watch(), time.perf_counter(), _busy_seconds(), _our_seconds()
    yield watched
    watched.seconds = time.perf_counter() - began
    if busy is not None:
        others = _busy_seconds() - busy - (_our_seconds() - ours)
        watched.cores_of_others = round(max(0.0, others / watched.seconds), 2)


def _busy_seconds():
    """Seconds that all cores together have worked, or been taken by other virtual machines, since the machine started."""
    try:
        user, nice, system, _idle, _waiting, irq, softirq, steal = map(int, Path("/proc/stat").read_text().split()[1:9])
    except FileNotFoundError:
        return None
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def _our_seconds():
    """Seconds that this process and the ones it has started and seen end have worked."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system
